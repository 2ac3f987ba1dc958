package checksum

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzSum(f *testing.F) {
	f.Add(rfc1071, uint16(3), uint8(1))
	f.Add(make([]byte, 129), uint16(64), uint8(0))
	f.Add(patterns()["random"][:300], uint16(33), uint8(7))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16, from uint8) {
		data = data[min(int(from), len(data)):]
		at := min(int(cut), len(data))
		want := naive(data)
		for _, k := range kernels() {
			require.Equal(t, want, k.sum(data), "%s", k.name)
			dst := make([]byte, len(data)+1)
			s := k.copy(dst[:at], data).AddAt(k.copy(dst[at:], data[at:]), uint64(at))
			require.Equal(t, want, s, "%s", k.name)
			require.Equal(t, data, dst[:len(data)], "%s", k.name)
			require.Zero(t, dst[len(data)], "%s", k.name)
		}
	})
}
