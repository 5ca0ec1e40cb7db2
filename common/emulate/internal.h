/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the emulator's own files share: table rows, operand helpers, flags.
 * Included by common/emulate/ only.
 */
#ifndef COMMON_EMULATE_INTERNAL_H
#define COMMON_EMULATE_INTERNAL_H

#include "emulate.h"

/* RFLAGS (SDM vol. 1, 3.4.3) */
#define FLAG_CF		(1ULL << 0)
#define FLAG_FIXED	(1ULL << 1)
#define FLAG_PF		(1ULL << 2)
#define FLAG_AF		(1ULL << 4)
#define FLAG_ZF		(1ULL << 6)
#define FLAG_SF		(1ULL << 7)
#define FLAG_TF		(1ULL << 8)
#define FLAG_IF		(1ULL << 9)
#define FLAG_DF		(1ULL << 10)
#define FLAG_OF		(1ULL << 11)
#define FLAG_IOPL	(3ULL << 12)
#define FLAG_NT		(1ULL << 14)
#define FLAG_RF		(1ULL << 16)
#define FLAG_VM		(1ULL << 17)
#define FLAG_AC		(1ULL << 18)
#define FLAG_VIF	(1ULL << 19)
#define FLAG_VIP	(1ULL << 20)
#define FLAG_ID		(1ULL << 21)
#define FLAGS_STATUS	(FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | \
			 FLAG_OF)

/* CR0 and CR4 bits that instructions here depend on (SDM vol. 3, 2.5) */
#define CR0_EM		(1ULL << 2)
#define CR0_TS		(1ULL << 3)
#define CR4_VME		(1ULL << 0)
#define CR4_PVI		(1ULL << 1)
#define CR4_TSD		(1ULL << 2)
#define CR4_OSFXSR	(1ULL << 9)
#define CR4_UMIP	(1ULL << 11)

/* Row flags. The low four bits say which immediate follows. */
#define IMM_MASK	0x0000000f
#define IMM_NONE	0
#define IMM_8		1	/* 8 bits, sign-extended */
#define IMM_U8		2	/* 8 bits, zero-extended */
#define IMM_16		3	/* 16 bits, zero-extended */
#define IMM_Z		4	/* 16 or 32 bits, sign-extended */
#define IMM_V		5	/* 16, 32 or 64 bits */
#define IMM_MOFFS	6	/* as wide as an address */
#define IMM_FAR		7	/* offset of 16 or 32 bits, selector */
#define IMM_ENTER	8	/* 16 bits, 8 bits */
#define IMM_32		9	/* 32 bits whatever the operand size (XOP) */

#define OP_MODRM	0x00000010
#define OP_BYTE		0x00000020	/* operands are bytes */
#define OP_D64		0x00000040	/* 64-bit mode: default is 64 bits */
#define OP_F64		0x00000080	/* 64-bit mode: near branch, 64 bits */
#define OP_LOCK		0x00000100	/* LOCK allowed with memory */
#define OP_NO64		0x00000200	/* #UD in 64-bit mode */
#define OP_MEM		0x00000400	/* #UD with a register */
#define OP_REG		0x00000800	/* #UD with memory */
#define OP_GROUP	0x00001000	/* ModRM.reg selects the row */
#define OP_UNDEF	0x00002000	/* #UD */
#define OP_LOAD		0x00004000	/* destination is not read */
#define OP_NOWRITE	0x00008000	/* destination is not written */
#define OP_STRING	0x00010000	/* REP means repeat */
#define OP_PRIV		0x00020000	/* #GP unless CPL is 0 */
#define OP_CR		0x00040000	/* ModRM.mod ignored; 32 or 64 bits */
#define OP_STACK	0x00080000	/* implicit memory operand */
#define OP_ATOMIC	0x00100000	/* locked without LOCK: XCHG */
#define OP_BITS		0x00200000	/* register bit offset moves the operand */
#define OP_NOREAL	0x00400000	/* #UD in real and virtual-8086 mode */
#define OP_EXTRQ	0x00800000	/* two immediate bytes with 66, F2 */
#define OP_MIN32	0x01000000	/* operand size is 32 or 64 bits */
#define OP_NP		0x02000000	/* #UD with 66, F2, F3 */

/* Operand forms of a row. */
enum {
	FORM_NONE,
	FORM_RM,	/* ModRM.rm, of the operand size */
	FORM_REG,	/* ModRM.reg */
	FORM_ACC,	/* accumulator */
	FORM_OPREG,	/* register in the opcode's low bits */
	FORM_IMM,	/* immediate */
	FORM_ONE,	/* constant 1 */
	FORM_CL,	/* CL */
	FORM_MOFFS,	/* memory at the immediate */
	FORM_RM8,	/* ModRM.rm, 8 bits */
	FORM_RM16,	/* ModRM.rm, 16 bits */
	FORM_RM32,	/* ModRM.rm, 32 bits */
	FORM_ADDR,	/* ModRM.rm: memory that the handler accesses itself */
};

