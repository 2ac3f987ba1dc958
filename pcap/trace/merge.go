package trace

import (
	"errors"
	"io"

	"github.com/mptcp-go/mptcp/pcap"
)

// Source gives the frames of one capture in order; a *pcap.Reader is one.
type Source interface {
	Next(*pcap.Frame) error
}

// Merge reads several captures as one, by time. A frame without a time follows the
// one before it. Frames of one file are never reordered.
type Merge struct {
	in []mergeInput
}

type mergeInput struct {
	src  Source
	f    pcap.Frame
	key  int64
	live bool
	err  error
}

// NewMerge returns a Merge of sources, whose indices are the file numbers.
func NewMerge(src ...Source) *Merge {
	m := &Merge{in: make([]mergeInput, len(src))}
	for i := range m.in {
		m.in[i].src = src[i]
		m.in[i].key = -1 << 63
	}
	return m
}

// Next returns the next frame and the index of its file. The frame is valid until
// the next call. The error is io.EOF when every source has ended; what ended them
// early is told by Errors.
func (m *Merge) Next() (file int, f *pcap.Frame, err error) {
	best := -1
	for i := range m.in {
		in := &m.in[i]
		if !in.live && in.err == nil {
			in.fill()
		}
		if in.live && (best < 0 || in.key < m.in[best].key) {
			best = i
		}
	}
	if best < 0 {
		return 0, nil, io.EOF
	}
	m.in[best].live = false // read on at the next call
	return best, &m.in[best].f, nil
}

func (in *mergeInput) fill() {
	if in.err = in.src.Next(&in.f); in.err != nil {
		return
	}
	in.live = true
	if in.f.HasTime {
		in.key = max(in.key, in.f.Nanos)
	}
}

// Errors are what ended each source; nil for a clean end.
func (m *Merge) Errors() []error {
	all := make([]error, len(m.in))
	for i, in := range m.in {
		if !errors.Is(in.err, io.EOF) {
			all[i] = in.err
		}
	}
	return all
}
