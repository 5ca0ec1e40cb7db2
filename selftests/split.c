// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: with a split irqchip the local APICs are the kernel's and everything
 * else is user space's: its PIC interrupts by KVM_INTERRUPT where LVT0 lets
 * it, its IOAPIC sends through GSI routes and hears of each EOI that it waits
 * for, and of no other. KVM_CAP_X2APIC_API and the boot CPU's id do what the
 * API says.
 */
#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "apic.h"
#include "irq.h"
#include "tap.h"
#include "threads.h"

#define LEVEL	(1u << 15)	/* of an MSI's data */
#define X2(reg)	(0x800 + (reg) / 16)

static volatile bool strict;

static void guest_eoi(struct trap *t)
{
	count[t->vector]++;
	apic_eoi();
}

static void guest_eoi_x2(struct trap *t)
{
	count[t->vector]++;
	wrmsr(X2(APIC_EOI), 0);
}

/* GSIs 5 (level), 6 (edge) and 30 (level, no pin) to APIC 0. */
struct routes {
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry e[3];
};

static struct routes routes(void)
{
	return (struct routes) {
		.head.nr = 3,
		.e[0] = { .gsi = 5, .type = KVM_IRQ_ROUTING_MSI,
			  .u.msi = { .address_lo = 0xfee00000,
				     .data = LEVEL | 0x45 } },
		.e[1] = { .gsi = 6, .type = KVM_IRQ_ROUTING_MSI,
			  .u.msi = { .address_lo = 0xfee00000, .data = 0x46 } },
		.e[2] = { .gsi = 30, .type = KVM_IRQ_ROUTING_MSI,
			  .u.msi = { .address_lo = 0xfee00000,
				     .data = LEVEL | 0x5e } },
	};
}

static void guest_nothing(void)
{
	guest_done();
}

static void errors(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP };
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_interrupt irq = { .irq = 0x30 };
	struct kvm_irqfd fd = { .gsi = 5 };
	struct kvm_pit_config pit = { 0 };
	struct routes r = routes();
	struct vcpu *v;
	struct vm *vm;

	vm = vm_create(0);
	REQUIRE_EQ(check_extension(vm->kvm, KVM_CAP_SPLIT_IRQCHIP), 1);
	cap.args[0] = 4097;
	must_fail(vm->fd, KVM_ENABLE_CAP, &cap, EINVAL);
	cap.args[0] = 24;
	cap.flags = 1;
	must_fail(vm->fd, KVM_ENABLE_CAP, &cap, EINVAL);
	cap.flags = 0;
	must(vm->fd, KVM_ENABLE_CAP, &cap);
	must_fail(vm->fd, KVM_ENABLE_CAP, &cap, EEXIST);
	must_fail(vm->fd, KVM_CREATE_IRQCHIP, 0, EEXIST);
	must_fail(vm->fd, KVM_GET_IRQCHIP, &chip, ENXIO);
	must_fail(vm->fd, KVM_SET_IRQCHIP, &chip, ENXIO);
	if (device_is_duet())	/* KVM 6.1 makes one that ticks for nobody */
		must_fail(vm->fd, KVM_CREATE_PIT2, &pit, ENOENT);

	must(vm->fd, KVM_SET_GSI_ROUTING, &r);
	r.e[0].type = KVM_IRQ_ROUTING_IRQCHIP;
	r.e[0].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	r.e[0].u.irqchip.pin = 5;
	must_fail(vm->fd, KVM_SET_GSI_ROUTING, &r, EINVAL);

	fd.fd = eventfd(0, 0);
	fd.resamplefd = eventfd(0, 0);
	fd.flags = KVM_IRQFD_FLAG_RESAMPLE;
	must_fail(vm->fd, KVM_IRQFD, &fd, EINVAL);
	if (device_is_duet())	/* KVM 6.1 says 1 */
		REQUIRE_EQ(check_extension(vm->fd, KVM_CAP_IRQFD_RESAMPLE), 0);
	REQUIRE_EQ(check_extension(vm->kvm, KVM_CAP_IRQFD_RESAMPLE), 1);

	v = vcpu_create(vm, 0);
	vcpu_start(v, guest_nothing);
	must(v->fd, KVM_INTERRUPT, &irq);
	must_fail(v->fd, KVM_INTERRUPT, &irq, EEXIST);
	irq.irq = 256;
	must_fail(v->fd, KVM_INTERRUPT, &irq, EINVAL);
	expect_done(v);

	v = irq_start(VM_IRQCHIP, guest_nothing);
	must_fail(v->vm->fd, KVM_ENABLE_CAP, &cap, EEXIST);
	v = irq_start(0, guest_nothing);	/* too late */
	must_fail(v->vm->fd, KVM_ENABLE_CAP, &cap, EEXIST);
}

