package pcap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// write returns the file with those frames.
func write(t require.TestingT, opts WriterOptions, frames []Frame) []byte {
	var out bytes.Buffer
	w, err := NewWriter(&out, opts)
	require.NoError(t, err)
	for i := range frames {
		require.NoError(t, w.WriteFrame(&frames[i]))
	}
	return out.Bytes()
}

// What is written can be read, and is the same as far as the format can hold it.
func TestWriterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := WriterOptions{
			Format: rapid.SampledFrom([]Format{0, PCAP, PCAPNG}).Draw(t, "format"),
			Nanos:  rapid.Bool().Draw(t, "nanos"),
			Link:   LinkType(rapid.SampledFrom([]int{0, 1, 101, 276, 65535}).Draw(t, "link")),
		}
		if opts.Format == PCAPNG {
			opts.Comment = rapid.String().Draw(t, "section comment")
			opts.Application = rapid.String().Draw(t, "application")
		}
		frames := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Frame {
			f := Frame{Link: opts.Link, HasTime: true,
				Nanos: rapid.Int64Range(0, math.MaxUint32*1e9).Draw(t, "time"),
				Data:  rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "data"),
			}
			f.Len = len(f.Data) + rapid.IntRange(0, 2000).Draw(t, "more on the wire")
			if opts.Format == PCAPNG {
				f.Link = LinkType(rapid.IntRange(0, 3).Draw(t, "link"))
				f.Iface = rapid.IntRange(0, 3).Draw(t, "interface")
				f.Flags = Flags(rapid.Uint32Range(0, 2).Draw(t, "flags"))
				f.Comments = rapid.SliceOfN(rapid.StringN(0, 20, -1), 0, 3).Draw(t, "comments")
			}
			return f
		}), 0, 10).Draw(t, "frames")

		got, err := readAll(bytes.NewReader(write(t, opts, frames)))
		if err != io.EOF || len(got) != len(frames) {
			t.Fatalf("%d frames of %d, then %v", len(got), len(frames), err)
		}
		ifaces := make(map[ifaceKey]int)
		for i, want := range frames {
			want.Number = i + 1
			if opts.Format != PCAPNG && !opts.Nanos {
				want.Nanos -= want.Nanos % 1000
			}
			if opts.Format == PCAPNG { // numbered in order of appearance
				key := ifaceKey{want.Link, want.Iface}
				if _, ok := ifaces[key]; !ok {
					ifaces[key] = len(ifaces)
				}
				want.Iface = ifaces[key]
			}
			if len(want.Comments) == 0 {
				want.Comments = nil
			}
			if !assert.ObjectsAreEqual(want, got[i]) {
				t.Fatalf("wrote %+v\nread  %+v", want, got[i])
			}
		}
	})
}

func TestWriterRefuses(t *testing.T) {
	good := Frame{Link: LinkRaw, HasTime: true, Nanos: 1e9, Data: []byte("E")}
	change := func(how func(*Frame)) Frame { f := good; how(&f); return f }
	longest := ErrRange
	if math.MaxInt == math.MaxInt32 {
		longest = nil // fits into the 32 bits that the formats have
	}
	for _, c := range []struct {
		name    string
		frame   Frame
		pcap    error
		pcapng  error
		written int
	}{
		{"another link type", change(func(f *Frame) { f.Link = LinkIPv4 }), ErrLinkType, nil, 0},
		{"before 1970", change(func(f *Frame) { f.Nanos = -1 }), ErrRange, ErrRange, 0},
		{"after 2106", change(func(f *Frame) { f.Nanos = (1 << 32) * 1e9 }), ErrRange, nil, 0},
		{"no time", change(func(f *Frame) { f.HasTime = false }), ErrRange, nil, 0},
		{"too long", change(func(f *Frame) { f.Data = make([]byte, minLimit+1) }), ErrRange, ErrRange, 0},
		{"negative length", change(func(f *Frame) { f.Len = -1 }), ErrRange, ErrRange, 0},
		{"length beyond 32 bits", change(func(f *Frame) { f.Len = math.MaxInt }), longest, longest, 0},
		{"comments without end", change(func(f *Frame) {
			for range MaxBlock / 65535 {
				f.Comments = append(f.Comments, strings.Repeat("x", 70000))
			}
		}), nil, ErrRange, 0},
	} {
		for _, format := range []Format{PCAP, PCAPNG} {
			want := c.pcap
			if format == PCAPNG {
				want = c.pcapng
			}
			var out bytes.Buffer
			w, err := NewWriter(&out, WriterOptions{Format: format, Link: LinkRaw})
			require.NoError(t, err)
			before := out.Len()
			assert.ErrorIs(t, w.WriteFrame(&c.frame), want, c.name)
			if want != nil {
				assert.Equal(t, before, out.Len(), "%s: nothing is written", c.name)
			}
			assert.NoError(t, w.WriteFrame(&good), "the writer goes on")
			_, err = readAll(&out)
			assert.Equal(t, io.EOF, err)
		}
	}
	for _, snap := range []int{-1, MaxPacket + 1} {
		_, err := NewWriter(io.Discard, WriterOptions{SnapLen: snap})
		assert.ErrorIs(t, err, ErrRange)
	}
}

