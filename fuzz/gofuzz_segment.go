//go:build gofuzz

package fuzz

// FuzzSegmentEntry is Segment for go-fuzz: go-fuzz-build -func FuzzSegmentEntry.
func FuzzSegmentEntry(data []byte) int { return Segment(data) }
