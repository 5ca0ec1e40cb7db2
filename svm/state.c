// SPDX-License-Identifier: GPL-2.0
/*
 * Register groups between vcpu->state and the VMCB's save area, and what the
 * VMCB needs beyond the guest's view. Called through the ops table and by
 * run.c for the groups that it does not move itself.
 */
#include <linux/mem_encrypt.h>
#include <asm/tlbflush.h>
#include "svm/svm.h"
#include "uapi/duet.h"

/* The lower 8 attribute bits are alike; AVL, L, D/B and G stand 4 lower. */
#define ATTRIB_LOW	0x00ff
#define ATTRIB_HIGH	0x0f00
#define ATTRIB_SHIFT	4

#define AR_TYPE_ACCESSED	0x1	/* data and code (APM vol. 2, 4.7) */
#define AR_TYPE_BUSY		0x2	/* TSS (APM vol. 2, 4.8.3) */

/* What has no meaning while the guest does not page but the CPU does. */
#define CR4_PAGED_ONLY	(X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE)

/* What VMRUN looks at before it enters (APM vol. 2, 15.5.1). */
#define ST_CHECKED	(DUET_ST_CR0 | DUET_ST_CR3 | DUET_ST_CR4 | \
			 DUET_ST_EFER | DUET_ST_DR | DUET_ST_MSRS | \
			 DUET_ST_SEG(DUET_CS))

static struct vmcb_segment *svm_segment(struct vmcb_save *save, unsigned int n)
{
	switch (n) {
	case DUET_ES:
		return &save->es;
	case DUET_CS:
		return &save->cs;
	case DUET_SS:
		return &save->ss;
	case DUET_DS:
		return &save->ds;
	case DUET_FS:
		return &save->fs;
	case DUET_GS:
		return &save->gs;
	case DUET_LDTR:
		return &save->ldtr;
	default:
		return &save->tr;
	}
}

void svm_get_segment(struct svm_vcpu *svm, unsigned int n)
{
	struct vmcb_save *save = &svm->vmcb->save;
	const struct vmcb_segment *from = svm_segment(save, n);
	struct duet_segment *to = &svm->vcpu.state.seg[n];
	u32 ar = (from->attrib & ATTRIB_LOW) |
		 (from->attrib & ATTRIB_HIGH) << ATTRIB_SHIFT;

	/* CPUs do not keep G; the limit tells. */
	ar &= ~DUET_AR_G;
	if (from->limit > 0xfffff)
		ar |= DUET_AR_G;
	if (!(ar & DUET_AR_P))
		ar |= DUET_AR_UNUSABLE;

	switch (n) {
	case DUET_SS:
		/* CPL is what counts (APM vol. 2, 15.5.1); SYSRET may differ. */
		ar &= ~DUET_AR_DPL;
		ar |= (save->cpl & 3) << DUET_AR_DPL_SHIFT;
		if (ar & DUET_AR_UNUSABLE)
			ar &= ~DUET_AR_DB;
		break;
	case DUET_TR:
		/* A task register is busy, even where the VMCB does not say so. */
		ar |= AR_TYPE_BUSY;
		break;
	case DUET_DS:
	case DUET_ES:
	case DUET_FS:
	case DUET_GS:
		/* In the hidden part the accessed bit is always set. */
		if (!(ar & DUET_AR_UNUSABLE))
			ar |= AR_TYPE_ACCESSED;
		break;
	}

	to->selector = from->selector;
	to->base = from->base;
	to->limit = from->limit;
	to->ar = ar;
}

static void svm_set_segment(struct svm_vcpu *svm, unsigned int n)
{
	struct vmcb_save *save = &svm->vmcb->save;
	const struct duet_segment *from = &svm->vcpu.state.seg[n];
	struct vmcb_segment *to = svm_segment(save, n);
	u32 ar = from->ar;

	/* Not present is how the VMCB says unusable. */
	if (ar & DUET_AR_UNUSABLE)
		ar &= ~DUET_AR_P;
	to->selector = from->selector;
	to->base = from->base;
	to->limit = from->limit;
	to->attrib = (ar & ATTRIB_LOW) | ((ar >> ATTRIB_SHIFT) & ATTRIB_HIGH);
	if (n == DUET_SS)
		save->cpl = (ar & DUET_AR_DPL) >> DUET_AR_DPL_SHIFT;
}

