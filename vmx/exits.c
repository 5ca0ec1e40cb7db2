// SPDX-License-Identifier: GPL-2.0
/*
 * Exit reasons (SDM vol. 3, appendix C) and exit qualifications (28.2) into
 * neutral exits. Called by run.c with interrupts off; what an exit means is
 * decided in common/exits.c.
 */
#include <linux/nospec.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include "vmx/vmx.h"

/* What else has to be read for an exit. An unused reason has none of it. */
#define KNOWN		BIT(0)
#define LENGTH		BIT(1)	/* an instruction caused it */
#define QUALIFIED	BIT(2)
#define DELIVERY	BIT(3)	/* may come in the delivery of an event */
#define DETAILS		BIT(4)	/* vmx_details() */

#define AR_TYPE_CONFORMING	0x4	/* code (SDM vol. 3, 3.4.5.1) */

#define NR_REASONS	(VMX_EXIT_ENCLS + 1)

#define ROW(neutral, more) { .reason = DUET_EXIT_##neutral, \
			     .flags = KNOWN | (more) }
#define INSN(neutral)	ROW(neutral, LENGTH)

static const struct {
	u8 reason, flags;
} vmx_reasons[NR_REASONS + 1] = {
	[VMX_EXIT_EXCEPTION] = ROW(EXCEPTION, DELIVERY | DETAILS),
	[VMX_EXIT_INTERRUPT] = ROW(INTR, 0),
	[VMX_EXIT_TRIPLE_FAULT] = ROW(SHUTDOWN, DETAILS),
	[VMX_EXIT_INIT ... VMX_EXIT_SMI] = ROW(SMI, 0),
	[VMX_EXIT_INTERRUPT_WINDOW] = ROW(IRQ_WINDOW, 0),
	[VMX_EXIT_NMI_WINDOW] = ROW(NMI_WINDOW, 0),
	[VMX_EXIT_TASK_SWITCH] = ROW(TASK_SWITCH, QUALIFIED | DETAILS),
	[VMX_EXIT_CPUID] = INSN(CPUID),
	[VMX_EXIT_GETSEC] = INSN(VIRT_INSN),
	[VMX_EXIT_HLT] = INSN(HLT),
	[VMX_EXIT_INVD] = INSN(WBINVD),
	[VMX_EXIT_INVLPG] = ROW(INVLPG, LENGTH | QUALIFIED | DETAILS),
	[VMX_EXIT_RDPMC] = INSN(RDPMC),
	[VMX_EXIT_RDTSC] = INSN(RDTSC),
	[VMX_EXIT_RSM] = INSN(VIRT_INSN),
	[VMX_EXIT_VMCALL] = ROW(HYPERCALL, LENGTH | DETAILS),
	/* VMX's own instructions: the guest has none of it */
	[VMX_EXIT_VMCLEAR ... VMX_EXIT_VMXON] = INSN(VIRT_INSN),
	[VMX_EXIT_CR] = ROW(CR_WRITE, LENGTH | QUALIFIED | DETAILS),
	[VMX_EXIT_DR] = ROW(DR_ACCESS, LENGTH | QUALIFIED | DETAILS),
	[VMX_EXIT_IO] = ROW(IO, LENGTH | QUALIFIED | DETAILS),
	[VMX_EXIT_RDMSR] = INSN(RDMSR),
	[VMX_EXIT_WRMSR] = INSN(WRMSR),
	[VMX_EXIT_MWAIT] = INSN(MWAIT),
	[VMX_EXIT_MONITOR] = INSN(MONITOR),
	[VMX_EXIT_PAUSE] = INSN(PAUSE),
	[VMX_EXIT_TPR] = ROW(TPR, 0),
	[VMX_EXIT_EPT_VIOLATION] = ROW(PAGE_FAULT,
				       QUALIFIED | DELIVERY | DETAILS),
	/* An entry of ours that no processor takes: not the guest's doing. */
	[VMX_EXIT_EPT_MISCONFIG] = ROW(UNKNOWN, DELIVERY | DETAILS),
	[VMX_EXIT_INVEPT] = INSN(VIRT_INSN),
	[VMX_EXIT_RDTSCP] = INSN(VIRT_INSN),
	[VMX_EXIT_PREEMPTION_TIMER] = ROW(PREEMPT_TIMER, 0),
	[VMX_EXIT_INVVPID] = INSN(VIRT_INSN),
	[VMX_EXIT_WBINVD] = INSN(WBINVD),
	[VMX_EXIT_XSETBV] = INSN(XSETBV),
	[VMX_EXIT_INVPCID] = ROW(INVLPG, LENGTH | DETAILS),
	[VMX_EXIT_VMFUNC] = INSN(VIRT_INSN),
	[VMX_EXIT_ENCLS] = INSN(VIRT_INSN),
};

