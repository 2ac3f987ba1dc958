package peer

import (
	"math/rand/v2"
	"net/netip"
	"sync"

	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// faults is what happens to segments on the wire behind a link, in each direction: shares
// from 0 to 1.
type faults struct {
	loss, duplicate, reorder, corrupt float64
}

// faultyLink damages what passes.
type faultyLink struct {
	link.Link
	mu   sync.Mutex
	f    faults
	rst  [2]bool // turn the next ACK sent, received into a RST
	bad  [2]bool // spoil the next payload sent, received whose checksum a device is to compute
	done int     // payloads spoilt
	dirs [2]direction
}

// direction is one of a link's two: sent and received.
type direction struct {
	luck *rand.Rand
	held *link.Packet // until the next packet has passed
	out  []link.Packet
	more []link.Packet // of Recv: for the next call

	fates []fate // of the segments of one packet
	cut   []link.Packet
	buf   []byte // of packets that were cut
}

func newFaultyLink(l link.Link, seed uint64) *faultyLink {
	f := &faultyLink{Link: l}
	for i := range f.dirs {
		f.dirs[i].luck = rand.New(rand.NewPCG(seed, uint64(i)))
	}
	return f
}

// A faultyLink holds ports and takes for others as its link does.
var (
	_ link.PortHolder = (*faultyLink)(nil)
	_ link.Guesthouse = (*faultyLink)(nil)
)

func (f *faultyLink) Shared() bool {
	holder, ok := f.Link.(link.PortHolder)
	return ok && holder.Shared()
}

func (f *faultyLink) HoldPort(at netip.AddrPort) (link.Hold, error) {
	return f.Link.(link.PortHolder).HoldPort(at)
}

func (f *faultyLink) TakeFor(addrs []netip.Addr) error {
	if g, ok := f.Link.(link.Guesthouse); ok {
		return g.TakeFor(addrs)
	}
	return nil
}

func (f *faultyLink) set(x faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.f = x
}

// reset turns the next segment without data into a RST: one from the kernel, or one to
// it.
func (f *faultyLink) reset(fromKernel bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fromKernel {
		f.rst[1] = true
	} else {
		f.rst[0] = true
	}
}

// spoilNext has one payload spoilt: of direction 0, ours, or 1, the kernel's.
func (f *faultyLink) spoilNext(dir int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad[dir] = true
}

// spoilt is how many payloads were.
func (f *faultyLink) spoilt() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done
}

// Send is that of the link, for what is left.
func (f *faultyLink) Send(pkts []link.Packet) error {
	f.mu.Lock()
	out := f.pass(0, pkts)
	f.mu.Unlock()
	if len(out) == 0 {
		return nil
	}
	return f.Link.Send(out)
}

// Recv is that of the link. Packets are copied: some stay longer than a call.
func (f *faultyLink) Recv(pkts []link.Packet) (int, error) {
	d := &f.dirs[1]
	for {
		if n := copy(pkts, d.more); n > 0 {
			d.more = d.more[n:]
			return n, nil
		}
		n, err := f.Link.Recv(pkts)
		if err != nil {
			return 0, err
		}
		f.mu.Lock()
		d.more = append(d.more[:0], f.pass(1, pkts[:n])...)
		f.mu.Unlock()
	}
}

// pass returns what becomes of packets: what the wire does to each of the segments that
// one stands for. A packet of which none is hit stays whole; another is cut, and its
// checksums finished, as the device at the sender's end would have done.
func (f *faultyLink) pass(dir int, pkts []link.Packet) []link.Packet {
	d := &f.dirs[dir]
	if f.f == (faults{}) && !f.rst[dir] && !f.bad[dir] && d.held == nil {
		return pkts
	}
	d.out, d.buf = d.out[:0], d.buf[:0]
	for _, k := range pkts {
		if f.rst[dir] && makeReset(&k) {
			f.rst[dir] = false
		}
		if f.bad[dir] && spoil(&k, d.luck) {
			f.bad[dir] = false
			f.done++
		}
		d.fates = d.fates[:0]
		hit := false
		for range segments(&k) {
			x := f.f.fate(d.luck)
			d.fates = append(d.fates, x)
			hit = hit || x != fate{}
		}
		d.cut = append(d.cut[:0], k)
		if hit {
			d.cut, d.buf = link.Split(d.cut[:0], d.buf, k)
		}
		for i, x := range d.cut {
			d.one(x, d.fates[i])
		}
	}
	return d.out
}

// fate is what happens to one segment.
type fate struct{ lost, corrupt, late, twice bool }

func (f *faults) fate(luck *rand.Rand) fate {
	lucky := func(share float64) bool { return share > 0 && luck.Float64() < share }
	return fate{lost: lucky(f.loss), corrupt: lucky(f.corrupt), late: lucky(f.reorder), twice: lucky(f.duplicate)}
}

// one has a packet share its fate.
func (d *direction) one(k link.Packet, x fate) {
	if x.lost {
		return
	}
	if x.corrupt {
		k.Data = append([]byte(nil), k.Data...)
		k.Data[20+d.luck.IntN(len(k.Data)-20)] ^= 1 << d.luck.IntN(8) // the IPv4 header has a sum of its own
		k.SumOK = false
	}
	if x.late && d.held == nil {
		k.Data = append([]byte(nil), k.Data...)
		d.held = &k
		return
	}
	d.out = append(d.out, k)
	if x.twice {
		d.out = append(d.out, k)
	}
	if d.held != nil {
		d.out = append(d.out, *d.held)
		d.held = nil
	}
}

// segments is how many segments a packet stands for.
func segments(k *link.Packet) int {
	var seg wire.Segment
	if k.SegSize == 0 || wire.ParseTrusted(&seg, k.Data, wire.SumUnknown) != nil {
		return 1
	}
	return max(1, (len(seg.Payload)+k.SegSize-1)/k.SegSize)
}

// spoil flips a bit of the payload before there is a checksum, as bad memory does at the
// sender's end: that of TCP will not tell.
func spoil(k *link.Packet, luck *rand.Rand) bool {
	var seg wire.Segment
	if !k.Partial || wire.ParseTrusted(&seg, k.Data, wire.SumUnknown) != nil || len(seg.Payload) == 0 {
		return false
	}
	k.Data = append([]byte(nil), k.Data...)
	k.Data[len(k.Data)-1-luck.IntN(len(seg.Payload))] ^= 1 << luck.IntN(8)
	return true
}

// makeReset turns an ACK without data into a RST, as a box would that gives up a flow.
func makeReset(k *link.Packet) bool {
	var seg wire.Segment
	if wire.Parse(&seg, k.Data) != nil || len(seg.Payload) > 0 || seg.Flags != wire.ACK {
		return false
	}
	seg.Flags, seg.Options, seg.Sum = wire.RST|wire.ACK, nil, wire.SumUnknown
	pkt, err := wire.Append(nil, &seg)
	if err != nil {
		return false
	}
	*k = link.Packet{Data: pkt}
	return true
}
