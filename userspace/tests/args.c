// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of "duet run".
 */
#include <stddef.h>
#include <string.h>

#include "args.h"
#include "compiler.h"
#include "guest_mem.h"
#include "tests/tap.h"

static struct run_opts o;

#define PARSE(...) parse((char *[]) { "run", ##__VA_ARGS__, NULL })

static int parse(char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return args_parse_run(argc, argv, &o);
}

static void test_sizes(void)
{
	static const char *const bad[] = {
		"", "M", "-1M", "+1M", " 1M", "1X", "1MM", "1Mi", "0x10M",
		"1.5G", "99999999999999999999", "17592186044416M", "16777216T",
		"1 M",
	};
	uint64_t size;
	size_t i;

	CHECK(!args_parse_size("256M", &size) && size == MIB(256));
	CHECK(!args_parse_size("256", &size) && size == MIB(256));
	CHECK(!args_parse_size("2g", &size) && size == GIB(2));
	CHECK(!args_parse_size("65536K", &size) && size == MIB(64));
	CHECK(!args_parse_size("1GiB", &size) && size == GIB(1));
	CHECK(!args_parse_size("1GB", &size) && size == GIB(1));
	CHECK(!args_parse_size("16777215T", &size));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(args_parse_size(bad[i], &size));
}

static void test_good(void)
{
	CHECK(!PARSE("--kernel", "k"));
	CHECK(!strcmp(o.kernel, "k") && !strcmp(o.device, "/dev/duet"));
	CHECK(o.memory == MIB(256) && o.cpus == 1 && o.kernel_irqchip);
	CHECK(!strcmp(o.append, "console=ttyS0") && !o.stats && !o.timeout);
	CHECK(!PARSE("--kernel=k", "--initrd=i", "--append=", "--memory=1G",
		     "--cpus=4", "--device=/dev/kvm", "--stats",
		     "--timeout=7", "--irqchip=kernel"));
	CHECK(!strcmp(o.append, "") && o.memory == GIB(1) && o.cpus == 4);
	CHECK(o.stats && o.timeout == 7 && !strcmp(o.initrd, "i"));
	CHECK(!PARSE("--raw", "r") && !o.kernel_irqchip);
	CHECK(!PARSE("--raw", "r", "--irqchip", "kernel") && o.kernel_irqchip);
	CHECK(!PARSE("--help") && o.help);
}

static void test_bad(void)
{
	CHECK(PARSE() && tap_says("--kernel"));
	CHECK(PARSE("--kernel") && tap_says("needs a value"));
	CHECK(PARSE("--kernel", "k", "--bogus") && tap_says("--bogus"));
	CHECK(PARSE("--kernel", "k", "stray") && tap_says("stray"));
	CHECK(PARSE("--kernel", "k", "--raw", "r"));
	CHECK(PARSE("--raw", "r", "--initrd", "i"));
	CHECK(PARSE("--kernel", "k", "--irqchip", "none"));
	CHECK(PARSE("--kernel", "k", "--irqchip", "some"));
	CHECK(PARSE("--kernel", "k", "--cpus", "0"));
	CHECK(PARSE("--kernel", "k", "--cpus", "255"));
	CHECK(PARSE("--kernel", "k", "--cpus", "-1"));
	CHECK(PARSE("--kernel", "k", "--cpus", "2x"));
	CHECK(PARSE("--kernel", "k", "--timeout", "0"));
	CHECK(PARSE("--kernel", "k", "--memory", "1M"));
	CHECK(PARSE("--kernel", "k", "--memory", "8193K"));
	CHECK(PARSE("--kernel", "k", "--memory", "4095T"));
	CHECK(PARSE("--kernel", "k", "--memory", "lots") &&
	      tap_says("--memory lots"));
	CHECK(PARSE("-k", "k"));
}

const struct test args_tests[] = {
	{ "sizes: suffixes, and nonsense refused", test_sizes },
	{ "arguments: defaults and every option", test_good },
	{ "arguments: what is wrong is refused in words", test_bad },
	{ NULL, NULL },
};
