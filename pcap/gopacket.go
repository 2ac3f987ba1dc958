package pcap

import (
	"fmt"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// This is the only file that knows google/gopacket. It lets programs written for it
// read through a Reader, which takes what gopacket's own readers do not: zstd, link
// types above 255, several octet orders in one file, lengths that lie.

// LinkTypeError: gopacket keeps link types in 8 bits, so packets of this one would be
// decoded as something else. LINUX_SLL2 ("tcpdump -i any") is the usual case.
type LinkTypeError struct {
	Link   LinkType
	Number int // the packet, as in Frame.Number
}

// Error names the link type and the packet.
func (e *LinkTypeError) Error() string {
	return fmt.Sprintf("pcap: packet %d: gopacket cannot hold link type %v (%d): it has 8 bits only",
		e.Number, e.Link, uint16(e.Link))
}

// GopacketLink returns gopacket's name for a link type, false if it cannot hold it.
func GopacketLink(link LinkType) (layers.LinkType, bool) {
	return layers.LinkType(link), link <= 0xff
}

// GopacketSource is a Reader in the shape that gopacket takes packets from. For a
// gopacket.PacketSource, peek at the link type first:
//
//	src := pcap.NewGopacketSource(r)
//	link, err := src.LinkType()
//	packets := gopacket.NewPacketSource(src, link)
type GopacketSource struct {
	r       *Reader
	frame   Frame
	err     error
	pending bool // frame and err were read, but not handed out
}

var (
	_ gopacket.PacketDataSource         = (*GopacketSource)(nil)
	_ gopacket.ZeroCopyPacketDataSource = (*GopacketSource)(nil)
)

// NewGopacketSource returns a source that takes over r.
func NewGopacketSource(r *Reader) *GopacketSource { return &GopacketSource{r: r} }

// next reads a packet unless one is pending. A packet that gopacket cannot hold is
// an error, but later packets of other link types can be read.
func (s *GopacketSource) next() error {
	if s.pending {
		return s.err
	}
	s.pending = true
	if s.err = s.r.Next(&s.frame); s.err != nil {
		return s.err
	}
	if _, ok := GopacketLink(s.frame.Link); !ok {
		s.err = &LinkTypeError{s.frame.Link, s.frame.Number}
	}
	return s.err
}

// LinkType returns the link type of the next packet, or the error that the next read
// will return. In a pcapng file every packet may have another.
func (s *GopacketSource) LinkType() (layers.LinkType, error) {
	if err := s.next(); err != nil {
		return 0, err
	}
	return layers.LinkType(s.frame.Link), nil
}

// ZeroCopyReadPacketData returns the next packet. data is valid until the next call
// of any method. As with gopacket's NgReader, ci.AncillaryData[0] is the packet's
// layers.LinkType in pcapng files. Errors are those of [Reader.Next], and
// *[LinkTypeError].
func (s *GopacketSource) ZeroCopyReadPacketData() (data []byte, ci gopacket.CaptureInfo, err error) {
	err = s.next()
	s.pending = false
	if err != nil {
		return nil, gopacket.CaptureInfo{}, err
	}
	f := &s.frame
	ci = gopacket.CaptureInfo{
		Timestamp:      f.Time(),
		CaptureLength:  len(f.Data),
		Length:         f.Len,
		InterfaceIndex: f.Iface,
	}
	if s.r.Format() == PCAPNG {
		ci.AncillaryData = []any{layers.LinkType(f.Link)}
	}
	return f.Data, ci, nil
}

// ReadPacketData is ZeroCopyReadPacketData with a copy of the octets, which stays
// valid.
func (s *GopacketSource) ReadPacketData() (data []byte, ci gopacket.CaptureInfo, err error) {
	data, ci, err = s.ZeroCopyReadPacketData()
	return append([]byte(nil), data...), ci, err
}
