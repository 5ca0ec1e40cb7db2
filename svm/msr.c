// SPDX-License-Identifier: GPL-2.0
/*
 * The MSR permission map, and the MSRs that only AMD's processors have or
 * that the world switch handles. Called through the ops table; common/msr.c
 * asks for what it does not know.
 */
#include <linux/gfp.h>
#include <linux/kvm.h>
#include <linux/mm.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include "svm/svm.h"

#define MSRPM_ORDER	1	/* 8 KiB (APM vol. 2, 15.11) */

#define CPUID_VIRT_SSBD		BIT(25)	/* APM vol. 3, E.4.7 */

/*
 * What the guest reads and writes without an exit: VMLOAD and VMSAVE switch
 * it, and no value can hurt anybody but the guest.
 */
static const u32 svm_direct[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

/* Bit number of an MSR's read bit; its write bit follows. Or -1. */
static int svm_msrpm_bit(u32 index)
{
	/* APM vol. 2, 15.11: three ranges of 2000h, 2 KiB each */
	static const u32 base[] = { 0, 0xc0000000, 0xc0010000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(base); i++)
		if (index - base[i] < 0x2000)
			return i * 0x800 * 8 + (index - base[i]) * 2;
	return -1;
}

static void svm_msrpm_pass(u32 *msrpm, u32 index, bool pass)
{
	int bit = svm_msrpm_bit(index);
	u32 both;

	if (WARN_ON_ONCE(bit < 0))
		return;
	both = 3U << (bit % 32);
	if (pass)
		msrpm[bit / 32] &= ~both;
	else
		msrpm[bit / 32] |= both;
}

u32 *svm_msrpm_alloc(void)
{
	u32 *msrpm = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT, MSRPM_ORDER);
	unsigned int i;

	if (!msrpm)
		return NULL;
	memset(msrpm, 0xff, PAGE_SIZE << MSRPM_ORDER);
	for (i = 0; i < ARRAY_SIZE(svm_direct); i++)
		svm_msrpm_pass(msrpm, svm_direct[i], true);
	if (boot_cpu_has(X86_FEATURE_V_SPEC_CTRL))
		svm_msrpm_pass(msrpm, MSR_IA32_SPEC_CTRL, true);
	return msrpm;
}

void svm_msrpm_free(u32 *msrpm)
{
	free_pages((unsigned long)msrpm, MSRPM_ORDER);
}

/*
 * Most guests never write it, and one that does not costs nothing. After the
 * first value that is not 0, enter.S reads it back after each exit.
 */
static void svm_pass_spec_ctrl(struct svm_vcpu *svm)
{
	svm->entry.spec_ctrl_direct = 1;
	svm_msrpm_pass(svm->msrpm, MSR_IA32_SPEC_CTRL, true);
	svm_dirty(svm, VMCB_CLEAN_IOPM);
}

void svm_update_msrpm(struct svm_vcpu *svm)
{
	/* A guest whose CPUID lost it must fault again. */
	if (!svm->entry.spec_ctrl_direct || svm->vcpu.cpuid.has_spec_ctrl)
		return;
	svm->entry.spec_ctrl_direct = 0;
	svm_msrpm_pass(svm->msrpm, MSR_IA32_SPEC_CTRL, false);
	svm_dirty(svm, VMCB_CLEAN_IOPM);
}

static int svm_set_spec_ctrl(struct svm_vcpu *svm, u64 value, bool host)
{
	if (duet_set_spec_ctrl(&svm->vcpu, value, host))
		return 1;
	if (boot_cpu_has(X86_FEATURE_V_SPEC_CTRL))
		svm->vmcb->save.spec_ctrl = value;
	else if (value && svm->vcpu.cpuid.has_spec_ctrl)
		svm_pass_spec_ctrl(svm);
	return 0;
}

static bool svm_guest_has_virt_ssbd(struct duet_vcpu *vcpu)
{
	struct kvm_cpuid_entry2 *e = duet_find_cpuid(vcpu, 0x80000008, 0);

	return e && (e->ebx & CPUID_VIRT_SSBD);
}

/* LFENCE is serializing; nothing else in it is offered. */
static u64 svm_de_cfg(void)
{
	return boot_cpu_has(X86_FEATURE_LFENCE_RDTSC) ?
		MSR_AMD64_DE_CFG_LFENCE_SERIALIZE : 0;
}

int svm_get_msr(struct duet_vcpu *vcpu, u32 index, u64 *value)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	switch (index) {
	case MSR_IA32_SPEC_CTRL:
		*value = boot_cpu_has(X86_FEATURE_V_SPEC_CTRL) ?
			svm->vmcb->save.spec_ctrl : vcpu->msrs.spec_ctrl;
		return 0;
	case MSR_AMD64_VIRT_SPEC_CTRL:
		*value = vcpu->msrs.virt_spec_ctrl;
		return 0;
	case MSR_AMD64_DE_CFG:
		*value = svm->de_cfg;
		return 0;
	case MSR_VM_CR:
		*value = svm->vm_cr;
		return 0;
	case MSR_VM_IGNNE:
		*value = 0;
		return 0;
	}
	return 1;
}

/* There is no SVM in the guest: what it writes here is only remembered. */
static int svm_set_vm_cr(struct svm_vcpu *svm, u64 value)
{
	const u64 valid = GENMASK_ULL(4, 0), lock = BIT_ULL(3);
	const u64 kept = lock | BIT_ULL(4);

	if (value & ~valid)
		return 1;
	/* LOCK and SVMDIS cannot be changed once locked (15.30.1). */
	if (svm->vm_cr & lock)
		value = (value & ~kept) | (svm->vm_cr & kept);
	svm->vm_cr = value;
	return 0;
}

int svm_set_msr(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	switch (index) {
	case MSR_IA32_SPEC_CTRL:
		return svm_set_spec_ctrl(svm, value, host);
	case MSR_AMD64_VIRT_SPEC_CTRL:
		if (!host && !svm_guest_has_virt_ssbd(vcpu))
			return 1;
		if (value & ~(u64)SPEC_CTRL_SSBD)
			return 1;
		vcpu->msrs.virt_spec_ctrl = value;
		return 0;
	case MSR_AMD64_DE_CFG:
		/* The guest may write back what it reads, and no more. */
		if ((value & ~svm_de_cfg()) || (!host && value != svm->de_cfg))
			return 1;
		svm->de_cfg = value;
		return 0;
	case MSR_VM_CR:
		return svm_set_vm_cr(svm, value);
	case MSR_VM_IGNNE:
		return 0;
	}
	return 1;
}

void svm_msrs_init(struct svm_vcpu *svm)
{
	svm->de_cfg = svm_de_cfg();
}
