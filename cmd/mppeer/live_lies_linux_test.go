package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each lie of ours is noticed by the kernel, whose counter tells, and by the analyser in
// our capture.
func TestLiveLies(t *testing.T) {
	stream := random(200_000, 8)
	for _, c := range []struct {
		lie     string
		counter string // of the kernel
		multi   bool   // what remains is Multipath TCP
		finds   string
	}{
		{"hmac", "MPTcpExtMPJoinAckHMacFailure", true, "MPD-JOIN-HMAC-ACK"},
		{"token", "MPTcpExtMPJoinNoTokenFound", true, "MPD-JOIN-TOKEN"},
		{"echo", "", true, "MPD-KEY-ECHO"}, // Linux does not look at it
		{"flags", "", false, "MPD-FALLBACK-OFFER"},
		{"checksum@count=1", "MPTcpExtDataCsumErr", false, "MPD-CHECKSUM"},
		{"dataack@count=3,after=50KB", "", true, ""},
	} {
		t.Run(c.lie, func(t *testing.T) {
			l := liveTest(t)
			ours, kernel := l.Space("ours"), l.Space("kernel")
			l.Link(ours.Dev("eth0"), kernel.Dev("eth0", "10.1.0.2/24"))
			l.Link(ours.Dev("eth1"), kernel.Dev("eth1", "10.2.0.2/24"))
			kernel.Limits(2, 2)
			kernel.Route("10.2.0.1/32 dev eth1")
			kernelEcho(t, kernel, "10.1.0.2:5000")
			p := start(t, ours, bytes.NewReader(stream), "connect", "10.1.0.2:5000", "--path", "raw:eth0,10.1.0.1/24",
				"--path", "raw:eth1,10.2.0.1/24,via=10.2.0.2", "--lie", c.lie, "--json")
			p.ends(exitClean)
			require.Equal(t, sum(stream), sum([]byte(p.out.String())))
			assert.NotEmpty(t, p.records("lie"))
			k := p.records("summary")[0]
			assert.Equal(t, c.multi, k.MPTCP, k.Cause)
			if c.counter != "" {
				assert.NotZero(t, counters(t, kernel)[c.counter], c.counter)
			}
			if c.finds != "" {
				p.explained = []string{c.finds}
				assert.Contains(t, findings(t, p.pcap), c.finds)
			}
		})
	}
}

// Two paths to the kernel, opened by us; what --subflows, --backup and the schedulers
// say is what happens.
func TestLivePaths(t *testing.T) {
	stream := random(3_000_000, 9)
	for _, c := range []struct {
		first, second string // what is added to the two paths
		flags         string
		subflows      int
		idle          int // the subflow that carries nothing to speak of; 0: none
	}{
		{"", "", "", 2, 0},
		{"", "", "--subflows 1", 1, 0},
		{"", "", "--scheduler round-robin --cc reno --checksum=false", 2, 0},
		{"", "", "--scheduler redundant --cc cubic", 2, 0},
		{"", "", "--backup", 2, 2},
		{"", ",backup", "", 2, 2}, // the bit of MP_JOIN
		{",backup", "", "", 2, 1}, // MP_PRIO
	} {
		t.Run(c.first+"/"+c.second+" "+c.flags, func(t *testing.T) {
			l := liveTest(t)
			ours, kernel := l.Space("ours"), l.Space("kernel")
			l.Link(ours.Dev("eth0"), kernel.Dev("eth0", "10.1.0.2/24"))
			l.Link(ours.Dev("eth1"), kernel.Dev("eth1", "10.2.0.2/24"))
			kernel.Limits(4, 4)
			kernelEcho(t, kernel, "10.1.0.2:5000")
			args := append([]string{"connect", "10.1.0.2:5000", "--path", "raw:eth0,10.1.0.1/24" + c.first, "--path",
				"raw:eth1,10.2.0.1/24,via=10.2.0.2" + c.second, "--json"}, strings.Fields(c.flags)...)
			stdin, typed := io.Pipe()
			p := start(t, ours, stdin, args...)
			_, err := typed.Write(stream[:1000])
			require.NoError(t, err)
			if c.subflows == 2 { // the rest is for both
				p.says(`"subflows_up":2`)
			}
			_, err = typed.Write(stream[1000:])
			require.NoError(t, err)
			require.NoError(t, typed.Close())
			p.ends(exitClean)
			require.Equal(t, sum(stream), sum([]byte(p.out.String())))
			k := p.records("summary")[0]
			assert.True(t, k.MPTCP, k.Cause)
			assert.Equal(t, c.subflows, k.SubflowsN)
			flows := k.flows()
			t.Log(c.flags, flows)
			total := uint64(0)
			for _, n := range flows {
				total += n
			}
			assert.GreaterOrEqual(t, total, uint64(2*len(stream)), "nothing that was carried is forgotten")
			if c.subflows == 2 && assert.Len(t, flows, 2) {
				// A backup carries what was on its way before the other subflow was there, and
				// a few octets that are repeated.
				switch c.idle {
				case 0:
					assert.True(t, flows[0] > 0 && flows[1] > flows[0]/100, "%v", flows)
				case 1:
					assert.Less(t, flows[0], flows[1]/3, "%v", flows)
				case 2:
					assert.Less(t, flows[1], flows[0]/100, "%v", flows)
				}
			}
			n := counters(t, kernel)
			assert.EqualValues(t, c.subflows-1, n["MPTcpExtMPJoinAckRx"])
			assert.Equal(t, c.idle == 2, n["MPTcpExtMPJoinSynBackupRx"] == 1)
			assert.Equal(t, c.idle == 1, n["MPTcpExtMPPrioRx"] == 1)
		})
	}
}

// Without --path the interface that leads there is used, with the address of the kernel
// beside us, which answers nothing of ours.
func TestLiveDefaultPath(t *testing.T) {
	l := liveTest(t, "nft")
	ours, kernel := l.Space("ours"), l.Space("kernel")
	l.Link(ours.Dev("eth0", "10.1.0.1/24", "fd00:1::1/64"), kernel.Dev("eth0", "10.1.0.2/24", "fd00:1::2/64"))
	stream := random(500_000, 10)
	for _, to := range []string{"10.1.0.2:5000", "[fd00:1::2]:5000"} {
		kernelEcho(t, kernel, to)
		p := start(t, ours, bytes.NewReader(stream), "connect", to, "--json")
		p.ends(exitClean)
		require.Equal(t, sum(stream), sum([]byte(p.out.String())))
		require.True(t, p.records("summary")[0].MPTCP)
	}
	p := start(t, ours, nil, "listen", "6000", "--echo", "--json")
	p.says(`"listening"`)
	for _, to := range []string{"10.1.0.1:6000", "[fd00:1::1]:6000"} {
		require.Equal(t, sum(stream), sum(exchange(t, kernelDial(t, kernel, to), stream)))
	}
	p.interrupt()
	p.ends(exitClean)
	for _, k := range p.records("summary") {
		require.True(t, k.MPTCP, k.Cause)
	}
	lo := start(t, ours, nil, "connect", "127.0.0.1:1")
	lo.ends(exitFailed)
	lo.says("loopback interface")
	require.Zero(t, counters(t, ours)["TcpOutRsts"])
}
