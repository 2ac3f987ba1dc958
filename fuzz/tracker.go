package fuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/wire"
)

// trackerPackets ends the reading of files that expand without end.
const trackerPackets = 4096

// trackerConfigs are what every input is judged with. The tight one reaches what
// happens when evidence must be dropped.
var trackerConfigs = []trace.Config{
	{Streams: true, Events: true},
	{Limits: trace.Limits{Spans: 4, Mappings: 2, Store: 200, Total: 300, Linger: 1, Findings: 3, Flows: 6}, Streams: true},
}

// Tracker judges data, a capture file or else a script of packets, and returns 1 if a
// TCP flow was in it. It panics if the tracker does, if the same input is judged
// differently twice, if a record cannot be printed, or if counts contradict each
// other: more new octets than octets, findings without a frame, and the like.
func Tracker(data []byte) int {
	frames := trackerFrames(data)
	found := 0
	for _, cfg := range trackerConfigs {
		first, flows := judge(frames, cfg)
		if second, _ := judge(frames, cfg); !bytes.Equal(first, second) {
			panic(fmt.Sprintf("judged once:\n%s\ntwice:\n%s", first, second))
		}
		found = max(found, min(flows, 1))
	}
	return found
}

// trackerFrames are the packets that data stands for.
func trackerFrames(data []byte) (frames []pcap.Frame) {
	keep := func(f *pcap.Frame) {
		kept := *f
		kept.Data = slices.Clone(f.Data)
		frames = append(frames, kept)
	}
	r, err := pcap.NewReader(bytes.NewReader(data))
	if err != nil {
		play(data, keep)
		return frames
	}
	for f := (pcap.Frame{}); len(frames) < trackerPackets && r.Next(&f) == nil; {
		keep(&f)
	}
	return frames
}

// judge returns everything a tracker has to say about frames.
func judge(frames []pcap.Frame, cfg trace.Config) (said []byte, flows int) {
	given := map[*trace.Conn]*[2]uint64{} // octets of data handed out as new
	cfg.OnData = func(p trace.Piece) {
		if p.Len <= 0 || len(p.Octets) > p.Len || p.Side&^1 != 0 {
			panic(fmt.Sprintf("piece of %d octets, %d captured, of side %d", p.Len, len(p.Octets), p.Side))
		}
		if p.Conn == nil || !p.Mapped {
			return
		}
		if given[p.Conn] == nil {
			given[p.Conn] = new([2]uint64)
		}
		given[p.Conn][p.Side] += uint64(p.Len)
	}
	t := trace.New(cfg)
	for i := range frames {
		t.Add(0, &frames[i])
	}
	t.Finish()
	checkTotals(&t.Totals, len(frames))

	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	print := func(record any) {
		if err := enc.Encode(record); err != nil {
			panic(err)
		}
	}
	for _, c := range t.Conns() {
		for side := range c.Dir {
			checkDir(c, side)
			if g := given[c]; g != nil && g[side] != c.Dir[side].NewBytes {
				panic(fmt.Sprintf("side %d: %d octets given as new, %d counted", side, g[side], c.Dir[side].NewBytes))
			}
		}
		limit := 2 * cfg.Limits.Findings
		if limit == 0 {
			limit = 2 * 64
		}
		if n := len(c.Findings); n > limit+32 { // those of the whole connection come on top
			panic(fmt.Sprintf("%d findings", n))
		}
		print(t.Record(c, true))
	}
	payload := uint64(0)
	for _, sf := range t.Subflows() {
		checkSubflow(sf)
		payload += sf.Dir[0].Payload + sf.Dir[1].Payload
		print(t.SubflowRecord(sf))
	}
	if payload > t.Totals.PayloadOctets {
		panic(fmt.Sprintf("%d octets in all, %d in the flows", t.Totals.PayloadOctets, payload))
	}
	for _, f := range t.Findings() {
		checkFinding(&f, len(frames))
		out.WriteString(f.ID + f.Cause + fmt.Sprint(f.Frames, f.Count))
	}
	fmt.Fprintf(&out, "%+v", t.Totals)
	return out.Bytes(), len(t.Subflows())
}

func checkTotals(n *trace.Totals, frames int) {
	for name, v := range map[string]int{"TCP": n.TCP, "NotIP": n.NotIP, "NotTCP": n.NotTCP, "Fragments": n.Fragments,
		"Malformed": n.Malformed, "Unsupported": n.Unsupported, "Truncated": n.Truncated, "Tunnelled": n.Tunnelled} {
		if v < 0 || v > frames {
			panic(fmt.Sprintf("%s: %d of %d", name, v, frames))
		}
	}
	if n.Packets != frames || n.MPTCP > n.TCP || n.BadSum > n.TCP || n.PartialSum > n.BadSum {
		panic(fmt.Sprintf("%+v", *n))
	}
}

