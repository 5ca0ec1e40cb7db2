// SPDX-License-Identifier: GPL-2.0
/*
 * RTC and CMOS memory at ports 0x70 and 0x71. Calls time(); its registers are
 * called by vCPU threads. It raises no interrupt: alarm, periodic and update
 * interrupts stay silent.
 */
#include <pthread.h>
#include <string.h>

#include "devices/device.h"
#include "devices/rtc.h"
#include "vm.h"

/* Registers and bits: Motorola MC146818A data sheet */
#define RTC_SECONDS		0
#define RTC_MINUTES		2
#define RTC_HOURS		4
#define RTC_DAY_OF_WEEK		6
#define RTC_DAY_OF_MONTH	7
#define RTC_MONTH		8
#define RTC_YEAR		9
#define RTC_FREQ_SELECT		10
#define   RTC_REF_CLCK_32KHZ	0x20
#define   RTC_UIP		0x80
#define RTC_CONTROL		11
#define   RTC_24H		0x02
#define   RTC_DM_BINARY		0x04
#define   RTC_SET		0x80
#define RTC_INTR_FLAGS		12
#define RTC_VALID		13
#define   RTC_VRT		0x80
#define CMOS_CENTURY		0x32	/* what the FADT says, too */

/* Register A: divider for 32,768 Hz, periodic rate 1,024 Hz, no update. */
#define REG_A_DEFAULT	(RTC_REF_CLCK_32KHZ | 0x06)

static unsigned int to_reg(const struct cmos *c, unsigned int val)
{
	if (c->ram[RTC_CONTROL] & RTC_DM_BINARY)
		return val;
	return (val / 10) << 4 | val % 10;
}

static unsigned int from_reg(const struct cmos *c, unsigned int reg)
{
	unsigned int val = c->ram[reg];

	if (c->ram[RTC_CONTROL] & RTC_DM_BINARY)
		return val;
	return (val >> 4) * 10 + (val & 15);
}

static unsigned int hour_to_reg(const struct cmos *c, unsigned int hour)
{
	unsigned int h12;

	if (c->ram[RTC_CONTROL] & RTC_24H)
		return to_reg(c, hour);
	h12 = hour % 12 ? hour % 12 : 12;
	return to_reg(c, h12) | (hour >= 12 ? 0x80 : 0);
}

static unsigned int hour_from_reg(struct cmos *c)
{
	uint8_t reg = c->ram[RTC_HOURS];
	unsigned int hour;

	if (c->ram[RTC_CONTROL] & RTC_24H)
		return from_reg(c, RTC_HOURS);
	c->ram[RTC_HOURS] &= 0x7f;
	hour = from_reg(c, RTC_HOURS) % 12 + (reg & 0x80 ? 12 : 0);
	c->ram[RTC_HOURS] = reg;
	return hour;
}

/* Write the guest's present time into the registers. */
static void load_time(struct cmos *c)
{
	time_t t = c->now() + c->offset;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		return;
	c->ram[RTC_SECONDS] = to_reg(c, tm.tm_sec % 60);
	c->ram[RTC_MINUTES] = to_reg(c, tm.tm_min);
	c->ram[RTC_HOURS] = hour_to_reg(c, tm.tm_hour);
	c->ram[RTC_DAY_OF_WEEK] = to_reg(c, tm.tm_wday + 1);
	c->ram[RTC_DAY_OF_MONTH] = to_reg(c, tm.tm_mday);
	c->ram[RTC_MONTH] = to_reg(c, tm.tm_mon + 1);
	c->ram[RTC_YEAR] = to_reg(c, tm.tm_year % 100);
	/* The century is BCD whatever the mode, as firmware keeps it. */
	c->ram[CMOS_CENTURY] = ((tm.tm_year / 100 + 19) / 10) << 4 |
			       (tm.tm_year / 100 + 19) % 10;
}

/* Take the time that the guest wrote; the clock goes on from there. */
static void store_time(struct cmos *c)
{
	unsigned int century = (c->ram[CMOS_CENTURY] >> 4) * 10 +
			       (c->ram[CMOS_CENTURY] & 15);
	struct tm tm = {
		.tm_sec = from_reg(c, RTC_SECONDS),
		.tm_min = from_reg(c, RTC_MINUTES),
		.tm_hour = hour_from_reg(c),
		.tm_mday = from_reg(c, RTC_DAY_OF_MONTH),
		.tm_mon = (int)from_reg(c, RTC_MONTH) - 1,
		.tm_year = (int)(century * 100 + from_reg(c, RTC_YEAR)) - 1900,
	};
	time_t t = timegm(&tm);

	if (t != (time_t)-1)
		c->offset = t - c->now();
}

