package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mptcp-go/mptcp/cmd/internal/screen"
	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/mptcp-go/mptcp/pcap/trace"
)

// sameFile reports whether name is one of files under another name.
func sameFile(name string, files []string) bool {
	out, err := os.Stat(name)
	if err != nil {
		return false
	}
	for _, f := range files {
		if in, err := os.Stat(f); err == nil && os.SameFile(in, out) && in.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// extract writes packets; the file comes into being with the first of them.
type extract struct {
	a     *app
	name  string
	w     *pcap.Writer
	buf   *bufio.Writer
	file  io.Closer
	count int
	err   error
}

func (a *app) write(files []string, match *filter) int {
	var member map[int]bool
	if a.opt.conn >= 0 && !a.live(files) {
		var ok bool
		if member, ok = a.members(files); !ok {
			return exitNoMatch
		}
	}
	t := a.newTracker(files, trace.Config{})
	var x *fields.Extractor
	if match != nil {
		x = fields.NewExtractor()
	}
	e := &extract{a: a, name: a.opt.write}
	a.each(files, func(file int, f *pcap.Frame) bool {
		dups := t.Totals.Duplicates
		hit := t.Add(file, f)
		if len(files) > 1 && t.Totals.Duplicates > dups {
			return true
		}
		if x != nil {
			row := x.Frame(f)
			setStream(row, hit)
			if !match.matches(row) {
				return true
			}
		}
		if a.wanted(hit, member) {
			// Interfaces of several files are told apart by their numbers.
			g := *f
			g.Iface += file << 16
			e.frame(&g)
		}
		return e.err == nil
	})
	return e.end()
}

func (e *extract) frame(f *pcap.Frame) {
	if e.w == nil {
		e.open(f)
	}
	if e.err == nil {
		if e.err = e.w.WriteFrame(f); e.err == nil {
			e.count++
		}
	}
}

func (e *extract) open(f *pcap.Frame) {
	var out io.Writer = e.a.stdout
	if e.name != "-" {
		file, err := os.Create(e.name)
		if err != nil {
			e.err = err
			return
		}
		out, e.file = file, file
	}
	e.buf = bufio.NewWriterSize(out, 256<<10)
	opts := pcap.WriterOptions{Link: f.Link, Nanos: true, SnapLen: 256 << 10, Application: screen.Version("mpdecode")}
	if strings.EqualFold(filepath.Ext(e.name), ".pcapng") {
		opts.Format = pcap.PCAPNG
	}
	e.w, e.err = pcap.NewWriter(e.buf, opts)
}

func (e *extract) end() int {
	if e.w != nil {
		if err := e.buf.Flush(); e.err == nil {
			e.err = err
		}
	}
	if e.file != nil {
		if err := e.file.Close(); e.err == nil {
			e.err = err
		}
	}
	switch {
	case errors.Is(e.err, pcap.ErrLinkType):
		e.a.complain("%s: %v: name a .pcapng file, which can hold both", e.name, e.err)
		return exitUsage
	case e.err != nil:
		e.a.complain("writing %s: %v", e.name, e.err)
		return exitUnreadable
	case e.count == 0:
		e.a.complain("no packet is selected: %s is not written", e.name)
		return exitNoMatch
	}
	if !e.a.opt.quiet {
		fmt.Fprintf(e.a.stderr, "%s to %s\n", plural(e.count, "packet"), e.name)
	}
	return exitClean
}
