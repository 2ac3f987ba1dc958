package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// recvRTT is the round-trip time as one sees it who only receives: from the echo of a
// timestamp (RFC 7323 section 4). A segment that echoes a new one was sent when our ACK
// arrived, if the peer had to wait for that; otherwise the time comes out too long.
type recvRTT struct {
	smoothed uint32 // microseconds; 0: not known
	echo     uint32 // the one taken last
}

// note takes a full-sized segment of data.
func (r *recvRTT) note(f *Flow, t int64, seg *wire.Segment, o *optionSet) {
	if !f.tsOK || !o.hasTS || len(seg.Payload) < f.rcv.mss || r.smoothed != 0 && int32(o.tsEcr-r.echo) <= 0 {
		return
	}
	ms := int32(f.tsClock(t) - o.tsEcr)
	if ms < 0 || time.Duration(ms)*time.Millisecond > f.cfg.MaxRTO {
		return
	}
	r.echo = o.tsEcr
	d := uint32(max(ms, 1)) * 1000
	if r.smoothed == 0 {
		r.smoothed = d
		return
	}
	r.smoothed += uint32(int32(d-r.smoothed) / 8)
}

// RecvRTT returns the round-trip time of a flow that may be sending nothing itself: from
// the peer's data where that tells, else as RTT has it. 0: not known yet.
func (f *Flow) RecvRTT() time.Duration {
	if f.rcv.rtt.smoothed != 0 {
		return time.Duration(f.rcv.rtt.smoothed) * time.Microsecond
	}
	return time.Duration(f.rtt.srtt)
}
