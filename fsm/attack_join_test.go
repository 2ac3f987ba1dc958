package fsm

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// attacks is how often an attack is repeated: n times, and a twentieth of it with -short.
func attacks(n int) int {
	if testing.Short() {
		return n / 20
	}
	return n
}

var floodOptions [wire.MaxOptions]byte

// inJoin hands the endpoint a forged SYN with MP_JOIN for token, and takes the answers.
func (b *bench) inJoin(r *rand.Rand, token wire.Token) (answers int) {
	n := r.Uint64()
	seg := wire.Segment{Src: b.stranger(n), Dst: b.local, Seq: uint32(n >> 32), Flags: wire.SYN, Window: 1000}
	seg.Options, _ = wire.MPJoin{Form: wire.JoinSYN, ID: 1, Token: token, Nonce: r.Uint32()}.Append(floodOptions[:0])
	b.ep.HandleSegment(b.now, &seg)
	out := wire.Segment{Options: b.buf[:0]}
	for b.ep.PollSegment(b.now, &out) {
		answers++
	}
	return answers
}

// joiner is a real host that joins in the middle of a flood.
type joiner struct {
	lane
	nonce, theirs uint32
	proofAt       time.Time
}

func (b *bench) startJoiner(j *joiner) {
	m, ok := b.synJoin(&j.lane, 9, j.nonce)
	if !ok {
		b.t.Fatal("a real join was not answered")
	}
	j.theirs = m.Nonce
}

// prove sends the proof and reports whether the subflow is up.
func (b *bench) prove(j *joiner) bool {
	up := b.conn.Info().SubflowsUp
	b.on(&j.lane, func() {
		o, _ := wire.MPJoin{Form: wire.JoinACK, HMAC: wire.JoinHMAC160(b.version, b.peerKey, b.conn.own.key, j.nonce, j.theirs)}.Append(nil)
		b.inOpts(wire.ACK, 1, 1, o)
	})
	b.drain()
	return b.conn.Info().SubflowsUp > up
}

// NOTES section 5: 10^6 joins on one token, 1,000 a second. Half-open joins never exceed
// the cap, memory stays what it was, and a host with a round-trip time of 1 ms that joins
// meanwhile is in within three tries. With a cap of four, one joiner in four loses its
// place in a millisecond; what longer round trips need is a larger MaxHalfJoins, as the
// second half shows for 20 ms.
func TestJoinFloodAtRate(t *testing.T) { onTerrains(t, 1_000_000, floodJoins) }

func floodJoins(t *testing.T, all int, open func(...func(*Config)) *bench) {
	for _, k := range []struct {
		limit int
		rtt   time.Duration
		floor float64 // least part of the joiners that is in within three tries
	}{{4, time.Millisecond, 0.95}, {64, 20 * time.Millisecond, 0.95}} {
		b := open(func(c *Config) { c.MaxHalfJoins = k.limit })
		r := rand.New(rand.NewPCG(4, uint64(k.limit)))
		for range 100 { // at the cap
			b.inJoin(r, b.conn.Token())
		}
		before := heapInUse()
		joiners, in := 0, 0
		var real *joiner
		tries, next := 0, b.now
		for n := range all {
			b.now = b.now.Add(time.Millisecond)
			if !b.ep.Deadline().IsZero() && !b.ep.Deadline().After(b.now) {
				b.ep.HandleTimer(b.now)
			}
			if b.inJoin(r, b.conn.Token()) > 1+k.limit+maxFarewells { // who joined was reset: does the peer know?
				t.Fatal("more answers than half-open joins")
			}
			if b.ep.joins.n > k.limit || len(b.conn.subflows) > 2 {
				t.Fatalf("%d half-open joins, %d subflows", b.ep.joins.n, len(b.conn.subflows))
			}
			switch {
			case real == nil && !b.now.Before(next):
				if tries == 0 {
					joiners++
				}
				tries++
				real = &joiner{lane: lane{local: b.local, remote: addPort(b.remote, 1+n%20_000), peerISN: 0x1234_5678}, nonce: uint32(n)}
				b.startJoiner(real)
				real.proofAt = b.now.Add(k.rtt)
			case real != nil && !b.now.Before(real.proofAt):
				ok := b.prove(real)
				if ok {
					in++
					b.on(&real.lane, func() { b.inOpts(wire.RST|wire.ACK, 1, 1, nil) }) // make room for the next
					b.drain()
				}
				real, next = nil, b.now.Add(time.Second)
				if ok || tries == 3 {
					tries = 0
				}
			}
		}
		if grown := heapInUse() - before; grown > 64<<10 {
			t.Errorf("%d octets more after the flood", grown)
		}
		t.Logf("MaxHalfJoins %d, RTT %v: %d of %d real joiners in within three tries", k.limit, k.rtt, in, joiners)
		if in == 0 || float64(in) < k.floor*float64(joiners) && joiners >= 20 { // fewer of a short run say less
			t.Errorf("%d of %d joiners", in, joiners)
		}
		if b.conn.State() != Established || b.ep.stats.MPJoinSynRx < uint64(all) {
			t.Error(b.conn.State(), b.ep.stats.MPJoinSynRx)
		}
	}
}

