// SPDX-License-Identifier: GPL-2.0
/*
 * Control registers as the guest writes them: checks, side effects on the
 * mode, on EFER.LMA, on the PDPTE registers and on cached translations. Called
 * by the exit handlers and the emulator's glue; calls the pager and the walker's
 * memory access.
 */
#include "common/irqchip.h"
#include "common/memslot.h"
#include "common/vcpu.h"

#define CR0_FIXED_ONE	X86_CR0_ET
#define CR0_KNOWN	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | \
			 X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | \
			 X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

/* Bits whose change drops cached translations (SDM vol. 3, 4.10.4.1). */
#define CR0_FLUSH	(X86_CR0_PG | X86_CR0_WP)
#define CR4_FLUSH	(X86_CR4_PGE | X86_CR4_PSE | X86_CR4_PAE | \
			 X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PCIDE | \
			 X86_CR4_LA57)

#define CR3_PAE_BASE	GENMASK_ULL(31, 5)	/* SDM vol. 3, table 4-7 */

static void duet_paging_changed(struct duet_vcpu *vcpu)
{
	duet_request_self(vcpu, DUET_REQ_LOAD_ROOT | DUET_REQ_FLUSH_GUEST);
}

static bool duet_pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) &&
		!(efer & EFER_LME);
}

/*
 * PAE paging keeps its four PDPTEs in registers that MOV to CR0, CR3 and CR4
 * load (SDM vol. 3, 4.4.1). 0, or 1: a reserved bit is set, #GP.
 */
static int duet_load_pdptes(struct duet_vcpu *vcpu, u64 cr3)
{
	u64 reserved = GENMASK_ULL(63, vcpu->cpuid.maxphyaddr) |
		GENMASK_ULL(8, 5) | GENMASK_ULL(2, 1);
	u64 pdpte[4];
	int i;

	if (duet_read_guest(vcpu->vm, cr3 & CR3_PAE_BASE, pdpte, sizeof(pdpte)))
		return 1;
	for (i = 0; i < 4; i++)
		if ((pdpte[i] & 1) && (pdpte[i] & reserved))
			return 1;
	memcpy(vcpu->state.pdpte, pdpte, sizeof(pdpte));
	duet_wrote(vcpu, DUET_ST_PDPTE);
	return 0;
}

/* Paging goes on: long mode becomes active if EFER.LME asks for it. */
static int duet_activate_long_mode(struct duet_vcpu *vcpu)
{
	if (!(duet_cr4(vcpu) & X86_CR4_PAE) ||
	    (duet_segment(vcpu, DUET_CS)->ar & DUET_AR_L))
		return 1;	/* SDM vol. 3, 9.8.5 */
	vcpu->state.efer |= EFER_LMA;
	duet_wrote(vcpu, DUET_ST_EFER);
	return 0;
}

int duet_set_cr0(struct duet_vcpu *vcpu, u64 cr0)
{
	u64 old = duet_cr0(vcpu), changed, efer = duet_efer(vcpu);

	if (cr0 >> 32)
		return 1;
	cr0 = (cr0 & CR0_KNOWN) | CR0_FIXED_ONE;
	changed = cr0 ^ old;

	/* SDM vol. 3, 2.5; APM vol. 2, 3.1.1 */
	if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))
		return 1;
	if ((cr0 & X86_CR0_PG) && !(cr0 & X86_CR0_PE))
		return 1;
	if ((changed & X86_CR0_PG) && !(cr0 & X86_CR0_PG) &&
	    ((duet_cr4(vcpu) & X86_CR4_PCIDE) || duet_64bit(vcpu)))
		return 1;

	if (changed & X86_CR0_PG) {
		if (cr0 & X86_CR0_PG) {
			if ((efer & EFER_LME) && duet_activate_long_mode(vcpu))
				return 1;
		} else if (efer & EFER_LMA) {
			vcpu->state.efer &= ~(u64)EFER_LMA;
			duet_wrote(vcpu, DUET_ST_EFER);
		}
	}
	if ((changed & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)) &&
	    duet_pae_paging(cr0, duet_cr4(vcpu), efer) &&
	    duet_load_pdptes(vcpu, duet_cr3(vcpu)))
		return 1;

	vcpu->state.cr0 = cr0;
	duet_wrote(vcpu, DUET_ST_CR0);
	if (changed & CR0_FLUSH)
		duet_paging_changed(vcpu);
	return 0;
}

int duet_set_cr3(struct duet_vcpu *vcpu, u64 cr3)
{
	bool keep = false;

	if (duet_long_mode(vcpu)) {
		if (duet_cr4(vcpu) & X86_CR4_PCIDE) {
			/* Bit 63 keeps the PCID's translations. */
			keep = cr3 >> 63;
			cr3 &= ~BIT_ULL(63);
		}
		if (cr3 & GENMASK_ULL(63, vcpu->cpuid.maxphyaddr))
			return 1;
	} else if (duet_pae_paging(duet_cr0(vcpu), duet_cr4(vcpu),
				   duet_efer(vcpu))) {
		if (duet_load_pdptes(vcpu, cr3))
			return 1;
	}

	duet_need(vcpu, DUET_ST_CR3);
	vcpu->state.cr3 = cr3;
	duet_wrote(vcpu, DUET_ST_CR3);
	duet_request_self(vcpu, DUET_REQ_LOAD_ROOT |
			  (keep ? 0 : DUET_REQ_FLUSH_GUEST));
	return 0;
}

int duet_set_cr4(struct duet_vcpu *vcpu, u64 cr4)
{
	u64 old = duet_cr4(vcpu), changed = cr4 ^ old;
	u64 cr0 = duet_cr0(vcpu), efer = duet_efer(vcpu);

	if (cr4 & vcpu->cpuid.cr4_reserved)
		return 1;
	/* SDM vol. 3, 2.5, and vol. 2, "MOV - Move to/from Control Registers" */
	if ((efer & EFER_LMA) &&
	    (!(cr4 & X86_CR4_PAE) || (changed & X86_CR4_LA57)))
		return 1;
	if ((changed & X86_CR4_PCIDE) && (cr4 & X86_CR4_PCIDE) &&
	    (!(efer & EFER_LMA) || (duet_cr3(vcpu) & 0xfff)))
		return 1;
	if (duet_pae_paging(cr0, cr4, efer) && (changed & CR4_FLUSH) &&
	    duet_load_pdptes(vcpu, duet_cr3(vcpu)))
		return 1;

	vcpu->state.cr4 = cr4;
	duet_wrote(vcpu, DUET_ST_CR4);
	if (changed & CR4_FLUSH)
		duet_paging_changed(vcpu);
	if (changed & (X86_CR4_OSXSAVE | X86_CR4_PKE))
		duet_cpuid_refresh(vcpu);
	return 0;
}

int duet_set_efer(struct duet_vcpu *vcpu, u64 efer, bool host)
{
	u64 old = duet_efer(vcpu);

	if (efer & ~vcpu->cpuid.efer_allowed & ~(u64)(host ? EFER_LMA : 0))
		return 1;
	if (!host) {
		/* LME must not change under paging (SDM vol. 3, 4.1.2). */
		if (((old ^ efer) & EFER_LME) && (duet_cr0(vcpu) & X86_CR0_PG))
			return 1;
		/* A written LMA is ignored. */
		efer = (efer & ~(u64)EFER_LMA) | (old & EFER_LMA);
	}
	vcpu->state.efer = efer;
	duet_wrote(vcpu, DUET_ST_EFER);
	if ((old ^ efer) & EFER_NX)
		duet_paging_changed(vcpu);
	return 0;
}
