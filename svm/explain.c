// SPDX-License-Identifier: GPL-2.0
/*
 * Why VMRUN refused a guest: the canonicalization and consistency checks of
 * APM vol. 2, 15.5.1, over the VMCB as it is. Called by run.c and exits.c
 * right after the entry; calls nothing.
 *
 * Not here: long mode on a processor without it, and nested paging likewise.
 */
#include <linux/kernel.h>
#include <linux/mem_encrypt.h>
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

/*
 * The vectors that are exceptions (APM vol. 2, table 8-1): not NMI, the
 * coprocessor's 9 and what is reserved; #VE is Intel's.
 */
#define EXCEPTIONS	((GENMASK_ULL(8, 0) & ~BIT_ULL(X86_TRAP_NMI)) | \
			 GENMASK_ULL(14, 10) | GENMASK_ULL(19, 16) |	\
			 BIT_ULL(X86_TRAP_CP) | GENMASK_ULL(30, 28))

#define IOPM_SIZE	0x3000
#define MSRPM_SIZE	0x2000

#define ATTRIB_L	BIT(9)
#define ATTRIB_D	BIT(10)

/** struct duet_fields - what the rules look at; @event_inj: handed over */
struct duet_fields {
	const struct vmcb_control *control;
	const struct vmcb_save *save;
	u32 event_inj;
};

/* Of an address that may have the encryption bit. */
static u64 beyond_memory(void)
{
	return GENMASK_ULL(63, boot_cpu_data.x86_phys_bits) & ~(u64)sme_me_mask;
}

static bool svme_clear(const struct duet_fields *f)
{
	return !(f->save->efer & EFER_SVME);
}

static bool cd_nw(const struct duet_fields *f)
{
	return !(f->save->cr0 & X86_CR0_CD) && (f->save->cr0 & X86_CR0_NW);
}

static bool cr0_high(const struct duet_fields *f)
{
	return f->save->cr0 >> 32;
}

static bool cr3_reserved(const struct duet_fields *f)
{
	/* Bit 63 is MBZ, and so is what is beyond the physical address. */
	return (f->save->efer & EFER_LMA) && (f->save->cr3 & beyond_memory());
}

static bool cr4_reserved(const struct duet_fields *f)
{
	return f->save->cr4 & ~CR4_DEFINED;
}

static bool dr_high(const struct duet_fields *f)
{
	return f->save->dr6 >> 32 || f->save->dr7 >> 32;
}

static bool efer_reserved(const struct duet_fields *f)
{
	return f->save->efer & ~EFER_DEFINED;
}

static bool long_mode_on(const struct duet_fields *f)
{
	return (f->save->efer & EFER_LME) && (f->save->cr0 & X86_CR0_PG);
}

static bool lme_without_pae(const struct duet_fields *f)
{
	return long_mode_on(f) && !(f->save->cr4 & X86_CR4_PAE);
}

static bool lme_without_pe(const struct duet_fields *f)
{
	return long_mode_on(f) && !(f->save->cr0 & X86_CR0_PE);
}

static bool cs_l_and_d(const struct duet_fields *f)
{
	return long_mode_on(f) && (f->save->cr4 & X86_CR4_PAE) &&
		(f->save->cs.attrib & ATTRIB_L) &&
		(f->save->cs.attrib & ATTRIB_D);
}

static bool vmrun_not_intercepted(const struct duet_fields *f)
{
	return !(f->control->intercepts[INTERCEPT_VMRUN / 32] &
		 BIT(INTERCEPT_VMRUN % 32));
}

static bool map_too_high(const struct duet_fields *f)
{
	u64 end_iopm = f->control->iopm_base_pa + IOPM_SIZE - 1;
	u64 end_msrpm = f->control->msrpm_base_pa + MSRPM_SIZE - 1;

	return (end_iopm | end_msrpm) & beyond_memory();
}

