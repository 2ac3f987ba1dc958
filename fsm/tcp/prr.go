package tcp

// prr is Proportional Rate Reduction (RFC 6937 section 3.1) with the slow start
// reduction bound. Octets.
type prr struct {
	delivered int64 // prr_delivered
	out       int64 // prr_out
	flight    int64 // RecoverFS
	ssthresh  int64
	left      int64 // sndcnt: what may still be sent for the ACKs so far
	first     bool  // the fast retransmit itself is still to be sent
}

func (p *prr) start(flight, ssthresh int64) {
	*p = prr{flight: max(flight, 1), ssthresh: ssthresh, first: true}
}

// ack computes sndcnt anew after an ACK: pipe is what is in the network, and just
// what the ACK delivered.
func (p *prr) ack(pipe, just, mss int64) {
	p.delivered += just
	if pipe > p.ssthresh {
		// In proportion to what arrived.
		p.left = (p.delivered*p.ssthresh+p.flight-1)/p.flight - p.out
		return
	}
	limit := max(p.delivered-p.out, just) + mss // the slow start reduction bound
	p.left = min(p.ssthresh-pipe, limit)
}

func (p *prr) sent(n int64) {
	p.out += n
	p.left -= n
	p.first = false
}
