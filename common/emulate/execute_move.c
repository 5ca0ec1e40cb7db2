// SPDX-License-Identifier: GPL-2.0
/*
 * Data movement: MOV and its kin, exchanges, conversions, stack instructions.
 * Handlers called through the opcode tables.
 */
#include "internal.h"

int op_mov(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = ctxt->src.value;
	return EMULATE_CONTINUE;
}

int op_movsx(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = sign_extend(ctxt->src.value, ctxt->src.bytes);
	return EMULATE_CONTINUE;
}

int op_movbe(struct emulate_ctxt *ctxt)
{
	u64 value = ctxt->src.value;

	ctxt->dst.value = __builtin_bswap64(value) >>
			  (64 - ctxt->dst.bytes * 8);
	return EMULATE_CONTINUE;
}

int op_lea(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = ctxt->ea;
	return EMULATE_CONTINUE;
}

int op_xchg(struct emulate_ctxt *ctxt)
{
	u64 old = ctxt->dst.value;

	ctxt->dst.value = ctxt->src.value;
	emulate_second(ctxt, &ctxt->src, old);
	return EMULATE_CONTINUE;
}

/* 90 is NOP (PAUSE with F3): it does not clear the high half of RAX. */
int op_xchg_acc(struct emulate_ctxt *ctxt)
{
	if (ctxt->src.reg != EMULATE_RAX)
		return op_xchg(ctxt);
	ctxt->dst.kind = OPERAND_NONE;
	return EMULATE_CONTINUE;
}

int op_xadd(struct emulate_ctxt *ctxt)
{
	u64 old = ctxt->dst.value;

	ctxt->dst.value = flags_add(ctxt, old, ctxt->src.value, 0,
				    ctxt->dst.bytes);
	emulate_second(ctxt, &ctxt->src, old);
	return EMULATE_CONTINUE;
}

/* Unequal: memory is written all the same, with what it held. */
int op_cmpxchg(struct emulate_ctxt *ctxt)
{
	struct emulate_operand accumulator = {
		.kind = OPERAND_REG,
		.reg = EMULATE_RAX,
		.bytes = ctxt->dst.bytes,
	};
	u64 old = ctxt->dst.value;

	flags_sub(ctxt, reg_read(ctxt, EMULATE_RAX, ctxt->dst.bytes), old, 0,
		  ctxt->dst.bytes);
	if (ctxt->next_rflags & FLAG_ZF) {
		ctxt->dst.value = ctxt->src.value;
		return EMULATE_CONTINUE;
	}
	emulate_second(ctxt, &accumulator, old);
	/* A register target keeps its high half. */
	if (ctxt->dst.kind != OPERAND_MEM)
		ctxt->dst.kind = OPERAND_NONE;
	return EMULATE_CONTINUE;
}

/* CMPXCHG8B, and CMPXCHG16B with REX.W. */
int op_cmpxchg8b(struct emulate_ctxt *ctxt)
{
	u32 half = ctxt->insn.opsize == 8 ? 8 : 4;
	u64 old[2] = { 0, 0 }, new[2], linear;
	u8 memory[16], result[16];
	bool equal;
	int rc;

	rc = emulate_linear(ctxt, ctxt->insn.seg, ctxt->ea, half * 2, true,
			    &linear);
	if (rc)
		return rc;
	if (half == 8 && (linear & 15))
		return raise_gp(ctxt);
	rc = emulate_mem_read(ctxt, linear, memory, half * 2,
			      EMULATE_ACCESS_RMW);
	if (rc)
		return rc;
	memcpy(&old[0], memory, half);
	memcpy(&old[1], memory + half, half);
	equal = old[0] == reg_read(ctxt, EMULATE_RAX, half) &&
		old[1] == reg_read(ctxt, EMULATE_RDX, half);
	new[0] = equal ? reg_read(ctxt, EMULATE_RBX, half) : old[0];
	new[1] = equal ? reg_read(ctxt, EMULATE_RCX, half) : old[1];
	memcpy(result, &new[0], half);
	memcpy(result + half, &new[1], half);
	if (ctxt->insn.prefixes & EMULATE_PREFIX_LOCK)
		rc = emulate_mem_cmpxchg(ctxt, linear, memory, result,
					 half * 2);
	else
		rc = emulate_mem_write(ctxt, linear, result, half * 2,
				       EMULATE_ACCESS_WRITE);
	if (rc)
		return rc;
	if (!equal) {
		reg_write(ctxt, EMULATE_RAX, old[0], half);
		reg_write(ctxt, EMULATE_RDX, old[1], half);
	}
	set_flag(ctxt, FLAG_ZF, equal);
	return EMULATE_CONTINUE;
}

int op_setcc(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = emulate_condition(ctxt->rflags, ctxt->insn.opcode);
	return EMULATE_CONTINUE;
}

