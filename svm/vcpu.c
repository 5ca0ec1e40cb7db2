// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's VMCB from creation to the end, its way onto a CPU and off it, and
 * the table of what this backend does. Called through the ops table.
 */
#include <linux/bitfield.h>
#include <linux/gfp.h>
#include <linux/kvm.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/trapnr.h>
#include "svm/svm.h"
#include "uapi/duet.h"

/*
 * What always exits. Not among it: reads of CR0 and CR4 (state.c switches
 * them on where the guest's view differs), CR3 and INVLPG (shadow paging
 * only), CR8 writes (reads, if the VM refuses V_TPR) and VINTR (events.c),
 * RDTSCP (svm_update()).
 */
static const u8 svm_always[] = {
	INTERCEPT_CR_WRITE(0), INTERCEPT_CR_WRITE(4),
	/* the host's events; #MC: below */
	INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_SMI, INTERCEPT_INIT,
	/* what the host, not the hardware, does for the guest */
	INTERCEPT_CPUID, INTERCEPT_HLT, INTERCEPT_IOIO, INTERCEPT_MSR,
	INTERCEPT_TASK_SWITCH, INTERCEPT_SHUTDOWN, INTERCEPT_FERR_FREEZE,
	INTERCEPT_INVD, INTERCEPT_WBINVD, INTERCEPT_RDPMC, INTERCEPT_RDPRU,
	INTERCEPT_MONITOR, INTERCEPT_MWAIT, INTERCEPT_XSETBV, INTERCEPT_RSM,
	/* SVM's own instructions: the guest has none of it */
	INTERCEPT_VMRUN, INTERCEPT_VMMCALL, INTERCEPT_VMLOAD, INTERCEPT_VMSAVE,
	INTERCEPT_STGI, INTERCEPT_CLGI, INTERCEPT_SKINIT, INTERCEPT_INVLPGA,
};

/* Only shadow paging has to see these. */
static const u8 svm_shadow_paging[] = {
	INTERCEPT_CR_READ(3), INTERCEPT_CR_WRITE(3), INTERCEPT_INVLPG,
};

/* A vCPU waits for a lock: PAUSE exits (APM vol. 2, 15.14.4). */
#define SVM_PAUSE_COUNT		3000
#define SVM_PAUSE_THRESHOLD	128

/*
 * #DB and #AC can be raised again in their own delivery, without end and
 * without an interrupt window (CVE-2015-8104, CVE-2015-5307); #MC is the
 * host's; while a single step is under way (events.c), every exception has
 * to be seen, or the guest would find our TF on its stack.
 */
void svm_update_exceptions(struct svm_vcpu *svm)
{
	struct vmcb_control *control = &svm->vmcb->control;
	u32 bitmap = BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_MC);
	const unsigned int word = INTERCEPT_EXCEPTION(0) / 32;

	if (svm->shadow_paging)
		bitmap |= BIT(X86_TRAP_PF);
	if ((svm->vcpu.guest_debug & KVM_GUESTDBG_ENABLE) &&
	    (svm->vcpu.guest_debug & KVM_GUESTDBG_USE_SW_BP))
		bitmap |= BIT(X86_TRAP_BP);
	if (svm->step.active)
		bitmap = ~0U;
	if (control->intercepts[word] == bitmap)
		return;
	control->intercepts[word] = bitmap;
	svm_dirty(svm, VMCB_CLEAN_I);
}

/* All sixteen of both kinds: one word. */
void svm_intercept_dr(struct svm_vcpu *svm, bool on)
{
	svm->vmcb->control.intercepts[INTERCEPT_DR_READ(0) / 32] = on ? ~0U : 0;
	svm_dirty(svm, VMCB_CLEAN_I);
}

static void svm_init_vmcb(struct svm_vcpu *svm)
{
	struct vmcb_control *control = &svm->vmcb->control;
	const struct svm_features *f = &svm_features;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(svm_always); i++)
		svm_intercept(svm, svm_always[i], true);
	svm_intercept_dr(svm, true);
	svm_update_exceptions(svm);

	control->iopm_base_pa = svm_iopm_pa;
	control->msrpm_base_pa = __sme_set(virt_to_phys(svm->msrpm));
	/*
	 * The guest's RFLAGS.IF and CR8 are its own; the host's RFLAGS.IF
	 * decides about physical interrupts (APM vol. 2, 15.21.1).
	 */
	control->int_ctl = VMCB_V_INTR_MASKING;
	if (!svm->v_tpr) {
		svm_intercept(svm, INTERCEPT_CR_READ(8), true);
		svm_intercept(svm, INTERCEPT_CR_WRITE(8), true);
	}

	if (svm->shadow_paging) {
		for (i = 0; i < ARRAY_SIZE(svm_shadow_paging); i++)
			svm_intercept(svm, svm_shadow_paging[i], true);
	} else {
		control->nested_ctl = VMCB_NP_ENABLE;
	}
	/* Without the filter each PAUSE would exit. */
	if (f->pause_filter) {
		control->pause_filter_count = SVM_PAUSE_COUNT;
		if (f->pause_threshold)
			control->pause_filter_threshold = SVM_PAUSE_THRESHOLD;
		svm_intercept(svm, INTERCEPT_PAUSE, true);
	}
	/* What VMRUN refuses if it is 0, before the first register is set. */
	svm->vmcb->save.efer = EFER_SVME;
	svm->vmcb->save.rflags = X86_EFLAGS_FIXED;
	svm->vmcb->save.dr6 = SVM_DR6_NONE;
	svm->vmcb->save.dr7 = SVM_DR7_RESET;
	svm->vmcb->save.g_pat = 0x0007040600070406ULL;	/* APM vol. 2, 7.8.2 */
}

