// SPDX-License-Identifier: GPL-2.0
/*
 * SSE and SSE2 moves between XMM registers and memory, as compilers use them on
 * device memory. No arithmetic, no MMX, no VEX. Handlers called through the
 * opcode tables; XMM registers are reached by callbacks.
 */
#include "internal.h"

/* The mandatory prefix: F3 and F2 count before 66. */
enum { PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2 };

static u32 mandatory_prefix(const struct emulate_ctxt *ctxt)
{
	u32 prefixes = ctxt->insn.prefixes;

	if (prefixes & EMULATE_PREFIX_REP)
		return PREFIX_F3;
	if (prefixes & EMULATE_PREFIX_REPNE)
		return PREFIX_F2;
	return prefixes & EMULATE_PREFIX_OPSIZE ? PREFIX_66 : PREFIX_NONE;
}

/* #UD and #NM of an SSE instruction (SDM vol. 3, table 13-1). */
static int check_sse(struct emulate_ctxt *ctxt)
{
	u64 cr0 = 0;
	bool enabled = true;
	int rc = EMULATE_CONTINUE;

	if (!ctxt->ops->xmm_read || !ctxt->ops->xmm_write)
		return EMULATE_UNHANDLEABLE;
	if (!ctxt->ops->cr_read)
		return EMULATE_CONTINUE;
	rc = emulate_cr4_bit(ctxt, CR4_OSFXSR, &enabled);
	if (!rc)
		rc = ctxt->ops->cr_read(ctxt, 0, &cr0);
	if (rc)
		return rc;
	if ((cr0 & CR0_EM) || !enabled)
		return raise_ud(ctxt);
	if (cr0 & CR0_TS)
		return emulate_raise(ctxt, EMULATE_VECTOR_NM, 0);
	return EMULATE_CONTINUE;
}

/* Misalignment is #GP, before anything that the segment has to say. */
static int check_aligned(struct emulate_ctxt *ctxt)
{
	u32 seg = ctxt->insn.seg;
	struct emulate_segment segment = { 0 };
	int rc = EMULATE_CONTINUE;

	if (!in_long64(ctxt) || seg == EMULATE_FS || seg == EMULATE_GS)
		rc = ctxt->ops->segment(ctxt, seg, &segment);
	if (!rc && ((segment.base + ctxt->ea) & 15))
		rc = raise_gp(ctxt);
	return rc;
}

static int operand_linear(struct emulate_ctxt *ctxt, u32 bytes, bool aligned,
			  bool write, u64 *linear)
{
	int rc = aligned ? check_aligned(ctxt) : EMULATE_CONTINUE;

	return rc ? rc : emulate_linear(ctxt, ctxt->insn.seg, ctxt->ea, bytes,
					write, linear);
}

/*
 * Copy @bytes bytes from the operand in memory or an XMM register to @to.
 */
static int get_rm(struct emulate_ctxt *ctxt, u8 *to, u32 bytes, bool aligned)
{
	u8 xmm[16];
	u64 linear;
	int rc;

	if (!is_memory(&ctxt->insn)) {
		rc = ctxt->ops->xmm_read(ctxt, ctxt->insn.rm, xmm);
		memcpy(to, xmm, bytes);
		return rc;
	}
	rc = operand_linear(ctxt, bytes, aligned, false, &linear);
	if (!rc)
		rc = emulate_mem_read(ctxt, linear, to, bytes,
				      EMULATE_ACCESS_READ);
	return rc;
}

static int put_rm(struct emulate_ctxt *ctxt, const u8 *from, u32 bytes,
		  bool aligned)
{
	u8 xmm[16];
	u64 linear;
	int rc;

	if (!is_memory(&ctxt->insn)) {
		rc = ctxt->ops->xmm_read(ctxt, ctxt->insn.rm, xmm);
		memcpy(xmm, from, bytes);
		return rc ? rc : ctxt->ops->xmm_write(ctxt, ctxt->insn.rm,
						      xmm);
	}
	rc = operand_linear(ctxt, bytes, aligned, true, &linear);
	if (!rc)
		rc = emulate_mem_write(ctxt, linear, from, bytes,
				       EMULATE_ACCESS_WRITE);
	return rc;
}

/* Load @bytes bytes; the rest of the register is zeroed if @zero. */
static int load(struct emulate_ctxt *ctxt, u32 bytes, bool aligned, bool zero)
{
	u8 xmm[16] = { 0 };
	int rc = EMULATE_CONTINUE;

	if (!zero)
		rc = ctxt->ops->xmm_read(ctxt, ctxt->insn.reg, xmm);
	if (!rc)
		rc = get_rm(ctxt, xmm, bytes, aligned);
	if (!rc)
		rc = ctxt->ops->xmm_write(ctxt, ctxt->insn.reg, xmm);
	return rc;
}

static int store(struct emulate_ctxt *ctxt, u32 bytes, bool aligned)
{
	u8 xmm[16];
	int rc = ctxt->ops->xmm_read(ctxt, ctxt->insn.reg, xmm);

	return rc ? rc : put_rm(ctxt, xmm, bytes, aligned);
}

/* 0F 10, 11: MOVUPS, MOVUPD, MOVSS, MOVSD */
int op_sse_10(struct emulate_ctxt *ctxt)
{
	static const u8 sizes[4] = { 16, 16, 4, 8 };
	u32 bytes = sizes[mandatory_prefix(ctxt)];
	int rc = check_sse(ctxt);

	if (rc)
		return rc;
	if (ctxt->insn.opcode & 1)
		return store(ctxt, bytes, false);
	/* Between registers MOVSS and MOVSD keep the upper part. */
	return load(ctxt, bytes, false, is_memory(&ctxt->insn));
}

