// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's VMCS from creation to the end, its way onto a CPU and off it, and
 * the table of what this backend does. Called through the ops table.
 */
#include <linux/gfp.h>
#include <linux/kvm.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/trapnr.h>
#include "vmx/vmx.h"
#include "uapi/duet.h"

/* A vCPU waits for a lock: PAUSE exits (SDM vol. 3, 26.1.3). */
#define VMX_PAUSE_GAP		128
#define VMX_PAUSE_WINDOW	4096

/* CPUID's bits behind which a control stands. */
#define CPUID_7_EBX_INVPCID	BIT(10)
#define CPUID_D_1_EAX_XSAVES	BIT(3)

void vmx_vmwrite_failed(unsigned long field, u64 value)
{
	/* After a reboot's switch-off nothing can be written any more. */
	if (raw_cpu_ptr(&vmx_cpus)->on)
		pr_err_ratelimited("duet: VMWRITE of field %#lx failed: value %#llx, error %llu\n",
				   field, value,
				   vmx_vmread(VMCS_INSTRUCTION_ERROR));
}

/*
 * #DB and #AC can be raised again in their own delivery, without end and
 * without an interrupt window (CVE-2015-8104, CVE-2015-5307); #MC is the
 * host's.
 */
static void vmx_update_exceptions(struct vmx_vcpu *vmx)
{
	u32 bitmap = BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_MC);

	if ((vmx->vcpu.guest_debug & KVM_GUESTDBG_ENABLE) &&
	    (vmx->vcpu.guest_debug & KVM_GUESTDBG_USE_SW_BP))
		bitmap |= BIT(X86_TRAP_BP);
	if (vmx->exception_bitmap == bitmap)
		return;
	vmx->exception_bitmap = bitmap;
	vmx_write(vmx, VMCS_EXCEPTION_BITMAP, bitmap);
}

/* The guest gets #UD for what its CPUID does not have. */
static void vmx_update_cpu2(struct vmx_vcpu *vmx)
{
	struct duet_vcpu *vcpu = &vmx->vcpu;
	struct kvm_cpuid_entry2 *e;
	u32 cpu2 = vmx_features.base.cpu2;

	if (!vmx->vpid)
		cpu2 &= ~(u32)CPU2_VPID;
	if (vcpu->cpuid.has_rdtscp)
		cpu2 |= CPU2_RDTSCP;
	e = duet_find_cpuid(vcpu, 7, 0);
	if (e && (e->ebx & CPUID_7_EBX_INVPCID))
		cpu2 |= CPU2_INVPCID;
	e = duet_find_cpuid(vcpu, 0xd, 1);
	if (e && (e->eax & CPUID_D_1_EAX_XSAVES))
		cpu2 |= CPU2_XSAVES;
	cpu2 &= vmx_features.allowed.cpu2;
	if (cpu2 == vmx->controls.cpu2)
		return;
	vmx->controls.cpu2 = cpu2;
	vmx_write(vmx, VMCS_CPU2_CONTROLS, cpu2);
}

