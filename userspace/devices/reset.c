// SPDX-License-Identifier: GPL-2.0
/*
 * The reset control register at port 0xcf9, which is also ACPI's reset
 * register. Calls vm_end(); called by vCPU threads.
 */
#include <stdatomic.h>

#include "devices/device.h"
#include "vm.h"

#define PCI_CONFIG_ADDRESS	0xcf8

#define RESET_CPU	0x04	/* a rising edge resets */
#define RESET_MASK	0x0e	/* full reset, reset, system reset */

static _Atomic uint8_t reset_control;

/*
 * Port 0xcf8 taken as a doubleword is PCI's configuration address and passes
 * over the reset register; a byte at 0xcf9 is the latter. There is no PCI bus,
 * so what is written to the address does not read back.
 */
static uint64_t reset_read(void *dev, uint64_t off, unsigned int len)
{
	(void)dev;
	if (len == 1 && off == RESET_PORT - PCI_CONFIG_ADDRESS)
		return atomic_load(&reset_control);
	return ~0ULL;
}

static void reset_write(void *dev, uint64_t off, unsigned int len,
			uint64_t val)
{
	uint8_t before;

	if (len != 1 || off != RESET_PORT - PCI_CONFIG_ADDRESS)
		return;
	before = atomic_exchange(&reset_control, val & RESET_MASK);
	if (val & RESET_CPU && !(before & RESET_CPU))
		vm_end(dev, VM_RESET);
}

static int reset_init(struct vm *vm)
{
	struct bus_range range = {
		.name = "reset control",
		.base = PCI_CONFIG_ADDRESS,
		.len = 4,
		.width = 4,
		.read = reset_read,
		.write = reset_write,
		.dev = vm,
	};

	atomic_store(&reset_control, 0);
	return bus_register(&vm->pio, &range);
}

const struct device reset_device = {
	.name = "reset control",
	.init = reset_init,
};
