package fsm

import (
	"math/rand/v2"
	"testing"
)

// The heap of deadlines against a map: the first is the first, whoever came, went or
// changed his mind before.
func TestDeadlines(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var h deadlines
	model := map[*Conn]int64{}
	conns := make([]*Conn, 200)
	for i := range conns {
		conns[i] = new(Conn)
	}
	for range 50_000 {
		c, at := conns[r.IntN(len(conns))], int64(r.IntN(1000)) // 0 now and then, equal ones often
		if r.IntN(4) == 0 {
			at = 0
		}
		h.set(c, at)
		if model[c] = at; at == 0 {
			delete(model, c)
		}
		first := int64(0)
		for _, d := range model {
			first = sooner(first, d)
		}
		if h.len() != len(model) || h.next() != first || first != 0 && model[h.first()] != first {
			t.Fatal(h.len(), len(model), h.next(), first)
		}
	}
	for c := range model {
		h.set(c, 0)
	}
	if h.len() != 0 || len(h.conns) > len(conns) {
		t.Error(h.len(), len(h.conns))
	}
	for _, c := range h.conns {
		if c != nil {
			t.Fatal("a connection is kept that has no deadline")
		}
	}
}
