/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Model-specific registers: the neutral ones here, the vendor's through
 * ops->get_msr()/set_msr().
 */
#ifndef DUET_COMMON_MSR_H
#define DUET_COMMON_MSR_H

#include "common/types.h"

#define DUET_NR_VAR_MTRRS	8	/* pairs */
#define DUET_NR_MCE_BANKS	32	/* at most; 10 unless set up */

/**
 * struct duet_msrs - MSR values that no control structure holds
 *
 * @tsc_aux: a backend loads it in vcpu_load() and, when a write has changed
 *	it, in update() (DUET_REQ_UPDATE)
 * @xcr0_switch: entries need duet_load_xcr0(); from duet_cpuid_refresh()
 * @xcr0_loaded: the CPU has the guest's XCR0; interrupts are off
 */
struct duet_msrs {
	u64 apic_base;
	u64 tsc_aux;
	u64 tsc_adjust;
	u64 misc_enable;
	u64 mtrr_def_type;
	u64 mtrr_fixed[11];
	u64 mtrr_var[2 * DUET_NR_VAR_MTRRS];	/* base, mask */
	u64 mcg_status, mcg_ctl, mcg_cap;
	u64 mce_banks[DUET_NR_MCE_BANKS * 4];	/* CTL, STATUS, ADDR, MISC */
	u64 spec_ctrl, virt_spec_ctrl;
	u64 arch_capabilities;
	u64 microcode;
	u64 xss;
	u64 smi_count, feature_control, platform_info;
	u64 kvm_wall_clock, kvm_system_time, kvm_pv_eoi;
	u64 kvm_steal_time;
	u64 hwcr;
	bool xcr0_switch, xcr0_loaded;
};

/**
 * duet_get_msr() / duet_set_msr() - one MSR
 * @host: asked by an ioctl (may see and set more), not by the guest
 * Context: loaded, may sleep.
 * Return: 0, or 1: the guest gets #GP (KVM_SET_MSRS stops there).
 */
int duet_get_msr(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host);
int duet_set_msr(struct duet_vcpu *vcpu, u32 index, u64 value, bool host);

/** duet_fast_rdmsr() / duet_fast_wrmsr() - for the fast path; interrupts off
 * Return: true if done, false: take the slow path.
 */
bool duet_fast_rdmsr(struct duet_vcpu *vcpu, u32 index, u64 *value);
bool duet_fast_wrmsr(struct duet_vcpu *vcpu, u32 index, u64 value);

/* KVM_GET_MSR_INDEX_LIST, KVM_GET_MSR_FEATURE_INDEX_LIST, system KVM_GET_MSRS */
struct kvm_msr_list;
struct kvm_msrs;
int duet_get_msr_index_list(struct kvm_msr_list __user *to);
int duet_get_msr_feature_index_list(struct kvm_msr_list __user *to);
int duet_get_feature_msrs(struct kvm_msrs __user *msrs);
/* vCPU KVM_GET_MSRS, KVM_SET_MSRS: the number of MSRs done, or errno */
int duet_get_msrs(struct duet_vcpu *vcpu, struct kvm_msrs __user *msrs);
int duet_set_msrs(struct duet_vcpu *vcpu, struct kvm_msrs __user *msrs);

/**
 * duet_msrs_reset() - power-up values (SDM vol. 3, 9.1.1)
 * @init: INIT, which leaves most of them alone
 *
 * The TSC included; at RESET also the base of the local APIC.
 * Context: vCPU thread or its creation (vcpu->tsc_khz 0 means the host's).
 */
void duet_msrs_reset(struct duet_vcpu *vcpu, bool init);

/** duet_msrs_after_cpuid() - SET_CPUID2 has changed the table */
void duet_msrs_after_cpuid(struct duet_vcpu *vcpu);

/* KVM_X86_GET_MCE_CAP_SUPPORTED */
#define DUET_MCG_CAP_SUPPORTED	(BIT_ULL(8) | BIT_ULL(24))  /* CTL_P, SER_P */

/** duet_setup_mce() - KVM_X86_SETUP_MCE: IA32_MCG_CAP; EINVAL */
int duet_setup_mce(struct duet_vcpu *vcpu, u64 mcg_cap);

/** duet_feature_msr() - what the host offers; 0, or 1: no such feature MSR */
int duet_feature_msr(u32 index, u64 *value);

/* Memory types by byte: PAT and the MTRRs (common/msr_mtrr.c). 0 or 1. */
bool duet_pat_valid(u64 pat);
int duet_mtrr_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host);
int duet_mtrr_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host);

/* Machine check (common/msr_mce.c). 0 or 1. */
int duet_mce_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host);
int duet_mce_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host);

/** duet_host_machine_check() - one ended the guest; interrupts off */
void duet_host_machine_check(void);

/**
 * duet_set_spec_ctrl() - IA32_SPEC_CTRL, which the world switch loads
 * Return: 0: vcpu->msrs has the value; 1: #GP
 */
int duet_set_spec_ctrl(struct duet_vcpu *vcpu, u64 value, bool host);

#endif /* DUET_COMMON_MSR_H */
