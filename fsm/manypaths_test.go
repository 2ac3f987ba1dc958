package fsm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/fsm/pathmgr"
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
// is left behind. On one path at least only transparent boxes stand.
//
// In one world of four boxes meddle with the first path, or with more. There the RFC may
// leave a connection without a subflow that both ends believe in: that what was read is
// right must hold always, that everything arrives in all of them but one in fifty.
func TestRandomManyPaths(t *testing.T) {
	var all tallyPaths
	for seed := *firstSeed; seed < *firstSeed+*worlds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomManyPaths(t, seed, &all) })
	}
	t.Logf("%+v", all)
	if all.undelivered > 1+all.meddled/50 {
		t.Errorf("of %d connections whose paths are meddled with %d did not deliver", all.meddled, all.undelivered)
	}
}

// tallyPaths counts the worlds in which boxes meddle with the first path, or with more,
// and those of them in which not all was delivered. Lost are those of them in which plain
// TCP delivers, with the same dice, over the first path alone, which is not cut or reset
// there: they are counted, not held against us.
type tallyPaths struct{ meddled, undelivered, lost int }

// plainDelivers asks plain TCP over the first path alone.
func (m *manyPaths) plainDelivers(seed uint64, chains [][]string) bool {
	p := newWorld(m.t, seed, testConfig(seed, func(c *Config) { c.Plain = true }), testConfig(seed+1, func(c *Config) { c.Plain = true }), chains[0]...)
	p.app[0].out, p.app[1].out = m.app[0].out, m.app[1].out
	p.app[0].closing, p.app[1].closing = true, true
	p.dial()
	return p.w.RunUntil(p.done, 30*time.Minute) == nil && p.app[0].in.String() == string(p.app[1].out) && p.app[1].in.String() == string(p.app[0].out)
}

func randomManyPaths(t *testing.T, seed uint64, all *tallyPaths) {
	r := rand.New(rand.NewPCG(seed, 4))
	n := 1 + r.IntN(4)
	var chains [][]string
	meddled := false
	bad := r.IntN(4) == 0 // boxes that meddle stand on the first path, too
	for k := range n {
		var chain []string
		for range r.IntN(3) {
			switch {
			case bad && r.IntN(2) == 0:
				chain = append(chain, stubborn[r.IntN(len(stubborn))])
				meddled = true
			case k > 0 && r.IntN(4) == 0:
				chain = append(chain, meddlers[r.IntN(len(meddlers))])
				meddled = true
			default:
				chain = append(chain, transparent[r.IntN(len(transparent))])
			}
		}
		chains = append(chains, append(chain, fmt.Sprintf("link delay=%dms rate=%dMbit buffer=%dms loss=%d%% reorder=%d%%", 1+r.IntN(60), 1+r.IntN(20),
			50+r.IntN(200), r.IntN(3), r.IntN(6))))
	}
	version := []Versions{OnlyV1, OnlyV0}[r.IntN(2)]
	set := func(c *Config) {
		c.Versions = version
		c.NoChecksum = r.IntN(3) == 0
		c.ShortDSN = r.IntN(2) == 0
		c.EarlyFIN = r.IntN(2) == 0
		c.NoJoin = r.IntN(6) == 0
		c.TCP.NoTimestamps = r.IntN(4) == 0
		if r.IntN(3) == 0 {
			c.ReceiveBuffer = 10000 + r.IntN(100000)
		}
		if r.IntN(4) == 0 {
			c.MaxSubflows = 1 + r.IntN(4)
		}
		switch r.IntN(4) {
		case 0:
			c.PathManager = func() pathmgr.Manager { return pathmgr.NewDiffPorts(2 + int(seed%3)) }
		case 1, 2:
			mutual := r.IntN(3) == 0
			c.PathManager = func() pathmgr.Manager { return pathmgr.NewFullMesh(pathmgr.MeshConfig{Mutual: mutual}) }
		}
	}
	m := newManyPaths(t, seed, testConfig(seed, set), testConfig(seed+1, set), chains...)
	var story []string
	for at := time.Duration(0); r.IntN(8) > 0 && at < 8*time.Second; {
		at += time.Duration(r.IntN(1000)) * time.Millisecond
		d := deed{at: at}
		d.path, d.end, d.what = r.IntN(n), r.IntN(2), happening(r.IntN(int(addrReplaced)))
		d.until = at + time.Duration(r.IntN(4000))*time.Millisecond
		d.port = []uint16{0, 80, 4433}[r.IntN(3)]
		d.backup = r.IntN(2) == 0
		if d.path == 0 && meddled && (d.what == pathDown || d.what == addrWithdrawn) {
			d.what = pathCut // the one path that does no harm is not given up for others
		}
		story = append(story, d.String())
		m.plan(d)
	}
	m.app[0].out, m.app[1].out = stream(1+r.IntN(600_000)*r.IntN(2), 1), stream(r.IntN(400_000)*r.IntN(2), 2)
	m.app[0].closing, m.app[1].closing = true, true
	m.dial()
	if bad {
		all.meddled++
	} else {
		m.watchStalls(calmStall)
	}
	err := m.w.RunUntil(m.done, 30*time.Minute)
	if bad && err != nil && !strings.Contains(err.Error(), "invariant") && !strings.Contains(err.Error(), "R3.") {
		all.undelivered++
		if m.plainDelivers(seed, chains) {
			all.lost++
		}
		return
	}
	if err != nil {
		t.Fatalf("paths %q\n%s\n%v\n%s\n%s", chains, strings.Join(story, "\n"), err, m.dump(0), m.dump(1))
	}
	m.finishTransfer(time.Minute)
	m.idle()
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