/* The chips' ports and the IOAPIC's page are user space's. */
static void guest_touches(void)
{
	outb(0x20, 0x11);
	outb(0xa1, 0xff);
	outb(0x4d0, 0);
	outb(0x43, 0x34);
	*(volatile uint32_t *)IOAPIC_BASE = 1;
	GUEST_EQ(apic_read(APIC_LVR) & 0xff, 0x14);
	guest_done();
}

static void touches(void)
{
	static const uint16_t ports[] = { 0x20, 0xa1, 0x4d0, 0x43 };
	struct vcpu *v = irq_start(VM_SPLIT, guest_touches);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		vcpu_expect(v, KVM_EXIT_IO);
		REQUIRE_EQ(v->run->io.port, ports[i]);
	}
	vcpu_expect(v, KVM_EXIT_MMIO);
	REQUIRE_EQ(v->run->mmio.phys_addr, IOAPIC_BASE);
	expect_done(v);
}

/* KVM_INTERRUPT: through LVT0 alone, with no trace in the local APIC. */
static void guest_extint(void)
{
	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_MASKED | APIC_EXTINT);
	guest_handlers[0x51] = guest_eoi;
	sti();
	guest_sync(1);
	guest_sync(2);
	GUEST_EQ(count[0x41], 0);
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	asm volatile("nop; nop");
	if (strict)	/* KVM 6.1 looks again when something else comes */
		GUEST_EQ(count[0x41], 1);
	apic_self_ipi(0x51);
	asm volatile("nop; nop");
	GUEST_EQ(count[0x41], 1);
	GUEST_EQ(count[0x51], 1);
	GUEST_EQ(apic_bit(APIC_ISR, 0x41), 0);
	guest_sync(3);
	GUEST_EQ(count[0x42], 1);
	/* The TPR holds back the local APIC's, not these. */
	apic_write(APIC_TPR, 0xf0);
	apic_self_ipi(0x51);
	guest_sync(4);
	GUEST_EQ(count[0x43], 1);
	GUEST_EQ(count[0x51], 1);
	apic_write(APIC_TPR, 0);
	asm volatile("nop; nop");
	GUEST_EQ(count[0x51], 2);
	guest_done();
}

static void extint(void)
{
	struct vcpu *v = irq_start(VM_SPLIT, guest_extint);

	strict = device_is_duet();
	expect_sync(v, 1);
	/* Not ready: LVT0 is masked. It waits. */
	REQUIRE_EQ(v->run->if_flag, 1);
	REQUIRE_EQ(v->run->ready_for_interrupt_injection, 0);
	interrupt(v, 0x41);
	expect_sync(v, 2);
	REQUIRE_EQ(v->run->ready_for_interrupt_injection, 0);
	expect_sync(v, 3);
	REQUIRE_EQ(v->run->ready_for_interrupt_injection, 1);
	interrupt(v, 0x42);
	expect_sync(v, 4);
	interrupt(v, 0x43);
	expect_done(v);
}

