package wire

import "strconv"

// Version of Multipath TCP: 0 is RFC 6824, 1 is RFC 8684.
type Version uint8

// The two versions there are.
const (
	V0 Version = 0
	V1 Version = 1
)

// Subtype is the high nibble of an MPTCP option's third octet (RFC 8684 section 7.2).
type Subtype uint8

// Subtypes of option kind 30.
const (
	SubMPCapable    Subtype = 0x0
	SubMPJoin       Subtype = 0x1
	SubDSS          Subtype = 0x2
	SubAddAddr      Subtype = 0x3
	SubRemoveAddr   Subtype = 0x4
	SubMPPrio       Subtype = 0x5
	SubMPFail       Subtype = 0x6
	SubMPFastclose  Subtype = 0x7
	SubMPTCPRst     Subtype = 0x8
	SubExperimental Subtype = 0xf
)

var subtypeNames = [16]string{
	0x0: "MP_CAPABLE", 0x1: "MP_JOIN", 0x2: "DSS", 0x3: "ADD_ADDR", 0x4: "REMOVE_ADDR",
	0x5: "MP_PRIO", 0x6: "MP_FAIL", 0x7: "MP_FASTCLOSE", 0x8: "MP_TCPRST", 0xf: "MP_EXPERIMENTAL",
}

// String is the name RFC 8684 gives the option.
func (s Subtype) String() string {
	if s < 16 && subtypeNames[s] != "" {
		return subtypeNames[s]
	}
	return "subtype " + strconv.Itoa(int(s))
}

// Subtype of an MPTCP option. It is SubExperimental for an option too short to
// have one, or of another kind; callers walk Options.MPTCP, which yields neither.
func (o Option) Subtype() Subtype {
	if len(o) < 3 || o[0] != KindMPTCP {
		return SubExperimental
	}
	return Subtype(o[2] >> 4)
}

// mptcp checks that o is an MPTCP option of that subtype with at least size octets.
func (o Option) mptcp(st Subtype, size int) error {
	switch {
	case len(o) < 1 || o[0] != KindMPTCP:
		return bad(st.String(), 0, ErrKind)
	case len(o) >= 3 && Subtype(o[2]>>4) != st:
		return bad(st.String(), 2, ErrKind)
	case len(o) < size:
		return bad(st.String(), len(o), ErrTruncated)
	}
	return nil
}

// put starts an MPTCP option of n octets whose third is the subtype and low.
func (o Options) put(st Subtype, low uint8, n int) (Options, []byte, error) {
	o, b, err := o.grow(n)
	if err == nil {
		b[0], b[1], b[2] = KindMPTCP, uint8(n), uint8(st)<<4|low&15
	}
	return o, b, err
}
