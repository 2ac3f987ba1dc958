//go:build linux

package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// two is a lab of two spaces with two links.
func two(t *testing.T) (l *Lab, client, server *Space) {
	l = Test(t)
	client, server = l.Space("client"), l.Space("server")
	l.Link(client.Dev("c0", "10.1.0.1/24", "fd00:1::1/64"), server.Dev("s0", "10.1.0.2/24", "fd00:1::2/64"))
	l.Link(client.Dev("c1", "10.2.0.1/24"), server.Dev("s1", "10.2.0.2/24"))
	return l, client, server
}

func TestKernelSpeaksMPTCPInTheLab(t *testing.T) {
	_, client, server := two(t)
	server.Limits(2, 2)
	client.Limits(2, 2)
	client.Endpoint("10.2.0.1 dev c1 subflow")

	var ln net.Listener
	require.NoError(t, server.Do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(true)
		ln, err = lc.Listen(t.Context(), "tcp", "[::]:8080")
		return err
	}))
	defer ln.Close()
	served := make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err == nil {
			defer c.Close()
			_, err = io.Copy(c, c)
		}
		served <- err
	}()

	const addr = "10.1.0.2:8080"
	var c net.Conn
	require.NoError(t, client.Do(func() (err error) {
		var d net.Dialer
		d.SetMultipathTCP(true)
		c, err = d.DialContext(t.Context(), "tcp", addr)
		return err
	}))
	_, err := c.Write([]byte("hello\n"))
	require.NoError(t, err)
	line, err := bufio.NewReader(c).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "hello\n", line)

	// The kernel joins after the first data; it does so soon.
	var k Socket
	require.Eventually(t, func() bool {
		all, err := client.Sockets("-M")
		require.NoError(t, err)
		require.Len(t, all, 1)
		k = all[0]
		return k.Int("subflows") == 1
	}, 5*time.Second, 5*time.Millisecond)
	assert.Equal(t, "ESTAB", k.State)
	assert.Equal(t, netip.MustParseAddrPort(addr), k.Peer)
	assert.Contains(t, k.Info, "remote_key")
	require.NoError(t, c.Close())
	require.NoError(t, <-served)
	n, err := server.Counters()
	require.NoError(t, err)
	assert.EqualValues(t, 1, n["MPTcpExtMPCapableSYNRX"])
	assert.EqualValues(t, 1, n["MPTcpExtMPJoinSynRx"])
	assert.Contains(t, n, "TcpRetransSegs")
	assert.EqualValues(t, 0, n["MPTcpExtMPCapableFallbackACK"])
}

func TestV6IsUsableAtOnce(t *testing.T) {
	_, client, server := two(t)
	var ln net.Listener
	require.NoError(t, server.Do(func() (err error) { ln, err = net.Listen("tcp", "[fd00:1::2]:80"); return err }))
	defer ln.Close()
	require.NoError(t, client.Do(func() error {
		c, err := net.Dial("tcp", "[fd00:1::2]:80")
		if err == nil {
			err = c.Close()
		}
		return err
	}))
}

func TestCommands(t *testing.T) {
	_, client, server := two(t)
	out, err := client.Run("ip", "-o", "addr")
	require.NoError(t, err)
	assert.Contains(t, out, "10.2.0.1/24")
	assert.NotContains(t, out, "10.2.0.2/24")

	_, err = server.Run("sh", "-c", "echo no >&2; exit 3")
	assert.EqualError(t, err, "sh -c echo no >&2; exit 3: no")

	p, err := server.Start(strings.NewReader("in"), "sh", "-c", "cat; echo; echo ready; sleep 60 & wait")
	require.NoError(t, err)
	assert.True(t, p.WaitOutput("ready", 10*time.Second))
	assert.Equal(t, "in\nready\n", p.Output())
	assert.ErrorIs(t, p.Wait(time.Millisecond), ErrTimeout, "and its child, which has the output open, is gone too")
	assert.Error(t, p.Cmd.Process.Signal(syscall.Signal(0)))
}

func TestLinksAndSysctls(t *testing.T) {
	l, client, server := two(t)
	client.Sysctl("net.mptcp.enabled", "0")
	for _, s := range []*Space{client, server} {
		out, err := s.Run("cat", "/proc/sys/net/mptcp/enabled")
		require.NoError(t, err)
		assert.Equal(t, map[*Space]string{client: "0\n", server: "1\n"}[s], out)
	}
	client.Down("c1")
	out, err := server.Run("ip", "-o", "link", "show", "s1")
	require.NoError(t, err)
	assert.Contains(t, out, "NO-CARRIER")
	client.Up("c1")

	silent := l.Space("box")
	l.Link(silent.Dev("left"), client.Dev("c2", "10.3.0.1/24"))
	out, err = silent.Run("ip", "-o", "addr", "show", "left")
	require.NoError(t, err)
	assert.Empty(t, out)
}

func TestDoComesBack(t *testing.T) {
	_, client, _ := two(t)
	reason := errors.New("reason")
	assert.Equal(t, reason, client.Do(func() error { return reason }))
	assert.EqualError(t, client.Do(func() error { runtime.Goexit(); return nil }), "client: the function did not return")
	_, err := net.InterfaceByName("c0")
	assert.Error(t, err, "outside there is no such interface")
}

