package mbox

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// tcpSurvives lists boxes through which a TCP delivers its octets unchanged.
var tcpSurvives = []string{
	"nat", "seq", "seq sack=keep dir=c2s", "strip mptcp", "strip unknown how=remove", "strip TS how=remove",
	"strip mptcp how=remove after=3whs", "split 300", "split 1 copy=first until=3000B", "split 999 copy=last",
	"coalesce", "coalesce 5 keep=last", "coalesce 3 keep=both max=1500", "coalesce keep=none wait=20ms",
	"hole", "ackfix", "ackfix how=drop", "normalize", "normalize how=reset", "firewall", "firewall inbound nowindow",
	"mss 500", "window 400", "window 65535 div=3", "dup mptcp", "drop on=data chance=5%", "drop on=ack3", "drop on=syn count=2",
	"pmtu 1300", "proxy", "proxy buffer=5000", "proxy dir=s2c rto=50ms", "ack dir=c2s", "payload flip until=0B",
}

// tcpGetsOtherOctets lists boxes through which a TCP lives, but not unharmed.
var tcpGetsOtherOctets = []string{
	"payload flip", "payload insert", "payload delete by=3", "payload insert by=7 max=900 dir=c2s",
	"payload delete by=200 dir=s2c", "payload insert after=5000B until=30000B",
}

const lossless = "link rate=20Mbit delay=5ms"
const lossy = "link rate=20Mbit delay=5ms buffer=30KB loss=1% reorder=1% dup=1% by=2ms"

func run(t testing.TB, seed uint64, specs []string) (ok, same bool, a, b *goBackN) {
	var els []netsim.Element
	for _, s := range specs {
		els = append(els, MustParse(s))
	}
	w, _, a, b := transfer(seed, els...)
	err := w.RunUntil(func() bool { return a.done() && b.done() || a.dead || b.dead }, 20*time.Minute)
	if err != nil {
		t.Logf("%v: %v; client %d of %d, server %d of %d", specs, err, a.una, len(a.out), b.una, len(b.out))
	}
	return err == nil && a.done() && b.done(), intact(a, b), a, b
}

func TestTCPLivesWithEachBoxAlone(t *testing.T) {
	for _, link := range []string{lossless, lossy} {
		for _, box := range tcpSurvives {
			if strings.HasPrefix(box, "ack ") && link == lossy {
				continue // acknowledged and then lost behind the box: the point of it
			}
			ok, same, _, _ := run(t, 1, []string{box, link})
			require.True(t, ok && same, "%s, %s", box, link)
		}
		for _, box := range tcpGetsOtherOctets {
			ok, same, _, _ := run(t, 1, []string{link, box, link})
			require.True(t, ok, box)
			require.False(t, same, box)
		}
	}
}

func TestBoxesCompose(t *testing.T) {
	n := 0
	for i, x := range tcpSurvives {
		for j, y := range tcpSurvives {
			// A sample: each box with five others, in both orders.
			if (i*7+j)%6 != 0 || strings.HasPrefix(x, "ack ") || strings.HasPrefix(y, "ack ") {
				continue
			}
			if strings.HasPrefix(x, "pmtu") || strings.HasPrefix(y, "pmtu") {
				continue // coalescing makes packets that a black hole takes
			}
			n++
			ok, same, _, _ := run(t, uint64(n), []string{x, lossy, y})
			require.True(t, ok && same, "%s, %s, %s (seed %d)", x, lossy, y, n)
		}
	}
	require.Greater(t, n, 150)
}

func TestBoxesComposeWithAnALG(t *testing.T) {
	for i, x := range tcpSurvives {
		if strings.HasPrefix(x, "ack ") || strings.HasPrefix(x, "pmtu") {
			continue
		}
		for _, order := range [][]string{{x, "payload insert by=3", lossy}, {"payload delete by=3", lossy, x}} {
			ok, _, _, _ := run(t, uint64(i), order)
			// A normalizer in front sees no changed octets, one behind neither: the ALG
			// repeats its edits.
			require.True(t, ok, "%v (seed %d)", order, i)
		}
	}
}

