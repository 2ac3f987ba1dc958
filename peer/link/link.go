package link

import (
	"errors"
	"net/netip"
)

// Packet is one IP packet, and what an offloading link says of it.
type Packet struct {
	// Data is the packet from its IP header on. Of a packet received it is valid until
	// the next Recv; of a packet sent it is not kept.
	Data []byte
	// Tail follows Data on the wire: a payload that need not be copied behind its
	// headers to be sent. Received packets have none.
	Tail []byte
	// SegSize is the number of payload octets in each TCP segment that this packet
	// stands for, the last of which may be shorter; 0: it is one packet.
	SegSize int
	// Partial: the TCP checksum field holds the sum of the pseudo-header alone, and the
	// rest is done by whoever puts the packet on a wire. A packet received with it has
	// not been on one.
	Partial bool
	// SumOK: the link has verified the transport checksum. Set by Recv only; for a
	// packet with SegSize it tells of each segment, and the field is of no one's use.
	SumOK bool
}

// Len is the size of the packet in octets.
func (p *Packet) Len() int { return len(p.Data) + len(p.Tail) }

// Link carries IP packets. See the package comment for who may call what when.
type Link interface {
	// Name is the interface's name, for people.
	Name() string
	// Addrs are the addresses that are ours on this link, each with the length of the
	// prefix that is reached without a router. The caller must not change the slice.
	Addrs() []netip.Prefix
	// MTU is the size in octets of the largest IP packet on the wire.
	MTU() int
	// MaxPayload is how many octets of payload a TCP segment given to Send may have
	// where its SegSize is set: the link cuts it; 0: it does not, and SegSize and
	// Partial must not be set.
	MaxPayload() int
	// Recv fills in packets and returns how many: at least one, unless an error ends
	// it. It waits while there is none, also while the link is down. The error wraps
	// net.ErrClosed after Close, and ErrGone when the device has been removed.
	Recv([]Packet) (int, error)
	// Send sends the packets in order. What does not fit is dropped and counted. The
	// error is net.ErrClosed or ErrGone, wrapped, as for Recv. It does not wait for the
	// device: a Stack has nothing new for its other links while one is behind.
	Send([]Packet) error
	// Up reports whether packets can pass: the interface is up and has a carrier.
	Up() bool
	// Changes yields a value after Up, or Addrs, or MTU may have changed, one value for
	// several changes where the reader is slow. It is never closed.
	Changes() <-chan struct{}
	// Stats are the counters so far.
	Stats() Stats
	// Close ends Recv and Send, and removes whatever Open has made.
	Close() error
}

// PortHolder is a Link whose addresses may be the kernel's too, which must be told what
// is not its own. Recv yields TCP segments for held ports only, where it is so. Where the
// addresses are ours alone, holding a port does nothing.
type PortHolder interface {
	// Shared reports whether the kernel has the addresses too.
	Shared() bool
	// HoldPort takes a TCP port away from the kernel until the hold is closed, or the
	// process ends, however it ends: nothing else can bind it, and the kernel does not
	// see what arrives for it, so it resets nothing. Port 0 asks for any free one. It
	// returns what is held. The error wraps syscall.EADDRINUSE where somebody has the
	// port already.
	HoldPort(at netip.AddrPort) (Hold, error)
}

// Guesthouse is a Link that also takes what comes for addresses of other links, as hosts
// do (RFC 1122 section 3.3.4.2, the weak model): a peer with an address on this link's
// network may join to one of those.
type Guesthouse interface {
	// TakeFor adds addresses. On a link that shares the kernel's, TCP comes for held ports
	// only: HoldPort takes them here, too, and leaves it to their own link to bind them.
	TakeFor([]netip.Addr) error
}

// Hold is a port that is held.
type Hold interface {
	Addr() netip.AddrPort
	// String is a sentence for the user: what was done so that the port is ours.
	String() string
	Close() error
}

// ErrGone says that the device under a link has been removed.
var ErrGone = errors.New("the network device is gone")

// PrivilegeError says that the user may not do what a link needs.
type PrivilegeError struct {
	What string // what was tried
	Need string // the capability that allows it
	Help string // what to do; empty: the usual
	Err  error
}

func (e *PrivilegeError) Error() string {
	help := e.Help
	if help == "" {
		help = "run it as root, or in a network of its own with `unshare -Urn COMMAND`"
	}
	return e.What + " needs " + e.Need + ": " + help + " (" + e.Err.Error() + ")"
}

func (e *PrivilegeError) Unwrap() error { return e.Err }
