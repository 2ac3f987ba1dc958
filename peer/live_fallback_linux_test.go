package peer

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Peers without Multipath TCP get TCP, and the cause is named. R3.1-39, R3.1-41.
func TestLiveFallback(t *testing.T) {
	for _, k := range []struct {
		name    string
		who     role
		socket  bool // of the kernel: Multipath TCP
		enabled string
		cause   string
	}{
		{"the kernel's server is plain TCP", client, false, "1", "MPCapableFallbackSYNACK"},
		{"the kernel's client is plain TCP", server, false, "1", ""},
		{"Multipath TCP is off in the kernel", client, false, "0", "MPCapableFallbackSYNACK"},
		{"Multipath TCP is off in the kernel", server, false, "0", ""},
	} {
		for _, family := range []int{4, 6} {
			t.Run(fmt.Sprintf("%s/%s/IPv%d", k.name, k.who, family), func(t *testing.T) {
				v := newLive(t, liveConfig{})
				v.kernel.Sysctl("net.mptcp.enabled", k.enabled)
				c, s := v.connect(k.who, family, k.socket)
				exchange(t, c, s, 1<<20)
				i := c.Info()
				assert.False(t, i.Multipath)
				assert.Equal(t, k.cause, i.Cause)
				assert.Equal(t, k.cause != "", i.FellBack)
				assert.NoError(t, c.Close())
				assert.NoError(t, s.Close())
				v.closed()
			})
		}
	}
}

// net/http over the stack: curl and net/http in the kernel's namespace, with and
// without Multipath TCP, and the other way round.
func TestLiveHTTP(t *testing.T) {
	v := newLive(t, liveConfig{tools: []string{"curl", "mptcpize"}})
	body := bytes.Repeat([]byte("All work and no play makes TCP a dull boy.\n"), 1<<15)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(body)
	})
	l, err := v.stack.Listen("tcp", ":80")
	require.NoError(t, err)
	ours := &http.Server{Handler: handler}
	served := make(chan error, 2)
	go func() { served <- ours.Serve(l) }()
	for _, command := range [][]string{{"curl"}, {"mptcpize", "run", "curl"}} {
		for _, host := range []string{"10.1.0.1", "[fd00::1]"} {
			before := v.stack.Stats().MPTCP.MPCapableACKRX
			args := append(command[1:], "-sS", "--fail", "-o", v.dir+"/body", "http://"+host+"/")
			out, err := v.kernel.Run(command[0], args...)
			require.NoError(t, err, out)
			multipath := v.stack.Stats().MPTCP.MPCapableACKRX > before
			assert.Equal(t, len(command) > 1, multipath, "%v", command)
		}
	}

	k := v.listenKernel(true, ":0")
	theirs := &http.Server{Handler: handler}
	go func() { served <- theirs.Serve(k) }()
	transport := &http.Transport{DialContext: v.stack.DialContext}
	client := &http.Client{Transport: transport}
	to := netip.AddrPortFrom(prefix(4, 0, 2).Addr(), netip.MustParseAddrPort(k.Addr().String()).Port())
	for range 3 {
		r, err := client.Post("http://"+to.String()+"/", "text/plain", bytes.NewReader(body))
		require.NoError(t, err)
		got, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		assert.True(t, bytes.Equal(body, got))
	}
	transport.CloseIdleConnections()
	require.NoError(t, theirs.Close())
	require.NoError(t, ours.Close())
	for range 2 {
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	}
	v.closed()
}
