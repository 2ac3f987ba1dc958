package link

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// recvmmsg fills in messages without waiting and returns how many.
func recvmmsg(fd int, m []unix.Mmsghdr) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(m))),
		uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// sendmmsg sends messages without waiting and returns how many; the error is that of the
// first message and only there where none was sent.
//
// brief: the call takes well below a millisecond, as with a batch of packets of an MTU each.
// The runtime is not told of it then: else it looks every 20 us if the call has ended, gives
// the processor to another thread meanwhile, and takes it back.
func sendmmsg(fd int, m []unix.Mmsghdr, brief bool) (int, error) {
	var n uintptr
	var errno syscall.Errno
	if brief {
		n, _, errno = unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(m))),
			uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(m))),
			uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func setIovec(v *unix.Iovec, b []byte) {
	v.Base = unsafe.SliceData(b)
	v.SetLen(len(b))
}
