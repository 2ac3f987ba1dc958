package checksum

import (
	"os"
	"runtime/debug"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStaysInside puts data against both ends of a mapping with forbidden pages around
// it, where one octet read too many is a fault. Other tests would not notice.
func TestStaysInside(t *testing.T) {
	page := os.Getpagesize()
	fence := func() []byte {
		m, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		require.NoError(t, err)
		t.Cleanup(func() { _ = syscall.Munmap(m) })
		require.NoError(t, syscall.Mprotect(m[:page], syscall.PROT_NONE))
		require.NoError(t, syscall.Mprotect(m[2*page:], syscall.PROT_NONE))
		return m[page : 2*page : 2*page]
	}
	src, dst := fence(), fence()
	copy(src, patterns()["random"])
	eachKernel(t, func(t *testing.T, k kernel) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // holds for one goroutine
		for n := range 700 {
			end := page - n
			require.Equal(t, naive(src[:n]), k.sum(src[:n]), "%d octets at the start", n)
			require.Equal(t, naive(src[end:]), k.sum(src[end:]), "%d octets at the end", n)
			require.Equal(t, naive(src[:n]), k.copy(dst[end:], src[:n]), "%d octets to the end", n)
			require.Equal(t, naive(src[end:]), k.copy(dst[:n], src[end:]), "%d octets to the start", n)
		}
	})
}
