// SPDX-License-Identifier: GPL-2.0
/*
 * Events into the guest by EVENTINJ, what comes back by EXITINTINFO, and the
 * windows in which something can be taken. Called through the ops table
 * (common/event.c decides what goes in) and by run.c around each entry.
 *
 * NMI blocking is software's: the CPU does not track it (APM vol. 2, 15.21.9).
 * While NMIs are blocked IRET is intercepted; the intercept comes before IRET
 * has done anything, so IRET is then executed with TF set, and what follows it
 * is the end of the blocking. The same step leads out of a MOV SS shadow.
 */
#include <linux/bitfield.h>
#include <linux/smp.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include "common/compat.h"
#include "svm/svm.h"

#define STEP_FLAGS	(X86_EFLAGS_TF | X86_EFLAGS_RF)

static void svm_v_irq(struct svm_vcpu *svm, bool on, u8 vector)
{
	struct vmcb_control *control = &svm->vmcb->control;
	const u32 bits = VMCB_V_IRQ | VMCB_V_IGN_TPR | VMCB_V_INTR_PRIO;

	if (on)
		control->int_ctl |= bits;
	else
		control->int_ctl &= ~bits;
	control->int_vector = vector;
	svm_dirty(svm, VMCB_CLEAN_TPR);
}

static void svm_event_inj(struct svm_vcpu *svm, u32 inj)
{
	svm->event_inj = inj;
	svm->vmcb->control.event_inj = inj;
}

/* The interrupt that was to arrive by V_IRQ goes by EVENTINJ after all. */
static void svm_use_eventinj(struct svm_vcpu *svm)
{
	struct vmcb_control *control = &svm->vmcb->control;

	if (!svm->by_v_irq)
		return;
	svm->by_v_irq = false;
	svm_event_inj(svm, control->int_vector | VMCB_EVENT_TYPE_INTR |
		      VMCB_EVENT_VALID);
	svm_v_irq(svm, false, 0);
}

/* A virtual interrupt of the highest priority that never arrives: it exits. */
static void svm_vintr(struct svm_vcpu *svm, bool on)
{
	svm_use_eventinj(svm);
	svm_v_irq(svm, on, 0);
	svm_intercept(svm, INTERCEPT_VINTR, on);
}

/* After an exit: was the interrupt that is in V_IRQ delivered? */
static bool svm_v_irq_left(struct svm_vcpu *svm, struct duet_event *ev)
{
	struct vmcb_control *control = &svm->vmcb->control;
	bool left = control->int_ctl & VMCB_V_IRQ;

	*ev = (struct duet_event) {
		.type = DUET_EVENT_INTR, .vector = control->int_vector,
	};
	svm->by_v_irq = false;
	svm_v_irq(svm, false, 0);
	return left;
}

/* EVENTINJ delivers in spite of RFLAGS.IF and a shadow, V_IRQ does not. */
static bool svm_v_irq_arrives(struct svm_vcpu *svm)
{
	struct duet_vcpu *vcpu = &svm->vcpu;

	duet_need(vcpu, DUET_ST_SHADOW | DUET_ST_RFLAGS);
	return (vcpu->state.rflags & X86_EFLAGS_IF) &&
		!(vcpu->state.shadow & ~DUET_SHADOW_NMI);
}

