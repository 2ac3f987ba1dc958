package main

import (
	"fmt"
	"strings"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/spf13/pflag"
)

func rootCommand() *command {
	return &command{
		usage: "[flags] FILE...",
		examples: `
			mpdecode trace.pcap                       what happened, and why
			mpdecode wlan0.pcap lte0.pcapng.zst       one analysis of several captures
			mpdecode -w one.pcap --conn 3 trace.pcap  write connection 3 with all its subflows
			ssh host tcpdump -U -w - tcp | mpdecode list -
			mpdecode -r trace.pcap -Y 'tcp.options.mptcp.subtype == 1' -T fields -e frame.number -e ip.src
			mpdecode why client.pcap server.pcap      which box on the way did it`,
		text: `Judges captures of Multipath TCP: which connections there were, over which subflows,
whether every token, HMAC, key and checksum is right, what was sent twice, and why
something fell back or was refused, with the frames that prove it. Captures are pcap or
pcapng, plain or in gzip or zstd; - is the standard input.

With -Y, matching packets are printed a line each; with -T or -e their fields, as tshark
does.`,
		takesFiles: true,
		flags: func(f *pflag.FlagSet, o *options) {
			o.one(f)
			f.BoolVar(&o.all, "all", false, "show every connection, however many")
			o.several(f)
			o.judging(f)
			f.StringVarP(&o.write, "write", "w", "", "write the packets of --conn, or those that -Y selects, to `FILE` (.pcap or .pcapng)")
			f.StringVarP(&o.filter, "filter", "Y", "", "select packets by a display `FILTER`")
			f.StringVarP(&o.format, "format", "T", "", "print packets as `FORMAT`: fields, json, text")
			f.StringArrayVarP(&o.names, "field", "e", nil, "print field `NAME` (mpdecode fields lists them); repeatable")
			f.StringArrayVarP(&o.separator, "option", "E", nil, "set `NAME=VALUE` for -T fields: header=y, separator=/t, occurrence=f|l|a, aggregator=, or quote=d|s|n")
			o.common(f)
		},
		run: (*app).runRoot,
	}
}

func (a *app) runRoot(cmd *command) int {
	switch {
	case a.opt.format != "" || a.opt.filter != "" && a.opt.write == "" || len(a.opt.names) > 0:
		return a.runPackets(cmd)
	case a.opt.write != "":
		return a.runWrite(cmd)
	}
	return a.perAnalysis(a.summary)
}

// perAnalysis calls do for all files together or, with --each, for one after the
// other, and combines the exit codes.
func (a *app) perAnalysis(do func(files []string) int) int {
	if !a.opt.each {
		return a.verdictCode(do(a.opt.files))
	}
	worst := exitNoMatch
	for i, name := range a.opt.files {
		if !a.opt.json {
			if i > 0 {
				fmt.Fprintln(a.out)
			}
			fmt.Fprintln(a.out, a.paint.as(bold, "== "+name))
		}
		switch code := do([]string{name}); {
		case code == exitFindings:
			worst = code
		case worst == exitNoMatch:
			worst = code
		}
	}
	return a.verdictCode(worst)
}

// verdictCode lets a damaged input outweigh what was found in it.
func (a *app) verdictCode(code int) int {
	if a.damaged {
		return exitUnreadable
	}
	return code
}

// summary is the answer on one screen.
func (a *app) summary(files []string) int {
	t := a.analyse(files, trace.Config{})
	conns := a.conns(t)
	if len(conns) == 0 && a.opt.conn >= 0 {
		a.complain("there is no connection %d: %s", a.opt.conn, a.haveConns(t))
		return exitNoMatch
	}
	if t.Totals.Packets == 0 && a.damaged {
		return exitUnreadable // that was said
	}
	list := a.selected(t)
	if a.opt.json {
		a.records(t, files, conns)
		a.captureRecord(t, files)
	} else {
		r := a.newReport(t, files)
		switch {
		case len(conns) > screenConns:
			r.many(conns)
			r.grouped(list)
			fmt.Fprintln(r.w)
		default:
			r.full(conns)
			if a.opt.conn < 0 {
				r.loose()
			}
		}
		if a.opt.conn < 0 {
			r.totals()
		}
	}
	return a.judged(t, conns, list)
}

