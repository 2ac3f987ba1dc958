package fsm

import "github.com/mptcp-go/mptcp/checksum"

// sent is a mapping that we declared on a subflow. Once made it never changes
// (R3.3.1-01): what is sent again carries the same option.
type sent struct {
	sub, data uint64 // offsets
	len       int    // octets of data
	payload   checksum.Sum
	sum       uint16 // DSS checksum
	flags     sentFlags
}

type sentFlags uint8

const (
	sentFin      sentFlags = 1 << iota // a DATA_FIN follows the data
	sentCapable                        // in MP_CAPABLE instead of a DSS (R3.1-16)
	sentShort                          // a 4-octet DSN
	sentInfinite                       // the infinite mapping that announces a fallback
	sentPlain                          // after a fallback: no option
	sentAgain                          // data that was mapped before (reinjection)
)

func (m *sent) end() uint64     { return m.sub + uint64(m.len) }
func (m *sent) dataEnd() uint64 { return m.data + uint64(m.len) }

// mappings holds what was declared on one subflow and may still be needed, in the
// order of the subflow.
type mappings struct {
	ring []sent // the live ones are ring[head:]
	head int
	odd  int // live ones that repeat data, so that data offsets do not ascend
}

func (q *mappings) len() int       { return len(q.ring) - q.head }
func (q *mappings) at(i int) *sent { return &q.ring[q.head+i] }

func (q *mappings) push(m sent) {
	if len(q.ring) == cap(q.ring) && q.head > len(q.ring)/2 {
		n := copy(q.ring, q.ring[q.head:])
		q.ring, q.head = q.ring[:n], 0
	}
	q.ring = append(q.ring, m)
	if m.flags&sentAgain != 0 {
		q.odd++
	}
}

func (q *mappings) pop() {
	if q.at(0).flags&sentAgain != 0 {
		q.odd--
	}
	q.head++
	if q.head == len(q.ring) {
		q.ring, q.head = q.ring[:0], 0
	}
}

// index returns the first mapping that ends behind the subflow offset off.
func (q *mappings) index(off uint64) int {
	lo, hi := 0, q.len()
	for lo < hi {
		m := int(uint(lo+hi) / 2)
		if q.at(m).end() > off {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return lo
}

// find returns the mapping that the octet at subflow offset off belongs to, or nil.
func (q *mappings) find(off uint64) *sent {
	if i := q.index(off); i < q.len() && q.at(i).sub <= off {
		return q.at(i)
	}
	return nil
}

// lowest returns the lowest data offset of what is not acknowledged at the subflow
// level, acked being the subflow's offset; ok is false when there is none.
func (q *mappings) lowest(acked uint64) (data uint64, ok bool) {
	i := q.index(acked)
	if i == q.len() {
		return 0, false
	}
	data = q.at(i).data + (max(acked, q.at(i).sub) - q.at(i).sub)
	if q.odd > 0 {
		for i++; i < q.len(); i++ {
			data = min(data, q.at(i).data)
		}
	}
	return data, true
}

// release drops the mappings that are acknowledged at the subflow level and whose
// data is acknowledged up to una.
func (q *mappings) release(acked, una uint64) {
	for q.len() > 0 && q.at(0).end() <= acked && q.at(0).dataEnd() <= una {
		q.pop()
	}
}

// covering returns a mapping that the octet at data offset off has, delivered or not, or
// nil.
func (q *mappings) covering(off uint64) *sent {
	if q.odd > 0 {
		for i := range q.len() {
			if m := q.at(i); m.data <= off && off < m.dataEnd() {
				return m
			}
		}
		return nil
	}
	lo, hi := 0, q.len()
	for lo < hi {
		m := int(uint(lo+hi) / 2)
		if q.at(m).dataEnd() > off {
			hi = m
		} else {
			lo = m + 1
		}
	}
	if lo < q.len() && q.at(lo).data <= off {
		return q.at(lo)
	}
	return nil
}
