package peer

import (
	"iter"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/peer/link"
)

// Stats are the counters of a stack; docs/statistics.md has them all.
type Stats struct {
	MPTCP fsm.Stats
	TCP   tcp.Stats
	Links []LinkStats

	Connections int    // that have not ended; half-open ones of listeners not included
	NotTCP      uint64 // packets received that are neither TCP, nor an ICMP error about it, nor an echo request
	NotOurs     uint64 // segments received for an address that is not ours
	NoRoute     uint64 // segments not sent since no link has their source address
	Unsendable  uint64 // segments that the codec refused
	EchoReplies uint64 // ICMP echo requests answered
	EchoLimited uint64 // ICMP echo requests not answered: too many at once
	EventsLost  uint64 // not delivered to Config.Events
}

// All returns the stack's own counters by the names of their fields, in order: those of
// MPTCP, TCP and Links have an All of their own.
func (s *Stats) All() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, c := range [...]struct {
			name string
			n    uint64
		}{
			{"NotTCP", s.NotTCP},
			{"NotOurs", s.NotOurs},
			{"NoRoute", s.NoRoute},
			{"Unsendable", s.Unsendable},
			{"EchoReplies", s.EchoReplies},
			{"EchoLimited", s.EchoLimited},
			{"EventsLost", s.EventsLost},
		} {
			if !yield(c.name, c.n) {
				return
			}
		}
	}
}

// LinkStats are the counters of one link.
type LinkStats struct {
	Name string
	link.Stats
}

// Stats returns the counters.
func (s *Stack) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.MPTCP, st.TCP, st.Connections = *s.ep.Stats(), *s.ep.FlowStats(), len(s.conns)
	for _, p := range s.ports {
		st.Links = append(st.Links, LinkStats{p.link.Name(), p.link.Stats()})
	}
	return st
}

// Usage is how much the endpoint keeps now.
func (s *Stack) Usage() fsm.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ep.Usage()
}
