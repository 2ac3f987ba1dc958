package tcp

import "time"

// Sequence numbers are converted here and nowhere else. An offset is unwrapped
// next to one that is known to be close: within 2^31, which RFC 7323 section 2.2
// guarantees by limiting windows to 2^30.

func (f *Flow) sndSeq(off int64) uint32 { return f.iss + 1 + uint32(off) }

func (f *Flow) sndOff(seq uint32) int64 {
	return f.snd.nxt + int64(int32(seq-f.sndSeq(f.snd.nxt)))
}

func (f *Flow) rcvSeq(off int64) uint32 { return f.irs + 1 + uint32(off) }

func (f *Flow) rcvOff(seq uint32) int64 {
	return f.rcv.nxt + int64(int32(seq-f.rcvSeq(f.rcv.nxt)))
}

// nanos and instant convert time at the edge: inside it is int64 nanoseconds
// since 1970, and 0 means "not armed".
func nanos(t time.Time) int64 { return t.UnixNano() }

func instant(t int64) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(0, t)
}
