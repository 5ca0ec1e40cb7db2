// SPDX-License-Identifier: GPL-2.0
/*
 * Exit codes (APM vol. 2, appendix C) into neutral exits. Called by run.c
 * with interrupts off; what an exit means is decided in common/exits.c.
 */
#include <linux/nospec.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/trapnr.h>
#include "svm/svm.h"

/* With this bit svm_details() has more to say. */
#define DETAILS		BIT(7)
static_assert(DUET_NR_EXITS < DETAILS);

/* Codes beyond it: NPF, INVALID. */
#define NR_CODES	0x0c0

/* 0 is DUET_EXIT_INTR; an unused code must not look like it. */
#define CODE(reason)	((reason) + 1)

static const u8 svm_codes[NR_CODES] = {
	[VMEXIT_CR_READ ... VMEXIT_CR_READ + 15] =
		CODE(DUET_EXIT_CR_READ) | DETAILS,
	[VMEXIT_CR_WRITE ... VMEXIT_CR_WRITE + 15] =
		CODE(DUET_EXIT_CR_WRITE) | DETAILS,
	[VMEXIT_DR_READ ... VMEXIT_DR_WRITE + 15] =
		CODE(DUET_EXIT_DR_ACCESS) | DETAILS,
	[VMEXIT_EXCEPTION ... VMEXIT_EXCEPTION + 31] =
		CODE(DUET_EXIT_EXCEPTION) | DETAILS,
	[VMEXIT_INTR] = CODE(DUET_EXIT_INTR) | DETAILS,
	[VMEXIT_NMI] = CODE(DUET_EXIT_NMI),
	[VMEXIT_SMI] = CODE(DUET_EXIT_SMI),
	[VMEXIT_INIT] = CODE(DUET_EXIT_SMI),
	[VMEXIT_VINTR] = CODE(DUET_EXIT_IRQ_WINDOW) | DETAILS,
	[VMEXIT_RDPMC] = CODE(DUET_EXIT_RDPMC),
	[VMEXIT_CPUID] = CODE(DUET_EXIT_CPUID),
	[VMEXIT_RSM] = CODE(DUET_EXIT_VIRT_INSN),
	[VMEXIT_INVD] = CODE(DUET_EXIT_WBINVD),
	[VMEXIT_PAUSE] = CODE(DUET_EXIT_PAUSE),
	[VMEXIT_HLT] = CODE(DUET_EXIT_HLT),
	[VMEXIT_INVLPG] = CODE(DUET_EXIT_INVLPG) | DETAILS,
	[VMEXIT_INVLPGA] = CODE(DUET_EXIT_VIRT_INSN),
	[VMEXIT_IOIO] = CODE(DUET_EXIT_IO) | DETAILS,
	[VMEXIT_MSR] = CODE(DUET_EXIT_RDMSR) | DETAILS,
	[VMEXIT_TASK_SWITCH] = CODE(DUET_EXIT_TASK_SWITCH) | DETAILS,
	[VMEXIT_FERR_FREEZE] = CODE(DUET_EXIT_EXCEPTION) | DETAILS,
	[VMEXIT_SHUTDOWN] = CODE(DUET_EXIT_SHUTDOWN),
	[VMEXIT_VMRUN] = CODE(DUET_EXIT_VIRT_INSN),
	[VMEXIT_VMMCALL] = CODE(DUET_EXIT_HYPERCALL) | DETAILS,
	[VMEXIT_VMLOAD ... VMEXIT_RDTSCP] = CODE(DUET_EXIT_VIRT_INSN),
	[VMEXIT_WBINVD] = CODE(DUET_EXIT_WBINVD),
	[VMEXIT_MONITOR] = CODE(DUET_EXIT_MONITOR),
	[VMEXIT_MWAIT] = CODE(DUET_EXIT_MWAIT),
	[VMEXIT_MWAIT_ARMED] = CODE(DUET_EXIT_MWAIT),
	[VMEXIT_XSETBV] = CODE(DUET_EXIT_XSETBV),
	[VMEXIT_RDPRU] = CODE(DUET_EXIT_VIRT_INSN),
	[VMEXIT_INVPCID] = CODE(DUET_EXIT_INVLPG) | DETAILS,
	[VMEXIT_MCOMMIT] = CODE(DUET_EXIT_VIRT_INSN),
};

/* Exceptions with an error code (APM vol. 2, 8.2). */
#define HAS_ERROR	(BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) |		\
			 BIT(X86_TRAP_NP) | BIT(X86_TRAP_SS) |		\
			 BIT(X86_TRAP_GP) | BIT(X86_TRAP_PF) |		\
			 BIT(X86_TRAP_AC) | BIT(X86_TRAP_CP) |		\
			 BIT(X86_TRAP_VC) | BIT(30))

/* From this exit to the next instruction; 0 if @next cannot be right. */
static u8 svm_insn_len(struct svm_vcpu *svm, u64 next)
{
	u64 len = next - svm->vmcb->save.rip;

	return len <= 15 ? len : 0;
}

