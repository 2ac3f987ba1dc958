package pcap

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Magic numbers, as the first four octets read in big-endian order.
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34 // Kuznetzov's patch of libpcap, 24-octet record headers
	magicNG       = 0x0a0d0d0a // a pcapng section header block
	magicZstd     = 0x28b52ffd
)

// maxWindow is the largest zstd window accepted: as much as the zstd program takes
// by default, enough for its --ultra -22. The decoder holds that much memory if a
// stream asks for it.
const maxWindow = 128 << 20

// open finds out what the input is and reads the file header.
func (r *Reader) open() error {
	magic, err := r.magic()
	if err != nil {
		return err
	}
	if comp := compression(magic); comp != Plain {
		if err := r.decompress(comp); err != nil {
			return err
		}
		if magic, err = r.magic(); err != nil {
			return err
		}
	}
	if magic == magicNG {
		r.format = PCAPNG
		return r.openNG()
	}
	if r.pcap.setMagic(magic) {
		r.format = PCAP
		return r.openPCAP()
	}
	return r.fail(r.src.offset(), "file header", ErrUnknownFormat)
}

// magic returns the next four octets without consuming them.
func (r *Reader) magic() (uint32, error) {
	if !r.src.fill(4) {
		if err := r.ended("file header"); err != io.EOF {
			return 0, err
		}
		return 0, r.fail(0, "file header", ErrTruncated)
	}
	return binary.BigEndian.Uint32(r.src.buf[r.src.pos:]), nil
}

// compression recognises gzip (RFC 1952 section 2.3.1) and zstd (RFC 8878 section
// 3.1.1), the latter also behind a skippable frame, as pzstd writes one first.
func compression(magic uint32) Compression {
	switch {
	case magic>>8 == 0x1f8b08:
		return Gzip
	case magic == magicZstd, magic&0xf0ffffff == 0x502a4d18:
		return Zstd
	}
	return Plain
}

// decompress puts a decompressor between the input and r.src.
func (r *Reader) decompress(comp Compression) error {
	raw := r.src
	r.src, r.comp = source{}, comp
	in := bufio.NewReaderSize(&raw, 64<<10)
	var err error
	if comp == Gzip {
		r.src.r, err = gzip.NewReader(in)
	} else {
		// One thread: no goroutine outlives a Reader, and each block is handed on
		// as soon as it has arrived.
		r.src.r, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	}
	if err != nil {
		if err == io.EOF { // gzip's word for a header that ends early
			err = io.ErrUnexpectedEOF
		}
		r.src.err = err
		return r.ended("file header")
	}
	return nil
}
