package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/wire"
	"github.com/spf13/pflag"
)

func listCommand() *command {
	return &command{
		name:  "list",
		usage: "[flags] FILE...",
		short: "a line per segment, as soon as its packet was read; -V explains options",
		examples: `
			mpdecode list trace.pcap
			mpdecode list --relative --conn 0 trace.pcap
			mpdecode list -V -Y 'tcp.options.mptcp.subtype != 2' trace.pcap
			ssh host tcpdump -U -w - tcp | mpdecode list -`,
		text: `Prints a line per TCP segment: frame number, seconds since the first packet, connection
and subflow, endpoints, and the segment in a text form like packetdrill's. What is known to
be wrong or repeated at that moment stands behind it. Through a pipe each line appears as
soon as its packet did. Keys are hidden unless --show-keys.`,
		takesFiles: true,
		flags: func(f *pflag.FlagSet, o *options) {
			o.one(f)
			f.BoolVar(&o.relative, "relative", false, "count sequence numbers from each flow's first")
			f.BoolVarP(&o.verbose, "verbose", "V", false, "explain each MPTCP option octet by octet")
			f.StringVarP(&o.filter, "filter", "Y", "", "only packets that match a display `FILTER`")
			o.several(f)
			o.common(f)
		},
		run: func(a *app, cmd *command) int {
			match, code := a.filter(cmd)
			if code != exitClean {
				return code
			}
			return a.perAnalysis(func(files []string) int { return a.list(files, match) })
		},
	}
}

// lister prints segments.
type lister struct {
	a      *app
	t      *trace.Tracker
	marks  *marker
	names  []string
	w      *bufio.Writer
	x      *fields.Extractor
	match  *filter
	member map[int]bool // subflows of the connection asked for; nil: by their connection's id
	bases  []base       // by subflow
	first  int64        // time of the first packet
	timed  bool
	line   []byte
	count  int
	flush  bool // after each line
}

// base holds what is subtracted from sequence numbers, by direction.
type base struct {
	seq   [2]uint32
	known [2]bool
}

func (a *app) list(files []string, match *filter) int {
	l := &lister{
		a: a, t: a.newTracker(files, trace.Config{}), w: a.out, match: match,
		flush: a.live(files) || a.terminal,
	}
	if len(files) > 1 {
		l.names = baseNames(files)
	}
	if match != nil {
		l.x = fields.NewExtractor()
	}
	if a.opt.conn >= 0 && !a.live(files) {
		var ok bool
		if l.member, ok = a.members(files); !ok {
			return exitNoMatch
		}
	}
	l.marks = newMarker(l.t)
	a.each(files, func(file int, f *pcap.Frame) bool {
		l.frame(file, f)
		return true
	})
	if l.count == 0 {
		return exitNoMatch
	}
	return exitClean
}

