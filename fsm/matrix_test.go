package fsm

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// part is a middlebox of the matrix: its specification, and whether plain TCP may be
// the outcome because of it.
type part struct {
	spec    string
	late    string // its specification when it comes in mid-connection; "": the same
	both    bool   // it cannot be told to act in one direction only
	counter string // may end as plain TCP, and these counters say so
}

const (
	shaken = "MPCapableFallbackSYNACK MPCapableFallbackACK MPCapableDataFallback"
	gone   = "MPCapableFallbackACK MPCapableDataFallback DssFallback InfiniteMapRx"
	wrong  = "DataCsumErr MPFailRx " + gone
)

// parts are the boxes of the paper's section 4.1 and of the measurements in sections
// 3.1 to 3.3 (package mbox).
var parts = []part{
	{spec: "nat", both: true},
	{spec: "firewall", late: "firewall mid=learn", both: true},
	{spec: "firewall noscale", late: "firewall mid=learn noscale", both: true},
	{spec: "seq"},
	{spec: "hole"},
	{spec: "ackfix"},
	{spec: "ackfix how=drop"},
	{spec: "split 500"},
	{spec: "split 600 copy=first"},
	{spec: "split 600 copy=last", counter: gone},
	{spec: "coalesce 2"},
	{spec: "coalesce 3 keep=last"},
	{spec: "coalesce 2 keep=both"},
	{spec: "coalesce 4 keep=none", counter: gone},
	{spec: "dup mptcp"},
	{spec: "normalize"},
	{spec: "normalize how=reset"},
	{spec: "mss 700"},
	{spec: "window 4000"},
	{spec: "pmtu 900"},
	{spec: "drop on=data count=3"},
	{spec: "drop chance=2%"},
	{spec: "drop on=ack3 count=1"},
	{spec: "drop has=mptcp on=syn", counter: shaken},
	{spec: "strip mptcp on=syn", counter: shaken},
	{spec: "strip mptcp on=synack", counter: shaken},
	{spec: "strip mptcp on=ack3", counter: shaken},
	{spec: "strip mptcp", counter: shaken + " " + gone},
	{spec: "strip mptcp after=20000B", counter: gone},
	{spec: "strip dss", counter: gone},
	{spec: "strip dss chance=20%", counter: gone},
	{spec: "strip unknown how=remove after=3whs", counter: gone},
	{spec: "ack", counter: gone},
	{spec: "proxy", counter: gone},
	{spec: "proxy buffer=4KB", counter: gone},
	{spec: "rst on=data after=9000B count=1"},
	{spec: "payload flip", counter: wrong},
	{spec: "payload find=PORT put=TORP", counter: wrong},
	{spec: "payload find=PORT put=PORT9999", counter: wrong},
	{spec: "payload find=PORT put=Q", counter: wrong},
}

const quickLink = "link delay=8ms rate=30Mbit buffer=100ms"

// words is a stream in which every change that the boxes make can be undone: even
// octets, and here and there the word that gateways look for.
func words(n int, seed uint64) []byte {
	b := stream(n, seed)
	for i := range b {
		b[i] &^= 1
	}
	for i := 700; i+4 <= n; i += 2600 {
		copy(b[i:], "PORT")
	}
	return b
}

// undo takes back what payload boxes did to words.
func undo(b []byte, chain string) []byte {
	b = bytes.Clone(b)
	if strings.Contains(chain, "put=TORP") {
		b = bytes.ReplaceAll(b, []byte("TORP"), []byte("PORT"))
	}
	if strings.Contains(chain, "put=PORT9999") {
		b = bytes.ReplaceAll(b, []byte("9999"), nil)
	}
	if strings.Contains(chain, "put=Q") {
		b = bytes.ReplaceAll(b, []byte("Q"), []byte("PORT"))
	}
	for i := range b {
		b[i] &^= 1
	}
	return b
}

// cell is one entry of the matrix.
type cell struct {
	parts []part
	dir   string // "", "c2s", "s2c"
	late  bool
	v     Versions
	sums  bool
}

func (k cell) String() string {
	var s []string
	for _, p := range k.parts {
		s = append(s, p.spec)
	}
	return fmt.Sprintf("%s dir=%s late=%v v=%d sums=%v", strings.Join(s, " + "), k.dir, k.late, k.v, k.sums)
}

