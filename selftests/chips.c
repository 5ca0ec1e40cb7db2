// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the 8259A pair and the 8254 do what their data sheets say in every mode
 * that a guest can program: nesting, ends of interrupts, rotation, special mask,
 * special fully nested, level-triggered lines, poll; the six modes of a counter
 * with its gate, BCD, latches and the status byte. Citations are of Intel's data
 * sheets 231468-003 (8259A) and 231164-005 (8254).
 */
#include "apic.h"
#include "tap.h"

static volatile unsigned int order[32], taken;

/* --- PIC --- */

#define OCW2_EOI	0x20
#define OCW2_SPECIFIC	0x60
#define OCW2_ROTATE_EOI	0xa0
#define OCW2_PRIORITY	0xc0
#define OCW2_ROTATE_AEOI 0x80
#define OCW3_IRR	0x0a
#define OCW3_ISR	0x0b
#define OCW3_POLL	0x0c
#define OCW3_SMM	0x68
#define OCW3_NO_SMM	0x48
#define ICW4_8086	0x01
#define ICW4_AEOI	0x02
#define ICW4_SFNM	0x10

static void guest_take(struct trap *t)
{
	order[taken++ & 31] = t->vector - 0x20;
}

/* The host sets line @irq to @level. */
static void line(unsigned int irq, unsigned int level)
{
	guest_ucall(UCALL_SYNC, 0, __FILE__, __LINE__, 1, irq, level, 0);
}

static void edge(unsigned int irq)
{
	line(irq, 0);
	line(irq, 1);
	line(irq, 0);
}

static void window(void)
{
	asm volatile("sti; nop; nop; nop; nop; cli" : : : "memory");
}

/* Interrupts since the last call: none, or one of them. */
#define NONE	~0u

static unsigned int served(void)
{
	unsigned int n;

	taken = 0;
	window();
	n = taken;
	GUEST_REQUIRE(n <= 1);
	return n ? order[0] : NONE;
}

/* Two of them, nothing in between. */
static void served_both(unsigned int first, unsigned int second)
{
	taken = 0;
	window();
	GUEST_EQ(taken, 2);
	GUEST_EQ(order[0], first);
	GUEST_EQ(order[1], second);
}

static unsigned int pic_reg(unsigned int port, unsigned int ocw3)
{
	outb(port, ocw3);
	return inb(port);
}

static void pic(unsigned int icw4)
{
	unsigned int i;

	for (i = 0x20; i < 0x30; i++)
		guest_handlers[i] = guest_take;
	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 4);
	outb(0x21, icw4);
	outb(0xa0, 0x11);
	outb(0xa1, 0x28);
	outb(0xa1, 2);
	outb(0xa1, ICW4_8086);
	outb(0x21, 0);
	outb(0xa1, 0);
	outb(0x4d0, 0);
	outb(0x4d1, 0);
}

/* A lower one waits, a higher one nests; ends, specific and not. */
static void guest_nested(void)
{
	pic(ICW4_8086);
	edge(4);
	GUEST_EQ(served(), 4);
	edge(5);
	edge(4);
	GUEST_EQ(served(), NONE);
	edge(3);
	GUEST_EQ(served(), 3);
	GUEST_EQ(pic_reg(0x20, OCW3_ISR), 0x18);
	GUEST_EQ(pic_reg(0x20, OCW3_IRR), 0x30);
	outb(0x20, OCW2_EOI);			/* 3 */
	GUEST_EQ(pic_reg(0x20, OCW3_ISR), 0x10);
	GUEST_EQ(served(), NONE);
	outb(0x20, OCW2_SPECIFIC | 4);
	GUEST_EQ(served(), 4);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), 5);
	outb(0x20, OCW2_EOI);
	outb(0x20, OCW2_EOI);			/* of nothing */
	GUEST_EQ(served(), NONE);
	/* The slave's: both are in service. */
	edge(12);
	GUEST_EQ(served(), 12);
	GUEST_EQ(pic_reg(0x20, OCW3_ISR), 0x04);
	GUEST_EQ(pic_reg(0xa0, OCW3_ISR), 0x10);
	edge(9);		/* higher in the slave, which is in service */
	edge(3);
	GUEST_EQ(served(), NONE);
	edge(1);
	GUEST_EQ(served(), 1);
	outb(0x20, OCW2_EOI);
	outb(0xa0, OCW2_EOI);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), 9);
	outb(0xa0, OCW2_EOI);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), 3);
	outb(0x20, OCW2_EOI);
	guest_done();
}

