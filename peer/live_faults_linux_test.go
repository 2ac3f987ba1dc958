package peer

import (
	"math/rand/v2"
	"net/netip"
	"sync"

	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// faults is what happens to packets of a link, in each direction: shares from 0 to 1.
type faults struct {
	loss, duplicate, reorder, corrupt float64
}

// faultyLink damages what passes.
type faultyLink struct {
	link.Link
	mu   sync.Mutex
	f    faults
	rst  [2]bool // turn the next ACK sent, received into a RST
	dirs [2]direction
}

// direction is one of a link's two: sent and received.
type direction struct {
	luck *rand.Rand
	held *link.Packet // until the next packet has passed
	out  []link.Packet
	more []link.Packet // of Recv: for the next call
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

func (f *faultyLink) pass(dir int, pkts []link.Packet) []link.Packet {
	if f.f == (faults{}) && !f.rst[dir] && f.dirs[dir].held == nil {
		return pkts
	}
	d := &f.dirs[dir]
	d.out = d.out[:0]
	lucky := func(share float64) bool { return share > 0 && d.luck.Float64() < share }
	for i := range pkts {
		k := pkts[i]
		if f.rst[dir] && makeReset(&k) {
			f.rst[dir] = false
		}
		if lucky(f.f.loss) {
			continue
		}
		if lucky(f.f.corrupt) && !k.Partial {
			k.Data = append([]byte(nil), k.Data...)
			k.Data[20+d.luck.IntN(len(k.Data)-20)] ^= 1 << d.luck.IntN(8) // the IPv4 header has a sum of its own
			k.SumOK = false
		}
		if lucky(f.f.reorder) && d.held == nil {
			held := k
			held.Data = append([]byte(nil), k.Data...)
			d.held = &held
			continue
		}
		d.out = append(d.out, k)
		if lucky(f.f.duplicate) {
			d.out = append(d.out, k)
		}
		if d.held != nil {
			d.out = append(d.out, *d.held)
			d.held = nil
		}
	}
	return d.out
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