static void svm_get_msrs(struct svm_vcpu *svm)
{
	const struct vmcb_save *save = &svm->vmcb->save;
	struct duet_state *s = &svm->vcpu.state;

	s->star = save->star;
	s->lstar = save->lstar;
	s->cstar = save->cstar;
	s->sfmask = save->sfmask;
	s->kernel_gs_base = save->kernel_gs_base;
	s->sysenter_cs = save->sysenter_cs;
	s->sysenter_esp = save->sysenter_esp;
	s->sysenter_eip = save->sysenter_eip;
	s->pat = save->g_pat;
}

static void svm_set_msrs(struct svm_vcpu *svm)
{
	struct vmcb_save *save = &svm->vmcb->save;
	const struct duet_state *s = &svm->vcpu.state;

	save->star = s->star;
	save->lstar = s->lstar;
	save->cstar = s->cstar;
	save->sfmask = s->sfmask;
	save->kernel_gs_base = s->kernel_gs_base;
	save->sysenter_cs = s->sysenter_cs;
	save->sysenter_esp = s->sysenter_esp;
	save->sysenter_eip = s->sysenter_eip;
	if (save->g_pat != s->pat) {
		save->g_pat = s->pat;
		svm_dirty(svm, VMCB_CLEAN_NP);
	}
}

static void svm_get_shadow(struct svm_vcpu *svm)
{
	u32 shadow = 0;

	/* One bit for both; which of the two it was is not known. */
	if (svm->vmcb->control.int_state & VMCB_INTERRUPT_SHADOW)
		shadow |= DUET_SHADOW_STI | DUET_SHADOW_MOV_SS;
	if (svm->nmi_blocked)
		shadow |= DUET_SHADOW_NMI;
	svm->vcpu.state.shadow = shadow;
}

static void svm_set_shadow(struct svm_vcpu *svm)
{
	struct vmcb_control *control = &svm->vmcb->control;
	u32 shadow = svm->vcpu.state.shadow;

	if (shadow & (DUET_SHADOW_STI | DUET_SHADOW_MOV_SS))
		control->int_state |= VMCB_INTERRUPT_SHADOW;
	else
		control->int_state &= ~(u64)VMCB_INTERRUPT_SHADOW;
	svm_set_nmi_blocked(svm, shadow & DUET_SHADOW_NMI);
}

void svm_get_state(struct duet_vcpu *vcpu, u32 groups)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	const struct vmcb_save *save = &svm->vmcb->save;
	struct duet_state *s = &vcpu->state;
	unsigned long segs;
	unsigned int n;

	/* SVM_ST_ALWAYS, and what is written only, need nothing. */
	if (groups & DUET_ST_RIP)
		s->rip = save->rip;
	if (groups & DUET_ST_RSP)
		s->gpr[DUET_RSP] = save->rsp;
	if (groups & DUET_ST_RFLAGS)
		s->rflags = save->rflags;
	if (groups & DUET_ST_CR2)
		s->cr2 = save->cr2;
	/* Shadow paging: each write of CR3 exits, the VMCB's is the host's. */
	if ((groups & DUET_ST_CR3) && !svm->shadow_paging)
		s->cr3 = save->cr3;
	if (groups & DUET_ST_TABLES) {
		s->gdt.base = save->gdtr.base;
		s->gdt.limit = save->gdtr.limit;
		s->idt.base = save->idtr.base;
		s->idt.limit = save->idtr.limit;
	}
	if (groups & DUET_ST_MSRS)
		svm_get_msrs(svm);
	if (groups & DUET_ST_SHADOW)
		svm_get_shadow(svm);
	segs = (groups & DUET_ST_SEGS) >> 16;
	for_each_set_bit(n, &segs, DUET_NR_SEGS)
		svm_get_segment(svm, n);
}

/*
 * CR0, CR4 and EFER depend on each other where the shadow pager runs, so they
 * are computed together. Reads exit only while the guest must not see what
 * the VMCB holds.
 */
