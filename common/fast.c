// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path of exits: what can be done at once, in the backend's loop,
 * with interrupts off, without a lock that may be contended, without sleeping.
 * Called by the backends; what it does not do, exits.c does.
 */
#include "common/io.h"
#include "common/irqchip.h"
#include "common/msr.h"
#include "common/vcpu.h"

static bool fast_cpuid(struct duet_vcpu *vcpu)
{
	u64 *gpr = vcpu->state.gpr;
	u32 eax = gpr[DUET_RAX], ebx, ecx = gpr[DUET_RCX], edx;

	if (!duet_skip_insn_fast(vcpu))
		return false;
	duet_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	gpr[DUET_RAX] = eax;
	gpr[DUET_RBX] = ebx;
	gpr[DUET_RCX] = ecx;
	gpr[DUET_RDX] = edx;
	return true;
}

static bool fast_rdmsr(struct duet_vcpu *vcpu)
{
	u64 value;

	if (!duet_fast_rdmsr(vcpu, vcpu->state.gpr[DUET_RCX], &value) ||
	    !duet_skip_insn_fast(vcpu))
		return false;
	vcpu->state.gpr[DUET_RAX] = (u32)value;
	vcpu->state.gpr[DUET_RDX] = value >> 32;
	return true;
}

static bool fast_wrmsr(struct duet_vcpu *vcpu)
{
	u64 *gpr = vcpu->state.gpr;
	u64 value = (u32)gpr[DUET_RAX] | gpr[DUET_RDX] << 32;

	/* The write cannot be undone: first see that RIP can be advanced. */
	return duet_can_skip_fast(vcpu) &&
		duet_fast_wrmsr(vcpu, gpr[DUET_RCX], value) &&
		duet_skip_insn_fast(vcpu);
}

static bool fast_hypercall(struct duet_vcpu *vcpu)
{
	/* CPL and mode matter to the answer: leave the rare ones alone. */
	if (!vcpu->exit.hypercall.kernel || !duet_skip_insn_fast(vcpu))
		return false;
	vcpu->state.gpr[DUET_RAX] = duet_hypercall(vcpu, true);
	return true;
}

static bool fast_io(struct duet_vcpu *vcpu)
{
	bool done;
	int idx;

	if (vcpu->exit.io.string || !duet_can_skip_fast(vcpu))
		return false;

	idx = srcu_read_lock(&vcpu->vm->srcu);
	done = duet_kernel_pio(vcpu);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	if (done) {
		duet_skip_insn_fast(vcpu);
		return true;
	}
	duet_user_pio(vcpu);
	vcpu->outcome = DUET_OUTCOME_USER;
	return false;
}

/*
 * What waits can be taken: RFLAGS.IF is set, or the TPR fell below it. Apart
 * from the switch, where two cases more would cost all the others.
 */
static noinline bool fast_window(struct duet_vcpu *vcpu)
{
	if (vcpu->exit.reason == DUET_EXIT_IRQ_WINDOW)
		duet_ops->set_window(vcpu, DUET_WINDOW_INTR, false);
	else if (vcpu->exit.reason != DUET_EXIT_TPR)
		return false;
	duet_request_self(vcpu, DUET_REQ_EVENT);
	return true;
}

/*
 * Nothing is to be done but to look for interrupts: the one that this exit
 * raised or let through goes in with the next entry of this loop, as it would
 * from duet_enter(). Not while the local APIC is lent (it is behind), nor
 * where user space may want to hear of an EOI or a window. What is rarer than
 * an interrupt the run loop sees to.
 */
static noinline bool fast_events(struct duet_vcpu *vcpu)
{
	if (atomic_read(&vcpu->requests) != DUET_REQ_EVENT ||
	    !vcpu->vm->has_pic || vcpu->lapic_lent ||
	    duet_lapic_has_events(vcpu) || duet_event_waits(vcpu))
		return false;
	atomic_andnot(DUET_REQ_EVENT, &vcpu->requests);
	smp_mb__after_atomic();	/* what was posted before the request */
	duet_inject_events(vcpu);
	return true;
}

static bool duet_try_fast(struct duet_vcpu *vcpu)
{
	switch (vcpu->exit.reason) {
	case DUET_EXIT_CPUID:
		return fast_cpuid(vcpu);
	case DUET_EXIT_RDMSR:
		return fast_rdmsr(vcpu);
	case DUET_EXIT_WRMSR:
		return fast_wrmsr(vcpu);
	case DUET_EXIT_HYPERCALL:
		return fast_hypercall(vcpu);
	case DUET_EXIT_IO:
		return fast_io(vcpu);
	case DUET_EXIT_PAGE_FAULT:
		return duet_fast_mmio(vcpu);
	default:
		return fast_window(vcpu);
	}
}

bool duet_fast_exit(struct duet_vcpu *vcpu)
{
	vcpu->stats.exits[vcpu->exit.reason]++;
	if (!duet_try_fast(vcpu))
		return false;
	vcpu->stats.fast_exits++;
	/*
	 * Others' requests come with an interrupt, which is an exit. What this
	 * exit asked for itself has no other way to be seen.
	 */
	if (unlikely(duet_has_request(vcpu)) && !fast_events(vcpu)) {
		vcpu->outcome = DUET_OUTCOME_RESUME;
		return false;
	}
	return true;
}
