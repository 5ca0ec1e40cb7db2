// SPDX-License-Identifier: GPL-2.0
/*
 * Flags that need privilege, ports, control and debug registers, descriptor
 * tables, MSRs. Handlers called through the opcode tables; most end in one
 * callback, and those without it are EMULATE_UNHANDLEABLE.
 */
#include "internal.h"

/* Is @bit of CR4 set? Without a callback: no. */
int emulate_cr4_bit(struct emulate_ctxt *ctxt, u64 bit, bool *set)
{
	u64 cr4 = 0;
	int rc = EMULATE_CONTINUE;

	if (ctxt->ops->cr_read)
		rc = ctxt->ops->cr_read(ctxt, 4, &cr4);
	*set = cr4 & bit;
	return rc;
}

static u32 iopl(const struct emulate_ctxt *ctxt)
{
	return (ctxt->rflags & FLAG_IOPL) >> 12;
}

/*
 * CLI and STI where IOPL denies IF: with CR4.VME or CR4.PVI they act on VIF
 * (SDM vol. 3, 20.3.3.5 and 20.4). Says whether that is so.
 */
static int virtual_if(struct emulate_ctxt *ctxt, bool *virtual)
{
	u32 cpl = ctxt->ops->cpl(ctxt);
	bool enabled;
	int rc;

	*virtual = false;
	if (ctxt->mode == EMULATE_REAL || cpl <= iopl(ctxt))
		return EMULATE_CONTINUE;
	rc = emulate_cr4_bit(ctxt, ctxt->mode == EMULATE_V86 ? CR4_VME :
							       CR4_PVI,
			     &enabled);
	if (rc)
		return rc;
	if (!enabled || cpl != 3)
		return raise_gp(ctxt);
	*virtual = true;
	return EMULATE_CONTINUE;
}

int op_cli(struct emulate_ctxt *ctxt)
{
	bool virtual;
	int rc = virtual_if(ctxt, &virtual);

	if (!rc)
		set_flag(ctxt, virtual ? FLAG_VIF : FLAG_IF, false);
	return rc;
}

int op_sti(struct emulate_ctxt *ctxt)
{
	bool virtual;
	int rc = virtual_if(ctxt, &virtual);

	if (rc)
		return rc;
	if (virtual) {
		if (ctxt->rflags & FLAG_VIP)
			return raise_gp(ctxt);
		set_flag(ctxt, FLAG_VIF, true);
		return EMULATE_CONTINUE;
	}
	if (!(ctxt->rflags & FLAG_IF))
		ctxt->interruptibility = EMULATE_SHADOW_STI;
	set_flag(ctxt, FLAG_IF, true);
	return EMULATE_CONTINUE;
}

/* CMC, CLC, STC, CLD, STD */
int op_flag(struct emulate_ctxt *ctxt)
{
	switch (ctxt->insn.opcode) {
	case 0xf5:
		ctxt->next_rflags ^= FLAG_CF;
		break;
	case 0xf8:
	case 0xf9:
		set_flag(ctxt, FLAG_CF, ctxt->insn.opcode & 1);
		break;
	case 0xfc:
	case 0xfd:
		set_flag(ctxt, FLAG_DF, ctxt->insn.opcode & 1);
		break;
	}
	return EMULATE_CONTINUE;
}

/* Virtual-8086 mode below IOPL 3: PUSHF and POPF need CR4.VME and 16 bits. */
static int check_v86_flags(struct emulate_ctxt *ctxt, bool *virtual)
{
	int rc;

	*virtual = false;
	if (ctxt->mode != EMULATE_V86 || iopl(ctxt) == 3)
		return EMULATE_CONTINUE;
	rc = emulate_cr4_bit(ctxt, CR4_VME, virtual);
	if (rc)
		return rc;
	if (!*virtual || ctxt->insn.opsize != 2)
		return raise_gp(ctxt);
	return EMULATE_CONTINUE;
}

int op_pushf(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], flags;
	bool virtual;
	int rc = check_v86_flags(ctxt, &virtual);

	if (rc)
		return rc;
	flags = (ctxt->rflags & ~(FLAG_RF | FLAG_VM)) | FLAG_FIXED;
	if (virtual) {
		flags |= FLAG_IOPL;
		flags &= ~FLAG_IF;
		if (ctxt->rflags & FLAG_VIF)
			flags |= FLAG_IF;
	}
	rc = emulate_push_at(ctxt, &sp, flags, ctxt->insn.opsize);
	if (!rc)
		ctxt->gpr[EMULATE_RSP] = sp;
	return rc;
}

