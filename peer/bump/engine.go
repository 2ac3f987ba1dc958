package bump

import (
	"sync"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// engine runs a line on the real clock.
type engine struct {
	mu      sync.Mutex
	line    *netsim.Line
	began   time.Time
	timer   *time.Timer
	stopped bool
	failed  func(error) // livelock among the elements
}

// newEngine returns a line whose packets are given to out, under the engine's lock.
func newEngine(cfg Config, out func(netsim.Dir, []byte), failed func(error)) *engine {
	e := &engine{began: time.Now(), failed: failed}
	e.line = netsim.NewLine(cfg.Seed, out, cfg.Elements...)
	if cfg.Log != nil {
		e.line.SetLog(cfg.Log)
	}
	return e
}

// input hands the line packets that travel in direction dir.
func (e *engine) input(dir netsim.Dir, pkts ...[]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return
	}
	for _, p := range pkts {
		if err := e.line.Input(time.Since(e.began), dir, p); err != nil {
			e.fail(err)
			return
		}
	}
	e.arm()
}

// wake does what was due.
func (e *engine) wake() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return
	}
	if err := e.line.Advance(time.Since(e.began)); err != nil {
		e.fail(err)
		return
	}
	e.arm()
}

// arm follows the line's deadline.
func (e *engine) arm() {
	at, ok := e.line.Deadline()
	if !ok {
		return
	}
	wait := max(0, at-time.Since(e.began))
	if e.timer == nil {
		e.timer = time.AfterFunc(wait, e.wake)
		return
	}
	e.timer.Reset(wait) // an early wake finds nothing to do
}

func (e *engine) fail(err error) {
	e.stopped = true
	e.failed(err)
}

// stop ends the engine: nothing leaves the line any more.
func (e *engine) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	if e.timer != nil {
		e.timer.Stop()
	}
}
