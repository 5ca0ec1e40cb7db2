// SPDX-License-Identifier: GPL-2.0
/*
 * The loop around the world switch: the fast path of every exit. Called
 * through the ops table with interrupts off; calls duet_fast_exit() and what
 * prepares an entry here in svm/.
 */
#include <linux/hw_breakpoint.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/spec-ctrl.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>
#include "common/irqchip.h"
#include "svm/instructions.h"
#include "svm/svm.h"

/* These groups the loop moves itself, after each exit. */
#define HOT_GROUPS	(DUET_ST_RIP | DUET_ST_RFLAGS | DUET_ST_SHADOW)

/* What svm_work() has to look at outside of the hot path. */
static inline bool svm_debug_active(const struct svm_vcpu *svm)
{
	return svm->vmcb->save.dr7 & DR_GLOBAL_ENABLE_MASK ||
	       svm->vmcb->save.dr7 & DR_LOCAL_ENABLE_MASK;
}

/*
 * A guest that touches a debug register will touch more of them: until the
 * next exit it has them all. Not while user space debugs it.
 */
static bool svm_give_breakpoints(struct svm_vcpu *svm)
{
	if (svm->vcpu.guest_debug || svm->dr_direct)
		return false;
	svm->dr_direct = true;
	svm_intercept_dr(svm, false);
	duet_load_guest_dr(&svm->vcpu);
	svm->vmcb->save.dr6 = svm->vcpu.state.dr6;
	svm_dirty(svm, VMCB_CLEAN_DR);
	return true;
}

static void svm_take_breakpoints(struct svm_vcpu *svm)
{
	struct vmcb *vmcb = svm->vmcb;
	struct duet_state *s = &svm->vcpu.state;

	svm->dr_direct = false;
	svm_intercept_dr(svm, true);
	duet_take_guest_dr(&svm->vcpu);
	/* VMRUN loads DR7 and DR6, never DR0 to DR3. */
	s->dr6 = vmcb->save.dr6;
	s->dr7 = vmcb->save.dr7;
	svm->vcpu.guest_dr7 = s->dr7;
	/* Unless exits.c has yet to read the causes of a #DB. */
	if (vmcb->control.exit_code != VMEXIT_EXCEPTION + X86_TRAP_DB)
		vmcb->save.dr6 = SVM_DR6_NONE;
	svm_dirty(svm, VMCB_CLEAN_DR);
}

/* SSBD on CPUs that have it elsewhere than in SPEC_CTRL. */
static __always_inline bool svm_legacy_ssbd(void)
{
	return static_cpu_has(X86_FEATURE_LS_CFG_SSBD) ||
	       static_cpu_has(X86_FEATURE_VIRT_SSBD);
}

static void svm_write_dirty(struct svm_vcpu *svm)
{
	struct duet_vcpu *vcpu = &svm->vcpu;
	struct vmcb_save *save = &svm->vmcb->save;
	u32 dirty = vcpu->dirty;

	vcpu->dirty = 0;
	save->rip = (dirty & DUET_ST_RIP) ? vcpu->state.rip : save->rip;
	if (likely(!(dirty & ~DUET_ST_RIP)))
		return;
	svm_set_state(vcpu, dirty & ~DUET_ST_RIP);
	if ((dirty & DUET_ST_DR) && svm_debug_active(svm))
		duet_load_guest_dr(&svm->vcpu);
}

static void svm_load_tsc_aux(struct svm_vcpu *svm)
{
	svm->tsc_aux = svm->vcpu.msrs.tsc_aux;
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		wrmsrl(MSR_TSC_AUX, svm->tsc_aux);
}

#define SVM_NO_RIP	(1ULL << 63)	/* not canonical */

static void svm_note_shadow(struct svm_vcpu *svm)
{
	const struct vmcb_control *control = &svm->vmcb->control;

	svm->shadow_rip = control->int_state & VMCB_INTERRUPT_SHADOW &&
		!(control->event_inj & VMCB_EVENT_VALID) ?
			svm->vmcb->save.rip : SVM_NO_RIP;
}

