// SPDX-License-Identifier: GPL-2.0
/*
 * Debug ports 0x402 (SeaBIOS, edk2) and 0xe9 (Bochs): a byte written there goes
 * to stderr. Calls libc; called by vCPU threads.
 */
#include <unistd.h>

#include "devices/device.h"
#include "vm.h"

#define DEBUG_PORT	0xe9	/* also what a read returns: "here I am" */

static uint64_t debug_read(void *dev, uint64_t off, unsigned int len)
{
	(void)dev;
	(void)off;
	(void)len;
	return DEBUG_PORT;
}

static void debug_write(void *dev, uint64_t off, unsigned int len,
			uint64_t val)
{
	uint8_t byte = val;

	(void)dev;
	(void)off;
	(void)len;
	/* Debug output that nobody takes is lost. */
	if (write(STDERR_FILENO, &byte, 1) != 1)
		return;
}

static int debugcon_init(struct vm *vm)
{
	static const uint16_t ports[] = { DEBUG_PORT, 0x402 };
	unsigned int i;
	int ret;

	for (i = 0; i < 2; i++) {
		struct bus_range range = {
			.name = "debug port",
			.base = ports[i],
			.len = 1,
			.width = 1,
			.read = debug_read,
			.write = debug_write,
		};

		ret = bus_register(&vm->pio, &range);
		if (ret)
			return ret;
	}
	return 0;
}

const struct device debugcon_device = {
	.name = "debug port",
	.init = debugcon_init,
};
