// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: an interrupt from the wires of the chips in the kernel (PIC, IOAPIC,
 * PIT, GSI routing) is taken when the guest allows it, once for each edge, as
 * long as the level stays.
 */
#include <pthread.h>
#include <time.h>

#include "apic.h"
#include "irq.h"
#include "tap.h"

static void guest_pic_count(struct trap *t)
{
	guest_count(t);
	if (t->vector >= 0x28)
		outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void guest_pic(void)
{
	unsigned int i;

	for (i = 0x20; i < 0x30; i++)
		guest_handlers[i] = guest_pic_count;
	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	pic_init(0x20, ~(1u << 4 | 1u << 2 | 1u << 10));
	sti();
	for (i = 1;; i++)
		guest_sync(i);
}

static void pic(void)
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_pic);

	expect_sync(v, 1);
	line(v, 4, 1);
	expect_sync(v, 2);
	REQUIRE_EQ(count[0x24], 1);
	line(v, 4, 1);			/* no edge */
	expect_sync(v, 3);
	REQUIRE_EQ(count[0x24], 1);
	line(v, 4, 0);
	line(v, 4, 1);
	expect_sync(v, 4);
	REQUIRE_EQ(count[0x24], 2);
	line(v, 10, 1);			/* through the cascade */
	expect_sync(v, 5);
	REQUIRE_EQ(count[0x2a], 1);
	line(v, 5, 1);			/* masked */
	expect_sync(v, 6);
	REQUIRE_EQ(count[0x25], 0);
}

/* Masked, pending, unmasked; and the interrupt-request registers. */
static void guest_pic_mask(void)
{
	guest_handlers[0x24] = guest_pic_count;
	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	pic_init(0x20, 0xffff);
	sti();
	guest_sync(1);
	GUEST_EQ(count[0x24], 0);
	outb(0x20, 0x0a);		/* read the IRR */
	GUEST_EQ(inb(0x20) & 0x10, 0x10);
	outb(0x21, 0xef);
	asm volatile("nop; nop");
	GUEST_EQ(count[0x24], 1);
	outb(0x20, 0x0b);		/* read the ISR */
	GUEST_EQ(inb(0x20), 0);
	GUEST_EQ(inb(0x21), 0xef);
	GUEST_EQ(inb(0xa1), 0xff);
	guest_done();
}

static void pic_mask(void)
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_pic_mask);

	expect_sync(v, 1);
	line(v, 4, 1);
	expect_done(v);
}

static void guest_apic_count(struct trap *t)
{
	guest_count(t);
	apic_eoi();
}

static volatile unsigned int irr_seen, irr_kept;

static void guest_level(struct trap *t)
{
	guest_count(t);
	if (count[t->vector] == 1)
		irr_seen = ioapic_read(0x10 + 2 * 10) >> 14 & 1;
	/* The second time the host takes the line away. */
	if (count[t->vector] == 2) {
		guest_sync(100);
		/* it is not the guest's to write */
		ioapic_route(10, 0x4a | 1u << 15);
		irr_kept = ioapic_read(0x10 + 2 * 10) >> 14 & 1;
	}
	apic_eoi();
}

static void guest_ioapic(void)
{
	unsigned int i;

	guest_handlers[0x45] = guest_apic_count;
	guest_handlers[0x4a] = guest_level;
	apic_enable();
	pic_init(0x20, 0xffff);
	ioapic_route(5, 0x45);			/* edge */
	/* level; delivery status and remote IRR are read-only */
	ioapic_route(10, 0x4a | 1u << 15 | 1u << 14 | 1u << 12);
	GUEST_EQ(ioapic_read(0x10 + 2 * 10), 0x4a | 1u << 15);
	GUEST_EQ(ioapic_read(0x10 + 2 * 5), 0x45);
	GUEST_EQ(ioapic_read(1) >> 16 & 0xff, 23);
	sti();
	for (i = 1;; i++)
		guest_sync(i);
}

