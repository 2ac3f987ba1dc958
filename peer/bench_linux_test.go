package peer

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/mptcp-go/mptcp/peer/link"
)

// BenchmarkLive moves octets between us and the kernel over one subflow: ours is the
// direction that the name tells. b.SetBytes makes go test print MB/s.
func BenchmarkLive(b *testing.B) {
	for _, k := range []struct {
		name string
		spec string
		cfg  fsm.Config
	}{
		{"tun", "tun:path0,10.1.0.1/24,kernel=10.1.0.2", fsm.Config{NoChecksum: true}},
		{"tun,checksum", "tun:path0,10.1.0.1/24,kernel=10.1.0.2", fsm.Config{}},
		{"tun,offload=off", "tun:path0,10.1.0.1/24,kernel=10.1.0.2,offload=off", fsm.Config{NoChecksum: true}},
		{"raw", "raw:path0,10.1.0.1/24", fsm.Config{NoChecksum: true}},
		{"raw,checksum", "raw:path0,10.1.0.1/24", fsm.Config{}},
		{"raw,offload=off", "raw:path0,10.1.0.1/24,offload=off", fsm.Config{NoChecksum: true}},
	} {
		for _, receive := range []bool{false, true} {
			name := k.name + "/send"
			if receive {
				name = k.name + "/receive"
			}
			b.Run(name, func(b *testing.B) {
				ours, theirs := benchPair(b, k.spec, k.cfg)
				const chunk = 256 << 10
				b.SetBytes(chunk)
				var from io.Writer = ours
				var to io.Reader = theirs
				if receive {
					from, to = theirs, ours
				}
				done := make(chan error, 1)
				buf := make([]byte, chunk)
				b.ResetTimer()
				go func() {
					p := make([]byte, chunk)
					for range b.N {
						if _, err := from.Write(p); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
				for range b.N {
					if _, err := io.ReadFull(to, buf); err != nil {
						b.Fatal(err)
					}
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if i := ours.Info(); !i.Multipath {
					b.Fatal("not Multipath TCP: ", i.Cause)
				}
			})
		}
	}
}

// benchPair connects us to a kernel over the link that spec describes.
func benchPair(b *testing.B, spec string, cfg fsm.Config) (*Conn, net.Conn) {
	l := lab.Test(b)
	kernel := l.Space("kernel")
	where := kernel
	if spec[:3] == "raw" {
		where = l.Space("ours")
		l.Link(where.Dev("path0"), kernel.Dev("path0", "10.1.0.2/24"))
	}
	cfg.SendBuffer, cfg.ReceiveBuffer = 8<<20, 8<<20
	s, err := New(Config{Endpoint: cfg})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	err = where.Do(func() error {
		x, err := link.Open(spec)
		if err != nil {
			return err
		}
		return s.AddLink(x)
	})
	if err != nil {
		b.Fatal(err)
	}
	return benchConnect(b, kernel, s)
}

// benchConnect opens a connection to the kernel over path 0.
func benchConnect(b *testing.B, kernel *lab.Space, s *Stack) (*Conn, net.Conn) {
	var k net.Listener
	err := kernel.Do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(true)
		k, err = lc.Listen(context.Background(), "tcp", ":0")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = k.Close() }) // joins need it
	to := netip.AddrPortFrom(netip.MustParseAddr("10.1.0.2"), k.Addr().(*net.TCPAddr).AddrPort().Port())
	c, err := s.Dial(context.Background(), "tcp", to.String())
	if err != nil {
		b.Fatal(err)
	}
	a, err := k.Accept()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = a.Close() })
	return c, a
}

// BenchmarkLiveAggregate moves octets over two paths of 100 Mbit/s each (tbf). The share
// that it reports is of their sum, headers included.
func BenchmarkLiveAggregate(b *testing.B) {
	const rate = 100e6
	for _, receive := range []bool{false, true} {
		name := "send"
		if receive {
			name = "receive"
		}
		b.Run(name, func(b *testing.B) {
			l := lab.Test(b, "tc")
			kernel, where := l.Space("kernel"), l.Space("ours")
			kernel.Limits(8, 8)
			s, err := New(Config{Endpoint: fsm.Config{SendBuffer: 8 << 20, ReceiveBuffer: 8 << 20}})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Close() })
			for k := range 2 {
				dev := "path" + string(rune('0'+k))
				l.Link(where.Dev(dev), kernel.Dev(dev, prefix(4, k, 2).String()))
				for _, space := range []*lab.Space{where, kernel} {
					if out, err := space.Run("tc", "qdisc", "add", "dev", dev, "root", "tbf", "rate", "100mbit", "burst", "128kb", "latency", "50ms"); err != nil {
						b.Fatal(out, err)
					}
				}
				if err := where.Do(func() error {
					x, err := link.Open("raw:" + dev + "," + prefix(4, k, 1).String())
					if err != nil {
						return err
					}
					return s.AddLink(x)
				}); err != nil {
					b.Fatal(err)
				}
			}
			ours, theirs := benchConnect(b, kernel, s)
			if err := ours.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				b.Fatal(err)
			}
			var p [1]byte
			_, _ = ours.Write(p[:])
			_, _ = io.ReadFull(theirs, p[:])
			_, _ = theirs.Write(p[:])
			_, _ = io.ReadFull(ours, p[:])
			if err := ours.Join(prefix(4, 1, 1).Addr(), netip.AddrPortFrom(prefix(4, 1, 2).Addr(), ours.fc.Remote().Port()), false); err != nil {
				b.Fatal(err)
			}
			for i := 0; ours.Info().SubflowsUp < 2; i++ {
				if i == 5000 {
					b.Fatalf("no second subflow: %+v", ours.Info())
				}
				time.Sleep(time.Millisecond)
			}
			var from io.Writer = ours
			var to io.Reader = theirs
			if receive {
				from, to = theirs, ours
			}
			const chunk = 1 << 20
			b.SetBytes(chunk)
			go func() {
				buf := make([]byte, chunk)
				for range b.N {
					if _, err := from.Write(buf); err != nil {
						return
					}
				}
			}()
			b.ResetTimer()
			buf := make([]byte, chunk)
			for range b.N {
				if _, err := io.ReadFull(to, buf); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)*chunk*8/b.Elapsed().Seconds()/(2*rate), "of-the-sum")
		})
	}
}
