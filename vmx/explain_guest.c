// SPDX-License-Identifier: GPL-2.0
/*
 * Why a VM entry failed: the checks on the guest-state area (SDM vol. 3,
 * 27.3.1). Called through explain.c's rules; calls nothing.
 *
 * Not here: what is checked only if VM-entry controls load it that we do not
 * use: BNDCFGS, RTIT_CTL, CET state, LBR_CTL, PKRS.
 */
#include <linux/kernel.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/trapnr.h>
#include "vmx/explain.h"

#define AR_RESERVED		0xfffe0f00
#define DEBUGCTL_RESERVED	0xffffffffffff203cULL

#define RFLAGS_RESERVED		0xffffffffffc08028ULL

/* Linear-address masking in CR3, where CPUID has it (SDM vol. 3, 4.5.2) */
#define CPUID_7_1_EAX_LAM	BIT(26)
#define CR3_LAM			GENMASK_ULL(62, 61)

/* IA32_VMX_MISC: the activity states besides "active" (A.6) */
#define MISC_ACTIVITY_SHIFT	6

/*
 * 27.3.1.1: control registers, debug registers and MSRs
 */

static bool cr0_fixed(const struct duet_fields *f)
{
	u64 free = f->unrestricted ? X86_CR0_PE | X86_CR0_PG : 0;

	return (~f->cr0 & vmx_features.cr0_fixed0 & ~free) ||
		(f->cr0 & ~vmx_features.cr0_fixed1 & ~(X86_CR0_CD |
						       X86_CR0_NW));
}

static bool pg_without_pe(const struct duet_fields *f)
{
	return (f->cr0 & X86_CR0_PG) && !(f->cr0 & X86_CR0_PE);
}

static bool cr4_fixed(const struct duet_fields *f)
{
	return (~f->cr4 & vmx_features.cr4_fixed0) ||
		(f->cr4 & ~vmx_features.cr4_fixed1);
}

static bool cet(const struct duet_fields *f)
{
	return (f->cr4 & X86_CR4_CET) && !(f->cr0 & X86_CR0_WP);
}

static bool ia32e_paging(const struct duet_fields *f)
{
	return f->ia32e &&
		(!(f->cr0 & X86_CR0_PG) || !(f->cr4 & X86_CR4_PAE));
}

static bool pcide(const struct duet_fields *f)
{
	return !f->ia32e && (f->cr4 & X86_CR4_PCIDE);
}

static u32 vmx_cpuid_7_1_eax(void)
{
	u32 eax, ebx, ecx, edx;

	cpuid_count(7, 1, &eax, &ebx, &ecx, &edx);
	return eax;
}

static bool cr3(const struct duet_fields *f)
{
	u64 reserved = vmx_beyond_memory();

	if (boot_cpu_data.cpuid_level >= 7 &&
	    cpuid_eax(7) >= 1 &&
	    (vmx_cpuid_7_1_eax() & CPUID_7_1_EAX_LAM))
		reserved &= ~CR3_LAM;
	return f->cr3 & reserved;
}

static bool dr7(const struct duet_fields *f)
{
	return (f->entry & ENTRY_LOAD_DEBUG) &&
		vmx_vmread(VMCS_GUEST_DR7) >> 32;
}

static bool debugctl(const struct duet_fields *f)
{
	u64 reserved = DEBUGCTL_RESERVED;

	if (boot_cpu_has(X86_FEATURE_BUS_LOCK_DETECT))
		reserved &= ~(u64)DEBUGCTLMSR_BUS_LOCK_DETECT;
	return (f->entry & ENTRY_LOAD_DEBUG) &&
		(vmx_vmread(VMCS_GUEST_DEBUGCTL) & reserved);
}

static bool sysenter(const struct duet_fields *f)
{
	return !vmx_canonical(vmx_vmread(VMCS_GUEST_SYSENTER_ESP)) ||
		!vmx_canonical(vmx_vmread(VMCS_GUEST_SYSENTER_EIP));
}