// judged is the exit code for what was found.
func (a *app) judged(t *trace.Tracker, conns []*trace.Conn, list []trace.Finding) int {
	switch {
	case a.failing(t, list):
		return exitFindings
	case len(conns) == 0 && len(list) == 0:
		return exitNoMatch
	}
	return exitClean
}

func (a *app) haveConns(t *trace.Tracker) string {
	switch conns := t.Conns(); len(conns) {
	case 0:
		return "the capture has none"
	case 1:
		return fmt.Sprintf("the capture has number %d only", conns[0].ID)
	default:
		return fmt.Sprintf("the capture has %d to %d", conns[0].ID, conns[len(conns)-1].ID)
	}
}

// loose prints what belongs to no connection.
func (r *report) loose() {
	plainFlows, strays, joins := 0, 0, 0
	for _, sf := range r.t.Subflows() {
		switch {
		case sf.Conn != nil:
		case sf.Kind == trace.Join:
			joins++
		case sf.MPTCPPackets > 0:
			strays++
		default:
			plainFlows++
		}
	}
	if n := len(r.t.Conns()); n == 0 {
		fmt.Fprintln(r.w, r.a.paint.as(bold, "no Multipath TCP connection"))
	}
	if plainFlows > 0 {
		fmt.Fprintf(r.w, "%s without Multipath TCP", plural(plainFlows, "TCP flow"))
		r.plainFlows()
	}
	if strays > 0 {
		fmt.Fprintf(r.w, "%s with MPTCP options that tell no connection\n", plural(strays, "TCP flow"))
	}
	list := looseFindings(r.t)
	if joins > 0 {
		fmt.Fprintf(r.w, "%s of no connection in this capture\n", plural(joins, "join"))
	}
	if len(list) > screenConns {
		r.grouped(list)
	} else {
		r.findings(list)
	}
	if plainFlows+strays+joins+len(list) > 0 {
		fmt.Fprintln(r.w)
	}
}

// plainFlows names a few flows without MPTCP.
func (r *report) plainFlows() {
	shown := 0
	for _, sf := range r.t.Subflows() {
		if sf.Conn != nil || sf.Kind == trace.Join || sf.MPTCPPackets > 0 {
			continue
		}
		if shown == 3 {
			fmt.Fprint(r.w, ", ...")
			break
		}
		fmt.Fprintf(r.w, "%s %v > %v", [...]string{":", ","}[min(shown, 1)], sf.Src, sf.Dst)
		shown++
	}
	fmt.Fprintln(r.w)
}

// totals is the closing line.
func (r *report) totals() {
	n := &r.t.Totals
	list := []string{plural(n.Packets, "packet")}
	add := func(count int, format string) {
		if count > 0 {
			list = append(list, fmt.Sprintf(format, group(count)))
		}
	}
	list = append(list, group(n.TCP)+" TCP", group(n.MPTCP)+" with MPTCP options")
	add(n.Duplicates, "%s duplicates dropped")
	add(n.Tunnelled, "%s in tunnels"+tunnelNames(n.Tunnels))
	add(n.NotTCP, "%s of other protocols")
	add(n.NotIP, "%s not IP")
	add(n.Fragments, "%s IP fragments not put together")
	add(n.Malformed, "%s not decoded")
	add(n.Unsupported, "%s of unknown link types")
	add(n.Truncated, "%s cut by the snapshot length")
	add(n.PartialSum, "%s with offloaded TCP checksums")
	if k := n.ForgottenConns; k > 0 {
		list = append(list, fmt.Sprintf("%s not listed to keep memory bounded, with %s and %s", plural(k, "old connection"),
			plural(n.ForgottenFindings[trace.Error], "error"), plural(n.ForgottenFindings[trace.Warn], "warning")))
	} else if k := n.ForgottenFlows; k > 0 {
		list = append(list, plural(k, "old flow")+" not listed to keep memory bounded")
	}
	fmt.Fprintln(r.w, r.a.paint.as(dim, wrap(strings.Join(list, ", "), "  ", r.a.width)))
}

func tunnelNames(count [pcap.NumTunnel]int) string {
	var names []string
	for k, n := range count {
		if n > 0 {
			names = append(names, pcap.TunnelKind(k).String())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}
