/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clock that a guest reads from its own memory (kvmclock), and
 * KVM_GET_CLOCK, KVM_SET_CLOCK.
 */
#ifndef DUET_COMMON_PVCLOCK_H
#define DUET_COMMON_PVCLOCK_H

#include "common/types.h"

struct kvm_clock_data;

/* KVM_CAP_ADJUST_CLOCK: flags that KVM_GET_CLOCK may return */
#define DUET_CLOCK_FLAGS	(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | \
				 KVM_CLOCK_HOST_TSC)

/**
 * struct duet_clock - the VM's clock: nanoseconds, since its creation unless
 * KVM_SET_CLOCK has set it
 *
 * It was @ns when the host's TSC was @tsc and its boot time was @boot_ns.
 * All under vm->tsc_lock.
 */
struct duet_clock {
	u64 ns, tsc, boot_ns;
};

/** duet_clock_init() - a new VM's clock starts at 0 */
void duet_clock_init(struct duet_vm *vm);

/** duet_clock_usable() - can guests be offered it on this host? */
bool duet_clock_usable(void);

/** duet_clock_get() - KVM_GET_CLOCK */
void duet_clock_get(struct duet_vm *vm, struct kvm_clock_data *data);

/** duet_clock_set() - KVM_SET_CLOCK; 0 or -EINVAL (unknown flag) */
int duet_clock_set(struct duet_vm *vm, const struct kvm_clock_data *data);

/**
 * duet_clock_enable() - MSR_KVM_SYSTEM_TIME(_NEW) was written
 * Context: vCPU thread, loaded; interrupts may be off.
 */
void duet_clock_enable(struct duet_vcpu *vcpu, u64 value);

/**
 * duet_clock_wall() - MSR_KVM_WALL_CLOCK(_NEW) was written: at which time of
 * day was the clock 0?
 * Context: the vCPU's mm is current->mm; may sleep.
 */
void duet_clock_wall(struct duet_vcpu *vcpu, gpa_t gpa);

/**
 * duet_clock_update() - write the structure that the guest reads
 * (DUET_REQ_CLOCK)
 * Context: vCPU thread, loaded, no lock held; may sleep.
 */
void duet_clock_update(struct duet_vcpu *vcpu);

/**
 * duet_clock_moved() - the vCPU came to another CPU
 *
 * Where the CPUs' time-stamp counters do not agree, the guest is told anew.
 * Context: preemption off.
 */
void duet_clock_moved(struct duet_vcpu *vcpu);

/**
 * duet_clock_suspend() / duet_clock_resume() - around the machine's sleep, in
 * which the host's TSC may stop or start again
 * Context: user threads are frozen.
 */
void duet_clock_suspend(struct duet_vm *vm);
void duet_clock_resume(struct duet_vm *vm);

/** duet_clock_stopped() - KVM_KVMCLOCK_CTRL; 0 or -EINVAL: no clock is used */
int duet_clock_stopped(struct duet_vcpu *vcpu);

#endif /* DUET_COMMON_PVCLOCK_H */