/* Flags that POPF may change here (SDM vol. 2, table 4-16). */
static u64 popf_mask(struct emulate_ctxt *ctxt)
{
	u64 mask = FLAGS_STATUS | FLAG_TF | FLAG_DF | FLAG_NT;
	u32 cpl = ctxt->mode == EMULATE_REAL ? 0 : ctxt->ops->cpl(ctxt);

	if (ctxt->insn.opsize > 2)
		mask |= FLAG_AC | FLAG_ID;
	if (!cpl)
		mask |= FLAG_IOPL;
	if (cpl <= iopl(ctxt))
		mask |= FLAG_IF;
	return mask;
}

int op_popf(struct emulate_ctxt *ctxt)
{
	u64 sp = ctxt->gpr[EMULATE_RSP], flags, mask;
	bool virtual;
	int rc = check_v86_flags(ctxt, &virtual);

	if (!rc)
		rc = emulate_pop_at(ctxt, &sp, &flags, ctxt->insn.opsize);
	if (rc)
		return rc;
	mask = popf_mask(ctxt);
	if (virtual) {
		if ((flags & FLAG_TF) ||
		    ((flags & FLAG_IF) && (ctxt->rflags & FLAG_VIP)))
			return raise_gp(ctxt);
		set_flag(ctxt, FLAG_VIF, flags & FLAG_IF);
	}
	ctxt->next_rflags = (ctxt->next_rflags & ~mask) | (flags & mask);
	ctxt->gpr[EMULATE_RSP] = sp;
	return EMULATE_CONTINUE;
}

/*
 * The TSS's I/O permission bitmap (SDM vol. 1, 19.5.2): a clear bit for each
 * byte of the port allows the access.
 */
static int check_io_bitmap(struct emulate_ctxt *ctxt, u16 port, u32 size)
{
	u32 access = EMULATE_ACCESS_READ | EMULATE_ACCESS_SYSTEM;
	struct emulate_segment tr;
	u16 map, bits;
	u32 at;
	int rc;

	rc = ctxt->ops->segment(ctxt, EMULATE_TR, &tr);
	if (rc)
		return rc;
	/* 32-bit or 64-bit TSS, available or busy; the offset is at 66h */
	if (tr.unusable || !tr.present || (tr.type & ~2) != 9 ||
	    tr.limit < 0x67)
		return raise_gp(ctxt);
	rc = emulate_mem_read(ctxt, tr.base + 0x66, &map, 2, access);
	if (rc)
		return rc;
	/* Two bytes are read, whatever the size. */
	at = map + port / 8;
	if (at + 1 > tr.limit)
		return raise_gp(ctxt);
	rc = emulate_mem_read(ctxt, tr.base + at, &bits, 2, access);
	if (!rc && ((bits >> (port & 7)) & ((1U << size) - 1)))
		rc = raise_gp(ctxt);
	return rc;
}

/* May this code use the port? */
int emulate_check_io(struct emulate_ctxt *ctxt, u16 port, u32 size)
{
	if (ctxt->mode == EMULATE_REAL)
		return EMULATE_CONTINUE;
	if (ctxt->mode != EMULATE_V86 &&
	    (u32)ctxt->ops->cpl(ctxt) <= iopl(ctxt))
		return EMULATE_CONTINUE;
	if (!ctxt->ops->io_permitted)
		return check_io_bitmap(ctxt, port, size);
	return ctxt->ops->io_permitted(ctxt, port, size);
}

/* E4 to E7: immediate port; EC to EF: DX. No 64-bit ports. */
static u16 port_of(struct emulate_ctxt *ctxt, u32 *size)
{
	*size = ctxt->insn.opsize > 4 ? 4 : ctxt->insn.opsize;
	if (ctxt->insn.opcode & 8)
		return reg_read(ctxt, EMULATE_RDX, 2);
	return ctxt->insn.imm;
}