func (k cell) scene(seed uint64) *scene {
	s := &scene{seed: seed, up: 36_000, down: 24_000, payload: words, limit: 20 * time.Minute, strict: true}
	var boxes []string
	for _, p := range k.parts {
		spec := p.spec
		if k.late && p.late != "" {
			spec = p.late
		}
		if k.dir != "" && !p.both {
			spec += " dir=" + k.dir
		}
		boxes = append(boxes, spec)
	}
	s.boxes = []string{quickLink}
	if k.late {
		s.late, s.lateAt = boxes, 15_000
	} else {
		s.boxes = append(boxes, quickLink)
	}
	s.set = func(_ int, c *Config) { c.Versions, c.NoChecksum = k.v, !k.sums }
	return s
}

// alters says whether boxes change the payload, and whether they change its length.
func (k cell) alters() (payload, length bool) {
	for _, p := range k.parts {
		payload = payload || strings.HasPrefix(p.spec, "payload")
		length = length || strings.HasSuffix(p.spec, "9999") || strings.HasSuffix(p.spec, "=Q")
	}
	return payload, length
}

// tally counts the outcomes of many cells.
type tally struct {
	worlds, multi, plain, undelivered, betrayed, skipped int
}

// judge plays one cell and holds it against the oracle, plain TCP over the same path
// with the same seed: wherever TCP delivers, so does Multipath TCP, the same octets;
// and it is plain TCP in the end only where a box explains it, and a counter says so.
func (k cell) judge(t testing.TB, seed uint64, sum *tally) {
	payload, length := k.alters()
	if length && !k.sums {
		// Without checksums a changed length cannot be noticed (R3.7-18).
		sum.skipped++
		return
	}
	sum.worlds++
	s := k.scene(seed)
	w, err := s.verdict(t, k, payload)
	if err == nil {
		// Where a box killed the first subflow the next may end so too, and the one after it deliver.
		if w.ep[0].stats.FallbackFailed+w.ep[1].stats.FallbackFailed > 0 && !w.joined() {
			t.Errorf("%v: delivered, and yet FallbackFailed", k)
		}
		if w.app[0].conn.Multipath() && w.app[1].conn.Multipath() {
			sum.multi++
		} else {
			sum.plain++
		}
		if err = k.explained(w); err == nil {
			err = w.left()
		}
	} else if strings.Contains(err.Error(), "invariant") {
	} else if _, bad := s.play(t, true, false); bad != nil {
		sum.undelivered++ // TCP does not deliver either
		err = nil
	} else if strings.Contains(k.String(), "rst ") && slices.ContainsFunc(k.parts, func(p part) bool { return p.bars() || p.silences() }) && w.ep[0].flows.EstabResets+w.ep[1].flows.EstabResets > 0 {
		sum.undelivered++ // TCP was lucky: the box counts octets, and saw others; no join, or no mapping, passes the path
		err = nil
	} else if w.betrayed() {
		sum.betrayed++
		err = nil
	}
	if err == nil {
		return
	}
	if err = fmt.Errorf("%v seed %d: %w", k, seed, err); brief {
		line, _, _ := strings.Cut(err.Error(), "\n")
		t.Error(line)
		return
	}
	s.explain(t, err)
}

// brief has every failure of a sweep in one line, and the sweep go on.
var brief = os.Getenv("MPTCP_BRIEF") != ""

// betrayed reports whether a box acknowledged octets in the receiver's name and then
// lost them, after their sender had become TCP: it has an acknowledgment for more than the
// other ever acknowledged. TCP would have died of the same, had it met it; whether it
// meets it is luck, since a proxy that never fills loses nothing.
func (w *world) betrayed() bool {
	for i, a := range w.app {
		peer := w.app[1-i]
		if a.conn == nil || peer.conn == nil || a.conn.Multipath() {
			continue
		}
		if a.conn.Info().Acked > w.watch[1-i].flow || a.conn.ended && a.conn.Err() == nil && !peer.eof {
			return true
		}
	}
	return false
}

// verdict plays the scene and compares streams.
func (s *scene) verdict(t testing.TB, k cell, payload bool) (*world, error) {
	old := s.script
	s.script = func(w *world) {
		w.altered = payload
		if old != nil {
			old(w)
		}
	}
	w, err := s.play(t, false, false)
	if err != nil {
		return w, err
	}
	if err := w.whole(); err != nil {
		return w, err
	}
	if payload && strings.Count(k.String(), "payload") == 1 { // two cannot be undone
		for i := range 2 {
			got, want := undo(w.app[i].in.Bytes(), k.String()), undo(w.app[1-i].out, "")
			if !bytes.Equal(got, want) {
				return w, fmt.Errorf("end %d read %d octets, with changes undone %d, sent were %d", i, w.app[i].in.Len(), len(got), len(want))
			}
		}
	}
	return w, nil
}

