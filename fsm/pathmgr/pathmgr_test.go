package pathmgr

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	start = time.Unix(1_000_000, 0)
	c1    = netip.MustParseAddrPort("10.0.0.1:1000")
	c2    = netip.MustParseAddrPort("10.1.0.1:0")
	c6    = netip.MustParseAddrPort("[2001:db8::1]:0")
	s1    = netip.MustParseAddrPort("10.0.0.2:80")
	s2    = netip.MustParseAddrPort("10.1.0.2:80")
	s3    = netip.MustParseAddrPort("10.2.0.2:80")
)

// story is a manager that is told things, at a time that the test moves.
type story struct {
	t   *testing.T
	m   Manager
	now time.Time
}

func tell(t *testing.T, m Manager) *story { return &story{t, m, start} }

func (s *story) want(reason string, ev Event, want ...string) {
	s.t.Helper()
	ev.Now = s.now
	var got []string
	for _, a := range s.m.Handle(ev) {
		switch a.Do {
		case Join:
			text := fmt.Sprintf("join %v>%v", a.Local.Addr(), a.Remote)
			if a.Backup {
				text += " backup"
			}
			got = append(got, text)
		case Announce:
			got = append(got, fmt.Sprintf("announce %v", a.Local.Addr()))
		case Remove:
			got = append(got, fmt.Sprintf("remove %v", a.Local.Addr()))
		case Wake:
			got = append(got, fmt.Sprintf("wake in %v", a.At.Sub(s.now)))
		}
	}
	require.Equal(s.t, strings.Join(want, ", "), strings.Join(got, ", "), reason)
}

func ready(opener bool) Event {
	return Event{Kind: Ready, Local: c1, Remote: s1, Opener: opener, Room: 7}
}

func TestPassive(t *testing.T) {
	s := tell(t, Passive{})
	for k := Ready; k <= Woken; k++ {
		s.want("nothing", Event{Kind: k, Local: c2, Remote: s2})
	}
}

// Paper section 3.2, P-3.2-04: the client's second address is joined from, the
// server's is announced.
func TestFullMesh(t *testing.T) {
	s := tell(t, NewFullMesh(MeshConfig{}))
	s.want("the first subflow is there", ready(true))
	s.want("our first address", Event{Kind: PathUp, Local: c1})
	s.want("a second address", Event{Kind: PathUp, Local: c2, Backup: true}, "join 10.1.0.1>10.0.0.2:80 backup")
	s.want("another family", Event{Kind: PathUp, Local: c6})
	s.want("both join the second of the peer's", Event{Kind: AddrAdded, Remote: s2}, "join 10.0.0.1>10.1.0.2:80", "join 10.1.0.1>10.1.0.2:80 backup")
	s.want("again: they are asked for", Event{Kind: AddrAdded, Remote: s2})
	s.want("no more than two unanswered joins of announced addresses", Event{Kind: AddrAdded, Remote: s3})
	s.want("one is answered", Event{Kind: SubflowUp, Local: c1, Remote: s2}, "join 10.0.0.1>10.2.0.2:80")

	s = tell(t, NewFullMesh(MeshConfig{}))
	s.want("a listener", Event{Kind: Ready, Local: s1, Remote: c1, Room: 7})
	s.want("tells of its second address", Event{Kind: PathUp, Local: s2}, "announce 10.1.0.2")
	s.want("once", Event{Kind: PathUp, Local: s2})
	s.want("and does not join", Event{Kind: AddrAdded, Remote: c2})
	s.want("gone", Event{Kind: PathDown, Local: s2})
	s.want("back", Event{Kind: PathUp, Local: s2}, "announce 10.1.0.2")

	s = tell(t, NewFullMesh(MeshConfig{FirstOnly: true}))
	s.want("the peer wants no joins at its first address (R3.1-25)", Event{Kind: Ready, Local: c1, Remote: s1, Opener: true, NoJoin: true, Room: 7})
	s.want("so none", Event{Kind: PathUp, Local: c2})
}

