package fields_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/mptcp-go/mptcp/wire"
)

// segment is one of the client (port 1000) or the server (port 5001).
type segment struct {
	server   bool
	seq, ack uint32
	flags    wire.Flags
	scale    int // window scale, -1: no such option
}

func c(seq, ack uint32, flags wire.Flags) segment { return segment{false, seq, ack, flags, -1} }
func s(seq, ack uint32, flags wire.Flags) segment { return segment{true, seq, ack, flags, -1} }
func (g segment) scaled(shift int) segment        { g.scale = shift; return g }

func (g segment) frame() []byte {
	var options []byte
	if g.scale >= 0 {
		options = []byte{3, 3, byte(g.scale), 1}
	}
	b := ethernetFrame(1000, 5001, g.flags, options, nil)
	tcp := b[34:]
	if g.server {
		b[29], b[33] = 2, 1
		binary.BigEndian.PutUint16(tcp, 5001)
		binary.BigEndian.PutUint16(tcp[2:], 1000)
	}
	binary.BigEndian.PutUint32(tcp[4:], g.seq)
	binary.BigEndian.PutUint32(tcp[8:], g.ack)
	return b
}

// TestStreams has, for each segment, tcp.stream, tcp.seq, tcp.ack and
// tcp.window_size_scalefactor as tshark 4.0.17 shows them; "-" if it does not.
func TestStreams(t *testing.T) {
	const S, A, F, R = wire.SYN, wire.ACK, wire.FIN, wire.RST
	for _, tt := range []struct {
		name     string
		segments []segment
		want     string
	}{
		{"a handshake, the SYN repeated", []segment{c(100, 0, S), c(100, 0, S), s(500, 101, S|A), c(101, 501, A)},
			"0 0 0 -|0 0 0 -|0 0 1 -|0 1 1 -2"},
		{"another SYN is another stream, its SYN/ACKs are not", []segment{c(100, 0, S), c(200, 0, S), s(500, 201, S|A), s(600, 101, S|A), c(101, 601, A)},
			"0 0 0 -|1 0 0 -|1 0 1 -|1 0 4294967197 -|1 4294967197 1 -2"},
		{"the same SYN after a RST", []segment{c(100, 0, S), s(0, 101, R|A), c(100, 0, S), s(500, 101, S|A)},
			"0 0 0 -|0 1 1 -2|0 0 0 -|0 0 1 -"},
		{"the same SYN after a FIN", []segment{c(100, 0, S), s(500, 101, S|A), c(101, 501, F|A), c(100, 0, S)},
			"0 0 0 -|0 0 1 -|0 1 1 -2|0 0 0 -"},
		{"from the middle, then a SYN that fits, then one that does not", []segment{c(101, 501, A), c(100, 0, S), c(102, 501, A), c(300, 0, S)},
			"0 1 1 -1|0 0 0 -|0 2 1 -2|1 0 0 -"},
		{"the SYN/ACK first", []segment{s(500, 101, S|A), c(100, 0, S), c(101, 501, A)},
			"0 0 1 -|0 0 0 -|0 1 1 -2"},
		{"the SYN/ACK first, of another SYN", []segment{s(500, 101, S|A), c(900, 0, S)},
			"0 0 1 -|1 0 0 -"},
		{"simultaneous open", []segment{c(100, 0, S), s(500, 0, S), c(100, 501, S|A), s(500, 101, S|A)},
			"0 0 0 -|0 0 0 -|0 0 1 -|0 0 1 -"},
		{"the server reopens with the same ports", []segment{c(100, 0, S), s(500, 101, S|A), s(501, 101, F|A), s(900, 0, S), c(900, 901, S|A)},
			"0 0 0 -|0 0 1 -|0 1 1 -2|1 0 0 -|1 0 1 -"},
		{"an old segment after reuse", []segment{c(100, 0, S), s(500, 101, S|A), c(200, 0, S), c(101, 501, A), s(501, 103, A)},
			"0 0 0 -|0 0 1 -|1 0 0 -|1 4294967197 1 -2|1 1 4294967199 -2"},
		{"an ack without its flag, and around 2^32", []segment{c(0xffffffff, 7, S), s(500, 0, S|A), c(0, 501, A), c(5, 0, 0), c(5, 9, R)},
			"0 0 7 -|0 0 1 -|0 1 1 -2|0 6 0 -2|0 6 9 -2"},
		{"from the middle, a RST first", []segment{c(1000, 5000, R), s(5000, 1003, A), c(1003, 5002, A)},
			"0 1 5000 -1|0 1 4 -1|0 4 3 -1"},
		{"scales of both", []segment{c(100, 0, S).scaled(7), s(500, 101, S|A).scaled(8), c(101, 501, A), s(501, 101, A)},
			"0 0 0 -|0 0 1 -|0 1 1 128|0 1 1 256"},
		{"scales of one", []segment{c(100, 0, S).scaled(7), s(500, 101, S|A), c(101, 501, A), s(501, 101, A)},
			"0 0 0 -|0 0 1 -|0 1 1 -2|0 1 1 -2"},
		{"scale above 14; the other SYN unseen", []segment{c(100, 0, S).scaled(15), c(101, 501, A), s(501, 101, A)},
			"0 0 0 -|0 1 1 16384|0 1 1 -1"},
	} {
		x := fields.NewExtractor()
		var got []string
		for i, g := range tt.segments {
			b := g.frame()
			r := x.Frame(&pcap.Frame{Number: i + 1, Link: pcap.LinkEthernet, Data: b, Len: len(b)})
			factor := string(r.Append(nil, id(t, "tcp.window_size_scalefactor"), ","))
			if factor == "" {
				factor = "-"
			}
			got = append(got, fmt.Sprintf("%s %s %s %s", r.Append(nil, id(t, "tcp.stream"), ","),
				r.Append(nil, id(t, "tcp.seq"), ","), r.Append(nil, id(t, "tcp.ack"), ","), factor))
		}
		if g := strings.Join(got, "|"); g != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.name, g, tt.want)
		}
	}
}
