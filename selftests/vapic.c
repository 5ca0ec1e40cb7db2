// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a TPR that the guest has in its memory (KVM_CAP_VAPIC) is the local APIC's
 * after each exit; the word tells what is in service and what waits; an access to
 * the register itself is told to user space that wants to hear of it.
 */
#include <errno.h>

#include "apic.h"
#include "tap.h"

#define LOW_VEC		0x41
#define VEC		0x52

static volatile union {
	uint32_t all;
	struct {
		uint8_t tpr, isr, unused, irr;
	};
} word __attribute__((aligned(16)));

static volatile unsigned int taken;
static volatile uint8_t in_service;
static volatile bool strict;

static void poll_irq(void)
{
	uint64_t rax = 1;	/* KVM_HC_VAPIC_POLL_IRQ */

	if (on_amd())
		asm volatile("vmmcall" : "+a" (rax) : : "memory");
	else
		asm volatile("vmcall" : "+a" (rax) : : "memory");
	GUEST_EQ(rax, 0);
}

static void guest_irq(struct trap *t)
{
	taken++;
	poll_irq();
	in_service = word.isr;
	apic_eoi();
}

static struct vcpu *start(void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	struct kvm_vapic_addr va = { (uint64_t)&word };

	if (!check_extension(v->vm->fd, KVM_CAP_VAPIC))
		skip("no KVM_CAP_VAPIC");
	must(v->fd, KVM_SET_VAPIC_ADDR, &va);
	guest_handlers[LOW_VEC] = guest_irq;
	guest_handlers[VEC] = guest_irq;
	vcpu_start(v, fn);
	return v;
}

static void arguments(void)
{
	struct vcpu *bare = vcpu_create(vm_create(0), 0);
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	struct kvm_tpr_access_ctl ctl = { .enabled = 1 };
	struct kvm_vapic_addr va = { 0 };

	must_fail(bare->fd, KVM_SET_VAPIC_ADDR, &va, EINVAL);
	must(v->fd, KVM_SET_VAPIC_ADDR, &va);
	va.vapic_addr = 0x50000000;
	must_fail(v->fd, KVM_SET_VAPIC_ADDR, &va, EINVAL);
	va.vapic_addr = (uint64_t)&word;
	must(v->fd, KVM_SET_VAPIC_ADDR, &va);

	must(v->fd, KVM_TPR_ACCESS_REPORTING, &ctl);
	ctl.flags = 1;
	must_fail(v->fd, KVM_TPR_ACCESS_REPORTING, &ctl, EINVAL);
}

static void guest_word(void)
{
	apic_enable();
	poll_irq();
	GUEST_EQ(word.all, 0);

	/* its TPR is the register's */
	word.tpr = 0x60;
	poll_irq();
	GUEST_EQ(apic_read(APIC_TPR), 0x60);
	GUEST_EQ(apic_read(APIC_PPR), 0x60);
	GUEST_EQ(read_cr(8), 6);
	word.tpr = 0x73;
	GUEST_EQ(apic_read(APIC_PPR), 0x73);
	guest_done();
}

static void shared_word(void)
{
	expect_done(start(guest_word));
}

static void guest_newer(void)
{
	apic_enable();
	apic_write(APIC_TPR, 0x20);
	poll_irq();
	GUEST_EQ(word.tpr, 0x20);
	GUEST_EQ(apic_read(APIC_TPR), 0x20);
	write_cr(8, 9);
	poll_irq();
	GUEST_EQ(word.tpr, 0x90);
	guest_sync(1);
	GUEST_EQ(word.tpr, 0xa0);
	guest_done();
}

static void newer(void)
{
	struct vcpu *v;

	if (!device_is_duet())
		skip("KVM takes the word's TPR");
	word.all = 0x11223344;
	v = start(guest_newer);
	expect_sync(v, 1);
	REQUIRE_EQ(lapic_get(v, APIC_TPR), 0x90);
	lapic_put(v, APIC_TPR, 0xa0);
	expect_done(v);
}

static void guest_interrupts(void)
{
	apic_enable();
	sti();
	poll_irq();
	word.tpr = 0x50;
	poll_irq();
	apic_self_ipi(LOW_VEC);
	apic_self_ipi(VEC);
	poll_irq();
	GUEST_EQ(taken, 0);
	GUEST_EQ(word.irr, VEC);
	/* the class of what waits is let in: the upper one alone at 0x40 */
	word.tpr = 0x40;
	poll_irq();
	GUEST_EQ(taken, 1);
	GUEST_EQ(in_service, VEC & 0xf0);
	GUEST_EQ(word.isr, 0);
	GUEST_EQ(word.irr, LOW_VEC);
	word.tpr = 0;
	poll_irq();
	GUEST_EQ(taken, 2);
	GUEST_EQ(in_service, LOW_VEC & 0xf0);
	GUEST_EQ(word.all, 0);
	guest_done();
}

