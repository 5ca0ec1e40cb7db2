// SPDX-License-Identifier: GPL-2.0
/*
 * Near and far branches, and segment loads as far as they need no descriptor:
 * real and virtual-8086 mode. Handlers called through the opcode tables.
 */
#include "internal.h"

/*
 * Let the instruction continue at @target, cut to @bytes. In protected mode and
 * below it has to lie within CS, in 64-bit mode it has to be canonical.
 */
int emulate_branch(struct emulate_ctxt *ctxt, u64 target, u32 bytes)
{
	struct emulate_segment cs;
	int rc;

	target &= mask_of(bytes);
	if (in_long64(ctxt)) {
		if (!emulate_canonical(ctxt, target))
			return raise_gp(ctxt);
	} else {
		rc = ctxt->ops->segment(ctxt, EMULATE_CS, &cs);
		if (rc)
			return rc;
		if (target > cs.limit)
			return raise_gp(ctxt);
	}
	ctxt->next_rip = target;
	return EMULATE_CONTINUE;
}

/* The 8-bit and 16/32-bit displacements are already sign-extended. */
static int branch_relative(struct emulate_ctxt *ctxt)
{
	return emulate_branch(ctxt, ctxt->next_rip + ctxt->insn.imm,
			      ctxt->insn.opsize);
}

int op_jmp_rel(struct emulate_ctxt *ctxt)
{
	return branch_relative(ctxt);
}

int op_jmp_abs(struct emulate_ctxt *ctxt)
{
	return emulate_branch(ctxt, ctxt->src.value, ctxt->insn.opsize);
}

int op_jcc(struct emulate_ctxt *ctxt)
{
	if (!emulate_condition(ctxt->rflags, ctxt->insn.opcode))
		return EMULATE_CONTINUE;
	return branch_relative(ctxt);
}

static int call_near(struct emulate_ctxt *ctxt, u64 target)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], back = ctxt->next_rip;
	int rc;

	rc = emulate_branch(ctxt, target, ctxt->insn.opsize);
	if (!rc)
		rc = emulate_push_at(ctxt, &sp, back, ctxt->insn.opsize);
	if (!rc)
		ctxt->gpr[EMULATE_RSP] = sp;
	return rc;
}

int op_call_rel(struct emulate_ctxt *ctxt)
{
	return call_near(ctxt, ctxt->next_rip + ctxt->insn.imm);
}

int op_call_abs(struct emulate_ctxt *ctxt)
{
	return call_near(ctxt, ctxt->src.value);
}

/* Drop @count bytes of parameters. */
static int release(struct emulate_ctxt *ctxt, u64 *sp, u32 count)
{
	u32 width;
	int rc;

	width = emulate_stack_bytes(ctxt, &rc);
	*sp = merge(*sp, *sp + count, width);
	return rc;
}

int op_ret(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], target;
	int rc;

	rc = emulate_pop_at(ctxt, &sp, &target, ctxt->insn.opsize);
	if (!rc)
		rc = emulate_branch(ctxt, target, ctxt->insn.opsize);
	if (!rc)
		rc = release(ctxt, &sp, ctxt->insn.imm);
	if (!rc)
		ctxt->gpr[EMULATE_RSP] = sp;
	return rc;
}

/* LOOPNE, LOOPE, LOOP: the count is as wide as addresses are. */
int op_loop(struct emulate_ctxt *ctxt)
{
	u32 bytes = ctxt->insn.adsize, kind = ctxt->insn.opcode & 3;
	u64 count = (ctxt->gpr[EMULATE_RCX] - 1) & mask_of(bytes);
	bool zero = ctxt->rflags & FLAG_ZF, taken = count;
	int rc = EMULATE_CONTINUE;

	if (kind < 2)
		taken = taken && zero == (kind == 1);
	if (taken)
		rc = branch_relative(ctxt);
	if (!rc)
		reg_write(ctxt, EMULATE_RCX, count, bytes);
	return rc;
}

int op_jcxz(struct emulate_ctxt *ctxt)
{
	if (reg_read(ctxt, EMULATE_RCX, ctxt->insn.adsize))
		return EMULATE_CONTINUE;
	return branch_relative(ctxt);
}

/*
 * What a selector stands for in real and virtual-8086 mode. The limit and the
 * attributes stay as they are in real mode: that is "unreal mode".
 */
static int real_segment(struct emulate_ctxt *ctxt, u32 seg, u16 selector,
			struct emulate_segment *segment)
{
	int rc;

	if (!in_real_or_v86(ctxt) || !ctxt->ops->segment_load)
		return EMULATE_UNHANDLEABLE;
	rc = ctxt->ops->segment(ctxt, seg, segment);
	segment->selector = selector;
	segment->base = (u64)selector << 4;
	return rc;
}

