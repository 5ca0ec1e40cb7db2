/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls on a vCPU's FPU and extended state, and on XCR0. XCR0's switch
 * around the guest is declared in vcpu.h.
 */
#ifndef DUET_COMMON_XSAVE_H
#define DUET_COMMON_XSAVE_H

#include "common/types.h"

struct kvm_fpu;
struct kvm_xsave;
struct kvm_xcrs;

/*
 * Context of all but duet_xsave_size(): vCPU mutex held, the guest's FPU state
 * in vcpu->fpu, not in the registers. Buffers are the kernel's copies.
 */

/** duet_get_fpu() / duet_set_fpu() - x87 and SSE; MXCSR is only reported */
void duet_get_fpu(struct duet_vcpu *vcpu, struct kvm_fpu *fpu);
void duet_set_fpu(struct duet_vcpu *vcpu, const struct kvm_fpu *fpu);

/** duet_xsave_size() - bytes of an XSAVE area with all that guests can have */
u32 duet_xsave_size(void);
/** duet_xsave2_size() - KVM_CAP_XSAVE2: bytes of KVM_GET_XSAVE2's buffer */
u32 duet_xsave2_size(struct duet_vcpu *vcpu);
/** duet_get_xsave() - KVM_GET_XSAVE (@size 4096), KVM_GET_XSAVE2 */
void duet_get_xsave(struct duet_vcpu *vcpu, void *buf, u32 size);
/**
 * duet_set_xsave() - 0, or -EINVAL: components, header, MXCSR
 * @xsave: at least duet_xsave2_size() bytes; changed
 */
int duet_set_xsave(struct duet_vcpu *vcpu, struct kvm_xsave *xsave);

/** duet_get_xcrs() / duet_set_xcrs() - XCR0 alone; -EINVAL. Loaded. */
void duet_get_xcrs(struct duet_vcpu *vcpu, struct kvm_xcrs *xcrs);
int duet_set_xcrs(struct duet_vcpu *vcpu, const struct kvm_xcrs *xcrs);

#endif /* DUET_COMMON_XSAVE_H */
