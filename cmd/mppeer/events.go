package main

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"sync/atomic"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer"
)

// counter counts from several goroutines.
type counter struct{ n atomic.Uint64 }

func (c *counter) add(n uint64)  { c.n.Add(n) }
func (c *counter) value() uint64 { return c.n.Load() }

// record is one line of --json but for what all lines have. docs/events.md describes
// them, and a test holds it to that.
type record map[string]any

// record tells of something: with --json by the record, else by the text, if there is one.
func (a *app) record(kind string, r record, text string) {
	switch {
	case a.opt.json:
		a.print(kind, r)
	case text != "":
		a.say("%s", text)
	}
}

// print writes a record.
func (a *app) print(kind string, r record) {
	line := record{"schema": 1, "type": kind, "time": time.Now().UTC().Format(time.RFC3339Nano)}
	maps.Copy(line, r)
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
	what := e.What &^ (fsm.Readable | fsm.Writable)
	if what == 0 {
		return
	}
	info := e.Conn.Info()
	if t := a.track.Load(); t != nil {
		t.see(e.Conn, info)
	}
	if !a.opt.json {
		return
	}
	who := record{"local": e.Conn.LocalAddr().String(), "remote": e.Conn.RemoteAddr().String()}
	who["what"] = eventNames(what)
	who["subflows_up"] = info.SubflowsUp
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
	a.print("event", who)
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

// final is the last record of a command with a stack: how its connections went, and every
// counter by the name that docs/statistics.md explains.
func (h *host) final(t *tracker) record {
	t.mu.Lock()
	defer t.mu.Unlock()
	total, st := &t.total, h.Stats()
	links := []record{}
	for _, l := range st.Links {
		links = append(links, record{"name": l.Name, "counters": byName(l.All())})
	}
	return record{"connections": total.conns, "mptcp": total.mptcp, "failed": total.failed, "subflows": total.subflows,
		"sent": total.sent, "received": total.received, "causes": total.causes, "links": links,
		"counters": record{"mptcp": byName(st.MPTCP.All()), "tcp": byName(st.TCP.All()), "stack": byName(st.All())}}
}

func byName(all iter.Seq2[string, uint64]) map[string]uint64 { return maps.Collect(all) }
