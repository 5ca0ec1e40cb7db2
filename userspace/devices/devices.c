// SPDX-License-Identifier: GPL-2.0
/*
 * The table of devices. Calls their init and exit; called by run.c.
 */
#include <stddef.h>

#include "compiler.h"
#include "devices/device.h"

static const struct device *const table[] = {
	&serial_device,
	&acpi_pm_device,
	&rtc_device,
	&i8042_device,
	&reset_device,
	&debugcon_device,
};

#define NR_DEVICES	ARRAY_SIZE(table)

static size_t nr_running;

int devices_init(struct vm *vm)
{
	int ret;

	for (nr_running = 0; nr_running < NR_DEVICES; nr_running++) {
		ret = table[nr_running]->init(vm);
		if (ret) {
			devices_exit(vm);
			return ret;
		}
	}
	return 0;
}

void devices_exit(struct vm *vm)
{
	while (nr_running) {
		nr_running--;
		if (table[nr_running]->exit)
			table[nr_running]->exit(vm);
	}
}
