package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// order builds files by hand in one octet order.
type order struct {
	binary.AppendByteOrder
	uint32 func([]byte) uint32
}

var (
	little = order{binary.LittleEndian, binary.LittleEndian.Uint32}
	big    = order{binary.BigEndian, binary.BigEndian.Uint32}
)

func (o order) u32s(values ...uint32) (b []byte) {
	for _, v := range values {
		b = o.AppendUint32(b, v)
	}
	return b
}

func (o order) u16s(values ...uint16) (b []byte) {
	for _, v := range values {
		b = o.AppendUint16(b, v)
	}
	return b
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func pad4(b []byte) []byte { return append(b[:len(b):len(b)], make([]byte, (4-len(b)&3)&3)...) }

// header is a pcap file header of version 2.4.
func (o order) header(magic, snap uint32, link uint32) []byte {
	return cat(o.u32s(magic), o.u16s(2, 4), o.u32s(0, 0, snap, link))
}

// record is a pcap packet.
func (o order) record(sec, frac uint32, data string, wire uint32) []byte {
	return cat(o.u32s(sec, frac, uint32(len(data)), wire), []byte(data))
}

// ngBlock is a pcapng block; body is padded.
func (o order) ngBlock(typ uint32, body ...[]byte) []byte {
	b := pad4(cat(body...))
	n := uint32(len(b) + blockMin)
	return cat(o.u32s(typ, n), b, o.u32s(n))
}

func (o order) shb(opts ...[]byte) []byte {
	return o.ngBlock(blockSection, o.u32s(orderMagic), o.u16s(1, 0), o.u32s(1<<32-1, 1<<32-1), cat(opts...))
}

func (o order) idb(link LinkType, snap uint32, opts ...[]byte) []byte {
	return o.ngBlock(blockInterface, o.u16s(uint16(link), 0), o.u32s(snap), cat(opts...))
}

func (o order) epb(iface uint32, ticks uint64, data string, wire uint32, opts ...[]byte) []byte {
	return o.ngBlock(blockEnhanced, o.u32s(iface, uint32(ticks>>32), uint32(ticks), uint32(len(data)), wire),
		pad4([]byte(data)), cat(opts...))
}

func (o order) option(code uint16, value string) []byte {
	return cat(o.u16s(code, uint16(len(value))), pad4([]byte(value)))
}

// readAll returns copies of all frames, and how the file ended.
func readAll(r io.Reader) ([]Frame, error) {
	rd, err := NewReader(r)
	if err != nil {
		return nil, err
	}
	return drain(rd)
}

func drain(rd *Reader) (frames []Frame, err error) {
	for {
		f := Frame{Comments: []string{"of another packet"}, Flags: 99, Section: 99, Iface: 99, HasTime: true}
		if err := rd.Next(&f); err != nil {
			if again := rd.Next(&f); again != err {
				return frames, errors.Join(err, errors.New("another error at the next call"), again)
			}
			return frames, err
		}
		f.Data = bytes.Clone(f.Data)
		frames = append(frames, f)
	}
}

// wantEnd verifies an error of a reader: io.EOF, or a *FormatError at the offset
// that wraps want.
func wantEnd(t *testing.T, err, want error, offset int64) {
	t.Helper()
	if want == io.EOF {
		if err != io.EOF {
			t.Errorf("ended with %v, want io.EOF", err)
		}
		return
	}
	var fe *FormatError
	if !errors.As(err, &fe) || !errors.Is(err, want) {
		t.Errorf("ended with %v, want a FormatError wrapping %v", err, want)
		return
	}
	if offset >= 0 && fe.Offset != offset {
		t.Errorf("%v: offset %d, want %d", err, fe.Offset, offset)
	}
}

// captures returns some captures of testdata and those with independent oracles that
// lie outside of this repository. The latter are not always there.
func captures(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, base := range []string{"comments.pcapng", "malformed-flows.pcap", "sll2-any.pcap"} {
		names = append(names, filepath.Join("..", "testdata", base))
	}
	ours := len(names)
	shared := filepath.Join("..", "..", "shared", "captures")
	filepath.WalkDir(shared, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (strings.HasSuffix(path, ".pcap") || strings.HasSuffix(path, ".pcapng")) {
			names = append(names, path)
		}
		return nil
	})
	if len(names) == ours {
		if os.Getenv("MPTCP_REQUIRE_SHARED") == "1" {
			t.Fatalf("no captures in %s", shared)
		}
		t.Logf("no captures in %s: those of testdata only", shared)
	}
	return names
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
