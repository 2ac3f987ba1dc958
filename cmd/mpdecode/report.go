package main

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/mptcp-go/mptcp/pcap/trace"
)

// screenConns is how many connections are shown in full.
const screenConns = 5

// report prints an analysis for people.
type report struct {
	a     *app
	t     *trace.Tracker
	files []string
	names []string // of files, in front of frame numbers; nil for one file
	w     io.Writer
}

func (a *app) newReport(t *trace.Tracker, files []string) *report {
	r := &report{a: a, t: t, files: files, w: a.out}
	if len(files) > 1 {
		r.names = baseNames(files)
	}
	return r
}

// conns are the connections asked for.
func (a *app) conns(t *trace.Tracker) []*trace.Conn {
	all := t.Conns()
	if a.opt.conn < 0 {
		return all
	}
	return slices.DeleteFunc(all, func(c *trace.Conn) bool { return c.ID != a.opt.conn })
}

// full is the answer for a handful of connections.
func (r *report) full(conns []*trace.Conn) {
	for _, c := range conns {
		r.conn(c)
		r.findings(c.Findings)
		fmt.Fprintln(r.w)
	}
}

// conn prints everything about a connection but its findings.
func (r *report) conn(c *trace.Conn) {
	p := r.a.paint
	first := c.Subflows[0]
	a, b := first.Src, first.Dst
	if first.OpenerSide == 1 {
		a, b = b, a
	}
	words, worst := verdict(c)
	colour := [...]string{green, yellow, red}[worst]
	fmt.Fprintf(r.w, "%s  A %v, B %v\n", p.as(bold, fmt.Sprintf("connection %d", c.ID)), a, b)
	fmt.Fprintf(r.w, "  %s\n", p.as(colour, wrap(words, "    ", r.a.width-2)))
	fmt.Fprintf(r.w, "  %s\n", wrap(strings.Join(r.facts(c), "; "), "  ", r.a.width))
	r.subflows(c)
	r.directions(c)
}

// facts are the few words about a connection as a whole.
func (r *report) facts(c *trace.Conn) []string {
	facts := []string{fmt.Sprintf("version %d", c.Version)}
	if c.MPTCP() {
		switch a, b := c.Flags[0]&0x80 != 0, c.Flags[1]&0x80 != 0; {
		case !c.HasFlags[0] && !c.HasFlags[1]:
			facts = append(facts, "checksums "+map[bool]string{true: "on", false: "not known"}[c.Checksum])
		case a && b:
			facts = append(facts, "checksums on")
		case a:
			facts = append(facts, "checksums on (A asks)")
		case b:
			facts = append(facts, "checksums on (B asks)")
		default:
			facts = append(facts, "checksums off")
		}
	}
	var tokens []string
	for side := range c.HasKey {
		if c.HasKey[side] && c.Version <= 1 {
			tokens = append(tokens, fmt.Sprintf("%s %08x", sideName(side), uint32(c.Token[side])))
		}
	}
	if len(tokens) > 0 {
		facts = append(facts, "tokens "+strings.Join(tokens, ", "))
	}
	if r.a.opt.showKeys {
		var keys []string
		for side := range c.HasKey {
			if c.HasKey[side] {
				keys = append(keys, fmt.Sprintf("%s %016x", sideName(side), uint64(c.Key[side])))
			}
		}
		if len(keys) > 0 {
			facts = append(facts, "keys "+strings.Join(keys, ", "))
		}
	}
	from, to := times(c)
	return append(facts, seconds(to-from), closing(c))
}

// subflows prints the table of them.
func (r *report) subflows(c *trace.Conn) {
	rows := [][]cell{cells("subflow", "", "ids", "handshake", "RTT ms", "ACK RTT ms", "A > B", "", "B > A", "", "TCP retr.", "end")}
	for _, sf := range c.Subflows {
		rows = append(rows, r.subflow(c, sf))
	}
	r.a.paint.table(r.w, "  ", rows)
}

// ends names the endpoints of a subflow, those of the first one by their letters.
func ends(c *trace.Conn, sf *trace.Subflow) string {
	first := c.Subflows[0]
	name := func(addr netip.AddrPort) string {
		switch addr {
		case first.Src:
			return sideName(first.OpenerSide)
		case first.Dst:
			return sideName(first.OpenerSide ^ 1)
		}
		return addr.String()
	}
	return name(sf.Src) + " > " + name(sf.Dst)
}

