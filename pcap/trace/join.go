package trace

import "github.com/mptcp-go/mptcp/wire"

// JoinInfo is what MP_JOIN options of a flow said and whether it holds.
type JoinInfo struct {
	Token            wire.Token
	TokenMatch       Tri    // Wrong: no key seen earlier has that token
	ID               [2]int // address ids of opener and responder; -1 where not seen
	Backup           [2]int // B flag; -1 where not seen
	SYNACKHMAC       Tri    // of the responder
	ACKHMAC          Tri    // of the opener
	SYN, SYNACK, ACK Ref
	Malformed        Ref
}

// joinState adds what only the checks need.
type joinState struct {
	JoinInfo
	nonce    [2]uint32
	hmac64   uint64
	hmac160  [20]byte
	hasNonce [2]bool
}

// Join returns what the flow's MP_JOIN options said; nil if it has none.
func (sf *Subflow) Join() *JoinInfo {
	if sf.join == nil {
		return nil
	}
	return &sf.join.JoinInfo
}

// joinOption takes an MP_JOIN option.
func (t *Tracker) joinOption(sf *Subflow, dir int, s *wire.Segment, opt wire.Option) {
	if sf.join == nil {
		sf.join = &joinState{JoinInfo: JoinInfo{ID: [2]int{-1, -1}, Backup: [2]int{-1, -1}}}
	}
	j := sf.join
	if sf.Kind != Join {
		sf.Kind = Join
	}
	m, err := wire.ParseMPJoin(opt)
	if err != nil {
		if j.Malformed == 0 {
			j.Malformed = t.ref
		}
		t.malformed(sf, dir, opt)
		return
	}
	backup := 0
	if m.Backup {
		backup = 1
	}
	h := &sf.Handshake
	switch m.Form {
	case wire.JoinSYN:
		h.SYNJoin = true
		first := j.SYN == 0
		j.Token, j.ID[0], j.Backup[0] = m.Token, int(m.ID), backup
		j.nonce[0], j.hasNonce[0] = m.Nonce, true
		owner, ok := t.tokens[m.Token]
		j.TokenMatch = tri(ok)
		if first {
			j.SYN = t.ref
			if ok && sf.Conn == nil {
				t.attach(owner.conn, sf, owner.side^1)
				owner.conn.reopened()
				if owner.conn.FirstDSS == 0 && owner.conn.Early == 0 {
					owner.conn.Early = t.ref
				}
			}
		}
		if t.cfg.Events {
			t.event(sf, Event{Kind: "join_syn", Token: m.Token, OK: j.TokenMatch, ID: int(m.ID), Backup: m.Backup})
		}
	case wire.JoinSYNACK:
		h.SYNACKJoin = true
		j.ID[1], j.Backup[1] = int(m.ID), backup
		j.nonce[1], j.hasNonce[1] = m.Nonce, true
		if j.SYNACK == 0 {
			j.SYNACK = t.ref
		}
		j.hmac64 = m.HMAC64
		v := t.checkJoin(sf, 1, func(h [32]byte) bool { return [8]byte(h[:8]) == be64(m.HMAC64) })
		if j.SYNACKHMAC != Wrong {
			j.SYNACKHMAC = v
		}
		if t.cfg.Events {
			t.event(sf, Event{Kind: "join_synack", OK: v, ID: int(m.ID), Backup: m.Backup})
		}
	case wire.JoinACK:
		if j.ACK == 0 {
			j.ACK = t.ref
		}
		j.hmac160 = m.HMAC
		v := t.checkJoin(sf, 0, func(h [32]byte) bool { return [20]byte(h[:20]) == m.HMAC })
		if j.ACKHMAC != Wrong {
			j.ACKHMAC = v
		}
		if t.cfg.Events {
			t.event(sf, Event{Kind: "join_ack", OK: v})
		}
	}
}

// checkJoin recomputes the HMAC of the flow's end dir (0: the opener's).
func (t *Tracker) checkJoin(sf *Subflow, dir int, equal func([32]byte) bool) Tri {
	c, j := sf.Conn, sf.join
	if c == nil || !c.HasKey[0] || !c.HasKey[1] || !j.hasNonce[0] || !j.hasNonce[1] {
		return Unknown
	}
	own := sf.Side(dir)
	return tri(equal(wire.JoinHMAC(c.Version, c.Key[own], c.Key[own^1], j.nonce[dir], j.nonce[dir^1])))
}

func be64(v uint64) (b [8]byte) {
	for i := range b {
		b[i] = byte(v >> (56 - 8*i))
	}
	return b
}
