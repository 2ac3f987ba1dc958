package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/reasm"
	"github.com/mptcp-go/mptcp/wire"
)

// receiveState is the peer's stream.
type receiveState struct {
	buf      *reasm.Buffer
	next     uint64 // below it everything is here and verified: what DATA_ACK says
	top      uint64 // end of the data mapped farthest
	edge     uint64 // right edge of the window
	win      tcp.RecvWindow
	grewAt   int64        // when octets of the peer's stream came last
	finAsked int64        // when a probe that cannot be believed had us ask for the end of the stream
	shortAt  int64        // when the peer first said that no more comes, behind that: see short.go
	pending  []pendingMap // mappings whose checksum is not known yet

	size     int // of the buffer now: see tuneReceive
	tune     tuning
	fin      uint64 // where the stream ends
	hasFin   bool
	finDone  bool // everything up to the end is here
	finFirst bool // ...before we closed our side

	shortAsks uint8 // questions since shortAt
}

// pendingMap is a mapping of which octets are in the buffer but must not be
// delivered before its checksum is known to be right.
type pendingMap struct {
	s *subflow
	m dataseq.Mapping
	// from is where in the stream its octets begin that no other mapping has shown to be
	// right.
	from uint64
}

// overrun is by how much more than the receive buffer a connection may hold. Linux learns
// of a smaller window only from segments that acknowledge or carry something new on
// their own subflow, but of the DATA_ACK from all. So it may send a whole window behind
// the DATA_ACK, whatever part of that is taken by octets that were not read yet.
const overrun = 2

func (r *receiveState) init(e *Endpoint) {
	r.size = e.cfg.ReceiveBuffer
	if e.cfg.Autotune {
		r.size = e.cfg.InitialBuffer
	}
	slack := 1<<14 + 1 // a scaled window may be rounded up
	r.buf = reasm.NewAllShortcuts(reasm.Config{Octets: overrun*e.cfg.ReceiveBuffer + slack,
		Nodes: max(256, e.cfg.ReceiveBuffer/512), Pool: &e.pages})
}

// handleSegment takes a segment of one of the subflows: its options first, then the
// flow, then the data.
func (c *Conn) handleSegment(now time.Time, s *subflow, seg *wire.Segment) {
	o := &c.ep.opts
	o.parse(seg.Options, c.version)
	ok := s.flow.Acceptable(now, seg) // R3-03
	if !s.up {
		if s.join.active {
			if !c.shakeJoin(now, s, seg, o, ok) {
				return
			}
		} else if !c.shake(now, s, seg, o, ok) {
			return
		}
	}
	var hint tcp.Hint
	if o.signal {
		hint = tcp.NotCongestion // R3.4.1-19, R4-02
	}
	if ok && !seg.Flags.Has(wire.SYN) && c.mode != asking && !s.doomed {
		if !c.takeOptions(now, s, seg, o) {
			return
		}
		if o.refused {
			// What it acknowledges counts all the same: every ACK may be on a segment
			// that is refused.
			only := *seg
			only.Payload, only.Flags = nil, seg.Flags&^wire.FIN
			seg = &only
			s.flow.RequestAck()
		}
	}
	if !ok && o.hasDSS {
		c.askFin(now, s, seg, &o.dss)
	}
	acked, state := s.flow.Acked(), s.flow.State()
	in := s.flow.HandleSegment(now, seg, hint)
	switch {
	case s.up:
	case s.join.active:
		c.joined(now, s, seg, ok)
	case shookHands(s.flow):
		c.shook(now, s)
		c.firstWindow(seg, s)
	}
	if len(in.Data) > 0 {
		c.rcv.grewAt = nanos(now)
		holding := s.held.octets
		kept := c.takeData(now, s, in, seg, o)
		if kept == 0 && c.mode == multi && s.held.octets > holding && s.held.acked == 0 {
			s.flow.Hold(now)
		} else {
			s.flow.Keep(now, kept)
		}
		c.tuneReceive(now)
		if c.failing() {
			s.flow.RequestAck() // data has no room for MP_FAIL
			c.openWindow(now)   // what is held uses it up
		}
	}
	if s.flow.State() == tcp.Closed && state != tcp.Closed {
		return
	}
	if c.fb.await != awaitNothing {
		c.awaited(now, s, seg, o)
	}
	c.afterAck(now, s, seg, acked, o.data() || o.hasCapable && o.capable.HasReceiver, o.hasDSS && o.dss.Flags.Has(wire.DSSAck))
	if len(seg.Payload) == 0 && (o.hasDSS || nanos(now)-s.optAt > int64(5*time.Second)) {
		// The peer's word, not that of a proxy; or nobody's words have options any more.
		c.fellShort(now, s, seg)
	}
	if s.flow.PeerClosed() && !s.closed {
		s.closed = true
		c.subflowClosed(now, s, o)
	}
	c.settleHeld(s)
	below := s.settled()
	c.dropHopeless(s, below)
	c.advance(now)
	s.table.Discard(below)
}

