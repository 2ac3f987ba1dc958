//go:build gofuzz

package fuzz

// FuzzCaptureEntry is Capture for go-fuzz: go-fuzz-build -func FuzzCaptureEntry.
func FuzzCaptureEntry(data []byte) int { return Capture(data) }
