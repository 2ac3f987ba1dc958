package bump

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/peer/lab"
)

// between is a lab of two hosts with a bump on the cable between them.
func between(t *testing.T, specs ...string) (client, server *lab.Space, edits *atomic.Int64) {
	l := lab.Test(t)
	client, box, server := l.Space("client"), l.Space("box"), l.Space("server")
	l.Link(client.Dev("c0", "10.1.0.1/24", "fd00:1::1/64"), box.Dev("left"))
	l.Link(box.Dev("right"), server.Dev("s0", "10.1.0.2/24", "fd00:1::2/64"))
	var left, right End
	require.NoError(t, box.Do(func() (err error) { left, right, err = Taps("left", "right"); return err }))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	edits = &atomic.Int64{}
	go func() {
		ended <- Run(ctx, left, right, Config{Elements: parse(t, specs...), Log: func(netsim.Entry) { edits.Add(1) }})
	}()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	return client, server, edits
}

// transfer sends n octets each way between the kernels and returns what each has
// counted since before.
func transfer(t *testing.T, client, server *lab.Space, addr string, n int) (c, s map[string]uint64) {
	var ln net.Listener
	require.NoError(t, server.Do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(true)
		ln, err = lc.Listen(t.Context(), "tcp", addr)
		return err
	}))
	defer ln.Close()
	sum := func(c net.Conn, seed uint64) ([32]byte, error) {
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		defer c.Close()
		sent := make(chan error, 1)
		go func() {
			_, err := io.CopyN(c, rand.NewChaCha8([32]byte{byte(seed)}), int64(n))
			if err == nil {
				err = c.(*net.TCPConn).CloseWrite()
			}
			sent <- err
		}()
		h := sha256.New()
		if _, err := io.Copy(h, c); err != nil {
			return [32]byte{}, err
		}
		return [32]byte(h.Sum(nil)), <-sent
	}
	want := func(seed uint64) (w [32]byte) {
		h := sha256.New()
		_, _ = io.CopyN(h, rand.NewChaCha8([32]byte{byte(seed)}), int64(n))
		return [32]byte(h.Sum(nil))
	}
	type result struct {
		sum [32]byte
		err error
	}
	served := make(chan result, 1)
	go func() {
		var r result
		conn, err := ln.Accept()
		if r.err = err; err == nil {
			r.sum, r.err = sum(conn, 2)
		}
		served <- r
	}()
	var conn net.Conn
	require.NoError(t, client.Do(func() (err error) {
		var d net.Dialer
		d.SetMultipathTCP(true)
		conn, err = d.DialContext(t.Context(), "tcp", addr)
		return err
	}))
	got, err := sum(conn, 1)
	require.NoError(t, err)
	assert.Equal(t, want(2), got)
	r := <-served
	require.NoError(t, r.err)
	assert.Equal(t, want(1), r.sum)
	c, err = client.Counters()
	require.NoError(t, err)
	s, err = server.Counters()
	require.NoError(t, err)
	return c, s
}

// Two kernels, with all offloads of a veth pair on, see nothing of a bump that does
// nothing, and of one that cuts segments.
func TestKernelsThroughABump(t *testing.T) {
	for _, specs := range [][]string{nil, {"split 500"}, {"seq"}} {
		for _, addr := range []string{"10.1.0.2:80", "[fd00:1::2]:80"} {
			t.Run(fmt.Sprint(specs, " ", addr), func(t *testing.T) {
				client, server, _ := between(t, specs...)
				c, s := transfer(t, client, server, addr, 2_000_000)
				assert.EqualValues(t, 1, c["MPTcpExtMPCapableSYNACKRX"])
				assert.EqualValues(t, 1, s["MPTcpExtMPCapableACKRX"])
				assert.Zero(t, c["MPTcpExtMPCapableFallbackSYNACK"]+s["MPTcpExtMPCapableFallbackACK"]+s["MPTcpExtDSSFallback"])
				assert.Zero(t, s["TcpInCsumErrors"]+c["TcpInCsumErrors"])
				datagram(t, client, server, addr)
			})
		}
	}
}

// datagram sends one, whose checksum the kernel leaves to the card, to and fro.
func datagram(t *testing.T, client, server *lab.Space, addr string) {
	var to net.PacketConn
	require.NoError(t, server.Do(func() (err error) { to, err = net.ListenPacket("udp", addr); return err }))
	defer to.Close()
	var from net.Conn
	require.NoError(t, client.Do(func() (err error) { from, err = net.Dial("udp", addr); return err }))
	defer from.Close()
	_ = from.SetDeadline(time.Now().Add(10 * time.Second))
	_ = to.SetDeadline(time.Now().Add(10 * time.Second))
	_, err := from.Write([]byte("question"))
	require.NoError(t, err)
	var b [100]byte
	n, peer, err := to.ReadFrom(b[:])
	require.NoError(t, err)
	assert.Equal(t, "question", string(b[:n]))
	_, err = to.WriteTo([]byte("answer"), peer)
	require.NoError(t, err)
	n, err = from.Read(b[:])
	require.NoError(t, err)
	assert.Equal(t, "answer", string(b[:n]))
}

// A box that strips the option makes kernels fall back, and every edit is told.
func TestKernelsThroughAStripper(t *testing.T) {
	client, server, edits := between(t, "strip mptcp on=synack")
	c, s := transfer(t, client, server, "10.1.0.2:80", 100_000)
	assert.EqualValues(t, 1, c["MPTcpExtMPCapableFallbackSYNACK"])
	assert.EqualValues(t, 1, s["MPTcpExtMPCapableFallbackACK"])
	assert.EqualValues(t, 1, edits.Load())
}
