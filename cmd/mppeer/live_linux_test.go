package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/stretchr/testify/require"
)

// TestMain is the program itself where a test runs it in a namespace.
func TestMain(m *testing.M) {
	if os.Getenv("MPPEER_RUN") == "1" {
		main()
	}
	os.Exit(m.Run())
}

// liveTest is a test against the kernel.
func liveTest(t *testing.T, tools ...string) *lab.Lab {
	if testing.Short() {
		t.Skip("live tests are not short")
	}
	return lab.Test(t, tools...)
}

// proc is a run of the program.
type proc struct {
	*lab.Proc
	t           *testing.T
	out, errors safeBuffer
	pcap        string   // what it captured; empty for those that capture nothing
	explained   []string // findings in it that are not our fault
	failed      bool     // it was to end with an error, and did
}

// start runs the program inside a space. A peer captures what it sees, and the capture
// has to be in order at the end of the test.
func start(t *testing.T, s *lab.Space, stdin io.Reader, args ...string) *proc {
	t.Helper()
	dir := evidence(t)
	p := &proc{t: t}
	switch args[0] {
	case "connect", "listen", "forward":
		p.pcap = fresh(dir, args[0], ".pcap")
		args = append(args, "--pcap", p.pcap)
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "MPPEER_RUN=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &p.out, &p.errors
	cmd.WaitDelay = time.Second
	before := allCounters(s.Lab())
	var err error
	p.Proc, err = s.StartCmd(cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Stop()
		if p.pcap != "" && !t.Failed() && !p.blind() {
			verify(t, p.pcap, p.explained...)
		}
		if t.Failed() {
			t.Logf("mppeer %s\nstderr: %s", strings.Join(args, " "), clip(p.errors.String()))
			p.keep(dir, args, before, allCounters(s.Lab()))
		}
	})
	return p
}

// blind says that the program failed before it could see any packet.
func (p *proc) blind() bool {
	info, err := os.Stat(p.pcap)
	return p.failed && err == nil && info.Size() == 0
}

// keep leaves what a failure is understood by beside the capture: what the program said,
// the capture as text, and how the counters of the kernels moved.
func (p *proc) keep(dir string, args []string, before, after map[string]uint64) {
	_ = os.WriteFile(fresh(dir, args[0], ".txt"), []byte(strings.Join(args, " ")+"\n"+p.out.String()+p.errors.String()), 0o600)
	if p.pcap != "" {
		if err := transcribe(p.pcap, strings.TrimSuffix(p.pcap, ".pcap")+".transcript.txt"); err != nil {
			p.t.Log("no transcript, or not all of it:", err)
		}
	}
	var moved strings.Builder
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if n := after[name] - before[name]; n != 0 {
			fmt.Fprintf(&moved, "%s %d\n", name, n)
		}
	}
	_ = os.WriteFile(fresh(dir, args[0], ".counters.txt"), []byte(moved.String()), 0o600)
}

// allCounters are those of the kernel in every space of a lab, each behind the name of
// its space.
func allCounters(l *lab.Lab) map[string]uint64 {
	all := map[string]uint64{}
	for _, s := range l.Spaces() {
		n, _ := s.Counters()
		for name, v := range n {
			all[s.String()+" "+name] = v
		}
	}
	return all
}

// fresh is a name in a directory that nothing has yet.
func fresh(dir, name, suffix string) string {
	for i := 1; ; i++ {
		file := filepath.Join(dir, fmt.Sprintf("%s%d%s", name, i, suffix))
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			f.Close()
		}
		if !errors.Is(err, os.ErrExist) {
			return file
		}
	}
}

// evidence is a directory for what a failing test leaves: captures and transcripts. It
// goes with a test that passes.
func evidence(t *testing.T) string {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("mppeer-live-%d-", os.Getpid())+strings.Map(func(r rune) rune {
		if strings.ContainsRune("/ '\"*", r) {
			return '_'
		}
		return r
	}, t.Name()))
	if os.Mkdir(dir, 0o700) == nil {
		t.Cleanup(func() {
			if t.Failed() {
				t.Log("what is left of it is in", dir)
			} else {
				os.RemoveAll(dir)
			}
		})
	}
	return dir
}

func clip(s string) string {
	if len(s) > 4000 {
		return s[:2000] + "\n...\n" + s[len(s)-2000:]
	}
	return s
}

// says waits until the program has said text on stderr.
func (p *proc) says(text string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return strings.Contains(p.errors.String(), text) }, patience, 2*time.Millisecond, "%q", text)
}

// ends waits for the end and checks the exit code.
func (p *proc) ends(code int) {
	p.t.Helper()
	err := p.Wait(patience)
	p.failed = code != exitClean
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		require.Equal(p.t, code, exit.ExitCode(), p.errors.String())
	default:
		require.NoError(p.t, err)
		require.Equal(p.t, code, 0, p.errors.String())
	}
}

// interrupt is Ctrl-C.
func (p *proc) interrupt() { p.Signal(syscall.SIGINT) }

// summary is what --json tells of a connection at its end.
type summary struct {
	Type      string
	MPTCP     bool `json:"mptcp"`
	Cause     string
	Error     string
	Sent      uint64
	Received  uint64
	Version   int
	Checksum  bool
	Subflows  json.RawMessage
	What      []string
	SubflowsN int `json:"subflows_total"`
}

// records are the lines of --json of one type.
func (p *proc) records(kind string) (list []summary) {
	for line := range strings.Lines(p.errors.String()) {
		var s summary
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &s) == nil && s.Type == kind {
			list = append(list, s)
		}
	}
	return list
}

// flows is how many octets each subflow of a summary carried, both ways.
func (s *summary) flows() (octets []uint64) {
	var list []struct{ Sent, Received uint64 }
	_ = json.Unmarshal(s.Subflows, &list)
	for _, f := range list {
		octets = append(octets, f.Sent+f.Received)
	}
	return octets
}

// kernelEcho is an echo server of the kernel's Multipath TCP.
func kernelEcho(t *testing.T, s *lab.Space, addr string) {
	t.Helper()
	var l net.Listener
	require.NoError(t, s.Do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(true)
		l, err = lc.Listen(t.Context(), "tcp", addr)
		return err
	}))
	var running sync.WaitGroup
	t.Cleanup(func() { l.Close(); running.Wait() })
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(2 * patience))
				_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
			})
		}
	})
}

// kernelDial is a connection of the kernel's Multipath TCP.
func kernelDial(t *testing.T, s *lab.Space, addr string) *net.TCPConn {
	t.Helper()
	var c net.Conn
	require.NoError(t, s.Do(func() (err error) {
		var d net.Dialer
		d.SetMultipathTCP(true)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err = d.DialContext(ctx, "tcp", addr)
		return err
	}))
	_ = c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// exchange writes a stream to an echo server and returns what comes back.
func exchange(t *testing.T, c *net.TCPConn, out []byte) []byte {
	t.Helper()
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write(out)
		wrote <- errors.Join(err, c.CloseWrite())
	}()
	in, err := io.ReadAll(c)
	require.NoError(t, err)
	require.NoError(t, <-wrote)
	return in
}

// counters are those of the kernel.
func counters(t *testing.T, s *lab.Space) map[string]uint64 {
	t.Helper()
	n, err := s.Counters()
	require.NoError(t, err)
	return n
}
