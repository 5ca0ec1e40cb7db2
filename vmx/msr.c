// SPDX-License-Identifier: GPL-2.0
/*
 * The MSR bitmap, and the MSRs that the world switch handles. Called through
 * the ops table; common/msr.c asks for what it does not know.
 */
#include <linux/gfp.h>
#include <linux/kvm.h>
#include <linux/mm.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/msr-index.h>
#include "vmx/vmx.h"

/* Bits of the bitmap (SDM vol. 3, 25.6.9): reads, then writes. */
#define BITMAP_HIGH		(1024 * 8)	/* C0000000 to C0001FFF */
#define BITMAP_WRITE		(2048 * 8)

/*
 * What the guest reads and writes without an exit: the VMCS has it, or it is
 * switched at vcpu_put(), and no value can hurt anybody but the guest.
 */
static const u32 vmx_direct[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

static void vmx_msr_pass(unsigned long *bitmap, u32 index, bool pass)
{
	u32 bit = index & 0x1fff;

	if (index >= 0xc0000000)
		bit += BITMAP_HIGH;
	if (pass) {
		__clear_bit(bit, bitmap);
		__clear_bit(bit + BITMAP_WRITE, bitmap);
	} else {
		__set_bit(bit, bitmap);
		__set_bit(bit + BITMAP_WRITE, bitmap);
	}
}

unsigned long *vmx_msr_bitmap_alloc(void)
{
	unsigned long *bitmap = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!bitmap)
		return NULL;
	memset(bitmap, 0xff, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(vmx_direct); i++)
		vmx_msr_pass(bitmap, vmx_direct[i], true);
	return bitmap;
}

void vmx_msr_bitmap_free(unsigned long *bitmap)
{
	free_page((unsigned long)bitmap);
}

/*
 * Most guests never write it, and one that does not costs nothing. After the
 * first value that is not 0, enter.S reads it back after each exit.
 */
static void vmx_pass_spec_ctrl(struct vmx_vcpu *vmx)
{
	vmx->entry.spec_ctrl_direct = 1;
	vmx_msr_pass(vmx->msr_bitmap, MSR_IA32_SPEC_CTRL, true);
}

void vmx_update_msr_bitmap(struct vmx_vcpu *vmx)
{
	/* A guest whose CPUID lost it must fault again. */
	if (!vmx->entry.spec_ctrl_direct || vmx->vcpu.cpuid.has_spec_ctrl)
		return;
	vmx->entry.spec_ctrl_direct = 0;
	vmx_msr_pass(vmx->msr_bitmap, MSR_IA32_SPEC_CTRL, false);
}

static int vmx_set_spec_ctrl(struct vmx_vcpu *vmx, u64 value, bool host)
{
	if (duet_set_spec_ctrl(&vmx->vcpu, value, host))
		return 1;
	if (value && vmx->vcpu.cpuid.has_spec_ctrl)
		vmx_pass_spec_ctrl(vmx);
	return 0;
}

/*
 * There is no VMX in the guest: its capability MSRs (480h and up) do not
 * exist, and common/msr.c has IA32_FEATURE_CONTROL, locked without it.
 */
int vmx_get_msr(struct duet_vcpu *vcpu, u32 index, u64 *value)
{
	switch (index) {
	case MSR_IA32_SPEC_CTRL:
		*value = vcpu->msrs.spec_ctrl;
		return 0;
	}
	return 1;
}

int vmx_set_msr(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	switch (index) {
	case MSR_IA32_SPEC_CTRL:
		return vmx_set_spec_ctrl(to_vmx(vcpu), value, host);
	}
	return 1;
}
