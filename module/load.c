// SPDX-License-Identifier: GPL-2.0
/*
 * The vCPU onto a CPU and off it, with its thread. Calls the backend; called by
 * the ioctl dispatcher around what needs the vCPU's state, and by the scheduler.
 */
#include "common/pvclock.h"
#include "common/steal.h"
#include "module/duet.h"

static void duet_came_to(struct duet_vcpu *vcpu, int cpu)
{
	if (vcpu->cpu != cpu)
		duet_clock_moved(vcpu);
	/* the notifier may have interrupted who writes it, in this thread */
	if (unlikely(READ_ONCE(vcpu->msrs.kvm_steal_time)))
		duet_steal_came(vcpu);
	WRITE_ONCE(vcpu->cpu, cpu);
}

/* Preempted in the middle of a bracket: the state leaves with the thread. */
static void duet_sched_in(struct preempt_notifier *notifier, int cpu)
{
	struct duet_vcpu *vcpu = container_of(notifier, struct duet_vcpu,
					      notifier);

	duet_came_to(vcpu, cpu);
	duet_ops->vcpu_load(vcpu, cpu);
}

static void duet_sched_out(struct preempt_notifier *notifier,
			   struct task_struct *next)
{
	struct duet_vcpu *vcpu = container_of(notifier, struct duet_vcpu,
					      notifier);

	duet_ops->vcpu_put(vcpu);
}

static struct preempt_ops duet_preempt_ops = {
	.sched_in = duet_sched_in,
	.sched_out = duet_sched_out,
};

void duet_init_load(struct duet_vcpu *vcpu)
{
	preempt_notifier_init(&vcpu->notifier, &duet_preempt_ops);
}

void duet_vcpu_load(struct duet_vcpu *vcpu)
{
	int cpu = get_cpu();

	lockdep_assert_held(&vcpu->mutex);
	preempt_notifier_register(&vcpu->notifier);
	duet_came_to(vcpu, cpu);
	duet_ops->vcpu_load(vcpu, cpu);
	put_cpu();
}

void duet_vcpu_put(struct duet_vcpu *vcpu)
{
	preempt_disable();
	duet_ops->vcpu_put(vcpu);
	preempt_notifier_unregister(&vcpu->notifier);
	preempt_enable();
}
