// SPDX-License-Identifier: GPL-2.0
/*
 * The buses and the devices on them, driven through ports.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "args.h"
#include "devices/device.h"
#include "devices/rtc.h"
#include "tests/tap.h"
#include "vm.h"

static uint64_t last_off, last_val;
static unsigned int last_len, calls;

static uint64_t probe_read(void *dev, uint64_t off, unsigned int len)
{
	(void)dev;
	last_off = off;
	last_len = len;
	calls++;
	return 0x1122334455667788ULL >> (8 * (off & 7));
}

static void probe_write(void *dev, uint64_t off, unsigned int len,
			uint64_t val)
{
	(void)dev;
	last_off = off;
	last_len = len;
	last_val = val;
	calls++;
}

static void test_bus(void)
{
	struct bus_range r = {
		.name = "probe", .base = 0x100, .len = 4, .width = 2,
		.read = probe_read, .write = probe_write,
	};
	struct bus bus = { 0 };
	uint64_t val = 0;

	CHECK(bus_register(&bus, &r) == 0);
	CHECK(bus_register(&bus, &r) < 0 && tap_says("overlaps"));
	r.base = 0xff;
	CHECK(bus_register(&bus, &r) < 0);
	r.base = 0x104;
	CHECK(bus_register(&bus, &r) == 0);

	bus_read(&bus, 0x50, &val, 4);
	CHECK(val == 0xffffffff && calls == 0);
	bus_read(&bus, 0x102, &val, 2);
	CHECK((val & 0xffff) == 0x5566 && last_len == 2 && last_off == 2);
	/* Too wide: byte by byte. */
	val = 0;
	calls = 0;
	bus_read(&bus, 0x100, &val, 4);
	CHECK(val == 0x55667788 && calls == 4 && last_len == 1);
	/* The first byte is nobody's, the rest is the device's. */
	calls = 0;
	bus_read(&bus, 0xfe, &val, 4);
	CHECK((val & 0xffffffff) == 0x7788ffff && calls == 2);
	calls = 0;
	val = 0xaabb;
	bus_write(&bus, 0x107, &val, 2);
	CHECK(calls == 1 && last_off == 3 && last_val == 0xbb);
}

static void test_bus_end(void)
{
	struct bus_range r = {
		.name = "top", .base = 0xfffffffffffffff0ULL, .len = 15,
		.width = 8, .read = probe_read,
	};
	struct bus bus = { 0 };
	uint64_t val = 0;

	CHECK(bus_register(&bus, &r) == 0);
	bus_read(&bus, 0xfffffffffffffffcULL, &val, 8);
	CHECK(val >> 32 == 0xffffffff);
}

static time_t fake_now;

static time_t clock_now(void)
{
	return fake_now;
}

static uint8_t cmos(struct cmos *c, uint8_t reg)
{
	cmos_write(c, 0, reg);
	return cmos_read(c, 1);
}

static void cmos_set(struct cmos *c, uint8_t reg, uint8_t val)
{
	cmos_write(c, 0, reg);
	cmos_write(c, 1, val);
}

static void test_cmos_time(void)
{
	struct cmos c;

	fake_now = 1767323045;		/* 2026-01-02 03:04:05 UTC, a Friday */
	cmos_init(&c, clock_now, MIB(256), 0);
	CHECK(cmos(&c, 0) == 0x05 && cmos(&c, 2) == 0x04 &&
	      cmos(&c, 4) == 0x03);
	CHECK(cmos(&c, 6) == 6 && cmos(&c, 7) == 0x02 && cmos(&c, 8) == 0x01 &&
	      cmos(&c, 9) == 0x26 && cmos(&c, 0x32) == 0x20);
	CHECK(!(cmos(&c, 10) & 0x80) && cmos(&c, 13) == 0x80);
	fake_now += 20 * 3600 + 55 * 60;	/* 23:59:05 */
	CHECK(cmos(&c, 4) == 0x23 && cmos(&c, 2) == 0x59);
	cmos_set(&c, 11, 0x06);		/* binary, 24 hours */
	CHECK(cmos(&c, 4) == 23 && cmos(&c, 2) == 59);
	cmos_set(&c, 11, 0x00);		/* BCD, 12 hours */
	CHECK(cmos(&c, 4) == 0x91);
	fake_now += 3600;		/* 00:59:05 is 12:59:05 am */
	CHECK(cmos(&c, 4) == 0x12);
}