/* The window opens for IF and LVT0 together; a halted vCPU has one too. */
static void guest_window(void)
{
	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	cli();
	guest_sync(1);
	sti();
	asm volatile("nop; nop");
	GUEST_EQ(count[0x44], 1);
	cli();
	guest_sync(2);
	safe_halt();
	cli();
	GUEST_EQ(count[0x45], 1);
	apic_write(APIC_LVT_LINT0, APIC_MASKED | APIC_EXTINT);
	guest_sync(3);
	sti();
	write_cr(4, read_cr(4));	/* an exit */
	guest_sync(4);			/* no window before this */
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	asm volatile("nop; nop");
	GUEST_EQ(count[0x46], 1);
	guest_done();
}

static void window(void)
{
	struct vcpu *v = irq_start(VM_SPLIT, guest_window);

	expect_sync(v, 1);
	REQUIRE_EQ(v->run->ready_for_interrupt_injection, 0);
	expect_window(v);
	REQUIRE_EQ(v->run->ready_for_interrupt_injection, 1);
	interrupt(v, 0x44);
	expect_sync(v, 2);
	/* HLT stays in the kernel: the window's exit shows it. */
	expect_window(v);
	interrupt(v, 0x45);
	expect_sync(v, 3);
	v->run->request_interrupt_window = 1;
	expect_sync(v, 4);
	vcpu_expect(v, KVM_EXIT_IRQ_WINDOW_OPEN);
	v->run->request_interrupt_window = 0;
	interrupt(v, 0x46);
	expect_done(v);
}

/* What waits is part of the state, and can be taken back. */
static void guest_waits(void)
{
	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	guest_sync(1);
	guest_sync(2);
	sti();
	asm volatile("nop; nop");
	guest_done();
}

static void waits(void)
{
	struct vcpu *v = irq_start(VM_SPLIT, guest_waits);
	struct kvm_vcpu_events e;
	struct kvm_sregs s;

	if (!device_is_duet())
		skip("KVM forgets it");
	expect_sync(v, 1);
	interrupt(v, 0x47);
	expect_sync(v, 2);
	must(v->fd, KVM_GET_VCPU_EVENTS, &e);
	REQUIRE_EQ(e.interrupt.injected, 1);
	REQUIRE_EQ(e.interrupt.nr, 0x47);
	sregs_get(v, &s);
	REQUIRE_EQ(s.interrupt_bitmap[1], 1ull << (0x47 - 64));
	/* Set again, it is one interrupt and not two. */
	sregs_set(v, &s);
	must(v->fd, KVM_SET_VCPU_EVENTS, &e);
	expect_done(v);
	REQUIRE_EQ(count[0x47], 1);
}

/* EOIs, in both modes of the local APIC. */
static void guest_eois(void)
{
	guest_handlers[0x45] = guest_handlers[0x46] = guest_eoi;
	guest_handlers[0x5e] = guest_eoi;
	apic_enable();
	sti();
	guest_sync(1);
	guest_sync(2);
	guest_sync(3);
	guest_sync(4);
	guest_handlers[0x45] = guest_handlers[0x46] = guest_eoi_x2;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	guest_sync(5);
	guest_sync(6);
	guest_done();
}

static void expect_eoi(struct vcpu *v, unsigned int vector)
{
	vcpu_expect(v, KVM_EXIT_IOAPIC_EOI);
	REQUIRE_EQ(v->run->eoi.vector, vector);
	REQUIRE_EQ(count[vector], 1);
	count[vector] = 0;
}

static void eois(void)
{
	struct vcpu *v = irq_start(VM_SPLIT, guest_eois);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	struct routes r = routes();

	REQUIRE(cpuid_find(c, 1, 0)->ecx & 1u << 21, "no x2APIC");
	expect_sync(v, 1);
	line(v, 5, 1);			/* leads nowhere */
	expect_sync(v, 2);
	REQUIRE_EQ(count[0x45], 0);
	must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
	line(v, 5, 1);
	expect_eoi(v, 0x45);
	/* User space's IOAPIC holds the line: it sends again. */
	line(v, 5, 1);
	expect_eoi(v, 0x45);
	line(v, 6, 1);
	expect_sync(v, 3);
	REQUIRE_EQ(count[0x46], 1, "edge: nobody waits");
	line(v, 30, 1);
	expect_sync(v, 4);
	REQUIRE_EQ(count[0x5e], 1, "not a pin: nobody waits");
	expect_sync(v, 5);
	line(v, 5, 1);
	expect_eoi(v, 0x45);
	line(v, 6, 1);
	expect_sync(v, 6);
	REQUIRE_EQ(count[0x46], 2);
	expect_done(v);
}

