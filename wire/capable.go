package wire

import "encoding/binary"

// CapableFlags are the flags A to H of MP_CAPABLE, A being the highest bit.
type CapableFlags uint8

// Flags of MP_CAPABLE (RFC 8684 section 3.1). In version 0, C to H are all bits
// that name a cryptographic algorithm (RFC 6824 section 3.1).
const (
	CapableChecksum   CapableFlags = 0x80 // A: checksum required
	CapableExtension  CapableFlags = 0x40 // B: must be 0
	CapableNoJoin     CapableFlags = 0x20 // C: no joins to this address and port (version 1)
	CapableHMAC       CapableFlags = 0x01 // H: HMAC-SHA256 (version 1), HMAC-SHA1 (version 0)
	CapableCryptoMask CapableFlags = 0x1f // D to H
)

// MPCapable is the option that opens a connection (RFC 8684 section 3.1). Its
// length alone says what is there: 4 nothing, 12 one key, 20 two keys, 22 two
// keys and a data-level length, 24 a checksum too.
type MPCapable struct {
	Version     Version
	Flags       CapableFlags
	HasSender   bool // of length 12 and more
	HasReceiver bool // of length 20 and more
	HasData     bool // of length 22 and more: DataLen maps the payload from the IDSN+1 on
	HasSum      bool // of length 24
	Sender      Key  // key of the one who sends the option
	Receiver    Key
	DataLen     uint16 // data-level length, octets
	Sum         uint16 // DSS checksum of that mapping
}

// ParseMPCapable decodes one whole MP_CAPABLE option. Which lengths go with which
// TCP flags and version is for the caller to judge (R3.1-05).
func ParseMPCapable(o Option) (MPCapable, error) {
	if err := o.mptcp(SubMPCapable, 4); err != nil {
		return MPCapable{}, err
	}
	m := MPCapable{Version: Version(o[2] & 15), Flags: CapableFlags(o[3])}
	switch len(o) {
	case 24:
		m.HasSum, m.Sum = true, binary.BigEndian.Uint16(o[22:])
		fallthrough
	case 22:
		m.HasData, m.DataLen = true, binary.BigEndian.Uint16(o[20:])
		fallthrough
	case 20:
		m.HasReceiver, m.Receiver = true, Key(binary.BigEndian.Uint64(o[12:]))
		fallthrough
	case 12:
		m.HasSender, m.Sender = true, Key(binary.BigEndian.Uint64(o[4:]))
		fallthrough
	case 4:
		return m, nil
	}
	return MPCapable{}, bad("MP_CAPABLE", 1, ErrLength)
}

// Fits reports whether the option has the length that its version sends on a
// segment with those flags and so many octets of payload. One that does not is to
// be treated as absent (RFC 8684 section 3.1, R3.1-05; RFC 6824 section 3.1, V0-01).
func (m MPCapable) Fits(f Flags, payload int) bool {
	n := m.Size()
	switch {
	case f&RST != 0:
		return false
	case m.Version == V0 && f&SYN != 0:
		return n == 12
	case m.Version == V0:
		return n == 20 && f&ACK != 0
	case f&(SYN|ACK) == SYN:
		return n == 4 // with payload too: Fast Open, RFC 8684 appendix B
	case f&SYN != 0:
		return n == 12
	case f&ACK == 0:
		return false
	case payload > 0:
		return n >= 22
	}
	return n == 20
}

// HasCrypto reports whether the flags name a cryptographic algorithm, without
// which the option is to be ignored (RFC 8684 section 3.1, R3.1-27). In version 0
// the bit C is one of those that name it (V0-06).
func (m MPCapable) HasCrypto() bool {
	if m.Version == V0 {
		return m.Flags&(CapableCryptoMask|CapableNoJoin) != 0
	}
	return m.Flags&CapableCryptoMask != 0
}

// Size is the option's length in octets.
func (m MPCapable) Size() int {
	switch {
	case m.HasData && m.HasSum:
		return 24
	case m.HasData:
		return 22
	case m.HasReceiver:
		return 20
	case m.HasSender:
		return 12
	}
	return 4
}

// Append appends the option. Each Has field implies those before it.
func (m MPCapable) Append(o Options) (Options, error) {
	n := m.Size()
	o, b, err := o.put(SubMPCapable, uint8(m.Version), n)
	if err != nil {
		return o, err
	}
	b[3] = uint8(m.Flags)
	if n >= 12 {
		binary.BigEndian.PutUint64(b[4:], uint64(m.Sender))
	}
	if n >= 20 {
		binary.BigEndian.PutUint64(b[12:], uint64(m.Receiver))
	}
	if n >= 22 {
		binary.BigEndian.PutUint16(b[20:], m.DataLen)
	}
	if n == 24 {
		binary.BigEndian.PutUint16(b[22:], m.Sum)
	}
	return o, nil
}
