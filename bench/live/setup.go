package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

const setupPort = 5003

// listen takes connections and ends each when the peer does.
func (o *options) listen() error {
	prefix, err := netip.ParsePrefix(o.addr)
	if err != nil {
		return err
	}
	at := netip.AddrPortFrom(prefix.Addr(), setupPort)
	var l net.Listener
	switch o.stack {
	case "ours":
		s, err := o.newOurs()
		if err != nil {
			return err
		}
		if l, err = s.Listen("tcp", at.String()); err != nil {
			return err
		}
	case "gvisor":
		s, err := o.newGVisor()
		if err != nil {
			return err
		}
		full := tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFromSlice(at.Addr().AsSlice()), Port: setupPort}
		if l, err = gonet.ListenTCP(s, full, ipv4.ProtocolNumber); err != nil {
			return err
		}
	case "kernel":
		var lc net.ListenConfig
		lc.SetMultipathTCP(o.mptcp)
		if l, err = lc.Listen(context.Background(), "tcp", at.String()); err != nil {
			return err
		}
	default:
		return errors.New("no stack " + o.stack)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}()
	}
}

// connect opens connections one after another, and then on four threads for the time. It
// prints the median and the 99th percentile, in microseconds, of the time from SYN to
// SYN/ACK as the kernel took it, and the connections a second.
func (o *options) connect(to string) error {
	d := net.Dialer{Timeout: 5 * time.Second}
	d.SetMultipathTCP(o.mptcp)
	for range 100 { // whoever answers gets going
		if c, err := d.Dial("tcp", to); err == nil {
			_ = c.Close()
		} else {
			time.Sleep(50 * time.Millisecond)
		}
	}
	var rtts []int
	for range 2000 {
		c, err := d.Dial("tcp", to)
		if err != nil {
			return err
		}
		rtt, err := handshakeRTT(c.(*net.TCPConn))
		if err != nil {
			return err
		}
		rtts = append(rtts, rtt)
		_ = c.Close()
	}
	slices.Sort(rtts)
	var n, failed atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for time.Since(begin).Seconds() < o.seconds {
				c, err := d.Dial("tcp", to)
				if err != nil {
					failed.Add(1)
					continue
				}
				n.Add(1)
				_ = c.Close()
			}
		}()
	}
	wg.Wait()
	fmt.Printf("%d %d %.0f failed %d\n", rtts[len(rtts)/2], rtts[len(rtts)*99/100], float64(n.Load())/time.Since(begin).Seconds(), failed.Load())
	return nil
}

// handshakeRTT is the first round-trip time that the kernel measured, in microseconds:
// that of the handshake.
func handshakeRTT(c *net.TCPConn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var info *unix.TCPInfo
	var inner error
	err = raw.Control(func(fd uintptr) { info, inner = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err = errors.Join(err, inner); err != nil {
		return 0, err
	}
	return int(info.Rtt), nil
}