static bool perf_global(const struct duet_fields *f)
{
	return (f->entry & ENTRY_LOAD_PERF_GLOBAL) &&
		vmx_bad_perf_global(vmx_vmread(VMCS_GUEST_PERF_GLOBAL));
}

static bool pat(const struct duet_fields *f)
{
	return (f->entry & ENTRY_LOAD_PAT) &&
		vmx_bad_pat(vmx_vmread(VMCS_GUEST_PAT));
}

static bool efer_reserved(const struct duet_fields *f)
{
	return (f->entry & ENTRY_LOAD_EFER) &&
		(f->efer & ~EFER_DEFINED);
}

static bool efer_lma(const struct duet_fields *f)
{
	return (f->entry & ENTRY_LOAD_EFER) &&
		(!!(f->efer & EFER_LMA) != f->ia32e ||
		 ((f->cr0 & X86_CR0_PG) &&
		  !(f->efer & EFER_LMA) != !(f->efer & EFER_LME)));
}

/*
 * 27.3.1.2: segment registers
 */

static bool usable(const struct duet_fields *f, unsigned int n)
{
	return !(f->seg[n].ar & DUET_AR_UNUSABLE);
}

static u8 type(const struct duet_fields *f, unsigned int n)
{
	return f->seg[n].ar & DUET_AR_TYPE;
}

static u8 dpl(const struct duet_fields *f, unsigned int n)
{
	return (f->seg[n].ar & DUET_AR_DPL) >> DUET_AR_DPL_SHIFT;
}

static u8 rpl(const struct duet_fields *f, unsigned int n)
{
	return f->seg[n].selector & SEGMENT_RPL_MASK;
}

static bool ti(const struct duet_fields *f)
{
	return (f->seg[DUET_TR].selector & SEGMENT_TI_MASK) ||
		(usable(f, DUET_LDTR) &&
		 (f->seg[DUET_LDTR].selector & SEGMENT_TI_MASK));
}

static bool ss_rpl(const struct duet_fields *f)
{
	return !f->v86 && !f->unrestricted &&
		rpl(f, DUET_SS) != rpl(f, DUET_CS);
}

static bool v86_segments(const struct duet_fields *f)
{
	unsigned int n;

	for (n = DUET_ES; f->v86 && n <= DUET_GS; n++)
		if (f->seg[n].base != (u64)f->seg[n].selector << 4 ||
		    f->seg[n].limit != 0xffff || f->seg[n].ar != 0xf3)
			return true;
	return false;
}

static bool base_canonical(const struct duet_fields *f)
{
	return !vmx_canonical(f->seg[DUET_TR].base) ||
		!vmx_canonical(f->seg[DUET_FS].base) ||
		!vmx_canonical(f->seg[DUET_GS].base) ||
		(usable(f, DUET_LDTR) &&
		 !vmx_canonical(f->seg[DUET_LDTR].base));
}

static bool base_high(const struct duet_fields *f)
{
	unsigned int n;

	for (n = DUET_ES; n <= DUET_DS; n++)
		if ((n == DUET_CS || usable(f, n)) && f->seg[n].base >> 32)
			return true;
	return false;
}

static bool cs_type(const struct duet_fields *f)
{
	u8 t = type(f, DUET_CS);

	return !f->v86 && t != 9 && t != 11 && t != 13 && t != 15 &&
		!(f->unrestricted && t == 3);
}

static bool ss_type(const struct duet_fields *f)
{
	return !f->v86 && usable(f, DUET_SS) && type(f, DUET_SS) != 3 &&
		type(f, DUET_SS) != 7;
}

/* Accessed, and if it is code, readable. */
static bool data_type(const struct duet_fields *f)
{
	static const u8 data[] = { DUET_ES, DUET_DS, DUET_FS, DUET_GS };
	unsigned int i;

	for (i = 0; !f->v86 && i < ARRAY_SIZE(data); i++) {
		u8 t = type(f, data[i]);

		if (usable(f, data[i]) && (!(t & 1) || ((t & 8) && !(t & 2))))
			return true;
	}
	return false;
}

