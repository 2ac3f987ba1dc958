package peer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/link"
)

// duplex is what both sides of a connection are to a test.
type duplex interface {
	io.ReadWriter
	CloseWrite() error
}

// exchange sends n octets each way at once, compares them, and ends both streams.
func exchange(t *testing.T, a, b duplex, n int) {
	t.Helper()
	talk(t, a, b, n)
	var wg sync.WaitGroup
	for _, c := range []duplex{a, b} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			assert.NoError(t, c.CloseWrite())
			k, err := io.Copy(io.Discard, impatient(c))
			assert.NoError(t, err)
			assert.Zero(t, k, "octets behind the last")
		}()
	}
	wg.Wait()
}

// impatient has calls that wait for a minute fail: what hangs says so, and what is only
// slow does not.
func impatient(c io.ReadWriter) io.ReadWriter {
	if d, ok := c.(net.Conn); ok {
		return hurried{d}
	}
	return c
}

type hurried struct{ c net.Conn }

func (h hurried) Read(p []byte) (int, error) {
	if err := h.c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, err
	}
	return h.c.Read(p)
}

func (h hurried) Write(p []byte) (int, error) {
	if err := h.c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, err
	}
	return h.c.Write(p)
}

// talk sends n octets each way at once and compares them.
func talk(t *testing.T, a, b io.ReadWriter, n int) {
	t.Helper()
	var wg sync.WaitGroup
	var sent, got [2]string
	for i, c := range []io.ReadWriter{impatient(a), impatient(b)} {
		wg.Add(2)
		go func() {
			defer wg.Done()
			h := sha256.New()
			_, err := io.CopyN(io.MultiWriter(c, h), rand.NewChaCha8([32]byte{byte(i), byte(n)}), int64(n))
			assert.NoError(t, err)
			sent[i] = string(h.Sum(nil))
		}()
		go func() {
			defer wg.Done()
			h := sha256.New()
			k, err := io.CopyN(h, c, int64(n))
			assert.NoError(t, err)
			assert.EqualValues(t, n, k)
			got[1-i] = string(h.Sum(nil))
		}()
	}
	wg.Wait()
	for _, c := range []io.ReadWriter{a, b} {
		if d, ok := c.(net.Conn); ok {
			assert.NoError(t, d.SetDeadline(time.Time{}))
		}
		if d, ok := c.(*Conn); ok && t.Failed() {
			t.Logf("%+v", d.Info())
		}
	}
	assert.Equal(t, sent, got, "SHA-256 of what was sent and received")
}

func TestExchange(t *testing.T) {
	for _, k := range []struct {
		name   string
		family int
		octets int
		pipe   link.PipeConfig
		cfg    Config
	}{
		{"one octet", 4, 1, link.PipeConfig{}, Config{}},
		{"IPv6", 6, 3 << 20, link.PipeConfig{}, Config{}},
		{"no checksum", 4, 3 << 20, link.PipeConfig{}, Config{Endpoint: fsm.Config{NoChecksum: true}}},
		{"offload", 4, 8 << 20, link.PipeConfig{MaxPayload: 60000}, Config{}},
		{"offload, no checksum, IPv6", 6, 8 << 20, link.PipeConfig{MaxPayload: 60000}, Config{Endpoint: fsm.Config{NoChecksum: true}}},
		{"loss", 4, 1 << 20, link.PipeConfig{Loss: 0.02, Delay: time.Millisecond}, Config{}},
		{"plain TCP", 4, 1 << 20, link.PipeConfig{}, Config{Endpoint: fsm.Config{Plain: true}}},
	} {
		t.Run(k.name, func(t *testing.T) {
			p := newPair(t, 1, k.pipe, k.cfg, k.cfg)
			a, b := p.connect(t, k.family)
			exchange(t, a, b, k.octets)
			for _, c := range []*Conn{a, b} {
				i := c.Info()
				assert.Equal(t, !k.cfg.Endpoint.Plain, i.Multipath)
				assert.False(t, i.FellBack, i.Cause)
				assert.NoError(t, c.Close())
				assert.ErrorIs(t, c.Close(), net.ErrClosed)
			}
			require.NoError(t, p.a.Drain(t.Context()))
			require.NoError(t, p.b.Drain(t.Context()))
			assert.Zero(t, p.a.Stats().Connections)
		})
	}
}

