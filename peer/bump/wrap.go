package bump

import (
	"net"
	"sync"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/peer/link"
)

// Wrap returns l behind elements: what is sent on the link returned travels forward
// through them, what l receives travels back. It offloads nothing, since elements see
// packets as they are on a wire. Closing it closes l.
func Wrap(l link.Link, cfg Config) link.Link {
	w := &wrapped{Link: l}
	w.wake.L = &w.mu
	setMTU(cfg.Elements, l)
	w.engine = newEngine(cfg, w.out, func(err error) { w.end(err) })
	go w.read()
	if h, ok := l.(link.PortHolder); ok {
		return &wrappedHolder{w, h}
	}
	return w
}

type wrapped struct {
	link.Link
	engine *engine
	sent   [1]link.Packet // of out, under the engine's lock
	flat   []byte         // of Send

	mu    sync.Mutex
	wake  sync.Cond
	queue [][]byte // arrived and not yet received
	held  [][]byte // handed out by the last Recv
	free  [][]byte
	lost  uint64
	err   error
}

type wrappedHolder struct {
	*wrapped
	link.PortHolder
}

const maxQueue = 1024 // packets; what is more is dropped, as a socket does

func (w *wrapped) MaxPayload() int { return 0 }

func (w *wrapped) Stats() link.Stats {
	s := w.Link.Stats()
	w.mu.Lock()
	defer w.mu.Unlock()
	s.DropLost += w.lost
	return s
}

// out takes what leaves the elements.
func (w *wrapped) out(dir netsim.Dir, pkt []byte) {
	if dir == netsim.Forward {
		w.sent[0] = link.Packet{Data: pkt}
		if err := w.Link.Send(w.sent[:]); err != nil {
			w.end(err)
		}
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) >= maxQueue {
		w.lost++
		return
	}
	var b []byte
	if n := len(w.free); n > 0 {
		b, w.free = w.free[n-1], w.free[:n-1]
	}
	w.queue = append(w.queue, append(b[:0], pkt...))
	w.wake.Signal()
}

// end has Recv and Send fail.
func (w *wrapped) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.wake.Broadcast()
}

// read carries what the link receives to the elements.
func (w *wrapped) read() {
	pkts := make([]link.Packet, batch)
	var c cutter
	emit := func(pkt []byte) { w.engine.input(netsim.Reverse, pkt) }
	for {
		n, err := w.Link.Recv(pkts)
		if err != nil {
			w.end(err)
			return
		}
		for i := range pkts[:n] {
			onWire(&c, &pkts[i], emit)
		}
	}
}

func (w *wrapped) Send(pkts []link.Packet) error {
	w.mu.Lock()
	err := w.err
	w.mu.Unlock()
	if err != nil {
		return err
	}
	for i := range pkts {
		p := &pkts[i]
		w.flat = append(append(w.flat[:0], p.Data...), p.Tail...)
		w.engine.input(netsim.Forward, w.flat)
	}
	return nil
}

func (w *wrapped) Recv(pkts []link.Packet) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = append(w.free, w.held...)
	w.held = w.held[:0]
	for len(w.queue) == 0 && w.err == nil {
		w.wake.Wait()
	}
	if len(w.queue) == 0 {
		return 0, w.err
	}
	n := min(len(pkts), len(w.queue))
	for i, b := range w.queue[:n] {
		pkts[i] = link.Packet{Data: b}
	}
	w.held = append(w.held, w.queue[:n]...)
	w.queue = w.queue[:copy(w.queue, w.queue[n:])]
	return n, nil
}

func (w *wrapped) Close() error {
	w.engine.stop()
	w.end(net.ErrClosed)
	return w.Link.Close()
}

// Watch returns l with see told of every packet: what is sent travels forward. see may
// be called by two goroutines at once; the packet and its octets are to be looked at
// only, until see returns.
func Watch(l link.Link, see func(at time.Time, dir netsim.Dir, p *link.Packet)) link.Link {
	w := &watched{Link: l, see: see}
	if h, ok := l.(link.PortHolder); ok {
		return &watchedHolder{w, h}
	}
	return w
}

type watched struct {
	link.Link
	see func(time.Time, netsim.Dir, *link.Packet)
}

type watchedHolder struct {
	*watched
	link.PortHolder
}

func (w *watched) Send(pkts []link.Packet) error {
	now := time.Now()
	for i := range pkts {
		w.see(now, netsim.Forward, &pkts[i])
	}
	return w.Link.Send(pkts)
}

func (w *watched) Recv(pkts []link.Packet) (int, error) {
	n, err := w.Link.Recv(pkts)
	if n > 0 {
		now := time.Now()
		for i := range pkts[:n] {
			w.see(now, netsim.Reverse, &pkts[i])
		}
	}
	return n, err
}
