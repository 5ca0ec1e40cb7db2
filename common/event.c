// SPDX-License-Identifier: GPL-2.0
/*
 * Events on their way into the guest: what is raised, how two exceptions
 * combine, which event goes first. Calls the backend to encode one event;
 * called by the run loop, the exit handlers and the emulator's glue.
 */
#include "common/event.h"
#include "common/irqchip.h"
#include "common/vcpu.h"
#include <asm/trapnr.h>
#include <asm/debugreg.h>

/* How exceptions combine (SDM vol. 3, 6.15, tables 6-4 and 6-5). */
enum duet_class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum duet_class duet_exception_class(u8 vector)
{
	switch (vector) {
	case X86_TRAP_PF:
		return PAGE_FAULT;
	case X86_TRAP_DE:
	case X86_TRAP_TS:
	case X86_TRAP_NP:
	case X86_TRAP_SS:
	case X86_TRAP_GP:
	case X86_TRAP_CP:
		return CONTRIBUTORY;
	default:
		return BENIGN;
	}
}

static void duet_set_exception(struct duet_vcpu *vcpu, u8 vector,
			       bool has_error, u32 error_code,
			       bool has_payload, u64 payload)
{
	struct duet_events *e = &vcpu->events;

	/* The CPU pushes no error code in real mode (SDM vol. 3, 20.1.4). */
	if (!(duet_cr0(vcpu) & X86_CR0_PE))
		has_error = false;

	e->exception.pending = true;
	e->exception.injected = false;
	e->exception.soft = false;
	e->exception.vector = vector;
	e->exception.has_error = has_error;
	e->exception.error_code = has_error ? error_code : 0;
	e->exception.has_payload = has_payload;
	e->exception.payload = payload;
}

static void duet_raise(struct duet_vcpu *vcpu, u8 vector, bool has_error,
		       u32 error_code, bool has_payload, u64 payload)
{
	struct duet_events *e = &vcpu->events;
	enum duet_class first, second = duet_exception_class(vector);

	duet_request_self(vcpu, DUET_REQ_EVENT);

	if (!e->exception.pending && !e->exception.injected)
		goto set;

	if (e->exception.vector == X86_TRAP_DF) {
		/* A fault while #DF is delivered: shutdown. */
		e->exception.pending = false;
		e->exception.injected = false;
		e->triple_fault = true;
		return;
	}
	first = duet_exception_class(e->exception.vector);
	if ((first == CONTRIBUTORY && second == CONTRIBUTORY) ||
	    (first == PAGE_FAULT && second != BENIGN)) {
		vector = X86_TRAP_DF;
		has_error = true;
		error_code = 0;
		has_payload = false;
	}
	/*
	 * Otherwise they are handled serially. The first one is raised again
	 * when its instruction is executed again.
	 */
set:
	duet_set_exception(vcpu, vector, has_error, error_code, has_payload,
			   payload);
}

void duet_queue_exception(struct duet_vcpu *vcpu, u8 vector)
{
	duet_raise(vcpu, vector, false, 0, false, 0);
}

void duet_queue_exception_e(struct duet_vcpu *vcpu, u8 vector, u32 error_code)
{
	duet_raise(vcpu, vector, true, error_code, false, 0);
}

void duet_queue_page_fault(struct duet_vcpu *vcpu, u64 cr2, u32 error_code)
{
	duet_raise(vcpu, X86_TRAP_PF, true, error_code, true, cr2);
}

void duet_queue_debug(struct duet_vcpu *vcpu, u64 dr6_bits)
{
	duet_raise(vcpu, X86_TRAP_DB, false, 0, true, dr6_bits);
}

void duet_event_reinject(struct duet_vcpu *vcpu, const struct duet_event *ev)
{
	struct duet_events *e = &vcpu->events;

	if (likely(!ev && !e->in_flight))
		return;

	/* What was in flight has arrived, unless @ev brings it back. */
	switch (e->in_flight) {
	case DUET_EVENT_INTR + 1:
	case DUET_EVENT_SOFT_INTR + 1:
		e->interrupt.injected = false;
		break;
	case DUET_EVENT_NMI + 1:
		e->nmi_injected = false;
		break;
	case DUET_EVENT_EXCEPTION + 1:
	case DUET_EVENT_SOFT_EXCEPTION + 1:
		e->exception.injected = false;
		break;
	}
	e->in_flight = 0;
	if (!ev)
		return;

	duet_request_self(vcpu, DUET_REQ_EVENT);
	switch (ev->type) {
	case DUET_EVENT_INTR:
	case DUET_EVENT_SOFT_INTR:
		e->interrupt.injected = true;
		e->interrupt.soft = ev->type == DUET_EVENT_SOFT_INTR;
		e->interrupt.waiting = false;
		e->interrupt.vector = ev->vector;
		e->interrupt.insn_len = ev->insn_len;
		break;
	case DUET_EVENT_NMI:
		e->nmi_injected = true;
		break;
	case DUET_EVENT_EXCEPTION:
	case DUET_EVENT_SOFT_EXCEPTION:
		e->exception.pending = false;
		e->exception.injected = true;
		e->exception.soft = ev->type == DUET_EVENT_SOFT_EXCEPTION;
		e->exception.vector = ev->vector;
		e->exception.insn_len = ev->insn_len;
		e->exception.has_error = ev->has_error;
		e->exception.error_code = ev->error_code;
		e->exception.has_payload = false;
		break;
	}
}