static int svm_vm_create(struct duet_vm *vm)
{
	return 0;
}

static void svm_vm_destroy(struct duet_vm *vm)
{
}

static int svm_vcpu_create(struct duet_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	const struct svm_features *f = &svm_features;
	u64 refused = vcpu->vm->refused;
	struct page *page;

	svm_apply_quirks();
	page = svm_alloc_page(numa_node_id(), GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	svm->vmcb = page_address(page);
	svm->msrpm = svm_msrpm_alloc();
	if (!svm->msrpm || svm_ghost_alloc(svm)) {
		svm_msrpm_free(svm->msrpm);
		free_page((unsigned long)svm->vmcb);
		svm->vmcb = NULL;
		return -ENOMEM;
	}

	svm->shadow_paging = vcpu->vm->pager_kind == DUET_PAGER_SHADOW;
	svm->nrips = f->nrips && !(refused & DUET_REFUSE_NEXT_RIP);
	svm->decode = f->decode && !(refused & DUET_REFUSE_DECODE);
	svm->v_tpr = !(refused & DUET_REFUSE_TPR);
	svm->clean = (f->clean_bits || SVM_GHOST_CLEAN) &&
		!(refused & DUET_REFUSE_CLEAN_BITS) ? VMCB_CLEAN_ALL : 0;
	svm->tag = (struct svm_tag) {
		.tagless = refused & DUET_REFUSE_TAGS,
		.flush_one = f->flush_by_asid &&
			!(refused & DUET_REFUSE_FLUSH_TAG),
	};
	svm->last_cpu = -1;
	svm->entry.vmcb_pa = __sme_set(virt_to_phys(svm->vmcb));
	svm->entry.spec_ctrl = &vcpu->msrs.spec_ctrl;
	svm_msrs_init(svm);
	svm_init_vmcb(svm);
	return 0;
}

static void svm_vcpu_destroy(struct duet_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	int i;

	/*
	 * A new vCPU at the same address would look like the last one, and
	 * get no barrier.
	 */
	for_each_possible_cpu(i)
		cmpxchg(&per_cpu_ptr(&svm_cpus, i)->last, svm, NULL);
	svm_ghost_free(svm);
	svm_msrpm_free(svm->msrpm);
	free_page((unsigned long)svm->vmcb);
}

static bool svm_guest_has_tsc_aux(struct svm_vcpu *svm)
{
	return svm->vcpu.cpuid.has_rdtscp && boot_cpu_has(X86_FEATURE_RDTSCP);
}

static void svm_vcpu_load(struct duet_vcpu *vcpu, int cpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_cpu *c = per_cpu_ptr(&svm_cpus, cpu);

	if (c->last != svm) {
		c->last = svm;
		/* Another guest's branch history is not this one's. */
		if (!cpu_feature_enabled(X86_FEATURE_IBPB_ON_VMEXIT))
			duet_ibpb();
	}
	svm_came_to(svm, cpu);

	/* run.c fills it before an entry. */
	svm->entry.host_state_pa = __sme_set(page_to_phys(c->host_state));
	svm->tsc_aux = c->host_tsc_aux;
}

static void svm_vcpu_put(struct duet_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 host = this_cpu_ptr(&svm_cpus)->host_tsc_aux;

	/* run.c loads the guest's before an entry. */
	if (svm->tsc_aux != host && boot_cpu_has(X86_FEATURE_RDTSCP))
		wrmsrl(MSR_TSC_AUX, host);
	svm->tsc_aux = host;
}

static void svm_update(struct duet_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm_update_exceptions(svm);
	/* The guest gets #UD for what its CPUID does not have. */
	svm_intercept(svm, INTERCEPT_RDTSCP, !svm_guest_has_tsc_aux(svm));
	svm_update_msrpm(svm);
}

const struct duet_vcpu_ops svm_ops = {
	.name = "svm",
	.vm_size = sizeof(struct svm_vm),
	.vcpu_size = sizeof(struct svm_vcpu),
	.rules = {
		[DUET_RULES_CONTROLS] = svm_control_rules,
		[DUET_RULES_GUEST] = svm_guest_rules,
	},

	.probe = svm_probe,
	.remove = svm_remove,
	.cpu_on = svm_cpu_on,
	.cpu_off = svm_cpu_off,

	.vm_create = svm_vm_create,
	.vm_destroy = svm_vm_destroy,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.vcpu_load = svm_vcpu_load,
	.vcpu_put = svm_vcpu_put,

	.get_state = svm_get_state,
	.set_state = svm_set_state,
	.run = svm_run,
	.host_event = svm_host_event,

	.inject = svm_inject,
	.set_window = svm_set_window,
	.set_tpr = svm_set_tpr,
	.flush_tlb = svm_flush_tlb,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.update = svm_update,
};