func shookHands(f *tcp.Flow) bool {
	switch f.State() {
	case tcp.SynSent, tcp.SynReceived, tcp.Closed:
		return false
	}
	return true
}

// takeOptions acts on the options of an acceptable segment. It reports whether the
// segment is to be processed on.
func (c *Conn) takeOptions(now time.Time, s *subflow, seg *wire.Segment, o *options) bool {
	if c.mode == plain {
		c.lateFail(now, s, o)
		if o.hasDSS && c.peer.known {
			c.lateInfinite(s, seg, &o.dss)
			c.lateFin(now, s, seg, &o.dss)
		}
		return true
	}
	if o.data() {
		s.heardOption(nanos(now), seg)
	}
	if o.hasRst && seg.Flags.Has(wire.RST) { // without the RST flag it means nothing
		c.ep.stats.MPRstRx++
		s.rst = heardReset{o.rst, true}
	}
	if o.hasFastclose && !c.takeFastclose(now, s, seg, o) {
		return false
	}
	if c.fast.waiting {
		return true // nothing else matters any more
	}
	if o.hasFail && !c.takeFail(now, s, seg, o) {
		return false
	}
	if seg.Flags.Has(wire.RST) {
		return true
	}
	if c.takeSignals(now, s, o); s.doomed {
		return false
	}
	if o.hasCapable && !o.hasDSS {
		return c.takeCapable(now, s, seg, o)
	}
	if o.hasDSS {
		// What a listener sends before the third packet is here proves nothing.
		c.hs.proven = c.hs.proven || c.fo.sent == 0 || o.dss.Flags.Has(wire.DSSAck)
		return c.takeDSS(now, s, seg, &o.dss)
	}
	return true
}

// takeCapable takes the mapping that the first data has in MP_CAPABLE instead of a
// DSS (R3.1-17). Copies by TSO and retransmissions say the same again (R3.1-19).
func (c *Conn) takeCapable(now time.Time, s *subflow, seg *wire.Segment, o *options) bool {
	m := &o.capable
	if !m.HasData || c.opener || s.index != 0 || m.Receiver != c.own.key || m.Sender != c.peer.key {
		return true
	}
	d := wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: c.peer.space.DSN(uint64(c.fo.got)), SSN: 1, DataLen: m.DataLen, HasSum: m.HasSum, Sum: m.Sum}
	if m.DataLen == 0 {
		return true
	}
	c.hs.proven = true // the mapping proves as much as a DSS would
	return c.takeDSS(now, s, seg, &d)
}

