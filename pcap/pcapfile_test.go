package pcap

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPCAP(t *testing.T) {
	const sec, data = 1_700_000_000, "0123456789abcdef"
	for _, c := range []struct {
		name  string
		o     order
		magic uint32
		nanos int64
	}{
		{"microseconds, little-endian", little, magicMicro, sec*1e9 + 123_000},
		{"microseconds, big-endian", big, magicMicro, sec*1e9 + 123_000},
		{"nanoseconds, little-endian", little, magicNano, sec*1e9 + 123},
		{"nanoseconds, big-endian", big, magicNano, sec*1e9 + 123},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := cat(c.o.header(c.magic, 65535, uint32(LinkRaw)),
				c.o.record(sec, 123, data, 1500), c.o.record(sec, 123, "", 0))
			r, err := NewReader(bytes.NewReader(file))
			require.NoError(t, err)
			assert.Equal(t, PCAP, r.Format())
			assert.Equal(t, Plain, r.Compression())
			assert.Equal(t, int64(24), r.Offset())
			require.Len(t, r.Interfaces(), 1)
			assert.Equal(t, LinkRaw, r.Interfaces()[0].Link)
			assert.Equal(t, 65535, r.Interfaces()[0].SnapLen)
			frames, err := drain(r)
			assert.Equal(t, io.EOF, err)
			require.Len(t, frames, 2)
			assert.Equal(t, Frame{Number: 1, Nanos: c.nanos, HasTime: true, Link: LinkRaw, Len: 1500, Data: []byte(data)}, frames[0])
			assert.Equal(t, 2, frames[1].Number)
			assert.Empty(t, frames[1].Data)
			assert.Equal(t, c.nanos, frames[0].Time().UnixNano())
			assert.Equal(t, int64(len(file)), r.Offset())
			assert.Equal(t, int64(len(file)), r.InputOffset())
			assert.Equal(t, 2, r.Packets())
		})
	}
}

// Kuznetzov's variant has 8 more octets in each record header.
func TestPCAPModified(t *testing.T) {
	for _, o := range []order{little, big} {
		file := cat(o.header(magicModified, 65535, 1),
			o.u32s(7, 8, 3, 60), o.u32s(2), o.u16s(0x800), []byte{4, 0}, []byte("abc"))
		frames, err := readAll(bytes.NewReader(file))
		assert.Equal(t, io.EOF, err)
		require.Len(t, frames, 1)
		assert.Equal(t, "abc", string(frames[0].Data))
		assert.Equal(t, int64(7_000_008_000), frames[0].Nanos)
	}
}

// Only 16 bits of the last header field are a link type; the upper ones may announce
// a frame check sequence.
func TestPCAPLinkTypeBits(t *testing.T) {
	frames, err := readAll(bytes.NewReader(cat(little.header(magicMicro, 65535, 0x24000000|uint32(LinkLinuxSLL2)),
		little.record(1, 2, "x", 1))))
	assert.Equal(t, io.EOF, err)
	assert.Equal(t, LinkLinuxSLL2, frames[0].Link)
}

// Before version 2.4 some systems stored the two lengths the other way round.
func TestPCAPOldLengths(t *testing.T) {
	file := cat(little.u32s(magicMicro), little.u16s(2, 3), little.u32s(0, 0, 68, 1),
		little.u32s(1, 2, 1500, 4), []byte("abcd"), little.u32s(1, 2, 2, 2), []byte("ef"))
	frames, err := readAll(bytes.NewReader(file))
	assert.Equal(t, io.EOF, err)
	require.Len(t, frames, 2)
	assert.Equal(t, "abcd", string(frames[0].Data))
	assert.Equal(t, 1500, frames[0].Len)
}

func TestPCAPDamaged(t *testing.T) {
	head := little.header(magicMicro, 96, 1)
	one := little.record(1, 2, "abcdef", 6)
	for _, c := range []struct {
		name   string
		file   []byte
		frames int
		err    error
		offset int64
	}{
		{"empty", nil, 0, ErrTruncated, 0},
		{"three octets", head[:3], 0, ErrTruncated, 0},
		{"half a file header", head[:23], 0, ErrTruncated, 0},
		{"no packets", head, 0, io.EOF, 0},
		{"something else", []byte("%PDF-1.7 and so on, and so on"), 0, ErrUnknownFormat, 0},
		{"version 1", cat(little.u32s(magicMicro), little.u16s(1, 4), little.u32s(0, 0, 96, 1)), 0, ErrVersion, 4},
		{"version 2 of the wrong octet order", cat(little.u32s(magicMicro), big.u16s(2, 4), little.u32s(0, 0, 96, 1)), 0, ErrVersion, 4},
		{"half a record header", cat(head, one, one[:15]), 1, ErrTruncated, 24 + 22},
		{"no packet behind its header", cat(head, one, one[:16]), 1, ErrTruncated, 24 + 22},
		{"half a packet", cat(head, one, one, one[:21]), 2, ErrTruncated, 24 + 44},
		{"more than the snapshot length", cat(head, little.record(1, 2, string(make([]byte, 97)), 97)), 1, io.EOF, 0},
		{"more than anyone captures", cat(head, one, little.u32s(1, 2, minLimit+1, 60), make([]byte, 2*minLimit)), 1, ErrTooLong, 24 + 22 + 8},
		{"the largest number", cat(head, little.u32s(1, 2, 0xffffffff, 60)), 0, ErrTooLong, 24 + 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			frames, err := readAll(bytes.NewReader(c.file))
			assert.Len(t, frames, c.frames)
			wantEnd(t, err, c.err, c.offset)
		})
	}
}

// A snapshot length above minLimit raises the limit, up to MaxPacket.
func TestPCAPLimits(t *testing.T) {
	for _, c := range []struct {
		snap, n uint32
		err     error
	}{
		{0, 1 << 20, io.EOF},
		{1 << 20, 1 << 20, io.EOF},
		{1 << 20, 1<<20 + 1, ErrTooLong},
		{0xffffffff, MaxPacket, io.EOF},
		{0xffffffff, MaxPacket + 1, ErrTooLong},
	} {
		o := big
		_, err := readAll(io.MultiReader(bytes.NewReader(cat(o.header(magicNano, c.snap, 1), o.u32s(1, 2, c.n, c.n))),
			bytes.NewReader(make([]byte, c.n))))
		wantEnd(t, err, c.err, -1)
	}
}