static void interrupts(void)
{
	expect_done(start(guest_interrupts));
}

static void guest_reset(void)
{
	apic_enable();
	word.tpr = 0x30;
	poll_irq();
	guest_sync(1);
	word.tpr = 0x40;
	poll_irq();
	GUEST_EQ(apic_read(APIC_TPR), 0x30);
	guest_done();
}

static void off(void)
{
	struct vcpu *v = start(guest_reset);
	struct kvm_vapic_addr va = { 0 };

	expect_sync(v, 1);
	must(v->fd, KVM_SET_VAPIC_ADDR, &va);
	expect_done(v);
}

static void guest_init_self(void)
{
	apic_enable();
	apic_ipi(0, ICR_INIT);
	for (;;)
		;
}

static void guest_after_init(void)
{
	apic_enable();
	word.tpr = 0x40;
	poll_irq();
	GUEST_EQ(apic_read(APIC_TPR), 0);
	guest_done();
}

static void after_init(void)
{
	struct vcpu *v = start(guest_init_self);

	/* The reset vector, where there is no memory. */
	REQUIRE(ioctl(v->fd, KVM_RUN, 0) || v->run->exit_reason != KVM_EXIT_IO);
	vcpu_start(v, guest_after_init);
	expect_done(v);
}

/* The page with the word goes, and comes back: it has what was said meanwhile. */
static void guest_lost(void)
{
	volatile uint8_t *p = (void *)0x3000;

	apic_enable();
	guest_sync(1);
	apic_write(APIC_TPR, 0x30);
	poll_irq();
	GUEST_EQ(apic_read(APIC_TPR), 0x30);
	guest_sync(2);
	poll_irq();
	if (strict) {	/* KVM takes the TPR that it finds there */
		GUEST_EQ(apic_read(APIC_TPR), 0x30);
		GUEST_EQ(*p, 0x30);
	}
	*p = 0x40;
	poll_irq();
	GUEST_EQ(apic_read(APIC_TPR), 0x40);
	guest_done();
}

static void lost(void)
{
	struct vcpu *v = start(guest_lost);
	struct kvm_vapic_addr va = { 0x3000 };

	strict = device_is_duet();
	must(v->fd, KVM_SET_VAPIC_ADDR, &va);
	expect_sync(v, 1);
	slot_set(v->vm, SLOT_LOW, 0, 0, 0, v->vm->low);
	expect_sync(v, 2);
	slot_set(v->vm, SLOT_LOW, 0, 0, LOW_SIZE, v->vm->low);
	expect_done(v);
}

extern const char tpr_load[], tpr_store[];

static void guest_accesses(void)
{
	unsigned int i;
	uint32_t v;

	apic_write(APIC_SVR, 0x1ff);
	for (i = 0; i < 2; i++) {
		asm volatile(".globl tpr_store, tpr_load\n"
			     "tpr_store: movl %1, 0x80(%2)\n"
			     "tpr_load: movl 0x80(%2), %0\n"
			     : "=r" (v) : "r" (0x30), "r" (APIC_BASE)
			     : "memory");
		GUEST_EQ(v, 0x30);
		apic_read(APIC_PPR);
		guest_sync(i);
	}
	guest_done();
}

static void reports(void)
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	struct kvm_tpr_access_ctl ctl = { .enabled = 1 };

	must(v->fd, KVM_TPR_ACCESS_REPORTING, &ctl);
	vcpu_start(v, guest_accesses);
	must(v->fd, KVM_RUN, 0);
	REQUIRE_EQ(v->run->exit_reason, KVM_EXIT_TPR_ACCESS);
	REQUIRE_EQ(v->run->tpr_access.rip, (uint64_t)tpr_store);
	REQUIRE_EQ(v->run->tpr_access.is_write, 1);
	must(v->fd, KVM_RUN, 0);
	REQUIRE_EQ(v->run->exit_reason, KVM_EXIT_TPR_ACCESS);
	REQUIRE_EQ(v->run->tpr_access.rip, (uint64_t)tpr_load);
	REQUIRE_EQ(v->run->tpr_access.is_write, 0);
	expect_sync(v, 0);
	ctl.enabled = 0;
	must(v->fd, KVM_TPR_ACCESS_REPORTING, &ctl);
	expect_sync(v, 1);
	expect_done(v);
}

static const struct test tests[] = {
	{ "KVM_SET_VAPIC_ADDR, KVM_TPR_ACCESS_REPORTING: arguments", arguments },
	{ "the TPR in the word is the register's", shared_word },
	{ "what the register, CR8 or user space says later is not undone", newer },
	{ "it holds interrupts, and tells of those that wait", interrupts },
	{ "switched off, it is the guest's memory", off },
	{ "and so it is after INIT", after_init },
	{ "its page goes and comes back", lost },
	{ "accesses to the register are told, if wanted", reports },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
