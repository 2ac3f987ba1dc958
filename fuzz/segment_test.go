package fuzz

import (
	"net/netip"
	"testing"

	"github.com/mptcp-go/mptcp/wire"
)

// FuzzSegment starts from small packets: both families, options of several kinds,
// extension headers, ICMP errors.
func FuzzSegment(f *testing.F) {
	for _, seed := range segmentSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, data []byte) { Segment(data) })
}

// TestSegmentSeeds makes sure that the seeds reach what they are meant to.
func TestSegmentSeeds(t *testing.T) {
	for i, seed := range segmentSeeds(t) {
		if Segment(seed) != 1 {
			t.Errorf("seed %d is nothing of interest", i)
		}
	}
	if Segment([]byte("no packet")) != 0 {
		t.Error("what is no packet is of interest")
	}
}

func segmentSeeds(tb testing.TB) (seeds [][]byte) {
	must := func(b []byte, err error) []byte {
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	options := vectorOptions(tb)
	for _, at := range []string{"10.0.0.1:80", "[fd00::1]:80"} {
		addr := netip.MustParseAddrPort(at)
		s := wire.Segment{Src: addr, Dst: addr, Seq: 1, Flags: wire.ACK, Window: 9}
		for i, o := range options {
			if i%16 == 0 {
				s.Options, s.Payload = o, o
				seeds = append(seeds, must(wire.Append(nil, &s)))
			}
		}
		s.Options, s.Sum = nil, wire.SumPartial
		plain := must(wire.Append(nil, &s))
		seeds = append(seeds, plain)
		for _, kind := range []wire.ICMPKind{wire.ICMPUnreachable, wire.ICMPTooBig, wire.ICMPTimeExceeded} {
			m := wire.ICMP{From: addr.Addr(), To: addr.Addr(), Kind: kind, MTU: 1400}
			seeds = append(seeds, must(wire.AppendICMP(nil, &m, plain)))
		}
	}
	// IPv4 with options; IPv6 with hop-by-hop, destination options, an atomic
	// fragment header and AH before TCP.
	v4, v6 := seeds[0], seeds[len(seeds)-4]
	long := append([]byte{0x46}, v4[1:20]...)
	long = append(append(long, 1, 1, 1, 0), v4[20:]...)
	long[3] += 4
	chain := append([]byte{}, v6[:40]...)
	chain[6] = 0
	chain = append(chain, 60, 0, 1, 4, 0, 0, 0, 0)
	chain = append(chain, 44, 0, 1, 4, 0, 0, 0, 0)
	chain = append(chain, 51, 0, 0, 0, 0, 0, 0, 1)
	chain = append(chain, 6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2)
	chain[5] += 36
	return append(seeds, long, append(chain, v6[40:]...))
}
