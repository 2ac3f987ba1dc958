package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/stretchr/testify/require"
)

const patience = 15 * time.Second

// safeBuffer is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// inner is a run of the program in this process, over links that a test made.
type inner struct {
	t           *testing.T
	out, errors safeBuffer
	stop        chan os.Signal
	code        chan int
}

// runOver runs the program; links are the ones that --path names.
func runOver(t *testing.T, links map[string]link.Link, stdin io.Reader, args ...string) *inner {
	t.Helper()
	r := &inner{t: t, stop: make(chan os.Signal, 4), code: make(chan int, 1)}
	a := newApp(stdin, &r.out, &r.errors, r.stop)
	a.openLink = func(spec string) (link.Link, error) {
		l, ok := links[spec]
		if !ok {
			return nil, fmt.Errorf("no link %q", spec)
		}
		return l, nil
	}
	go func() { r.code <- a.dispatch(args) }()
	return r
}

// says waits until the program has said text on stderr.
func (r *inner) says(text string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return strings.Contains(r.errors.String(), text) }, patience, 2*time.Millisecond, "%q", text)
}

// ends waits for the exit code.
func (r *inner) ends(code int) {
	r.t.Helper()
	select {
	case got := <-r.code:
		require.Equal(r.t, code, got, r.errors.String())
	case <-time.After(patience):
		buf := make([]byte, 1<<16)
		r.t.Logf("%s", buf[:runtime.Stack(buf, true)])
		require.Fail(r.t, "no end", r.errors.String())
	}
}

// cable is one or more pipes in memory between two runs: a1, a2 ... at one end, b1 ... at
// the other, with the addresses 10.1.k.1 and 10.1.k.2.
func cable(n int) map[string]link.Link {
	all := map[string]link.Link{}
	for k := 1; k <= n; k++ {
		at := func(host int) []netip.Prefix {
			return []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.1.%d.%d/24", k, host))}
		}
		x, y := link.Pipe(link.PipeConfig{A: at(1), B: at(2)})
		all[fmt.Sprint("a", k)], all[fmt.Sprint("b", k)] = x, y
	}
	return all
}

// random is a stream that only its seed knows.
func random(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
