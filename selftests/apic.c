// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the local APIC delivers each interrupt once, the highest first, none
 * at or below the processor priority, and its timer neither loses nor invents
 * a tick in one-shot, periodic and TSC-deadline mode; xAPIC and x2APIC show
 * the same registers.
 */
#include "apic.h"
#include "pace.h"
#include "tap.h"

static volatile unsigned int count[256], order[16], order_n;

static void guest_taken(struct trap *t)
{
	count[t->vector]++;
	order[order_n++ & 15] = t->vector;
	apic_eoi();
}

static struct vcpu *start(void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	unsigned int i;

	for (i = 32; i < 256; i++)
		guest_handlers[i] = guest_taken;
	vcpu_start(v, fn);
	return v;
}

static void window(void)
{
	asm volatile("sti; nop; nop; cli" : : : "memory");
}

static void guest_self(void)
{
	unsigned int i;

	apic_enable();
	for (i = 32; i < 255; i++) {
		apic_self_ipi(i);
		GUEST_EQ(apic_bit(APIC_IRR, i), 1);
		window();
		GUEST_EQ(count[i], 1);
		GUEST_EQ(apic_bit(APIC_IRR, i), 0);
		GUEST_EQ(apic_bit(APIC_ISR, i), 0);
	}
	/* By the destination and not the shorthand. */
	apic_write(APIC_ICR2, apic_read(APIC_ID));
	apic_write(APIC_ICR, 0x30);
	window();
	GUEST_EQ(count[0x30], 2);
	GUEST_EQ(apic_read(APIC_ICR) & 0x1000, 0);	/* delivered */
	/* To somebody who is not there. */
	apic_write(APIC_ICR2, 77u << 24);
	apic_write(APIC_ICR, 0x30);
	window();
	GUEST_EQ(count[0x30], 2);
	/* All but self. */
	apic_write(APIC_ICR, 3u << 18 | 0x30);
	window();
	GUEST_EQ(count[0x30], 2);
	guest_done();
}

static void self_ipi(void)
{
	expect_done(start(guest_self));
}

static void guest_priority(void)
{
	apic_enable();
	apic_self_ipi(0x41);
	apic_self_ipi(0x81);
	apic_self_ipi(0x61);
	apic_self_ipi(0x61);		/* merges */
	asm volatile("sti; nop; nop; nop; nop; nop; nop; cli" : : : "memory");
	GUEST_EQ(order_n, 3);
	GUEST_EQ(order[0], 0x81);
	GUEST_EQ(order[1], 0x61);
	GUEST_EQ(order[2], 0x41);
	guest_done();
}

static void priority(void)
{
	expect_done(start(guest_priority));
}

/* A handler that opens interrupts: only a higher class nests. */
static volatile unsigned int nested_low, nested_high, ppr_inside, isr_inside;

static void guest_nesting(struct trap *t)
{
	count[t->vector]++;
	if (t->vector != 0x61)
		goto out;
	ppr_inside = apic_read(APIC_PPR);
	isr_inside = apic_bit(APIC_ISR, 0x61);
	apic_self_ipi(0x68);		/* the same class */
	apic_self_ipi(0x51);
	apic_self_ipi(0x71);
	window();
	nested_low = count[0x51] + count[0x68];
	nested_high = count[0x71];
out:
	apic_eoi();
}

static void guest_nest(void)
{
	apic_enable();
	guest_handlers[0x61] = guest_nesting;
	guest_handlers[0x51] = guest_handlers[0x71] = guest_nesting;
	guest_handlers[0x68] = guest_nesting;
	apic_self_ipi(0x61);
	asm volatile("sti; nop; nop; nop; nop; cli" : : : "memory");
	GUEST_EQ(ppr_inside & 0xf0, 0x60);
	GUEST_EQ(isr_inside, 1);
	GUEST_EQ(nested_low, 0);
	GUEST_EQ(nested_high, 1);
	GUEST_EQ(count[0x51], 1);
	GUEST_EQ(count[0x68], 1);
	guest_done();
}

static void nesting(void)
{
	expect_done(start(guest_nest));
}

