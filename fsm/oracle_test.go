package fsm

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
)

// judged has the analyser, which has been held against tshark and the Linux kernel's
// own counters, judge what crossed the client's end of the path.
func (w *world) judged() *trace.Tracker {
	w.t.Helper()
	r, err := pcap.NewReader(bytes.NewReader(w.capt.Bytes()))
	if err != nil {
		w.t.Fatal(err)
	}
	tr := trace.New(trace.Config{Streams: true})
	var f pcap.Frame
	for {
		if err := r.Next(&f); err == io.EOF {
			break
		} else if err != nil {
			w.t.Fatal(err)
		}
		tr.Add(0, &f)
	}
	tr.Finish()
	return tr
}

// clean expects that the analyser has nothing to say but infos.
func (w *world) clean() {
	w.t.Helper()
	tr := w.judged()
	if tr.Totals.MPTCP == 0 {
		w.t.Error("the capture holds no MPTCP option")
	}
	for _, f := range tr.Findings() {
		if f.Severity > trace.Info {
			w.t.Errorf("%s (%v): %s", f.ID, f.Frames, f.Cause)
		}
	}
}

// Issue: captures of our traffic pass the analyser, whatever is negotiated.
func TestCapturesAreClean(t *testing.T) {
	for _, v := range []Versions{OnlyV1, OnlyV0} {
		for _, noSum := range []bool{false, true} {
			for _, short := range []bool{false, true} {
				for _, noTS := range []bool{false, true} {
					t.Run(fmt.Sprintf("v=%d nosum=%v short=%v nots=%v", v, noSum, short, noTS), func(t *testing.T) {
						set := func(c *Config) {
							c.Versions, c.NoChecksum, c.ShortDSN, c.TCP.NoTimestamps = v, noSum, short, noTS
						}
						w := newWorld(t, 3, testConfig(1, set), testConfig(2, set), "link delay=10ms rate=20Mbit buffer=100ms")
						w.transfer(150_000, 90_000, time.Minute)
						w.idle()
						if !w.app[0].conn.Multipath() || w.app[0].conn.Checksum() == noSum {
							t.Error("not what was configured")
						}
						w.clean()
					})
				}
			}
		}
	}
}

// R3.1-39, R3.1-40: with a plain TCP peer, either way round, a Conn is TCP.
func TestPlainPeer(t *testing.T) {
	for side := range 2 {
		cfg := [2]Config{testConfig(1), testConfig(2)}
		cfg[side].Plain = true
		w := newWorld(t, 5, cfg[0], cfg[1])
		w.transfer(100_000, 50_000, time.Minute)
		w.idle()
		if w.app[0].conn.Multipath() || w.app[1].conn.Multipath() {
			t.Error("Multipath with a plain peer")
		}
		want := uint64(1 - side*1)
		if side == 1 && w.ep[0].stats.MPCapableFallbackSYNACK != 1 {
			t.Error("MPCapableFallbackSYNACK", w.ep[0].stats.MPCapableFallbackSYNACK, want)
		}
	}
}