static bool data_dpl(const struct duet_fields *f)
{
	static const u8 data[] = { DUET_ES, DUET_DS, DUET_FS, DUET_GS };
	unsigned int i;

	for (i = 0; !f->v86 && !f->unrestricted && i < ARRAY_SIZE(data); i++)
		if (usable(f, data[i]) && type(f, data[i]) < 12 &&
		    dpl(f, data[i]) < rpl(f, data[i]))
			return true;
	return false;
}

static bool not_code_or_data(const struct duet_fields *f)
{
	unsigned int n;

	for (n = DUET_ES; !f->v86 && n <= DUET_GS; n++)
		if ((n == DUET_CS || usable(f, n)) &&
		    (f->seg[n].ar & (DUET_AR_S | DUET_AR_P)) !=
		    (DUET_AR_S | DUET_AR_P))
			return true;
	return false;
}

static bool cs_dpl(const struct duet_fields *f)
{
	if (f->v86)
		return false;
	switch (type(f, DUET_CS)) {
	case 3:
		return dpl(f, DUET_CS) != 0;
	case 9:
	case 11:
		return dpl(f, DUET_CS) != dpl(f, DUET_SS);
	default:
		return dpl(f, DUET_CS) > dpl(f, DUET_SS);
	}
}

static bool ss_dpl(const struct duet_fields *f)
{
	if (f->v86)
		return false;
	if (!f->unrestricted && dpl(f, DUET_SS) != rpl(f, DUET_SS))
		return true;
	return (type(f, DUET_CS) == 3 || !(f->cr0 & X86_CR0_PE)) &&
		dpl(f, DUET_SS);
}

static bool ar_reserved(const struct duet_fields *f)
{
	unsigned int n;

	for (n = 0; n < DUET_NR_SEGS; n++)
		if ((n == DUET_CS || n == DUET_TR || usable(f, n)) &&
		    !(f->v86 && n <= DUET_GS) && (f->seg[n].ar & AR_RESERVED))
			return true;
	return false;
}

static bool cs_l_and_d(const struct duet_fields *f)
{
	return !f->v86 && f->ia32e && (f->seg[DUET_CS].ar & DUET_AR_L) &&
		(f->seg[DUET_CS].ar & DUET_AR_DB);
}

static bool granularity(const struct duet_fields *f)
{
	unsigned int n;

	for (n = 0; n < DUET_NR_SEGS; n++) {
		u32 limit = f->seg[n].limit;
		bool g = f->seg[n].ar & DUET_AR_G;

		if ((n != DUET_CS && !usable(f, n)) ||
		    (f->v86 && n <= DUET_GS))
			continue;
		if ((g && (limit & 0xfff) != 0xfff) || (!g && limit >> 20))
			return true;
	}
	return false;
}

static bool tr(const struct duet_fields *f)
{
	const u32 want = DUET_AR_P, look = DUET_AR_P | DUET_AR_S |
		DUET_AR_UNUSABLE;
	u8 t = type(f, DUET_TR);

	return (t != 11 && !(t == 3 && !f->ia32e)) ||
		(f->seg[DUET_TR].ar & look) != want;
}

static bool ldtr(const struct duet_fields *f)
{
	return usable(f, DUET_LDTR) &&
		(type(f, DUET_LDTR) != 2 ||
		 (f->seg[DUET_LDTR].ar & (DUET_AR_S | DUET_AR_P)) != DUET_AR_P);
}

/*
 * 27.3.1.3: descriptor-table registers; 27.3.1.4: RIP and RFLAGS
 */

static bool tables(const struct duet_fields *f)
{
	return !vmx_canonical(vmx_vmread(VMCS_GUEST_GDTR_BASE)) ||
		!vmx_canonical(vmx_vmread(VMCS_GUEST_IDTR_BASE)) ||
		vmx_vmread(VMCS_GUEST_GDTR_LIMIT) >> 16 ||
		vmx_vmread(VMCS_GUEST_IDTR_LIMIT) >> 16;
}