// counters are those that say why a connection is plain TCP.
func counters(e *Endpoint) map[string]uint64 {
	s := &e.stats
	return map[string]uint64{
		"MPCapableFallbackSYNACK": s.MPCapableFallbackSYNACK, "MPCapableFallbackACK": s.MPCapableFallbackACK,
		"MPCapableDataFallback": s.MPCapableDataFallback, "DssFallback": s.DssFallback, "InfiniteMapRx": s.InfiniteMapRx,
		"DataCsumErr": s.DataCsumErr, "MPFailRx": s.MPFailRx, "SimultConnectFallback": s.SimultConnectFallback,
	}
}

// explained checks that only a box that can explain it made plain TCP of a connection.
func (k cell) explained(w *world) error {
	var may []string
	for _, p := range k.parts {
		may = append(may, strings.Fields(p.counter)...)
	}
	moves := 0 // boxes that move options between segments: two, or one where the third ACK is lost, may lose what the handshake needs
	for _, p := range k.parts {
		if strings.HasPrefix(p.spec, "coalesce") || strings.HasPrefix(p.spec, "split") {
			moves++
		}
	}
	if moves >= 2 || moves == 1 && slices.ContainsFunc(k.parts, func(p part) bool { return strings.Contains(p.spec, "ack3") }) {
		may = append(may, strings.Fields(gone)...)
	}
	for i, a := range w.app {
		said := false
		for name, n := range counters(w.ep[i]) {
			if n > 0 && !slices.Contains(may, name) {
				return fmt.Errorf("end %d: %s, which no box explains", i, name)
			}
			said = said || n > 0
		}
		if !a.conn.Multipath() && !said && len(may) == 0 {
			return fmt.Errorf("end %d is plain TCP, which no box explains", i)
		}
		if !a.conn.Multipath() && !said && w.ep[1-i].stats == (Stats{}) {
			return errors.New("plain TCP, and no counter says why")
		}
	}
	return nil
}

// cells are all combinations for a chain.
func cells(chain ...part) (all []cell) {
	for _, dir := range []string{"", "c2s", "s2c"} {
		if dir != "" && !slices.ContainsFunc(chain, func(p part) bool { return !p.both }) {
			continue
		}
		for _, late := range []bool{false, true} {
			for _, v := range []Versions{OnlyV1, OnlyV0} {
				for _, sums := range []bool{true, false} {
					all = append(all, cell{chain, dir, late, v, sums})
				}
			}
		}
	}
	return all
}

// TestMatrix holds every box alone, every ordered pair of boxes and many triples
// against the oracle, in each direction and both, from the start and in mid-connection,
// with both versions, with and without checksums (P-4.1-01, R6-02). The short run takes
// a slice of it; MPTCP_SWEEP=1 takes all of it, and MPTCP_SWEEP=triples=N,seed=S so many
// triples.
func TestMatrix(t *testing.T) {
	sweep := os.Getenv("MPTCP_SWEEP")
	var todo []cell
	for _, p := range parts {
		todo = append(todo, cells(p)...)
	}
	alone := len(todo)
	for _, p := range parts {
		for _, q := range parts {
			if p != q {
				todo = append(todo, cells(p, q)...)
			}
		}
	}
	triples, seed := 20_000, uint64(1)
	fmt.Sscanf(sweep, "triples=%d,seed=%d", &triples, &seed)
	if strings.HasPrefix(sweep, "triples") {
		todo = nil
	}
	r := rand.New(rand.NewPCG(seed, 3))
	for range triples {
		c := cells(parts[r.IntN(len(parts))], parts[r.IntN(len(parts))], parts[r.IntN(len(parts))])
		todo = append(todo, c[r.IntN(len(c))])
	}
	if sweep == "" {
		keep := 1500
		if testing.Short() {
			keep = 200
		}
		rest := todo[alone:]
		r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		if testing.Short() {
			r.Shuffle(alone, func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
			todo = append(todo[:100:100], rest[:keep]...)
		} else {
			todo = todo[:alone+keep]
		}
	}
	var sum tally
	for i, k := range todo {
		k.judge(t, seed+uint64(i%3), &sum)
		if t.Failed() && !brief {
			break
		}
	}
	t.Logf("%+v", sum)
}
