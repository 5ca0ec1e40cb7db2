/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls on a vCPU's registers, events and MP state. Called by the vCPU's
 * ioctl table with kernel copies of their arguments.
 */
#ifndef DUET_MODULE_REGS_H
#define DUET_MODULE_REGS_H

#include "common/types.h"

struct kvm_regs;
struct kvm_sregs;
struct kvm_debugregs;
struct kvm_vcpu_events;
struct kvm_mp_state;
struct kvm_translation;

/*
 * Context of all: vCPU mutex held, loaded, may sleep. Return: 0, or -EINVAL
 * before any effect.
 */
int duet_get_regs(struct duet_vcpu *vcpu, struct kvm_regs *regs);
int duet_set_regs(struct duet_vcpu *vcpu, const struct kvm_regs *regs);
int duet_get_sregs(struct duet_vcpu *vcpu, struct kvm_sregs *sregs);
int duet_set_sregs(struct duet_vcpu *vcpu, const struct kvm_sregs *sregs);
int duet_get_debugregs(struct duet_vcpu *vcpu, struct kvm_debugregs *regs);
int duet_set_debugregs(struct duet_vcpu *vcpu,
		       const struct kvm_debugregs *regs);
int duet_get_vcpu_events(struct duet_vcpu *vcpu, struct kvm_vcpu_events *ev);
int duet_set_vcpu_events(struct duet_vcpu *vcpu,
			 const struct kvm_vcpu_events *ev);
int duet_get_mp_state(struct duet_vcpu *vcpu, struct kvm_mp_state *state);
int duet_set_mp_state(struct duet_vcpu *vcpu,
		      const struct kvm_mp_state *state);

/**
 * duet_translate() - KVM_TRANSLATE: by the guest's tables as they are now,
 * without permission checks; @tr->valid says whether there is a translation
 */
int duet_translate(struct duet_vcpu *vcpu, struct kvm_translation *tr);

#endif /* DUET_MODULE_REGS_H */