/* Nothing was executed: the shadow is still there (quirk.c). */
static void svm_restore_shadow(struct svm_vcpu *svm)
{
	if (svm->vmcb->save.rip == svm->shadow_rip)
		svm->vmcb->control.int_state |= VMCB_INTERRUPT_SHADOW;
}

static inline void svm_prepare_entry(struct svm_vcpu *svm, struct svm_cpu *c)
{
	struct duet_vcpu *vcpu = &svm->vcpu;

	if (vcpu->dirty)
		svm_write_dirty(svm);
	if (unlikely(svm->work))
		svm_before_entry(svm);
	svm_use_tag(svm, c);
	if (unlikely(svm->tsc_aux != vcpu->msrs.tsc_aux))
		svm_load_tsc_aux(svm);
	if (static_branch_unlikely(&svm_cr2_quirk))
		native_write_cr2(svm->vmcb->save.cr2);
	if (static_branch_unlikely(&svm_tcg_quirk))
		svm_note_shadow(svm);
	/* A division's stale operands (Zen 1). */
	if (static_cpu_has_bug(X86_BUG_DIV0))
		asm volatile("div %2" : : "a" (0), "d" (0), "r" (1) : "cc");
}

/* Without NRIPS the instruction will be looked at: where, in which mode. */
static inline void svm_collect_code(struct svm_vcpu *svm)
{
	svm_get_segment(svm, DUET_CS);
	svm->vcpu.state.cr3 = svm->vmcb->save.cr3;
	svm->vcpu.valid |= DUET_ST_CR3 | DUET_ST_SEG(DUET_CS);
}

static inline void svm_collect_exit(struct svm_vcpu *svm)
{
	struct duet_vcpu *vcpu = &svm->vcpu;
	struct vmcb_control *control = &svm->vmcb->control;
	const struct vmcb_save *save = &svm->vmcb->save;

	/* Before anything is read that a refused entry has spoiled. */
	if (unlikely(svm->work ||
		     (control->exit_int_info & VMCB_EVENT_VALID)))
		svm_after_exit(svm);
	/* the guest's MOV to CR8 changes V_TPR alone (APM vol. 2, 15.21.4) */
	if (unlikely((control->int_ctl & VMCB_V_TPR) != svm->tpr)) {
		svm->tpr = control->int_ctl & VMCB_V_TPR;
		duet_lapic_sync_tpr(vcpu, svm->tpr);
	}

	if (static_branch_unlikely(&svm_tcg_quirk))
		svm_restore_shadow(svm);

	vcpu->state.gpr[DUET_RAX] = save->rax;
	vcpu->state.rip = save->rip;
	vcpu->state.rflags = save->rflags;
	vcpu->state.shadow = 0;
	if (unlikely(control->int_state & VMCB_INTERRUPT_SHADOW))
		vcpu->state.shadow = DUET_SHADOW_STI | DUET_SHADOW_MOV_SS;
	if (unlikely(svm->nmi_blocked))
		vcpu->state.shadow |= DUET_SHADOW_NMI;
	vcpu->valid = HOT_GROUPS | SVM_ST_ALWAYS;
	if (svm->shadow_paging)
		vcpu->valid |= DUET_ST_CR3;
	else if (!svm->nrips)
		svm_collect_code(svm);
}

/* The guest did not run. Everything is as it was, its state included. */
static void svm_enter_failed(struct svm_vcpu *svm)
{
	struct duet_exit *e = &svm->vcpu.exit;

	*e = (struct duet_exit) {
		.reason = DUET_EXIT_FAIL_ENTRY,
		.hw_reason = ~0ULL,
	};
	svm_explain(svm);
}

