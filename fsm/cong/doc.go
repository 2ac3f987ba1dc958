// Package cong decides how much data a flow may have in flight.
//
// It owns congestion windows and nothing else: a [Controller] is told what was
// acknowledged and what went wrong, and answers with a window. Which segments are
// lost, when recovery begins and ends, and how the window is spent (RFC 6937,
// RFC 6675) is the flow's business; a controller has never heard of a sequence
// number. It has no clock either: time arrives as an argument.
//
// Controllers are made by a [Group]. The controllers of one group may be coupled,
// as those of one Multipath TCP connection are (RFC 6356): coupling lives in the
// group and the flows do not see it. [NewReno] and [NewCubic] make groups whose
// controllers know nothing of one another.
package cong
