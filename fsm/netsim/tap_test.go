package netsim

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/pcap"
)

func TestCaptureFilesCanBeRead(t *testing.T) {
	var file bytes.Buffer
	c := NewPcap(&file)
	var seen [][]byte
	b := newBlaster(3, 10, 1500*time.Millisecond)
	w, _ := pair(1, b, &sink{}, NewTap(func(now time.Time, dir Dir, pkt []byte) {
		c.See(now, dir, pkt)
		seen = append(seen, append([]byte(nil), pkt...))
		require.Equal(t, Forward, dir)
	}))
	require.NoError(t, w.RunIdle(0))
	require.NoError(t, c.Err())
	r, err := pcap.NewReader(&file)
	require.NoError(t, err)
	var f pcap.Frame
	for i := range 3 {
		require.NoError(t, r.Next(&f))
		require.Equal(t, seen[i], f.Data)
		require.Equal(t, 50, f.Len)
		require.EqualValues(t, 101, f.Link)
		require.Equal(t, Epoch.Add(time.Duration(i)*1500*time.Millisecond), f.Time())
	}
	require.ErrorIs(t, r.Next(&f), io.EOF)
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("full")

func TestCaptureRemembersTheFirstError(t *testing.T) {
	c := NewPcap(fullDisk{})
	c.See(Epoch, Forward, []byte{1})
	require.Equal(t, errFull, c.Err())
}