func (r *report) subflow(c *trace.Conn, sf *trace.Subflow) []cell {
	words, colour := handshakeWords(sf)
	row := []cell{
		left(fmt.Sprintf("%d %s", sf.ID, kindWord(sf))), left(ends(c, sf)), left(ids(sf)),
		left(words).in(colour),
	}
	rtt := ""
	if to, from := sf.Handshake.RTT(); to > 0 && from > 0 {
		rtt = millis(to + from)
	}
	row = append(row, right(rtt), right(ackRTT(sf)))
	for side := range 2 {
		d := &sf.Dir[side^sf.OpenerSide]
		octets, share := group(d.DataNew), ""
		if d.DataNew > 0 {
			share = fmt.Sprintf("%.0f%%", 100*sf.Share(side^sf.OpenerSide))
		}
		if c.Dir[side].NewBytes == 0 { // no mapped data
			octets = group(d.Payload)
		}
		row = append(row, right(octets), right(share))
	}
	retr := ""
	if n := sf.Dir[0].Retransmitted + sf.Dir[1].Retransmitted; n > 0 {
		retr = group(n)
	}
	return append(row, right(retr), left(endWords(sf)))
}

func kindWord(sf *trace.Subflow) string {
	switch sf.Kind {
	case trace.Initial:
		return "first"
	case trace.Join:
		if sf.OpenerSide == 1 {
			return "join by B"
		}
		return "join"
	}
	return "seen"
}

// ids are the address ids of both ends and the backup flags.
func ids(sf *trace.Subflow) string {
	j := sf.Join()
	if j == nil {
		return ""
	}
	one := func(i int) string {
		if j.ID[i] < 0 {
			return "?"
		}
		return fmt.Sprint(j.ID[i])
	}
	text := one(0) + "/" + one(1)
	switch opener, responder := j.Backup[0] == 1, j.Backup[1] == 1; {
	case opener && responder:
		text += " backup"
	case opener:
		text += " backup by " + sideName(sf.Side(0))
	case responder:
		text += " backup by " + sideName(sf.Side(1))
	}
	return text
}

// ackRTT is the mean time to the ACK for data of the opener and of the responder.
func ackRTT(sf *trace.Subflow) string {
	a, b := &sf.Dir[0].RTT, &sf.Dir[1].RTT
	if a.N == 0 && b.N == 0 {
		return ""
	}
	text := func(s *trace.Samples) string {
		if s.N == 0 {
			return "-"
		}
		return millis(s.Mean())
	}
	return text(a) + " / " + text(b)
}

// directions prints the table of what each side sent.
func (r *report) directions(c *trace.Conn) {
	rows := [][]cell{cells("data", "new octets", "unmapped", "goodput", "TCP retr.", "re-sent", "reinjected", "conflicts", "checksums", "DATA_FIN")}
	any := false
	for side := range c.Dir {
		d := &c.Dir[side]
		any = any || d.NewBytes+d.Unmapped+d.UnmappedAfterInfinite > 0 || d.HasFin
		some := func(n uint64) cell {
			if n == 0 {
				return right("")
			}
			return right(group(n))
		}
		fin := d.FinState()
		if !c.MPTCP() {
			fin = ""
		}
		conflicts := some(uint64(d.Conflicts)).in(red)
		rows = append(rows, []cell{
			left([...]string{"A > B", "B > A"}[side]), right(group(d.NewBytes)), some(d.Unmapped + d.UnmappedAfterInfinite),
			right(rate(goodput(c, side))), some(d.DupTCPRetrans), some(d.DupNewSSN), some(d.Reinjected), conflicts,
			sums(d), left(fin),
		})
	}
	if any {
		r.a.paint.table(r.w, "  ", rows)
	}
}

// goodput counts data that a fallback took out of the mappings too.
func goodput(c *trace.Conn, side int) float64 {
	d := &c.Dir[side]
	if d.NewBytes > 0 {
		return d.Goodput()
	}
	from, to := times(c)
	if n := d.Unmapped + d.UnmappedAfterInfinite; n > 0 && to > from {
		return float64(n) * 8e9 / float64(to-from)
	}
	return 0
}

func sums(d *trace.ConnDir) cell {
	var list []string
	add := func(n uint32, word string) {
		if n > 0 {
			list = append(list, group(n)+" "+word)
		}
	}
	bad := d.SumBad + d.FinSumBad
	add(d.SumOK+d.FinSumOK, "good")
	add(bad, "BAD")
	add(d.SumIncomplete, "incomplete")
	c := left(strings.Join(list, ", "))
	if bad > 0 {
		c = c.in(red)
	}
	return c
}
