// SPDX-License-Identifier: GPL-2.0
/*
 * Why a VM entry failed: the checks on the guest-state area (SDM vol. 3,
 * 27.3.1). Called by explain.c; calls nothing.
 */
#include <linux/kernel.h>
#include <asm/processor.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/trapnr.h>
#include "vmx/explain.h"

#define AR_RESERVED		0xfffe0f00
#define DEBUGCTL_RESERVED	0xffff203c

#define RFLAGS_RESERVED		0xffffffffffc08028ULL

/*
 * 27.3.1.1: control registers, debug registers and MSRs
 */

static bool cr0_fixed(const struct vmx_check *c)
{
	u64 free = c->unrestricted ? X86_CR0_PE | X86_CR0_PG : 0;

	return (~c->cr0 & vmx_features.cr0_fixed0 & ~free) ||
		(c->cr0 & ~vmx_features.cr0_fixed1 & ~(X86_CR0_CD |
						       X86_CR0_NW));
}

static bool pg_without_pe(const struct vmx_check *c)
{
	return (c->cr0 & X86_CR0_PG) && !(c->cr0 & X86_CR0_PE);
}

static bool cr4_fixed(const struct vmx_check *c)
{
	return (~c->cr4 & vmx_features.cr4_fixed0) ||
		(c->cr4 & ~vmx_features.cr4_fixed1);
}

static bool ia32e_paging(const struct vmx_check *c)
{
	return c->ia32e &&
		(!(c->cr0 & X86_CR0_PG) || !(c->cr4 & X86_CR4_PAE));
}

static bool pcide(const struct vmx_check *c)
{
	return !c->ia32e && (c->cr4 & X86_CR4_PCIDE);
}

static bool cr3(const struct vmx_check *c)
{
	return c->cr3 & vmx_beyond_memory();
}

static bool dr7(const struct vmx_check *c)
{
	return (c->entry & ENTRY_LOAD_DEBUG) &&
		vmx_vmread(VMCS_GUEST_DR7) >> 32;
}

