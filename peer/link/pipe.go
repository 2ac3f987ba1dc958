package link

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// PipeConfig says how two in-memory links are joined. The zero value of each field is a
// good default.
type PipeConfig struct {
	A, B []netip.Prefix // addresses of the two ends
	// MTU is the largest packet in octets; 0 means 1500. Send drops longer ones unless
	// SegSize says they will be cut.
	MTU int
	// MaxPayload is what both ends report; packets with SegSize arrive as they were
	// sent, as they do between two virtual devices of one machine. 0: no offload.
	MaxPayload int
	// Delay is how long each packet takes.
	Delay time.Duration
	// Rate is in octets a second, over each direction; 0: no limit.
	Rate int
	// Loss is the share of packets, 0 to 1, that are dropped at random.
	Loss float64
	// Queue is how many packets may be on the way in each direction; 0 means 1000. What
	// is more is dropped.
	Queue int
	// Seed makes the losses. The same seed and the same packets give the same losses.
	Seed uint64
}

// Pipe returns two links, what is sent on one being received on the other. It needs no
// rights and starts no goroutine. Closing one end takes the other down, but what was sent
// before still arrives.
func Pipe(cfg PipeConfig) (a, b *PipeEnd) {
	if cfg.MTU == 0 {
		cfg.MTU = 1500
	}
	if cfg.Queue == 0 {
		cfg.Queue = 1000
	}
	p := &pipe{cfg: cfg, up: true}
	for i, addrs := range [][]netip.Prefix{cfg.A, cfg.B} {
		e := &p.ends[i]
		*e = PipeEnd{pipe: p, name: string("ab"[i]), addrs: addrs, changes: make(chan struct{}, 1),
			luck: rand.New(rand.NewPCG(cfg.Seed, uint64(i)))}
		e.wake.L = &p.mu
		e.peer = &p.ends[1-i]
	}
	return &p.ends[0], &p.ends[1]
}

type pipe struct {
	mu   sync.Mutex
	cfg  PipeConfig
	up   bool
	ends [2]PipeEnd
}

// PipeEnd is a Link in memory.
type PipeEnd struct {
	pipe    *pipe
	peer    *PipeEnd
	name    string
	addrs   []netip.Prefix
	changes chan struct{}
	luck    *rand.Rand // of what this end sends
	wake    sync.Cond
	queue   []inflight // to this end, in order of arrival
	held    []inflight // handed out by the last Recv
	free    [][]byte
	idle    time.Time // when the last packet sent by this end has been put on the wire
	timer   *time.Timer
	closed  bool
	stats   Stats
}

type inflight struct {
	pkt Packet
	at  time.Time // of arrival; zero: at once
}

// Name is "a" or "b".
func (e *PipeEnd) Name() string { return e.name }

// Addrs are the addresses given to Pipe.
func (e *PipeEnd) Addrs() []netip.Prefix { return e.addrs }

// MTU is the largest packet in octets.
func (e *PipeEnd) MTU() int { return e.pipe.cfg.MTU }

// MaxPayload is what was given to Pipe.
func (e *PipeEnd) MaxPayload() int { return e.pipe.cfg.MaxPayload }

// Changes is as in Link.
func (e *PipeEnd) Changes() <-chan struct{} { return e.changes }

// Up reports whether packets can pass.
func (e *PipeEnd) Up() bool {
	e.pipe.mu.Lock()
	defer e.pipe.mu.Unlock()
	return e.pipe.up
}

// SetUp cuts the pipe, both ways and with what is on the way, or restores it.
func (e *PipeEnd) SetUp(up bool) {
	e.pipe.mu.Lock()
	defer e.pipe.mu.Unlock()
	e.pipe.setUp(up, nil)
}

// setUp drops what is on the way when the pipe goes down, but for what is for spared.
func (p *pipe) setUp(up bool, spared *PipeEnd) {
	if p.up == up {
		return
	}
	p.up = up
	for i := range p.ends {
		e := &p.ends[i]
		if !up && e != spared {
			e.peer.stats.DropDown += uint64(len(e.queue))
			e.queue = e.release(e.queue)
		}
		select {
		case e.changes <- struct{}{}:
		default:
		}
	}
}

