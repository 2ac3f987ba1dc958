package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mptcp-go/mptcp/pcap/trace"
)

// lineConns is how many connections are shown in a line each.
const lineConns = 40

// many is the answer for more connections than fit on a screen: how many fared
// how, and a line for each. Of very many, those with findings get a line.
func (r *report) many(conns []*trace.Conn) {
	type outcome struct {
		words string
		worst trace.Severity
		count int
	}
	var outcomes []outcome
	at := map[string]int{}
	subflows := 0
	rows := [][]cell{cells("conn", "A", "B", "subflows", "A > B", "B > A", "seconds", "verdict")}
	for _, c := range conns {
		words, worst := verdict(c)
		words, _, _ = strings.Cut(words, " (")
		subflows += len(c.Subflows)
		if _, ok := at[words]; !ok {
			at[words] = len(outcomes)
			outcomes = append(outcomes, outcome{words: words})
		}
		o := &outcomes[at[words]]
		o.count++
		o.worst = max(o.worst, worst)
		if r.a.opt.all || len(conns) <= lineConns || worst >= trace.Warn && len(rows) <= lineConns {
			rows = append(rows, r.line(c, words, worst))
		}
	}
	slices.SortStableFunc(outcomes, func(x, y outcome) int { return y.count - x.count })
	p := r.a.paint
	fmt.Fprintf(r.w, "%s, %s\n", p.as(bold, plural(len(conns), "connection")), plural(subflows, "subflow"))
	for i, o := range outcomes {
		if i == 10 {
			fmt.Fprintf(r.w, "  ... and %s\n", plural(len(outcomes)-i, "other outcome"))
			break
		}
		fmt.Fprintf(r.w, "  %6s  %s\n", group(o.count), p.as(severityText(o.worst), o.words))
	}
	fmt.Fprintln(r.w)
	if len(rows) > 1 {
		p.table(r.w, "", rows)
	}
	if n := len(conns) - len(rows) + 1; n > 0 {
		fmt.Fprintf(r.w, "%s not listed (--all lists every one, --conn N looks at one)\n", plural(n, "connection"))
	} else {
		fmt.Fprintln(r.w, "(--conn N looks at one)")
	}
}

// severityText colours what is no finding itself.
func severityText(s trace.Severity) string { return [...]string{plain, yellow, red}[s] }

func (r *report) line(c *trace.Conn, words string, worst trace.Severity) []cell {
	first := c.Subflows[0]
	a, b := first.Src, first.Dst
	if first.OpenerSide == 1 {
		a, b = b, a
	}
	from, to := times(c)
	sent := func(side int) cell {
		d := &c.Dir[side]
		return right(group(d.NewBytes + d.Unmapped + d.UnmappedAfterInfinite))
	}
	words = strings.TrimPrefix(words, fmt.Sprintf("MPTCP, %s, ", plural(len(c.Subflows), "subflow")))
	return []cell{
		right(fmt.Sprint(c.ID)), left(a.String()), left(b.String()), right(fmt.Sprint(len(c.Subflows))),
		sent(0), sent(1), right(fmt.Sprintf("%.3f", float64(to-from)/1e9)), left(words).in(severityText(worst)),
	}
}
