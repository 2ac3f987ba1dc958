package netsim

// mayFragment says that a packet above the MTU is one that a router would cut: IPv4
// without DF. Fragmentation is not simulated; such a packet passes whole, as if it
// had been cut and put together again.
func mayFragment(pkt []byte) bool {
	return len(pkt) >= 20 && pkt[0]>>4 == 4 && pkt[6]&0x40 == 0
}

// tooBig drops p.
func (l *Link) tooBig(at *Slot, dir Dir, p *Packet) {
	at.Drop(dir, p, "too big")
}