func TestBoxesComeInTheMiddle(t *testing.T) {
	for i, box := range append(append([]string{}, tcpSurvives...), tcpGetsOtherOctets...) {
		if strings.HasPrefix(box, "firewall") {
			continue // it needs the SYN
		}
		if strings.HasPrefix(box, "ack ") {
			continue
		}
		w, p, a, b := transfer(uint64(i), MustParse(lossy))
		w.At(40*time.Millisecond, func() { p.Insert(0, MustParse(box)) })
		err := w.RunUntil(func() bool { return a.done() && b.done() || a.dead || b.dead }, 20*time.Minute)
		require.NoError(t, err, "%s (seed %d)", box, i)
		require.True(t, a.done() && b.done(), box)
		if i < len(tcpSurvives) {
			require.True(t, intact(a, b), box)
		}
	}
}

func TestAFirewallInTheMiddleStopsTheFlow(t *testing.T) { // P-3.2-01
	w, p, a, b := transfer(1, MustParse(lossless))
	w.At(40*time.Millisecond, func() { p.Insert(0, MustParse("firewall")) })
	err := w.RunUntil(func() bool { return a.done() && b.done() }, time.Minute)
	require.Error(t, err)

	ok, _, _, _ := run(t, 1, []string{lossless, "firewall mid=learn"})
	require.True(t, ok)
}

func TestPlainTCPDiesOfAProactiveAckAndALoss(t *testing.T) {
	ok, _, a, b := run(t, 1, []string{"ack dir=c2s", lossless, "drop on=data dir=c2s count=1 after=10000B"})
	require.False(t, ok)
	require.Greater(t, a.una, len(b.got), "the sender has freed what the receiver lacks")
	ok, _, _, _ = run(t, 1, []string{"proxy dir=c2s lose=5%", lossless})
	require.False(t, ok)
	ok, same, _, _ := run(t, 1, []string{"proxy dir=c2s", lossless, "drop on=data dir=c2s count=9 after=10000B"})
	require.True(t, ok && same, "a proxy repeats what is lost behind it")
}

func TestAnUnscaledFirewallStallsNothingSmall(t *testing.T) {
	// goBackN announces 20,000 octets as 5,000 << 2: unscaled that is 5,000, and
	// more must not pass, yet what is repeated within it does.
	ok, same, a, _ := run(t, 1, []string{"firewall noscale", lossless})
	require.True(t, ok && same)
	_, _, plain, _ := run(t, 1, []string{"firewall", lossless})
	require.Greater(t, a.segments, plain.segments+50)
}

func TestAResetKillsBothEnds(t *testing.T) {
	ok, _, a, b := run(t, 1, []string{lossless, "rst after=20000B count=1", lossless})
	require.False(t, ok)
	require.True(t, a.dead || b.dead)
}

func TestSameSeedSameOctetsThroughBoxes(t *testing.T) {
	capture := func(seed uint64) string {
		var file bytes.Buffer
		c := netsim.NewPcap(&file)
		els := []netsim.Element{netsim.NewTap(c.See)}
		for _, s := range []string{"nat", "seq", lossy, "split 400", "coalesce 3", "proxy", lossy, "payload insert"} {
			els = append(els, MustParse(s))
		}
		w, _, a, b := transfer(seed, append(els, netsim.NewTap(c.See))...)
		var log strings.Builder
		w.Log = func(e netsim.Entry) { fmt.Fprintln(&log, e) }
		require.NoError(t, w.RunUntil(func() bool { return a.done() && b.done() }, time.Hour))
		require.Greater(t, log.Len(), 1000)
		return file.String() + log.String()
	}
	one := capture(5)
	require.True(t, one == capture(5))
	require.False(t, one == capture(6))
}
