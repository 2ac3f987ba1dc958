package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/wire"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// books are what a capture shows of the sequence spaces of one TCP connection: the end of
// what each side sent, and the highest acknowledgment of it by the other.
type books struct {
	sent, acked [2]uint32 // of us, of the kernel
	window      uint16    // our last one
}

func keepBooks(t *testing.T, file string) (b books) {
	t.Helper()
	in, err := pcap.Open(file)
	require.NoError(t, err)
	defer in.Close()
	var f pcap.Frame
	var seg wire.Segment
	var began [2]bool
	for in.Next(&f) == nil {
		if wire.Parse(&seg, f.Data) != nil || seg.Flags&wire.RST != 0 {
			continue
		}
		side := 1
		if seg.Src.Addr().String() == "10.1.0.1" {
			side, b.window = 0, seg.Window
		}
		end := seg.Seq + uint32(seg.PayloadLen)
		if seg.Flags&(wire.SYN|wire.FIN) != 0 {
			end++
		}
		if !began[side] || int32(end-b.sent[side]) > 0 {
			b.sent[side] = end
		}
		began[side] = true
		if seg.Flags&wire.ACK != 0 && (b.acked[1-side] == 0 || int32(seg.Ack-b.acked[1-side]) > 0) {
			b.acked[1-side] = seg.Ack
		}
	}
	return b
}

// A box changes a payload of the kernel's, once: a checksum fails with us, we say MP_FAIL
// and fall back (RFC 8684 section 3.7). Linux 6.18 often sends nothing any more then,
// two of them between themselves too. Where it stands still the fault is not ours:
// everything either side sent is acknowledged, and our window is open.
func TestLivePayloadOfKernel(t *testing.T) {
	stream := random(300_000, 1)
	b := newBoxLab(t)
	b.kernel.Sysctl("net.mptcp.blackhole_timeout", "0")
	kernelEcho(t, b.kernel, "10.1.0.2:5000")
	b.put(t, "payload flip after=100KB dir=s2c count=1")
	p := start(t, b.ours, bytes.NewReader(stream), "connect", "10.1.0.2:5000", "--path", "raw:eth0,10.1.0.1/24", "--json")
	p.explained = []string{"MPD-CHECKSUM"} // the box's
	arrived := p.Wait(3*time.Second) == nil
	for range 2 {
		p.interrupt()
		_ = p.Wait(200 * time.Millisecond)
	}
	_ = p.Wait(patience)
	assert.Contains(t, p.errors.String(), `"cause":"DataCsumErr"`)
	assert.NotZero(t, counters(t, b.kernel)["MPTcpExtMPFailRx"], "our MP_FAIL came")
	if arrived {
		t.Log("outcome: the stream went on as plain TCP")
		assert.Len(t, p.out.String(), len(stream))
		return
	}
	t.Log("outcome: the kernel is silent")
	k := keepBooks(t, p.pcap)
	assert.Equal(t, k.sent[0], k.acked[0], "the kernel has acknowledged all that we sent, our FIN with it")
	assert.Equal(t, k.sent[1], k.acked[1], "we have acknowledged all that the kernel sent")
	assert.NotZero(t, k.window, "our window is open")
}