func TestDeadlines(t *testing.T) {
	p := newPair(t, 1, link.PipeConfig{}, Config{}, Config{})
	a, b := p.connect(t, 4)
	buf := make([]byte, 100)
	require.NoError(t, a.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err := a.Read(buf)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	var ne net.Error
	require.ErrorAs(t, err, &ne)
	require.True(t, ne.Timeout())

	require.NoError(t, a.SetReadDeadline(time.Time{}))
	go func() { _, _ = b.Write([]byte("late")) }()
	n, err := a.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "late", string(buf[:n]))

	// A deadline set while a Read waits ends it.
	go func() {
		time.Sleep(10 * time.Millisecond)
		_ = a.SetDeadline(time.Unix(1, 0))
	}()
	_, err = a.Read(buf)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = a.Write(buf)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	// A Write that finds no room gives up, and tells how much it wrote.
	require.NoError(t, a.SetDeadline(time.Now().Add(500*time.Millisecond)))
	big := make([]byte, 8<<20)
	n, err = a.Write(big)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Greater(t, n, 0)
	require.Less(t, n, len(big))
	require.NoError(t, a.SetDeadline(time.Time{}))
	go func() { _ = a.CloseWrite() }()
	got, err := io.Copy(io.Discard, b)
	require.NoError(t, err)
	require.EqualValues(t, n, got)
}

func TestErrors(t *testing.T) {
	p := newPair(t, 1, link.PipeConfig{}, Config{}, Config{})
	four, err := New(Config{})
	require.NoError(t, err)
	defer four.Close()
	x, _ := link.Pipe(link.PipeConfig{A: []netip.Prefix{prefix(4, 0, 1)}})
	require.NoError(t, four.AddLink(x))
	_, err = p.a.Dial(t.Context(), "tcp", "10.1.0.2:9")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	var pe *fsm.PeerError
	require.ErrorAs(t, err, &pe)
	require.Equal(t, fsm.Refused, pe.Reason)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = p.a.Dial(ctx, "tcp", "10.1.0.77:9")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	for text, f := range map[string]func() error{
		"dial udp: unknown network udp":                                                      func() error { _, err := p.a.Dial(t.Context(), "udp", "10.1.0.2:9"); return err },
		"dial tcp: address 10.1.0.2: missing port in address":                                func() error { _, err := p.a.Dial(t.Context(), "tcp", "10.1.0.2"); return err },
		"listen tcp: address 99999: invalid port":                                            func() error { _, err := p.a.Listen("tcp", ":99999"); return err },
		"dial tcp [fd77::1]:9: no link has an IPv6 address: cannot assign requested address": func() error { _, err := four.Dial(t.Context(), "tcp", "[fd77::1]:9"); return err },
	} {
		var oe *net.OpError
		require.ErrorAs(t, f(), &oe)
		require.EqualError(t, oe, text)
	}

	l, err := p.b.Listen("tcp4", ":99")
	require.NoError(t, err)
	_, err = p.b.Listen("tcp", ":99")
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.NoError(t, l.SetDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = l.Accept()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, l.SetDeadline(time.Time{}))
	go func() { _ = l.Close() }()
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)

	// An abort reaches both sides, and those who wait.
	a, b := p.connect(t, 4)
	done := make(chan error)
	go func() {
		_, err := b.Read(make([]byte, 1))
		done <- err
	}()
	require.NoError(t, a.Abort())
	err = <-done
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.ErrorAs(t, err, &pe)
	require.Equal(t, fsm.FastClosed, pe.Reason)
	_, err = a.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = b.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// Close with octets that nobody read tells the peer.