func checkDir(c *trace.Conn, side int) {
	d := &c.Dir[side]
	payload, fresh := uint64(0), uint64(0)
	for _, sf := range c.Subflows {
		dir := sf.OpenerSide ^ side
		payload += sf.Dir[dir].Payload
		fresh += sf.Dir[dir].DataNew
	}
	switch {
	case d.NewBytes != fresh:
		panic(fmt.Sprintf("%d new octets, %d on the subflows", d.NewBytes, fresh))
	case d.NewBytes+d.DupSameSubflow+d.Reinjected+d.Unmapped+d.UnmappedAfterInfinite > payload:
		panic(fmt.Sprintf("%d new, %d repeated, %d reinjected, %d + %d unmapped of %d octets",
			d.NewBytes, d.DupSameSubflow, d.Reinjected, d.Unmapped, d.UnmappedAfterInfinite, payload))
	case d.DupSameSubflow != d.DupTCPRetrans+d.DupNewSSN:
		panic(fmt.Sprintf("%d repeated: %d + %d", d.DupSameSubflow, d.DupTCPRetrans, d.DupNewSSN))
	case d.RepeatedMappings > d.Mappings || d.SumOK+d.SumBad+d.SumIncomplete > d.Mappings || d.InfiniteMappings > d.Mappings:
		panic(fmt.Sprintf("mappings: %+v", d.Stats))
	case d.DataAcks != d.DataAck32+d.DataAck64:
		panic(fmt.Sprintf("DATA_ACKs: %+v", d.Stats))
	case (d.SumBad+d.FinSumBad > 0) != (len(d.SumBadFrames) > 0):
		panic(fmt.Sprintf("%d bad checksums, in %d frames", d.SumBad, len(d.SumBadFrames)))
	}
	if n, ok := d.StreamLen(); ok && n > d.NewBytes {
		panic(fmt.Sprintf("a stream of %d octets, %d of them new", n, d.NewBytes))
	}
}

func checkSubflow(sf *trace.Subflow) {
	for dir := range sf.Dir {
		d := &sf.Dir[dir]
		if d.DataNew > d.Payload || d.Retransmitted > d.Payload {
			panic(fmt.Sprintf("%d octets of payload, %d new, %d retransmitted", d.Payload, d.DataNew, d.Retransmitted))
		}
		if s := sf.Share(dir); s < 0 || s > 1 || math.IsNaN(s) {
			panic(fmt.Sprintf("a share of %v", s))
		}
	}
	if sf.Packets < 1 || sf.Last < sf.First || sf.RSTs > sf.Packets || sf.MPTCPPackets > sf.Packets {
		panic(fmt.Sprintf("%d packets, %d with options, %d RSTs, from %d to %d", sf.Packets, sf.MPTCPPackets, sf.RSTs, sf.First, sf.Last))
	}
}

// catalogued are the ids there can be.
var catalogued = func() map[string]bool {
	ids := map[string]bool{}
	for _, f := range trace.Catalogue() {
		ids[f.ID] = true
	}
	return ids
}()

func checkFinding(f *trace.Finding, frames int) {
	switch {
	case !catalogued[f.ID]:
		panic(f.ID + " is not in the catalogue")
	case f.Cause == "" || f.Advice == "":
		panic(fmt.Sprintf("finding without words: %+v", *f))
	case bytes.Contains([]byte(f.Cause), []byte("%!")) || bytes.Contains([]byte(f.Advice), []byte("%!")):
		panic(f.Cause + "\n" + f.Advice)
	case len(f.Frames) > 8 || f.Count < 1:
		panic(fmt.Sprintf("%s: %d times, %v", f.ID, f.Count, f.Frames))
	}
	for _, r := range f.Frames {
		if r.Frame() < 1 || r.Frame() > frames || r.File() != 0 {
			panic(fmt.Sprintf("%s: frame %d of file %d, of %d", f.ID, r.Frame(), r.File(), frames))
		}
	}
}

// scriptData is read by play, an octet a time; it ends in zeros.
type scriptData []byte

func (d *scriptData) next() int {
	if len(*d) == 0 {
		return 0
	}
	v := (*d)[0]
	*d = (*d)[1:]
	return int(v)
}