int op_in(struct emulate_ctxt *ctxt)
{
	u64 value = 0;
	u32 size;
	u16 port = port_of(ctxt, &size);
	int rc = emulate_check_io(ctxt, port, size);

	if (!rc)
		rc = emulate_port_in(ctxt, port, &value, size);
	if (!rc)
		reg_write(ctxt, EMULATE_RAX, value, size);
	return rc;
}

int op_out(struct emulate_ctxt *ctxt)
{
	u64 value = ctxt->gpr[EMULATE_RAX];
	u32 size;
	u16 port = port_of(ctxt, &size);
	int rc = emulate_check_io(ctxt, port, size);

	if (!rc)
		rc = emulate_port_out(ctxt, port, &value, size);
	return rc;
}

int op_hlt(struct emulate_ctxt *ctxt)
{
	return ctxt->ops->halt ? ctxt->ops->halt(ctxt) : EMULATE_UNHANDLEABLE;
}

static int software_interrupt(struct emulate_ctxt *ctxt, u8 vector)
{
	if (!ctxt->ops->interrupt)
		return EMULATE_UNHANDLEABLE;
	return ctxt->ops->interrupt(ctxt, vector);
}

/* In virtual-8086 mode INT n needs IOPL 3; INT3, INT1 and INTO do not. */
int op_int(struct emulate_ctxt *ctxt)
{
	if (ctxt->mode == EMULATE_V86 && iopl(ctxt) != 3)
		return EMULATE_UNHANDLEABLE;
	return software_interrupt(ctxt, ctxt->insn.imm);
}

int op_int3(struct emulate_ctxt *ctxt)
{
	return software_interrupt(ctxt, ctxt->insn.opcode == 0xcc ?
					EMULATE_VECTOR_BP : EMULATE_VECTOR_DB);
}

int op_into(struct emulate_ctxt *ctxt)
{
	if (!(ctxt->rflags & FLAG_OF))
		return EMULATE_CONTINUE;
	return software_interrupt(ctxt, EMULATE_VECTOR_OF);
}

/* Control registers that exist; LOCK MOV CR0 is another name of CR8 (APM). */
static int control_register(struct emulate_ctxt *ctxt, u32 *nr)
{
	*nr = ctxt->insn.reg;
	if (ctxt->insn.prefixes & EMULATE_PREFIX_LOCK)
		*nr |= 8;
	if (*nr > 8 || !((0x11d >> *nr) & 1))
		return raise_ud(ctxt);
	return EMULATE_CONTINUE;
}

int op_mov_from_cr(struct emulate_ctxt *ctxt)
{
	u64 value;
	u32 nr;
	int rc = control_register(ctxt, &nr);

	if (rc)
		return rc;
	if (!ctxt->ops->cr_read)
		return EMULATE_UNHANDLEABLE;
	rc = ctxt->ops->cr_read(ctxt, nr, &value);
	if (!rc)
		reg_write(ctxt, ctxt->insn.rm, value, ctxt->insn.opsize);
	return rc;
}

int op_mov_to_cr(struct emulate_ctxt *ctxt)
{
	u32 nr;
	int rc = control_register(ctxt, &nr);

	if (rc)
		return rc;
	if (!ctxt->ops->cr_write)
		return EMULATE_UNHANDLEABLE;
	return ctxt->ops->cr_write(ctxt, nr, reg_read(ctxt, ctxt->insn.rm,
						      ctxt->insn.opsize));
}

int op_mov_from_dr(struct emulate_ctxt *ctxt)
{
	u64 value;
	int rc;

	if (ctxt->insn.reg > 7)
		return raise_ud(ctxt);
	if (!ctxt->ops->dr_read)
		return EMULATE_UNHANDLEABLE;
	rc = ctxt->ops->dr_read(ctxt, ctxt->insn.reg, &value);
	if (!rc)
		reg_write(ctxt, ctxt->insn.rm, value, ctxt->insn.opsize);
	return rc;
}

int op_mov_to_dr(struct emulate_ctxt *ctxt)
{
	if (ctxt->insn.reg > 7)
		return raise_ud(ctxt);
	if (!ctxt->ops->dr_write)
		return EMULATE_UNHANDLEABLE;
	return ctxt->ops->dr_write(ctxt, ctxt->insn.reg,
				   reg_read(ctxt, ctxt->insn.rm,
					    ctxt->insn.opsize));
}

