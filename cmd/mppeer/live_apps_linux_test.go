package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/peer"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const tun = "tun:tun0,10.9.0.2/24,fd00:9::2/64"

// Programs of the system, unmodified, over the kernel's Multipath TCP to our servers.
func TestLiveApplications(t *testing.T) {
	l := liveTest(t, "mptcpize", "curl", "ab", "socat")
	s := l.Space("kernel")
	dir := t.TempDir()
	page := random(1_000_000, 3)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "page"), page, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "small"), []byte("small\n"), 0o644))

	t.Run("curl", func(t *testing.T) {
		p := start(t, s, nil, "listen", ":80", "--http", dir, "--path", tun, "--json")
		p.says(`"listening"`)
		for _, host := range []string{"10.9.0.2", "[fd00:9::2]"} {
			out, err := s.Run("mptcpize", "run", "curl", "-sS", "-g", "http://"+host+"/page")
			require.NoError(t, err, clip(out))
			require.Equal(t, sum(page), sum([]byte(out)))
		}
		for _, host := range []string{"10.9.0.2", "[fd00:9::2]"} { // plain TCP
			out, err := s.Run("curl", "-sS", "-g", "http://"+host+"/small")
			require.NoError(t, err)
			require.Equal(t, "small\n", out)
		}
		p.interrupt()
		p.ends(exitClean)
		list := p.records("summary")
		require.Len(t, list, 4)
		assert.True(t, list[0].MPTCP && list[1].MPTCP && !list[2].MPTCP && !list[3].MPTCP, "%+v", list)
		assert.Greater(t, list[0].Sent, uint64(len(page)))
	})
	t.Run("ab", func(t *testing.T) {
		// One address: an ADD_ADDR right behind the handshake makes Linux 6.18 lose the
		// wake-up of a program that waits for its connect, between two kernels too.
		p := start(t, s, nil, "listen", ":80", "--http", dir, "--path", "tun:tun0,10.9.0.2/24", "--json")
		p.says(`"listening"`)
		out, err := s.Run("mptcpize", "run", "ab", "-q", "-n", "300", "-c", "20", "http://10.9.0.2/small")
		require.NoError(t, err, clip(out))
		assert.Regexp(t, `Complete requests: +300\n`, out)
		assert.Regexp(t, `Failed requests: +0\n`, out)
		p.interrupt()
		p.ends(exitClean)
		list := p.records("summary")
		assert.GreaterOrEqual(t, len(list), 300)
		for _, k := range list {
			assert.True(t, k.MPTCP, k.Cause)
		}
	})
	t.Run("socat echo", func(t *testing.T) {
		p := start(t, s, nil, "listen", ":7", "--echo", "--path", tun, "--json")
		p.says(`"listening"`)
		c, err := s.Start(bytes.NewReader(page), "mptcpize", "run", "socat", "-t", "10", "-", "TCP:10.9.0.2:7")
		require.NoError(t, err)
		require.NoError(t, c.Wait(patience))
		require.Equal(t, sum(page), sum([]byte(c.Output())))
		p.interrupt()
		p.ends(exitClean)
		require.True(t, p.records("summary")[0].MPTCP)
	})
	t.Run("socat discard", func(t *testing.T) {
		p := start(t, s, nil, "listen", ":9", "--discard", "--once", "--path", tun, "--json")
		p.says(`"listening"`)
		c, err := s.Start(bytes.NewReader(page), "mptcpize", "run", "socat", "-u", "-", "TCP:10.9.0.2:9")
		require.NoError(t, err)
		require.NoError(t, c.Wait(patience))
		p.ends(exitClean)
		k := p.records("summary")[0]
		require.True(t, k.MPTCP)
		require.EqualValues(t, len(page), k.Received)
	})
}

