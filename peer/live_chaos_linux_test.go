package peer

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
)

// Each kind of fault alone, in both directions of both paths, with offload and without:
// octets arrive as they were sent.
func TestLiveFaults(t *testing.T) {
	n := 256 << 10
	if full() {
		n = 4 << 20
	}
	always := map[string]bool{} // that are not of the full run alone, by family, kind and way
	for _, x := range []string{"4 tun-plain", "6 tun-plain", "6 raw-plain", "4 tun", "6 raw"} {
		always[fmt.Sprint(x, " ", byUs)], always[fmt.Sprint(x, " ", byKernel)] = true, true
	}
	for _, k := range []struct {
		name string
		f    faults
	}{
		{"1 % loss", faults{loss: 0.01}},
		{"10 % loss", faults{loss: 0.1}},
		{"10 % out of order", faults{reorder: 0.1}},
		{"10 % duplicates", faults{duplicate: 0.1}},
		{"2 % corrupt", faults{corrupt: 0.02}},
		{"some of everything", faults{loss: 0.01, reorder: 0.02, duplicate: 0.02, corrupt: 0.01}},
	} {
		for _, way := range []int{byUs, byKernel} {
			for _, family := range []int{4, 6} {
				for _, kind := range []string{"tun-plain", "raw-plain", "tun", "raw"} {
					if !always[fmt.Sprint(family, " ", kind, " ", way)] && !full() {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/IPv%d/%s", k.name, subflowWays[way].name, family, kind), func(t *testing.T) {
						t.Parallel()
						v := newLive(t, liveConfig{paths: 2, family: family, kind: kind, faulty: true})
						v.tainted = k.f.corrupt > 0
						c, s := v.spread(way, 2)
						for _, f := range v.faults {
							f.set(k.f)
						}
						talk(t, c, s, n)
						i := c.Info()
						assert.True(t, i.Multipath && !i.FellBack, i.Cause)
						ok, err := s.MultipathTCP()
						assert.NoError(t, err)
						assert.True(t, ok, "the kernel fell back")
						exchange(t, c, s, n/4) // the end is lost or repeated, too
						for _, f := range v.faults {
							f.set(faults{})
						}
						assert.NoError(t, c.Close())
						assert.NoError(t, s.Close())
						v.closed()
						v.noFallback()
					})
				}
			}
		}
	}
}

// A payload is damaged before there is a checksum of TCP, which the device is to compute: as
// by bad memory beside the network card. On links with offload that of TCP tells nothing of
// it, whoever verifies it; the DSS checksum does, in either direction, and the subflow ends;
// the other one brings what was sent. R3.7-06, R3.7-12, P-3.3.6-01.
func TestLiveDamageBeforeOffload(t *testing.T) {
	for _, kind := range []string{"tun", "raw"} {
		for _, family := range []int{4, 6} {
			for dir, name := range []string{"ours", "the kernel's"} {
				t.Run(fmt.Sprintf("%s/IPv%d/%s", kind, family, name), func(t *testing.T) {
					t.Parallel()
					v := newLive(t, liveConfig{paths: 2, family: family, kind: kind, faulty: true})
					c, s := v.spread(byUs, 2)
					require.True(t, c.Info().Checksum)
					f := v.faults[1]
					f.spoilNext(dir)
					for range 20 {
						talk(t, c, s, 1<<20)
						if f.spoilt() > 0 {
							break
						}
					}
					require.Equal(t, 1, f.spoilt(), "packets damaged")
					v.subflows(c, 1)
					i := c.Info()
					assert.True(t, i.Multipath && !i.FellBack, i.Cause)
					ours, theirs := v.stack.Stats().MPTCP.DataCsumErr, v.counted("MPTcpExtDataCsumErr")
					if dir == 0 {
						assert.NotZero(t, theirs, "wrong checksums that the kernel found")
					} else {
						assert.NotZero(t, ours, "wrong checksums that we found")
					}
					exchange(t, c, s, 1<<20)
					assert.NoError(t, c.Close())
					assert.NoError(t, s.Close())
					v.expected = []string{"MPD-CHECKSUM", "MPD-CONFLICT"}
					v.closed()
				})
			}
		}
	}
}