// SetLoss changes the share of packets that get lost from now on, both ways.
func (e *PipeEnd) SetLoss(share float64) {
	e.pipe.mu.Lock()
	defer e.pipe.mu.Unlock()
	e.pipe.cfg.Loss = share
}

// Stats are the counters so far.
func (e *PipeEnd) Stats() Stats {
	e.pipe.mu.Lock()
	defer e.pipe.mu.Unlock()
	return e.stats
}

// Send is as in Link. Packets lost at random are counted as sent.
func (e *PipeEnd) Send(pkts []Packet) error {
	p := e.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	e.stats.SendCalls++
	var now time.Time
	if p.cfg.Delay > 0 || p.cfg.Rate > 0 {
		now = time.Now()
	}
	to := e.peer
	for i := range pkts {
		k := &pkts[i]
		n := k.Len()
		switch {
		case !p.up:
			e.stats.DropDown++
			continue
		case n == 0 || n > p.cfg.MTU && k.SegSize == 0 || k.SegSize > 0 && p.cfg.MaxPayload == 0:
			e.stats.DropBad++
			continue
		case len(to.queue) >= p.cfg.Queue:
			e.stats.DropFull++
			continue
		}
		e.stats.Sent++
		e.stats.SentOctets += uint64(n)
		if p.cfg.Loss > 0 && e.luck.Float64() < p.cfg.Loss {
			continue
		}
		f := inflight{pkt: *k, at: now}
		f.pkt.Data = append(append(to.buffer(n), k.Data...), k.Tail...)
		f.pkt.Tail = nil
		if p.cfg.Rate > 0 {
			if e.idle.Before(now) {
				e.idle = now
			}
			e.idle = e.idle.Add(time.Duration(n) * time.Second / time.Duration(p.cfg.Rate))
			f.at = e.idle
		}
		if !now.IsZero() {
			f.at = f.at.Add(p.cfg.Delay)
		}
		to.queue = append(to.queue, f)
	}
	to.wake.Signal()
	return nil
}

// Recv is as in Link.
func (e *PipeEnd) Recv(pkts []Packet) (int, error) {
	p := e.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	e.held = e.release(e.held)
	for {
		if e.closed {
			return 0, net.ErrClosed
		}
		n := e.due(len(pkts))
		if n > 0 || len(pkts) == 0 {
			for i, f := range e.queue[:n] {
				pkts[i] = f.pkt
				e.stats.ReceivedOctets += uint64(len(f.pkt.Data))
			}
			e.held = append(e.held, e.queue[:n]...)
			e.queue = e.queue[:copy(e.queue, e.queue[n:])]
			e.stats.Received += uint64(n)
			e.stats.RecvCalls++
			return n, nil
		}
		e.wake.Wait()
	}
}

// due counts the packets, up to limit, that have arrived, and where there is none has
// Recv woken when the first does.
func (e *PipeEnd) due(limit int) (n int) {
	limit = min(limit, len(e.queue))
	if limit == 0 || e.queue[limit-1].at.IsZero() {
		return limit
	}
	now := time.Now()
	for n < limit && !e.queue[n].at.After(now) {
		n++
	}
	if n == 0 {
		wait := e.queue[0].at.Sub(now)
		if e.timer == nil {
			e.timer = time.AfterFunc(wait, func() {
				e.pipe.mu.Lock()
				defer e.pipe.mu.Unlock()
				e.wake.Signal()
			})
		} else {
			e.timer.Reset(wait)
		}
	}
	return n
}

// Close is as in Link.
func (e *PipeEnd) Close() error {
	p := e.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.closed {
		return net.ErrClosed
	}
	e.closed = true
	if e.timer != nil {
		e.timer.Stop()
	}
	p.setUp(false, e.peer)
	e.wake.Broadcast()
	return nil
}

// buffer is an empty one with room for n octets.
func (e *PipeEnd) buffer(n int) []byte {
	if k := len(e.free); k > 0 && cap(e.free[k-1]) >= n {
		b := e.free[k-1]
		e.free = e.free[:k-1]
		return b[:0]
	}
	return make([]byte, 0, max(n, 2048))
}

// release takes the buffers back, as many as a batch has.
func (e *PipeEnd) release(list []inflight) []inflight {
	for i := range list {
		if len(e.free) < 256 {
			e.free = append(e.free, list[i].pkt.Data)
		}
		list[i] = inflight{}
	}
	return list[:0]
}