/* struct emulate_operand, kind */
enum {
	OPERAND_NONE,
	OPERAND_REG,
	OPERAND_HIGH,	/* AH, CH, DH, BH: reg is 0 to 3 */
	OPERAND_MEM,
	OPERAND_IMM,
};

/**
 * struct emulate_opcode - one row of an opcode table
 * @execute: handler: dst and src are loaded, dst is stored after it. NULL: only
 *	the length is known
 * @group: with OP_GROUP, eight rows, whose flags add to this row's and whose
 *	forms replace them
 * @flags: OP_* and IMM_*
 * @dst: FORM_*
 * @src: FORM_*
 */
struct emulate_opcode {
	union {
		int (*execute)(struct emulate_ctxt *ctxt);
		const struct emulate_opcode *group;
	};
	u32 flags;
	u8 dst;
	u8 src;
};

/* tables.c, tables_0f.c */
extern const struct emulate_opcode emulate_one_byte[256];
extern const struct emulate_opcode emulate_two_byte[256];
extern const struct emulate_opcode emulate_arpl;
extern const struct emulate_opcode emulate_0f38[2];
extern const struct emulate_opcode emulate_modrm_only;
extern const struct emulate_opcode emulate_modrm_imm8;

/* All ones in the low @bytes bytes. */
static inline u64 mask_of(u32 bytes)
{
	return bytes >= 8 ? ~0ULL : (1ULL << (bytes * 8)) - 1;
}

static inline u64 sign_bit(u32 bytes)
{
	return 1ULL << (bytes * 8 - 1);
}

static inline s64 sign_extend(u64 value, u32 bytes)
{
	u32 shift = 64 - bytes * 8;

	return (s64)(value << shift) >> shift;
}

/* Replace the low part of a register; 32-bit writes clear the high half. */
static inline u64 merge(u64 old, u64 value, u32 bytes)
{
	if (bytes == 8)
		return value;
	if (bytes == 4)
		return (u32)value;
	return (old & ~mask_of(bytes)) | (value & mask_of(bytes));
}

static inline u64 reg_read(struct emulate_ctxt *ctxt, u32 nr, u32 bytes)
{
	return ctxt->gpr[nr & 15] & mask_of(bytes);
}

static inline void reg_write(struct emulate_ctxt *ctxt, u32 nr, u64 value,
			     u32 bytes)
{
	ctxt->gpr[nr & 15] = merge(ctxt->gpr[nr & 15], value, bytes);
}

static inline void set_flag(struct emulate_ctxt *ctxt, u64 flag, bool on)
{
	if (on)
		ctxt->next_rflags |= flag;
	else
		ctxt->next_rflags &= ~flag;
}

static inline bool in_long64(const struct emulate_ctxt *ctxt)
{
	return ctxt->mode == EMULATE_LONG64;
}

static inline bool in_real_or_v86(const struct emulate_ctxt *ctxt)
{
	return ctxt->mode == EMULATE_REAL || ctxt->mode == EMULATE_V86;
}

static inline bool is_memory(const struct emulate_decoded *insn)
{
	return insn->has_modrm && insn->modrm < 0xc0;
}

static inline int raise_gp(struct emulate_ctxt *ctxt)
{
	return emulate_raise(ctxt, EMULATE_VECTOR_GP, 0);
}

static inline int raise_ud(struct emulate_ctxt *ctxt)
{
	return emulate_raise(ctxt, EMULATE_VECTOR_UD, 0);
}

/* memory.c */
int emulate_linear(struct emulate_ctxt *ctxt, u32 seg, u64 offset, u32 len,
		   bool write, u64 *linear);
bool emulate_canonical(const struct emulate_ctxt *ctxt, u64 address);
int emulate_mem_read(struct emulate_ctxt *ctxt, u64 linear, void *buf,
		     u32 len, u32 access);
int emulate_mem_write(struct emulate_ctxt *ctxt, u64 linear, const void *buf,
		      u32 len, u32 access);
int emulate_mem_probe(struct emulate_ctxt *ctxt, u64 linear, u32 len);
int emulate_mem_cmpxchg(struct emulate_ctxt *ctxt, u64 linear,
			const void *old, const void *new, u32 len);
