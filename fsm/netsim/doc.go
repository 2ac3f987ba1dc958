// Package netsim is a deterministic network on virtual time: hosts, and paths
// between them made of links, middleboxes and taps. It is the test bench of
// package fsm and, as a [Line], the engine that runs the same elements between
// two live interfaces.
//
// A path is a slice of elements in reading order, both directions through the
// same ones. What travels is octets, whole IP packets from wire.Append, so each
// hop exercises the codec and each [Tap] is a capture. A host is anything with
// the shape of fsm.Endpoint (see [Host]).
//
// # Determinism
//
// Nothing here reads a clock, starts a goroutine or ranges over a map. The same
// seed and the same calls give the same octets at the same nanoseconds. Each
// element draws its [Luck] from the seed, its path, its kind and how many of
// that kind its path got before it, and a link draws from a separate stream for
// each direction and fault: putting a box before a lossy link does not change
// which of its packets it loses.
//
// # Liveness
//
// The run itself tells when a world is stuck (see [StuckError]): deadlock when
// nothing is armed and the caller's goal is not reached, livelock when events
// pile up at one instant or time passes without progress.
//
// It knows nothing of Multipath TCP, and of TCP only what a network card does:
// checksums and segmentation.
package netsim
