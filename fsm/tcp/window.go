package tcp

// RecvWindow keeps the right edge of a receive window, which never moves left
// (RFC 9293 section 3.8.6, SHLD-14) and moves right only by steps worth a segment
// (section 3.8.6.2.2, MUST-39: no silly windows).
type RecvWindow struct{ edge uint64 }

// Size returns the window, in octets from next on, for a buffer of size octets
// of which free are free. unit is the least change that can be expressed, 1 <<
// shift, and mss the octets of a full segment.
func (w *RecvWindow) Size(next uint64, free, size, unit, mss int) int {
	edge := next + uint64(max(free, 0)/unit*unit)
	if edge >= w.edge+uint64(min(size/2, mss)) {
		w.edge = edge
	}
	if w.edge < next {
		w.edge = next // the peer sent beyond it, and it was kept
	}
	return int(w.edge - next)
}
