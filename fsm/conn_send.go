package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/sched"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// sendState is our stream.
type sendState struct {
	buf  sendBuffer
	una  uint64 // below it everything is DATA_ACKed; after a fallback, ACKed
	next uint64 // below it everything was bound to a subflow
	edge uint64 // right edge of the peer's window: the highest there ever was

	closed   bool // the application ended the stream
	finSent  bool // the DATA_FIN was declared
	finAcked bool
	finBound bool // it is on the mapping of the last octets
	full     bool // Write found no room
	limit    int  // octets that the buffer takes now; see tuneSend

	proven   bool     // a DATA_ACK was received
	again    []extent // what is to be sent again on another mapping
	recover  uint64   // what was sent before a data-level retransmission: see rtx.go
	repeated *subflow // the only subflow, where that was made on it
	tries    int      // data-level retransmissions in a row
	overdue  uint8    // questions for a DATA_ACK in a row: see overdue.go
	probes   int      // window probes in a row
	quietAt  int64    // when an option last came on the only subflow, as onResend saw it
	quiet    int      // expiries since then
	advanced bool     // a DATA_ACK moved una, and release was not called since
	copies   bool     // the scheduler wants several subflows to carry the same
	heardAt  int64    // when a DATA_ACK came last on a pure ACK
	dropper  bool     // a repetition on an only subflow was what the peer wanted
	askedAt  int64    // when the peer was asked, on an only subflow, what it has
}

// extent is a range of data offsets.
type extent struct{ lo, hi uint64 }

// nothingToSend reports whether s can go: nothing waits to leave on it.
func (d *sendState) nothingToSend(s *subflow) bool { return !s.dataFin && !s.sendFail && !s.fastOut }

// poll fills in the next segment of the connection. Data is bound to a subflow only
// when none has anything else to send (DESIGN section 5: pull, never push).
func (c *Conn) poll(now time.Time, seg *wire.Segment) bool {
	for {
		for i := range c.subflows {
			k := c.turn + i
			if n := len(c.subflows); k >= n {
				k %= n // some may have gone since the last turn
			}
			if c.pollSubflow(now, c.subflows[k], seg) {
				c.turn = k
				return true
			}
		}
		if !c.assign(now) {
			return false
		}
	}
}

// assign binds one more chunk of data to one subflow, or sends the end of the stream
// on its way. It reports false when there is nothing to be done.
func (c *Conn) assign(now time.Time) bool {
	if !c.opened && !c.fo.early || c.ended || c.fast.waiting {
		return false
	}
	snd := &c.snd
	if c.mode == multi && len(snd.again) > 0 && c.assignAgain(now) {
		return true
	}
	if snd.next < snd.buf.end {
		return c.assignNew(now)
	}
	if snd.copies && c.mode == multi && snd.una < snd.next {
		paths, _ := c.candidates(now, snd.una, snd.next, false)
		if c.assignCopy(now, c.sched.Next(paths)) {
			return true
		}
	}
	if snd.una < snd.next && int(snd.buf.end-snd.una) >= c.ep.cfg.SendBuffer && c.assignFull(now) {
		return true
	}
	return c.assignFin(now)
}

// assignFull is for a send buffer that is full: to a subflow that could send more it is
// what a closed window is.
func (c *Conn) assignFull(now time.Time) bool {
	paths, _ := c.candidates(now, c.snd.una, c.snd.next, false)
	set := c.sched.Next(paths)
	for i, s := range c.subflows {
		if set.Has(i) && paths[i].Room > 0 {
			return c.windowLimited(now, s, i)
		}
	}
	return false
}

// assignNew binds data never sent before, to whom the scheduler says.
func (c *Conn) assignNew(now time.Time) bool {
	snd := &c.snd
	paths, closed := c.candidates(now, snd.next, snd.buf.end, false)
	set := c.sched.Next(paths)
	if set == sched.None {
		if closed != nil {
			c.armPersist(now, closed)
		}
		return false
	}
	if snd.copies = set.Several(); snd.copies && c.assignCopy(now, set) {
		return true
	}
	i, n := 0, 0
	for ; i < len(paths); i++ {
		if set.Has(i) && paths[i].Room > 0 {
			n = paths[i].Room
			break
		}
	}
	if n == 0 {
		return false
	}
	s := c.subflows[i]
	if n = c.windowed(s, n); n == 0 {
		if c.windowLimited(now, s, i) {
			return true
		}
		c.armPersist(now, s)
		return false
	}
	c.turn = i
	c.timers.stop(timerPersist)
	snd.probes = 0
	c.bind(now, s, snd.next, n, 0)
	if snd.copies {
		s.copied = snd.next
	}
	return true
}

