// SPDX-License-Identifier: GPL-2.0
/*
 * Machine-check registers (SDM vol. 3, 16.3): they can be read and written,
 * no machine check ever comes; the host's are the host's. Called by the table in
 * msr.c, by KVM_X86_SETUP_MCE and by the backends.
 */
#include <linux/nospec.h>
#include <asm/mce.h>
#include "common/vcpu.h"

#define HWCR_MC_STATUS_WREN	BIT_ULL(18)	/* APM vol. 2, 9.3.2.4 */

enum { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC };

static u32 nr_banks(struct duet_vcpu *vcpu)
{
	return vcpu->msrs.mcg_cap & MCG_BANKCNT_MASK;
}

/* The register of a bank, or NULL. */
static u64 *bank_register(struct duet_vcpu *vcpu, u32 index)
{
	u32 n = index - MSR_IA32_MC0_CTL;

	if (n >= nr_banks(vcpu) * 4)
		return NULL;
	return &vcpu->msrs.mce_banks[array_index_nospec(n,
					ARRAY_SIZE(vcpu->msrs.mce_banks))];
}

/* CMCI is not offered: MCi_CTL2 exists for ioctls alone, as zero. */
static int ctl2(struct duet_vcpu *vcpu, u32 index, bool host)
{
	return !host || index - MSR_IA32_MC0_CTL2 >= nr_banks(vcpu);
}

static bool is_ctl2(u32 index)
{
	return index >= MSR_IA32_MC0_CTL2 &&
		index < MSR_IA32_MC0_CTL2 + DUET_NR_MCE_BANKS;
}

int duet_mce_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	struct duet_msrs *m = &vcpu->msrs;
	u64 *reg;

	switch (index) {
	case MSR_IA32_MCG_CAP:
		*value = m->mcg_cap;
		return 0;
	case MSR_IA32_MCG_STATUS:
		*value = m->mcg_status;
		return 0;
	case MSR_IA32_MCG_CTL:
		*value = m->mcg_ctl;
		return !(m->mcg_cap & MCG_CTL_P) && !host;
	}
	*value = 0;
	if (is_ctl2(index))
		return ctl2(vcpu, index, host);
	reg = bank_register(vcpu, index);
	if (!reg)
		return 1;
	*value = *reg;
	return 0;
}

static int set_bank(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	u64 *reg = bank_register(vcpu, index);

	if (!reg)
		return 1;
	switch ((index - MSR_IA32_MC0_CTL) & 3) {
	case BANK_CTL:
		/*
		 * 0 or all ones, except the bits that known guests clear:
		 * 10 of bank 4 (K8's GART errors, Linux) and 0 of bank 1.
		 */
		if (value && (value | BIT_ULL(10) | BIT_ULL(0)) != ~0ULL)
			return 1;
		break;
	case BANK_STATUS:
		if (value && !host && !(vcpu->msrs.hwcr & HWCR_MC_STATUS_WREN))
			return 1;
		break;
	}
	*reg = value;
	return 0;
}

int duet_mce_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	struct duet_msrs *m = &vcpu->msrs;

	switch (index) {
	case MSR_IA32_MCG_CAP:
		return 1;
	case MSR_IA32_MCG_STATUS:
		m->mcg_status = value;
		return 0;
	case MSR_IA32_MCG_CTL:
		if (!(m->mcg_cap & MCG_CTL_P) && (value || !host))
			return 1;
		if (value && value != ~0ULL)
			return 1;
		m->mcg_ctl = value;
		return 0;
	}
	if (is_ctl2(index))
		return value || ctl2(vcpu, index, host);
	return set_bank(vcpu, index, value, host);
}

int duet_setup_mce(struct duet_vcpu *vcpu, u64 mcg_cap)
{
	struct duet_msrs *m = &vcpu->msrs;
	u32 banks = mcg_cap & MCG_BANKCNT_MASK;
	u32 i;

	BUILD_BUG_ON(DUET_MCG_CAP_SUPPORTED != (MCG_CTL_P | MCG_SER_P));
	if (!banks || banks > DUET_NR_MCE_BANKS)
		return -EINVAL;
	if (mcg_cap & ~(DUET_MCG_CAP_SUPPORTED | MCG_BANKCNT_MASK |
			MCG_EXT_CNT_MASK))
		return -EINVAL;

	m->mcg_cap = mcg_cap;
	m->mcg_ctl = mcg_cap & MCG_CTL_P ? ~0ULL : 0;
	for (i = 0; i < banks; i++)
		m->mce_banks[4 * i + BANK_CTL] = ~0ULL;
	return 0;
}

void duet_host_machine_check(void)
{
#ifdef CONFIG_X86_MCE
	/* As if it had hit user space: the guest is not the kernel. */
	struct pt_regs regs = {
		.cs = 3,
		.flags = X86_EFLAGS_IF,
	};

	do_machine_check(&regs);
#endif
}