static int load_real_segment(struct emulate_ctxt *ctxt, u32 seg, u16 selector)
{
	struct emulate_segment segment;
	int rc = real_segment(ctxt, seg, selector, &segment);

	if (!rc)
		rc = ctxt->ops->segment_load(ctxt, seg, &segment);
	return rc;
}

/* Far branch: CS and rip together, or neither. */
static int branch_far(struct emulate_ctxt *ctxt, u16 selector, u64 offset)
{
	struct emulate_segment cs;
	int rc = real_segment(ctxt, EMULATE_CS, selector, &cs);

	if (rc)
		return rc;
	offset &= mask_of(ctxt->insn.opsize);
	if (offset > cs.limit)
		return raise_gp(ctxt);
	rc = ctxt->ops->segment_load(ctxt, EMULATE_CS, &cs);
	if (!rc)
		ctxt->next_rip = offset;
	return rc;
}

/* Far pointer in memory: offset, then selector. */
static int read_far_pointer(struct emulate_ctxt *ctxt, u64 *offset,
			    u16 *selector)
{
	u32 bytes = ctxt->insn.opsize;
	u8 pointer[10];
	u64 linear;
	int rc;

	rc = emulate_linear(ctxt, ctxt->insn.seg, ctxt->ea, bytes + 2, false,
			    &linear);
	if (!rc)
		rc = emulate_mem_read(ctxt, linear, pointer, bytes + 2,
				      EMULATE_ACCESS_READ);
	if (rc)
		return rc;
	*offset = 0;
	memcpy(offset, pointer, bytes);
	memcpy(selector, pointer + bytes, 2);
	return EMULATE_CONTINUE;
}

static int through_far_pointer(struct emulate_ctxt *ctxt,
			       int (*branch)(struct emulate_ctxt *ctxt,
					     u16 selector, u64 offset))
{
	u64 offset;
	u16 selector;
	int rc;

	if (!in_real_or_v86(ctxt))
		return EMULATE_UNHANDLEABLE;
	rc = read_far_pointer(ctxt, &offset, &selector);
	return rc ? rc : branch(ctxt, selector, offset);
}

int op_jmp_far(struct emulate_ctxt *ctxt)
{
	return branch_far(ctxt, ctxt->insn.imm2, ctxt->insn.imm);
}

int op_jmp_far_mem(struct emulate_ctxt *ctxt)
{
	return through_far_pointer(ctxt, branch_far);
}

static int call_far(struct emulate_ctxt *ctxt, u16 selector, u64 offset)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], back = ctxt->next_rip;
	u32 bytes = ctxt->insn.opsize;
	struct emulate_segment cs;
	int rc;

	if (!in_real_or_v86(ctxt))
		return EMULATE_UNHANDLEABLE;
	rc = ctxt->ops->segment(ctxt, EMULATE_CS, &cs);
	if (!rc && (offset & mask_of(bytes)) > cs.limit)
		rc = raise_gp(ctxt);
	if (!rc)
		rc = emulate_push_at(ctxt, &sp, cs.selector, bytes);
	if (!rc)
		rc = emulate_push_at(ctxt, &sp, back, bytes);
	if (!rc)
		rc = branch_far(ctxt, selector, offset);
	if (!rc)
		ctxt->gpr[EMULATE_RSP] = sp;
	return rc;
}

int op_call_far(struct emulate_ctxt *ctxt)
{
	return call_far(ctxt, ctxt->insn.imm2, ctxt->insn.imm);
}

int op_call_far_mem(struct emulate_ctxt *ctxt)
{
	return through_far_pointer(ctxt, call_far);
}

int op_ret_far(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], offset, selector;
	u32 bytes = ctxt->insn.opsize;
	int rc;

	if (!in_real_or_v86(ctxt))
		return EMULATE_UNHANDLEABLE;
	rc = emulate_pop_at(ctxt, &sp, &offset, bytes);
	if (!rc)
		rc = emulate_pop_at(ctxt, &sp, &selector, bytes);
	if (!rc)
		rc = release(ctxt, &sp, ctxt->insn.imm);
	if (!rc)
		rc = branch_far(ctxt, selector, offset);
	if (!rc)
		ctxt->gpr[EMULATE_RSP] = sp;
	return rc;
}