static void guest_tpr(void)
{
	apic_enable();
	apic_write(APIC_TPR, 0x50);
	GUEST_EQ(read_cr(8), 5);
	apic_self_ipi(0x5f);
	window();
	GUEST_EQ(count[0x5f], 0);
	GUEST_EQ(apic_bit(APIC_IRR, 0x5f), 1);
	apic_self_ipi(0x60);
	window();
	GUEST_EQ(count[0x60], 1);
	GUEST_EQ(apic_read(APIC_PPR) & 0xf0, 0x50);
	/* Lowered through CR8 with interrupts open: taken at once. */
	sti();
	write_cr(8, 4);
	asm volatile("nop; nop");
	cli();
	GUEST_EQ(count[0x5f], 1);
	GUEST_EQ(apic_read(APIC_TPR) & 0xff, 0x40);
	/* Raised through CR8, lowered through the page. */
	write_cr(8, 15);
	apic_self_ipi(0xe0);
	window();
	GUEST_EQ(count[0xe0], 0);
	apic_write(APIC_TPR, 0);
	window();
	GUEST_EQ(count[0xe0], 1);
	guest_done();
}

static void tpr(void)
{
	expect_done(start(guest_tpr));
}

/* The timer: 1 ns a count on KVM's bus of 1 GHz with divisor 1. */
#define DIV1	0xb

static void guest_oneshot(void)
{
	uint32_t a, b;

	apic_enable();
	apic_write(APIC_TIMER_DCR, DIV1);
	apic_write(APIC_LVT_TIMER, 0x40);
	apic_write(APIC_TIMER_ICR, 50000000);
	a = apic_read(APIC_TIMER_CCR);
	b = apic_read(APIC_TIMER_CCR);
	GUEST_REQUIRE(a <= 50000000 && b <= a && b > 0);
	safe_halt();
	cli();
	GUEST_EQ(count[0x40], 1);
	GUEST_EQ(apic_read(APIC_TIMER_CCR), 0);
	window();
	GUEST_EQ(count[0x40], 1);
	/* Stopped before its end. */
	apic_write(APIC_TIMER_ICR, 100000000);
	apic_write(APIC_TIMER_ICR, 0);
	GUEST_EQ(apic_read(APIC_TIMER_CCR), 0);
	/* Masked: counts, and is silent. */
	apic_write(APIC_LVT_TIMER, APIC_MASKED | 0x40);
	apic_write(APIC_TIMER_ICR, 100000);
	while (apic_read(APIC_TIMER_CCR))
		;
	window();
	GUEST_EQ(count[0x40], 1);
	GUEST_EQ(apic_bit(APIC_IRR, 0x40), 0);
	guest_done();
}

static void oneshot(void)
{
	expect_done(start(guest_oneshot));
}

#define TICKS	30

static void guest_periodic(void)
{
	uint64_t t0, t1;

	apic_enable();
	apic_write(APIC_TIMER_DCR, DIV1);
	apic_write(APIC_LVT_TIMER, APIC_PERIODIC | 0x41);
	t0 = rdtsc();
	apic_write(APIC_TIMER_ICR, 1000000);		/* 1 ms */
	while (count[0x41] < TICKS) {
		safe_halt();
		cli();
	}
	t1 = rdtsc();
	apic_write(APIC_TIMER_ICR, 0);
	guest_ucall(UCALL_SYNC, 0, 0, 0, t1 - t0, 0, 0, 0);
	asm volatile("sti; nop; nop" : : : "memory");
	guest_done();
}

static void periodic(void)
{
	struct vcpu *v = start(guest_periodic);
	long khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
	struct ucall *u = ucall_next(v);
	uint64_t cycles = u->args[0];

	REQUIRE_EQ(u->cmd, UCALL_SYNC);
	/* Not early. */
	if (khz > 0)
		REQUIRE(cycles >= (TICKS - 1) * (uint64_t)khz * 95 / 100,
			"%llu cycles at %ld kHz", (unsigned long long)cycles,
			khz);
	expect_done(v);
	REQUIRE(count[0x41] >= TICKS);
}

