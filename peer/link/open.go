package link

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// spec is what Open was asked for.
type spec struct {
	kind, name string
	addrs      []netip.Prefix
	kernel     []netip.Addr // tun: the kernel's addresses
	gateway    []netip.Addr // raw: next hops for what is not on the link
	mtu        int          // 0: the device's own, or 1500
	plain      bool         // no offload
}

const specForms = "tun:NAME,ADDR/LEN[,ADDR/LEN...][,kernel=ADDR][,mtu=N][,offload=off] or raw:IFACE[,ADDR/LEN...][,via=ROUTER][,mtu=N][,offload=off]"

// Open opens the link that spec describes.
//
// "tun:NAME,ADDR/LEN" makes a TUN device, which Close removes. ADDR is ours; the kernel
// reaches it through the device, where it has an address of its own in the same prefix:
// the one after kernel=, or else the lowest that is not ours. Where LEN leaves no room
// for a second address (32, 128), the kernel gets a route to ADDR only. Several
// addresses, of both families, may be given.
//
// "raw:IFACE,ADDR/LEN" puts us on an existing Ethernet interface beside the kernel, with
// an address that no one else has. "raw:IFACE" shares the addresses that the kernel has
// there: see PortHolder. via= names the router for what is not on the link, where the
// kernel's routes through the interface do not.
//
// mtu= is the largest IP packet in octets; offload=off keeps the link from cutting and
// joining segments and from leaving out checksums.
//
// Everything is opened before Open returns, in the network namespace of the calling
// thread. The error is a *SpecError where text is malformed, and a *PrivilegeError where
// rights are missing.
func Open(text string) (Link, error) {
	s, err := parseSpec(text)
	if err != nil {
		return nil, &SpecError{err.Error()}
	}
	l, err := open(s)
	if err != nil {
		return nil, fmt.Errorf("link %s: %w", text, err)
	}
	return l, nil
}

// SpecError says what is wrong with the description of a link.
type SpecError struct{ text string }

func (e *SpecError) Error() string { return e.text }

func parseSpec(text string) (*spec, error) {
	kind, rest, ok := strings.Cut(text, ":")
	if !ok || kind != "tun" && kind != "raw" {
		return nil, fmt.Errorf("link %q: want %s", text, specForms)
	}
	fields := strings.Split(rest, ",")
	s := &spec{kind: kind, name: fields[0]}
	bad := func(what, field string) (*spec, error) {
		return nil, fmt.Errorf("link %q: %s %q: want %s", text, what, field, specForms)
	}
	if s.name == "" || len(s.name) > 15 || strings.ContainsAny(s.name, "/ ") {
		return bad("interface name", s.name)
	}
	for _, f := range fields[1:] {
		key, value, keyed := strings.Cut(f, "=")
		var err error
		switch {
		case !keyed:
			var p netip.Prefix
			if p, err = netip.ParsePrefix(f); err == nil && !p.Addr().Is4In6() && p.Addr().Zone() == "" {
				s.addrs = append(s.addrs, p)
				break
			}
			return bad("address", f)
		case key == "mtu":
			if s.mtu, err = strconv.Atoi(value); err != nil || s.mtu < 68 || s.mtu > 65535 {
				return bad("MTU", value)
			}
		case key == "offload" && (value == "off" || value == "on"):
			s.plain = value == "off"
		case key == "kernel" && kind == "tun", key == "via" && kind == "raw":
			var a netip.Addr
			if a, err = netip.ParseAddr(value); err != nil {
				return bad("address", value)
			}
			if key == "kernel" {
				s.kernel = append(s.kernel, a)
			} else {
				s.gateway = append(s.gateway, a)
			}
		default:
			return bad("option", f)
		}
	}
	if kind == "tun" && len(s.addrs) == 0 {
		return nil, fmt.Errorf("link %q: no address of ours: want %s", text, specForms)
	}
	return s, nil
}

// kernelAddr is the address that the kernel gets in the prefix of ours: one that was
// asked for, else the lowest that is neither ours nor the prefix's own. It is not valid
// where there is no room.
func (s *spec) kernelAddr(ours netip.Prefix) netip.Addr {
	for _, a := range s.kernel {
		if ours.Contains(a) && a != ours.Addr() {
			return a
		}
	}
	if ours.Bits() == ours.Addr().BitLen() {
		return netip.Addr{}
	}
	a := ours.Masked().Addr()
	if ours.Bits() < ours.Addr().BitLen()-1 { // RFC 3021: both addresses of a /31 are hosts
		a = a.Next()
	}
	if a == ours.Addr() {
		a = a.Next()
	}
	return a
}