// takeDSS takes a DATA_ACK and a mapping. It reports false when the segment is not to
// be processed since the subflow was reset.
func (c *Conn) takeDSS(now time.Time, s *subflow, seg *wire.Segment, d *wire.DSS) bool {
	if d.Flags.Has(wire.DSSMap) && d.HasSum != c.checksum && d.DataLen != 0 {
		// R3.3-04, R3.3-05, R3.3-06.
		c.ep.stats.DSSCorruptionReset++
		c.resetSubflow(now, s, wire.ResetMPTCPError)
		return false
	}
	if d.Flags.Has(wire.DSSAck) {
		c.takeDataAck(now, s, seg, d)
	}
	if !d.Flags.Has(wire.DSSMap) {
		return true
	}
	s.ackWide = d.Flags.Has(wire.DSSMap8)
	var off uint64
	var ok bool
	if s.ackWide {
		off, ok = c.peer.space.Off(d.DSN)
	} else {
		off, ok = c.peer.space.Off32(c.rcv.next, uint32(d.DSN))
	}
	if !ok {
		return true
	}
	if d.DataLen == 0 {
		return c.takeInfinite(now, s, off, d)
	}
	sub, ok := s.relIn.Off(s.flow.Received(), d.SSN)
	alone := d.Flags.Has(wire.DSSFin) && d.DataLen == 1
	m, _ := dataseq.NewMapping(sub, off, d.DataLen, d.Flags.Has(wire.DSSFin))
	m.Sum, m.HasSum = d.Sum, d.HasSum
	if alone {
		m.Sub = 0
		c.takeFinAlone(now, s, m)
		if c.failing() {
			c.lateFin(now, s, seg, d)
		}
		return true
	}
	window := overrun * uint64(c.ep.cfg.ReceiveBuffer)
	switch {
	case !ok, m.End() <= s.settled():
		return true // nothing new can come under it
	case m.Sub > s.flow.Received()+window+dataseq.MaxLen, m.Data > c.rcv.buf.Offset()+window+dataseq.MaxLen:
		return true // lies far beyond what was ever allowed (R3.8-02)
	}
	if m.Sub > s.flow.Received() && s.table.Len() >= c.ep.cfg.MaxMappings-c.ep.cfg.MaxMappings/8 {
		// The rest is for what comes next in order: refused for want of room, it would
		// never make any.
		c.ep.stats.MappingsFull++
		c.ep.opts.refused = true
		return true
	}
	if s.held.octets > 0 {
		if off, ok := s.segmentOff(seg); ok {
			s.held.forget(off, len(seg.Payload))
		}
	}
	if c.fb.failed && c.several && m.Sub >= c.fb.sub && m.Data-m.Sub != c.fb.data-c.fb.sub {
		// What follows the failed mapping is not in the order of the stream: other
		// subflows had the rest (R3.7-12).
		c.ep.stats.FallbackFailed++
		c.resetSubflow(now, s, wire.ResetMiddlebox)
		return false
	}
	switch s.table.Add(m) {
	case dataseq.ErrFull:
		c.ep.opts.refused = true // before it is acknowledged
		return true
	case dataseq.ErrConflict:
		// NOTES 1.15: the first stands (R3.3.1-02).
		c.ep.stats.DSSNotMatching++
		if st := s.table.Stats(); st.Conflicts >= maxConflicts && st.Conflicts > st.Added/8 && !c.fb.failed {
			c.ep.stats.DSSCorruptionReset++
			c.resetSubflow(now, s, wire.ResetMPTCPError)
			return false
		}
		return true
	case nil:
		s.anyMap, s.givenUp = true, 0
		if m.End() >= s.end {
			s.end, s.endData = m.End(), m.DataEnd()
		}
		c.rcv.top = max(c.rcv.top, m.DataEnd())
		if m.Fin && !m.HasSum {
			c.noteFin(m.DataEnd())
		}
		if s.held.octets > 0 {
			c.placeHeld(now, s)
		}
	}
	return true
}

// maxConflicts is how many contradicting mappings a subflow may bring before it is
// reset.
const maxConflicts = 16

// takeData places octets of a subflow in the data stream. It returns how many of them
// are kept: what is not kept is not acknowledged.
func (c *Conn) takeData(now time.Time, s *subflow, in tcp.In, seg *wire.Segment, o *options) (kept int) {
	off, p := in.Off, in.Data
	if c.raw(s) {
		return c.takeRaw(off, p, s)
	}
	known := len(p) == len(seg.Payload) && seg.Sum == wire.SumGood
	behind := false // something before was withheld, so that what is kept is no beginning
	keep := func(off uint64, k int) {
		if behind {
			s.flow.Accept(now, off, k)
		} else {
			kept += k
		}
	}
	for len(p) > 0 {
		m, ok := s.table.Lookup(off)
		if !ok {
			n := s.unmapped(off, len(p))
			k, again := c.takeUnmapped(now, s, off, p[:n], o)
			if again { // the connection fell back
				keep(off, c.takeRaw(off, p, s))
				return kept
			}
			keep(off, k)
			if k < n {
				if s.doomed || !c.withholds(s) {
					return kept
				}
				behind = true
			}
			off, p = off+uint64(n), p[n:]
			continue
		}
		n := int(min(uint64(len(p)), m.End()-off))
		if m.HasSum {
			if known && n == len(in.Data) {
				n -= s.table.FeedSum(off, p[:n], seg.PayloadSum)
			} else {
				n -= s.table.Feed(off, p[:n])
			}
		}
		if m.HasSum {
			c.supersede(s, m.Shift(off), n)
		}
		k := c.insert(s, m.Shift(off), p[:n])
		keep(off, k)
		if m.HasSum {
			c.judge(now, s, m, off)
			if c.raw(s) || s.doomed {
				// It was wrong: what follows is taken as it comes, or not at all.
				if s.doomed {
					return 0
				}
				keep(off+uint64(k), c.takeRaw(off+uint64(k), p[k:], s))
				return kept
			}
		}
		if k < n || n == 0 {
			return kept
		}
		off, p = off+uint64(n), p[n:]
	}
	return kept
}