void svm_inject(struct duet_vcpu *vcpu, const struct duet_event *ev)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_control *control = &svm->vmcb->control;
	u32 inj;

	svm->work &= ~(SVM_WORK_SOFT | SVM_WORK_INJECTED);
	svm_event_inj(svm, 0);
	if (!ev)
		return;

	inj = ev->vector | VMCB_EVENT_VALID;
	switch (ev->type) {
	case DUET_EVENT_INTR:
		inj |= VMCB_EVENT_TYPE_INTR;
		/* Opened again if one more waits. */
		if (svm->want_intr)
			svm_set_window(vcpu, DUET_WINDOW_INTR, false);
		break;
	case DUET_EVENT_NMI:
		inj |= VMCB_EVENT_TYPE_NMI;
		break;
	case DUET_EVENT_EXCEPTION:
		inj |= VMCB_EVENT_TYPE_EXCEPTION;
		/* Not every vector is one in every mode (15.20). */
		svm->work |= SVM_WORK_COPY;
		break;
	case DUET_EVENT_SOFT_INTR:
		inj |= VMCB_EVENT_TYPE_SOFT;
		svm->work |= SVM_WORK_SOFT;
		break;
	case DUET_EVENT_SOFT_EXCEPTION:
		/* INT3 and INTO are exceptions to EVENTINJ (15.20). */
		inj |= VMCB_EVENT_TYPE_EXCEPTION;
		svm->work |= SVM_WORK_SOFT | SVM_WORK_COPY;
		break;
	}
	if (svm->work & SVM_WORK_SOFT)
		svm->soft.event = *ev;
	if (ev->has_error)
		inj |= VMCB_EVENT_ERROR;
	svm->work |= SVM_WORK_INJECTED;
	if (static_branch_unlikely(&svm_tcg_quirk) &&
	    ev->type == DUET_EVENT_INTR && ev->vector >= 32 &&
	    svm_v_irq_arrives(svm)) {
		svm->by_v_irq = true;
		svm_v_irq(svm, true, ev->vector);
		return;
	}
	svm_event_inj(svm, inj);
	control->event_inj_error = ev->error_code;
}

static void svm_nmi_window(struct svm_vcpu *svm)
{
	struct duet_vcpu *vcpu = &svm->vcpu;
	u32 shadow;

	duet_need(vcpu, DUET_ST_SHADOW | DUET_ST_RFLAGS);
	shadow = vcpu->state.shadow;

	/* IRET exits. */
	if (shadow & DUET_SHADOW_NMI)
		return;
	/* A shadow lasts one instruction. With IF set, VINTR sees its end. */
	if (shadow && (vcpu->state.rflags & X86_EFLAGS_IF))
		svm_vintr(svm, true);
	else
		svm->work |= SVM_WORK_STEP;
}

void svm_set_window(struct duet_vcpu *vcpu, enum duet_window w, bool on)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (w == DUET_WINDOW_NMI) {
		svm->want_nmi = on;
		if (on)
			svm_nmi_window(svm);
		else
			svm->work &= ~SVM_WORK_STEP;
		return;
	}
	if (on == svm->want_intr)
		return;
	if (static_branch_unlikely(&svm_tcg_quirk) && on) {
		duet_need(vcpu, DUET_ST_SHADOW);
		if (vcpu->state.shadow & ~DUET_SHADOW_NMI) {
			svm->work |= SVM_WORK_STEP;
			return;
		}
	}
	svm->want_intr = on;
	svm_vintr(svm, on);
}

void svm_set_tpr(struct duet_vcpu *vcpu, u8 cr8, int irr)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_control *control = &svm->vmcb->control;

	/* Every access exits. V_TPR stays 0, and windows ignore it. */
	if (!svm->v_tpr)
		return;
	svm->tpr = cr8;
	if ((control->int_ctl & VMCB_V_TPR) != cr8) {
		control->int_ctl = (control->int_ctl & ~(u32)VMCB_V_TPR) | cr8;
		svm_dirty(svm, VMCB_CLEAN_TPR);
	}
	/*
	 * The guest's CR8 is V_TPR; see a write that lets something through.
	 * Without an irqchip only user space knows what waits. TCG dies of one
	 * while V_IRQ waits (quirk.c).
	 */
	svm_intercept(svm, INTERCEPT_CR_WRITE(8), !vcpu->vm->has_irqchip ||
		      (irr >= 0 && irr >> 4 <= cr8) ||
		      (static_branch_unlikely(&svm_tcg_quirk) &&
		       !svm->by_v_irq && (control->int_ctl & VMCB_V_IRQ)));
}

void svm_set_nmi_blocked(struct svm_vcpu *svm, bool blocked)
{
	svm->nmi_blocked = blocked;
	svm_intercept(svm, INTERCEPT_IRET, blocked);
}

/*
 * A software event returns to the instruction behind the one that raised it.
 * With NRIPS the CPU pushes nRIP, without it RIP (APM vol. 2, 15.20); this
 * does not depend on whether the VM refuses to read nRIP.
 */
