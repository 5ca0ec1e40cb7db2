// SPDX-License-Identifier: GPL-2.0
/*
 * The slow path of exits: one table row per neutral reason, one small function
 * each. Called by the run loop with the exit in vcpu->exit; calls everything
 * in common/. Convention: 1 resumes the guest, 0 returns to user space with
 * vcpu->run filled in, a negative number is KVM_RUN's error.
 */
#include "common/compat.h"
#include "common/emulator.h"
#include "common/io.h"
#include "common/irqchip.h"
#include "common/msr.h"
#include "common/pager.h"
#include "common/vcpu.h"
#include <asm/trapnr.h>
#include <uapi/linux/kvm_para.h>

const char *const duet_exit_names[DUET_NR_EXITS] = {
#define X(id, name, desc) [DUET_EXIT_##id] = name,
	DUET_EXITS(X)
#undef X
};

const char *const duet_exit_descriptions[DUET_NR_EXITS] = {
#define X(id, name, desc) [DUET_EXIT_##id] = desc,
	DUET_EXITS(X)
#undef X
};

int duet_internal_error(struct duet_vcpu *vcpu, u32 suberror)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	run->internal.ndata = 2;
	run->internal.data[0] = vcpu->exit.hw_reason;
	run->internal.data[1] = vcpu->exit.hw_qualification;
	return 0;
}

int duet_emulation_failed(struct duet_vcpu *vcpu, const u8 *bytes, u8 nr)
{
	struct kvm_run *run = vcpu->run;

	nr = min_t(u8, nr, sizeof(run->emulation_failure.insn_bytes));
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	/* One word for the flags, two for the size and the bytes. */
	run->emulation_failure.ndata = 1 + (nr ? 2 : 0);
	run->emulation_failure.flags = nr ?
		KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES : 0;
	if (nr) {
		run->emulation_failure.insn_size = nr;
		memset(run->emulation_failure.insn_bytes, 0x90,
		       sizeof(run->emulation_failure.insn_bytes));
		memcpy(run->emulation_failure.insn_bytes, bytes, nr);
	}
	return 0;
}

static int duet_inject_gp(struct duet_vcpu *vcpu)
{
	duet_queue_exception_e(vcpu, X86_TRAP_GP, 0);
	return 1;
}

static int duet_inject_ud(struct duet_vcpu *vcpu)
{
	duet_queue_exception(vcpu, X86_TRAP_UD);
	return 1;
}

/* The host's own events were taken when interrupts went on again. */
static int handle_host(struct duet_vcpu *vcpu)
{
	return 1;
}

static int handle_nmi_window(struct duet_vcpu *vcpu)
{
	duet_ops->set_window(vcpu, DUET_WINDOW_NMI, false);
	duet_request_self(vcpu, DUET_REQ_EVENT);
	return 1;
}

/*
 * #AC is the guest's if it asked for alignment checks (SDM vol. 3, 6.15), or
 * if the host does not have split locks raise it, which it cannot switch off
 * for guests.
 */
static bool duet_own_alignment_check(struct duet_vcpu *vcpu)
{
	return !boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT) ||
		(duet_cpl(vcpu) == 3 && (duet_cr0(vcpu) & X86_CR0_AM) &&
		 (duet_rflags(vcpu) & X86_EFLAGS_AC));
}

static int duet_split_lock(struct duet_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	duet_need(vcpu, DUET_ST_RIP);
	if (duet_guest_split_lock(vcpu->state.rip))
		return 1;
	run->exit_reason = KVM_EXIT_EXCEPTION;
	run->ex.exception = X86_TRAP_AC;
	run->ex.error_code = vcpu->exit.exception.error_code;
	return 0;
}

/*
 * Intercepted so that a guest cannot keep the CPU in an endless delivery
 * (#DB, #AC), or because the pager wants to see them (#PF).
 */