int op_clts(struct emulate_ctxt *ctxt)
{
	u64 cr0;
	int rc;

	if (!ctxt->ops->cr_read || !ctxt->ops->cr_write)
		return EMULATE_UNHANDLEABLE;
	rc = ctxt->ops->cr_read(ctxt, 0, &cr0);
	if (!rc)
		rc = ctxt->ops->cr_write(ctxt, 0, cr0 & ~CR0_TS);
	return rc;
}

/* CR4.UMIP keeps SMSW, SGDT and SIDT from user code. */
static int check_umip(struct emulate_ctxt *ctxt)
{
	bool umip;
	int rc = emulate_cr4_bit(ctxt, CR4_UMIP, &umip);

	if (!rc && umip)
		rc = emulate_check_privilege(ctxt);
	return rc;
}

/* To a register as wide as the operand, to memory 16 bits. */
int op_smsw(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u64 cr0, linear;
	int rc = check_umip(ctxt);

	if (rc)
		return rc;
	if (!ctxt->ops->cr_read)
		return EMULATE_UNHANDLEABLE;
	rc = ctxt->ops->cr_read(ctxt, 0, &cr0);
	if (rc)
		return rc;
	if (!is_memory(insn)) {
		reg_write(ctxt, insn->rm, cr0, insn->opsize);
		return EMULATE_CONTINUE;
	}
	ctxt->ea = emulate_address(ctxt, ctxt->gpr[EMULATE_RSP]);
	rc = emulate_linear(ctxt, insn->seg, ctxt->ea, 2, true, &linear);
	if (!rc)
		rc = emulate_mem_write(ctxt, linear, &cr0, 2,
				       EMULATE_ACCESS_WRITE);
	return rc;
}

/* LMSW sets PE, MP, EM, TS; it cannot clear PE. */
int op_lmsw(struct emulate_ctxt *ctxt)
{
	u64 cr0;
	int rc;

	if (!ctxt->ops->cr_read || !ctxt->ops->cr_write)
		return EMULATE_UNHANDLEABLE;
	rc = ctxt->ops->cr_read(ctxt, 0, &cr0);
	if (rc)
		return rc;
	cr0 = (cr0 & ~0xeULL) | (ctxt->src.value & 0xf);
	return ctxt->ops->cr_write(ctxt, 0, cr0);
}

/* SGDT, SIDT, LGDT, LIDT: limit of 16 bits, base of 32 or 64. */
int op_table(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	bool load = insn->modrm & 0x10, idt = insn->modrm & 8;
	u32 base_bytes = in_long64(ctxt) ? 8 : 4;
	u8 operand[10];
	u64 base = 0, linear;
	u16 limit;
	int rc;

	if (!is_memory(insn) || !ctxt->ops->table_read ||
	    !ctxt->ops->table_write)
		return EMULATE_UNHANDLEABLE;
	rc = load ? emulate_check_privilege(ctxt) : check_umip(ctxt);
	if (!rc)
		rc = emulate_linear(ctxt, insn->seg, ctxt->ea, base_bytes + 2,
				    !load, &linear);
	if (rc)
		return rc;
	if (!load) {
		rc = ctxt->ops->table_read(ctxt, idt, &base, &limit);
		memcpy(operand, &limit, 2);
		memcpy(operand + 2, &base, base_bytes);
		return rc ? rc : emulate_mem_write(ctxt, linear, operand,
						   base_bytes + 2,
						   EMULATE_ACCESS_WRITE);
	}
	rc = emulate_mem_read(ctxt, linear, operand, base_bytes + 2,
			      EMULATE_ACCESS_READ);
	if (rc)
		return rc;
	memcpy(&limit, operand, 2);
	memcpy(&base, operand + 2, base_bytes);
	if (!in_long64(ctxt) && insn->opsize == 2)
		base &= 0xffffff;
	if (in_long64(ctxt) && !emulate_canonical(ctxt, base))
		return raise_gp(ctxt);
	return ctxt->ops->table_write(ctxt, idt, base, limit);
}