// Many short transfers, many at a time, each path with faults that change: octets equal,
// nothing stuck, nothing left. 100 of them, 1000 in the full run.
func TestLiveManyShort(t *testing.T) {
	total, atOnce := 100, 20
	if full() {
		total = 1000
	}
	const seed = 2012
	before := runtime.NumGoroutine()
	v := newLive(t, liveConfig{paths: 2, kind: "tun-plain", faulty: true,
		config: Config{Endpoint: fsm.Config{CloseWait: 20 * time.Second}}})
	v.tainted = true // packets are corrupted
	v.kernel.Limits(8, 8)
	v.kernel.Sysctl("net.mptcp.blackhole_timeout", "0") // an unlucky SYN must not decide for the others
	r := rand.New(rand.NewPCG(seed, 0))
	stop := make(chan struct{})
	var weather sync.WaitGroup
	weather.Add(1)
	go func() {
		defer weather.Done()
		for {
			for _, f := range v.faults {
				f.set(faults{loss: r.Float64() * 0.1, reorder: r.Float64() * 0.1, duplicate: r.Float64() * 0.1, corrupt: r.Float64() * 0.02})
			}
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()

	idle := runtime.NumGoroutine()
	l, err := v.stack.Listen("tcp", ":0")
	require.NoError(t, err)
	k := v.listenKernel(true, ":0")
	kernelPort := k.Addr().(*net.TCPAddr).AddrPort().Port()
	go echoAll(func() (duplex, error) { return l.AcceptConn() })
	go echoAll(func() (duplex, error) { return k.AcceptTCP() })
	var wg sync.WaitGroup
	var plain atomic.Int64
	slots := make(chan struct{}, atOnce)
	for i := range total {
		slots <- struct{}{}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { <-slots }()
			luck := rand.New(rand.NewPCG(seed, uint64(i)))
			octets := make([]byte, 1+luck.IntN(64<<10))
			_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(octets)
			family, path := 4+2*luck.IntN(2), luck.IntN(2)
			var c duplex
			var err error
			if i&1 == 0 {
				var m *Conn
				m, err = dialFor(v.stack, netip.AddrPortFrom(prefix(family, path, 2).Addr(), kernelPort))
				if err == nil {
					go func() { // a second subflow, if the connection lives long enough
						time.Sleep(20 * time.Millisecond)
						_ = m.Join(prefix(family, 1-path, 1).Addr(), netip.AddrPortFrom(prefix(family, 1-path, 2).Addr(), kernelPort), false)
					}()
				}
				c = m
			} else {
				c, err = v.dialKernel(true, netip.AddrPortFrom(prefix(family, path, 1).Addr(), l.locals[0].Port()).String())
			}
			if !assert.NoError(t, err, "connection %d", i) {
				return
			}
			nc := c.(net.Conn)
			_ = nc.SetDeadline(time.Now().Add(90 * time.Second))
			go func() {
				_, err := c.Write(octets)
				assert.NoError(t, err, "connection %d", i)
				assert.NoError(t, c.CloseWrite(), "connection %d", i)
			}()
			got, err := io.ReadAll(c)
			assert.NoError(t, err, "connection %d", i)
			assert.True(t, string(octets) == string(got), "connection %d: %d octets of %d came back, or others", i, len(got), len(octets))
			switch c := c.(type) {
			case *Conn:
				if !c.Info().Multipath {
					plain.Add(1)
				}
			case *net.TCPConn:
				if ok, _ := c.MultipathTCP(); !ok {
					plain.Add(1)
				}
			}
			assert.NoError(t, nc.Close(), "connection %d", i)
		}()
	}
	wg.Wait()
	close(stop)
	weather.Wait()
	for _, f := range v.faults {
		f.set(faults{})
	}
	_ = l.Close()
	_ = k.Close()
	v.closed()
	// With one packet in five lost, repeated or damaged, few SYNs vanish three times.
	t.Logf("%d of %d became plain TCP", plain.Load(), total)
	assert.Less(t, plain.Load(), int64(total/10))
	waitFor(t, "goroutines left", func() bool { return runtime.NumGoroutine() <= idle })
	_ = v.stack.Close()
	const signals = 2 // of the first lab of the process, for good
	waitFor(t, "goroutines left of the stack", func() bool { return runtime.NumGoroutine() <= before+len(v.lab.Spaces())+signals })
}

func dialFor(s *Stack, to netip.AddrPort) (*Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	return s.Dial(ctx, "tcp", to.String())
}

// echoAll sends back what comes on each connection, until there are no more.
func echoAll(accept func() (duplex, error)) {
	for {
		c, err := accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
			_ = c.CloseWrite()
			_ = c.(net.Conn).Close()
		}()
	}
}
