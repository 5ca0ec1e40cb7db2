// SPDX-License-Identifier: GPL-2.0
/*
 * Why VMRUN refused a guest: the canonicalization and consistency checks of
 * APM vol. 2, 15.5.1, over the VMCB as it is. Called through the ops table
 * after an entry that failed; calls nothing.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/trapnr.h>
#include "svm/svm.h"

/* Bits that no processor of today defines (APM vol. 2, 3.1). */
#define EFER_DEFINED	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX |	\
			 EFER_SVME | EFER_LMSLE | EFER_FFXSR |		\
			 BIT_ULL(15) | GENMASK_ULL(21, 17))
#define CR4_DEFINED	(GENMASK_ULL(12, 0) | GENMASK_ULL(18, 16) |	\
			 GENMASK_ULL(23, 20))

#define IOPM_SIZE	0x3000
#define MSRPM_SIZE	0x2000

#define ATTRIB_L	BIT(9)
#define ATTRIB_D	BIT(10)

static u64 beyond_memory(void)
{
	return GENMASK_ULL(63, boot_cpu_data.x86_phys_bits);
}

static bool svme_clear(const struct vmcb *v)
{
	return !(v->save.efer & EFER_SVME);
}

static bool cd_nw(const struct vmcb *v)
{
	return !(v->save.cr0 & X86_CR0_CD) && (v->save.cr0 & X86_CR0_NW);
}

static bool cr0_high(const struct vmcb *v)
{
	return v->save.cr0 >> 32;
}

static bool cr3_reserved(const struct vmcb *v)
{
	/* Bit 63 is MBZ, and so is what is beyond the physical address. */
	return (v->save.efer & EFER_LMA) && (v->save.cr3 & beyond_memory() &
					     ~(u64)sme_me_mask);
}

static bool cr4_reserved(const struct vmcb *v)
{
	return v->save.cr4 & ~CR4_DEFINED;
}

static bool dr_high(const struct vmcb *v)
{
	return v->save.dr6 >> 32 || v->save.dr7 >> 32;
}

static bool efer_reserved(const struct vmcb *v)
{
	return v->save.efer & ~EFER_DEFINED;
}

static bool no_long_mode(const struct vmcb *v)
{
	return (v->save.efer & (EFER_LMA | EFER_LME)) &&
		!boot_cpu_has(X86_FEATURE_LM);
}

static bool long_mode_on(const struct vmcb *v)
{
	return (v->save.efer & EFER_LME) && (v->save.cr0 & X86_CR0_PG);
}

static bool lme_without_pae(const struct vmcb *v)
{
	return long_mode_on(v) && !(v->save.cr4 & X86_CR4_PAE);
}

static bool lme_without_pe(const struct vmcb *v)
{
	return long_mode_on(v) && !(v->save.cr0 & X86_CR0_PE);
}

static bool cs_l_and_d(const struct vmcb *v)
{
	return long_mode_on(v) && (v->save.cr4 & X86_CR4_PAE) &&
		(v->save.cs.attrib & ATTRIB_L) &&
		(v->save.cs.attrib & ATTRIB_D);
}

static bool vmrun_not_intercepted(const struct vmcb *v)
{
	return !(v->control.intercepts[INTERCEPT_VMRUN / 32] &
		 BIT(INTERCEPT_VMRUN % 32));
}

static bool map_too_high(const struct vmcb *v)
{
	u64 end_iopm = v->control.iopm_base_pa + IOPM_SIZE - 1;
	u64 end_msrpm = v->control.msrpm_base_pa + MSRPM_SIZE - 1;

	return (end_iopm | end_msrpm) & beyond_memory() & ~(u64)sme_me_mask;
}

static bool bad_event_type(const struct vmcb *v)
{
	u32 inj = v->control.event_inj;

	if (!(inj & VMCB_EVENT_VALID))
		return false;
	switch (inj & VMCB_EVENT_TYPE) {
	case VMCB_EVENT_TYPE_INTR:
	case VMCB_EVENT_TYPE_NMI:
	case VMCB_EVENT_TYPE_EXCEPTION:
	case VMCB_EVENT_TYPE_SOFT:
		return false;
	}
	return true;
}

static bool bad_event_vector(const struct vmcb *v)
{
	u32 inj = v->control.event_inj;
	u8 vector = inj & VMCB_EVENT_VECTOR;

	if (!(inj & VMCB_EVENT_VALID) ||
	    (inj & VMCB_EVENT_TYPE) != VMCB_EVENT_TYPE_EXCEPTION)
		return false;
	if (vector == X86_TRAP_NMI || vector > 31)
		return true;
	/* BOUND does not exist in 64-bit mode. */
	return vector == X86_TRAP_BR && (v->save.efer & EFER_LMA) &&
		(v->save.cs.attrib & ATTRIB_L);
}