static void ioapic(void)
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_ioapic);
	struct kvm_irq_level status = { .irq = 5, .level = 1 };

	expect_sync(v, 1);
	line(v, 5, 1);
	expect_sync(v, 2);
	REQUIRE_EQ(count[0x45], 1);
	line(v, 5, 1);
	expect_sync(v, 3);
	REQUIRE_EQ(count[0x45], 1);
	line(v, 5, 0);
	line(v, 5, 1);
	line(v, 5, 0);
	expect_sync(v, 4);
	REQUIRE_EQ(count[0x45], 2);
	must(v->vm->fd, KVM_IRQ_LINE_STATUS, &status);
	REQUIRE((int)status.status > 0, "%d", status.status);
	expect_sync(v, 5);
	REQUIRE_EQ(count[0x45], 3);
	line(v, 5, 0);

	line(v, 10, 1);
	expect_sync(v, 100);	/* in the handler, the second time */
	REQUIRE_EQ(irr_seen, 1, "remote IRR");
	line(v, 10, 0);
	expect_sync(v, 6);
	REQUIRE_EQ(irr_kept, 1);
	REQUIRE_EQ(count[0x4a], 2);
	line(v, 11, 1);		/* masked since reset */
	expect_sync(v, 7);
}

/* A line wakes who sleeps in the kernel, by the IOAPIC or by the PIC. */
#define WAKES	20

static void guest_sleeps(unsigned int vec)
{
	guest_sync(1);
	while (count[vec] < WAKES) {
		cli();
		if (count[vec] < WAKES)
			safe_halt();
	}
	guest_done();
}

static void guest_ioapic_sleeps(void)
{
	guest_handlers[0x45] = guest_apic_count;
	apic_enable();
	pic_init(0x20, 0xffff);
	ioapic_route(5, 0x45);
	guest_sleeps(0x45);
}

static void guest_pic_sleeps(void)
{
	guest_handlers[0x25] = guest_pic_count;
	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	pic_init(0x20, ~(1u << 5));
	guest_sleeps(0x25);
}

static void *wake(void *v)
{
	unsigned int i;

	for (i = 0; i < WAKES; i++) {
		while (count[0x45] + count[0x25] != i)
			usleep(500);
		if (i % 3 == 0)
			usleep(3000);
		line(v, 5, 1);
		line(v, 5, 0);
	}
	return NULL;
}

static void wakes(void (*guest)(void))
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest);
	pthread_t thread;

	expect_sync(v, 1);
	pthread_create(&thread, NULL, wake, v);
	expect_done(v);
	pthread_join(thread, NULL);
}

static void ioapic_wakes(void)
{
	wakes(guest_ioapic_sleeps);
}

static void pic_wakes(void)
{
	wakes(guest_pic_sleeps);
}

/* The PIT: ticks, at their rate. */
#define TICKS	20

static volatile bool by_ioapic;

static void guest_pit(void)
{
	apic_enable();
	if (by_ioapic) {
		guest_handlers[0x50] = guest_apic_count;
		pic_init(0x20, 0xffff);
		apic_write(APIC_LVT_LINT0, APIC_MASKED);
		ioapic_route(0, 0x50);	/* GSI 0 is pin 0 by default */
	} else {
		guest_handlers[0x20] = guest_pic_count;
		apic_write(APIC_LVT_LINT0, APIC_EXTINT);
		pic_init(0x20, ~1u);
	}
	guest_sync(1);
	pit_start(1193182 / 200);	/* 5 ms */
	while (count[by_ioapic ? 0x50 : 0x20] < TICKS)
		safe_halt();
	guest_done();
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

static void pit_by(bool ioapic)
{
	struct vcpu *v;
	uint64_t t;

	by_ioapic = ioapic;
	v = irq_start(VM_PIT, guest_pit);
	expect_sync(v, 1);
	t = now_us();
	expect_done(v);
	t = now_us() - t;
	/* Not early; how late depends on the machine. */
	REQUIRE(t >= (TICKS - 1) * 5000ull - 2000, "%llu us",
		(unsigned long long)t);
	REQUIRE(t < 3000000, "%llu us", (unsigned long long)t);
	vm_destroy(v->vm, v);
}

static void pit(void)
{
	pit_by(false);
	pit_by(true);
}

/* Reading the PIT: the counter goes down, latched and by read-back. */
static void guest_pit_read(void)
{
	unsigned int a, b, i;

	outb(0x43, 0x34);
	outb(0x40, 0xff);
	outb(0x40, 0xff);
	outb(0x43, 0);			/* latch */
	a = inb(0x40);
	a |= inb(0x40) << 8;
	for (i = 0; i < 20000; i++)
		asm volatile("pause");
	outb(0x43, 0);
	b = inb(0x40);
	b |= inb(0x40) << 8;
	GUEST_REQUIRE(a != b);
	outb(0x43, 0xe2);		/* read back: status of channel 0 */
	GUEST_EQ(inb(0x40) & 0x3f, 0x34);
	/* Channel 2's gate and the speaker's port. */
	outb(0x61, 1);
	GUEST_EQ(inb(0x61) & 3, 1);
	guest_done();
}

static void pit_read(void)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct vcpu *v = irq_start(VM_PIT, guest_pit_read);
	struct vm *vm;

	/* Without the flag port 0x61 is user space's. */
	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.port, 0x61);
	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.port, 0x61);
	*((uint8_t *)v->run + v->run->io.data_offset) = 1;
	expect_done(v);
	/* With it, the kernel's. */
	vm = vm_create(VM_IRQCHIP);
	must(vm->fd, KVM_CREATE_PIT2, &config);
	v = vcpu_create(vm, 0);
	vcpu_start(v, guest_pit_read);
	expect_done(v);
	config.flags = 1u << 5;
	vm = vm_create(VM_IRQCHIP);
	if (device_is_duet())	/* KVM ignores them */
		must_fail(vm->fd, KVM_CREATE_PIT2, &config, EINVAL);
}

