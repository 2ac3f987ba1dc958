package bump

import "github.com/mptcp-go/mptcp/fsm/netsim"

// sized is an element that makes packets larger, but not larger than what a link takes.
type sized interface{ SetMTU(octets int) }

// setMTU tells the elements what both links take, in octets of an IP packet; a link that
// does not say takes everything.
func setMTU(els []netsim.Element, ends ...any) {
	least := 0
	for _, e := range ends {
		if m, ok := e.(interface{ MTU() int }); ok && (least == 0 || m.MTU() < least) {
			least = m.MTU()
		}
	}
	for _, el := range els {
		if s, ok := el.(sized); ok && least > 0 {
			s.SetMTU(least)
		}
	}
}
