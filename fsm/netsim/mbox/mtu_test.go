package mbox

import (
	"testing"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/stretchr/testify/require"
)

// What is put together beyond the MTU of a real link would be lost.
func TestCoalesceKeepsToTheMTU(t *testing.T) { // P-3.3.5-03
	for mtu, joined := range map[int]bool{0: true, 60: true, 59: false} {
		el, err := Parse("coalesce 2")
		require.NoError(t, err)
		el.(*Coalesce).SetMTU(mtu)
		b := &bench{t: t}
		b.line = netsim.NewLine(1, func(dir netsim.Dir, pkt []byte) { b.out = append(b.out, show(t, dir, pkt)) }, el)
		b.run("> . 1:11(10) ack 1 win 9\n> . 11:21(10) ack 1 win 9\n@1s")
		require.Equal(t, joined, b.log == nil && len(b.out) == 1, "%d: %v", mtu, b.out)
	}
}
