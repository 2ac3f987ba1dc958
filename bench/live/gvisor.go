package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// newGVisor is gVisor's netstack on a packet socket, set up as its own sandbox does:
// recvmmsg, and with the virtio-net header segmentation by the host.
func (o *options) newGVisor() (*stack.Stack, error) {
	prefix, err := netip.ParsePrefix(o.addr)
	if err != nil {
		return nil, err
	}
	dev, err := net.InterfaceByName(o.iface)
	if err != nil {
		return nil, err
	}
	all := uint16(unix.ETH_P_ALL)
	all = all<<8 | all>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: dev.Index}); err != nil {
		return nil, err
	}
	for _, force := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, 16<<20); err != nil {
			return nil, err
		}
	}
	options := fdbased.Options{FDs: []int{fd}, MTU: uint32(dev.MTU), EthernetHeader: true,
		Address: tcpip.LinkAddress(dev.HardwareAddr), PacketDispatchMode: fdbased.RecvMMsg}
	if o.offload {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
			return nil, err
		}
		options.GSOMaxSize, options.RXChecksumOffload = 65536, true
	}
	ep, err := fdbased.New(&options)
	if err != nil {
		return nil, err
	}
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	sack := tcpip.TCPSACKEnabled(true)
	rcv := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: o.buffer, Max: o.buffer}
	snd := tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: o.buffer, Max: o.buffer}
	for _, opt := range []tcpip.SettableTransportProtocolOption{&sack, &rcv, &snd} {
		if err := s.SetTransportProtocolOption(tcp.ProtocolNumber, opt); err != nil {
			return nil, errors.New(err.String())
		}
	}
	if err := s.CreateNIC(1, ep); err != nil {
		return nil, errors.New(err.String())
	}
	own := tcpip.AddrFromSlice(prefix.Addr().AsSlice())
	address := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: own, PrefixLen: prefix.Bits()}}
	if err := s.AddProtocolAddress(1, address, stack.AddressProperties{}); err != nil {
		return nil, errors.New(err.String())
	}
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: 1}})
	return s, nil
}

// dialGVisor is plain TCP by gVisor's netstack.
func (o *options) dialGVisor(to string) (net.Conn, func(), error) {
	s, err := o.newGVisor()
	if err != nil {
		return nil, nil, err
	}
	host, port, err := net.SplitHostPort(to)
	if err != nil {
		return nil, nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := gonet.DialContextTCP(ctx, s, tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFromSlice(netip.MustParseAddr(host).AsSlice()), Port: uint16(n)}, ipv4.ProtocolNumber)
	return c, func() {}, err
}