static void svm_soft_entry(struct svm_vcpu *svm)
{
	struct vmcb_save *save = &svm->vmcb->save;
	u64 next = save->rip + svm->soft.event.insn_len;

	duet_need(&svm->vcpu, DUET_ST_SEG(DUET_CS));
	if (!(save->efer & EFER_LMA) ||
	    !(svm->vcpu.state.seg[DUET_CS].ar & DUET_AR_L))
		next = (u32)next;

	svm->soft.rip = save->rip;
	svm->soft.next_rip = next;
	if (svm_features.nrips)
		svm->vmcb->control.next_rip = next;
	else
		save->rip = next;
}

void svm_take_copy(struct svm_vcpu *svm)
{
	const struct vmcb *vmcb = svm->vmcb;

	memcpy(svm->copy.save, &vmcb->save, sizeof(svm->copy.save));
	svm->copy.int_state = vmcb->control.int_state;
	svm->copy.int_ctl = vmcb->control.int_ctl;
}

static void svm_start_step(struct svm_vcpu *svm)
{
	struct vmcb_save *save = &svm->vmcb->save;

	/*
	 * TF must not get into the RFLAGS that an event's delivery pushes. A
	 * physical interrupt exits right after the delivery.
	 */
	if (svm->work & SVM_WORK_INJECTED) {
		svm_use_eventinj(svm);
		smp_send_reschedule(svm->vcpu.cpu);
		return;
	}
	svm->step.rip = save->rip;
	svm->step.rflags = save->rflags & STEP_FLAGS;
	svm->step.active = true;
	save->rflags |= STEP_FLAGS;
	svm_update_exceptions(svm);
}

void svm_before_entry(struct svm_vcpu *svm)
{
	const u32 interrupt = VMCB_EVENT_VALID | VMCB_EVENT_TYPE_INTR;

	if (svm->work & SVM_WORK_COPY)
		svm_take_copy(svm);
	if (svm->work & SVM_WORK_SOFT)
		svm_soft_entry(svm);
	if (svm->work & SVM_WORK_STEP) {
		svm->work &= ~SVM_WORK_STEP;
		svm_start_step(svm);
	}
	/* An exit right after the delivery: nothing is delivered twice. */
	if (static_branch_unlikely(&svm_tcg_quirk) &&
	    (svm->event_inj & (VMCB_EVENT_VALID | VMCB_EVENT_TYPE)) ==
		    interrupt)
		smp_send_reschedule(svm->vcpu.cpu);
}

void svm_iret_exit(struct svm_vcpu *svm)
{
	svm_intercept(svm, INTERCEPT_IRET, false);
	svm->step.iret = true;
	svm->work |= SVM_WORK_STEP;
}

bool svm_end_step(struct svm_vcpu *svm)
{
	struct vmcb_save *save = &svm->vmcb->save;
	u32 vector = svm->vmcb->control.exit_code - VMEXIT_EXCEPTION;
	bool iret = svm->step.iret;
	/*
	 * An emulator (Bochs 2.7) exits before it has set DR6. A #DB without
	 * a cause cannot be IRET's own: that would be ICEBP's.
	 */
	bool trapped = vector == X86_TRAP_DB &&
		((save->dr6 & DR_STEP) || (iret && save->dr6 == SVM_DR6_NONE));
	bool done = trapped || save->rip != svm->step.rip;
	bool fault = vector < 32 && !trapped;

	svm->step.active = false;
	svm->step.iret = false;
	svm_update_exceptions(svm);
	if (svm->vmcb->control.exit_code == VMEXIT_INVALID) {
		duet_request_self(&svm->vcpu, DUET_REQ_EVENT);
		return false;
	}

	/* IRET has loaded RFLAGS itself; otherwise TF is taken back. */
	if (!done)
		save->rflags = (save->rflags & ~(u64)STEP_FLAGS) |
			svm->step.rflags;
	else if (!iret && !(svm->step.rflags & X86_EFLAGS_TF))
		save->rflags &= ~(u64)X86_EFLAGS_TF;

	/* An IRET that faults ends the blocking as well (SDM vol. 3, 6.7.1). */
	if (iret)
		svm_set_nmi_blocked(svm, !done && !fault);
	duet_request_self(&svm->vcpu, DUET_REQ_EVENT);

	/* The guest's own single step is the guest's. */
	if (!trapped || (svm->step.rflags & X86_EFLAGS_TF))
		return false;
	save->dr6 &= ~(u64)DR_STEP;
	svm_dirty(svm, VMCB_CLEAN_DR);
	return !(save->dr6 & DR_TRAP_BITS);
}

