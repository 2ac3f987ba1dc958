package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mptcp-go/mptcp/cmd/internal/screen"
	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/peer/bump"
	"github.com/spf13/pflag"
)

func middleboxCommand() *command {
	return &command{
		name:  "middlebox",
		usage: "--left LINK --right LINK [--do ELEMENT]...",
		short: "put middleboxes on live traffic between two interfaces",
		examples: `
			mppeer middlebox --left raw:eth0 --right raw:eth1 --do 'strip mptcp after=3whs'
			mppeer middlebox --left raw:eth0 --right raw:eth1 --do 'link delay=20ms loss=1%' --do 'split 500' --seed 7`,
		text: `Carries what arrives at one interface to the other one, through the elements. With
raw:IFACE on both sides it is a bump in the wire: interfaces need no addresses, hosts see
no hop, and every frame passes, whatever it is. Packets are patched, not made anew: IP id,
TTL and flow label survive. Other links (tun:NAME,ADDR/LEN, raw:IFACE,ADDR/LEN) carry IP
packets only. Each edit is a line on the standard output. The left side is the client.`,
		more: elementsHelp,
		flags: func(f *pflag.FlagSet, o *options) {
			f.StringVar(&o.left, "left", "", "`LINK` to the clients")
			f.StringVar(&o.right, "right", "", "`LINK` to the servers")
			o.boxes(f, "put a middlebox between")
			f.BoolVar(&o.json, "json", false, "print JSON Lines")
			f.BoolVarP(&o.quiet, "quiet", "q", false, "print no edits")
		},
		run: (*app).middlebox,
	}
}

// elementsHelp lists the elements.
func elementsHelp(w io.Writer) {
	fmt.Fprint(w, "\nElements:\n")
	for _, line := range mbox.Usage() {
		spec, what, _ := strings.Cut(line, ": ")
		fmt.Fprintf(w, "  %s\n      %s\n", spec, screen.Wrap(what, "      ", 96))
	}
	fmt.Fprint(w, `Most take, at the end:
  dir=c2s|s2c    segments from the left end to the right one, or back
  on=KIND+...    syn, synack, ack3 (the handshake's third), data, ack, fin, rst
  after=MOMENT   once a flow got there: 3whs, 5000B, 20p, or at a time: 2s
  until=MOMENT   before it
  count=N        at most N times in all
  chance=P       with that probability, 0.1 or 10%
`)
}

func (a *app) middlebox(cmd *command) int {
	if a.opt.left == "" || a.opt.right == "" {
		return a.usageError(cmd, "want --left and --right")
	}
	left, right, err := a.openEnds(a.opt.left, a.opt.right)
	if err != nil {
		return a.failure(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-a.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return a.runBox(ctx, left, right)
}

// openEnds opens two links: a bump in the wire where neither has an address.
func (a *app) openEnds(left, right string) (bump.End, bump.End, error) {
	l, bareLeft := bareInterface(left)
	r, bareRight := bareInterface(right)
	if bareLeft && bareRight {
		return bump.Taps(l, r)
	}
	x, err := a.openLink(left)
	if err != nil {
		return nil, nil, err
	}
	y, err := a.openLink(right)
	if err != nil {
		x.Close()
		return nil, nil, err
	}
	return bump.FromLink(x), bump.FromLink(y), nil
}

// bareInterface takes raw:IFACE apart.
func bareInterface(spec string) (string, bool) {
	name, ok := strings.CutPrefix(spec, "raw:")
	return name, ok && !strings.Contains(name, ",")
}

// runBox carries traffic until ctx is done.
func (a *app) runBox(ctx context.Context, left, right bump.End) int {
	els, err := a.opt.elements()
	if err != nil {
		return a.failure(err)
	}
	log := &editLog{app: a, w: bufio.NewWriter(a.stdout)}
	var passed [2]atomic.Uint64
	count := netsim.NewTap(func(_ time.Time, dir netsim.Dir, _ []byte) { passed[dir].Add(1) })
	a.say("middlebox between %s and %s: %s", left.Name(), right.Name(), describe(els))
	flushing, stopped := make(chan struct{}), make(chan struct{})
	go log.flushEvery(50*time.Millisecond, flushing, stopped)
	err = bump.Run(ctx, left, right, bump.Config{Elements: append([]netsim.Element{count}, els...), Seed: a.opt.seed, Log: log.edit})
	close(flushing)
	<-stopped
	if err != nil {
		return a.failure(err)
	}
	fromLeft, fromRight, edits := passed[netsim.Forward].Load(), passed[netsim.Forward.Back()].Load(), log.edits.Load()
	a.record("passed", record{"from_left": fromLeft, "from_right": fromRight, "edits": edits},
		fmt.Sprintf("%s packets from the left, %s to it, %s edits", screen.Group(fromLeft), screen.Group(fromRight), screen.Group(edits)))
	return exitClean
}

// describe lists elements.
func describe(els []netsim.Element) string {
	if len(els) == 0 {
		return "nothing but a cable"
	}
	var names []string
	for _, el := range els {
		names = append(names, el.String())
	}
	return strings.Join(names, " - ")
}

// editLog prints edits. It is called under the lock of the traffic, so it only writes
// to memory most of the time.
type editLog struct {
	app   *app
	edits atomic.Uint64
	mu    sync.Mutex
	w     *bufio.Writer
}

// editRecord is an edit in JSON.
type editRecord struct {
	Schema  int     `json:"schema"`
	Type    string  `json:"type"`
	At      float64 `json:"at"` // seconds since the start
	Dir     string  `json:"dir"`
	Element string  `json:"element"`
	Text    string  `json:"text"`
}

func (l *editLog) edit(e netsim.Entry) {
	l.edits.Add(1)
	if l.app.opt.quiet {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.app.opt.json {
		b, err := json.Marshal(editRecord{1, "edit", e.At.Seconds(), e.Dir.String(), e.Element, e.Text})
		if err == nil {
			l.w.Write(append(b, '\n'))
		}
		return
	}
	fmt.Fprintf(l.w, "%10.6f %s  %s: %s\n", e.At.Seconds(), arrow(e.Dir), e.Element, e.Text)
}

func arrow(d netsim.Dir) string {
	if d == netsim.Forward {
		return "-->"
	}
	return "<--"
}

// flushEvery flushes until end is closed, and once more.
func (l *editLog) flushEvery(d time.Duration, end, stopped chan struct{}) {
	defer close(stopped)
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.flush()
		case <-end:
			l.flush()
			return
		}
	}
}

func (l *editLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w.Flush()
}
