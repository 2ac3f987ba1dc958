package fsm

import (
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/tcp"
)

var duoPaths = [][]string{{"link delay=10ms rate=10Mbit buffer=100ms"}, {"link delay=30ms rate=10Mbit buffer=100ms"}}

// Every strawman must work where nothing is in its way: then it fails elsewhere for
// what it is, and not for a mistake in the toy.
func TestStrawmenWorkOnCleanPaths(t *testing.T) {
	for _, d := range []design{
		{}, {window: perSubflowWindow}, {window: borrowWindow}, {ack: inferredAck},
		{mapping: dsnOnly}, {mapping: absoluteMapping}, {freeEarly: true},
	} {
		x := newDuo(t, 1, d, 64000, stream(500_000, 1), duoPaths...)
		x.open(0)
		x.open(1)
		if err := x.run(time.Minute); err != nil {
			t.Errorf("%+v: read %d: %v", d, x.rcv.read, err)
		}
		if x.rcv.misplaced != 0 || x.rcv.overrun != 0 || !x.rcv.subs[0].any || !x.rcv.subs[1].any {
			t.Errorf("%+v: %d octets misplaced, %d beyond the buffer", d, x.rcv.misplaced, x.rcv.overrun)
		}
	}
}

// ours is a world with two hosts of ours and one or two paths, on which the client is
// to send n octets. run runs it to the end and expects the stream whole.
func ours(t *testing.T, seed uint64, n int, set func(*Config), paths ...[]string) *world {
	t.Helper()
	if set == nil {
		set = func(*Config) {}
	}
	w := newWorld(t, seed, testConfig(1, set), testConfig(2, set), paths[0]...)
	if len(paths) == 1 {
		w.app[0].out = stream(n, 1)
		w.app[0].closing, w.app[1].closing = true, true
		w.dial()
	} else {
		w.addPath(paths[1]...)
		w.twoPaths(n, 0)
	}
	return w
}

// flows returns the client's subflows that there ever were, by path, also after they
// ended. Call it before the world runs.
func (w *world) flows() *[2]*tcp.Flow {
	var f [2]*tcp.Flow
	w.app[0].watch = func() {
		for _, s := range w.app[0].conn.Subflows(nil) {
			f[min(1, int(s.Local.Addr().As4()[1]))] = s.Flow
		}
	}
	return &f
}

// gate is the end of a path that dies silently: once shut it lets nothing through.
type gate struct{ shut bool }

func (g *gate) String() string { return "gate" }

func (g *gate) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	if g.shut {
		at.Drop(dir, p, "the path is dead")
		return
	}
	at.Send(dir, p)
}

// dieAt puts a gate at the far end of a path and shuts it when first is true, asked
// after every turn of a host.
func dieAt(w *netsim.World, p *netsim.Path, first func() bool) *gate {
	g := &gate{}
	p.Insert(len(p.Elements()), g)
	check := w.Check
	w.Check = func() error {
		g.shut = g.shut || first()
		if check != nil {
			return check()
		}
		return nil
	}
	return g
}

// bothBusy reports whether there is plenty in flight on the first flow, and the second
// has delivered something.
func bothBusy(f [2]*tcp.Flow) bool {
	return f[0] != nil && f[1] != nil && f[0].InFlight() >= 5*strawPacket && f[1].Acked() > 0
}
