package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// progressMask says how often the progress is looked at: every 8192 packets.
const progressMask = 8192 - 1

// interrupted is set by the first interrupt: reading stops, what was read is judged.
var interrupted atomic.Bool

// reading is set while inputs are read.
var reading atomic.Bool

// stopOnInterrupt lets a capture that is read live be ended by ^C, as tshark does.
// The second ^C ends the program.
func stopOnInterrupt() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	go func() {
		<-c
		interrupted.Store(true)
		signal.Stop(c)
		time.Sleep(time.Second)
		if reading.Load() {
			fmt.Fprintln(os.Stderr, "mpdecode: waiting for the input to end; ^C once more quits")
		}
	}()
}

// progress is the bar on stderr. It appears on terminals only, after a second.
type progress struct {
	in    []*input
	total int64
	a     *app
	start time.Time
	drawn time.Time
	on    bool
}

func newProgress(a *app, in []*input) *progress {
	p := &progress{in: in, a: a, start: time.Now()}
	f, ok := a.stderr.(*os.File)
	p.on = ok && term.IsTerminal(int(f.Fd())) && !a.opt.quiet
	for _, in := range in {
		if in.err != nil {
			continue
		}
		if in.size <= 0 {
			p.on = false // no end to measure with
			break
		}
		p.total += in.size
	}
	return p
}

// stop draws the bar if it is time to, and reports whether reading shall stop.
func (p *progress) stop() bool {
	if p.on {
		now := time.Now()
		if now.Sub(p.start) > time.Second && now.Sub(p.drawn) > 100*time.Millisecond {
			p.drawn = now
			p.draw(now)
		}
	}
	if !interrupted.Load() {
		return false
	}
	p.clear()
	p.a.damaged = true
	p.a.complain("interrupted: what follows is about the packets read so far")
	return true
}

const barWidth = 30

func (p *progress) draw(now time.Time) {
	var done int64
	packets := 0
	for _, in := range p.in {
		if in.Reader != nil {
			done += in.InputOffset()
			packets += in.Packets()
		}
	}
	part := min(float64(done)/float64(max(p.total, 1)), 1)
	left := ""
	if part > 0.01 {
		rest := time.Duration(float64(now.Sub(p.start)) * (1 - part) / part)
		left = fmt.Sprintf(", %.0f s left", rest.Seconds())
	}
	filled := int(part * barWidth)
	fmt.Fprintf(p.a.stderr, "\r[%s%s] %3.0f%% %s packets%s\x1b[K", strings.Repeat("#", filled),
		strings.Repeat(".", barWidth-filled), part*100, group(packets), left)
}

// clear takes the bar away.
func (p *progress) clear() {
	if !p.drawn.IsZero() {
		fmt.Fprint(p.a.stderr, "\r\x1b[K")
		p.drawn = time.Time{}
	}
}
