package peer

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
)

// A subflow that is a backup from its SYN on, or from its SYN/ACK on, carries nothing while
// the first path works, and everything when that is gone. R3.2-07, R3.2-08, R3.3.8-02,
// R3.3.8-03.
func TestLiveBackup(t *testing.T) {
	for _, k := range []struct {
		name    string
		who     role
		prepare func(v *live)
		open    func(v *live, c *Conn)
		counter string // of the kernel
		ours    func(*fsm.Stats) uint64
	}{
		{
			name: "our SYN asks", who: client,
			open: func(v *live, c *Conn) {
				require.NoError(v.t, c.Join(v.at(1, 1), netip.AddrPortFrom(v.at(1, 2), c.fc.Remote().Port()), true))
			},
			counter: "MPTcpExtMPJoinSynBackupRx",
		},
		{
			name: "the kernel's SYN asks", who: server,
			prepare: func(v *live) {
				v.sourceRoute(1)
				v.kernel.Endpoint(fmt.Sprintf("%s dev path1 subflow backup", v.at(1, 2)))
			},
			ours: func(s *fsm.Stats) uint64 { return s.MPJoinSynBackupRx },
		},
		{
			name: "the kernel's SYN/ACK asks", who: client,
			prepare: func(v *live) { v.kernel.Endpoint(fmt.Sprintf("%s signal backup", v.at(1, 2))) },
			open:    func(v *live, c *Conn) { subflowWays[byUsAnnounced].open(v, c, 1) },
			ours:    func(s *fsm.Stats) uint64 { return s.MPJoinSynAckBackupRx },
		},
		{
			name: "our MP_PRIO asks", who: server,
			open: func(v *live, c *Conn) {
				announce(v, c, 1)
				c.SetBackup(v.at(1, 1), true)
			},
			counter: "MPTcpExtMPPrioRx",
		},
	} {
		for _, family := range []int{4, 6} {
			t.Run(fmt.Sprintf("%s/IPv%d", k.name, family), func(t *testing.T) {
				t.Parallel()
				v := newLive(t, liveConfig{paths: 2, family: family, faulty: true, config: Config{Endpoint: fsm.Config{CloseWait: time.Second, StaleAfter: 1}}})
				v.kernel.Limits(8, 8)
				if k.prepare != nil {
					k.prepare(v)
				}
				c, s := v.connect(k.who, family, true)
				talk(t, c, s, 1000)
				if k.open != nil {
					k.open(v, c)
				}
				v.subflows(c, 2)
				if k.counter != "" {
					waitFor(t, k.counter, func() bool { return v.counted(k.counter) == 1 })
				}
				if k.ours != nil {
					st := v.stack.Stats().MPTCP
					assert.EqualValues(t, 1, k.ours(&st))
				}
				v.unused(c, s, 1)
				v.multipath(c, s, 2)
				sent, received := v.carried(c, 1)
				const n = 64 << 10 // what Linux does not repeat on a backup at once may wait for seconds
				v.faults[0].set(faults{loss: 1})
				talk(t, c, s, n)
				moreSent, moreReceived := v.carried(c, 1)
				assert.GreaterOrEqual(t, moreSent-sent, uint64(n), "sent by the backup")
				assert.GreaterOrEqual(t, moreReceived-received, uint64(n), "received by the backup")
				exchange(t, c, s, 1000)
				assert.NoError(t, c.Close())
				assert.NoError(t, s.Close())
				v.closed()
				v.noFallback()
			})
		}
	}
}