static int handle_exception(struct duet_vcpu *vcpu)
{
	struct duet_exit *e = &vcpu->exit;

	switch (e->exception.vector) {
	case X86_TRAP_DB:
		duet_queue_debug(vcpu, e->exception.address);
		return 1;
	case X86_TRAP_MC:
		return 1;	/* the host's */
	case X86_TRAP_AC:
		if (duet_own_alignment_check(vcpu))
			break;
		return duet_split_lock(vcpu);
	case X86_TRAP_BP:
		/* RIP is still INT3's; its handler is to find the next one. */
		duet_queue_exception(vcpu, X86_TRAP_BP);
		vcpu->events.exception.soft = e->insn_len;
		vcpu->events.exception.insn_len = e->insn_len;
		return 1;
	}
	if (e->exception.has_error)
		duet_queue_exception_e(vcpu, e->exception.vector,
				       e->exception.error_code);
	else
		duet_queue_exception(vcpu, e->exception.vector);
	return 1;
}

static int handle_cpuid(struct duet_vcpu *vcpu)
{
	u64 *gpr = vcpu->state.gpr;
	u32 eax = gpr[DUET_RAX], ebx, ecx = gpr[DUET_RCX], edx;
	int r = duet_skip_insn(vcpu);

	if (r <= 0 || !vcpu->exit.insn_len)
		return r;
	duet_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	gpr[DUET_RAX] = eax;
	gpr[DUET_RBX] = ebx;
	gpr[DUET_RCX] = ecx;
	gpr[DUET_RDX] = edx;
	return 1;
}

static int handle_hlt(struct duet_vcpu *vcpu)
{
	int r = duet_skip_insn(vcpu);

	if (r <= 0 || !vcpu->exit.insn_len)
		return r;
	if (vcpu->vm->has_irqchip) {
		vcpu->mp_state = KVM_MP_STATE_HALTED;
		vcpu->stats.halts++;
		return 1;
	}
	vcpu->run->exit_reason = KVM_EXIT_HLT;
	return 0;
}

static int handle_pause(struct duet_vcpu *vcpu)
{
	cond_resched();
	return duet_skip_insn(vcpu);
}

static int handle_rdmsr(struct duet_vcpu *vcpu)
{
	u64 value = 0;

	if (duet_get_msr(vcpu, vcpu->state.gpr[DUET_RCX], &value, false))
		return duet_inject_gp(vcpu);
	vcpu->state.gpr[DUET_RAX] = (u32)value;
	vcpu->state.gpr[DUET_RDX] = value >> 32;
	return duet_skip_insn(vcpu);
}

static int handle_wrmsr(struct duet_vcpu *vcpu)
{
	u64 *gpr = vcpu->state.gpr;
	u64 value = (u32)gpr[DUET_RAX] | gpr[DUET_RDX] << 32;

	if (duet_set_msr(vcpu, gpr[DUET_RCX], value, false))
		return duet_inject_gp(vcpu);
	return duet_skip_insn(vcpu);
}

static u64 duet_read_gpr(struct duet_vcpu *vcpu, u8 gpr)
{
	if (gpr == DUET_RSP)
		duet_need(vcpu, DUET_ST_RSP);
	return vcpu->state.gpr[gpr & 15];
}

static void duet_write_gpr(struct duet_vcpu *vcpu, u8 gpr, u64 value)
{
	vcpu->state.gpr[gpr & 15] = value;
	if (gpr == DUET_RSP)
		duet_wrote(vcpu, DUET_ST_RSP);
}

/* Outside 64-bit mode MOV CR and MOV DR move 32 bits. */
static u64 duet_mode_mask(struct duet_vcpu *vcpu, u64 value)
{
	return duet_64bit(vcpu) ? value : (u32)value;
}

