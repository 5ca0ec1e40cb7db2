// SPDX-License-Identifier: GPL-2.0
/*
 * TAP output and the test list: see tap.h. Calls libc only; called by the
 * tests' main().
 */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/pidfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pace.h"
#include "tap.h"
#include "vm.h"

static void vnote(const char *fmt, va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	if (line[0])
		printf("# %s\n", line);
	fflush(stdout);
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vnote(fmt, ap);
	va_end(ap);
}

void fail_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(KSFT_FAIL);
}

static char *skip_reason;	/* shared with the parent */
static char *remarked;		/* likewise */
unsigned int tap_index;

void remark(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(remarked, 200, fmt, ap);
	va_end(ap);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(skip_reason, 200, fmt, ap);
	va_end(ap);
	fflush(stdout);
	_exit(KSFT_SKIP);
}

/* $DUET_LIMIT, if that is less: who expects a failure need not wait long. */
static unsigned int limit(unsigned int seconds)
{
	const char *less = getenv("DUET_LIMIT");
	unsigned int n = less ? atoi(less) : 0;

	return n && n < seconds ? n : seconds;
}

/*
 * Waits for @pid up to @seconds; false when it does not even die by SIGKILL.
 * Asleep until then: to look now and then takes the CPU from the test.
 */
static int reap(pid_t pid, unsigned int seconds, int *status)
{
	struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int r = 1;

	if (p.fd < 0)
		return 0;
	if (poll(&p, 1, seconds * 1000) == 0) {
		note("no end after %u s", seconds);
		kill(pid, SIGKILL);
		r = poll(&p, 1, limit(slowly(10)) * 1000) == 1 ? -1 : 0;
	}
	close(p.fd);
	if (r)
		waitpid(pid, status, 0);
	return r;
}

int tap_skip_program(const char *why)
{
	printf("TAP version 13\n1..0 # SKIP %s\n", why);
	return KSFT_SKIP;
}

int tap_main(const struct test *tests, unsigned int n, unsigned int seconds)
{
	unsigned int failed = 0, skipped = 0, i;
	const char *only = getenv("DUET_TEST");
	int status, r;
	pid_t pid;

	printf("TAP version 13\n");
	if (access(device_path(), R_OK | W_OK)) {
		printf("1..0 # SKIP no access to %s: %s\n", device_path(),
		       strerror(errno));
		return KSFT_SKIP;
	}
	skip_reason = shared_alloc(4096);
	remarked = skip_reason + 2048;
	printf("1..%u\n", n);
	for (i = 0; i < n; i++) {
		if (only && *only && (unsigned int)atoi(only) != i + 1)
			continue;
		fflush(stdout);
		skip_reason[0] = 0;
		remarked[0] = 0;
		tap_index = i;
		pid = fork();
		if (!pid) {
			tests[i].fn();
			fflush(stdout);
			_exit(KSFT_PASS);
		}
		r = reap(pid, limit(slowly(seconds)), &status);
		if (r == 1 && WIFEXITED(status) && !WEXITSTATUS(status)) {
			printf("ok %u - %s%s%s\n", i + 1, tests[i].rule,
			       remarked[0] ? " # " : "", remarked);
		} else if (r == 1 && WIFEXITED(status) &&
			   WEXITSTATUS(status) == KSFT_SKIP) {
			printf("ok %u - %s # SKIP %s\n", i + 1, tests[i].rule,
			       skip_reason);
			skipped++;
		} else {
			if (!r)
				note("unkillable");
			else if (r == 1 && WIFSIGNALED(status))
				note("killed by signal %d", WTERMSIG(status));
			printf("not ok %u - %s\n", i + 1, tests[i].rule);
			failed++;
		}
	}
	if (failed)
		return KSFT_FAIL;
	return skipped == n ? KSFT_SKIP : KSFT_PASS;
}
