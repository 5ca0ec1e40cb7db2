// SPDX-License-Identifier: GPL-2.0
/*
 * Register groups between vcpu->state and the VMCS's guest-state area, and
 * what the VMCS needs beyond the guest's view. Called through the ops table
 * and by run.c; a VMREAD or VMWRITE for what is asked, and no other.
 */
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/processor-flags.h>
#include <asm/tlbflush.h>
#include "vmx/vmx.h"

#define AR_RESERVED		0xfffe0f00	/* SDM vol. 3, 25.4.1 */
#define AR_TYPE_ACCESSED	0x1	/* data and code (vol. 3, 3.4.5.1) */
#define AR_TYPE_BUSY		0x2	/* TSS (vol. 3, 8.2.2) */
#define AR_TYPE_TSS_BUSY	0xb

/*
 * What the guest changes without an exit (CR0 and CR4 guest/host masks, SDM
 * vol. 3, 25.6.6): bits that nothing in Duet follows from.
 */
#define CR0_OWNED	(X86_CR0_TS | X86_CR0_MP | X86_CR0_EM | \
			 X86_CR0_WP | X86_CR0_AM)
#define CR4_OWNED	(X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | \
			 X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR | \
			 X86_CR4_OSXMMEXCPT | X86_CR4_FSGSBASE)

static void vmx_get_segment(struct vmx_vcpu *vmx, unsigned int n)
{
	struct duet_segment *to = &vmx->vcpu.state.seg[n];
	u32 ar = vmx_read(vmx, VMCS_GUEST_AR(n)) & ~AR_RESERVED;

	/* An unusable one keeps SS.DPL, the CPL; the rest is undefined. */
	if (ar & DUET_AR_UNUSABLE)
		ar &= ~DUET_AR_P;
	to->selector = vmx_read(vmx, VMCS_GUEST_SELECTOR(n));
	to->base = vmx_read(vmx, VMCS_GUEST_BASE(n));
	to->limit = vmx_read(vmx, VMCS_GUEST_LIMIT(n));
	to->ar = ar;
}

/* Access rights as a VM entry takes them (SDM vol. 3, 27.3.1.2). */
static u32 vmx_segment_ar(const struct duet_segment *from, unsigned int n)
{
	u32 ar = from->ar & ~AR_RESERVED;

	/* What is not in the hidden part: the limit tells. */
	ar &= ~DUET_AR_G;
	if (from->limit > 0xfffff)
		ar |= DUET_AR_G;
	if (!(ar & DUET_AR_P))
		ar |= DUET_AR_UNUSABLE;
	if (n == DUET_TR)
		ar |= AR_TYPE_BUSY;
	else if (n != DUET_LDTR && !(ar & DUET_AR_UNUSABLE))
		ar |= AR_TYPE_ACCESSED;
	return ar;
}

static void vmx_set_segment(struct vmx_vcpu *vmx, unsigned int n)
{
	const struct duet_segment *from = &vmx->vcpu.state.seg[n];

	vmx_write(vmx, VMCS_GUEST_SELECTOR(n), from->selector);
	vmx_write(vmx, VMCS_GUEST_BASE(n), from->base);
	vmx_write(vmx, VMCS_GUEST_LIMIT(n), from->limit);
	vmx_write(vmx, VMCS_GUEST_AR(n), vmx_segment_ar(from, n));
}

static void vmx_get_tables(struct vmx_vcpu *vmx)
{
	struct duet_state *s = &vmx->vcpu.state;

	s->gdt.base = vmx_read(vmx, VMCS_GUEST_GDTR_BASE);
	s->gdt.limit = vmx_read(vmx, VMCS_GUEST_GDTR_LIMIT);
	s->idt.base = vmx_read(vmx, VMCS_GUEST_IDTR_BASE);
	s->idt.limit = vmx_read(vmx, VMCS_GUEST_IDTR_LIMIT);
}

static void vmx_set_tables(struct vmx_vcpu *vmx)
{
	const struct duet_state *s = &vmx->vcpu.state;

	vmx_write(vmx, VMCS_GUEST_GDTR_BASE, s->gdt.base);
	vmx_write(vmx, VMCS_GUEST_GDTR_LIMIT, s->gdt.limit);
	vmx_write(vmx, VMCS_GUEST_IDTR_BASE, s->idt.base);
	vmx_write(vmx, VMCS_GUEST_IDTR_LIMIT, s->idt.limit);
}