int duet_write_cr(struct duet_vcpu *vcpu, u32 nr, u64 value)
{
	switch (nr) {
	case 0:
		return duet_set_cr0(vcpu, value);
	case 2:
		vcpu->state.cr2 = value;
		duet_wrote(vcpu, DUET_ST_CR2);
		return 0;
	case 3:
		return duet_set_cr3(vcpu, value);
	case 4:
		return duet_set_cr4(vcpu, value);
	case 8:
		/* The backend has to hear of it: set_tpr(). */
		duet_request_self(vcpu, DUET_REQ_EVENT);
		return duet_set_cr8(vcpu, value);
	default:
		return -1;
	}
}

static int handle_cr_read(struct duet_vcpu *vcpu)
{
	struct duet_exit *e = &vcpu->exit;
	u64 value;

	if (!e->cr.decoded)
		return duet_emulate(vcpu, INVALID_GPA);
	switch (e->cr.cr) {
	case 0:
		value = duet_cr0(vcpu);
		break;
	case 3:
		value = duet_cr3(vcpu);
		break;
	case 4:
		value = duet_cr4(vcpu);
		break;
	case 8:
		value = duet_get_cr8(vcpu);
		break;
	default:
		return duet_inject_ud(vcpu);
	}
	duet_write_gpr(vcpu, e->cr.gpr, duet_mode_mask(vcpu, value));
	return duet_skip_insn(vcpu);
}

/* CR8 of a user-space irqchip is user space's to know (KVM_EXIT_SET_TPR). */
static int duet_cr8_changed(struct duet_vcpu *vcpu, u8 old, int r)
{
	if (r <= 0 || vcpu->vm->has_irqchip || vcpu->cr8 >= old)
		return r;
	vcpu->run->exit_reason = KVM_EXIT_SET_TPR;
	return 0;
}

static int handle_cr_write(struct duet_vcpu *vcpu)
{
	struct duet_exit *e = &vcpu->exit;
	u8 old_cr8 = vcpu->cr8;
	u64 value;
	int r;

	if (e->cr.clts) {
		value = duet_cr0(vcpu) & ~(u64)X86_CR0_TS;
	} else if (e->cr.lmsw) {
		/* Sets PE but cannot clear it (SDM vol. 2, LMSW). */
		value = (duet_cr0(vcpu) & ~0xeULL) | (e->cr.value & 0xf);
	} else if (!e->cr.decoded) {
		return duet_cr8_changed(vcpu, old_cr8,
					duet_emulate(vcpu, INVALID_GPA));
	} else {
		value = duet_mode_mask(vcpu, duet_read_gpr(vcpu, e->cr.gpr));
	}

	r = duet_write_cr(vcpu, e->cr.cr, value);
	if (r < 0)
		return duet_inject_ud(vcpu);
	if (r)
		return duet_inject_gp(vcpu);
	return duet_cr8_changed(vcpu, old_cr8, duet_skip_insn(vcpu));
}

static int handle_dr(struct duet_vcpu *vcpu)
{
	struct duet_exit *e = &vcpu->exit;
	u64 value = 0;
	int r;

	if (!e->dr.decoded)
		return duet_emulate(vcpu, INVALID_GPA);
	if (e->dr.write)
		r = duet_write_dr(vcpu, e->dr.dr, duet_mode_mask(vcpu,
					duet_read_gpr(vcpu, e->dr.gpr)));
	else
		r = duet_read_dr(vcpu, e->dr.dr, &value);
	if (r < 0)
		return duet_inject_ud(vcpu);
	if (r > 1)
		return 1;	/* general detect: #DB is queued */
	if (r)
		return duet_inject_gp(vcpu);
	if (!e->dr.write)
		duet_write_gpr(vcpu, e->dr.gpr, duet_mode_mask(vcpu, value));
	return duet_skip_insn(vcpu);
}

