package peer

import (
	"time"

	"github.com/mptcp-go/mptcp/pcap"
)

// epb_flags of draft-ietf-opsawg-pcapng section 4.3.1.
const (
	inbound  = pcap.Flags(pcap.Inbound)
	outbound = pcap.Flags(pcap.Outbound)
)

// capture writes one packet to Config.Capture.
func (s *Stack) capture(now time.Time, p *port, pkt []byte, dir pcap.Flags) {
	s.tapFailed(s.cfg.Capture.WriteFrame(&pcap.Frame{Nanos: now.UnixNano(), HasTime: true, Link: pcap.LinkRaw,
		Iface: p.number, Len: len(pkt), Flags: dir, Data: pkt}))
}