// NOTES section 5: 10^7 joins with tokens that nobody has. Each is answered by a RST with
// reason 1 (R3.2-16, R3.2-18), and nothing is kept: not a record, not an octet.
func TestUnknownTokens(t *testing.T) { onTerrains(t, 10_000_000, floodUnknown) }

func floodUnknown(t *testing.T, all int, open func(...func(*Config)) *bench) {
	b := open()
	r := rand.New(rand.NewPCG(5, 5))
	b.inJoin(r, b.conn.Token()+1)
	before := heapInUse()
	for n := range all {
		if b.inJoin(r, b.conn.Token()+1+wire.Token(n)%(1<<31)) != 1 {
			t.Fatal("not one answer")
		}
	}
	if b.ep.stats.MPJoinNoTokenFound != uint64(all+1) || b.ep.joins.n != 0 || b.ep.subflows.n != 1 || b.ep.known() != 1 {
		t.Error(b.ep.stats.MPJoinNoTokenFound, b.ep.joins.n, b.ep.subflows.n, b.ep.known())
	}
	if grown := heapInUse() - before; grown > 16<<10 {
		t.Errorf("%d octets more", grown)
	}
	if n := testing.AllocsPerRun(1000, func() { b.inJoin(r, b.conn.Token()+1) }); n != 0 {
		t.Errorf("%v allocations for each", n)
	}
}

// R3.2-17, R3.2-19: a proof with any one bit changed proves nothing, in both versions and
// both directions: a RST with reason 1 ends the try, and the connection is as before.
func TestEachBitOfAJoinProof(t *testing.T) {
	for _, v := range []Versions{OnlyV1, OnlyV0} {
		set := func(c *Config) { c.Versions = v }
		for bit := range 160 {
			b := provenIn(t, v, set)
			l := newLane("10.0.0.2:80", "10.7.7.7:5000")
			m, ok := b.synJoin(l, 7, 0xfeedbeef)
			if !ok {
				t.Fatal("no answer")
			}
			b.on(l, func() {
				mac := wire.JoinHMAC160(b.version, b.peerKey, b.conn.own.key, 0xfeedbeef, m.Nonce)
				mac[bit/8] ^= 1 << (bit % 8)
				o, _ := wire.MPJoin{Form: wire.JoinACK, HMAC: mac}.Append(nil)
				b.inOpts(wire.ACK, 1, 1, o)
				if v == OnlyV0 {
					b.want("refused", "R")
				} else {
					b.want("refused", "R <mp_tcprst reason=1>")
				}
			})
			b.wantIdle("nothing else")
			if b.ep.stats.MPJoinAckHMacFailure != 1 || b.conn.Info().SubflowsUp != 1 || b.ep.joins.n != 0 {
				t.Fatalf("bit %d: %d failures, %d subflows", bit, b.ep.stats.MPJoinAckHMacFailure, b.conn.Info().SubflowsUp)
			}
		}
		for bit := range 64 {
			b := provenIn(t, v, set)
			l := newLane("10.0.0.2:1000", "10.7.7.7:5000")
			if err := b.conn.Join(b.now, l.local, l.remote, false); err != nil {
				t.Fatal(err)
			}
			var seg wire.Segment
			if !b.poll(&seg) {
				t.Fatal("no SYN")
			}
			l.ourISN = seg.Seq
			m, _ := joinOf(&seg)
			b.on(l, func() {
				mac := wire.JoinHMAC64(b.version, b.peerKey, b.conn.own.key, 77, m.Nonce)
				o, _ := wire.MPJoin{Form: wire.JoinSYNACK, ID: 3, Nonce: 77, HMAC64: mac ^ 1<<bit}.Append(nil)
				b.inOpts(wire.SYN|wire.ACK, 0, 1, o)
				if v == OnlyV0 {
					b.want("refused", "R.")
				} else {
					b.want("refused", "R. <mp_tcprst reason=1>")
				}
			})
			b.wantIdle("nothing else")
			if b.ep.stats.MPJoinSynAckHMacFailure != 1 || b.conn.Info().SubflowsUp != 1 {
				t.Fatalf("bit %d: %d failures, %d subflows", bit, b.ep.stats.MPJoinSynAckHMacFailure, b.conn.Info().SubflowsUp)
			}
		}
	}
}

