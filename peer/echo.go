package peer

import (
	"time"

	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// Who looks for a host pings it first, so a host answers (RFC 1122 section 3.2.2.6, RFC 4443
// section 4.2): no more than it was asked, to nobody who did not ask, and not without end.
const (
	echoRate  = 1000 // answers a second
	echoBurst = 50
)

// limiter is a bucket of tokens.
type limiter struct {
	tokens int
	filled time.Time // up to when tokens were put in; zero: it is full
}

// take reports whether there is a token left in a bucket of burst, into which rate a second
// come.
func (l *limiter) take(now time.Time, rate, burst int) bool {
	step := time.Second / time.Duration(rate)
	if n := now.Sub(l.filled) / step; l.filled.IsZero() || n >= time.Duration(burst) {
		l.tokens, l.filled = burst, now
	} else if n > 0 {
		l.tokens = min(burst, l.tokens+int(n))
		l.filled = l.filled.Add(n * step)
	}
	if l.tokens == 0 {
		return false
	}
	l.tokens--
	return true
}

// echo answers an ICMP echo request for an address that is ours alone; where the kernel has
// it, too, the kernel answers. It reports whether the packet was such a request.
func (s *Stack) echo(now time.Time, p *port, k *link.Packet) bool {
	var e wire.Echo
	if wire.ParseEcho(&e, k.Data) != nil {
		return false
	}
	if _, shared := sharedBy(p.link); shared {
		return true
	}
	at := s.pathAt(e.To) // no broadcasts, no multicasts
	switch {
	case at == nil, e.Sum != wire.SumGood, s.nobody(e.From), s.pathAt(e.From) != nil,
		e.Size() > p.link.MTU():
		return true
	case p.queued != nil && p.queued.isFull, !s.echoes.take(now, echoRate, echoBurst):
		s.stats.EchoLimited++
		return true
	}
	s.stats.EchoReplies++
	p.add(now, link.Packet{Data: e.AppendReply(p.room(e.Size()))})
	return true
}
