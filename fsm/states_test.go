package fsm

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

var update = flag.Bool("update", false, "rewrite generated files")

const diagramFile = "../docs/states-conn.md"

// drain polls until nothing is left to be sent.
func (b *bench) drain() {
	var seg wire.Segment
	for b.poll(&seg) {
		if seg.Flags.Has(wire.SYN) {
			b.ourISN = seg.Seq
		}
	}
}

// place says where the peer is: its next sequence number, the acknowledgment of all we
// sent, both relative, and the same of the data level.
type place struct{ seq, ack, data, dack uint64 }

func (b *bench) place() (p place) {
	c := b.conn
	if len(c.subflows) == 0 {
		return place{4, 1, 3, 0}
	}
	f := c.subflows[0].flow
	p = place{1 + f.Received(), 1 + f.Sent(), c.rcv.next, c.snd.next}
	if f.PeerClosed() {
		p.seq++
	}
	if c.subflows[0].fin {
		p.ack++
	}
	if c.rcv.finDone {
		p.data++
	}
	if c.snd.finSent {
		p.dack++
	}
	return p
}

// say injects a segment of the peer's with its place filled in: {s}, {a}, {d} and {k}
// stand for the four numbers of place, {e} for three octets on, {u} for what is
// DATA_ACKed already.
func (b *bench) say(text string) {
	b.t.Helper()
	p := b.place()
	b.inject(strings.NewReplacer("{s}", fmt.Sprint(p.seq), "{e}", fmt.Sprint(p.seq+3), "{a}", fmt.Sprint(p.ack),
		"{d}", fmt.Sprint(p.data), "{k}", fmt.Sprint(p.dack), "{u}", fmt.Sprint(b.conn.snd.una)).Replace(text))
	b.drain()
}

const (
	sayDataFin    = ". {s}:{s}(0) ack {a} <dss dack8=O+{u} dsn8=P+{d} ssn=0 dll=1 fin>"
	sayDataAck    = ". {s}:{s}(0) ack {a} <dss dack8=O+{k}>"
	sayDataFinAck = ". {s}:{s}(0) ack {a} <dss dack8=O+{k} dsn8=P+{d} ssn=0 dll=1 fin>"
)

// reach brings a bench into a state of the connection by the shortest way.
func reach(t *testing.T, s State) *bench {
	if s == Opening {
		b := newBench(t, true)
		b.want("SYN", "S 0:0(0) <mp_capable v1>")
		return b
	}
	b := accepted(t, func(c *Config) { c.FastcloseByAck = s == FastcloseWait })
	end := func() { b.conn.CloseWrite(b.now); b.drain() }
	switch s {
	case FinWait1:
		end()
	case FinWait2:
		end()
		b.say(sayDataAck)
	case CloseWait:
		b.say(sayDataFin)
	case Closing:
		end()
		b.say(sayDataFin)
	case LastAck:
		b.say(sayDataFin)
		end()
	case TimeWait:
		end()
		b.say(sayDataFinAck)
	case FastcloseWait, Closed:
		b.conn.Abort(b.now)
		b.drain()
	}
	require.Equal(t, s, b.conn.State())
	return b
}

