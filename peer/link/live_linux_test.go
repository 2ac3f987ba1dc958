package link

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stretchr/testify/require"
)

// inNamespace runs the rest of the test on a thread in a new network namespace, which is
// gone when the test is. What is opened there stays there; commands run there too.
// Without the rights the test is skipped, or fails where MPTCP_LIVE=1 asks for it.
func inNamespace(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err == nil {
		_, err = os.Stat("/dev/net/tun")
	}
	if err != nil {
		if os.Getenv("MPTCP_LIVE") == "1" {
			t.Fatalf("MPTCP_LIVE=1, but no network namespace with TUN devices: %v", err)
		}
		t.Skipf("needs a network namespace and /dev/net/tun: %v", err)
	}
	run(t, "ip link set lo up")
}

// run runs a command in the namespace of this thread and returns what it printed.
func run(t *testing.T, command string) string {
	t.Helper()
	words := strings.Fields(command)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
	return string(out)
}

func mustOpen(t *testing.T, spec string) Link {
	t.Helper()
	l, err := Open(spec)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

func prefixes(text ...string) (p []netip.Prefix) {
	for _, s := range text {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

// space is another network namespace, with a thread in it.
type space struct {
	jobs chan func()
	path string // names it, for commands
}

// newSpace makes a network namespace beside that of the test.
func newSpace(t *testing.T) *space {
	t.Helper()
	s := &space{jobs: make(chan func())}
	var ns *os.File
	ready := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			ns, err = os.Open("/proc/thread-self/ns/net")
		}
		ready <- err
		for f := range s.jobs {
			f()
		}
	}()
	require.NoError(t, <-ready)
	s.path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.Fd())
	s.do(func() { run(t, "ip link set lo up") })
	t.Cleanup(func() { close(s.jobs); ns.Close() })
	return s
}

// do runs f in the namespace.
func (s *space) do(f func()) {
	done := make(chan struct{})
	s.jobs <- func() { defer close(done); f() }
	<-done
}

func (s *space) run(t *testing.T, command string) (out string) {
	s.do(func() { out = run(t, command) })
	return out
}

// twoSpaces puts the test in a namespace that is joined to another one by a veth pair:
// ours is "left", with 10.7.0.1/24 and 2001:db8:7::1/64, theirs "right", with .2 and ::2.
func twoSpaces(t *testing.T) *space {
	t.Helper()
	inNamespace(t)
	s := newSpace(t)
	run(t, "ip link add left type veth peer name right netns "+s.path)
	// Link-local addresses would be checked for duplicates for two seconds first.
	run(t, "ip link set left addrgenmode none")
	s.run(t, "ip link set right addrgenmode none")
	run(t, "ip addr add 10.7.0.1/24 dev left")
	run(t, "ip addr add 2001:db8:7::1/64 dev left nodad")
	s.run(t, "ip addr add 10.7.0.2/24 dev right")
	s.run(t, "ip addr add 2001:db8:7::2/64 dev right nodad")
	run(t, "ip link set left up")
	s.run(t, "ip link set right up")
	for strings.Contains(run(t, "ip addr show left")+s.run(t, "ip addr show right"), "tentative") {
		time.Sleep(time.Millisecond) // the kernel sets up IPv6 addresses behind our back
	}
	return s
}

// echo starts an echo server there.
func (s *space) echo(t *testing.T, at netip.AddrPort) {
	t.Helper()
	s.do(func() {
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { io.Copy(c, c); c.Close() }()
			}
		}()
	})
}
