// SPDX-License-Identifier: GPL-2.0
/*
 * The TPR of a guest that has been patched (KVM_TPR_ACCESS_REPORTING, KVM_CAP_VAPIC):
 * a 32-bit guest writes its TPR by MMIO, often, an exit each time. User space
 * hears where in the guest that is (KVM_EXIT_TPR_ACCESS), and puts a call there
 * to code of its own, which works on a word in the guest's memory:
 *
 *	byte 0 TPR, byte 1 the class of the highest ISR bit, byte 3 the highest IRR
 *
 * and asks for an exit (KVM_HC_VAPIC_POLL_IRQ) when the new TPR lets one in. The
 * word is written where events are looked at, right before an entry, and its TPR is
 * taken after each turn of the backend's loop. A TPR that comes another way is
 * newer than the word's.
 *
 * Called by event.c, the run loop, lapic*.c and ioctls; touches guest memory.
 * All in the vCPU's thread.
 */
#include <linux/srcu.h>
#include "common/irq/irq.h"
#include "common/memslot.h"

int duet_vapic_set(struct duet_vcpu *vcpu, gpa_t gpa)
{
	struct duet_vm *vm = vcpu->vm;
	u32 word;
	int idx, r;

	if (!vcpu->lapic)
		return -EINVAL;
	if (gpa) {
		idx = srcu_read_lock(&vm->srcu);
		r = duet_read_guest(vm, gpa, &word, sizeof(word));
		srcu_read_unlock(&vm->srcu, idx);
		if (r)
			return -EINVAL;
	}
	vcpu->lapic->vapic = gpa;
	vcpu->lapic_lent |= gpa != 0;
	duet_vapic_stale(vcpu->lapic);
	return 0;
}

void duet_vapic_stale(struct duet_lapic *l)
{
	if (likely(!l->vapic))
		return;
	l->vapic_stale = true;
	duet_request_self(l->vcpu, DUET_REQ_EVENT);
}

static u32 word_of(struct duet_lapic *l)
{
	u32 tpr = duet_lapic_reg(l, APIC_TASKPRI) & 0xff;
	int isr = max_t(int, l->isr_highest, 0);
	int irr = max(duet_irq_highest(l->vcpu), 0);

	return tpr | (isr & 0xf0) << 8 | (u32)irr << 24;
}

void duet_vapic_publish(struct duet_vcpu *vcpu)
{
	struct duet_lapic *l = vcpu->lapic;
	struct duet_vm *vm = vcpu->vm;
	u32 word;
	int idx;

	word = word_of(l);
	idx = srcu_read_lock(&vm->srcu);
	l->vapic_stale = duet_write_guest_atomic(vm, l->vapic, &word,
						 sizeof(word));
	srcu_read_unlock(&vm->srcu, idx);
}

void duet_vapic_sync(struct duet_vcpu *vcpu)
{
	struct duet_lapic *l = vcpu->lapic;
	struct duet_vm *vm = vcpu->vm;
	u32 word = word_of(l);
	int idx, r;
	u8 tpr;

	idx = srcu_read_lock(&vm->srcu);
	if (l->vapic_stale)	/* here it may sleep for the page */
		r = duet_write_guest(vm, l->vapic, &word, sizeof(word));
	else
		r = duet_read_guest(vm, l->vapic, &tpr, sizeof(tpr));
	srcu_read_unlock(&vm->srcu, idx);

	/* A guest that has lost the page has what it last said... */
	if (!r && !l->vapic_stale && tpr != (word & 0xff))
		duet_lapic_set_tpr(l, tpr);
	l->vapic_stale &= r != 0;
	/* ... and finds that there when the page is back. */
	if (l->vapic_stale)
		duet_request_self(vcpu, DUET_REQ_EVENT);
}

void duet_report_tpr(struct duet_vcpu *vcpu, bool write)
{
	if (likely(!vcpu->reports_tpr))
		return;
	vcpu->lapic->tpr_rip = duet_rip(vcpu);
	vcpu->lapic->tpr_write = write;
	duet_request_self(vcpu, DUET_REQ_TPR);
}

void duet_tpr_exit(struct duet_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	atomic_andnot(DUET_REQ_TPR, &vcpu->requests);
	run->exit_reason = KVM_EXIT_TPR_ACCESS;
	run->tpr_access.rip = vcpu->lapic->tpr_rip;
	run->tpr_access.is_write = vcpu->lapic->tpr_write;
	run->tpr_access.pad = 0;
}
