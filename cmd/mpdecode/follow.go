package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/spf13/pflag"
)

func followCommand() *command {
	return &command{
		name:  "follow",
		usage: "[flags] FILE...",
		short: "rebuild the data stream of a connection across its subflows",
		examples: `
			mpdecode follow trace.pcap                            both directions, as they arrived
			mpdecode follow --conn 3 --dir b -o body.bin trace.pcap
			mpdecode follow --conn 3 --dir a trace.pcap | sha256sum
			mpdecode follow --conn 3 --map trace.pcap             which frames carried what`,
		text: `Writes the octets that the applications exchanged: the connection's data in order of its data
sequence numbers, through a fallback to TCP too. Side A sent the first SYN. With --dir both
(the default) pieces of both directions alternate as they became complete; with -o FILE they
go to FILE.a and FILE.b. Octets that are not in the capture are left out, and said on stderr.
--subflow N follows one TCP flow that belongs to no connection.`,
		takesFiles: true,
		flags: func(f *pflag.FlagSet, o *options) {
			o.one(f)
			f.IntVar(&o.subflow, "subflow", -1, "follow TCP flow `N`, which is of no connection")
			f.StringVar(&o.dir, "dir", "both", "data sent by `SIDE`: a, b, both")
			f.StringVarP(&o.output, "output", "o", "", "write the data to `FILE`")
			f.BoolVar(&o.mapped, "map", false, "instead of the data, print which frame carried what")
			o.common(f)
		},
		run: (*app).runFollow,
	}
}

// follower takes the pieces of one connection.
type follower struct {
	a       *app
	target  target
	sides   [2]bool
	streams [2]*assembly
	out     [2]io.Writer
	closers []func() error
	found   bool // a piece, or the connection itself, was seen
	err     error
}

// target is what to follow: the connection with that number, the one whose first
// subflow that is, or one flow of no connection. -1 is none.
type target struct{ conn, first, flow int }

func (t target) matches(p *trace.Piece) bool {
	switch {
	case t.flow >= 0:
		return p.Conn == nil && p.Subflow.ID == t.flow
	case p.Conn == nil:
		return false
	case t.first >= 0:
		return p.Conn.Subflows[0].ID == t.first
	}
	return p.Conn.ID == t.conn
}

func (a *app) runFollow(cmd *command) int {
	o := &a.opt
	f := &follower{a: a}
	switch o.dir {
	case "a", "A":
		f.sides[0] = true
	case "b", "B":
		f.sides[1] = true
	case "both":
		f.sides = [2]bool{true, true}
	default:
		return a.usageError(cmd, "--dir %s: a, b or both is wanted", o.dir)
	}
	if o.conn >= 0 && o.subflow >= 0 {
		return a.usageError(cmd, "--conn and --subflow exclude each other")
	}
	if o.output != "" && (o.mapped || sameFile(o.output, o.files)) {
		return a.usageError(cmd, "-o %s: it is read, or --map leaves nothing to write there", o.output)
	}
	f.target = target{o.conn, -1, o.subflow}
	if !a.live(o.files) {
		var code int
		if f.target, code = a.choose(cmd); code != exitClean {
			return a.verdictCode(code)
		}
	} else if o.conn < 0 && o.subflow < 0 {
		f.target.conn = 0
	}
	return a.verdictCode(f.run(o.files))
}

// choose reads the files once: an inferred connection has its number only at the
// end, and without a number there may be just one connection to follow.
func (a *app) choose(cmd *command) (target, int) {
	o := &a.opt
	if o.subflow >= 0 {
		return target{-1, -1, o.subflow}, exitClean
	}
	t := a.analyse(o.files, trace.Config{})
	a.damaged = false // the second reading will tell it
	conns, flows := a.conns(t), t.Subflows()
	switch n := o.conn; {
	case n >= 0 && len(conns) == 1:
		return target{-1, conns[0].Subflows[0].ID, -1}, exitClean
	case n >= 0 && t.Totals.ForgottenConns > 0: // it may be an old one
		return target{n, -1, -1}, exitClean
	case n >= 0:
		a.complain("there is no connection %d: %s", n, a.haveConns(t))
		return target{}, exitNoMatch
	case len(conns) == 1:
		return target{-1, conns[0].Subflows[0].ID, -1}, exitClean
	case len(conns) > 1:
		return target{}, a.usageError(cmd, "there are %d connections: name one with --conn", len(conns))
	case len(flows) == 1:
		return target{-1, -1, flows[0].ID}, exitClean
	case len(flows) > 1:
		return target{}, a.usageError(cmd, "no connection, %d TCP flows: name one with --subflow", len(flows))
	}
	a.complain("no TCP in %s", plural(t.Totals.Packets, "packet"))
	return target{}, exitNoMatch
}

