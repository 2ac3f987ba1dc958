package trace

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/wire"
	"github.com/stretchr/testify/require"
)

// script feeds hand-written segments to a Tracker. Names a, a2, b, b2 stand for
// endpoints; keys ka and kb for 0x...a and 0x...b.
type script struct {
	t      *testing.T
	tr     *Tracker
	n      int
	nanos  int64
	file   int
	damage bool // spoil the TCP checksum
}

const (
	keyA wire.Key = 0x0a0a0a0a0a0a0a0a
	keyB wire.Key = 0x0b0b0b0b0b0b0b0b
)

var endpoints = map[string]netip.AddrPort{
	"a":  netip.MustParseAddrPort("10.0.1.1:40000"),
	"a2": netip.MustParseAddrPort("10.0.2.1:40001"),
	"b":  netip.MustParseAddrPort("10.0.1.2:80"),
	"b2": netip.MustParseAddrPort("10.0.2.2:80"),
	"b3": netip.MustParseAddrPort("10.0.2.2:8080"),
}

func newScript(t *testing.T, cfg Config) *script {
	return &script{t: t, tr: New(cfg), nanos: 1e18}
}

// send feeds "a > b S 0:0(0) win 100 <...>", each a millisecond after the last.
// Payload octets are those given, or the low octets of their position.
func (s *script) send(line string, payload ...byte) Hit {
	s.t.Helper()
	from, rest, _ := strings.Cut(line, " > ")
	to, text, _ := strings.Cut(rest, " ")
	for name, k := range map[string]wire.Key{"ka": keyA, "kb": keyB} {
		text = strings.ReplaceAll(text, name, fmt.Sprintf("%016x", uint64(k)))
	}
	p, err := wire.ParseText(text)
	require.NoError(s.t, err, text)
	seg := p.Segment
	seg.Src, seg.Dst = endpoints[from], endpoints[to]
	for i := 0; i < p.PayloadLen; i++ {
		if i < len(payload) {
			seg.Payload = append(seg.Payload, payload[i])
		} else {
			seg.Payload = append(seg.Payload, byte(int(seg.Seq)+i))
		}
	}
	pkt, err := wire.Append(nil, &seg)
	require.NoError(s.t, err)
	if s.damage {
		pkt[len(pkt)-1] ^= 0x55
	}
	s.n++
	s.nanos += 1e6
	return s.tr.Add(s.file, &pcap.Frame{
		Number: s.n, Nanos: s.nanos, HasTime: true, Link: pcap.LinkRaw, Len: len(pkt), Data: pkt,
	})
}

// open makes a connection of version 1 between a and b.
func (s *script) open(flags string) {
	s.t.Helper()
	s.send("a > b S 100:100(0) win 65535 <mss 1460, mp_capable v1 " + flags + ">")
	s.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460, mp_capable v1 " + flags + " key=kb>")
	s.send("a > b . 101:101(0) ack 501 win 1000 <mp_capable v1 " + flags + " key=ka+kb>")
	s.send("a > b P. 101:111(10) ack 501 win 1000 <mp_capable v1 " + flags + " key=ka+kb dll=10" + s.sum(flags, keyA.IDSN(1)+1, 1, 10, 101) + ">")
	s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <dss dack8=%d>", s.dsnA(10)))
}

// sum is the DSS checksum field for payload as send makes it, where flags ask for one.
func (s *script) sum(flags string, dsn uint64, ssn uint32, n uint16, seq int) string {
	if !strings.Contains(flags, "A") {
		return ""
	}
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(seq + i)
	}
	sum := dataseq.PseudoSum(dsn, ssn, n)
	for i := 0; i+1 < len(p); i += 2 {
		sum = sum.AddUint16(uint16(p[i])<<8 | uint16(p[i+1]))
	}
	if n%2 == 1 {
		sum = sum.AddUint16(uint16(p[n-1]) << 8)
	}
	return fmt.Sprintf(" sum=%04x", sum.Checksum())
}

// dsnA and dsnB number the octet at offset off of a side's stream.
func (s *script) dsnA(off uint64) uint64 { return keyA.IDSN(1) + 1 + off }
func (s *script) dsnB(off uint64) uint64 { return keyB.IDSN(1) + 1 + off }