// RFC 8684 section 3.6, R3.6-03, R3.6-04, R3.6-05, R3.6-06: what may pass is tried again, later each
// time; what will not is not.
func TestMeshTriesAgain(t *testing.T) {
	down := func(cause Cause, change ...func(*Event)) Event {
		ev := Event{Kind: SubflowDown, Local: c2, Remote: s1, Cause: cause, Worked: true}
		for _, f := range change {
			f(&ev)
		}
		return ev
	}
	reason := func(ev *Event) { ev.Reason = true }
	transient := func(ev *Event) { ev.Reason, ev.Transient = true, true }
	early := func(ev *Event) { ev.Worked = false }
	for _, k := range []struct {
		name  string
		ev    Event
		again bool
	}{
		{"timeout", down(TimedOut), true},
		{"a join never answered", down(TimedOut, early), true},
		{"RST without a reason", down(Reset), true},
		{"RST, permanent", down(Reset, reason), false},
		{"RST, transient", down(Reset, transient), true},
		{"RST before it worked: its place may have been taken by a flood", down(Reset, early), true},
		{"SYN refused", down(Refused, early), false},
		{"SYN refused for now", down(Refused, early, transient), true},
		{"FIN", down(Closed), false},
		{"given up", down(Given), false},
		{"no port", down(Unopened, early), true},
	} {
		t.Run(k.name, func(t *testing.T) {
			s := tell(t, NewFullMesh(MeshConfig{}))
			s.want("ready", ready(true))
			s.want("joined", Event{Kind: PathUp, Local: c2}, "join 10.1.0.1>10.0.0.2:80")
			if !k.again {
				s.want("never again", k.ev)
				s.now = s.now.Add(time.Hour)
				s.want("never again", Event{Kind: Woken})
				s.want("the path went", Event{Kind: PathDown, Local: c2})
				s.want("a path that comes back is another", Event{Kind: PathUp, Local: c2}, "join 10.1.0.1>10.0.0.2:80")
				return
			}
			for wait := time.Second; wait < 64*time.Second; wait *= 2 {
				s.want("later", k.ev, fmt.Sprint("wake in ", wait))
				s.want("not yet", Event{Kind: Woken}, fmt.Sprint("wake in ", wait))
				s.now = s.now.Add(wait)
				s.want("now", Event{Kind: Woken}, "join 10.1.0.1>10.0.0.2:80")
			}
			s.want("a minute at the most", k.ev, "wake in 1m0s")
			s.now = s.now.Add(time.Minute)
			s.want("now", Event{Kind: Woken}, "join 10.1.0.1>10.0.0.2:80")
			s.want("it works", Event{Kind: SubflowUp, Local: c2, Remote: s1})
			s.want("but not for long: a box lets it begin, and no more", k.ev, "wake in 1m0s")
			s.now = s.now.Add(time.Minute)
			s.want("now", Event{Kind: Woken}, "join 10.1.0.1>10.0.0.2:80")
			s.want("it works", Event{Kind: SubflowUp, Local: c2, Remote: s1})
			s.now = s.now.Add(time.Minute)
			s.want("the first failure again", k.ev, "wake in 1s")
		})
	}
}

// RFC 8684 section 3.4.1, R3.4.1-15; section 5, R5-02: announced addresses that do not
// answer cost little, whatever the peer announces and withdraws.
func TestMeshAsReflector(t *testing.T) {
	s := tell(t, NewFullMesh(MeshConfig{}))
	s.want("ready", ready(true))
	fail := Event{Kind: SubflowDown, Local: c1, Remote: s2, Cause: TimedOut}
	s.want("a victim", Event{Kind: AddrAdded, Remote: s2}, "join 10.0.0.1>10.1.0.2:80")
	s.want("no answer", fail)
	s.now = s.now.Add(24 * time.Hour)
	s.want("not tried again", Event{Kind: Woken})
	s.want("until it is announced again", Event{Kind: AddrAdded, Remote: s2}, "join 10.0.0.1>10.1.0.2:80")

	// The peer announces and withdraws for a day, as fast as it can.
	m := NewFullMesh(MeshConfig{})
	now, joins := start, 0
	var open []Event
	handle := func(ev Event) {
		ev.Now = now
		for _, a := range m.Handle(ev) {
			if a.Do == Join {
				joins++
				open = append(open, Event{Kind: SubflowDown, Local: a.Local, Remote: a.Remote, Cause: TimedOut, Now: now.Add(15 * time.Second)})
			}
		}
	}
	handle(ready(true))
	for i := range 24 * 3600 {
		now = start.Add(time.Duration(i) * time.Second)
		for len(open) > 0 && !open[0].Now.After(now) {
			ev := open[0]
			open = open[1:]
			handle(ev)
		}
		victim := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), uint16(1+i%60000))
		handle(Event{Kind: AddrAdded, Remote: victim})
		if i%2 == 1 {
			handle(Event{Kind: AddrRemoved, Remote: victim})
		}
		if len(m.pairs) > 32 || len(m.remotes) > maxRemotes {
			t.Fatal(len(m.pairs), "pairs,", len(m.remotes), "addresses")
		}
	}
	if joins > 60 {
		t.Errorf("%d joins in a day", joins)
	}
	t.Logf("%d joins in a day", joins)
}

