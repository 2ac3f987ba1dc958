package fsm

import "math/bits"

// flowTable finds subflows by their addresses. It is open addressing with linear
// probing, and the hashes lie apart from what they stand for: to find that there is no
// such flow, as for each SYN, reads four octets, among 10^5 flows as among ten.
type flowTable struct {
	seed   *[4]uint64
	hashes []uint32 // 0: free; a power of two of them, half of them free
	flows  []*subflow
	n      int
}

// hashOf returns a number that is not 0, whose upper bits say where the search begins.
func (t *flowTable) hashOf(id flowID) uint32 {
	s := id.short()
	return uint32(s.hash(t.seed)>>32) | 1
}

// home is where the search for the hash h begins.
func (t *flowTable) home(h uint32) int {
	return int(uint64(h) >> (32 - bits.TrailingZeros32(uint32(len(t.hashes)))))
}

func (t *flowTable) find(id flowID) *subflow {
	if t.n == 0 {
		return nil
	}
	h, mask := t.hashOf(id), len(t.hashes)-1
	for i := t.home(h); t.hashes[i] != 0; i = (i + 1) & mask {
		if t.hashes[i] == h && t.flows[i].id == id {
			return t.flows[i]
		}
	}
	return nil
}

// add puts s in the table, in place of one with the same addresses.
func (t *flowTable) add(s *subflow) {
	if 2*(t.n+1) > len(t.hashes) {
		t.grow()
	}
	h, mask := t.hashOf(s.id), len(t.hashes)-1
	i := t.home(h)
	for ; t.hashes[i] != 0; i = (i + 1) & mask {
		if t.hashes[i] == h && t.flows[i].id == s.id {
			t.flows[i] = s
			return
		}
	}
	t.hashes[i], t.flows[i] = h, s
	t.n++
}

func (t *flowTable) grow() {
	hashes, flows := t.hashes, t.flows
	n := max(16, 2*len(hashes))
	t.hashes, t.flows = make([]uint32, n), make([]*subflow, n)
	for k, h := range hashes {
		if h == 0 {
			continue
		}
		i := t.home(h)
		for t.hashes[i] != 0 {
			i = (i + 1) & (n - 1)
		}
		t.hashes[i], t.flows[i] = h, flows[k]
	}
}

// remove takes s out, and closes the gap. Another with the same addresses stays.
func (t *flowTable) remove(s *subflow) {
	if t.n == 0 {
		return
	}
	h, mask := t.hashOf(s.id), len(t.hashes)-1
	i := t.home(h)
	for ; t.flows[i] != s; i = (i + 1) & mask {
		if t.hashes[i] == 0 {
			return
		}
	}
	for k := (i + 1) & mask; t.hashes[k] != 0; k = (k + 1) & mask {
		// What lies between its home and here may move up, but not before its home.
		if home := t.home(t.hashes[k]); (k-home)&mask >= (k-i)&mask {
			t.hashes[i], t.flows[i] = t.hashes[k], t.flows[k]
			i = k
		}
	}
	t.hashes[i], t.flows[i] = 0, nil
	t.n--
	if t.n == 0 {
		t.hashes, t.flows = nil, nil
	}
}

// all calls f with every subflow, in no order.
func (t *flowTable) all(f func(*subflow)) {
	for i, h := range t.hashes {
		if h != 0 {
			f(t.flows[i])
		}
	}
}