static void duet_hand_over(struct duet_vcpu *vcpu, const struct duet_event *ev)
{
	vcpu->events.in_flight = ev->type + 1;
	vcpu->stats.injections++;
	duet_ops->inject(vcpu, ev);
}

void duet_event_withdraw(struct duet_vcpu *vcpu)
{
	if (!vcpu->events.in_flight)
		return;
	/* It is "injected" still, and so comes before anything else. */
	vcpu->events.in_flight = 0;
	duet_ops->inject(vcpu, NULL);
	duet_request_self(vcpu, DUET_REQ_EVENT);
}

/* CR2 and DR6 change when the exception is delivered, not when it is raised. */
static void duet_deliver_payload(struct duet_vcpu *vcpu)
{
	struct duet_events *e = &vcpu->events;

	if (!e->exception.has_payload)
		return;
	e->exception.has_payload = false;

	if (e->exception.vector == X86_TRAP_PF) {
		vcpu->state.cr2 = e->exception.payload;
		duet_wrote(vcpu, DUET_ST_CR2);
		return;
	}
	/*
	 * #DB: B0-B3 are replaced, the rest accumulates (SDM vol. 3, 17.2.3);
	 * RTM reads 1 unless a transaction was debugged; GD is cleared.
	 */
	duet_need(vcpu, DUET_ST_DR);
	vcpu->state.dr6 &= ~(u64)DR_TRAP_BITS;
	vcpu->state.dr6 |= e->exception.payload;
	vcpu->state.dr7 &= ~(u64)DUET_DR7_GD;
	duet_wrote(vcpu, DUET_ST_DR);
}

static bool duet_is_fault(u8 vector)
{
	switch (vector) {
	case X86_TRAP_DB:	/* also a trap; RF is then set by IRET's image */
	case X86_TRAP_NMI:
	case X86_TRAP_BP:
	case X86_TRAP_OF:
	case X86_TRAP_DF:
	case X86_TRAP_MC:
		return false;
	default:
		return true;
	}
}

static void duet_inject_exception(struct duet_vcpu *vcpu)
{
	struct duet_events *e = &vcpu->events;
	struct duet_event ev = {
		.type = e->exception.soft ? DUET_EVENT_SOFT_EXCEPTION :
					    DUET_EVENT_EXCEPTION,
		.vector = e->exception.vector,
		.has_error = e->exception.has_error,
		.error_code = e->exception.error_code,
		.insn_len = e->exception.insn_len,
	};

	if (e->exception.pending) {
		duet_deliver_payload(vcpu);
		/* INT n: executed again when the fault is repaired. */
		if (e->interrupt.soft)
			e->interrupt.injected = false;
		/* NMIs are blocked already: it comes after the next IRET. */
		if (e->nmi_injected) {
			e->nmi_injected = false;
			atomic_add_unless(&e->nmi_pending, 1, 2);
		}
		/* Faults push RF set (SDM vol. 3, 17.3.1.1). */
		if (duet_is_fault(ev.vector)) {
			duet_need(vcpu, DUET_ST_RFLAGS);
			vcpu->state.rflags |= X86_EFLAGS_RF;
			duet_wrote(vcpu, DUET_ST_RFLAGS);
		}
		e->exception.pending = false;
		e->exception.injected = true;
	}
	duet_hand_over(vcpu, &ev);
}

static void duet_inject_interrupt(struct duet_vcpu *vcpu)
{
	struct duet_events *e = &vcpu->events;
	struct duet_event ev = {
		.type = e->interrupt.soft ? DUET_EVENT_SOFT_INTR :
					    DUET_EVENT_INTR,
		.vector = e->interrupt.vector,
		.insn_len = e->interrupt.insn_len,
	};

	/* An exception came first, and its gate cleared IF: wait. */
	if (!e->interrupt.soft && !(duet_rflags(vcpu) & X86_EFLAGS_IF))
		return;
	duet_hand_over(vcpu, &ev);
}

