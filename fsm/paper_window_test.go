package fsm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/tcp"
)

// waits reports whether the octet at off waits to be sent on subflow 2, or was bound to
// it and has not arrived: a proxy may hold it.
func (x *duo) waits(off uint64) bool {
	for _, e := range x.snd.again {
		if e.lo <= off && off < e.hi {
			return true
		}
	}
	for _, m := range x.snd.subs[1].maps {
		if m.data <= off && off < m.data+uint64(m.len) && m.sub+(off-m.data) >= x.rcv.at(1).flow.Received() {
			return true
		}
	}
	return false
}

// P-3.3.1-01, P-3.3.1-02 (section 3.3.1): with a receive window per subflow, subflow 1
// loses what the application waits for, subflow 2 fills its window, subflow 1 dies
// silently, and the missing data finds no room on subflow 2. One window for the
// connection, relative to the data sequence, always has room for it.
func TestPaperSharedWindow(t *testing.T) {
	const n, buffer = 1_000_000, 64000
	dies := []string{"link delay=30ms rate=10Mbit buffer=100ms"}
	alive := []string{"link delay=10ms rate=10Mbit buffer=100ms"}
	proxied := append([]string{"proxy dir=c2s"}, alive...)
	for _, k := range []struct {
		name   string
		second []string
		d      design
		stuck  bool
	}{
		{"shared", alive, design{}, false},
		{"per subflow", alive, design{window: perSubflowWindow}, true},
		// "The receiver could solve this problem by re-allocating subflow 1's unused
		// buffer to subflow 2"...
		{"borrowed", alive, design{window: borrowWindow}, false},
		// ..."even worse because a TCP proxy on the path may hold data for subflow 2".
		{"shared behind a proxy", proxied, design{}, false},
		{"borrowed behind a proxy", proxied, design{window: borrowWindow}, true},
	} {
		t.Run(k.name, func(t *testing.T) {
			x := newDuo(t, 3, k.d, buffer, stream(n, 1), dies, k.second)
			x.w.MaxStall = time.Hour
			x.open(0)
			x.open(1)
			g := dieAt(x.w, x.path[0], func() bool { return bothBusy([2]*tcp.Flow{x.snd.subs[0].flow, x.snd.subs[1].flow}) })
			err := x.run(0)
			if !g.shut || (err != nil) != k.stuck {
				t.Fatalf("read %d of %d: %v", x.rcv.read, n, err)
			}
			if !k.stuck {
				return
			}
			// It is the deadlock of the paper: nothing to read, nothing free on the
			// subflow that lives, and what is missing waits to be sent on it.
			s, r := x.snd.subs[1].flow, x.rcv.at(1)
			if !x.snd.subs[0].dead || s.State() != tcp.Established {
				t.Errorf("subflow 1 given up: %v; subflow 2 %v", x.snd.subs[0].dead, s.State())
			}
			if x.rcv.read != x.rcv.next || r.pool-r.used >= strawPacket {
				t.Errorf("%d octets to read, room for %d on subflow 2", x.rcv.next-x.rcv.read, r.pool-r.used)
			}
			if !x.waits(x.rcv.next) {
				t.Errorf("octet %d is missing, and nobody has it", x.rcv.next)
			}
			if lent := r.pool > buffer/2; lent != (k.d.window == borrowWindow) {
				t.Errorf("subflow 2 has %d octets of buffer", r.pool)
			}
		})
	}
	for _, second := range [][]string{alive, proxied} {
		w := ours(t, 3, n, func(c *Config) { c.ReceiveBuffer = buffer }, dies, second)
		f := w.flows()
		g := dieAt(w.w, w.path, func() bool { return bothBusy(*f) })
		w.finishTransfer(time.Minute)
		if !g.shut || !w.app[0].conn.Multipath() || f[0].Sent() == f[0].Acked() || f[1].Acked() < n/2 {
			t.Errorf("%q: multipath %v, subflow 1 sent %d, acknowledged %d; subflow 2 %d", second,
				w.app[0].conn.Multipath(), f[0].Sent(), f[0].Acked(), f[1].Acked())
		}
	}
}

// The paths of figure 1: what is sent on subflow 1 is there first, and its ACK is back
// last.
var figure1 = [][]string{{"link c2s.delay=5ms s2c.delay=100ms"}, {"link c2s.delay=10ms s2c.delay=20ms"}}

// fig1 runs figure 1 with a toy: packet 1 on subflow 1, packet 2 on subflow 2, a buffer
// of two packets, and more to be sent. The application reads first at the time reads,
// and then at once. It returns when each packet was sent, and by how much at most the
// sender's idea of the window reached beyond the buffer.
func fig1(t *testing.T, d design, reads time.Duration) (x *duo, sent []time.Duration, beyond int) {
	x = newDuo(t, 1, d, 2*strawPacket, stream(6*strawPacket, 1), figure1...)
	x.slow, x.snd.limit = true, 0
	x.snd.trace = func(now time.Time, sub int, data uint64) { sent = append(sent, now.Sub(netsim.Epoch)) }
	x.w.Check = func() error {
		beyond = max(beyond, int(x.snd.edge)-int(x.rcv.read)-x.rcv.size)
		return nil
	}
	x.open(0)
	x.open(1)
	x.w.At(500*time.Millisecond, func() { x.snd.limit = len(x.snd.out) })
	x.w.At(reads, func() { x.slow = false })
	if err := x.run(time.Minute); err != nil {
		t.Fatal(err)
	}
	return x, sent, beyond
}