static bool bad_event_type(const struct duet_fields *f)
{
	u32 inj = f->event_inj;

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

static bool bad_event_vector(const struct duet_fields *f)
{
	u32 inj = f->event_inj;
	u8 vector = inj & VMCB_EVENT_VECTOR;

	if (!(inj & VMCB_EVENT_VALID) ||
	    (inj & VMCB_EVENT_TYPE) != VMCB_EVENT_TYPE_EXCEPTION)
		return false;
	if (!(EXCEPTIONS & BIT_ULL(vector & 63)) || vector > 31)
		return true;
	/* BOUND does not exist in 64-bit mode. */
	return vector == X86_TRAP_BR && (f->save->efer & EFER_LMA) &&
		(f->save->cs.attrib & ATTRIB_L);
}

static bool asid_zero(const struct duet_fields *f)
{
	return !f->control->guest_asid;
}

static bool asid_too_high(const struct duet_fields *f)
{
	return f->control->guest_asid >= svm_features.nr_asids;
}

static bool bad_pat(const struct duet_fields *f)
{
	u64 pat = f->save->g_pat;
	int i;

	if (!(f->control->nested_ctl & VMCB_NP_ENABLE))
		return false;
	for (i = 0; i < 8; i++, pat >>= 8) {
		u8 type = pat;

		/* UC, WC, WT, WP, WB, UC- (APM vol. 2, 7.8.1) */
		if (type > 7 || type == 2 || type == 3)
			return true;
	}
	return false;
}

static bool bad_nested_cr3(const struct duet_fields *f)
{
	return (f->control->nested_ctl & VMCB_NP_ENABLE) &&
		(f->control->nested_cr3 & beyond_memory());
}

static bool cet_without_wp(const struct duet_fields *f)
{
	return (f->save->cr4 & X86_CR4_CET) && !(f->save->cr0 & X86_CR0_WP);
}

/* Changes to a field of the VMCB, see struct duet_change. */
#define FIELD(member)	.field = offsetof(struct vmcb, member), \
			.size = sizeof_field(struct vmcb, member)
#define SET(member, bits)	{ FIELD(member), .set = bits }
#define CLEAR(member, bits)	{ FIELD(member), .clear = bits }
#define PUT(member, value)	{ FIELD(member), .clear = ~0ULL, .set = value }

/* An address that has no meaning on any CPU so far. */
#define BEYOND_MEMORY		BIT_ULL(60)

const struct duet_rule svm_control_rules[] = {
	DUET_RULE(vmrun_not_intercepted, "VMRUN is not intercepted",
		  "15.5.1", CLEAR(control.intercepts[INTERCEPT_VMRUN / 32],
				  BIT(INTERCEPT_VMRUN % 32))),
	DUET_RULE(map_too_high, "a permission map beyond physical memory",
		  "15.5.1", SET(control.iopm_base_pa, BEYOND_MEMORY)),
	DUET_RULE(bad_event_type, "EVENTINJ: reserved type",
		  "15.20", PUT(control.event_inj,
			       VMCB_EVENT_VALID | 1 << 8 | 0x20)),
	DUET_RULE(bad_event_vector, "EVENTINJ: no exception has this vector",
		  "15.20", PUT(control.event_inj, VMCB_EVENT_VALID |
			       VMCB_EVENT_TYPE_EXCEPTION | X86_TRAP_NMI)),
	DUET_RULE(asid_zero, "ASID is 0",
		  "15.5.1", PUT(control.guest_asid, 0)),
	DUET_RULE(asid_too_high, "ASID is not supported by this CPU",
		  "15.16.1", PUT(control.guest_asid, U32_MAX)),
	DUET_RULE(bad_nested_cr3, "nCR3 beyond physical memory",
		  "15.25.3", SET(control.nested_cr3, BEYOND_MEMORY)),
	{ },
};

const struct duet_rule svm_guest_rules[] = {
	DUET_RULE(svme_clear, "EFER.SVME is 0",
		  "15.5.1", CLEAR(save.efer, EFER_SVME)),
	DUET_RULE(cd_nw, "CR0.CD is 0 and CR0.NW is 1",
		  "15.5.1", SET(save.cr0, X86_CR0_NW)),
	DUET_RULE(cr0_high, "CR0[63:32] is not 0",
		  "15.5.1", SET(save.cr0, BIT_ULL(32))),
	DUET_RULE(cr3_reserved, "a reserved bit of CR3 is 1",
		  "15.5.1", SET(save.cr3, BEYOND_MEMORY)),
	DUET_RULE(cr4_reserved, "a reserved bit of CR4 is 1",
		  "15.5.1", SET(save.cr4, BIT_ULL(63))),
	DUET_RULE(dr_high, "DR6[63:32] or DR7[63:32] is not 0",
		  "15.5.1", SET(save.dr7, BIT_ULL(32))),
	DUET_RULE(efer_reserved, "a reserved bit of EFER is 1",
		  "15.5.1", SET(save.efer, BIT_ULL(63))),
	DUET_RULE(lme_without_pae, "EFER.LME and CR0.PG, but not CR4.PAE",
		  "15.5.1", CLEAR(save.cr4, X86_CR4_PAE)),
	DUET_RULE(lme_without_pe, "EFER.LME and CR0.PG, but not CR0.PE",
		  "15.5.1", CLEAR(save.cr0, X86_CR0_PE)),
	DUET_RULE(cs_l_and_d, "CS.L and CS.D in long mode",
		  "15.5.1", SET(save.cs.attrib, ATTRIB_D)),
	DUET_RULE(cet_without_wp, "CR4.CET is 1 and CR0.WP is 0",
		  "15.5.1", SET(save.cr4, X86_CR4_CET),
		  CLEAR(save.cr0, X86_CR0_WP)),
	DUET_RULE(bad_pat, "G_PAT: reserved memory type",
		  "15.25.4", PUT(save.g_pat, 2)),
	{ },
};

/* The manual has no order: all of it is one exit code. */
void svm_explain(struct svm_vcpu *svm)
{
	const struct duet_fields f = {
		.control = &svm->vmcb->control,
		.save = &svm->vmcb->save,
		.event_inj = svm->event_inj,
	};
	struct duet_vcpu *vcpu = &svm->vcpu;

	if (vcpu->exit.hw_reason != VMEXIT_INVALID) {
		duet_explain(vcpu,
			     "an SVM instruction faulted: SVM is off on this CPU, or the VMCB's address is bad (APM vol. 2, 15.5.1)");
		return;
	}
	duet_explain(vcpu, "APM vol. 2: VMRUN refused the guest");
	duet_explain_rules(vcpu, BIT(DUET_RULES_CONTROLS) |
			   BIT(DUET_RULES_GUEST), &f);
}