// assignCopy has one of set send what it has not carried yet and is not acknowledged,
// where the scheduler wants all of them to carry the same.
func (c *Conn) assignCopy(now time.Time, set sched.Set) bool {
	snd := &c.snd
	for i, s := range c.subflows {
		if !set.Has(i) || !c.bound(s) {
			continue
		}
		from := max(s.copied, snd.una)
		for from < snd.next {
			// Also what it has delivered: a DATA_ACK that does not come of it is no reason
			// to repeat on an only subflow (see mayRepeat).
			m := s.maps.covering(from)
			if m == nil {
				break
			}
			from = min(m.dataEnd(), snd.next)
		}
		if s.copied = from; from == snd.next {
			continue
		}
		if n, _ := c.flowRoom(s, from, snd.next); n > 0 {
			c.turn = i
			c.bind(now, s, from, n, sentAgain)
			s.copied = from + uint64(n)
			c.ep.stats.RedundantTx++
			return true
		}
	}
	return false
}

// candidates describes the subflows to the scheduler, by what each could take of the octets
// [from, to). again is for data that is repeated: who still delivers it has no room for
// it. closed is a subflow of which a closed window, and nothing else, is the reason that
// it has none. The slice lives until the next call.
func (c *Conn) candidates(now time.Time, from, to uint64, again bool) (paths []sched.Path, closed *subflow) {
	paths = c.ep.offered[:0]
	for _, s := range c.subflows {
		p := sched.Path{ID: s.index, Backup: s.spare(), Usable: c.sendable(s)}
		if p.Usable {
			p.SRTT, _ = s.flow.RTT()
			p.Cwnd, _ = s.flow.Cwnd()
			p.InFlight = s.flow.InFlight()
			if c.bound(s) && !(again && c.carries(s, from)) && !c.resting(now, s) {
				n, shut := c.flowRoom(s, from, to)
				if p.Room = n; shut {
					closed = s
				}
			}
		}
		paths = append(paths, p)
	}
	c.ep.offered = paths
	return paths, closed
}

// sendable reports whether s is fit to carry data.
func (c *Conn) sendable(s *subflow) bool {
	if c.fo.early {
		return s.flow.State() == tcp.SynReceived && s.flow.SYNs() > 0
	}
	return s.up && !s.doomed && !s.fin && !s.stale && canSend(s.flow)
}

// bound reports whether all that was bound to s has left.
func (c *Conn) bound(s *subflow) bool { return s.flow.Sent() == s.flow.Available() }

func canSend(f *tcp.Flow) bool {
	st := f.State()
	return st == tcp.Established || st == tcp.CloseWait
}

// spare reports whether s is a backup, or as good as one: somebody said that its address
// is gone, or the peer has closed its half and waits for ours.
func (s *subflow) spare() bool {
	return s.join.backup || s.join.ownBackup || s.ask != nil || s.leaving()
}

// flowRoom returns how many octets of [from, to) the flow of s would take in one mapping
// now; 0: none. closed says that only the peer's window keeps a quiet flow from it.
func (c *Conn) flowRoom(s *subflow, from, to uint64) (n int, closed bool) {
	seg := c.segmentRoom(s)
	want := int(min(to-from, c.snd.buf.run(from), uint64(c.mappingLimit(s, seg, from))))
	w := s.flow.Window()
	switch {
	case w >= want:
		return want, false
	case w >= seg:
		return max(w/seg*seg, c.mapAhead(s, seg, want, from)), false
	case s.flow.InFlight() == 0:
		return w, w == 0
	}
	if s.flow.PeerWindow() < want {
		c.ep.stats.SndWndShared++ // the subflow's own window (R3.3.5-03)
	}
	return 0, false
}

