package fsm

import (
	"fmt"
	"net/netip"
	"slices"
)

// state holds what can be seen of an endpoint and its connection, not of segments,
// against the invariants.
func (v *witness) state() error {
	if v.err != nil {
		return v.err
	}
	ep, c := v.w.ep[v.end], v.w.app[v.end].conn
	if err := v.counted(ep); err != nil || c == nil {
		return err
	}
	estab := uint64(0)
	if c.hs.estab {
		estab = 1
	}
	if ep.stats.MPCurrEstab != estab {
		return fmt.Errorf("invariant 12: MPCurrEstab is %d", ep.stats.MPCurrEstab)
	}
	for _, s := range c.subflows {
		if err := v.subflow(c, s); err != nil {
			return fmt.Errorf("%w\nend %d, subflow %d", err, v.end, s.index)
		}
	}
	if err := v.bounds(c); err != nil {
		return err
	}
	if err := v.ids(c); err != nil {
		return err
	}
	return v.armed(c)
}

// counted is invariant 12 for counters: but for the gauge none goes down.
func (v *witness) counted(ep *Endpoint) error {
	if ep.stats == v.stats {
		return nil
	}
	old := map[string]uint64{}
	for name, n := range v.stats.All() {
		old[name] = n
	}
	for name, n := range ep.stats.All() {
		if n < old[name] && name != "MPCurrEstab" {
			return fmt.Errorf("invariant 12: %s went from %d to %d", name, old[name], n)
		}
	}
	v.stats = ep.stats
	return nil
}

// subflow holds one subflow against the invariants.
func (v *witness) subflow(c *Conn, s *subflow) error {
	ep := c.ep
	if ep.subflows.find(s.id) != s {
		return fmt.Errorf("invariant 12: subflow %v is not in the table", s.id)
	}
	if s.held.octets > ep.cfg.MaxUnmapped || s.table.Len() > ep.cfg.MaxMappings || len(s.held.pieces) > maxPieces {
		return fmt.Errorf("invariant 14: %d octets held in %d pieces, %d mappings", s.held.octets, len(s.held.pieces), s.table.Len())
	}
	held := 0
	for _, p := range s.held.pieces {
		held += len(p.b)
	}
	if held != s.held.octets || s.held.acked > held || s.held.bare > max(held, 1) {
		return fmt.Errorf("invariant 14: %d octets held, counted %d, %d acknowledged, %d bare", held, s.held.octets, s.held.acked, s.held.bare)
	}
	if !s.doomed {
		if lo, hi, ok := s.owes(); ok && !c.snd.buf.has(lo, hi) {
			return fmt.Errorf("invariant 4: freed up to %d, and %d to %d is not acknowledged on a subflow", c.snd.buf.start, lo, hi)
		}
	}
	if s.join.active && !s.worked && s.flow.Available() > 0 {
		return fmt.Errorf("invariant 10: %d octets on a join that is not proven", s.flow.Available())
	}
	if s.join.active && s.up && !v.proofs[s.id] {
		return fmt.Errorf("invariant 10: a join is up that the peer has proved nothing for")
	}
	if s.join.opener && !c.hs.proven {
		return fmt.Errorf("invariant 11: a join before the connection is proven")
	}
	if x := c.anyUp(); s.up && c.mode == plain && !s.doomed && x != s {
		return fmt.Errorf("R3.7-16: two subflows, and it is plain TCP")
	}
	return nil
}

// owes returns the data offsets of the first mapping of s that is not acknowledged whole
// at the subflow level.
func (s *subflow) owes() (lo, hi uint64, ok bool) {
	acked := s.flow.Acked()
	i := s.maps.index(acked)
	if i == s.maps.len() {
		return 0, 0, false
	}
	m := s.maps.at(i)
	return m.data + max(acked, m.sub) - m.sub, m.dataEnd(), true
}

// has reports whether the octets from lo to hi are kept.
func (s *sendBuffer) has(lo, hi uint64) bool {
	if lo >= s.start && hi <= s.end {
		return true
	}
	for _, k := range s.strays {
		if k.off <= lo && hi <= k.off+uint64(len(k.b)) {
			return true
		}
	}
	return lo >= s.first && hi <= s.end // below start, in a block that is still there
}