static void svm_set_modes(struct svm_vcpu *svm)
{
	struct vmcb_save *save = &svm->vmcb->save;
	const struct duet_state *s = &svm->vcpu.state;
	u64 cr0, cr4, efer;

	/*
	 * A guest that forgets to clear CD after reset would really run
	 * without a cache; memory types are the PAT's and the host's affair.
	 */
	cr0 = s->cr0 & ~(u64)(X86_CR0_CD | X86_CR0_NW);
	/* Without it a machine check in the guest shuts the host down. */
	cr4 = s->cr4 | (duet_host_cr4() & X86_CR4_MCE);
	/* VMRUN refuses a guest without it (APM vol. 2, 15.5.1). */
	efer = s->efer | EFER_SVME;

	if (svm->shadow_paging) {
		bool paging = s->cr0 & X86_CR0_PG;

		/*
		 * The CPU always pages, with the shadow tables (paged real
		 * mode: APM vol. 2, 15.19), whose entries are the host's
		 * kind: PAE, NX, read-only for CPL 0 as well.
		 */
		cr0 |= X86_CR0_PG | X86_CR0_WP;
		cr4 |= X86_CR4_PAE;
		cr4 &= ~(u64)(X86_CR4_PCIDE | X86_CR4_PGE);
		if (!paging)
			cr4 &= ~(u64)CR4_PAGED_ONLY;
		efer |= EFER_NX;
		if (!(efer & EFER_LMA))
			efer &= ~(u64)EFER_LME;
	}

	save->cr0 = cr0;
	save->cr4 = cr4;
	save->efer = efer;
	svm_intercept(svm, INTERCEPT_CR_READ(0), cr0 != s->cr0);
	svm_intercept(svm, INTERCEPT_CR_READ(4), cr4 != s->cr4);
	svm_dirty(svm, VMCB_CLEAN_CR);
}

static void svm_set_tables(struct svm_vcpu *svm)
{
	struct vmcb_save *save = &svm->vmcb->save;
	const struct duet_state *s = &svm->vcpu.state;

	save->gdtr.base = s->gdt.base;
	save->gdtr.limit = s->gdt.limit;
	save->idtr.base = s->idt.base;
	save->idtr.limit = s->idt.limit;
	svm_dirty(svm, VMCB_CLEAN_DT);
}

void svm_set_state(struct duet_vcpu *vcpu, u32 groups)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_save *save = &svm->vmcb->save;
	const struct duet_state *s = &vcpu->state;
	unsigned long segs;
	unsigned int n;

	if (groups & ST_CHECKED)
		svm->work |= SVM_WORK_COPY;
	if (groups & DUET_ST_RIP)
		save->rip = s->rip;
	if (groups & DUET_ST_RSP)
		save->rsp = s->gpr[DUET_RSP];
	if (groups & DUET_ST_RFLAGS)
		save->rflags = s->rflags;
	if (groups & DUET_ST_CR2) {
		save->cr2 = s->cr2;
		svm_dirty(svm, VMCB_CLEAN_CR2);
	}
	if ((groups & DUET_ST_CR3) && !svm->shadow_paging) {
		save->cr3 = s->cr3;
		svm_dirty(svm, VMCB_CLEAN_CR);
	}
	if (groups & (DUET_ST_CR0 | DUET_ST_CR4 | DUET_ST_EFER))
		svm_set_modes(svm);
	if (groups & DUET_ST_TABLES)
		svm_set_tables(svm);
	if (groups & DUET_ST_DR) {
		/* DR6 in the VMCB only collects the next cause: run.c. */
		save->dr7 = s->dr7;
		svm_dirty(svm, VMCB_CLEAN_DR);
	}
	if (groups & DUET_ST_MSRS)
		svm_set_msrs(svm);
	if (groups & DUET_ST_SHADOW)
		svm_set_shadow(svm);
	if (groups & DUET_ST_ROOT)
		svm_set_root(svm);
	if (groups & DUET_ST_TSC) {
		svm->vmcb->control.tsc_offset = vcpu->tsc_offset;
		svm_dirty(svm, VMCB_CLEAN_I);
	}
	segs = (groups & DUET_ST_SEGS) >> 16;
	if (!segs)
		return;
	for_each_set_bit(n, &segs, DUET_NR_SEGS)
		svm_set_segment(svm, n);
	svm_dirty(svm, VMCB_CLEAN_SEG);
}
