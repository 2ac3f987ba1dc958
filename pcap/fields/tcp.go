package fields

import (
	"encoding/binary"

	"github.com/mptcp-go/mptcp/wire"
)

const tcpHeaderSize = 20

// tcp adds the TCP header at the start of b (RFC 9293 section 3.1) and its options.
//
// Ports are shown as soon as they were captured, all that depends on the stream once the
// window was, and what follows piece by piece.
func (x *Extractor) tcp(b []byte, up *upper) {
	r := &x.row
	r.protocol("tcp")
	r.addOctets(tcpLayer, b)
	if len(b) < 4 {
		return
	}
	src, dst := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	r.add(tcpSrcPort, uint64(src))
	r.add(tcpPort, uint64(src))
	r.add(tcpDstPort, uint64(dst))
	r.add(tcpPort, uint64(dst))
	if len(b) < 16 {
		return
	}
	seq, ack := binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	word := binary.BigEndian.Uint16(b[12:])
	flags, header := wire.Flags(word&0xfff), int(word>>12)*4
	f, from, to := x.flowOf(up, src, dst, r.Has(ipv6Layer), seq, flags)
	r.add(tcpStream, uint64(f.stream))
	first, prev := f.seen(x.now, r.Has(frameTimeEpoch))
	r.add(tcpSeqRaw, uint64(seq))

	whole := header <= up.size // else the packet is shorter than its TCP header
	size := uint32(up.size - header)
	if whole {
		number(from, to, seq, ack, flags)
		r.add(tcpLen, uint64(size))
		seq -= from.base
	}
	r.add(tcpSeq, uint64(seq))
	r.add(tcpHdrLen, uint64(header))
	if header < tcpHeaderSize {
		return // bogus: tshark shows neither the rest nor the flags
	}
	if whole {
		next := seq + size
		if flags&(wire.SYN|wire.FIN) != 0 {
			next++
		}
		r.add(tcpNextSeq, uint64(next))
	}
	r.add(tcpAckRaw, uint64(ack))
	if whole && flags&wire.ACK != 0 {
		ack -= to.base
	}
	r.add(tcpAck, uint64(ack))
	r.tcpFlags(flags)
	value := binary.BigEndian.Uint16(b[14:])
	r.add(tcpWindowValue, uint64(value))
	if flags&wire.SYN != 0 {
		r.add(tcpWindow, uint64(value)) // never scaled, RFC 7323 section 2.2
	} else {
		n, factor := from.window(value)
		r.add(tcpWindow, uint64(n))
		r.add(tcpWindowFactor, uint64(factor))
	}
	r.addUint(tcpChecksum, b, 16, 2)
	r.addUint(tcpUrgent, b, 18, 2)
	if len(b) < tcpHeaderSize {
		return
	}
	x.addTimes(first, prev)
	if header > tcpHeaderSize {
		block := b[tcpHeaderSize:min(header, len(b))]
		if len(block) > 0 {
			r.addOctets(tcpOptions, block)
		}
		if !r.options(block, header-tcpHeaderSize, to) {
			return
		}
	}
	if flags&wire.SYN != 0 {
		learnScale(from, to, flags, r.num(tcpWScaleShift), r.Has(tcpWScaleShift))
	}
	if len(b) > header && flags&wire.RST == 0 { // text in a RST is no payload to tshark
		r.addOctets(tcpPayload, b[header:])
	}
}

// addTimes adds the times that count within a stream.
func (x *Extractor) addTimes(first, prev int64) {
	if r := &x.row; r.Has(frameTimeEpoch) {
		r.add(tcpTimeRelative, uint64(x.now-first))
		r.add(tcpTimeDelta, uint64(x.now-prev))
	}
}

func (r *Row) tcpFlags(flags wire.Flags) {
	r.add(tcpFlags, uint64(flags))
	r.addOctets(tcpFlagsStr, flagText(r.flags[:0], flags))
	r.addBool(tcpFlagsRes, flags&0xe00 != 0)
	for _, f := range [...]struct {
		id   ID
		flag wire.Flags
	}{
		{tcpFlagsAE, wire.AE}, {tcpFlagsCWR, wire.CWR}, {tcpFlagsECE, wire.ECE},
		{tcpFlagsURG, wire.URG}, {tcpFlagsACK, wire.ACK}, {tcpFlagsPSH, wire.PSH},
		{tcpFlagsRST, wire.RST}, {tcpFlagsSYN, wire.SYN}, {tcpFlagsFIN, wire.FIN},
	} {
		r.addBool(f.id, flags&f.flag != 0)
	}
}

// flagText writes the flags as twelve letters, with a middle dot for each that is not set.
func flagText(b []byte, flags wire.Flags) []byte {
	const letters = "RRRACEUAPRSF"
	for i := range letters {
		if flags>>(11-i)&1 != 0 {
			b = append(b, letters[i])
		} else {
			b = append(b, "\u00b7"...)
		}
	}
	return b
}