/* GSI routing: another wire, an MSI, none at all. */
static void guest_routes(void)
{
	unsigned int i;

	guest_handlers[0x45] = guest_apic_count;
	guest_handlers[0x66] = guest_apic_count;
	apic_enable();
	pic_init(0x20, 0xffff);
	ioapic_route(5, 0x45);
	sti();
	for (i = 1;; i++)
		guest_sync(i);
}

static void routing(void)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e[2];
	} r = {
		.head.nr = 2,
		.e[0] = { .gsi = 40, .type = KVM_IRQ_ROUTING_IRQCHIP,
			  .u.irqchip = { KVM_IRQCHIP_IOAPIC, 5 } },
		.e[1] = { .gsi = 41, .type = KVM_IRQ_ROUTING_MSI,
			  .u.msi = { .address_lo = 0xfee00000, .data = 0x66 } },
	};
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_routes);

	expect_sync(v, 1);
	must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
	line(v, 40, 1);
	expect_sync(v, 2);
	REQUIRE_EQ(count[0x45], 1);
	line(v, 40, 0);
	line(v, 41, 1);
	expect_sync(v, 3);
	REQUIRE_EQ(count[0x66], 1);
	line(v, 41, 0);			/* no message */
	line(v, 5, 1);			/* routed no more */
	expect_sync(v, 4);
	REQUIRE_EQ(count[0x45], 1);
	REQUIRE_EQ(count[0x66], 1);
	/* Bad ones, which leave the old table. */
	r.head.flags = 1;
	must_fail(v->vm->fd, KVM_SET_GSI_ROUTING, &r, EINVAL);
	r.head.flags = 0;
	/* A GSI is one message, or a pin of each chip. */
	r.e[1].gsi = 40;
	must_fail(v->vm->fd, KVM_SET_GSI_ROUTING, &r, EINVAL);
	r.e[1].gsi = 41;
	r.e[1].type = 99;
	must_fail(v->vm->fd, KVM_SET_GSI_ROUTING, &r, EINVAL);
	r.e[1].type = KVM_IRQ_ROUTING_IRQCHIP;
	r.e[1].u.irqchip.irqchip = 7;
	r.e[1].u.irqchip.pin = 0;
	must_fail(v->vm->fd, KVM_SET_GSI_ROUTING, &r, EINVAL);
	r.e[1].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	r.e[1].u.irqchip.pin = 24;
	must_fail(v->vm->fd, KVM_SET_GSI_ROUTING, &r, EINVAL);
	r.e[1].gsi = 1u << 30;
	must_fail(v->vm->fd, KVM_SET_GSI_ROUTING, &r, EINVAL);
	r.head.nr = 0xffffffff;
	must_fail(v->vm->fd, KVM_SET_GSI_ROUTING, &r, EINVAL);
	line(v, 40, 1);
	expect_sync(v, 5);
	REQUIRE_EQ(count[0x45], 2);
}

/*
 * The RTC's interrupt, whose status somebody asks for, is coalesced until the
 * guest has written EOI; a local APIC that lost its state owes none.
 */
static void guest_rtc_taken(struct trap *t)
{
	guest_count(t);
	guest_sync(count[t->vector] + 10);
	apic_eoi();
}

