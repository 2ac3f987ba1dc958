package fsm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
)

// manyPaths is a world with several paths between the two hosts.
type manyPaths struct{ *world }

func newManyPaths(t testing.TB, seed uint64, client, server Config, chains ...[]string) *manyPaths {
	t.Helper()
	m := &manyPaths{newWorld(t, seed, client, server, chains[0]...)}
	for _, chain := range chains[1:] {
		els := []netsim.Element{netsim.NewTap(m.pcap.See)}
		for _, b := range chain {
			els = append(els, mbox.MustParse(b))
		}
		m.connect(els...)
	}
	m.watchStalls(maxStall)
	return m
}

// transparent are boxes that let options and octets pass; meddlers are those that do not,
// and cost the subflow that meets them, or the connection its options.
var (
	transparent = []string{"nat", "seq", "split 300", "split 900", "dup mptcp", "mss 700", "window 8000", "hole", "ackfix",
		"drop chance=3%", "drop on=synack count=1", "drop on=ack3 count=1", "drop on=syn count=2", "firewall", "normalize", "strip sack"}
	meddlers = []string{"strip mptcp", "strip mp_join", "strip mp_join on=synack", "strip mp_join on=ack3", "strip mptcp after=20000B",
		"strip dss after=3whs", "payload find=abc put=xyz", "drop has=mptcp on=syn", "strip mptcp on=synack", "drop on=syn"}
)

// DESIGN section 7, with one to four paths, each with boxes of its own: addresses that
// come and go, paths that are cut, joins, withdrawals and priorities at any moment. The
// invariants hold after every step; when all is over both streams are whole and nothing
// is left behind.
//
// In one world of four boxes meddle with the first path, or with more; in the others on
// one path at least only transparent boxes stand. All is delivered wherever plain TCP
// delivers over the first path alone, with the same dice and cuts; the exceptions are
// fates, each with an argument, and few.
func TestRandomManyPaths(t *testing.T) {
	var all [numFates]int
	n := *worlds
	if testing.Short() {
		n = min(n, 60)
	}
	for seed := *firstSeed; seed < *firstSeed+n; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := drawManyPaths(seed)
			m, f, err := s.ask(t)
			switch {
			case err != nil:
				t.Fatal(s.describe(m, err))
			case f != fateDelivered && testing.Verbose():
				t.Logf("%v: %s", f, s.describe(m, nil))
			}
			all[f]++
		})
	}
	t.Logf("delivered, tcp, unlucky, betrayed, doubt: %v", all)
	if few := all[fateBetrayed] + all[fateDoubt]; few > 1+int(n/1000) {
		t.Errorf("%d connections of %d were not saved", few, n)
	}
}

// Paper section 4.1, P-4.1-01, P-3.3.6-02, with two to four subflows, each through a box
// that changes words: the subflows are reset one after the other, with MP_FAIL and reason
// 6, the last falls back, and the stream is what TCP would give. Where the last cannot
// fall back either (what it brought has a hole), the connection is joined again.
func TestEverySubflowModified(t *testing.T) {
	for n := 2; n <= 4; n++ {
		for _, after := range []string{"", " after=3whs", " after=50000B", " after=200000B"} {
			for _, back := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d%s back=%v", n, after, back), func(t *testing.T) {
					var chains [][]string
					for k := range n {
						box := "payload find=PORT put=TROP dir=c2s" + after
						if k == 0 && !strings.Contains(after, "B") {
							box += " after=30000B" // or it would fall back before there are others
							box = strings.Replace(box, " after=3whs", "", 1)
						}
						if back {
							box = strings.Replace(box, " dir=c2s", "", 1)
						}
						chains = append(chains, []string{box, fmt.Sprintf("link delay=%dms rate=%dMbit buffer=100ms", 10+7*k, 3+k)})
					}
					m := newManyPaths(t, uint64(70+n), testConfig(1, mesh), testConfig(2), chains...)
					m.altered = true
					m.app[0].out, m.app[1].out = text(1_200_000), text(300_000)
					m.app[0].closing, m.app[1].closing = true, true
					m.dial()
					if err := m.w.RunUntil(m.done, 10*time.Minute); err != nil {
						t.Fatalf("%v\n%s\n%s", err, m.dump(0), m.dump(1))
					}
					for i := range 2 {
						got := strings.ReplaceAll(m.app[i].in.String(), "TROP", "PORT")
						if got != string(m.app[1-i].out) {
							t.Errorf("end %d read %d octets, not those sent with some words changed", i, len(got))
						}
					}
					a, b := m.ep[0].stats, m.ep[1].stats
					failed, fails, resets := a.DataCsumErr+b.DataCsumErr, a.MPFailTx+b.MPFailTx, a.MPRstTx+b.MPRstTx
					if failed < uint64(n) || fails < uint64(n) || resets < uint64(n-1) {
						t.Errorf("%d checksums failed, %d MP_FAIL, %d resets with a reason", failed, fails, resets)
					}
					// Where each subflow is left alone for a while, another join will do.
					if after != " after=200000B" && m.app[1].conn.Multipath() {
						t.Error("it did not fall back")
					}
					m.idle()
				})
			}
		}
	}
}

// stubborn are boxes that TCP gets through, and Multipath TCP by giving way.
var stubborn = []string{
	"split 500 copy=first", "split 600 copy=last", "normalize how=reset", "window 3000", "window 60000 div=2", "coalesce 2",
	"coalesce 3 keep=last", "coalesce 2 keep=both", "proxy", "strip mptcp on=syn", "strip mptcp on=synack", "strip mptcp on=ack3",
	"strip mptcp", "strip dss", "strip mptcp after=3whs", "strip mptcp after=20000B", "strip mptcp after=20000B dir=c2s",
	"strip mptcp after=20000B dir=s2c", "strip mptcp after=30p dir=s2c", "strip dss after=10000B", "strip TS",
	"drop on=data count=2", "drop has=mptcp on=syn", "strip mptcp chance=5%", "strip dss chance=20% dir=s2c",
}

// P-4.1-01, the boxes of the paper and more with two to four subflows: each box on the
// first path, on another, and on all of them. Whatever TCP carries through the first path
// arrives, as sent.
func TestBoxesManyPaths(t *testing.T) {
	for _, box := range append(append([]string{}, stubborn...), transparent...) {
		for n := 2; n <= 4; n++ {
			for where := -1; where < 2; where++ {
				if testing.Short() && (n != 3 || where != 0) {
					continue
				}
				t.Run(fmt.Sprintf("%s n=%d on=%d", box, n, where), func(t *testing.T) {
					var chains [][]string
					for k := range n {
						chain := []string{fmt.Sprintf("link delay=%dms rate=%dMbit buffer=100ms loss=%d%%", 10+9*k, 6+k, k%2)}
						if where < 0 || where == k {
							chain = append([]string{box}, chain...)
						}
						chains = append(chains, chain)
					}
					m := newManyPaths(t, uint64(n), testConfig(1, mesh), testConfig(2, mesh), chains...)
					m.app[0].out, m.app[1].out = stream(200_000, 1), stream(150_000, 2)
					m.app[0].closing, m.app[1].closing = true, true
					m.dial()
					m.finishTransfer(10 * time.Minute)
					m.idle()
				})
			}
		}
	}
}
