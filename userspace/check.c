// SPDX-License-Identifier: GPL-2.0
/*
 * "duet check": prints the report. Calls check_cpu.c and check_host.c; called
 * by main.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"

void check_line(const char *label, const char *fmt, ...)
{
	va_list ap;

	printf("%-14s ", label);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void check_stop(struct check *c, const char *fmt, ...)
{
	va_list ap;

	c->stops++;
	printf("%-14s ", "STOPS DUET");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

int check_msr(uint32_t index, uint64_t *val)
{
	int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return errno == EACCES || errno == EPERM ? -EACCES : -ENOENT;
	/* The driver answers a #GP of RDMSR with EIO. */
	if (pread(fd, val, sizeof(*val), index) != sizeof(*val))
		ret = -EIO;
	close(fd);
	return ret;
}

int check_machine(const char *device)
{
	struct check c = { 0 };

	check_cpu(&c);
	check_host(&c, device);
	if (c.stops) {
		check_line("verdict", "Duet cannot run VMs here: %u thing%s in the way",
			   c.stops, c.stops == 1 ? " is" : "s are");
		return 1;
	}
	check_line("verdict", "Duet can run VMs here");
	return 0;
}