func (f *follower) run(files []string) int {
	if code := f.open(); code != exitClean {
		return code
	}
	t := f.a.newTracker(files, trace.Config{OnData: f.take})
	live := f.a.live(files)
	f.a.each(files, func(file int, p *pcap.Frame) bool {
		t.Add(file, p)
		if live {
			f.a.out.Flush()
		}
		return f.err == nil
	})
	t.Finish()
	incomplete := f.finish(t)
	for _, done := range f.closers {
		if err := done(); err != nil && f.err == nil {
			f.err = err
		}
	}
	switch {
	case f.err != nil:
		f.a.complain("%v", f.err)
		return exitUnreadable
	case !f.found:
		f.a.complain("nothing to follow: no data of that connection or flow")
		return exitNoMatch
	case incomplete:
		return exitUnreadable
	}
	return exitClean
}

// open prepares where the data goes.
func (f *follower) open() int {
	for side := range f.out {
		switch {
		case !f.sides[side]:
			continue
		case f.a.opt.mapped:
			f.out[side] = io.Discard
		case f.a.opt.output == "":
			f.out[side] = f.a.screen(side)
		default:
			name := f.a.opt.output
			if f.sides[0] && f.sides[1] {
				name += [...]string{".a", ".b"}[side]
			}
			file, err := os.Create(name)
			if err != nil {
				f.a.complain("%v", err)
				return exitUnreadable
			}
			buf := bufio.NewWriterSize(file, 256<<10)
			f.out[side] = buf
			f.closers = append(f.closers, buf.Flush, file.Close)
		}
	}
	return exitClean
}

// take is the tracker's callback.
func (f *follower) take(p trace.Piece) {
	if !f.target.matches(&p) || f.err != nil {
		return
	}
	f.found = true
	if !f.sides[p.Side] {
		return
	}
	s := f.streams[p.Side]
	if s == nil {
		s = f.stream(p.Side)
		f.streams[p.Side] = s
	}
	if !s.begun {
		if c := p.Conn; c != nil && c.Dir[p.Side].HasStart {
			s.begin(c.Dir[p.Side].Start)
		} else {
			s.begin(p.Pos) // where the capture, or a plain flow, begins
		}
	}
	if f.a.opt.mapped {
		f.line(s, &p)
	}
	if err := s.add(p.Pos, p.Len, p.Octets); err != nil {
		f.err = err
	}
}

func (f *follower) stream(side int) *assembly {
	return &assembly{
		out: f.out[side],
		gap: func(from, n uint64, why string) {
			f.a.complain("%s of %s at offset %s %s", plural(n, "octet"), sideName(side), group(from), why)
		},
	}
}

// finish writes what waited for octets that never came. It reports whether some
// are missing.
func (f *follower) finish(t *trace.Tracker) (incomplete bool) {
	for side, s := range f.streams {
		if s == nil {
			continue
		}
		if err := s.finish(); err != nil && f.err == nil {
			f.err = err
		}
		if s.late > 0 {
			f.a.complain("%s of %s came too late to be put in order", plural(s.late, "octet"), sideName(side))
		}
		incomplete = incomplete || s.missing > 0 || s.late > 0
	}
	if !f.found { // a connection without data is followed, to nothing
		for _, c := range t.Conns() {
			if f.target.first >= 0 && c.Subflows[0].ID == f.target.first || f.target.first < 0 && f.target.flow < 0 && c.ID == f.target.conn {
				f.found = true
			}
		}
		for _, sf := range t.Subflows() {
			if sf.ID == f.target.flow && sf.Conn == nil {
				f.found = true
			}
		}
	}
	return incomplete
}

// pieceRecord is a piece of a stream as --map --json prints it.
type pieceRecord struct {
	Schema  int    `json:"schema"`
	Type    string `json:"type"` // "piece"
	Side    string `json:"side"`
	Offset  uint64 `json:"offset"` // of the stream, from 0
	Len     int    `json:"len"`
	Have    int    `json:"captured"`
	File    string `json:"file,omitempty"`
	Frame   int    `json:"frame"`
	Subflow int    `json:"subflow"`
	Mapped  bool   `json:"mapped"` // by a data sequence mapping, not by TCP's order
}

// line prints a piece for --map.
func (f *follower) line(s *assembly, p *trace.Piece) {
	off := p.Pos - s.start // of a stream seen from midstream, the first piece is 0
	file := ""
	if files := f.a.opt.files; len(files) > 1 {
		file = baseNames(files)[p.Ref.File()]
	}
	if f.a.opt.json {
		f.a.put(&pieceRecord{
			schema, "piece", sideName(p.Side), off, p.Len, len(p.Octets), file, p.Ref.Frame(), p.Subflow.ID, p.Mapped,
		})
		return
	}
	note := ""
	if len(p.Octets) < p.Len {
		note = fmt.Sprintf("  [%d octets captured]", len(p.Octets))
	}
	if !p.Mapped {
		note += "  [no mapping: TCP order]"
	}
	if file != "" {
		file += ":"
	}
	fmt.Fprintf(f.a.out, "%s  offset %10d  length %6d  frame %s%-7d subflow %d%s\n", sideName(p.Side), int64(off), p.Len, file,
		p.Ref.Frame(), p.Subflow.ID, note)
}