static void guest_rtc(void)
{
	guest_handlers[0x48] = guest_rtc_taken;
	apic_enable();
	pic_init(0x20, 0xffff);
	ioapic_route(8, 0x48);
	sti();
	guest_sync(1);
	guest_sync(2);
	guest_done();
}

static int rtc(struct vcpu *v)
{
	struct kvm_irq_level up = { .irq = 8, .level = 1 }, down = { .irq = 8 };

	must(v->vm->fd, KVM_IRQ_LINE_STATUS, &up);
	must(v->vm->fd, KVM_IRQ_LINE_STATUS, &down);
	return up.status;	/* in the place of the irq */
}

static void coalesced(void)
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_rtc);
	struct kvm_lapic_state l;

	expect_sync(v, 1);
	REQUIRE_EQ(rtc(v), 1);
	REQUIRE_EQ(rtc(v), 0);
	expect_sync(v, 11);
	REQUIRE_EQ(rtc(v), 0);
	expect_sync(v, 2);
	REQUIRE_EQ(count[0x48], 1);
	REQUIRE_EQ(rtc(v), 1);
	expect_sync(v, 12);
	REQUIRE_EQ(rtc(v), 0);
	must(v->fd, KVM_GET_LAPIC, &l);
	memset(l.regs + APIC_ISR, 0, 0x80);
	must(v->fd, KVM_SET_LAPIC, &l);
	REQUIRE_EQ(rtc(v), 1);
	expect_sync(v, 13);
	expect_done(v);
	REQUIRE_EQ(count[0x48], 3);
}

/* LVT0 is an NMI's: what the PIC has is not taken by it. */
static void guest_lint0_nmi(void)
{
	guest_handlers[0x24] = guest_pic_count;
	apic_enable();
	pic_init(0x20, ~(1u << 4));
	apic_write(APIC_LVT_LINT0, 0x400);
	sti();
	guest_sync(1);
	asm volatile("nop; nop");
	GUEST_EQ(count[0x24], 0);
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	asm volatile("nop; nop");
	guest_sync(2);
	guest_done();
}

static void lint0_nmi(void)
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_lint0_nmi);

	expect_sync(v, 1);
	line(v, 4, 1);
	expect_sync(v, 2);
	if (device_is_duet())	/* KVM 6.1 looks when something else comes */
		REQUIRE_EQ(count[0x24], 1);
	expect_done(v);
}

/* A vector that was level-triggered and is edge-triggered now: the TMR. */
static volatile unsigned int tmr_seen;

static void guest_tmr(struct trap *t)
{
	guest_count(t);
	tmr_seen = apic_bit(APIC_TMR, t->vector);
	guest_sync(tmr_seen + 10);
	apic_eoi();
}

static void guest_triggers(void)
{
	guest_handlers[0x4a] = guest_tmr;
	apic_enable();
	pic_init(0x20, 0xffff);
	ioapic_route(10, 0x4a | 1u << 15);
	sti();
	guest_sync(1);
	guest_sync(2);
	ioapic_route(10, 0x4a);
	guest_sync(3);
	guest_done();
}

static void level_then_edge(void)
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_triggers);

	expect_sync(v, 1);
	line(v, 10, 1);
	expect_sync(v, 11);
	line(v, 10, 0);
	expect_sync(v, 2);
	expect_sync(v, 3);
	line(v, 10, 1);
	expect_sync(v, 10);
	expect_done(v);
	REQUIRE_EQ(count[0x4a], 2);
}

/* Raised while masked: a level waits for the end of it, an edge is lost. */
static void guest_unmasks(void)
{
	guest_handlers[0x45] = guest_handlers[0x4a] = guest_apic_count;
	apic_enable();
	pic_init(0x20, 0xffff);
	ioapic_route(5, 0x45 | APIC_MASKED);
	ioapic_route(10, 0x4a | APIC_MASKED | 1u << 15);
	sti();
	guest_sync(1);
	asm volatile("nop; nop");
	GUEST_EQ(count[0x45] + count[0x4a], 0);
	ioapic_route(5, 0x45);
	asm volatile("nop; nop");
	GUEST_EQ(count[0x45], 0);
	cli();
	ioapic_route(10, 0x4a | 1u << 15);
	guest_sync(2);
	sti();
	asm volatile("nop; nop");
	GUEST_EQ(count[0x4a], 1);
	guest_done();
}

