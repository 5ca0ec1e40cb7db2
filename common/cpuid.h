/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest's CPUID says, and what it may use. Vendor-neutral.
 */
#ifndef DUET_COMMON_CPUID_H
#define DUET_COMMON_CPUID_H

#include "common/types.h"

#define DUET_MAX_CPUID_ENTRIES	256
#define DUET_CPUID_HITS		8

struct kvm_cpuid2;
struct kvm_cpuid_entry2;

/**
 * struct duet_host_cpu - what this machine's CPU lends to guests
 *
 * Filled once at load, constant afterwards.
 * @xcr0, @xss: the host's own values
 * @supported_xcr0: state components that guests may enable
 * @cr4_reserved: CR4 bits no guest can have
 * @efer_allowed: EFER bits that guests may set
 * @maxphyaddr: the widest guest-physical address that can be mapped
 */
struct duet_host_cpu {
	u64 xcr0, xss;
	u64 supported_xcr0;
	u64 cr4_reserved;
	u64 efer_allowed;
	u8 maxphyaddr;
};

extern struct duet_host_cpu duet_host_cpu;

/**
 * struct duet_cpuid_hit - an answered CPUID, see duet_cpuid()
 * @entry: NULL while the slot is empty
 * @index_mask: 0 where the leaf ignores ECX
 */
struct duet_cpuid_hit {
	u32 function, index, index_mask;
	const struct kvm_cpuid_entry2 *entry;
};

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
	bool has_rdtscp,	/* RDTSCP or RDPID: TSC_AUX is the guest's */
	     has_xsave, has_mtrr, has_pat, has_long_mode,
	     has_x2apic, has_nx, has_1g_pages, has_la57, has_tsc_deadline,
	     has_tsc_adjust, has_arch_capabilities, has_ibpb, has_spec_ctrl;
	u32 pv_features;	/* KVM_FEATURE_*, from the hypervisor's leaf */
	bool amd;		/* AMD's (Hygon's) rules by the vendor string */
	/* entries with bits that follow live state; NULL if absent */
	struct kvm_cpuid_entry2 *leaf_1, *leaf_d0, *leaf_d1;
	struct duet_cpuid_hit hits[DUET_CPUID_HITS];
};

/**
 * duet_cpuid_global_init() - compute the host's supported mask at load
 *
 * After the backend's probe() has filled duet_caps. Context: may sleep.
 */
void duet_cpuid_global_init(void);

/**
 * duet_host_has() - may guests have this CPUID feature bit?
 * @function, @index: the leaf
 * @reg: 0 EAX to 3 EDX
 * @bit: its number
 */
bool duet_host_has(u32 function, u32 index, int reg, int bit);

/**
 * duet_xstate_size() - bytes of an XSAVE area (SDM vol. 1, 13.4)
 * @xcr0: the components in it
 * @compacted: XSAVEC's form
 */
u32 duet_xstate_size(u64 xcr0, bool compacted);

/** duet_get_supported_cpuid() - KVM_GET_SUPPORTED_CPUID; 0 or errno (E2BIG) */
int duet_get_supported_cpuid(struct kvm_cpuid2 __user *to);

/*
 * KVM_SET_CPUID2, KVM_GET_CPUID2. E2BIG: too many, or no room for all.
 * Once the vCPU has entered the guest, only
 * the same table is accepted again, another one is EINVAL.
 * Context: vCPU mutex held, loaded; may sleep.
 */
int duet_set_cpuid2(struct duet_vcpu *vcpu, struct kvm_cpuid2 __user *from);
int duet_get_cpuid2(struct duet_vcpu *vcpu, struct kvm_cpuid2 __user *to);
void duet_cpuid_destroy(struct duet_vcpu *vcpu);

/**
 * duet_cpuid_init() - what holds before the first SET_CPUID2
 *
 * Called by duet_msrs_reset(); harmless when there is a table already.
 */
void duet_cpuid_init(struct duet_vcpu *vcpu);

/**
 * duet_cpuid() - execute CPUID for the guest: all four in and out
 *
 * Includes what depends on live state (OSXSAVE, APIC bit, xsave size), kept
 * up to date in the entries by duet_cpuid_refresh(), and the out-of-range
 * rule of the vendor in leaf 0. Fast path: no locks; last-hit cache.
 */
void duet_cpuid(struct duet_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);

/**
 * duet_cpuid_refresh() - CR4, XCR0 or APIC base changed
 *
 * Also decides whether entries have to switch XCR0 (duet_load_xcr0()).
 * Context: loaded; interrupts may be off.
 */
void duet_cpuid_refresh(struct duet_vcpu *vcpu);

/** duet_find_cpuid() - the entry, or NULL */
struct kvm_cpuid_entry2 *duet_find_cpuid(struct duet_vcpu *vcpu, u32 function,
					 u32 index);

#endif /* DUET_COMMON_CPUID_H */
