package peer

import (
	"encoding/binary"
	"net"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-go/mptcp/wire"
)

// kernelInfo is what the kernel tells of a socket by MPTCP_INFO (struct mptcp_info).
type kernelInfo struct {
	subflows       int // besides the first
	fallback       bool
	keyed          bool // the peer's key has arrived
	token          wire.Token
	checksum       bool
	sent, received uint64 // octets; those sent again counted again
	acked          uint64
}

// info asks the kernel about its socket. The error of a socket that is plain TCP by now is
// one of the option: unknown.
func info(k *net.TCPConn) (i kernelInfo, err error) {
	const (
		solMPTCP  = 284
		mptcpInfo = 1
	)
	raw, err := k.SyscallConn()
	if err != nil {
		return i, err
	}
	var b [96]byte
	n := uint32(len(b))
	var errno unix.Errno
	if err := raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, solMPTCP, mptcpInfo, uintptr(unsafe.Pointer(&b)), uintptr(unsafe.Pointer(&n)), 0)
	}); err != nil {
		return i, err
	}
	if errno != 0 {
		return i, errno
	}
	u32, u64 := binary.NativeEndian.Uint32, binary.NativeEndian.Uint64
	flags := u32(b[8:])
	return kernelInfo{subflows: int(b[0]), fallback: flags&1 != 0, keyed: flags&2 != 0, token: wire.Token(u32(b[12:])),
		checksum: b[42] != 0, sent: u64(b[56:]), received: u64(b[64:]), acked: u64(b[72:])}, nil
}

// multipath checks that both sides see one Multipath TCP connection of so many subflows,
// with and without checksums as one, and that the kernel has all octets that we sent.
func (v *live) multipath(c *Conn, k *net.TCPConn, subflows int) {
	v.t.Helper()
	i := c.Info()
	assert.True(v.t, i.Multipath && !i.FellBack, "we fell back: %s", i.Cause)
	assert.Equal(v.t, wire.V1, i.Version)
	assert.Equal(v.t, subflows, i.SubflowsUp)
	ok, err := k.MultipathTCP()
	assert.NoError(v.t, err)
	assert.True(v.t, ok, "the kernel fell back")
	var their kernelInfo
	waitFor(v.t, "the kernel's last acknowledgment", func() bool {
		their, err = info(k)
		require.NoError(v.t, err, "MPTCP_INFO")
		return their.acked == i.Received
	})
	assert.Equal(v.t, subflows, their.subflows+1, "subflows of the kernel")
	assert.False(v.t, their.fallback)
	assert.True(v.t, their.keyed)
	assert.Equal(v.t, i.Checksum, their.checksum)
	assert.Equal(v.t, i.Sent, their.received, "octets of ours")
	list := v.kernelSockets()
	if assert.Len(v.t, list, 1, "sockets of the kernel") {
		assert.Equal(v.t, subflows, list[0].Int("subflows")+1, "subflows of the kernel: %v", list[0].Info)
		assert.NotContains(v.t, list[0].Info, "fallback")
	}
}