static void vmx_debug_exception(struct vmx_vcpu *vmx, struct duet_exit *e,
				u32 info)
{
	struct duet_vcpu *vcpu = &vmx->vcpu;
	struct duet_state *s = &vcpu->state;

	/* The exit leaves DR6 alone: the causes are here (table 28-1). */
	e->hw_qualification = vmx_read(vmx, VMCS_EXIT_QUALIFICATION);
	e->exception.address = e->hw_qualification & VMX_DB_CAUSES;

	duet_need(vcpu, DUET_ST_RIP | DUET_ST_RFLAGS | DUET_ST_SHADOW);
	/* INT1 is a trap, and RIP is still its own. */
	if ((info & VMX_INTR_TYPE) == VMX_INTR_TYPE_PRIVILEGED) {
		s->rip += vmx_read(vmx, VMCS_EXIT_INSN_LEN);
		duet_wrote(vcpu, DUET_ST_RIP);
	}
	/*
	 * With the #DB out of the pending debug exceptions, an entry in the
	 * shadow would be refused: vmx_set_shadow() puts it back.
	 */
	if (s->shadow & (DUET_SHADOW_STI | DUET_SHADOW_MOV_SS))
		duet_wrote(vcpu, DUET_ST_SHADOW);
}

static void vmx_exception(struct vmx_vcpu *vmx, struct duet_exit *e,
			  u32 vectoring)
{
	u32 info = vmx_read(vmx, VMCS_EXIT_INTR_INFO);
	u8 vector = info & VMX_INTR_VECTOR;

	if ((info & VMX_INTR_TYPE) == VMX_INTR_TYPE_NMI) {
		e->reason = DUET_EXIT_NMI;
		return;
	}
	/* Not defined for #DF, nor in another event's delivery (28.2.3). */
	if ((info & VMX_INTR_NMI_UNBLOCKED) && vector != X86_TRAP_DF &&
	    !(vectoring & VMX_INTR_VALID))
		vmx_block_nmi(vmx);

	e->exception.vector = vector;
	e->exception.has_error = info & VMX_INTR_ERROR;
	e->exception.error_code = e->exception.has_error ?
		vmx_read(vmx, VMCS_EXIT_INTR_ERROR) : 0;
	e->exception.address = 0;

	switch (vector) {
	case X86_TRAP_MC:
		e->reason = DUET_EXIT_MCE;
		break;
	case X86_TRAP_DB:
		vmx_debug_exception(vmx, e, info);
		break;
	case X86_TRAP_BP:
		/* RIP is still INT3's. */
		e->insn_len = vmx_read(vmx, VMCS_EXIT_INSN_LEN);
		break;
	}
}

/* CPL is SS.DPL; a code segment that is not conforming has the same. */
static void vmx_hypercall(struct vmx_vcpu *vmx, struct duet_exit *e)
{
	const u32 look = DUET_AR_L | DUET_AR_DPL | AR_TYPE_CONFORMING;

	e->hypercall.kernel = (vmx->controls.entry & ENTRY_IA32E) &&
		(vmx_read(vmx, VMCS_GUEST_AR(DUET_CS)) & look) == DUET_AR_L;
}

static void vmx_cr_access(struct duet_exit *e)
{
	u64 q = e->hw_qualification;

	e->cr.cr = q & VMX_CR_NUMBER;
	e->cr.gpr = (q >> VMX_CR_GPR_SHIFT) & 0xf;
	e->cr.decoded = true;
	e->cr.lmsw = false;
	e->cr.clts = false;
	e->cr.value = 0;
	switch (q & VMX_CR_TYPE) {
	case VMX_CR_TYPE_FROM:
		e->reason = DUET_EXIT_CR_READ;
		break;
	case VMX_CR_TYPE_CLTS:
		e->cr.clts = true;
		break;
	case VMX_CR_TYPE_LMSW:
		e->cr.lmsw = true;
		e->cr.value = q >> VMX_CR_LMSW_SHIFT;
		break;
	}
}

