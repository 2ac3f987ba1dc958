//go:build !purego

package checksum

// These are written in assembly from the choice of kernel on: the calls that a
// choice made in Go would add cost more than summing a short slice. They hand over
// to the portable kernels, which are whole, whatever they cannot do.

// sum is sumGeneric, faster.
//
//go:noescape
func sum(b []byte) Sum

// copySum is copyGeneric, faster.
//
//go:noescape
func copySum(dst, src []byte) Sum
