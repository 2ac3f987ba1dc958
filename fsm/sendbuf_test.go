package fsm

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/mptcp-go/mptcp/checksum"
)

// The send buffer against a slice: any range inside a block has its octets and its sum,
// whatever was written, freed and trimmed before (paper section 3.3.6).
func TestSendBuffer(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		b := sendBuffer{pool: new(blockPool)}
		var all []byte
		for range 200 {
			switch k := r.IntN(10); {
			case k < 5:
				p := make([]byte, r.IntN(9000))
				for i := range p {
					p[i] = byte(r.Uint32())
				}
				all = append(all, p[:b.write(p[:min(len(p), max(200_000-b.len(), 0))])]...)
			case k < 7 && b.len() > 0:
				b.free(b.start + uint64(r.IntN(b.len()+1)))
			case k == 7 && b.len() > 0:
				b.free(b.end)
				b.trim()
			case b.len() > 0:
				off := b.start + uint64(r.IntN(b.len()))
				n := 1 + r.IntN(int(min(b.end-off, b.run(off))))
				want := all[off : off+uint64(n)]
				if !bytes.Equal(b.slice(off, n), want) {
					t.Fatalf("seed %d: octets at %d", seed, off)
				}
				if got := b.sum(off, n); got != checksum.Of(want) {
					t.Fatalf("seed %d: sum of %d octets at %d is %04x, want %04x", seed, n, off, got, checksum.Of(want))
				}
			}
		}
	}
}

// What a slow subflow may have to repeat outlives its block, and no longer than needed.
func TestStrays(t *testing.T) {
	b := sendBuffer{pool: new(blockPool)}
	p := make([]byte, 3*blockSize)
	for i := range p {
		p[i] = byte(i >> 8 * 31)
	}
	b.write(p)
	b.stray(1000, 1400)
	b.stray(1000, 1400) // a second subflow has it too
	b.stray(70_000, 60_000)
	b.free(2 * blockSize)
	if b.len() != blockSize+61_400 || len(b.blocks) != 1 {
		t.Fatalf("%d octets, %d blocks", b.len(), len(b.blocks))
	}
	for _, k := range [][2]int{{1000, 1400}, {1500, 100}, {70_000, 60_000}, {2 * blockSize, 100}} {
		if !bytes.Equal(b.slice(uint64(k[0]), k[1]), p[k[0]:k[0]+k[1]]) {
			t.Errorf("octets at %d", k[0])
		}
	}
	b.forget(2400)
	if b.len() != blockSize+60_000 || b.slice(1000, 1400) != nil {
		t.Errorf("%d octets", b.len())
	}
	b.forget(2 * blockSize)
	if b.len() != blockSize {
		t.Errorf("%d octets", b.len())
	}
}
