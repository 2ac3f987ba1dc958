package fields

import "github.com/mptcp-go/mptcp/wire"

// mptcp adds an MPTCP option (RFC 8684 section 3, RFC 6824 section 3), as much as there
// is of it. Where package wire asks whether flags and length agree, this goes by one of
// them and shows what it finds, as tshark does.
func (o *option) mptcp() {
	subtype := wire.Subtype(o.peek(1) >> 4)
	o.bits(mpSubtype, uint64(subtype))
	switch subtype {
	case wire.SubMPCapable:
		o.capable()
	case wire.SubMPJoin:
		o.join()
	case wire.SubDSS:
		o.dss()
	case wire.SubAddAddr:
		o.addAddr()
	case wire.SubRemoveAddr:
		o.removeAddr()
	case wire.SubMPPrio:
		flags := o.uint(mpFlags, 1)
		o.bits(mpBackup, flags&1)
		if o.size == 4 {
			o.uint(mpAddrID, 1)
		}
	case wire.SubMPFail:
		o.reserved()
		o.uint(mpDSN, 8)
	case wire.SubMPFastclose:
		o.reserved()
		o.uint(mpRecvKey, 8)
	case wire.SubMPTCPRst:
		flags := o.uint(mpFlags, 1)
		o.bits(mpRstU, flags>>3&1)
		o.bits(mpRstV, flags>>2&1)
		o.bits(mpRstW, flags>>1&1)
		o.bits(mpRstT, flags&1)
		o.uint(mpRstReason, 1)
	}
}

// reserved adds the 12 bits behind the subtype and moves on.
func (o *option) reserved() {
	n := o.peek(2)
	o.off += 2
	o.bits(mpReserved, n&0xfff)
}

// capable goes by the length for keys, data length and checksum. Version 0 has keys in
// the SYN, versions above 1 are shown as if they were 1.
func (o *option) capable() {
	version := o.peek(1) & 15
	o.off++
	o.bits(mpVersion, version)
	flags := o.uint(mpFlags, 1)
	o.bits(mpChecksumReq, flags>>7&1)
	o.bits(mpExtensibility, flags>>6&1)
	if wire.Version(version) == wire.V1 {
		o.bits(mpNoMoreSubflows, flags>>5&1)
		o.bits(mpSHA256, flags&1)
		o.bits(mpReservedFlags, flags>>1&0xf)
	} else {
		o.bits(mpSHA1, flags&1)
		o.bits(mpReservedFlags, flags>>1&0x1f)
	}
	switch o.size {
	case 12, 20, 22, 24:
	default:
		return
	}
	key := wire.Key(o.uint(mpSendKey, 8))
	if !o.short {
		var token wire.Token
		var idsn uint64
		if version <= uint64(wire.V1) {
			token, idsn = key.Derive(wire.Version(version))
		}
		o.bits(mptcpExpectedToken, uint64(token))
		o.bits(mptcpExpectedIDSN, idsn)
	}
	if o.size >= 20 {
		o.uint(mpRecvKey, 8)
	}
	if o.size >= 22 {
		o.uint(mpDataLen, 2)
	}
	if o.size == 24 {
		o.uint(mpChecksum, 2)
	}
}

// join goes by the length: 12 in a SYN, 16 in a SYN/ACK, 24 in the third ACK.
func (o *option) join() {
	switch o.size {
	case 12, 16:
		flags := o.uint(mpFlags, 1)
		o.bits(mpBackup, flags&1)
		o.uint(mpAddrID, 1)
		if o.size == 12 {
			o.uint(mpRecvToken, 4)
		} else {
			o.uint(mpSendTruncHMAC, 8)
		}
		o.uint(mpSendRand, 4)
	case 24:
		o.reserved()
		o.octets(mpSendHMAC, 20)
	}
}

// dss goes by the flags.
func (o *option) dss() {
	o.off++ // subtype
	flags := o.uint(mpFlags, 1)
	f := wire.DSSFlags(flags)
	o.bits(mpDataFin, flags>>4&1)
	o.bits(mpDSN8, flags>>3&1)
	o.bits(mpDSNPresent, flags>>2&1)
	o.bits(mpAck8, flags>>1&1)
	o.bits(mpAckPresent, flags&1)
	if f.Has(wire.DSSAck) {
		o.uint(mpDataAck, width(f, wire.DSSAck8))
	}
	if f.Has(wire.DSSMap) {
		o.uint(mpDSN, width(f, wire.DSSMap8))
		o.uint(mpSSN, 4)
		o.uint(mpDataLen, 2)
		switch {
		case o.left() == 2:
			o.ownChecksum()
		case o.left() >= 4: // two octets too many, and tshark finds a checksum
			o.uint(mpChecksum, 2)
		}
	}
}

// ownChecksum adds the checksum of a mapping, which tshark misses. Since tshark does not
// read it, it must not stop the reading either where it was not captured.
func (o *option) ownChecksum() {
	if !o.short && o.off+2 <= len(o.b) {
		o.row.add(mpdDSSChecksum, o.peek(2))
	}
}

// width is 8 octets if the flag is set, else 4.
func width(f, flag wire.DSSFlags) int {
	if f.Has(flag) {
		return 8
	}
	return 4
}

// addAddr tells the versions apart by the low nibble, and goes by the length.
func (o *option) addAddr() {
	switch low := o.peek(1) & 15; low {
	case 4, 6:
		o.bits(mpIPVersion, low)
	default:
		o.bits(mpEcho, low&1)
	}
	o.off++
	o.uint(mpAddrID, 1)
	port, hmac := false, false
	switch o.size {
	case 8, 20:
	case 10, 22:
		port = true
	case 16, 28:
		hmac = true
	case 18, 30:
		port, hmac = true, true
	default:
		return
	}
	if o.size <= 18 {
		o.uint(mpIPv4, 4)
	} else {
		o.octets(mpIPv6, 16)
	}
	if port {
		o.uint(mpPort, 2)
	}
	if hmac {
		o.uint(mpAddAddrHMAC, 8)
	}
}

func (o *option) removeAddr() {
	o.off++
	o.bits(mptcpRmAddrCount, uint64(o.size-3))
	for o.left() > 0 && !o.short {
		o.uint(mpAddrID, 1)
	}
}
