package mbox

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Payload changes what is carried, as application-level gateways do that write
// other addresses into FTP's control channel, and puts sequence numbers,
// acknowledgments and SACK blocks right in both directions where the length changed
// (paper section 3.3.6, 4.1 "payload modification"). Length changes are what no
// mapping survives; the DSS checksum finds them (P-3.3.6-01).
//
//	payload flip [when...]                one octet of each segment
//	payload insert|delete [by=4] [when...]
//	payload find=TEXT put=TEXT [when...]  wherever it stands in one segment
//
// Only octets that come in order are changed, once; a retransmission is changed as
// the first transmission was, however it is cut. A segment that grows above max
// octets of payload (default 1400) is sent as two.
type Payload struct {
	mode      string
	by, max   int
	find, put string
	when      when

	e, part edit
	flows   flows[algState]
	buf     []byte
	options wire.Options
}

// algState is both streams of a flow, by direction.
type algState struct {
	edits [2]editList
	next  [2]uint32 // after the newest octet, original numbers
	known [2]bool
}

func parsePayload(s *netsim.Spec) netsim.Element {
	x := &Payload{mode: s.Word(), by: 4}
	find, ok1 := s.Field("find")
	put, ok2 := s.Field("put")
	if x.mode == "" && ok1 && ok2 && find != "" {
		x.mode, x.find, x.put = "find", find, put
	} else if ok1 || ok2 {
		s.Fail("find and put stand together, without another word")
	}
	switch x.mode {
	case "flip", "find":
	case "insert", "delete":
		x.by = s.Int("by", 4, 1, 1000)
	default:
		s.Fail("want flip, insert, delete, or find= and put=")
	}
	x.max = s.Int("max", 1400, 1, 65000)
	x.when = parseWhen(s)
	return x
}

func (x *Payload) String() string {
	s := "payload"
	if x.mode == "find" {
		s += " find=" + x.find + " put=" + x.put
	} else {
		s += " " + x.mode
	}
	if x.by != 4 {
		s += " by=" + strconv.Itoa(x.by)
	}
	if x.max != 1400 {
		s += " max=" + strconv.Itoa(x.max)
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *Payload) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) {
		at.Send(dir, p)
		return
	}
	chosen := x.when.has(at, dir, e)
	f := x.flows.get(dir, &e.seg)
	back := dir.Back()
	if e.seg.Flags.Has(wire.ACK) {
		if ack := f.edits[back].back(e.seg.Ack); ack != e.seg.Ack {
			e.setAck(ack)
		}
		if f.known[back] { // what the receiver has is past changing
			f.next[back] = latest(f.next[back], e.seg.Ack)
		}
		if l := &f.edits[back]; len(l.list) > 0 || l.base != 0 {
			e.mapSACK(l.back)
		}
	}
	if len(e.seg.Payload) > 0 {
		x.edit(at, dir, f, chosen)
	}
	l := &f.edits[dir]
	seq := e.dataSeq()
	was := len(e.seg.Payload)
	if e.seg.SeqLen() == 0 && f.known[dir] && before(f.next[dir], seq) {
		// What lies before this number has not been here yet and may still be changed.
		// An ACK numbered too high would have the receiver ignore the windows of all
		// that follow (RFC 9293 section 3.10.7.4, SND.WL1).
		e.setSeq(f.next[dir])
		seq = f.next[dir]
	}
	if f.known[dir] {
		f.next[dir] = latest(f.next[dir], e.endSeq()) // a FIN: too late for changes before it
	}
	x.buf = l.rewrite(x.buf[:0], seq, e.seg.Payload)
	if !bytes.Equal(x.buf, e.seg.Payload) && !e.rebuild(e.seg.Options, x.buf) {
		at.Drop(dir, p, "grew beyond an IP packet")
		return
	}
	if d := l.forward(seq) - seq; d != 0 {
		e.setSeq(e.seg.Seq + d)
	}
	if n := len(e.seg.Payload); n > was && n > x.max {
		cut(at, dir, e, &x.part, x.max, "all", &x.options)
		return
	}
	at.Send(dir, p)
}

// edit records what is to change in the octets that are new and in order.
func (x *Payload) edit(at *netsim.Slot, dir netsim.Dir, f *algState, chosen bool) {
	e := &x.e
	seq, end := e.dataSeq(), e.dataSeq()+uint32(len(e.seg.Payload))
	if !f.known[dir] {
		f.known[dir], f.next[dir] = true, seq
	}
	next := f.next[dir]
	if !before(next, end) {
		return
	}
	f.next[dir] = end
	l := &f.edits[dir]
	l.forget(end)
	if !chosen || before(next, seq) {
		return
	}
	fresh := e.seg.Payload[next-seq:]
	n := len(l.list)
	switch mid := uint32(len(fresh) / 2); x.mode {
	case "flip":
		l.add(next+mid, 1, []byte{fresh[mid] ^ 1})
	case "insert":
		put := append(bytes.Repeat([]byte{'+'}, x.by), fresh[mid])
		l.add(next+mid, 1, put)
	case "delete":
		if int(mid)+x.by <= len(fresh) && x.by < len(fresh) {
			l.add(next+mid, uint32(x.by), nil)
		}
	case "find":
		for off := 0; ; {
			i := bytes.Index(fresh[off:], []byte(x.find))
			if i < 0 || !l.add(next+uint32(off+i), uint32(len(x.find)), []byte(x.put)) {
				break
			}
			off += i + len(x.find)
		}
	}
	if n = len(l.list) - n; n > 0 {
		x.when.spend()
		if at.Logging() {
			at.Log(dir, fmt.Sprintf("changed %d places, %+d octets so far: %s", n, l.total(), e.text()))
		}
	}
}
