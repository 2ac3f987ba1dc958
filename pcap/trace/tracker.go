package trace

import (
	"errors"
	"slices"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/wire"
)

// Limits bound what a Tracker keeps. The zero value of a field means the default.
type Limits struct {
	Spans    int // pieces of data remembered per direction of a connection; 8192
	Mappings int // mappings remembered per direction of a subflow; 1024
	Store    int // payload octets kept per direction to compare repeats with; 256 KiB
	Total    int // payload octets kept over all connections; 64 MiB
	Linger   int // closed connections whose state is kept for late packets; 256
	Findings int // findings kept per connection; 64
	Flows    int // flows listed at the end, with their connections; 200,000
	Subflows int // flows followed per connection; 1024
	Pending  int // octets that streams hold beyond gaps, over all connections; 256 MiB
}

func (l *Limits) fill() {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&l.Spans, 8192)
	set(&l.Mappings, 1024)
	set(&l.Store, 256<<10)
	set(&l.Total, 64<<20)
	set(&l.Linger, 256)
	set(&l.Findings, 64)
	set(&l.Flows, 200_000)
	set(&l.Subflows, 1024)
	set(&l.Pending, 256<<20)
}

// Config of a Tracker. The zero value judges without rebuilding streams.
type Config struct {
	Limits Limits
	// Keys known beforehand, for captures that begin midstream or lack a handshake.
	Keys []wire.Key
	// Streams has the data stream of each connection rebuilt and hashed.
	Streams bool
	// Events has the Tracker list every signal it sees (Tracker.Events).
	Events bool
	// OnData, where set, is given every piece of connection data that is new, in the
	// order of capture. Piece.Octets is valid during the call only.
	OnData func(Piece)
	// Files is how many captures Add will be given; with more than one, packets that
	// several of them show count once.
	Files int
}

// Piece is a range of a connection's data that had not been seen before.
type Piece struct {
	Conn    *Conn // nil for a plain TCP flow
	Subflow *Subflow
	Side    int    // 0: sent by A
	Pos     uint64 // position of the first octet; Conn.Start says where the stream begins
	Len     int    // octets on the wire; more than len(Octets) where the capture was cut
	Octets  []byte
	Ref     Ref
	Mapped  bool // by a data sequence mapping; false: by TCP order after a fallback
}

// Ref names a packet: which file (from 0) and which frame of it (from 1).
type Ref uint64

// MakeRef packs a file index and a frame number.
func MakeRef(file, frame int) Ref { return Ref(uint64(file)<<48 | uint64(frame)) }

// File is the index of the capture, in the order they were given.
func (r Ref) File() int { return int(r >> 48) }

// Frame is the number of the packet in its file; 0 where there is none.
func (r Ref) Frame() int { return int(r & (1<<48 - 1)) }

// Totals count packets over everything that was added.
type Totals struct {
	Packets                        int // frames given to Add
	TCP                            int // frames with a TCP header
	MPTCP                          int // of which with an MPTCP option
	BadSum                         int // TCP checksum wrong, offloaded ones included
	PartialSum                     int // of which offloaded: the pseudo-header's sum alone
	Truncated                      int // frames cut by the snaplen
	NotIP                          int // ARP and the like
	NotTCP                         int // UDP, ICMP ...
	Duplicates                     int // copies of a packet from another file or interface, left out
	Fragments                      int // IP fragments: not reassembled
	Malformed                      int // IP or TCP headers that lie
	Unsupported                    int // link types not known
	Tunnelled                      int // packets found inside a tunnel
	Tunnels                        [pcap.NumTunnel]int
	Subtypes                       [16]int // MPTCP options by subtype
	First, Last                    int64   // capture times in ns; of packets that have one
	PayloadOctets                  uint64  // TCP payload on the wire
	ForgottenFlows, ForgottenConns int     // dropped to keep memory bounded: not listed
	ForgottenFindings              [3]int  // of those connections, by severity
}

// Tracker follows all flows of one analysis. It is not safe for concurrent use.
type Tracker struct {
	Totals Totals

	cfg          Config
	flows        flowTable
	subflows     []*Subflow
	conns        []*Conn
	tokens       map[wire.Token]tokenOwner
	keys         []givenKey
	dups         *dups
	closed       fifo[*Conn]    // waiting to be compacted
	closedFlows  fifo[*Subflow] // of no living connection, waiting to be settled
	inferred     int            // connections that were
	inferable    []*Conn        // those that midstream flows may belong to
	flowsSeen    int
	alive        int // flows in subflows that were not dropped
	oldest       int // index of the first of them
	realConns    int // connections known by their handshake
	droppedConns int
	stored       int // payload octets held to compare or verify
	pending      int // payload octets that streams hold beyond gaps
	events       []Event
	general      []Finding

	seg wire.Segment
	sg  signals
	cut bool // the packet at hand is not whole
	now int64
	ref Ref
}

