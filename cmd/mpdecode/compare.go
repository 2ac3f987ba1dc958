package main

import (
	"fmt"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
)

// compare explains with captures of the same traffic from two places.
func (a *app) compare(files []string) int {
	var t [2]*trace.Tracker
	for i, name := range files {
		t[i] = trace.New(trace.Config{Keys: a.opt.keys, Streams: true})
		a.each([]string{name}, func(_ int, f *pcap.Frame) bool {
			t[i].Add(i, f) // the number tells the captures apart in what is found
			return true
		})
		t[i].Finish()
	}
	between := trace.Compare(t[0], t[1])
	var alone [2][]trace.Finding
	list := between
	for i := range t {
		alone[i] = onlyCauses(a.selected(t[i]))
		list = append(list[:len(list):len(list)], alone[i]...)
	}
	failing := a.failing(t[0], list) || a.failing(t[1], nil)
	if a.opt.json {
		for _, f := range list {
			a.put(a.newFindingRecord(f, files))
		}
	} else {
		a.printComparison(files, t, between, alone)
	}
	switch {
	case failing:
		return exitFindings
	case len(t[0].Subflows())+len(t[1].Subflows()) == 0:
		return exitNoMatch
	}
	return exitClean
}

func (a *app) printComparison(files []string, t [2]*trace.Tracker, between []trace.Finding, alone [2][]trace.Finding) {
	r := a.newReport(t[0], files)
	e := &explainer{r, a.proofs(files, append(append(between[:len(between):len(between)], alone[0]...), alone[1]...))}
	switch {
	case !shared(t[0], t[1]):
		fmt.Fprintln(r.w, a.paint.as(yellow, "no flow is in both captures: are they of the same traffic? (--merge makes them one analysis)"))
	case len(between) == 0:
		fmt.Fprintln(r.w, a.paint.as(bold, "both captures agree")+": nothing was removed, changed or dropped between them")
	default:
		fmt.Fprintln(r.w, a.paint.as(bold, "between the two captures"))
		e.explain(between)
	}
	for i := range t {
		fmt.Fprintln(r.w)
		if len(alone[i]) == 0 {
			fmt.Fprintf(r.w, "%s alone: no fallback and no refused join\n", a.paint.as(bold, r.names[i]))
			continue
		}
		fmt.Fprintf(r.w, "%s alone\n", a.paint.as(bold, r.names[i]))
		if len(between) == 0 {
			e.explain(alone[i])
		} else {
			r.oneLiners(alone[i]) // the comparison knows better
		}
	}
}

// shared reports whether a flow is in both captures, by its endpoints.
func shared(a, b *trace.Tracker) bool {
	type pair struct{ src, dst string }
	seen := map[pair]bool{}
	for _, sf := range a.Subflows() {
		seen[pair{sf.Src.String(), sf.Dst.String()}] = true
	}
	for _, sf := range b.Subflows() {
		if seen[pair{sf.Src.String(), sf.Dst.String()}] {
			return true
		}
	}
	return false
}