// R3.2-24, R5-01: what was seen of a join cannot be used again: the answer has a new nonce
// each time, and the old proof fits none of them.
func TestReplayedJoin(t *testing.T) {
	b := proven(t)
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	m, _ := b.synJoin(l, 7, 1)
	mac := wire.JoinHMAC160(b.version, b.peerKey, b.conn.own.key, 1, m.Nonce)
	proof, _ := wire.MPJoin{Form: wire.JoinACK, HMAC: mac}.Append(nil)
	b.on(l, func() { b.inOpts(wire.ACK, 1, 1, proof) })
	b.drain()
	if b.conn.Info().SubflowsUp != 2 {
		t.Fatal("the real one did not get in")
	}
	// CVE-2025-23145: the same third ACK again, while it lives and after its end.
	b.on(l, func() { b.inOpts(wire.ACK, 1, 1, proof) })
	b.drain()
	b.on(l, func() { b.inOpts(wire.RST|wire.ACK, 1, 1, nil) })
	b.drain()
	if b.conn.Info().SubflowsUp != 1 {
		t.Fatal("it was not closed")
	}
	nonces := map[uint32]bool{m.Nonce: true}
	for range 1000 {
		again, ok := b.synJoin(l, 7, 1)
		if !ok || nonces[again.Nonce] {
			t.Fatal("a nonce was used twice", ok)
		}
		nonces[again.Nonce] = true
		b.on(l, func() { b.inOpts(wire.ACK, 1, 1, proof) })
		b.on(l, func() { b.want("refused", "R <mp_tcprst reason=1>") })
		if b.conn.Info().SubflowsUp != 1 {
			t.Fatal("a replayed join got in")
		}
	}
}

// provenIn is proven in either version.
func provenIn(t testing.TB, v Versions, set func(*Config)) *bench {
	if v == OnlyV1 {
		return proven(t, set)
	}
	return newBench(t, false, set).provenV0()
}

// provenV0 has the peer open a connection of version 0, and send as much as proven does.
func (b *bench) provenV0() *bench {
	b.t.Helper()
	b.inject("S 0:0(0) <mss 1460, mp_capable v0 H key=KP>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v0 key=KO>")
	b.inject(". 1:1(0) ack 1 <mp_capable v0 H key=KP+KO>")
	b.inject("P. 1:7(6) ack 1 <dss dsn8=P+0 ssn=1 dll=6>")
	b.want("DATA_ACK", ". 1:1(0) ack 7 <dss dack8=P+6>")
	b.read("abcdef")
	return b
}

// terrain is what an attack is made on.
type terrain struct {
	name    string
	version Versions
	v6      bool
	share   int // of the count that the first has
}

// terrains are both versions and both families; the first has the counts in full.
var terrains = []terrain{{"v1 IPv4", OnlyV1, false, 1}, {"v1 IPv6", OnlyV1, true, 20}, {"v0 IPv4", OnlyV0, false, 20}, {"v0 IPv6", OnlyV0, true, 20}}

// onTerrains runs an attack on each, where the bench is a server that takes joins. n is
// how often it is to be repeated: all counts are full with MPTCP_ATTACK=full.
func onTerrains(t *testing.T, n int, attack func(t *testing.T, n int, open func(...func(*Config)) *bench)) {
	for _, k := range terrains {
		t.Run(k.name, func(t *testing.T) {
			count := n / k.share
			if os.Getenv("MPTCP_ATTACK") == "full" {
				count = n
			}
			attack(t, attacks(count), func(change ...func(*Config)) *bench {
				change = append(change, func(c *Config) { c.Versions = k.version })
				local, remote := "10.0.0.2:80", "10.0.0.1:40000"
				if k.v6 {
					local, remote = "[2001:db8::2]:80", "[2001:db8::1]:40000"
				}
				b := newBenchAt(t, false, netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote), change...)
				if k.version == OnlyV0 {
					return b.provenV0()
				}
				return b.accept().firstDSS()
			})
		})
	}
}

// stranger is an address and port of the family of b's, by chance.
func (b *bench) stranger(n uint64) netip.AddrPort {
	a := netip.AddrFrom4([4]byte{172, byte(n), byte(n >> 8), byte(n >> 16)})
	if b.local.Addr().Is6() {
		a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7, 15: byte(n), 14: byte(n >> 8), 13: byte(n >> 16)})
	}
	return netip.AddrPortFrom(a, uint16(n>>24)|1)
}
