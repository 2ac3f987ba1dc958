//go:build !purego

#include "textflag.h"

// Both kernels add words of 64 bits, as they lie in memory, without looking at
// carries. Beside the sum A of the words, modulo 2^64, they keep the sum H of the
// words' high halves, which has room for 2^32 words. The sum of the low halves is
// then L = A - 2^32*H, exact although A wrapped, and L + H is a ones-complement sum
// of the data. So a vector costs a load, two additions and a shift.
//
//	Y0-Y3   A, a lane for each word of the vector
//	Y4-Y7   H
//	Y8-Y11  data
//	SI, DI  source, destination
//	BX      octets in all
//	AX      the sum
//
// L + H of all lanes together must stay below 2^64: less than 2^33 for each word, and
// less than 2^31 words. Longer slices, of 16 GiB and more, go to the portable kernels.
//
// Alternatives considered: vectors of 64 octets (AVX-512), with a masked load for the
// end, gained a fifth around 128 octets but an eighth or less from 256 on, not enough
// for two more kernels; adding octets by VPSADBW takes five instructions a vector.

// ADDUP adds the vector D to the pair A, H. It destroys D.
#define ADDUP(D, A, H) \
	VPADDQ D, A, A;   \
	VPSRLQ $32, D, D; \
	VPADDQ D, H, H

// CLEAR starts a pair.
#define CLEAR(A, H) \
	VPXOR A, A, A; \
	VPXOR H, H, H

// MERGE adds the pair A, H to Y0, Y4.
#define MERGE(A, H) \
	VPADDQ A, Y0, Y0; \
	VPADDQ H, Y4, Y4

// TAIL makes Y9 a mask for the vector that ends at DX, the number of octets less an
// odd last one: it keeps the CX+33 octets, 2 to 32, that are left. Their number is
// even, so they may be added from where they lie in that vector. R8 is scratch.
#define TAIL \
	LEAQ    tailMask<>(SB), R8; \
	VMOVDQU 33(R8)(CX*1), Y9

// TOTAL leaves L + H of all lanes of Y0 and Y4 in AX. X1 is scratch.
#define TOTAL \
	VPSLLQ       $32, Y4, Y1;   \
	VPSUBQ       Y1, Y0, Y0;    \
	VPADDQ       Y4, Y0, Y0;    \
	VEXTRACTI128 $1, Y0, X1;    \
	VPADDQ       X1, X0, X0;    \
	VPSHUFD      $0x4e, X0, X1; \
	VPADDQ       X1, X0, X0;    \
	VMOVQ        X0, AX;        \
	VZEROUPPER

// ODD adds to AX the last octet, in CX, if BX is odd: it is the low half of a
// little-endian word. It destroys BX and CX.
#define ODD \
	ANDL $1, BX; \
	NEGL BX;     \
	ANDL BX, CX; \
	ADDQ CX, AX

// SHORTTAIL drops from DX, which holds the last eight octets, those that belong to a
// whole word. The shift, 64 at the most, is done in two steps of less. CX is scratch.
#define SHORTTAIL \
	MOVL BX, CX; \
	NOTL CX;     \
	ANDL $7, CX; \
	SHLL $3, CX; \
	SHRQ CX, DX; \
	SHRQ $8, DX

// FOLD is foldLittleEndian of AX. CX is scratch.
#define FOLD \
	MOVQ AX, CX;  \
	ROLQ $32, CX; \
	ADDQ CX, AX;  \
	SHRQ $32, AX; \
	MOVL AX, CX;  \
	ROLL $16, CX; \
	ADDL CX, AX;  \
	SHRL $16, AX; \
	ROLW $8, AX

// func sum(b []byte) Sum
TEXT ·sum(SB), NOSPLIT|NOFRAME, $0-26
	MOVQ b_base+0(FP), SI
	MOVQ b_len+8(FP), BX
	CMPQ BX, $32
	JLT  short
	CMPB ·hasAVX2(SB), $0
	JEQ  generic
	MOVQ BX, DX
	ANDQ $~1, DX
	MOVQ SI, DI // moves on while SI stays
	CLEAR(Y0, Y4)
	LEAQ -129(DX), CX // not negative while there is a block and something after it
	TESTQ CX, CX
	JLT  vectors
	MOVQ BX, AX
	SHRQ $34, AX
	JNE  generic
	CLEAR(Y1, Y5)
	CLEAR(Y2, Y6)
	CLEAR(Y3, Y7)

