package main

import (
	"fmt"
	"strconv"

	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/spf13/pflag"
)

func statsCommand() *command {
	return &command{
		name:  "stats",
		usage: "[flags] FILE...",
		short: "every quantity of every connection, for people or as JSON Lines",
		examples: `
			mpdecode stats trace.pcap
			mpdecode stats --json trace.pcap | jq 'select(.type == "connection") | {id, state, up: .A_to_B.new_bytes}'
			duckdb -c "select id, A_to_B.new_bytes from read_json('stats.jsonl') where type = 'connection'"`,
		text: `Prints every quantity there is of each connection and its subflows. With --json: a line
a connection ("type":"connection", or "inferred" where its handshake is not in the
capture), a line for each flow of no connection ("type":"subflow") and one for each
finding ("type":"finding"); data streams are rebuilt and hashed then. Numbers above 2^53
are given as strings too, under names that end in _str.`,
		takesFiles: true,
		flags: func(f *pflag.FlagSet, o *options) {
			o.one(f)
			o.several(f)
			o.judging(f)
			o.common(f)
		},
		run: func(a *app, _ *command) int { return a.perAnalysis(a.stats) },
	}
}

func (a *app) stats(files []string) int {
	t := a.analyse(files, trace.Config{Streams: a.opt.json})
	conns := a.conns(t)
	if len(conns) == 0 && a.opt.conn >= 0 {
		a.complain("there is no connection %d: %s", a.opt.conn, a.haveConns(t))
		return exitNoMatch
	}
	if t.Totals.Packets == 0 && a.damaged {
		return exitUnreadable
	}
	if a.opt.json {
		a.records(t, files, conns)
	} else {
		r := a.newReport(t, files)
		for _, c := range conns {
			r.stats(c)
		}
		if a.opt.conn < 0 {
			r.totals()
		}
	}
	if len(conns) == 0 && len(t.Subflows()) == 0 {
		return exitNoMatch
	}
	if a.failing(t, a.selected(t)) {
		return exitFindings
	}
	return exitClean
}

// stats prints the quantities of one connection.
func (r *report) stats(c *trace.Conn) {
	p := r.a.paint
	fmt.Fprintf(r.w, "%s\n", p.as(bold, fmt.Sprintf("connection %d: %s", c.ID, c.State())))
	num := func(n uint32) string { return group(n) }
	big := func(n uint64) string { return group(n) }
	rows := [][]cell{cells("", "A > B", "B > A")}
	add := func(name string, value func(d *trace.ConnDir) string) {
		rows = append(rows, []cell{left(name), right(value(&c.Dir[0])), right(value(&c.Dir[1]))})
	}
	add("new octets", func(d *trace.ConnDir) string { return big(d.NewBytes) })
	add("goodput", func(d *trace.ConnDir) string { return rate(d.Goodput()) })
	add("TCP retransmissions, octets", func(d *trace.ConnDir) string { return big(d.DupTCPRetrans) })
	add("re-sent on the same subflow, octets", func(d *trace.ConnDir) string { return big(d.DupNewSSN) })
	add("reinjected on another subflow, octets", func(d *trace.ConnDir) string { return big(d.Reinjected) })
	add("without mapping, octets", func(d *trace.ConnDir) string { return big(d.Unmapped) })
	add("after an infinite mapping, octets", func(d *trace.ConnDir) string { return big(d.UnmappedAfterInfinite) })
	add("in the SYN, octets", func(d *trace.ConnDir) string { return big(d.SynData) })
	add("conflicting repeats", func(d *trace.ConnDir) string { return num(d.Conflicts) })
	add("mappings", func(d *trace.ConnDir) string { return num(d.Mappings) })
	add("mappings repeated", func(d *trace.ConnDir) string { return num(d.RepeatedMappings) })
	add("mappings with checksum", func(d *trace.ConnDir) string { return num(d.WithChecksum) })
	add("checksums", func(d *trace.ConnDir) string { return sums(d).text })
	add("DATA_ACKs of 4, 8 octets", func(d *trace.ConnDir) string { return num(d.DataAck32) + ", " + num(d.DataAck64) })
	add("DSNs of 4, 8 octets", func(d *trace.ConnDir) string { return num(d.DSN32) + ", " + num(d.DSN64) })
	add("DATA_FIN", func(d *trace.ConnDir) string { return d.FinState() })
	add("DATA_ACK latency, ms (mean, max)", func(d *trace.ConnDir) string { return samples(&d.Latency) })
	add("out of order, octets at most", func(d *trace.ConnDir) string { return big(d.MaxDepth) })
	p.table(r.w, "  ", rows)
	for _, sf := range c.Subflows {
		r.subflowStats(sf)
	}
	fmt.Fprintln(r.w)
}

func (r *report) subflowStats(sf *trace.Subflow) {
	fmt.Fprintf(r.w, "  subflow %d (%s): %v > %v, %s\n", sf.ID, kindWord(sf), sf.Src, sf.Dst, endWords(sf))
	rows := [][]cell{cells("", sideName(sf.Side(0))+" > "+sideName(sf.Side(1)), sideName(sf.Side(1))+" > "+sideName(sf.Side(0)))}
	add := func(name string, value func(d *trace.FlowDir, dir int) string) {
		rows = append(rows, []cell{left(name), right(value(&sf.Dir[0], 0)), right(value(&sf.Dir[1], 1))})
	}
	add("packets", func(d *trace.FlowDir, _ int) string { return group(d.Packets) })
	add("payload, octets", func(d *trace.FlowDir, _ int) string { return group(d.Payload) })
	add("new octets", func(d *trace.FlowDir, _ int) string { return group(d.DataNew) })
	add("share", func(_ *trace.FlowDir, dir int) string { return fmt.Sprintf("%.1f%%", 100*sf.Share(dir)) })
	add("retransmitted, octets", func(d *trace.FlowDir, _ int) string { return group(d.Retransmitted) })
	add("never seen, octets", func(d *trace.FlowDir, _ int) string { return group(d.GapOctets) })
	add("gaps", func(d *trace.FlowDir, _ int) string { return group(d.Gaps) })
	add("ACK RTT, ms (mean, max)", func(d *trace.FlowDir, _ int) string { return samples(&d.RTT) })
	add("limited by the window, s", func(d *trace.FlowDir, _ int) string {
		return strconv.FormatFloat(float64(d.Limited)/1e9, 'f', 3, 64)
	})
	add("in flight, octets at most", func(d *trace.FlowDir, _ int) string { return group(d.MaxFlight) })
	add("zero windows", func(d *trace.FlowDir, _ int) string { return group(d.ZeroWindow) })
	r.a.paint.table(r.w, "    ", rows)
}

func samples(s *trace.Samples) string {
	if s.N == 0 {
		return "-"
	}
	return millis(s.Mean()) + ", " + millis(s.Max)
}
