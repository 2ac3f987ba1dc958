package link

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func packet(n int, fill byte) Packet {
	b := make([]byte, n)
	for i := range b {
		b[i] = fill
	}
	return Packet{Data: b}
}

func TestPipeKeepsOrderAndContent(t *testing.T) {
	a, b := Pipe(PipeConfig{A: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}})
	defer a.Close()
	require.Equal(t, "10.0.0.1/24", a.Addrs()[0].String())
	for round := range 3 {
		one, two := packet(40, byte(round)), packet(60, 9)
		two.Tail = []byte("tail")
		require.NoError(t, a.Send([]Packet{one, two}))
		var in [8]Packet
		n, err := b.Recv(in[:])
		require.NoError(t, err)
		require.Equal(t, 2, n)
		assert.Equal(t, one.Data, in[0].Data)
		assert.Equal(t, append(two.Data, "tail"...), in[1].Data)
		assert.Empty(t, in[1].Tail)
	}
	assert.EqualValues(t, 6, a.Stats().Sent)
	assert.EqualValues(t, 6, b.Stats().Received)
	assert.EqualValues(t, 3*104, b.Stats().ReceivedOctets)
}

func TestPipeHandsOutNoMoreThanAsked(t *testing.T) {
	a, b := Pipe(PipeConfig{})
	defer a.Close()
	require.NoError(t, a.Send([]Packet{packet(1, 1), packet(1, 2), packet(1, 3)}))
	var in [2]Packet
	n, err := b.Recv(in[:])
	require.NoError(t, err)
	require.Equal(t, 2, n)
	n, err = b.Recv(in[:])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []byte{3}, in[0].Data)
}

func TestPipeDrops(t *testing.T) {
	a, b := Pipe(PipeConfig{MTU: 100, Queue: 2})
	defer b.Close()
	require.NoError(t, a.Send([]Packet{packet(101, 0), {}, {Data: make([]byte, 10), SegSize: 5}}))
	assert.EqualValues(t, 3, a.Stats().DropBad, "too long, empty, and an offload that is not there")
	require.NoError(t, a.Send([]Packet{packet(1, 0), packet(1, 0), packet(1, 0)}))
	assert.EqualValues(t, 1, a.Stats().DropFull)
	a.SetUp(false)
	assert.EqualValues(t, 2, a.Stats().DropDown, "what was on the way")
	require.NoError(t, a.Send([]Packet{packet(1, 0)}))
	assert.EqualValues(t, 3, a.Stats().DropDown)
}

func TestPipeLossIsRepeatable(t *testing.T) {
	lost := func() (got []byte) {
		a, b := Pipe(PipeConfig{Loss: 0.5, Seed: 7})
		defer a.Close()
		for i := range 64 {
			require.NoError(t, a.Send([]Packet{packet(1, byte(i))}))
		}
		require.NoError(t, a.Send(nil))
		var in [64]Packet
		n, err := b.Recv(in[:])
		require.NoError(t, err)
		for _, p := range in[:n] {
			got = append(got, p.Data[0])
		}
		return got
	}
	first := lost()
	assert.Greater(t, len(first), 10)
	assert.Less(t, len(first), 54)
	assert.Equal(t, first, lost())
}

func TestPipeTellsOfUpAndDown(t *testing.T) {
	a, b := Pipe(PipeConfig{})
	require.True(t, b.Up())
	a.SetUp(false)
	<-a.Changes()
	<-b.Changes()
	require.False(t, b.Up())
	a.SetUp(true)
	<-b.Changes()
	require.True(t, b.Up())
	require.NoError(t, a.Close())
	<-b.Changes()
	require.False(t, b.Up())
}

func TestPipeCloseEndsRecv(t *testing.T) {
	a, b := Pipe(PipeConfig{Delay: time.Hour})
	require.NoError(t, b.Send([]Packet{packet(1, 1)}))
	failed := make(chan error)
	go func() {
		_, err := a.Recv(make([]Packet, 1))
		failed <- err
	}()
	require.NoError(t, a.Close())
	require.ErrorIs(t, <-failed, net.ErrClosed)
	require.ErrorIs(t, a.Send(nil), net.ErrClosed)
	require.ErrorIs(t, a.Close(), net.ErrClosed)
}

// Who closes an end has not taken back what it said.
func TestPipeCloseLetsThePastArrive(t *testing.T) {
	a, b := Pipe(PipeConfig{Delay: time.Millisecond})
	require.NoError(t, a.Send([]Packet{packet(1, 1)}))
	require.NoError(t, a.Close())
	n, err := b.Recv(make([]Packet, 2))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, b.Close())
}

func TestPipeDelays(t *testing.T) {
	const delay = 20 * time.Millisecond
	a, b := Pipe(PipeConfig{Delay: delay, Rate: 1 << 20})
	defer a.Close()
	start := time.Now()
	require.NoError(t, a.Send([]Packet{packet(1000, 1), packet(1000, 2)}))
	var in [2]Packet
	for got := 0; got < 2; {
		n, err := b.Recv(in[:])
		require.NoError(t, err)
		got += n
	}
	require.GreaterOrEqual(t, time.Since(start), delay+1900*time.Microsecond)
}
