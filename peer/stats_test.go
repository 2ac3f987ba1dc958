package peer

import (
	"fmt"
	"iter"
	"net/netip"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// Every counter comes by its name, once, in order.
func TestCountersByName(t *testing.T) {
	var own Stats
	var one link.Stats
	for _, x := range []struct {
		v   reflect.Value
		all func() iter.Seq2[string, uint64]
	}{{reflect.ValueOf(&own).Elem(), own.All}, {reflect.ValueOf(&one).Elem(), one.All}} {
		var names, got []string
		for i := range x.v.NumField() {
			if f := x.v.Field(i); f.Kind() == reflect.Uint64 {
				f.SetUint(uint64(1000 + i))
				names = append(names, x.v.Type().Field(i).Name)
			}
		}
		for name, n := range x.all() {
			got = append(got, name)
			assert.Equal(t, x.v.FieldByName(name).Uint(), n, name)
		}
		assert.Equal(t, names, got)
	}
}

// stuckLink is a link whose Send waits until it is let go.
type stuckLink struct {
	link.Link
	once        sync.Once
	stuck, free chan struct{}
	packets     atomic.Uint64
}

func (l *stuckLink) Send(pkts []link.Packet) error {
	l.once.Do(func() { close(l.stuck) })
	<-l.free
	l.packets.Add(uint64(len(pkts)))
	return nil
}

// While a link takes nothing, what waits for it stays within its bound, in packets and in
// octets; what is more is dropped and counted.
func TestQueueIsBounded(t *testing.T) {
	for _, size := range []int{0, 1000, 60000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			x, _ := link.Pipe(link.PipeConfig{A: []netip.Prefix{prefix(4, 0, 1)}, MaxPayload: 64000})
			l := &stuckLink{Link: x, stuck: make(chan struct{}), free: make(chan struct{})}
			s, err := New(Config{})
			require.NoError(t, err)
			require.NoError(t, s.AddLink(l))
			seg := wire.Segment{Src: netip.AddrPortFrom(prefix(4, 0, 1).Addr(), 1), Dst: netip.AddrPortFrom(prefix(4, 0, 2).Addr(), 2),
				Flags: wire.ACK, Payload: make([]byte, size)}
			var sending sync.WaitGroup
			sending.Go(func() {
				s.output(s.lock(), &seg)
				s.unlock()
			})
			<-l.stuck
			const more = 3 * maxQueued
			now := s.lock()
			for range more {
				s.output(now, &seg)
			}
			b := s.ports[0].queued
			assert.LessOrEqual(t, len(b.pkts), maxQueued)
			octets := 0
			for _, c := range b.chunks {
				octets += cap(c)
			}
			assert.LessOrEqual(t, octets, 8<<20)
			if size < 1500 {
				assert.Len(t, b.pkts, maxQueued, "small packets are not bounded by their octets")
			}
			queued := uint64(len(b.pkts))
			s.unlock()
			close(l.free)
			sending.Wait()
			assert.Equal(t, 1+queued, l.packets.Load())
			assert.Equal(t, more-queued, s.Stats().QueueFull)
			require.NoError(t, s.Close())
		})
	}
}