static void svm_fetched_bytes(struct svm_vcpu *svm, struct duet_exit *e)
{
	const struct vmcb_control *control = &svm->vmcb->control;

	if (!svm->decode)
		return;
	e->nr_bytes = min_t(u8, control->insn_len & 0xf, sizeof(e->bytes));
	memcpy(e->bytes, control->insn_bytes, sizeof(e->bytes));
}

static void svm_exception(struct svm_vcpu *svm, struct duet_exit *e, u8 vector)
{
	const struct vmcb_control *control = &svm->vmcb->control;
	struct vmcb_save *save = &svm->vmcb->save;

	e->insn_len = 0;
	e->exception.vector = vector;
	e->exception.has_error = HAS_ERROR & BIT(vector);
	e->exception.error_code = control->exit_info_1;
	e->exception.address = 0;

	switch (vector) {
	case X86_TRAP_MC:
		e->reason = DUET_EXIT_MCE;
		break;
	case X86_TRAP_PF:
		e->exception.address = control->exit_info_2;
		svm_fetched_bytes(svm, e);
		if (svm->shadow_paging)
			break;
		/* Seen only in a single step (events.c): it is the guest's. */
		svm->vcpu.state.cr2 = control->exit_info_2;
		duet_wrote(&svm->vcpu, DUET_ST_CR2);
		break;
	case X86_TRAP_DB:
		/* DR6 started as NONE: what changed are the causes. */
		e->exception.address = (u32)(save->dr6 ^ SVM_DR6_NONE);
		save->dr6 = SVM_DR6_NONE;
		svm_dirty(svm, VMCB_CLEAN_DR);
		/* #VMEXIT leaves it in the CPU, for the host's next #DB. */
		set_debugreg(DR6_RESERVED, 6);
		break;
	case X86_TRAP_BP:
		/* RIP is still INT3's (APM vol. 2, 15.12.4). */
		e->insn_len = svm->nrips ?
			svm_insn_len(svm, control->next_rip) : 1;
		break;
	}
}

static void svm_cr_access(struct svm_vcpu *svm, struct duet_exit *e, u32 code)
{
	u64 info = svm->vmcb->control.exit_info_1;

	e->cr.cr = code & 0xf;
	e->cr.gpr = info & VMCB_CR_GPR;
	/* Not so for CLTS, LMSW and SMSW: the emulator does those. */
	e->cr.decoded = svm->decode && (info & VMCB_CR_MOV);
	e->cr.lmsw = false;
	e->cr.clts = false;
	e->cr.value = 0;
}

static void svm_dr_access(struct svm_vcpu *svm, struct duet_exit *e, u32 code)
{
	e->dr.dr = code & 0xf;
	e->dr.write = code >= VMEXIT_DR_WRITE;
	e->dr.gpr = svm->vmcb->control.exit_info_1 & VMCB_CR_GPR;
	e->dr.decoded = svm->decode;
}

static void svm_io(struct svm_vcpu *svm, struct duet_exit *e)
{
	const struct vmcb_control *control = &svm->vmcb->control;
	u32 info = control->exit_info_1;

	/* The next RIP is there even without NRIPS (APM vol. 2, 15.10.2). */
	e->insn_len = svm_insn_len(svm, control->exit_info_2);
	e->io.port = info >> VMCB_IOIO_PORT_SHIFT;
	e->io.size = (info & VMCB_IOIO_SIZE) >> VMCB_IOIO_SIZE_SHIFT;
	e->io.in = info & VMCB_IOIO_IN;
	e->io.string = info & VMCB_IOIO_STRING;
	e->io.rep = info & VMCB_IOIO_REP;
}

static void svm_task_switch(struct svm_vcpu *svm, struct duet_exit *e)
{
	const struct vmcb_control *control = &svm->vmcb->control;
	u64 info = control->exit_info_2;

	e->insn_len = 0;
	e->task.selector = control->exit_info_1;
	e->task.has_error = info & VMCB_TASK_ERROR;
	e->task.error_code = info;
	if (info & VMCB_TASK_IRET)
		e->task.source = 1;
	else if (info & VMCB_TASK_JMP)
		e->task.source = 2;
	else
		e->task.source = control->exit_int_info & VMCB_EVENT_VALID ?
			3 : 0;
}

static void svm_nested_fault(struct svm_vcpu *svm, struct duet_exit *e)
{
	const struct vmcb_control *control = &svm->vmcb->control;
	u64 info = control->exit_info_1;

	e->insn_len = 0;
	e->fault.gpa = control->exit_info_2;
	e->fault.present = info & VMCB_NPF_PRESENT;
	e->fault.walk = info & VMCB_NPF_WALK;
	/* U is always set in a nested fault and says nothing (15.25.6). */
	if (info & VMCB_NPF_WRITE)
		e->fault.access = DUET_ACCESS_WRITE;
	else if (info & VMCB_NPF_FETCH)
		e->fault.access = DUET_ACCESS_FETCH;
	else
		e->fault.access = DUET_ACCESS_READ;
	svm_fetched_bytes(svm, e);
}

