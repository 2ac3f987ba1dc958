package mbox

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func want(t *testing.T, got, expected string) {
	t.Helper()
	require.Equal(t, strings.Join(lines(expected), "\n"), got)
}

func TestNATMapsBothWays(t *testing.T) { // P-3.2-02
	b := newBench(t, "nat ports=5000-5000")
	want(t, b.run("> S 1:1(0) win 9\n< 10.0.0.2:80>198.51.100.1:5000 S. 7:7(0) ack 2 win 9\n> . 2:2(0) ack 8 win 9"), `
		> 198.51.100.1:5000>10.0.0.2:80 S 1:1(0) win 9
		< S. 7:7(0) ack 2 win 9
		> 198.51.100.1:5000>10.0.0.2:80 . 2:2(0) ack 8 win 9`)
	want(t, b.run("< 10.0.0.3:80>198.51.100.1:5000 S 7:7(0) win 9"), "") // P-3.2-04: who was not asked is not let in
	want(t, b.run("< 10.0.0.2:80>198.51.100.1:5001 S 7:7(0) win 9"), "")
	want(t, b.run("> 10.0.0.1:40001>10.0.0.2:80 S 1:1(0) win 9"), "") // no port left
	require.Equal(t, []string{
		"c2s nat ports=5000-5000: mapped 10.0.0.1:40000 to 198.51.100.1:5000",
		"s2c nat ports=5000-5000: no mapping: S 7:7(0) win 9",
		"s2c nat ports=5000-5000: no mapping: S 7:7(0) win 9",
		"c2s nat ports=5000-5000: no port left: S 1:1(0) win 9",
	}, b.log)
}

func TestNATSpeaksIPv6(t *testing.T) {
	b := newBench(t, "nat ports=5000-5000 open")
	want(t, b.run("> [2001:db8::1]:7>[2001:db8::2]:80 S 1:1(0) win 9\n< [2001:db8::9]:81>[2001:db8:6464::1]:5000 S. 7:7(0) ack 2 win 9"), `
		> [2001:db8:6464::1]:5000>[2001:db8::2]:80 S 1:1(0) win 9
		< [2001:db8::9]:81>[2001:db8::1]:7 S. 7:7(0) ack 2 win 9`)
}

func TestNATForgetsIdleMappings(t *testing.T) {
	b := newBench(t, "nat ports=5000-5000 idle=1m0s")
	b.run("> S 1:1(0) win 9\n@50s\n> . 2:2(0) ack 1 win 9\n@50s")
	want(t, b.run("< 10.0.0.2:80>198.51.100.1:5000 . 7:7(0) ack 2 win 9\n@61s"), "< . 7:7(0) ack 2 win 9")
	want(t, b.run("< 10.0.0.2:80>198.51.100.1:5000 . 7:7(0) ack 2 win 9"), "")
}

func TestNATBehindItsLikeInTheMiddle(t *testing.T) {
	b := newBench(t, "nat")
	want(t, b.run(`
		> 198.51.100.1:77>10.0.0.2:80 . 1:1(0) ack 1 win 9
		< 10.0.0.2:80>198.51.100.1:77 . 1:1(0) ack 1 win 9
		< 10.0.0.3:80>198.51.100.1:77 . 1:1(0) ack 1 win 9`), `
		> 198.51.100.1:77>10.0.0.2:80 . 1:1(0) ack 1 win 9
		< 10.0.0.2:80>198.51.100.1:77 . 1:1(0) ack 1 win 9`)
}

func TestNATInTheMiddle(t *testing.T) {
	want(t, newBench(t, "nat").run(data1+"\n< . 1:1(0) ack 1 win 9"), data1+"\n< . 1:1(0) ack 1 win 9")
	want(t, newBench(t, "nat mid=drop").run(data1), "")
	want(t, newBench(t, "nat mid=map ports=6000-6000").run("> . 1:1(0) ack 1 win 9"), "> 198.51.100.1:6000>10.0.0.2:80 . 1:1(0) ack 1 win 9")
}

func TestPayloadChangesTheSameWayTwice(t *testing.T) {
	b := newBench(t, "payload flip count=1 on=data")
	want(t, b.run(`
		> P. 101:105(4) ack 1 win 9 "ABCD"
		> P. 101:105(4) ack 1 win 9 "ABCD"
		> P. 103:107(4) ack 1 win 9 "CDEF"
		< . 1:1(0) ack 105 win 9 <nop, nop, sack 106:107>`), `
		> P. 101:105(4) ack 1 win 9 "ABBD"
		> P. 101:105(4) ack 1 win 9 "ABBD"
		> P. 103:107(4) ack 1 win 9 "BDEF"
		< . 1:1(0) ack 105 win 9 <nop, nop, sack 106:107>`)
}

