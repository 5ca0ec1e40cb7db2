// SPDX-License-Identifier: GPL-2.0
/*
 * The architectural state after RESET and INIT (SDM vol. 3, table 9-1; APM
 * vol. 2, 14.1.3). Called at vCPU creation, for INIT and after a shutdown.
 */
#include "common/irqchip.h"
#include "common/msr.h"
#include "common/vcpu.h"
#include <asm/debugreg.h>

#define RESET_RIP		0xfff0
#define RESET_CS_SELECTOR	0xf000
#define RESET_CS_BASE		0xffff0000
#define RESET_CR0		0x60000010	/* CD, NW, ET */

static void duet_reset_segments(struct duet_state *s)
{
	int i;

	for (i = 0; i < DUET_NR_SEGS; i++)
		s->seg[i] = (struct duet_segment) {
			.limit = 0xffff,
			.ar = DUET_AR_P | DUET_AR_S | 3, /* data, accessed */
		};
	s->seg[DUET_CS].selector = RESET_CS_SELECTOR;
	s->seg[DUET_CS].base = RESET_CS_BASE;
	s->seg[DUET_CS].ar = DUET_AR_P | DUET_AR_S | 0xb;
	s->seg[DUET_LDTR].ar = DUET_AR_P | 2;
	s->seg[DUET_TR].ar = DUET_AR_P | 0xb;	/* busy TSS, as VT-x wants */
	s->gdt = (struct duet_table) { .limit = 0xffff };
	s->idt = (struct duet_table) { .limit = 0xffff };
}

void duet_vcpu_reset(struct duet_vcpu *vcpu, bool init)
{
	struct duet_state *s = &vcpu->state;
	u64 cr0_cache = X86_CR0_CD | X86_CR0_NW;

	/* INIT keeps CD and NW as they were. */
	if (init)
		cr0_cache = duet_cr0(vcpu) & (X86_CR0_CD | X86_CR0_NW);

	memset(s->gpr, 0, sizeof(s->gpr));
	/* DX identifies the processor: family, model, stepping. */
	if (vcpu->cpuid.nr) {
		struct kvm_cpuid_entry2 *e = duet_find_cpuid(vcpu, 1, 0);

		s->gpr[DUET_RDX] = e ? e->eax : 0x600;
	} else {
		s->gpr[DUET_RDX] = 0x600;
	}
	s->rip = RESET_RIP;
	s->rflags = X86_EFLAGS_FIXED;
	s->cr0 = X86_CR0_ET | cr0_cache;
	s->cr2 = 0;
	s->cr3 = 0;
	s->cr4 = 0;
	s->efer = 0;
	memset(s->dr, 0, sizeof(s->dr));
	s->dr6 = DR6_RESERVED;
	s->dr7 = 0x400;
	s->shadow = 0;
	memset(s->pdpte, 0, sizeof(s->pdpte));
	duet_reset_segments(s);
	if (!init) {
		s->star = s->lstar = s->cstar = s->sfmask = 0;
		s->kernel_gs_base = 0;
		s->sysenter_cs = s->sysenter_esp = s->sysenter_eip = 0;
		s->pat = 0x0007040600070406ULL;	/* SDM vol. 3, table 12-12 */
		vcpu->xcr0 = 1;			/* x87 */
		duet_wrote(vcpu, DUET_ST_MSRS);
	}
	duet_wrote(vcpu, DUET_ST_ALL & ~(DUET_ST_MSRS | DUET_ST_ROOT |
					 DUET_ST_TSC));

	/* an instruction that user space had to complete is gone */
	vcpu->complete = NULL;
	memset(&vcpu->events.exception, 0, sizeof(vcpu->events.exception));
	memset(&vcpu->events.interrupt, 0, sizeof(vcpu->events.interrupt));
	vcpu->events.nmi_injected = false;
	vcpu->events.in_flight = 0;
	vcpu->events.triple_fault = false;
	atomic_set(&vcpu->events.nmi_pending, 0);

	duet_msrs_reset(vcpu, init);
	duet_lapic_reset(vcpu, init);
	duet_cpuid_refresh(vcpu);
	duet_request_self(vcpu, DUET_REQ_EVENT | DUET_REQ_FLUSH |
			  DUET_REQ_LOAD_ROOT | DUET_REQ_UPDATE);
}
