// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: without an irqchip the interrupts are user space's. KVM_INTERRUPT
 * gives one, which the guest takes as soon as it allows it; kvm_run says when
 * that is, at the window that user space asks for; CR8 and HLT are its own.
 */
#include "irq.h"
#include "tap.h"

/* Without a local APIC in the kernel a lowered CR8 may be an exit. */
static int run_no_tpr(struct vcpu *v)
{
	int r;

	do {
		r = vcpu_run(v);
	} while (r == KVM_EXIT_SET_TPR);
	return r;
}

static void guest_open(void)
{
	sti();
	guest_sync(1);
	guest_sync(2);
	guest_sync(3);
	guest_done();
}

static void inject(void)
{
	struct vcpu *v = irq_start(0, guest_open);
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		expect_sync(v, i);
		REQUIRE_EQ(v->run->if_flag, 1);
		REQUIRE_EQ(v->run->ready_for_interrupt_injection, 1);
		interrupt(v, 0x30 + i);
	}
	expect_done(v);
	REQUIRE_EQ(count[0x31] + count[0x32] + count[0x33], 3);
	REQUIRE_EQ(last_vector, 0x33);
}

static void guest_closed(void)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		cli();
		guest_sync(1);
		write_cr(4, read_cr(4));	/* an exit: not yet */
		asm volatile(".globl irq_sti\n"
			     "sti; nop\nirq_sti: nop; cli" : : : "memory");
		guest_sync(2);
	}
	guest_done();
}

extern const char irq_sti[];

static void window(void)
{
	struct vcpu *v = irq_start(0, guest_closed);
	struct kvm_regs r;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		expect_sync(v, 1);
		REQUIRE_EQ(v->run->if_flag, 0);
		REQUIRE_EQ(v->run->ready_for_interrupt_injection, 0);
		if (i & 1) {	/* nobody asked */
			expect_sync(v, 2);
			continue;
		}
		expect_window(v);
		REQUIRE_EQ(v->run->if_flag, 1);
		REQUIRE_EQ(v->run->ready_for_interrupt_injection, 1);
		regs_get(v, &r);
		/* QEMU's TCG may open it one instruction early. */
		if (!host_is_tcg())
			REQUIRE_EQ(r.rip, (uintptr_t)irq_sti);
		REQUIRE(r.rflags & X86_EFLAGS_IF);
		interrupt(v, 0x40 + i);
		expect_sync(v, 2);
		REQUIRE_EQ(count[0x40 + i], 1);
		REQUIRE_EQ(last_rip, r.rip);
	}
	expect_done(v);
}

/* The window is open already: the exit comes before the guest runs. */
static void window_open(void)
{
	struct vcpu *v = irq_start(0, guest_open);

	if (host_is_bochs_svm())
		skip("this emulator looks for VINTR only after STI and POPF");
	expect_sync(v, 1);
	expect_window(v);
	interrupt(v, 0x50);
	expect_sync(v, 2);
	REQUIRE_EQ(count[0x50], 1);
}

static void bad_interrupts(void)
{
	struct vcpu *v = irq_start(0, guest_open), *w = irq_start(VM_IRQCHIP, guest_open);
	struct kvm_interrupt irq = { .irq = 256 };

	must_fail(v->fd, KVM_INTERRUPT, &irq, EINVAL);
	irq.irq = -1;
	must_fail(v->fd, KVM_INTERRUPT, &irq, EINVAL);
	must_fail(v->fd, KVM_INTERRUPT, 8, EFAULT);
	irq.irq = 0x30;
	must_fail(w->fd, KVM_INTERRUPT, &irq, ENXIO);
}

static void guest_halts(void)
{
	asm volatile(".globl irq_hlt\nhlt\nirq_hlt: nop" : : : "memory");
	safe_halt();
	guest_done();
}

extern const char irq_hlt[];

static void hlt_exit(void)
{
	struct vcpu *v = irq_start(0, guest_halts);
	struct kvm_regs r;

	vcpu_expect(v, KVM_EXIT_HLT);
	regs_get(v, &r);
	REQUIRE_EQ(r.rip, (uintptr_t)irq_hlt);
	REQUIRE_EQ(v->run->if_flag, 0);
	vcpu_expect(v, KVM_EXIT_HLT);
	REQUIRE_EQ(v->run->if_flag, 1);
	REQUIRE_EQ(v->run->ready_for_interrupt_injection, 1);
	interrupt(v, 0x61);
	expect_done(v);
	REQUIRE_EQ(count[0x61], 1);
}

static void guest_cr8(void)
{
	write_cr(8, 7);
	guest_sync(1);
	GUEST_EQ(read_cr(8), 3);
	write_cr(8, 0);
	guest_sync(2);
	guest_done();
}

static void cr8(void)
{
	struct vcpu *v = irq_start(0, guest_cr8);
	struct kvm_sregs s;

	REQUIRE_EQ(run_no_tpr(v), KVM_EXIT_IO);
	REQUIRE(ucall_get(v));
	REQUIRE_EQ(v->run->cr8, 7);
	REQUIRE_EQ(v->run->apic_base, 0xfee00900);
	sregs_get(v, &s);
	REQUIRE_EQ(s.cr8, 7);
	v->run->cr8 = 3;
	REQUIRE_EQ(run_no_tpr(v), KVM_EXIT_IO);
	REQUIRE(ucall_get(v));
	REQUIRE_EQ(v->run->cr8, 0);
	v->run->cr8 = 16;
	must_fail(v->fd, KVM_RUN, 0, EINVAL);
	v->run->cr8 = 0;
	expect_done(v);
}

/* A queued interrupt that was not delivered yet is part of the state. */
static void queued(void)
{
	struct vcpu *v = irq_start(0, guest_open);
	struct kvm_vcpu_events e;
	struct kvm_sregs s;

	expect_sync(v, 1);
	vcpu_complete(v);
	interrupt(v, 0x71);
	must(v->fd, KVM_GET_VCPU_EVENTS, &e);
	REQUIRE_EQ(e.interrupt.injected, 1);
	REQUIRE_EQ(e.interrupt.nr, 0x71);
	sregs_get(v, &s);
	REQUIRE_EQ(s.interrupt_bitmap[1], 1ull << (0x71 - 64));
	/* User space takes it back, and gives another. */
	e.interrupt.nr = 0x72;
	must(v->fd, KVM_SET_VCPU_EVENTS, &e);
	expect_sync(v, 2);
	REQUIRE_EQ(count[0x71], 0);
	REQUIRE_EQ(count[0x72], 1);
	must(v->fd, KVM_GET_VCPU_EVENTS, &e);
	REQUIRE_EQ(e.interrupt.injected, 0);
}

static const struct test tests[] = {
	{ "KVM_INTERRUPT into an open guest", inject },
	{ "request_interrupt_window: the exit at the right moment", window },
	{ "a window that is open already", window_open },
	{ "KVM_INTERRUPT refuses bad vectors, and an irqchip", bad_interrupts },
	{ "HLT without an irqchip is an exit, an interrupt goes on after it",
	  hlt_exit },
	{ "CR8 in kvm_run, both ways", cr8 },
	{ "an interrupt that waits is in VCPU_EVENTS and SREGS", queued },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
