package pcap

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// One section in each octet order, with interfaces of their own, all kinds of packet
// blocks, and blocks that are of no interest in between.
func TestPCAPNG(t *testing.T) {
	const ticks = 1_700_000_000_123_456
	section := func(o order) []byte {
		return cat(
			o.shb(o.option(optComment, "a section")),
			o.ngBlock(4, []byte("a name resolution block")),
			o.idb(LinkEthernet, 0, o.option(ifName, "eth0\x00"), o.option(ifDesc, "the first"), o.u32s(optEnd)),
			o.idb(LinkLinuxSLL2, 96, o.option(ifTSResol, "\x09"), o.option(ifTSOffset, string(o.AppendUint64(nil, 5)))),
			o.epb(0, ticks, "abcde", 60),
			o.ngBlock(5, []byte("an interface statistics block")),
			o.epb(1, ticks, "fgh", 3, o.option(optComment, "first"), o.option(epbFlags, string(o.u32s(2))),
				o.option(4, "12345678"), o.option(optComment, "second"), o.u32s(optEnd)),
			o.ngBlock(0xbad, o.u32s(32473), []byte("a custom block")),
			o.ngBlock(blockPacket, o.u16s(1, 7), o.u32s(ticks>>32, ticks&0xffffffff, 2, 2), pad4([]byte("ij")),
				o.option(packFlags, string(o.u32s(1))), o.option(optComment, "obsolete")),
			o.ngBlock(blockSimple, o.u32s(5), []byte("klmno")),
		)
	}
	file := cat(section(little), section(big), section(big))
	r, err := NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	assert.Equal(t, PCAPNG, r.Format())
	assert.Empty(t, r.Interfaces())
	frames, err := drain(r)
	assert.Equal(t, io.EOF, err)
	require.Len(t, frames, 12)
	for s := range 3 {
		n, iface := 4*s, 2*s
		assert.Equal(t, []Frame{
			{Number: n + 1, Section: s, Iface: iface, Link: LinkEthernet, HasTime: true,
				Nanos: ticks * 1000, Len: 60, Data: []byte("abcde")},
			{Number: n + 2, Section: s, Iface: iface + 1, Link: LinkLinuxSLL2, HasTime: true,
				Nanos: ticks + 5e9, Len: 3, Data: []byte("fgh"), Flags: 2, Comments: []string{"first", "second"}},
			{Number: n + 3, Section: s, Iface: iface + 1, Link: LinkLinuxSLL2, HasTime: true,
				Nanos: ticks + 5e9, Len: 2, Data: []byte("ij"), Flags: 1, Comments: []string{"obsolete"}},
			{Number: n + 4, Section: s, Iface: iface, Link: LinkEthernet, Len: 5, Data: []byte("klmno")},
		}, frames[n:n+4])
	}
	assert.Equal(t, []Interface{
		{Number: 4, Link: LinkEthernet, TicksPerSec: 1e6, Name: "eth0", Description: "the first"},
		{Number: 5, Link: LinkLinuxSLL2, SnapLen: 96, TicksPerSec: 1e9},
	}, r.Interfaces())
	assert.Equal(t, Outbound, frames[1].Flags.Direction())
	assert.Equal(t, Inbound, frames[2].Flags.Direction())
	assert.Equal(t, Unknown, frames[3].Flags.Direction())
	assert.True(t, frames[3].Time().IsZero(), "a simple packet block has no time")
}

