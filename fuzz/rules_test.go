package fuzz

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/wire"
)

// told is what a tracker makes of the packets that play sends.
func told(play func(s *script)) *trace.Tracker {
	tr := trace.New(trace.Config{})
	play(&script{now: 1.7e18, out: func(f *pcap.Frame) { tr.Add(0, f) }})
	tr.Finish()
	return tr
}

func findingIDs(tr *trace.Tracker) (ids []string) {
	for _, f := range tr.Findings() {
		ids = append(ids, f.ID)
	}
	return ids
}

// V0-13: version 0 and 1 keep their own hashes, HMACs and option forms, however their
// packets mix.
func TestVersionsSideBySide(t *testing.T) {
	tr := told(func(s *script) {
		var talks []*talk
		for i := range 20 {
			c := newTalk(wire.Version(i&1), uint64(i), true)
			talks = append(talks, c)
			s.open(c, c.add(i, 0), 3)
		}
		for round := range 3 {
			for i, c := range talks {
				switch round {
				case 0:
					s.data(c, c.flows[0], 0, 0, 100, 0, dataStyle{wide: true, ack: true})
					s.ack(c, c.flows[0], 1, 100, false)
				case 1:
					s.join(c, c.add(100+i, 0), 3, 0)
					s.ack(c, c.flows[1], 1, 100, false)
					s.send(c.flows[0], 0, wire.ACK, c.flows[0].next[0], nil, wire.MPPrio{HasID: c.version == wire.V0}.Append)
				case 2:
					s.data(c, c.flows[1], 0, 100, 50, 0, dataStyle{wide: true})
				}
			}
		}
	})
	require.Len(t, tr.Conns(), 20)
	for i, c := range tr.Conns() {
		assert.Equal(t, wire.Version(i&1), c.Version)
		assert.Len(t, c.Subflows, 2)
		assert.EqualValues(t, 150, c.Dir[0].NewBytes)
		assert.EqualValues(t, 2, c.Dir[0].SumOK)
		join := tr.SubflowRecord(c.Subflows[1])
		assert.Equal(t, []bool{true, true, true}, []bool{*join.TokenMatch, *join.SynAckHMACOK, *join.AckHMACOK})
		for _, f := range c.Findings {
			assert.Equal(t, trace.Info, f.Severity, "%s: %s", f.ID, f.Cause)
		}
	}
}

// R3.1-33: checksums are in use if either side set A, whoever it was.
func TestEitherSideAsksForChecksums(t *testing.T) {
	for _, asked := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
		tr := told(func(s *script) {
			c := newTalk(wire.V1, 1, false)
			f := c.add(1, 0)
			for n := range 2 {
				c.sums = asked[n]
				s.send(f, n, [...]wire.Flags{wire.SYN, wire.SYN | wire.ACK}[n], 0, nil, c.capable(n))
			}
			c.sums = asked[0] || asked[1]
			s.send(f, 0, wire.ACK, 1, nil, c.capable(2))
			s.data(c, f, 0, 0, 100, 0, dataStyle{wide: true})
		})
		assert.Equal(t, asked[0] || asked[1], tr.Conns()[0].Checksum, "%v", asked)
		assert.NotContains(t, findingIDs(tr), "MPD-CHECKSUM-PRESENCE", "%v", asked)
	}
}

// R3.1-39, R3.7-01: without the option in the SYN/ACK the connection is plain TCP, and
// its data is not held against a mapping.
func TestPlainSYNACKIsFallback(t *testing.T) {
	tr := told(func(s *script) {
		c := newTalk(wire.V1, 1, false)
		f := c.add(1, 0)
		s.open(c, f, 1)
		s.send(f, 1, wire.SYN|wire.ACK, 0, nil, nil)
		s.send(f, 0, wire.ACK, 1, nil, nil)
		s.send(f, 0, wire.ACK|wire.PSH, 1, octets(0, 0, 100), nil)
	})
	require.Len(t, tr.Conns(), 1)
	assert.Equal(t, "fallback", tr.Conns()[0].State())
	assert.Equal(t, "MPD-FALLBACK-SYNACK", tr.Conns()[0].Fallback())
}

// R3.1-17, R3.1-16: MP_CAPABLE on the first data is a mapping of the octet after the
// IDSN to the first of the subflow.
func TestCapableOnDataIsAMapping(t *testing.T) {
	tr := told(func(s *script) {
		c := newTalk(wire.V1, 1, false)
		f := c.add(1, 0)
		s.open(c, f, 3)
		m := wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC, HasSender: true, HasReceiver: true, HasData: true,
			Sender: c.key[0], Receiver: c.key[1], DataLen: 100}
		for range 2 { // and once more, as TSO and retransmissions do
			f.next[0] = 1
			s.send(f, 0, wire.ACK|wire.PSH, 1, octets(0, 0, 100), m.Append)
		}
		s.data(c, f, 0, 100, 50, 0, dataStyle{wide: true}) // a DSS goes on from there
	})
	d := &tr.Conns()[0].Dir[0]
	assert.EqualValues(t, 150, d.NewBytes)
	assert.EqualValues(t, 100, d.DupTCPRetrans)
	assert.EqualValues(t, 3, d.Mappings)
	assert.EqualValues(t, 1, d.RepeatedMappings)
	n, ok := d.StreamLen()
	assert.True(t, ok)
	assert.EqualValues(t, 150, n, "the stream begins there and has no gap")
}

// R3.1-21: a join before any DSS is told from one after it.
func TestJoinBeforeDSS(t *testing.T) {
	for _, early := range []bool{false, true} {
		tr := told(func(s *script) {
			c := newTalk(wire.V1, 1, false)
			s.open(c, c.add(1, 0), 3)
			if !early {
				s.data(c, c.flows[0], 0, 0, 10, 0, dataStyle{wide: true})
				s.ack(c, c.flows[0], 1, 10, true)
			}
			s.join(c, c.add(2, 0), 3, 0)
			s.data(c, c.flows[0], 0, 10, 10, 0, dataStyle{wide: true})
		})
		assert.Equal(t, early, len(tr.Conns()) == 1 && slices.Contains(findingIDs(tr), "MPD-JOIN-EARLY"), "early: %v, %v", early, findingIDs(tr))
	}
}
