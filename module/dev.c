// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/duet: the system ioctls. Calls vm.c to make a VM.
 */
#include "module/duet.h"
#include "module/ioctl.h"
#include "common/cpuid.h"
#include "common/explain.h"
#include "common/irqchip.h"
#include "common/memslot.h"
#include "common/msr.h"
#include "common/pvclock.h"
#include "common/steal.h"
#include "common/xsave.h"
#include <linux/module.h>
#include <uapi/duet.h>

/* Every capability here works in full (DESIGN D1). */
int duet_check_extension(struct duet_vm *vm, long cap)
{
	switch (cap) {
	case KVM_CAP_IRQCHIP:
	case KVM_CAP_SPLIT_IRQCHIP:
	case KVM_CAP_VAPIC:
	case KVM_CAP_HLT:
	case KVM_CAP_HALT_POLL:
	case KVM_CAP_USER_MEMORY:
	case KVM_CAP_DESTROY_MEMORY_REGION_WORKS:
	case KVM_CAP_JOIN_MEMORY_REGIONS_WORKS:
	case KVM_CAP_SET_TSS_ADDR:
	case KVM_CAP_EXT_CPUID:
	case KVM_CAP_MP_STATE:
	case KVM_CAP_PIT2:
	case KVM_CAP_PIT_STATE2:
	case KVM_CAP_NOP_IO_DELAY:
	case KVM_CAP_IRQ_INJECT_STATUS:
	case KVM_CAP_SIGNAL_MSI:
	case KVM_CAP_SET_IDENTITY_MAP_ADDR:
	case KVM_CAP_VCPU_EVENTS:
	case KVM_CAP_DEBUGREGS:
	case KVM_CAP_XSAVE:
	case KVM_CAP_USER_NMI:
	case KVM_CAP_READONLY_MEM:
	case KVM_CAP_IMMEDIATE_EXIT:
	case KVM_CAP_BINARY_STATS_FD:
	case KVM_CAP_CHECK_EXTENSION_VM:
	case KVM_CAP_ENABLE_CAP_VM:
	case KVM_CAP_GET_TSC_KHZ:
	case KVM_CAP_TSC_DEADLINE_TIMER:
	case KVM_CAP_INTERNAL_ERROR_DATA:
	case KVM_CAP_GET_MSR_FEATURES:
	case KVM_CAP_REINJECT_CONTROL:
	case KVM_CAP_IRQFD:
	case KVM_CAP_IOEVENTFD:
	case KVM_CAP_IOEVENTFD_NO_LENGTH:
	case KVM_CAP_IOEVENTFD_ANY_LENGTH:
	case KVM_CAP_KVMCLOCK_CTRL:
	case KVM_CAP_SET_BOOT_CPU_ID:
	case KVM_CAP_VCPU_ATTRIBUTES:
	case KVM_CAP_IOAPIC_POLARITY_IGNORED:
		return 1;
	case KVM_CAP_IRQFD_RESAMPLE:
		return !vm || !vm->has_irqchip || vm->has_pic;
	/* These and CPUID say the same. */
	case KVM_CAP_CLOCKSOURCE:
		return duet_clock_usable();
	case KVM_CAP_STEAL_TIME:
		return duet_steal_usable();
	case KVM_CAP_XCRS:
		return boot_cpu_has(X86_FEATURE_XSAVE);
	case KVM_CAP_IRQ_ROUTING:
		return DUET_MAX_ROUTES;
	case KVM_CAP_X2APIC_API:
		return DUET_X2APIC_API;
	case KVM_CAP_ADJUST_CLOCK:
		return DUET_CLOCK_FLAGS;
	case KVM_CAP_NR_VCPUS:
		return min_t(u32, num_online_cpus(), DUET_MAX_VCPUS);
	case KVM_CAP_MAX_VCPUS:
		return DUET_MAX_VCPUS;
	case KVM_CAP_MAX_VCPU_ID:
		return DUET_MAX_VCPU_ID;
	case KVM_CAP_NR_MEMSLOTS:
		return DUET_MAX_SLOTS;
	case KVM_CAP_SYNC_MMU:
		return 1;
	case KVM_CAP_XSAVE2:
		/* At least what any vCPU's KVM_GET_XSAVE2 writes. */
		return max_t(u32, sizeof(struct kvm_xsave),
			     duet_xsave_size());
	case DUET_CAP_PAGER:
		return duet_caps.nested ? BIT(DUET_PAGER_NESTED) : 0;
	case DUET_CAP_REFUSE:
		return duet_caps.can_refuse;
	case DUET_CAP_EXPLAIN:
		return 1;
#ifdef CONFIG_DUET_SELFTEST_HOOKS
	case DUET_CAP_BREAK_RULE:
		return duet_nr_rules();
#endif
	default:
		return 0;
	}
}

