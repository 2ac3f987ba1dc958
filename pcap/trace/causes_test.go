package trace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// cause is what a capture of a fallback or a refused join must be blamed on.
type cause struct {
	capture string
	id      string
	frames  []int
	counter string
	log     string // nstat log that must hold the counter, "" where Linux has none
}

var causes = []cause{
	// The option was stripped from the SYN; from the client alone it looks like a plain server.
	{"kernel/fallback-synstrip.pcap", "MPD-FALLBACK-SYNACK", []int{7, 8}, "MPCapableFallbackSYNACK", "fallback-synstrip/nstat.c.txt"},
	{"kernel/fallback-tcpserver.pcap", "MPD-FALLBACK-SYNACK", []int{8, 9}, "MPCapableFallbackSYNACK", "fallback-tcpserver/nstat.c.txt"},
	// A box corrupts the HMAC of the SYN/ACK on path 2, of the third ACK on path 3.
	{"kernel/joinhmac-corrupt-cli.pcap", "MPD-JOIN-HMAC-SYNACK", []int{24, 27, 28}, "MPJoinSynAckHMacFailure", "joinhmac-corrupt/nstat.c.txt"},
	{"kernel/joinhmac-corrupt-cli.pcap", "MPD-JOIN-HMAC-BEHIND", []int{26, 29, 30, 31}, "MPJoinAckHMacFailure", "joinhmac-corrupt/nstat.s.txt"},
	{"kernel/joinhmac-corrupt.pcap", "MPD-JOIN-HMAC-BEHIND", []int{25, 26, 31}, "MPJoinSynAckHMacFailure", "joinhmac-corrupt/nstat.c.txt"},
	{"kernel/joinhmac-corrupt.pcap", "MPD-JOIN-HMAC-ACK", []int{27, 28, 29, 30}, "MPJoinAckHMacFailure", "joinhmac-corrupt/nstat.s.txt"},
	{"kernel/rst-badtoken.pcap", "MPD-JOIN-TOKEN", []int{18, 19}, "MPJoinNoTokenFound", "rst-badtoken/nstat.s.txt"},
	{"kernel/addaddr-refused.pcap", "MPD-JOIN-NO-LISTENER", []int{17, 18}, "", ""},
	{"kernel/mpfail-single-srv.pcap", "MPD-CHECKSUM", []int{33}, "DataCsumErr", "mpfail-single/nstat.s.txt"},
	{"kernel/mpfail-single-srv.pcap", "MPD-FALLBACK-CHECKSUM", []int{33, 34, 35, 36}, "MPFailTx", "mpfail-single/nstat.s.txt"},
	{"kernel/mpfail-single-srv.pcap", "MPD-INFINITE-MAPPING", []int{36}, "InfiniteMapTx", "mpfail-single/nstat.c.txt"},
	{"kernel/mpfail-single.pcap", "MPD-FALLBACK-CHECKSUM", []int{34, 35, 36}, "MPFailTx", "mpfail-single/nstat.s.txt"},
	{"kernel/mpfail-single.pcap", "MPD-FAIL-UNPROVEN", []int{34}, "MPFailRx", "mpfail-single/nstat.c.txt"},
	{"kernel/blackhole-reinject.pcap", "MPD-SUBFLOW-STALE", []int{169}, "SubflowStale", "blackhole-reinject/nstat.c.txt"},
	{"kernel/blackhole-reinject.pcap", "MPD-REINJECTED", []int{279}, "MPTCPRetrans", "blackhole-reinject/nstat.c.txt"},
	{"kernel/fastclose.pcap", "MPD-FASTCLOSE", []int{52}, "MPFastcloseTx", "fastclose/nstat.c.txt"},
	{"kernel2/live_v1_csumfail_single.pcap", "MPD-CHECKSUM", []int{14}, "DataCsumErr", ""},
	{"kernel2/live_v1_csumfail_single.pcap", "MPD-FALLBACK-CHECKSUM", []int{14, 15, 16, 18}, "MPFailTx", ""},
	{"kernel2/live_v1_join_refused.pcap", "MPD-JOIN-REJECTED", []int{6, 7, 8, 9}, "MPJoinRejected", ""},
}