/* SYSCALL's registers and PAT: each write exits, so s has them. */
static void vmx_get_msrs(struct vmx_vcpu *vmx)
{
	struct duet_state *s = &vmx->vcpu.state;

	s->kernel_gs_base = vmx_get_kernel_gs_base(vmx);
	s->sysenter_cs = vmx_read(vmx, VMCS_GUEST_SYSENTER_CS);
	s->sysenter_esp = vmx_read(vmx, VMCS_GUEST_SYSENTER_ESP);
	s->sysenter_eip = vmx_read(vmx, VMCS_GUEST_SYSENTER_EIP);
}

static void vmx_set_msrs(struct vmx_vcpu *vmx)
{
	const struct duet_state *s = &vmx->vcpu.state;

	vmx_set_kernel_gs_base(vmx, s->kernel_gs_base);
	vmx_syscall_changed(vmx);
	vmx_write(vmx, VMCS_GUEST_SYSENTER_CS, s->sysenter_cs);
	vmx_write(vmx, VMCS_GUEST_SYSENTER_ESP, s->sysenter_esp);
	vmx_write(vmx, VMCS_GUEST_SYSENTER_EIP, s->sysenter_eip);
	vmx_write(vmx, VMCS_GUEST_PAT, s->pat);
}

/* The bits that are the guest's from the VMCS, the others from its view. */
static u64 vmx_merge(u64 real, u64 shadow, u64 owned)
{
	return (real & owned) | (shadow & ~owned);
}

static void vmx_get_pdptes(struct vmx_vcpu *vmx)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		vmx->vcpu.state.pdpte[i] = vmx_read(vmx, VMCS_GUEST_PDPTE(i));
}

void vmx_get_state(struct duet_vcpu *vcpu, u32 groups)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct duet_state *s = &vcpu->state;
	unsigned long segs;
	unsigned int n;

	/* VMX_ST_ALWAYS, and what is written only, need nothing. */
	if (groups & DUET_ST_RIP)
		s->rip = vmx_read(vmx, VMCS_GUEST_RIP);
	if (groups & DUET_ST_RFLAGS)
		s->rflags = vmx_read(vmx, VMCS_GUEST_RFLAGS);
	if (groups & DUET_ST_SHADOW)
		s->shadow = vmx_shadow(vmx_read(vmx,
						VMCS_GUEST_INTERRUPTIBILITY));
	if (groups & DUET_ST_RSP)
		s->gpr[DUET_RSP] = vmx_read(vmx, VMCS_GUEST_RSP);
	if (groups & DUET_ST_CR0)
		s->cr0 = vmx_merge(vmx_read(vmx, VMCS_GUEST_CR0),
				   vmx->cr0_shadow, vmx->cr0_owned);
	if (groups & DUET_ST_CR3)
		s->cr3 = vmx_read(vmx, VMCS_GUEST_CR3);
	if (groups & DUET_ST_CR4)
		s->cr4 = vmx_merge(vmx_read(vmx, VMCS_GUEST_CR4),
				   vmx->cr4_shadow, vmx->cr4_owned);
	if (groups & DUET_ST_TABLES)
		vmx_get_tables(vmx);
	if (groups & DUET_ST_MSRS)
		vmx_get_msrs(vmx);
	if (groups & DUET_ST_PDPTE)
		vmx_get_pdptes(vmx);
	segs = (groups & DUET_ST_SEGS) >> 16;
	for_each_set_bit(n, &segs, DUET_NR_SEGS)
		vmx_get_segment(vmx, n);
}

static void vmx_set_cr0(struct vmx_vcpu *vmx)
{
	const struct vmx_features *f = &vmx_features;
	u64 cr0 = vmx->vcpu.state.cr0;

	if (vmx->cr0_owned != CR0_OWNED) {
		vmx->cr0_owned = CR0_OWNED;
		vmx_write(vmx, VMCS_CR0_MASK, ~(u64)CR0_OWNED);
	}
	vmx->cr0_shadow = cr0;
	vmx_write(vmx, VMCS_CR0_SHADOW, cr0);
	/*
	 * A guest that forgets to clear CD after reset would really run
	 * without a cache; memory types are the PAT's and the EPT's affair.
	 * PE and PG are free in an unrestricted guest (SDM vol. 3, 24.8).
	 */
	cr0 &= ~(u64)(X86_CR0_CD | X86_CR0_NW) & f->cr0_fixed1;
	cr0 |= f->cr0_fixed0 & ~(u64)(X86_CR0_PE | X86_CR0_PG);
	vmx_write(vmx, VMCS_GUEST_CR0, cr0);
}