/* The route is another one when the EOI comes. */
static void guest_served(struct trap *t)
{
	count[t->vector]++;
	guest_sync(2);
	apic_eoi();
}

static void guest_rerouted(void)
{
	guest_handlers[0x45] = guest_served;
	apic_enable();
	sti();
	guest_sync(1);
	guest_done();
}

static void rerouted(void)
{
	struct vcpu *v = irq_start(VM_SPLIT, guest_rerouted);
	struct routes r = routes();

	if (!device_is_duet())
		skip("KVM 6.1 tells nobody");
	must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
	expect_sync(v, 1);
	line(v, 5, 1);
	expect_sync(v, 2);
	r.e[0].u.msi.data = LEVEL | 0x55;
	must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
	expect_eoi(v, 0x45);
	expect_done(v);
}

/*
 * The line is raised while the ioctl that changes its route is under way: an
 * interrupt by the new route is told as one by the old.
 */
#define NEW_FIRST	0x30
#define NEW_LAST	0xef

static volatile unsigned int taken, newest;
static volatile bool stop;

static void guest_take(struct trap *t)
{
	taken++;
	newest = t->vector;
	apic_eoi();
}

static void guest_takes(void)
{
	unsigned int i;

	for (i = NEW_FIRST; i <= NEW_LAST; i++)
		guest_handlers[i] = guest_take;
	apic_enable();
	sti();
	while (!stop)
		asm volatile("pause");
	asm volatile("nop; nop");
	cli();
	guest_done();
}

static void *raise_line(void *v)
{
	while (!stop) {
		line(v, 5, 1);
		sched_yield();
	}
	return NULL;
}

static void *change_route(void *arg)
{
	struct routes r = routes();
	struct vcpu *v = arg;
	unsigned int i;

	for (i = NEW_FIRST; i <= NEW_LAST; i++) {
		r.e[0].u.msi.data = LEVEL | i;
		must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
		while (newest != i)
			sched_yield();
	}
	stop = true;
	return NULL;
}

static void changing(void)
{
	struct vcpu *v = irq_start(VM_SPLIT, guest_takes);
	unsigned int told = 0;

	if (!device_is_duet())
		skip("KVM 6.1 tells nobody");
	spawn(raise_line, v);
	spawn(change_route, v);
	while (vcpu_run(v) == KVM_EXIT_IOAPIC_EOI)
		told++;
	REQUIRE(ucall_get(v) && ucall_get(v)->cmd == UCALL_DONE);
	note("%u interrupts, %u EOIs", taken, told);
	REQUIRE_EQ(told, taken);
}

/*
 * An EOI in an instruction that user space completes is told before a signal:
 * it has no place in any state that could be saved.
 */
#define DEVICE	0xd0000000ul

static void guest_moves(struct trap *t)
{
	uint64_t from = DEVICE, to = APIC_BASE + APIC_EOI;

	count[t->vector]++;
	asm volatile("movsl" : "+S" (from), "+D" (to) : : "memory");
}

static void guest_eoi_by_move(void)
{
	guest_handlers[0x45] = guest_moves;
	apic_enable();
	sti();
	guest_sync(1);
	guest_done();
}

static void before_signals(void)
{
	struct vcpu *v = irq_start(VM_SPLIT, guest_eoi_by_move);
	struct routes r = routes();

	if (!device_is_duet())
		skip("KVM tells it after the signal");
	must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
	expect_sync(v, 1);
	line(v, 5, 1);
	vcpu_expect(v, KVM_EXIT_MMIO);
	REQUIRE_EQ(v->run->mmio.phys_addr, DEVICE);
	memset(v->run->mmio.data, 0, 8);
	v->run->immediate_exit = 1;
	expect_eoi(v, 0x45);
	REQUIRE_EQ(vcpu_run(v), -EINTR);
	v->run->immediate_exit = 0;
	expect_done(v);
}