static int handle_hypercall(struct duet_vcpu *vcpu)
{
	bool wide = duet_64bit(vcpu);

	vcpu->state.gpr[DUET_RAX] = duet_cpl(vcpu) ? -KVM_EPERM :
		duet_hypercall(vcpu, wide);
	if (!wide)
		vcpu->state.gpr[DUET_RAX] = (u32)vcpu->state.gpr[DUET_RAX];
	return duet_skip_insn(vcpu);
}

static int handle_page_fault(struct duet_vcpu *vcpu)
{
	struct duet_exit *e = &vcpu->exit;
	int r = vcpu->vm->pager_ops->fault(vcpu);

	if (r < 0) {
		/* Only a signal is no error: the guest tries again. */
		if (r == -EINTR || r == -EAGAIN)
			return 1;
		return r;
	}
	if (r == DUET_FAULT_FIXED) {
		vcpu->stats.faults_fixed++;
		return 1;
	}
	if (r == DUET_FAULT_GUEST)
		return 1;

	vcpu->stats.faults_mmio++;
	/* The IDT, GDT, TSS or stack is no memory: there is no instruction. */
	if (duet_delivering(vcpu)) {
		struct kvm_run *run = vcpu->run;

		run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
		run->internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
		run->internal.ndata = 3;
		run->internal.data[0] = e->hw_reason;
		run->internal.data[1] = e->hw_qualification;
		run->internal.data[2] = e->fault.gpa;
		return 0;
	}
	/* Nor can an instruction be fetched from where no memory is. */
	return duet_emulate(vcpu, e->fault.walk || (e->fault.access &
			    DUET_ACCESS_FETCH) ? INVALID_GPA : e->fault.gpa);
}

void duet_do_invlpg(struct duet_vcpu *vcpu, u64 linear)
{
	if (vcpu->vm->pager_ops->invlpg)
		vcpu->vm->pager_ops->invlpg(vcpu, linear);
	else
		duet_request_self(vcpu, DUET_REQ_FLUSH_GUEST);
}

static int handle_invlpg(struct duet_vcpu *vcpu)
{
	struct duet_exit *e = &vcpu->exit;

	if (e->invlpg.all) {
		duet_request_self(vcpu, DUET_REQ_FLUSH_GUEST |
				  DUET_REQ_LOAD_ROOT);
		return duet_skip_insn(vcpu);
	}
	if (!e->invlpg.decoded)
		return duet_emulate(vcpu, INVALID_GPA);
	duet_do_invlpg(vcpu, e->invlpg.addr);
	return duet_skip_insn(vcpu);
}

/* Guest memory is coherent without it: no device is assigned. */
static int handle_wbinvd(struct duet_vcpu *vcpu)
{
	return duet_skip_insn(vcpu);
}

/* Not offered in CPUID. If user space offers it, it does nothing. */
static int handle_mwait(struct duet_vcpu *vcpu)
{
	struct kvm_cpuid_entry2 *e = duet_find_cpuid(vcpu, 1, 0);

	if (!e || !(e->ecx & BIT(3)))
		return duet_inject_ud(vcpu);
	return duet_skip_insn(vcpu);
}

static int handle_xsetbv(struct duet_vcpu *vcpu)
{
	u64 *gpr = vcpu->state.gpr;
	u64 value = (u32)gpr[DUET_RAX] | gpr[DUET_RDX] << 32;

	if (!(duet_cr4(vcpu) & X86_CR4_OSXSAVE))
		return duet_inject_ud(vcpu);
	if (duet_cpl(vcpu) || (u32)gpr[DUET_RCX] ||
	    duet_set_xcr0(vcpu, value))
		return duet_inject_gp(vcpu);
	return duet_skip_insn(vcpu);
}

static int handle_rdpmc(struct duet_vcpu *vcpu)
{
	return duet_inject_gp(vcpu);	/* there are no counters */
}

static int handle_rdtsc(struct duet_vcpu *vcpu)
{
	u64 tsc = duet_guest_tsc(vcpu);

	vcpu->state.gpr[DUET_RAX] = (u32)tsc;
	vcpu->state.gpr[DUET_RDX] = tsc >> 32;
	return duet_skip_insn(vcpu);
}

