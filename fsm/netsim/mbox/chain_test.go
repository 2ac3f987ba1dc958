package mbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// Random chains of boxes that a TCP survives alone, with links that lose, from the
// start or put in and taken out on the way: it survives them together.
func TestRandomChains(t *testing.T) {
	n := 300
	if v, err := strconv.Atoi(os.Getenv("MBOX_CHAINS")); err == nil {
		n = v // a soak: MBOX_CHAINS=100000
	}
	for seed := range uint64(n) {
		runChain(t, seed)
	}
}

func runChain(t *testing.T, seed uint64) {
	luck := netsim.NewLuck(seed, 1)
	pick := func() string {
		for {
			box := tcpSurvives[luck.IntN(len(tcpSurvives))]
			// A black hole takes what other boxes joined, and an ACK before its
			// time is deadly with loss: for those see the tests above.
			if !strings.HasPrefix(box, "pmtu") && !strings.HasPrefix(box, "ack ") {
				return box
			}
		}
	}
	var specs []string
	for range luck.IntN(4) {
		specs = append(specs, pick())
	}
	at := luck.IntN(len(specs) + 1)
	specs = append(specs[:at:at], append([]string{lossy}, specs[at:]...)...)
	var els []netsim.Element
	for _, s := range specs {
		els = append(els, MustParse(s))
	}
	w, p, a, b := transfer(seed, els...)
	story := fmt.Sprintf("seed %d: %q", seed, specs)
	if luck.Chance(0.5) {
		late := pick()
		for strings.HasPrefix(late, "firewall") { // it must see the SYN
			late = pick()
		}
		when := time.Duration(luck.IntN(300)) * time.Millisecond
		where := luck.IntN(len(specs) + 1)
		story += fmt.Sprintf(", %q at %d after %v", late, where, when)
		w.At(when, func() { p.Insert(where, MustParse(late)) })
	}
	err := w.RunUntil(func() bool { return a.done() && b.done() || a.dead || b.dead }, time.Hour)
	if err != nil || !intact(a, b) {
		t.Errorf("%s: %v; client %d of %d, dead %v, server %d of %d, dead %v", story, err,
			a.una, len(a.out)+1, a.dead, b.una, len(b.out)+1, b.dead)
	}
}
