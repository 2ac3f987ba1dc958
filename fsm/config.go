package fsm

import (
	"math/rand/v2"
	"time"

	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/fsm/sched"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// Versions is a set of protocol versions.
type Versions uint8

// The sets.
const (
	BothVersions Versions = iota // offers version 1, answers either
	OnlyV1                       // RFC 8684
	OnlyV0                       // RFC 6824
)

func (v Versions) highest() wire.Version {
	if v == OnlyV0 {
		return wire.V0
	}
	return wire.V1
}

func (v Versions) has(w wire.Version) bool {
	return v == BothVersions && w <= wire.V1 || v == OnlyV1 && w == wire.V1 || v == OnlyV0 && w == wire.V0
}

// Config is what an Endpoint is told once. Its zero value, with Rand set, is a host
// that offers and accepts Multipath TCP version 1, with checksums.
type Config struct {
	// Rand is the only source of randomness: keys, nonces and initial sequence
	// numbers come from it. There is no default; a driver to the real world uses a
	// cryptographic one (RFC 8684 section 3.1, R3.1-10).
	Rand rand.Source

	// TCP is what subflows have in common. Its buffers, Rand, NoPersist and FastOpen are
	// overwritten with what follows from this Config.
	TCP tcp.Config

	// SendBuffer and ReceiveBuffer bound, in octets, what one connection keeps of
	// each direction: default 1 MiB each, at most 1 GiB. The send
	// buffer of a bulk sender must be at least the peer's receive buffer (RFC 8684
	// section 3.3.5, R3.3.5-04).
	SendBuffer, ReceiveBuffer int

	// Autotune has both buffers begin with InitialBuffer octets, default 64 KiB, and
	// grow to what the rates of the subflows and the longest round-trip time among
	// them ask for, up to SendBuffer and ReceiveBuffer (paper section 4.2, mechanism
	// 3). Off by default: then a window of ReceiveBuffer is advertised from the start,
	// and memory is used only for what arrives. Where paths have deep queues it is
	// best with CapWindow.
	Autotune      bool
	InitialBuffer int

	// FirstPort is where the search for a free local port begins, in 49152 to 65535:
	// default 49152. A driver to the real world draws it, so that a program started
	// again does not meet what is left of its last connection (RFC 6056).
	FirstPort uint16

	// Plain makes a host without Multipath TCP.
	Plain bool

	// Versions are the protocol versions to use. Default: both, version 1 being
	// offered (R3.1-06).
	Versions Versions

	// NoChecksum leaves the A flag out of our MP_CAPABLE. Checksums are used all the
	// same when the peer asks for them (R3.1-33), unless RefuseChecksum makes us fall
	// back to TCP instead (R3.1-35). They are on by default (R3.1-22).
	NoChecksum, RefuseChecksum bool

	// NoJoin sets the C flag: the peer must not open further subflows to the address
	// and port of the first one (R3.1-25).
	NoJoin bool

	// ShortDSN sends 4-octet data sequence numbers while a subflow is slow enough
	// that they cannot wrap within two minutes (R3.3.1-14, R3.3.1-16). By default
	// all are 8 octets, as Linux has it.
	ShortDSN bool

	// FastcloseByAck has Abort send MP_FASTCLOSE on an ACK and wait for the peer's
	// RST (RFC 8684 section 3.5, option A). By default it goes on RSTs and all state
	// is dropped at once (option R), as Linux does.
	FastcloseByAck bool

	// CapableSYNs is how many SYNs carry MP_CAPABLE before a plain one is tried:
	// default 3, the first and two retransmissions (R3.1-42, P-3.1-08).
	CapableSYNs int

	// KeyPool is how many keys are computed in advance, so that a SYN costs no hash
	// (paper section 5.2): default 64. See Endpoint.Prepare.
	KeyPool int

	// MaxHalfOpen bounds the connections of one listener that have not finished the
	// handshake: default 4096. SYNs beyond it are answered without keeping anything:
	// see SYNCookies of package tcp (RFC 4987 section 3.6; R3.1-13).
	MaxHalfOpen int

	// FastOpen uses TCP Fast Open (RFC 7413) with Multipath TCP version 1 and with
	// plain TCP: Dial asks servers for cookies, and what is written before the SYN is
	// polled goes with it to a server that gave one; a Listener gives cookies, and
	// returns connections from Accept whose SYN had one before their handshake is
	// done. Off by default: a SYN may arrive twice, and its octets with it, so that
	// only requests that may be repeated are safe (RFC 7413 section 2.1).
	FastOpen bool

	// MaxFastOpen bounds the connections of one listener that began in this way and
	// whose handshake is not done: default 256 (RFC 7413 section 5.1).
	MaxFastOpen int

	// Backlog bounds the connections of one listener that wait for Accept: default
	// 1024. Beyond it, SYNs and third packets are passed over.
	Backlog int

	// Congestion makes the group that the subflows of one connection share: coupled
	// congestion control (RFC 8684 section 3.3.7). Default: cong.NewLIA, RFC 6356.
	// What is plain TCP, from the start or after a fallback, has a controller of
	// TCP.Congestion instead.
	Congestion func() cong.Group

	// NoOpportunistic turns off opportunistic retransmission: a subflow that could
	// send but for the connection's window repeats the first segment that is not
	// acknowledged, if it was sent on another (paper section 4.2, mechanism 1).
	// NoPenalty turns off that the slower subflow which holds up the window then gets
	// half its congestion window, once in its round-trip time (mechanism 2). Both are
	// on by default; neither does anything while the peer's buffer suffices.
	NoOpportunistic, NoPenalty bool

	// CapWindow holds the congestion window of a subflow while its smoothed
	// round-trip time is more than twice the least one seen, lest it fill the
	// buffers of its path and the receiver's with them (paper section 4.2,
	// mechanism 4). Off by default: on a path whose least round-trip time was
	// measured by luck it costs throughput.
	CapWindow bool

	// Scheduler makes the scheduler of a connection: which subflow takes new data,
	// and which repeats. Default: sched.NewLowestRTT.
	Scheduler func() sched.Scheduler

	// MaxSubflows bounds the subflows of one connection: default 8, at most 32. Joins
	// of the peer's that are not proven yet do not count: MaxHalfJoins bounds them for
	// one connection, default 4, and MaxHalfJoinsAll for the endpoint, default 1024.
	// Beyond either, one given up by chance makes room.
	MaxSubflows, MaxHalfJoins, MaxHalfJoinsAll int

	// MaxRemoteAddrs bounds the addresses of the peer's that a connection remembers:
	// default 8. AddAddrTries is how often an ADD_ADDR is sent that is not echoed:
	// default 4, the first and three retransmissions.
	MaxRemoteAddrs, AddAddrTries int

	// PathManager makes the path manager of a connection. Default: none, which is as
	// pathmgr.Passive: subflows are opened and addresses announced by calls of the
	// application only. pathmgr.NewFullMesh uses every address there is. Either way the
	// address of a path that went is withdrawn.
	PathManager func() pathmgr.Manager

	// NoRejoin leaves a connection that a fault has left without any subflow to its path
	// manager. By default the side that opened it tries to join between the two first
	// addresses, five times in half a minute.
	NoRejoin bool

	// JoinTimeout is how long a join is tried, by either side: default 15 s, in which
	// four SYNs are sent.
	JoinTimeout time.Duration

	// StaleAfter is how many data-level retransmission intervals a subflow may deliver
	// nothing of what is missing before it gets no new data, and all it has goes to
	// others: default 4.
	StaleAfter int

	// MaxUnmapped is how many octets without a data sequence mapping a subflow may
	// hold while their mapping is awaited: default 64 KiB, at most the receive
	// window (R3.3.1-10 to R3.3.1-12).
	MaxUnmapped int

	// MaxMappings bounds the mappings remembered per subflow of what the peer sends:
	// default 1024.
	MaxMappings int

	// FastcloseTries is how often MP_FASTCLOSE on an ACK is sent again: default 3
	// (R3.5-09).
	FastcloseTries int

	// EarlyFIN sends FINs together with the DATA_FIN on all subflows, as soon as all
	// data is DATA_ACKed. By default they wait until the DATA_FIN is, in both
	// directions (paper section 3.4 has both ways, R3.3.3-05).
	EarlyFIN bool

	// NoSubflow is how long a connection without any subflow waits for a new one,
	// and CloseWait how long a finished one waits for its subflows to close: default
	// 60 s each.
	NoSubflow, CloseWait time.Duration

	// Trace, if set, is told of what the machine decided: the name of the counter
	// that went up, or a short text. It must not call the endpoint.
	Trace func(now time.Time, c *Conn, what string)
}

// validate fills in defaults. The error is a *LocalError that names the field.
func (c *Config) validate() error {
	if c.Rand == nil {
		return &LocalError{Reason: BadConfig, What: "Config.Rand"}
	}
	for _, d := range []struct {
		name    string
		v       *int
		def     int
		minimum int
		maximum int
	}{
		{"SendBuffer", &c.SendBuffer, 1 << 20, 1, 1 << 30},
		{"ReceiveBuffer", &c.ReceiveBuffer, 1 << 20, 1, 1 << 30},
		{"InitialBuffer", &c.InitialBuffer, 64 << 10, 1, 1 << 30},
		{"CapableSYNs", &c.CapableSYNs, 3, 1, 100},
		{"KeyPool", &c.KeyPool, 64, 1, 1 << 20},
		{"MaxHalfOpen", &c.MaxHalfOpen, 4096, 1, 1 << 24},
		{"MaxFastOpen", &c.MaxFastOpen, 256, 1, 1 << 20},
		{"Backlog", &c.Backlog, 1024, 1, 1 << 24},
		{"MaxSubflows", &c.MaxSubflows, 8, 1, 32},
		{"MaxHalfJoins", &c.MaxHalfJoins, 4, 1, 1 << 16},
		{"MaxHalfJoinsAll", &c.MaxHalfJoinsAll, 1024, 1, 1 << 20},
		{"MaxRemoteAddrs", &c.MaxRemoteAddrs, 8, 1, 255},
		{"AddAddrTries", &c.AddAddrTries, 4, 1, 100},
		{"StaleAfter", &c.StaleAfter, 4, 1, 100},
		{"MaxUnmapped", &c.MaxUnmapped, 64 << 10, 1, 1 << 30},
		{"MaxMappings", &c.MaxMappings, 1024, 16, 1 << 20},
		{"FastcloseTries", &c.FastcloseTries, 3, 1, 100},
	} {
		if *d.v == 0 {
			*d.v = d.def
		}
		if *d.v < d.minimum || *d.v > d.maximum {
			return &LocalError{Reason: BadConfig, What: "Config." + d.name}
		}
	}
	if c.FirstPort == 0 {
		c.FirstPort = firstEphemeral
	}
	if c.FirstPort < firstEphemeral {
		return &LocalError{Reason: BadConfig, What: "Config.FirstPort"}
	}
	if c.Versions > OnlyV0 {
		return &LocalError{Reason: BadConfig, What: "Config.Versions"}
	}
	if c.JoinTimeout == 0 {
		c.JoinTimeout = 15 * time.Second
	}
	if c.NoSubflow == 0 {
		c.NoSubflow = time.Minute
	}
	if c.CloseWait == 0 {
		c.CloseWait = time.Minute
	}
	c.InitialBuffer = min(c.InitialBuffer, c.ReceiveBuffer, c.SendBuffer)
	if c.Congestion == nil {
		c.Congestion = cong.NewLIA
	}
	if c.Scheduler == nil {
		c.Scheduler = sched.NewLowestRTT
	}
	c.MaxUnmapped = min(c.MaxUnmapped, c.ReceiveBuffer)
	return nil
}

// flowConfig is the configuration that all flows of an endpoint share.
func (c *Config) flowConfig() (*tcp.Config, error) {
	t := c.TCP
	t.Rand = c.Rand
	t.NoPersist = true // the window belongs to the connection
	t.ReceiveBuffer = c.ReceiveBuffer
	t.SendBuffer = c.SendBuffer
	t.FastOpen = c.FastOpen && (c.Plain || c.Versions != OnlyV0)
	return t.Validate()
}
