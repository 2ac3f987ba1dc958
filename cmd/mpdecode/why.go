package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/wire"
	"github.com/spf13/pflag"
)

func whyCommand() *command {
	return &command{
		name:  "why",
		usage: "[flags] FILE [FILE]",
		short: "why a connection fell back or a join was refused, with the proof",
		examples: `
			mpdecode why trace.pcap
			mpdecode why --conn 3 trace.pcap
			mpdecode why client.pcap server.pcap      both ends: which box in between did it`,
		text: `Explains each fallback to TCP and each join that was refused: the cause, the frames that
prove it, what was excluded, and what to do. Given two captures of the same traffic at two
places, it compares them: what left one and did not reach the other, or arrived changed,
tells where on the path the cause is. With --merge, several files are one analysis, as for
the root command.`,
		takesFiles: true,
		flags: func(f *pflag.FlagSet, o *options) {
			o.one(f)
			f.BoolVar(&o.all, "all", false, "explain every one of many findings of a kind")
			f.BoolVar(&o.merge, "merge", false, "two FILEs are captures of one host, to be merged and not to be compared")
			o.several(f)
			o.judging(f)
			o.common(f)
		},
		run: func(a *app, cmd *command) int {
			if len(a.opt.files) == 2 && !a.opt.merge && !a.opt.each {
				return a.verdictCode(a.compare(a.opt.files))
			}
			return a.perAnalysis(a.why)
		},
	}
}

// causes are the findings that explain a fallback, a refused join, or a connection
// that did not come about.
var causes = map[string]bool{
	"MPD-KEY-ECHO": true, "MPD-OPTIONS-LOST": true, "MPD-INFINITE-MAPPING": true, "MPD-CHECKSUM": true,
	"MPD-CHECKSUM-FIN": true, "MPD-PLAIN-SERVER": true, "MPD-PAYLOAD-CHANGED": true, "MPD-ADDADDR-HMAC": true,
}

func explains(f trace.Finding) bool {
	if causes[f.ID] {
		return true
	}
	for _, family := range []string{
		"MPD-FALLBACK-", "MPD-FAIL-", "MPD-SYN-", "MPD-SYNACK-", "MPD-OPTION-", "MPD-JOIN-",
	} {
		if strings.HasPrefix(f.ID, family) {
			return f.ID != "MPD-JOIN-EARLY"
		}
	}
	return false
}

// onlyCauses are those of list that explain.
func onlyCauses(list []trace.Finding) []trace.Finding {
	return slices.DeleteFunc(slices.Clone(list), func(f trace.Finding) bool { return !explains(f) })
}

// maxAlike is how many findings of one kind are explained.
const maxAlike = 3

// maxProofs bounds the findings whose frames are printed.
const maxProofs = 50

func (a *app) why(files []string) int {
	t := a.analyse(files, trace.Config{})
	conns := a.conns(t)
	if len(conns) == 0 && a.opt.conn >= 0 {
		a.complain("there is no connection %d: %s", a.opt.conn, a.haveConns(t))
		return exitNoMatch
	}
	if t.Totals.Packets == 0 && a.damaged {
		return exitUnreadable
	}
	list := onlyCauses(a.selected(t))
	if a.opt.json {
		for _, f := range list {
			a.put(a.newFindingRecord(f, files))
		}
		return a.explained(t, list, len(conns))
	}
	r := a.newReport(t, files)
	e := &explainer{r, a.proofs(files, list)}
	e.all(conns, list)
	return a.explained(t, list, len(conns))
}

// explained is the exit code.
func (a *app) explained(t *trace.Tracker, list []trace.Finding, conns int) int {
	switch {
	case a.failing(t, list):
		return exitFindings
	case conns == 0 && len(list) == 0:
		return exitNoMatch
	}
	return exitClean
}

// explainer prints causes as prose.
type explainer struct {
	*report
	proof map[trace.Ref]string
}

// all goes through the connections, then through what belongs to none.
func (e *explainer) all(conns []*trace.Conn, list []trace.Finding) {
	well := 0
	for _, c := range conns {
		mine := slices.DeleteFunc(slices.Clone(list), func(f trace.Finding) bool { return f.Conn != c })
		if len(mine) == 0 {
			well++
			continue
		}
		first := c.Subflows[0]
		words, worst := verdict(c)
		fmt.Fprintf(e.w, "%s (%v > %v): %s\n", e.a.paint.as(bold, fmt.Sprintf("connection %d", c.ID)), first.Src, first.Dst,
			e.a.paint.as(severityText(worst), words))
		e.explain(mine)
		fmt.Fprintln(e.w)
	}
	loose := slices.DeleteFunc(slices.Clone(list), func(f trace.Finding) bool { return f.Conn != nil })
	if len(loose) > 0 {
		fmt.Fprintln(e.w, e.a.paint.as(bold, "of no connection in this capture"))
		e.explain(loose)
		fmt.Fprintln(e.w)
	}
	switch {
	case well > 0 && len(list) == 0:
		fmt.Fprintf(e.w, "nothing to explain: no fallback and no refused join in %s\n", plural(well, "connection"))
	case well > 0:
		fmt.Fprintf(e.w, "%s without a fallback or a refused join\n", plural(well, "other connection"))
	case len(list) == 0:
		fmt.Fprintln(e.w, "nothing to explain: no Multipath TCP connection was tried")
	}
}

