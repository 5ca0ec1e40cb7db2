// SPDX-License-Identifier: GPL-2.0
/*
 * PV EOI (MSR_KVM_PV_EOI_EN, Documentation/virt/kvm/x86/msr.rst): a bit in the
 * guest's memory says that the interrupt it has in service needs no EOI but
 * the clearing of that bit, which is no exit. It is set at an entry, if
 * nothing waits behind that interrupt, and taken back after the next turn of
 * the backend's loop. While it is set (vcpu->pv_eoi) the local APIC may be one
 * EOI behind: nothing in the loop reads its ISR or PPR. A TPR that is written
 * meanwhile comes to the same in the end. An EOI that is written leaves the
 * loop: it may be that of an interrupt below, of whose end somebody wants to
 * hear, as nobody does of one whose EOI is a bit.
 *
 * Called by lapic.c and msr.c; touches guest memory. All in the
 * vCPU's thread.
 */
#include <linux/kvm_para.h>
#include <linux/srcu.h>
#include "common/irq/irq.h"
#include "common/memslot.h"

static gpa_t place(const struct duet_vcpu *vcpu)
{
	return vcpu->msrs.kvm_pv_eoi & ~(u64)KVM_MSR_ENABLED;
}

/* One interrupt is in service, nothing waits, nobody hears of its EOI. */
static bool possible(struct duet_lapic *l)
{
	int vector = l->isr_highest;

	return vector >= 0 && !READ_ONCE(l->irr_maybe) &&
		!test_bit(vector, l->vcpu->vm->irqchip->eoi_vectors);
}

void duet_pv_eoi_offer(struct duet_vcpu *vcpu)
{
	struct duet_vm *vm = vcpu->vm;
	const u8 bit = KVM_PV_EOI_ENABLED;
	int idx;

	if (!possible(vcpu->lapic))
		return;
	idx = srcu_read_lock(&vm->srcu);
	/* Where the page is not at hand the guest writes EOI as ever. */
	vcpu->pv_eoi = !duet_write_guest_atomic(vm, place(vcpu), &bit,
						sizeof(bit));
	vcpu->lapic_lent |= vcpu->pv_eoi;
	srcu_read_unlock(&vm->srcu, idx);
}

void duet_pv_eoi_sync(struct duet_vcpu *vcpu)
{
	const u8 none = KVM_PV_EOI_DISABLED;
	struct duet_vm *vm = vcpu->vm;
	bool done;
	u8 bit;
	int idx;

	vcpu->pv_eoi = false;
	idx = srcu_read_lock(&vm->srcu);
	/* A guest that has lost the page writes EOI, or harms itself. */
	done = !duet_read_guest(vm, place(vcpu), &bit, sizeof(bit)) &&
		!(bit & KVM_PV_EOI_ENABLED);
	if (!done)
		duet_write_guest(vm, place(vcpu), &none, sizeof(none));
	srcu_read_unlock(&vm->srcu, idx);

	if (done)
		duet_lapic_eoi(vcpu->lapic);
	else	/* offered again, unless something waits by now */
		duet_request_self(vcpu, DUET_REQ_EVENT);
}

int duet_pv_eoi_enable(struct duet_vcpu *vcpu, u64 value)
{
	struct duet_vm *vm = vcpu->vm;
	gpa_t gpa = value & ~(u64)KVM_MSR_ENABLED;
	bool writable = false;
	int idx;

	/* aligned to 4 bytes: bit 1 is reserved */
	if (gpa & 3)
		return 1;
	if (value & KVM_MSR_ENABLED) {
		idx = srcu_read_lock(&vm->srcu);
		duet_gfn_to_hva(vm, gpa >> PAGE_SHIFT, &writable);
		srcu_read_unlock(&vm->srcu, idx);
		if (!writable)
			return 1;
	}
	vcpu->msrs.kvm_pv_eoi = value;
	return 0;
}