/* irqfds on such routes, and KVM_SIGNAL_MSI. */
static void guest_two(void)
{
	guest_handlers[0x45] = guest_handlers[0x46] = guest_eoi;
	apic_enable();
	sti();
	guest_sync(1);
	guest_sync(2);
	guest_sync(3);
	guest_done();
}

static void irqfds(void)
{
	struct vcpu *v = irq_start(VM_SPLIT, guest_two);
	struct kvm_irqfd fd = { .gsi = 6 };
	struct routes r = routes();

	must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
	fd.fd = eventfd(0, 0);
	must(v->vm->fd, KVM_IRQFD, &fd);
	expect_sync(v, 1);
	eventfd_write(fd.fd, 1);
	expect_sync(v, 2);
	REQUIRE_EQ(count[0x46], 1);
	REQUIRE_EQ(msi_send(v->vm, 0, 0x46), 1);
	expect_sync(v, 3);
	REQUIRE_EQ(count[0x46], 2);
	fd.fd = eventfd(1, 0);	/* signalled before it is assigned */
	fd.gsi = 5;
	must(v->vm->fd, KVM_IRQFD, &fd);
	expect_eoi(v, 0x45);
	expect_done(v);
}

/* KVM_CAP_X2APIC_API: wide ids in messages and in the registers' page. */
static void guest_x2(void)
{
	guest_handlers[0x46] = guest_eoi_x2;
	apic_enable();
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	sti();
	guest_sync(1);
	guest_sync(2);
	guest_sync(3);
	guest_done();
}

static void x2apic_api(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X2APIC_API };
	struct kvm_msi msi = { .data = 0x46 };
	struct routes r = routes();
	struct kvm_lapic_state l;
	struct vcpu *v, *w;
	struct vm *vm;

	vm = vm_create(VM_SPLIT);
	REQUIRE_EQ(check_extension(vm->kvm, cap.cap), 3);
	cap.args[0] = 4;
	must_fail(vm->fd, KVM_ENABLE_CAP, &cap, EINVAL);
	vcpu_create(vm, 0);
	v = vcpu_create(vm, 1);
	vcpu_start(v, guest_x2);
	must(v->fd, KVM_SET_MP_STATE,
	     &(struct kvm_mp_state){ KVM_MP_STATE_RUNNABLE });
	expect_sync(v, 1);
	REQUIRE_EQ(lapic_get(v, APIC_ID), 1u << 24);
	/* Without it, the upper half of an address means nothing... */
	msi.address_lo = 0xfee01000;
	msi.address_hi = 0x100;
	REQUIRE_EQ(must(vm->fd, KVM_SIGNAL_MSI, &msi), 1);
	expect_sync(v, 2);
	REQUIRE_EQ(count[0x46], 1);

	/* ... with it, it is the id's. */
	cap.args[0] = 3;
	must(vm->fd, KVM_ENABLE_CAP, &cap);
	REQUIRE_EQ(must(vm->fd, KVM_SIGNAL_MSI, &msi), 0, "id 0x101");
	msi.address_hi = 1;
	must_fail(vm->fd, KVM_SIGNAL_MSI, &msi, EINVAL);
	r.e[1].u.msi.address_hi = 1;
	must_fail(vm->fd, KVM_SET_GSI_ROUTING, &r, EINVAL);
	r.e[1].u.msi.address_hi = 0x100;
	must(vm->fd, KVM_SET_GSI_ROUTING, &r);
	/* 0xff is an id for a local APIC in x2APIC mode. */
	msi.address_lo = 0xfeeff000;
	msi.address_hi = 0;
	REQUIRE_EQ(must(vm->fd, KVM_SIGNAL_MSI, &msi), 0);
	expect_sync(v, 3);
	REQUIRE_EQ(count[0x46], 1);
	msi.address_hi = 0xffffff00;
	REQUIRE_EQ(must(vm->fd, KVM_SIGNAL_MSI, &msi), 1);
	expect_done(v);
	REQUIRE_EQ(count[0x46], 2);

	must(v->fd, KVM_GET_LAPIC, &l);
	REQUIRE_EQ(*(uint32_t *)(l.regs + APIC_ID), 1);
	must(v->fd, KVM_SET_LAPIC, &l);
	*(uint32_t *)(l.regs + APIC_ID) = 1u << 24;
	must_fail(v->fd, KVM_SET_LAPIC, &l, EINVAL);
	/* The quirk's end is not for xAPIC mode. */
	w = irq_start(VM_SPLIT, guest_two);
	must(w->vm->fd, KVM_ENABLE_CAP, &cap);
	expect_sync(w, 1);
	count[0x46] = 0;
	msi.address_hi = 0;
	REQUIRE_EQ(must(w->vm->fd, KVM_SIGNAL_MSI, &msi), 1);
	expect_sync(w, 2);
	REQUIRE_EQ(count[0x46], 1);
}