void vmx_update_cr4_owned(struct vmx_vcpu *vmx)
{
	u64 owned = CR4_OWNED & ~vmx->vcpu.cpuid.cr4_reserved;

	if (vmx->cr4_owned == owned)
		return;
	/* The guest's view is the same before and after. */
	duet_need(&vmx->vcpu, DUET_ST_CR4);
	duet_wrote(&vmx->vcpu, DUET_ST_CR4);
	vmx->cr4_owned = owned;
	vmx_write(vmx, VMCS_CR4_MASK, ~owned);
}

static void vmx_set_cr4(struct vmx_vcpu *vmx)
{
	const struct vmx_features *f = &vmx_features;
	u64 cr4 = vmx->vcpu.state.cr4;

	vmx->cr4_shadow = cr4;
	vmx_write(vmx, VMCS_CR4_SHADOW, cr4);
	/* Without it a machine check in the guest shuts the host down. */
	cr4 |= cr4_read_shadow() & X86_CR4_MCE;
	vmx_write(vmx, VMCS_GUEST_CR4, cr4 | f->cr4_fixed0);
}

static void vmx_set_efer(struct vmx_vcpu *vmx)
{
	u64 efer = vmx->vcpu.state.efer;
	u32 entry = vmx->controls.entry & ~(u32)ENTRY_IA32E;

	vmx_write(vmx, VMCS_GUEST_EFER, efer);
	if (efer & EFER_LMA)
		entry |= ENTRY_IA32E;
	if (entry == vmx->controls.entry)
		return;
	vmx->controls.entry = entry;
	vmx_write(vmx, VMCS_ENTRY_CONTROLS, entry);

	/*
	 * A guest may still have the TSS of its 16-bit past in TR: processors
	 * do not mind, VM entries do (27.3.1.2).
	 */
	if (efer & EFER_LMA) {
		struct duet_segment *tr = duet_segment(&vmx->vcpu, DUET_TR);

		if ((tr->ar & DUET_AR_TYPE) != AR_TYPE_TSS_BUSY) {
			tr->ar = (tr->ar & ~DUET_AR_TYPE) | AR_TYPE_TSS_BUSY;
			vmx_set_segment(vmx, DUET_TR);
		}
	}
}

static void vmx_set_pdptes(struct vmx_vcpu *vmx)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		vmx_write(vmx, VMCS_GUEST_PDPTE(i), vmx->vcpu.state.pdpte[i]);
}

static void vmx_set_rare_state(struct vmx_vcpu *vmx, u32 groups)
{
	const struct duet_state *s = &vmx->vcpu.state;
	unsigned long segs;
	unsigned int n;

	/* CR2 is enter.S's. */
	if (groups & DUET_ST_CR0)
		vmx_set_cr0(vmx);
	if (groups & DUET_ST_CR3)
		vmx_write(vmx, VMCS_GUEST_CR3, s->cr3);
	if (groups & DUET_ST_CR4)
		vmx_set_cr4(vmx);
	/* Before the segments: it looks at TR. */
	if (groups & DUET_ST_EFER)
		vmx_set_efer(vmx);
	if (groups & DUET_ST_TABLES)
		vmx_set_tables(vmx);
	if (groups & DUET_ST_DR)
		vmx_write(vmx, VMCS_GUEST_DR7, s->dr7);
	if (groups & DUET_ST_MSRS)
		vmx_set_msrs(vmx);
	if (groups & DUET_ST_PDPTE)
		vmx_set_pdptes(vmx);
	if (groups & DUET_ST_ROOT)
		vmx_set_root(vmx);
	if (groups & DUET_ST_TSC)
		vmx_write(vmx, VMCS_TSC_OFFSET, vmx->vcpu.tsc_offset);
	segs = (groups & DUET_ST_SEGS) >> 16;
	for_each_set_bit(n, &segs, DUET_NR_SEGS)
		vmx_set_segment(vmx, n);
}

void vmx_set_state(struct duet_vcpu *vcpu, u32 groups)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	const struct duet_state *s = &vcpu->state;

	if (groups & DUET_ST_RIP)
		vmx_write(vmx, VMCS_GUEST_RIP, s->rip);
	if (likely(!(groups & ~DUET_ST_RIP)))
		return;

	if (groups & DUET_ST_RSP)
		vmx_write(vmx, VMCS_GUEST_RSP, s->gpr[DUET_RSP]);
	if (groups & DUET_ST_RFLAGS)
		vmx_write(vmx, VMCS_GUEST_RFLAGS, s->rflags);
	if (groups & ~(DUET_ST_RIP | DUET_ST_RSP | DUET_ST_RFLAGS |
		       DUET_ST_SHADOW))
		vmx_set_rare_state(vmx, groups);
	/* Goes by RFLAGS. */
	if (groups & (DUET_ST_SHADOW | DUET_ST_RFLAGS))
		vmx_set_shadow(vmx);
}
