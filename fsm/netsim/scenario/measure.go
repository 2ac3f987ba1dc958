package scenario

import "time"

// Result is what one connection got.
type Result struct {
	Goodput    float64   // bit/s that the application read
	Throughput []float64 // bit/s of TCP payload sent by each path, repetitions by TCP not counted
	SendMemory float64   // octets kept by the sender, the mean over time
	RecvMemory float64   // octets kept by the receiver
}

type sample struct {
	read       uint64
	sent       []uint64
	send, recv uint64
	n          int
}

// every is the interval between two looks at memory.
const every = 10 * time.Millisecond

// Run runs the world until warmup has passed since its beginning, and then measures for
// so long. The error is that of the world, or tells that octets came out wrong.
func (w *World) Run(warmup, long time.Duration) ([]Result, error) {
	if err := w.Net.RunFor(warmup); err != nil {
		return nil, err
	}
	for _, f := range w.Flows {
		f.sample = sample{read: f.Read, sent: f.sent()}
	}
	for t := time.Duration(0); t < long; t += every {
		if err := w.Net.RunFor(every); err != nil {
			return nil, err
		}
		for _, f := range w.Flows {
			if f.err != nil {
				return nil, f.err
			}
			if s := &f.sample; f.Opener != nil && f.Acceptor != nil {
				s.send += uint64(f.Opener.Info().Sent - f.Opener.Info().Acked)
				s.recv += uint64(f.Acceptor.Info().ReceiveMemory)
				s.n++
			}
		}
	}
	var results []Result
	for _, f := range w.Flows {
		s := &f.sample
		bits := func(n uint64) float64 { return float64(n) * 8 / long.Seconds() }
		n := float64(max(s.n, 1))
		r := Result{Goodput: bits(f.Read - s.read), SendMemory: float64(s.send) / n, RecvMemory: float64(s.recv) / n}
		for i, sent := range f.sent() {
			r.Throughput = append(r.Throughput, bits(sent-s.sent[i]))
		}
		results = append(results, r)
	}
	return results, nil
}

// sent returns the octets that went out on each path.
func (f *Flow) sent() []uint64 {
	n := make([]uint64, len(f.Paths))
	if f.Opener == nil {
		return n
	}
	for _, s := range f.Opener.Subflows(nil) {
		for i := range n {
			if s.Local.Addr() == address(f.number, i, 0) {
				n[i] = s.Flow.Sent()
			}
		}
	}
	return n
}