static int is_time(unsigned int reg)
{
	return reg == RTC_SECONDS || reg == RTC_MINUTES || reg == RTC_HOURS ||
	       (reg >= RTC_DAY_OF_WEEK && reg <= RTC_YEAR) ||
	       reg == CMOS_CENTURY;
}

static void set16(struct cmos *c, unsigned int reg, uint64_t val)
{
	if (val > 0xffff)
		val = 0xffff;
	c->ram[reg] = val & 0xff;
	c->ram[reg + 1] = val >> 8;
}

/* Memory sizes, where firmware and old kernels look for them. */
static void set_memory(struct cmos *c, uint64_t below_4g, uint64_t above_4g)
{
	uint64_t ext = below_4g > (1 << 20) ? below_4g - (1 << 20) : 0;
	uint64_t high = below_4g > (16 << 20) ? below_4g - (16 << 20) : 0;
	unsigned int sum = 0, i;

	set16(c, 0x15, 640);			/* KiB below 1 MiB */
	set16(c, 0x17, ext >> 10);		/* KiB above 1 MiB */
	set16(c, 0x30, ext >> 10);
	set16(c, 0x34, high >> 16);		/* 64 KiB above 16 MiB */
	c->ram[0x5b] = above_4g >> 16;		/* 64 KiB above 4 GiB */
	c->ram[0x5c] = above_4g >> 24;
	c->ram[0x5d] = above_4g >> 32;
	for (i = 0x10; i <= 0x2d; i++)
		sum += c->ram[i];
	c->ram[0x2e] = sum >> 8;
	c->ram[0x2f] = sum & 0xff;
}

void cmos_init(struct cmos *c, time_t (*now)(void), uint64_t below_4g,
	       uint64_t above_4g)
{
	memset(c, 0, sizeof(*c));
	c->now = now;
	c->ram[RTC_FREQ_SELECT] = REG_A_DEFAULT;
	c->ram[RTC_CONTROL] = RTC_24H;
	c->ram[RTC_VALID] = RTC_VRT;
	c->ram[0x14] = 0x02;		/* equipment: coprocessor, no floppy */
	set_memory(c, below_4g, above_4g);
	load_time(c);
}

uint8_t cmos_read(struct cmos *c, unsigned int off)
{
	if (off == 0)
		return 0xff;	/* the index port is write-only */
	if (is_time(c->index) && !(c->ram[RTC_CONTROL] & RTC_SET))
		load_time(c);
	return c->ram[c->index];
}

static void write_control(struct cmos *c, uint8_t val)
{
	bool was_set = c->ram[RTC_CONTROL] & RTC_SET;

	if (!was_set && val & RTC_SET)
		load_time(c);	/* the registers stand still from now on */
	if (was_set && !(val & RTC_SET))
		store_time(c);
	c->ram[RTC_CONTROL] = val;
}

void cmos_write(struct cmos *c, unsigned int off, uint8_t val)
{
	if (off == 0) {
		c->index = val & 0x7f;	/* bit 7 masks NMIs: none here */
		return;
	}
	switch (c->index) {
	case RTC_FREQ_SELECT:
		c->ram[RTC_FREQ_SELECT] = val & ~RTC_UIP;
		return;
	case RTC_CONTROL:
		write_control(c, val);
		return;
	case RTC_INTR_FLAGS:
	case RTC_VALID:
		return;		/* read-only */
	}
	if (is_time(c->index) && !(c->ram[RTC_CONTROL] & RTC_SET)) {
		/* Set at once: the others are those of this moment. */
		load_time(c);
		c->ram[c->index] = val;
		store_time(c);
		return;
	}
	c->ram[c->index] = val;
}

static struct {
	pthread_mutex_t lock;	/* protects cmos */
	struct cmos cmos;
} rtc = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t rtc_read(void *dev, uint64_t off, unsigned int len)
{
	uint8_t val;

	(void)dev;
	(void)len;
	pthread_mutex_lock(&rtc.lock);
	val = cmos_read(&rtc.cmos, off);
	pthread_mutex_unlock(&rtc.lock);
	return val;
}

static void rtc_write(void *dev, uint64_t off, unsigned int len, uint64_t val)
{
	(void)dev;
	(void)len;
	pthread_mutex_lock(&rtc.lock);
	cmos_write(&rtc.cmos, off, val);
	pthread_mutex_unlock(&rtc.lock);
}

static time_t host_time(void)
{
	return time(NULL);
}

static int rtc_init(struct vm *vm)
{
	struct bus_range range = {
		.name = "RTC",
		.base = RTC_PORT,
		.len = 2,
		.width = 1,
		.read = rtc_read,
		.write = rtc_write,
	};
	uint64_t low = guest_low_end(&vm->mem);

	cmos_init(&rtc.cmos, host_time, low, vm->mem.size - low);
	return bus_register(&vm->pio, &range);
}

const struct device rtc_device = {
	.name = "RTC",
	.init = rtc_init,
};
