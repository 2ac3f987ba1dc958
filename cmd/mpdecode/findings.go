package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcp-go/mptcp/pcap/trace"
)

// frames writes references as "frame 3" or "frames 3, 4", with files if several.
func (r *report) frames(refs []trace.Ref, count int) string {
	if len(refs) == 0 {
		return ""
	}
	word := "frame "
	if len(refs) > 1 {
		word = "frames "
	}
	list := make([]string, len(refs))
	for i, ref := range refs {
		list[i] = r.frame(ref)
	}
	text := word + strings.Join(list, ", ")
	if count > len(refs) {
		text += ", ..."
	}
	return text
}

// frame writes one reference: its number, behind the file's name if there are several.
func (r *report) frame(ref trace.Ref) string {
	n := strconv.Itoa(ref.Frame())
	if r.names != nil && ref.File() < len(r.names) {
		return r.names[ref.File()] + ":" + n
	}
	return n
}

func severityColour(s trace.Severity) string { return [...]string{blue, yellow, red}[s] }

// findings prints each with its cause, proof and advice.
func (r *report) findings(list []trace.Finding) {
	for _, f := range bySeverity(list) {
		r.finding(f)
	}
}

func bySeverity(list []trace.Finding) []trace.Finding {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b trace.Finding) int { return int(b.Severity) - int(a.Severity) })
	return sorted
}

func (r *report) finding(f trace.Finding) {
	var where []string
	if f.Subflow != nil {
		where = append(where, fmt.Sprintf("subflow %d", f.Subflow.ID))
	}
	if t := r.frames(f.Frames, f.Count); t != "" {
		where = append(where, t)
	}
	r.findingHead(f, where)
	r.paragraph("", sentence(f.Cause))
	r.paragraph("-> ", sentence(f.Advice))
}

// findingHead prints what a finding is, where it was made and what defines it.
func (r *report) findingHead(f trace.Finding, where []string) {
	if f.RFC != "" {
		where = append(where, f.RFC)
	}
	if f.Counter != "" {
		where = append(where, "counter "+f.Counter)
	}
	p := r.a.paint
	text := wrap(f.ID+" "+strings.Join(where, "; "), findingMargin, r.a.width)
	text = strings.Replace(text, f.ID, p.as(bold, f.ID)+" ", 1)
	fmt.Fprintf(r.w, "  %s %s\n", p.as(severityColour(f.Severity), fmt.Sprintf("%-5s", f.Severity)), text)
}

// findingMargin is where the text below the head of a finding begins.
const findingMargin = "        "

// paragraph prints text below the head of a finding.
func (r *report) paragraph(lead, text string) {
	if text == "" {
		return
	}
	fmt.Fprintf(r.w, "%s%s%s\n", findingMargin, lead, wrap(text, findingMargin+strings.Repeat(" ", len(lead)), r.a.width))
}

// sentence gives a cause or an advice the shape of one.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	// Names such as "mpdecode" or "MP_JOIN" at the start keep their letters.
	if first, _, _ := strings.Cut(s, " "); strings.ToLower(first) == first {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return strings.TrimSuffix(s, ".") + "."
}

// grouped prints the findings of many connections, one entry for each id.
func (r *report) grouped(list []trace.Finding) {
	byID := map[string][]trace.Finding{}
	var order []trace.Finding
	for _, f := range bySeverity(list) {
		if byID[f.ID] == nil {
			order = append(order, f)
		}
		byID[f.ID] = append(byID[f.ID], f)
	}
	for _, f := range order {
		same := byID[f.ID]
		count := 0
		conns := map[int]bool{}
		var ids []string
		for _, s := range same {
			count += s.Count
			if s.Conn != nil && !conns[s.Conn.ID] {
				conns[s.Conn.ID] = true
				if len(ids) < 8 {
					ids = append(ids, strconv.Itoa(s.Conn.ID))
				}
			}
		}
		if len(same) == 1 && len(conns) == 0 {
			r.finding(f)
			continue
		}
		where := plural(count, "time")
		if n := len(conns); n > 0 {
			where += " in " + plural(n, "connection") + ": " + strings.Join(ids, ", ")
			if n > len(ids) {
				where += ", ..."
			}
		}
		r.findingHead(f, []string{where})
		if t := r.frames(f.Frames, 0); t != "" && count > 1 {
			r.paragraph("", "First, "+t+": "+f.Cause+".")
		} else {
			r.paragraph("", sentence(f.Cause))
		}
		r.paragraph("-> ", sentence(f.Advice))
	}
}

// failing reports whether findings make the exit code 1.
func (a *app) failing(t *trace.Tracker, list []trace.Finding) bool {
	if a.opt.neverOn {
		return false
	}
	if a.opt.conn < 0 {
		for severity, n := range t.Totals.ForgottenFindings {
			if n > 0 && trace.Severity(severity) >= a.opt.failOn {
				return true
			}
		}
	}
	return slices.ContainsFunc(list, func(f trace.Finding) bool { return f.Severity >= a.opt.failOn })
}

// selected are the findings of the connections asked for; with all connections also
// those that belong to none.
func (a *app) selected(t *trace.Tracker) []trace.Finding {
	if a.opt.conn < 0 {
		return t.Findings()
	}
	var list []trace.Finding
	for _, c := range a.conns(t) {
		list = append(list, c.Findings...)
	}
	return list
}

// looseFindings are those that belong to no connection.
func looseFindings(t *trace.Tracker) []trace.Finding {
	return slices.DeleteFunc(t.Findings(), func(f trace.Finding) bool { return f.Conn != nil })
}