static void unmasked(void)
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_unmasks);

	expect_sync(v, 1);
	line(v, 5, 1);
	line(v, 10, 1);
	expect_sync(v, 2);
	line(v, 10, 0);
	expect_done(v);
}

/* One in service holds back its like and those below it, not those above. */
static void guest_pic_nests(struct trap *t)
{
	guest_count(t);
	sti();
	guest_sync(2);
	asm volatile("nop; nop");
	GUEST_EQ(count[0x23], 1);
	GUEST_EQ(count[0x25], 0);
	cli();
	outb(0x20, 0x20);
}

static void guest_pic_priority(void)
{
	guest_handlers[0x23] = guest_handlers[0x25] = guest_pic_count;
	guest_handlers[0x24] = guest_pic_nests;
	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	pic_init(0x20, ~(7u << 3));
	sti();
	guest_sync(1);
	asm volatile("nop; nop");
	GUEST_EQ(count[0x24], 1);
	GUEST_EQ(count[0x25], 1);
	guest_done();
}

static void pic_priority(void)
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_pic_priority);

	expect_sync(v, 1);
	line(v, 4, 1);
	expect_sync(v, 2);
	line(v, 5, 1);
	line(v, 3, 1);
	expect_done(v);
}

/* ELCR: a level that falls before it is taken was none. */
static void guest_pic_level(void)
{
	guest_handlers[0x25] = guest_pic_count;
	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	pic_init(0x20, ~(1u << 5));
	outb(0x4d0, 1u << 5);
	GUEST_EQ(inb(0x4d0), 1u << 5);
	guest_sync(1);
	sti();
	asm volatile("nop; nop");
	cli();
	GUEST_EQ(count[0x25] + count[0x27], 0);
	guest_sync(2);
	sti();
	asm volatile("nop; nop");
	GUEST_REQUIRE(count[0x25] > 1);
	guest_done();
}

static void guest_pic_level_taken(struct trap *t)
{
	guest_count(t);
	if (count[t->vector] == 2)
		guest_sync(3);
	outb(0x20, 0x20);
}

static void pic_level(void)
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_pic_level);

	expect_sync(v, 1);
	guest_handlers[0x25] = guest_pic_level_taken;
	line(v, 5, 1);
	line(v, 5, 0);
	expect_sync(v, 2);
	line(v, 5, 1);
	expect_sync(v, 3);
	line(v, 5, 0);
	expect_done(v);
}

/* A handler that does not know its device: the line stays up. */
static volatile unsigned int progress;

static void guest_screamed_at(void)
{
	guest_handlers[0x4a] = guest_apic_count;
	apic_enable();
	pic_init(0x20, 0xffff);
	ioapic_route(10, 0x4a | 1u << 15);
	guest_sync(1);
	sti();
	while (progress < 1000)
		progress++;
	guest_sync(2);
	/* It has not gone away. */
	while (!count[0x4a])
		asm volatile("pause");
	guest_done();
}

static void screams(void)
{
	struct vcpu *v = irq_start(VM_IRQCHIP, guest_screamed_at);

	expect_sync(v, 1);
	line(v, 10, 1);
	expect_sync(v, 2);
	remark("after %u interrupts", count[0x4a]);
	count[0x4a] = 0;
	expect_done(v);
}

static const struct test tests[] = {
	{ "PIC: edges, cascade, mask", pic },
	{ "PIC: masked requests wait; its registers", pic_mask },
	{ "IOAPIC: edge, level with remote IRR, status", ioapic },
	{ "the IOAPIC wakes a halted vCPU, 20 times", ioapic_wakes },
	{ "the PIC wakes a halted vCPU, 20 times", pic_wakes },
	{ "PIT ticks through the PIC and through the IOAPIC", pit },
	{ "PIT: latch, read-back, speaker port", pit_read },
	{ "GSI routing: wires, MSI, refusals", routing },
	{ "the RTC's interrupt is coalesced until its EOI", coalesced },
	{ "LVT0 as an NMI's wire takes nothing from the PIC", lint0_nmi },
	{ "the trigger mode register follows the last interrupt",
	  level_then_edge },
	{ "IOAPIC: raised while masked", unmasked },
	{ "IOAPIC: the guest gets on under a line that stays up", screams },
	{ "PIC: what is in service holds back what is below", pic_priority },
	{ "PIC: level-triggered by the ELCR", pic_level },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