// tokenOwner is a side of a connection that JOINs can name.
type tokenOwner struct {
	conn *Conn
	side int
}

// New returns a Tracker with nothing seen.
func New(cfg Config) *Tracker {
	cfg.Limits.fill()
	t := &Tracker{cfg: cfg, tokens: make(map[wire.Token]tokenOwner)}
	if cfg.Files > 1 {
		t.dups = newDups()
	}
	for _, k := range cfg.Keys {
		t.keys = append(t.keys, makeGivenKey(k))
	}
	return t
}

// Hit says where a packet belongs.
type Hit struct {
	Subflow *Subflow // nil: not TCP
	Dir     int      // 0: sent by the opener
	Segment *wire.Segment
}

// Add takes the next packet, from capture number file (0 where there is one only).
// The packet's octets are not kept. Hit.Segment is valid until the next call.
func (t *Tracker) Add(file int, f *pcap.Frame) Hit {
	t.Totals.Packets++
	if len(f.Data) < f.Len {
		t.Totals.Truncated++
	}
	if f.HasTime { // a frame without a time follows the one before it
		t.now = f.Nanos
		if t.now == 0 {
			t.now = 1 // 0 stands for unknown
		}
	}
	ip, miss := pcap.Network(f.Link, f.Data)
	if miss != pcap.Found {
		switch miss {
		case pcap.Unsupported:
			t.Totals.Unsupported++
		case pcap.CutShort:
			t.Totals.Malformed++
		default:
			t.Totals.NotIP++
		}
		return Hit{}
	}
	if (f.Link != pcap.LinkEthernet || f.Iface|file != 0 || t.dups != nil) && t.duplicate(file, f, ip) {
		t.Totals.Duplicates++
		return Hit{}
	}
	t.ref = MakeRef(file, f.Number)
	if t.Totals.First == 0 {
		t.Totals.First = t.now
	}
	t.Totals.Last = max(t.Totals.Last, t.now)

	wireLen := f.Len - (len(f.Data) - len(ip))
	err := wire.ParseCaptured(&t.seg, ip, wireLen)
	if err != nil && errors.Is(err, wire.ErrNotTCP) {
		var kinds pcap.Tunnels
		var inner []byte
		if inner, kinds = pcap.Innermost(ip); kinds[0] != pcap.NoTunnel {
			for _, k := range kinds {
				if k != pcap.NoTunnel {
					t.Totals.Tunnels[k]++
				}
			}
			wireLen -= len(ip) - len(inner)
			ip = inner
			t.Totals.Tunnelled++
			err = wire.ParseCaptured(&t.seg, ip, wireLen)
		}
	}
	if err != nil && !t.tolerate(err, ip, wireLen) {
		return Hit{}
	}
	t.Totals.TCP++
	t.cut = t.seg.PayloadLen != len(t.seg.Payload) || err != nil && errors.Is(err, wire.ErrTruncated)
	switch t.seg.Sum {
	case wire.SumPartial:
		t.Totals.PartialSum++
		t.Totals.BadSum++
	case wire.SumBad:
		t.Totals.BadSum++
	}
	t.Totals.PayloadOctets += uint64(t.seg.PayloadLen)
	sf, dir := t.flow(&t.seg)
	t.segment(sf, dir, &t.seg)
	return Hit{Subflow: sf, Dir: dir, Segment: &t.seg}
}

// tolerate counts a packet that could not be parsed whole and reports whether what
// could be read of it is enough to go on.
func (t *Tracker) tolerate(err error, ip []byte, wireLen int) bool {
	var e *wire.ParseError
	errors.As(err, &e)
	switch {
	case errors.Is(err, wire.ErrNotTCP):
		t.Totals.NotTCP++
	case errors.Is(err, wire.ErrFragment):
		t.Totals.Fragments++
	case e.What == "TCP options" && len(ip) < wireLen: // cut by the snaplen
		return true
	default:
		t.Totals.Malformed++
		// Ports and sequence numbers are there, options and payload unknown.
		return e.What == "TCP data offset"
	}
	return false
}

// Subflows are all flows that were not forgotten, in order of their first packet.
func (t *Tracker) Subflows() []*Subflow {
	return slices.DeleteFunc(slices.Clone(t.subflows), func(sf *Subflow) bool { return sf.dropped })
}

// Conns are all connections, in order of their first MP_CAPABLE; inferred ones come
// last, and have negative ids until Finish.
func (t *Tracker) Conns() []*Conn {
	return slices.DeleteFunc(slices.Clone(t.conns), func(c *Conn) bool { return c.dropped })
}

// Events are the signals seen, if Config.Events asked for them.
func (t *Tracker) Events() []Event { return t.events }
