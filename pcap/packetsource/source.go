// Package packetsource lets programs written for google/gopacket read captures
// through a pcap.Reader, which takes what gopacket's own readers do not: zstd, link
// types above 255, several octet orders in one file, lengths that lie.
//
// It is a package of its own since gopacket takes milliseconds to start, which
// readers of captures that do not use it should not pay.
package packetsource

import (
	"fmt"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mptcp-go/mptcp/pcap"
)

// LinkTypeError: gopacket keeps link types in 8 bits, so packets of this one would be
// decoded as something else. LINUX_SLL2 ("tcpdump -i any") is the usual case.
type LinkTypeError struct {
	Link   pcap.LinkType
	Number int // the packet, as in Frame.Number
}

// Error names the link type and the packet.
func (e *LinkTypeError) Error() string {
	return fmt.Sprintf("packetsource: packet %d: gopacket cannot hold link type %v (%d): it has 8 bits only",
		e.Number, e.Link, uint16(e.Link))
}

// Link returns gopacket's name for a link type, false if it cannot hold it.
func Link(link pcap.LinkType) (layers.LinkType, bool) {
	return layers.LinkType(link), link <= 0xff
}

// Source is a pcap.Reader in the shape that gopacket takes packets from. For a
// gopacket.PacketSource, peek at the link type first:
//
//	src := packetsource.New(r)
//	link, err := src.LinkType()
//	packets := gopacket.NewPacketSource(src, link)
type Source struct {
	r       *pcap.Reader
	frame   pcap.Frame
	err     error
	pending bool // frame and err were read, but not handed out
}

var (
	_ gopacket.PacketDataSource         = (*Source)(nil)
	_ gopacket.ZeroCopyPacketDataSource = (*Source)(nil)
)

// New returns a source that takes over r.
func New(r *pcap.Reader) *Source { return &Source{r: r} }

// next reads a packet unless one is pending. A packet that gopacket cannot hold is
// an error, but later packets of other link types can be read.
func (s *Source) next() error {
	if s.pending {
		return s.err
	}
	s.pending = true
	if s.err = s.r.Next(&s.frame); s.err != nil {
		return s.err
	}
	if _, ok := Link(s.frame.Link); !ok {
		s.err = &LinkTypeError{s.frame.Link, s.frame.Number}
	}
	return s.err
}

// LinkType returns the link type of the next packet, or the error that the next read
// will return. In a pcapng file every packet may have another.
func (s *Source) LinkType() (layers.LinkType, error) {
	if err := s.next(); err != nil {
		return 0, err
	}
	return layers.LinkType(s.frame.Link), nil
}

// ZeroCopyReadPacketData returns the next packet. data is valid until the next call
// of any method. As with gopacket's NgReader, ci.AncillaryData[0] is the packet's
// layers.LinkType in pcapng files. Errors are those of [pcap.Reader.Next], and
// *[LinkTypeError].
func (s *Source) ZeroCopyReadPacketData() (data []byte, ci gopacket.CaptureInfo, err error) {
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
	if s.r.Format() == pcap.PCAPNG {
		ci.AncillaryData = []any{layers.LinkType(f.Link)}
	}
	return f.Data, ci, nil
}

// ReadPacketData is ZeroCopyReadPacketData with a copy of the octets, which stays
// valid.
func (s *Source) ReadPacketData() (data []byte, ci gopacket.CaptureInfo, err error) {
	data, ci, err = s.ZeroCopyReadPacketData()
	return append([]byte(nil), data...), ci, err
}
