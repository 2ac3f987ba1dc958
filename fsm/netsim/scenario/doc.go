// Package scenario measures connections in package netsim's world: who sends over which
// links, for how long, and what came of it. Its tests hold the
// shape of the results, and print the figures.
//
// A [World] has links, which any number of connections may cross, and connections, each
// between two hosts of its own with one address for each of its paths. The opener sends
// without end; the other reads at once and compares what it reads with what was sent.
package scenario
