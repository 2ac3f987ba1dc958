package fuzz

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"testing/iotest"

	"github.com/mptcp-go/mptcp/pcap"
)

// captureLimit ends the reading of compressed files that expand without end.
const captureLimit = 1 << 20

// captureErrors are all a damaged file may end in.
var captureErrors = []error{pcap.ErrUnknownFormat, pcap.ErrVersion, pcap.ErrTruncated,
	pcap.ErrCorrupt, pcap.ErrTooLong, pcap.ErrTooMany}

// captureSeed lets the digests of two readings be compared.
var captureSeed = maphash.MakeSeed()

// Capture reads data as a capture file, from the link layer through all tunnels. It
// panics if a promise of package pcap is broken: limits, slices inside the input,
// typed errors with an offset, the same packets however the octets arrive, and the
// same packets again after writing them. It returns 1 if there was a packet.
func Capture(data []byte) int {
	first := readCapture(bytes.NewReader(data), len(data))
	if len(data) < 8<<10 {
		second := readCapture(iotest.OneByteReader(bytes.NewReader(data)), len(data))
		if first != second {
			panic(fmt.Sprintf("at once: %+v, octet by octet: %+v", first, second))
		}
	}
	if first.packets > 0 {
		rewriteCapture(data, first.packets)
		return 1
	}
	return 0
}

// reading is what two readings of a file must agree in.
type reading struct {
	packets int
	sum     uint64
	end     string
}

func readCapture(in io.Reader, size int) (res reading) {
	r, err := pcap.NewReader(in)
	if err != nil {
		return reading{end: captureEnd(err, size, false)}
	}
	var h maphash.Hash
	h.SetSeed(captureSeed)
	for f := (pcap.Frame{}); ; {
		before := r.Offset()
		if before > captureLimit {
			return reading{res.packets, h.Sum64(), "limit"}
		}
		if err := r.Next(&f); err != nil {
			if again := r.Next(&f); again != err {
				panic(fmt.Sprintf("%v, then %v", err, again))
			}
			return reading{res.packets, h.Sum64(), captureEnd(err, size, r.Compression() == pcap.Plain)}
		}
		res.packets++
		switch n := int64(len(f.Data)); {
		case f.Number != res.packets || r.Packets() != res.packets:
			panic("packets are not numbered one by one")
		case n > pcap.MaxPacket || n > r.Offset()-before:
			panic(fmt.Sprintf("packet of %d octets from offset %d to %d", n, before, r.Offset()))
		case r.Compression() == pcap.Plain && r.Offset() > int64(size):
			panic("more octets than there are")
		}
		captureInterface(r, &f)
		ip, miss := pcap.Network(f.Link, f.Data)
		if (miss == pcap.Found) != (len(ip) > 0) || !within(f.Data, ip) {
			panic(fmt.Sprintf("%v, %d octets", miss, len(ip)))
		}
		inner, opened := pcap.Innermost(ip)
		if !within(ip, inner) || (opened[0] == pcap.NoTunnel) != (len(inner) == len(ip)) {
			panic(fmt.Sprintf("%v in % x", opened, ip))
		}
		pcap.IsFragment(inner)
		fmt.Fprint(&h, f.Nanos, f.HasTime, f.Link, f.Section, f.Iface, f.Len, f.Flags, f.Comments, len(f.Data), miss, opened)
		h.Write(f.Data)
	}
}

// captureInterface panics if the packet's interface was not described.
func captureInterface(r *pcap.Reader, f *pcap.Frame) {
	for _, in := range r.Interfaces() {
		if in.Number == f.Iface && in.Link == f.Link {
			return
		}
	}
	panic(fmt.Sprintf("no interface %d of type %v", f.Iface, f.Link))
}

// captureEnd panics if err is not one of those promised, and returns its text.
func captureEnd(err error, size int, plain bool) string {
	if err == io.EOF {
		return "EOF"
	}
	var fe *pcap.FormatError
	if !errors.As(err, &fe) || fe.Offset < 0 || plain && fe.Offset > int64(size) {
		panic(fmt.Sprintf("%T: %v", err, err))
	}
	for _, e := range captureErrors {
		if errors.Is(err, e) {
			return err.Error()
		}
	}
	panic(err)
}

// within tells whether part lies inside of whole.
func within(whole, part []byte) bool {
	if len(part) == 0 {
		return true
	}
	for at := 0; at+len(part) <= len(whole); at++ {
		if &whole[at] == &part[0] {
			return true
		}
	}
	return false
}

// rewriteCapture writes all packets as pcapng and reads them again.
func rewriteCapture(data []byte, packets int) {
	r, err := pcap.NewReader(bytes.NewReader(data))
	if err != nil {
		panic(err)
	}
	var copied bytes.Buffer
	w, err := pcap.NewWriter(&copied, pcap.WriterOptions{Format: pcap.PCAPNG, SnapLen: pcap.MaxPacket})
	if err != nil {
		panic(err)
	}
	var sums []uint64
	var f pcap.Frame
	for range packets {
		if err := r.Next(&f); err != nil {
			panic(err)
		}
		if err := w.WriteFrame(&f); errors.Is(err, pcap.ErrRange) {
			continue // a time before 1970, comments without end
		} else if err != nil {
			panic(err)
		}
		sums = append(sums, maphash.Bytes(captureSeed, f.Data))
	}
	if r, err = pcap.NewReader(&copied); err != nil {
		panic(err)
	}
	for i, sum := range sums {
		if err := r.Next(&f); err != nil || maphash.Bytes(captureSeed, f.Data) != sum {
			panic(fmt.Sprintf("packet %d of the copy: %v", i, err))
		}
	}
	if err := r.Next(&f); err != io.EOF {
		panic(fmt.Sprintf("after the copy: %v", err))
	}
}