func (s *script) joinSYN(from, to string, token wire.Token, nonce uint32, seq int) {
	s.send(fmt.Sprintf("%s > %s S %d:%d(0) win 65535 <mss 1460, mp_join syn id=1 token=%08x nonce=%08x>", from, to, seq, seq, uint32(token), nonce))
}

func (s *script) ids() []string {
	s.tr.Finish()
	var ids []string
	for _, f := range s.tr.Findings() {
		ids = append(ids, f.ID)
	}
	return ids
}

func (s *script) finding(id string) Finding {
	s.t.Helper()
	for _, f := range s.tr.Findings() {
		if f.ID == id {
			return f
		}
	}
	s.t.Fatalf("no finding %s among %v", id, s.tr.Findings())
	return Finding{}
}

func TestPortReuse(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.send("b > a R. 501:501(0) ack 111 win 0")
	s.open("H") // the same four-tuple, the same keys even
	s.tr.Finish()
	require.Len(t, s.tr.Subflows(), 2)
	require.Len(t, s.tr.Conns(), 2)
	for _, c := range s.tr.Conns() {
		require.EqualValues(t, 10, c.Dir[0].NewBytes)
	}
}

func TestPortReuseWithoutClose(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.send("a > b S 900:900(0) win 65535 <mss 1460>") // another ISN: a new flow
	s.send("a > b S 900:900(0) win 65535 <mss 1460>") // its retransmission
	s.tr.Finish()
	require.Len(t, s.tr.Subflows(), 2)
	require.Equal(t, Plain, s.tr.Subflows()[1].Kind)
	require.EqualValues(t, 2, s.tr.Subflows()[1].Handshake.SYNs)
}

// A join may be opened by the side that accepted the connection (R3.2-04: the token
// is that of the receiver of the SYN).
func TestJoinOpenedByB(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	tokenA := keyA.Token(1)
	s.joinSYN("b2", "a2", tokenA, 0x11111111, 700)
	h := wire.JoinHMAC64(1, keyA, keyB, 0x22222222, 0x11111111)
	s.send(fmt.Sprintf("a2 > b2 S. 800:800(0) ack 701 win 65535 <mp_join synack id=2 hmac=%016x nonce=22222222>", h))
	m := wire.JoinHMAC160(1, keyB, keyA, 0x11111111, 0x22222222)
	s.send(fmt.Sprintf("b2 > a2 . 701:701(0) ack 801 win 1000 <mp_join ack hmac=%x>", m))
	s.send(fmt.Sprintf("a2 > b2 . 801:801(0) ack 701 win 1000 <dss dack8=%d>", s.dsnB(0)))
	s.send(fmt.Sprintf("b2 > a2 P. 701:705(4) ack 801 win 1000 <dss dack8=%d dsn8=%d ssn=1 dll=4>", s.dsnA(10), s.dsnB(0)))
	s.tr.Finish()
	sf := s.tr.Subflows()[1]
	require.Equal(t, Join, sf.Kind)
	require.Equal(t, 1, sf.OpenerSide)
	require.Equal(t, Right, sf.Join().SYNACKHMAC)
	require.Equal(t, Right, sf.Join().ACKHMAC)
	require.EqualValues(t, 4, s.tr.Conns()[0].Dir[1].NewBytes)
}

func TestJoinHMACEveryBit(t *testing.T) { // R3.2-11
	good := wire.JoinHMAC64(1, keyB, keyA, 7, 9)
	for bit := range 64 {
		s := newScript(t, Config{})
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		s.send(fmt.Sprintf("b2 > a2 S. 800:800(0) ack 701 win 65535 <mp_join synack id=2 hmac=%016x nonce=00000007>", good^1<<bit))
		s.send("a2 > b2 R 701:701(0) win 0 <mp_tcprst reason=1>")
		require.Contains(t, s.ids(), "MPD-JOIN-HMAC-SYNACK")
		f := s.finding("MPD-JOIN-HMAC-SYNACK")
		require.Equal(t, []int{6, 7, 8}, frames(f))
		require.Equal(t, "MPJoinSynAckHMacFailure", f.Counter)
	}
}

func frames(f Finding) (n []int) {
	for _, r := range f.Frames {
		n = append(n, r.Frame())
	}
	return n
}

