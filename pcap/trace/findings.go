package trace

import (
	"fmt"
	"slices"
)

// Severity of a finding.
type Severity uint8

// Severities. Info explains; a warning is something that cost the connection
// paths or MPTCP itself; an error breaks the protocol or damages data.
const (
	Info Severity = iota
	Warn
	Error
)

func (s Severity) String() string { return [...]string{"info", "warn", "error"}[s%3] }

// Finding is one judgment and the frames that prove it.
type Finding struct {
	ID       string // stable: "MPD-..."
	Severity Severity
	Conn     *Conn    // nil: of no connection
	Subflow  *Subflow // nil: of the connection as a whole
	Frames   []Ref    // at most 8; Count tells how many there were
	Count    int
	RFC      string   // section, or NOTES of what Linux does
	Counter  string   // the Linux MIB counter that counts this, where there is one
	Cause    string   // one sentence
	Advice   string   // one sentence
	Excluded []string // what else it could have been, and why it was not
}

// kind is an entry of the catalogue. cause may hold verbs for fmt.
type kind struct {
	id       string
	severity Severity
	rfc      string
	counter  string
	cause    string
	advice   string
}

const maxFrames = 8

// find records a finding of a flow while packets are taken.
func (t *Tracker) find(sf *Subflow, k *kind, ref Ref, args ...any) {
	t.note(sf.Conn, sf, k, ref, args...)
}

// note records a finding of a connection, a flow of it, or of neither. Repeats on
// the same flow count, as do those of any flow once there are many.
func (t *Tracker) note(c *Conn, sf *Subflow, k *kind, ref Ref, args ...any) {
	list := &t.general
	limit := 256
	if c != nil {
		list, limit = &c.Findings, t.cfg.Limits.Findings
	}
	for i := len(*list) - 1; i >= 0; i-- {
		if f := &(*list)[i]; f.ID == k.id && (f.Subflow == sf || len(*list) >= limit) {
			f.Count++
			if len(f.Frames) < maxFrames && f.Frames[len(f.Frames)-1] != ref {
				f.Frames = append(f.Frames, ref)
			}
			return
		}
	}
	if len(*list) >= 2*limit {
		if c != nil {
			c.more++
		}
		return
	}
	*list = append(*list, k.make(c, sf, args, ref))
}

// make builds a finding; frames that are 0 are left out.
func (k *kind) make(c *Conn, sf *Subflow, args []any, frames ...Ref) Finding {
	f := Finding{
		ID: k.id, Severity: k.severity, Conn: c, Subflow: sf, Count: 1,
		RFC: k.rfc, Counter: k.counter, Cause: k.cause, Advice: k.advice,
	}
	if len(args) > 0 {
		f.Cause = fmt.Sprintf(k.cause, args...)
	}
	for _, r := range frames {
		if r != 0 && !slices.Contains(f.Frames, r) && len(f.Frames) < maxFrames {
			f.Frames = append(f.Frames, r)
		}
	}
	return f
}

// Findings are all of them: those of connections in order, then the others.
func (t *Tracker) Findings() []Finding {
	var all []Finding
	for _, c := range t.conns {
		all = append(all, c.Findings...)
	}
	return append(all, t.general...)
}

// Catalogue lists every finding there can be, for documentation.
func Catalogue() []Finding {
	var all []Finding
	for _, k := range catalogue {
		all = append(all, k.make(nil, nil, nil))
	}
	return all
}