/* EXITINTINFO into *ev; false if the guest simply does it again. */
static bool svm_interrupted_event(struct svm_vcpu *svm, struct duet_event *ev,
				  bool ours)
{
	const struct vmcb_control *control = &svm->vmcb->control;
	u32 info = control->exit_int_info;

	*ev = (struct duet_event) { .vector = info & VMCB_EVENT_VECTOR };

	switch (info & VMCB_EVENT_TYPE) {
	case VMCB_EVENT_TYPE_INTR:
		ev->type = DUET_EVENT_INTR;
		return true;
	case VMCB_EVENT_TYPE_NMI:
		ev->type = DUET_EVENT_NMI;
		return true;
	case VMCB_EVENT_TYPE_SOFT:
		break;
	case VMCB_EVENT_TYPE_EXCEPTION:
		if (ev->vector == X86_TRAP_BP || ev->vector == X86_TRAP_OF)
			break;
		/* TCG's name for an interrupt that came by V_IRQ (quirk.c). */
		ev->type = ev->vector < 32 ? DUET_EVENT_EXCEPTION :
					     DUET_EVENT_INTR;
		if (info & VMCB_EVENT_ERROR) {
			ev->has_error = true;
			ev->error_code = control->exit_int_info_error;
		}
		return true;
	default:
		return false;
	}

	/*
	 * INT n, INT3, INTO: if the guest executed it, RIP still points to
	 * it, and it will again.
	 */
	if (!ours || ev->vector != svm->soft.event.vector)
		return false;
	*ev = svm->soft.event;
	return true;
}

/* VMRUN refused: what was handed over is common/'s again. */
static void svm_put_back(struct svm_vcpu *svm)
{
	struct vmcb *vmcb = svm->vmcb;

	if (svm->work & SVM_WORK_COPY) {
		memcpy(&vmcb->save, svm->copy.save, sizeof(svm->copy.save));
		vmcb->control.int_state = svm->copy.int_state;
		vmcb->control.int_ctl = svm->copy.int_ctl;
	}
	if (svm->by_v_irq) {
		svm->by_v_irq = false;
		svm_v_irq(svm, false, 0);
	}
}

void svm_after_exit(struct svm_vcpu *svm)
{
	struct vmcb_control *control = &svm->vmcb->control;
	struct vmcb_save *save = &svm->vmcb->save;
	bool soft = svm->work & SVM_WORK_SOFT;
	struct duet_event ev;
	bool left = false;

	if (unlikely(control->exit_code == VMEXIT_INVALID)) {
		svm_put_back(svm);
		return;
	}
	svm->work &= ~(SVM_WORK_SOFT | SVM_WORK_INJECTED | SVM_WORK_COPY);
	svm_event_inj(svm, 0);

	if (svm->by_v_irq)
		left = svm_v_irq_left(svm, &ev);
	if (!(control->exit_int_info & VMCB_EVENT_VALID)) {
		duet_event_reinject(&svm->vcpu, left ? &ev : NULL);
		return;
	}
	/*
	 * Not delivered, or another event came of it: in both cases the
	 * instruction has not been executed.
	 */
	if (soft && !svm_features.nrips && save->rip == svm->soft.next_rip)
		save->rip = svm->soft.rip;

	/* A task gate's task switch delivers the event itself. */
	if (control->exit_code != VMEXIT_TASK_SWITCH &&
	    svm_interrupted_event(svm, &ev, soft))
		duet_event_reinject(&svm->vcpu, &ev);
	else
		duet_event_reinject(&svm->vcpu, NULL);
}