// The three kinds of repeats, told apart by owner and SSN, and a conflict.
func TestRepeatsAndConflict(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	data := func(from, to string, seq, ack int, ssn, off, n int, payload ...byte) {
		s.send(fmt.Sprintf("%s > %s P. %d:%d(%d) ack %d win 1000 <dss dack8=%d dsn8=%d ssn=%d dll=%d>",
			from, to, seq, seq+n, n, ack, s.dsnB(0), s.dsnA(uint64(off)), ssn, n), payload...)
	}
	p := []byte("abcdefgh")
	data("a", "b", 111, 501, 11, 10, 8, p...) // new
	data("a", "b", 111, 501, 11, 10, 8, p...) // TCP retransmission
	data("a", "b", 119, 501, 19, 10, 8, p...) // the same data at a new SSN
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	data("a2", "b2", 701, 801, 1, 10, 8, p...) // reinjected
	data("a2", "b2", 709, 801, 9, 14, 8, []byte("efghNEWS")...)
	d := &s.tr.Conns()[0].Dir[0]
	require.Zero(t, d.Conflicts)
	data("a2", "b2", 717, 801, 17, 12, 4, []byte("cdeX")...) // other octets
	s.tr.Finish()
	require.EqualValues(t, 10+8+4, d.NewBytes)
	require.EqualValues(t, 8, d.DupTCPRetrans)
	require.EqualValues(t, 8, d.DupNewSSN)
	require.EqualValues(t, 16, d.DupSameSubflow)
	require.EqualValues(t, 8+4+4, d.Reinjected)
	require.EqualValues(t, 1, d.Conflicts)
	require.Equal(t, []int{12}, frames(s.finding("MPD-CONFLICT")))
}

// R3.3.1-01: a declared mapping never changes; one with other bounds that agrees is
// no contradiction.
func TestMappingConflict(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=8>", s.dsnA(10)))
	s.send(fmt.Sprintf("a > b P. 115:123(8) ack 501 win 1000 <dss dsn8=%d ssn=15 dll=8>", s.dsnA(14)))
	c := s.tr.Conns()[0]
	require.Zero(t, c.Dir[0].MapConflicts)
	s.send(fmt.Sprintf("a > b P. 115:123(8) ack 501 win 1000 <dss dsn8=%d ssn=15 dll=8>", s.dsnA(99)))
	require.Contains(t, s.ids(), "MPD-MAPPING-CONFLICT")
	require.EqualValues(t, 1, c.Dir[0].MapConflicts)
}

// Keys given by hand verify a join whose connection began before the capture.
func TestGivenKeys(t *testing.T) {
	midstream := func(cfg Config) *script {
		s := newScript(t, cfg)
		s.send(fmt.Sprintf("a > b P. 5111:5119(8) ack 901 win 1000 <dss dack8=%d dsn8=%d ssn=5011 dll=8>", s.dsnB(400), s.dsnA(5010)))
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		h := wire.JoinHMAC64(1, keyB, keyA, 7, 9)
		s.send(fmt.Sprintf("b2 > a2 S. 800:800(0) ack 701 win 65535 <mp_join synack id=2 hmac=%016x nonce=00000007>", h))
		s.tr.Finish()
		return s
	}
	s := midstream(Config{})
	require.Equal(t, Wrong, s.tr.Subflows()[1].Join().TokenMatch)
	require.Nil(t, s.tr.Subflows()[1].Conn)

	s = midstream(Config{Keys: []wire.Key{keyA, keyB}})
	j := s.tr.Subflows()[1].Join()
	require.Equal(t, Right, j.TokenMatch)
	require.Equal(t, Right, j.SYNACKHMAC)
	c := s.tr.Conns()[0]
	require.True(t, c.Inferred)
	require.Equal(t, keyA, c.Key[0])
}

func TestOptionsVanish(t *testing.T) { // R3.7-05
	s := newScript(t, Config{})
	s.open("H")
	for i := range 4 {
		s.send(fmt.Sprintf("a > b P. %d:%d(10) ack 501 win 1000", 111+10*i, 121+10*i))
	}
	require.Contains(t, s.ids(), "MPD-OPTIONS-LOST")
	f := s.finding("MPD-OPTIONS-LOST")
	require.Equal(t, []int{4, 6}, frames(f))
	require.Equal(t, "DssFallback", f.Counter)
	require.Equal(t, "fallback", s.tr.Conns()[0].State())
}

