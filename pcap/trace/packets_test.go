package trace

import (
	"encoding/binary"
	"fmt"
	"testing"
	"unsafe"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/wire"
	"github.com/stretchr/testify/require"
)

// packet is a SYN of a to b with MP_CAPABLE.
func packet(t *testing.T, port uint16) []byte {
	p, err := wire.ParseText("S 100:100(0) win 65535 <mss 1460, mp_capable v1 H>")
	require.NoError(t, err)
	s := p.Segment
	s.Src, s.Dst = endpoints["a"], endpoints["b"]
	s.Src = netipPort(s.Src.Addr().String(), port)
	b, err := wire.Append(nil, &s)
	require.NoError(t, err)
	return b
}

// outer wraps inner in an IPv4 header of that protocol, after header octets.
func outer(proto byte, header, inner []byte) []byte {
	b := make([]byte, 20, 20+len(header)+len(inner))
	b[0], b[8], b[9] = 0x45, 64, proto
	copy(b[12:], []byte{192, 0, 2, 1, 192, 0, 2, 2})
	b = append(append(b, header...), inner...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func udp(port uint16, header []byte) []byte {
	b := make([]byte, 8)
	binary.BigEndian.PutUint16(b[0:], 50000)
	binary.BigEndian.PutUint16(b[2:], port)
	return append(b, header...)
}

func withUDPLength(header, inner []byte) []byte {
	binary.BigEndian.PutUint16(header[4:], uint16(len(header)+len(inner)))
	return header
}

func TestTunnelsAreOpened(t *testing.T) {
	inner := packet(t, 40000)
	gtp := udp(2152, []byte{0x30, 0xff, 0, byte(len(inner)), 0, 0, 0, 1})
	ether := append(append(make([]byte, 12), 0x08, 0x00), inner...)
	vxlan := udp(4789, []byte{8, 0, 0, 0, 0, 0, 7, 0})
	for kind, pkt := range map[pcap.TunnelKind][]byte{
		pcap.IPinIP: outer(4, nil, inner),
		pcap.GRE:    outer(47, []byte{0, 0, 8, 0}, inner),
		pcap.GTPU:   outer(17, withUDPLength(gtp, inner), inner),
		pcap.VXLAN:  outer(17, withUDPLength(vxlan, ether), ether),
	} {
		tr := New(Config{})
		tr.Add(0, &pcap.Frame{Number: 1, Link: pcap.LinkRaw, Len: len(pkt), Data: pkt})
		tr.Finish()
		require.Equal(t, 1, tr.Totals.TCP, kind)
		require.Equal(t, 1, tr.Totals.Tunnelled, kind)
		require.Equal(t, 1, tr.Totals.Tunnels[kind], kind)
		require.Len(t, tr.Conns(), 1, kind)
		require.Zero(t, tr.Totals.BadSum, kind)
	}
}

func TestWhatIsNotJudgedIsCounted(t *testing.T) {
	tr := New(Config{})
	n := 0
	add := func(link pcap.LinkType, pkt []byte, wireLen int) {
		n++
		tr.Add(0, &pcap.Frame{Number: n, Link: link, Len: wireLen, Data: pkt})
	}
	frag := packet(t, 1)
	frag[6] = 0x20 // more fragments
	add(pcap.LinkRaw, frag, len(frag))
	other := outer(1, nil, make([]byte, 8))
	add(pcap.LinkRaw, other, len(other))
	arp := append(make([]byte, 12), 0x08, 0x06, 0, 1)
	add(pcap.LinkEthernet, arp, len(arp))
	add(pcap.LinkType(249), packet(t, 2), len(packet(t, 2)))
	bad := packet(t, 3)
	bad[0] = 0x41 // a header of 4 octets
	add(pcap.LinkRaw, bad, len(bad))
	cut := packet(t, 4)
	add(pcap.LinkRaw, cut[:42], len(cut)) // through the options
	tr.Finish()
	got := tr.Totals
	require.Equal(t, 6, got.Packets)
	require.Equal(t, 1, got.Fragments)
	require.Equal(t, 1, got.NotTCP)
	require.Equal(t, 1, got.NotIP)
	require.Equal(t, 1, got.Unsupported)
	require.Equal(t, 1, got.Malformed)
	require.Equal(t, 1, got.TCP)
	require.Equal(t, 1, got.Truncated)
}

// A flood keeps no more flows than the limit says, and says what it forgot.
func TestFlowsAreBounded(t *testing.T) {
	tr := New(Config{Limits: Limits{Flows: 100}})
	for i := range 1000 {
		pkt := packet(t, uint16(1000+i))
		tr.Add(0, &pcap.Frame{Number: i + 1, Link: pcap.LinkRaw, Len: len(pkt), Data: pkt})
	}
	tr.Finish()
	require.Len(t, tr.Subflows(), 100)
	require.Len(t, tr.Conns(), 100)
	require.Equal(t, 900, tr.Totals.ForgottenConns)
	require.Equal(t, 900, tr.Totals.ForgottenFindings[Warn])
	require.Equal(t, 999, tr.Conns()[99].ID)
	require.LessOrEqual(t, len(tr.conns), 250)
	require.LessOrEqual(t, len(tr.subflows), 250)
	require.LessOrEqual(t, len(tr.flows.all), 100)
}

// Mappings and spans stay within their limits however data is scattered.
func TestEvidenceIsBounded(t *testing.T) {
	s := newScript(t, Config{Limits: Limits{Spans: 64, Mappings: 32, Store: 8 << 10, Total: 16 << 10}})
	s.open("H")
	for i := range 2000 { // every second range: nothing merges, nothing is acknowledged
		off := uint64(10 + 20*i)
		seq := 111 + 20*i
		s.send(fmt.Sprintf("a > b P. %d:%d(10) ack 501 win 1000 <dss dsn8=%d ssn=%d dll=10>", seq, seq+10, s.dsnA(off), 11+20*i))
	}
	c := s.tr.Conns()[0]
	d := &c.Dir[0]
	require.LessOrEqual(t, len(d.ledger.at)-d.ledger.head, 64)
	maps := &c.Subflows[0].Dir[0].maps
	require.LessOrEqual(t, len(maps.at)-maps.head, 32)
	require.LessOrEqual(t, s.tr.stored, 16<<10)
	require.EqualValues(t, 10+2000*10, d.NewBytes)
	// What was forgotten is not judged, and that is said.
	s.send(fmt.Sprintf("a > b P. 111:121(10) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=10>", s.dsnA(10)))
	require.EqualValues(t, 10, d.OldUnjudged)
	require.Contains(t, s.ids(), "MPD-EVIDENCE-DROPPED")
}

// What a connection costs once it is settled: the classes of the allocator that
// these sizes fall in are 640 and 1024 octets.
func TestSizeOfWhatIsKept(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(Subflow{}), uintptr(640))
	require.LessOrEqual(t, unsafe.Sizeof(Conn{}), uintptr(1024))
}
