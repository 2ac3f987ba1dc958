package fuzz

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// FuzzOptions starts from every option of testdata/vectors.json, alone and behind
// timestamps.
func FuzzOptions(f *testing.F) {
	for _, o := range vectorOptions(f) {
		f.Add(o)
		f.Add(append([]byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, o...))
	}
	f.Fuzz(func(_ *testing.T, data []byte) { Options(data) })
}

// TestOptionsSeeds makes sure that the seeds reach what they are meant to.
func TestOptionsSeeds(t *testing.T) {
	for _, o := range vectorOptions(t) {
		const malformed = "\x1e\x03\x20" // a DSS without flags
		if want := string(o) != malformed; (Options(o) == 1) != want {
			t.Errorf("%x: well formed is %v", o, !want)
		}
	}
	if Options([]byte{1, 2, 4, 5, 6, 0}) != 0 {
		t.Error("no MPTCP option is of interest")
	}
}

// vectorOptions are the options of the vectors, each once.
func vectorOptions(tb testing.TB) (options [][]byte) {
	b, err := os.ReadFile("../testdata/vectors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var file struct{ Vectors []struct{ Option string } }
	if err := json.Unmarshal(b, &file); err != nil {
		tb.Fatal(err)
	}
	seen := map[string]bool{}
	for _, v := range file.Vectors {
		o, err := hex.DecodeString(v.Option)
		if err != nil {
			tb.Fatal(err)
		}
		if len(o) > 0 && !seen[v.Option] {
			seen[v.Option] = true
			options = append(options, o)
		}
	}
	if len(options) < 100 {
		tb.Fatalf("only %d options in the vectors", len(options))
	}
	return options
}
