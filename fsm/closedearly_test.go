package fsm

import (
	"fmt"
	"math/bits"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// loser loses the packets of each direction whose bit is set, by their number.
type loser struct {
	lose [2]uint
	seen [2]int
}

func (x *loser) String() string { return fmt.Sprintf("loser %b %b", x.lose[0], x.lose[1]) }

func (x *loser) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	n := x.seen[dir]
	x.seen[dir]++
	if x.lose[dir]>>n&1 != 0 {
		at.Drop(dir, p, "lost")
		return
	}
	at.Send(dir, p)
}

// R3.1-14: a DATA_FIN without data finds no room beside the keys, so an ACK with them goes
// before it, each time that it is sent, until the peer shows that it has them.
func TestDataFinBehindTheKeys(t *testing.T) {
	b := opened(t)
	keys, fin := ". 1:1(0) ack 1 <mp_capable v1 H key=KO+KP>", ". 1:1(0) ack 1 <dss dack4=P+0 dsn8=O+0 ssn=0 dll=1 fin>"
	b.conn.CloseWrite(b.now)
	for range 3 {
		b.want("the keys, which may have been lost", keys)
		b.want("the DATA_FIN", fin)
		b.wantIdle("until the next time")
		b.wait(time.Hour)
	}
	b.want("the keys again", keys)
	b.inject(". 1:1(0) ack 1 <dss dack4=O+0>")
	b.want("the DATA_FIN behind them", fin)
	b.wait(time.Hour)
	b.want("the peer has the keys", fin)
	b.inject(". 1:1(0) ack 1 <dss dack4=O+1>")
	b.wantIdle("half-closed")
}

// R3.1-14: the keys reach the listener though what carries them first is lost, also where
// nothing follows them but a DATA_FIN, beside which they find no room: every way to lose some
// of the first packets of a connection that is closed at once. It ends in order, and it is
// Multipath TCP for both.
func TestKeysBesideADataFin(t *testing.T) {
	up, back := uint(6), uint(3)
	if testing.Short() {
		up, back = 4, 1
	}
	for _, k := range []struct {
		name         string
		client, late bool // the client closes at once; the server when it has read to the end
		n            int  // octets from the client
		sum          bool // DSS checksums
	}{
		{"client first", true, true, 0, true},
		{"client first, no checksum", true, true, 0, false},
		{"both at once", true, false, 0, true},
		{"server first", false, false, 0, true},
		{"one octet", true, true, 1, true},
	} {
		t.Run(k.name, func(t *testing.T) {
			for lost := range uint(1) << (up + back) {
				cfg := func(c *Config) { c.NoChecksum = !k.sum }
				w := newWorld(t, 1, testConfig(1, cfg), testConfig(2, cfg))
				x := &loser{lose: [2]uint{lost & (1<<up - 1), lost >> up}}
				w.path.Insert(0, x)
				c, s := w.app[0], w.app[1]
				c.out = stream(k.n, 1)
				for i, atOnce := range []bool{k.client, !k.late} {
					a, turn := w.app[i], w.node[i].App
					w.node[i].App = func(now time.Time) {
						turn(now)
						if a.conn != nil && a.conn.opened && (atOnce || a.eof) && a.wrote == len(a.out) {
							a.conn.CloseWrite(now)
						}
					}
				}
				w.dial()
				err := w.w.RunUntil(w.done, 15*time.Minute)
				if err != nil || c.err != nil || s.err != nil {
					t.Fatalf("%v: %v, client %v, server %v", x, err, c.err, s.err)
				}
				if c.in.Len() != 0 || s.in.Len() != k.n {
					t.Fatalf("%v: %d and %d octets", x, c.in.Len(), s.in.Len())
				}
				if x.lose[1] == 0 && bits.OnesCount(x.lose[0]) <= 2 && !(c.conn.Multipath() && s.conn.Multipath()) {
					t.Errorf("%v: plain TCP", x)
				}
				w.idle()
			}
		})
	}
}
