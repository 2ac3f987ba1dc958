package fsm

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

// dataDSS returns the DSS of seg, which has one with a mapping.
func dataDSS(t testing.TB, seg *wire.Segment) (d wire.DSS) {
	t.Helper()
	for o := range seg.Options.MPTCP() {
		if d, err := wire.ParseDSS(o); err == nil && d.Flags.Has(wire.DSSMap) {
			return d
		}
	}
	require.Fail(t, "no mapping", "%s", wire.AppendText(nil, seg, wire.TextBase{}))
	return d
}

// R3.3.1-01, R3.3.1-22, P-3.3.4-01: every segment, repeated ones included, lies inside the one
// mapping that it names, and all that name it say the same. What was mapped follows what was
// mapped before in both spaces, without a gap, so no octet is mapped twice. A mapping is never
// longer than what was written, what the peer's window takes, and 16 segments; with a checksum
// not more than an eighth of that window.
func TestMappingsAreCopiedWhole(t *testing.T) {
	longest := 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 16))
		sums := seed%2 == 1
		b := proven(t, func(c *Config) { c.SendBuffer = 1 << (13 + r.IntN(8)) })
		b.conn.checksum = sums // as if both had asked for them: nothing that matters here was said before
		s := b.conn.subflows[0]
		own := b.conn.own.space
		known := map[uint32]wire.DSS{}
		mapped, sent, acked := uint64(0), uint64(0), uint64(0)
		see := func(seg *wire.Segment) {
			if len(seg.Payload) == 0 {
				return
			}
			d := dataDSS(t, seg)
			at := seg.Seq - b.ourISN
			old, again := known[d.SSN]
			if !again {
				window := max(b.conn.snd.edge, b.conn.snd.una) - b.conn.snd.una
				n := uint64(d.DataLen)
				known[d.SSN] = d
				require.Equal(t, uint32(mapped+1), d.SSN)
				require.Equal(t, own.DSN(mapped), d.DSN)
				mapped += n
				require.LessOrEqual(t, mapped, b.conn.Info().Written)
				require.LessOrEqual(t, mapped, b.conn.snd.edge)
				require.LessOrEqual(t, int(n), maxMapped*b.conn.segmentRoom(s))
				if sums && int(n) > b.conn.segmentRoom(s) {
					require.LessOrEqual(t, n, window/mappedPart)
				}
				longest = max(longest, int(d.DataLen))
			} else {
				require.Equal(t, [3]any{old.DSN, old.DataLen, old.Sum}, [3]any{d.DSN, d.DataLen, d.Sum}, "another option for the same mapping")
			}
			require.LessOrEqual(t, d.SSN, at)
			require.LessOrEqual(t, at+uint32(len(seg.Payload)), d.SSN+uint32(d.DataLen))
			sent = max(sent, uint64(at-1)+uint64(len(seg.Payload)))
		}
		var seg wire.Segment
		for range 300 {
			if r.IntN(3) > 0 {
				_, err := b.conn.Write(b.now, make([]byte, 1+r.IntN(1<<(1+r.IntN(17)))))
				require.NoError(t, err)
			}
			for n := r.IntN(80); n > 0 && b.poll(&seg); n-- { // a driver may stop in the middle of a mapping
				see(&seg)
			}
			switch r.IntN(4) {
			case 0: // what is outstanding is repeated
				b.wait(time.Second)
			default:
				acked += r.Uint64N(sent - acked + 1)
				b.inDSS(7, uint32(acked)+1, wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: own.DSN(acked)}, nil)
			}
		}
		for mapped < b.conn.Info().Written || acked < mapped {
			for b.poll(&seg) {
				see(&seg)
			}
			if acked == sent {
				b.wait(time.Minute)
				continue
			}
			acked = sent
			b.inDSS(7, uint32(acked)+1, wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: own.DSN(acked)}, nil)
		}
	}
	assert.Greater(t, longest, 12*1400, "segments were mapped one by one")
}

// initialWindow has all of the congestion window used but for one segment, and four more mapped
// ahead: the first of them leaves.
func initialWindow(t *testing.T, b *bench) {
	t.Helper()
	_, err := b.conn.Write(b.now, make([]byte, 9*1432))
	require.NoError(t, err)
	for i := range 9 {
		m := [2]string{"dsn8=O+0 ssn=1 dll=7160", "dsn8=O+7160 ssn=7161 dll=5728"}[i/5] // half the congestion window, and the rest
		b.want("of an initial window", fmt.Sprintf("%s %d:%d(1432) ack 7 <dss %s>", [2]string{".", "P."}[i/8], 1+1432*i, 1433+1432*i, m))
	}
	_, err = b.conn.Write(b.now, make([]byte, 9*1432))
	require.NoError(t, err)
	b.want("the tenth segment", ". 12889:14321(1432) ack 7 <dss dsn8=O+12888 ssn=12889 dll=5728>")
	b.wantIdle("the congestion window is full")
}

// What the mapping of an only subflow holds beyond its congestion window leaves in its turn, and
// what is repeated is one segment, with the same option. Where there is another subflow nothing
// is mapped ahead, and each segment has a mapping of its own.
func TestMappingAhead(t *testing.T) {
	b := proven(t)
	initialWindow(t, b)
	b.wait(2 * time.Second)
	b.want("one segment is repeated", ". 1:1433(1432) ack 7 <dss dsn8=O+0 ssn=1 dll=7160>")
	b.inject(". 7:7(0) ack 14321 <dss dack8=O+14320>")
	b.want("the eleventh", ". 14321:15753(1432) ack 7 <dss dsn8=O+12888 ssn=12889 dll=5728>")

	b = proven(t)
	b.join(newLane("10.0.0.2:80", "10.0.9.1:40001"), 1)
	_, err := b.conn.Write(b.now, make([]byte, 40*1432))
	require.NoError(t, err)
	var seg wire.Segment
	for b.poll(&seg) {
		if n := len(seg.Payload); n > 0 {
			assert.EqualValues(t, n, dataDSS(t, &seg).DataLen)
		}
	}
	for _, s := range b.conn.subflows {
		assert.Equal(t, s.flow.Available(), s.flow.Sent(), "octets that wait on one subflow could leave on another")
	}
}

// A window that closes, as it never should, while part of a mapping has not left is probed with
// the next octet of it: the news that it is open again may be lost.
func TestRestOfAMappingAtClosedWindow(t *testing.T) {
	b := proven(t)
	initialWindow(t, b)
	b.inject(". 7:7(0) ack 14321 win 0 <dss dack8=O+14320>")
	b.wantIdle("the window is closed")
	b.wait(20 * time.Second)
	b.want("a probe", ". 14321:14322(1) ack 7 <dss dsn8=O+12888 ssn=12889 dll=5728>")
	b.inject(". 7:7(0) ack 14322 win 65535 <dss dack8=O+14321>")
	b.want("the rest", ". 14322:15754(1432) ack 7 <dss dsn8=O+12888 ssn=12889 dll=5728>")
}