// unmapped returns how many of the n octets from off on, the first of which has no
// mapping, lie before the next that has one.
func (s *subflow) unmapped(off uint64, n int) int {
	for i := 1; i < n; i++ {
		if _, ok := s.table.Lookup(off + uint64(i)); ok {
			return i
		}
	}
	return n
}

// insert puts octets at a data offset and returns how many are kept.
func (c *Conn) insert(s *subflow, data uint64, p []byte) int {
	if len(p) == 0 {
		return 0
	}
	if data > c.rcv.next {
		c.ep.stats.OFOQueue++
	}
	if c.rcv.hasFin && data+uint64(len(p)) > c.rcv.fin {
		// Beyond the end of the stream: as good as kept.
		if data >= c.rcv.fin {
			return len(p)
		}
		return c.insert(s, data, p[:c.rcv.fin-data]) + int(data+uint64(len(p))-c.rcv.fin)
	}
	added, refused := c.rcv.buf.Insert(s.index&63, data, p)
	c.rcv.tune.count += added
	c.ep.stats.DuplicateData += uint64(len(p) - added - refused)
	c.ep.stats.RcvPruned += uint64(refused)
	return len(p) - refused
}

// judge looks at the checksum of the mapping m, to which the octet at off belongs.
func (c *Conn) judge(now time.Time, s *subflow, m dataseq.Mapping, off uint64) {
	v := s.table.Verdict(off)
	i := c.findPending(s, m)
	switch v {
	case dataseq.Incomplete:
		if i < 0 && m.DataEnd() > c.rcv.next {
			c.rcv.pending = append(c.rcv.pending, pendingMap{s, m, m.Data})
		}
		return
	case dataseq.Good:
		if m.End() > s.good.sub {
			s.good = goodEnd{m.End(), m.DataEnd()}
		}
		if m.Fin {
			c.noteFin(m.DataEnd())
		}
	}
	if i >= 0 {
		n := len(c.rcv.pending) - 1
		c.rcv.pending[i] = c.rcv.pending[n]
		c.rcv.pending[n] = pendingMap{}
		c.rcv.pending = c.rcv.pending[:n]
	}
	switch v {
	case dataseq.Good:
		c.vouch(s, m)
	case dataseq.Bad:
		c.badChecksum(now, s, m)
	}
}

// dropHopeless forgets what came under mappings that end below the subflow offset
// below, and so are as complete as they will ever be, but whose checksum is still not
// known: a part of them was given up before they came. All of it is sent again.
func (c *Conn) dropHopeless(s *subflow, below uint64) {
	p := c.rcv.pending
	n := 0
	for i := range p {
		if p[i].s != s || p[i].m.End() > below {
			p[n] = p[i]
			n++
			continue
		}
		lo := max(p[i].from, c.rcv.next)
		c.rcv.buf.Remove(lo, max(lo, p[i].m.DataEnd()))
	}
	clear(p[n:])
	c.rcv.pending = p[:n]
}

// supersede makes room for octets that come again, on s: those of mappings on other
// subflows that are not known to be right may be wrong, or never will be known to be
// right, because their subflow is dead. The latest are kept, and their mapping decides.
func (c *Conn) supersede(s *subflow, data uint64, n int) {
	for i := range c.rcv.pending {
		p := &c.rcv.pending[i]
		lo, hi := max(data, p.from, c.rcv.next), min(data+uint64(n), p.m.DataEnd())
		if p.s != s && lo < hi {
			c.rcv.buf.Remove(lo, hi)
		}
	}
}

