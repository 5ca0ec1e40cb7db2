// SPDX-License-Identifier: GPL-2.0
/*
 * The two-byte opcode map (0F) and its groups, and what is executed of 0F38
 * (SDM vol. 2, appendix A; APM vol. 3, appendix A). Read by decode.c and
 * execute.c. A row without a handler still gives the instruction's length.
 */
#include "tables.h"

#define SSE		LENGTH(OP_MODRM)
#define SSE_IMM		LENGTH(OP_MODRM | IMM_U8)

const struct emulate_opcode emulate_modrm_only = LENGTH(OP_MODRM);
const struct emulate_opcode emulate_modrm_imm8 = LENGTH(OP_MODRM | IMM_U8);

/* SGDT ... INVLPG; with a register: VMCALL, MONITOR, XGETBV, SWAPGS ... */
static const struct emulate_opcode group7[8] = {
	ROW(op_table, NONE, ADDR, 0),
	ROW(op_table, NONE, ADDR, 0),
	ROW(op_table, NONE, ADDR, 0),
	ROW(op_table, NONE, ADDR, 0),
	ROW(op_smsw, NONE, NONE, 0),
	LENGTH(0),
	ROW(op_lmsw, NONE, RM16, OP_PRIV),
	ROW(op_invlpg, NONE, ADDR, 0),
};

static const struct emulate_opcode group8[8] = {
	UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED,
	ROW(op_bt, RM, IMM, OP_NOWRITE),
	ROW(op_bts, RM, IMM, OP_LOCK),
	ROW(op_btr, RM, IMM, OP_LOCK),
	ROW(op_btc, RM, IMM, OP_LOCK),
};

/* CMPXCHG8B, XSAVES ..., VMPTRLD ..., RDRAND, RDSEED, RDPID */
static const struct emulate_opcode group9[8] = {
	UNDEFINED,
	ROW(op_cmpxchg8b, NONE, ADDR, OP_LOCK | OP_MEM),
	LENGTH(0), LENGTH(0), LENGTH(0), LENGTH(0), LENGTH(0), LENGTH(0),
};

/* FXSAVE ..., CLFLUSH; fences with a register */
static const struct emulate_opcode group15[8] = {
	LENGTH(0), LENGTH(0), LENGTH(0), LENGTH(0), LENGTH(0),
	ROW(op_fence, NONE, ADDR, 0),
	ROW(op_fence, NONE, ADDR, 0),
	ROW(op_fence, NONE, ADDR, 0),
};

#define NOP_RM		ROW(op_nop, NONE, NONE, OP_MODRM)
#define CMOV		ROW(op_cmov, REG, RM, OP_MODRM)
#define JCC		ROW(op_jcc, NONE, IMM, IMM_Z | OP_F64)
#define SETCC		ROW(op_setcc, RM, NONE, OP_MODRM | OP_BYTE | OP_LOAD)
#define BSWAP		ROW(op_bswap, OPREG, NONE, 0)