static bool rip(const struct duet_fields *f)
{
	if (!f->ia32e || !(f->seg[DUET_CS].ar & DUET_AR_L))
		return f->rip >> 32;
	return !vmx_canonical(f->rip);
}

static bool rflags(const struct duet_fields *f)
{
	return (f->rflags & RFLAGS_RESERVED) ||
		!(f->rflags & X86_EFLAGS_FIXED);
}

/* Then the segments are looked at as if it were 0: this is the cause. */
static bool rflags_vm(const struct duet_fields *f)
{
	return (f->rflags & X86_EFLAGS_VM) && !f->v86;
}

static bool in_shadow(const struct duet_fields *f)
{
	return f->blocking & (VMCS_BLOCKING_BY_STI | VMCS_BLOCKING_BY_MOV_SS);
}

static bool injects(const struct duet_fields *f, u32 kind)
{
	return (f->intr & (VMX_INTR_VALID | VMX_INTR_TYPE)) ==
		(VMX_INTR_VALID | kind);
}

static bool intr_if(const struct duet_fields *f)
{
	return injects(f, VMX_INTR_TYPE_EXTERNAL) &&
		!(f->rflags & X86_EFLAGS_IF);
}

/*
 * 27.3.1.5: non-register state; 27.3.1.6: PDPTEs
 */

static bool activity(const struct duet_fields *f)
{
	u64 misc = vmx_capability(MSR_IA32_VMX_MISC);

	if (f->activity == VMCS_ACTIVITY_ACTIVE)
		return false;
	return f->activity > VMCS_ACTIVITY_WAIT_SIPI ||
		!(misc >> MISC_ACTIVITY_SHIFT & BIT(f->activity - 1));
}

static bool activity_hlt(const struct duet_fields *f)
{
	return f->activity == VMCS_ACTIVITY_HLT && dpl(f, DUET_SS);
}

static bool activity_shadow(const struct duet_fields *f)
{
	return in_shadow(f) && f->activity != VMCS_ACTIVITY_ACTIVE;
}

/* Only what would end it can be injected into an inactive processor. */
static bool activity_event(const struct duet_fields *f)
{
	u8 vector = f->intr & VMX_INTR_VECTOR;
	bool nmi = injects(f, VMX_INTR_TYPE_NMI);
	bool mc = injects(f, VMX_INTR_TYPE_EXCEPTION) &&
		vector == X86_TRAP_MC;

	if (!(f->intr & VMX_INTR_VALID))
		return false;
	switch (f->activity) {
	case VMCS_ACTIVITY_HLT:
		return !nmi && !mc && !injects(f, VMX_INTR_TYPE_EXTERNAL) &&
			!injects(f, VMX_INTR_TYPE_OTHER) &&
			!(injects(f, VMX_INTR_TYPE_EXCEPTION) &&
			  vector == X86_TRAP_DB);
	case VMCS_ACTIVITY_SHUTDOWN:
		return !nmi && !mc;
	case VMCS_ACTIVITY_WAIT_SIPI:
		return true;
	default:
		return false;
	}
}

static bool blocking_reserved(const struct duet_fields *f)
{
	return f->blocking & VMCS_INTERRUPTIBILITY_RESERVED;
}

static bool blocking_both(const struct duet_fields *f)
{
	return (f->blocking & VMCS_BLOCKING_BY_STI) &&
		(f->blocking & VMCS_BLOCKING_BY_MOV_SS);
}

static bool blocking_sti_if(const struct duet_fields *f)
{
	return (f->blocking & VMCS_BLOCKING_BY_STI) &&
		!(f->rflags & X86_EFLAGS_IF);
}

static bool blocking_intr(const struct duet_fields *f)
{
	return (injects(f, VMX_INTR_TYPE_EXTERNAL) && in_shadow(f)) ||
		(injects(f, VMX_INTR_TYPE_NMI) &&
		 (f->blocking & VMCS_BLOCKING_BY_MOV_SS));
}

static bool blocking_nmi_sti(const struct duet_fields *f)
{
	return injects(f, VMX_INTR_TYPE_NMI) &&
		(f->blocking & VMCS_BLOCKING_BY_STI);
}