static void svm_vintr_exit(struct svm_vcpu *svm, struct duet_exit *e)
{
	e->insn_len = 0;
	if (svm->want_nmi)
		e->reason = DUET_EXIT_NMI_WINDOW;
	svm->want_nmi = false;
	svm->want_intr = true;	/* the NMI window may have opened it alone */
	svm_set_window(&svm->vcpu, DUET_WINDOW_INTR, false);
	duet_request_self(&svm->vcpu, DUET_REQ_EVENT);
}

/*
 * A window that is open by now needs no entry that exits at once. (Bochs 2.7
 * would not even see it: it looks for V_IRQ only when RFLAGS.IF changes.)
 */
static void svm_intr_exit(struct svm_vcpu *svm)
{
	if (svm->want_intr && (svm->vcpu.state.rflags & X86_EFLAGS_IF) &&
	    !svm->vcpu.state.shadow)
		duet_request_self(&svm->vcpu, DUET_REQ_EVENT);
}

static void svm_details(struct svm_vcpu *svm, struct duet_exit *e, u32 code)
{
	const struct vmcb_control *control = &svm->vmcb->control;

	switch (e->reason) {
	case DUET_EXIT_INTR:
		svm_intr_exit(svm);
		break;
	case DUET_EXIT_HYPERCALL:
		e->hypercall.kernel = !svm->vmcb->save.cpl &&
			(svm->vmcb->save.efer & EFER_LMA) &&
			(svm->vmcb->save.cs.attrib & VMCB_ATTRIB_L);
		break;
	case DUET_EXIT_IO:
		svm_io(svm, e);
		break;
	case DUET_EXIT_RDMSR:
		if (control->exit_info_1 & 1)
			e->reason = DUET_EXIT_WRMSR;
		break;
	case DUET_EXIT_CR_READ:
	case DUET_EXIT_CR_WRITE:
		svm_cr_access(svm, e, code);
		break;
	case DUET_EXIT_DR_ACCESS:
		svm_dr_access(svm, e, code);
		break;
	case DUET_EXIT_EXCEPTION:
		/*
		 * A pending FPU error with CR0.NE clear would stop the CPU
		 * until an external chip asserts IGNNE: the guest gets #MF.
		 */
		svm_exception(svm, e, code == VMEXIT_FERR_FREEZE ?
			      X86_TRAP_MF : code - VMEXIT_EXCEPTION);
		break;
	case DUET_EXIT_INVLPG:
		e->invlpg.all = code == VMEXIT_INVPCID;
		e->invlpg.decoded = svm->decode && !e->invlpg.all;
		e->invlpg.addr = control->exit_info_1;
		break;
	case DUET_EXIT_TASK_SWITCH:
		svm_task_switch(svm, e);
		break;
	case DUET_EXIT_IRQ_WINDOW:
		svm_vintr_exit(svm, e);
		break;
	}
}

static void svm_refused(struct svm_vcpu *svm, struct duet_exit *e)
{
	e->insn_len = 0;
	e->reason = DUET_EXIT_FAIL_ENTRY;
	svm_explain(svm);
	svm_not_entered(svm);
	/* It stays: the next VMRUN may refuse as well. */
	if (svm->work & SVM_WORK_COPY)
		return;
	/*
	 * Nothing has changed since VMRUN took it the last time: a fault of
	 * ours. Whose state there is now, nobody knows.
	 */
	memset(&svm->vmcb->save, 0, sizeof(svm->copy.save));
	svm->vcpu.valid = 0;
	WRITE_ONCE(svm->vcpu.vm->bugged, true);
}

void svm_translate_exit(struct svm_vcpu *svm)
{
	const struct vmcb_control *control = &svm->vmcb->control;
	struct duet_exit *e = &svm->vcpu.exit;
	u32 code = control->exit_code;
	u8 entry;

	e->hw_reason = code;
	e->hw_qualification = control->exit_info_1;
	e->nr_bytes = 0;

	if (code == VMEXIT_NPF) {
		e->reason = DUET_EXIT_PAGE_FAULT;
		svm_nested_fault(svm, e);
		return;
	}
	if (code == VMEXIT_INVALID) {
		svm_refused(svm, e);
		return;
	}
	if (code >= NR_CODES) {
		e->insn_len = 0;
		e->reason = DUET_EXIT_UNKNOWN;
		return;
	}
	entry = svm_codes[array_index_nospec(code, NR_CODES)];
	if (!entry) {
		e->insn_len = 0;
		e->reason = DUET_EXIT_UNKNOWN;
		return;
	}
	e->reason = (entry & ~DETAILS) - 1;
	e->insn_len = svm->nrips ? svm_insn_len(svm, control->next_rip) : 0;
	if (entry & DETAILS)
		svm_details(svm, e, code);
}
