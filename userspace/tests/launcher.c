// SPDX-License-Identifier: GPL-2.0
/*
 * Unit test of the launcher's parts that need no VM. Prints TAP; the exit
 * status is 0 if all passed. Run by scripts/ and by "make -C userspace test".
 */
#include <stdio.h>
#include <string.h>

#include "compiler.h"
#include "err.h"
#include "tests/tap.h"

static const struct test *const groups[] = {
	uart_tests, device_tests, boot_tests, acpi_tests, api_tests, args_tests,
};

#define NR_GROUPS	ARRAY_SIZE(groups)

static bool failed;

bool tap_check(bool ok, const char *file, int line, const char *what)
{
	if (!ok) {
		printf("# %s:%d: %s\n", file, line, what);
		failed = true;
	}
	return ok;
}

bool tap_says(const char *part)
{
	if (strstr(err_msg(), part))
		return true;
	printf("# the message is \"%s\"\n", err_msg());
	return false;
}

int main(void)
{
	unsigned int nr = 0, bad = 0;
	const struct test *t;
	size_t g;

	for (g = 0; g < NR_GROUPS; g++)
		for (t = groups[g]; t->run; t++)
			nr++;
	printf("TAP version 13\n1..%u\n", nr);
	nr = 0;
	for (g = 0; g < NR_GROUPS; g++) {
		for (t = groups[g]; t->run; t++) {
			failed = false;
			t->run();
			bad += failed;
			printf("%sok %u - launcher: %s\n",
			       failed ? "not " : "", ++nr, t->rule);
			fflush(stdout);
		}
	}
	return bad != 0;
}