func TestFirstErrorStays(t *testing.T) {
	Require(t)
	l, err := New()
	require.NoError(t, err)
	defer l.Close()
	s := l.Space("s")
	s.Addr("nothing", "10.0.0.1/24")
	s.Endpoint("nonsense")
	assert.ErrorContains(t, l.Err(), "10.0.0.1/24")
	assert.NotContains(t, l.Err().Error(), "nonsense")
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	assert.NoFileExists(t, s.file())
	_, err = s.Start(nil, "true")
	assert.Error(t, err)
}

// TestLeftovers kills a process with a lab, a command inside, and no chance to tidy.
func TestLeftovers(t *testing.T) {
	Require(t)
	if os.Getenv("LAB_TEST_LEAVE") == "1" {
		l, err := New()
		require.NoError(t, err)
		s := l.Space("left")
		p, err := s.Start(nil, "sleep", "60")
		require.NoError(t, err)
		require.NoError(t, l.Err())
		fmt.Println("left", s.Name(), p.Cmd.Process.Pid)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestLeftovers$")
	cmd.Env = append(os.Environ(), "LAB_TEST_LEAVE=1")
	out, err := cmd.Output()
	require.Error(t, err)
	var name string
	var pid int
	_, err = fmt.Sscanf(string(out), "left %s %d", &name, &pid)
	require.NoError(t, err, "%s", out)
	require.FileExists(t, netnsDir+"/"+name)
	assert.Eventually(t, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) },
		5*time.Second, 5*time.Millisecond, "the command dies with its parent")
	l, err := New()
	require.NoError(t, err)
	defer l.Close()
	assert.NoFileExists(t, netnsDir+"/"+name)
}

// zombie reports whether a process is dead but for its entry: who adopted it may be
// slow to ask for it.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// TestSignal tells a process with a lab to stop.
func TestSignal(t *testing.T) {
	if os.Getenv("LAB_TEST_WAIT") == "1" {
		fmt.Println("made", Test(t).Space("s").Name())
		time.Sleep(time.Minute)
	}
	Require(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestSignal$")
	cmd.Env = append(os.Environ(), "LAB_TEST_WAIT=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var name string
	_, err = fmt.Fscanf(out, "made %s", &name)
	require.NoError(t, err)
	require.FileExists(t, netnsDir+"/"+name)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	err = cmd.Wait()
	assert.EqualError(t, err, "signal: terminated")
	assert.NoFileExists(t, netnsDir+"/"+name)
}

// excuse is a TB that remembers how it ended.
type excuse struct {
	testing.TB
	said string
}

func (e *excuse) Helper() {}
func (e *excuse) Skipf(format string, args ...any) {
	e.said = "skip: " + fmt.Sprintf(format, args...)
}
func (e *excuse) Fatalf(format string, args ...any) {
	e.said = "fail: " + fmt.Sprintf(format, args...)
}

func TestWhatIsMissing(t *testing.T) {
	e := &excuse{TB: t}
	t.Setenv("MPTCP_LIVE", "")
	t.Setenv("PATH", t.TempDir())
	if !privileged() {
		Require(e)
		assert.Contains(t, e.said, "skip: network namespaces need root")
		return
	}
	Require(e, "nosuchtool")
	assert.Equal(t, "skip: the command ip is missing: install the package iproute2", e.said)
	t.Setenv("MPTCP_LIVE", "1")
	Require(e)
	assert.Contains(t, e.said, "fail: MPTCP_LIVE is set, but the command ip is missing")
	var missing *MissingError
	require.ErrorAs(t, Check(), &missing)
	assert.Equal(t, "ip", missing.What)
}

func TestParseCounters(t *testing.T) {
	all := map[string]uint64{}
	require.NoError(t, parseCounters(all, "Tcp: MaxConn InSegs\nTcp: -1 18446744073709551615\nMPTcpExt: A B\nMPTcpExt: 1 2\n"))
	assert.EqualValues(t, 1, all["MPTcpExtA"])
	assert.Equal(t, uint64(1<<64-1), all["TcpInSegs"])
	assert.Error(t, parseCounters(all, "Tcp: A\nUdp: 1\n"))
	assert.Error(t, parseCounters(all, "Tcp: A B\nTcp: 1\n"))
	assert.Error(t, parseCounters(all, "Tcp: A\nTcp: x\n"))
}

func TestParseSockets(t *testing.T) {
	all := parseSockets("ESTAB 0 5 10.0.0.1%eth0:80 [fd00::2]:4000 subflows:2 token:abc fallback\n\nLISTEN 0 1 *:80 *:*\n")
	require.Len(t, all, 2)
	assert.Equal(t, netip.MustParseAddrPort("10.0.0.1:80"), all[0].Local)
	assert.Equal(t, netip.MustParseAddrPort("[fd00::2]:4000"), all[0].Peer)
	assert.Equal(t, 2, all[0].Int("subflows"))
	assert.Contains(t, all[0].Info, "fallback")
	assert.Zero(t, all[1].Peer)
}

// A link that was made just now carries IPv6: the kernel has heard of the carrier, and given
// the interface its link-local address.
func TestLinksAreReady(t *testing.T) {
	for range 5 {
		l := Test(t)
		client, server := l.Space("client"), l.Space("server")
		l.Link(client.Dev("c0"), server.Dev("s0", "fd00:1::2/64"))
		var addrs []byte // to ask ip would have the kernel catch up
		require.NoError(t, server.Do(func() (err error) { addrs, err = os.ReadFile("/proc/thread-self/net/if_inet6"); return err }))
		require.Regexp(t, `(?m)^fe80[0-9a-f]{28} .* s0$`, string(addrs))
		require.NoError(t, l.Close())
	}
}
