/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest's CPUID says, and what it may use. Vendor-neutral.
 */
#ifndef DUET_COMMON_CPUID_H
#define DUET_COMMON_CPUID_H

#include "common/types.h"

#define DUET_MAX_CPUID_ENTRIES	256

struct kvm_cpuid2;
struct kvm_cpuid_entry2;

/**
 * struct duet_cpuid - a vCPU's CPUID table and what is derived from it
 *
 * Written by SET_CPUID2 under the vCPU's mutex. @xcr0, @cr4_reserved,
 * @efer_allowed and @maxphyaddr follow from the entries.
 */
struct duet_cpuid {
	struct kvm_cpuid_entry2 *entries;
	u32 nr;
	u8 maxphyaddr;
	u64 supported_xcr0;
	u64 cr4_reserved;	/* bits the guest must not set */
	u64 efer_allowed;
	bool has_rdtscp, has_xsave, has_mtrr, has_pat, has_long_mode,
	     has_x2apic, has_nx, has_1g_pages, has_la57, has_tsc_deadline;
};

/** duet_cpuid_global_init() - compute the host's supported mask at load */
void duet_cpuid_global_init(void);

/** duet_get_supported_cpuid() - KVM_GET_SUPPORTED_CPUID; 0 or errno (E2BIG) */
int duet_get_supported_cpuid(struct kvm_cpuid2 __user *to);

/* KVM_SET_CPUID2, KVM_GET_CPUID2. Context: vCPU mutex held, loaded. */
int duet_set_cpuid2(struct duet_vcpu *vcpu, struct kvm_cpuid2 __user *from);
int duet_get_cpuid2(struct duet_vcpu *vcpu, struct kvm_cpuid2 __user *to);
void duet_cpuid_destroy(struct duet_vcpu *vcpu);

/**
 * duet_cpuid() - execute CPUID for the guest: all four in and out
 *
 * Includes what depends on live state (OSXSAVE, APIC bit, xsave size), kept
 * up to date in the entries by duet_cpuid_refresh(), and the out-of-range
 * rule of the vendor in leaf 0. Fast path: no locks; last-hit cache.
 */
void duet_cpuid(struct duet_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);

/** duet_cpuid_refresh() - CR4, XCR0, APIC base or MISC_ENABLE changed */
void duet_cpuid_refresh(struct duet_vcpu *vcpu);

/** duet_find_cpuid() - the entry, or NULL */
struct kvm_cpuid_entry2 *duet_find_cpuid(struct duet_vcpu *vcpu, u32 function,
					 u32 index);

#endif /* DUET_COMMON_CPUID_H */
