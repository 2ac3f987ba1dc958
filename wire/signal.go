package wire

import (
	"encoding/binary"
	"strconv"
)

// MPPrio changes a subflow's priority (RFC 8684 section 3.3.8). Version 0 may
// name another address by its id (RFC 6824 section 3.3.8).
type MPPrio struct {
	Backup bool
	HasID  bool
	ID     uint8
}

// ParseMPPrio decodes one whole MP_PRIO option of 3 or 4 octets.
func ParseMPPrio(o Option) (MPPrio, error) {
	if err := o.mptcp(SubMPPrio, 3); err != nil {
		return MPPrio{}, err
	}
	p := MPPrio{Backup: o[2]&1 != 0}
	switch len(o) {
	case 3:
	case 4:
		p.HasID, p.ID = true, o[3]
	default:
		return MPPrio{}, bad("MP_PRIO", 1, ErrLength)
	}
	return p, nil
}

// Append appends the option.
func (p MPPrio) Append(o Options) (Options, error) {
	var low uint8
	if p.Backup {
		low = 1
	}
	n := 3
	if p.HasID {
		n = 4
	}
	o, b, err := o.put(SubMPPrio, low, n)
	if err == nil && p.HasID {
		b[3] = p.ID
	}
	return o, err
}

// MPFail reports a checksum failure: DSN is where the failed mapping begins, or,
// in the answer, the next one expected (RFC 8684 section 3.7).
type MPFail struct{ DSN uint64 }

// ParseMPFail decodes one whole MP_FAIL option.
func ParseMPFail(o Option) (MPFail, error) {
	dsn, err := o.parse12(SubMPFail)
	return MPFail{dsn}, err
}

// Append appends the option.
func (f MPFail) Append(o Options) (Options, error) { return o.put12(SubMPFail, f.DSN) }

// MPFastclose closes the whole connection at once; Key is the receiver's (RFC
// 8684 section 3.5).
type MPFastclose struct{ Key Key }

// ParseMPFastclose decodes one whole MP_FASTCLOSE option.
func ParseMPFastclose(o Option) (MPFastclose, error) {
	key, err := o.parse12(SubMPFastclose)
	return MPFastclose{Key(key)}, err
}

// Append appends the option.
func (f MPFastclose) Append(o Options) (Options, error) {
	return o.put12(SubMPFastclose, uint64(f.Key))
}

func (o Option) parse12(st Subtype) (uint64, error) {
	if err := o.mptcp(st, 12); err != nil {
		return 0, err
	}
	if len(o) != 12 {
		return 0, bad(st.String(), 1, ErrLength)
	}
	return binary.BigEndian.Uint64(o[4:]), nil
}

func (o Options) put12(st Subtype, v uint64) (Options, error) {
	o, b, err := o.put(st, 0, 12)
	if err == nil {
		b[3] = 0
		binary.BigEndian.PutUint64(b[4:], v)
	}
	return o, err
}

// ResetReason says why a subflow was reset (RFC 8684 section 3.6).
type ResetReason uint8

// Reasons of MP_TCPRST. Unknown ones count as ResetUnspecified (R3.6-08): see Known.
const (
	ResetUnspecified ResetReason = iota
	ResetMPTCPError
	ResetNoResources
	ResetProhibited
	ResetTooMuchData
	ResetUnacceptable
	ResetMiddlebox
)

var resetNames = [...]string{
	"unspecified error", "MPTCP-specific error", "lack of resources", "administratively prohibited",
	"too much outstanding data", "unacceptable performance", "middlebox interference",
}

// Known returns r, or ResetUnspecified for a code that RFC 8684 does not define.
func (r ResetReason) Known() ResetReason {
	if int(r) < len(resetNames) {
		return r
	}
	return ResetUnspecified
}

func (r ResetReason) String() string {
	if int(r) < len(resetNames) {
		return resetNames[r]
	}
	return "unknown reason " + strconv.Itoa(int(r))
}

// MPTCPRst tells why a RST was sent and whether the cause may pass.
type MPTCPRst struct {
	Transient bool // T
	Reason    ResetReason
}

// ParseMPTCPRst decodes one whole MP_TCPRST option; the flags U, V and W are
// ignored (R3.6-07).
func ParseMPTCPRst(o Option) (MPTCPRst, error) {
	if err := o.mptcp(SubMPTCPRst, 4); err != nil {
		return MPTCPRst{}, err
	}
	if len(o) != 4 {
		return MPTCPRst{}, bad("MP_TCPRST", 1, ErrLength)
	}
	return MPTCPRst{o[2]&1 != 0, ResetReason(o[3])}, nil
}

// Append appends the option.
func (r MPTCPRst) Append(o Options) (Options, error) {
	var low uint8
	if r.Transient {
		low = 1
	}
	o, b, err := o.put(SubMPTCPRst, low, 4)
	if err == nil {
		b[3] = uint8(r.Reason)
	}
	return o, err
}

// Experimental is an option of subtype 0xf, which private use may fill at will
// (RFC 8684 section 7.2). Data follows the subtype's octet and aliases
// the option.
type Experimental struct {
	Low  uint8 // the low nibble beside the subtype
	Data []byte
}

// ParseExperimental decodes one whole experimental option.
func ParseExperimental(o Option) (Experimental, error) {
	if err := o.mptcp(SubExperimental, 3); err != nil {
		return Experimental{}, err
	}
	return Experimental{o[2] & 15, o[3:]}, nil
}

// Append appends the option.
func (e Experimental) Append(o Options) (Options, error) {
	o, b, err := o.put(SubExperimental, e.Low, 3+len(e.Data))
	if err == nil {
		copy(b[3:], e.Data)
	}
	return o, err
}
