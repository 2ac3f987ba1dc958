package fields_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
)

// readAll prints every field of r in both ways and matches a few filters.
func readAll(t rapid.TB, r *fields.Row, filters []*fields.Filter) {
	var b bytes.Buffer
	w := fields.NewJSONWriter(&b, fields.JSONOptions{})
	if err := w.Write(r); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b.Bytes()) {
		t.Fatalf("no JSON: %s", b.Bytes())
	}
	for _, name := range fields.Names() {
		f, _ := fields.Lookup(name)
		cell := r.Append(nil, f.ID, "\t")
		if r.Has(f.ID) != (len(cell) > 0) && f.Type != fields.Bytes && f.Type != fields.Text {
			t.Fatalf("%s is there: %v, and prints %q", name, r.Has(f.ID), cell)
		}
		if bytes.ContainsAny(cell, "\n\r") {
			t.Fatalf("%s breaks the line: %q", name, cell)
		}
	}
	for _, f := range filters {
		f.Match(r)
	}
}

// someFilters reach every kind of node and type.
func someFilters(t testing.TB) []*fields.Filter {
	var list []*fields.Filter
	for _, expr := range []string{
		"ip.addr == 10.0.0.0/8 or ipv6.addr != 2001:db8::/29 or eth.addr > 02:00:00:00:00:00",
		"tcp.payload contains 00 and not tcp.flags & 1 == 1", "tcp.port in {1..7, 80}", "frame contains ff",
		"frame.protocols matches \"m.*p\" || tcp.seq == tcp.ack || ipv6.src == ipv6.dst || frame.time_relative < 1",
	} {
		f, err := fields.Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

// TestDamagedFrames changes, cuts and prolongs the samples; nothing may panic.
func TestDamagedFrames(t *testing.T) {
	filters := someFilters(t)
	samples := linkSamples()
	for i := range lenient {
		f := lenientFrame(t, i)
		samples = append(samples, sample{link: f.Link, frame: f.Data})
	}
	rapid.Check(t, func(t *rapid.T) {
		x := fields.NewExtractor()
		for range rapid.IntRange(1, 4).Draw(t, "frames") {
			s := rapid.SampledFrom(samples).Draw(t, "sample")
			b := append([]byte(nil), s.frame...)
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "octet")
			}
			b = append(b, rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "more")...)
			b = b[:rapid.IntRange(0, len(b)).Draw(t, "captured")]
			readAll(t, x.Frame(&pcap.Frame{
				Link: s.link, Data: b, HasTime: rapid.Bool().Draw(t, "timed"),
				Nanos: rapid.Int64().Draw(t, "time"), Len: rapid.IntRange(-1, 200).Draw(t, "wire"),
			}), filters)
		}
	})
}

func FuzzFrame(f *testing.F) {
	for _, s := range linkSamples() {
		f.Add(uint16(s.link), s.frame)
	}
	filters := someFilters(f)
	f.Fuzz(func(t *testing.T, link uint16, data []byte) {
		x := fields.NewExtractor()
		frame := pcap.Frame{Number: 1, Link: pcap.LinkType(link), Data: data, Len: len(data)}
		readAll(t, x.Frame(&frame), filters)
		readAll(t, x.Frame(&frame), filters) // now the stream is known
	})
}

// FuzzFilter compiles anything; what compiles has to match without a panic.
func FuzzFilter(f *testing.F) {
	for _, expr := range []string{
		"tcp.options.mptcp.subtype == 1 && !(ip.src in {10.0.0.0/8, 1.2.3.4..5.6.7.8})",
		"tcp.payload contains \"a\\x00\" or tcp.flags & 0x12 != 2", "frame matches '(a|b)*'", "ipv6.addr > ::1/3",
		"frame.time_relative <= -1.5", "tcp.port not in {1 2}", "eth.src == 00:11:22:33:44:55", "((", "tcp.port ==",
	} {
		f.Add(expr)
	}
	r := rowOf(pcap.LinkRaw, ipv4Packet(4, ethernetFrame(1, 2, 0, sampleOptions, nil)[14:]))
	f.Fuzz(func(t *testing.T, expr string) {
		filter, err := fields.Compile(expr)
		if err != nil {
			if e, ok := err.(*fields.FilterError); !ok || e.Offset > len(expr) || e.Caret() == "" {
				t.Fatal(err)
			}
			return
		}
		not, err := fields.Compile("!(" + expr + ")")
		if err == nil && filter.Match(r) == not.Match(r) && expr != "" {
			t.Fatalf("%s and its negation agree", expr)
		}
	})
}
