package mbox

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

var (
	client = netip.MustParseAddrPort("10.0.0.1:40000")
	server = netip.MustParseAddrPort("10.0.0.2:80")
)

// octetAt is what stands at a sequence number, so that payload that moved shows.
func octetAt(seq uint32) byte { return 'a' + byte(seq%26) }

// packet makes the packet that a line describes: ">" c2s or "<" s2c, the text form
// of a segment, and perhaps a payload between quotes at the end.
func packet(t testing.TB, line string) (netsim.Dir, []byte) {
	dir := netsim.Forward
	if line[0] == '<' {
		dir = netsim.Reverse
	}
	text, quoted, hasText := strings.Cut(line[1:], `"`)
	var src, dst netip.AddrPort
	if f := strings.Fields(text); strings.Contains(f[0], ":") && strings.Contains(f[0], ">") {
		a, b, _ := strings.Cut(f[0], ">")
		src, dst = netip.MustParseAddrPort(a), netip.MustParseAddrPort(b)
		text = strings.Replace(text, f[0], "", 1)
	} else if src, dst = client, server; dir == netsim.Reverse {
		src, dst = dst, src
	}
	p, err := wire.ParseText(strings.TrimSpace(text))
	require.NoError(t, err, line)
	s := p.Segment
	s.Src, s.Dst = src, dst
	s.Payload = make([]byte, s.PayloadLen)
	first := s.Seq
	if s.Flags.Has(wire.SYN) {
		first++
	}
	for i := range s.Payload {
		s.Payload[i] = octetAt(first + uint32(i))
	}
	if hasText {
		require.Equal(t, len(s.Payload), copy(s.Payload, quoted[:len(quoted)-1]), line)
	}
	b, err := wire.Append(nil, &s)
	require.NoError(t, err, line)
	return dir, b
}

// show is the line of a packet that left; what is not as usual is marked.
func show(t testing.TB, dir netsim.Dir, pkt []byte) string {
	var s wire.Segment
	pkt = pkt[:len(pkt):len(pkt)]
	require.NoError(t, wire.Parse(&s, pkt))
	require.Equal(t, wire.SumGood, s.Sum, "TCP checksum")
	require.True(t, headerSumGood(pkt), "IP checksum")
	n, ok := packetSize(pkt)
	require.True(t, ok && n == len(pkt), "IP length")
	line := "> "
	want := [2]netip.AddrPort{client, server}
	if dir == netsim.Reverse {
		line, want = "< ", [2]netip.AddrPort{server, client}
	}
	if s.Src != want[0] || s.Dst != want[1] {
		line += fmt.Sprintf("%v>%v ", s.Src, s.Dst)
	}
	line += string(wire.AppendText(nil, &s, wire.TextBase{}))
	plain := true
	first := s.Seq
	if s.Flags.Has(wire.SYN) {
		first++
	}
	for i, c := range s.Payload {
		plain = plain && c == octetAt(first+uint32(i))
	}
	if !plain {
		line += fmt.Sprintf(" %q", s.Payload)
	}
	return line
}

// bench is a line with elements and a script.
type bench struct {
	t    testing.TB
	line *netsim.Line
	now  time.Duration
	out  []string
	log  []string
}

func newBench(t testing.TB, specs ...string) *bench {
	b := &bench{t: t}
	var els []netsim.Element
	for _, s := range specs {
		el, err := Parse(s)
		require.NoError(t, err)
		els = append(els, el)
	}
	b.line = netsim.NewLine(1, func(dir netsim.Dir, pkt []byte) {
		b.out = append(b.out, show(t, dir, pkt))
	}, els...)
	b.line.SetLog(func(e netsim.Entry) { b.log = append(b.log, e.Dir.String()+" "+e.Element+": "+e.Text) })
	return b
}

// run plays a script: packets, and times to wait such as "@5ms". It returns what
// came out, a line each.
func (b *bench) run(script string) string {
	b.out = nil
	for _, line := range lines(script) {
		if wait, ok := strings.CutPrefix(line, "@"); ok {
			d, err := time.ParseDuration(wait)
			require.NoError(b.t, err)
			b.now += d
			require.NoError(b.t, b.line.Advance(b.now))
			continue
		}
		dir, pkt := packet(b.t, line)
		require.NoError(b.t, b.line.Input(b.now, dir, pkt))
	}
	return strings.Join(b.out, "\n")
}

func lines(s string) (l []string) {
	for _, line := range strings.Split(s, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			l = append(l, line)
		}
	}
	return l
}

const handshake = `
	> S 100:100(0) win 65535 <mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7, mp_capable v1 H>
	< S. 300:300(0) ack 101 win 65535 <mss 1460, sackOK, TS val 9 ecr 1, nop, wscale 7, mp_capable v1 H key=0102030405060708>
	> . 101:101(0) ack 301 win 512 <nop, nop, TS val 2 ecr 9, mp_capable v1 H key=0102030405060708+1112131415161718>
`

const data1 = `> P. 101:111(10) ack 301 win 512 <nop, nop, TS val 2 ecr 9, dss dack4=1 dsn8=1 ssn=1 dll=10, nop, nop>`
