/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Debug builds (DUET_DEBUG): is what the VMCB declares clean known to this CPU,
 * and was the ASID's last owner flushed? Called by cached.c, run.c, vcpu.c and
 * hardware.c.
 */
#ifndef DUET_SVM_GHOST_H
#define DUET_SVM_GHOST_H

#include "common/ghost.h"

struct svm_cpu;
struct svm_vcpu;

#ifdef CONFIG_DUET_DEBUG

/**
 * struct svm_ghost_cpu - @owner: the vCPU whose translations an ASID has, NULL:
 * none; @epoch: how often SVM was switched on
 */
struct svm_ghost_cpu {
	const struct svm_vcpu **owner;
	u64 epoch;
};

/** struct svm_ghost - @known: the VMCB as CPU @cpu (or none: -1) knows it */
struct svm_ghost {
	struct vmcb *known;
	int cpu;
};

int svm_ghost_cpu_alloc(struct svm_cpu *c, u32 nr_asids);
void svm_ghost_cpu_free(struct svm_cpu *c);
void svm_ghost_cpu_on(struct svm_cpu *c);
int svm_ghost_alloc(struct svm_vcpu *svm);
void svm_ghost_free(struct svm_vcpu *svm);
/* the tag was renewed: TLB_CONTROL is about to be obeyed */
void svm_ghost_renew(struct svm_vcpu *svm, struct svm_cpu *c);
void svm_ghost_enter(struct svm_vcpu *svm, struct svm_cpu *c);
void svm_ghost_entered(struct svm_vcpu *svm);
void svm_ghost_not_entered(struct svm_vcpu *svm);

/* CPUs without clean bits ignore them: the rules are looked after anyway. */
#define SVM_GHOST_CLEAN		true

#else

struct svm_ghost_cpu { };
struct svm_ghost { };

static inline int svm_ghost_cpu_alloc(struct svm_cpu *c, u32 n) { return 0; }
static inline void svm_ghost_cpu_free(struct svm_cpu *c) { }
static inline void svm_ghost_cpu_on(struct svm_cpu *c) { }
static inline int svm_ghost_alloc(struct svm_vcpu *svm) { return 0; }
static inline void svm_ghost_free(struct svm_vcpu *svm) { }
static inline void svm_ghost_renew(struct svm_vcpu *svm, struct svm_cpu *c) { }
static inline void svm_ghost_enter(struct svm_vcpu *svm, struct svm_cpu *c) { }
static inline void svm_ghost_entered(struct svm_vcpu *svm) { }
static inline void svm_ghost_not_entered(struct svm_vcpu *svm) { }

#define SVM_GHOST_CLEAN		false

#endif

#endif /* DUET_SVM_GHOST_H */
