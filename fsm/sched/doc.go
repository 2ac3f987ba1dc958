// Package sched decides which subflow of a connection takes data, and which repeats
// data that another did not deliver.
//
// It is told of the subflows as plain values, [Path], and answers with a [Set] of their
// places in the slice. It knows nothing of windows, mappings or time: how much a
// subflow can take is worked out by the connection, which binds no more than that
// (pull, not push: data is bound only when it can really leave).
//
// A [Scheduler] belongs to one connection and may keep state. None of those here
// allocates when asked.
package sched
