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

// keyPool holds version 1 keys computed in advance (paper section 5.2, P-5.2-01).
type keyPool struct{ ready []secret }

// Prepare computes up to n keys ahead of the SYNs that will want them, until
// Config.KeyPool are ready, and returns how many it computed: a driver calls it when
// it has nothing else to do.
func (e *Endpoint) Prepare(n int) int {
	k := 0
	for ; k < n && len(e.pool.ready) < e.cfg.KeyPool; k++ {
		e.pool.ready = append(e.pool.ready, newSecret(wire.Key(e.cfg.Rand.Uint64()), wire.V1))
	}
	return k
}

// newSecret returns a key whose token is unique among the connections of this host
// (R3.1-11, R3.1-12). It reports false when chance does not provide one.
func (e *Endpoint) newSecret(v wire.Version) (secret, bool) {
	for range keyTries {
		var s secret
		if n := len(e.pool.ready); v == wire.V1 && n > 0 {
			s = e.pool.ready[n-1]
			e.pool.ready = e.pool.ready[:n-1]
		} else {
			s = newSecret(wire.Key(e.cfg.Rand.Uint64()), v)
		}
		if _, taken := e.tokens[s.token]; !taken {
			return s, true
		}
	}
	e.stats.MPFallbackTokenInit++
	return secret{}, false
}
