/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Time in a test. Each span is what an ordinary kernel needs; on a slow one,
 * full of sanitizers, $DUET_SLOWNESS times as much passes (scripts/test-debug).
 * Only how long a test waits may depend on it, never what it expects.
 */
#ifndef SELFTESTS_PACE_H
#define SELFTESTS_PACE_H

#include <stdint.h>

/** slowly() - @n milliseconds, seconds or the like on this kernel */
unsigned int slowly(unsigned int n);

uint64_t now_ms(void);

/** sleep_ms() - for as long as others need who work for @ms meanwhile */
void sleep_ms(unsigned int ms);

/**
 * alarm_ms - SIGALRM in @ms, and if @again is not 0 every @again
 *
 * The handler there is stays; if there is none, one that does nothing ends
 * KVM_RUN with EINTR.
 */
void alarm_ms(unsigned int ms, unsigned int again);
/* No SIGALRM from here on. */
void alarm_off(void);

#endif