static void vmx_dr_access(struct duet_exit *e)
{
	u64 q = e->hw_qualification;

	e->dr.dr = q & VMX_DR_NUMBER;
	e->dr.gpr = (q >> VMX_DR_GPR_SHIFT) & 0xf;
	e->dr.write = !(q & VMX_DR_FROM);
	e->dr.decoded = true;
}

static void vmx_io(struct duet_exit *e)
{
	u32 q = e->hw_qualification;

	e->io.port = q >> VMX_IO_PORT_SHIFT;
	e->io.size = (q & VMX_IO_SIZE) + 1;
	e->io.in = q & VMX_IO_IN;
	e->io.string = q & VMX_IO_STRING;
	e->io.rep = q & VMX_IO_REP;
}

static void vmx_task_switch(struct vmx_vcpu *vmx, struct duet_exit *e)
{
	/* A task gate's task switch delivers the event itself. */
	u32 info = vmx_after_delivery(vmx, false);

	e->task.selector = e->hw_qualification & VMX_TASK_SELECTOR;
	e->task.source = (e->hw_qualification >> VMX_TASK_SOURCE_SHIFT) & 3;
	e->task.has_error = (info & VMX_INTR_VALID) && (info & VMX_INTR_ERROR);
	e->task.error_code = e->task.has_error ?
		vmx_read(vmx, VMCS_IDT_VECTORING_ERROR) : 0;

	/* The instruction is gone past, a hardware event has none (28.2.5). */
	switch (info & (VMX_INTR_VALID | VMX_INTR_TYPE)) {
	case VMX_INTR_VALID | VMX_INTR_TYPE_EXTERNAL:
	case VMX_INTR_VALID | VMX_INTR_TYPE_NMI:
	case VMX_INTR_VALID | VMX_INTR_TYPE_EXCEPTION:
		break;
	default:
		e->insn_len = vmx_read(vmx, VMCS_EXIT_INSN_LEN);
		break;
	}
}

static void vmx_ept_violation(struct vmx_vcpu *vmx, struct duet_exit *e,
			      u32 vectoring)
{
	u64 q = e->hw_qualification;

	if (unlikely((q & VMX_EPT_NMI_UNBLOCKED) &&
		     !(vectoring & VMX_INTR_VALID)))
		vmx_block_nmi(vmx);
	/*
	 * Nothing is pending behind a fault (28.3.4). Bochs leaves the single
	 * step of the instruction that faulted: vmx_set_shadow() clears it.
	 */
	if (unlikely(duet_rflags(&vmx->vcpu) & X86_EFLAGS_TF)) {
		duet_need(&vmx->vcpu, DUET_ST_SHADOW);
		duet_wrote(&vmx->vcpu, DUET_ST_SHADOW);
	}
	e->fault.gpa = vmx_read(vmx, VMCS_GUEST_PHYSICAL);
	e->fault.present = q & VMX_EPT_PRESENT;
	e->fault.walk = (q & VMX_EPT_LINEAR_VALID) && !(q & VMX_EPT_FINAL);
	/* With accessed and dirty bits, walks of tables count as writes. */
	if (q & VMX_EPT_WRITE)
		e->fault.access = DUET_ACCESS_WRITE;
	else if (q & VMX_EPT_FETCH)
		e->fault.access = DUET_ACCESS_FETCH;
	else
		e->fault.access = DUET_ACCESS_READ;
}

static void vmx_ept_misconfig(struct vmx_vcpu *vmx, struct duet_exit *e)
{
	e->hw_qualification = vmx_read(vmx, VMCS_GUEST_PHYSICAL);
	pr_err_ratelimited("duet: vCPU %u: EPT misconfiguration at %#llx\n",
			   vmx->vcpu.id, e->hw_qualification);
}

