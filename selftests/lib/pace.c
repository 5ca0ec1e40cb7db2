// SPDX-License-Identifier: GPL-2.0
/*
 * Time in a test: see pace.h. Calls libc only; called by the tests and by
 * tap.c.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "pace.h"

unsigned int slowly(unsigned int n)
{
	const char *s = getenv("DUET_SLOWNESS");
	int factor = s ? atoi(s) : 1;

	return factor > 1 ? n * factor : n;
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

void sleep_ms(unsigned int ms)
{
	struct timespec t;

	ms = slowly(ms);
	t.tv_sec = ms / 1000;
	t.tv_nsec = ms % 1000 * 1000000l;
	/* the rest of it, after a signal */
	while (nanosleep(&t, &t))
		;
}

static void nothing(int sig)
{
}

static struct timeval timeval(unsigned int ms)
{
	return (struct timeval){ ms / 1000, ms % 1000 * 1000 };
}

void alarm_ms(unsigned int ms, unsigned int again)
{
	struct sigaction sa;
	struct itimerval t = {
		.it_value = timeval(slowly(ms)),
		.it_interval = timeval(slowly(again)),
	};

	sigaction(SIGALRM, NULL, &sa);
	if (sa.sa_handler == SIG_DFL) {
		sa = (struct sigaction){ .sa_handler = nothing };
		sigaction(SIGALRM, &sa, NULL);
	}
	setitimer(ITIMER_REAL, &t, NULL);
}

void alarm_off(void)
{
	struct itimerval none = { { 0, 0 }, { 0, 0 } };

	setitimer(ITIMER_REAL, &none, NULL);
}
