package fsm

import (
	"fmt"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

func TestClientHandshake(t *testing.T) { // R3.1-01, R3.1-03, R3.1-04, R3.1-15 to R3.1-17, R3.1-44
	b := newBench(t, true)
	b.want("the SYN has no key", "S 0:0(0) <mp_capable v1 H>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 H key=KP>")
	b.want("the third ACK echoes both keys", ". 1:1(0) ack 1 <mp_capable v1 H key=KO+KP>")
	b.wantIdle("nothing more to say")
	b.write("hello")
	b.want("the first data repeats them, with its length", "P. 1:6(5) ack 1 <mp_capable v1 H key=KO+KP dll=5>")
	b.write("world")
	b.want("the second mapping has a DSS", "P. 6:11(5) ack 1 <dss dsn8=O+5 ssn=6 dll=5>")
	b.inject(". 1:1(0) ack 11 <dss dack8=O+10>")
	b.wantIdle("all is acknowledged")
	if b.conn.Info().Acked != 10 {
		t.Error("DATA_ACK was not taken", b.conn.Info())
	}
}

func TestFirstDataKeepsItsOption(t *testing.T) { // R3.1-14, R3.1-19, NOTES 1.16
	b := opened(t)
	b.write("hello")
	b.want("first data", "P. 1:6(5) ack 1 <mp_capable v1 H key=KO+KP dll=5>")
	b.write("world")
	b.want("next", "P. 6:11(5) ack 1 <dss dsn8=O+5 ssn=6 dll=5>")
	for b.ep.flows.Timeouts == 0 {
		b.wait(2 * time.Second)
		if b.ep.flows.Timeouts == 0 {
			b.poll(new(wire.Segment)) // a tail loss probe repeats the last
		}
	}
	b.want("its retransmission says the same", ". 1:6(5) ack 1 <mp_capable v1 H key=KO+KP dll=5>")
}

func TestServerHandshake(t *testing.T) { // R3.1-02, R3.1-17, R3.1-31 to R3.1-36
	b := newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 AH>")
	b.want("our key, and checksums since the peer wants them", "S. 0:0(0) ack 1 <mp_capable v1 AH key=KO>")
	b.inject(". 1:1(0) ack 1 <mp_capable v1 AH key=KP+KO>")
	if b.conn == nil || !b.conn.Multipath() || !b.conn.Checksum() {
		t.Fatal("no Multipath TCP connection with checksums")
	}
	b.wantIdle("nothing to say yet")
}

func TestThirdAckLost(t *testing.T) { // R3.1-14, P-3.1-06
	b := newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 H key=KO>")
	b.inject("P. 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=3>") // what follows the first data
	b.wantIdle("without the peer's key this says nothing")
	b.inject("P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>")
	b.want("DATA_ACK", ". 1:1(0) ack 4 <dss dack8=P+3>")
	b.inject("P. 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=3>")
	b.want("DATA_ACK", ". 1:1(0) ack 7 <dss dack8=P+6>")
	b.read("abcdef")
}

func TestCopiesOfTheFirstMapping(t *testing.T) { // R3.1-19, P-3.3.4-01
	b := newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 H key=KO>")
	b.inject(". 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=6>")
	b.inject("P. 4:7(3) ack 1 <mp_capable v1 H key=KP+KO dll=6>")
	b.want("one mapping", ". 1:1(0) ack 7 <dss dack8=P+6>")
	b.read("abcdef")
}

// Offers that a listener must not take up: it answers as plain TCP, and stays it.
func TestOffersNotTaken(t *testing.T) {
	for _, k := range []struct{ name, syn string }{
		{"R3.1-24 B set", "mp_capable v1 BH"},
		{"R3.1-28 no algorithm", "mp_capable v1 -"},
		{"R3.1-27 unknown algorithm", "mp_capable v1 G"},
		{"R3.1-07 unknown version", "mp_capable v2 H"},
		{"R3.1-05 a key in a SYN of version 1", "mp_capable v1 H key=KP"},
		{"V0-01 no key in a SYN of version 0", "mp_capable v0 H"},
		{"R3.1-40 no option", "mss 1460"},
	} {
		t.Run(k.name, func(t *testing.T) {
			b := newBench(t, false)
			b.inject("S 0:0(0) <" + k.syn + ">")
			b.want("plain", "S. 0:0(0) ack 1")
			b.inject("P. 1:4(3) ack 1")
			b.want("plain", ". 1:1(0) ack 4")
			b.read("abc")
			if b.conn.Multipath() {
				t.Error("Multipath TCP")
			}
		})
	}
}

// Answers that an opener must not take up.
func TestAnswersNotTaken(t *testing.T) {
	for _, k := range []struct{ name, opt string }{
		{"R3.1-24 B set", "mp_capable v1 BH key=KP"},
		{"R3.1-28 no algorithm", "mp_capable v1 - key=KP"},
		{"R3.1-05 no key", "mp_capable v1 H"},
		{"R3.1-08 version 0", "mp_capable v0 H key=KP"},
		{"R3.1-39 no option", "mss 1460"},
	} {
		t.Run(k.name, func(t *testing.T) {
			b := newBench(t, true)
			b.want("SYN", "S 0:0(0) <mp_capable v1 H>")
			b.inject("S. 0:0(0) ack 1 <" + k.opt + ">")
			b.want("the third ACK is plain", ". 1:1(0) ack 1")
			b.write("hello")
			b.want("and so is data", "P. 1:6(5) ack 1")
			if b.ep.Stats().MPCapableFallbackSYNACK != 1 || b.conn.Multipath() || b.conn.Token() == 0 {
				t.Error("MPCapableFallbackSYNACK:", b.ep.Stats().MPCapableFallbackSYNACK)
			}
			if b.ep.known() != 0 {
				t.Error("the token can still be joined")
			}
		})
	}
}

// Third packets that do not prove the key.
func TestThirdPacketNotTaken(t *testing.T) {
	for _, k := range []struct{ name, opt string }{
		{"R3.1-41 no option", ""},
		{"R3.1-20 another key than ours", " <mp_capable v1 H key=KP+KP>"},
		{"R3.1-24 B set", " <mp_capable v1 BH key=KP+KO>"},
		{"R3.1-28 no algorithm", " <mp_capable v1 - key=KP+KO>"},
		{"R3.1-05 a length without data", " <mp_capable v1 H key=KP+KO dll=3>"},
		{"R3.1-07 another version", " <mp_capable v0 H key=KP+KO>"},
	} {
		t.Run(k.name, func(t *testing.T) {
			b := newBench(t, false)
			b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
			b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 H key=KO>")
			b.inject(". 1:1(0) ack 1" + k.opt)
			b.inject("P. 1:4(3) ack 1")
			b.want("plain TCP", ". 1:1(0) ack 4")
			b.read("abc")
			if b.ep.Stats().MPCapableFallbackACK != 1 || b.conn.Multipath() {
				t.Error("MPCapableFallbackACK:", b.ep.Stats().MPCapableFallbackACK)
			}
		})
	}
}

func TestPlainSYNAfterThree(t *testing.T) { // R3.1-42, R3.9.3-01, R6-01, P-3.1-04, P-3.1-08
	b := newBench(t, true)
	for i := range 3 {
		b.want(fmt.Sprint("SYN ", i), "S 0:0(0) <mp_capable v1 H>")
		b.wait(10 * time.Second)
	}
	b.want("the fourth", "S 0:0(0)")
	if b.ep.Stats().MPCapableSYNTXDrop != 1 || b.ep.Stats().MPCapableSYNTX != 3 {
		t.Error(b.ep.Stats())
	}
	b.inject("S. 0:0(0) ack 1 <mp_capable v1 H key=KP>")
	b.want("a late answer to one of the others still counts (R3.1-43)", ". 1:1(0) ack 1 <mp_capable v1 H key=KO+KP>")
}

func TestSYNsMixed(t *testing.T) { // R3.1-40, R3.1-43
	b := newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 H key=KO>")
	b.inject("S 0:0(0) <mss 1460>")
	b.want("a plain SYN is answered plainly", "S. 0:0(0) ack 1")
	b.inject(". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>")
	if !b.conn.Multipath() {
		t.Error("the third packet decides")
	}
}

func TestSimultaneousOpen(t *testing.T) { // CVE-2025-71088
	b := newBench(t, true)
	b.want("SYN", "S 0:0(0) <mp_capable v1 H>")
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	b.want("plain from here on", "S. 0:0(0) ack 1")
	if b.ep.Stats().SimultConnectFallback != 1 {
		t.Error("SimultConnectFallback:", b.ep.Stats().SimultConnectFallback)
	}
}

func TestVersion0(t *testing.T) { // V0-01, V0-02, V0-08, V0-12
	b := newBench(t, true, func(c *Config) { c.Versions = OnlyV0 })
	b.want("the SYN has a key", "S 0:0(0) <mp_capable v0 H key=KO>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v0 H key=KP>")
	b.write("hello")
	b.want("the third ACK", ". 1:1(0) ack 1 <mp_capable v0 H key=KO+KP>")
	b.want("data has a DSS", "P. 1:6(5) ack 1 <dss dsn8=O+0 ssn=1 dll=5>")
}

// script is a source of numbers that were written before.
type script []uint64

func (s *script) Uint64() uint64 {
	v := (*s)[0]
	*s = (*s)[1:]
	return v
}

func TestTokenCollision(t *testing.T) { // R3.1-11, R3.1-12
	b := newBench(t, true)
	e := b.ep
	e.tokens[newSecret(42, wire.V1).token] = b.conn
	e.pool.ready = nil
	e.cfg.Rand = &script{42, 43, 44, 42, 42, 45, 42, 42, 42, 42, 42, 46}
	if s, ok := e.newSecret(wire.V1); !ok || s.key != 43 {
		t.Error("the key whose token is taken was not passed over")
	}
	if e.Prepare(4); len(e.pool.ready) != 2 {
		t.Error(len(e.pool.ready), "keys in the pool, of four drawn, two of them taken")
	}
	for _, want := range []wire.Key{45, 44} {
		if s, ok := e.newSecret(wire.V1); !ok || s.key != want || e.tokens[s.token] != nil {
			t.Error("not the key of the pool:", s.key)
		}
	}
	if _, ok := e.newSecret(wire.V1); ok || e.stats.MPFallbackTokenInit != 1 {
		t.Error("no unique token, and yet a key")
	}
	if s, ok := e.newSecret(wire.V1); !ok || s.key != 46 {
		t.Error("chance provided one at last:", s.key, ok)
	}
}

func TestUnknownToken(t *testing.T) { // R3.8-01, R3.2-10, R3.2-16, R3.2-18
	b := newBench(t, false)
	b.ourISN = 0
	b.inject("S 0:0(0) <mp_join syn id=1 token=00000001 nonce=00000001>")
	b.want("RST with reason 1", "R. <mp_tcprst reason=1>")
	if b.ep.subflows.n != 0 {
		t.Error("state was kept")
	}
}
