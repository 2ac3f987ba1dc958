package peer

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	"github.com/mptcp-go/mptcp/fsm"
)

// Dial opens a connection to addr, "host:port". Network is "tcp", "tcp4" or "tcp6". A
// host's name is resolved by the system, and its addresses are tried in turn where a
// link of ours has an address of their family. It returns when the handshake is done;
// until then ctx ends it. Errors are *net.OpError.
func (s *Stack) Dial(ctx context.Context, network, addr string) (*Conn, error) {
	return s.dial(ctx, netip.Addr{}, network, addr)
}

// DialFrom is Dial from an address of ours.
func (s *Stack) DialFrom(ctx context.Context, local netip.Addr, network, addr string) (*Conn, error) {
	return s.dial(ctx, local, network, addr)
}

// DialContext is Dial with the result that http.Transport wants.
func (s *Stack) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := s.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *Stack) dial(ctx context.Context, local netip.Addr, network, addr string) (*Conn, error) {
	remotes, err := resolve(ctx, network, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	for _, remote := range remotes {
		var c *Conn
		if c, err = s.dialOne(ctx, local, remote); err == nil {
			return c, nil
		}
		err = &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(remote), Err: explain(err)}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// dialOne tries one address.
func (s *Stack) dialOne(ctx context.Context, from netip.Addr, remote netip.AddrPort) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, ctxError(err)
	}
	c, opened, err := s.open(from, remote)
	if err != nil {
		return nil, err
	}
	select {
	case <-opened:
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.closed {
			return nil, net.ErrClosed
		}
		if c.fc.State() == fsm.Closed && c.fc.Err() != nil {
			return nil, c.fc.Err()
		}
		return c, nil
	case <-ctx.Done():
		_ = c.Abort()
		return nil, ctxError(ctx.Err())
	}
}

func (s *Stack) open(from netip.Addr, remote netip.AddrPort) (*Conn, chan struct{}, error) {
	now := s.lock()
	defer s.unlock()
	if s.closed {
		return nil, nil, net.ErrClosed
	}
	if !from.IsValid() {
		var ok bool
		if from, ok = s.source(remote.Addr()); !ok {
			return nil, nil, errNoAddress(remote.Addr())
		}
	}
	local, err := s.holdFor(from)
	if err != nil {
		return nil, nil, err
	}
	fc, err := s.ep.Dial(now, local, remote)
	if err != nil {
		return nil, nil, err
	}
	c := s.newConn(fc)
	opened := make(chan struct{})
	c.opened = opened
	s.turn(now)
	return c, opened, nil
}

// resolve turns "host:port" into addresses.
func resolve(ctx context.Context, network, addr string) ([]netip.AddrPort, error) {
	family := ""
	switch network {
	case "tcp":
	case "tcp4", "tcp6":
		family = network[3:]
	default:
		return nil, net.UnknownNetworkError(network)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		var k int
		if k, err = net.DefaultResolver.LookupPort(ctx, network, port); err != nil {
			return nil, err
		}
		n = uint64(k)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip"+family, host)
	if err != nil {
		return nil, err
	}
	var list []netip.AddrPort
	for _, a := range ips {
		list = append(list, netip.AddrPortFrom(a.Unmap(), uint16(n)))
	}
	return list, nil
}
