package bump

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/peer/link"
)

// Config says what traffic passes through.
type Config struct {
	Elements []netsim.Element   // in order from the left end to the right one
	Seed     uint64             // of the elements' luck
	Log      func(netsim.Entry) // told of every edit; nil: nobody is. Entry.At counts from the start
}

// Frame is what an end receives: a packet and the headers around it.
type Frame struct {
	// Link is the link-layer header, empty where there is none.
	Link []byte
	// Packet is the IP packet; where Opaque, it is whatever was behind Link.
	link.Packet
	// Opaque frames are not for the elements: no IP, or something that a card was to
	// cut and that is no TCP.
	Opaque bool
	vnet   [vnetSize]byte // of an opaque one: as it came
}

// End is one side of a bump. One goroutine may be in Recv and another in Send at the
// same time.
type End interface {
	Name() string
	// Recv fills in frames and returns how many; it waits for one. Their octets are
	// valid until the next Recv. The error wraps net.ErrClosed after Close.
	Recv([]Frame) (int, error)
	// Send sends a frame, or drops it where there is no room. The header of an end
	// that has one is chosen by the end where Link is empty.
	Send(*Frame) error
	Close() error
}

const batch = 64

// Run carries what arrives at either end to the other one, through the elements, until
// ctx is done, which is no error, or an end fails. It closes both ends. Packets from
// the left one travel forward, c2s.
func Run(ctx context.Context, left, right End, cfg Config) error {
	ends := [2]*sender{{End: left}, {End: right}} // by the direction of what comes from them
	var once sync.Once
	var failed error
	done := make(chan struct{})
	stop := func(err error) {
		once.Do(func() { failed = err; close(done) })
	}
	var out Frame
	setMTU(cfg.Elements, left, right)
	e := newEngine(cfg, func(dir netsim.Dir, pkt []byte) {
		out = Frame{Packet: link.Packet{Data: pkt}}
		if err := ends[dir.Back()].send(&out); err != nil {
			stop(err)
		}
	}, stop)
	var running sync.WaitGroup
	for dir, end := range ends {
		running.Go(func() { stop(carry(e, netsim.Dir(dir), end, ends[1-dir])) })
	}
	select {
	case <-ctx.Done():
		stop(nil)
	case <-done:
	}
	e.stop()
	err := errors.Join(left.Close(), right.Close())
	running.Wait()
	if failed != nil {
		return failed
	}
	return err
}

// carry reads from one end until that fails.
func carry(e *engine, dir netsim.Dir, from, to *sender) error {
	frames := make([]Frame, batch)
	var c cutter
	emit := func(pkt []byte) { e.input(dir, pkt) }
	for {
		n, err := from.Recv(frames)
		if err != nil {
			return fmt.Errorf("%s: %w", from.Name(), err)
		}
		for i := range frames[:n] {
			f := &frames[i]
			switch {
			case f.Opaque:
				if err := to.send(f); err != nil {
					return err
				}
			default:
				onWire(&c, &f.Packet, emit)
			}
		}
	}
}

// onWire emits what p would be on a wire: segments of the right size, whole checksums.
func onWire(c *cutter, p *link.Packet, emit func([]byte)) {
	if p.SegSize > 0 && c.cut(p.Data, p.SegSize, emit) {
		return
	}
	if p.Partial {
		finish(p)
	}
	emit(p.Data)
}

// sender is an end that two goroutines send to: the elements' and that of the other
// end.
type sender struct {
	End
	mu sync.Mutex
}

func (s *sender) send(f *Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Send(f)
}

// linkEnd is a link as an end.
type linkEnd struct {
	link.Link
	in  []link.Packet
	out [1]link.Packet
}

// FromLink makes an end of a link, which gets its own link-layer headers.
func FromLink(l link.Link) End { return &linkEnd{Link: l, in: make([]link.Packet, batch)} }

func (e *linkEnd) Recv(frames []Frame) (int, error) {
	n, err := e.Link.Recv(e.in[:min(len(frames), len(e.in))])
	for i, p := range e.in[:n] {
		frames[i] = Frame{Packet: p}
	}
	return n, err
}

func (e *linkEnd) Send(f *Frame) error {
	if len(f.Link) > 0 { // from an Ethernet, and no IP: not for a link
		return nil
	}
	e.out[0] = f.Packet
	return e.Link.Send(e.out[:])
}