// P-3.3.2-01, P-3.3.2-03 (section 3.3.2, figure 1a): the ACK for packet 2, which closes
// the window, overtakes that for packet 1, which leaves room for one. A sender that
// infers the data acknowledgment adds the old window to the new acknowledgment and is
// one packet beyond the buffer.
func TestPaperFigure1a(t *testing.T) {
	x, sent, beyond := fig1(t, design{ack: inferredAck}, 800*time.Millisecond)
	if beyond != strawPacket || x.rcv.overrun == 0 || sent[2] != 605*time.Millisecond {
		t.Errorf("inferred: %d octets beyond the buffer, %d thrown away, sent at %v", beyond, x.rcv.overrun, sent)
	}
	x, sent, beyond = fig1(t, design{}, 800*time.Millisecond)
	if beyond > 0 || x.rcv.overrun != 0 || sent[2] < 800*time.Millisecond {
		t.Errorf("explicit: %d octets beyond the buffer, %d thrown away, sent at %v", beyond, x.rcv.overrun, sent)
	}
	w, two, three, ack1, read := oursFig1(t, false)
	if ack1 < two+30*time.Millisecond || three < read {
		t.Errorf("ours: packet 2 sent at %v, ACK of packet 1 at %v, read at %v, packet 3 at %v", two, ack1, read, three)
	}
	if s := w.ep[1].stats; s.RcvPruned != 0 || w.ep[1].flows.RcvQDrop != 0 || w.ep[1].flows.OutOfWindow != 0 {
		t.Errorf("ours: %d octets pruned, %d refused, %d segments out of window", s.RcvPruned, w.ep[1].flows.RcvQDrop, w.ep[1].flows.OutOfWindow)
	}
}

// P-3.3.2-02 (section 3.3.2, figure 1b): the application has read both packets when the
// ACK for packet 2 leaves, with room for two more. Where the data acknowledgment is
// inferred this says nothing before the ACK for packet 1 is there, and then the window
// in that is the old one: sending opportunities are missed.
func TestPaperFigure1b(t *testing.T) {
	const reads, ack2, ack1 = 508 * time.Millisecond, 530 * time.Millisecond, 605 * time.Millisecond
	_, sent, _ := fig1(t, design{ack: inferredAck}, reads)
	if sent[2] != ack1 || sent[3] <= ack1 {
		t.Errorf("inferred: sent at %v", sent)
	}
	_, sent, _ = fig1(t, design{}, reads)
	if sent[2] != ack2 || sent[3] != ack2 {
		t.Errorf("explicit: sent at %v", sent)
	}
	_, two, three, first, _ := oursFig1(t, true)
	if three != two+30*time.Millisecond || first < three {
		t.Errorf("ours: packet 2 sent at %v, packet 3 at %v, ACK of packet 1 at %v", two, three, first)
	}
}

// oursFig1 is figure 1 with our hosts. Packet 1 is sent when the join begins, whose
// handshake takes less time than the ACK of packet 1, and packet 2 when subflow 2 is
// up. The application of the server reads first a while after packet 2 was sent, or, if
// early, as soon as packet 1 was acknowledged. It returns when packets 2 and 3 were
// sent, when the ACK of packet 1 came back, and when the server first read.
func oursFig1(t *testing.T, early bool) (w *world, two, three, ack1, read time.Duration) {
	w = newWorld(t, 1, testConfig(1), testConfig(2, func(c *Config) { c.ReceiveBuffer = 2 * strawPacket }), figure1[0]...)
	w.addPath(figure1[1]...)
	a, b := w.app[0], w.app[1]
	data := stream(1+6*strawPacket, 1)
	a.out, b.closing = data[:1], true // one octet proves the connection
	write := func(now time.Time, to int) {
		a.out = data[:to]
		n, _ := a.conn.Write(now, a.out[a.wrote:])
		a.wrote += n
	}
	joined := false
	a.more = func(now time.Time) {
		i := a.conn.Info()
		switch {
		case !joined && i.Acked == 1:
			if err := a.conn.Join(now, netip.AddrPortFrom(clientAddr2, 0), serverPort2, false); err != nil {
				t.Fatal(err)
			}
			joined = true
			write(now, 1+strawPacket)
			b.hold = true
			w.w.After(6*time.Millisecond, func() { b.hold = !early })
			w.w.After(400*time.Millisecond, func() { b.hold, read = false, w.w.Elapsed() })
		case i.SubflowsUp == 2 && len(a.out) == 1+strawPacket:
			write(now, 1+2*strawPacket)
			two = w.w.Elapsed()
			w.w.After(0, func() { a.out, a.closing = data, true })
		}
	}
	check := w.w.Check
	w.w.Check = func() error {
		for _, s := range a.conn.Subflows(nil) {
			if s.Remote == serverPort && s.Flow.Acked() > 1 && ack1 == 0 {
				ack1 = w.w.Elapsed()
			}
		}
		if i := a.conn.Info(); i.Sent > 1+2*strawPacket && three == 0 {
			three = w.w.Elapsed()
		}
		if sv := b.conn; sv != nil && a.conn.Info().PeerEdge > sv.Info().Edge {
			t.Errorf("the client's window reaches to %d, the server's to %d", a.conn.Info().PeerEdge, sv.Info().Edge)
		}
		return check()
	}
	w.dial()
	w.finishTransfer(time.Minute)
	return w, two, three, ack1, read
}