func TestSYNBlackhole(t *testing.T) { // R3.9.3-01
	s := newScript(t, Config{})
	for range 3 {
		s.send("a > b S 100:100(0) win 65535 <mss 1460, mp_capable v1 H>")
	}
	s.send("a > b S 100:100(0) win 65535 <mss 1460>")
	s.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460>")
	require.Contains(t, s.ids(), "MPD-SYN-BLACKHOLE")
	require.Equal(t, []int{1, 4, 5}, frames(s.finding("MPD-SYN-BLACKHOLE")))
}

func TestThirdACKStripped(t *testing.T) { // R3.1-41
	s := newScript(t, Config{})
	s.send("a > b S 100:100(0) win 65535 <mss 1460, mp_capable v1 H>")
	s.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460, mp_capable v1 H key=kb>")
	s.send("a > b . 101:101(0) ack 501 win 1000")
	s.send("a > b P. 101:111(10) ack 501 win 1000")
	require.Contains(t, s.ids(), "MPD-FALLBACK-ACK")
	require.Equal(t, "fallback", s.tr.Conns()[0].State())
}

func TestKeyEcho(t *testing.T) {
	s := newScript(t, Config{})
	s.send("a > b S 100:100(0) win 65535 <mss 1460, mp_capable v1 H>")
	s.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460, mp_capable v1 H key=kb>")
	s.send("a > b . 101:101(0) ack 501 win 1000 <mp_capable v1 H key=ka+ka>")
	require.Contains(t, s.ids(), "MPD-KEY-ECHO")
}

func TestFastcloseKey(t *testing.T) { // R3.5-06
	s := newScript(t, Config{})
	s.open("H")
	s.send("a > b R. 111:111(0) ack 501 win 0 <mp_fastclose key=ka>") // its own key, not the receiver's
	require.Contains(t, s.ids(), "MPD-FASTCLOSE-KEY")
}

func TestAddAddrHMAC(t *testing.T) { // R3.4.1-09
	addr := netip.MustParseAddr("10.9.9.9")
	h := wire.AddAddrHMAC(keyB, keyA, 3, addr, 0)
	for _, bit := range []int{-1, 0, 31, 63} {
		s := newScript(t, Config{})
		s.open("H")
		v := h
		if bit >= 0 {
			v ^= 1 << bit
		}
		s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <add_addr v1 id=3 addr=10.9.9.9 hmac=%016x>", v))
		require.Equal(t, bit >= 0, len(s.ids()) > 0)
		if bit >= 0 {
			s.finding("MPD-ADDADDR-HMAC")
		}
	}
}

func TestChecksumPerMapping(t *testing.T) { // R3.3.1-05
	for _, flip := range []bool{false, true} {
		s := newScript(t, Config{})
		s.open("AH")
		sum := s.sum("A", s.dsnA(10), 11, 12, 111)
		opt := fmt.Sprintf("<dss dsn8=%d ssn=11 dll=12%s>", s.dsnA(10), sum)
		first := byte(111)
		if flip {
			first ^= 0x10
		}
		// One mapping in three pieces, out of order, one of them twice.
		s.send("a > b P. 116:121(5) ack 501 win 1000 " + opt)
		s.send("a > b P. 111:116(5) ack 501 win 1000 "+opt, first)
		s.send("a > b P. 111:116(5) ack 501 win 1000 " + opt)
		s.send("a > b P. 121:123(2) ack 501 win 1000 " + opt)
		d := &s.tr.Conns()[0].Dir[0]
		s.tr.Finish()
		require.EqualValues(t, 3, d.RepeatedMappings)
		if flip {
			require.EqualValues(t, 1, d.SumBad)
			require.Equal(t, []int{6}, frames(s.finding("MPD-CHECKSUM")))
		} else {
			require.EqualValues(t, 2, d.SumOK)
			require.Empty(t, s.ids())
		}
	}
}

