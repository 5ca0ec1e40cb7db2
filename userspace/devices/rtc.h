/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The register model of a PC's clock and CMOS memory (MC146818), without a VM.
 * Used by devices/rtc.c and the unit test.
 */
#ifndef DUET_RTC_H
#define DUET_RTC_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define CMOS_SIZE	128

/**
 * struct cmos - clock and memory
 * @now: seconds since 1970; the host's clock
 * @offset: what the guest's clock differs from it, in seconds
 * @ticked: the guest's time up to which alarms were looked at
 * @index: the register that the data port means
 * @ram: registers; those of the time only while the guest sets it
 */
struct cmos {
	time_t (*now)(void);
	time_t offset;
	time_t ticked;
	uint8_t index;
	uint8_t ram[CMOS_SIZE];
};

/**
 * cmos_init() - state as firmware leaves it
 * @c: to be filled
 * @now: the host's clock
 * @below_4g: bytes of RAM below 4 GiB
 * @above_4g: bytes of RAM above 4 GiB
 */
void cmos_init(struct cmos *c, time_t (*now)(void), uint64_t below_4g,
	       uint64_t above_4g);

/** cmos_read() - the guest reads port 0x70 + @off */
uint8_t cmos_read(struct cmos *c, unsigned int off);

/** cmos_write() - the guest writes port 0x70 + @off */
void cmos_write(struct cmos *c, unsigned int off, uint8_t val);

/**
 * cmos_wants_ticks() - whether the alarm or update interrupt is enabled
 * @c: the clock
 *
 * If so, cmos_tick() is to be called when a second begins.
 */
bool cmos_wants_ticks(const struct cmos *c);

/** cmos_tick() - a second has begun: update flag, and alarm flag if it is due */
void cmos_tick(struct cmos *c);

/** cmos_irq() - the level of the interrupt pin */
bool cmos_irq(const struct cmos *c);

#endif
