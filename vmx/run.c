// SPDX-License-Identifier: GPL-2.0
/*
 * The loop around the world switch: the fast path of every exit. Called
 * through the ops table with interrupts off; calls duet_fast_exit() and what
 * prepares an entry here in vmx/.
 */
#include <linux/gfp.h>
#include <linux/hw_breakpoint.h>
#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <asm/barrier.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/processor.h>
#include <asm/trapnr.h>
#include "common/irqchip.h"
#include "vmx/vmx.h"

/*
 * L1TF: the guest must not find the host's data in the L1D (SDM vol. 4,
 * IA32_FLUSH_CMD). When, the host's l1tf= says: before a loop, that is when
 * something else ran since; or before each entry.
 */
static DEFINE_STATIC_KEY_FALSE(vmx_l1d_flush_loop);
static DEFINE_STATIC_KEY_FALSE(vmx_flush_entry);
static bool vmx_l1d_flush_entry;

#define L1D_ORDER	4	/* the largest L1D of a CPU without the MSR */
#define L1D_SIZE	(PAGE_SIZE << L1D_ORDER)

static u8 *vmx_l1d_pages;

int vmx_l1d_init(void)
{
	u64 cap;

	/* Where VERW is for each guest, enter.S does it (MMIO stale data). */
	if (duet_mmio_leaks())
		static_branch_enable(&vmx_flush_entry);
	if (!boot_cpu_has_bug(X86_BUG_L1TF) ||
	    l1tf_mitigation == L1TF_MITIGATION_OFF)
		return 0;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES) &&
	    !rdmsrl_safe(MSR_IA32_ARCH_CAPABILITIES, &cap) &&
	    (cap & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH))
		return 0;
	if (!boot_cpu_has(X86_FEATURE_FLUSH_L1D)) {
		vmx_l1d_pages = (u8 *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
						       L1D_ORDER);
		if (!vmx_l1d_pages)
			return -ENOMEM;
	}
	if (l1tf_mitigation == L1TF_MITIGATION_FULL ||
	    l1tf_mitigation == L1TF_MITIGATION_FULL_FORCE) {
		vmx_l1d_flush_entry = true;
		static_branch_enable(&vmx_flush_entry);
	} else {
		static_branch_enable(&vmx_l1d_flush_loop);
	}
	return 0;
}

void vmx_l1d_exit(void)
{
	free_pages((unsigned long)vmx_l1d_pages, L1D_ORDER);
	vmx_l1d_pages = NULL;
}

static void vmx_flush_l1d(void)
{
	unsigned long i;

	if (static_cpu_has(X86_FEATURE_FLUSH_L1D)) {
		wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
		return;
	}
	/* First the translations, then every line. */
	for (i = 0; i < L1D_SIZE; i += PAGE_SIZE)
		READ_ONCE(vmx_l1d_pages[i]);
	barrier_nospec();
	for (i = 0; i < L1D_SIZE; i += 64)
		READ_ONCE(vmx_l1d_pages[i]);
	barrier_nospec();
}

/*
 * Registers of devices can be read so that they show what is left in the CPU's
 * buffers: a guest that has some must find nothing there.
 */
static void vmx_clear_before_entry(struct vmx_vcpu *vmx)
{
	if (vmx_l1d_flush_entry)
		vmx_flush_l1d();
	else if (READ_ONCE(vmx->vcpu.vm->maps_devices))
		x86_clear_cpu_buffers();
}

static inline bool vmx_debug_active(const struct vmx_vcpu *vmx)
{
	return vmx->vcpu.state.dr7 &
		(DR_GLOBAL_ENABLE_MASK | DR_LOCAL_ENABLE_MASK);
}

/*
 * A guest that touches a debug register will touch more of them: until the
 * next exit it has them all. Not while user space debugs it.
 */
static bool vmx_give_breakpoints(struct vmx_vcpu *vmx)
{
	if (vmx->vcpu.guest_debug || vmx->dr_direct)
		return false;
	vmx->dr_direct = true;
	vmx_cpu_control(vmx, CPU_MOV_DR, false);
	duet_load_guest_dr(&vmx->vcpu);
	set_debugreg(vmx->vcpu.state.dr6, 6);
	return true;
}

static void vmx_take_breakpoints(struct vmx_vcpu *vmx)
{
	struct duet_state *s = &vmx->vcpu.state;

	vmx->dr_direct = false;
	vmx_cpu_control(vmx, CPU_MOV_DR, true);
	duet_take_guest_dr(&vmx->vcpu);
	/* A VM entry loads DR7, never the others. */
	s->dr7 = vmx_read(vmx, VMCS_GUEST_DR7);
	vmx->vcpu.guest_dr7 = s->dr7;
}

static inline void vmx_write_dirty(struct vmx_vcpu *vmx)
{
	struct duet_vcpu *vcpu = &vmx->vcpu;
	u32 dirty = vcpu->dirty;

	vcpu->dirty = 0;
	if (likely(dirty == DUET_ST_RIP)) {
		vmx_write(vmx, VMCS_GUEST_RIP, vcpu->state.rip);
		return;
	}
	vmx_set_state(vcpu, dirty);
	if (unlikely(dirty & DUET_ST_DR) && vmx_debug_active(vmx))
		duet_load_guest_dr(&vmx->vcpu);
}