static bool debugctl(const struct vmx_check *c)
{
	return (c->entry & ENTRY_LOAD_DEBUG) &&
		(vmx_vmread(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_RESERVED);
}

static bool sysenter(const struct vmx_check *c)
{
	return !vmx_canonical(vmx_vmread(VMCS_GUEST_SYSENTER_ESP)) ||
		!vmx_canonical(vmx_vmread(VMCS_GUEST_SYSENTER_EIP));
}

static bool pat(const struct vmx_check *c)
{
	return (c->entry & ENTRY_LOAD_PAT) &&
		vmx_bad_pat(vmx_vmread(VMCS_GUEST_PAT));
}

static bool efer_reserved(const struct vmx_check *c)
{
	return (c->entry & ENTRY_LOAD_EFER) &&
		(c->efer & ~(u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX));
}

static bool efer_lma(const struct vmx_check *c)
{
	return (c->entry & ENTRY_LOAD_EFER) &&
		(!!(c->efer & EFER_LMA) != c->ia32e ||
		 ((c->cr0 & X86_CR0_PG) &&
		  !(c->efer & EFER_LMA) != !(c->efer & EFER_LME)));
}

/*
 * 27.3.1.2: segment registers
 */

static bool usable(const struct vmx_check *c, unsigned int n)
{
	return !(c->seg[n].ar & DUET_AR_UNUSABLE);
}

static u8 type(const struct vmx_check *c, unsigned int n)
{
	return c->seg[n].ar & DUET_AR_TYPE;
}

static u8 dpl(const struct vmx_check *c, unsigned int n)
{
	return (c->seg[n].ar & DUET_AR_DPL) >> DUET_AR_DPL_SHIFT;
}

static u8 rpl(const struct vmx_check *c, unsigned int n)
{
	return c->seg[n].selector & SEGMENT_RPL_MASK;
}

static bool ti(const struct vmx_check *c)
{
	return (c->seg[DUET_TR].selector & SEGMENT_TI_MASK) ||
		(usable(c, DUET_LDTR) &&
		 (c->seg[DUET_LDTR].selector & SEGMENT_TI_MASK));
}

static bool ss_rpl(const struct vmx_check *c)
{
	return !c->v86 && !c->unrestricted &&
		rpl(c, DUET_SS) != rpl(c, DUET_CS);
}

static bool v86_segments(const struct vmx_check *c)
{
	unsigned int n;

	for (n = DUET_ES; c->v86 && n <= DUET_GS; n++)
		if (c->seg[n].base != (u64)c->seg[n].selector << 4 ||
		    c->seg[n].limit != 0xffff || c->seg[n].ar != 0xf3)
			return true;
	return false;
}

static bool base_canonical(const struct vmx_check *c)
{
	return !vmx_canonical(c->seg[DUET_TR].base) ||
		!vmx_canonical(c->seg[DUET_FS].base) ||
		!vmx_canonical(c->seg[DUET_GS].base) ||
		(usable(c, DUET_LDTR) &&
		 !vmx_canonical(c->seg[DUET_LDTR].base));
}

static bool base_high(const struct vmx_check *c)
{
	unsigned int n;

	for (n = DUET_ES; n <= DUET_DS; n++)
		if ((n == DUET_CS || usable(c, n)) && c->seg[n].base >> 32)
			return true;
	return false;
}

static bool cs_type(const struct vmx_check *c)
{
	u8 t = type(c, DUET_CS);

	return !c->v86 && t != 9 && t != 11 && t != 13 && t != 15 &&
		!(c->unrestricted && t == 3);
}

static bool ss_type(const struct vmx_check *c)
{
	return !c->v86 && usable(c, DUET_SS) && type(c, DUET_SS) != 3 &&
		type(c, DUET_SS) != 7;
}

/* Accessed, and if it is code, readable. */
static bool data_type(const struct vmx_check *c)
{
	static const u8 data[] = { DUET_ES, DUET_DS, DUET_FS, DUET_GS };
	unsigned int i;

	for (i = 0; !c->v86 && i < ARRAY_SIZE(data); i++) {
		u8 t = type(c, data[i]);

		if (usable(c, data[i]) && (!(t & 1) || ((t & 8) && !(t & 2))))
			return true;
	}
	return false;
}

static bool not_code_or_data(const struct vmx_check *c)
{
	unsigned int n;

	for (n = DUET_ES; !c->v86 && n <= DUET_GS; n++)
		if ((n == DUET_CS || usable(c, n)) &&
		    (c->seg[n].ar & (DUET_AR_S | DUET_AR_P)) !=
		    (DUET_AR_S | DUET_AR_P))
			return true;
	return false;
}

static bool cs_dpl(const struct vmx_check *c)
{
	if (c->v86)
		return false;
	switch (type(c, DUET_CS)) {
	case 3:
		return dpl(c, DUET_CS) != 0;
	case 9:
	case 11:
		return dpl(c, DUET_CS) != dpl(c, DUET_SS);
	default:
		return dpl(c, DUET_CS) > dpl(c, DUET_SS);
	}
}

static bool ss_dpl(const struct vmx_check *c)
{
	if (c->v86)
		return false;
	if (!c->unrestricted && dpl(c, DUET_SS) != rpl(c, DUET_SS))
		return true;
	return (type(c, DUET_CS) == 3 || !(c->cr0 & X86_CR0_PE)) &&
		dpl(c, DUET_SS);
}

static bool ar_reserved(const struct vmx_check *c)
{
	unsigned int n;

	for (n = 0; n < DUET_NR_SEGS; n++)
		if ((n == DUET_CS || n == DUET_TR || usable(c, n)) &&
		    !(c->v86 && n <= DUET_GS) && (c->seg[n].ar & AR_RESERVED))
			return true;
	return false;
}

static bool cs_l_and_d(const struct vmx_check *c)
{
	return !c->v86 && c->ia32e && (c->seg[DUET_CS].ar & DUET_AR_L) &&
		(c->seg[DUET_CS].ar & DUET_AR_DB);
}

static bool granularity(const struct vmx_check *c)
{
	unsigned int n;

	for (n = 0; n < DUET_NR_SEGS; n++) {
		u32 limit = c->seg[n].limit;
		bool g = c->seg[n].ar & DUET_AR_G;

		if (!usable(c, n) || (c->v86 && n <= DUET_GS))
			continue;
		if ((g && (limit & 0xfff) != 0xfff) || (!g && limit >> 20))
			return true;
	}
	return false;
}

static bool tr(const struct vmx_check *c)
{
	const u32 want = DUET_AR_P, look = DUET_AR_P | DUET_AR_S |
		DUET_AR_UNUSABLE;
	u8 t = type(c, DUET_TR);

	return (t != 11 && !(t == 3 && !c->ia32e)) ||
		(c->seg[DUET_TR].ar & look) != want;
}

static bool ldtr(const struct vmx_check *c)
{
	return usable(c, DUET_LDTR) &&
		(type(c, DUET_LDTR) != 2 ||
		 (c->seg[DUET_LDTR].ar & (DUET_AR_S | DUET_AR_P)) != DUET_AR_P);
}

/*
 * 27.3.1.3: descriptor-table registers; 27.3.1.4: RIP and RFLAGS
 */

static bool tables(const struct vmx_check *c)
{
	return !vmx_canonical(vmx_vmread(VMCS_GUEST_GDTR_BASE)) ||
		!vmx_canonical(vmx_vmread(VMCS_GUEST_IDTR_BASE)) ||
		vmx_vmread(VMCS_GUEST_GDTR_LIMIT) >> 16 ||
		vmx_vmread(VMCS_GUEST_IDTR_LIMIT) >> 16;
}

static bool rip(const struct vmx_check *c)
{
	if (!c->ia32e || !(c->seg[DUET_CS].ar & DUET_AR_L))
		return c->rip >> 32;
	return !vmx_canonical(c->rip);
}

static bool rflags(const struct vmx_check *c)
{
	return (c->rflags & RFLAGS_RESERVED) ||
		!(c->rflags & X86_EFLAGS_FIXED);
}

static bool rflags_vm(const struct vmx_check *c)
{
	return c->v86 && (c->ia32e || !(c->cr0 & X86_CR0_PE));
}

static bool intr_if(const struct vmx_check *c)
{
	return (c->intr & (VMX_INTR_VALID | VMX_INTR_TYPE)) ==
		(VMX_INTR_VALID | VMX_INTR_TYPE_EXTERNAL) &&
		!(c->rflags & X86_EFLAGS_IF);
}

/*
 * 27.3.1.5: non-register state; 27.3.1.6: PDPTEs
 */

static bool activity(const struct vmx_check *c)
{
	u32 state = vmx_vmread(VMCS_GUEST_ACTIVITY);

	return state > VMCS_ACTIVITY_WAIT_SIPI ||
		((c->blocking & (VMCS_BLOCKING_BY_STI |
				 VMCS_BLOCKING_BY_MOV_SS)) &&
		 state != VMCS_ACTIVITY_ACTIVE);
}

static bool blocking_reserved(const struct vmx_check *c)
{
	return c->blocking & VMCS_INTERRUPTIBILITY_RESERVED;
}

static bool blocking_both(const struct vmx_check *c)
{
	return (c->blocking & VMCS_BLOCKING_BY_STI) &&
		(c->blocking & VMCS_BLOCKING_BY_MOV_SS);
}

static bool blocking_sti_if(const struct vmx_check *c)
{
	return (c->blocking & VMCS_BLOCKING_BY_STI) &&
		!(c->rflags & X86_EFLAGS_IF);
}

static bool blocking_intr(const struct vmx_check *c)
{
	if (!(c->intr & VMX_INTR_VALID))
		return false;
	switch (c->intr & VMX_INTR_TYPE) {
	case VMX_INTR_TYPE_EXTERNAL:
		return c->blocking & (VMCS_BLOCKING_BY_STI |
				      VMCS_BLOCKING_BY_MOV_SS);
	case VMX_INTR_TYPE_NMI:
		return c->blocking & VMCS_BLOCKING_BY_MOV_SS;
	default:
		return false;
	}
}

static bool blocking_smi(const struct vmx_check *c)
{
	return c->blocking & VMCS_BLOCKING_BY_SMI;
}

static bool blocking_nmi(const struct vmx_check *c)
{
	return (c->pin & PIN_VIRTUAL_NMIS) &&
		(c->blocking & VMCS_BLOCKING_BY_NMI) &&
		(c->intr & (VMX_INTR_VALID | VMX_INTR_TYPE)) ==
		(VMX_INTR_VALID | VMX_INTR_TYPE_NMI);
}

static bool pending_debug(const struct vmx_check *c)
{
	bool bs = vmx_vmread(VMCS_GUEST_PENDING_DEBUG) & VMCS_PENDING_DEBUG_BS;

	return (c->blocking & (VMCS_BLOCKING_BY_STI |
			       VMCS_BLOCKING_BY_MOV_SS)) &&
		bs != !!(c->rflags & X86_EFLAGS_TF);
}

static bool link_pointer(const struct vmx_check *c)
{
	return vmx_vmread(VMCS_LINK_POINTER) != ~0ULL;
}

static bool pdptes(const struct vmx_check *c)
{
	u64 reserved = vmx_beyond_memory() | GENMASK_ULL(8, 5) |
		GENMASK_ULL(2, 1);
	unsigned int i;

	if (!(c->cr0 & X86_CR0_PG) || !(c->cr4 & X86_CR4_PAE) || c->ia32e)
		return false;
	for (i = 0; i < 4; i++) {
		u64 pdpte = vmx_vmread(VMCS_GUEST_PDPTE(i));

		if ((pdpte & 1) && (pdpte & reserved))
			return true;
	}
	return false;
}

/* In the order of the manual. */
const struct vmx_rule vmx_guest_rules[] = {
	{ cr0_fixed, "CR0: fixed bits", "27.3.1.1" },
	{ pg_without_pe, "CR0.PG is 1 and CR0.PE is 0", "27.3.1.1" },
	{ cr4_fixed, "CR4: fixed bits", "27.3.1.1" },
	{ debugctl, "DEBUGCTL: reserved bits", "27.3.1.1" },
	{ ia32e_paging, "IA-32e mode without CR0.PG or CR4.PAE", "27.3.1.1" },
	{ pcide, "CR4.PCIDE outside IA-32e mode", "27.3.1.1" },
	{ cr3, "CR3: reserved bits", "27.3.1.1" },
	{ dr7, "DR7[63:32] is not 0", "27.3.1.1" },
	{ sysenter, "SYSENTER ESP or EIP not canonical", "27.3.1.1" },
	{ pat, "PAT: reserved memory type", "27.3.1.1" },
	{ efer_reserved, "EFER: reserved bits", "27.3.1.1" },
	{ efer_lma, "EFER.LMA does not fit IA-32e mode or EFER.LME",
	  "27.3.1.1" },
	{ ti, "TR or LDTR: selector's TI is 1", "27.3.1.2" },
	{ ss_rpl, "SS.RPL is not CS.RPL", "27.3.1.2" },
	{ v86_segments, "virtual-8086 mode: base, limit or rights",
	  "27.3.1.2" },
	{ base_canonical, "TR, FS, GS or LDTR: base not canonical",
	  "27.3.1.2" },
	{ base_high, "CS, SS, DS or ES: base[63:32] is not 0", "27.3.1.2" },
	{ cs_type, "CS: type", "27.3.1.2" },
	{ ss_type, "SS: type", "27.3.1.2" },
	{ data_type, "DS, ES, FS or GS: type", "27.3.1.2" },
	{ not_code_or_data, "a segment without S or P", "27.3.1.2" },
	{ cs_dpl, "CS: DPL", "27.3.1.2" },
	{ ss_dpl, "SS: DPL", "27.3.1.2" },
	{ ar_reserved, "access rights: reserved bits", "27.3.1.2" },
	{ cs_l_and_d, "CS.L and CS.D in IA-32e mode", "27.3.1.2" },
	{ granularity, "a segment's limit and G do not fit", "27.3.1.2" },
	{ tr, "TR: not a busy TSS, not present or unusable", "27.3.1.2" },
	{ ldtr, "LDTR: not an LDT or not present", "27.3.1.2" },
	{ tables, "GDTR or IDTR: base or limit", "27.3.1.3" },
	{ rip, "RIP: too many bits", "27.3.1.4" },
	{ rflags, "RFLAGS: reserved bits", "27.3.1.4" },
	{ rflags_vm, "RFLAGS.VM in IA-32e or real mode", "27.3.1.4" },
	{ intr_if, "interrupt injected with RFLAGS.IF 0", "27.3.1.4" },
	{ activity, "activity state", "27.3.1.5" },
	{ blocking_reserved, "interruptibility: reserved bits", "27.3.1.5" },
	{ blocking_both, "blocking by STI and by MOV SS", "27.3.1.5" },
	{ blocking_sti_if, "blocking by STI with RFLAGS.IF 0", "27.3.1.5" },
	{ blocking_intr, "event injected into an STI or MOV SS shadow",
	  "27.3.1.5" },
	{ blocking_smi, "blocking by SMI outside SMM", "27.3.1.5" },
	{ blocking_nmi, "NMI injected while NMIs are blocked", "27.3.1.5" },
	{ pending_debug, "pending single step does not fit RFLAGS.TF",
	  "27.3.1.5" },
	{ link_pointer, "VMCS link pointer", "27.3.1.5" },
	{ pdptes, "PDPTE: reserved bits", "27.3.1.6" },
	{ NULL },
};
