package wire

import "encoding/binary"

// SACKBlock is one range of RFC 2018: [Left, Right).
type SACKBlock struct{ Left, Right uint32 }

// Timestamps is the option of RFC 7323 section 3.
type Timestamps struct{ Val, Ecr uint32 }

const timestampsSize = 10

// Made once, so that ParseTimestamps is small enough to be inlined.
var (
	errTimestampsKind   = bad("timestamps", 0, ErrKind)
	errTimestampsLength = bad("timestamps", 1, ErrLength)
)

func (o Option) expect(what string, kind uint8, size int) error {
	if len(o) < 2 || o[0] != kind {
		return bad(what, 0, ErrKind)
	}
	if len(o) != size {
		return bad(what, 1, ErrLength)
	}
	return nil
}

// ParseMSS decodes a maximum segment size (RFC 9293 section 3.7.1).
func ParseMSS(o Option) (uint16, error) {
	if err := o.expect("MSS", KindMSS, 4); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint16(o[2:]), nil
}

// MaxWindowScale is the largest shift count there is (RFC 7323 section 2.3).
const MaxWindowScale = 14

// ParseWindowScale decodes a shift count as it stands; a receiver uses
// MaxWindowScale in place of any larger one, which is left to the caller.
func ParseWindowScale(o Option) (uint8, error) {
	if err := o.expect("window scale", KindWindowScale, 3); err != nil {
		return 0, err
	}
	return o[2], nil
}

// ParseTimestamps decodes RFC 7323 timestamps.
func ParseTimestamps(o Option) (Timestamps, error) {
	if len(o) < 2 || o[0] != KindTimestamps {
		return Timestamps{}, errTimestampsKind
	}
	if len(o) != timestampsSize {
		return Timestamps{}, errTimestampsLength
	}
	b := (*[timestampsSize]byte)(o)
	return Timestamps{binary.BigEndian.Uint32(b[2:]), binary.BigEndian.Uint32(b[6:])}, nil
}

// ParseSACK decodes the blocks of a SACK option into dst, which 4 blocks suffice
// for, and returns how many there are (RFC 2018 section 3).
func ParseSACK(o Option, dst *[4]SACKBlock) (int, error) {
	if len(o) < 2 || o[0] != KindSACK {
		return 0, bad("SACK", 0, ErrKind)
	}
	n := (len(o) - 2) / 8
	if n < 1 || n > len(dst) || len(o) != 2+8*n {
		return 0, bad("SACK", 1, ErrLength)
	}
	for i := range n {
		b := o[2+8*i:]
		dst[i] = SACKBlock{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
	}
	return n, nil
}

// ParseFastOpen returns the cookie of a TCP Fast Open option; empty asks for one
// (RFC 7413 section 2). It aliases o.
func ParseFastOpen(o Option) ([]byte, error) {
	if len(o) < 2 || o[0] != KindFastOpen {
		return nil, bad("fast open", 0, ErrKind)
	}
	if !cookieSize(len(o) - 2) {
		return nil, bad("fast open", 1, ErrLength)
	}
	return o[2:], nil
}

// cookieSize says whether a cookie may have n octets: 4 to 16 and even (RFC 7413
// section 4.1.1), or none in a request.
func cookieSize(n int) bool { return n == 0 || n >= 4 && n <= 16 && n%2 == 0 }

// AppendMSS appends a maximum segment size.
func (o Options) AppendMSS(mss uint16) (Options, error) {
	o, b, err := o.grow(4)
	if err == nil {
		b[0], b[1] = KindMSS, 4
		binary.BigEndian.PutUint16(b[2:], mss)
	}
	return o, err
}

// AppendWindowScale appends a shift count.
func (o Options) AppendWindowScale(shift uint8) (Options, error) {
	o, b, err := o.grow(3)
	if err == nil {
		b[0], b[1], b[2] = KindWindowScale, 3, shift
	}
	return o, err
}

// AppendSACKPermitted appends the SYN's permission to send SACK.
func (o Options) AppendSACKPermitted() (Options, error) {
	o, b, err := o.grow(2)
	if err == nil {
		b[0], b[1] = KindSACKPermitted, 2
	}
	return o, err
}

// Append appends the timestamps, without the two NOPs that align them.
func (t Timestamps) Append(o Options) (Options, error) {
	at := len(o)
	if at > MaxOptions-timestampsSize {
		return o, errOptionSpace
	}
	if cap(o)-at < timestampsSize {
		o = append(o, make([]byte, timestampsSize)...)
	}
	o = o[:at+timestampsSize]
	b := (*[timestampsSize]byte)(o[at:])
	binary.BigEndian.PutUint16(b[:], KindTimestamps<<8|timestampsSize)
	binary.BigEndian.PutUint32(b[2:], t.Val)
	binary.BigEndian.PutUint32(b[6:], t.Ecr)
	return o, nil
}

// AppendSACK appends one option with those blocks, of which there are 1 to 4.
func (o Options) AppendSACK(blocks ...SACKBlock) (Options, error) {
	if len(blocks) == 0 || len(blocks) > 4 {
		return o, bad("SACK blocks", 0, ErrLength)
	}
	o, b, err := o.grow(2 + 8*len(blocks))
	if err != nil {
		return o, err
	}
	b[0], b[1] = KindSACK, uint8(len(b))
	for i, k := range blocks {
		binary.BigEndian.PutUint32(b[2+8*i:], k.Left)
		binary.BigEndian.PutUint32(b[6+8*i:], k.Right)
	}
	return o, nil
}

// AppendFastOpen appends a TCP Fast Open cookie, or a request where it is empty.
func (o Options) AppendFastOpen(cookie []byte) (Options, error) {
	if !cookieSize(len(cookie)) {
		return o, bad("fast open cookie", 0, ErrLength)
	}
	o, b, err := o.grow(2 + len(cookie))
	if err == nil {
		b[0], b[1] = KindFastOpen, uint8(len(b))
		copy(b[2:], cookie)
	}
	return o, err
}