/* Divisors: the same time with 16 times less to count. */
static void guest_divide(void)
{
	static const struct { uint32_t dcr, div; } d[] = {
		{ 0xb, 1 }, { 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 },
		{ 8, 32 }, { 9, 64 }, { 0xa, 128 },
	};
	unsigned int i;

	apic_enable();
	apic_write(APIC_LVT_TIMER, 0x42);
	for (i = 0; i < sizeof(d) / sizeof(d[0]); i++) {
		uint64_t t;

		/* KVM fires an expired timer again for a new divisor. */
		apic_write(APIC_TIMER_ICR, 0);
		apic_write(APIC_TIMER_DCR, d[i].dcr);
		GUEST_EQ(apic_read(APIC_TIMER_DCR), d[i].dcr);
		t = rdtsc();
		apic_write(APIC_TIMER_ICR, 3000000 / d[i].div);
		safe_halt();
		cli();
		t = rdtsc() - t;
		GUEST_EQ(count[0x42], i + 1);
		guest_ucall(UCALL_SYNC, 0, 0, 0, t, 0, 0, 0);
	}
	guest_done();
}

static void divide(void)
{
	struct vcpu *v = start(guest_divide);
	long khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
	unsigned int i;

	for (i = 0; i < 8; i++) {
		uint64_t t = ucall_next(v)->args[0];

		if (khz > 0)
			REQUIRE(t >= 3ull * khz * 95 / 100 && t < 300ull * khz,
				"divisor %u: %llu cycles at %ld kHz", i,
				(unsigned long long)t, khz);
	}
	expect_done(v);
}

static volatile uint64_t tsc_hz_ms;

static void guest_deadline(void)
{
	uint64_t when;
	unsigned int i;

	apic_enable();
	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | 0x43);
	for (i = 0; i < 10; i++) {
		when = rdtsc() + tsc_hz_ms;
		wrmsr(MSR_TSC_DEADLINE, when);
		safe_halt();
		cli();
		GUEST_EQ(count[0x43], i + 1);
		GUEST_REQUIRE(rdtsc() >= when);
		GUEST_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	}
	/* In the past: at once. */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() - 1);
	asm volatile("sti; nop; nop; nop" : : : "memory");
	for (i = 0; i < 1000000 && count[0x43] == 10; i++)
		asm volatile("pause");
	cli();
	GUEST_EQ(count[0x43], 11);
	/* Disarmed. */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000 * tsc_hz_ms);
	GUEST_REQUIRE(rdmsr(MSR_TSC_DEADLINE));
	wrmsr(MSR_TSC_DEADLINE, 0);
	GUEST_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	/* In another mode the MSR is nothing. */
	apic_write(APIC_LVT_TIMER, 0x43);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + tsc_hz_ms);
	GUEST_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	guest_done();
}

static void deadline(void)
{
	struct vcpu *v = start(guest_deadline);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 1, 0);
	long khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);

	if (!check_extension(v->vm->kvm, KVM_CAP_TSC_DEADLINE_TIMER))
		skip("no TSC-deadline timer");
	e->ecx |= 1u << 24;
	must(v->fd, KVM_SET_CPUID2, c);
	tsc_hz_ms = khz > 0 ? khz : 1000000;
	expect_done(v);
}

/* Disabled by software: local interrupts masked, IPIs not accepted. */
static void guest_disabled(void)
{
	apic_enable();
	apic_write(APIC_LVT_TIMER, 0x40);
	GUEST_EQ(apic_read(APIC_LVT_TIMER), 0x40);
	apic_write(APIC_SVR, 0xff);
	GUEST_REQUIRE(apic_read(APIC_LVT_TIMER) & APIC_MASKED);
	apic_write(APIC_LVT_TIMER, 0x40);	/* stays masked */
	GUEST_REQUIRE(apic_read(APIC_LVT_TIMER) & APIC_MASKED);
	apic_self_ipi(0x50);
	window();
	GUEST_EQ(count[0x50], 0);
	apic_enable();
	window();
	GUEST_EQ(count[0x50], 0);
	apic_self_ipi(0x50);
	window();
	GUEST_EQ(count[0x50], 1);
	guest_done();
}