/* A non-canonical address makes INVLPG do nothing (SDM vol. 2, INVLPG). */
int op_invlpg(struct emulate_ctxt *ctxt)
{
	struct emulate_segment segment;
	u64 linear = ctxt->ea;
	u32 seg = ctxt->insn.seg;
	int rc;

	if (!is_memory(&ctxt->insn) || !ctxt->ops->invlpg)
		return EMULATE_UNHANDLEABLE;
	rc = emulate_check_privilege(ctxt);
	if (rc)
		return rc;
	if (!in_long64(ctxt) || seg == EMULATE_FS || seg == EMULATE_GS) {
		rc = ctxt->ops->segment(ctxt, seg, &segment);
		if (rc)
			return rc;
		linear += segment.base;
	}
	if (!in_long64(ctxt))
		linear = (u32)linear;
	else if (!emulate_canonical(ctxt, linear))
		return EMULATE_CONTINUE;
	return ctxt->ops->invlpg(ctxt, linear);
}

int op_wbinvd(struct emulate_ctxt *ctxt)
{
	return ctxt->ops->wbinvd ? ctxt->ops->wbinvd(ctxt) :
				   EMULATE_UNHANDLEABLE;
}

static void write_edx_eax(struct emulate_ctxt *ctxt, u64 value)
{
	ctxt->gpr[EMULATE_RAX] = (u32)value;
	ctxt->gpr[EMULATE_RDX] = value >> 32;
}

int op_rdmsr(struct emulate_ctxt *ctxt)
{
	u64 value;
	int rc;

	if (!ctxt->ops->msr_read)
		return EMULATE_UNHANDLEABLE;
	rc = ctxt->ops->msr_read(ctxt, ctxt->gpr[EMULATE_RCX], &value);
	if (!rc)
		write_edx_eax(ctxt, value);
	return rc;
}

int op_wrmsr(struct emulate_ctxt *ctxt)
{
	u64 value = reg_read(ctxt, EMULATE_RAX, 4) |
		    reg_read(ctxt, EMULATE_RDX, 4) << 32;

	if (!ctxt->ops->msr_write)
		return EMULATE_UNHANDLEABLE;
	return ctxt->ops->msr_write(ctxt, ctxt->gpr[EMULATE_RCX], value);
}

int op_rdtsc(struct emulate_ctxt *ctxt)
{
	bool denied;
	u64 value;
	int rc;

	if (!ctxt->ops->rdtsc)
		return EMULATE_UNHANDLEABLE;
	rc = emulate_cr4_bit(ctxt, CR4_TSD, &denied);
	if (!rc && denied)
		rc = emulate_check_privilege(ctxt);
	if (!rc)
		rc = ctxt->ops->rdtsc(ctxt, &value);
	if (!rc)
		write_edx_eax(ctxt, value);
	return rc;
}

int op_cpuid(struct emulate_ctxt *ctxt)
{
	u32 regs[4] = {
		ctxt->gpr[EMULATE_RAX], ctxt->gpr[EMULATE_RBX],
		ctxt->gpr[EMULATE_RCX], ctxt->gpr[EMULATE_RDX],
	};
	int rc;

	if (!ctxt->ops->cpuid)
		return EMULATE_UNHANDLEABLE;
	rc = ctxt->ops->cpuid(ctxt, regs);
	if (rc)
		return rc;
	ctxt->gpr[EMULATE_RAX] = regs[0];
	ctxt->gpr[EMULATE_RBX] = regs[1];
	ctxt->gpr[EMULATE_RCX] = regs[2];
	ctxt->gpr[EMULATE_RDX] = regs[3];
	return EMULATE_CONTINUE;
}

/*
 * 0F AE /5 to /7: LFENCE, MFENCE, SFENCE with a register and no prefix; with
 * memory and /7 CLFLUSH (66: CLFLUSHOPT), /6 with 66 CLWB: to a device all of
 * them do nothing. The rest is state that is not handled here.
 */
int op_fence(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u32 reg = (insn->modrm >> 3) & 7;
	bool opsize = insn->prefixes & EMULATE_PREFIX_OPSIZE;
	u64 linear;

	if (insn->prefixes & (EMULATE_PREFIX_REP | EMULATE_PREFIX_REPNE))
		return EMULATE_UNHANDLEABLE;
	if (!is_memory(insn))
		return opsize ? EMULATE_UNHANDLEABLE : EMULATE_CONTINUE;
	if (reg == 7 || (reg == 6 && opsize))
		return emulate_linear(ctxt, insn->seg, ctxt->ea, 1, false,
				      &linear);
	return EMULATE_UNHANDLEABLE;
}

int op_ud(struct emulate_ctxt *ctxt)
{
	return raise_ud(ctxt);
}
