package peer

import "context"

// Drain waits until the connections that the application has closed have ended: until
// the peer has what was written, and has closed, too; or until Close ends them all. It
// returns ctx.Err() when ctx ends first.
func (s *Stack) Drain(ctx context.Context) error {
	for {
		wait := s.drained()
		if wait == nil {
			return nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drained returns nil when no closed connection is left, else a channel to wait on.
func (s *Stack) drained() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.closed {
			if c.ended == nil {
				c.ended = make(chan struct{})
			}
			return c.ended
		}
	}
	return nil
}