// vouch notes that m, on s, was shown to be right: what other subflows brought of the same
// octets and is still pending waits no more, from its beginning on.
func (c *Conn) vouch(s *subflow, m dataseq.Mapping) {
	for i := range c.rcv.pending {
		if p := &c.rcv.pending[i]; p.s != s && m.Data <= p.from && p.from < m.DataEnd() {
			p.from = m.DataEnd()
		}
	}
}

func (c *Conn) findPending(s *subflow, m dataseq.Mapping) int {
	for i := range c.rcv.pending {
		if p := &c.rcv.pending[i]; p.s == s && p.m.Sub == m.Sub {
			return i
		}
	}
	return -1
}

// noteFin notes where the peer's stream ends. The first word stands.
func (c *Conn) noteFin(off uint64) {
	if c.rcv.hasFin || off < c.rcv.next || c.fb.failed {
		return
	}
	c.rcv.fin, c.rcv.hasFin = off, true
	c.ep.stats.DataFinRx++
}

// takeFinAlone takes a DATA_FIN without data (R3.3.3-03).
func (c *Conn) takeFinAlone(now time.Time, s *subflow, m dataseq.Mapping) {
	if m.HasSum {
		v := dataseq.NewVerifier(m, c.peer.space)
		if v.Verdict() == dataseq.Bad {
			c.ep.stats.DataCsumErr++
			return // it will be repeated, and there is no payload that could be wrong
		}
	}
	if m.Data > c.rcv.buf.Offset()+overrun*uint64(c.ep.cfg.ReceiveBuffer)+dataseq.MaxLen {
		return
	}
	c.noteFin(m.Data)
	if c.fb.failed {
		return // an MP_FAIL for each that is repeated would make the peer repeat it
	}
	s.flow.RequestAck() // a pure ACK is not answered by the flow
}

// advance moves the edge of what may be read and acknowledged.
func (c *Conn) advance(now time.Time) {
	r := &c.rcv
	limit := r.buf.Edge()
	for i := range r.pending {
		if p := &r.pending[i]; p.from < p.m.DataEnd() {
			limit = min(limit, p.from)
		}
	}
	if c.fb.failed && !c.fb.done {
		limit = min(limit, c.fb.data)
	}
	ev := Event(0)
	if limit > r.next {
		r.next = limit
		ev = Readable
		for _, s := range c.subflows {
			s.dropped = s.dropped && r.next < s.owed
		}
	}
	if c.deaf && ev != 0 {
		c.Abort(now)
		return
	}
	if r.hasFin && !r.finDone && r.next >= r.fin {
		r.finDone, r.finFirst = true, !c.snd.closed
		ev = Readable
	}
	if ev != 0 {
		c.happened(ev)
		c.openWindow(now)
	}
}

// subflowClosed is called when the peer's FIN is here and everything before it.
func (c *Conn) subflowClosed(now time.Time, s *subflow, o *options) {
	if c.mode == multi && !o.data() && c.sole(s) && c.contiguous(s) {
		// Each ACK of a Multipath TCP peer has an option: this one has lost its own,
		// or the peer fell back in silence, and the FIN is what it seems.
		c.fb.announce = true
		c.fallBack(now, s, &c.ep.stats.DssFallback, "DssFallback")
	}
	if c.fb.failed && !c.fb.done {
		c.fallBack(now, s, nil, "")
	}
	if c.mode == plain {
		c.noteFin(c.rawOff(s.flow.Received()))
		c.rcv.hasFin, c.rcv.fin = true, c.rawOff(s.flow.Received())
	}
}

// heardOption notes that seg has an option. Where octets without one are held, only a
// segment from behind them tells anything: others were merely late.
func (s *subflow) heardOption(t int64, seg *wire.Segment) {
	if off, ok := (dataseq.Subflow{ISN: s.flow.ISS()}).Off(s.flow.Acked(), seg.Ack); ok && off >= s.flow.Acked() {
		s.bare = 0 // it acknowledges what was acknowledged without
	}
	if s.held.bare > 0 {
		off, ok := s.segmentOff(seg)
		if !ok || off < s.held.bareTo {
			return
		}
	}
	s.optAt, s.bare, s.held.bare = t, 0, 0
}