func TestCausesAgreeWithTheKernelsCounters(t *testing.T) { // R3.7-09, R3.2-10, R3.2-16, R3.2-18
	dir := sharedCaptures(t)
	for _, c := range causes {
		t.Run(c.capture+"/"+c.id, func(t *testing.T) {
			tr := track(t, Config{}, filepath.Join(dir, c.capture))
			var found *Finding
			for _, f := range tr.Findings() {
				if f.ID == c.id {
					found = &f
				}
			}
			require.NotNil(t, found, "no such finding")
			require.Equal(t, c.frames, frames(*found))
			require.Equal(t, c.counter, found.Counter)
			if c.log == "" {
				return
			}
			log, err := os.ReadFile(filepath.Join(dir, "kernel", "logs", c.log))
			require.NoError(t, err)
			require.Regexp(t, `(?m)^MPTcpExt`+c.counter+`\s+[1-9]`, string(log))
		})
	}
}

// touched are the captures that a middlebox, a hand or a cut changed, and so may
// hold errors. Every other capture of the kernel must have none.
var touched = map[string]bool{
	"joinhmac-corrupt.pcap": true, "joinhmac-corrupt-cli.pcap": true,
	"mpfail-single.pcap": true, "mpfail-single-srv.pcap": true, "live_v1_csumfail_single.pcap": true,
	"malformed-flows.pcap": true, "rawsyn-versions.pcap": true, "rst-badtoken.pcap": true,
	"fallback-synstrip.pcap": true, "fallback-synstrip-srv.pcap": true,
}

func TestNoErrorsInUntouchedCaptures(t *testing.T) {
	n := 0
	for name := range oracles(t) {
		if strings.HasPrefix(name, "public") || touched[filepath.Base(name)] {
			continue
		}
		n++
		tr := track(t, Config{Streams: true}, filepath.Join(sharedCaptures(t), name))
		for _, f := range tr.Findings() {
			if f.Severity == Error {
				t.Errorf("%s: %s %v: %s", name, f.ID, frames(f), f.Cause)
			}
		}
	}
	require.GreaterOrEqual(t, n, 42)
}

// The early kernel that made this capture took the leftmost octets of the HMAC.
func TestLeftmostAddAddrHMACIsWrong(t *testing.T) { // R3.4.1-09
	tr := track(t, Config{}, filepath.Join(sharedCaptures(t), "public", "tcpdump", "mptcp-aa-v1.pcap"))
	var ids []string
	for _, f := range tr.Findings() {
		ids = append(ids, f.ID)
	}
	require.Contains(t, ids, "MPD-ADDADDR-HMAC")
}

func compare(t *testing.T, a, b string) []Finding {
	dir := filepath.Join(sharedCaptures(t), "kernel")
	x, y := New(Config{Streams: true}), New(Config{Streams: true})
	feed(t, x, 0, filepath.Join(dir, a))
	feed(t, y, 1, filepath.Join(dir, b))
	x.Finish()
	y.Finish()
	return Compare(x, y)
}

func TestBothEndsDecide(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want []string
	}{
		{"fallback-synstrip.pcap", "fallback-synstrip-srv.pcap", []string{"MPD-SYN-STRIPPED"}},
		{"joinhmac-corrupt-cli.pcap", "joinhmac-corrupt.pcap", []string{"MPD-OPTION-CHANGED", "MPD-OPTION-CHANGED"}},
		{"mpfail-single.pcap", "mpfail-single-srv.pcap", []string{"MPD-PAYLOAD-CHANGED"}},
		{"basic-nogso.pcap", "basic-nogso-srv.pcap", nil},
		{"join2-delay.pcap", "join2-delay-srv.pcap", nil},
		{"loss-retrans.pcap", "loss-retrans-srv.pcap", nil},
		// Both captures at the client: what the server's would show of a plain server.
		{"fallback-tcpserver.pcap", "fallback-tcpserver.pcap", []string{"MPD-PLAIN-SERVER"}},
	} {
		for _, swap := range []bool{false, true} {
			a, b := c.a, c.b
			if swap {
				a, b = b, a
			}
			var got []string
			for _, f := range compare(t, a, b) {
				got = append(got, f.ID)
			}
			require.Equal(t, c.want, got, "%s %s", a, b)
		}
	}
}

func TestMergedEndsCountOnce(t *testing.T) {
	dir := filepath.Join(sharedCaptures(t), "kernel")
	one := track(t, Config{}, filepath.Join(dir, "basic-nogso.pcap"))
	both := New(Config{Files: 2})
	feed(t, both, 0, filepath.Join(dir, "basic-nogso.pcap"))
	feed(t, both, 1, filepath.Join(dir, "basic-nogso-srv.pcap"))
	both.Finish()
	require.Equal(t, one.Totals.TCP, both.Totals.TCP)
	require.Equal(t, one.Conns()[0].Dir[1].Stats.NewBytes, both.Conns()[0].Dir[1].Stats.NewBytes)
	require.Zero(t, both.Conns()[0].Dir[1].DupSameSubflow)
}