static void vmx_details(struct vmx_vcpu *vmx, struct duet_exit *e, u32 basic,
			u32 vectoring)
{
	switch (basic) {
	case VMX_EXIT_IO:
		vmx_io(e);
		break;
	case VMX_EXIT_EPT_VIOLATION:
		vmx_ept_violation(vmx, e, vectoring);
		break;
	case VMX_EXIT_EXCEPTION:
		vmx_exception(vmx, e, vectoring);
		break;
	case VMX_EXIT_VMCALL:
		vmx_hypercall(vmx, e);
		break;
	case VMX_EXIT_CR:
		vmx_cr_access(e);
		break;
	case VMX_EXIT_DR:
		vmx_dr_access(e);
		break;
	case VMX_EXIT_INVLPG:
	case VMX_EXIT_INVPCID:
		e->invlpg.all = basic == VMX_EXIT_INVPCID;
		e->invlpg.decoded = !e->invlpg.all;
		e->invlpg.addr = e->hw_qualification;
		break;
	case VMX_EXIT_TASK_SWITCH:
		vmx_task_switch(vmx, e);
		break;
	case VMX_EXIT_EPT_MISCONFIG:
		vmx_ept_misconfig(vmx, e);
		break;
	case VMX_EXIT_TRIPLE_FAULT:
		/* A reset of the vCPU must not find it in shutdown. */
		vmx_write(vmx, VMCS_GUEST_ACTIVITY, VMCS_ACTIVITY_ACTIVE);
		break;
	}
}

/* The guest did not run: its state and its pending event are as before. */
static void vmx_entry_failed(struct vmx_vcpu *vmx, struct duet_exit *e,
			     u32 reason)
{
	e->hw_qualification = vmx_read(vmx, VMCS_EXIT_QUALIFICATION);
	e->reason = DUET_EXIT_MCE;
	if ((reason & VMX_REASON_BASIC) == VMX_EXIT_ENTRY_MCE)
		return;
	e->reason = DUET_EXIT_FAIL_ENTRY;
	vmx_explain_exit(vmx, reason);
}

/* The exits that have more to tell than what went past. */
static noinline void vmx_translate_slow(struct vmx_vcpu *vmx, u32 basic,
					u8 flags)
{
	struct duet_exit *e = &vmx->vcpu.exit;
	u32 vectoring = 0;

	/* What was injected has arrived, unless the exit says otherwise. */
	if (flags & DELIVERY)
		vectoring = vmx_after_delivery(vmx, true);
	else if (basic != VMX_EXIT_TASK_SWITCH)
		duet_event_reinject(&vmx->vcpu, NULL);
	if (flags & QUALIFIED || !flags)
		e->hw_qualification = vmx_read(vmx, VMCS_EXIT_QUALIFICATION);
	if (flags & DETAILS)
		vmx_details(vmx, e, basic, vectoring);
}

/* Whoever handles an instruction goes past it, and looks at these first. */
static inline void vmx_instruction(struct vmx_vcpu *vmx, struct duet_exit *e)
{
	struct duet_state *s = &vmx->vcpu.state;

	e->insn_len = vmx_vmread(VMCS_EXIT_INSN_LEN);
	s->rip = vmx_vmread(VMCS_GUEST_RIP);
	s->rflags = vmx_vmread(VMCS_GUEST_RFLAGS);
	s->shadow = vmx_shadow(vmx_vmread(VMCS_GUEST_INTERRUPTIBILITY));
	vmx->vcpu.stats.reads += 4;
	vmx->vcpu.valid |= DUET_ST_RIP | DUET_ST_RFLAGS | DUET_ST_SHADOW;
}

void vmx_translate_exit(struct vmx_vcpu *vmx)
{
	struct duet_exit *e = &vmx->vcpu.exit;
	u32 reason = vmx_read(vmx, VMCS_EXIT_REASON);
	u32 basic;
	u8 flags;

	e->hw_reason = reason;
	e->hw_qualification = 0;
	e->nr_bytes = 0;
	e->insn_len = 0;
	if (unlikely(reason & VMX_REASON_ENTRY_FAILED)) {
		vmx_entry_failed(vmx, e, reason);
		return;
	}

	vmx_entered(vmx);
	vmx->injected_nmi = false;
	/* The last row is an unknown reason's. */
	basic = min_t(u32, reason & VMX_REASON_BASIC, NR_REASONS);
	basic = array_index_nospec(basic, NR_REASONS + 1);
	flags = vmx_reasons[basic].flags;
	e->reason = flags ? vmx_reasons[basic].reason : DUET_EXIT_UNKNOWN;
	if (flags & LENGTH)
		vmx_instruction(vmx, e);
	if (flags != (KNOWN | LENGTH) || unlikely(vmx->vcpu.events.in_flight))
		vmx_translate_slow(vmx, basic, flags);
}
