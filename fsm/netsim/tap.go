package netsim

import (
	"encoding/binary"
	"io"
	"time"
)

// Tap is an element that shows what passes its place.
type Tap struct {
	see func(now time.Time, dir Dir, pkt []byte)
}

// NewTap returns a tap. The octets that see is given live until it returns and are
// not to be changed.
func NewTap(see func(now time.Time, dir Dir, pkt []byte)) *Tap { return &Tap{see} }

// Handle implements Element.
func (t *Tap) Handle(at *Slot, dir Dir, p *Packet) {
	t.see(at.w.Now(), dir, p.Data)
	at.Send(dir, p)
}

func (t *Tap) String() string { return "tap" }

// Pcap writes packets as a classic capture file: nanoseconds, raw IP packets. Its
// See is what NewTap wants; several taps may share one file.
type Pcap struct {
	w      io.Writer
	header bool
	record [16]byte
	err    error
}

// NewPcap returns a writer of a capture file; the file's header is written with the
// first packet.
func NewPcap(w io.Writer) *Pcap { return &Pcap{w: w} }

const (
	pcapMagicNanos = 0xa1b23c4d
	linkTypeRaw    = 101
	pcapSnapLen    = 262144
)

// See appends one packet to the file.
func (c *Pcap) See(now time.Time, _ Dir, pkt []byte) {
	if !c.header {
		c.header = true
		var h [24]byte
		binary.LittleEndian.PutUint32(h[0:], pcapMagicNanos)
		binary.LittleEndian.PutUint16(h[4:], 2)
		binary.LittleEndian.PutUint16(h[6:], 4)
		binary.LittleEndian.PutUint32(h[16:], pcapSnapLen)
		binary.LittleEndian.PutUint32(h[20:], linkTypeRaw)
		c.write(h[:])
	}
	r := &c.record
	binary.LittleEndian.PutUint32(r[0:], uint32(now.Unix()))
	binary.LittleEndian.PutUint32(r[4:], uint32(now.Nanosecond()))
	binary.LittleEndian.PutUint32(r[8:], uint32(len(pkt)))
	binary.LittleEndian.PutUint32(r[12:], uint32(len(pkt)))
	c.write(r[:])
	c.write(pkt)
}

func (c *Pcap) write(b []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(b)
	}
}

// Err is the first error of the writer underneath.
func (c *Pcap) Err() error { return c.err }