const struct emulate_opcode emulate_two_byte[256] = {
	[0x00] = LENGTH(OP_MODRM),	/* SLDT, STR, LLDT, LTR, VERR, VERW */
	[0x01] = GROUP(group7, NONE, NONE, 0),
	[0x02] = LENGTH(OP_MODRM),	/* LAR */
	[0x03] = LENGTH(OP_MODRM),	/* LSL */
	[0x04] = UNDEFINED,
	[0x05] = LENGTH(0),		/* SYSCALL */
	[0x06] = ROW(op_clts, NONE, NONE, OP_PRIV),
	[0x07] = LENGTH(0),		/* SYSRET */
	[0x08] = ROW(op_wbinvd, NONE, NONE, OP_PRIV),	/* INVD */
	[0x09] = ROW(op_wbinvd, NONE, NONE, OP_PRIV),
	[0x0a] = UNDEFINED,
	[0x0b] = ROW(op_ud, NONE, NONE, 0),	/* UD2 */
	[0x0c] = UNDEFINED,
	[0x0d] = NOP_RM,		/* PREFETCH, PREFETCHW */
	[0x0e] = LENGTH(0),		/* FEMMS */
	[0x0f] = SSE_IMM,		/* 3DNow! */
	[0x10] = ROW(op_sse_10, NONE, ADDR, OP_MODRM),
	[0x11] = ROW(op_sse_10, NONE, ADDR, OP_MODRM),
	[0x12] = ROW(op_sse_half, NONE, ADDR, OP_MODRM),
	[0x13] = ROW(op_sse_half, NONE, ADDR, OP_MODRM | OP_MEM),
	[0x14] = SSE,
	[0x15] = SSE,
	[0x16] = ROW(op_sse_half, NONE, ADDR, OP_MODRM),
	[0x17] = ROW(op_sse_half, NONE, ADDR, OP_MODRM | OP_MEM),
	EIGHT(0x18, NOP_RM),		/* PREFETCHh, MPX, CET, NOP */
	[0x20] = ROW(op_mov_from_cr, NONE, NONE,
		     OP_MODRM | OP_CR | OP_PRIV | OP_LOCK),
	[0x21] = ROW(op_mov_from_dr, NONE, NONE, OP_MODRM | OP_CR | OP_PRIV),
	[0x22] = ROW(op_mov_to_cr, NONE, NONE,
		     OP_MODRM | OP_CR | OP_PRIV | OP_LOCK),
	[0x23] = ROW(op_mov_to_dr, NONE, NONE, OP_MODRM | OP_CR | OP_PRIV),
	[0x24 ... 0x27] = UNDEFINED,
	[0x28] = ROW(op_sse_aligned, NONE, ADDR, OP_MODRM),
	[0x29] = ROW(op_sse_aligned, NONE, ADDR, OP_MODRM),
	[0x2a] = SSE,
	[0x2b] = ROW(op_sse_movnt, NONE, ADDR, OP_MODRM | OP_MEM),
	[0x2c ... 0x2f] = SSE,
	[0x30] = ROW(op_wrmsr, NONE, NONE, OP_PRIV),
	[0x31] = ROW(op_rdtsc, NONE, NONE, 0),
	[0x32] = ROW(op_rdmsr, NONE, NONE, OP_PRIV),
	[0x33] = LENGTH(0),		/* RDPMC */
	[0x34] = LENGTH(0),		/* SYSENTER */
	[0x35] = LENGTH(0),		/* SYSEXIT */
	[0x36] = UNDEFINED,
	[0x37] = LENGTH(0),		/* GETSEC */
	[0x38 ... 0x3f] = UNDEFINED,	/* 38 and 3A: escapes, see decode.c */
	EIGHT(0x40, CMOV),
	EIGHT(0x48, CMOV),
	[0x50 ... 0x6d] = SSE,
	[0x6e] = ROW(op_sse_movd, NONE, NONE, OP_MODRM),
	[0x6f] = ROW(op_sse_mov, NONE, ADDR, OP_MODRM),
	[0x70 ... 0x73] = SSE_IMM,
	[0x74 ... 0x76] = SSE,
	[0x77] = LENGTH(0),		/* EMMS */
	[0x78] = LENGTH(OP_MODRM | OP_EXTRQ),
	[0x79 ... 0x7d] = SSE,
	[0x7e] = ROW(op_sse_movd, NONE, NONE, OP_MODRM),
	[0x7f] = ROW(op_sse_mov, NONE, ADDR, OP_MODRM),
	EIGHT(0x80, JCC),
	EIGHT(0x88, JCC),
	EIGHT(0x90, SETCC),
	EIGHT(0x98, SETCC),
	[0xa0] = ROW(op_push_sreg, NONE, NONE, OP_D64 | OP_STACK),
	[0xa1] = ROW(op_pop_sreg, NONE, NONE, OP_D64 | OP_STACK),
	[0xa2] = ROW(op_cpuid, NONE, NONE, 0),
	[0xa3] = ROW(op_bt, RM, REG, OP_MODRM | OP_BITS | OP_NOWRITE),
	[0xa4] = ROW(op_shld, RM, REG, OP_MODRM | IMM_U8),
	[0xa5] = ROW(op_shld, RM, REG, OP_MODRM),
	[0xa6] = LENGTH(OP_MODRM),	/* PadLock */
	[0xa7] = LENGTH(OP_MODRM),
	[0xa8] = ROW(op_push_sreg, NONE, NONE, OP_D64 | OP_STACK),
	[0xa9] = ROW(op_pop_sreg, NONE, NONE, OP_D64 | OP_STACK),
	[0xaa] = LENGTH(0),		/* RSM */
	[0xab] = ROW(op_bts, RM, REG, OP_MODRM | OP_BITS | OP_LOCK),
	[0xac] = ROW(op_shrd, RM, REG, OP_MODRM | IMM_U8),
	[0xad] = ROW(op_shrd, RM, REG, OP_MODRM),
	[0xae] = GROUP(group15, NONE, NONE, 0),
	[0xaf] = ROW(op_imul2, REG, RM, OP_MODRM),
	[0xb0] = ROW(op_cmpxchg, RM, REG, OP_MODRM | OP_BYTE | OP_LOCK),
	[0xb1] = ROW(op_cmpxchg, RM, REG, OP_MODRM | OP_LOCK),
	[0xb2] = ROW(op_load_far, NONE, ADDR, OP_MODRM | OP_MEM),
	[0xb3] = ROW(op_btr, RM, REG, OP_MODRM | OP_BITS | OP_LOCK),
	[0xb4] = ROW(op_load_far, NONE, ADDR, OP_MODRM | OP_MEM),
	[0xb5] = ROW(op_load_far, NONE, ADDR, OP_MODRM | OP_MEM),
	[0xb6] = ROW(op_mov, REG, RM8, OP_MODRM | OP_LOAD),
	[0xb7] = ROW(op_mov, REG, RM16, OP_MODRM | OP_LOAD),
	[0xb8] = ROW(op_popcnt, REG, RM, OP_MODRM | OP_LOAD),
	[0xb9] = ROW(op_ud, NONE, NONE, OP_MODRM),	/* UD1 */
	[0xba] = GROUP(group8, NONE, NONE, IMM_U8),
	[0xbb] = ROW(op_btc, RM, REG, OP_MODRM | OP_BITS | OP_LOCK),
	[0xbc] = ROW(op_bsf, REG, RM, OP_MODRM),
	[0xbd] = ROW(op_bsr, REG, RM, OP_MODRM),
	[0xbe] = ROW(op_movsx, REG, RM8, OP_MODRM | OP_LOAD),
	[0xbf] = ROW(op_movsx, REG, RM16, OP_MODRM | OP_LOAD),
	[0xc0] = ROW(op_xadd, RM, REG, OP_MODRM | OP_BYTE | OP_LOCK),
	[0xc1] = ROW(op_xadd, RM, REG, OP_MODRM | OP_LOCK),
	[0xc2] = SSE_IMM,
	[0xc3] = ROW(op_mov, RM, REG,		/* MOVNTI */
		     OP_MODRM | OP_MEM | OP_LOAD | OP_MIN32 | OP_NP),
	[0xc4 ... 0xc6] = SSE_IMM,
	[0xc7] = GROUP(group9, NONE, NONE, 0),
	EIGHT(0xc8, BSWAP),
	[0xd0 ... 0xd5] = SSE,
	[0xd6] = ROW(op_sse_movq, NONE, ADDR, OP_MODRM),
	[0xd7 ... 0xe6] = SSE,
	[0xe7] = ROW(op_sse_movnt, NONE, ADDR, OP_MODRM | OP_MEM),
	[0xe8 ... 0xef] = SSE,
	[0xf0] = ROW(op_sse_lddqu, NONE, ADDR, OP_MODRM | OP_MEM),
	[0xf1 ... 0xfe] = SSE,
	[0xff] = ROW(op_ud, NONE, NONE, OP_MODRM),	/* UD0 */
};

/* 0F38 F0 and F1: MOVBE */
const struct emulate_opcode emulate_0f38[2] = {
	ROW(op_movbe, REG, RM, OP_MODRM | OP_MEM | OP_LOAD),
	ROW(op_movbe, RM, REG, OP_MODRM | OP_MEM | OP_LOAD),
};
