package peer

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// turn is what follows every input, with the stack locked: segments are taken from the
// endpoint, whom something happened to is told, the timer is set. They leave when the
// caller unlocks.
func (s *Stack) turn(now time.Time) {
	for {
		for s.ep.PollSegment(now, &s.out) {
			s.output(now, &s.out)
		}
		if !s.tell(now) {
			break
		}
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
}

const (
	chunkSize = 256 << 10
	// These bound what waits while another goroutine sends: like a network card's queue
	// it drops what comes beyond, which TCP then repeats. A link has two batches, the one
	// that is being sent and the one that waits: 16 MiB together.
	maxQueued = 4096 // packets
	maxChunks = 32   // 8 MiB
)

// room returns an empty slice with room for n octets, at most chunkSize; nil where the
// batch is full.
func (b *batch) room(n int) []byte {
	for {
		if b.at == len(b.chunks) {
			if b.at == maxChunks {
				return nil
			}
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
	const keep = 16 // chunks, 4 MiB
	if len(b.chunks) > keep {
		clear(b.chunks[keep:])
		b.chunks = b.chunks[:keep]
	}
	for i := range b.chunks {
		b.chunks[i] = b.chunks[i][:0]
	}
	b.pkts, b.at, b.octets = b.pkts[:0], 0, 0
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
	if p.queued == nil {
		if p.queued, p.spare = p.spare, nil; p.queued == nil {
			p.queued = &batch{}
		}
	}
	b := p.queued
	var room []byte
	if len(b.pkts) < maxQueued {
		room = b.room(maxHeaders + len(seg.Payload))
	}
	if room == nil {
		s.stats.QueueFull++
		return
	}
	offload := e.Max > 0
	if offload && (seg.SegSize > 0 || seg.Sum != wire.SumGood) {
		seg.Sum = wire.SumPartial
	}
	pkt, err := wire.Append(room, seg)
	if err != nil {
		s.stats.Unsendable++
		return
	}
	k := link.Packet{Data: pkt, SegSize: int(seg.SegSize), Partial: seg.Sum == wire.SumPartial}
	if s.cfg.Capture != nil {
		s.capture(now, p, pkt, outbound)
	}
	b.add(k)
	if !p.sending && !p.queuing {
		p.queuing = true
		s.dirty = append(s.dirty, p)
	}
}

const maxHeaders = 40 + 60

// unlock unlocks the stack and sends what waits to be sent, unless somebody is doing so
// already, who will take this too.
func (s *Stack) unlock() {
	for len(s.dirty) > 0 {
		p := s.dirty[len(s.dirty)-1]
		s.dirty = s.dirty[:len(s.dirty)-1]
		p.queuing = false
		p.send()
	}
	s.mu.Unlock()
}

// send sends what is queued. It is called with the stack locked, and unlocks it
// meanwhile.
func (p *port) send() {
	if p.sending {
		return
	}
	p.sending = true
	for p.queued != nil {
		b := p.queued
		p.queued = nil
		p.stack.mu.Unlock()
		_ = p.link.Send(b.pkts) // what ends the link, Recv tells, too
		b.reset()
		p.stack.mu.Lock()
		p.spare = b
	}
	p.sending = false
	if p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

// waitSent returns when nobody sends on the link.
func (p *port) waitSent() {
	p.stack.mu.Lock()
	if p.sending && p.idle == nil {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	p.stack.mu.Unlock()
	if idle != nil {
		<-idle
	}
}