func TestWriterSnapLen(t *testing.T) {
	f := Frame{Link: LinkRaw, HasTime: true, Data: make([]byte, MaxPacket)}
	for _, format := range []Format{PCAP, PCAPNG} {
		file := write(t, WriterOptions{Format: format, Link: LinkRaw, SnapLen: MaxPacket}, []Frame{f})
		got, err := readAll(bytes.NewReader(file))
		assert.Equal(t, io.EOF, err)
		require.Len(t, got, 1)
		assert.Equal(t, f.Data, got[0].Data)
	}
}

func TestAddInterface(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, WriterOptions{Format: PCAPNG})
	require.NoError(t, err)
	require.NoError(t, w.AddInterface(Interface{Number: 7, Link: LinkRaw, Name: "client", Description: "wifi", SnapLen: 96}))
	require.NoError(t, w.AddInterface(Interface{Number: 7, Link: LinkRaw, Name: "again"}))
	require.NoError(t, w.AddInterface(Interface{Number: 3, Link: LinkEthernet, Name: "server"}))
	assert.ErrorIs(t, w.AddInterface(Interface{SnapLen: -1}), ErrRange)
	for _, f := range []Frame{{Link: LinkEthernet, Iface: 3}, {Link: LinkRaw, Iface: 7}, {Link: LinkRaw, Iface: 3}} {
		require.NoError(t, w.WriteFrame(&f))
	}
	r, err := NewReader(&out)
	require.NoError(t, err)
	frames, err := drain(r)
	assert.Equal(t, io.EOF, err)
	require.Len(t, frames, 3)
	assert.Equal(t, []int{1, 0, 2}, []int{frames[0].Iface, frames[1].Iface, frames[2].Iface})
	assert.Equal(t, []Interface{
		{Number: 0, Link: LinkRaw, SnapLen: 96, TicksPerSec: 1e9, Name: "client", Description: "wifi"},
		{Number: 1, Link: LinkEthernet, TicksPerSec: 1e9, Name: "server"},
		{Number: 2, Link: LinkRaw, SnapLen: minLimit, TicksPerSec: 1e9},
	}, r.Interfaces())

	w, err = NewWriter(io.Discard, WriterOptions{})
	require.NoError(t, err)
	assert.NoError(t, w.AddInterface(Interface{Name: "no place for it"}))
}

func TestWriterTooManyInterfaces(t *testing.T) {
	w, err := NewWriter(io.Discard, WriterOptions{Format: PCAPNG})
	require.NoError(t, err)
	for i := range MaxInterfaces {
		require.NoError(t, w.WriteFrame(&Frame{Iface: i}))
	}
	assert.ErrorIs(t, w.WriteFrame(&Frame{Iface: MaxInterfaces}), ErrRange)
	assert.ErrorIs(t, w.AddInterface(Interface{Number: MaxInterfaces}), ErrRange)
	assert.NoError(t, w.WriteFrame(&Frame{Iface: MaxInterfaces - 1}))
}

