// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments of "duet run". Calls getopt_long(); called by run.c.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "err.h"
#include "guest_mem.h"

int args_parse_size(const char *text, uint64_t *size)
{
	unsigned long long n;
	unsigned int shift = 20;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	switch (*end) {
	case 'k': case 'K':
		shift = 10;
		break;
	case 'm': case 'M': case '\0':
		break;
	case 'g': case 'G':
		shift = 30;
		break;
	case 't': case 'T':
		shift = 40;
		break;
	default:
		return -EINVAL;
	}
	/* "M", "MB" and "MiB" are the same habit. */
	if (*end) {
		end++;
		if (*end == 'i' && end[1] == 'B')
			end += 2;
		else if (*end == 'B')
			end++;
	}
	if (*end || n > UINT64_MAX >> shift)
		return -EINVAL;
	*size = (uint64_t)n << shift;
	return 0;
}

static int parse_uint(const char *text, unsigned int max, unsigned int *val)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || n > max)
		return -EINVAL;
	*val = n;
	return 0;
}

enum {
	OPT_KERNEL = 1, OPT_INITRD, OPT_APPEND, OPT_MEMORY, OPT_CPUS,
	OPT_DEVICE, OPT_STATS, OPT_IRQCHIP, OPT_TIMEOUT, OPT_RAW, OPT_HELP,
};

static const struct option options[] = {
	{ "kernel",	required_argument, NULL, OPT_KERNEL },
	{ "initrd",	required_argument, NULL, OPT_INITRD },
	{ "append",	required_argument, NULL, OPT_APPEND },
	{ "memory",	required_argument, NULL, OPT_MEMORY },
	{ "cpus",	required_argument, NULL, OPT_CPUS },
	{ "device",	required_argument, NULL, OPT_DEVICE },
	{ "stats",	no_argument,	   NULL, OPT_STATS },
	{ "irqchip",	required_argument, NULL, OPT_IRQCHIP },
	{ "timeout",	required_argument, NULL, OPT_TIMEOUT },
	{ "raw",	required_argument, NULL, OPT_RAW },
	{ "help",	no_argument,	   NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* irqchip: -1 until the user says something; raw mode defaults to none. */
static int parse_one(int opt, const char *arg, struct run_opts *o,
		     int *irqchip)
{
	switch (opt) {
	case OPT_KERNEL:
		o->kernel = arg;
		return 0;
	case OPT_INITRD:
		o->initrd = arg;
		return 0;
	case OPT_APPEND:
		o->append = arg;
		return 0;
	case OPT_DEVICE:
		o->device = arg;
		return 0;
	case OPT_RAW:
		o->raw = arg;
		return 0;
	case OPT_STATS:
		o->stats = true;
		return 0;
	case OPT_HELP:
		o->help = true;
		return 0;
	case OPT_MEMORY:
		if (args_parse_size(arg, &o->memory))
			return err_set(EINVAL,
				       "--memory %s: not a size; write 256M or 2G",
				       arg);
		return 0;
	case OPT_CPUS:
		if (parse_uint(arg, MAX_CPUS, &o->cpus) || !o->cpus)
			return err_set(EINVAL, "--cpus %s: 1 to %d", arg,
				       MAX_CPUS);
		return 0;
	case OPT_TIMEOUT:
		if (parse_uint(arg, 1000000, &o->timeout) || !o->timeout)
			return err_set(EINVAL,
				       "--timeout %s: 1 to 1000000 seconds",
				       arg);
		return 0;
	case OPT_IRQCHIP:
		if (!strcmp(arg, "kernel"))
			*irqchip = 1;
		else if (!strcmp(arg, "none"))
			*irqchip = 0;
		else
			return err_set(EINVAL,
				       "--irqchip %s: \"kernel\" or \"none\"",
				       arg);
		return 0;
	}
	return err_set(EINVAL, "unknown option");
}

static int check(const struct run_opts *o)
{
	if (!o->kernel && !o->raw)
		return err_set(EINVAL,
			       "no kernel given: duet run --kernel FILE");
	if (o->kernel && o->raw)
		return err_set(EINVAL, "--kernel and --raw exclude each other");
	if (o->raw && (o->initrd || o->append))
		return err_set(EINVAL,
			       "--initrd and --append need --kernel; a raw binary boots without a protocol");
	if (o->kernel && !o->kernel_irqchip)
		return err_set(EINVAL,
			       "--irqchip none is for --raw: a Linux kernel needs the interrupt hardware");
	if (o->memory < GUEST_MEM_MIN || o->memory > GUEST_MEM_MAX ||
	    o->memory & 4095)
		return err_set(EINVAL,
			       "--memory: %llu KiB is no sensible size; 2M to 1024G in steps of 4K",
			       (unsigned long long)(o->memory >> 10));
	return 0;
}

int args_parse_run(int argc, char **argv, struct run_opts *o)
{
	int irqchip = -1;
	int opt, ret;

	*o = (struct run_opts) {
		.device = "/dev/duet",
		.memory = MIB(256),
		.cpus = 1,
	};
	opterr = 0;
	optind = 0;	/* start over: the unit test parses many times */
	while ((opt = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		if (opt == ':')
			return err_set(EINVAL, "%s needs a value",
				       argv[optind - 1]);
		if (opt == '?')
			return err_set(EINVAL,
				       "unknown option %s; see duet run --help",
				       argv[optind - 1]);
		ret = parse_one(opt, optarg, o, &irqchip);
		if (ret)
			return ret;
		if (o->help)
			return 0;
	}
	if (optind < argc)
		return err_set(EINVAL, "unexpected argument \"%s\"",
			       argv[optind]);
	o->kernel_irqchip = irqchip < 0 ? !o->raw : irqchip;
	ret = check(o);
	if (!ret && !o->append)
		o->append = "console=ttyS0";
	return ret;
}
