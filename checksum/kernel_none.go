//go:build !amd64 || purego

package checksum

func sum(b []byte) Sum { return sumGeneric(b) }

func copySum(dst, src []byte) Sum { return copyGeneric(dst, src) }
