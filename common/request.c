// SPDX-License-Identifier: GPL-2.0
/*
 * Requests and kicks: how anyone makes a vCPU do something before it runs
 * guest code again. Calls the scheduler and the IPI code only; called from
 * everywhere, hard interrupts included.
 *
 * The protocol (docs/locking.md): the requester writes the bit, then reads
 * vcpu->mode; the vCPU writes mode = IN_GUEST with interrupts off, then reads
 * the bits. Each has a full barrier in between, so at least one sees the
 * other: either the vCPU sees the request and does not enter, or the requester
 * sees IN_GUEST and sends an interrupt, which is pending at the entry or
 * causes an exit.
 */
#include "common/compat.h"
#include "common/vcpu.h"
#include <linux/cpumask.h>
#include <linux/nospec.h>

static bool duet_in_guest(struct duet_vcpu *vcpu, int *cpu)
{
	*cpu = READ_ONCE(vcpu->cpu);
	return READ_ONCE(vcpu->mode) == DUET_IN_GUEST && *cpu >= 0;
}

void duet_request(struct duet_vcpu *vcpu, u32 request)
{
	int cpu;

	atomic_or(request, &vcpu->requests);
	smp_mb__after_atomic();	/* pairs with duet_enter_guest_mode() */

	rcuwait_wake_up(&vcpu->wait);
	if (!duet_in_guest(vcpu, &cpu))
		return;

	preempt_disable();
	if (cpu != smp_processor_id() && cpu_online(cpu))
		smp_send_reschedule(cpu);
	preempt_enable();
}

static void duet_ack_kick(void *unused)
{
	/* The interrupt itself took the vCPU out of guest mode. */
}

void duet_request_all(struct duet_vm *vm, u32 request, bool wait)
{
	struct duet_vcpu *vcpu;
	cpumask_var_t mask;
	bool have_mask;
	s64 ticket = 0;
	int cpu;
	u32 i;

	if (wait && (request & DUET_REQ_FLUSH))
		ticket = duet_ghost_ask(&vm->ghost);
	have_mask = wait && zalloc_cpumask_var(&mask, GFP_ATOMIC);

	preempt_disable();
	duet_for_each_vcpu(i, vcpu, vm) {
		if (!wait) {
			duet_request(vcpu, request);
			continue;
		}
		atomic_or(request, &vcpu->requests);
		smp_mb__after_atomic();	/* pairs with duet_enter_guest_mode() */
		if (have_mask && duet_in_guest(vcpu, &cpu))
			__cpumask_set_cpu(cpu, mask);
	}
	if (wait)
		smp_call_function_many(have_mask ? mask : cpu_online_mask,
				       duet_ack_kick, NULL, true);
	duet_ghost_done(&vm->ghost, ticket);
	preempt_enable();
	if (have_mask)
		free_cpumask_var(mask);
}

struct duet_vcpu *duet_vcpu_by_id(struct duet_vm *vm, u32 id)
{
	struct duet_vcpu *vcpu;
	u32 i;

	/* The usual case: ids are given in the order of creation. */
	if (id < duet_nr_vcpus(vm)) {
		vcpu = vm->vcpus[array_index_nospec(id, DUET_MAX_VCPUS)];
		if (vcpu->id == id)
			return vcpu;
	}
	duet_for_each_vcpu(i, vcpu, vm)
		if (vcpu->id == id)
			return vcpu;
	return NULL;
}
