// Package link carries batches of IP packets between this process and the world: over
// a TUN device, over a packet socket on an interface, or in memory between two ends of
// one test. It knows packets, interfaces and neighbours; it knows nothing of
// connections.
//
// # Batches
//
// Recv hands over as many packets as have arrived, Send takes as many as there are:
// what a system call costs is shared by a batch. One goroutine may be in Recv and
// another in Send at the same time, not two in either. Close may come from anywhere
// and ends both.
//
// # Offload
//
// A link with MaxPayload above 0 cuts TCP segments for its user: the packet holds up to
// that much payload, SegSize says how long the pieces are to be, and Partial that the
// TCP checksum field holds the sum of the pseudo-header only. What comes in has the same
// form: the kernel joins segments as it receives them, and leaves checksums undone that
// never see a wire. See virtio, "Virtual I/O Device (VIRTIO) 1.2" section 5.1.6, for the
// header that tells so.
//
// # Losing packets
//
// A link is no better than a cable: Send drops what the device has no room for, and says
// so in Stats only.
package link