int emulate_port_in(struct emulate_ctxt *ctxt, u16 port, void *buf, u32 size);
int emulate_port_out(struct emulate_ctxt *ctxt, u16 port, const void *buf,
		     u32 size);
int emulate_port_string(struct emulate_ctxt *ctxt,
			struct emulate_string_io *io);
void emulate_replay_reset(struct emulate_ctxt *ctxt);

/* execute_move.c: the stack */
u32 emulate_stack_bytes(struct emulate_ctxt *ctxt, int *rc);
int emulate_push_at(struct emulate_ctxt *ctxt, u64 *sp, u64 value, u32 bytes);
int emulate_pop_at(struct emulate_ctxt *ctxt, u64 *sp, u64 *value, u32 bytes);

/* execute_flow.c */
int emulate_branch(struct emulate_ctxt *ctxt, u64 target, u32 bytes);

/* execute.c */
bool emulate_condition(u64 rflags, u32 cc);
int emulate_check_privilege(struct emulate_ctxt *ctxt);
u64 emulate_address(struct emulate_ctxt *ctxt, u64 rsp);
void emulate_second(struct emulate_ctxt *ctxt,
		    const struct emulate_operand *op, u64 value);

/* execute_system.c */
int emulate_check_io(struct emulate_ctxt *ctxt, u16 port, u32 size);
int emulate_cr4_bit(struct emulate_ctxt *ctxt, u64 bit, bool *set);

/* execute_string.c */
int emulate_string(struct emulate_ctxt *ctxt);

/* flags.c: result is masked, status flags go to ctxt->next_rflags */
u64 flags_add(struct emulate_ctxt *ctxt, u64 a, u64 b, u32 carry, u32 bytes);
u64 flags_sub(struct emulate_ctxt *ctxt, u64 a, u64 b, u32 borrow, u32 bytes);
u64 flags_logic(struct emulate_ctxt *ctxt, u64 result, u32 bytes);
void flags_result(struct emulate_ctxt *ctxt, u64 result, u32 bytes);
u64 flags_shift(struct emulate_ctxt *ctxt, u32 op, u64 value, u32 count,
		u32 bytes);
u64 flags_double_shift(struct emulate_ctxt *ctxt, bool right, u64 value,
		       u64 fill, u32 count, u32 bytes);

/* Handlers named by the tables. */
int op_add(struct emulate_ctxt *ctxt);
int op_or(struct emulate_ctxt *ctxt);
int op_adc(struct emulate_ctxt *ctxt);
int op_sbb(struct emulate_ctxt *ctxt);
int op_and(struct emulate_ctxt *ctxt);
int op_sub(struct emulate_ctxt *ctxt);
int op_xor(struct emulate_ctxt *ctxt);
int op_cmp(struct emulate_ctxt *ctxt);
int op_test(struct emulate_ctxt *ctxt);
int op_not(struct emulate_ctxt *ctxt);
int op_neg(struct emulate_ctxt *ctxt);
int op_inc(struct emulate_ctxt *ctxt);
int op_dec(struct emulate_ctxt *ctxt);
int op_mul(struct emulate_ctxt *ctxt);
int op_imul(struct emulate_ctxt *ctxt);
int op_imul2(struct emulate_ctxt *ctxt);
int op_imul3(struct emulate_ctxt *ctxt);
int op_div(struct emulate_ctxt *ctxt);
int op_idiv(struct emulate_ctxt *ctxt);
int op_shift(struct emulate_ctxt *ctxt);
int op_shld(struct emulate_ctxt *ctxt);
int op_shrd(struct emulate_ctxt *ctxt);
int op_bt(struct emulate_ctxt *ctxt);
int op_bts(struct emulate_ctxt *ctxt);
int op_btr(struct emulate_ctxt *ctxt);
int op_btc(struct emulate_ctxt *ctxt);
int op_bsf(struct emulate_ctxt *ctxt);
int op_bsr(struct emulate_ctxt *ctxt);
int op_popcnt(struct emulate_ctxt *ctxt);
int op_bswap(struct emulate_ctxt *ctxt);
int op_daa(struct emulate_ctxt *ctxt);
int op_das(struct emulate_ctxt *ctxt);
int op_aaa(struct emulate_ctxt *ctxt);
int op_aas(struct emulate_ctxt *ctxt);
int op_aam(struct emulate_ctxt *ctxt);
int op_aad(struct emulate_ctxt *ctxt);

