package fsm

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/wire"
)

// Paper section 3.2, P-3.2-01: a new subflow has a SYN exchange of its own. The strawman
// sends data from a second address without one, with a mapping that the receiver could
// use: a NAT and a stateful firewall do not let it through. Subflows that join do get
// through.
func TestPaperSubflowNeedsSYN(t *testing.T) {
	for _, box := range []string{"firewall", "nat mid=drop", "nat"} {
		t.Run(box, func(t *testing.T) {
			w := newWorld(t, 61, testConfig(1), testConfig(2), "link delay=10ms rate=5Mbit")
			second := w.addPath(box, "link delay=10ms rate=5Mbit")
			arrived := 0
			second.Insert(len(second.Elements()), netsim.NewTap(func(_ time.Time, _ netsim.Dir, pkt []byte) {
				var seg wire.Segment
				if wire.Parse(&seg, pkt) == nil && len(seg.Payload) > 0 && !seg.Flags.Has(wire.SYN) {
					arrived++
				}
			}))
			w.app[0].out, w.app[0].closing, w.app[1].closing = stream(300_000, 1), true, true
			w.dial()
			strawman := 0
			for i := range 10 {
				w.w.At(time.Duration(100+20*i)*time.Millisecond, func() {
					// What the strawman would send: data that the peer can place.
					c := w.app[0].conn
					seg := wire.Segment{Src: netip.AddrPortFrom(clientAddr2, 50_000), Dst: serverPort2, Seq: 1000 + uint32(1000*i), Ack: 1, Flags: wire.ACK,
						Window: 1000, Payload: w.app[0].out[:1000]}
					dss := wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: c.own.space.DSN(0), SSN: 1, DataLen: 1000}
					seg.Options, _ = dss.Append(nil)
					pkt, err := wire.Append(nil, &seg)
					if err != nil {
						t.Fatal(err)
					}
					w.node[0].Inject(second, pkt)
					strawman++
				})
			}
			w.finishTransfer(time.Minute)
			switch {
			case strawman != 10:
				t.Error(strawman, "segments of the strawman")
			case box == "nat":
				// A NAT that lost its state, or was put in place meanwhile, lets flows
				// through that it first sees in the middle; the host does not take them.
				if w.ep[1].stats.NoSuchConn == 0 {
					t.Error("the host took data of a subflow that has no beginning")
				}
			case arrived != 0:
				t.Error(arrived, "segments got through", box)
			}

			// And ours.
			m := newWorld(t, 62, testConfig(1, mesh), testConfig(2), "link delay=10ms rate=5Mbit")
			m.addPath(box, "link delay=10ms rate=5Mbit")
			used := uint64(0)
			m.app[0].watch = func() {
				for _, s := range m.app[0].conn.Subflows(nil) {
					if s.Local.Addr() == clientAddr2 {
						used = max(used, s.Flow.Acked())
					}
				}
			}
			m.transfer(600_000, 0, time.Minute)
			if used < 100_000 {
				t.Error(used, "octets went over the joined subflow")
			}
			m.idle()
		})
	}
}

// Paper section 3.2, P-3.2-04: the server has a second address, the client is behind a NAT
// or a firewall. A SYN of the server's does not get in; the address it announces is
// joined by the client, and carries data in both directions.
func TestPaperServerWithTwoAddresses(t *testing.T) {
	for _, box := range []string{"nat", "firewall"} {
		for _, how := range []string{"announce", "join"} {
			t.Run(fmt.Sprint(box, " ", how), func(t *testing.T) {
				server := func(c *Config) {
					if how == "announce" {
						mesh(c)
						return
					}
					c.PathManager = func() pathmgr.Manager { return pathmgr.NewFullMesh(pathmgr.MeshConfig{Silent: true, Mutual: true}) }
				}
				// The client has one address and reaches both of the server's.
				w := newWorld(t, 63, testConfig(1, func(c *Config) {
					if how == "announce" {
						mesh(c)
					}
				}), testConfig(2, server), box, "link delay=10ms rate=5Mbit")
				w.w.Connect(w.node[0], clientAddr, w.node[1], serverAddr2, elements(t, []string{box, "link delay=20ms rate=5Mbit"})...)
				var used [2]uint64
				for i := range 2 {
					w.app[i].watch = func() {
						for _, s := range w.app[i].conn.Subflows(nil) {
							if a := [2]netip.Addr{s.Remote.Addr(), s.Local.Addr()}[i]; a == serverAddr2 {
								used[i] = max(used[i], s.Flow.Acked())
							}
						}
					}
				}
				w.transfer(800_000, 800_000, time.Minute)
				a, b := w.ep[0].stats, w.ep[1].stats
				switch how {
				case "announce":
					if used[0] < 50_000 || used[1] < 50_000 || b.AddAddrTx == 0 || b.EchoAdd == 0 || a.MPJoinSynAckRx == 0 {
						t.Errorf("octets on the second subflow %v, announced %d, echoed %d, joined %d", used, b.AddAddrTx, b.EchoAdd, a.MPJoinSynAckRx)
					}
				case "join":
					if b.MPJoinSynTx == 0 || a.MPJoinSynRx != 0 || used != [2]uint64{} {
						t.Errorf("%d SYNs of the server's, %d came through the %s, octets %v", b.MPJoinSynTx, a.MPJoinSynRx, box, used)
					}
				}
				w.idle()
			})
		}
	}
}
