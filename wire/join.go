package wire

import "encoding/binary"

// JoinForm tells the three shapes of MP_JOIN apart (RFC 8684 section 3.2).
type JoinForm uint8

// The shapes of MP_JOIN.
const (
	JoinSYN    JoinForm = iota + 1 // 12 octets: token and nonce
	JoinSYNACK                     // 16 octets: truncated HMAC and nonce
	JoinACK                        // 24 octets: HMAC of 160 bits
)

// MPJoin is the option that adds a subflow to a connection.
type MPJoin struct {
	Form   JoinForm
	Backup bool     // B; SYN and SYN/ACK
	ID     uint8    // address id of the sender; SYN and SYN/ACK
	Token  Token    // of the receiver; SYN
	Nonce  uint32   // SYN and SYN/ACK
	HMAC64 uint64   // leftmost 64 bits; SYN/ACK
	HMAC   [20]byte // leftmost 160 bits; ACK
}

// ParseMPJoin decodes one whole MP_JOIN option, whose length is its form.
// Reserved bits are ignored (R3.2-07, R3.2-15).
func ParseMPJoin(o Option) (MPJoin, error) {
	if err := o.mptcp(SubMPJoin, 4); err != nil {
		return MPJoin{}, err
	}
	m := MPJoin{Backup: o[2]&1 != 0, ID: o[3]}
	switch len(o) {
	case 12:
		m.Form = JoinSYN
		m.Token = Token(binary.BigEndian.Uint32(o[4:]))
		m.Nonce = binary.BigEndian.Uint32(o[8:])
	case 16:
		m.Form = JoinSYNACK
		m.HMAC64 = binary.BigEndian.Uint64(o[4:])
		m.Nonce = binary.BigEndian.Uint32(o[12:])
	case 24:
		m = MPJoin{Form: JoinACK, HMAC: [20]byte(o[4:24])}
	default:
		return MPJoin{}, bad("MP_JOIN", 1, ErrLength)
	}
	return m, nil
}

// Append appends the option in the shape that m.Form names.
func (m MPJoin) Append(o Options) (Options, error) {
	var low uint8
	if m.Backup && m.Form != JoinACK {
		low = 1
	}
	size := [...]int{JoinSYN: 12, JoinSYNACK: 16, JoinACK: 24}
	if m.Form < JoinSYN || m.Form > JoinACK {
		return o, bad("MP_JOIN form", 0, ErrLength)
	}
	o, b, err := o.put(SubMPJoin, low, size[m.Form])
	if err != nil {
		return o, err
	}
	b[3] = m.ID
	switch m.Form {
	case JoinSYN:
		binary.BigEndian.PutUint32(b[4:], uint32(m.Token))
		binary.BigEndian.PutUint32(b[8:], m.Nonce)
	case JoinSYNACK:
		binary.BigEndian.PutUint64(b[4:], m.HMAC64)
		binary.BigEndian.PutUint32(b[12:], m.Nonce)
	case JoinACK:
		b[3] = 0
		copy(b[4:], m.HMAC[:])
	}
	return o, nil
}
