// SPDX-License-Identifier: GPL-2.0
/*
 * The one-byte opcode map and its groups (SDM vol. 2, appendix A; APM vol. 3,
 * appendix A). Read by decode.c and execute.c. A row without a handler still
 * gives the instruction's length.
 */
#include "tables.h"

/* The six forms of an arithmetic instruction. */
#define ARITHMETIC(base, fn, f, lock)					\
	[(base) + 0] = ROW(fn, RM, REG, OP_MODRM | OP_BYTE | (f) | (lock)), \
	[(base) + 1] = ROW(fn, RM, REG, OP_MODRM | (f) | (lock)),	\
	[(base) + 2] = ROW(fn, REG, RM, OP_MODRM | OP_BYTE | (f)),	\
	[(base) + 3] = ROW(fn, REG, RM, OP_MODRM | (f)),		\
	[(base) + 4] = ROW(fn, ACC, IMM, IMM_8 | OP_BYTE | (f)),	\
	[(base) + 5] = ROW(fn, ACC, IMM, IMM_Z | (f))

static const struct emulate_opcode group1[8] = {
	ROW(op_add, RM, IMM, OP_LOCK),
	ROW(op_or, RM, IMM, OP_LOCK),
	ROW(op_adc, RM, IMM, OP_LOCK),
	ROW(op_sbb, RM, IMM, OP_LOCK),
	ROW(op_and, RM, IMM, OP_LOCK),
	ROW(op_sub, RM, IMM, OP_LOCK),
	ROW(op_xor, RM, IMM, OP_LOCK),
	ROW(op_cmp, RM, IMM, OP_NOWRITE),
};

/* POP Ev; the other seven are XOP or nothing. */
static const struct emulate_opcode group1a[8] = {
	ROW(op_pop, NONE, NONE, OP_D64 | OP_STACK),
	UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED,
	UNDEFINED,
};

static const struct emulate_opcode group2_imm[8] = {
	EIGHT(0, ROW(op_shift, RM, IMM, 0)),
};

static const struct emulate_opcode group2_one[8] = {
	EIGHT(0, ROW(op_shift, RM, ONE, 0)),
};

static const struct emulate_opcode group2_cl[8] = {
	EIGHT(0, ROW(op_shift, RM, CL, 0)),
};

#define GROUP3(imm)							\
{									\
	ROW(op_test, RM, IMM, (imm) | OP_NOWRITE),			\
	ROW(op_test, RM, IMM, (imm) | OP_NOWRITE),			\
	ROW(op_not, RM, NONE, OP_LOCK),					\
	ROW(op_neg, RM, NONE, OP_LOCK),					\
	ROW(op_mul, NONE, RM, 0),					\
	ROW(op_imul, NONE, RM, 0),					\
	ROW(op_div, NONE, RM, 0),					\
	ROW(op_idiv, NONE, RM, 0),					\
}

static const struct emulate_opcode group3_byte[8] = GROUP3(IMM_8);
static const struct emulate_opcode group3[8] = GROUP3(IMM_Z);

static const struct emulate_opcode group4[8] = {
	ROW(op_inc, RM, NONE, OP_LOCK),
	ROW(op_dec, RM, NONE, OP_LOCK),
	UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED,
};

static const struct emulate_opcode group5[8] = {
	ROW(op_inc, RM, NONE, OP_LOCK),
	ROW(op_dec, RM, NONE, OP_LOCK),
	ROW(op_call_abs, NONE, RM, OP_F64 | OP_STACK),
	ROW(op_call_far_mem, NONE, ADDR, OP_MEM | OP_STACK),
	ROW(op_jmp_abs, NONE, RM, OP_F64),
	ROW(op_jmp_far_mem, NONE, ADDR, OP_MEM),
	ROW(op_push, NONE, RM, OP_D64 | OP_STACK),
	UNDEFINED,
};

/* MOV; C6 /7 and C7 /7 with a register are XABORT and XBEGIN. */
static const struct emulate_opcode group11[8] = {
	ROW(op_mov, RM, IMM, OP_LOAD),
	UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED,
	LENGTH(OP_REG),
};

