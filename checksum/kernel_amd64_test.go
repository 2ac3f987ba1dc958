//go:build !purego

package checksum

// fastKernels are the assembly with AVX2, if there is any, and without.
func fastKernels() []kernel {
	k := []kernel{{
		name: "scalar",
		sum: func(b []byte) Sum {
			defer func(was bool) { hasAVX2 = was }(hasAVX2)
			hasAVX2 = false
			return sum(b)
		},
		copy: func(dst, src []byte) Sum {
			defer func(was bool) { hasAVX2 = was }(hasAVX2)
			hasAVX2 = false
			return copySum(dst, src)
		},
	}}
	if hasAVX2 {
		k = append(k, kernel{"avx2", sum, copySum})
	}
	return k
}
