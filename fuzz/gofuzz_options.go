//go:build gofuzz

package fuzz

// FuzzOptionsEntry is Options for go-fuzz: go-fuzz-build -func FuzzOptionsEntry.
func FuzzOptionsEntry(data []byte) int { return Options(data) }