#define PUSH_REG	ROW(op_push, NONE, OPREG, OP_D64 | OP_STACK)
#define POP_REG		ROW(op_pop, NONE, NONE, OP_D64 | OP_STACK)
#define INC_REG		ROW(op_inc, OPREG, NONE, OP_NO64)
#define DEC_REG		ROW(op_dec, OPREG, NONE, OP_NO64)
#define XCHG_REG	ROW(op_xchg_acc, ACC, OPREG, 0)
#define MOV_IMM_BYTE	ROW(op_mov, OPREG, IMM, IMM_U8 | OP_BYTE | OP_LOAD)
#define MOV_IMM		ROW(op_mov, OPREG, IMM, IMM_V | OP_LOAD)
#define JCC		ROW(op_jcc, NONE, IMM, IMM_8 | OP_F64)
#define FPU		LENGTH(OP_MODRM)
#define PUSH_SREG	ROW(op_push_sreg, NONE, NONE, OP_NO64 | OP_STACK)
#define POP_SREG	ROW(op_pop_sreg, NONE, NONE, OP_NO64 | OP_STACK)
#define STRING(f)	ROW(op_string, NONE, NONE, OP_STRING | (f))

const struct emulate_opcode emulate_arpl = LENGTH(OP_MODRM | OP_NOREAL);

