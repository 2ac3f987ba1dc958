package fsm

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// Anything at all sent to a listener, by a few strangers who know what it answered: every
// handshake ends in one of its ways, the bounds and the books hold after each step, and
// when all have gone nothing is left (NOTES sections 4 and 5).
func TestAnythingToAListener(t *testing.T) {
	var promoted, redeemed, early, joined uint64
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 8))
		b := newBench(t, false, func(c *Config) {
			c.MaxHalfOpen, c.MaxFastOpen, c.Backlog, c.MaxHalfJoinsAll = 1+r.IntN(4), 1+r.IntN(2), 1+r.IntN(4), 2
			c.FastOpen = seed&1 != 0
			c.TCP.NoTimestamps = seed&2 != 0
			c.Plain = seed%16 == 5
			c.NoSubflow, c.CloseWait = time.Minute, time.Minute
		})
		e := b.ep
		type stranger struct {
			addr     netip.AddrPort
			seq, ack uint32
			key      wire.Key
			nonce    uint32
		}
		var who [6]stranger
		for i := range who {
			who[i] = stranger{addr: addPort(b.remote, i), seq: r.Uint32()}
		}
		var conns []*Conn
		flush := func() {
			seg := wire.Segment{Options: b.buf[:0]}
			for e.PollSegment(b.now, &seg) {
				if len(seg.Options) > wire.MaxOptions || seg.Options.Check() != nil {
					t.Fatalf("seed %d: options %x", seed, []byte(seg.Options))
				}
				for i := range who {
					if w := &who[i]; w.addr == seg.Dst && seg.Flags.Has(wire.SYN) {
						w.ack = seg.Seq + 1
						if o, ok := seg.Options.Find(wire.KindMPTCP); ok {
							if m, err := wire.ParseMPCapable(o); err == nil {
								w.key = m.Sender
							} else if j, err := wire.ParseMPJoin(o); err == nil {
								w.nonce = j.Nonce
							}
						}
					}
				}
				seg.Options = b.buf[:0]
			}
		}
		check := func() {
			asked, ready, halves := 0, len(b.listener.ready), 0
			e.embryos.all(func(h *half[embryo]) {
				if h.x.asked {
					asked++
				}
			})
			tokens, soon := 0, 0
			for _, c := range e.tokens {
				if c != nil {
					tokens++
					halves += len(c.halfJoins)
				}
			}
			e.subflows.all(func(s *subflow) {
				if s.conn.fo.early {
					soon++
				}
			})
			switch {
			case e.embryos.n != b.listener.halfOpen, e.embryos.n > e.cfg.MaxHalfOpen, e.joins.n > e.cfg.MaxHalfJoinsAll, halves != e.joins.n:
				t.Fatalf("seed %d: %d embryos, the listener knows %d; %d half-open joins, their connections know %d", seed, e.embryos.n, b.listener.halfOpen, e.joins.n, halves)
			case e.known() != asked+tokens:
				t.Fatalf("seed %d: %d tokens in use, %d embryos and %d connections have one", seed, e.known(), asked, tokens)
			case ready > e.cfg.Backlog, b.listener.early > e.cfg.MaxFastOpen, soon != b.listener.early:
				t.Fatalf("seed %d: %d wait for Accept, %d began early, of whom the listener knows %d", seed, ready, soon, b.listener.early)
			}
		}
		peerKey := wire.Key(77)
		for range 300 {
			w := &who[r.IntN(len(who))]
			seg := wire.Segment{Src: w.addr, Dst: b.local, Window: uint16(r.Uint32()), Seq: w.seq, Ack: w.ack}
			v1 := wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC | wire.CapableFlags(r.IntN(2)*128)}
			switch r.IntN(10) {
			case 0, 1, 2: // a SYN, now and then of another connection
				if r.IntN(4) == 0 {
					w.seq = r.Uint32()
					seg.Seq = w.seq
				}
				seg.Flags, seg.Ack = wire.SYN, 0
				if r.IntN(2) == 0 && e.cfg.FastOpen {
					seg.Options, _ = seg.Options.AppendFastOpen(e.fastCookie(w.addr.Addr())[:r.IntN(2)*fastCookieSize])
					seg.Payload = make([]byte, r.IntN(30))
				}
				switch r.IntN(8) {
				case 0:
				case 1:
					seg.Options, _ = wire.MPCapable{Version: wire.V0, Flags: wire.CapableHMAC, HasSender: true, Sender: peerKey}.Append(seg.Options)
				case 2, 3:
					j := wire.MPJoin{Form: wire.JoinSYN, ID: uint8(r.IntN(3)), Token: wire.Token(r.Uint32()), Nonce: 5}
					if len(conns) > 0 {
						j.Token = conns[r.IntN(len(conns))].Token()
					}
					seg.Options, _ = j.Append(seg.Options)
				default:
					seg.Options, _ = v1.Append(seg.Options)
				}
			case 3, 4, 5, 6: // a third packet, more or less
				seg.Flags, seg.Seq = wire.ACK, w.seq+1
				seg.Payload = make([]byte, r.IntN(2)*r.IntN(50))
				switch r.IntN(6) {
				case 0:
				case 1:
					d := wire.DSS{Flags: wire.DSSMap | wire.DSSAck, SSN: 1, DataLen: 10}
					seg.Options, _ = d.Append(seg.Options)
				case 2:
					j := wire.MPJoin{Form: wire.JoinACK}
					if len(conns) > 0 {
						j.HMAC = wire.JoinHMAC160(wire.V1, peerKey, conns[r.IntN(len(conns))].own.key, 5, w.nonce)
					}
					seg.Options, _ = j.Append(seg.Options)
				default:
					m := v1
					m.HasSender, m.HasReceiver, m.Sender, m.Receiver = true, true, peerKey, w.key
					if len(seg.Payload) > 0 {
						m.HasData, m.DataLen = true, uint16(len(seg.Payload))
					}
					seg.Options, _ = m.Append(seg.Options)
				}
				if r.IntN(8) == 0 {
					seg.Ack += uint32(r.IntN(3))
				}
			case 7: // later data, with a DATA_ACK, which proves a connection
				seg.Flags, seg.Seq = wire.ACK, w.seq+1+uint32(r.IntN(100))
				seg.Payload = make([]byte, 1+r.IntN(20))
				d := wire.DSS{Flags: wire.DSSAck | wire.DSSAck8}
				if len(conns) > 0 {
					d.DataAck = conns[r.IntN(len(conns))].own.space.DSN(0)
				}
				seg.Options, _ = d.Append(seg.Options)
			case 8: // anything
				seg.Flags = wire.Flags(r.Uint32() & 0x3f)
				seg.Seq += uint32(r.IntN(70_000) - 100)
				for range r.IntN(20) {
					seg.Options = append(seg.Options, byte(r.Uint32()))
				}
			case 9:
				b.now = b.now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
				e.HandleTimer(b.now)
				if c, ok := b.listener.Accept(); ok {
					conns = append(conns, c)
					c.Write(b.now, make([]byte, r.IntN(3000)))
				}
				if len(conns) > 0 && r.IntN(4) == 0 {
					conns[r.IntN(len(conns))].Abort(b.now)
				}
				flush()
				check()
				continue
			}
			e.HandleSegment(b.now, &seg)
			check()
			flush()
			check()
		}
		promoted += e.FlowStats().PassiveOpens
		redeemed += e.stats.SyncookiesRecv
		early += e.FlowStats().FastOpenPassive
		joined += e.stats.MPJoinAckRx - e.stats.MPJoinAckHMacFailure
		b.listener.Close(b.now)
		for _, c := range conns {
			c.Abort(b.now)
		}
		flush()
		for range 2000 {
			at := e.Deadline()
			if at.IsZero() {
				break
			}
			b.now = at
			e.HandleTimer(at)
			flush()
		}
		if e.subflows.n != 0 || e.known() != 0 || e.embryos.n != 0 || e.joins.n != 0 || e.waits.n != 0 || b.listener.early != 0 || b.listener.halfOpen != 0 || e.timers.len() != 0 {
			t.Fatalf("seed %d: %d subflows, %d tokens, %d embryos, %d joins, %d records, %d early and %d timers are left", seed, e.subflows.n, e.known(),
				e.embryos.n, e.joins.n, e.waits.n, b.listener.early, e.timers.len())
		}
	}
	if promoted < 300 || redeemed < 50 || early < 30 || joined == 0 {
		t.Errorf("%d connections, %d of them without state and %d early, %d joins", promoted, redeemed, early, joined)
	}
}
