// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's time-stamp counter: host TSC plus an offset, the same one for
 * all vCPUs whose counters were written to agree. Its rate is the host's:
 * TSC scaling is not used. Called by msr.c, vCPU creation, the ioctls on the
 * TSC, the local APIC's timer and, after suspend, pvclock.c.
 */
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/spinlock.h>
#include <asm/tsc.h>
#include "common/irqchip.h"
#include "common/vcpu.h"

u64 duet_guest_tsc(struct duet_vcpu *vcpu)
{
	return rdtsc() + vcpu->tsc_offset;
}

/*
 * IA32_TSC_DEADLINE compares with the guest's TSC: after a jump, the host
 * timer behind it is armed for the wrong moment. Writing it again arms it.
 */
static void set_offset(struct duet_vcpu *vcpu, u64 offset)
{
	u64 deadline = 0;

	if (offset == vcpu->tsc_offset)
		return;
	WRITE_ONCE(vcpu->tsc_offset, offset);
	duet_wrote(vcpu, DUET_ST_TSC);
	/* The guest's clock counts from it, and may be one for all vCPUs. */
	duet_request_self(vcpu, DUET_REQ_CLOCK);
	duet_request_all(vcpu->vm, DUET_REQ_CLOCK, false);

	if (vcpu->lapic &&
	    !duet_lapic_msr_read(vcpu, MSR_IA32_TSC_DEADLINE, &deadline) &&
	    deadline)
		duet_lapic_msr_write(vcpu, MSR_IA32_TSC_DEADLINE, deadline);
}

/* What the next write is compared with. */
static void remember_write(struct duet_vm *vm, u64 host, u64 value, u64 offset)
{
	lockdep_assert_held(&vm->tsc_lock);
	vm->tsc_last_host = host;
	vm->tsc_last_write = value;
	vm->tsc_last_offset = offset;
}

/*
 * A guest or a VMM that sets the counters of several vCPUs to the same value
 * means them to be in step, but its writes are some time apart. A write of 0,
 * or of a value less than a second away from where the last write would be by
 * now, takes the last write's offset over.
 */
static u64 synchronized_offset(struct duet_vcpu *vcpu, u64 value)
{
	u64 second = 1000ULL * tsc_khz;
	struct duet_vm *vm = vcpu->vm;
	u64 now, offset, expected;
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->tsc_lock, flags);
	now = rdtsc();
	offset = value - now;
	expected = vm->tsc_last_write + (now - vm->tsc_last_host);
	if (vm->tsc_last_host && !check_tsc_unstable() &&
	    (!value || value - expected + second < 2 * second)) {
		offset = vm->tsc_last_offset;
		/* a vCPU that comes late: what it joins is not at 0 */
		if (!value)
			value = now + offset;
	}
	remember_write(vm, now, value, offset);
	raw_spin_unlock_irqrestore(&vm->tsc_lock, flags);
	return offset;
}

void duet_set_guest_tsc(struct duet_vcpu *vcpu, u64 value, bool host)
{
	u64 offset;

	if (host) {
		set_offset(vcpu, synchronized_offset(vcpu, value));
		return;
	}
	/* SDM vol. 3, 18.17.3: IA32_TSC_ADJUST moves along */
	offset = value - rdtsc();
	vcpu->msrs.tsc_adjust += offset - vcpu->tsc_offset;
	set_offset(vcpu, offset);
}

void duet_set_tsc_adjust(struct duet_vcpu *vcpu, u64 value, bool host)
{
	u64 delta = value - vcpu->msrs.tsc_adjust;

	/* An ioctl restores the register; the counter is restored apart. */
	vcpu->msrs.tsc_adjust = value;
	if (!host)
		set_offset(vcpu, vcpu->tsc_offset + delta);
}

void duet_set_tsc_offset(struct duet_vcpu *vcpu, u64 offset)
{
	struct duet_vm *vm = vcpu->vm;
	unsigned long flags;
	u64 now;

	raw_spin_lock_irqsave(&vm->tsc_lock, flags);
	now = rdtsc();
	remember_write(vm, now, now + offset, offset);
	raw_spin_unlock_irqrestore(&vm->tsc_lock, flags);
	set_offset(vcpu, offset);
}

/*
 * Nobody is in KVM_RUN: the threads are frozen, so their vCPUs' fields are
 * ours to write.
 */
void duet_tsc_went_back(struct duet_vm *vm, u64 by)
{
	struct duet_vcpu *vcpu;
	unsigned long flags;
	u32 i;

	raw_spin_lock_irqsave(&vm->tsc_lock, flags);
	vm->tsc_last_host -= by;
	vm->tsc_last_offset += by;
	raw_spin_unlock_irqrestore(&vm->tsc_lock, flags);
	duet_for_each_vcpu(i, vcpu, vm) {
		WRITE_ONCE(vcpu->tsc_offset, vcpu->tsc_offset + by);
		duet_wrote(vcpu, DUET_ST_TSC);
	}
}

/* Without scaling a rate is good if it is the host's, as far as KVM looks. */
#define TOLERANCE_PPM	250

int duet_check_tsc_khz(u32 *khz)
{
	if (!*khz)
		*khz = tsc_khz;
	if (*khz < div_u64((u64)tsc_khz * (1000000 - TOLERANCE_PPM), 1000000) ||
	    *khz > div_u64((u64)tsc_khz * (1000000 + TOLERANCE_PPM), 1000000))
		return -EINVAL;
	return 0;
}
