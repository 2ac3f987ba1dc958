package wire

import (
	"encoding/binary"
	"net/netip"
)

// AddAddr announces an address (RFC 8684 section 3.4.1; RFC 6824 section 3.4.1).
type AddAddr struct {
	Version Version
	ID      uint8
	Addr    netip.Addr
	HasPort bool
	Port    uint16
	Echo    bool   // E, version 1: confirms an announcement
	HasHMAC bool   // version 1; an echo needs none (both shapes are accepted)
	HMAC    uint64 // rightmost 64 bits (R3.4.1-09)
}

// ParseAddAddr decodes one whole ADD_ADDR option of a connection of version v:
// the lengths of version 0 are those of echoes in version 1 (V0-04).
func ParseAddAddr(o Option, v Version) (AddAddr, error) {
	if err := o.mptcp(SubAddAddr, 4); err != nil {
		return AddAddr{}, err
	}
	a := AddAddr{Version: v, ID: o[3]}
	n := len(o) - 4
	if v == V0 {
		// The low nibble is the IP version, RFC 6824 figure 12.
		if ver := o[2] & 15; ver == 4 && n > 6 || ver == 6 && n < 16 || ver != 4 && ver != 6 {
			return AddAddr{}, bad("ADD_ADDR", 2, ErrLength)
		}
	} else {
		a.Echo = o[2]&1 != 0
		if n >= 8 && n < 16 || n >= 24 {
			a.HasHMAC, n = true, n-8
			a.HMAC = binary.BigEndian.Uint64(o[4+n:])
		}
	}
	switch n {
	case 4, 6:
		a.Addr = netip.AddrFrom4([4]byte(o[4:8]))
	case 16, 18:
		a.Addr = netip.AddrFrom16([16]byte(o[4:20]))
	default:
		return AddAddr{}, bad("ADD_ADDR", 1, ErrLength)
	}
	if n&2 != 0 {
		a.HasPort, a.Port = true, binary.BigEndian.Uint16(o[2+n:])
	}
	return a, nil
}

// Append appends the option; the address is used as it is, an IPv4-mapped one as
// IPv6.
func (a *AddAddr) Append(o Options) (Options, error) {
	n, low := 4+16, uint8(6)
	if a.Addr.Is4() {
		n, low = 4+4, 4
	}
	if !a.Addr.IsValid() {
		return o, bad("ADD_ADDR address", 4, ErrLength)
	}
	addr := n
	if a.HasPort {
		n += 2
	}
	if a.Version != V0 {
		low = 0
		if a.Echo {
			low = 1
		}
		if a.HasHMAC {
			n += 8
		}
	}
	o, b, err := o.put(SubAddAddr, low, n)
	if err != nil {
		return o, err
	}
	b[3] = a.ID
	if a.Addr.Is4() {
		v4 := a.Addr.As4()
		copy(b[4:], v4[:])
	} else {
		v6 := a.Addr.As16()
		copy(b[4:], v6[:])
	}
	if a.HasPort {
		binary.BigEndian.PutUint16(b[addr:], a.Port)
	}
	if a.Version != V0 && a.HasHMAC {
		binary.BigEndian.PutUint64(b[n-8:], a.HMAC)
	}
	return o, nil
}

// RemoveAddr withdraws addresses (RFC 8684 section 3.4.2). IDs aliases the option.
type RemoveAddr struct{ IDs []byte }

// ParseRemoveAddr decodes one whole REMOVE_ADDR option with at least one id.
func ParseRemoveAddr(o Option) (RemoveAddr, error) {
	if err := o.mptcp(SubRemoveAddr, 4); err != nil {
		return RemoveAddr{}, err
	}
	return RemoveAddr{IDs: o[3:]}, nil
}

// Append appends the option, whose length is 3 and one more for each id.
func (r RemoveAddr) Append(o Options) (Options, error) {
	if len(r.IDs) == 0 {
		return o, bad("REMOVE_ADDR", 3, ErrLength)
	}
	o, b, err := o.put(SubRemoveAddr, 0, 3+len(r.IDs))
	if err == nil {
		copy(b[3:], r.IDs)
	}
	return o, err
}