/* "Automatic Rotation", "Specific Rotation" */
static void guest_rotation(void)
{
	pic(ICW4_8086);
	edge(4);
	GUEST_EQ(served(), 4);
	outb(0x20, OCW2_ROTATE_EOI);		/* 4 is the lowest now */
	edge(3);
	edge(4);
	edge(5);
	GUEST_EQ(served(), 5);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), 3);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), 4);
	outb(0x20, OCW2_EOI);
	outb(0x20, OCW2_PRIORITY | 0);		/* 1 is the highest */
	edge(0);
	edge(7);
	GUEST_EQ(served(), 7);
	outb(0x20, 0xe0 | 7);			/* rotate on specific EOI */
	GUEST_EQ(pic_reg(0x20, OCW3_ISR), 0);
	edge(7);
	GUEST_EQ(served(), 0);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), 7);
	outb(0x20, OCW2_EOI);
	guest_done();
}

/* "Automatic End of Interrupt", with rotation as well */
static void guest_aeoi(void)
{
	pic(ICW4_8086 | ICW4_AEOI);
	edge(4);
	GUEST_EQ(served(), 4);
	GUEST_EQ(pic_reg(0x20, OCW3_ISR), 0);
	edge(5);
	GUEST_EQ(served(), 5);
	outb(0x20, OCW2_ROTATE_AEOI);
	edge(5);
	GUEST_EQ(served(), 5);
	/* each was the last of its window: the highest is the next one */
	edge(5);
	edge(6);
	served_both(6, 5);
	edge(5);
	edge(4);
	served_both(4, 5);	/* 5 had its turn last */
	outb(0x20, 0);				/* no rotation any more */
	edge(7);
	edge(6);
	served_both(6, 7);
	edge(7);
	edge(6);
	served_both(6, 7);
	guest_done();
}

/* "Special Mask Mode": what is masked and in service blocks nobody. */
static void guest_special_mask(void)
{
	pic(ICW4_8086);
	edge(4);
	GUEST_EQ(served(), 4);
	edge(6);
	outb(0x21, 0x10);
	GUEST_EQ(served(), NONE);
	outb(0x20, OCW3_SMM);
	GUEST_EQ(served(), 6);
	edge(4);
	GUEST_EQ(served(), NONE);
	/* An end that names nothing leaves the masked one alone. */
	outb(0x20, OCW2_EOI);
	GUEST_EQ(pic_reg(0x20, OCW3_ISR), 0x10);
	outb(0x20, OCW2_SPECIFIC | 6);
	outb(0x20, OCW2_SPECIFIC | 4);
	outb(0x20, OCW3_NO_SMM);
	outb(0x21, 0);
	GUEST_EQ(served(), 4);
	guest_done();
}

/* "Special Fully Nested Mode": the slave may interrupt itself. */
static void guest_sfnm(void)
{
	pic(ICW4_8086 | ICW4_SFNM);
	edge(12);
	GUEST_EQ(served(), 12);
	edge(13);
	GUEST_EQ(served(), NONE);
	edge(9);
	GUEST_EQ(served(), 9);
	outb(0xa0, OCW2_EOI);
	GUEST_EQ(pic_reg(0xa0, OCW3_ISR), 0x10);
	outb(0xa0, OCW2_EOI);
	GUEST_EQ(pic_reg(0xa0, OCW3_ISR), 0);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), 13);
	guest_done();
}

/* The PIIX's ELCR: as long as the line is up. */
static void guest_level(void)
{
	pic(ICW4_8086);
	outb(0x4d0, 0xff);
	GUEST_EQ(inb(0x4d0), 0xf8);		/* 0 to 2 are edges */
	outb(0x4d1, 0xff);
	GUEST_EQ(inb(0x4d1), 0xde);
	line(5, 1);
	GUEST_EQ(served(), 5);
	GUEST_EQ(served(), NONE);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), 5);
	line(5, 0);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), NONE);
	line(5, 1);
	line(5, 0);				/* nobody saw it */
	GUEST_EQ(served(), NONE);
	line(11, 1);
	GUEST_EQ(served(), 11);
	outb(0xa0, OCW2_EOI);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), 11);
	line(11, 0);
	outb(0xa0, OCW2_EOI);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), NONE);
	guest_done();
}