func TestDuplicatesOfTwoFilesCountOnce(t *testing.T) {
	s := newScript(t, Config{Files: 2})
	s.open("H")
	// The same packets again from the second file, one retransmission in both.
	again := newScript(t, Config{})
	again.tr, again.file = s.tr, 1
	again.open("H")
	line := fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=8>", s.dsnA(10))
	s.send(line)
	s.send(line)
	again.send(line)
	again.send(line)
	s.tr.Finish()
	require.Equal(t, 7, s.tr.Totals.Duplicates)
	d := &s.tr.Conns()[0].Dir[0]
	require.EqualValues(t, 18, d.NewBytes)
	require.EqualValues(t, 8, d.DupTCPRetrans)
}

func TestStateIsDroppedAfterClose(t *testing.T) {
	s := newScript(t, Config{Limits: Limits{Linger: 1}})
	for range 3 {
		s.open("H")
		s.send(fmt.Sprintf("a > b F. 111:111(0) ack 501 win 1000 <dss dack8=%d>", s.dsnB(0)))
		s.send(fmt.Sprintf("b > a F. 501:501(0) ack 112 win 1000 <dss dack8=%d>", s.dsnA(10)))
		s.send("a > b . 112:112(0) ack 502 win 1000")
	}
	require.True(t, s.tr.Conns()[0].Compacted)
	require.False(t, s.tr.Conns()[2].Compacted)
	require.EqualValues(t, 10, s.tr.Conns()[0].Dir[0].NewBytes)
}

func TestConformance(t *testing.T) {
	dss := func(s *script, off int) string {
		return fmt.Sprintf("<dss dsn8=%d ssn=%d dll=8>", s.dsnA(uint64(off)), off+1)
	}
	for _, c := range []struct {
		id  string
		run func(s *script)
	}{
		{"MPD-CHECKSUM-PRESENCE", func(s *script) { // R3.3-05
			s.open("AH")
			s.send("a > b P. 111:119(8) ack 501 win 1000 " + dss(s, 10))
		}},
		{"MPD-CHECKSUM-PRESENCE", func(s *script) { // R3.3-04
			s.open("H")
			s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=8 sum=1234>", s.dsnA(10)))
		}},
		{"MPD-RESERVED", func(s *script) { // R3.3-03
			s.open("H")
			s.send("a > b . 111:111(0) ack 501 win 1000 <dss raw=1e08208100000001>")
		}},
		{"MPD-RESERVED", func(s *script) { // R3.2-07
			s.open("H")
			s.send("a2 > b2 S 1:1(0) win 1000 <mp_join raw=1e0c18010000000000000000>")
		}},
		{"MPD-RESERVED", func(s *script) { // R3.1-23
			s.send("a > b S 100:100(0) win 65535 <mss 1460, mp_capable v1 BH>")
		}},
		{"MPD-JOIN-EARLY-DATA", func(s *script) { // R3.2-14
			s.open("H")
			s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
			s.send(fmt.Sprintf("b2 > a2 S. 800:800(0) ack 701 win 65535 <mp_join synack id=2 hmac=%016x nonce=00000007>",
				wire.JoinHMAC64(1, keyB, keyA, 7, 9)))
			s.send(fmt.Sprintf("a2 > b2 P. 701:705(4) ack 801 win 1000 <dss dsn8=%d ssn=1 dll=4>", s.dsnA(10)))
		}},
		{"MPD-OPTION-AFTER-FALLBACK", func(s *script) { // R3.7-17
			s.open("H")
			s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=0>", s.dsnA(10)))
			s.send("a > b P. 119:127(8) ack 501 win 1000 " + dss(s, 18))
		}},
		{"MPD-SIGNAL-FLOOD", func(s *script) { // R3-02, R4-03
			s.open("H")
			for range 4 {
				s.send("b > a . 501:501(0) ack 111 win 1000 <mp_prio backup>")
			}
		}},
		{"MPD-URGENT", func(s *script) { // R3.3.1-07
			s.open("H")
			s.send("a > b P.U 111:119(8) ack 501 win 1000 urg 3 " + dss(s, 10))
		}},
		{"MPD-MAPPING-ELSEWHERE", func(s *script) { // R3.3.1-19
			s.open("H")
			s.send("a > b P. 111:119(8) ack 501 win 1000 " + dss(s, 50))
		}},
	} {
		s := newScript(t, Config{})
		c.run(s)
		require.Contains(t, s.ids(), c.id)
	}
	// And none of it in a connection as it should be.
	s := newScript(t, Config{})
	s.open("AH")
	for range 2 {
		s.send("b > a . 501:501(0) ack 111 win 1000 <mp_prio backup>")
	}
	require.Empty(t, s.ids())
}