func TestPayloadGrows(t *testing.T) { // P-3.3.6-01
	b := newBench(t, "payload find=10.0.0.1 put=198.51.100.1 dir=c2s")
	want(t, b.run(`
		> P. 101:114(13) ack 1 win 9 "PORT 10.0.0.1"
		> P. 114:117(3) ack 1 win 9 "XYZ"
		< . 1:2(1) ack 121 win 9 "!"
		< . 2:2(0) ack 112 win 9 <nop, nop, sack 118:121>
		< . 2:2(0) ack 118 win 9
		> P. 109:117(8) ack 2 win 9 "0.0.1XYZ"
		> P. 101:107(6) ack 2 win 9 "PORT 1"
		> F. 117:117(0) ack 2 win 9
		< F. 2:2(0) ack 122 win 9`), `
		> P. 101:118(17) ack 1 win 9 "PORT 198.51.100.1"
		> P. 118:121(3) ack 1 win 9 "XYZ"
		< . 1:2(1) ack 117 win 9 "!"
		< . 2:2(0) ack 112 win 9 <nop, nop, sack 114:117>
		< . 2:2(0) ack 114 win 9
		> P. 109:121(12) ack 2 win 9 ".51.100.1XYZ"
		> P. 101:107(6) ack 2 win 9 "PORT 1"
		> F. 121:121(0) ack 2 win 9
		< F. 2:2(0) ack 118 win 9`)
	require.Equal(t, 1, strings.Count(strings.Join(b.log, "\n"), "changed 1 places, +4 octets so far"))
}

func TestPayloadShrinks(t *testing.T) {
	b := newBench(t, "payload delete by=2 dir=s2c count=1")
	want(t, b.run(`
		< P. 1:7(6) ack 1 win 9 "abcdef"
		> . 1:1(0) ack 4 win 9
		> . 1:1(0) ack 5 win 9
		< P. 7:9(2) ack 1 win 9 "gh"
		< P. 4:6(2) ack 1 win 9 "de"`), `
		< P. 1:5(4) ack 1 win 9 "abcf"
		> . 1:1(0) ack 6 win 9
		> . 1:1(0) ack 7 win 9
		< P. 5:7(2) ack 1 win 9 "gh"
		< P. 4:4(0) ack 1 win 9`)
}

func TestPayloadThatGrowsTooLargeIsCut(t *testing.T) {
	b := newBench(t, "payload insert by=3 max=8")
	want(t, b.run(`> P. 101:109(8) ack 1 win 9 "ABCDEFGH"`), `
		> . 101:109(8) ack 1 win 9 "ABCD+++E"
		> P. 109:112(3) ack 1 win 9 "FGH"`)
}

func TestPayloadNumbersNoAckTooHigh(t *testing.T) {
	b := newBench(t, "payload delete by=2")
	want(t, b.run(`
		> . 101:107(6) ack 1 win 9 "ABCDEF"
		> . 113:113(0) ack 2 win 9
		> . 107:113(6) ack 1 win 9 "GHIJKL"
		> . 113:113(0) ack 3 win 9
		> F. 119:119(0) ack 3 win 9
		> . 120:120(0) ack 4 win 9
		> . 113:119(6) ack 3 win 9 "MNOPQR"`), `
		> . 101:105(4) ack 1 win 9 "ABCF"
		> . 105:105(0) ack 2 win 9
		> . 105:109(4) ack 1 win 9 "GHIL"
		> . 109:109(0) ack 3 win 9
		> F. 115:115(0) ack 3 win 9
		> . 116:116(0) ack 4 win 9
		> . 109:115(6) ack 3 win 9 "MNOPQR"`)
}

func TestPayloadInTheMiddleBelievesTheReceiver(t *testing.T) {
	b := newBench(t, "payload delete by=2 after=99p")
	want(t, b.run(`
		> . 101:107(6) ack 1 win 9
		< . 1:1(0) ack 500 win 9
		> . 500:500(0) ack 1 win 9`), `
		> . 101:107(6) ack 1 win 9
		< . 1:1(0) ack 500 win 9
		> . 500:500(0) ack 1 win 9`)
}

