// SPDX-License-Identifier: GPL-2.0
/*
 * Why a VM entry failed: the checks on the host-state area (SDM vol. 3, 27.2.2
 * to 27.2.4), for a host in 64-bit mode. Called through explain.c's rules;
 * calls nothing.
 */
#include <linux/kernel.h>
#include <asm/processor.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include "vmx/explain.h"

static bool cr0(const struct duet_fields *f)
{
	u64 cr0 = vmx_vmread(VMCS_HOST_CR0);

	return (~cr0 & vmx_features.cr0_fixed0) ||
		(cr0 & ~vmx_features.cr0_fixed1);
}

static bool cr4(const struct duet_fields *f)
{
	u64 cr4 = vmx_vmread(VMCS_HOST_CR4);

	return (~cr4 & vmx_features.cr4_fixed0) ||
		(cr4 & ~vmx_features.cr4_fixed1);
}

static bool cet(const struct duet_fields *f)
{
	return (vmx_vmread(VMCS_HOST_CR4) & X86_CR4_CET) &&
		!(vmx_vmread(VMCS_HOST_CR0) & X86_CR0_WP);
}

static bool cr3(const struct duet_fields *f)
{
	return vmx_vmread(VMCS_HOST_CR3) & vmx_beyond_memory();
}

static bool sysenter(const struct duet_fields *f)
{
	return !vmx_canonical(vmx_vmread(VMCS_HOST_SYSENTER_ESP)) ||
		!vmx_canonical(vmx_vmread(VMCS_HOST_SYSENTER_EIP));
}

static bool perf_global(const struct duet_fields *f)
{
	return (f->exit & EXIT_LOAD_PERF_GLOBAL) &&
		vmx_bad_perf_global(vmx_vmread(VMCS_HOST_PERF_GLOBAL));
}

static bool pat(const struct duet_fields *f)
{
	return (f->exit & EXIT_LOAD_PAT) &&
		vmx_bad_pat(vmx_vmread(VMCS_HOST_PAT));
}

static bool efer_reserved(const struct duet_fields *f)
{
	return (f->exit & EXIT_LOAD_EFER) &&
		(vmx_vmread(VMCS_HOST_EFER) & ~EFER_DEFINED);
}

static bool efer_lma(const struct duet_fields *f)
{
	const u64 both = EFER_LMA | EFER_LME;

	return (f->exit & EXIT_LOAD_EFER) &&
		(vmx_vmread(VMCS_HOST_EFER) & both) != both;
}

static bool selectors(const struct duet_fields *f)
{
	u16 all = vmx_vmread(VMCS_HOST_CS_SELECTOR) |
		vmx_vmread(VMCS_HOST_SS_SELECTOR) |
		vmx_vmread(VMCS_HOST_DS_SELECTOR) |
		vmx_vmread(VMCS_HOST_ES_SELECTOR) |
		vmx_vmread(VMCS_HOST_FS_SELECTOR) |
		vmx_vmread(VMCS_HOST_GS_SELECTOR) |
		vmx_vmread(VMCS_HOST_TR_SELECTOR);

	return all & (SEGMENT_RPL_MASK | SEGMENT_TI_MASK);
}

static bool null(const struct duet_fields *f)
{
	return !vmx_vmread(VMCS_HOST_CS_SELECTOR) ||
		!vmx_vmread(VMCS_HOST_TR_SELECTOR);
}

static bool bases(const struct duet_fields *f)
{
	return !vmx_canonical(vmx_vmread(VMCS_HOST_FS_BASE)) ||
		!vmx_canonical(vmx_vmread(VMCS_HOST_GS_BASE)) ||
		!vmx_canonical(vmx_vmread(VMCS_HOST_GDTR_BASE)) ||
		!vmx_canonical(vmx_vmread(VMCS_HOST_IDTR_BASE)) ||
		!vmx_canonical(vmx_vmread(VMCS_HOST_TR_BASE));
}

static bool host_64bit(const struct duet_fields *f)
{
	return !(f->exit & EXIT_HOST_64BIT) ||
		!(vmx_vmread(VMCS_HOST_CR4) & X86_CR4_PAE);
}

static bool rip(const struct duet_fields *f)
{
	return !vmx_canonical(vmx_vmread(VMCS_HOST_RIP));
}

const struct duet_rule vmx_host_rules[] = {
	DUET_RULE(cr0, "host CR0: fixed bits",
		  "27.2.2", CLEAR(VMCS_HOST_CR0, X86_CR0_NE)),
	DUET_RULE(cr4, "host CR4: fixed bits",
		  "27.2.2", SET(VMCS_HOST_CR4, BIT_ULL(63))),
	DUET_RULE(cet, "host CR4.CET is 1 and CR0.WP is 0",
		  "27.2.2", NEED(VMCS_HOST_CR4, X86_CR4_CET),
		  CLEAR(VMCS_HOST_CR0, X86_CR0_WP)),
	DUET_RULE(cr3, "host CR3: reserved bits",
		  "27.2.2", SET(VMCS_HOST_CR3, BEYOND_MEMORY)),
	DUET_RULE(sysenter, "host SYSENTER ESP or EIP not canonical",
		  "27.2.2", PUT(VMCS_HOST_SYSENTER_EIP, NOT_CANONICAL)),
	DUET_RULE(perf_global, "host PERF_GLOBAL_CTRL: reserved bits",
		  "27.2.2", NEED(VMCS_EXIT_CONTROLS, EXIT_LOAD_PERF_GLOBAL),
		  PUT(VMCS_HOST_PERF_GLOBAL, BIT_ULL(63))),
	DUET_RULE(pat, "host PAT: reserved memory type",
		  "27.2.2", PUT(VMCS_HOST_PAT, 2)),
	DUET_RULE(efer_reserved, "host EFER: reserved bits",
		  "27.2.2", SET(VMCS_HOST_EFER, BIT(1))),
	DUET_RULE(efer_lma, "host EFER: LMA and LME must be 1",
		  "27.2.2", CLEAR(VMCS_HOST_EFER, EFER_LME)),
	DUET_RULE(selectors, "host selector: TI or RPL is not 0",
		  "27.2.3", SET(VMCS_HOST_DS_SELECTOR, SEGMENT_RPL_MASK)),
	DUET_RULE(null, "host CS or TR is null",
		  "27.2.3", PUT(VMCS_HOST_TR_SELECTOR, 0)),
	DUET_RULE(bases, "host base address not canonical",
		  "27.2.3", PUT(VMCS_HOST_FS_BASE, NOT_CANONICAL)),
	DUET_RULE(host_64bit, "host is not in 64-bit mode",
		  "27.2.4", CLEAR(VMCS_EXIT_CONTROLS, EXIT_HOST_64BIT)),
	DUET_RULE(rip, "host RIP not canonical",
		  "27.2.4", PUT(VMCS_HOST_RIP, NOT_CANONICAL)),
	{ },
};
