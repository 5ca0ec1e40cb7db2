// SPDX-License-Identifier: GPL-2.0
/*
 * Steal time (MSR_KVM_STEAL_TIME, Documentation/virt/kvm/x86/msr.rst): how
 * long the vCPU's thread wanted to run and could not, in the guest's memory.
 * Called by msr.c, the run loop and when the thread comes to a CPU. That a vCPU
 * is preempted right now is not told: the field for it stays zero, as the
 * document allows.
 */
#include <linux/kvm_para.h>
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/srcu.h>
#include "common/memslot.h"
#include "common/steal.h"
#include "common/vcpu.h"

static u64 waited(void)
{
#ifdef CONFIG_SCHED_INFO
	return READ_ONCE(current->sched_info.run_delay);
#else
	return 0;
#endif
}

bool duet_steal_usable(void)
{
	return sched_info_on();
}

int duet_steal_enable(struct duet_vcpu *vcpu, u64 value)
{
	if (!duet_steal_usable() || (value & KVM_STEAL_RESERVED_MASK))
		return 1;
	WRITE_ONCE(vcpu->msrs.kvm_steal_time, value);
	WRITE_ONCE(vcpu->steal.thread, NULL);
	duet_request_self(vcpu, DUET_REQ_STEAL);
	return 0;
}

void duet_steal_came(struct duet_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->steal.thread) != current ||
	    READ_ONCE(vcpu->steal.waited) != waited())
		duet_request_self(vcpu, DUET_REQ_STEAL);
}

/* One field at a time: the rest of the 64 bytes is the guest's. */
#define FIELD(gpa, name) \
	((gpa) + offsetof(struct kvm_steal_time, name))

static void add(struct duet_vm *vm, gpa_t gpa, u64 delta)
{
	u32 version;
	u64 steal;

	if (duet_read_guest(vm, FIELD(gpa, version), &version,
			    sizeof(version)))
		return;
	version = (version + 1) | 1;
	if (duet_write_guest(vm, FIELD(gpa, version), &version,
			     sizeof(version)))
		return;
	smp_wmb();	/* odd while it changes */
	if (duet_read_guest(vm, FIELD(gpa, steal), &steal, sizeof(steal)))
		return;
	steal += delta;
	if (duet_write_guest(vm, FIELD(gpa, steal), &steal, sizeof(steal)))
		return;
	smp_wmb();	/* even when it is done */
	version++;
	duet_write_guest(vm, FIELD(gpa, version), &version, sizeof(version));
}

void duet_steal_update(struct duet_vcpu *vcpu)
{
	gpa_t gpa = vcpu->msrs.kvm_steal_time & KVM_STEAL_VALID_BITS;
	struct duet_vm *vm = vcpu->vm;
	u64 now = waited(), delta;
	int idx;

	if (!(vcpu->msrs.kvm_steal_time & KVM_MSR_ENABLED))
		return;
	/* another thread's past is not this vCPU's */
	delta = vcpu->steal.thread == current ? now - vcpu->steal.waited : 0;
	/* preempted here, duet_steal_came() may see half: it asks once more */
	WRITE_ONCE(vcpu->steal.thread, current);
	WRITE_ONCE(vcpu->steal.waited, now);
	idx = srcu_read_lock(&vm->srcu);
	add(vm, gpa, delta);
	srcu_read_unlock(&vm->srcu, idx);
}
