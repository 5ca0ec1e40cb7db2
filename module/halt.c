// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that has nothing to run: what ends its halt, how long it looks around
 * before it sleeps, and the sleep. Calls the scheduler and the local APIC;
 * called by the run loop (run.c) in the vCPU's thread, preemption on.
 *
 * To look around costs a CPU that nobody else wants, and saves what a sleep
 * costs: two task switches, the wake-up, and mostly an IPI. It pays where the
 * next event is near, which is learned from the last ones.
 */
#include "common/irqchip.h"
#include "module/duet.h"
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>

/* Longer than what a sleep costs, it would lose more than it can win. */
static unsigned int halt_poll_ns = 200000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "ns that a halted vCPU looks around before it sleeps, at most; VMs may have their own (KVM_CAP_HALT_POLL)");

/* The first try; doubled while events come later than it lasts. */
#define DUET_POLL_FIRST_NS	10000

bool duet_ends_hlt(struct duet_vcpu *vcpu)
{
	return vcpu->mp_state == KVM_MP_STATE_HALTED &&
		((duet_irq_pending(vcpu) && duet_interrupt_allowed(vcpu)) ||
		 duet_event_waits(vcpu) || READ_ONCE(vcpu->pv_kicked));
}

static bool duet_must_leave_halt(struct duet_vcpu *vcpu)
{
	return duet_ends_hlt(vcpu) || duet_lapic_has_events(vcpu) ||
		signal_pending(current) ||
		(atomic_read(&vcpu->requests) &
		 (DUET_REQ_DEAD | DUET_REQ_TIMER | DUET_REQ_CLOCK));
}

static u32 duet_poll_max(struct duet_vcpu *vcpu)
{
	u64 max = READ_ONCE(vcpu->vm->halt_poll_ns);

	return max == DUET_POLL_DEFAULT ? READ_ONCE(halt_poll_ns) : max;
}

/* True if the halt ended; false if time was up, or the CPU is wanted. */
static bool duet_poll(struct duet_vcpu *vcpu, u64 start, u32 window)
{
	struct duet_stats *stats = &vcpu->stats;
	bool ended = false;
	u64 now = start;

	stats->polls++;
	while (now - start < window && !need_resched() &&
	       single_task_running()) {
		ended = duet_must_leave_halt(vcpu);
		if (ended)
			break;
		cpu_relax();
		now = ktime_get_ns();
	}
	if (ended) {
		stats->polls_won++;
		stats->poll_won_ns += ktime_get_ns() - start;
	} else {
		stats->poll_lost_ns += now - start;
	}
	return ended;
}

static void duet_sleep(struct duet_vcpu *vcpu)
{
	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (duet_must_leave_halt(vcpu))
			break;
		schedule();
	}
	finish_rcuwait(&vcpu->wait);
}

/* @ns: how long it took until something came. */
static void duet_poll_learn(struct duet_vcpu *vcpu, u32 max, u64 ns)
{
	u64 window = vcpu->halt_poll_ns;

	if (ns > max)
		window = 0;
	else if (ns > window)
		window = window ? 2 * window : DUET_POLL_FIRST_NS;
	vcpu->halt_poll_ns = min_t(u64, window, max);
}

void duet_wait(struct duet_vcpu *vcpu)
{
	u32 max, window = 0;
	u64 start, slept;

	if (duet_must_leave_halt(vcpu))
		return;

	start = ktime_get_ns();
	max = duet_poll_max(vcpu);
	/* Who waits for INIT or SIPI waits long. */
	if (vcpu->mp_state == KVM_MP_STATE_HALTED)
		window = min(vcpu->halt_poll_ns, max);
	if (!window || !duet_poll(vcpu, start, window)) {
		slept = ktime_get_ns();
		duet_sleep(vcpu);
		vcpu->stats.wait_ns += ktime_get_ns() - slept;
	}
	duet_poll_learn(vcpu, max, ktime_get_ns() - start);
}
