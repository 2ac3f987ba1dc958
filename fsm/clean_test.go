package fsm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mptcp-go/mptcp/pcap/trace"
)

// tellings are the findings that say that a connection became TCP, which one that did
// must have.
var tellings = []string{"MPD-INFINITE-MAPPING", "MPD-FALLBACK-SYNACK", "MPD-FALLBACK-OFFER", "MPD-FALLBACK-ACK", "MPD-FALLBACK-DATA",
	"MPD-OPTIONS-LOST", "MPD-SYN-BLACKHOLE"}

// honest draws scenes whose boxes say nothing in the hosts' names and leave the payload
// alone, so that what the analyser complains of is ours.
func honest(seed uint64) *scene {
	for r := rand.New(rand.NewPCG(seed, 9)); ; {
		s := randomScene(r, seed)
		boxes := fmt.Sprint(s.boxes, s.late)
		if s.silent == [2]bool{} && !s.wrap64 && !slices.ContainsFunc([]string{"payload", "proxy", "ack", "rst", "reset", "corrupt"}, func(p string) bool { return strings.Contains(boxes, p) }) {
			s.strict = false
			return s
		}
	}
}

// Captures of our traffic pass the analyser: of a connection that stays Multipath TCP it
// has nothing to say but infos, of another that it fell back; the same scene gives the
// same capture and the same transcript.
func TestCapturesOfWorlds(t *testing.T) {
	n := uint64(80)
	if testing.Short() {
		n = 10
	}
	var kinds [numResults]int
	for seed := range n {
		s := honest(seed)
		w, err := s.play(t, false, true)
		if err != nil {
			continue // TestRandomWorlds judges that
		}
		if err := w.left(); err != nil {
			s.explain(t, err)
			return
		}
		again, _ := s.play(t, false, true)
		_ = again.left()
		if !bytes.Equal(w.capt.Bytes(), again.capt.Bytes()) || !slices.Equal(w.log, again.log) {
			t.Fatalf("seed %d: two captures or transcripts of one scene differ", seed)
		}
		kind := stayed
		if !w.app[0].conn.Multipath() || !w.app[1].conn.Multipath() {
			kind = fell
		}
		kinds[kind]++
		for _, f := range w.judged().Findings() {
			if f.Severity > trace.Info && (kind == stayed || !slices.Contains(tellings, f.ID)) {
				s.explain(t, fmt.Errorf("%s (%v): %s", f.ID, f.Frames, f.Cause))
				return
			}
		}
	}
	if kinds[stayed] == 0 || kinds[fell] == 0 {
		t.Error("not both kinds of connections:", kinds)
	}
	t.Log(kinds)
}

// tshark finds nothing malformed in captures of our traffic, fallbacks included.
func TestTsharkFindsNothingMalformed(t *testing.T) {
	if os.Getenv("MPTCP_TSHARK") == "" {
		t.Skip("set MPTCP_TSHARK=1 to ask the installed tshark")
	}
	dir := t.TempDir()
	for i, boxes := range [][]string{
		{quickLink}, {"link delay=5ms rate=20Mbit loss=2% reorder=5% dup=2%"}, {"split 600", quickLink}, {"strip mptcp after=20000B dir=c2s", quickLink},
		{"strip mptcp on=synack", quickLink}, {"payload find=PORT put=TORP dir=c2s after=9000B", quickLink}, {"coalesce 2", quickLink},
	} {
		for _, v := range []Versions{OnlyV1, OnlyV0}[i%2 : i%2+1] { // tshark takes a second to start
			s := &scene{seed: 3, up: 60_000, down: 40_000, payload: words, boxes: boxes}
			s.set = func(_ int, c *Config) { c.Versions = v }
			s.script = func(w *world) { w.altered = true }
			w, err := s.play(t, false, true)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, fmt.Sprintf("%d-%d.pcap", i, v))
			if err := os.WriteFile(file, w.capt.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("tshark", "-d", "tcp.port==80,data", "-r", file, "-Y", "_ws.malformed || _ws.expert.group == \"Malformed\"").CombinedOutput()
			if err != nil {
				t.Fatalf("tshark: %v\n%s", err, out)
			}
			for line := range strings.Lines(string(out)) {
				if !strings.Contains(line, "Running as user") {
					t.Errorf("%q v=%d: %s", boxes, v, line)
				}
			}
		}
	}
}
