package tcp

import "time"

// pmtu is what the path carries.
type pmtu struct {
	mss   int // octets of payload and options, by the path MTU
	fails int // timeouts in a row of full-sized segments
	// What black-hole probing took the size down from, and when the path is
	// given another chance; 0: it did not.
	full  int
	retry int64
}

// raiseAfter is when a size that was only guessed is given up (RFC 1191 section
// 6.3 has 10 minutes for one that was told).
const raiseAfter = 10 * int64(time.Minute)

// blackHoleFails is how many timeouts of a full-sized segment suggest that the
// path drops it for its size and the ICMP message is dropped, too (RFC 2923
// section 2.1).
const blackHoleFails = 3

// mtuSteps are sizes that a path is likely to carry: the IPv6 minimum, which
// leaves room for tunnels, and what RFC 791 has every host take.
var mtuSteps = [...]int{1280, minMTU}

// setSendMSS makes the size of a full segment the least of what the peer takes
// and the path carries (RFC 9293 section 3.7.1, MUST-16).
func (f *Flow) setSendMSS() {
	f.snd.mss = max(min(f.snd.peerMSS, f.pmtu.mss), minSendMSS)
	if f.cc != nil {
		f.cc.SetMSS(f.segmentSize())
	}
}

// HandleMTU takes an ICMP "packet too big" (RFC 1191, RFC 8201) that quotes a
// segment with sequence number seq. It is believed only if that is in flight
// (RFC 5927 section 4.1), lowers the size (a larger one is found by nobody), and
// larger segments in flight are repeated in smaller ones at once.
func (f *Flow) HandleMTU(now time.Time, mtu int, seq uint32) {
	off := f.sndOff(seq)
	if f.state == Closed || off < f.snd.una || off >= f.snd.nxt {
		f.stats.OutOfWindowIcmps++
		return
	}
	size := max(mtu, minMTU) - f.p.headers()
	if size >= f.pmtu.mss {
		return
	}
	f.stats.PMTUReduced++
	f.pmtu.full, f.pmtu.retry = 0, 0 // told, not guessed
	f.shrink(size)
	b := &f.snd.board
	for i := range b.live() {
		s := b.at(i)
		if s.flags&(sacked|lost) == 0 && s.data() > int64(f.segmentSize()) {
			b.markLost(i)
		}
	}
	f.armRTO(nanos(now))
}

func (f *Flow) shrink(size int) {
	f.pmtu.mss, f.pmtu.fails = size, 0
	f.setSendMSS()
}

// blackHole counts a timeout of span s, and goes a step down when it looks like
// one. When the smallest size does not get through either it is the path that is
// down, and the size is innocent.
func (f *Flow) blackHole(t int64, s *span) {
	m := &f.pmtu
	least := mtuSteps[len(mtuSteps)-1] - f.p.headers()
	if int(s.data()) <= least && m.full == 0 {
		return // it would be no smaller
	}
	if m.fails++; m.fails < blackHoleFails {
		return
	}
	for _, mtu := range mtuSteps {
		// What the owner cut short may be too large all the same.
		if size := mtu - f.p.headers(); size < f.snd.mss && (size < int(s.data()) || size == least) {
			f.stats.MTUPFail++
			if m.full == 0 {
				m.full = m.mss
			}
			m.retry = t + raiseAfter
			f.shrink(size)
			return
		}
	}
	f.raise()
}

// raise takes back what black-hole probing did.
func (f *Flow) raise() {
	if m := &f.pmtu; m.full != 0 {
		size := m.full
		m.full, m.retry = 0, 0
		f.shrink(size)
	}
}

// HandleUnreachable takes an ICMP error that quotes sequence number seq. A hard
// error ends a handshake; an open connection survives it (RFC 5927 section 5.2).
func (f *Flow) HandleUnreachable(now time.Time, seq uint32) {
	if f.state == SynSent && f.syn.tries > 0 && seq == f.iss {
		f.finish(&PeerError{Unreachable})
		return
	}
	f.stats.OutOfWindowIcmps++
}
