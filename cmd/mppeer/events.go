package main

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer"
)

// counter counts from several goroutines.
type counter struct{ n atomic.Uint64 }

func (c *counter) add(n uint64)  { c.n.Add(n) }
func (c *counter) value() uint64 { return c.n.Load() }

// record is one line of --json but for what all lines have.
type record map[string]any

// record prints an event: with --json the record, else the text, if there is one.
func (a *app) record(kind string, r record, text string) {
	if !a.opt.json {
		if text != "" {
			a.say("%s", text)
		}
		return
	}
	line := record{"schema": 1, "type": kind, "time": time.Now().UTC().Format(time.RFC3339Nano)}
	for k, v := range r {
		line[k] = v
	}
	b, err := json.Marshal(line)
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintf(a.stderr, "%s\n", b)
}

// events is told what happens to connections.
func (a *app) events(e peer.Event) {
	who := record{"local": e.Conn.LocalAddr().String(), "remote": e.Conn.RemoteAddr().String()}
	what := e.What &^ (fsm.Readable | fsm.Writable)
	if what == 0 {
		return
	}
	info := e.Conn.Info()
	who["what"] = eventNames(what)
	who["subflows"] = info.SubflowsUp
	who["mptcp"] = info.Multipath
	if info.Multipath {
		who["version"] = int(info.Version)
	}
	if e.Err != nil {
		who["error"] = e.Err.Error()
	}
	if what&fsm.FellBack != 0 {
		who["cause"] = info.Cause
	}
	a.record("event", who, "")
	if t := a.track.Load(); t != nil {
		t.see(e.Conn, info)
	}
}

// eventNames lists a set of events.
func eventNames(ev fsm.Event) (list []string) {
	for bit := fsm.Event(1); bit != 0 && bit <= fsm.Ended; bit <<= 1 {
		if ev&bit != 0 {
			list = append(list, bit.String())
		}
	}
	return list
}
