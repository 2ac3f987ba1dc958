package trace

import (
	"slices"

	"github.com/mptcp-go/mptcp/wire"
)

// givenKey is a key supplied by the user.
type givenKey struct {
	key   wire.Key
	token [2]wire.Token // by version
	idsn  [2]uint64
}

func makeGivenKey(k wire.Key) givenKey {
	var g givenKey
	g.key = k
	for v := range g.idsn {
		g.token[v], g.idsn[v] = k.Derive(wire.Version(v))
	}
	return g
}

// inferDSS handles a DSS on a flow of which no handshake was seen: its connection
// is found by the neighbourhood of its data sequence numbers, or begun.
func (t *Tracker) inferDSS(sf *Subflow, dir int, s *wire.Segment, sg *signals, off uint64) {
	if c, side := t.neighbour(&sg.dss); c != nil {
		t.attach(c, sf, side^dir)
		sf.answered()
	} else {
		c := t.newConn(sf)
		t.realConns--
		t.inferred++
		c.ID, c.Inferred = -t.inferred, true
		c.Version = wire.V1
		t.inferable = append(t.inferable, c)
	}
	t.dss(sf, dir, s, sg, off)
	if s.PayloadLen > 0 {
		t.payload(sf, dir, s, off)
	}
}

// near is how far apart numbers of one stream may be: no window exceeds it, and 64
// random bits come as close by chance once in 2^32.
const near = 1 << 31

// neighbour finds an inferred connection whose data lies close to what the DSS
// names, and the side that sends in direction dir.
func (t *Tracker) neighbour(o *wire.DSS) (*Conn, int) {
	if n := len(t.inferable); n >= 2*inferScan {
		t.inferable = slices.DeleteFunc(t.inferable[n-inferScan:], func(c *Conn) bool { return c.Compacted })
	}
	for i := len(t.inferable) - 1; i >= 0 && i >= len(t.inferable)-inferScan; i-- {
		c := t.inferable[i]
		if c.Compacted {
			continue
		}
		for side := range 2 {
			if c.close(side, o) {
				return c, side
			}
		}
	}
	return nil, 0
}

// inferScan bounds the search: a capture that begins midstream has few connections
// alive at its start.
const inferScan = 4096

// close reports whether a DSS sent by side lies near the connection's data. A match
// in 32 bits alone is believed only in both directions.
func (c *Conn) close(side int, o *wire.DSS) bool {
	match, wide := 0, false
	test := func(d *ConnDir, n uint64, is64 bool) bool {
		if !d.hasOrigin {
			return true
		}
		ref := d.DSN(max(d.end, d.Acked, posBase))
		if is64 && !d.low {
			if diff := int64(n - ref); diff > near || diff < -near {
				return false
			}
			wide = true
		} else if diff := int32(uint32(n) - uint32(ref)); diff > 1<<24 || diff < -1<<24 {
			return false
		}
		match++
		return true
	}
	if o.Flags&wire.DSSMap != 0 && !test(&c.Dir[side], o.DSN, o.Flags&wire.DSSMap8 != 0) {
		return false
	}
	if o.Flags&wire.DSSAck != 0 && !test(&c.Dir[side^1], o.DataAck, o.Flags&wire.DSSAck8 != 0) {
		return false
	}
	return wide || match == 2
}

// useKeys gives an inferred connection those of the supplied keys whose IDSN lies
// not far below its data. The DSS was sent by side.
func (t *Tracker) useKeys(c *Conn, side int, o *wire.DSS) {
	try := func(side int, n uint64, wide bool) {
		if c.HasKey[side] {
			return
		}
		for _, g := range t.keys {
			if c.HasKey[side^1] && c.Key[side^1] == g.key {
				continue
			}
			for v := range g.idsn {
				if c.HasKey[side^1] && c.Version != wire.Version(v) {
					continue // both keys are of one version
				}
				// 64 bits match by chance never, 32 bits only close by seldom.
				far, limit := n-g.idsn[v], uint64(1<<40)
				if !wide {
					far, limit = uint64(uint32(n)-uint32(g.idsn[v])), 1<<24
				}
				if far < limit {
					c.Version = wire.Version(v)
					t.setKey(c, side, g.key, true)
					return
				}
			}
		}
	}
	if o.Flags&wire.DSSMap != 0 {
		try(side, o.DSN, o.Flags&wire.DSSMap8 != 0)
	}
	if o.Flags&wire.DSSAck != 0 {
		try(side^1, o.DataAck, o.Flags&wire.DSSAck8 != 0)
	}
}
