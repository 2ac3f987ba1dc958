package pathmgr_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/pathmgr"
)

// A client with two addresses: the second joins as soon as that is allowed.
func Example() {
	m := pathmgr.NewFullMesh(pathmgr.MeshConfig{})
	now := time.Unix(0, 0)
	m.Handle(pathmgr.Event{Kind: pathmgr.Ready, Now: now, Opener: true, Room: 7,
		Local: netip.MustParseAddrPort("10.0.0.1:50000"), Remote: netip.MustParseAddrPort("10.0.0.2:80")})
	for _, a := range m.Handle(pathmgr.Event{Kind: pathmgr.PathUp, Now: now, Local: netip.MustParseAddrPort("10.1.0.1:0")}) {
		fmt.Println(a.Do == pathmgr.Join, a.Local.Addr(), a.Remote)
	}
	// Output: true 10.1.0.1 10.0.0.2:80
}
