package main

import (
	"fmt"

	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/spf13/pflag"
)

func verifyCommand() *command {
	return &command{
		name:  "verify",
		usage: "[flags] FILE...",
		short: "verdicts only; the exit code is 1 when something is wrong",
		examples: `
			mpdecode verify trace.pcap
			mpdecode verify -q --fail-on warn trace.pcap || echo "look at it"
			mpdecode verify --json *.pcap --each | jq 'select(.severity == "error")'`,
		text: `Prints a verdict for each connection, and a line for each warning or error. The exit code is
1 when there are findings of the severity of --fail-on or above, and 4 when there was no
Multipath TCP to verify.`,
		takesFiles: true,
		flags: func(f *pflag.FlagSet, o *options) {
			o.one(f)
			o.several(f)
			o.judging(f)
			o.common(f)
		},
		run: func(a *app, _ *command) int { return a.perAnalysis(a.verify) },
	}
}

// verdictRecord is the verdict on a connection as --json prints it.
type verdictRecord struct {
	Schema    int    `json:"schema"`
	Type      string `json:"type"` // "verdict"
	File      string `json:"file,omitempty"`
	Conn      int    `json:"conn"`
	State     string `json:"state"`
	Severity  string `json:"severity"` // of the worst finding; "clean" without one
	Verdict   string `json:"verdict"`
	Tokens    int    `json:"tokens_right"`
	HMACs     int    `json:"hmacs_right"`
	Checksums int    `json:"checksums_right"`
	Wrong     int    `json:"wrong"`
	Open      int    `json:"checksums_incomplete"`
}

func (a *app) verify(files []string) int {
	t := a.analyse(files, trace.Config{})
	conns := a.conns(t)
	if len(conns) == 0 && a.opt.conn >= 0 {
		a.complain("there is no connection %d: %s", a.opt.conn, a.haveConns(t))
		return exitNoMatch
	}
	if t.Totals.Packets == 0 && a.damaged {
		return exitUnreadable
	}
	list := a.selected(t)
	if a.opt.json {
		for _, c := range conns {
			a.put(a.newVerdict(c, files))
		}
		for _, f := range list {
			a.put(a.newFindingRecord(f, files))
		}
		return a.judged(t, conns, list)
	}
	r := a.newReport(t, files)
	for _, c := range conns {
		words, worst := verdict(c)
		colour := [...]string{green, yellow, red}[worst]
		fmt.Fprintf(r.w, "connection %d: %s\n", c.ID, a.paint.as(colour, words))
		r.oneLiners(c.Findings)
	}
	if a.opt.conn < 0 {
		r.oneLiners(looseFindings(t))
	}
	if len(conns) == 0 && len(list) == 0 {
		fmt.Fprintf(r.w, "nothing to verify: no Multipath TCP in %s\n", plural(t.Totals.Packets, "packet"))
	}
	return a.judged(t, conns, list)
}

// oneLiners prints what is wrong, a line each.
func (r *report) oneLiners(list []trace.Finding) {
	for _, f := range bySeverity(list) {
		if f.Severity < trace.Warn {
			break
		}
		where := ""
		if t := r.frames(f.Frames, f.Count); t != "" {
			where = " (" + t + ")"
		}
		text := wrap(f.ID+": "+f.Cause+where, findingMargin, r.a.width)
		fmt.Fprintf(r.w, "  %s %s\n", r.a.paint.as(severityColour(f.Severity), fmt.Sprintf("%-5s", f.Severity)), text)
	}
}

func (a *app) newVerdict(c *trace.Conn, files []string) *verdictRecord {
	k := check(c)
	words, worst := verdict(c)
	r := &verdictRecord{
		Schema: schema, Type: "verdict", Conn: c.ID, State: c.State(), Severity: "clean", Verdict: words,
		Tokens: k.tokens, HMACs: k.hmacs, Checksums: k.sums, Wrong: k.wrong, Open: k.sumsOpen,
	}
	if len(c.Findings) > 0 {
		r.Severity = worst.String()
	}
	if a.opt.each {
		r.File = files[0]
	}
	return r
}
