// SPDX-License-Identifier: GPL-2.0
/*
 * RTC and CMOS memory at ports 0x70 and 0x71, with alarm and update interrupts;
 * the periodic interrupt stays silent. Calls libc and interrupt line 8; its
 * registers are called by vCPU threads.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "devices/device.h"
#include "devices/rtc.h"
#include "err.h"
#include "vm.h"

/* Registers and bits: Motorola MC146818A data sheet */
#define RTC_SECONDS		0
#define RTC_SECONDS_ALARM	1
#define RTC_MINUTES		2
#define RTC_MINUTES_ALARM	3
#define RTC_HOURS		4
#define RTC_HOURS_ALARM		5
#define   RTC_ALARM_ANY		0xc0	/* "don't care" */
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
#define   RTC_UIE		0x10
#define   RTC_AIE		0x20
#define   RTC_SET		0x80
#define RTC_INTR_FLAGS		12
#define   RTC_UF		0x10
#define   RTC_AF		0x20
#define   RTC_IRQF		0x80
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

bool cmos_wants_ticks(const struct cmos *c)
{
	return c->ram[RTC_CONTROL] & (RTC_AIE | RTC_UIE) &&
	       !(c->ram[RTC_CONTROL] & RTC_SET);
}

bool cmos_irq(const struct cmos *c)
{
	return c->ram[RTC_CONTROL] & c->ram[RTC_INTR_FLAGS] &
	       (RTC_AF | RTC_UF);
}

static bool alarm_at(const struct cmos *c, time_t t)
{
	const uint8_t *alarm = c->ram;
	struct tm tm;

	return gmtime_r(&t, &tm) &&
	       (alarm[RTC_SECONDS_ALARM] >= RTC_ALARM_ANY ||
		alarm[RTC_SECONDS_ALARM] == to_reg(c, tm.tm_sec % 60)) &&
	       (alarm[RTC_MINUTES_ALARM] >= RTC_ALARM_ANY ||
		alarm[RTC_MINUTES_ALARM] == to_reg(c, tm.tm_min)) &&
	       (alarm[RTC_HOURS_ALARM] >= RTC_ALARM_ANY ||
		alarm[RTC_HOURS_ALARM] == hour_to_reg(c, tm.tm_hour));
}

void cmos_tick(struct cmos *c)
{
	time_t t = c->now() + c->offset;

	if (t <= c->ticked && t > c->ticked - 2)
		return;		/* no second has begun */
	/* A host that slept may have slept over the alarm; not for a day. */
	if (c->ticked > t || c->ticked < t - 86400)
		c->ticked = t - 1;
	c->ram[RTC_INTR_FLAGS] |= RTC_UF;
	while (c->ticked < t)
		if (alarm_at(c, ++c->ticked))
			c->ram[RTC_INTR_FLAGS] |= RTC_AF;
}

static uint8_t read_flags(struct cmos *c)
{
	uint8_t val = c->ram[RTC_INTR_FLAGS] | (cmos_irq(c) ? RTC_IRQF : 0);

	c->ram[RTC_INTR_FLAGS] = 0;
	return val;
}

uint8_t cmos_read(struct cmos *c, unsigned int off)
{
	if (off == 0)
		return 0xff;	/* the index port is write-only */
	if (c->index == RTC_INTR_FLAGS)
		return read_flags(c);
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
	/* Ticks may have been off until now: alarms count from here. */
	if (!cmos_wants_ticks(c))
		c->ticked = c->now() + c->offset;
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

/**
 * struct rtc - the device
 * @lock: protects @cmos, @level and @ticking
 * @cmos: the chip
 * @level: the interrupt line
 * @ticking: the timer runs
 * @timer_fd: expires when a second begins, while the guest wants that
 * @stop_fd: ends the thread
 * @thread: waits for the timer
 */
static struct rtc {
	struct vm *vm;
	pthread_mutex_t lock;
	struct cmos cmos;
	bool level;
	bool ticking;
	int timer_fd;
	int stop_fd;
	pthread_t thread;
} rtc = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* After each change: the interrupt line and the timer; the lock is held. */
static void update(void)
{
	bool level = cmos_irq(&rtc.cmos);
	bool ticking = cmos_wants_ticks(&rtc.cmos);

	if (level != rtc.level) {
		rtc.level = level;
		vm_irq_line(rtc.vm, RTC_IRQ, level);
	}
	if (ticking != rtc.ticking) {
		struct itimerspec t = {
			.it_interval.tv_sec = ticking,
			.it_value.tv_sec = ticking ? rtc.cmos.now() + 1 : 0,
		};

		rtc.ticking = ticking;
		timerfd_settime(rtc.timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
	}
}

static uint64_t rtc_read(void *dev, uint64_t off, unsigned int len)
{
	uint8_t val;

	(void)dev;
	(void)len;
	pthread_mutex_lock(&rtc.lock);
	val = cmos_read(&rtc.cmos, off);
	update();
	pthread_mutex_unlock(&rtc.lock);
	return val;
}

static void rtc_write(void *dev, uint64_t off, unsigned int len, uint64_t val)
{
	(void)dev;
	(void)len;
	pthread_mutex_lock(&rtc.lock);
	cmos_write(&rtc.cmos, off, val);
	update();
	pthread_mutex_unlock(&rtc.lock);
}

static void *tick_loop(void *arg)
{
	struct pollfd p[2] = {
		{ .fd = rtc.timer_fd, .events = POLLIN },
		{ .fd = rtc.stop_fd, .events = POLLIN },
	};
	uint64_t expired;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			return arg;
		if (read(rtc.timer_fd, &expired, sizeof(expired)) < 0)
			continue;	/* it was disarmed meanwhile */
		pthread_mutex_lock(&rtc.lock);
		if (rtc.ticking)
			cmos_tick(&rtc.cmos);
		update();
		pthread_mutex_unlock(&rtc.lock);
	}
}

static time_t host_time(void)
{
	struct timespec t;

	/* time() may lag behind the timer by a tick of the host. */
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
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
	int ret;

	cmos_init(&rtc.cmos, host_time, low, vm->mem.size - low);
	rtc.vm = vm;
	rtc.level = false;
	rtc.ticking = false;
	ret = bus_register(&vm->pio, &range);
	if (ret)
		return ret;
	rtc.timer_fd = timerfd_create(CLOCK_REALTIME,
				      TFD_CLOEXEC | TFD_NONBLOCK);
	if (rtc.timer_fd < 0)
		return err_set(errno, "timerfd: %s", strerror(errno));
	rtc.stop_fd = eventfd(0, EFD_CLOEXEC);
	if (rtc.stop_fd < 0) {
		ret = err_set(errno, "eventfd: %s", strerror(errno));
		goto close_timer;
	}
	ret = pthread_create(&rtc.thread, NULL, tick_loop, NULL);
	if (ret) {
		ret = err_set(ret, "no thread for the clock: %s",
			      strerror(ret));
		goto close_stop;
	}
	return 0;
close_stop:
	close(rtc.stop_fd);
close_timer:
	close(rtc.timer_fd);
	return ret;
}

static void rtc_exit(struct vm *vm)
{
	(void)vm;
	eventfd_write(rtc.stop_fd, 1);
	pthread_join(rtc.thread, NULL);
	close(rtc.stop_fd);
	close(rtc.timer_fd);
}

const struct device rtc_device = {
	.name = "RTC",
	.init = rtc_init,
	.exit = rtc_exit,
};