static long sys_get_api_version(void *unused, void *arg)
{
	return arg ? -EINVAL : KVM_API_VERSION;
}

static long sys_create_vm(void *unused, void *arg)
{
	return duet_vm_create_fd((unsigned long)arg);
}

static long sys_check_extension(void *unused, void *arg)
{
	return duet_check_extension(NULL, (long)arg);
}

static long sys_get_vcpu_mmap_size(void *unused, void *arg)
{
	return arg ? -EINVAL : DUET_VCPU_MMAP_PAGES * PAGE_SIZE;
}

static long sys_get_supported_cpuid(void *unused, void *arg)
{
	return duet_get_supported_cpuid((void __user *)arg);
}

static long sys_get_msr_index_list(void *unused, void *arg)
{
	return duet_get_msr_index_list((void __user *)arg);
}

static long sys_get_msr_feature_index_list(void *unused, void *arg)
{
	return duet_get_msr_feature_index_list((void __user *)arg);
}

static long sys_get_feature_msrs(void *unused, void *arg)
{
	return duet_get_feature_msrs((void __user *)arg);
}

#ifdef CONFIG_DUET_SELFTEST_HOOKS
static long sys_get_rule(void *unused, void *data)
{
	struct duet_rule_info *info = data;
	struct duet_hook hook;
	int r;

	r = duet_find_rule(info->number, &hook);
	if (r)
		return r;
	info->flags = hook.which == DUET_RULES_HOST ? DUET_RULE_NO_ENTRY : 0;
	strscpy_pad(info->section, hook.rule->section, sizeof(info->section));
	strscpy_pad(info->text, hook.rule->text, sizeof(info->text));
	return 0;
}
#endif

static const struct duet_ioctl duet_dev_ioctls[] = {
	RAW(KVM_GET_API_VERSION, NONE, sys_get_api_version),
	RAW(KVM_CREATE_VM, NONE, sys_create_vm),
	RAW(KVM_CHECK_EXTENSION, NONE, sys_check_extension),
	RAW(KVM_GET_VCPU_MMAP_SIZE, NONE, sys_get_vcpu_mmap_size),
	RAW(KVM_GET_SUPPORTED_CPUID, NONE, sys_get_supported_cpuid),
	RAW(KVM_GET_MSR_INDEX_LIST, NONE, sys_get_msr_index_list),
	RAW(KVM_GET_MSR_FEATURE_INDEX_LIST, NONE, sys_get_msr_feature_index_list),
	RAW(KVM_GET_MSRS, NONE, sys_get_feature_msrs),
#ifdef CONFIG_DUET_SELFTEST_HOOKS
	ROW(DUET_GET_RULE, NONE, sys_get_rule),
#endif
};

static long duet_dev_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	return duet_ioctl(duet_dev_ioctls, ARRAY_SIZE(duet_dev_ioctls), NULL,
			  NULL, NULL, cmd, arg);
}

const struct file_operations duet_dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = duet_dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};
