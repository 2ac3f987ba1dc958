package fsm

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// R3.2-17: joins of both ends between the same addresses, whose SYNs cross, end as one
// subflow that the opener of the connection asked for and both ends have proved. As TCP's
// simultaneous open it would be up without any HMAC.
func TestJoinsCross(t *testing.T) {
	for _, v := range []Versions{OnlyV1, OnlyV0} {
		for apart := -8; apart <= 8; apart += 4 { // milliseconds, of a one-way delay of 10
			t.Run(fmt.Sprintf("v=%d apart=%d", v, apart), func(t *testing.T) {
				set := func(c *Config) { c.Versions = v }
				m := newManyPaths(t, 5, testConfig(1, set), testConfig(2, set), []string{"link delay=10ms rate=10Mbit"}, []string{"link delay=10ms rate=10Mbit"})
				m.app[0].out, m.app[1].out = stream(200_000, 1), stream(200_000, 2)
				m.app[0].closing, m.app[1].closing = true, true
				client, server := pathAddrs(1)
				ends := [2]netip.AddrPort{netip.AddrPortFrom(client, 7000), netip.AddrPortFrom(server, 80)}
				for i := range 2 {
					m.w.At(100*time.Millisecond+time.Duration(i*apart)*time.Millisecond, func() {
						err := m.app[i].conn.Join(m.w.Now(), ends[i], ends[1-i], false)
						if err != nil {
							t.Error(i, err)
						}
					})
				}
				m.dial()
				m.finishTransfer(time.Minute)
				for i := range 2 {
					if n := m.app[i].conn.Info().SubflowsUp; n > 2 {
						t.Errorf("end %d has %d subflows", i, n)
					}
				}
				if m.ep[0].stats.MPJoinSynAckRx != 1 || m.ep[1].stats.MPJoinAckRx == 0 {
					t.Error("the opener's join did not come up")
				}
				m.idle()
			})
		}
	}
}

// R3.2-17: who forges the crossing SYN, token and all, and acknowledges ours does not get a
// subflow that proves nothing.
func TestForgedCrossingSYN(t *testing.T) {
	for _, opener := range []bool{true, false} {
		b := accepted(t)
		if opener {
			b = provenClient(t)
		}
		token := b.conn.own.token
		if err := b.conn.Join(b.now, netip.MustParseAddrPort("10.3.3.3:6000"), netip.MustParseAddrPort("10.7.7.7:5000"), false); err != nil {
			t.Fatal(err)
		}
		l := newLane("10.3.3.3:6000", "10.7.7.7:5000")
		b.on(l, func() {
			b.want("a join", "S 0:0(0) <mp_join syn>")
			b.inject(fmt.Sprintf("S 0:0(0) <mss 1460, mp_join syn id=7 token=%08x nonce=1>", uint32(token)))
			b.drain()
			b.inject("S. 0:0(0) ack 1 <mss 1460, mp_join syn id=7 token=1 nonce=1>")
			b.drain()
			b.inject(". 1:1(0) ack 1 <dss>")
			b.drain()
		})
		if n := b.conn.Info().SubflowsUp; n != 1 {
			t.Errorf("opener %v: %d subflows are up", opener, n)
		}
	}
}