// An error of the underlying writer ends the file: half a record may be out.
func TestWriterBroken(t *testing.T) {
	full := errors.New("no space left")
	left := 1000
	out := writerFunc(func(p []byte) (int, error) {
		if left -= len(p); left < 0 {
			return 0, full
		}
		return len(p), nil
	})
	for _, format := range []Format{PCAP, PCAPNG} {
		left = 1000
		w, err := NewWriter(out, WriterOptions{Format: format})
		require.NoError(t, err)
		assert.ErrorIs(t, w.WriteFrame(&Frame{HasTime: true, Data: make([]byte, 1000)}), full)
		left = 1000
		assert.ErrorIs(t, w.WriteFrame(&Frame{HasTime: true}), full)
		assert.ErrorIs(t, w.AddInterface(Interface{}), full)
		left = 0
		_, err = NewWriter(out, WriterOptions{Format: format})
		assert.ErrorIs(t, err, full)
	}
	w, err := NewWriter(io.Discard, WriterOptions{Format: PCAPNG})
	require.NoError(t, err)
	w.w, left = out, 0
	assert.ErrorIs(t, w.AddInterface(Interface{}), full)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Wireshark's tools read the same from our files as we do.
func TestWriterTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed: ", err)
	}
	capinfos, err := exec.LookPath("capinfos")
	if err != nil {
		t.Skip("capinfos is not installed: ", err)
	}
	ip := packet4(protoTCP, octets("1f90 0050 00000001 00000000 5002 ffff 0000 0000"))
	frames := []Frame{
		{Link: LinkRaw, HasTime: true, Nanos: 1_700_000_000_123_456_789, Len: 40, Data: ip},
		{Link: LinkRaw, HasTime: true, Nanos: 1_700_000_001_000_000_001, Len: 1500, Data: ip[:33]},
	}
	for name, opts := range map[string]WriterOptions{
		"us.pcap":   {Link: LinkRaw},
		"ns.pcap":   {Link: LinkRaw, Nanos: true},
		"ns.pcapng": {Format: PCAPNG, Comment: "the whole", Application: "a test"},
	} {
		t.Run(name, func(t *testing.T) {
			frames := append([]Frame(nil), frames...)
			if opts.Format == PCAPNG {
				frames = append(frames, Frame{Link: LinkEthernet, Iface: 1, HasTime: true, Nanos: 1_700_000_002_000_000_000,
					Data: cat(octets(macs+"0800"), ip), Comments: []string{"hello", "world"}, Flags: 2})
			}
			file := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.WriteFile(file, write(t, opts, frames), 0o600))
			out, err := exec.Command(tshark, "-n", "-r", file, "-T", "fields", "-E", "separator=/s", "-E", "aggregator=+",
				"-e", "frame.number", "-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len", "-e", "ip.src",
				"-e", "frame.interface_id", "-e", "frame.comment").Output()
			require.NoError(t, err)
			r, err := Open(file)
			require.NoError(t, err)
			defer r.Close()
			var want strings.Builder
			for f := (Frame{}); r.Next(&f) == nil; {
				iface := ""
				if opts.Format == PCAPNG {
					iface = fmt.Sprint(f.Iface)
				}
				fmt.Fprintf(&want, "%d %d.%09d %d %d 10.0.0.1 %s %s\n", f.Number, f.Nanos/1e9, f.Nanos%1e9,
					len(f.Data), max(f.Len, len(f.Data)), iface, strings.Join(f.Comments, "+"))
			}
			assert.Equal(t, want.String(), string(out))

			out, err = exec.Command(capinfos, "-M", "-T", "-c", "-k", "-r", file).CombinedOutput()
			require.NoError(t, err, string(out))
			assert.Contains(t, string(out), fmt.Sprintf("%d", len(frames)))
			if opts.Format == PCAPNG {
				assert.Contains(t, string(out), "the whole")
			}
		})
	}
}