static bool blocking_smi(const struct duet_fields *f)
{
	return f->blocking & VMCS_BLOCKING_BY_SMI;
}

static bool blocking_nmi(const struct duet_fields *f)
{
	return (f->pin & PIN_VIRTUAL_NMIS) &&
		(f->blocking & VMCS_BLOCKING_BY_NMI) &&
		injects(f, VMX_INTR_TYPE_NMI);
}

static bool blocking_enclave(const struct duet_fields *f)
{
	return (f->blocking & VMCS_ENCLAVE_INTERRUPTION) &&
		((f->blocking & VMCS_BLOCKING_BY_MOV_SS) ||
		 !boot_cpu_has(X86_FEATURE_SGX));
}

static bool pending_reserved(const struct duet_fields *f)
{
	return f->pending & VMCS_PENDING_DEBUG_RESERVED;
}

static bool pending_step(const struct duet_fields *f)
{
	bool step = (f->rflags & X86_EFLAGS_TF) &&
		!(vmx_vmread(VMCS_GUEST_DEBUGCTL) & DEBUGCTLMSR_BTF);

	return (in_shadow(f) || f->activity == VMCS_ACTIVITY_HLT) &&
		step != !!(f->pending & VMCS_PENDING_DEBUG_BS);
}

/* A debug exception in a transaction, where breakpoints were enabled. */
static bool pending_rtm(const struct duet_fields *f)
{
	if (!(f->pending & VMCS_PENDING_DEBUG_RTM))
		return false;
	return (f->pending & ~(u64)VMCS_PENDING_DEBUG_RTM) !=
		VMCS_PENDING_DEBUG_ENABLED ||
		(f->blocking & VMCS_BLOCKING_BY_MOV_SS) ||
		!boot_cpu_has(X86_FEATURE_RTM);
}

static bool link_pointer(const struct duet_fields *f)
{
	return vmx_vmread(VMCS_LINK_POINTER) != ~0ULL;
}

static bool pdptes(const struct duet_fields *f)
{
	u64 reserved = vmx_beyond_memory() | GENMASK_ULL(8, 5) |
		GENMASK_ULL(2, 1);
	unsigned int i;

	if (!(f->cr0 & X86_CR0_PG) || !(f->cr4 & X86_CR4_PAE) || f->ia32e)
		return false;
	for (i = 0; i < 4; i++) {
		u64 pdpte = vmx_vmread(VMCS_GUEST_PDPTE(i));

		if ((pdpte & 1) && (pdpte & reserved))
			return true;
	}
	return false;
}

/* What is injected where a rule is about that. */
#define INJECT(info)	PUT(VMCS_ENTRY_INTR_INFO, VMX_INTR_VALID | (info))
#define BLOCK(bits)	PUT(VMCS_GUEST_INTERRUPTIBILITY, bits)

/* A 32-bit guest, as far as a VM entry looks. */
#define ENTRY_32BIT	CLEAR(VMCS_ENTRY_CONTROLS, ENTRY_IA32E)
#define EFER_32BIT	CLEAR(VMCS_GUEST_EFER, EFER_LMA | EFER_LME)