block:
	VMOVDQU (DI), Y8
	VMOVDQU 32(DI), Y9
	VMOVDQU 64(DI), Y10
	VMOVDQU 96(DI), Y11
	ADDUP(Y8, Y0, Y4)
	ADDUP(Y9, Y1, Y5)
	ADDUP(Y10, Y2, Y6)
	ADDUP(Y11, Y3, Y7)
	ADDQ    $128, DI
	SUBQ    $128, CX
	JGE     block
	MERGE(Y1, Y5)
	MERGE(Y2, Y6)
	MERGE(Y3, Y7)

vectors:
	ADDQ $96, CX // the octets left, less 33
	JLT  tail

vector:
	VMOVDQU (DI), Y8
	ADDUP(Y8, Y0, Y4)
	ADDQ    $32, DI
	SUBQ    $32, CX
	JGE     vector

tail:
	TAIL
	VPAND   -32(SI)(DX*1), Y9, Y8
	ADDUP(Y8, Y0, Y4)
	TOTAL
	MOVBLZX -1(SI)(BX*1), CX
	ODD

fold:
	FOLD
	MOVW AX, ret+24(FP)
	RET

short:
	CMPQ BX, $8
	JLT  shorter
	MOVQ -8(SI)(BX*1), DX
	SHORTTAIL
	MOVQ DX, AX
	TESTB $16, BX
	JEQ  eight
	ADDQ (SI), AX
	ADCQ 8(SI), AX
	ADCQ $0, AX
	ADDQ $16, SI

eight:
	TESTB $8, BX
	JEQ  fold
	ADDQ (SI), AX
	ADCQ $0, AX
	JMP  fold

shorter:
	CMPQ BX, $4
	JLT  shortest
	MOVL (SI), AX
	MOVL -4(SI)(BX*1), DX
	LEAL -32(BX*8), CX
	SHLQ CX, DX
	ORQ  DX, AX // some octets twice, in the same place
	JMP  fold

shortest:
	TESTB   $2, BX
	JEQ     last
	MOVWLZX (SI), AX
	TESTB   $1, BX
	JEQ     fold
	MOVBLZX 2(SI), DX
	SHLL    $16, DX
	ORL     DX, AX
	JMP     fold

last:
	XORL    AX, AX
	TESTQ   BX, BX
	JEQ     fold
	MOVBLZX (SI), AX
	JMP     fold

generic:
	JMP ·sumGeneric(SB)

// func copySum(dst, src []byte) Sum
TEXT ·copySum(SB), NOSPLIT|NOFRAME, $0-50
	MOVQ    dst_base+0(FP), DI
	MOVQ    dst_len+8(FP), CX
	MOVQ    src_base+24(FP), SI
	MOVQ    src_len+32(FP), BX
	CMPQ    CX, BX
	CMOVQLT CX, BX

	// With d = DI - SI the slices overlap if d < n or -d < n as unsigned numbers; if
	// d is 0, storing what was loaded changes nothing.
	MOVQ DI, DX
	SUBQ SI, DX
	JEQ  apart
	CMPQ DX, BX
	JCS  generic
	NEGQ DX
	CMPQ DX, BX
	JCS  generic

apart:
	CMPQ BX, $32
	JLT  short
	CMPB ·hasAVX2(SB), $0
	JEQ  generic
	MOVQ BX, DX
	ANDQ $~1, DX
	MOVQ SI, R9  // these two move on while SI and DI stay
	MOVQ DI, R10
	CLEAR(Y0, Y4)
	LEAQ -129(DX), CX
	TESTQ CX, CX
	JLT  vectors
	MOVQ BX, AX
	SHRQ $34, AX
	JNE  generic
	CLEAR(Y1, Y5)
	CLEAR(Y2, Y6)
	CLEAR(Y3, Y7)

