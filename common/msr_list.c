// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls on MSRs: the two lists, KVM_GET_MSRS and KVM_SET_MSRS. Called by
 * the ioctl table.
 */
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include "common/compat.h"
#include "common/vcpu.h"

#define MAX_MSRS	256	/* per call; the API has the same limit */

/* What a VMM has to save and restore; the MTRRs it finds by MTRRcap. */
static const u32 listed[] = {
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	MSR_STAR, MSR_CSTAR, MSR_KERNEL_GS_BASE, MSR_SYSCALL_MASK, MSR_LSTAR,
	MSR_IA32_TSC, MSR_IA32_CR_PAT, MSR_TSC_AUX, MSR_IA32_SPEC_CTRL,
	MSR_KVM_SYSTEM_TIME, MSR_KVM_WALL_CLOCK,
	MSR_KVM_SYSTEM_TIME_NEW, MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_PV_EOI_EN,
	MSR_KVM_STEAL_TIME,
	MSR_IA32_TSC_ADJUST, MSR_IA32_TSC_DEADLINE,
	MSR_IA32_ARCH_CAPABILITIES, MSR_IA32_MISC_ENABLE,
	MSR_IA32_MCG_STATUS, MSR_IA32_MCG_CTL, MSR_SMI_COUNT,
	MSR_PLATFORM_INFO, MSR_MISC_FEATURES_ENABLES, MSR_IA32_UCODE_REV,
	MSR_K7_HWCR,
};

static const u32 listed_features[] = {
	MSR_IA32_UCODE_REV, MSR_IA32_ARCH_CAPABILITIES,
};

/* Does it exist on this host? */
static bool exists(u32 index)
{
	switch (index) {
	case MSR_TSC_AUX:
		return boot_cpu_has(X86_FEATURE_RDTSCP) ||
			boot_cpu_has(X86_FEATURE_RDPID);
	case MSR_IA32_SPEC_CTRL:
		return boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL);
	case MSR_IA32_ARCH_CAPABILITIES:
		return boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES);
	default:
		return true;
	}
}

static int get_list(struct kvm_msr_list __user *to, const u32 *all, u32 nr_all)
{
	u32 indices[ARRAY_SIZE(listed)];
	u32 room, nr = 0, i;

	BUILD_BUG_ON(ARRAY_SIZE(listed_features) > ARRAY_SIZE(listed));

	for (i = 0; i < nr_all; i++)
		if (exists(all[i]))
			indices[nr++] = all[i];

	/* The number is told even if they do not fit. */
	if (get_user(room, &to->nmsrs) || put_user(nr, &to->nmsrs))
		return -EFAULT;
	if (room < nr)
		return -E2BIG;
	if (copy_to_user(to->indices, indices, nr * sizeof(*indices)))
		return -EFAULT;
	return 0;
}

int duet_get_msr_index_list(struct kvm_msr_list __user *to)
{
	return get_list(to, listed, ARRAY_SIZE(listed));
}

int duet_get_msr_feature_index_list(struct kvm_msr_list __user *to)
{
	return get_list(to, listed_features, ARRAY_SIZE(listed_features));
}

/*
 * IA32_ARCH_CAPABILITIES: immunities, and no bit that names another MSR
 * (SDM vol. 4, table 2-2).
 */
#define ARCH_CAP_OFFERED						\
	(ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_RSBA |		\
	 ARCH_CAP_SKIP_VMENTRY_L1DFLUSH | ARCH_CAP_SSB_NO |		\
	 ARCH_CAP_MDS_NO | ARCH_CAP_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO |	\
	 ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO |	\
	 ARCH_CAP_FB_CLEAR | ARCH_CAP_RRSBA | ARCH_CAP_BHI_NO |		\
	 ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO | ARCH_CAP_RFDS_NO |	\
	 ARCH_CAP_RFDS_CLEAR)

int duet_feature_msr(u32 index, u64 *value)
{
	*value = 0;
	switch (index) {
	case MSR_IA32_ARCH_CAPABILITIES:
		if (!boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES) ||
		    rdmsrl_safe(index, value))
			return 1;
		*value &= ARCH_CAP_OFFERED;
		return 0;
	case MSR_IA32_UCODE_REV:
		rdmsrl_safe(index, value);
		return 0;
	default:
		return 1;
	}
}

enum msr_io { GET_FEATURE, GET, SET };

static int one_msr(struct duet_vcpu *vcpu, struct kvm_msr_entry *e,
		   enum msr_io io)
{
	u64 value = 0;
	int r;

	if (io == SET)
		return duet_set_msr(vcpu, e->index, e->data, true);

	if (io == GET)
		r = duet_get_msr(vcpu, e->index, &value, true);
	else
		r = duet_feature_msr(e->index, &value);
	e->data = r ? 0 : value;
	return r;
}

static int msr_io(struct duet_vcpu *vcpu, struct kvm_msrs __user *msrs,
		  enum msr_io io)
{
	struct kvm_msr_entry *entries;
	struct kvm_msrs head;
	size_t size;
	int i, r;

	if (copy_from_user(&head, msrs, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MAX_MSRS)
		return -E2BIG;

	size = head.nmsrs * sizeof(*entries);
	entries = memdup_user(msrs->entries, size);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	for (i = 0; i < head.nmsrs; i++)
		if (one_msr(vcpu, &entries[i], io))
			break;

	r = i;
	if (io != SET && copy_to_user(msrs->entries, entries, size))
		r = -EFAULT;
	kfree(entries);
	return r;
}

int duet_get_feature_msrs(struct kvm_msrs __user *msrs)
{
	return msr_io(NULL, msrs, GET_FEATURE);
}

int duet_get_msrs(struct duet_vcpu *vcpu, struct kvm_msrs __user *msrs)
{
	return msr_io(vcpu, msrs, GET);
}

int duet_set_msrs(struct duet_vcpu *vcpu, struct kvm_msrs __user *msrs)
{
	return msr_io(vcpu, msrs, SET);
}
