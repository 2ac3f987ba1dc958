package peer

import (
	"math"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// turn is what follows every input, with the stack locked: segments are taken from the
// endpoint, whom something happened to is told, the timer is set. They leave when the
// caller unlocks. Where a batch is full the rest is taken when it has left: what is
// encoded is still in the cache then, and says what is true when it goes.
func (s *Stack) turn(now time.Time) {
	s.more = true
	for s.full == 0 {
		if s.ep.PollSegment(now, &s.out) {
			s.output(now, &s.out)
		} else if !s.tell(now) {
			s.more = false
			break
		}
	}
	if s.more {
		s.tell(now)
	}
	d := s.ep.Deadline()
	if d.IsZero() || !s.armed.IsZero() && !d.Before(s.armed) {
		return // the timer goroutine wakes early and finds out
	}
	s.armed = d
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// tell passes on what happened to connections. It reports whether the endpoint may have
// something to send again.
func (s *Stack) tell(now time.Time) (again bool) {
	for {
		fc, ev, ok := s.ep.PollEvent()
		if !ok {
			return again
		}
		c := s.conns[fc]
		if ev&fsm.Opened != 0 {
			s.logKeys(fc)
		}
		if c == nil {
			s.arrived(fc) // by Fast Open before it is opened
			continue
		}
		if s.events.wanted {
			s.note(now, c, ev)
		}
		again = c.happened(now, ev) || again
		if ev&fsm.Ended != 0 {
			delete(s.conns, fc)
		}
	}
}

// timers is the goroutine that wakes when something is due.
func (s *Stack) timers() {
	defer s.wg.Done()
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-s.kick:
		case <-t.C:
		}
		now := s.lock()
		d := s.ep.Deadline()
		if !d.IsZero() && !now.Before(d) {
			s.ep.HandleTimer(now)
			s.turn(now)
			d = s.ep.Deadline()
		} else if s.ep.Prepare(1) > 0 {
			s.ep.Prepare(keysAtOnce)
		}
		s.armed = d
		wait := time.Hour
		if !d.IsZero() {
			wait = max(d.Sub(s.now()), 0)
		}
		t.Reset(wait)
		s.unlock()
	}
}

// keysAtOnce is how many keys are computed while nothing else is to be done: some 10 us.
const keysAtOnce = 32

// batch is packets on their way to a link, and the memory they lie in.
type batch struct {
	pkts   []link.Packet
	chunks [][]byte
	at     int // the chunk in use
	octets int
	isFull bool // counted in Stack.full
}

const (
	chunkSize = 256 << 10
	// batchOctets makes a batch full, as batchSize packets do: one more segment, of at most
	// 64 KiB, still goes into it. A link has two, the one that is being sent and the one
	// that waits.
	batchOctets = 256 << 10
)

// room returns an empty slice with room for n octets, at most chunkSize.
func (b *batch) room(n int) []byte {
	for {
		if b.at == len(b.chunks) {
			b.chunks = append(b.chunks, make([]byte, 0, chunkSize))
		}
		c := b.chunks[b.at]
		if cap(c)-len(c) >= n {
			return c[len(c):len(c):cap(c)]
		}
		b.at++
	}
}

// add appends a packet that was written to room.
func (b *batch) add(k link.Packet) {
	c := b.chunks[b.at]
	b.chunks[b.at] = c[:len(c)+len(k.Data)]
	b.pkts = append(b.pkts, k)
	b.octets += len(k.Data)
}

func (b *batch) reset() {
	for i := range b.chunks {
		b.chunks[i] = b.chunks[i][:0]
	}
	b.pkts, b.at, b.octets, b.isFull = b.pkts[:0], 0, 0, false
}

