package peer

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"

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
	var k net.Listener
	err = kernel.Do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(true)
		k, err = lc.Listen(context.Background(), "tcp4", ":0")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
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