static int handle_virt_insn(struct duet_vcpu *vcpu)
{
	return duet_inject_ud(vcpu);	/* no nested virtualization */
}

static int handle_unhandled(struct duet_vcpu *vcpu)
{
	return duet_internal_error(vcpu,
				   KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
}

static int handle_task_switch(struct duet_vcpu *vcpu)
{
	return duet_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION);
}

static int handle_shutdown(struct duet_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

static_assert(sizeof(struct duet_fail_entry) ==
	      sizeof(((struct kvm_run *)0)->padding));

static int handle_fail_entry(struct duet_vcpu *vcpu)
{
	struct duet_fail_entry *fail = duet_fail_entry(vcpu->run);
	const struct duet_exit *e = &vcpu->exit;

	pr_warn_ratelimited("duet: vCPU %u: entry failed (%#llx): %s\n",
			    vcpu->id, e->hw_reason, e->fail.why);
	duet_event_withdraw(vcpu);

	vcpu->run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	fail->hardware_entry_failure_reason = e->hw_reason;
	fail->cpu = raw_smp_processor_id();
	fail->reserved = 0;
	strscpy_pad(fail->why, e->fail.why, sizeof(fail->why));
	return 0;
}

static int (*const duet_handlers[DUET_NR_EXITS])(struct duet_vcpu *vcpu) = {
	[DUET_EXIT_INTR]		= handle_host,
	[DUET_EXIT_NMI]			= handle_host,
	[DUET_EXIT_MCE]			= handle_host,
	[DUET_EXIT_SMI]			= handle_host,
	[DUET_EXIT_NMI_WINDOW]		= handle_nmi_window,
	[DUET_EXIT_EXCEPTION]		= handle_exception,
	[DUET_EXIT_CPUID]		= handle_cpuid,
	[DUET_EXIT_HLT]			= handle_hlt,
	[DUET_EXIT_PAUSE]		= handle_pause,
	[DUET_EXIT_IO]			= duet_handle_io,
	[DUET_EXIT_RDMSR]		= handle_rdmsr,
	[DUET_EXIT_WRMSR]		= handle_wrmsr,
	[DUET_EXIT_CR_READ]		= handle_cr_read,
	[DUET_EXIT_CR_WRITE]		= handle_cr_write,
	[DUET_EXIT_DR_ACCESS]		= handle_dr,
	[DUET_EXIT_HYPERCALL]		= handle_hypercall,
	[DUET_EXIT_PAGE_FAULT]		= handle_page_fault,
	[DUET_EXIT_MMIO_FAST]		= handle_page_fault,
	[DUET_EXIT_INVLPG]		= handle_invlpg,
	[DUET_EXIT_WBINVD]		= handle_wbinvd,
	[DUET_EXIT_MONITOR]		= handle_mwait,
	[DUET_EXIT_MWAIT]		= handle_mwait,
	[DUET_EXIT_XSETBV]		= handle_xsetbv,
	[DUET_EXIT_RDPMC]		= handle_rdpmc,
	[DUET_EXIT_RDTSC]		= handle_rdtsc,
	[DUET_EXIT_VIRT_INSN]		= handle_virt_insn,
	[DUET_EXIT_TASK_SWITCH]		= handle_task_switch,
	[DUET_EXIT_PREEMPT_TIMER]	= handle_host,
	[DUET_EXIT_SHUTDOWN]		= handle_shutdown,
	[DUET_EXIT_FAIL_ENTRY]		= handle_fail_entry,
	[DUET_EXIT_UNKNOWN]		= handle_unhandled,
};

/* IRQ_WINDOW and TPR are the fast path's alone. */
int duet_handle_exit(struct duet_vcpu *vcpu)
{
	return duet_handlers[vcpu->exit.reason](vcpu);
}