static void duet_inject_nmi(struct duet_vcpu *vcpu)
{
	struct duet_event ev = { .type = DUET_EVENT_NMI,
				 .vector = X86_TRAP_NMI };

	/* Further NMIs wait for IRET (SDM vol. 3, 6.7.1). */
	duet_need(vcpu, DUET_ST_SHADOW);
	if (!(vcpu->state.shadow & DUET_SHADOW_NMI)) {
		vcpu->state.shadow |= DUET_SHADOW_NMI;
		duet_wrote(vcpu, DUET_ST_SHADOW);
	}
	duet_hand_over(vcpu, &ev);
}

static bool duet_nmi_allowed(struct duet_vcpu *vcpu)
{
	duet_need(vcpu, DUET_ST_SHADOW);
	return !vcpu->state.shadow;
}

bool duet_event_waits(struct duet_vcpu *vcpu)
{
	struct duet_events *e = &vcpu->events;

	if (e->exception.pending || e->exception.injected ||
	    e->nmi_injected || e->interrupt.injected || e->triple_fault)
		return true;
	return atomic_read(&e->nmi_pending) && duet_nmi_allowed(vcpu);
}

bool duet_interrupt_allowed(struct duet_vcpu *vcpu)
{
	struct duet_events *e = &vcpu->events;

	if (e->exception.injected || e->exception.pending ||
	    e->nmi_injected || e->interrupt.injected)
		return false;
	duet_need(vcpu, DUET_ST_SHADOW);
	return (duet_rflags(vcpu) & X86_EFLAGS_IF) &&
		!(vcpu->state.shadow & (DUET_SHADOW_STI | DUET_SHADOW_MOV_SS));
}

/*
 * While NMIs are blocked one more is latched, no second one (SDM vol. 3, 6.7.1;
 * APM vol. 2, 8.2.3). Who posts does not know: each post is a request, and this
 * looks at it.
 */
static void duet_limit_nmis(struct duet_vcpu *vcpu)
{
	if (vcpu->events.nmi_injected ||
	    (vcpu->state.shadow & DUET_SHADOW_NMI))
		atomic_cmpxchg(&vcpu->events.nmi_pending, 2, 1);
}

/* Something that is new may be delivered at this boundary: pick it. */
static void duet_inject_new(struct duet_vcpu *vcpu)
{
	struct duet_events *e = &vcpu->events;
	int vector;

	if (atomic_read(&e->nmi_pending) && duet_nmi_allowed(vcpu)) {
		atomic_dec(&e->nmi_pending);
		e->nmi_injected = true;
		duet_inject_nmi(vcpu);
		return;
	}
	if (!duet_irq_pending(vcpu) || !duet_interrupt_allowed(vcpu))
		return;
	vector = duet_irq_ack(vcpu);
	if (vector < 0)
		return;
	e->interrupt.injected = true;
	e->interrupt.soft = false;
	e->interrupt.vector = vector;
	duet_inject_interrupt(vcpu);
}

void duet_inject_events(struct duet_vcpu *vcpu)
{
	struct duet_events *e = &vcpu->events;
	bool want_irq;

	if (unlikely(atomic_read(&e->nmi_pending) > 1)) {
		duet_need(vcpu, DUET_ST_SHADOW);
		duet_limit_nmis(vcpu);
	}
	/*
	 * First exceptions: one that is pending beside something injected was
	 * raised by its delivery. Then what was interrupted, NMIs, interrupts.
	 */
	if (e->exception.injected || e->exception.pending)
		duet_inject_exception(vcpu);
	else if (e->nmi_injected)
		duet_inject_nmi(vcpu);
	else if (e->interrupt.injected)
		duet_inject_interrupt(vcpu);
	else
		duet_inject_new(vcpu);

	e->interrupt.waiting = e->interrupt.injected &&
		e->in_flight != DUET_EVENT_INTR + 1 &&
		e->in_flight != DUET_EVENT_SOFT_INTR + 1;

	if (atomic_read(&e->nmi_pending))
		duet_ops->set_window(vcpu, DUET_WINDOW_NMI, true);

	want_irq = duet_irq_pending(vcpu) ||
		(!vcpu->vm->has_pic &&
		 READ_ONCE(vcpu->run->request_interrupt_window) &&
		 duet_extint_room(vcpu));
	if (want_irq || e->interrupt.waiting)
		duet_ops->set_window(vcpu, DUET_WINDOW_INTR, true);

	duet_ops->set_tpr(vcpu, duet_get_cr8(vcpu), duet_irq_highest(vcpu));
	duet_lapic_lend(vcpu);
}