int op_cmov(struct emulate_ctxt *ctxt)
{
	if (emulate_condition(ctxt->rflags, ctxt->insn.opcode))
		ctxt->dst.value = ctxt->src.value;
	return EMULATE_CONTINUE;
}

/* CBW, CWDE, CDQE */
int op_cbw(struct emulate_ctxt *ctxt)
{
	u32 bytes = ctxt->insn.opsize;

	reg_write(ctxt, EMULATE_RAX,
		  sign_extend(ctxt->gpr[EMULATE_RAX], bytes / 2), bytes);
	return EMULATE_CONTINUE;
}

/* CWD, CDQ, CQO */
int op_cwd(struct emulate_ctxt *ctxt)
{
	u32 bytes = ctxt->insn.opsize;
	bool minus = ctxt->gpr[EMULATE_RAX] & sign_bit(bytes);

	reg_write(ctxt, EMULATE_RDX, minus ? ~0ULL : 0, bytes);
	return EMULATE_CONTINUE;
}

int op_xlat(struct emulate_ctxt *ctxt)
{
	u64 offset, linear;
	u8 byte;
	int rc;

	offset = ctxt->gpr[EMULATE_RBX] + reg_read(ctxt, EMULATE_RAX, 1);
	offset &= mask_of(ctxt->insn.adsize);
	rc = emulate_linear(ctxt, ctxt->insn.seg, offset, 1, false, &linear);
	if (!rc)
		rc = emulate_mem_read(ctxt, linear, &byte, 1,
				      EMULATE_ACCESS_READ);
	if (!rc)
		reg_write(ctxt, EMULATE_RAX, byte, 1);
	return rc;
}

int op_nop(struct emulate_ctxt *ctxt)
{
	return EMULATE_CONTINUE;
}

int op_lahf(struct emulate_ctxt *ctxt)
{
	u64 flags = (ctxt->rflags & 0xd5) | FLAG_FIXED;

	ctxt->gpr[EMULATE_RAX] =
		(ctxt->gpr[EMULATE_RAX] & ~0xff00ULL) | flags << 8;
	return EMULATE_CONTINUE;
}

int op_sahf(struct emulate_ctxt *ctxt)
{
	u64 mask = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;

	ctxt->next_rflags = (ctxt->rflags & ~mask) |
			    ((ctxt->gpr[EMULATE_RAX] >> 8) & mask);
	return EMULATE_CONTINUE;
}

int op_salc(struct emulate_ctxt *ctxt)
{
	reg_write(ctxt, EMULATE_RAX, ctxt->rflags & FLAG_CF ? 0xff : 0, 1);
	return EMULATE_CONTINUE;
}

/* Width of the stack pointer: 64-bit mode, or SS.B. */
u32 emulate_stack_bytes(struct emulate_ctxt *ctxt, int *rc)
{
	struct emulate_segment ss;

	*rc = EMULATE_CONTINUE;
	if (in_long64(ctxt))
		return 8;
	*rc = ctxt->ops->segment(ctxt, EMULATE_SS, &ss);
	if (*rc)
		return 2;
	return ss.db ? 4 : 2;
}

/*
 * Push below *@sp and move it; RSP itself is the caller's, once nothing can
 * fault any more.
 */
int emulate_push_at(struct emulate_ctxt *ctxt, u64 *sp, u64 value, u32 bytes)
{
	u64 linear, below;
	u32 width;
	int rc;

	width = emulate_stack_bytes(ctxt, &rc);
	if (rc)
		return rc;
	below = (*sp - bytes) & mask_of(width);
	rc = emulate_linear(ctxt, EMULATE_SS, below, bytes, true, &linear);
	if (!rc)
		rc = emulate_mem_write(ctxt, linear, &value, bytes,
				       EMULATE_ACCESS_WRITE);
	if (!rc)
		*sp = merge(*sp, below, width);
	return rc;
}

int emulate_pop_at(struct emulate_ctxt *ctxt, u64 *sp, u64 *value, u32 bytes)
{
	u64 linear;
	u32 width;
	int rc;

	*value = 0;
	width = emulate_stack_bytes(ctxt, &rc);
	if (rc)
		return rc;
	rc = emulate_linear(ctxt, EMULATE_SS, *sp & mask_of(width), bytes,
			    false, &linear);
	if (!rc)
		rc = emulate_mem_read(ctxt, linear, value, bytes,
				      EMULATE_ACCESS_READ);
	if (!rc)
		*sp = merge(*sp, *sp + bytes, width);
	return rc;
}

int op_push(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP];
	int rc;

	rc = emulate_push_at(ctxt, &sp, ctxt->src.value, ctxt->insn.opsize);
	if (!rc)
		ctxt->gpr[EMULATE_RSP] = sp;
	return rc;
}