static void disabled(void)
{
	expect_done(start(guest_disabled));
}

/* Registers: what can be written, what is reserved. */
static void guest_registers(void)
{
	unsigned int i;

	apic_enable();
	for (i = 0; i < 6; i++) {
		apic_write(0x320 + i * 16, 0xffffffff);
		/* No LVT entry has bits beyond its own. */
		GUEST_EQ(apic_read(0x320 + i * 16) & 0xfff80000, 0);
		apic_write(0x320 + i * 16, APIC_MASKED);
		GUEST_EQ(apic_read(0x320 + i * 16) & APIC_MASKED, APIC_MASKED);
	}
	apic_write(APIC_LDR, 0xffffffff);
	GUEST_EQ(apic_read(APIC_LDR), 0xff000000);
	apic_write(0xe0, 0x0fffffff);		/* DFR: cluster */
	GUEST_EQ(apic_read(0xe0), 0x0fffffff);
	apic_write(0xe0, 0xffffffff);
	apic_write(APIC_ICR2, 0x05000000);
	GUEST_EQ(apic_read(APIC_ICR2), 0x05000000);
	apic_write(APIC_TPR, 0xffffff70);	/* CR8 has no lower half */
	GUEST_EQ(apic_read(APIC_TPR), 0x70);
	apic_write(APIC_LVR, 0);		/* read-only */
	GUEST_EQ(apic_read(APIC_LVR) & 0xff, 0x14);
	apic_write(APIC_ESR, 0);
	GUEST_EQ(apic_read(APIC_ESR), 0);
	/* Bytes of a register. */
	GUEST_EQ(*(volatile uint8_t *)(APIC_BASE + APIC_LVR), 0x14);
	guest_done();
}

static void registers(void)
{
	expect_done(start(guest_registers));
}

/* x2APIC. */
static volatile bool strict;

#define X2(reg)	(0x800 + (reg) / 16)

static void guest_x2_eoi(struct trap *t)
{
	count[t->vector]++;
	wrmsr(X2(APIC_EOI), 0);
}

static void guest_x2apic(void)
{
	uint64_t v;

	guest_handlers[0x55] = guest_x2_eoi;
	guest_handlers[0x56] = guest_x2_eoi;
	apic_enable();
	/* In xAPIC mode the MSRs are not there. */
	GUEST_EQ(guest_rdmsr(X2(APIC_ID), &v), VEC_GP);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	GUEST_EQ(rdmsr(X2(APIC_ID)), 0);
	GUEST_EQ(rdmsr(X2(APIC_LVR)) & 0xff, 0x14);
	GUEST_EQ(rdmsr(X2(APIC_SVR)), 0x1ff);
	GUEST_EQ(rdmsr(X2(APIC_LDR)), 1);	/* cluster 0, member 0 */
	wrmsr(0x83f, 0x55);			/* self-IPI */
	window();
	GUEST_EQ(count[0x55], 1);
	wrmsr(X2(APIC_ICR), 0x56);		/* to ID 0 */
	window();
	GUEST_EQ(count[0x56], 1);
	wrmsr(X2(APIC_TPR), 0x30);
	GUEST_EQ(read_cr(8), 3);
	wrmsr(X2(APIC_TPR), 0);
	/* Reserved bits and registers. */
	if (strict) {	/* KVM does not look */
		GUEST_EQ(guest_wrmsr(X2(APIC_TPR), 0x100), VEC_GP);
		GUEST_EQ(guest_wrmsr(X2(APIC_EOI), 1), VEC_GP);
	}
	GUEST_EQ(guest_wrmsr(X2(APIC_ID), 1), VEC_GP);
	GUEST_EQ(guest_wrmsr(X2(APIC_ESR), 1), VEC_GP);
	GUEST_EQ(guest_rdmsr(0x8f0, &v), VEC_GP);
	/* Back to xAPIC is only by way of off. */
	GUEST_EQ(guest_wrmsr(MSR_APIC_BASE, 0xfee00900), VEC_GP);
	wrmsr(MSR_APIC_BASE, 0xfee00100);
	GUEST_EQ(guest_wrmsr(MSR_APIC_BASE, 0xfee00500), VEC_GP);
	wrmsr(MSR_APIC_BASE, 0xfee00900);
	GUEST_EQ(apic_read(APIC_LVR) & 0xff, 0x14);
	guest_done();
}

