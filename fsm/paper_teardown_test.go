package fsm

import (
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/tcp"
)

// Paper section 3.4, P-3.4-02: data goes out on subflow A just before the last data and
// the FIN on subflow B; A fails before it arrives. Where the FIN is in the data sequence
// space B has sent it and can carry nothing more, and what A had is lost. A FIN that
// means no more than "nothing more on this subflow", and a DATA_FIN, lose nothing.
func TestPaperTeardown(t *testing.T) {
	const n = 40 * strawPacket
	// A is slow: the end overtakes what it carries.
	a, b := []string{"link delay=200ms rate=10Mbit"}, []string{"link delay=10ms rate=10Mbit"}
	for _, k := range []struct {
		name string
		d    design
		dies bool
		lost bool
	}{
		{"FIN in the data sequence space, no failure", design{finWithData: true}, false, false},
		{"FIN in the data sequence space", design{finWithData: true}, true, true},
		{"FIN of the subflow", design{}, true, false},
	} {
		t.Run(k.name, func(t *testing.T) {
			x := newDuo(t, 5, k.d, 1<<16, stream(n, 1), a, b)
			x.w.MaxStall = time.Hour
			x.open(0)
			x.open(1)
			x.snd.limit = n / 2
			x.w.At(time.Second, func() { x.snd.limit = n })
			g := dieAt(x.w, x.path[0], func() bool {
				f := x.snd.subs[0].flow
				return k.dies && x.snd.next == n && f.Sent() == f.Available() && f.InFlight() > 0
			})
			err := x.run(0)
			if g.shut != k.dies || (err != nil) != k.lost {
				t.Fatalf("path dead %v, read %d of %d: %v", g.shut, x.rcv.read, n, err)
			}
			if !k.lost {
				return
			}
			f := x.snd.subs[1].flow
			if !x.snd.subs[0].dead || f.State() != tcp.FinWait2 || !x.rcv.at(1).flow.PeerClosed() || len(x.snd.again) == 0 {
				t.Errorf("subflow A given up: %v, B %v, %d ranges wait to be sent again", x.snd.subs[0].dead, f.State(), len(x.snd.again))
			}
			if x.rcv.next >= n || x.rcv.by[n-1] == 0 || x.rcv.subs[x.rcv.by[n-1]-1] != x.rcv.at(1) {
				t.Errorf("the end is here (by subflow %d), the middle is not: %d", x.rcv.by[n-1], x.rcv.next)
			}
		})
	}
	for _, early := range []bool{false, true} {
		w := ours(t, 5, 10*n, func(c *Config) { c.EarlyFIN = early }, a, []string{"link delay=10ms rate=2Mbit buffer=100ms"})
		f := w.flows()
		g := dieAt(w.w, w.path, func() bool {
			c := w.app[0].conn
			return c != nil && c.snd.finSent && f[0] != nil && f[1] != nil && f[0].InFlight() > 0 && f[1].Acked() > 0
		})
		w.finishTransfer(time.Minute)
		if !g.shut || !w.app[0].conn.Multipath() || w.ep[0].stats.MPTCPRetrans == 0 {
			t.Errorf("path dead %v, multipath %v, %d repetitions", g.shut, w.app[0].conn.Multipath(), w.ep[0].stats.MPTCPRetrans)
		}
		w.idle()
	}
}

// The same for every moment at which A may die, of a stream that ends while both carry.
func TestPaperTeardownAtEveryMoment(t *testing.T) {
	step := 2 * time.Millisecond
	if testing.Short() {
		step = 20 * time.Millisecond
	}
	repeated := uint64(0)
	for _, early := range []bool{false, true} {
		for at := time.Duration(0); at < 400*time.Millisecond; at += step {
			w := ours(t, 6, 150_000, func(c *Config) { c.EarlyFIN = early }, []string{"link delay=40ms rate=4Mbit buffer=100ms"},
				[]string{"link delay=10ms rate=4Mbit buffer=100ms"})
			dieAt(w.w, w.path, func() bool { return w.w.Elapsed() >= 150*time.Millisecond+at })
			w.finishTransfer(time.Minute)
			if !w.app[0].conn.Multipath() {
				t.Fatalf("it fell back when A died after %v", at)
			}
			w.idle()
			repeated += w.ep[0].stats.MPTCPRetrans
		}
	}
	if repeated == 0 {
		t.Error("nothing ever had to be repeated")
	}
}

// Paper section 3.4: the DATA_FIN is sent at once, so the receiving application knows with
// the last octet that nothing more comes: a FIN held back until everything is DATA_ACKed
// would tell it a round trip later.
func TestPaperEndIsKnownAtOnce(t *testing.T) {
	w := ours(t, 7, 100_000, nil, []string{"link delay=50ms rate=10Mbit"}, []string{"link delay=70ms rate=10Mbit"})
	var last, eof time.Time
	w.app[1].watch = func() {
		if n, end := w.app[1].conn.Readable(); last.IsZero() && w.app[1].in.Len()+n == 100_000 {
			last = w.w.Now()
		} else if end && eof.IsZero() {
			eof = w.w.Now()
		}
		if _, end := w.app[1].conn.Readable(); end && eof.IsZero() {
			eof = w.w.Now()
		}
	}
	w.finishTransfer(time.Minute)
	if d := eof.Sub(last); last.IsZero() || d > 5*time.Millisecond {
		t.Errorf("the last octet came at %v, the end was known at %v", last.Sub(netsim.Epoch), eof.Sub(netsim.Epoch))
	}
}