// live reports whether an input is a pipe, which can be read once only.
func (a *app) live(files []string) bool {
	for _, name := range files {
		if name == "-" {
			return true
		}
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// members reads files once to find the subflows of the connection asked for: those
// whose connection is known late included.
func (a *app) members(files []string) (ids map[int]bool, ok bool) {
	t := a.analyse(files, trace.Config{})
	conns := a.conns(t)
	if len(conns) == 0 && t.Totals.ForgottenConns > 0 {
		return nil, true // it may be an old one, which is known while it lasts
	}
	if len(conns) == 0 {
		a.complain("there is no connection %d: %s", a.opt.conn, a.haveConns(t))
		return nil, false
	}
	a.damaged = false // it will be told again
	ids = map[int]bool{}
	for _, sf := range conns[0].Subflows {
		ids[sf.ID] = true
	}
	return ids, true
}

// wanted reports whether a packet belongs to the connection asked for.
func (a *app) wanted(hit trace.Hit, member map[int]bool) bool {
	switch sf := hit.Subflow; {
	case a.opt.conn < 0:
		return true
	case sf == nil:
		return false
	case member != nil:
		return member[sf.ID]
	default:
		return sf.Conn != nil && sf.Conn.ID == a.opt.conn
	}
}

// frame lists one packet.
func (l *lister) frame(file int, f *pcap.Frame) {
	if !l.timed && f.HasTime {
		l.first, l.timed = f.Nanos, true
	}
	before := l.t.Totals
	hit := l.t.Add(file, f)
	if l.x != nil {
		row := l.x.Frame(f)
		setStream(row, hit)
		if !l.match.matches(row) {
			l.skip(hit)
			return
		}
	}
	if !l.a.wanted(hit, l.member) {
		l.skip(hit)
		return
	}
	switch {
	case hit.Subflow != nil:
		l.segment(file, f, hit)
	case l.a.opt.json || l.t.Totals.NotTCP+l.t.Totals.NotIP > before.NotTCP+before.NotIP:
		return // not what this is for
	default:
		l.other(file, f, before)
	}
	l.count++
	if l.flush {
		l.w.Flush()
	}
}

// skip keeps the books of a packet that is not shown.
func (l *lister) skip(hit trace.Hit) {
	if hit.Subflow != nil {
		l.rebase(hit)
		l.marks.marks(hit)
	}
}

// head appends frame number and time.
func (l *lister) head(file int, f *pcap.Frame) {
	l.line = l.line[:0]
	if l.names != nil {
		l.line = append(append(l.line, l.names[file]...), ':')
	}
	l.line = fmt.Appendf(l.line, "%5d ", f.Number)
	if f.HasTime {
		l.line = fmt.Appendf(l.line, "%11.6f  ", float64(f.Nanos-l.first)/1e9)
	} else {
		l.line = append(l.line, "          -  "...)
	}
}

func (l *lister) segment(file int, f *pcap.Frame, hit trace.Hit) {
	s := hit.Segment
	numbers := l.rebase(hit)
	marks := l.marks.marks(hit)
	if l.a.opt.json {
		l.record(file, f, hit, numbers, marks)
		return
	}
	l.head(file, f)
	l.line = fmt.Appendf(l.line, "%-6s", place(hit.Subflow))
	l.line = append(l.line, ' ')
	l.line = s.Src.AppendTo(l.line)
	l.line = append(l.line, " > "...)
	l.line = s.Dst.AppendTo(l.line)
	l.line = append(l.line, "  "...)
	l.line = l.text(l.line, s, numbers)
	for _, m := range marks {
		l.line = append(l.line, "  "...)
		l.line = append(l.line, l.a.paint.as(m.colour, "["+m.text+"]")...)
	}
	l.line = append(l.line, '\n')
	l.w.Write(l.line)
	if l.a.opt.verbose {
		l.explain(hit)
	}
}

// text appends the text form, without keys unless they are asked for.
func (l *lister) text(b []byte, s *wire.Segment, numbers wire.TextBase) []byte {
	at := len(b)
	b = wire.AppendText(b, s, numbers)
	if l.a.opt.showKeys {
		return b
	}
	return append(b[:at], hideKeys(b[at:])...)
}

// place names connection and subflow: "0.1", "i1.4" for an inferred connection whose
// number is not known yet, "-.3" for a flow of no connection.
func place(sf *trace.Subflow) string {
	conn := "-"
	if c := sf.Conn; c != nil {
		conn = strconv.Itoa(c.ID)
		if c.ID < 0 {
			conn = "i" + strconv.Itoa(-c.ID)
		}
	}
	return conn + "." + strconv.Itoa(sf.ID)
}

// rebase learns where the numbers of a flow begin, and returns what to subtract.
func (l *lister) rebase(hit trace.Hit) (b wire.TextBase) {
	for len(l.bases) <= hit.Subflow.ID {
		l.bases = append(l.bases, base{})
	}
	k, s := &l.bases[hit.Subflow.ID], hit.Segment
	dir := hit.Dir
	switch {
	case s.Flags&wire.SYN != 0:
		k.seq[dir], k.known[dir] = s.Seq, true
	case !k.known[dir]:
		k.seq[dir], k.known[dir] = s.Seq-1, true
	}
	if s.Flags.Has(wire.ACK) && !k.known[dir^1] {
		k.seq[dir^1], k.known[dir^1] = s.Ack-1, true
	}
	if l.a.opt.relative {
		return wire.TextBase{Seq: k.seq[dir], Ack: k.seq[dir^1]}
	}
	return wire.TextBase{}
}

// other prints a packet that is no segment, if something about it was not decoded.
func (l *lister) other(file int, f *pcap.Frame, before trace.Totals) {
	n := &l.t.Totals
	why := "not decoded"
	switch {
	case n.Duplicates > before.Duplicates:
		why = "a duplicate of a packet from another place"
	case n.Fragments > before.Fragments:
		why = "an IP fragment, not put together"
	case n.Unsupported > before.Unsupported:
		why = "link type " + f.Link.String() + " is not known"
	case n.Malformed > before.Malformed:
		why = "headers cut short or contradictory"
	}
	l.head(file, f)
	fmt.Fprintf(l.w, "%s%-6s %s\n", l.line, "-", l.a.paint.as(yellow, "["+why+"]"))
}
