package peer

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/wire"
)

// dialMany has the kernel open n connections to us, as fast as it can, and returns them.
func (v *live) dialMany(n int, to string) (all []*net.TCPConn) {
	var mu sync.Mutex
	v.dialEach(n, to, func(k *net.TCPConn) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, k)
	})
	return all
}

// dialEach is the same, but for what becomes of them: f, called by each of four who dial.
func (v *live) dialEach(n int, to string, f func(*net.TCPConn)) {
	const workers = 4
	var wg sync.WaitGroup
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			err := v.kernel.Do(func() error {
				var d net.Dialer
				d.SetMultipathTCP(true)
				for i := w; i < n; i += workers {
					c, err := d.Dial("tcp", to)
					if err != nil {
						return err
					}
					f(c.(*net.TCPConn))
				}
				return nil
			})
			assert.NoError(v.t, err)
		}()
	}
	wg.Wait()
}

// A burst of set-ups from the kernel is accepted without loss, and 10,000 idle connections
// at once work, over TUN and over a packet socket; 1,000 of IPv6 do, and of those that we
// opened, from addresses that the kernel beside us has, too.
func TestLiveIdle(t *testing.T) {
	for _, k := range []struct {
		who    role
		family int
		n      int
		kind   string
	}{
		{server, 4, 10_000, "tun"}, {server, 6, 1000, "tun"}, {client, 4, 1000, "tun"}, {client, 6, 1000, "tun"},
		{server, 4, 10_000, "raw"}, {server, 6, 1000, "shared"}, {client, 6, 1000, "raw"}, {client, 4, 1000, "shared"},
	} {
		t.Run(fmt.Sprintf("%s/IPv%d/%d/%s", k.who, k.family, k.n, k.kind), func(t *testing.T) {
			v := newLive(t, liveConfig{family: k.family, kind: k.kind})
			began := time.Now()
			ours, theirs := v.connectMany(k.who, k.n)
			took := time.Since(began)
			require.Len(t, theirs, k.n)
			require.Len(t, ours, k.n)
			assert.Zero(t, v.counted("TcpExtTCPSynRetrans"), "SYNs that the kernel had to repeat")
			assert.Zero(t, v.counted("TcpExtListenOverflows"))
			s := v.stack.Stats().MPTCP
			assert.Zero(t, s.ListenOverflows+s.MPCapableFallbackACK+s.MPCapableFallbackSYNACK+s.MPCapableSYNTXDrop)
			assert.EqualValues(t, k.n, s.MPCurrEstab)
			assert.EqualValues(t, k.n, s.MPCapableACKRX+s.MPCapableSYNACKRX)
			assert.Equal(t, fsm.Usage{Flows: k.n, Tokens: k.n}, v.stack.Usage())
			t.Logf("%d set-ups in %v, %.0f a second, the kernel's side included", k.n, took.Round(time.Millisecond), float64(k.n)/took.Seconds())
			v.useMany(ours, theirs)
			v.closed()
			runtime.KeepAlive(ours)
		})
	}
}

// connectMany makes n connections over path 0, as fast as it can. The two lists are not in
// the same order.
func (v *live) connectMany(who role, n int) (ours []*Conn, theirs []*net.TCPConn) {
	v.t.Helper()
	done := make(chan struct{})
	if who == server {
		l, err := v.stack.Listen("tcp", ":0")
		require.NoError(v.t, err)
		v.t.Cleanup(func() { _ = l.Close() })
		go func() {
			defer close(done)
			for range n {
				c, err := l.AcceptConn()
				if !assert.NoError(v.t, err) {
					break
				}
				ours = append(ours, c)
			}
		}()
		theirs = v.dialMany(n, netip.AddrPortFrom(v.at(0, 1), l.locals[0].Port()).String())
		<-done
		return ours, theirs
	}
	l := v.listenKernel(true, ":0")
	to := netip.AddrPortFrom(v.at(0, 2), l.Addr().(*net.TCPAddr).AddrPort().Port())
	go func() {
		defer close(done)
		for range n {
			k, err := l.AcceptTCP()
			if !assert.NoError(v.t, err) {
				break
			}
			theirs = append(theirs, k)
		}
	}()
	for range n {
		c, err := dialFor(v.stack, to)
		require.NoError(v.t, err)
		ours = append(ours, c)
	}
	<-done
	return ours, theirs
}