// A program that knows nothing of Multipath TCP speaks it through mppeer forward, to a
// server of the kernel's; and a server that knows nothing of it is reached the other way.
func TestLiveForward(t *testing.T) {
	l := liveTest(t, "socat")
	s := l.Space("kernel")
	page := random(500_000, 4)
	t.Run("out", func(t *testing.T) {
		p := start(t, s, nil, "forward", "127.0.0.1:7000", "10.9.0.1:5000", "--path", tun, "--json")
		p.says(`"listening"`)
		kernelEcho(t, s, "10.9.0.1:5000")
		c, err := s.Start(bytes.NewReader(page), "socat", "-t", "10", "-", "TCP:127.0.0.1:7000")
		require.NoError(t, err)
		require.NoError(t, c.Wait(patience))
		require.Equal(t, sum(page), sum([]byte(c.Output())))
		n := counters(t, s)
		assert.EqualValues(t, 1, n["MPTcpExtMPCapableSYNRX"])
		assert.EqualValues(t, 1, n["MPTcpExtMPCapableACKRX"])
		p.interrupt()
		p.ends(exitClean)
		require.True(t, p.records("summary")[0].MPTCP)
	})
	t.Run("in", func(t *testing.T) {
		server, err := s.Start(nil, "socat", "TCP-LISTEN:7001,bind=127.0.0.1,reuseaddr,fork", "EXEC:cat")
		require.NoError(t, err)
		defer server.Stop()
		p := start(t, s, nil, "forward", "--reverse", ":80", "127.0.0.1:7001", "--path", tun, "--json")
		p.says(`"listening"`)
		require.Equal(t, sum(page), sum(exchange(t, kernelDial(t, s, "10.9.0.2:80"), page)))
		p.interrupt()
		p.ends(exitClean)
		require.True(t, p.records("summary")[0].MPTCP)
	})
	t.Run("refused", func(t *testing.T) {
		p := start(t, s, nil, "forward", "127.0.0.1:7000", "10.9.0.1:5999", "--path", tun)
		p.says("listening")
		err := s.Do(func() error {
			c, err := net.Dial("tcp", "127.0.0.1:7000")
			if err != nil {
				return err // the reset may come first
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			_, err = c.Read(make([]byte, 1))
			return err
		})
		require.ErrorContains(t, err, "reset", "a refusal is passed on")
		p.says("connection refused")
		p.interrupt()
		p.ends(exitClean)
	})
}

// capturing is a stack whose capture is verified when the test ends.
func capturing(t *testing.T) *peer.Stack {
	t.Helper()
	name := fresh(evidence(t), "stack", ".pcap")
	f, err := os.Create(name)
	require.NoError(t, err)
	buf := bufio.NewWriter(f)
	w, err := pcap.NewWriter(buf, pcap.WriterOptions{Format: pcap.PCAPNG, Application: "mppeer test"})
	require.NoError(t, err)
	stack, err := peer.New(peer.Config{Capture: w})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, stack.Close())
		require.NoError(t, errors.Join(buf.Flush(), f.Close()))
		verify(t, name)
		if t.Failed() {
			assert.NoError(t, transcribe(name, strings.TrimSuffix(name, ".pcap")+".transcript.txt"))
		}
	})
	return stack
}

// A net/http client over our stack fetches from a Go server on the kernel's Multipath
// TCP.
func TestLiveHTTPClient(t *testing.T) {
	s := liveTest(t).Space("kernel")
	var tunnel link.Link
	require.NoError(t, s.Do(func() (err error) { tunnel, err = link.Open(tun); return err }))
	stack := capturing(t)
	require.NoError(t, stack.AddLink(tunnel))

	page := random(2_000_000, 5)
	var ln net.Listener
	require.NoError(t, s.Do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(true)
		ln, err = lc.Listen(t.Context(), "tcp", "10.9.0.1:80")
		return err
	}))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/page" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%d\n", len(got))
		_, _ = w.Write(page)
	})}
	go server.Serve(ln)
	defer server.Close()

	client := &http.Client{Transport: &http.Transport{DialContext: stack.DialContext}, Timeout: patience}
	for range 3 { // the connection is kept
		r, err := client.Post("http://10.9.0.1/page", "application/octet-stream", bytes.NewReader(page[:100_000]))
		require.NoError(t, err)
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		r.Body.Close()
		require.Equal(t, sum(append([]byte("100000\n"), page...)), sum(body))
	}
	n := counters(t, s)
	assert.EqualValues(t, 1, n["MPTcpExtMPCapableSYNRX"])
	assert.EqualValues(t, 1, n["MPTcpExtMPCapableACKRX"])
	client.CloseIdleConnections()
}