static void test_cmos_set(void)
{
	struct cmos c;

	fake_now = 1767323045;
	cmos_init(&c, clock_now, MIB(256), 0);
	/* To stop and start it alone changes nothing. */
	fake_now += 50;
	cmos_set(&c, 11, 0x82);
	cmos_set(&c, 11, 0x02);
	CHECK(cmos(&c, 0) == 0x55 && cmos(&c, 2) == 0x04);
	/* As rtc_cmos does it: stop, set all, start. */
	cmos_set(&c, 11, 0x82);
	cmos_set(&c, 0, 0x30);
	cmos_set(&c, 2, 0x20);
	cmos_set(&c, 4, 0x10);
	cmos_set(&c, 7, 0x28);
	cmos_set(&c, 8, 0x02);
	cmos_set(&c, 9, 0x99);
	cmos_set(&c, 0x32, 0x19);
	fake_now += 100;
	CHECK(cmos(&c, 0) == 0x30);	/* it stands still */
	cmos_set(&c, 11, 0x02);
	CHECK(cmos(&c, 9) == 0x99 && cmos(&c, 0x32) == 0x19);
	fake_now += 86400;
	CHECK(cmos(&c, 8) == 0x03 && cmos(&c, 7) == 0x01 &&
	      cmos(&c, 0) == 0x30);
	/* Read-only registers stay what they are. */
	cmos_set(&c, 13, 0);
	CHECK(cmos(&c, 13) == 0x80);
	/* Any index is inside the memory. */
	cmos_write(&c, 0, 0xff);
	cmos_write(&c, 1, 0x77);
	CHECK(cmos_read(&c, 1) == 0x77 && cmos(&c, 0x7f) == 0x77);
}

static void test_cmos_interrupts(void)
{
	struct cmos c;

	fake_now = 1767323045;			/* 03:04:05 */
	cmos_init(&c, clock_now, MIB(256), 0);
	cmos_set(&c, 1, 0x07);
	cmos_set(&c, 3, 0x04);
	cmos_set(&c, 5, 0xff);			/* any hour */
	CHECK(!cmos_wants_ticks(&c));
	cmos_set(&c, 11, 0x22);			/* AIE */
	CHECK(cmos_wants_ticks(&c));
	fake_now++;
	cmos_tick(&c);
	CHECK(!cmos_irq(&c));			/* :06, update flag alone */
	fake_now += 2;				/* a tick was late: :08 */
	cmos_tick(&c);
	CHECK(cmos_irq(&c));
	CHECK(cmos(&c, 12) == 0xb0);		/* IRQF, AF, UF */
	CHECK(!cmos_irq(&c) && cmos(&c, 12) == 0);
	cmos_tick(&c);				/* no new second */
	CHECK(cmos(&c, 12) == 0);
	fake_now += 3599;			/* an hour after the first */
	cmos_tick(&c);
	CHECK(cmos(&c, 12) == 0xb0);
	cmos_set(&c, 11, 0x12);			/* UIE */
	fake_now++;
	cmos_tick(&c);
	CHECK(cmos_irq(&c) && cmos(&c, 12) == 0x90);
	cmos_set(&c, 11, 0x92);			/* stopped: no update */
	CHECK(!cmos_wants_ticks(&c));
}

static void test_cmos_memory(void)
{
	unsigned int i, sum = 0;
	struct cmos c;

	cmos_init(&c, clock_now, GIB(3), GIB(5));
	CHECK(cmos(&c, 0x15) == 0x80 && cmos(&c, 0x16) == 0x02);
	CHECK(cmos(&c, 0x17) == 0xff && cmos(&c, 0x18) == 0xff);
	CHECK(cmos(&c, 0x34) == 0x00 && cmos(&c, 0x35) == 0xbf);
	CHECK(cmos(&c, 0x5b) == 0x00 && cmos(&c, 0x5c) == 0x40 &&
	      cmos(&c, 0x5d) == 0x01);
	for (i = 0x10; i < 0x2e; i++)
		sum += cmos(&c, i);
	CHECK(cmos(&c, 0x2e) == sum >> 8 && cmos(&c, 0x2f) == (sum & 0xff));
}

/* A VM without a hypervisor: enough for devices. */
static struct run_opts opts = { .memory = MIB(2), .raw = "" };

static void start_vm(struct vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	CHECK(vm_init(vm, &opts) == 0);
	CHECK(acpi_pm_device.init(vm) == 0);
	CHECK(i8042_device.init(vm) == 0);
	CHECK(reset_device.init(vm) == 0);
}

static void out(struct vm *vm, uint16_t port, uint32_t val, unsigned int len)
{
	bus_write(&vm->pio, port, &val, len);
}

static uint32_t in(struct vm *vm, uint16_t port, unsigned int len)
{
	uint32_t val = 0;

	bus_read(&vm->pio, port, &val, len);
	return val;
}

static void test_power_off(void)
{
	struct vm vm;

	start_vm(&vm);
	CHECK(in(&vm, PM1_CNT_PORT, 2) == 1);	/* SCI_EN: ACPI mode */
	out(&vm, PM1_CNT_PORT, 5 << 10, 2);	/* type without SLP_EN */
	CHECK(!vm_ended(&vm));
	out(&vm, PM1_CNT_PORT, 3 << 10 | 1 << 13, 2);	/* S3 is not there */
	CHECK(!vm_ended(&vm));
	out(&vm, PM1_CNT_PORT, 5 << 10 | 1 << 13, 2);
	CHECK(atomic_load(&vm.outcome) == VM_POWER_OFF);
	/* The first end counts. */
	vm_end(&vm, VM_RESET);
	CHECK(atomic_load(&vm.outcome) == VM_POWER_OFF);
	vm_exit(&vm);

	start_vm(&vm);				/* the high byte alone */
	out(&vm, PM1_CNT_PORT + 1, (5 << 10 | 1 << 13) >> 8, 1);
	CHECK(atomic_load(&vm.outcome) == VM_POWER_OFF);
	vm_exit(&vm);
}