// R3.6-05: how long depends on the reason.
func TestMeshWaitsByReason(t *testing.T) {
	for code, want := range map[uint8]string{0: "wake in 1s", 1: "wake in 1s", 2: "wake in 10s", 5: "wake in 10s", 200: "wake in 1s"} {
		s := tell(t, NewFullMesh(MeshConfig{}))
		s.want("ready", ready(true))
		s.want("joined", Event{Kind: PathUp, Local: c2}, "join 10.1.0.1>10.0.0.2:80")
		s.want("later", Event{Kind: SubflowDown, Local: c2, Remote: s1, Cause: Reset, Reason: true, Transient: true, Code: code}, want)
	}
}

func TestDiffPorts(t *testing.T) {
	const join = "join 10.0.0.1>10.0.0.2:80"
	s := tell(t, NewDiffPorts(3))
	s.want("two more", ready(true), join, join)
	s.want("one is up", Event{Kind: SubflowUp, Local: c1, Remote: s1})
	s.want("one did not come up", Event{Kind: SubflowDown, Local: c1, Remote: s1, Cause: TimedOut}, "wake in 1s")
	s.now = s.now.Add(time.Second)
	s.want("again", Event{Kind: Woken}, join)
	s.want("of others it takes no notice", Event{Kind: SubflowDown, Local: c2, Remote: s1, Cause: TimedOut})
	s.want("refused", Event{Kind: SubflowDown, Local: c1, Remote: s1, Cause: Refused})
	s.now = s.now.Add(time.Hour)
	s.want("and left at that", Event{Kind: Woken})

	s = tell(t, NewDiffPorts(3))
	s.want("the side that was connected to does nothing", ready(false))
	s = tell(t, NewDiffPorts(30))
	ev := ready(true)
	ev.Room = 1
	s.want("no more than there is room for", ev, join)
}

// Whatever happens in whatever order: no pair is joined twice at a time, none beyond the
// room, none from a path that is gone, and tables stay within bounds.
func TestMeshInvariants(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := NewFullMesh(MeshConfig{Mutual: r.IntN(2) == 0})
		locals := []netip.AddrPort{c1, c2, c6, netip.MustParseAddrPort("10.9.0.1:0")}
		remotes := []netip.AddrPort{s1, s2, s3, netip.MustParseAddrPort("[2001:db8::2]:80")}
		live := map[[2]string]bool{{c1.Addr().String(), s1.String()}: true}
		gone := map[netip.Addr]bool{c2.Addr(): true, c6.Addr(): true, locals[3].Addr(): true}
		now := start
		do := func(ev Event) {
			ev.Now = now
			for _, a := range m.Handle(ev) {
				if a.Do != Join {
					continue
				}
				k := [2]string{a.Local.Addr().String(), a.Remote.String()}
				if live[k] || gone[a.Local.Addr()] || a.Local.Addr().Is4() != a.Remote.Addr().Is4() {
					t.Fatalf("seed %d: %v", seed, k)
				}
				live[k] = true
				if len(live) > 4 {
					t.Fatalf("seed %d: %d subflows", seed, len(live))
				}
			}
		}
		do(Event{Kind: Ready, Local: c1, Remote: s1, Opener: true, Room: 3})
		for range 300 {
			now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
			l, rem := locals[r.IntN(4)], remotes[r.IntN(4)]
			switch r.IntN(6) {
			case 0:
				gone[l.Addr()] = false
				do(Event{Kind: PathUp, Local: l})
			case 1:
				gone[l.Addr()] = true
				do(Event{Kind: PathDown, Local: l})
			case 2:
				do(Event{Kind: AddrAdded, Remote: rem})
			case 3:
				do(Event{Kind: AddrRemoved, Remote: rem})
			case 4:
				do(Event{Kind: Woken})
			case 5:
				k := [2]string{l.Addr().String(), rem.String()}
				if !live[k] {
					continue
				}
				if r.IntN(2) == 0 {
					do(Event{Kind: SubflowUp, Local: l, Remote: rem})
					continue
				}
				delete(live, k)
				do(Event{Kind: SubflowDown, Local: l, Remote: rem, Cause: Cause(r.IntN(6)), Worked: r.IntN(2) == 0, Reason: r.IntN(2) == 0, Transient: r.IntN(2) == 0})
			}
		}
		if len(m.pairs) > maxLocals*maxRemotes || len(m.locals) > maxLocals || len(m.remotes) > maxRemotes {
			t.Fatalf("seed %d: %d pairs, %d and %d addresses", seed, len(m.pairs), len(m.locals), len(m.remotes))
		}
	}
}