// blockUnit is how many octets the blocks of the send buffer are to have: as many as whole
// segments do, and no more than the link cuts, so that none ends in a short one. 0: any.
func (c *Conn) blockUnit() int {
	if !c.opened {
		return 0
	}
	for _, s := range c.subflows {
		if !s.up {
			continue
		}
		seg, most := c.segmentRoom(s), blockSize
		if p := c.ep.pathOf(s.id.local.Addr()); p.Max > seg {
			most = min(most, p.Max)
		}
		if seg <= most {
			return most / seg * seg
		}
	}
	return 0
}

// windowed returns how many of n octets the connection's window takes of the data to be
// sent next, on s: sender's silly window avoidance (RFC 9293 section 3.8.6.2.1), at the
// level that owns the window.
func (c *Conn) windowed(s *subflow, n int) int {
	snd := &c.snd
	if c.mode != multi || snd.edge >= snd.next+uint64(n) {
		return n
	}
	room := int(max(snd.edge, snd.next) - snd.next)
	switch seg := c.segmentRoom(s); {
	case room >= seg:
		return room / seg * seg
	case s.flow.InFlight() == 0 && snd.una == snd.next:
		return room
	}
	return 0
}

// segmentRoom is how many octets of data fit into one packet of s beside a mapping.
func (c *Conn) segmentRoom(s *subflow) int {
	o := 0
	if s.flow.Timestamps() {
		o = 12
	}
	if c.mode != plain {
		o += 4 + 10
		if c.capableNext(s) {
			o += 8
		} else {
			o += 4
			if s.ackWide {
				o += 4
			}
			if !c.shortDSN(s) {
				o += 4
			}
		}
		if c.checksum {
			o += 2
		}
		o = (o + 3) &^ 3
	}
	return max(s.flow.MSS()-o, 1)
}

// capableNext reports whether the next mapping on s goes into MP_CAPABLE: the one at
// SSN 1 of an opener that has heard nothing yet (R3.1-16, NOTES 1.16).
func (c *Conn) capableNext(s *subflow) bool {
	return c.opener && c.version == wire.V1 && s.index == 0 && s.flow.Available() == uint64(-s.relOut.ISN) && !c.hs.proven && c.mode == multi
}

// shortDSN reports whether 4 octets of a DSN suffice on s: the stream cannot wrap
// around them within a maximum segment lifetime (R3.3.1-16).
func (c *Conn) shortDSN(s *subflow) bool {
	if !c.ep.cfg.ShortDSN {
		return false
	}
	cwnd, _ := s.flow.Cwnd()
	rtt, _ := s.flow.RTT()
	const msl = 2 * time.Minute
	return rtt > 0 && float64(cwnd)*float64(msl)/float64(rtt) < 1<<31
}

// bind declares that n octets from data offset from on are the next of s.
func (c *Conn) bind(now time.Time, s *subflow, from uint64, n int, flags sentFlags) {
	snd := &c.snd
	m := sent{sub: s.flow.Available(), data: from, len: n, flags: flags}
	if c.shortDSN(s) {
		m.flags |= sentShort
	}
	if c.capableNext(s) {
		m.flags |= sentCapable
	}
	fresh := flags&sentAgain == 0
	switch c.mode {
	case plain:
		m.flags |= sentPlain
		if c.fb.announce {
			c.fb.announce, c.fb.told = false, m.sub+uint64(n)
			m.flags |= sentInfinite
			c.ep.stats.InfiniteMapTx++
		}
	case multi:
		if fresh && snd.closed && !snd.finSent && from+uint64(n) == snd.buf.end && m.flags&sentCapable == 0 {
			m.flags |= sentFin // R3.3.3-02
			snd.finBound = true
			c.declareFin()
		} else if !fresh && snd.finBound && from+uint64(n) == snd.buf.end && m.flags&sentCapable == 0 {
			// Only what had it the first time: Linux 6.18 notes the DATA_FIN of a mapping whose
			// octets it has already, and neither acts on it nor heeds another one.
			m.flags |= sentFin
		}
	}
	c.sum(s, &m)
	if s.flow.Extend(n) != nil {
		return
	}
	s.maps.push(m)
	if fresh {
		snd.next += uint64(n)
	}
	c.timers.stop(timerOverdue)
	if !c.timers.armed(timerResend) {
		c.armResend(now)
	}
}

// wireLen is the data-level length of m: its DATA_FIN counts (R3.3.1-22).
func (m *sent) wireLen() uint16 {
	n := m.len
	if m.flags&sentFin != 0 {
		n++
	}
	return uint16(n)
}