func TestPayloadLeavesWhatIsOutOfOrder(t *testing.T) {
	b := newBench(t, "payload insert by=1")
	want(t, b.run(`
		> . 101:103(2) ack 1 win 9 "AB"
		> . 105:107(2) ack 1 win 9 "EF"
		> . 103:105(2) ack 1 win 9 "CD"
		> . 107:109(2) ack 1 win 9 "GH"`), `
		> . 101:104(3) ack 1 win 9 "A+B"
		> . 106:108(2) ack 1 win 9 "EF"
		> . 104:106(2) ack 1 win 9 "CD"
		> . 108:111(3) ack 1 win 9 "G+H"`)
}

func TestProxyAcknowledgesAndHolds(t *testing.T) {
	b := newBench(t, "proxy buffer=20 dir=c2s")
	b.run(`
		> S 100:100(0) win 1000
		< S. 300:300(0) ack 101 win 15
		> . 101:101(0) ack 301 win 1000`)
	want(t, b.run(`
		> . 101:111(10) ack 301 win 1000
		> P. 111:121(10) ack 301 win 1000
		> . 121:131(10) ack 301 win 1000
		> . 141:151(10) ack 301 win 1000`), `
		> . 101:111(10) ack 301 win 1000
		< . 301:301(0) ack 111 win 10
		< . 301:301(0) ack 121 win 0
		< . 301:301(0) ack 121 win 0
		< . 301:301(0) ack 121 win 0`)
	// The receiver's acknowledgment opens its window; what passes back is the proxy's.
	want(t, b.run("< . 301:303(2) ack 111 win 15 <nop, nop, sack 1:2>"), `
		< . 301:303(2) ack 121 win 10 <nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop>
		> P. 111:121(10) ack 301 win 1000`)
	// It retransmits what it holds: by its timer, and after three duplicates.
	want(t, b.run("@199ms"), "")
	want(t, b.run("@1ms"), "> P. 111:121(10) ack 301 win 1000")
	want(t, b.run("< . 303:303(0) ack 111 win 15\n< . 303:303(0) ack 111 win 15\n< . 303:303(0) ack 111 win 15"), `
		< . 303:303(0) ack 121 win 10
		< . 303:303(0) ack 121 win 10
		> P. 111:121(10) ack 301 win 1000
		< . 303:303(0) ack 121 win 10`)
	want(t, b.run("< . 303:303(0) ack 121 win 15\n@10s"), "< . 303:303(0) ack 121 win 20")
	// A known segment is acknowledged again and goes no further.
	want(t, b.run("> . 101:111(10) ack 303 win 1000"), "< . 303:303(0) ack 121 win 20")
}

func TestProxyHoldsBothDirections(t *testing.T) {
	b := newBench(t, "proxy buffer=1000")
	b.run(beginning + "> . 101:101(0) ack 301 win 15")
	// The client has no room for the second segment, so the proxy holds it, and the
	// sequence number it uses in the server's name is what the client has.
	want(t, b.run(`
		< . 301:311(10) ack 101 win 1000
		< . 311:321(10) ack 101 win 1000
		> . 101:111(10) ack 301 win 15`), `
		< . 301:311(10) ack 101 win 1000
		> . 101:101(0) ack 311 win 990
		> . 101:101(0) ack 321 win 980
		> . 101:111(10) ack 321 win 980
		< . 301:301(0) ack 111 win 990`)
	want(t, b.run("> . 111:111(0) ack 311 win 15"), `
		> . 111:111(0) ack 321 win 980
		< . 311:321(10) ack 101 win 1000`)
}

// What was held for long is not to look like an old duplicate: receivers drop old
// timestamps (RFC 7323 section 5.3) and very old acknowledgments (RFC 5961 section 5.2).
func TestProxyKeepsWhatItHoldsFresh(t *testing.T) {
	b := newBench(t, "proxy dir=c2s rto=10ms")
	b.run(handshake + data1)
	b.run("> . 111:111(0) ack 350 win 500 <nop, nop, TS val 7 ecr 9>")
	want(t, b.run("@10ms"), "> P. 101:111(10) ack 350 win 500 <nop, nop, TS val 7 ecr 9, dss dack4=1 dsn8=1 ssn=1 dll=10, nop, nop>")
}

