package main

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/wire"
)

// explain prints each MPTCP option octet by octet.
func (l *lister) explain(hit trace.Hit) {
	version := wire.V1
	if c := hit.Subflow.Conn; c != nil {
		version = c.Version
	}
	for opt := range hit.Segment.Options.Pieces() {
		if opt.Kind() == wire.KindMPTCP {
			l.option(l.w, opt, version)
		}
	}
}

func (l *lister) option(w io.Writer, opt wire.Option, version wire.Version) {
	for i, part := range l.parts(opt, version) {
		lead := "    "
		if i == 0 {
			lead = "  * "
		}
		fmt.Fprintf(w, "       %s%2d  %-16s  %-24s  %s\n", lead, part.Offset, part.Octets, part.Name, part.Value)
	}
}

// part is a wire.Part with its octets.
type part struct {
	Offset int    `json:"offset"`
	Octets string `json:"octets"`
	Name   string `json:"name"`
	Value  string `json:"value"`
}

func (l *lister) parts(opt wire.Option, version wire.Version) (list []part) {
	for _, p := range wire.Explain(opt, version) {
		q := part{p.Offset, fmt.Sprintf("%x", []byte(opt[p.Offset:p.Offset+p.Len])), p.Name, p.Value}
		if !l.a.opt.showKeys && secret(opt, p) {
			q.Octets, q.Value = fmt.Sprintf("%d octets", p.Len), "hidden"
		}
		list = append(list, q)
	}
	return list
}

// segmentRecord is a segment as --json prints it.
type segmentRecord struct {
	Schema  int      `json:"schema"`
	Type    string   `json:"type"` // "segment"
	File    string   `json:"file,omitempty"`
	Frame   int      `json:"frame"`
	Time    *string  `json:"time"` // seconds since 1970, as text: it has too many digits for a float
	Conn    *int     `json:"conn"` // null as long as it is not known
	Subflow int      `json:"subflow"`
	Side    *string  `json:"side"` // who sends: A or B of the connection
	Src     string   `json:"src"`
	Dst     string   `json:"dst"`
	Len     int      `json:"len"`
	Text    string   `json:"text"`
	Marks   []string `json:"marks"`
	Options [][]part `json:"options,omitempty"`
}

func (l *lister) record(file int, f *pcap.Frame, hit trace.Hit, numbers wire.TextBase, marks []mark) {
	s := hit.Segment
	r := &segmentRecord{
		Schema: schema, Type: "segment", Frame: f.Number, Subflow: hit.Subflow.ID, Src: endpoint(s.Src),
		Dst: endpoint(s.Dst), Len: s.PayloadLen, Text: string(l.text(nil, s, numbers)), Marks: []string{},
	}
	if l.names != nil {
		r.File = l.names[file]
	}
	if f.HasTime {
		text := fmt.Sprintf("%d.%09d", f.Nanos/1e9, f.Nanos%1e9)
		r.Time = &text
	}
	version := wire.V1
	if c := hit.Subflow.Conn; c != nil {
		side := sideName(hit.Subflow.Side(hit.Dir))
		r.Side, version = &side, c.Version
		if c.ID >= 0 {
			r.Conn = &c.ID
		}
	}
	for _, m := range marks {
		r.Marks = append(r.Marks, m.text)
	}
	if l.a.opt.verbose {
		for opt := range s.Options.Pieces() {
			if opt.Kind() == wire.KindMPTCP {
				r.Options = append(r.Options, l.parts(opt, version))
			}
		}
	}
	l.a.put(r)
}

// endpoint is address, colon and port, as the records of stats have it.
func endpoint(a netip.AddrPort) string {
	return a.Addr().String() + ":" + strconv.Itoa(int(a.Port()))
}
