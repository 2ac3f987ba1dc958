package fsm

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/mptcp-go/mptcp/checksum"
	"github.com/mptcp-go/mptcp/wire"
)

// The send buffer against a slice: any range inside a block has its octets and its sum,
// whatever was written, freed and trimmed before (paper section 3.3.6).
func TestSendBuffer(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		b := sendBuffer{pool: new(blockPool)}
		var all []byte
		for range 200 {
			if r.IntN(10) == 0 {
				b.unit = []int{0, 1000, blockSize - 32, 44 * 1424}[r.IntN(4)]
			}
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
				if lo := b.edge(off); lo > off || lo+blockSize <= off {
					t.Fatalf("seed %d: the block of %d begins at %d", seed, off, lo)
				}
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

// Blocks that take little have little memory, however much is written at once.
func TestSmallBlocks(t *testing.T) {
	b := sendBuffer{pool: new(blockPool), unit: 1428}
	b.write(make([]byte, 1<<20))
	memory := 0
	for _, x := range b.blocks {
		memory += len(x.buf)
	}
	if memory > 2<<20 {
		t.Errorf("%d octets in %d blocks", memory, len(b.blocks))
	}
}

// A buffer whose only block was given back before it was full knows where it stands, also
// where an int has 32 bits.
func TestEmptySendBuffer(t *testing.T) {
	b := sendBuffer{pool: new(blockPool)}
	b.write(make([]byte, 10))
	b.free(10)
	if b.run(10) != blockSize || b.edge(10) != 10 {
		t.Errorf("%d octets, from %d on", b.run(10), b.edge(10))
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

// While more waits to be sent, no packet on the wire is short: what a link cuts is whole
// segments, and so is a block.
func TestBulkHasNoShortSegments(t *testing.T) {
	for _, most := range []int{0, 1424 * 45, 65_435} {
		b := newBench(t, false, func(c *Config) { c.SendBuffer, c.TCP.NoWindowScale = 4<<20, false })
		b.ep.HandlePath(b.now, Path{ID: 1, Local: b.local.Addr(), MTU: 1500, Max: most, Up: true})
		b.inject("S 0:0(0) <mss 1460, wscale 7, mp_capable v1 H>")
		b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 key=KO>")
		b.inject("P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>")
		var seg wire.Segment
		sent, packets := uint64(0), 0
		for sent < 10<<20 {
			if _, err := b.conn.Write(b.now, make([]byte, 1<<18)); err != nil {
				t.Fatal(err)
			}
			left := b.conn.Info().Written - sent
			for left > 1<<17 && b.poll(&seg) {
				size := int(seg.SegSize)
				if size == 0 {
					size = b.conn.segmentRoom(b.conn.subflows[0])
				}
				if n := len(seg.Payload); n%size != 0 {
					t.Fatalf("most %d: %d octets in segments of %d at %d", most, n, size, sent)
				}
				sent += uint64(len(seg.Payload))
				left -= uint64(len(seg.Payload))
				packets++
			}
			b.inDSS(4, uint32(sent+1), wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: b.conn.own.space.DSN(sent)}, nil)
		}
		if most > 0 && packets > int(sent)/50_000 {
			t.Errorf("most %d: %d packets for %d octets", most, packets, sent)
		}
	}
}

// RFC 9293 section 3.9.1.2: PSH is on the last segment of what was written, not on each
// that a mapping ends with.
func TestPushEndsWhatWasWritten(t *testing.T) {
	b := proven(t)
	b.conn.Write(b.now, make([]byte, 3000))
	b.want("more follows", ". 1:1433(1432) ack 7 <dss dsn8=O+0 ssn=1 dll=3000>")
	b.want("more follows", ". 1433:2865(1432) ack 7 <dss dsn8=O+0 ssn=1 dll=3000>")
	b.want("the end", "P. 2865:3001(136) ack 7 <dss dsn8=O+0 ssn=1 dll=3000>")
}