/* 0F 12, 13, 16, 17: MOVLPS, MOVLPD, MOVHPS, MOVHPD with memory */
int op_sse_half(struct emulate_ctxt *ctxt)
{
	u32 at = ctxt->insn.opcode & 4 ? 8 : 0;
	u8 xmm[16];
	int rc;

	if (!is_memory(&ctxt->insn) || mandatory_prefix(ctxt) > PREFIX_66)
		return EMULATE_UNHANDLEABLE;
	rc = check_sse(ctxt);
	if (!rc)
		rc = ctxt->ops->xmm_read(ctxt, ctxt->insn.reg, xmm);
	if (rc)
		return rc;
	if (ctxt->insn.opcode & 1)
		return put_rm(ctxt, xmm + at, 8, false);
	rc = get_rm(ctxt, xmm + at, 8, false);
	return rc ? rc : ctxt->ops->xmm_write(ctxt, ctxt->insn.reg, xmm);
}

/* 0F 28, 29: MOVAPS, MOVAPD */
int op_sse_aligned(struct emulate_ctxt *ctxt)
{
	int rc;

	if (mandatory_prefix(ctxt) > PREFIX_66)
		return raise_ud(ctxt);
	rc = check_sse(ctxt);
	if (rc)
		return rc;
	return ctxt->insn.opcode & 1 ? store(ctxt, 16, true) :
				       load(ctxt, 16, true, true);
}

/* 0F 2B: MOVNTPS, MOVNTPD; 0F E7 with 66: MOVNTDQ */
int op_sse_movnt(struct emulate_ctxt *ctxt)
{
	u32 prefix = mandatory_prefix(ctxt);
	int rc;

	if (prefix > PREFIX_66 ||
	    (ctxt->insn.opcode == 0xe7 && prefix != PREFIX_66))
		return EMULATE_UNHANDLEABLE;
	rc = check_sse(ctxt);
	return rc ? rc : store(ctxt, 16, true);
}

/* 0F 6F, 7F: MOVDQA (66), MOVDQU (F3); without a prefix MMX */
int op_sse_mov(struct emulate_ctxt *ctxt)
{
	u32 prefix = mandatory_prefix(ctxt);
	bool aligned = prefix == PREFIX_66;
	int rc;

	if (prefix != PREFIX_66 && prefix != PREFIX_F3)
		return EMULATE_UNHANDLEABLE;
	rc = check_sse(ctxt);
	if (rc)
		return rc;
	return ctxt->insn.opcode & 0x10 ? store(ctxt, 16, aligned) :
					  load(ctxt, 16, aligned, true);
}

/* MOVD, MOVQ between XMM and a general register or memory (66 0F 6E, 7E). */
static int move_general(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u32 bytes = insn->rex & 8 ? 8 : 4;
	u8 xmm[16] = { 0 };
	u64 value;
	int rc;

	if (is_memory(insn)) {
		ctxt->ea = emulate_address(ctxt, ctxt->gpr[EMULATE_RSP]);
		return insn->opcode == 0x7e ? store(ctxt, bytes, false) :
					      load(ctxt, bytes, false, true);
	}
	if (insn->opcode == 0x6e) {
		value = reg_read(ctxt, insn->rm, bytes);
		memcpy(xmm, &value, bytes);
		return ctxt->ops->xmm_write(ctxt, insn->reg, xmm);
	}
	rc = ctxt->ops->xmm_read(ctxt, insn->reg, xmm);
	if (rc)
		return rc;
	memcpy(&value, xmm, 8);
	reg_write(ctxt, insn->rm, value, bytes);
	return EMULATE_CONTINUE;
}

/* 0F 6E, 7E: MOVD, MOVQ (66); F3 0F 7E: MOVQ load; without a prefix MMX */
int op_sse_movd(struct emulate_ctxt *ctxt)
{
	u32 prefix = mandatory_prefix(ctxt);
	int rc;

	if (prefix != PREFIX_66 &&
	    (prefix != PREFIX_F3 || ctxt->insn.opcode != 0x7e))
		return EMULATE_UNHANDLEABLE;
	rc = check_sse(ctxt);
	if (rc)
		return rc;
	if (prefix == PREFIX_66)
		return move_general(ctxt);
	if (is_memory(&ctxt->insn))
		ctxt->ea = emulate_address(ctxt, ctxt->gpr[EMULATE_RSP]);
	return load(ctxt, 8, false, true);
}

/* 66 0F D6: MOVQ store; between registers it zeroes the upper half */
int op_sse_movq(struct emulate_ctxt *ctxt)
{
	u8 xmm[16];
	int rc;

	if (mandatory_prefix(ctxt) != PREFIX_66)
		return EMULATE_UNHANDLEABLE;
	rc = check_sse(ctxt);
	if (rc)
		return rc;
	if (is_memory(&ctxt->insn))
		return store(ctxt, 8, false);
	rc = ctxt->ops->xmm_read(ctxt, ctxt->insn.reg, xmm);
	memset(xmm + 8, 0, 8);
	return rc ? rc : ctxt->ops->xmm_write(ctxt, ctxt->insn.rm, xmm);
}

/* F2 0F F0: LDDQU */
int op_sse_lddqu(struct emulate_ctxt *ctxt)
{
	int rc;

	if (mandatory_prefix(ctxt) != PREFIX_F2)
		return EMULATE_UNHANDLEABLE;
	rc = check_sse(ctxt);
	return rc ? rc : load(ctxt, 16, false, true);
}
