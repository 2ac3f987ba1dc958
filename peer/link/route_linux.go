package link

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// nextHop asks the kernel which host on the interface is next on the way to dst; src is
// not valid where the kernel does not have our address. ok is false where there is no
// route.
func (r *router) nextHop(index int, dst, src netip.Addr) (hop netip.Addr, ok bool) {
	fixed := make([]byte, unix.SizeofRtMsg)
	fixed[0], fixed[1] = family(dst), uint8(dst.BitLen())
	m := newMessage(unix.RTM_GETROUTE, unix.NLM_F_ACK, 0, fixed)
	m = m.attr(unix.RTA_DST, dst.AsSlice()).attr32(unix.RTA_OIF, uint32(index))
	if src.IsValid() {
		m = m.attr(unix.RTA_SRC, src.AsSlice())
	}
	hop = dst
	err := r.ask(m, func(kind uint16, body []byte) {
		if kind != unix.RTM_NEWROUTE || len(body) < unix.SizeofRtMsg {
			return
		}
		ok = body[7] == unix.RTN_UNICAST || body[7] == unix.RTN_UNSPEC
		attrs(body[unix.SizeofRtMsg:], func(kind uint16, v []byte) {
			switch kind {
			case unix.RTA_GATEWAY:
				if a, valid := netip.AddrFromSlice(v); valid {
					hop = a
				}
			case unix.RTA_VIA: // a router of the other family: two octets tell which
				if len(v) > 2 {
					if a, valid := netip.AddrFromSlice(v[2:]); valid {
						hop = a
					}
				}
			case unix.RTA_OIF:
				if len(v) == 4 && int(binary.NativeEndian.Uint32(v)) != index {
					ok = false
				}
			}
		})
	})
	return hop, ok && err == nil
}

// isLocal reports whether the kernel takes packets to a as its own.
func (r *router) isLocal(a netip.Addr) (local bool) {
	fixed := make([]byte, unix.SizeofRtMsg)
	fixed[0], fixed[1] = family(a), uint8(a.BitLen())
	m := newMessage(unix.RTM_GETROUTE, unix.NLM_F_ACK, 0, fixed).attr(unix.RTA_DST, a.AsSlice())
	err := r.ask(m, func(kind uint16, body []byte) {
		local = kind == unix.RTM_NEWROUTE && len(body) >= unix.SizeofRtMsg && body[7] == unix.RTN_LOCAL
	})
	return local && err == nil
}