// A proxy that comes between SYN and SYN/ACK does not know what windows mean.
func TestProxyInTheMiddleOfTheHandshake(t *testing.T) {
	b := newBench(t, "proxy dir=c2s")
	b.run("< S. 300:300(0) ack 101 win 5 <mss 1460, nop, wscale 7>\n> . 101:101(0) ack 301 win 512\n< . 301:301(0) ack 101 win 5")
	want(t, b.run("> . 101:111(10) ack 301 win 512"), "> . 101:111(10) ack 301 win 512\n< . 301:301(0) ack 111 win 5")
}

func TestProxyIsNotFooledBySYNs(t *testing.T) {
	b := newBench(t, "proxy buffer=1000 dir=c2s")
	// The server leaves the SYN's data alone, and the SYN comes again.
	b.run("> S 100:105(5) win 9\n< S. 300:300(0) ack 101 win 1000\n> . 101:111(10) ack 301 win 9\n> S 100:105(5) win 9")
	want(t, b.run("> . 111:121(10) ack 301 win 9"), "> . 111:121(10) ack 301 win 9\n< . 301:301(0) ack 121 win 980")
	want(t, b.run("< . 301:301(0) ack 121 win 1000"), "< . 301:301(0) ack 121 win 980")
}

func TestProxyGivesUp(t *testing.T) {
	b := newBench(t, "proxy dir=c2s")
	b.run(handshake + data1)
	got := b.run("@10m")
	require.Len(t, lines(got), maxProxyBackoff)
	_, armed := b.line.Deadline()
	require.False(t, armed)
}

// An ACK that overtakes what is held must not come from beyond the receiver's window,
// which would not believe it (RFC 9293 section 3.10.7.4).
func TestProxyNumbersWhatOvertakes(t *testing.T) {
	b := newBench(t, "proxy buffer=1000 dir=c2s")
	b.run("> S 100:100(0) win 9\n< S. 300:300(0) ack 101 win 15\n> . 101:111(10) ack 301 win 9\n> . 111:121(10) ack 301 win 9")
	want(t, b.run("> . 121:121(0) ack 311 win 9"), "> . 111:111(0) ack 311 win 9")
	b.run("< . 301:301(0) ack 111 win 15")
	want(t, b.run("> . 121:121(0) ack 311 win 9"), "> . 121:121(0) ack 311 win 9")
}

// As long as the receiver answers, a proxy probes its closed window (RFC 9293 section
// 3.8.6.1, MUST-37).
func TestProxyProbesForAsLongAsItTakes(t *testing.T) {
	b := newBench(t, "proxy buffer=1000 dir=c2s")
	b.run("> S 100:100(0) win 9\n< S. 300:300(0) ack 101 win 10\n> . 101:111(10) ack 301 win 9\n> . 111:121(10) ack 301 win 9\n< . 301:301(0) ack 111 win 0")
	for range 3 * maxProxyBackoff {
		require.Contains(t, b.run("@60s\n< . 301:301(0) ack 111 win 0"), "> . 111:121(10) ack 301 win 9")
	}
	want(t, b.run("< . 301:301(0) ack 121 win 10\n@1h"), "< . 301:301(0) ack 121 win 980")
}

const beginning = "> S 100:100(0) win 9\n< S. 300:300(0) ack 101 win 1000\n"

func TestProxyLosesWhatItAcknowledged(t *testing.T) {
	b := newBench(t, "proxy buffer=100 dir=c2s lose=1")
	want(t, b.run(beginning+"> . 101:111(10) ack 301 win 1000\n@10s"), beginning+"< . 301:301(0) ack 111 win 100")
	b = newBench(t, "proxy buffer=100 dir=c2s die=20")
	want(t, b.run(beginning+`
		> . 101:111(10) ack 301 win 1000
		> . 111:121(10) ack 301 win 1000
		> . 121:131(10) ack 301 win 1000
		< . 301:301(0) ack 111 win 9
		@10s`), beginning+`
		> . 101:111(10) ack 301 win 1000
		< . 301:301(0) ack 111 win 90
		< . 301:301(0) ack 121 win 80`)
}

func TestProxyInTheMiddleBeginsWhereTheReceiverIs(t *testing.T) {
	b := newBench(t, "proxy dir=c2s")
	want(t, b.run(`
		> . 111:121(10) ack 1 win 9
		< . 1:1(0) ack 101 win 50
		> . 121:131(10) ack 1 win 9
		> . 101:111(10) ack 1 win 9`), `
		> . 111:121(10) ack 1 win 9
		< . 1:1(0) ack 101 win 50
		> . 121:131(10) ack 1 win 9
		> . 101:111(10) ack 1 win 9
		< . 1:1(0) ack 111 win 50`)
}
