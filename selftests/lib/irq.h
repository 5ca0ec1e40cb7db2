/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tests of interrupts share: a vCPU whose guest counts each vector that it
 * takes, and the ioctls that raise one. Calls vm.c.
 */
#ifndef SELFTESTS_IRQ_H
#define SELFTESTS_IRQ_H

#include "guest.h"

/* How often each vector was taken; the last one, and where. */
extern volatile unsigned int count[256];
extern volatile uint64_t last_vector, last_rip;

/* A handler that counts and does nothing else: no EOI. */
void guest_count(struct trap *t);

/* A VM with @flags whose vCPU 0 is to run @fn; vectors from 32 on count. */
struct vcpu *irq_start(unsigned int flags, void (*fn)(void));

void interrupt(struct vcpu *v, unsigned int vec);	/* KVM_INTERRUPT */
/* Asks for the interrupt window, and expects its exit. */
void expect_window(struct vcpu *v);
void line(struct vcpu *v, unsigned int irq, unsigned int level);

/* Which of @n vCPUs have @vec in their IRRs, a bit for each; it is taken out. */
unsigned int irr_take(struct vcpu *cpus[], unsigned int n, unsigned int vec);

#endif