// bounds is invariant 14: what a connection keeps stays within what Config allows.
func (v *witness) bounds(c *Conn) error {
	ep := c.ep
	// A peer of ours never sends beyond the window, which is rounded up by its scale.
	if n := c.rcv.buf.Buffered(); n > ep.cfg.ReceiveBuffer+1<<15 || int(c.snd.buf.end-c.snd.una) > ep.cfg.SendBuffer {
		return fmt.Errorf("invariant 14: %d octets received, %d to be sent", n, c.snd.buf.end-c.snd.una)
	}
	// What only slow subflows still carry is bounded by their windows.
	if n := c.snd.buf.strayOctets; n > ep.cfg.MaxSubflows*(ep.cfg.SendBuffer+1<<16) {
		return fmt.Errorf("invariant 14: %d octets kept for slow subflows", n)
	}
	if len(c.halfJoins) > ep.cfg.MaxHalfJoins || c.crowd() > ep.cfg.MaxSubflows {
		return fmt.Errorf("invariant 14: %d half-open joins, %d subflows", len(c.halfJoins), c.crowd())
	}
	if len(c.signals) > maxSignals || len(c.remoteAddrs) > ep.cfg.MaxRemoteAddrs {
		return fmt.Errorf("invariant 14: %d signals, %d addresses", len(c.signals), len(c.remoteAddrs))
	}
	if n := len(c.rcv.pending); n > ep.cfg.MaxMappings*max(len(c.subflows), 1) {
		return fmt.Errorf("invariant 14: %d mappings wait for their checksum", n)
	}
	return nil
}

// ids is invariant 12 for address ids: at each end an id names one address, and an address
// of ours has one id.
func (v *witness) ids(c *Conn) error {
	if len(c.localAddrs) == 0 && len(c.subflows) < 2 && len(c.remoteAddrs) == 0 {
		return nil
	}
	var own [256]netip.Addr
	own[0] = c.local.Addr()
	for _, l := range c.localAddrs {
		if own[l.id].IsValid() || l.addr == own[0] {
			return fmt.Errorf("invariant 12: address %v has id %d, which is %v", l.addr, l.id, own[l.id])
		}
		own[l.id] = l.addr
	}
	var theirs [256]netip.Addr
	for _, s := range c.subflows {
		if s.doomed || s.fin || !s.join.active {
			continue
		}
		if a := s.id.local.Addr(); own[s.join.id].IsValid() && s.join.opener && own[s.join.id] != a {
			return fmt.Errorf("invariant 12: a subflow from %v has id %d, which is %v", a, s.join.id, own[s.join.id])
		}
		if a := s.id.remote.Addr(); s.up && s.join.opener && v.w.ep[1-v.end].has(a) { // a NAT's is another
			if old := theirs[s.join.peerID]; old.IsValid() && old != a {
				return fmt.Errorf("invariant 12: the peer's id %d is %v and %v", s.join.peerID, old, a)
			}
			theirs[s.join.peerID] = a
		}
	}
	return nil
}

// has reports whether a is the address of a path of e.
func (e *Endpoint) has(a netip.Addr) bool {
	return slices.ContainsFunc(e.paths, func(p Path) bool { return p.Local == a })
}

// armed is invariant 13: timers run only where their expiry would do something.
func (v *witness) armed(c *Conn) error {
	t := &c.timers
	held := c.failing()
	for _, s := range c.subflows {
		held = held || s.held.since != 0
	}
	data := c.snd.una < c.snd.next || c.snd.finSent && !c.snd.finAcked
	for _, k := range []struct {
		timer timer
		may   bool
	}{
		{timerResend, c.mode == multi && data},
		{timerPersist, c.mode == multi || c.snd.next < c.snd.buf.end},
		{timerUnmapped, c.mode == multi && held || c.fb.await == awaitInfinite || c.fb.await == awaitProbe},
		{timerFastclose, c.fast.waiting},
		{timerLonely, c.anyUp() == nil},
		{timerLinger, c.finished || c.deaf && c.snd.finAcked},
		{timerSignal, c.mode == multi},
		{timerJoin, c.mode == multi},
		{timerAsk, c.mode == multi},
		{timerRejoin, c.mode == multi && c.anyUp() == nil && (c.opener || len(c.ways) > 0)},
		{timerManage, c.mgr != nil},
		{timerOverdue, c.mode == multi && c.snd.una < c.snd.next},
		{timerShort, c.mode == multi},
		{timerFarewell, c.mode == multi && len(c.farewells) > 0},
	} {
		if t.armed(k.timer) && (!k.may || c.ended) {
			return fmt.Errorf("invariant 13: timer %d is armed, %v", k.timer, c.State())
		}
	}
	return nil
}