// useMany sends an octet each way on each connection, and closes all of them.
func (v *live) useMany(ours []*Conn, theirs []*net.TCPConn) {
	t := v.t
	t.Helper()
	ends := map[string]*Conn{} // by both addresses, as the kernel sees them
	for _, c := range ours {
		ends[c.RemoteAddr().String()+c.LocalAddr().String()] = c
	}
	of := func(k *net.TCPConn) *Conn { return ends[k.LocalAddr().String()+k.RemoteAddr().String()] }
	for i, k := range theirs {
		c := of(k)
		require.NotNil(t, c)
		_, err := k.Write([]byte{byte(i)})
		require.NoError(t, err)
		var b [1]byte
		_, err = io.ReadFull(c, b[:])
		require.NoError(t, err)
		_, err = c.Write(b[:])
		require.NoError(t, err)
		_, err = io.ReadFull(k, b[:])
		require.NoError(t, err)
		require.Equal(t, byte(i), b[0])
	}
	for turn := range 2 { // half of them are closed by us first
		for i, k := range theirs {
			if i&1 == turn {
				require.NoError(t, k.Close())
			} else {
				require.NoError(t, of(k).Close())
			}
		}
	}
}

// A sustained burst: set-ups from the kernel one after the other by four programs, each
// connection closed at once. None is lost. 10,000 of them, 100,000 in the full run.
func TestLiveBurst(t *testing.T) {
	n := 10_000
	if full() {
		n = 100_000
	}
	v := newLive(t, liveConfig{})
	l, err := v.stack.Listen("tcp", ":0")
	require.NoError(t, err)
	accepted := make(chan int)
	go func() {
		count := 0
		for {
			c, err := l.AcceptConn()
			if err != nil {
				accepted <- count
				return
			}
			count++
			_ = c.Close()
		}
	}()
	began := time.Now()
	v.dialEach(n, netip.AddrPortFrom(v.at(0, 1), l.locals[0].Port()).String(), func(k *net.TCPConn) {
		// The end of our stream says that it was accepted.
		_, err := k.Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.EOF)
		assert.NoError(t, k.Close())
	})
	took := time.Since(began)
	require.NoError(t, l.Close())
	assert.Equal(t, n, <-accepted)
	assert.Zero(t, v.counted("TcpExtTCPSynRetrans"), "SYNs that the kernel had to repeat")
	s := v.stack.Stats().MPTCP
	assert.Zero(t, s.ListenOverflows+s.MPCapableFallbackACK)
	assert.EqualValues(t, n, s.MPCapableACKRX)
	t.Logf("%d connections in %v, %.0f a second, the kernel's side included", n, took.Round(time.Millisecond), float64(n)/took.Seconds())
	v.closed()
}

// flood sends SYNs from raw sockets of the kernel's side until stop is closed: from
// forged sources, or joins with the token of a living connection. It returns how many.
func (v *live) flood(stop chan struct{}, to netip.AddrPort, token func() (wire.Token, bool)) (sent int) {
	err := v.kernel.Do(func() error {
		family, at := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: to.Addr().As16()})
		if to.Addr().Is4() {
			family, at = unix.AF_INET, &unix.SockaddrInet4{Addr: to.Addr().As4()}
		}
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		r := rand.New(rand.NewPCG(4, 4))
		var b []byte
		for ; ; sent++ {
			select {
			case <-stop:
				return nil
			default:
			}
			if sent%100 == 99 {
				time.Sleep(2 * time.Millisecond) // the two cores are for others, too
			}
			src := netip.AddrFrom4([4]byte{10, 9, byte(r.Uint32()), byte(r.Uint32())})
			if to.Addr().Is6() {
				src = netip.AddrFrom16([16]byte{0: 0xfd, 1: 9, 14: byte(r.Uint32()), 15: byte(r.Uint32())})
			}
			seg := wire.Segment{Dst: to, Seq: r.Uint32(), Flags: wire.SYN, Window: 65535,
				Src: netip.AddrPortFrom(src, uint16(1024+r.IntN(60000)))}
			if k, ok := token(); ok {
				seg.Options, _ = wire.MPJoin{Form: wire.JoinSYN, ID: uint8(r.IntN(255)), Token: k, Nonce: r.Uint32()}.Append(nil)
			} else {
				seg.Options, _ = wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC}.Append(nil)
			}
			if b, err = wire.Append(b[:0], &seg); err != nil {
				return err
			}
			if err := unix.Sendto(fd, b, 0, at); err != nil && err != unix.ENOBUFS {
				return fmt.Errorf("sending a SYN: %w", err)
			}
		}
	})
	assert.NoError(v.t, err)
	return sent
}