/* Enter once. False if that was not possible. */
static bool svm_enter_guest(struct svm_vcpu *svm, struct svm_cpu *c)
{
	bool step;

again:
	svm->vmcb->save.rax = svm->vcpu.state.gpr[DUET_RAX];
	svm_prepare_entry(svm, c);
	svm_ghost_enter(svm, c);
	if (duet_hooked(&svm->vcpu) && !svm_break(svm))
		return false;
	if (unlikely(svm_enter(svm->vcpu.state.gpr, &svm->entry))) {
		svm_enter_failed(svm);
		return false;
	}

	svm_ghost_entered(svm);
	svm_entered(svm);
	if (unlikely(svm->dr_direct))
		svm_take_breakpoints(svm);
	/* NMI windows: events.c. First, because RFLAGS is touched. */
	step = unlikely(svm->step.active) && svm_end_step(svm);
	svm_collect_exit(svm);
	if (unlikely(svm->vmcb->control.exit_code == VMEXIT_IRET)) {
		svm_iret_exit(svm);
		goto again;
	}
	svm_translate_exit(svm);
	if (unlikely(svm->vcpu.exit.reason == DUET_EXIT_DR_ACCESS) &&
	    svm_give_breakpoints(svm))
		goto again;
	if (unlikely(step)) {
		svm->want_nmi = false;
		svm->vcpu.exit.reason = DUET_EXIT_NMI_WINDOW;
	}
	return true;
}

/*
 * FS, GS, KERNEL_GS_BASE, TR, LDTR and the system-call MSRs, which VMRUN leaves
 * alone. Once for each time that interrupts were on: another thread's
 * modify_ldt() changes LDTR by an interrupt and frees the table that it pointed
 * to. If an emergency has switched SVM off, svm_enter() fails as well.
 */
static void svm_save_host(struct svm_vcpu *svm)
{
	svm_vmsave(svm->entry.host_state_pa);
}

/* What the host's interrupt handlers depend on becomes the guest's... */
static void svm_load_guest(struct svm_vcpu *svm)
{
	/*
	 * Without LBR virtualization the guest has the host's (APM vol. 2,
	 * 15.23): the #DB of a bus lock and the single steps of branches alone
	 * are not for it.
	 */
	svm->debugctl = __rdmsr(MSR_IA32_DEBUGCTLMSR);
	if (unlikely(svm->debugctl))
		wrmsrl(MSR_IA32_DEBUGCTLMSR, 0);
	duet_load_xcr0(&svm->vcpu);
	if (svm_legacy_ssbd())
		duet_switch_ssbd(svm->vcpu.msrs.virt_spec_ctrl, true);
	if (unlikely(hw_breakpoint_active()))
		duet_save_host_dr(&svm->vcpu);
	if (unlikely(svm_debug_active(svm)))
		duet_load_guest_dr(&svm->vcpu);
}

/* ... and the host's again. DR7 is clear since #VMEXIT. */
static void svm_load_host(struct svm_vcpu *svm)
{
	if (svm_legacy_ssbd())
		duet_switch_ssbd(svm->vcpu.msrs.virt_spec_ctrl, false);
	if (unlikely(hw_breakpoint_active()))
		duet_restore_host_dr(&svm->vcpu);
	duet_restore_xcr0(&svm->vcpu);
	if (unlikely(svm->debugctl))
		wrmsrl(MSR_IA32_DEBUGCTLMSR, svm->debugctl);
	/* The guest's branch history must not meet user space's (VMSCAPE). */
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
}

void svm_run(struct duet_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);

	svm_save_host(svm);
	svm_load_guest(svm);
	if (duet_hooked(vcpu)) {
		svm_enter_guest(svm, c);
		svm_mend(svm);
	} else {
		while (svm_enter_guest(svm, c) && duet_fast_exit(vcpu))
			;
	}
	svm_load_host(svm);
}

void svm_host_event(struct duet_vcpu *vcpu)
{
	/*
	 * A physical interrupt comes when interrupts go on, an NMI came at
	 * STGI, an SMI or INIT as well. Only a machine check was consumed.
	 */
	if (vcpu->exit.reason != DUET_EXIT_MCE)
		return;
	/* Then what it did to the guest's state is not known. */
	if (svm_erratum_383(to_svm(vcpu)))
		vcpu->events.triple_fault = true;
	else
		duet_host_machine_check();
}
