// SPDX-License-Identifier: GPL-2.0
/*
 * What emulators do differently from processors. All of it is behind static
 * keys. Called when SVM goes on, and when a vCPU is created.
 *
 * Does VMRUN load CR2 from the VMCB? Processors do (APM vol. 2, 15.5.1); an
 * emulator (Bochs 2.7) does not, and a guest would find the host's CR2. One
 * VMRUN tells.
 *
 * QEMU's TCG (7.2), known by its name, has three faults around V_IRQ and VMRUN:
 *  - It ignores INTERRUPT_SHADOW in the VMCB, which should hold V_IRQ back for
 *    one instruction (APM vol. 2, 15.21.5). A host's interrupt between a
 *    guest's STI and HLT then lets a virtual one in before the HLT, and the
 *    guest sleeps over what that one woke. Cure: remember the shadow of an
 *    entry that executed nothing, and step out of it instead of opening a
 *    window.
 *  - An external interrupt from EVENTINJ is delivered, and stays noted as an
 *    exception to be delivered: once more, if TCG's loop is interrupted before
 *    the next exception or exit. Cure: interrupts go in by V_IRQ with their
 *    vector; what is still there at the exit was not delivered. Where V_IRQ is
 *    not free or would not arrive, a physical interrupt makes the exit come
 *    right after the delivery.
 *  - A guest's MOV to CR8 ends the emulator by its own assertion while V_IRQ
 *    waits. Cure: it is intercepted then.
 */
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/io.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>
#include "svm/svm.h"

DEFINE_STATIC_KEY_FALSE(svm_cr2_quirk);
DEFINE_STATIC_KEY_FALSE(svm_tcg_quirk);

static bool svm_load_cr2;
module_param(svm_load_cr2, bool, 0444);
MODULE_PARM_DESC(svm_load_cr2,
		 "Write CR2 before VMRUN, for emulators that do not load it");

static bool svm_tcg;
module_param(svm_tcg, bool, 0444);
MODULE_PARM_DESC(svm_tcg,
		 "Work around the interrupt faults of QEMU's TCG, which is detected");

#define CR2_HOST	0x1111000UL
#define CR2_GUEST	0x2222000UL

static struct vmcb *svm_trial;
static void *svm_trial_tables;	/* a page directory without an entry */
static atomic_t svm_tried;

/*
 * A guest that cannot execute anything: a virtual interrupt exits before its
 * first instruction, and no page is mapped from which to fetch one.
 */
static void svm_setup_trial(void)
{
	struct vmcb_control *control = &svm_trial->control;
	struct vmcb_save *save = &svm_trial->save;
	static const u8 intercepts[] = {
		INTERCEPT_EXCEPTION(X86_TRAP_PF), INTERCEPT_INTR, INTERCEPT_NMI,
		INTERCEPT_SMI, INTERCEPT_INIT, INTERCEPT_VINTR, INTERCEPT_HLT,
		INTERCEPT_SHUTDOWN, INTERCEPT_VMRUN,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(intercepts); i++)
		control->intercepts[intercepts[i] / 32] |=
			BIT(intercepts[i] % 32);
	control->iopm_base_pa = svm_iopm_pa;
	control->msrpm_base_pa = svm_iopm_pa;
	control->guest_asid = 1;
	control->tlb_control = VMCB_TLB_FLUSH_ALL;
	control->int_ctl = VMCB_V_INTR_MASKING | VMCB_V_IRQ | VMCB_V_IGN_TPR |
		VMCB_V_INTR_PRIO;

	/* 32-bit flat code with paging: type, S, P, and D, G */
	save->cs = (struct vmcb_segment) { 8, 0xc9b, ~0U, 0 };
	save->ss = (struct vmcb_segment) { 16, 0xc93, ~0U, 0 };
	save->ds = save->ss;
	save->es = save->ss;
	save->tr = (struct vmcb_segment) { 24, 0x08b, 0x67, 0 };
	save->efer = EFER_SVME;
	save->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_ET | X86_CR0_NE;
	/* Of 32 bits: no place for the encryption bit. */
	save->cr3 = virt_to_phys(svm_trial_tables);
	save->rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF;
	save->dr6 = SVM_DR6_NONE;
	save->dr7 = SVM_DR7_RESET;
	save->cr2 = CR2_GUEST;
}

int svm_quirks_init(void)
{
	struct page *page = svm_alloc_page(NUMA_NO_NODE, GFP_KERNEL);

	if (!page)
		return -ENOMEM;
	svm_trial = page_address(page);
	/* CR3 has 32 bits outside long mode. */
	svm_trial_tables = (void *)get_zeroed_page(GFP_KERNEL | __GFP_DMA32);
	if (!svm_trial_tables)
		return -ENOMEM;
	svm_setup_trial();
	return 0;
}

void svm_quirks_exit(void)
{
	free_page((unsigned long)svm_trial);
	free_page((unsigned long)svm_trial_tables);
	svm_trial = NULL;
	svm_trial_tables = NULL;
}

void svm_try_quirks(struct svm_cpu *c)
{
	u64 gpr[DUET_NR_GPRS] = { }, spec_ctrl = 0;
	struct svm_entry entry = {
		.vmcb_pa = __sme_set(virt_to_phys(svm_trial)),
		.host_state_pa = __sme_set(page_to_phys(c->host_state)),
		.spec_ctrl = &spec_ctrl,
	};
	unsigned long dr7;

	/* Once, on whichever CPU comes first. */
	if (atomic_xchg(&svm_tried, 1))
		return;
	asm volatile("vmsave %%rax" : : "a" (entry.host_state_pa) : "memory");
	get_debugreg(dr7, 7);
	native_write_cr2(CR2_HOST);
	/* A VMRUN that refuses says nothing about CR2. */
	if (!svm_enter(gpr, &entry) &&
	    svm_trial->control.exit_code != VMEXIT_INVALID &&
	    svm_trial->save.cr2 == CR2_HOST)
		svm_load_cr2 = true;
	/* #VMEXIT has cleared it (APM vol. 2, 15.6). */
	set_debugreg(dr7, 7);
}

static bool svm_is_tcg(void)
{
	return boot_cpu_has(X86_FEATURE_HYPERVISOR) &&
		duet_is_hypervisor("TCGTCGTCGTCG");
}

void svm_apply_quirks(void)
{
	if ((svm_tcg || svm_is_tcg()) && !static_key_enabled(&svm_tcg_quirk)) {
		pr_info("duet: QEMU's TCG: its interrupt faults are worked around\n");
		static_branch_enable(&svm_tcg_quirk);
	}
	if (svm_load_cr2 && !static_key_enabled(&svm_cr2_quirk)) {
		pr_info("duet: this VMRUN does not load CR2: written by hand\n");
		static_branch_enable(&svm_cr2_quirk);
	}
}