/* "Poll Command": a read instead of the CPU's acknowledgement. */
static void guest_poll(void)
{
	pic(ICW4_8086);
	GUEST_EQ(pic_reg(0x20, OCW3_POLL) & 0x80, 0);
	edge(6);
	edge(4);
	GUEST_EQ(pic_reg(0x20, OCW3_POLL) & 0x87, 0x84);
	GUEST_EQ(pic_reg(0x20, OCW3_ISR), 0x10);
	GUEST_EQ(pic_reg(0x20, OCW3_POLL) & 0x80, 0);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(pic_reg(0x20, OCW3_POLL) & 0x87, 0x86);
	outb(0x20, OCW2_EOI);
	edge(12);
	GUEST_EQ(pic_reg(0x20, OCW3_POLL) & 0x87, 0x82);
	GUEST_EQ(pic_reg(0xa0, OCW3_POLL) & 0x87, 0x84);
	outb(0xa0, OCW2_EOI);
	outb(0x20, OCW2_EOI);
	GUEST_EQ(served(), NONE);
	guest_done();
}

/* "Initialization Command Words": ICW1 forgets edges, masks, priorities. */
static void guest_icw(void)
{
	pic(ICW4_8086 | ICW4_AEOI);
	outb(0x20, OCW2_PRIORITY | 4);
	outb(0x21, 0xff);
	edge(4);
	pic(ICW4_8086);
	GUEST_EQ(inb(0x21), 0);
	GUEST_EQ(pic_reg(0x20, OCW3_IRR), 0);
	edge(6);
	edge(4);
	GUEST_EQ(served(), 4);
	GUEST_EQ(pic_reg(0x20, OCW3_ISR), 0x10);
	pic(ICW4_8086);
	GUEST_EQ(pic_reg(0x20, OCW3_ISR), 0);
	GUEST_EQ(served(), NONE);
	/* Without ICW4. */
	outb(0x20, 0x10);
	outb(0x21, 0x20);
	outb(0x21, 4);
	outb(0x21, 0xfe);			/* the mask already */
	GUEST_EQ(inb(0x21), 0xfe);
	guest_done();
}

static void run(void (*fn)(void))
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v;
	struct ucall *u;

	must(vm->fd, KVM_CREATE_PIT2, &config);
	v = vcpu_create(vm, 0);
	vcpu_start(v, fn);
	while ((u = ucall_next(v))->cmd == UCALL_SYNC) {
		struct kvm_irq_level l = {
			.irq = u->args[1], .level = u->args[2],
		};

		REQUIRE_EQ(u->args[0], 1);
		must(vm->fd, KVM_IRQ_LINE, &l);
	}
	REQUIRE_EQ(u->cmd, UCALL_DONE);
}

/* What KVM has little of. */
static void run_duet(void (*fn)(void))
{
	if (!device_is_duet())
		skip("KVM's are otherwise here");
	run(fn);
}

static void nested(void)
{
	run(guest_nested);
}

static void rotation(void)
{
	run(guest_rotation);
}

static void aeoi(void)
{
	run(guest_aeoi);
}

static void special_mask(void)
{
	run_duet(guest_special_mask);
}

static void sfnm(void)
{
	run(guest_sfnm);
}

static void level(void)
{
	run(guest_level);
}

static void poll(void)
{
	run_duet(guest_poll);
}

static void icw(void)
{
	run_duet(guest_icw);
}

/* --- PIT: counter 2, whose gate and OUT are in port 0x61 --- */

#define COUNT_2		0x42
#define CONTROL		0x43
#define STATUS_OUT	0x80
#define STATUS_NULL	0x40

static void control(unsigned int mode, bool bcd)
{
	outb(CONTROL, 0xb0 | mode << 1 | bcd);
}

static void load(unsigned int count)
{
	outb(COUNT_2, count);
	outb(COUNT_2, count >> 8);
}

static void gate(bool up)
{
	outb(0x61, up);
}

static bool out_pin(void)
{
	return inb(0x61) >> 5 & 1;
}

static unsigned int latched(void)
{
	unsigned int low;

	outb(CONTROL, 0x80);
	low = inb(COUNT_2);
	return low | inb(COUNT_2) << 8;
}

static unsigned int status(void)
{
	outb(CONTROL, 0xe8);
	return inb(COUNT_2);
}

static void spend(unsigned int n)
{
	while (n--)
		asm volatile("pause");
}

