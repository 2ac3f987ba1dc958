package fsm

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// NOTES section 5: a peer, or a box, that says anything at all in acceptable segments.
// Nothing panics, options fit, memory stays within its bounds, and time ends the
// connection.
func TestAnythingAtAll(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		client := r.IntN(2) == 0
		set := func(c *Config) {
			c.NoChecksum = r.IntN(2) == 0
			c.TCP.NoSACK, c.TCP.NoTimestamps = false, r.IntN(2) == 0
		}
		var b *bench
		if client {
			b = newBench(t, true, set)
			b.want("SYN", "S 0:0(0) <mp_capable v1>")
			b.inject("S. 0:0(0) ack 1 <mss 1460, sackOK, mp_capable v1 H key=KP>")
		} else {
			b = newBench(t, false, set)
			b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
			b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1>")
			b.inject(". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>")
		}
		c := b.conn
		if c == nil {
			t.Fatal("no connection")
		}
		seq, sent := uint32(0), uint32(0)
		drain := func() {
			seg := wire.Segment{Options: b.buf[:0]}
			for b.ep.PollSegment(b.now, &seg) {
				if len(seg.Options) > wire.MaxOptions || seg.Options.Check() != nil {
					t.Fatalf("seed %d: options %x", seed, []byte(seg.Options))
				}
				if !seg.Flags.Has(wire.SYN) {
					if end := seg.Seq - b.ourISN - 1 + uint32(len(seg.Payload)); int32(end-sent) > 0 {
						sent = end
					}
				}
			}
		}
		own, peer := c.own.space, c.peer.space
		for range 200 {
			switch r.IntN(8) {
			case 0:
				c.Write(b.now, make([]byte, r.IntN(5000)))
			case 1:
				c.Read(b.now, make([]byte, r.IntN(5000)))
			case 2:
				b.now = b.now.Add(time.Duration(r.IntN(1000)) * time.Millisecond)
				b.ep.HandleTimer(b.now)
			case 3:
				if r.IntN(40) == 0 {
					c.CloseWrite(b.now)
				}
			default:
				seg := wire.Segment{Src: b.remote, Dst: b.local, Flags: wire.ACK, Window: uint16(r.Uint32())}
				off := seq + uint32(r.IntN(3)*r.IntN(3000))
				seg.Seq = b.peerISN + 1 + off
				seg.Ack = b.ourISN + 1 + uint32(r.IntN(int(sent)+2))
				if r.IntN(2) == 0 {
					seg.Payload = make([]byte, r.IntN(1400))
				}
				if r.IntN(60) == 0 {
					seg.Flags |= wire.Flags(1 << r.IntN(3)) // FIN, SYN or RST
				}
				d := wire.DSS{Flags: wire.DSSFlags(r.IntN(32)), HasSum: r.IntN(2) == 0, SSN: off + 1 + uint32(r.IntN(3)*r.IntN(100)),
					DataLen: uint16(r.IntN(3) * r.IntN(3000)), DSN: peer.DSN(uint64(off) + uint64(r.IntN(2)*r.IntN(9000))),
					DataAck: own.DSN(uint64(r.IntN(int(sent) + 3)))}
				switch r.IntN(12) {
				case 0:
					seg.Options, _ = wire.MPFail{DSN: own.DSN(uint64(r.IntN(5000)))}.Append(seg.Options)
				case 1:
					seg.Options, _ = wire.MPPrio{Backup: true}.Append(seg.Options)
				case 2:
					seg.Options, _ = wire.RemoveAddr{IDs: []byte{0, 1, 2}}.Append(seg.Options)
				case 3:
					for range 12 {
						seg.Options = append(seg.Options, byte(r.Uint32()))
					}
				case 4:
				case 5:
					seg.Options, _ = wire.MPCapable{Version: 1, Flags: wire.CapableHMAC, HasSender: true, HasReceiver: true, HasData: true,
						Sender: c.peer.key, Receiver: c.own.key, DataLen: uint16(r.Uint32())}.Append(seg.Options)
				default:
					d.HasSum = d.HasSum && d.Flags.Has(wire.DSSMap)
					if r.IntN(3) > 0 {
						d.HasSum = c.checksum && d.Flags.Has(wire.DSSMap)
					}
					seg.Options, _ = d.Append(seg.Options)
				}
				b.ep.HandleSegment(b.now, &seg)
				if off == seq {
					seq += uint32(len(seg.Payload))
				}
			}
			drain()
			for _, s := range c.subflows {
				if s.held.octets > b.ep.cfg.MaxUnmapped || s.table.Len() > b.ep.cfg.MaxMappings {
					t.Fatalf("seed %d: %d octets held, %d mappings", seed, s.held.octets, s.table.Len())
				}
			}
			if c.rcv.buf.Buffered() > b.ep.cfg.ReceiveBuffer+1<<15 || c.snd.buf.len() > b.ep.cfg.SendBuffer {
				t.Fatalf("seed %d: %d octets received, %d to be sent", seed, c.rcv.buf.Buffered(), c.snd.buf.len())
			}
		}
		c.Abort(b.now)
		drain()
		for range 2000 {
			at := b.ep.Deadline()
			if at.IsZero() {
				break
			}
			b.now = at
			b.ep.HandleTimer(at)
			drain()
		}
		if b.ep.subflows.n != 0 || b.ep.known() != 0 {
			t.Fatalf("seed %d: %d subflows, %d tokens are left\n%v", seed, b.ep.subflows.n, b.ep.known(), c.State())
		}
	}
}
