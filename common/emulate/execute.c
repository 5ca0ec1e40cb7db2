// SPDX-License-Identifier: GPL-2.0
/*
 * Execution of one decoded instruction: operands in, handler, result out, and
 * only then rip, rflags and what else changes. Calls the handlers in the other
 * execute_*.c files; called through emulate.h.
 */
#include "internal.h"

/* Offset of the ModRM operand within its segment, with @rsp as RSP. */
u64 emulate_address(struct emulate_ctxt *ctxt, u64 rsp)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u64 ea = insn->disp;

	if (insn->base == EMULATE_RSP)
		ea += rsp;
	else if (insn->base != EMULATE_NO_REG)
		ea += ctxt->gpr[insn->base & 15];
	if (insn->index != EMULATE_NO_REG)
		ea += ctxt->gpr[insn->index & 15] << insn->scale;
	if (insn->rip_relative)
		ea += ctxt->rip + insn->length;
	return ea & mask_of(insn->adsize);
}

/* Without REX, byte registers 4 to 7 are AH, CH, DH, BH. */
static void register_operand(struct emulate_ctxt *ctxt,
			     struct emulate_operand *op, u32 reg, u32 bytes)
{
	op->kind = OPERAND_REG;
	op->bytes = bytes;
	op->reg = reg;
	if (bytes == 1 && !(ctxt->insn.prefixes & EMULATE_PREFIX_REX) &&
	    (reg & ~3U) == 4) {
		op->kind = OPERAND_HIGH;
		op->reg = reg & 3;
	}
}

static u64 read_register_operand(struct emulate_ctxt *ctxt,
				 const struct emulate_operand *op)
{
	if (op->kind == OPERAND_HIGH)
		return (reg_read(ctxt, op->reg, 2) >> 8) & 0xff;
	return reg_read(ctxt, op->reg, op->bytes);
}

static void write_register_operand(struct emulate_ctxt *ctxt,
				   const struct emulate_operand *op)
{
	u64 *reg = &ctxt->gpr[op->reg & 15];

	if (op->kind == OPERAND_HIGH)
		*reg = (*reg & ~0xff00ULL) | ((op->value & 0xff) << 8);
	else if (op->kind == OPERAND_REG)
		*reg = merge(*reg, op->value, op->bytes);
}

/*
 * BT, BTS, BTR, BTC with memory and a register: the bit offset is signed and
 * reaches beyond the operand (SDM vol. 2, 3.1.1.9).
 */
static void move_bit_string(struct emulate_ctxt *ctxt)
{
	u32 bytes = ctxt->insn.opsize;
	s64 offset = sign_extend(reg_read(ctxt, ctxt->insn.reg, bytes), bytes);

	ctxt->ea += (offset >> 3) & ~(s64)(bytes - 1);
	ctxt->ea &= mask_of(ctxt->insn.adsize);
}

static int memory_operand(struct emulate_ctxt *ctxt,
			  struct emulate_operand *op, u32 bytes, bool read,
			  bool write)
{
	int rc;

	op->kind = OPERAND_MEM;
	op->bytes = bytes;
	rc = emulate_linear(ctxt, ctxt->insn.seg, ctxt->ea, bytes, write,
			    &op->linear);
	if (rc || !read)
		return rc;
	op->value = 0;
	rc = emulate_mem_read(ctxt, op->linear, &op->value, bytes,
			      write ? EMULATE_ACCESS_RMW :
				      EMULATE_ACCESS_READ);
	op->original = op->value;
	return rc;
}

static int rm_operand(struct emulate_ctxt *ctxt, struct emulate_operand *op,
		      u32 bytes, bool read, bool write)
{
	struct emulate_decoded *insn = &ctxt->insn;

	if (is_memory(insn)) {
		ctxt->ea = emulate_address(ctxt, ctxt->gpr[EMULATE_RSP]);
		if (insn->flags & OP_BITS)
			move_bit_string(ctxt);
		return memory_operand(ctxt, op, bytes, read, write);
	}
	register_operand(ctxt, op, insn->rm, bytes);
	op->value = read_register_operand(ctxt, op);
	return EMULATE_CONTINUE;
}