static void boot_cpu(void)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_mp_state s;
	struct vcpu *v, *w;

	if (check_extension(vm->kvm, KVM_CAP_SET_BOOT_CPU_ID) != 1)
		fail("no KVM_CAP_SET_BOOT_CPU_ID");
	must(vm->fd, KVM_SET_BOOT_CPU_ID, 1);
	v = vcpu_create(vm, 0);
	must_fail(vm->fd, KVM_SET_BOOT_CPU_ID, 0, EBUSY);
	w = vcpu_create(vm, 1);
	must(v->fd, KVM_GET_MP_STATE, &s);
	REQUIRE_EQ(s.mp_state, KVM_MP_STATE_UNINITIALIZED);
	must(w->fd, KVM_GET_MP_STATE, &s);
	REQUIRE_EQ(s.mp_state, KVM_MP_STATE_RUNNABLE);
	REQUIRE_EQ(msr_get(v, MSR_APIC_BASE), 0xfee00800);
	REQUIRE_EQ(msr_get(w, MSR_APIC_BASE), 0xfee00900);
	vcpu_start(w, guest_nothing);
	expect_done(w);
}

/* A vector of a level-triggered pin that also comes otherwise: by the routes. */
static void guest_shares(void)
{
	guest_handlers[0x45] = guest_eoi;
	apic_enable();
	sti();
	guest_sync(1);
	apic_self_ipi(0x45);
	asm volatile("nop; nop");
	guest_sync(2);
	apic_self_ipi(0x45);
	asm volatile("nop; nop");
	guest_done();
}

static void shared(void)
{
	struct vcpu *v = irq_start(VM_SPLIT, guest_shares);
	struct routes r = routes();

	expect_sync(v, 1);
	r.e[0].u.msi.address_lo = 0xfee01000;	/* another one's */
	must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
	expect_sync(v, 2);
	REQUIRE_EQ(count[0x45], 1);
	count[0x45] = 0;
	r.e[0].u.msi.address_lo = 0xfee00000;
	must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
	expect_eoi(v, 0x45);
	expect_done(v);
}

static const struct test tests[] = {
	{ "what exists, what does not: errors", errors },
	{ "the chips' ports and page are user space's", touches },
	{ "KVM_INTERRUPT goes through LVT0, past TPR and ISR", extint },
	{ "the interrupt window, halted too", window },
	{ "an interrupt that waits is in VCPU_EVENTS and SREGS", waits },
	{ "EOIs of level-triggered pins are exits, others are not", eois },
	{ "an EOI after its route has changed", rerouted },
	{ "an EOI while its route changes", changing },
	{ "irqfds and KVM_SIGNAL_MSI", irqfds },
	{ "KVM_CAP_X2APIC_API: 32-bit ids, no broadcast to 0xff", x2apic_api },
	{ "KVM_SET_BOOT_CPU_ID", boot_cpu },
	{ "an EOI in a completed instruction is told before a signal",
	  before_signals },
	{ "an EOI of a vector that a pin shares", shared },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
