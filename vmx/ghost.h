/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Debug builds (DUET_DEBUG): which CPU has which VMCS, and what its launch state
 * is; are mappings invalidated before they could be met again? Called by
 * cached.c, run.c, vcpu.c and hardware.c.
 */
#ifndef DUET_VMX_GHOST_H
#define DUET_VMX_GHOST_H

#include "common/ghost.h"

struct vmx_cpu;
struct vmx_vcpu;

#ifdef CONFIG_DUET_DEBUG

/**
 * struct vmx_ghost_cpu - @current_vmcs: by the last VMPTRLD; @active: how many
 * the CPU has; @epoch: how often VMX was switched on
 */
struct vmx_ghost_cpu {
	const struct vmx_vcpu *current_vmcs;
	int active;
	u64 epoch;
};

/** struct vmx_ghost - @cpu: it is active there, or -1; @launched: by an entry */
struct vmx_ghost {
	int cpu;
	bool launched;
};

void vmx_ghost_cpu_on(struct vmx_cpu *c);
void vmx_ghost_cpu_off(struct vmx_cpu *c);
void vmx_ghost_init(struct vmx_vcpu *vmx);
/* before the VMCS's memory is freed */
void vmx_ghost_free(struct vmx_vcpu *vmx);
void vmx_ghost_vmclear(struct vmx_vcpu *vmx);
void vmx_ghost_vmptrld(struct vmx_vcpu *vmx);
/* VMREAD or VMWRITE; vCPU loaded */
void vmx_ghost_access(const struct vmx_vcpu *vmx);
void vmx_ghost_invept(struct vmx_vcpu *vmx);
void vmx_ghost_invvpid(struct vmx_vcpu *vmx);
void vmx_ghost_enter(struct vmx_vcpu *vmx);
void vmx_ghost_entered(struct vmx_vcpu *vmx);

#else

struct vmx_ghost_cpu { };
struct vmx_ghost { };

static inline void vmx_ghost_cpu_on(struct vmx_cpu *c) { }
static inline void vmx_ghost_cpu_off(struct vmx_cpu *c) { }
static inline void vmx_ghost_init(struct vmx_vcpu *vmx) { }
static inline void vmx_ghost_free(struct vmx_vcpu *vmx) { }
static inline void vmx_ghost_vmclear(struct vmx_vcpu *vmx) { }
static inline void vmx_ghost_vmptrld(struct vmx_vcpu *vmx) { }
static inline void vmx_ghost_access(const struct vmx_vcpu *vmx) { }
static inline void vmx_ghost_invept(struct vmx_vcpu *vmx) { }
static inline void vmx_ghost_invvpid(struct vmx_vcpu *vmx) { }
static inline void vmx_ghost_enter(struct vmx_vcpu *vmx) { }
static inline void vmx_ghost_entered(struct vmx_vcpu *vmx) { }

#endif

#endif /* DUET_VMX_GHOST_H */
