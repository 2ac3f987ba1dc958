package main

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listens waits until something in a space listens, as ss with one more flag tells.
func listens(t *testing.T, s *lab.Space, flag string) {
	t.Helper()
	require.Eventually(t, func() bool {
		all, err := s.Sockets(flag)
		return err == nil && len(all) > 0
	}, patience, 5*time.Millisecond)
}

// netcat, which knows nothing of Multipath TCP, on either side of us: octets arrive both
// ways, the ends of both streams too, and we say why it is plain TCP.
func TestLiveNetcat(t *testing.T) {
	l := liveTest(t, "nc.openbsd", "mptcpize")
	ours, kernel := l.Space("ours"), l.Space("kernel")
	l.Link(ours.Dev("eth0"), kernel.Dev("eth0", "10.1.0.2/24", "fd00:1::2/64"))
	l.Link(ours.Dev("eth1"), kernel.Dev("eth1", "10.2.0.2/24"))
	up, down := random(300_000, 1), random(200_000, 2)
	for _, c := range []struct {
		name             string
		at               *lab.Space
		path, us, kernel string
	}{
		{"tun 4", kernel, tun, "10.9.0.2", "10.9.0.1"},
		{"tun 6", kernel, tun, "fd00:9::2", "fd00:9::1"},
		{"raw 4", ours, "raw:eth0,10.1.0.1/24", "10.1.0.1", "10.1.0.2"},
		{"raw 6", ours, "raw:eth0,fd00:1::1/64", "fd00:1::1", "fd00:1::2"},
	} {
		family := "-" + c.name[len(c.name)-1:]
		t.Run(c.name+" nc connects", func(t *testing.T) {
			p := start(t, c.at, bytes.NewReader(down), "listen", "7", "--path", c.path, "--json")
			p.says(`"listening"`)
			nc, err := kernel.Start(bytes.NewReader(up), "nc.openbsd", "-N", c.us, "7")
			require.NoError(t, err)
			p.ends(exitClean)
			require.NoError(t, nc.Wait(patience))
			assert.Equal(t, sum(up), sum([]byte(p.out.String())))
			assert.Equal(t, sum(down), sum([]byte(nc.Output())))
			k := p.records("summary")[0]
			assert.False(t, k.MPTCP)
			assert.Empty(t, k.Cause, "there was nothing to fall back from")
		})
		t.Run(c.name+" nc listens", func(t *testing.T) {
			nc, err := kernel.Start(bytes.NewReader(down), "nc.openbsd", family, "-N", "-l", "7")
			require.NoError(t, err)
			listens(t, kernel, "-tl")
			// A listening nc that has heard of our end stops as soon as it has nothing to send
			// at that moment, so our stream has to end last.
			stdin, typed := io.Pipe()
			p := start(t, c.at, stdin, "connect", net.JoinHostPort(c.kernel, "7"), "--path", c.path, "--json")
			_, err = typed.Write(up)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return len(p.out.String()) == len(down) }, patience, 2*time.Millisecond)
			require.NoError(t, typed.Close())
			p.ends(exitClean)
			require.NoError(t, nc.Wait(patience))
			assert.Equal(t, sum(down), sum([]byte(p.out.String())))
			assert.Equal(t, sum(up), sum([]byte(nc.Output())))
			k := p.records("summary")[0]
			assert.False(t, k.MPTCP)
			assert.Equal(t, "MPCapableFallbackSYNACK", k.Cause)
		})
	}
	n := counters(t, kernel)
	assert.Zero(t, n["MPTcpExtMPCapableSYNTX"]+n["MPTcpExtMPCapableSYNRX"])

	t.Run("what people read", func(t *testing.T) {
		p := start(t, kernel, nil, "listen", "7", "--path", tun)
		p.says("listening")
		nc, err := kernel.Start(bytes.NewReader(up), "nc.openbsd", "-N", "10.9.0.2", "7")
		require.NoError(t, err)
		p.ends(exitClean)
		require.NoError(t, nc.Wait(patience))
		p.says("plain TCP: the SYN came without MP_CAPABLE: the peer did not ask for Multipath TCP")
	})
	// Made to speak Multipath TCP it closes its listener behind the first connection, so a
	// join that comes later is refused with a RST; what there is goes on.
	t.Run("mptcpize", func(t *testing.T) {
		nc, err := kernel.Start(nil, "mptcpize", "run", "nc.openbsd", "-N", "-l", "8")
		require.NoError(t, err)
		listens(t, kernel, "-Ml")
		p := start(t, ours, bytes.NewReader(up), "connect", "10.1.0.2:8", "--path", "raw:eth0,10.1.0.1/24",
			"--path", "raw:eth1,10.2.0.1/24,via=10.2.0.2", "--json")
		p.ends(exitClean)
		require.NoError(t, nc.Wait(patience))
		assert.Equal(t, sum(up), sum([]byte(nc.Output())))
		k := p.records("summary")[0]
		assert.True(t, k.MPTCP, k.Cause)
	})
}
