/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Model-specific registers: the neutral ones here, the vendor's through
 * ops->get_msr()/set_msr().
 */
#ifndef DUET_COMMON_MSR_H
#define DUET_COMMON_MSR_H

#include "common/types.h"

/** struct duet_msrs - MSR values that no control structure holds */
struct duet_msrs {
	u64 apic_base;
	u64 tsc_aux;
	u64 tsc_adjust;
	u64 misc_enable;
	u64 mtrr_def_type;
	u64 mtrr_fixed[11];
	u64 mtrr_var[16];	/* base, mask */
	u64 mcg_status, mcg_ctl, mcg_cap;
	u64 mce_banks[32 * 4];	/* CTL, STATUS, ADDR, MISC */
	u64 spec_ctrl, virt_spec_ctrl;
	u64 arch_capabilities;
	u64 microcode;
	u64 xss;
	u64 smi_count, feature_control, platform_info;
	u64 kvm_wall_clock, kvm_system_time;
};

/**
 * duet_get_msr() / duet_set_msr() - one MSR
 * @host: asked by an ioctl (may see and set more), not by the guest
 * Context: loaded.
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

/** duet_msrs_reset() - power-up values (SDM vol. 3, 9.1.1) */
void duet_msrs_reset(struct duet_vcpu *vcpu, bool init);

#endif /* DUET_COMMON_MSR_H */