// A flood of SYNs, and one of joins to a known token, leave real clients connecting, and
// a real joiner joining (RFC 8684 section 5, RFC 4987).
func TestLiveFloods(t *testing.T) {
	for _, k := range []struct {
		name   string
		joins  bool
		family int
	}{{"SYNs", false, 4}, {"SYNs", false, 6}, {"joins", true, 4}, {"joins", true, 6}} {
		t.Run(fmt.Sprintf("%s/IPv%d", k.name, k.family), func(t *testing.T) {
			joins := k.joins
			v := newLive(t, liveConfig{paths: 2, family: k.family})
			v.kernel.Limits(8, 8)
			v.sourceRoute(1)
			v.kernel.Endpoint(fmt.Sprintf("%s dev path1 subflow", v.at(1, 2)))
			l, err := v.stack.Listen("tcp", ":0")
			require.NoError(t, err)
			to := netip.AddrPortFrom(v.at(0, 1), l.locals[0].Port())
			var token atomic.Uint32
			stop := make(chan struct{})
			flooded := make(chan int)
			go func() {
				flooded <- v.flood(stop, to, func() (wire.Token, bool) { return wire.Token(token.Load()), joins && token.Load() != 0 })
			}()
			conns := make(chan *Conn)
			go func() {
				for {
					c, err := l.AcceptConn()
					if err != nil {
						return
					}
					conns <- c
				}
			}()
			var times []time.Duration
			joined := 0
			n := 100
			if full() {
				n = 1000
			}
			for range n {
				began := time.Now()
				k, err := v.dialKernel(true, to.String())
				require.NoError(t, err)
				// The client speaks first: where its third packet is lost to the flood, and its
				// SYN was answered without state, nothing else tells of it.
				_, err = k.Write([]byte{1})
				require.NoError(t, err)
				c := <-conns
				require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
				_, err = io.ReadFull(c, make([]byte, 1))
				require.NoError(t, err)
				token.Store(uint32(c.Info().Token))
				talk(t, c, k, 100)
				times = append(times, time.Since(began))
				// The kernel joins once; a join that is not proven yet may have to make room
				// for a forged one, by chance.
				for i := 0; i < 50 && c.Info().SubflowsUp < 2; i++ {
					time.Sleep(time.Duration(i) * time.Millisecond / 2)
				}
				joined += c.Info().SubflowsUp - 1
				ok, _ := k.MultipathTCP()
				assert.True(t, ok)
				require.NoError(t, k.Close())
				mustEnd(t, c)
				require.NoError(t, c.Close())
			}
			close(stop)
			sent := <-flooded
			_ = l.Close()
			slices.Sort(times)
			t.Logf("%d forged SYNs; %d connections with 100 octets each way: median %v, p99 %v, longest %v", sent, n,
				times[n/2].Round(time.Microsecond), times[n*99/100].Round(time.Microsecond), times[n-1].Round(time.Microsecond))
			t.Logf("%d of them got their second subflow; %d joins were evicted", joined, v.stack.Stats().MPTCP.MPJoinEvicted)
			require.Greater(t, joined, n/2, "real joins that succeeded")
			require.Greater(t, sent, 1000)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			assert.NoError(t, v.stack.Drain(ctx))
		})
	}
}