static int load_register(struct emulate_ctxt *ctxt,
			 struct emulate_operand *op, u32 reg)
{
	register_operand(ctxt, op, reg, ctxt->insn.opsize);
	op->value = read_register_operand(ctxt, op);
	return EMULATE_CONTINUE;
}

static int load_constant(struct emulate_operand *op, u64 value, u32 bytes)
{
	op->kind = OPERAND_IMM;
	op->bytes = bytes;
	op->value = value & mask_of(bytes);
	return EMULATE_CONTINUE;
}

static int load_operand(struct emulate_ctxt *ctxt, u32 form,
			struct emulate_operand *op, bool read, bool write)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u32 bytes = insn->opsize;

	switch (form) {
	case FORM_RM:
		return rm_operand(ctxt, op, bytes, read, write);
	case FORM_RM8:
		return rm_operand(ctxt, op, 1, read, write);
	case FORM_RM16:
		return rm_operand(ctxt, op, 2, read, write);
	case FORM_RM32:
		return rm_operand(ctxt, op, 4, read, write);
	case FORM_REG:
		return load_register(ctxt, op, insn->reg);
	case FORM_ACC:
		return load_register(ctxt, op, EMULATE_RAX);
	case FORM_OPREG:
		return load_register(ctxt, op, (insn->opcode & 7) |
					       ((insn->rex & 1) << 3));
	case FORM_IMM:
		return load_constant(op, insn->imm, bytes);
	case FORM_ONE:
		return load_constant(op, 1, bytes);
	case FORM_CL:
		return load_constant(op, reg_read(ctxt, EMULATE_RCX, 1), 1);
	case FORM_MOFFS:
		ctxt->ea = insn->imm;
		return memory_operand(ctxt, op, bytes, read, write);
	case FORM_ADDR:
		if (is_memory(insn))
			ctxt->ea = emulate_address(ctxt, ctxt->gpr[EMULATE_RSP]);
		break;
	}
	op->kind = OPERAND_NONE;
	return EMULATE_CONTINUE;
}

static int load_operands(struct emulate_ctxt *ctxt)
{
	const struct emulate_opcode *row = ctxt->insn.row;
	u32 flags = ctxt->insn.flags;
	int rc;

	/* The source first: a fault there comes before one of the target. */
	rc = load_operand(ctxt, row->src, &ctxt->src, true, false);
	if (rc)
		return rc;
	return load_operand(ctxt, row->dst, &ctxt->dst, !(flags & OP_LOAD),
			    !(flags & OP_NOWRITE));
}

static bool is_locked(const struct emulate_decoded *insn)
{
	return (insn->prefixes & EMULATE_PREFIX_LOCK) ||
	       (insn->flags & OP_ATOMIC);
}

static int store_operand(struct emulate_ctxt *ctxt)
{
	struct emulate_operand *op = &ctxt->dst;

	if (ctxt->insn.flags & OP_NOWRITE)
		return EMULATE_CONTINUE;
	if (op->kind != OPERAND_MEM) {
		write_register_operand(ctxt, op);
		return EMULATE_CONTINUE;
	}
	if (is_locked(&ctxt->insn))
		return emulate_mem_cmpxchg(ctxt, op->linear, &op->original,
					   &op->value, op->bytes);
	return emulate_mem_write(ctxt, op->linear, &op->value, op->bytes,
				 EMULATE_ACCESS_WRITE);
}

/* A second register result. With a target in memory it waits for the store. */
void emulate_second(struct emulate_ctxt *ctxt,
		    const struct emulate_operand *op, u64 value)
{
	ctxt->late = *op;
	ctxt->late.value = value;
	if (ctxt->dst.kind != OPERAND_MEM) {
		write_register_operand(ctxt, &ctxt->late);
		ctxt->late.kind = OPERAND_NONE;
	}
}

