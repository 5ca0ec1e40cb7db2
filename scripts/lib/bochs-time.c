// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into Bochs for runs that are to be repeatable: Bochs seeds its
 * random numbers (RDRAND among them) from the time of day. Built by bochs.py.
 */
#include <time.h>

time_t time(time_t *t)
{
	if (t)
		*t = 1767225600;	/* 2026-01-01 */
	return 1767225600;
}