block:
	VMOVDQU (R9), Y8
	VMOVDQU 32(R9), Y9
	VMOVDQU 64(R9), Y10
	VMOVDQU 96(R9), Y11
	VMOVDQU Y8, (R10)
	VMOVDQU Y9, 32(R10)
	VMOVDQU Y10, 64(R10)
	VMOVDQU Y11, 96(R10)
	ADDUP(Y8, Y0, Y4)
	ADDUP(Y9, Y1, Y5)
	ADDUP(Y10, Y2, Y6)
	ADDUP(Y11, Y3, Y7)
	ADDQ    $128, R9
	ADDQ    $128, R10
	SUBQ    $128, CX
	JGE     block
	MERGE(Y1, Y5)
	MERGE(Y2, Y6)
	MERGE(Y3, Y7)

vectors:
	ADDQ $96, CX
	JLT  tail

vector:
	VMOVDQU (R9), Y8
	VMOVDQU Y8, (R10)
	ADDUP(Y8, Y0, Y4)
	ADDQ    $32, R9
	ADDQ    $32, R10
	SUBQ    $32, CX
	JGE     vector

tail:
	TAIL
	VMOVDQU -32(SI)(DX*1), Y8
	VMOVDQU Y8, -32(DI)(DX*1) // some of it for the second time
	VPAND   Y9, Y8, Y8
	ADDUP(Y8, Y0, Y4)
	TOTAL
	MOVBLZX -1(SI)(BX*1), CX
	MOVB    CX, -1(DI)(BX*1)
	ODD

fold:
	FOLD
	MOVW AX, ret+48(FP)
	RET

short:
	CMPQ BX, $8
	JLT  shorter
	MOVQ -8(SI)(BX*1), DX
	MOVQ DX, -8(DI)(BX*1)
	SHORTTAIL
	MOVQ DX, AX
	TESTB $16, BX
	JEQ  eight
	MOVQ (SI), R8
	MOVQ 8(SI), R9
	MOVQ R8, (DI)
	MOVQ R9, 8(DI)
	ADDQ R8, AX
	ADCQ R9, AX
	ADCQ $0, AX
	ADDQ $16, SI
	ADDQ $16, DI

eight:
	TESTB $8, BX
	JEQ  fold
	MOVQ (SI), R8
	MOVQ R8, (DI)
	ADDQ R8, AX
	ADCQ $0, AX
	JMP  fold

shorter:
	CMPQ BX, $4
	JLT  shortest
	MOVL (SI), AX
	MOVL -4(SI)(BX*1), DX
	MOVL AX, (DI)
	MOVL DX, -4(DI)(BX*1)
	LEAL -32(BX*8), CX
	SHLQ CX, DX
	ORQ  DX, AX
	JMP  fold

shortest:
	TESTB   $2, BX
	JEQ     last
	MOVWLZX (SI), AX
	MOVW    AX, (DI)
	TESTB   $1, BX
	JEQ     fold
	MOVBLZX 2(SI), DX
	MOVB    DX, 2(DI)
	SHLL    $16, DX
	ORL     DX, AX
	JMP     fold

last:
	XORL    AX, AX
	TESTQ   BX, BX
	JEQ     fold
	MOVBLZX (SI), AX
	MOVB    AX, (DI)
	JMP     fold

generic:
	JMP ·copyGeneric(SB)

// Read at r, it is a mask that keeps the last r octets of a vector.
DATA tailMask<>+0x00(SB)/8, $0
DATA tailMask<>+0x08(SB)/8, $0
DATA tailMask<>+0x10(SB)/8, $0
DATA tailMask<>+0x18(SB)/8, $0
DATA tailMask<>+0x20(SB)/8, $-1
DATA tailMask<>+0x28(SB)/8, $-1
DATA tailMask<>+0x30(SB)/8, $-1
DATA tailMask<>+0x38(SB)/8, $-1
GLOBL tailMask<>(SB), RODATA|NOPTR, $64
