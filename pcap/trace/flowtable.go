package trace

import (
	"net/netip"

	"github.com/mptcp-go/mptcp/wire"
)

// flowKey is a pair of endpoints in a canonical order.
type flowKey struct{ lo, hi netip.AddrPort }

// flowCacheSize is a power of two; a slot costs 80 octets.
const flowCacheSize = 256

// flowTable finds the live flow of a packet. A small direct-mapped cache in front
// of the map answers for the flows that carry most packets.
type flowTable struct {
	cache [flowCacheSize]*Subflow
	all   map[flowKey]*Subflow
}

func cacheSlot(src, dst netip.AddrPort) int {
	a, b := uint32(src.Port()), uint32(dst.Port())
	return int((a ^ b ^ (a+b)<<4 ^ (a+b)>>5) % flowCacheSize)
}

func keyOf(s *wire.Segment) flowKey {
	if s.Src.Compare(s.Dst) > 0 {
		return flowKey{s.Dst, s.Src}
	}
	return flowKey{s.Src, s.Dst}
}

// lookup returns the flow and whether s was sent by its opener (0) or not (1).
func (ft *flowTable) lookup(s *wire.Segment) (*Subflow, int) {
	slot := &ft.cache[cacheSlot(s.Src, s.Dst)]
	if sf := *slot; sf != nil {
		if sf.Src == s.Src && sf.Dst == s.Dst {
			return sf, 0
		}
		if sf.Src == s.Dst && sf.Dst == s.Src {
			return sf, 1
		}
	}
	sf := ft.all[keyOf(s)]
	if sf == nil {
		return nil, 0
	}
	*slot = sf
	if sf.Src == s.Src {
		if sf.Src == sf.Dst && s.Flags.Has(wire.SYN|wire.ACK) {
			return sf, 1
		}
		return sf, 0
	}
	return sf, 1
}

func (ft *flowTable) put(s *wire.Segment, sf *Subflow) {
	if ft.all == nil {
		ft.all = make(map[flowKey]*Subflow)
	}
	ft.all[keyOf(s)] = sf
	ft.cache[cacheSlot(s.Src, s.Dst)] = sf
}

// drop forgets a flow, unless its endpoints have been taken over by a newer one.
func (ft *flowTable) drop(sf *Subflow) {
	k := flowKey{sf.Src, sf.Dst}
	if sf.Src.Compare(sf.Dst) > 0 {
		k = flowKey{sf.Dst, sf.Src}
	}
	if ft.all[k] == sf {
		delete(ft.all, k)
	}
	if slot := &ft.cache[cacheSlot(sf.Src, sf.Dst)]; *slot == sf {
		*slot = nil
	}
}