static void vmx_load_tsc_aux(struct vmx_vcpu *vmx)
{
	vmx->tsc_aux = vmx->vcpu.msrs.tsc_aux;
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		wrmsrl(MSR_TSC_AUX, vmx->tsc_aux);
}

static inline void vmx_prepare_entry(struct vmx_vcpu *vmx)
{
	struct duet_vcpu *vcpu = &vmx->vcpu;

	if (vcpu->dirty)
		vmx_write_dirty(vmx);
	vmx_flush_before_entry(vmx);
	vmx_ghost_enter(vmx);
	if (unlikely(vmx->tsc_aux != vcpu->msrs.tsc_aux))
		vmx_load_tsc_aux(vmx);
	if (static_branch_unlikely(&vmx_flush_entry))
		vmx_clear_before_entry(vmx);
}

/* The guest did not run. Everything is as it was, its state included. */
static void vmx_enter_failed(struct vmx_vcpu *vmx, int how)
{
	vmx->vcpu.exit = (struct duet_exit) {
		.reason = DUET_EXIT_FAIL_ENTRY,
		.hw_reason = how == VMX_ENTER_FAILED ?
			vmx_read(vmx, VMCS_INSTRUCTION_ERROR) : VMX_ERROR_NONE,
	};
	vmx_explain_error(vmx, vmx->vcpu.exit.hw_reason);
}

/* Enter once. False if that was not possible. */
static bool vmx_enter_guest(struct vmx_vcpu *vmx)
{
	int r;

again:
	vmx_prepare_entry(vmx);
	if (duet_hooked(&vmx->vcpu) && !vmx_break(vmx))
		return false;
	r = vmx_enter(vmx->vcpu.state.gpr, &vmx->entry);
	if (unlikely(r)) {
		vmx_enter_failed(vmx, r);
		return false;
	}

	vmx->vcpu.valid = VMX_ST_ALWAYS;
	if (unlikely(vmx->dr_direct))
		vmx_take_breakpoints(vmx);
	/* MOV to CR8 writes the virtual-APIC page alone (SDM vol. 3, 30.3). */
	if (unlikely(vmx->virtual_apic[VIRTUAL_APIC_TPR] != vmx->tpr << 4)) {
		vmx->tpr = vmx->virtual_apic[VIRTUAL_APIC_TPR] >> 4;
		duet_lapic_sync_tpr(&vmx->vcpu, vmx->tpr);
	}
	vmx_translate_exit(vmx);
	if (unlikely(vmx->vcpu.exit.reason == DUET_EXIT_DR_ACCESS) &&
	    vmx_give_breakpoints(vmx))
		goto again;
	return true;
}

/* What the host's interrupt handlers depend on becomes the guest's... */
static void vmx_load_guest(struct vmx_vcpu *vmx)
{
	vmx_host_prepare(vmx);
	vmx_perf_load_guest(vmx);
	vmx->debugctl = __rdmsr(MSR_IA32_DEBUGCTLMSR);
	duet_load_xcr0(&vmx->vcpu);
	if (unlikely(hw_breakpoint_active()))
		duet_save_host_dr(&vmx->vcpu);
	if (unlikely(vmx_debug_active(vmx)))
		duet_load_guest_dr(&vmx->vcpu);
	if (static_branch_unlikely(&vmx_l1d_flush_loop))
		vmx_flush_l1d();
}

/* ... and the host's again. DR7 and DEBUGCTL are clear since the VM exit. */
static void vmx_load_host(struct vmx_vcpu *vmx)
{
	if (unlikely(vmx->debugctl))
		wrmsrl(MSR_IA32_DEBUGCTLMSR, vmx->debugctl);
	if (unlikely(hw_breakpoint_active()))
		duet_restore_host_dr(&vmx->vcpu);
	duet_restore_xcr0(&vmx->vcpu);
	vmx_perf_load_host(vmx);
	/* The guest's branch history must not meet user space's (VMSCAPE). */
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
}

void vmx_run(struct duet_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx_load_guest(vmx);
	if (duet_hooked(vcpu)) {
		vmx_enter_guest(vmx);
		vmx_mend(vmx);
	} else {
		while (vmx_enter_guest(vmx) && duet_fast_exit(vcpu))
			;
	}
	vmx_load_host(vmx);
}

void vmx_host_event(struct duet_vcpu *vcpu)
{
	/*
	 * A physical interrupt was not acknowledged: it comes when interrupts
	 * go on. An NMI was consumed by the exit, and NMIs are blocked until
	 * the next IRET (SDM vol. 3, 28.5.5): the handler's.
	 */
	if (vcpu->exit.reason == DUET_EXIT_NMI)
		asm volatile("int $2" : : : "memory");
	if (vcpu->exit.reason == DUET_EXIT_MCE)
		duet_host_machine_check();
}
