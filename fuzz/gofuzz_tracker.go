//go:build gofuzz

package fuzz

// FuzzTrackerEntry is Tracker for go-fuzz: go-fuzz-build -func FuzzTrackerEntry.
func FuzzTrackerEntry(data []byte) int { return Tracker(data) }
