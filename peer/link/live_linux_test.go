package link

import (
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

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
