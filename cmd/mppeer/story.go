package main

import (
	"bufio"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// story tells what happens in a simulated world, a line each. Of segments it shows
// those that say something new, of each element's edits the first few.
type story struct {
	w     *bufio.Writer
	all   bool
	width int             // of a line; what is longer is cut where not all is wanted
	edits int             // by middleboxes
	shown map[string]int  // edits, by element
	seen  map[string]bool // signals, by path and direction
	isn   map[[2]netip.AddrPort]uint32
	idsn  [2]uint64 // by direction
}

const fewEdits = 3

func (s *story) line(at time.Duration, who, text string) {
	line := fmt.Sprintf("%8.4f  %-7s %s", at.Seconds(), who, text)
	if !s.all && len(line) > s.width {
		line = line[:s.width-3] + "..."
	}
	fmt.Fprintln(s.w, line)
}

func (s *story) tell(now time.Time, who, text string) { s.line(now.Sub(netsim.Epoch), who, text) }

// counter tells of a decision of the machine.
func (s *story) counter(who string, now time.Time, what string) {
	if s.all {
		s.tell(now, who, "counter "+what)
	}
}

// edit tells of an edit.
func (s *story) edit(e netsim.Entry) {
	who := "link"
	if !strings.HasPrefix(e.Element, "link") {
		who = "box"
		s.edits++
	}
	if s.shown == nil {
		s.shown = map[string]int{}
	}
	s.shown[e.Element]++
	switch n := s.shown[e.Element]; {
	case s.all || n <= fewEdits:
		s.line(e.At, who, arrow(e.Dir)+" "+e.Element+": "+e.Text)
	case n == fewEdits+1:
		s.line(e.At, who, "and so on ("+e.Element+")")
	}
}

// segment tells of a segment at the server's end of a path.
func (s *story) segment(now time.Time, path int, dir netsim.Dir, pkt []byte) {
	var seg wire.Segment
	if wire.Parse(&seg, pkt) != nil {
		return
	}
	base := s.learn(dir, &seg)
	kind := signalOf(&seg)
	key := fmt.Sprint(path, dir, seg.Src, seg.Dst, kind)
	if !s.all && (kind == "" || s.seen[key]) {
		return
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[key] = true
	seg.Options = s.relative(dir, seg.Options)
	s.tell(now, fmt.Sprintf("path %d", path+1), arrow(dir)+" "+string(wire.AppendText(nil, &seg, base)))
}

// learn notes initial sequence numbers and returns those of the segment's flow.
func (s *story) learn(dir netsim.Dir, seg *wire.Segment) wire.TextBase {
	if s.isn == nil {
		s.isn = map[[2]netip.AddrPort]uint32{}
	}
	if seg.Flags.Has(wire.SYN) {
		s.isn[[2]netip.AddrPort{seg.Src, seg.Dst}] = seg.Seq
	}
	if o, ok := seg.Options.FindMPTCP(wire.SubMPCapable); ok {
		if m, err := wire.ParseMPCapable(o); err == nil && m.HasSender {
			s.idsn[dir] = m.Sender.IDSN(m.Version)
		}
	}
	base := wire.TextBase{Seq: s.isn[[2]netip.AddrPort{seg.Src, seg.Dst}]}
	if seg.Flags.Has(wire.ACK) {
		base.Ack = s.isn[[2]netip.AddrPort{seg.Dst, seg.Src}]
	}
	return base
}

// relative is the block without what is not Multipath TCP's, its data sequence numbers
// counted from the connection's first.
func (s *story) relative(dir netsim.Dir, block wire.Options) wire.Options {
	var out wire.Options
	for o := range block.MPTCP() {
		if d, err := wire.ParseDSS(o); err == nil {
			d.DSN -= s.idsn[dir]
			d.DataAck -= s.idsn[dir.Back()]
			if !d.Flags.Has(wire.DSSMap8) {
				d.DSN &= 0xffffffff
			}
			if !d.Flags.Has(wire.DSSAck8) {
				d.DataAck &= 0xffffffff
			}
			if again, err := d.Append(out); err == nil {
				out = again
				continue
			}
		}
		if again, err := out.AppendRaw(o); err == nil {
			out = again
		}
	}
	return out
}

// signalOf names what a segment is the first to say; empty: nothing but data and
// acknowledgments.
func signalOf(seg *wire.Segment) string {
	switch {
	case seg.Flags.Has(wire.RST):
		return "RST"
	case seg.Flags.Has(wire.SYN):
		return "SYN"
	}
	for o := range seg.Options.MPTCP() {
		if st := o.Subtype(); st != wire.SubDSS {
			return st.String()
		}
		d, err := wire.ParseDSS(o)
		switch {
		case err != nil:
		case d.Flags.Has(wire.DSSFin | wire.DSSMap):
			return "DATA_FIN"
		case d.Flags.Has(wire.DSSMap) && d.DataLen == 0:
			return "infinite"
		}
	}
	if seg.Flags.Has(wire.FIN) {
		return "FIN"
	}
	return ""
}
