package fields

import "github.com/mptcp-go/mptcp/pcap"

// Extractor reads frames of one capture, in order. It keeps the numbers of the TCP
// streams, so its memory grows with their count, by about 200 octets each.
type Extractor struct {
	row   Row
	flows map[flowKey]*flow
	count uint32 // TCP streams so far

	timed       bool  // a frame with a time was seen
	now         int64 // ns since 1970, of this frame
	start, prev int64 // of the first and of the previous frame with a time
}

// NewExtractor returns an Extractor for a new capture.
func NewExtractor() *Extractor {
	return &Extractor{flows: make(map[flowKey]*flow)}
}

// Frame reads f and returns its values. The Row is the same one each time.
func (x *Extractor) Frame(f *pcap.Frame) *Row {
	r := &x.row
	r.reset()
	x.frame(f)
	x.link(f)
	r.addOctets(frameProtocols, r.text)
	return r
}

// frame adds what the capture file says.
func (x *Extractor) frame(f *pcap.Frame) {
	r := &x.row
	r.addOctets(frameLayer, f.Data)
	if f.HasTime {
		if !x.timed {
			x.timed, x.start, x.prev = true, f.Nanos, f.Nanos
		}
		x.now = f.Nanos
		r.add(frameTimeEpoch, uint64(x.now))
		r.add(frameTimeDelta, uint64(x.now-x.prev))
		r.add(frameTimeRelative, uint64(x.now-x.start))
		x.prev = x.now
	}
	r.add(frameNumber, uint64(f.Number))
	r.add(frameLen, uint64(max(f.Len, 0)))
	r.add(frameCapLen, uint64(len(f.Data)))
	for _, c := range f.Comments {
		r.addOctets(frameComment, []byte(c))
	}
}

// protocol appends a name to frame.protocols.
func (r *Row) protocol(name string) {
	if len(r.text) > 0 {
		r.text = append(r.text, ':')
	}
	r.text = append(r.text, name...)
}
