package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"golang.org/x/term"
)

// input is one open capture.
type input struct {
	*pcap.Reader
	name string
	size int64 // octets, -1 if unknown
	err  error // why it could not be opened, or what ended it early
	file io.Closer
}

// Next makes an input that could not be opened one that is over.
func (in *input) Next(f *pcap.Frame) error {
	if in.Reader == nil {
		return io.EOF
	}
	return in.Reader.Next(f)
}

func (a *app) open(name string) *input {
	in := &input{name: name, size: -1}
	if name == "-" {
		in.name = "standard input"
		if f, ok := a.stdin.(*os.File); ok {
			if term.IsTerminal(int(f.Fd())) {
				in.err = errors.New("the standard input is a terminal, not a capture")
				return in
			}
			if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
				in.size = info.Size()
			}
		}
		in.Reader, in.err = pcap.NewReader(a.stdin)
		return in
	}
	f, err := pcap.Open(name)
	if err != nil {
		in.err = err
		return in
	}
	in.Reader, in.size, in.file = f.Reader, f.Size(), f
	return in
}

// each reads the captures, merged by time where there are several, and hands over
// frame after frame until take returns false. The frame is valid during the call.
// What is wrong with an input is told on stderr, and a.damaged set.
func (a *app) each(files []string, take func(file int, f *pcap.Frame) bool) {
	in := make([]*input, len(files))
	for i, name := range files {
		in[i] = a.open(name)
		if in[i].file != nil {
			defer in[i].file.Close()
		}
	}
	p := newProgress(a, in)
	defer p.clear()
	reading.Store(true)
	defer reading.Store(false)
	if len(in) == 1 {
		a.eachOf(in[0], p, take)
	} else {
		a.eachMerged(in, p, take)
	}
	p.clear()
	for _, in := range in {
		if in.err != nil {
			a.damaged = true
			a.complain("%s", in.trouble())
		}
	}
}

// eachOf reads one capture. It looks no packet ahead: what a pipe brings is handed
// over at once.
func (a *app) eachOf(in *input, p *progress, take func(int, *pcap.Frame) bool) {
	if in.err != nil {
		return
	}
	var f pcap.Frame
	for n := 0; n < a.opt.count; n++ {
		if n&progressMask == progressMask && p.stop() {
			return
		}
		if err := in.Next(&f); err != nil {
			if !errors.Is(err, io.EOF) {
				in.err = err
			}
			return
		}
		if !take(0, &f) {
			return
		}
	}
}

func (a *app) eachMerged(in []*input, p *progress, take func(int, *pcap.Frame) bool) {
	sources := make([]trace.Source, len(in))
	for i := range in {
		sources[i] = in[i]
	}
	m := trace.NewMerge(sources...)
	for n := 0; n < a.opt.count; n++ {
		if n&progressMask == progressMask && p.stop() {
			break
		}
		file, f, err := m.Next()
		if err != nil || !take(file, f) {
			break
		}
	}
	for i, err := range m.Errors() {
		if err != nil && in[i].err == nil {
			in[i].err = err
		}
	}
}

// trouble says in a line where and why an input could not be read on.
func (in *input) trouble() string {
	var damage *pcap.FormatError
	if !errors.As(in.err, &damage) {
		return in.err.Error() // of the system, which names the file
	}
	where := ""
	if in.Reader != nil {
		where = ", after " + plural(in.Packets(), "packet")
	}
	return in.name + ": " + damage.What + " at offset " + group(damage.Offset) + where + ": " + damage.Err.Error()
}

// baseNames are the shortest names that tell the files of one analysis apart.
func baseNames(files []string) []string {
	names := make([]string, len(files))
	seen := map[string]int{}
	for i, f := range files {
		names[i] = filepath.Base(f)
		seen[names[i]]++
	}
	for i, f := range files {
		if seen[names[i]] > 1 {
			names[i] = f
		}
	}
	return names
}

// newTracker makes a tracker for files as one analysis.
func (a *app) newTracker(files []string, cfg trace.Config) *trace.Tracker {
	cfg.Keys, cfg.Files = a.opt.keys, len(files)
	return trace.New(cfg)
}

// analyse reads files into a tracker and finishes it.
func (a *app) analyse(files []string, cfg trace.Config) *trace.Tracker {
	t := a.newTracker(files, cfg)
	a.each(files, func(file int, f *pcap.Frame) bool {
		t.Add(file, f)
		return true
	})
	t.Finish()
	return t
}