/* SDM vol. 3, 11.12.5 */
static void guest_x2_icr(void)
{
	apic_enable();
	apic_write(APIC_ICR2, 5u << 24);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	GUEST_EQ(rdmsr(X2(APIC_ICR)) >> 32, 0);
	guest_done();
}

static struct vcpu *start_x2apic(void (*entry)(void))
{
	struct vcpu *v = start(entry);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 1, 0);

	if (!e || !(e->ecx & 1u << 21))
		skip("no x2APIC");
	return v;
}

static void x2apic(void)
{
	strict = device_is_duet();
	expect_done(start_x2apic(guest_x2apic));
}

static void x2_icr(void)
{
	expect_done(start_x2apic(guest_x2_icr));
}

/* A timer that was running is still running after GET_LAPIC, SET_LAPIC. */
static void guest_restored(void)
{
	apic_enable();
	apic_write(APIC_TIMER_DCR, DIV1);
	apic_write(APIC_LVT_TIMER, 0x40);
	apic_write(APIC_TIMER_ICR, 30000000);
	guest_sync(1);
	safe_halt();
	guest_done();
}

static void restored(void)
{
	struct vcpu *v = start(guest_restored);
	struct kvm_lapic_state l;

	expect_sync(v, 1);
	must(v->fd, KVM_GET_LAPIC, &l);
	must(v->fd, KVM_SET_LAPIC, &l);
	expect_done(v);
	REQUIRE_EQ(count[0x40], 1);
}

/* Without x2APIC in CPUID the bit is reserved, for user space as well. */
static void guest_no_x2apic(void)
{
	apic_enable();
	GUEST_EQ(guest_wrmsr(MSR_APIC_BASE, 0xfee00d00), VEC_GP);
	guest_done();
}

static void no_x2apic(void)
{
	struct vcpu *v = start(guest_no_x2apic);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);

	cpuid_find(c, 1, 0)->ecx &= ~(1u << 21);
	must(v->fd, KVM_SET_CPUID2, c);
	REQUIRE_EQ(msr_try_set(v, MSR_APIC_BASE, 0xfee00d00), 0);
	expect_done(v);
}

/* In x2APIC mode the page is nobody's. */
static void guest_page_x2apic(void)
{
	apic_enable();
	apic_write(APIC_TPR, 0x20);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	GUEST_EQ(apic_read(APIC_LVR), 0xffffffff);
	apic_write(APIC_TPR, 0x70);
	GUEST_EQ(rdmsr(X2(APIC_TPR)), 0x20);
	guest_done();
}

static void page_x2apic(void)
{
	struct vcpu *v = start(guest_page_x2apic);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);

	if (!(cpuid_find(c, 1, 0)->ecx & 1u << 21))
		skip("no x2APIC");
	expect_done(v);
}

/* To and from TSC-deadline mode a timer that runs is disarmed. */
static uint32_t two_ms;

static void guest_mode_change(void)
{
	apic_enable();
	apic_write(APIC_TIMER_DCR, DIV1);
	apic_write(APIC_LVT_TIMER, 0x40);
	apic_write(APIC_TIMER_ICR, two_ms);
	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | 0x40);
	GUEST_EQ(apic_read(APIC_TIMER_ICR), 0);
	apic_write(APIC_LVT_TIMER, 0x40);
	GUEST_EQ(apic_read(APIC_TIMER_CCR), 0);
	GUEST_EQ(apic_read(APIC_TIMER_ICR), 0);
	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | 0x40);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 2 * tsc_hz_ms);
	apic_write(APIC_LVT_TIMER, 0x40);
	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | 0x40);
	GUEST_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	/* From one-shot to periodic it goes on. */
	apic_write(APIC_LVT_TIMER, 0x41);
	apic_write(APIC_TIMER_ICR, 5000000);
	apic_write(APIC_LVT_TIMER, APIC_PERIODIC | 0x41);
	while (count[0x41] < 2) {
		safe_halt();
		cli();
	}
	GUEST_EQ(count[0x40], 0);
	guest_done();
}

