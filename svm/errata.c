// SPDX-License-Identifier: GPL-2.0
/*
 * What a CPU wants done because of its errata, and perf, where virtualization
 * goes on and off, and at a machine check. Called by hardware.c and run.c;
 * calls the kernel only.
 */
#include <linux/perf_event.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <asm/cpufeature.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/perf_event.h>
#include "svm/svm.h"

/*
 * Erratum 383 (family 10h): a guest can have the TLB hold two translations of
 * one address, of different sizes, which is a machine check. This bit of
 * DC_CFG makes it the one below, which says that nothing else is broken.
 */
#define DC_CFG_ERRATUM_383	BIT_ULL(47)
#define ERRATUM_383_STATUS	0xb600000000010015ULL	/* MC0_STATUS */
#define NR_BANKS		6			/* of that family */

static void svm_change_msr(u32 msr, u64 clear, u64 set)
{
	u64 value;

	/* Under a hypervisor it may be missing. */
	if (!rdmsrl_safe(msr, &value))
		wrmsrl_safe(msr, (value & ~clear) | set);
}

/* SRSO between guest and host on CPUs that have it nowhere else (Zen 5). */
static void svm_reduce_speculation(bool on)
{
#ifdef X86_FEATURE_SRSO_BP_SPEC_REDUCE
	u64 bit = BIT_ULL(MSR_ZEN4_BP_CFG_BP_SPEC_REDUCE_BIT);

	if (cpu_feature_enabled(X86_FEATURE_SRSO_BP_SPEC_REDUCE))
		svm_change_msr(MSR_ZEN4_BP_CFG, on ? 0 : bit, on ? bit : 0);
#endif
}

/* Counters that are to leave guests out do so only if perf knows of SVM. */
static void svm_tell_perf(bool on)
{
#ifndef DUET_HAVE_RESTRICTED_EXPORTS
	/* It programs the counters anew. */
	if (in_nmi())
		return;
	if (on)
		amd_pmu_enable_virt();
	else
		amd_pmu_disable_virt();
#endif
}

void svm_errata_on(void)
{
	if (boot_cpu_has_bug(X86_BUG_AMD_TLB_MMATCH))
		svm_change_msr(MSR_AMD64_DC_CFG, 0, DC_CFG_ERRATUM_383);
	svm_reduce_speculation(true);
	svm_tell_perf(true);
}

void svm_errata_off(void)
{
	svm_tell_perf(false);
	svm_reduce_speculation(false);
}

bool svm_erratum_383(struct svm_vcpu *svm)
{
	u64 status;
	int i;

	if (!boot_cpu_has_bug(X86_BUG_AMD_TLB_MMATCH) ||
	    rdmsrl_safe(MSR_IA32_MCx_STATUS(0), &status) ||
	    (status & ~MCI_STATUS_OVER) != ERRATUM_383_STATUS)
		return false;

	for (i = 0; i < NR_BANKS; i++)
		wrmsrl_safe(MSR_IA32_MCx_STATUS(i), 0);
	svm_change_msr(MSR_IA32_MCG_STATUS, MCG_STATUS_MCIP, 0);
	/* Whoever has the ASID next flushes: no entry of both is left. */
	svm_not_entered(svm);
	pr_err_ratelimited("duet: vCPU %u: the guest caused a machine check (erratum 383)\n",
			   svm->vcpu.id);
	return true;
}
