// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_RUN: the loop around the guest. Calls the backend to enter, common/ to
 * handle what comes out, the scheduler where the guest has nothing to do.
 * Called by the ioctl dispatcher with the vCPU's mutex held and the vCPU loaded.
 */
#include "common/compat.h"
#include "common/irqchip.h"
#include "common/pager.h"
#include "common/steal.h"
#include "module/duet.h"
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>
#include <linux/vtime.h>

/*
 * xfer_to_guest_mode_handle_work() wants KVM's vCPU, to note that a signal
 * ended KVM_RUN. It gets this one, whose content nobody reads.
 */
static struct kvm_run duet_no_run;
static struct kvm_vcpu duet_no_vcpu = { .run = &duet_no_run };

/* Work that the kernel wants done before user mode or a guest: 0 or -EINTR. */
static int duet_kernel_work(struct duet_vcpu *vcpu)
{
	int r;

	if (likely(!__xfer_to_guest_mode_work_pending()))
		return 0;
	r = duet_xfer_to_guest_work(&duet_no_vcpu);
	if (r) {
		vcpu->run->exit_reason = KVM_EXIT_INTR;
		vcpu->stats.signal_exits++;
	}
	return r;
}

/* Interrupts off. From here on a request comes with an interrupt. */
static void duet_enter_guest_mode(struct duet_vcpu *vcpu)
{
	lockdep_assert_irqs_disabled();
	WRITE_ONCE(vcpu->mode, DUET_IN_GUEST);
	smp_mb();	/* pairs with duet_request() and duet_request_all() */
}

static void duet_leave_guest_mode(struct duet_vcpu *vcpu)
{
	/* what the guest's turn read comes before it, as seen by a flush */
	smp_store_release(&vcpu->mode, DUET_OUTSIDE);
}

/*
 * Requests but for events, which are chosen last. 1, 0 or errno as the loop
 * has it.
 */
static int duet_handle_requests(struct duet_vcpu *vcpu)
{
	u32 req = atomic_read(&vcpu->requests) &
		~(DUET_REQ_EVENT | DUET_REQ_EOI | DUET_REQ_TPR);
	int r;

	if (likely(!req))
		return 1;
	if (unlikely(req & DUET_REQ_DEAD))
		return -EIO;
	/* Full barrier: what the requester wrote before is seen below. */
	req = atomic_fetch_andnot(req, &vcpu->requests) & req;

	if (req & DUET_REQ_TIMER)
		duet_lapic_timer_sync(vcpu);
	if (req & DUET_REQ_UPDATE)
		duet_ops->update(vcpu);
	if (req & DUET_REQ_CLOCK)
		duet_clock_update(vcpu);
	if (req & DUET_REQ_STEAL)
		duet_steal_update(vcpu);
	if (req & DUET_REQ_LOAD_ROOT) {
		/* It may read the guest's tables. */
		int idx = srcu_read_lock(&vcpu->vm->srcu);

		r = vcpu->vm->pager_ops->load(vcpu);
		srcu_read_unlock(&vcpu->vm->srcu, idx);
		if (r)
			return r;
	}
	if (req & DUET_REQ_FLUSH) {
		vcpu->stats.tlb_flushes++;
		duet_ops->flush_tlb(vcpu, DUET_FLUSH_ALL);
	} else if (req & DUET_REQ_FLUSH_GUEST) {
		vcpu->stats.tlb_flushes++;
		duet_ghost_want(&vcpu->ghost);
		duet_ops->flush_tlb(vcpu, DUET_FLUSH_GUEST);
	}
	return 1;
}

/* Interrupts off: may this CPU run the guest right now? */
static bool duet_may_enter(struct duet_vcpu *vcpu)
{
	return !(atomic_read(&vcpu->requests) & ~DUET_REQ_EVENT) &&
		!xfer_to_guest_mode_work_pending() &&
		__this_cpu_read(duet_cpu_is_on);
}

/*
 * Into the guest and out again. 1 with an exit in vcpu->exit if *entered, 0 or
 * errno as the loop has it.
 */
static int duet_enter(struct duet_vcpu *vcpu, bool *entered)
{
	int r = duet_handle_requests(vcpu);

	*entered = false;
	if (r <= 0)
		return r;

	preempt_disable();
	local_irq_disable();
	duet_enter_guest_mode(vcpu);
	if (unlikely(!duet_may_enter(vcpu)))
		goto out;

	if (atomic_read(&vcpu->requests) & DUET_REQ_EVENT) {
		/*
		 * Nothing is handed to a CPU that does not enter. An INIT has
		 * kicked already: it would be seen at the next exit only.
		 */
		if (unlikely(vcpu->events.triple_fault ||
			     duet_lapic_has_events(vcpu)))
			goto out;
		atomic_andnot(DUET_REQ_EVENT, &vcpu->requests);
		smp_mb__after_atomic();	/* what was posted before the request */
		duet_inject_events(vcpu);
	}
	duet_fpu_load(&vcpu->fpu);

	vtime_account_guest_enter();
	vcpu->outcome = DUET_OUTCOME_SLOW;
	vcpu->stats.entries++;
	duet_ops->run(vcpu);
	duet_fpu_save(&vcpu->fpu);
	*entered = true;
	duet_leave_guest_mode(vcpu);
	duet_ops->host_event(vcpu);
	/* RCU waits for CPUs that see a tick in the middle of nowhere. */
	if (vcpu->exit.reason == DUET_EXIT_INTR)
		duet_note_guest_entry();

	/*
	 * The interrupt that ended the guest's turn is taken here, and the
	 * tick accounts the time to the guest. STI lets nothing in before the
	 * end of the next instruction, which must not be CLI.
	 */
	local_irq_enable();
	asm volatile("nop");
	local_irq_disable();
	vtime_account_guest_exit();
out:
	duet_leave_guest_mode(vcpu);
	local_irq_enable();
	preempt_enable();
	if (unlikely(vcpu->lapic_lent))
		duet_lapic_take_back(vcpu);
	return 1;
}