const struct duet_rule vmx_guest_rules[] = {
	DUET_RULE(cr0_fixed, "CR0: fixed bits",
		  "27.3.1.1", CLEAR(VMCS_GUEST_CR0, X86_CR0_NE)),
	DUET_RULE(pg_without_pe, "CR0.PG is 1 and CR0.PE is 0",
		  "27.3.1.1", CLEAR(VMCS_GUEST_CR0, X86_CR0_PE)),
	DUET_RULE(cr4_fixed, "CR4: fixed bits",
		  "27.3.1.1", SET(VMCS_GUEST_CR4, BIT_ULL(63))),
	DUET_RULE(cet, "CR4.CET is 1 and CR0.WP is 0",
		  "27.3.1.1", NEED(VMCS_GUEST_CR4, X86_CR4_CET),
		  CLEAR(VMCS_GUEST_CR0, X86_CR0_WP)),
	DUET_RULE(debugctl, "DEBUGCTL: reserved bits",
		  "27.3.1.1", SET(VMCS_GUEST_DEBUGCTL, BIT_ULL(63))),
	DUET_RULE(ia32e_paging, "IA-32e mode without CR0.PG or CR4.PAE",
		  "27.3.1.1", CLEAR(VMCS_GUEST_CR4, X86_CR4_PAE)),
	DUET_RULE(pcide, "CR4.PCIDE outside IA-32e mode",
		  "27.3.1.1", ENTRY_32BIT, EFER_32BIT,
		  NEED(VMCS_GUEST_CR4, X86_CR4_PCIDE)),
	DUET_RULE(cr3, "CR3: reserved bits",
		  "27.3.1.1", SET(VMCS_GUEST_CR3, BEYOND_MEMORY)),
	DUET_RULE(dr7, "DR7[63:32] is not 0",
		  "27.3.1.1", SET(VMCS_GUEST_DR7, BIT_ULL(32))),
	DUET_RULE(sysenter, "SYSENTER ESP or EIP not canonical",
		  "27.3.1.1", PUT(VMCS_GUEST_SYSENTER_EIP, NOT_CANONICAL)),
	DUET_RULE(perf_global, "PERF_GLOBAL_CTRL: reserved bits",
		  "27.3.1.1", NEED(VMCS_ENTRY_CONTROLS, ENTRY_LOAD_PERF_GLOBAL),
		  PUT(VMCS_GUEST_PERF_GLOBAL, BIT_ULL(63))),
	DUET_RULE(pat, "PAT: reserved memory type",
		  "27.3.1.1", PUT(VMCS_GUEST_PAT, 2)),
	DUET_RULE(efer_reserved, "EFER: reserved bits",
		  "27.3.1.1", SET(VMCS_GUEST_EFER, BIT(1))),
	DUET_RULE(efer_lma, "EFER.LMA does not fit IA-32e mode or EFER.LME",
		  "27.3.1.1", CLEAR(VMCS_GUEST_EFER, EFER_LME)),

	DUET_RULE(ti, "TR or LDTR: selector's TI is 1",
		  "27.3.1.2", SET(VMCS_GUEST_SELECTOR(DUET_TR),
				  SEGMENT_TI_MASK)),
	DUET_RULE(ss_rpl, "SS.RPL is not CS.RPL",
		  "27.3.1.2", CLEAR(VMCS_CPU2_CONTROLS,
				    CPU2_UNRESTRICTED_GUEST),
		  SET(VMCS_GUEST_SELECTOR(DUET_CS), SEGMENT_RPL_MASK)),
	DUET_RULE(v86_segments, "virtual-8086 mode: base, limit or rights",
		  "27.3.1.2", ENTRY_32BIT, EFER_32BIT,
		  SET(VMCS_GUEST_RFLAGS, X86_EFLAGS_VM)),
	DUET_RULE(base_canonical, "TR, FS, GS or LDTR: base not canonical",
		  "27.3.1.2", PUT(VMCS_GUEST_BASE(DUET_FS), NOT_CANONICAL)),
	DUET_RULE(base_high, "CS, SS, DS or ES: base[63:32] is not 0",
		  "27.3.1.2", SET(VMCS_GUEST_BASE(DUET_CS), BIT_ULL(32))),
	DUET_RULE(cs_type, "CS: type",
		  "27.3.1.2", FLIP(VMCS_GUEST_AR(DUET_CS), DUET_AR_TYPE, 1)),
	DUET_RULE(ss_type, "SS: type",
		  "27.3.1.2", FLIP(VMCS_GUEST_AR(DUET_SS), DUET_AR_TYPE, 1)),
	DUET_RULE(data_type, "DS, ES, FS or GS: type",
		  "27.3.1.2", FLIP(VMCS_GUEST_AR(DUET_DS), DUET_AR_TYPE, 2)),
	DUET_RULE(not_code_or_data, "a segment without S or P",
		  "27.3.1.2", CLEAR(VMCS_GUEST_AR(DUET_CS), DUET_AR_P)),
	DUET_RULE(cs_dpl, "CS: DPL",
		  "27.3.1.2", SET(VMCS_GUEST_AR(DUET_CS), DUET_AR_DPL)),
	DUET_RULE(ss_dpl, "SS: DPL",
		  "27.3.1.2", CLEAR(VMCS_CPU2_CONTROLS,
				    CPU2_UNRESTRICTED_GUEST),
		  SET(VMCS_GUEST_SELECTOR(DUET_SS), SEGMENT_RPL_MASK),
		  SET(VMCS_GUEST_SELECTOR(DUET_CS), SEGMENT_RPL_MASK)),
	DUET_RULE(data_dpl, "DS, ES, FS or GS: DPL below RPL",
		  "27.3.1.2", CLEAR(VMCS_CPU2_CONTROLS,
				    CPU2_UNRESTRICTED_GUEST),
		  SET(VMCS_GUEST_SELECTOR(DUET_DS), SEGMENT_RPL_MASK)),
	DUET_RULE(ar_reserved, "access rights: reserved bits",
		  "27.3.1.2", SET(VMCS_GUEST_AR(DUET_CS), BIT(8))),
	DUET_RULE(cs_l_and_d, "CS.L and CS.D in IA-32e mode",
		  "27.3.1.2", SET(VMCS_GUEST_AR(DUET_CS), DUET_AR_DB)),
	DUET_RULE(granularity, "a segment's limit and G do not fit",
		  "27.3.1.2", CLEAR(VMCS_GUEST_AR(DUET_CS), DUET_AR_G)),
	DUET_RULE(tr, "TR: not a busy TSS, not present or unusable",
		  "27.3.1.2", FLIP(VMCS_GUEST_AR(DUET_TR), DUET_AR_TYPE, 9)),
	DUET_RULE(ldtr, "LDTR: not an LDT or not present",
		  "27.3.1.2", PUT(VMCS_GUEST_AR(DUET_LDTR), DUET_AR_P | 1),
		  PUT(VMCS_GUEST_LIMIT(DUET_LDTR), 0)),

	DUET_RULE(tables, "GDTR or IDTR: base or limit",
		  "27.3.1.3", PUT(VMCS_GUEST_GDTR_LIMIT, BIT(16))),

	DUET_RULE(rip, "RIP: too many bits",
		  "27.3.1.4", PUT(VMCS_GUEST_RIP, NOT_CANONICAL)),
	DUET_RULE(rflags, "RFLAGS: reserved bits",
		  "27.3.1.4", SET(VMCS_GUEST_RFLAGS, BIT(3))),
	DUET_RULE(rflags_vm, "RFLAGS.VM in IA-32e or real mode",
		  "27.3.1.4", SET(VMCS_GUEST_RFLAGS, X86_EFLAGS_VM)),
	DUET_RULE(intr_if, "interrupt injected with RFLAGS.IF 0",
		  "27.3.1.4", INJECT(VMX_INTR_TYPE_EXTERNAL | 0x20),
		  CLEAR(VMCS_GUEST_RFLAGS, X86_EFLAGS_IF)),

	DUET_RULE(activity, "activity state not supported",
		  "27.3.1.5", PUT(VMCS_GUEST_ACTIVITY,
				  VMCS_ACTIVITY_WAIT_SIPI + 1)),
	DUET_RULE(activity_hlt, "activity state HLT and SS.DPL is not 0",
		  "27.3.1.5", PUT(VMCS_GUEST_ACTIVITY, VMCS_ACTIVITY_HLT),
		  SET(VMCS_GUEST_AR(DUET_SS), DUET_AR_DPL),
		  SET(VMCS_GUEST_AR(DUET_CS), DUET_AR_DPL),
		  SET(VMCS_GUEST_SELECTOR(DUET_SS), SEGMENT_RPL_MASK),
		  SET(VMCS_GUEST_SELECTOR(DUET_CS), SEGMENT_RPL_MASK)),
	DUET_RULE(activity_shadow, "inactive in an STI or MOV SS shadow",
		  "27.3.1.5", PUT(VMCS_GUEST_ACTIVITY, VMCS_ACTIVITY_HLT),
		  BLOCK(VMCS_BLOCKING_BY_MOV_SS)),
	DUET_RULE(activity_event, "event injected that does not end inactivity",
		  "27.3.1.5", PUT(VMCS_GUEST_ACTIVITY, VMCS_ACTIVITY_HLT),
		  INJECT(VMX_INTR_TYPE_SOFT_INTR | 0x20),
		  PUT(VMCS_ENTRY_INSN_LEN, 2)),
	DUET_RULE(blocking_reserved, "interruptibility: reserved bits",
		  "27.3.1.5", BLOCK(BIT(5))),
	DUET_RULE(blocking_both, "blocking by STI and by MOV SS",
		  "27.3.1.5", SET(VMCS_GUEST_RFLAGS, X86_EFLAGS_IF),
		  BLOCK(VMCS_BLOCKING_BY_STI | VMCS_BLOCKING_BY_MOV_SS)),
	DUET_RULE(blocking_sti_if, "blocking by STI with RFLAGS.IF 0",
		  "27.3.1.5", CLEAR(VMCS_GUEST_RFLAGS, X86_EFLAGS_IF),
		  BLOCK(VMCS_BLOCKING_BY_STI)),
	DUET_RULE(blocking_intr, "event injected into an STI or MOV SS shadow",
		  "27.3.1.5", INJECT(VMX_INTR_TYPE_EXTERNAL | 0x20),
		  SET(VMCS_GUEST_RFLAGS, X86_EFLAGS_IF),
		  BLOCK(VMCS_BLOCKING_BY_MOV_SS)),
	DUET_RULE(blocking_nmi_sti,
		  "NMI injected into an STI shadow, which some CPUs refuse",
		  "27.3.1.5", INJECT(VMX_INTR_TYPE_NMI | X86_TRAP_NMI),
		  SET(VMCS_GUEST_RFLAGS, X86_EFLAGS_IF),
		  BLOCK(VMCS_BLOCKING_BY_STI)),
	DUET_RULE(blocking_smi, "blocking by SMI outside SMM",
		  "27.3.1.5", BLOCK(VMCS_BLOCKING_BY_SMI)),
	DUET_RULE(blocking_nmi, "NMI injected while NMIs are blocked",
		  "27.3.1.5", INJECT(VMX_INTR_TYPE_NMI | X86_TRAP_NMI),
		  BLOCK(VMCS_BLOCKING_BY_NMI)),
	DUET_RULE(blocking_enclave,
		  "enclave interruption without SGX or in a MOV SS shadow",
		  "27.3.1.5", BLOCK(VMCS_ENCLAVE_INTERRUPTION |
				    VMCS_BLOCKING_BY_MOV_SS)),
	DUET_RULE(pending_reserved, "pending debug exceptions: reserved bits",
		  "27.3.1.5", PUT(VMCS_GUEST_PENDING_DEBUG, BIT(4))),
	DUET_RULE(pending_step, "pending single step does not fit RFLAGS.TF",
		  "27.3.1.5", PUT(VMCS_GUEST_PENDING_DEBUG,
				  VMCS_PENDING_DEBUG_BS),
		  BLOCK(VMCS_BLOCKING_BY_MOV_SS)),
	DUET_RULE(pending_rtm, "pending debug exceptions: RTM",
		  "27.3.1.5", PUT(VMCS_GUEST_PENDING_DEBUG,
				  VMCS_PENDING_DEBUG_RTM)),
	DUET_RULE(link_pointer, "VMCS link pointer",
		  "27.3.1.5", CLEAR(VMCS_LINK_POINTER, 1)),

	DUET_RULE(pdptes, "PDPTE: reserved bits",
		  "27.3.1.6", ENTRY_32BIT, EFER_32BIT,
		  PUT(VMCS_GUEST_PDPTE(0), 3)),
	{ },
};
