package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Pieces in any order give the stream; a piece that never comes is a gap.
func TestAssemblyInAnyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 20_000)
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	for range 50 {
		var cuts []int
		for at := 0; at < len(data); at += 1 + rnd.IntN(900) {
			cuts = append(cuts, at)
		}
		lost := -1
		if rnd.IntN(2) == 0 {
			lost = rnd.IntN(len(cuts) - 1) // not the last: nothing tells of what follows all
		}
		var out bytes.Buffer
		var gaps []string
		s := &assembly{out: &out, gap: func(at, n uint64, _ string) { gaps = append(gaps, fmt.Sprint(at, n)) }}
		const first = 1 << 40
		s.begin(first)
		end := func(i int) int {
			if i+1 < len(cuts) {
				return cuts[i+1]
			}
			return len(data)
		}
		for _, i := range rnd.Perm(len(cuts)) {
			if i != lost {
				p := data[cuts[i]:end(i)]
				require.NoError(t, s.add(first+uint64(cuts[i]), len(p), p))
			}
		}
		require.NoError(t, s.finish())
		if lost < 0 {
			require.Equal(t, data, out.Bytes())
			require.Empty(t, gaps)
			continue
		}
		require.Equal(t, append(bytes.Clone(data[:cuts[lost]]), data[end(lost):]...), out.Bytes())
		require.Equal(t, []string{fmt.Sprint(cuts[lost], end(lost)-cuts[lost])}, gaps)
	}
}

// What waits for a gap is bounded; what fills the gap after that is late.
func TestAssemblyIsBounded(t *testing.T) {
	var written int
	s := &assembly{out: counter{&written}, gap: func(uint64, uint64, string) {}}
	s.begin(0)
	piece := make([]byte, 1<<20)
	for i := range uint64(80) {
		require.NoError(t, s.add(1+i<<20, len(piece), piece))
		require.LessOrEqual(t, s.held, maxHeld)
	}
	require.EqualValues(t, 1, s.missing)
	require.NoError(t, s.add(0, 1, piece[:1]))
	require.EqualValues(t, 1, s.late)
	require.Equal(t, 80<<20, written)
}

type counter struct{ n *int }

func (c counter) Write(p []byte) (int, error) {
	*c.n += len(p)
	return len(p), nil
}

// Octets that the snapshot length cut off are a gap inside a piece.
func TestAssemblyOfCutPieces(t *testing.T) {
	var out bytes.Buffer
	var gaps []string
	s := &assembly{out: &out, gap: func(at, n uint64, why string) { gaps = append(gaps, fmt.Sprint(at, " ", n, " ", why)) }}
	s.begin(100)
	require.NoError(t, s.add(110, 10, []byte("klm")))
	require.NoError(t, s.add(100, 10, []byte("abcdefghij")))
	require.NoError(t, s.finish())
	require.Equal(t, "abcdefghijklm", out.String())
	require.Equal(t, []string{"13 7 " + whyCut}, gaps)
}