/*
 * POP of a register (58) or of memory (8F): an address based on RSP is that
 * after the pop (SDM vol. 2, POP).
 */
int op_pop(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u64 sp = ctxt->gpr[EMULATE_RSP], value, linear;
	u32 reg;
	int rc;

	rc = emulate_pop_at(ctxt, &sp, &value, insn->opsize);
	if (rc)
		return rc;
	if (is_memory(insn)) {
		ctxt->ea = emulate_address(ctxt, sp);
		rc = emulate_linear(ctxt, insn->seg, ctxt->ea, insn->opsize,
				    true, &linear);
		if (!rc)
			rc = emulate_mem_write(ctxt, linear, &value,
					       insn->opsize,
					       EMULATE_ACCESS_WRITE);
		if (!rc)
			ctxt->gpr[EMULATE_RSP] = sp;
		return rc;
	}
	reg = insn->has_modrm ? insn->rm :
				(insn->opcode & 7) | ((insn->rex & 1) << 3);
	ctxt->gpr[EMULATE_RSP] = sp;
	reg_write(ctxt, reg, value, insn->opsize);
	return EMULATE_CONTINUE;
}

int op_pusha(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP];
	u32 reg;
	int rc;

	for (reg = EMULATE_RAX; reg <= EMULATE_RDI; reg++) {
		rc = emulate_push_at(ctxt, &sp, ctxt->gpr[reg],
				     ctxt->insn.opsize);
		if (rc)
			return rc;
	}
	ctxt->gpr[EMULATE_RSP] = sp;
	return EMULATE_CONTINUE;
}

int op_popa(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], values[8];
	u32 i;
	int rc;

	for (i = 0; i < 8; i++) {
		rc = emulate_pop_at(ctxt, &sp, &values[7 - i],
				    ctxt->insn.opsize);
		if (rc)
			return rc;
	}
	for (i = 0; i < 8; i++)
		if (i != EMULATE_RSP)
			reg_write(ctxt, i, values[i], ctxt->insn.opsize);
	ctxt->gpr[EMULATE_RSP] = sp;
	return EMULATE_CONTINUE;
}

/* Copies of outer frame pointers that ENTER of a nested procedure pushes. */
static int enter_nested(struct emulate_ctxt *ctxt, u64 *sp, u64 frame,
			u32 level)
{
	u64 rbp = ctxt->gpr[EMULATE_RBP], value;
	u32 bytes = ctxt->insn.opsize, i;
	int rc;

	for (i = 1; i < level; i++) {
		rbp = merge(rbp, rbp - bytes, bytes);
		rc = emulate_pop_at(ctxt, &rbp, &value, bytes);
		if (rc)
			return rc;
		rbp = merge(rbp, rbp - bytes, bytes);
		rc = emulate_push_at(ctxt, sp, value, bytes);
		if (rc)
			return rc;
	}
	return emulate_push_at(ctxt, sp, frame, bytes);
}

int op_enter(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], frame, linear;
	u32 bytes = ctxt->insn.opsize, level = ctxt->insn.imm2 & 31, width;
	int rc;

	/* What the replay log can hold; nobody has seen more. */
	if (level > 4)
		return EMULATE_UNHANDLEABLE;
	width = emulate_stack_bytes(ctxt, &rc);
	if (!rc)
		rc = emulate_push_at(ctxt, &sp, ctxt->gpr[EMULATE_RBP], bytes);
	if (rc)
		return rc;
	frame = sp;
	if (level)
		rc = enter_nested(ctxt, &sp, frame, level);
	if (rc)
		return rc;
	sp = merge(sp, sp - ctxt->insn.imm, width);
	/* The new top of the stack has to be writable. */
	rc = emulate_linear(ctxt, EMULATE_SS, sp & mask_of(width), bytes, true,
			    &linear);
	if (!rc)
		rc = emulate_mem_probe(ctxt, linear, bytes);
	if (rc)
		return rc;
	reg_write(ctxt, EMULATE_RBP, frame, bytes);
	ctxt->gpr[EMULATE_RSP] = sp;
	return EMULATE_CONTINUE;
}

int op_leave(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], frame;
	u32 width;
	int rc;

	width = emulate_stack_bytes(ctxt, &rc);
	if (rc)
		return rc;
	sp = merge(sp, ctxt->gpr[EMULATE_RBP], width);
	rc = emulate_pop_at(ctxt, &sp, &frame, ctxt->insn.opsize);
	if (rc)
		return rc;
	reg_write(ctxt, EMULATE_RBP, frame, ctxt->insn.opsize);
	ctxt->gpr[EMULATE_RSP] = sp;
	return EMULATE_CONTINUE;
}
