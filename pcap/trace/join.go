package trace

import (
	"encoding/binary"

	"github.com/mptcp-go/mptcp/wire"
)

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
	nonce   [2]nonces
	hmac64  uint64
	hmac160 [20]byte
}

// nonces of one end: the latest and the one before. A SYN that is sent again may
// carry another, and either may be the one that is answered.
type nonces struct {
	at [2]uint32
	n  int
}

func (q *nonces) add(v uint32) {
	if q.n == 0 || q.at[0] != v {
		q.at[1], q.at[0] = q.at[0], v
		q.n = min(q.n+1, len(q.at))
	}
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
	sf.Kind = Join
	m, err := wire.ParseMPJoin(opt)
	if err != nil {
		if j.Malformed == 0 {
			j.Malformed = t.ref
		}
		t.malformed(sf, dir, opt)
		return
	}
	switch m.Form {
	case wire.JoinSYN:
		t.joinSYN(sf, &m)
	case wire.JoinSYNACK:
		t.joinSYNACK(sf, &m)
	case wire.JoinACK:
		t.joinACK(sf, &m)
	}
}

// joinSYN takes the request, and finds the connection that it names.
func (t *Tracker) joinSYN(sf *Subflow, m *wire.MPJoin) {
	j := sf.join
	sf.Handshake.SYNJoin = true
	owner, ok := t.tokens[m.Token]
	if j.SYN == 0 || sf.Conn == nil || m.Token != j.Token { // a later owner of the token changes nothing
		j.TokenMatch = tri(ok)
	}
	j.Token, j.ID[0], j.Backup[0] = m.Token, int(m.ID), backup(m)
	j.nonce[0].add(m.Nonce)
	if j.SYN == 0 {
		j.SYN = t.ref
	}
	if ok && sf.Conn == nil {
		t.joined(sf, owner)
	}
	sf.checkJoin()
	if t.cfg.Events {
		t.event(sf, Event{Kind: "join_syn", Token: m.Token, OK: j.TokenMatch, ID: int(m.ID), Backup: m.Backup})
	}
}

// joined attaches a flow to the owner of the token that it names, unless a flood of
// others did so before.
func (t *Tracker) joined(sf *Subflow, owner tokenOwner) {
	c := owner.conn
	if limit := t.cfg.Limits.Subflows; len(c.Subflows) >= limit {
		t.note(c, nil, joinFlood, t.ref, limit)
		return
	}
	t.attach(c, sf, owner.side^1)
	t.conformTarget(sf, c, owner.side)
	if c.FirstDSS == 0 && c.Early == 0 {
		c.Early = t.ref
	}
}

// joinSYNACK takes the responder's answer.
func (t *Tracker) joinSYNACK(sf *Subflow, m *wire.MPJoin) {
	j := sf.join
	sf.Handshake.SYNACKJoin = true
	j.ID[1], j.Backup[1] = int(m.ID), backup(m)
	j.nonce[1].add(m.Nonce)
	if j.SYNACK == 0 {
		j.SYNACK = t.ref
	}
	j.hmac64 = m.HMAC64
	v := sf.synackHMAC()
	if j.SYNACKHMAC != Wrong {
		j.SYNACKHMAC = v
	}
	sf.answered()
	sf.checkJoin()
	if t.cfg.Events {
		t.event(sf, Event{Kind: "join_synack", OK: v, ID: int(m.ID), Backup: m.Backup})
	}
}

// joinACK takes the opener's proof.
func (t *Tracker) joinACK(sf *Subflow, m *wire.MPJoin) {
	j := sf.join
	if j.ACK == 0 {
		j.ACK = t.ref
	}
	j.hmac160 = m.HMAC
	v := sf.ackHMAC()
	if j.ACKHMAC != Wrong {
		j.ACKHMAC = v
	}
	sf.answered()
	if t.cfg.Events {
		t.event(sf, Event{Kind: "join_ack", OK: v})
	}
}

func backup(m *wire.MPJoin) int {
	if m.Backup {
		return 1
	}
	return 0
}

// checkJoin makes up for checks that had to wait for a key or a nonce.
func (sf *Subflow) checkJoin() {
	j := sf.join
	if j == nil {
		return
	}
	if j.SYNACK != 0 && j.SYNACKHMAC == Unknown {
		j.SYNACKHMAC = sf.synackHMAC()
	}
	if j.ACK != 0 && j.ACKHMAC == Unknown {
		j.ACKHMAC = sf.ackHMAC()
	}
}

func (sf *Subflow) synackHMAC() Tri {
	return sf.hmac(1, func(h [32]byte) bool { return binary.BigEndian.Uint64(h[:]) == sf.join.hmac64 })
}

func (sf *Subflow) ackHMAC() Tri {
	return sf.hmac(0, func(h [32]byte) bool { return [20]byte(h[:20]) == sf.join.hmac160 })
}

// hmac recomputes the HMAC of the flow's end dir (0: the opener's) with every nonce
// that may have been meant.
func (sf *Subflow) hmac(dir int, equal func([32]byte) bool) Tri {
	c, j := sf.Conn, sf.join
	if c == nil || !c.HasKey[0] || !c.HasKey[1] || j.nonce[0].n == 0 || j.nonce[1].n == 0 {
		return Unknown
	}
	side := sf.Side(dir)
	own, peer := &j.nonce[dir], &j.nonce[dir^1]
	for _, x := range own.at[:own.n] {
		for _, y := range peer.at[:peer.n] {
			if equal(wire.JoinHMAC(c.Version, c.Key[side], c.Key[side^1], x, y)) {
				return Right
			}
		}
	}
	return Wrong
}
