package peer

import (
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/peer/link"
)

// CVE-2021-47448, CVE-2026-43029: a reader that wants more than there is sleeps between
// the parts: each Read that it makes returns octets, so the parts bound their number.
func TestReadFullWaits(t *testing.T) {
	p := newPair(t, 1, link.PipeConfig{}, Config{}, Config{})
	a, b := p.connect(t, 4)
	r := &counting{Reader: a}
	done := make(chan error, 1)
	buf := make([]byte, 1000)
	go func() {
		_, err := io.ReadFull(r, buf)
		done <- err
	}()
	const parts = 10
	for range parts {
		_, err := b.Write(make([]byte, len(buf)/parts))
		require.NoError(t, err)
		time.Sleep(2 * time.Millisecond) // the reader may wait
	}
	require.NoError(t, <-done)
	assert.LessOrEqual(t, r.reads, parts)
	assert.Zero(t, r.empty, "Reads that returned nothing")
}

type counting struct {
	io.Reader
	reads, empty int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.reads++
	if n == 0 {
		c.empty++
	}
	return n, err
}

// CVE-2023-53490: listeners that close while connections are opened, accepted and
// aborted: each of them ends, and nothing is left. For the race detector above all, as
// the next.
func TestCloseWhileAccepting(t *testing.T) {
	p := newPair(t, 1, link.PipeConfig{}, Config{}, Config{})
	for round := range 20 {
		l, err := p.b.Listen("tcp", "10.1.0.2:7000")
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Add(2)
			go func() {
				defer wg.Done()
				if c, err := p.a.Dial(t.Context(), "tcp", "10.1.0.2:7000"); err == nil {
					_, _ = c.Write([]byte("x"))
					if i%2 == 0 {
						_ = c.Abort()
					}
					_ = c.Close()
				}
			}()
			go func() {
				defer wg.Done()
				if c, err := l.Accept(); err == nil {
					_ = c.Close()
				} else {
					assert.ErrorIs(t, err, net.ErrClosed)
				}
			}()
		}
		time.Sleep(time.Duration(rand.IntN(1+round%5)) * time.Millisecond)
		require.NoError(t, l.Close())
		wg.Wait()
	}
	for _, s := range []*Stack{p.a, p.b} {
		require.NoError(t, s.Drain(t.Context()))
		assert.Zero(t, s.Stats().Connections)
	}
}

// CVE-2021-47590, CVE-2024-27404, CVE-2024-44974, CVE-2025-21875, CVE-2025-40258,
// CVE-2026-23169, CVE-2026-68169: everything that may be called, on one connection, by many
// at once, while paths come and go and data flows: one mutex guards it all, and the stream is
// whole.
func TestEverythingAtOnce(t *testing.T) {
	cfg := Config{Endpoint: fsm.Config{PathManager: func() pathmgr.Manager { return pathmgr.NewFullMesh(pathmgr.MeshConfig{}) }}}
	p := newPair(t, 2, link.PipeConfig{Rate: 50e6}, cfg, cfg)
	a, b := p.connect(t, 4)
	talk(t, a, b, 5)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	second, port := prefix(4, 1, 1).Addr(), b.fc.Local().Port()
	for _, f := range []func(){
		func() { _ = a.Join(second, netip.AddrPortFrom(prefix(4, 1, 2).Addr(), port), false) },
		func() { _ = a.RemoveAddr(second) },
		func() { _ = a.Announce(netip.AddrPortFrom(second, 0)) },
		func() { a.SetBackup(second, true); a.SetBackup(second, false) },
		func() { a.Info(); b.Info(); p.a.Stats(); p.b.Addrs() },
		func() { p.pipes[1].SetUp(false); p.pipes[1].SetUp(true) },
		func() { _ = a.SetWriteDeadline(time.Now().Add(time.Hour)); _ = a.SetWriteDeadline(time.Time{}) },
	} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					f()
				}
			}
		}()
	}
	talk(t, a, b, 2<<20)
	close(stop)
	wg.Wait()
	exchange(t, a, b, 1000)
}
