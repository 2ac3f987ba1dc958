package fsm

// Usage is how much an Endpoint keeps at one time, against the limits of its Config.
type Usage struct {
	Flows     int // subflows, and flows of plain TCP, that are past their handshake or were opened by us
	Tokens    int // connections that can be joined
	HalfOpen  int // SYNs answered whose third packet has not come
	HalfJoins int // the same of joins
	TimeWaits int // records of flows in TIME-WAIT
}

// Usage counts what the endpoint keeps now. It costs no more than reading five counters.
func (e *Endpoint) Usage() Usage {
	return Usage{Flows: e.subflows.n, Tokens: len(e.tokens) - len(e.pool.ready),
		HalfOpen: e.embryos.n, HalfJoins: e.joins.n, TimeWaits: e.waits.n}
}