int op_mov(struct emulate_ctxt *ctxt);
int op_movsx(struct emulate_ctxt *ctxt);
int op_movbe(struct emulate_ctxt *ctxt);
int op_lea(struct emulate_ctxt *ctxt);
int op_xchg(struct emulate_ctxt *ctxt);
int op_xadd(struct emulate_ctxt *ctxt);
int op_cmpxchg(struct emulate_ctxt *ctxt);
int op_cmpxchg8b(struct emulate_ctxt *ctxt);
int op_setcc(struct emulate_ctxt *ctxt);
int op_cmov(struct emulate_ctxt *ctxt);
int op_cbw(struct emulate_ctxt *ctxt);
int op_cwd(struct emulate_ctxt *ctxt);
int op_xlat(struct emulate_ctxt *ctxt);
int op_nop(struct emulate_ctxt *ctxt);
int op_xchg_acc(struct emulate_ctxt *ctxt);
int op_lahf(struct emulate_ctxt *ctxt);
int op_sahf(struct emulate_ctxt *ctxt);
int op_salc(struct emulate_ctxt *ctxt);

int op_push(struct emulate_ctxt *ctxt);
int op_pop(struct emulate_ctxt *ctxt);
int op_pusha(struct emulate_ctxt *ctxt);
int op_popa(struct emulate_ctxt *ctxt);
int op_pushf(struct emulate_ctxt *ctxt);
int op_popf(struct emulate_ctxt *ctxt);
int op_enter(struct emulate_ctxt *ctxt);
int op_leave(struct emulate_ctxt *ctxt);
int op_push_sreg(struct emulate_ctxt *ctxt);
int op_pop_sreg(struct emulate_ctxt *ctxt);
int op_jmp_rel(struct emulate_ctxt *ctxt);
int op_jmp_abs(struct emulate_ctxt *ctxt);
int op_jcc(struct emulate_ctxt *ctxt);
int op_call_rel(struct emulate_ctxt *ctxt);
int op_call_abs(struct emulate_ctxt *ctxt);
int op_ret(struct emulate_ctxt *ctxt);
int op_loop(struct emulate_ctxt *ctxt);
int op_jcxz(struct emulate_ctxt *ctxt);

int op_jmp_far(struct emulate_ctxt *ctxt);
int op_jmp_far_mem(struct emulate_ctxt *ctxt);
int op_call_far(struct emulate_ctxt *ctxt);
int op_call_far_mem(struct emulate_ctxt *ctxt);
int op_ret_far(struct emulate_ctxt *ctxt);
int op_iret(struct emulate_ctxt *ctxt);
int op_mov_from_sreg(struct emulate_ctxt *ctxt);
int op_mov_to_sreg(struct emulate_ctxt *ctxt);
int op_load_far(struct emulate_ctxt *ctxt);

int op_cli(struct emulate_ctxt *ctxt);
int op_sti(struct emulate_ctxt *ctxt);
int op_flag(struct emulate_ctxt *ctxt);
int op_in(struct emulate_ctxt *ctxt);
int op_out(struct emulate_ctxt *ctxt);
int op_hlt(struct emulate_ctxt *ctxt);
int op_int(struct emulate_ctxt *ctxt);
int op_int3(struct emulate_ctxt *ctxt);
int op_into(struct emulate_ctxt *ctxt);
int op_mov_from_cr(struct emulate_ctxt *ctxt);
int op_mov_to_cr(struct emulate_ctxt *ctxt);
int op_mov_from_dr(struct emulate_ctxt *ctxt);
int op_mov_to_dr(struct emulate_ctxt *ctxt);
int op_clts(struct emulate_ctxt *ctxt);
int op_smsw(struct emulate_ctxt *ctxt);
int op_lmsw(struct emulate_ctxt *ctxt);
int op_table(struct emulate_ctxt *ctxt);
int op_invlpg(struct emulate_ctxt *ctxt);
int op_wbinvd(struct emulate_ctxt *ctxt);
int op_rdmsr(struct emulate_ctxt *ctxt);
int op_wrmsr(struct emulate_ctxt *ctxt);
int op_rdtsc(struct emulate_ctxt *ctxt);
int op_cpuid(struct emulate_ctxt *ctxt);
int op_fence(struct emulate_ctxt *ctxt);
int op_ud(struct emulate_ctxt *ctxt);

int op_string(struct emulate_ctxt *ctxt);

int op_sse_10(struct emulate_ctxt *ctxt);
int op_sse_half(struct emulate_ctxt *ctxt);
int op_sse_aligned(struct emulate_ctxt *ctxt);
int op_sse_movnt(struct emulate_ctxt *ctxt);
int op_sse_mov(struct emulate_ctxt *ctxt);
int op_sse_movd(struct emulate_ctxt *ctxt);
int op_sse_movq(struct emulate_ctxt *ctxt);
int op_sse_lddqu(struct emulate_ctxt *ctxt);

#endif