/* The count changes in time, or it stands. */
static bool counts(void)
{
	unsigned int before = latched(), i;

	for (i = 0; i < 200; i++) {
		spend(100);
		if (latched() != before)
			return true;
	}
	return false;
}

static void guest_status(void)
{
	unsigned int mode;

	gate(false);
	for (mode = 0; mode < 6; mode++) {
		control(mode, mode & 1);
		/* OUT as the control word leaves it; no count is there yet */
		GUEST_EQ(status(), (mode ? STATUS_OUT : 0) | STATUS_NULL |
			 0x30 | mode << 1 | (mode & 1));
		GUEST_EQ(out_pin(), mode != 0);
	}
	/* Modes 6 and 7 are 2 and 3. */
	control(6, false);
	GUEST_EQ(status() & 0x3f, 0x34);
	control(7, false);
	GUEST_EQ(status() & 0x3f, 0x36);
	/* Status and count latched together: the status first. */
	control(0, false);
	load(0x1234);
	outb(CONTROL, 0xc8);
	GUEST_EQ(inb(COUNT_2) & 0x3f, 0x30);
	GUEST_EQ(inb(COUNT_2), 0x34);
	GUEST_EQ(inb(COUNT_2), 0x12);
	/* One byte alone. */
	outb(CONTROL, 0x90);			/* the lower one */
	outb(COUNT_2, 0x56);
	GUEST_EQ(inb(COUNT_2), 0x56);
	GUEST_EQ(inb(COUNT_2), 0x56);
	outb(CONTROL, 0xa0);			/* the upper one */
	outb(COUNT_2, 0x78);
	GUEST_EQ(inb(COUNT_2), 0x78);
	/* A latch holds until it is read, the status' too. */
	control(0, false);
	load(10000);
	gate(true);
	outb(CONTROL, 0xe8);
	while (!out_pin())
		;
	outb(CONTROL, 0xe8);
	GUEST_EQ(inb(COUNT_2) & STATUS_OUT, 0);
	GUEST_EQ(status() & STATUS_OUT, STATUS_OUT);
	gate(false);
	outb(CONTROL, 0xb0);
	load(0x4321);
	outb(CONTROL, 0x80);
	load(0x8765);
	outb(CONTROL, 0x80);
	GUEST_EQ(inb(COUNT_2), 0x21);
	GUEST_EQ(inb(COUNT_2), 0x43);
	GUEST_EQ(latched(), 0x8765);
	guest_done();
}

/* Interrupt on terminal count. */
static void guest_mode0(void)
{
	unsigned int held;

	gate(true);
	control(0, false);
	load(0xffff);				/* 55 ms */
	GUEST_EQ(out_pin(), 0);
	while (latched() > 0xf000)
		;
	gate(false);
	held = latched();
	GUEST_REQUIRE(!counts());
	GUEST_EQ(latched(), held);
	gate(true);				/* from there on */
	GUEST_REQUIRE(latched() <= held);
	GUEST_REQUIRE(counts());
	GUEST_EQ(out_pin(), 0);
	load(100);
	while (!out_pin())
		;
	GUEST_REQUIRE(status() & STATUS_OUT);
	/* It goes on from 0xffff. */
	GUEST_REQUIRE(counts());
	load(0);
	GUEST_EQ(out_pin(), 0);
	guest_done();
}

/* Hardware-retriggerable one-shot. */
static void guest_mode1(void)
{
	gate(false);
	control(1, false);
	load(0);
	GUEST_EQ(out_pin(), 1);
	GUEST_REQUIRE(!counts());
	gate(true);
	GUEST_EQ(out_pin(), 0);
	GUEST_REQUIRE(counts());
	gate(false);				/* does not matter */
	GUEST_EQ(out_pin(), 0);
	GUEST_REQUIRE(counts());
	spend(1000);
	gate(true);				/* from the start */
	GUEST_REQUIRE(latched() > 0x8000 || latched() == 0);
	GUEST_EQ(out_pin(), 0);
	while (!out_pin())
		;
	guest_done();
}