static void mode_change(void)
{
	struct vcpu *v = start(guest_mode_change);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	long khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);

	if (!check_extension(v->vm->kvm, KVM_CAP_TSC_DEADLINE_TIMER))
		skip("no TSC-deadline timer");
	cpuid_find(c, 1, 0)->ecx |= 1u << 24;
	must(v->fd, KVM_SET_CPUID2, c);
	/* long enough that none of them comes before it is disarmed */
	two_ms = slowly(2000000);
	tsc_hz_ms = slowly(khz > 0 ? khz : 1000000);
	expect_done(v);
}

/* So is one that waits for the TSC. */
static void guest_restored_deadline(void)
{
	apic_enable();
	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | 0x43);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 30 * tsc_hz_ms);
	guest_sync(1);
	GUEST_REQUIRE(rdmsr(MSR_TSC_DEADLINE));
	safe_halt();
	cli();
	GUEST_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	guest_done();
}

static void restored_deadline(void)
{
	struct vcpu *v = start(guest_restored_deadline);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	long khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
	struct kvm_lapic_state l;
	uint64_t when;

	if (!check_extension(v->vm->kvm, KVM_CAP_TSC_DEADLINE_TIMER))
		skip("no TSC-deadline timer");
	cpuid_find(c, 1, 0)->ecx |= 1u << 24;
	must(v->fd, KVM_SET_CPUID2, c);
	tsc_hz_ms = khz > 0 ? khz : 1000000;
	expect_sync(v, 1);
	when = msr_get(v, MSR_TSC_DEADLINE);
	must(v->fd, KVM_GET_LAPIC, &l);
	must(v->fd, KVM_SET_LAPIC, &l);
	REQUIRE_EQ(msr_get(v, MSR_TSC_DEADLINE), when);
	expect_done(v);
	REQUIRE_EQ(count[0x43], 1);
	/* In another mode there is none. */
	lapic_put(v, APIC_LVT_TIMER, 0x40);
	REQUIRE_EQ(msr_get(v, MSR_TSC_DEADLINE), 0);
}

/* What KVM_SET_LAPIC has in its IRR is taken; there are no vectors below 16. */
static void guest_set_irr(void)
{
	apic_enable();
	guest_sync(1);
	window();
	GUEST_EQ(count[0x61], 1);
	GUEST_EQ(apic_read(APIC_IRR), 0);
	GUEST_EQ(apic_read(APIC_PPR), 0);
	guest_done();
}

static void set_irr(void)
{
	struct vcpu *v = start(guest_set_irr);

	expect_sync(v, 1);
	lapic_put(v, APIC_IRR + 0x30, 1u << 1);
	if (device_is_duet()) {	/* KVM keeps them */
		lapic_put(v, APIC_IRR, 1u << 5);
		lapic_put(v, APIC_ISR, 1u << 5);
	}
	expect_done(v);
}

static const struct test tests[] = {
	{ "IPIs to oneself, every vector, by shorthand and destination",
	  self_ipi },
	{ "the highest vector first, equal ones merge", priority },
	{ "nesting follows the processor priority", nesting },
	{ "TPR and CR8 hold back and let go", tpr },
	{ "timer: one-shot, stopped, masked", oneshot },
	{ "timer: periodic, not early", periodic },
	{ "timer: every divisor", divide },
	{ "timer: TSC deadline", deadline },
	{ "disabled by software", disabled },
	{ "registers and their reserved bits", registers },
	{ "x2APIC: MSRs, self-IPI, transitions", x2apic },
	{ "a running timer survives GET_LAPIC and SET_LAPIC", restored },
	{ "a TSC deadline survives them", restored_deadline },
	{ "x2APIC mode needs CPUID", no_x2apic },
	{ "in x2APIC mode the page is nobody's", page_x2apic },
	{ "timer: a change of mode", mode_change },
	{ "an interrupt that KVM_SET_LAPIC brings is taken", set_irr },
	{ "entering x2APIC mode forgets the ICR's destination", x2_icr },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
