package fields

import "github.com/mptcp-go/mptcp/pcap"

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
)

// link adds the link layer and goes on to IP.
func (x *Extractor) link(f *pcap.Frame) {
	r := &x.row
	var info pcap.LinkInfo
	ip, miss := info.Network(f.Link, f.Data)
	r.linkNames(f, &info)
	switch {
	case miss == pcap.Found:
		x.network(ip, f.Len-(len(f.Data)-len(ip)))
	case miss == pcap.CutShort && info.EtherType == etherIPv4:
		x.network4(nil, 0) // announced, but nothing of it was captured
	case miss == pcap.CutShort && info.EtherType == etherIPv6:
		x.network6(nil, 0)
	case info.EtherType == etherARP:
		r.protocol("arp")
		r.addOctets(arpLayer, nil)
	}
}

// linkNames adds Ethernet addresses, VLAN tags and the names of the link layers.
func (r *Row) linkNames(f *pcap.Frame, info *pcap.LinkInfo) {
	switch f.Link {
	case pcap.LinkEthernet:
		r.protocol("eth")
		r.addOctets(ethLayer, f.Data)
		if len(f.Data) < 14 {
			return
		}
		dst, src := f.Data[0:6], f.Data[6:12]
		r.addOctets(ethDst, dst)
		r.addOctets(ethAddr, dst)
		r.addOctets(ethSrc, src)
		r.addOctets(ethAddr, src)
		r.addUint(ethType, f.Data, 12, 2)
		r.protocol("ethertype")
	case pcap.LinkLinuxSLL, pcap.LinkLinuxSLL2:
		r.protocol("sll")
		if info.EtherType != 0 {
			r.protocol("ethertype")
		}
	case pcap.LinkRaw, pcap.LinkRaw12, pcap.LinkRaw14, pcap.LinkIPv4, pcap.LinkIPv6:
		r.protocol("raw")
	case pcap.LinkNull, pcap.LinkLoop:
		r.protocol("null")
	case pcap.LinkPPP, pcap.LinkPPPSerial, pcap.LinkPPPEther:
		r.protocol("ppp")
	case pcap.LinkCiscoHDLC:
		r.protocol("chdlc")
	}
	for _, id := range info.VLANs[:info.NumVLANs] {
		r.addOctets(vlanLayer, nil)
		r.add(vlanID, uint64(id))
		r.protocol("vlan")
		r.protocol("ethertype")
	}
}
