//go:build linux

package lab

import (
	"net/netip"
	"strconv"
	"strings"
)

// Socket is one line of ss.
type Socket struct {
	State       string // "ESTAB"
	Local, Peer netip.AddrPort
	Info        map[string]string // what ss calls name:value; a bare word has the value ""
}

// Int is a value of Info as a number, 0 where it is missing.
func (k Socket) Int(name string) int {
	n, _ := strconv.Atoi(k.Info[name])
	return n
}

// Sockets runs `ss -HOni` with more flags inside: "-M" for the MPTCP sockets, whose
// Info has subflows, remote_key, token, flags and others, "-t" for TCP ones.
// Listeners need -l or -a.
func (s *Space) Sockets(flags ...string) ([]Socket, error) {
	text, err := s.Run("ss", append([]string{"-HOni"}, flags...)...)
	if err != nil {
		return nil, err
	}
	return parseSockets(text), nil
}

func parseSockets(text string) []Socket {
	var all []Socket
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 5 {
			continue
		}
		k := Socket{State: words[0], Local: parseEnd(words[3]), Peer: parseEnd(words[4]), Info: map[string]string{}}
		for _, w := range words[5:] {
			name, value, _ := strings.Cut(w, ":")
			k.Info[name] = value
		}
		all = append(all, k)
	}
	return all
}

// parseEnd reads 10.0.0.1:80, [fd00::1]:80, 10.0.0.1%eth0:80 and *:80, which gives
// the zero value.
func parseEnd(text string) netip.AddrPort {
	i := strings.LastIndexByte(text, ':')
	host, port := strings.Trim(text[:max(i, 0)], "[]"), text[i+1:]
	host, _, _ = strings.Cut(host, "%")
	addr, err := netip.ParseAddr(host)
	n, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n))
}
