package pcap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// flusher is what both compressors are.
type flusher interface {
	io.WriteCloser
	Flush() error
}

type plainWriter struct{ io.Writer }

func (plainWriter) Flush() error { return nil }
func (plainWriter) Close() error { return nil }

// wrap returns a compressor in front of w.
func wrap(t testing.TB, c Compression, w io.Writer) flusher {
	switch c {
	case Gzip:
		return gzip.NewWriter(w)
	case Zstd:
		zw, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		require.NoError(t, err)
		return zw
	}
	return plainWriter{w}
}

func compress(t testing.TB, c Compression, b []byte) []byte {
	var out bytes.Buffer
	w := wrap(t, c, &out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

var compressions = []Compression{Plain, Gzip, Zstd}

// samples are small files of both formats, and how many packets they have.
func samples() map[string][]byte {
	var records, blocks [][]byte
	for i := range 40 {
		data := fmt.Sprintf("%0*d", 7*i+1, i)
		records = append(records, big.record(uint32(i), 5, data, uint32(len(data))))
		blocks = append(blocks, little.epb(uint32(i%2), uint64(i), data, 1500, little.option(optComment, data)))
		if i%9 == 0 {
			blocks = append(blocks, little.ngBlock(5, bytes.Repeat([]byte("!"), 900)))
		}
	}
	return map[string][]byte{
		"pcap":   cat(big.header(magicNano, 65535, 1), cat(records...)),
		"pcapng": cat(little.shb(), little.idb(1, 0), little.idb(101, 0), cat(blocks...)),
	}
}

// However the octets arrive, the packets are the same.
func TestArrival(t *testing.T) {
	for name, file := range samples() {
		want, err := readAll(bytes.NewReader(file))
		require.Equal(t, io.EOF, err)
		require.Len(t, want, 40)
		for _, comp := range compressions {
			packed := compress(t, comp, file)
			for how, arrive := range map[string]func(io.Reader) io.Reader{
				"at once":              func(r io.Reader) io.Reader { return r },
				"octet by octet":       iotest.OneByteReader,
				"by halves":            iotest.HalfReader,
				"the last with an EOF": iotest.DataErrReader,
			} {
				t.Run(fmt.Sprint(name, " ", comp, " ", how), func(t *testing.T) {
					r, err := NewReader(arrive(bytes.NewReader(packed)))
					require.NoError(t, err)
					assert.Equal(t, comp, r.Compression())
					got, err := drain(r)
					assert.Equal(t, io.EOF, err)
					assert.Equal(t, want, got)
					assert.Equal(t, int64(len(file)), r.Offset())
					assert.Equal(t, int64(len(packed)), r.InputOffset())
				})
			}
		}
	}
}

// A packet is returned as soon as its last octet has arrived: the writer here only
// goes on when the reader has it. A compressed pipe has to be flushed for that.
func TestPipe(t *testing.T) {
	for _, format := range []Format{PCAP, PCAPNG} {
		for _, comp := range compressions {
			t.Run(fmt.Sprint(format, " ", comp), func(t *testing.T) {
				pr, pw := io.Pipe()
				got := make(chan int)
				done := make(chan error, 1)
				go func() { // the reader
					r, err := NewReader(pr)
					var f Frame
					for err == nil {
						if err = r.Next(&f); err == nil {
							got <- f.Number
						}
					}
					done <- err
				}()
				packed := wrap(t, comp, pw)
				w, err := NewWriter(packed, WriterOptions{Format: format, Link: LinkRaw})
				require.NoError(t, err)
				for i := 1; i <= 5; i++ {
					f := Frame{Link: LinkRaw, HasTime: true, Data: bytes.Repeat([]byte("x"), 1000*i)}
					require.NoError(t, w.WriteFrame(&f))
					require.NoError(t, packed.Flush())
					select {
					case n := <-got:
						require.Equal(t, i, n)
					case <-time.After(10 * time.Second):
						t.Fatalf("packet %d did not come through", i)
					}
				}
				require.NoError(t, packed.Close())
				require.NoError(t, pw.Close())
				assert.Equal(t, io.EOF, <-done)
			})
		}
	}
}

// What a broken stream still gives is delivered; then its fault is named.
func TestCompressedDamage(t *testing.T) {
	file := samples()["pcap"]
	want, _ := readAll(bytes.NewReader(file))
	for _, comp := range []Compression{Gzip, Zstd} {
		packed := compress(t, comp, file)
		t.Run(comp.String(), func(t *testing.T) {
			for cut := 5; cut < len(packed); cut++ {
				got, err := readAll(bytes.NewReader(packed[:cut]))
				wantEnd(t, err, ErrTruncated, -1)
				for i := range got {
					require.Equal(t, want[i], got[i])
				}
			}
			// All but the checksum at the end: everything can be read.
			got, err := readAll(bytes.NewReader(packed[:len(packed)-2]))
			wantEnd(t, err, ErrTruncated, -1)
			if comp == Gzip {
				assert.Len(t, got, 40)
			}
			bad := bytes.Clone(packed)
			bad[len(bad)-1] ^= 1
			_, err = readAll(bytes.NewReader(bad))
			wantEnd(t, err, ErrCorrupt, -1)
			bad = append(bytes.Clone(packed), "and something else behind it"...)
			got, err = readAll(bytes.NewReader(bad))
			wantEnd(t, err, ErrCorrupt, int64(len(file)))
			assert.Len(t, got, 40)
		})
	}
	t.Run("two streams in one file", func(t *testing.T) {
		for _, comp := range []Compression{Gzip, Zstd} {
			got, err := readAll(bytes.NewReader(cat(compress(t, comp, file[:1000]), compress(t, comp, file[1000:]))))
			assert.Equal(t, io.EOF, err)
			assert.Equal(t, want, got)
		}
	})
	t.Run("zstd behind a skippable frame", func(t *testing.T) {
		got, err := readAll(bytes.NewReader(cat([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"), compress(t, Zstd, file))))
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, want, got)
	})
	t.Run("nothing inside", func(t *testing.T) {
		for _, comp := range []Compression{Gzip, Zstd} {
			_, err := readAll(bytes.NewReader(compress(t, comp, nil)))
			wantEnd(t, err, ErrTruncated, 0)
		}
	})
	t.Run("a zip bomb's window", func(t *testing.T) {
		_, err := readAll(bytes.NewReader([]byte("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00"))) // 2 GiB
		wantEnd(t, err, ErrCorrupt, 0)
	})
	t.Run("gzip inside gzip", func(t *testing.T) {
		_, err := readAll(bytes.NewReader(compress(t, Gzip, compress(t, Gzip, file))))
		wantEnd(t, err, ErrUnknownFormat, 0)
	})
}

// An error of the input comes out as it went in, after all whole packets.
func TestInputError(t *testing.T) {
	broken := errors.New("the disk is on fire")
	for name, file := range samples() {
		for _, comp := range compressions {
			packed := compress(t, comp, file)
			for _, cut := range []int{0, 3, 10, 30, len(packed) / 2, len(packed) - 1} {
				_, err := readAll(io.MultiReader(bytes.NewReader(packed[:cut]), iotest.ErrReader(broken)))
				if !errors.Is(err, broken) {
					t.Errorf("%s %v, cut at %d: %v", name, comp, cut, err)
				}
			}
		}
	}
	_, err := NewReader(readerFunc(func([]byte) (int, error) { return 0, nil }))
	assert.ErrorIs(t, err, io.ErrNoProgress)
	_, err = NewReader(readerFunc(func(p []byte) (int, error) { return len(p) + 1, nil }))
	assert.ErrorIs(t, err, io.ErrNoProgress)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A length that lies costs no memory: the file says 16 MiB and has 50 octets.
func TestLyingLengthsCostNothing(t *testing.T) {
	o := little
	for name, file := range map[string][]byte{
		"pcap":           cat(o.header(magicMicro, MaxPacket, 1), o.u32s(1, 2, MaxPacket, MaxPacket)),
		"pcapng":         cat(o.shb(), o.idb(1, 0), o.u32s(blockEnhanced, MaxBlock, 0)),
		"pcapng skipped": cat(o.shb(), o.idb(1, 0), o.u32s(0xbad, 1<<32-4, 0)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readAll(bytes.NewReader(file))
		runtime.ReadMemStats(&after)
		wantEnd(t, err, ErrTruncated, -1)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100<<10), name)
	}
}

func TestNoAllocationPerPacket(t *testing.T) {
	for _, format := range []Format{PCAP, PCAPNG} {
		r, err := NewReader(bytes.NewReader(benchFile(t, WriterOptions{Format: format, Link: LinkEthernet})))
		require.NoError(t, err)
		var f Frame
		for range 5000 { // until the buffer has its size
			require.NoError(t, r.Next(&f))
		}
		assert.Zero(t, testing.AllocsPerRun(10000, func() {
			if err := r.Next(&f); err != nil {
				t.Fatal(err)
			}
			ip, _ := Network(f.Link, f.Data)
			Innermost(ip)
		}), format)
	}
}

// Every capture, cut at every 97th octet: all whole packets come out, and the end is
// clean exactly where a record ends.
func TestCutCaptures(t *testing.T) {
	stride := 97
	if testing.Short() {
		stride = 97 * 53
	}
	buf := make([]byte, fullBuffer) // instead of growing one for each cut
	for _, name := range captures(t) {
		file := readFile(t, name)
		ends, headers := boundaries(t, file)
		packets := 0
		for cut := 0; cut < len(file); cut += stride {
			for packets < len(ends) && ends[packets] <= int64(cut) {
				packets++
			}
			rd := &Reader{counter: counter{r: bytes.NewReader(file[:cut])}, src: source{buf: buf}}
			rd.src.r = &rd.counter
			err, n := rd.open(), 0
			for f := (Frame{}); err == nil; n++ {
				err = rd.Next(&f)
			}
			want := ErrTruncated
			if headers[int64(cut)] {
				want = io.EOF
			}
			if max(n-1, 0) != packets || !errors.Is(err, want) {
				t.Fatalf("%s cut at %d: %d packets and %v, want %d and %v", name, cut, n-1, err, packets, want)
			}
		}
	}
}

// boundaries walks through a file in a way of its own. It returns where each packet
// ends, and all places where the file could end.
func boundaries(t *testing.T, file []byte) (packets []int64, clean map[int64]bool) {
	clean = make(map[int64]bool)
	o := little
	if u := big.uint32(file); u == magicMicro || u == magicNano || u == magicNG && big.uint32(file[8:]) == orderMagic {
		o = big
	}
	if big.uint32(file) != magicNG {
		for at := int64(fileHeader); ; {
			clean[at] = true
			if at == int64(len(file)) {
				return packets, clean
			}
			at += 16 + int64(o.uint32(file[at+8:]))
			packets = append(packets, at)
		}
	}
	for at := int64(0); at < int64(len(file)); {
		typ := o.uint32(file[at:])
		if typ == blockSection {
			if o = little; big.uint32(file[at+8:]) == orderMagic {
				o = big
			}
		}
		at += int64(o.uint32(file[at+4:]))
		clean[at] = true
		if typ == blockEnhanced || typ == blockSimple || typ == blockPacket {
			packets = append(packets, at)
		}
	}
	return packets, clean
}