func netipPort(addr string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), port)
}

// A key that is not recognised by the first DSS is by a later one, and 32 bits that
// happen to lie near another version's IDSN do not decide.
func TestGivenKeysAreFoundLater(t *testing.T) {
	s := newScript(t, Config{Keys: []wire.Key{keyA, keyB}})
	s.send(fmt.Sprintf("b > a . 901:901(0) ack 5111 win 1000 <dss dack8=%d>", s.dsnA(5010)))
	c := s.tr.Conns()[0]
	require.Equal(t, [2]bool{false, true}, c.HasKey) // sides are named by the first sender
	s.send(fmt.Sprintf("a > b P. 5111:5119(8) ack 901 win 1000 <dss dack4=%d dsn8=%d ssn=5011 dll=8>", uint32(s.dsnB(400)), s.dsnA(5010)))
	require.Equal(t, [2]bool{true, true}, c.HasKey)
	require.Equal(t, keyB, c.Key[0])
	require.Equal(t, wire.V1, c.Version)

	far := newScript(t, Config{Keys: []wire.Key{keyA}})
	far.send(fmt.Sprintf("a > b P. 5111:5119(8) ack 901 win 1000 <dss dsn4=%d ssn=5011 dll=8>", uint32(keyA.IDSN(0)+1<<26)))
	require.False(t, far.tr.Conns()[0].HasKey[0])
}

// Copies at three places, one of which shows a retransmission first.
func TestDuplicatesOfThreeFiles(t *testing.T) {
	s := newScript(t, Config{Files: 3})
	s.open("H")
	for file := 1; file < 3; file++ {
		again := newScript(t, Config{})
		again.tr, again.file = s.tr, file
		again.open("H")
	}
	require.Equal(t, 10, s.tr.Totals.Duplicates)
	line := fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=8>", s.dsnA(10))
	for _, file := range []int{0, 1, 1, 0, 2, 2} { // the second copy is seen by 1 first
		s.file = file
		s.send(line)
	}
	s.tr.Finish()
	require.Equal(t, 14, s.tr.Totals.Duplicates)
	d := &s.tr.Conns()[0].Dir[0]
	require.EqualValues(t, 18, d.NewBytes)
	require.EqualValues(t, 8, d.DupTCPRetrans)
}

// The store compares with the latest octets, as many as its limit, wherever the ring
// begins.
func TestStoreKeepsTheLatest(t *testing.T) {
	var s store
	const limit = 8 << 10
	octets := make([]byte, 40000)
	for i := range octets {
		octets[i] = byte(i * 7 >> 3)
	}
	for at := 0; at < len(octets); at += 1000 {
		s.put(uint64(at), octets[at:at+1000], limit, 1<<20)
		for from := max(0, at+1000-limit); from+500 <= at+1000; from += 500 {
			p := append([]byte(nil), octets[from:from+500]...)
			require.False(t, s.differ(uint64(from), p), "%d at %d", from, at)
			p[499] ^= 1
			require.True(t, s.differ(uint64(from), p), "%d at %d", from, at)
		}
	}
}

// At a closed window Linux sends the octet before the DATA_ACK again, under a mapping of
// its own, and does not care which octet it is. That is a question and not data.
func TestWindowProbeIsNoConflict(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	data := func(seq, ssn, off, n int, payload ...byte) {
		s.send(fmt.Sprintf("a > b P. %d:%d(%d) ack 501 win 1000 <dss dack8=%d dsn8=%d ssn=%d dll=%d>",
			seq, seq+n, n, s.dsnB(0), s.dsnA(uint64(off)), ssn, n), payload...)
	}
	d := &s.tr.Conns()[0].Dir[0]
	data(111, 11, 10, 8, []byte("abcdefgh")...)
	s.send(fmt.Sprintf("b > a . 501:501(0) ack 119 win 0 <dss dack8=%d>", s.dsnA(18)))
	data(119, 19, 17, 1, 'X')
	require.Zero(t, d.Conflicts)
	require.EqualValues(t, 1, d.DupNewSSN)
	data(120, 20, 16, 2, []byte("XY")...)
	require.EqualValues(t, 1, d.Conflicts, "two octets are no probe")
}
