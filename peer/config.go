package peer

import (
	"io"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/pcap"
)

// Config says how a Stack behaves. The zero value offers and accepts Multipath TCP
// version 1.
type Config struct {
	// Endpoint is the configuration of the protocol. Where Rand is nil it is the
	// system's source of cryptographic randomness (RFC 8684 section 3.1, R3.1-10).
	// Trace, if set, is called with the stack locked and must not call it.
	Endpoint fsm.Config

	// Capture, if set, gets each packet received and sent, as it is given to or by the
	// link: with offload a packet may be larger than the MTU and its TCP checksum
	// partial. Links are told apart by Frame.Iface, from 0 in the order of AddLink.
	// Written with the stack locked: put a bufio.Writer below it.
	Capture *pcap.Writer

	// KeyLog, if set, gets a comment line and the two keys of each Multipath TCP
	// connection when its handshake is done: what `mpdecode --key @FILE` reads. Whoever
	// has the keys can join the connection.
	KeyLog io.Writer

	// Events, if set, is called with what happens to connections, in order, from one
	// goroutine of its own. It may call the stack. Events that it is too slow for are
	// kept, up to 65536, and dropped beyond (Stats.EventsLost).
	Events func(Event)

	clock func() time.Time // of tests; nil: steadyClock
}

const maxEvents = 1 << 16