/* IRET of real mode, and of virtual-8086 mode with IOPL 3 (SDM vol. 2, IRET). */
int op_iret(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], offset, selector, flags, mask;
	u32 bytes = ctxt->insn.opsize;
	int rc;

	if (!in_real_or_v86(ctxt))
		return EMULATE_UNHANDLEABLE;
	if (ctxt->mode == EMULATE_V86 &&
	    (ctxt->rflags & FLAG_IOPL) != FLAG_IOPL)
		return EMULATE_UNHANDLEABLE;
	rc = emulate_pop_at(ctxt, &sp, &offset, bytes);
	if (!rc)
		rc = emulate_pop_at(ctxt, &sp, &selector, bytes);
	if (!rc)
		rc = emulate_pop_at(ctxt, &sp, &flags, bytes);
	if (!rc)
		rc = branch_far(ctxt, selector, offset);
	if (rc)
		return rc;
	mask = FLAGS_STATUS | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_NT;
	if (ctxt->mode == EMULATE_REAL)
		mask |= FLAG_IOPL;
	if (bytes == 4)
		mask |= FLAG_AC | FLAG_ID;
	ctxt->next_rflags = (ctxt->rflags & ~mask) | (flags & mask);
	ctxt->gpr[EMULATE_RSP] = sp;
	return EMULATE_CONTINUE;
}

/* ModRM.reg names a segment register; 6 and 7 do not exist. */
int op_mov_from_sreg(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u32 seg = (insn->modrm >> 3) & 7;
	struct emulate_segment segment;
	u64 linear;
	int rc;

	if (seg > EMULATE_GS)
		return raise_ud(ctxt);
	rc = ctxt->ops->segment(ctxt, seg, &segment);
	if (rc)
		return rc;
	if (!is_memory(insn)) {
		reg_write(ctxt, insn->rm, segment.selector, insn->opsize);
		return EMULATE_CONTINUE;
	}
	/* Memory gets 16 bits whatever the operand size. */
	ctxt->ea = emulate_address(ctxt, ctxt->gpr[EMULATE_RSP]);
	rc = emulate_linear(ctxt, insn->seg, ctxt->ea, 2, true, &linear);
	if (!rc)
		rc = emulate_mem_write(ctxt, linear, &segment.selector, 2,
				       EMULATE_ACCESS_WRITE);
	return rc;
}

int op_mov_to_sreg(struct emulate_ctxt *ctxt)
{
	u32 seg = (ctxt->insn.modrm >> 3) & 7;
	int rc;

	if (seg > EMULATE_GS || seg == EMULATE_CS)
		return raise_ud(ctxt);
	rc = load_real_segment(ctxt, seg, ctxt->src.value);
	if (!rc && seg == EMULATE_SS)
		ctxt->interruptibility = EMULATE_SHADOW_MOV_SS;
	return rc;
}

/* LES, LDS (one-byte map), LSS, LFS, LGS (0F). */
int op_load_far(struct emulate_ctxt *ctxt)
{
	static const u8 segs[8] = {
		[2] = EMULATE_SS, [4] = EMULATE_FS, [5] = EMULATE_GS,
	};
	u32 seg = segs[ctxt->insn.opcode & 7];
	u64 offset;
	u16 selector;
	int rc;

	if (ctxt->insn.map == EMULATE_MAP_ONE)
		seg = ctxt->insn.opcode & 1 ? EMULATE_DS : EMULATE_ES;
	if (!in_real_or_v86(ctxt))
		return EMULATE_UNHANDLEABLE;
	rc = read_far_pointer(ctxt, &offset, &selector);
	if (!rc)
		rc = load_real_segment(ctxt, seg, selector);
	if (!rc)
		reg_write(ctxt, ctxt->insn.reg, offset, ctxt->insn.opsize);
	return rc;
}

/* 06, 0E, 16, 1E: ES, CS, SS, DS; 0F A0, A8: FS, GS. */
static u32 sreg_of_opcode(const struct emulate_decoded *insn)
{
	if (insn->map == EMULATE_MAP_0F)
		return insn->opcode & 8 ? EMULATE_GS : EMULATE_FS;
	return (insn->opcode >> 3) & 3;
}

int op_push_sreg(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP];
	struct emulate_segment segment;
	int rc;

	rc = ctxt->ops->segment(ctxt, sreg_of_opcode(&ctxt->insn), &segment);
	if (!rc)
		rc = emulate_push_at(ctxt, &sp, segment.selector,
				     ctxt->insn.opsize);
	if (!rc)
		ctxt->gpr[EMULATE_RSP] = sp;
	return rc;
}

int op_pop_sreg(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], selector;
	u32 seg = sreg_of_opcode(&ctxt->insn);
	int rc;

	if (!in_real_or_v86(ctxt))
		return EMULATE_UNHANDLEABLE;
	rc = emulate_pop_at(ctxt, &sp, &selector, ctxt->insn.opsize);
	if (!rc)
		rc = load_real_segment(ctxt, seg, selector);
	if (rc)
		return rc;
	ctxt->gpr[EMULATE_RSP] = sp;
	if (seg == EMULATE_SS)
		ctxt->interruptibility = EMULATE_SHADOW_MOV_SS;
	return EMULATE_CONTINUE;
}
