/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Steal time: what the host's scheduler took from a guest that wants to know.
 */
#ifndef DUET_COMMON_STEAL_H
#define DUET_COMMON_STEAL_H

#include "common/types.h"

/** duet_steal_usable() - does the host's scheduler count it? */
bool duet_steal_usable(void);

/**
 * duet_steal_enable() - MSR_KVM_STEAL_TIME was written: 0 or 1 (#GP)
 * Context: vCPU thread, or its mutex held.
 */
int duet_steal_enable(struct duet_vcpu *vcpu, u64 value);

/**
 * duet_steal_came() - the vCPU came to a CPU: is there something to tell?
 * Context: vCPU thread, preemption off. For vCPUs that have it enabled.
 */
void duet_steal_came(struct duet_vcpu *vcpu);

/**
 * duet_steal_update() - tell the guest (DUET_REQ_STEAL)
 * Context: vCPU thread, loaded, no lock held; may sleep.
 */
void duet_steal_update(struct duet_vcpu *vcpu);

#endif /* DUET_COMMON_STEAL_H */