// explain prints each cause with its proof, what was excluded, and what to do.
func (e *explainer) explain(list []trace.Finding) {
	shown := map[string]int{}
	for _, f := range bySeverity(list) {
		if shown[f.ID]++; shown[f.ID] > maxAlike && !e.a.opt.all {
			continue
		}
		var where []string
		if f.Subflow != nil {
			where = append(where, fmt.Sprintf("subflow %d (%v > %v)", f.Subflow.ID, f.Subflow.Src, f.Subflow.Dst))
		}
		e.findingHead(f, where)
		e.paragraph("because: ", f.Cause+".")
		for i, ref := range f.Frames {
			lead := "  proof: "
			if i > 0 {
				lead = "         "
			}
			e.line(lead, "frame "+e.frame(ref)+e.proof[ref])
		}
		if f.Count > len(f.Frames) && f.Count > 1 {
			e.line("         ", fmt.Sprintf("(%d times in all)", f.Count))
		}
		for i, not := range f.Excluded {
			lead := "    not: "
			if i > 0 {
				lead = "         "
			}
			e.paragraph(lead, not+".")
		}
		e.paragraph("  to do: ", f.Advice+".")
	}
	for _, id := range slices.Sorted(maps.Keys(shown)) {
		if n := shown[id] - maxAlike; n > 0 && !e.a.opt.all {
			fmt.Fprintf(e.w, "  ... and %s (--all shows every one)\n", plural(n, "more "+id))
		}
	}
}

// line prints proof, which is not wrapped but cut: the frame itself has the rest.
func (e *explainer) line(lead, text string) {
	room := e.a.width - len(findingMargin) - len(lead)
	if e.a.terminal && len(text) > room && room > 8 {
		text = text[:room-4] + " ..."
	}
	fmt.Fprintln(e.w, findingMargin+lead+text)
}

// proofs reads the files again for the text of the frames that findings name. What
// came through a pipe is gone: its frames keep their numbers only.
func (a *app) proofs(files []string, list []trace.Finding) map[trace.Ref]string {
	proof := map[trace.Ref]string{}
	for i, f := range list {
		if i < maxProofs {
			for _, ref := range f.Frames {
				proof[ref] = ""
			}
		}
	}
	if a.live(files) || len(proof) == 0 {
		clear(proof)
		return proof
	}
	quiet := *a // what is wrong with a file was told already
	quiet.stderr = nothing{}
	missing := len(proof)
	var s wire.Segment
	quiet.each(files, func(file int, f *pcap.Frame) bool {
		ref := trace.MakeRef(file, f.Number)
		if _, ok := proof[ref]; ok {
			proof[ref] = a.proof(&s, f)
			missing--
		}
		return missing > 0
	})
	return proof
}

// nothing swallows what is written.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }

// proof is the text of one frame. Padding and timestamps prove nothing.
func (a *app) proof(s *wire.Segment, f *pcap.Frame) string {
	ip, miss := pcap.Network(f.Link, f.Data)
	if miss != pcap.Found {
		return ""
	}
	wireLen := f.Len - (len(f.Data) - len(ip))
	inner, _ := pcap.Innermost(ip)
	wireLen -= len(ip) - len(inner)
	if err := wire.ParseCaptured(s, inner, wireLen); err != nil && len(s.Options) == 0 {
		return ""
	}
	full := s.Options
	s.Options = nil
	text := wire.AppendText(nil, s, wire.TextBase{Seq: s.Seq, Ack: s.Ack})
	flags, _, _ := strings.Cut(string(text), " ")
	line := fmt.Sprintf(": %v > %v %s", s.Src, s.Dst, flags)
	if s.PayloadLen > 0 {
		line += fmt.Sprintf(" %s", plural(s.PayloadLen, "octet"))
	}
	var mp []string
	for opt := range full.Pieces() {
		if opt.Kind() == wire.KindMPTCP {
			o := wire.AppendOptionText(nil, opt, wire.TextBase{})
			if !a.opt.showKeys {
				o = hideKeys(o)
			}
			mp = append(mp, string(o))
		}
	}
	if len(mp) == 0 {
		return line + ", no MPTCP option"
	}
	return line + " <" + strings.Join(mp, ", ") + ">"
}
