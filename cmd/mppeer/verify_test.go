package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/wire"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// analyse has the analyser read a capture to its end.
func analyse(t *testing.T, file string) *trace.Tracker {
	t.Helper()
	f, err := pcap.Open(file)
	require.NoError(t, err)
	defer f.Close()
	tr := trace.New(trace.Config{})
	for {
		var frame pcap.Frame
		if err = f.Next(&frame); err != nil {
			break
		}
		tr.Add(0, &frame)
	}
	require.ErrorIs(t, err, io.EOF)
	tr.Finish()
	return tr
}

// findings are the ids of what the analyser finds in a capture, from warnings on.
func findings(t *testing.T, file string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, k := range analyse(t, file).Findings() {
		if k.Severity >= trace.Warn {
			found[k.ID] = true
		}
	}
	return found
}

// verify fails where `mpdecode verify` does: a finding that is an error, but for those
// that something between the hosts explains.
func verify(t *testing.T, file string, explained ...string) {
	t.Helper()
	for _, k := range analyse(t, file).Findings() {
		if k.Severity == trace.Error && !slices.Contains(explained, k.ID) {
			assert.Fail(t, "the capture is wrong", "%s in frame %d, %d times: %s", k.ID, k.Frames[0].Frame(), k.Count, k.Cause)
		}
	}
}

// transcribe writes a capture as text, for who looks for what went wrong.
func transcribe(file, to string) error {
	in, err := pcap.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	var f pcap.Frame
	var seg wire.Segment
	first := int64(0)
	for err = in.Next(&f); err == nil; err = in.Next(&f) {
		if first == 0 {
			first = f.Nanos
		}
		text := "not a segment"
		if wire.Parse(&seg, f.Data) == nil {
			text = fmt.Sprintf("%s > %s: %s", seg.Src, seg.Dst, wire.AppendText(nil, &seg, wire.TextBase{}))
		}
		fmt.Fprintf(w, "%5d %.6f %s\n", f.Number, float64(f.Nanos-first)/1e9, text)
	}
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, w.Flush(), out.Close())
}
