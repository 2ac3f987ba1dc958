//go:build !purego

package checksum

// hasAVX2 tells whether the processor and its operating system run AVX2. It is
// written once, before any other code of this package runs.
var hasAVX2 = detectAVX2()

// detectAVX2 asks the processor what it knows and, through XCR0, which registers
// the operating system saves: if YMM were not saved, a kernel would return nonsense
// after a change of context.
func detectAVX2() bool {
	const (
		osxsave = 1 << 27 // leaf 1, ECX: XGETBV may be used
		avx     = 1 << 28 // leaf 1, ECX
		avx2    = 1 << 5  // leaf 7, EBX
		ymm     = 0x06    // XCR0: XMM and the upper halves of YMM
	)
	if leaves, _, _, _ := cpuid(0, 0); leaves < 7 {
		return false
	}
	if _, _, ecx, _ := cpuid(1, 0); ecx&(osxsave|avx) != osxsave|avx {
		return false
	}
	_, ebx, _, _ := cpuid(7, 0)
	return ebx&avx2 != 0 && xgetbv()&ymm == ymm
}

// cpuid executes CPUID with the given EAX and ECX.
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

// xgetbv returns the low half of XCR0. It faults unless OSXSAVE is set.
func xgetbv() uint32