// play turns octets into packets of connections whose ends make every mistake there
// is: each step takes an action, whom it concerns and how.
func play(data []byte, out func(*pcap.Frame)) {
	d := scriptData(data)
	s := &script{now: 1.7e18, out: out}
	var talks []*talk
	for step := 0; len(d) > 0 && step < 256; step++ {
		action, who, how := d.next(), d.next(), d.next()
		if len(talks) == 0 || action%16 == 0 && len(talks) < 8 {
			c := newTalk(wire.Version(how&1), uint64(len(talks)), how&2 != 0)
			talks = append(talks, c)
			s.open(c, c.add(who%32, 0), 3-how>>6) // port reuse, where who is not new
			continue
		}
		c := talks[who%len(talks)]
		f := c.flows[who/8%len(c.flows)]
		dir := who >> 7
		side := f.opener ^ dir
		st := dataStyle{wide: how&1 != 0, ack: how&2 != 0, ackLen8: how&4 != 0, fin: how&8 != 0 && how&16 != 0, badSum: how&0xe0 == 0xe0}
		switch action % 16 {
		case 1: // another flow
			s.join(c, c.add(who, how>>3&1), 3-how>>6, uint32(how&7/7))
		case 2, 3: // new data
			s.data(c, f, dir, c.sent[side], d.next()*8, 0, st)
		case 4: // a retransmission
			n := d.next()
			s.data(c, f, dir, c.sent[side]-min(c.sent[side], uint64(n)), n, uint32(n), st)
		case 5: // a reinjection, perhaps with other octets
			n := d.next()
			st.garble = byte(how) & 0x40
			s.data(c, f, dir, c.sent[side]-min(c.sent[side], uint64(n)*8), n*4, 0, st)
		case 6: // data after a gap
			s.data(c, f, dir, c.sent[side]+uint64(d.next()), how, 0, st)
		case 7: // a mapping that is too long, too short or nowhere
			st.mapLen = uint16(d.next()) << (how & 8)
			s.data(c, f, dir, c.sent[side]+uint64(int64(int8(d.next())))<<(how>>3), how, 0, st)
		case 8: // unmapped data
			st.noMap = true
			s.data(c, f, dir, c.sent[side], how, uint32(how&7), st)
		case 9: // plain TCP data
			s.send(f, dir, wire.ACK, f.next[dir], octets(side, c.sent[side], how), nil)
		case 10:
			s.ack(c, f, dir, c.sent[1-side]+uint64(how>>4)-uint64(how&3), how&8 != 0)
		case 11:
			s.send(f, dir, wire.ACK, f.next[dir], nil, c.signal(how, side, d.next()))
		case 12: // the end of a flow
			flags := [...]wire.Flags{wire.FIN | wire.ACK, wire.RST, wire.RST | wire.ACK, wire.FIN | wire.SYN}[how&3]
			s.send(f, dir, flags, f.next[dir], nil, nil)
		case 13: // options made of octets
			raw := wire.Options(d[:min(len(d), how%41)])
			d = d[len(raw):]
			s.send(f, dir, wire.Flags(who)<<2|wire.ACK, f.next[dir], nil, func(wire.Options) (wire.Options, error) { return raw, nil })
		case 14: // time passes, or goes back
			s.now += int64(int8(how)) << (who % 40)
			s.snap = d.next() &^ 3
		case 15: // sequence numbers that wrap or lie
			f.next[dir] += uint32(how) << (who % 25)
			c.sent[side] += uint64(how&15) << (who % 50)
		}
	}
}

// signal adds an option that carries no data.
func (c *talk) signal(how, side, id int) func(wire.Options) (wire.Options, error) {
	add := wire.AddAddr{Version: c.version, ID: uint8(id), Addr: endpoints(id)[0].Addr(), HasPort: how&8 != 0, Port: 443}
	switch how % 8 {
	case 0:
		return wire.MPPrio{Backup: how&8 != 0, HasID: c.version == wire.V0, ID: uint8(id)}.Append
	case 1:
		if add.HasHMAC = c.version == wire.V1; add.HasHMAC {
			port := uint16(0)
			if add.HasPort {
				port = add.Port
			}
			add.HMAC = wire.AddAddrHMAC(c.key[side], c.key[1-side], add.ID, add.Addr, port) ^ uint64(how>>7)
		}
		return add.Append
	case 2:
		add.Echo = true
		return add.Append
	case 3:
		return wire.RemoveAddr{IDs: []byte{byte(id), byte(how)}}.Append
	case 4:
		return wire.MPFail{DSN: c.dsn(side, c.sent[side]-uint64(id))}.Append
	case 5:
		return wire.MPFastclose{Key: c.key[1-side] ^ wire.Key(how>>6)}.Append
	case 6:
		return wire.MPTCPRst{Reason: wire.ResetReason(id)}.Append
	}
	infinite := wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: c.dsn(side, c.sent[side]), SSN: uint32(id), HasSum: c.sums}
	return infinite.Append
}
