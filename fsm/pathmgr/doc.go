// Package pathmgr decides which subflows a connection opens, and which addresses it
// announces and withdraws. It is told what happened and answers with what is to be done;
// it knows neither segments nor the connection.
//
// Three managers are here. [Passive] opens and announces nothing: that is the default,
// since a connection then does what its application asked for and nothing else, as on
// Linux without endpoints. [FullMesh] uses every address of both hosts: the side that
// opened the connection joins from all of its own, as `ip mptcp endpoint add ...
// subflow` has it, because it is the one that gets through NATs and firewalls; the side
// that was connected to announces its own (paper section 3.2). [DiffPorts] opens
// several subflows between the two first addresses, to use paths that routers choose by
// port.
//
// # What is tried again
//
// A subflow that ended by a fault that may pass (a timeout, a RST without a reason, a
// RST whose MP_TCPRST has the T flag) is opened again, later each time. One that the
// peer closed, refused, or reset for good is not (RFC 8684 section 3.6). An address
// that the peer announced and that did not answer is not tried again until it is
// announced again (RFC 8684 section 3.4.1), and each such failure makes the wait before
// the next attempt at any announced address longer: a peer that announces the addresses
// of others makes this host send them little (RFC 8684 section 5).
//
// # Alternatives considered
//
// Methods for each event, as in mptcpd: ten of them, of which most managers need three.
// Callbacks into the connection: then a manager could re-enter what it is called from.
package pathmgr