/* The clock of the code under test, moved on by the tests. */
static time_t time_warp;

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	int ret = __real_clock_gettime(id, t);

	t->tv_sec += time_warp;
	return ret;
}

static void test_pm1_event(void)
{
	struct vm vm;

	start_vm(&vm);
	out(&vm, PM1_EVT_PORT + 2, 0xffff, 2);
	CHECK(in(&vm, PM1_EVT_PORT + 2, 2) == 0x0721);
	CHECK(in(&vm, PM1_EVT_PORT, 4) >> 16 == 0x0721);
	out(&vm, PM1_EVT_PORT, 0xffff, 2);
	CHECK(in(&vm, PM1_EVT_PORT, 2) == 0);
	CHECK(in(&vm, PM1_EVT_PORT + 2, 2) == 0x0721);
	/* Half a turn of 32 bits at 3.579545 MHz: the top bit changes. */
	time_warp += 600;
	CHECK(in(&vm, PM1_EVT_PORT, 2) == 1);
	out(&vm, PM1_EVT_PORT, 0xfffe, 2);	/* ones clear, zeroes do not */
	CHECK(in(&vm, PM1_EVT_PORT, 2) == 1);
	out(&vm, PM1_EVT_PORT, 1, 1);
	CHECK(in(&vm, PM1_EVT_PORT, 2) == 0);
	CHECK(!vm_ended(&vm));
	vm_exit(&vm);
}

static void test_pm_timer(void)
{
	uint32_t a, b;
	struct vm vm;
	unsigned int i;

	start_vm(&vm);
	a = in(&vm, PM_TMR_PORT, 4);
	for (i = 0; i < 1000000; i++) {
		b = in(&vm, PM_TMR_PORT, 4);
		if (b != a)
			break;
	}
	CHECK(b - a > 0 && b - a < 3579545);
	time_warp += 100;
	a = in(&vm, PM_TMR_PORT, 4);
	CHECK(a - b >= 357954500 && a - b < 357954500 + 3579545);
	vm_exit(&vm);
}

static void test_reset(void)
{
	struct vm vm;

	start_vm(&vm);
	/* PCI's configuration address passes over the reset register. */
	out(&vm, 0xcf8, 0x80000604, 4);
	CHECK(!vm_ended(&vm) && in(&vm, 0xcf8, 4) == 0xffffffff);
	out(&vm, RESET_PORT, 0x02, 1);
	CHECK(!vm_ended(&vm) && in(&vm, RESET_PORT, 1) == 0x02);
	out(&vm, RESET_PORT, 0x06, 1);
	CHECK(atomic_load(&vm.outcome) == VM_RESET);
	vm_exit(&vm);
}

static void test_i8042(void)
{
	struct vm vm;

	start_vm(&vm);
	out(&vm, 0x64, 0xaa, 1);
	CHECK(in(&vm, 0x64, 1) & 1);
	CHECK(in(&vm, 0x60, 1) == 0x55 && !(in(&vm, 0x64, 1) & 1));
	out(&vm, 0x64, 0x60, 1);
	out(&vm, 0x60, 0x47, 1);
	out(&vm, 0x64, 0x20, 1);
	CHECK(in(&vm, 0x60, 1) == 0x47);
	out(&vm, 0x64, 0xff, 1);	/* pulses no line */
	CHECK(!vm_ended(&vm));
	out(&vm, 0x64, 0xfe, 1);
	CHECK(atomic_load(&vm.outcome) == VM_RESET);
	vm_exit(&vm);

	start_vm(&vm);
	out(&vm, 0x64, 0xd1, 1);
	out(&vm, 0x60, 0xdf, 1);	/* A20 on */
	CHECK(!vm_ended(&vm));
	out(&vm, 0x64, 0xd1, 1);
	out(&vm, 0x60, 0xfe, 1);
	CHECK(atomic_load(&vm.outcome) == VM_RESET);
	vm_exit(&vm);
}

const struct test device_tests[] = {
	{ "bus: all ones where nobody answers; wide accesses are split",
	  test_bus },
	{ "bus: an access over the end of the address space", test_bus_end },
	{ "CMOS: time in BCD and binary, 12 and 24 hours", test_cmos_time },
	{ "CMOS: setting the clock", test_cmos_set },
	{ "CMOS: alarm and update interrupts", test_cmos_interrupts },
	{ "CMOS: memory sizes and checksum", test_cmos_memory },
	{ "ACPI: only S5 with SLP_EN powers off", test_power_off },
	{ "ACPI: PM1 status and enable", test_pm1_event },
	{ "ACPI: the PM timer counts up", test_pm_timer },
	{ "reset register, and not by a PCI configuration address",
	  test_reset },
	{ "i8042: self test, command byte, reset", test_i8042 },
	{ NULL, NULL },
};