// TestEveryStateAndInput is RD-01 (RFC 8684 appendix D, figure 22), R3.3.3-09, R3.5-04,
// R3.5-05, R3.5-07, R3.3-07: every input in every state leads where docs/states-conn.md
// says, nothing panics, and what is sent is well formed.
func TestEveryStateAndInput(t *testing.T) {
	inputs := []struct {
		name string
		do   func(b *bench)
	}{
		{"SYN/ACK with MP_CAPABLE", func(b *bench) { b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 H key=KP>") }},
		{"SYN/ACK without", func(b *bench) { b.inject("S. 0:0(0) ack 1 <mss 1460>") }},
		{"close", func(b *bench) { b.conn.CloseWrite(b.now) }},
		{"DATA_FIN", func(b *bench) { b.say(sayDataFin) }},
		{"DATA_ACK of all", func(b *bench) { b.say(sayDataAck) }},
		{"DATA_FIN with DATA_ACK of all", func(b *bench) { b.say(sayDataFinAck) }},
		{"data", func(b *bench) { b.say("P. {s}:{e}(3) ack {a} <dss dack8=O+{u} dsn8=P+{d} ssn={s} dll=3>") }},
		{"DATA_ACK beyond all", func(b *bench) { b.say(". {s}:{s}(0) ack {a} <dss dack8=O+9000>") }},
		{"ACK without options", func(b *bench) { b.say(". {s}:{s}(0) ack {a}") }},
		{"FIN of the only subflow", func(b *bench) { b.say("F. {s}:{s}(0) ack {a} <dss dack8=O+{u}>") }},
		{"RST of the only subflow", func(b *bench) { b.say("R. {s}:{s}(0) ack {a}") }},
		{"infinite mapping", func(b *bench) { b.say("P. {s}:{e}(3) ack {a} <dss dack8=O+{u} dsn8=P+{d} ssn={s} dll=0>") }},
		{"MP_FAIL", func(b *bench) { b.say(". {s}:{s}(0) ack {a} <mp_fail dsn=O+{u}>") }},
		{"MP_FASTCLOSE on an ACK", func(b *bench) { b.say(". {s}:{s}(0) ack {a} <mp_fastclose key=KO>") }},
		{"MP_FASTCLOSE on a RST", func(b *bench) { b.say("R. {s}:{s}(0) ack {a} <mp_fastclose key=KO>") }},
		{"MP_FASTCLOSE, wrong key", func(b *bench) { b.say(". {s}:{s}(0) ack {a} <mp_fastclose key=KP>") }},
		{"abort", func(b *bench) { b.conn.Abort(b.now) }},
		{"an hour", func(b *bench) {
			for end := b.now.Add(time.Hour); b.now.Before(end); b.drain() {
				b.wait(end.Sub(b.now))
			}
		}},
	}
	names := make([]string, len(inputs))
	seen := make([][]string, Closed+1)
	for s := Opening; s <= Closed; s++ {
		for i, in := range inputs {
			names[i] = in.name
			b := reach(t, s)
			wasPlain := b.conn.mode == plain
			in.do(b)
			b.drain()
			if err := b.conn.Err(); err != nil && b.conn.State() != Closed && b.conn.State() != FastcloseWait {
				t.Errorf("%v: %s: in %v with %v", s, in.name, b.conn.State(), err)
			}
			to := b.conn.State().String()
			if !wasPlain && b.conn.mode == plain && !b.conn.ended {
				to += ", plain"
			}
			seen[s] = append(seen[s], to)
		}
	}
	checkDiagram(t, names, seen)
}

// checkDiagram compares docs/states-conn.md with the transitions that were seen.
func checkDiagram(t *testing.T, inputs []string, seen [][]string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# The states of a connection\n\n" +
		"Written by `go test ./fsm -run TestEveryStateAndInput -update`: each arrow and each cell is\n" +
		"what the code did when the test brought a connection with one subflow into the state and\n" +
		"gave it the input. The names are those of RFC 8684 appendix D, with OPENING before the\n" +
		"handshake is done and M_FASTCLOSE_WAIT while an MP_FASTCLOSE on an ACK waits for its RST.\n" +
		"\"Plain\" is a fallback: the connection goes on as TCP and is never Multipath TCP again.\n" +
		"What every state answers alike (MP_FASTCLOSE, an abort, an hour of silence, fallbacks) is\n" +
		"in the table only.\n\n```mermaid\nstateDiagram-v2\n    direction TB\n")
	id := func(s string) string { return strings.ReplaceAll(s, "-", "_") }
	fmt.Fprintf(&b, "    [*] --> %s : dial\n    [*] --> %s : third packet to a listener\n", id(Opening.String()), id(Established.String()))
	drawn := []string{"SYN/ACK with MP_CAPABLE", "close", "DATA_FIN", "DATA_ACK of all", "DATA_FIN with DATA_ACK of all"}
	for from := range seen {
		var to []string
		labels := map[string][]string{}
		for i, s := range seen[from] {
			if s == State(from).String() || !slices.Contains(drawn, inputs[i]) || strings.HasSuffix(s, "plain") {
				continue
			}
			if labels[s] == nil {
				to = append(to, s)
			}
			labels[s] = append(labels[s], inputs[i])
		}
		for _, s := range to {
			fmt.Fprintf(&b, "    %s --> %s : %s\n", id(State(from).String()), id(s), strings.Join(labels[s], " or "))
		}
	}
	fmt.Fprintf(&b, "    %s --> %s : all subflows closed\n    %s --> [*]\n```\n\n", id(TimeWait.String()), id(Closed.String()), id(Closed.String()))
	b.WriteString("A dot: the state stays.\n\n| input |")
	for s := range seen {
		fmt.Fprintf(&b, " %v |", State(s))
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(seen)) + "\n")
	for i, in := range inputs {
		fmt.Fprintf(&b, "| %s |", in)
		for s := range seen {
			to := seen[s][i]
			to = strings.TrimPrefix(to, State(s).String()+", ")
			if to == State(s).String() {
				to = "."
			}
			fmt.Fprintf(&b, " %s |", to)
		}
		b.WriteString("\n")
	}
	if *update {
		require.NoError(t, os.WriteFile(diagramFile, []byte(b.String()), 0o644))
	}
	have, err := os.ReadFile(diagramFile)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "%s is not what the code does; -update rewrites it", diagramFile)
}
