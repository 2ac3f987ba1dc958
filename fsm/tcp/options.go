package tcp

import (
	"encoding/binary"

	"github.com/mptcp-go/mptcp/wire"
)

const maxScale = 14 // RFC 7323 section 2.3

// optionSet is what a flow reads in the options of one segment.
type optionSet struct {
	hasMSS, hasScale, hasTS, sackOK, hasCookie bool

	scale        uint8
	mss          uint16
	tsVal, tsEcr uint32
	blocks       int
	sack         [4]wire.SACKBlock
	cookie       []byte // aliases the segment
}

// parse reads b. Malformed options are passed over, and a length that lies ends
// the list (RFC 9293 section 3.1, MUST-6 and MUST-7).
func (o *optionSet) parse(b wire.Options) {
	o.hasMSS, o.hasScale, o.hasTS, o.sackOK, o.hasCookie, o.blocks = false, false, false, false, false, 0
	if len(b) == 12 && binary.BigEndian.Uint32(b) == wire.KindNOP<<24|wire.KindNOP<<16|wire.KindTimestamps<<8|10 {
		o.hasTS = true
		o.tsVal, o.tsEcr = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
		return
	}
	for {
		opt, rest, ok := b.Next()
		if !ok {
			return
		}
		b = rest
		switch opt.Kind() {
		case wire.KindTimestamps:
			if ts, err := wire.ParseTimestamps(opt); err == nil {
				o.hasTS, o.tsVal, o.tsEcr = true, ts.Val, ts.Ecr
			}
		case wire.KindSACK:
			if n, err := wire.ParseSACK(opt, &o.sack); err == nil {
				o.blocks = n
			}
		case wire.KindMSS:
			if v, err := wire.ParseMSS(opt); err == nil {
				o.hasMSS, o.mss = true, v
			}
		case wire.KindWindowScale:
			if v, err := wire.ParseWindowScale(opt); err == nil {
				o.hasScale, o.scale = true, min(v, maxScale)
			}
		case wire.KindSACKPermitted:
			o.sackOK = len(opt) == 2
		case wire.KindFastOpen:
			if c, err := wire.ParseFastOpen(opt); err == nil {
				o.hasCookie, o.cookie = true, c
			}
		}
	}
}

// The appenders below have room by construction: a SYN's options take 20 octets
// and a cookie of 18, timestamps 12.

func appendTimestamps(o wire.Options, val, ecr uint32) wire.Options {
	if len(o)%4 == 0 {
		o, _ = o.AppendNOP(2)
	}
	o, _ = wire.Timestamps{Val: val, Ecr: ecr}.Append(o)
	return o
}

// synOptions says which options a SYN or SYN/ACK carries.
type synOptions struct {
	mss      int
	sack     bool
	ts       bool
	val, ecr uint32
	wscale   bool
	shift    uint8
	fastOpen bool
	cookie   []byte // empty: a request
}

func (s *synOptions) append(o wire.Options) wire.Options {
	o, _ = o.AppendMSS(uint16(min(s.mss, 0xffff)))
	switch {
	case s.sack && s.ts:
		o, _ = o.AppendSACKPermitted()
		o, _ = wire.Timestamps{Val: s.val, Ecr: s.ecr}.Append(o)
	case s.sack:
		o, _ = o.AppendNOP(2)
		o, _ = o.AppendSACKPermitted()
	case s.ts:
		o = appendTimestamps(o, s.val, s.ecr)
	}
	if s.wscale {
		o, _ = o.AppendNOP(1)
		o, _ = o.AppendWindowScale(s.shift)
	}
	if s.fastOpen {
		o, _ = o.AppendFastOpen(s.cookie)
	}
	return o
}
