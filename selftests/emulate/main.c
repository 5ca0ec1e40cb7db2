// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator's test program: lengths against Zydis, results against this
 * processor, and unit tests of what neither shows. TAP on standard output.
 * An argument multiplies the amount of random tests: emulate 20
 */
#include <stdarg.h>

#include "harness.h"

unsigned int effort = 1;

static unsigned int planned, failed;

void tap_result(bool good, const char *format, ...)
{
	va_list list;

	planned++;
	if (!good)
		failed++;
	printf("%sok %u ", good ? "" : "not ", planned);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
}

void tap_skip(const char *format, ...)
{
	va_list list;

	planned++;
	printf("ok %u # SKIP ", planned);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
}

int tap_finish(void)
{
	printf("1..%u\n", planned);
	printf("# Totals: pass:%u fail:%u\n", planned - failed, failed);
	return failed ? 1 : 0;
}

u64 random_next(struct random *random)
{
	u64 x = random->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random->state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

u64 random_below(struct random *random, u64 bound)
{
	return (random_next(random) >> 11) % bound;
}

u64 random_operand(struct random *random)
{
	u64 value = random_next(random);
	u32 width = 8u << random_below(random, 4);
	u64 mask = width == 64 ? ~0ULL : (1ULL << width) - 1;

	switch (random_below(random, 8)) {
	case 0:
		return (value & ~mask) | random_below(random, 4);
	case 1:
		return value | mask;
	case 2:
		return (value & ~mask) | (1ULL << (width - 1));
	case 3:
		return (value & ~mask) | (mask >> 1);
	case 4:
		return random_below(random, 256);
	default:
		return value;
	}
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		effort = strtoul(argv[1], NULL, 10);
		if (effort < 1 || effort > 10000) {
			fprintf(stderr, "usage: %s [effort, 1 to 10000]\n",
				argv[0]);
			return 2;
		}
	}
	test_units();
	test_string_units();
	test_lengths();
	test_native();
	test_native32();
	return tap_finish();
}