static bool asid_zero(const struct vmcb *v)
{
	return !v->control.guest_asid;
}

static bool asid_too_high(const struct vmcb *v)
{
	return v->control.guest_asid >= svm_features.nr_asids;
}

static bool bad_pat(const struct vmcb *v)
{
	u64 pat = v->save.g_pat;
	int i;

	if (!(v->control.nested_ctl & VMCB_NP_ENABLE))
		return false;
	for (i = 0; i < 8; i++, pat >>= 8) {
		u8 type = pat;

		/* UC, WC, WT, WP, WB, UC- (APM vol. 2, 7.8.1) */
		if (type > 7 || type == 2 || type == 3)
			return true;
	}
	return false;
}

static bool bad_nested_cr3(const struct vmcb *v)
{
	return (v->control.nested_ctl & VMCB_NP_ENABLE) &&
		(v->control.nested_cr3 & beyond_memory() & ~(u64)sme_me_mask);
}

static bool nested_without_cpu(const struct vmcb *v)
{
	return (v->control.nested_ctl & VMCB_NP_ENABLE) && !svm_features.npt;
}

static bool cet_without_wp(const struct vmcb *v)
{
	return (v->save.cr4 & BIT_ULL(23)) && !(v->save.cr0 & X86_CR0_WP);
}

/* In the order of the manual. */
static const struct svm_rule {
	bool (*broken)(const struct vmcb *v);
	const char *rule;
	const char *section;
} svm_rules[] = {
	{ svme_clear, "EFER.SVME is 0", "15.5.1" },
	{ cd_nw, "CR0.CD is 0 and CR0.NW is 1", "15.5.1" },
	{ cr0_high, "CR0[63:32] is not 0", "15.5.1" },
	{ cr3_reserved, "a reserved bit of CR3 is 1", "15.5.1" },
	{ cr4_reserved, "a reserved bit of CR4 is 1", "15.5.1" },
	{ dr_high, "DR6[63:32] or DR7[63:32] is not 0", "15.5.1" },
	{ efer_reserved, "a reserved bit of EFER is 1", "15.5.1" },
	{ no_long_mode, "EFER.LME or LMA without long mode", "15.5.1" },
	{ lme_without_pae, "EFER.LME and CR0.PG, but not CR4.PAE", "15.5.1" },
	{ lme_without_pe, "EFER.LME and CR0.PG, but not CR0.PE", "15.5.1" },
	{ cs_l_and_d, "CS.L and CS.D in long mode", "15.5.1" },
	{ vmrun_not_intercepted, "VMRUN is not intercepted", "15.5.1" },
	{ map_too_high, "a permission map beyond physical memory", "15.5.1" },
	{ bad_event_type, "EVENTINJ: reserved type", "15.20" },
	{ bad_event_vector, "EVENTINJ: no exception has this vector",
	  "15.20" },
	{ asid_zero, "ASID is 0", "15.5.1" },
	{ asid_too_high, "ASID is not supported by this CPU", "15.16.1" },
	{ cet_without_wp, "CR4.CET is 1 and CR0.WP is 0", "15.5.1" },
	{ nested_without_cpu, "nested paging without the feature", "15.25.3" },
	{ bad_nested_cr3, "nCR3 beyond physical memory", "15.25.3" },
	{ bad_pat, "G_PAT: reserved memory type", "15.25.4" },
};

void svm_explain(struct duet_vcpu *vcpu, char *buf, size_t size)
{
	const struct vmcb *v = to_svm(vcpu)->vmcb;
	unsigned int i;
	int n = 0;

	if (!size)
		return;
	buf[0] = 0;
	if (vcpu->exit.hw_reason != VMEXIT_INVALID) {
		scnprintf(buf, size,
			  "an SVM instruction faulted: SVM is off on this CPU, or the VMCB's address is bad (APM vol. 2, 15.5.1)");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(svm_rules); i++) {
		if (!svm_rules[i].broken(v))
			continue;
		n += scnprintf(buf + n, size - n, "%s%s (APM vol. 2, %s)",
			       n ? "; " : "", svm_rules[i].rule,
			       svm_rules[i].section);
	}
	if (!n)
		scnprintf(buf, size,
			  "none of the rules of APM vol. 2, 15.5.1 is broken");
}