// output encodes one segment for the link it leaves by. Its payload is copied, since it
// is the endpoint's until the next call only, and packets are sent with the stack
// unlocked.
func (s *Stack) output(now time.Time, seg *wire.Segment) {
	e := s.pathOf(seg)
	if e == nil || e.port.gone {
		s.stats.NoRoute++
		return
	}
	p := e.port
	if seg.Flags&(wire.SYN|wire.ACK) == wire.SYN && !s.hold(p, seg.Src) {
		s.stats.NoRoute++
		return
	}
	offload := e.Max > 0
	if offload && (seg.SegSize > 0 || seg.Sum != wire.SumGood) {
		seg.Sum = wire.SumPartial
	}
	pkt, err := wire.Append(p.room(maxHeaders+len(seg.Payload)), seg)
	if err != nil {
		s.stats.Unsendable++
		return
	}
	p.add(now, link.Packet{Data: pkt, SegSize: int(seg.SegSize), Partial: seg.Sum == wire.SumPartial})
}

// room is where a packet of n octets for the link is written.
func (p *port) room(n int) []byte {
	if p.queued == nil {
		if n := len(p.spares); n > 0 {
			p.queued, p.spares = p.spares[n-1], p.spares[:n-1]
		} else {
			p.queued = &batch{} // one of two: another is being sent
		}
	}
	return p.queued.room(n)
}

// add has a packet that was written to room sent.
func (p *port) add(now time.Time, k link.Packet) {
	s, b := p.stack, p.queued
	if s.cfg.Capture != nil {
		s.capture(now, p, k.Data, outbound)
	}
	b.add(k)
	if !b.isFull && (len(b.pkts) >= batchSize || b.octets >= batchOctets) {
		b.isFull = true
		s.full++
	}
	if !p.sending {
		p.queue()
	}
}

// queue has the next one who unlocks send for p.
func (p *port) queue() {
	if !p.queuing {
		p.queuing = true
		p.stack.dirty = append(p.stack.dirty, p)
	}
}

const maxHeaders = 40 + 60

// unlock unlocks the stack and sends what waits to be sent, unless somebody is doing so
// already, who will take this too. What others add meanwhile it sends as well, but not for
// ever: a call has to return, a timer to be seen to.
func (s *Stack) unlock() {
	s.drive(batchesPerCall)
	s.mu.Unlock()
}

// batchesPerCall is how many batches one call sends: some milliseconds of a fast link.
const batchesPerCall = 16

// drive sends what waits, with the stack locked. What is there still after so many batches
// is left to the pump.
func (s *Stack) drive(most int) {
	for n := 0; len(s.dirty) > 0; n++ {
		if n >= most && !s.closed {
			select {
			case s.behind <- struct{}{}:
			default:
			}
			return
		}
		p := s.dirty[0]
		s.dirty = append(s.dirty[:0], s.dirty[1:]...)
		p.queuing = false
		p.send()
	}
}

// pump is the goroutine that sends for as long as there is something to send.
func (s *Stack) pump() {
	defer s.wg.Done()
	for {
		select {
		case <-s.done:
			return
		case <-s.behind:
		}
		s.mu.Lock()
		s.drive(math.MaxInt)
		s.mu.Unlock()
	}
}

// send sends a batch of what is queued. It is called with the stack locked, and unlocks it
// meanwhile.
func (p *port) send() {
	s := p.stack
	b := p.queued
	p.queued, p.sending = nil, true
	if b.isFull {
		s.full--
	}
	s.mu.Unlock()
	_ = p.link.Send(b.pkts) // what ends the link, Recv tells, too
	b.reset()
	s.mu.Lock()
	p.sending, p.spares = false, append(p.spares, b)
	if s.more {
		s.turn(s.now())
	}
	switch {
	case p.queued != nil:
		p.queue()
	case p.idle != nil:
		close(p.idle)
		p.idle = nil
	}
}

// waitSent returns when nobody sends on the link.
func (p *port) waitSent() {
	p.stack.mu.Lock()
	if (p.sending || p.queued != nil && len(p.queued.pkts) > 0) && p.idle == nil {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	p.stack.mu.Unlock()
	if idle != nil {
		<-idle
	}
}