func TestCloseUnread(t *testing.T) {
	p := newPair(t, 1, link.PipeConfig{}, Config{}, Config{})
	a, b := p.connect(t, 4)
	_, err := a.Write([]byte("nobody reads this"))
	require.NoError(t, err)
	waitFor(t, "octets", func() bool { return b.Info().Readable > 0 })
	require.NoError(t, b.Close())
	_, err = a.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestCloseUnblocks(t *testing.T) {
	p := newPair(t, 1, link.PipeConfig{}, Config{}, Config{})
	a, _ := p.connect(t, 4)
	c, _ := p.connect(t, 6)
	errs := make(chan error, 3)
	go func() {
		_, err := a.Read(make([]byte, 1))
		errs <- err
	}()
	go func() {
		_, err := a.Write(make([]byte, 16<<20))
		errs <- err
	}()
	go func() {
		_, err := c.Read(make([]byte, 1))
		errs <- err
	}()
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, a.Close())
	require.ErrorIs(t, <-errs, net.ErrClosed)
	require.ErrorIs(t, <-errs, net.ErrClosed)
	require.NoError(t, p.a.Close())
	require.ErrorIs(t, <-errs, net.ErrClosed)
	_, err := p.a.Dial(t.Context(), "tcp", "10.1.0.2:9")
	require.ErrorIs(t, err, net.ErrClosed)
	p.a, err = New(Config{}) // for the cleanup
	require.NoError(t, err)
}

// net/http runs unchanged, and every connection ends.
func TestHTTP(t *testing.T) {
	p := newPair(t, 1, link.PipeConfig{}, Config{}, Config{})
	l, err := p.b.Listen("tcp", ":80")
	require.NoError(t, err)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, body) {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write(body)
	})}}
	server.Start()
	defer server.Close()
	transport := &http.Transport{DialContext: p.a.DialContext}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var wg sync.WaitGroup
	for range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r, err := client.Post("http://10.1.0.2/", "text/plain", bytes.NewReader(body))
			if !assert.NoError(t, err) {
				return
			}
			defer r.Body.Close()
			got, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			assert.Equal(t, http.StatusOK, r.StatusCode)
			assert.True(t, bytes.Equal(body, got))
		}()
	}
	wg.Wait()
}

// A second subflow carries data, and takes all of it when the first path is cut.
func TestCutPath(t *testing.T) {
	p := newPair(t, 2, link.PipeConfig{Delay: time.Millisecond, Rate: 20e6}, Config{}, Config{})
	a, b := p.connect(t, 4)
	talk(t, a, b, 5)
	waitFor(t, "a join", func() bool {
		err := a.Join(prefix(4, 1, 1).Addr(), netip.AddrPortFrom(prefix(4, 1, 2).Addr(), b.fc.Local().Port()), false)
		return err == nil
	})
	waitFor(t, "two subflows", func() bool { return a.Info().SubflowsUp == 2 && b.Info().SubflowsUp == 2 })
	go func() {
		time.Sleep(30 * time.Millisecond)
		p.pipes[0].SetUp(false)
	}()
	exchange(t, a, b, 4<<20)
}

// The device under a link is removed: its paths are gone, and the connection goes on.
func TestLinkGone(t *testing.T) {
	p := newPair(t, 2, link.PipeConfig{Rate: 20e6}, Config{}, Config{})
	a, b := p.connect(t, 4)
	talk(t, a, b, 5)
	waitFor(t, "a join", func() bool {
		return a.Join(prefix(4, 1, 1).Addr(), netip.AddrPortFrom(prefix(4, 1, 2).Addr(), b.fc.Local().Port()), false) == nil
	})
	waitFor(t, "two subflows", func() bool { return a.Info().SubflowsUp == 2 && b.Info().SubflowsUp == 2 })
	go func() {
		time.Sleep(20 * time.Millisecond)
		_ = p.pipes[0].Close()
	}()
	exchange(t, a, b, 2<<20)
	waitFor(t, "the paths of the link are gone", func() bool { return len(p.a.Addrs()) == 2 })
}
