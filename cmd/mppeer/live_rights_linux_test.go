package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nobody runs programs without any right, where /dev/net/tun is open to all, as on most
// systems, or to root only.
type nobody struct {
	t   *testing.T
	me  string // the program, where he may run it
	tun string // access to the device
}

func newNobody(t *testing.T, tun string) *nobody {
	dir, err := os.MkdirTemp("", "mppeer-nobody-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	n := &nobody{t, filepath.Join(dir, "mppeer"), tun}
	in, err := os.Open(os.Args[0])
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(n.me, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	return n
}

// run starts a command line of a shell's.
func (n *nobody) run(command string) (cmd *exec.Cmd, out, errors *safeBuffer) {
	n.t.Helper()
	const script = `mknod -m "$0" "$1/tun" c 10 200 && mount --bind "$1/tun" /dev/net/tun &&
		exec setpriv --reuid=65534 --regid=65534 --clear-groups sh "$1/command"`
	out, errors = &safeBuffer{}, &safeBuffer{}
	dir, err := os.MkdirTemp(filepath.Dir(n.me), "dev")
	require.NoError(n.t, err)
	require.NoError(n.t, os.Chmod(dir, 0o755))
	require.NoError(n.t, os.WriteFile(filepath.Join(dir, "command"), []byte("exec "+command+"\n"), 0o644))
	cmd = exec.Command("unshare", "-m", "sh", "-c", script, n.tun, dir)
	cmd.Env = append(os.Environ(), "MPPEER_RUN=1")
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = out, errors
	require.NoError(n.t, cmd.Start())
	n.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, out, errors
}

// Without rights there is one sentence that says what helps, and what it says about
// namespaces works as it stands.
func TestLivePrivileges(t *testing.T) {
	lab.Require(t, "unshare", "setpriv", "mknod", "mount")
	if testing.Short() {
		t.Skip("live tests are not short")
	}
	n := newNobody(t, "666")
	for args, says := range map[string]string{
		"listen :80 --path raw:lo":                                   "Ctrl-C takes the lab down",
		"connect 192.0.2.1:80 --path raw:lo":                         "Ctrl-C takes the lab down",
		"listen :80 --echo --path " + tun:                            "listening on 10.9.0.2:80",
		"connect 10.9.0.1:80 --path 'tun:tun0,10.9.0.2/24,mtu=1400'": "10.9.0.1:80: mptcp: connection refused",
		"middlebox --left raw:lo --right raw:lo --do 'split 500'":    "Ctrl-C takes the lab down",
		"lab --do 'strip mptcp after=3whs'":                          "between left and right: strip mptcp after=3whs",
	} {
		t.Run(args, func(t *testing.T) {
			cmd, _, errors := n.run(n.me + " " + args)
			require.Error(t, cmd.Wait())
			text := errors.String()
			require.Equal(t, exitMissing, cmd.ProcessState.ExitCode(), text)
			require.Equal(t, 1, strings.Count(text, "\n"), text)
			require.Contains(t, text, "`sudo "+n.me)
			_, help, ok := strings.Cut(text, "`unshare ")
			require.True(t, ok, text)
			help, _, ok = strings.Cut(help, "`")
			require.True(t, ok, text)

			again, out, errors := n.run("unshare " + help)
			require.Eventually(t, func() bool { return strings.Contains(out.String()+errors.String(), says) }, patience, 5*time.Millisecond,
				"unshare %s\n%s\n%s", help, out, errors)
			_ = again.Process.Signal(os.Interrupt)
			_ = again.Wait()
		})
	}
	// What the lab tells to type works for him, too.
	t.Run("in the lab", func(t *testing.T) {
		cmd, out, errors := n.run(ownNamespaces([]string{n.me, "lab"}))
		require.Eventually(t, func() bool { return strings.Contains(out.String(), "Ctrl-C takes the lab down") }, patience, 5*time.Millisecond, "%s", errors)
		var enter string
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSpace(line); strings.HasSuffix(line, "-server bash") {
				enter = strings.TrimSuffix(line, "bash")
			}
		}
		require.NotEmpty(t, enter, out)
		peek, text, complaints := n.run(enter + "ip -o -4 address show")
		require.NoError(t, peek.Wait(), "%s", complaints)
		assert.Contains(t, text.String(), "10.99.1.2/24")
		_ = cmd.Process.Signal(os.Interrupt)
		require.NoError(t, cmd.Wait())
	})
	// Where the device is root's, a namespace does not help, and nobody says so.
	t.Run("a device for root only", func(t *testing.T) {
		n := newNobody(t, "600")
		cmd, _, errors := n.run(n.me + " listen :80 --path " + tun)
		require.Error(t, cmd.Wait())
		assert.Equal(t, exitMissing, cmd.ProcessState.ExitCode())
		assert.Contains(t, errors.String(), "`chmod 666 /dev/net/tun`")
		assert.NotContains(t, errors.String(), "unshare")
	})
}
