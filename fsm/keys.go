package fsm

import "github.com/mptcp-go/mptcp/wire"

// secret is a key with what follows from it.
type secret struct {
	key   wire.Key
	token wire.Token
	idsn  uint64
}

func newSecret(k wire.Key, v wire.Version) secret {
	s := secret{key: k}
	s.token, s.idsn = k.Derive(v)
	return s
}

// keyTries is how many keys are drawn before a connection goes without Multipath
// TCP because their tokens are taken (R3.1-12).
const keyTries = 4

// keyPool holds version 1 keys computed in advance, their tokens reserved (paper section
// 5.2, P-5.2-01): what a SYN needs is at hand.
type keyPool struct{ ready []secret }

// Prepare computes up to n keys ahead of the SYNs that will want them, until
// Config.KeyPool are ready, and returns how many it computed: a driver calls it when
// it has nothing else to do.
func (e *Endpoint) Prepare(n int) int {
	k := 0
	for ; k < n && len(e.pool.ready) < e.cfg.KeyPool; k++ {
		if s, ok := e.drawSecret(wire.V1); ok {
			e.pool.ready = append(e.pool.ready, s)
		}
	}
	return k
}

// newSecret returns a key whose token is unique among the connections of this host
// (R3.1-11, R3.1-12), and reserved: it is in the table of tokens, for nobody. It reports
// false when chance does not provide one.
func (e *Endpoint) newSecret(v wire.Version) (secret, bool) {
	if n := len(e.pool.ready); v == wire.V1 && n > 0 {
		s := e.pool.ready[n-1]
		e.pool.ready = e.pool.ready[:n-1]
		return s, true
	}
	for range keyTries {
		if s, ok := e.drawSecret(v); ok {
			return s, true
		}
	}
	e.stats.MPFallbackTokenInit++
	return secret{}, false
}

// drawSecret draws a key and reserves its token, if that is free.
func (e *Endpoint) drawSecret(v wire.Version) (secret, bool) {
	s := newSecret(wire.Key(e.cfg.Rand.Uint64()), v)
	if _, taken := e.tokens[s.token]; taken {
		return s, false
	}
	e.tokens[s.token] = nil
	return s, true
}
