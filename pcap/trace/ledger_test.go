package trace

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// TestLedgerPrefixAgainstOctets: however many entries had to be forgotten, the prefix
// never covers an octet that was not captured, and all of it while nothing is missing.
func TestLedgerPrefixAgainstOctets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const start, octets = 1000, 400
		var l ledger
		seen := [octets]bool{}   // on the wire
		stored := [octets]bool{} // in the capture too
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		mayCut := rapid.Bool().Draw(t, "some are cut by the snaplen")
		ordered := rapid.Bool().Draw(t, "in order")
		at := 0
		for range rapid.IntRange(1, 60).Draw(t, "segments") {
			lo, n := at, rapid.IntRange(1, 9).Draw(t, "n")
			if !ordered {
				lo = rapid.IntRange(0, octets-10).Draw(t, "lo")
			}
			hi := lo
			for hi < min(lo+n, octets) && !seen[hi] && start+uint64(lo) >= l.floor {
				hi++
			}
			at = lo + n
			if hi == lo || at > octets {
				continue
			}
			whole := !mayCut || rapid.IntRange(0, 9).Draw(t, "cut") > 0
			for i := lo; i < hi; i++ {
				seen[i], stored[i] = true, whole
			}
			sub := rapid.Int32Range(0, 1).Draw(t, "subflow") // two owners never merge
			l.add(owned{start + uint64(lo), start + uint64(hi), 7, sub, whole}, 0, limit)
		}
		want := uint64(start)
		for want-start < octets && stored[want-start] {
			want++
		}
		got := l.prefix(start)
		assert.LessOrEqual(t, got, want, "prefix, with %d entries at the most", limit)
		if ordered {
			assert.Equal(t, want, got)
		}
	})
}
