package link

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// guard keeps the kernel from seeing packets that are ours: without it the kernel resets
// connections it knows nothing of, or forwards what is for an address it does not have.
// It is an nftables table with a chain on the interface's ingress, which lies behind the
// packet sockets. The table has the owner flag: the kernel removes it when the socket is
// closed that made it, and so however the process ends.
type guard struct {
	fd    int
	seq   uint32
	table string
}

const (
	guardChain = "ingress"
	guardSet4  = "held4"
	guardSet6  = "held6"
	tableOwner = 0x2  // NFT_TABLE_F_OWNER, Linux 5.12
	nfDrop     = 0    // NF_DROP
	delElement = 0x0e // NFT_MSG_DELSETELEM
	nftNested  = 1 << 15
)

// openGuard makes the table. It drops packets to each address of own, and of those to a
// TCP port only what is held (see hold).
func openGuard(device string, index int, own []netip.Addr) (*guard, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, os.NewSyscallError("socket(NETLINK_NETFILTER)", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind(NETLINK_NETFILTER)", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("getsockname", err)
	}
	// The port id is unique in this network namespace, hence so is the table's name.
	g := &guard{fd: fd, table: fmt.Sprintf("mptcp-%s-%d", device, name.(*unix.SockaddrNetlink).Pid)}
	create := uint16(unix.NLM_F_CREATE)
	batch := []message{
		g.message(unix.NFT_MSG_NEWTABLE, create).
			attr(unix.NFTA_TABLE_NAME, cstring(g.table)).attr(unix.NFTA_TABLE_FLAGS, be32(tableOwner)),
		g.message(unix.NFT_MSG_NEWCHAIN, create).
			attr(unix.NFTA_CHAIN_TABLE, cstring(g.table)).attr(unix.NFTA_CHAIN_NAME, cstring(guardChain)).
			attr(unix.NFTA_CHAIN_HOOK|nftNested, message(nil).
				attr(unix.NFTA_HOOK_HOOKNUM, be32(unix.NF_NETDEV_INGRESS)).attr(unix.NFTA_HOOK_PRIORITY, be32(0)).
				attr(unix.NFTA_HOOK_DEV, cstring(device))).
			attr(unix.NFTA_CHAIN_TYPE, cstring("filter")),
	}
	for _, a := range own {
		batch = append(batch, g.dropTo(a))
	}
	if len(own) == 0 {
		for id, v4 := range []bool{true, false} {
			at := ruleFor(v4)
			batch = append(batch,
				g.message(unix.NFT_MSG_NEWSET, create).
					attr(unix.NFTA_SET_TABLE, cstring(g.table)).attr(unix.NFTA_SET_NAME, cstring(at.set)).
					attr(unix.NFTA_SET_ID, be32(uint32(id+1))).
					attr(unix.NFTA_SET_KEY_TYPE, be32(at.keyType)).attr(unix.NFTA_SET_KEY_LEN, be32(at.size+4)),
				g.rule(at.protocol(),
					meta(unix.NFT_META_L4PROTO),
					compare(unix.NFT_REG_1, []byte{protoTCP}),
					at.load(unix.NFT_REG32_00, 1, at.dst, at.size),
					at.load(unix.NFT_REG32_00+at.size/4, 2, 2, 2),
					expression("lookup", message(nil).attr(unix.NFTA_LOOKUP_SET, cstring(at.set)).
						attr(unix.NFTA_LOOKUP_SREG, be32(unix.NFT_REG32_00)).attr(unix.NFTA_LOOKUP_SET_ID, be32(uint32(id+1)))),
					drop()))
		}
	}
	if err := g.commit(batch...); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// dropTo is a rule that drops packets to an address.
func (g *guard) dropTo(a netip.Addr) message {
	at := ruleFor(a.Is4())
	return g.rule(at.protocol(), at.load(unix.NFT_REG_1, 1, at.dst, at.size), compare(unix.NFT_REG_1, a.AsSlice()), drop())
}

// keep drops packets to one more address.
func (g *guard) keep(a netip.Addr) error { return g.commit(g.dropTo(a)) }

func (g *guard) close() { unix.Close(g.fd) }

// hold adds a port of an address to what the kernel does not see, or takes it away.
func (g *guard) hold(at netip.AddrPort, held bool) error {
	key := at.Addr().AsSlice()
	key = binary.BigEndian.AppendUint16(key, at.Port())
	key = append(key, 0, 0)
	kind, flags := uint16(unix.NFT_MSG_NEWSETELEM), uint16(unix.NLM_F_CREATE)
	if !held {
		kind, flags = delElement, 0
	}
	element := message(nil).attr(unix.NFTA_SET_ELEM_KEY|nftNested, message(nil).attr(unix.NFTA_DATA_VALUE, key))
	return g.commit(g.message(kind, flags).
		attr(unix.NFTA_SET_ELEM_LIST_TABLE, cstring(g.table)).
		attr(unix.NFTA_SET_ELEM_LIST_SET, cstring(ruleFor(at.Addr().Is4()).set)).
		attr(unix.NFTA_SET_ELEM_LIST_ELEMENTS|nftNested, message(nil).attr(1|nftNested, element)))
}

// message begins a message of nftables; its fixed part is struct nfgenmsg.
func (g *guard) message(kind, flags uint16) message {
	g.seq++
	return newMessage(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags|unix.NLM_F_ACK, g.seq, []byte{unix.NFPROTO_NETDEV, 0, 0, 0})
}

// commit sends a batch, all of which is done or none, and waits for the kernel.
func (g *guard) commit(batch ...message) error {
	edge := func(kind uint16) []byte {
		return newMessage(kind, 0, 0, []byte{0, 0, 0, unix.NFNL_SUBSYS_NFTABLES}).done()
	}
	b := edge(unix.NFNL_MSG_BATCH_BEGIN)
	first := g.seq - uint32(len(batch)) + 1
	for _, m := range batch {
		b = append(b, m.done()...)
	}
	b = append(b, edge(unix.NFNL_MSG_BATCH_END)...)
	if err := unix.Sendto(g.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("nftables", err)
	}
	buf := make([]byte, 8<<10)
	for waiting := len(batch); waiting > 0; {
		n, _, err := unix.Recvfrom(g.fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("nftables", err)
		}
		messages(buf[:n], func(kind uint16, seq uint32, body []byte) {
			if kind == unix.NLMSG_ERROR && (seq-first < uint32(len(batch)) || seq == 0) {
				waiting--
				if e := answerTo(body); e != nil && err == nil {
					err = e
				}
			}
		})
		if err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
	}
	return nil
}

// rule appends a rule to the chain: what the packets are, and what to do.
func (g *guard) rule(which []message, then ...message) message {
	list := message(nil)
	for _, e := range append(which, then...) {
		list = list.attr(1|nftNested, e) // NFTA_LIST_ELEM
	}
	return g.message(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND).
		attr(unix.NFTA_RULE_TABLE, cstring(g.table)).attr(unix.NFTA_RULE_CHAIN, cstring(guardChain)).
		attr(unix.NFTA_RULE_EXPRESSIONS|nftNested, list)
}

// layout is where rules find things in packets of one IP version.
type layout struct {
	ethertype uint16
	dst, size uint32 // of the destination address
	set       string
	keyType   uint32 // of the set, as nft(8) shows it: address . inet_service
}

func ruleFor(v4 bool) layout {
	if v4 {
		return layout{ethIPv4, 16, 4, guardSet4, 7<<6 | 13}
	}
	return layout{ethIPv6, 24, 16, guardSet6, 8<<6 | 13}
}

// protocol goes on only with packets of this IP version.
func (l layout) protocol() []message {
	return []message{meta(unix.NFT_META_PROTOCOL), compare(unix.NFT_REG_1, binary.BigEndian.AppendUint16(nil, l.ethertype))}
}

// meta puts something about the packet in the first register.
func meta(key uint32) message {
	return expression("meta", message(nil).attr(unix.NFTA_META_KEY, be32(key)).attr(unix.NFTA_META_DREG, be32(unix.NFT_REG_1)))
}

// load puts octets of the network (base 1) or transport header (base 2) in a register.
func (l layout) load(register, base, offset, size uint32) message {
	return expression("payload", message(nil).attr(unix.NFTA_PAYLOAD_DREG, be32(register)).
		attr(unix.NFTA_PAYLOAD_BASE, be32(base)).attr(unix.NFTA_PAYLOAD_OFFSET, be32(offset)).
		attr(4, be32(size))) // NFTA_PAYLOAD_LEN
}

func compare(register uint32, value []byte) message {
	return expression("cmp", message(nil).attr(unix.NFTA_CMP_SREG, be32(register)).attr(unix.NFTA_CMP_OP, be32(0)).
		attr(unix.NFTA_CMP_DATA|nftNested, message(nil).attr(unix.NFTA_DATA_VALUE, value)))
}

func drop() message {
	verdict := message(nil).attr(unix.NFTA_VERDICT_CODE, be32(nfDrop))
	return expression("immediate", message(nil).attr(unix.NFTA_IMMEDIATE_DREG, be32(unix.NFT_REG_VERDICT)).
		attr(unix.NFTA_IMMEDIATE_DATA|nftNested, message(nil).attr(unix.NFTA_DATA_VERDICT|nftNested, verdict)))
}

func expression(name string, data message) message {
	return message(nil).attr(unix.NFTA_EXPR_NAME, cstring(name)).attr(unix.NFTA_EXPR_DATA|nftNested, data)
}

func be32(v uint32) []byte    { return binary.BigEndian.AppendUint32(nil, v) }
func cstring(s string) []byte { return append([]byte(s), 0) }