/* #GP(0) unless CPL is 0. */
int emulate_check_privilege(struct emulate_ctxt *ctxt)
{
	if (ctxt->mode != EMULATE_REAL && ctxt->ops->cpl(ctxt) != 0)
		return raise_gp(ctxt);
	return EMULATE_CONTINUE;
}

static int run_handler(struct emulate_ctxt *ctxt)
{
	int rc;

	if (ctxt->insn.flags & OP_PRIV) {
		rc = emulate_check_privilege(ctxt);
		if (rc)
			return rc;
	}
	if (ctxt->insn.flags & OP_STRING)
		return emulate_string(ctxt);
	rc = load_operands(ctxt);
	if (!rc)
		rc = ctxt->insn.row->execute(ctxt);
	if (!rc)
		rc = store_operand(ctxt);
	return rc;
}

/* The instruction is complete: rip and rflags move on. */
static void finish(struct emulate_ctxt *ctxt)
{
	bool trap = ctxt->rflags & FLAG_TF;

	write_register_operand(ctxt, &ctxt->late);
	ctxt->rip = ctxt->next_rip;
	ctxt->rflags = (ctxt->next_rflags & ~FLAG_RF) | FLAG_FIXED;
	/* A load of SS holds the trap back (SDM vol. 3, 6.8.3). */
	ctxt->single_step = trap &&
		!(ctxt->interruptibility & EMULATE_SHADOW_MOV_SS);
	ctxt->decoded = false;
}

static u64 rip_after(const struct emulate_ctxt *ctxt)
{
	u64 rip = ctxt->rip + ctxt->insn.length;

	return in_long64(ctxt) ? rip : (u32)rip;
}

int emulate_execute(struct emulate_ctxt *ctxt)
{
	int rc;

	if (!ctxt->decoded || !ctxt->insn.row->execute)
		return EMULATE_UNHANDLEABLE;
	if (ctxt->replay.pending)
		return EMULATE_IO_NEEDED;

	ctxt->replay.position = 0;
	ctxt->next_rip = rip_after(ctxt);
	ctxt->next_rflags = ctxt->rflags;
	ctxt->interruptibility = 0;
	ctxt->single_step = false;
	ctxt->late.kind = OPERAND_NONE;

	rc = run_handler(ctxt);
	if (rc == EMULATE_IO_NEEDED && ctxt->replay.pending)
		return rc;
	emulate_replay_reset(ctxt);
	if (rc == EMULATE_CONTINUE)
		finish(ctxt);
	else if (rc == EMULATE_IO_NEEDED)
		rc = EMULATE_UNHANDLEABLE;
	return rc;
}

int emulate_resume(struct emulate_ctxt *ctxt)
{
	return emulate_execute(ctxt);
}

int emulate_insn(struct emulate_ctxt *ctxt)
{
	int rc = emulate_decode(ctxt);

	return rc ? rc : emulate_execute(ctxt);
}

void emulate_skip(struct emulate_ctxt *ctxt)
{
	ctxt->next_rip = rip_after(ctxt);
	ctxt->next_rflags = ctxt->rflags;
	ctxt->interruptibility = 0;
	ctxt->late.kind = OPERAND_NONE;
	finish(ctxt);
}

/* Condition codes (SDM vol. 1, appendix B). */
bool emulate_condition(u64 rflags, u32 cc)
{
	bool sign_differs = !!(rflags & FLAG_SF) != !!(rflags & FLAG_OF);
	bool result = false;

	switch ((cc >> 1) & 7) {
	case 0:
		result = rflags & FLAG_OF;
		break;
	case 1:
		result = rflags & FLAG_CF;
		break;
	case 2:
		result = rflags & FLAG_ZF;
		break;
	case 3:
		result = rflags & (FLAG_CF | FLAG_ZF);
		break;
	case 4:
		result = rflags & FLAG_SF;
		break;
	case 5:
		result = rflags & FLAG_PF;
		break;
	case 6:
		result = sign_differs;
		break;
	case 7:
		result = (rflags & FLAG_ZF) || sign_differs;
		break;
	}
	return result != (cc & 1);
}
