package netsim

import (
	"encoding/binary"

	"github.com/mptcp-go/mptcp/wire"
)

// This file is the network card and the IP layer of a host: routing, segmentation,
// checks on what comes in.

// send puts one segment on its path.
func (n *Node) send(seg *wire.Segment) {
	n.stats.Sent++
	p := n.route(seg)
	if p == nil {
		n.stats.NoRoute++
		return
	}
	if size := int(seg.SegSize); size > 0 && len(seg.Payload) > size {
		n.segment(p, seg, size)
		return
	}
	n.put(p, seg)
}

// segment cuts as TSO hardware does: the options on every piece (P-3.3.4-01: all
// twelve cards that the paper tested), PSH and FIN on the last, CWR on the first.
func (n *Node) segment(p *Path, seg *wire.Segment, size int) {
	whole := *seg
	seg.Sum = wire.SumUnknown // its PayloadSum is not that of the pieces
	for rest := whole.Payload; len(rest) > 0; {
		k := min(size, len(rest))
		seg.Payload, rest = rest[:k], rest[k:]
		seg.Flags = whole.Flags
		if len(rest) > 0 {
			seg.Flags &^= wire.FIN | wire.PSH
		}
		if seg.Seq != whole.Seq {
			seg.Flags &^= wire.CWR
		}
		n.put(p, seg)
		seg.Seq += uint32(k)
	}
}

func (n *Node) put(p *Path, seg *wire.Segment) {
	if seg.Sum == wire.SumPartial {
		seg.Sum = wire.SumUnknown // the card fills it in
	}
	k := n.w.pool.New()
	b, err := wire.Append(k.Data[:0], seg)
	if err != nil {
		n.stats.Unsendable++
		n.w.pool.release(k)
		return
	}
	k.Data = b
	n.launch(p, k)
}

// route finds the path a segment leaves by: the one it names, else the one laid
// between its addresses, else the one by which its destination was last heard, else
// the first with its source address.
func (n *Node) route(seg *wire.Segment) *Path {
	if seg.Path != 0 {
		for _, a := range n.paths {
			if a.path.id == seg.Path {
				return a.path
			}
		}
		return nil
	}
	var bySource *Path
	src, dst := seg.Src.Addr(), seg.Dst.Addr()
	for _, a := range n.paths {
		if a.path.addrs[a.end] != src || a.path.down {
			continue
		}
		if a.path.addrs[1-a.end] == dst {
			return a.path
		}
		if bySource == nil {
			bySource = a.path
		}
	}
	if p := n.learned[dst]; p != nil && !p.down {
		return p
	}
	return bySource
}

// deliver is the way in: IP header checks, then the codec, then the host.
func (n *Node) deliver(p *Path, pkt []byte) {
	pkt = clip(pkt)
	if !headerSumGood(pkt) {
		n.stats.BadIP++
		return
	}
	seg := &n.w.rxSeg
	if err := wire.Parse(seg, pkt); err != nil {
		n.deliverOther(pkt)
		return
	}
	n.stats.Received++
	if seg.Sum == wire.SumBad {
		n.stats.BadSum++
	} else if src := seg.Src.Addr(); n.learned[src] != p {
		n.learned[src] = p
	}
	seg.Path = p.id
	n.host.HandleSegment(n.w.Now(), seg)
}

// clip cuts what stands behind a packet (link-layer padding), in length and
// capacity.
func clip(pkt []byte) []byte {
	n := len(pkt)
	switch {
	case n >= 20 && pkt[0]>>4 == 4:
		if k := int(binary.BigEndian.Uint16(pkt[2:])); k != 0 {
			n = min(n, k)
		}
	case n >= 40 && pkt[0]>>4 == 6:
		if k := int(binary.BigEndian.Uint16(pkt[4:])); k != 0 {
			n = min(n, 40+k)
		}
	}
	return pkt[:n:n]
}

// headerSumGood verifies the checksum of an IPv4 header. IPv6 has none.
func headerSumGood(pkt []byte) bool {
	if len(pkt) < 20 || pkt[0]>>4 != 4 {
		return true // the parser says what is wrong
	}
	size := int(pkt[0]&15) * 4
	if size < 20 || size > len(pkt) {
		return true
	}
	sum := uint32(0)
	for i := 0; i < size; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(pkt[i:]))
	}
	sum = sum>>16 + sum&0xffff
	return sum+sum>>16 == 0xffff
}
