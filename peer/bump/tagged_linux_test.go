package bump

import (
	"context"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// Frames with IEEE 802.1Q tags pass a bump with their tags, which the kernel takes out of
// them and tells of beside (PACKET_AUXDATA), and what is in them is edited as without.
func TestTaggedFrames(t *testing.T) {
	for name, tags := range map[string]string{
		"VLAN 10":            "8100000a",
		"VLAN 10 priority 5": "8100a00a",
		"two tags":           "88a80064" + "8100000a",
	} {
		t.Run(name, func(t *testing.T) {
			l := lab.Test(t)
			client, box, server := l.Space("client"), l.Space("box"), l.Space("server")
			l.Link(client.Dev("eth0"), box.Dev("left"))
			l.Link(box.Dev("right"), server.Dev("eth0"))
			var left, right End
			require.NoError(t, box.Do(func() (err error) { left, right, err = Taps("left", "right"); return err }))
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- Run(ctx, left, right, Config{Elements: parse(t, "strip mptcp")}) }()
			defer func() { cancel(); assert.NoError(t, <-ended) }()
			var ends [2]*tap
			for i, s := range []*lab.Space{client, server} {
				require.NoError(t, s.Do(func() (err error) { ends[i], err = openTap("eth0", newHops()); return err }))
				defer ends[i].Close()
			}
			for i := range ends { // there and back
				seg := wire.Segment{Src: netip.MustParseAddrPort("10.1.0.1:1"), Dst: netip.MustParseAddrPort("10.1.0.2:2"), Flags: wire.SYN}
				macs := "020000000002" + "020000000001"
				if i == 1 {
					seg.Src, seg.Dst, seg.Flags = seg.Dst, seg.Src, wire.SYN|wire.ACK
					macs = "020000000001" + "020000000002"
				}
				var err error
				seg.Options, err = wire.MPCapable{Version: wire.V1, Flags: 1}.Append(nil)
				require.NoError(t, err)
				pkt, err := wire.Append(nil, &seg)
				require.NoError(t, err)
				header, err := hex.DecodeString(macs + tags + "0800")
				require.NoError(t, err)
				arrived := make(chan struct{})
				go func() { // until it arrives: an interface that has just come up may lose it
					for {
						_ = ends[i].Send(&Frame{Opaque: true, Link: header, Packet: link.Packet{Data: pkt}})
						select {
						case <-arrived:
							return
						case <-time.After(time.Second):
						}
					}
				}()
				var got [1]Frame
				for {
					n, err := ends[1-i].Recv(got[:])
					require.NoError(t, err)
					if n == 1 && len(got[0].Link) == len(header) {
						break
					}
				}
				close(arrived)
				assert.Equal(t, header, got[0].Link)
				var in wire.Segment
				require.NoError(t, wire.Parse(&in, got[0].Data))
				assert.Equal(t, wire.SumGood, in.Sum)
				assert.Equal(t, seg.Src, in.Src)
				_, found := in.Options.FindMPTCP(wire.SubMPCapable)
				assert.False(t, found, "the option is gone")
			}
		})
	}
}
