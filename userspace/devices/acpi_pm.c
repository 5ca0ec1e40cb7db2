// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI's fixed hardware: PM1a event and control blocks and the PM timer (ACPI
 * 6.4, 4.8). Calls vm_end() and the SCI's interrupt line; its registers are
 * called by vCPU threads. acpi.c describes it to the guest.
 */
#include <pthread.h>
#include <time.h>

#include "compiler.h"
#include "devices/device.h"
#include "vm.h"

#define PM_TIMER_HZ	3579545ULL

/* PM1 status and enable: ACPI 6.4, tables 4.11 and 4.12 */
#define PM1_TMR		(1 << 0)
#define PM1_EN_MASK	0x0721
/* PM1 control: table 4.13 */
#define PM1_SCI_EN	(1 << 0)
#define PM1_SLP_EN	(1 << 13)
#define PM1_SLP_TYP(v)	((v) >> 10 & 7)

/**
 * struct acpi_pm - PM1a and the timer
 * @lock: protects the rest
 * @status: PM1 status; the timer's bit is brought up to date when read
 * @enable: PM1 enable
 * @control: PM1 control, without the write-only SLP_EN
 * @msb: the timer's top bit when it was last looked at
 * @sci: the level of the SCI
 */
static struct acpi_pm {
	pthread_mutex_t lock;
	uint16_t status;
	uint16_t enable;
	uint16_t control;
	bool msb;
	bool sci;
} pm = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint32_t timer_value(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * PM_TIMER_HZ +
	       (uint64_t)t.tv_nsec * PM_TIMER_HZ / 1000000000;
}

/* TMR_STS is set when the timer's top bit changes. */
static void update_timer(void)
{
	bool msb = timer_value() >> 31;

	if (msb != pm.msb)
		pm.status |= PM1_TMR;
	pm.msb = msb;
}

static void update_sci(struct vm *vm)
{
	bool level = pm.status & pm.enable;

	if (level == pm.sci)
		return;
	pm.sci = level;
	vm_irq_line(vm, SCI_IRQ, level);
}

/* Event block: status in the first half, enable in the second. */
static uint64_t event_read(void *dev, uint64_t off, unsigned int len)
{
	uint32_t val;

	(void)len;
	pthread_mutex_lock(&pm.lock);
	update_timer();
	val = pm.status | (uint32_t)pm.enable << 16;
	update_sci(dev);
	pthread_mutex_unlock(&pm.lock);
	return val >> (8 * off);
}

static void event_write(void *dev, uint64_t off, unsigned int len,
			uint64_t val)
{
	uint32_t mask = (len >= 4 ? ~0U : (1U << (8 * len)) - 1) << (8 * off);
	uint32_t bits = (uint32_t)val << (8 * off);

	pthread_mutex_lock(&pm.lock);
	update_timer();
	/* Status bits are cleared by writing ones. */
	pm.status &= ~(bits & mask & 0xffff);
	pm.enable = ((pm.enable & ~(mask >> 16)) | (bits & mask) >> 16) &
		    PM1_EN_MASK;
	update_sci(dev);
	pthread_mutex_unlock(&pm.lock);
}

static uint64_t control_read(void *dev, uint64_t off, unsigned int len)
{
	uint16_t val;

	(void)dev;
	(void)len;
	pthread_mutex_lock(&pm.lock);
	val = pm.control;
	pthread_mutex_unlock(&pm.lock);
	return val >> (8 * off);
}

static void control_write(void *dev, uint64_t off, unsigned int len,
			  uint64_t val)
{
	uint32_t mask = (len >= 2 ? 0xffff : 0xff) << (8 * off);
	uint32_t bits = (uint32_t)val << (8 * off);
	uint16_t control;

	pthread_mutex_lock(&pm.lock);
	control = (pm.control & ~mask) | (bits & mask);
	/* There is no SMI that could leave ACPI mode: it is always on. */
	pm.control = (control & ~PM1_SLP_EN) | PM1_SCI_EN;
	pthread_mutex_unlock(&pm.lock);
	/* S5 is the only sleep state that the DSDT offers. */
	if (control & PM1_SLP_EN && PM1_SLP_TYP(control) == SLP_TYP_S5)
		vm_end(dev, VM_POWER_OFF);
}

static uint64_t pm_timer_read(void *dev, uint64_t off, unsigned int len)
{
	(void)dev;
	(void)len;
	return timer_value() >> (8 * off);
}

static int acpi_pm_init(struct vm *vm)
{
	const struct bus_range ranges[] = {
		{
			.name = "PM1a event",
			.base = PM1_EVT_PORT,
			.len = PM1_EVT_LEN,
			.width = 4,
			.read = event_read,
			.write = event_write,
			.dev = vm,
		}, {
			.name = "PM1a control",
			.base = PM1_CNT_PORT,
			.len = PM1_CNT_LEN,
			.width = 2,
			.read = control_read,
			.write = control_write,
			.dev = vm,
		}, {
			.name = "PM timer",
			.base = PM_TMR_PORT,
			.len = PM_TMR_LEN,
			.width = 4,
			.read = pm_timer_read,
			.dev = vm,
		},
	};
	unsigned int i;
	int ret;

	pm.status = 0;
	pm.enable = 0;
	pm.control = PM1_SCI_EN;
	pm.msb = timer_value() >> 31;
	pm.sci = false;
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		ret = bus_register(&vm->pio, &ranges[i]);
		if (ret)
			return ret;
	}
	return 0;
}

const struct device acpi_pm_device = {
	.name = "ACPI PM",
	.init = acpi_pm_init,
};