/* Rate generator and square wave: a low gate stops them, with OUT high. */
static void guest_periodic(unsigned int mode)
{
	unsigned int held, seen = 0;

	gate(true);
	control(mode, false);
	load(0);
	GUEST_EQ(out_pin(), 1);
	GUEST_REQUIRE(counts());
	if (mode == 3) {
		load(2000);
		while (seen != 3)
			seen |= 1 << out_pin();
	}
	gate(false);
	GUEST_EQ(out_pin(), 1);
	held = latched();
	GUEST_REQUIRE(!counts());
	GUEST_EQ(latched(), held);
	GUEST_EQ(out_pin(), 1);
	/* A count that is loaded meanwhile waits. */
	load(0x8000);
	GUEST_REQUIRE(!counts());
	gate(true);				/* from the start */
	GUEST_EQ(out_pin(), 1);
	GUEST_REQUIRE(latched() <= 0x8000);
	GUEST_REQUIRE(counts());
	guest_done();
}

static void guest_mode2(void)
{
	guest_periodic(2);
}

static void guest_mode3(void)
{
	guest_periodic(3);
}

/* Strobes: low for one pulse only, at the end. */
static void guest_strobes(void)
{
	gate(true);
	control(4, false);
	load(0);
	GUEST_EQ(out_pin(), 1);
	GUEST_REQUIRE(counts());
	gate(false);
	GUEST_REQUIRE(!counts());
	gate(true);
	GUEST_REQUIRE(counts());
	GUEST_EQ(out_pin(), 1);

	gate(false);
	control(5, false);
	load(0);
	GUEST_EQ(out_pin(), 1);
	GUEST_REQUIRE(!counts());
	gate(true);
	GUEST_REQUIRE(counts());
	gate(false);
	GUEST_REQUIRE(counts());
	GUEST_EQ(out_pin(), 1);
	guest_done();
}

/* Decimal: four digits, from 10000 down. */
static void guest_bcd(void)
{
	unsigned int i, n;

	gate(false);
	control(0, true);
	load(0x9876);
	GUEST_EQ(latched(), 0x9876);
	load(0);
	GUEST_EQ(latched(), 0);			/* 10000 */
	gate(true);
	for (i = 0; i < 200; i++) {
		n = latched();
		GUEST_REQUIRE((n & 0xf) < 10 && (n >> 4 & 0xf) < 10 &&
			      (n >> 8 & 0xf) < 10 && n >> 12 < 10);
	}
	GUEST_REQUIRE(counts());
	guest_done();
}

/*
 * Counter 0's tick is in service while its pin gets another vector: the end of
 * the old one is nobody's, and the ticks go on by the new one.
 */
static void guest_moved(struct trap *t)
{
	ioapic_route(0, 0x51);
	apic_eoi();
	taken++;
}

static void guest_ticks(struct trap *t)
{
	apic_eoi();
	taken++;
}

static void guest_revector(void)
{
	guest_handlers[0x50] = guest_moved;
	guest_handlers[0x51] = guest_ticks;
	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_MASKED);
	ioapic_route(0, 0x50);			/* GSI 0 is pin 0 by default */
	pit_start(2400);			/* 2 ms */
	while (taken < 6)
		safe_halt();
	guest_done();
}

static void revector(void)
{
	run_duet(guest_revector);
}

static void status_byte(void)
{
	run_duet(guest_status);
}

static void mode0(void)
{
	run_duet(guest_mode0);
}

static void mode1(void)
{
	run_duet(guest_mode1);
}

static void mode2(void)
{
	run_duet(guest_mode2);
}

static void mode3(void)
{
	run_duet(guest_mode3);
}

static void strobes(void)
{
	run_duet(guest_strobes);
}

static void bcd(void)
{
	run_duet(guest_bcd);
}

static const struct test tests[] = {
	{ "PIC: nesting and ends of interrupts", nested },
	{ "PIC: rotating priorities", rotation },
	{ "PIC: automatic ends", aeoi },
	{ "PIC: special mask mode", special_mask },
	{ "PIC: special fully nested mode", sfnm },
	{ "PIC: level-triggered lines", level },
	{ "PIC: poll", poll },
	{ "PIC: initialization forgets", icw },
	{ "PIT: status byte, latches, bytes of a count", status_byte },
	{ "PIT: mode 0 and its gate", mode0 },
	{ "PIT: mode 1 and its trigger", mode1 },
	{ "PIT: mode 2 and its gate", mode2 },
	{ "PIT: mode 3 and its gate", mode3 },
	{ "PIT: modes 4 and 5", strobes },
	{ "PIT: decimal", bcd },
	{ "PIT: its pin gets another vector before the EOI", revector },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