/*
 * Not runnable: sleep until somebody requests something. 1 to go on; the loop
 * looks at INIT and SIPI, of which the latter does not end HLT.
 */
static int duet_halt(struct duet_vcpu *vcpu)
{
	int r;

	duet_wait(vcpu);
	r = duet_handle_requests(vcpu);
	if (r <= 0)
		return r;
	if (duet_ends_hlt(vcpu)) {
		vcpu->stats.wakeups++;
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
		WRITE_ONCE(vcpu->pv_kicked, false);
	}
	return 1;
}

static int duet_triple_fault(struct duet_vcpu *vcpu)
{
	vcpu->events.triple_fault = false;
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

static int duet_run_guest(struct duet_vcpu *vcpu)
{
	bool entered;
	int idx, r;

	r = duet_enter(vcpu, &entered);
	if (r <= 0)
		return r;
	if (unlikely(vcpu->events.triple_fault))
		return duet_triple_fault(vcpu);
	if (!entered)
		return 1;
	if (vcpu->outcome)
		return vcpu->outcome == DUET_OUTCOME_RESUME;

	idx = srcu_read_lock(&vcpu->vm->srcu);
	r = duet_handle_exit(vcpu);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	if (unlikely(r == 0 && vcpu->exit.reason == DUET_EXIT_SHUTDOWN))
		duet_vcpu_reset(vcpu, true);
	return r;
}

/* User space asked to be told when KVM_INTERRUPT will do. */
static bool duet_window_open(struct duet_vcpu *vcpu)
{
	return !vcpu->vm->has_pic &&
		READ_ONCE(vcpu->run->request_interrupt_window) &&
		duet_interrupt_allowed(vcpu) && duet_extint_room(vcpu);
}

static int duet_run_loop(struct duet_vcpu *vcpu)
{
	int r;

	for (;;) {
		if (likely(vcpu->mp_state == KVM_MP_STATE_RUNNABLE))
			r = duet_run_guest(vcpu);
		else
			r = duet_halt(vcpu);
		if (r <= 0)
			return r;

		if (vcpu->lapic && unlikely(duet_lapic_has_events(vcpu)))
			duet_lapic_accept_events(vcpu);
		if (unlikely(duet_lapic_exit(vcpu)))
			return 0;
		if (unlikely(duet_window_open(vcpu))) {
			vcpu->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
			return 0;
		}
		r = duet_kernel_work(vcpu);
		if (unlikely(r))
			return r;
	}
}

/* What user space left in kvm_run. */
static int duet_before_run(struct duet_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	int r;

	if (run->kvm_valid_regs || run->kvm_dirty_regs)
		return -EINVAL;		/* KVM_CAP_SYNC_REGS is not offered */
	if (!vcpu->vm->has_irqchip) {
		u64 cr8 = READ_ONCE(run->cr8);

		if (cr8 != vcpu->cr8) {
			if (duet_set_cr8(vcpu, cr8))
				return -EINVAL;
			duet_request_self(vcpu, DUET_REQ_EVENT);
		}
	}
	if (!vcpu->vm->has_pic && READ_ONCE(run->request_interrupt_window))
		duet_request_self(vcpu, DUET_REQ_EVENT);
	if (vcpu->complete) {
		int (*complete)(struct duet_vcpu *) = vcpu->complete;

		vcpu->complete = NULL;
		r = complete(vcpu);
		if (r <= 0)
			return r;
	}
	/* It has no place in what is saved: no return leaves it behind. */
	if (unlikely(duet_lapic_exit(vcpu)))
		return 0;
	if (duet_immediate_exit(run)) {
		run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	}
	return 1;
}

/* What user space may read in kvm_run at every exit. */
static void duet_after_run(struct duet_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->if_flag = !!(duet_rflags(vcpu) & X86_EFLAGS_IF);
	run->flags = 0;
	run->cr8 = duet_get_cr8(vcpu);
	run->apic_base = vcpu->msrs.apic_base;
	run->ready_for_interrupt_injection = vcpu->vm->has_pic ||
		(duet_interrupt_allowed(vcpu) && duet_extint_room(vcpu));
}

static void duet_swap_sigset(struct duet_vcpu *vcpu, bool enter)
{
	if (likely(!vcpu->sigset_active))
		return;
	if (enter) {
		sigprocmask(SIG_SETMASK, &vcpu->sigset, &current->real_blocked);
	} else {
		sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
		sigemptyset(&current->real_blocked);
	}
}

int duet_vcpu_run(struct duet_vcpu *vcpu)
{
	int r;

	duet_swap_sigset(vcpu, true);
	duet_fpu_enter(&vcpu->fpu);
	vcpu->initialized = true;

	r = duet_before_run(vcpu);
	if (r > 0)
		r = duet_run_loop(vcpu);

	duet_after_run(vcpu);
	vcpu->stats.user_exits++;
	duet_fpu_leave(&vcpu->fpu);
	duet_swap_sigset(vcpu, false);
	return r;
}
