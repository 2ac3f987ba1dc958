package tcp

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/cong"
)

// Config is what flows have in common. Its zero value, with Rand set, is a TCP
// that a present-day peer will be content with. [Config.Validate] makes the copy
// that flows share.
type Config struct {
	// Rand is the only source of randomness: it spreads challenge ACKs (RFC 5961
	// section 7). There is no default: a simulation seeds it, a driver to the real
	// world uses a cryptographic one.
	Rand rand.Source

	// Congestion makes the congestion controllers. nil means CUBIC, uncoupled.
	Congestion cong.Group

	// SendBuffer and ReceiveBuffer are the sizes in octets of a Conn's buffers;
	// default 1 MiB each. ReceiveBuffer also sets the window scale and bounds what
	// a bare Flow keeps track of, so its owner sets it to the largest window that
	// it will ever advertise, at most 1 GiB (RFC 7323 section 2.3).
	SendBuffer, ReceiveBuffer int

	// MaxRanges bounds the separate ranges kept above the cumulative ACK, and so
	// what a peer can make us spend on tiny segments and holes. Default
	// max(256, ReceiveBuffer/512).
	MaxRanges int

	// NoSACK, NoTimestamps and NoWindowScale leave an option out of the SYN and
	// refuse it in the peer's. They exist to look like an old host.
	NoSACK, NoTimestamps, NoWindowScale bool

	// NoRACK leaves loss detection to duplicate ACKs, SACK's three included, and
	// the retransmission timer: RFC 6675 without RFC 8985.
	NoRACK bool

	// Nagle holds back small segments while data is unacknowledged (RFC 9293
	// section 3.7.4, SHLD-7). Off by default, as most applications want it off.
	Nagle bool

	// NoPersist leaves zero-window probes to the owner, who calls Flow.Probe: the
	// window is not the flow's own (Multipath TCP). What the owner declared before the
	// window closed, and has not left, is probed all the same.
	NoPersist bool

	// MinRTO is the least retransmission timeout. RFC 6298 section 2.4 asks for
	// 1 s and lets research show it needlessly high: 200 ms is the default and the
	// practice of today's stacks. MaxRTO bounds the backoff: default 120 s, at
	// least 60 s (section 2.5). InitialRTO is for the SYN: default 1 s.
	MinRTO, MaxRTO, InitialRTO time.Duration

	// DelayedAck is the longest time an ACK waits for company: default 40 ms,
	// below 500 ms (RFC 9293 section 3.8.6.3, MUST-40).
	DelayedAck time.Duration

	// TimeWait is how long a closed flow answers for its old segments: twice the
	// maximum segment lifetime. Default 60 s, that is an MSL of 30 s; RFC 9293
	// section 3.4.2 has 2 min and leaves the choice open.
	TimeWait time.Duration

	// UserTimeout ends a flow on which nothing was acknowledged for so long: R2
	// of RFC 9293 section 3.8.3, default 15 min. SYNTimeout is R2 for the
	// handshake, default and least 3 min (MUST-23).
	UserTimeout, SYNTimeout time.Duration

	// KeepAliveIdle is the silence after which keepalive probes begin: 0 means
	// never (RFC 9293 section 3.8.4, MUST-25 has them off by default), and else
	// KeepAliveInterval (default 75 s) separates KeepAliveProbes (default 9).
	KeepAliveIdle, KeepAliveInterval time.Duration
	KeepAliveProbes                  int

	// FastOpen asks for a Fast Open cookie in SYNs for which Params has none
	// (RFC 7413). A listener hands them out by FastOpener.
	FastOpen bool

	// ChallengeAcks is how many challenge ACKs a flow sends in five seconds, on
	// average: default 10 (RFC 5961 section 7).
	ChallengeAcks int

	// Stats receives the counters of all flows; nil: each has its own.
	Stats *Stats

	ready bool
}

// Params is what is particular to one flow.
type Params struct {
	Local, Remote netip.AddrPort
	Path          uint16 // goes into each segment, see wire.Segment

	// Promoted says that the SYN/ACK was sent before the flow existed, by whoever
	// kept the Embryo, and only the third ACK is awaited.
	Promoted bool

	// FastOpen says that the SYN bore a valid cookie: data flows before the
	// handshake ends (RFC 7413 section 4.2.2).
	FastOpen bool

	// ISS is the initial sequence number and TSOffset is added to the timestamp
	// clock: [ISN] computes both.
	ISS, TSOffset uint32

	// MTU of the path in octets, headers included: default 1500.
	MTU int

	// Offload is the most payload octets that a segment may have where the link
	// cuts it into SegSize pieces; 0: it does not.
	Offload int

	// Window is the receive window of the SYN, octets. 0: Config.ReceiveBuffer.
	Window int

	// Cookie is the Fast Open cookie for this peer; nil: none is known.
	Cookie []byte
}

