// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that count their interrupts: see irq.h. Calls vm.c; called by the tests
 * of interrupts.
 */
#include "apic.h"
#include "irq.h"

volatile unsigned int count[256];
volatile uint64_t last_vector, last_rip;

void guest_count(struct trap *t)
{
	count[t->vector]++;
	last_vector = t->vector;
	last_rip = t->rip;
}

struct vcpu *irq_start(unsigned int flags, void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(flags), 0);
	unsigned int i;

	for (i = 32; i < 256; i++)
		guest_handlers[i] = guest_count;
	vcpu_start(v, fn);
	return v;
}

void interrupt(struct vcpu *v, unsigned int vec)
{
	struct kvm_interrupt irq = { .irq = vec };

	must(v->fd, KVM_INTERRUPT, &irq);
}

void expect_window(struct vcpu *v)
{
	v->run->request_interrupt_window = 1;
	vcpu_expect(v, KVM_EXIT_IRQ_WINDOW_OPEN);
	v->run->request_interrupt_window = 0;
}

void line(struct vcpu *v, unsigned int irq, unsigned int level)
{
	struct kvm_irq_level l = { .irq = irq, .level = level };

	must(v->vm->fd, KVM_IRQ_LINE, &l);
}

unsigned int irr_take(struct vcpu *cpus[], unsigned int n, unsigned int vec)
{
	const unsigned int reg = APIC_IRR + vec / 32 * 16;
	unsigned int i, bits = 0;

	for (i = 0; i < n; i++) {
		if (lapic_get(cpus[i], reg) >> vec % 32 & 1)
			bits |= 1u << i;
		lapic_put(cpus[i], reg, 0);
	}
	return bits;
}