static void vmx_init_controls(struct vmx_vcpu *vmx)
{
	const struct vmx_features *f = &vmx_features;

	vmx->controls = f->base;
	if (!vmx->vpid)
		vmx->controls.cpu2 &= ~(u32)CPU2_VPID;
	/*
	 * Without a local APIC in the kernel, user space wants to hear of each
	 * CR8 that is lower than the last one (KVM_EXIT_SET_TPR).
	 */
	if (!vmx->tpr_shadow) {
		vmx->controls.cpu &= ~(u32)CPU_TPR_SHADOW;
		vmx->controls.cpu |= CPU_CR8_LOAD | CPU_CR8_STORE;
	}

	vmx_write(vmx, VMCS_PIN_CONTROLS, vmx->controls.pin);
	vmx_write(vmx, VMCS_CPU_CONTROLS, vmx->controls.cpu);
	vmx_write(vmx, VMCS_CPU2_CONTROLS, vmx->controls.cpu2);
	vmx_write(vmx, VMCS_EXIT_CONTROLS, vmx->controls.exit);
	vmx_write(vmx, VMCS_ENTRY_CONTROLS, vmx->controls.entry);

	vmx_write(vmx, VMCS_MSR_BITMAP, virt_to_phys(vmx->msr_bitmap));
	if (vmx->tpr_shadow)
		vmx_write(vmx, VMCS_VIRTUAL_APIC,
			  virt_to_phys(vmx->virtual_apic));
	vmx_write(vmx, VMCS_TPR_THRESHOLD, 0);
	if (vmx->vpid)
		vmx_write(vmx, VMCS_VPID, vmx->vpid);
	if (f->pause_loop) {
		vmx_write(vmx, VMCS_PLE_GAP, VMX_PAUSE_GAP);
		vmx_write(vmx, VMCS_PLE_WINDOW, VMX_PAUSE_WINDOW);
	}
	if (f->base.cpu2 & CPU2_ENCLS)
		vmx_write(vmx, VMCS_ENCLS_EXITING, ~0ULL);
	if (f->allowed.cpu2 & CPU2_XSAVES)
		vmx_write(vmx, VMCS_XSS_EXITING, 0);

	/* #PF, which is not in the bitmap, whatever its error code. */
	vmx_write(vmx, VMCS_PF_ERROR_MASK, 0);
	vmx_write(vmx, VMCS_PF_ERROR_MATCH, 0);
	vmx_write(vmx, VMCS_CR3_TARGET_COUNT, 0);
	vmx_write(vmx, VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmx_perf_init(vmx);
	vmx_write(vmx, VMCS_ENTRY_INTR_INFO, 0);
	vmx_update_exceptions(vmx);
}

/* What the neutral state does not have, and no exit changes. */
static void vmx_init_guest(struct vmx_vcpu *vmx)
{
	vmx_write(vmx, VMCS_LINK_POINTER, ~0ULL);	/* 27.3.1.5 */
	vmx_write(vmx, VMCS_GUEST_DEBUGCTL, 0);
	vmx_write(vmx, VMCS_GUEST_ACTIVITY, VMCS_ACTIVITY_ACTIVE);
	vmx_write(vmx, VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmx_write(vmx, VMCS_GUEST_PENDING_DEBUG, 0);
	if (vmx_features.slice)
		vmx_write(vmx, VMCS_PREEMPTION_TIMER, vmx_features.slice);
	vmx_update_cr4_owned(vmx);
}

static void vmx_vcpu_load(struct duet_vcpu *vcpu, int cpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct vmx_cpu *c = per_cpu_ptr(&vmx_cpus, cpu);

	vmx_use_vmcs(vmx, c, cpu);
	if (unlikely(c->last != vmx)) {
		c->last = vmx;
		/* Another guest's branch history is not this one's. */
		indirect_branch_prediction_barrier();
	}
	vmx->tsc_aux = c->host_tsc_aux;
}

static void vmx_vcpu_put(struct duet_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 host = this_cpu_ptr(&vmx_cpus)->host_tsc_aux;

	vmx_host_restore(vmx);
	/* run.c loads the guest's before an entry. */
	if (vmx->tsc_aux != host && boot_cpu_has(X86_FEATURE_RDTSCP))
		wrmsrl(MSR_TSC_AUX, host);
	vmx->tsc_aux = host;
}

static int vmx_vm_create(struct duet_vm *vm)
{
	return 0;
}

static void vmx_vm_destroy(struct duet_vm *vm)
{
}

static void vmx_free_pages(struct vmx_vcpu *vmx)
{
	free_page((unsigned long)vmx->msr_lists);
	free_page((unsigned long)vmx->virtual_apic);
	vmx_msr_bitmap_free(vmx->msr_bitmap);
	if (vmx->vmcs)
		__free_page(vmx->vmcs);
}

static int vmx_alloc_pages(struct vmx_vcpu *vmx)
{
	vmx->vmcs = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	vmx->msr_bitmap = vmx_msr_bitmap_alloc();
	vmx->virtual_apic = (u8 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vmx->msr_lists = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->vmcs || !vmx->msr_bitmap || !vmx->virtual_apic ||
	    !vmx->msr_lists) {
		vmx_free_pages(vmx);
		return -ENOMEM;
	}
	/* SDM vol. 3, 25.2 */
	*(u32 *)page_address(vmx->vmcs) = vmx_features.revision;
	return 0;
}

static int vmx_vcpu_create(struct duet_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	int cpu, r;

	r = vmx_alloc_pages(vmx);
	if (r)
		return r;
	vmx->entry.spec_ctrl = &vcpu->msrs.spec_ctrl;
	vmx->tpr_shadow = vmx_features.tpr_shadow && vcpu->vm->has_irqchip &&
		!(vcpu->vm->refused & DUET_REFUSE_TPR);
	if (vmx_features.vpid && !(vcpu->vm->refused & DUET_REFUSE_TAGS))
		vmx->vpid = vmx_vpid_alloc();

	cpu = get_cpu();
	vmx_init_vmcs(vmx);
	vmx_vcpu_load(vcpu, cpu);
	vmx_init_controls(vmx);
	vmx_init_guest(vmx);
	vmx_host_init(vmx);
	vmx_vcpu_put(vcpu);
	put_cpu();
	return 0;
}

static void vmx_vcpu_destroy(struct duet_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	int i;

	vmx_clear(vmx);
	vmx_ghost_free(vmx);
	/*
	 * A new vCPU at the same address would look like the last one, and
	 * get no barrier.
	 */
	for_each_possible_cpu(i)
		cmpxchg(&per_cpu_ptr(&vmx_cpus, i)->last, vmx, NULL);
	vmx_vpid_free(vmx->vpid);
	vmx_free_pages(vmx);
}

static void vmx_update(struct duet_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx_update_exceptions(vmx);
	vmx_update_cpu2(vmx);
	vmx_update_cr4_owned(vmx);
	vmx_update_msr_bitmap(vmx);
}

const struct duet_vcpu_ops vmx_ops = {
	.name = "vmx",
	.vm_size = sizeof(struct vmx_vm),
	.vcpu_size = sizeof(struct vmx_vcpu),
	.rules = {
		[DUET_RULES_CONTROLS] = vmx_control_rules,
		[DUET_RULES_HOST] = vmx_host_rules,
		[DUET_RULES_GUEST] = vmx_guest_rules,
	},

	.probe = vmx_probe,
	.remove = vmx_remove,
	.cpu_on = vmx_cpu_on,
	.cpu_off = vmx_cpu_off,

	.vm_create = vmx_vm_create,
	.vm_destroy = vmx_vm_destroy,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_destroy = vmx_vcpu_destroy,
	.vcpu_load = vmx_vcpu_load,
	.vcpu_put = vmx_vcpu_put,

	.get_state = vmx_get_state,
	.set_state = vmx_set_state,
	.run = vmx_run,
	.host_event = vmx_host_event,

	.inject = vmx_inject,
	.set_window = vmx_set_window,
	.set_tpr = vmx_set_tpr,
	.flush_tlb = vmx_flush_tlb,
	.get_msr = vmx_get_msr,
	.set_msr = vmx_set_msr,
	.update = vmx_update,
};