const (
	minSendMSS = 48 // RFC 9293 section 3.7.1 has no minimum; options alone take 40
	maxOffload = 65535 - 60
	minMTU     = 576 // black-hole probing goes no lower, RFC 791's minimum
)

// Validate returns a copy of c with its defaults filled in, to be shared by any
// number of flows. The error is a *LocalError that names the field.
func (c Config) Validate() (*Config, error) {
	if c.Rand == nil {
		return nil, &LocalError{BadConfig, "Config.Rand"}
	}
	if c.Congestion == nil {
		c.Congestion = cong.NewCubic()
	}
	if c.SendBuffer == 0 {
		c.SendBuffer = 1 << 20
	}
	if c.ReceiveBuffer == 0 {
		c.ReceiveBuffer = 1 << 20
	}
	if c.MaxRanges == 0 {
		c.MaxRanges = max(256, c.ReceiveBuffer/512)
	}
	setDefault(&c.MinRTO, 200*time.Millisecond)
	setDefault(&c.MaxRTO, 120*time.Second)
	setDefault(&c.InitialRTO, time.Second)
	setDefault(&c.DelayedAck, 40*time.Millisecond)
	setDefault(&c.TimeWait, 60*time.Second)
	setDefault(&c.UserTimeout, 15*time.Minute)
	setDefault(&c.SYNTimeout, 3*time.Minute)
	setDefault(&c.KeepAliveInterval, 75*time.Second)
	if c.KeepAliveProbes == 0 {
		c.KeepAliveProbes = 9
	}
	if c.ChallengeAcks == 0 {
		c.ChallengeAcks = 10
	}
	for _, k := range []struct {
		name string
		bad  bool
	}{
		{"SendBuffer", c.SendBuffer < 1},
		{"ReceiveBuffer", c.ReceiveBuffer < 1 || c.ReceiveBuffer > 1<<30},
		{"MaxRanges", c.MaxRanges < 1},
		{"MinRTO", c.MinRTO < time.Millisecond || c.MinRTO > c.MaxRTO},
		{"MaxRTO", c.MaxRTO < 60*time.Second},
		{"InitialRTO", c.InitialRTO < c.MinRTO || c.InitialRTO > c.MaxRTO},
		{"DelayedAck", c.DelayedAck < 0 || c.DelayedAck >= 500*time.Millisecond},
		{"TimeWait", c.TimeWait < 0},
		{"UserTimeout", c.UserTimeout < time.Second},
		{"SYNTimeout", c.SYNTimeout < 3*time.Minute},
		{"KeepAliveIdle", c.KeepAliveIdle < 0},
		{"KeepAliveInterval", c.KeepAliveInterval < time.Second},
		{"KeepAliveProbes", c.KeepAliveProbes < 1},
		{"ChallengeAcks", c.ChallengeAcks < 1},
	} {
		if k.bad {
			return nil, &LocalError{BadConfig, "Config." + k.name}
		}
	}
	c.ready = true
	return &c, nil
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

// windowScale is the smallest shift by which the receive buffer fits 16 bits.
func (c *Config) windowScale() uint8 {
	var s uint8
	for c.ReceiveBuffer>>s > 0xffff && s < maxScale {
		s++
	}
	return s
}

func (p *Params) validate() error {
	if p.MTU == 0 {
		p.MTU = 1500
	}
	for _, k := range []struct {
		name string
		bad  bool
	}{
		{"Local", !p.Local.IsValid()},
		{"Remote", !p.Remote.IsValid() || p.Remote.Addr().Is4() != p.Local.Addr().Is4()},
		{"MTU", p.MTU < minMTU || p.MTU > 65535},
		{"Offload", p.Offload < 0 || p.Offload > maxOffload},
		{"Window", p.Window < 0},
		{"Cookie", len(p.Cookie) > 16 || len(p.Cookie)%2 != 0 || len(p.Cookie) == 2},
	} {
		if k.bad {
			return &LocalError{BadConfig, "Params." + k.name}
		}
	}
	return nil
}

// headers is the size of the IP and TCP headers without options.
func (p *Params) headers() int {
	if p.Local.Addr().Is4() {
		return 40
	}
	return 60
}

// defaultMSS is what a SYN without the option stands for (RFC 9293 section 3.7.1,
// MUST-15).
func (p *Params) defaultMSS() int {
	if p.Local.Addr().Is4() {
		return 536
	}
	return 1220
}