const struct emulate_opcode emulate_one_byte[256] = {
	ARITHMETIC(0x00, op_add, 0, OP_LOCK),
	[0x06] = PUSH_SREG,
	[0x07] = POP_SREG,
	ARITHMETIC(0x08, op_or, 0, OP_LOCK),
	[0x0e] = PUSH_SREG,
	[0x0f] = UNDEFINED,	/* escape, see decode.c */
	ARITHMETIC(0x10, op_adc, 0, OP_LOCK),
	[0x16] = PUSH_SREG,
	[0x17] = POP_SREG,
	ARITHMETIC(0x18, op_sbb, 0, OP_LOCK),
	[0x1e] = PUSH_SREG,
	[0x1f] = POP_SREG,
	ARITHMETIC(0x20, op_and, 0, OP_LOCK),
	[0x26] = UNDEFINED,	/* prefix */
	[0x27] = ROW(op_daa, NONE, NONE, OP_NO64),
	ARITHMETIC(0x28, op_sub, 0, OP_LOCK),
	[0x2e] = UNDEFINED,	/* prefix */
	[0x2f] = ROW(op_das, NONE, NONE, OP_NO64),
	ARITHMETIC(0x30, op_xor, 0, OP_LOCK),
	[0x36] = UNDEFINED,	/* prefix */
	[0x37] = ROW(op_aaa, NONE, NONE, OP_NO64),
	ARITHMETIC(0x38, op_cmp, OP_NOWRITE, 0),
	[0x3e] = UNDEFINED,	/* prefix */
	[0x3f] = ROW(op_aas, NONE, NONE, OP_NO64),
	EIGHT(0x40, INC_REG),
	EIGHT(0x48, DEC_REG),
	EIGHT(0x50, PUSH_REG),
	EIGHT(0x58, POP_REG),
	[0x60] = ROW(op_pusha, NONE, NONE, OP_NO64 | OP_STACK),
	[0x61] = ROW(op_popa, NONE, NONE, OP_NO64 | OP_STACK),
	[0x62] = LENGTH(OP_MODRM | OP_MEM | OP_NO64),	/* BOUND */
	[0x63] = ROW(op_movsx, REG, RM32, OP_MODRM | OP_LOAD), /* MOVSXD */
	[0x64 ... 0x67] = UNDEFINED,	/* prefixes */
	[0x68] = ROW(op_push, NONE, IMM, IMM_Z | OP_D64 | OP_STACK),
	[0x69] = ROW(op_imul3, REG, RM, OP_MODRM | IMM_Z | OP_LOAD),
	[0x6a] = ROW(op_push, NONE, IMM, IMM_8 | OP_D64 | OP_STACK),
	[0x6b] = ROW(op_imul3, REG, RM, OP_MODRM | IMM_8 | OP_LOAD),
	[0x6c] = STRING(OP_BYTE),	/* INS */
	[0x6d] = STRING(0),
	[0x6e] = STRING(OP_BYTE),	/* OUTS */
	[0x6f] = STRING(0),
	EIGHT(0x70, JCC),
	EIGHT(0x78, JCC),
	[0x80] = GROUP(group1, NONE, NONE, IMM_8 | OP_BYTE),
	[0x81] = GROUP(group1, NONE, NONE, IMM_Z),
	[0x82] = GROUP(group1, NONE, NONE, IMM_8 | OP_BYTE | OP_NO64),
	[0x83] = GROUP(group1, NONE, NONE, IMM_8),
	[0x84] = ROW(op_test, RM, REG, OP_MODRM | OP_BYTE | OP_NOWRITE),
	[0x85] = ROW(op_test, RM, REG, OP_MODRM | OP_NOWRITE),
	[0x86] = ROW(op_xchg, RM, REG,
		     OP_MODRM | OP_BYTE | OP_LOCK | OP_ATOMIC),
	[0x87] = ROW(op_xchg, RM, REG, OP_MODRM | OP_LOCK | OP_ATOMIC),
	[0x88] = ROW(op_mov, RM, REG, OP_MODRM | OP_BYTE | OP_LOAD),
	[0x89] = ROW(op_mov, RM, REG, OP_MODRM | OP_LOAD),
	[0x8a] = ROW(op_mov, REG, RM, OP_MODRM | OP_BYTE | OP_LOAD),
	[0x8b] = ROW(op_mov, REG, RM, OP_MODRM | OP_LOAD),
	[0x8c] = ROW(op_mov_from_sreg, NONE, NONE, OP_MODRM),
	[0x8d] = ROW(op_lea, REG, ADDR, OP_MODRM | OP_MEM | OP_LOAD),
	[0x8e] = ROW(op_mov_to_sreg, NONE, RM16, OP_MODRM),
	[0x8f] = GROUP(group1a, NONE, NONE, 0),
	EIGHT(0x90, XCHG_REG),
	[0x98] = ROW(op_cbw, NONE, NONE, 0),
	[0x99] = ROW(op_cwd, NONE, NONE, 0),
	[0x9a] = ROW(op_call_far, NONE, NONE, IMM_FAR | OP_NO64 | OP_STACK),
	[0x9b] = LENGTH(0),		/* FWAIT */
	[0x9c] = ROW(op_pushf, NONE, NONE, OP_D64 | OP_STACK),
	[0x9d] = ROW(op_popf, NONE, NONE, OP_D64 | OP_STACK),
	[0x9e] = ROW(op_sahf, NONE, NONE, 0),
	[0x9f] = ROW(op_lahf, NONE, NONE, 0),
	[0xa0] = ROW(op_mov, ACC, MOFFS, IMM_MOFFS | OP_BYTE | OP_LOAD),
	[0xa1] = ROW(op_mov, ACC, MOFFS, IMM_MOFFS | OP_LOAD),
	[0xa2] = ROW(op_mov, MOFFS, ACC, IMM_MOFFS | OP_BYTE | OP_LOAD),
	[0xa3] = ROW(op_mov, MOFFS, ACC, IMM_MOFFS | OP_LOAD),
	[0xa4] = STRING(OP_BYTE),	/* MOVS */
	[0xa5] = STRING(0),
	[0xa6] = STRING(OP_BYTE),	/* CMPS */
	[0xa7] = STRING(0),
	[0xa8] = ROW(op_test, ACC, IMM, IMM_8 | OP_BYTE | OP_NOWRITE),
	[0xa9] = ROW(op_test, ACC, IMM, IMM_Z | OP_NOWRITE),
	[0xaa] = STRING(OP_BYTE),	/* STOS */
	[0xab] = STRING(0),
	[0xac] = STRING(OP_BYTE),	/* LODS */
	[0xad] = STRING(0),
	[0xae] = STRING(OP_BYTE),	/* SCAS */
	[0xaf] = STRING(0),
	EIGHT(0xb0, MOV_IMM_BYTE),
	EIGHT(0xb8, MOV_IMM),
	[0xc0] = GROUP(group2_imm, NONE, NONE, IMM_U8 | OP_BYTE),
	[0xc1] = GROUP(group2_imm, NONE, NONE, IMM_U8),
	[0xc2] = ROW(op_ret, NONE, NONE, IMM_16 | OP_F64 | OP_STACK),
	[0xc3] = ROW(op_ret, NONE, NONE, OP_F64 | OP_STACK),
	[0xc4] = ROW(op_load_far, NONE, ADDR, OP_MODRM | OP_MEM | OP_NO64),
	[0xc5] = ROW(op_load_far, NONE, ADDR, OP_MODRM | OP_MEM | OP_NO64),
	[0xc6] = GROUP(group11, NONE, NONE, IMM_8 | OP_BYTE),
	[0xc7] = GROUP(group11, NONE, NONE, IMM_Z),
	[0xc8] = ROW(op_enter, NONE, NONE, IMM_ENTER | OP_D64 | OP_STACK),
	[0xc9] = ROW(op_leave, NONE, NONE, OP_D64 | OP_STACK),
	[0xca] = ROW(op_ret_far, NONE, NONE, IMM_16 | OP_STACK),
	[0xcb] = ROW(op_ret_far, NONE, NONE, OP_STACK),
	[0xcc] = ROW(op_int3, NONE, NONE, OP_STACK),
	[0xcd] = ROW(op_int, NONE, NONE, IMM_U8 | OP_STACK),
	[0xce] = ROW(op_into, NONE, NONE, OP_NO64 | OP_STACK),
	[0xcf] = ROW(op_iret, NONE, NONE, OP_STACK),
	[0xd0] = GROUP(group2_one, NONE, NONE, OP_BYTE),
	[0xd1] = GROUP(group2_one, NONE, NONE, 0),
	[0xd2] = GROUP(group2_cl, NONE, NONE, OP_BYTE),
	[0xd3] = GROUP(group2_cl, NONE, NONE, 0),
	[0xd4] = ROW(op_aam, NONE, NONE, IMM_U8 | OP_NO64),
	[0xd5] = ROW(op_aad, NONE, NONE, IMM_U8 | OP_NO64),
	[0xd6] = ROW(op_salc, NONE, NONE, OP_NO64),
	[0xd7] = ROW(op_xlat, NONE, NONE, 0),
	EIGHT(0xd8, FPU),
	[0xe0] = ROW(op_loop, NONE, NONE, IMM_8 | OP_F64),
	[0xe1] = ROW(op_loop, NONE, NONE, IMM_8 | OP_F64),
	[0xe2] = ROW(op_loop, NONE, NONE, IMM_8 | OP_F64),
	[0xe3] = ROW(op_jcxz, NONE, NONE, IMM_8 | OP_F64),
	[0xe4] = ROW(op_in, NONE, NONE, IMM_U8 | OP_BYTE),
	[0xe5] = ROW(op_in, NONE, NONE, IMM_U8),
	[0xe6] = ROW(op_out, NONE, NONE, IMM_U8 | OP_BYTE),
	[0xe7] = ROW(op_out, NONE, NONE, IMM_U8),
	[0xe8] = ROW(op_call_rel, NONE, NONE, IMM_Z | OP_F64 | OP_STACK),
	[0xe9] = ROW(op_jmp_rel, NONE, NONE, IMM_Z | OP_F64),
	[0xea] = ROW(op_jmp_far, NONE, NONE, IMM_FAR | OP_NO64),
	[0xeb] = ROW(op_jmp_rel, NONE, NONE, IMM_8 | OP_F64),
	[0xec] = ROW(op_in, NONE, NONE, OP_BYTE),
	[0xed] = ROW(op_in, NONE, NONE, 0),
	[0xee] = ROW(op_out, NONE, NONE, OP_BYTE),
	[0xef] = ROW(op_out, NONE, NONE, 0),
	[0xf0] = UNDEFINED,	/* prefix */
	[0xf1] = ROW(op_int3, NONE, NONE, OP_STACK),	/* INT1 */
	[0xf2 ... 0xf3] = UNDEFINED,	/* prefixes */
	[0xf4] = ROW(op_hlt, NONE, NONE, OP_PRIV),
	[0xf5] = ROW(op_flag, NONE, NONE, 0),	/* CMC */
	[0xf6] = GROUP(group3_byte, NONE, NONE, OP_BYTE),
	[0xf7] = GROUP(group3, NONE, NONE, 0),
	[0xf8] = ROW(op_flag, NONE, NONE, 0),	/* CLC */
	[0xf9] = ROW(op_flag, NONE, NONE, 0),	/* STC */
	[0xfa] = ROW(op_cli, NONE, NONE, 0),
	[0xfb] = ROW(op_sti, NONE, NONE, 0),
	[0xfc] = ROW(op_flag, NONE, NONE, 0),	/* CLD */
	[0xfd] = ROW(op_flag, NONE, NONE, 0),	/* STD */
	[0xfe] = GROUP(group4, NONE, NONE, OP_BYTE),
	[0xff] = GROUP(group5, NONE, NONE, 0),
};
