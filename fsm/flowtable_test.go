package fsm

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// The table of flows against a map, with few hashes so that searches are long, and gaps
// close over the end.
func TestFlowTable(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		secret := [4]uint64{r.Uint64() | 1, r.Uint64() | 1, r.Uint64() | 1, r.Uint64() | 1}
		if seed%4 == 0 {
			secret = [4]uint64{} // all hash alike
		}
		table := flowTable{seed: &secret}
		model := map[flowID]*subflow{}
		flow := func() flowID {
			a := netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(3))})
			if r.IntN(2) == 0 {
				a = netip.AddrFrom16(a.As16()) // no IPv4 address, though as good as one to the hash
			}
			return flowID{netip.AddrPortFrom(a, 80), netip.AddrPortFrom(a, uint16(r.IntN(40)))}
		}
		for range 5000 {
			id := flow()
			switch s := model[id]; {
			case r.IntN(3) == 0:
				s := &subflow{id: id}
				table.add(s)
				model[id] = s
			case s != nil:
				table.remove(s)
				delete(model, id)
			case r.IntN(2) == 0:
				table.remove(&subflow{id: id}) // never was in it
			}
			id = flow()
			if table.find(id) != model[id] || table.n != len(model) {
				t.Fatal("not as the map has it")
			}
		}
		for id, s := range model {
			if table.find(id) != s {
				t.Fatal("lost")
			}
		}
		n := 0
		table.all(func(s *subflow) {
			if model[s.id] != s {
				t.Fatal("not in the map")
			}
			n++
		})
		if n != len(model) {
			t.Fatal(n, len(model))
		}
	}
}