func TestPCAPNGDamaged(t *testing.T) {
	o := little
	head := cat(o.shb(), o.idb(LinkEthernet, 0))
	one := o.epb(0, 1, "abcdef", 6)
	at := int64(len(head) + len(one))
	// with returns one whose 32-bit field at the offset has another value.
	with := func(block []byte, off int, v uint32) []byte {
		b := bytes.Clone(block)
		copy(b[off:], o.u32s(v))
		return b
	}
	simple := o.ngBlock(blockSimple, o.u32s(5), []byte("klmno"))
	for _, c := range []struct {
		name   string
		file   []byte
		frames int
		err    error
		offset int64
	}{
		{"four octets", head[:4], 0, ErrTruncated, 0},
		{"half a section header", head[:27], 0, ErrTruncated, 0},
		{"no interface", o.shb(), 0, io.EOF, 0},
		{"no octet order", with(head, 8, 0x1a2b3c4e), 0, ErrCorrupt, 8},
		{"version 2", with(head, 12, 2), 0, ErrVersion, 12},
		{"minor version 99", cat(with(head, 12, 99<<16|1), one), 1, io.EOF, 0},
		{"section header too short", with(head, 4, 24), 0, ErrCorrupt, 4},
		{"a later section of another version", cat(head, one, with(o.shb(), 12, 3)), 1, ErrVersion, at + 12},
		{"a later section without octet order", cat(head, one, with(o.shb(), 8, 3)), 1, ErrCorrupt, at + 8},
		{"the start of a later section", cat(head, one, o.shb()[:11]), 1, ErrTruncated, at},

		{"half a block head", cat(head, one, one[:7]), 1, ErrTruncated, at},
		{"half a block", cat(head, one, one[:31]), 1, ErrTruncated, at},
		{"all but the last octet", cat(head, one, one[:len(one)-1]), 1, ErrTruncated, at},
		{"length not a multiple of four", cat(head, one, with(one, 4, 43)), 1, ErrCorrupt, at + 4},
		{"length below the fixed fields", cat(head, one, with(one, 4, 28)), 1, ErrCorrupt, at + 4},
		{"length above the limit", cat(head, one, with(one, 4, MaxBlock+4)), 1, ErrTooLong, at + 4},
		{"lengths contradict", cat(head, one, with(one, len(one)-4, 44)), 1, ErrCorrupt, at + int64(len(one)) - 4},

		{"unknown interface", cat(head, one, with(one, 8, 1)), 1, ErrCorrupt, at + 8},
		{"interface 2^32-1", cat(head, one, with(one, 8, 1<<32-1)), 1, ErrCorrupt, at + 8},
		{"interface of the section before", cat(head, one, o.shb(), one), 1, ErrCorrupt, at + 28 + 8},
		{"captured beyond the block", cat(head, one, with(one, 20, 9)), 1, ErrCorrupt, at + 20},
		{"captured 2^32-1", cat(head, one, with(one, 20, 1<<32-1)), 1, ErrTooLong, at + 20},
		{"padding cut off", cat(head, o.ngBlock(blockEnhanced, o.u32s(0, 0, 0, 4, 4), []byte("abcd"))), 1, io.EOF, 0},

		{"simple packet without an interface", cat(o.shb(), simple), 0, ErrCorrupt, 28},
		{"simple packet beyond the block", cat(head, one, with(simple, 8, 9)), 1, ErrCorrupt, at + 8},
		{"simple packet of 2^32-1", cat(head, one, with(simple, 8, 1<<32-1)), 1, ErrTooLong, at + 8},
		{"simple packet block too short", cat(head, one, o.ngBlock(blockSimple)), 1, ErrCorrupt, at + 4},

		{"skipped block too short", cat(head, one, o.u32s(0xbad, 8, 8)), 1, ErrCorrupt, at + 4},
		{"skipped block not a multiple of four", cat(head, one, o.u32s(0xbad, 13, 13, 13)), 1, ErrCorrupt, at + 4},
		{"skipped block with lengths that contradict", cat(head, one, o.u32s(0xbad, 16, 1, 20)), 1, ErrCorrupt, at + 12},
		{"half a skipped block", cat(head, one, o.u32s(0xbad, 20, 1, 2)), 1, ErrTruncated, at},
		{"skipped block of 4 GiB", cat(head, one, o.u32s(0xbad, 1<<32-4), one, one), 1, ErrTruncated, at},
		{"skipped block without trailing length", cat(head, one, o.u32s(0xbad, 16, 1)), 1, ErrTruncated, at},

		{"interface block too short", cat(o.shb(), o.ngBlock(blockInterface, o.u32s(1))), 0, ErrCorrupt, 28 + 4},
		{"interface option beyond the block", cat(o.shb(), o.idb(1, 0, o.u16s(ifName, 5), o.u32s(0))), 0, ErrCorrupt, 28 + 16},
		{"half an interface option", cat(o.shb(), o.idb(1, 0, o.option(ifName, "eth0"), o.u16s(ifTSResol, 1))), 0, ErrCorrupt, 28 + 24},
		{"packet option beyond the block", cat(head, o.epb(0, 1, "abcd", 4, o.option(optComment, "kept"), o.u16s(1, 5), o.u32s(0))), 1, io.EOF, 0},
		{"options of odd sizes", cat(o.shb(), o.idb(1, 0, o.option(ifTSResol, "ab"), o.option(ifTSOffset, "abc")), one), 1, io.EOF, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			frames, err := readAll(bytes.NewReader(c.file))
			assert.Len(t, frames, c.frames)
			wantEnd(t, err, c.err, c.offset)
		})
	}
}

func TestPCAPNGDamagedOptionKeepsOthers(t *testing.T) {
	o := big
	frames, err := readAll(bytes.NewReader(cat(o.shb(), o.idb(1, 0),
		o.epb(0, 1, "abcd", 4, o.option(optComment, "kept"), o.u16s(1, 5), o.u32s(0)))))
	assert.Equal(t, io.EOF, err)
	assert.Equal(t, []string{"kept"}, frames[0].Comments)
}

func TestPCAPNGTooManyInterfaces(t *testing.T) {
	o := little
	idb := o.idb(1, 0)
	head, err := readAll(io.MultiReader(bytes.NewReader(o.shb()), bytes.NewReader(bytes.Repeat(idb, MaxInterfaces))))
	assert.Empty(t, head)
	assert.Equal(t, io.EOF, err)
	_, err = readAll(io.MultiReader(bytes.NewReader(o.shb()), bytes.NewReader(bytes.Repeat(idb, MaxInterfaces+1))))
	wantEnd(t, err, ErrTooMany, int64(28+len(idb)*MaxInterfaces))
}

// Names are kept up to a limit, so that memory does not grow with what a file says.
func TestPCAPNGLongName(t *testing.T) {
	o := little
	r, err := NewReader(bytes.NewReader(cat(o.shb(), o.idb(1, 0, o.option(ifName, strings.Repeat("x", 5000))), o.epb(0, 1, "", 0))))
	require.NoError(t, err)
	require.NoError(t, r.Next(new(Frame)))
	assert.Len(t, r.Interfaces()[0].Name, nameLimit)
}

// A simple packet block is cut by the snapshot length of the section's first interface.
func TestPCAPNGSimpleCut(t *testing.T) {
	o := big
	frames, err := readAll(bytes.NewReader(cat(o.shb(), o.idb(1, 3), o.idb(1, 0),
		o.ngBlock(blockSimple, o.u32s(5), []byte("klm")))))
	assert.Equal(t, io.EOF, err)
	require.Len(t, frames, 1)
	assert.Equal(t, "klm", string(frames[0].Data))
	assert.Equal(t, 5, frames[0].Len)
}
