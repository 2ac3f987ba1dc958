// Package peer is the shell around package fsm: it gives a Multipath TCP endpoint a
// clock, randomness, links to send packets on, and the net.Conn and net.Listener that
// Go programs expect.
//
// One mutex guards the fsm.Endpoint. Whoever holds it may drive: a link's receive
// goroutine with a batch of packets, the timer goroutine, a Read or a Write. Each does
// what is to be done at once, that is takes the segments which the endpoint has to send,
// so no call is handed from one goroutine to another. Packets go out behind the mutex,
// in order, in batches: who finds a link idle sends, and what others add meanwhile goes
// with the next batch. Who has sent a number of batches and is still not done leaves the
// rest to a goroutine that does nothing else: calls return, and timers are seen to.
package peer
