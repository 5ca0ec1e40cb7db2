/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of emulated devices. One file each; run.c starts and stops them.
 */
#ifndef DUET_DEVICE_H
#define DUET_DEVICE_H

struct vm;

/* Interrupt lines and ports that devices and ACPI tables share. */
#define SERIAL_PORT	0x3f8
#define SERIAL_IRQ	4
#define RTC_PORT	0x70
#define RTC_IRQ		8
#define SCI_IRQ		9
#define PM_PORT		0x600
#define PM1_EVT_PORT	(PM_PORT + 0)
#define PM1_EVT_LEN	4
#define PM1_CNT_PORT	(PM_PORT + 4)
#define PM1_CNT_LEN	2
#define PM_TMR_PORT	(PM_PORT + 8)
#define PM_TMR_LEN	4
#define SLP_TYP_S5	5
#define RESET_PORT	0xcf9
#define RESET_VALUE	0x06

/**
 * struct device - an emulated device
 * @name: for messages
 * @init: register on the buses, start threads; 0 or -errno with a message
 * @exit: undo it; called only after a successful @init, vCPUs stopped. NULL
 *	  if there is nothing to undo
 */
struct device {
	const char *name;
	int (*init)(struct vm *vm);
	void (*exit)(struct vm *vm);
};

extern const struct device serial_device;
extern const struct device rtc_device;
extern const struct device i8042_device;
extern const struct device acpi_pm_device;
extern const struct device reset_device;
extern const struct device debugcon_device;

/** devices_init() - start all devices; on an error none is left running */
int devices_init(struct vm *vm);

/** devices_exit() - stop all devices, last first */
void devices_exit(struct vm *vm);

#endif
