package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/mptcp-go/mptcp/fsm"
)

// connError is why a connection failed: errors.Is finds the number that a socket of the
// operating system would give, errors.As the *fsm.PeerError or *fsm.LocalError.
type connError struct {
	cause error
	errno syscall.Errno
}

func (e *connError) Error() string   { return e.cause.Error() }
func (e *connError) Unwrap() []error { return []error{e.cause, e.errno} }
func (e *connError) Timeout() bool   { return e.errno == syscall.ETIMEDOUT }
func (e *connError) Temporary() bool { return false }

// explain gives an error of the state machine its number.
func explain(err error) error {
	errno := syscall.Errno(0)
	var reason fsm.Reason
	switch e := err.(type) {
	case *fsm.PeerError:
		reason = e.Reason
	case *fsm.LocalError:
		reason = e.Reason
	default:
		return err
	}
	switch reason {
	case fsm.Refused:
		errno = syscall.ECONNREFUSED
	case fsm.Reset, fsm.FastClosed, fsm.ProtocolError:
		errno = syscall.ECONNRESET
	case fsm.Aborted, fsm.Broken:
		errno = syscall.ECONNABORTED
	case fsm.TimedOut, fsm.NoSubflow:
		errno = syscall.ETIMEDOUT
	case fsm.InUse:
		errno = syscall.EADDRINUSE
	case fsm.NotOpen:
		errno = syscall.EPIPE
	default:
		errno = syscall.EINVAL
	}
	return &connError{err, errno}
}

// opError dresses an error as package net does.
func (c *Conn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: explain(err)}
}

// errNoAddress says that no link has an address of the family of a.
func errNoAddress(a netip.Addr) error {
	family := "IPv4"
	if a.Is6() {
		family = "IPv6"
	}
	return fmt.Errorf("no link has an %s address: %w", family, syscall.EADDRNOTAVAIL)
}

// ctxError is what a call returns whose context ended.
func ctxError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	return err
}