// A NAT of the system's own between us and the kernel: nftables masquerade.
func TestLiveMasquerade(t *testing.T) {
	l := liveTest(t, "nft")
	ours, router, kernel := l.Space("ours"), l.Space("router"), l.Space("kernel")
	l.Link(ours.Dev("eth0"), router.Dev("in", "10.1.0.254/24", "fd00:1::fe/64"))
	l.Link(router.Dev("out", "10.2.0.254/24", "fd00:2::fe/64"), kernel.Dev("eth0", "10.2.0.2/24", "fd00:2::2/64"))
	router.Forward()
	_, err := router.Run("nft", "add table inet nat; add chain inet nat post { type nat hook postrouting priority 100; }; "+
		"add rule inet nat post oifname { in, out } masquerade")
	require.NoError(t, err)
	page := random(400_000, 6)
	kernel.Route("default via 10.2.0.254")
	kernel.Route("default via fd00:2::fe")
	for _, c := range []struct{ to, path, seen, us, back string }{
		{"10.2.0.2:5000", "raw:eth0,10.1.0.1/24,via=10.1.0.254", "10.2.0.254", "10.1.0.1:6000", "10.1.0.254:"},
		{"[fd00:2::2]:5000", "raw:eth0,fd00:1::1/64,via=fd00:1::fe", "fd00:2::fe", "[fd00:1::1]:6000", "[fd00:1::fe]:"},
	} {
		t.Run("the kernel is behind "+strings.Trim(c.back, "[]:"), func(t *testing.T) {
			p := start(t, ours, nil, "listen", ":6000", "--echo", "--once", "--path", c.path, "--json")
			p.says(`"listening"`)
			require.Equal(t, sum(page), sum(exchange(t, kernelDial(t, kernel, c.us), page)))
			p.ends(exitClean)
			assert.Contains(t, p.errors.String(), `"remote":"`+c.back)
			k := p.records("summary")[0]
			require.True(t, k.MPTCP, k.Cause)
		})
		t.Run(c.seen, func(t *testing.T) {
			kernelEcho(t, kernel, c.to)
			p := start(t, ours, bytes.NewReader(page), "connect", c.to, "--path", c.path, "--json")
			seen := false
			for end := time.Now().Add(patience); !seen && time.Now().Before(end); {
				list, err := kernel.Sockets("-Mt")
				require.NoError(t, err)
				for _, k := range list {
					seen = seen || k.Peer.Addr().String() == c.seen
				}
				select {
				case <-p.Done():
					end = time.Time{}
				default:
				}
			}
			p.ends(exitClean)
			require.Equal(t, sum(page), sum([]byte(p.out.String())))
			k := p.records("summary")[0]
			require.True(t, k.MPTCP, k.Cause)
			n := counters(t, kernel)
			assert.Zero(t, n["MPTcpExtMPCapableFallbackACK"])
		})
	}
}

// What the first, the second Ctrl-C and missing rights do.
func TestLiveInterrupts(t *testing.T) {
	s := liveTest(t).Space("kernel")
	first := start(t, s, nil, "listen", ":80", "--path", tun, "--once", "--discard", "--json")
	first.says(`"listening"`)
	c := kernelDial(t, s, "10.9.0.2:80")
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	first.says(`"opened"`)
	first.interrupt()
	n, err := c.Read(make([]byte, 10))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF, "the first closes in order")
	require.NoError(t, c.Close())
	first.ends(exitClean)

	second := start(t, s, nil, "listen", ":80", "--path", tun, "--once", "--discard", "--json")
	second.says(`"listening"`)
	c = kernelDial(t, s, "10.9.0.2:80")
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	second.says(`"opened"`)
	second.interrupt()
	_, err = c.Read(make([]byte, 10))
	require.ErrorIs(t, err, io.EOF)
	second.interrupt()
	second.ends(exitFailed)
	require.Eventually(t, func() bool { return counters(t, s)["MPTcpExtMPFastcloseRx"] == 1 }, patience, 5*time.Millisecond, "the second sends MP_FASTCLOSE")
}

// mppeer lab builds, says what to type, and takes all of it down.
func TestLiveLab(t *testing.T) {
	s := liveTest(t).Space("outside")
	p := start(t, s, nil, "lab", "--do", "split 500")
	p.says("middlebox between left and right: split 500")
	require.Eventually(t, func() bool { return strings.Contains(p.out.String(), "Ctrl-C takes") }, patience, 2*time.Millisecond)
	guide := p.out.String()
	assert.Contains(t, guide, "mptcpize run socat")
	var client, server string
	for word := range strings.FieldsSeq(guide) {
		if strings.HasPrefix(word, "mplab-") {
			if strings.HasSuffix(word, "-client") {
				client = word
			} else if strings.HasSuffix(word, "-server") {
				server = word
			}
		}
	}
	require.NotEmpty(t, client)
	require.FileExists(t, "/run/netns/"+client)
	// The guide's first example, by the kernels in there.
	echo := exec.Command("ip", "netns", "exec", server, "mptcpize", "run", "socat", "TCP-LISTEN:5000,reuseaddr", "EXEC:cat")
	require.NoError(t, echo.Start())
	defer echo.Wait()
	var out []byte
	require.Eventually(t, func() bool {
		cmd := exec.Command("ip", "netns", "exec", client, "mptcpize", "run", "socat", "-t", "5", "-", "TCP:10.99.1.2:5000")
		cmd.Stdin = bytes.NewReader(random(20_000, 7))
		var err error
		out, err = cmd.Output()
		return err == nil
	}, patience, 20*time.Millisecond)
	require.Equal(t, sum(random(20_000, 7)), sum(out))
	p.interrupt()
	p.ends(exitClean)
	assert.NoFileExists(t, "/run/netns/"+client)
	assert.Contains(t, p.out.String(), "split 500: cut into")
	assert.Contains(t, p.errors.String(), "the lab is taken down")
}
