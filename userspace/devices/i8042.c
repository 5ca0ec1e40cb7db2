// SPDX-License-Identifier: GPL-2.0
/*
 * The keyboard controller at ports 0x60 and 0x64, without keyboard or mouse:
 * enough to be recognised and to reset the machine. Calls vm_end(); its
 * registers are called by vCPU threads.
 */
#include <pthread.h>

#include "devices/device.h"
#include "vm.h"

#define DATA_PORT	0x60
#define COMMAND_PORT	0x64

/* Status register: IBM PS/2 Technical Reference, keyboard controller */
#define STATUS_OBF	0x01	/* output buffer full */
#define STATUS_SYS	0x04	/* self test passed */
#define STATUS_CMD	0x08	/* last write went to the command port */
#define STATUS_KEYLOCK	0x10	/* not locked */

#define CTR_SYS		0x04
#define OUTPORT_RESET	0x01	/* low pulse: reset */
#define OUTPORT_A20	0x02

/**
 * struct i8042 - the controller
 * @lock: protects the rest
 * @status: the status register
 * @ctr: the command byte
 * @outport: the output port
 * @data: the output buffer
 * @argument: the command whose argument comes next, or 0
 */
static struct i8042 {
	pthread_mutex_t lock;
	uint8_t status;
	uint8_t ctr;
	uint8_t outport;
	uint8_t data;
	uint8_t argument;
} ctl = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void reply(uint8_t val)
{
	ctl.data = val;
	ctl.status |= STATUS_OBF;
}

static void command(struct vm *vm, uint8_t cmd)
{
	ctl.argument = 0;
	switch (cmd) {
	case 0x20:		/* read the command byte */
		reply(ctl.ctr);
		return;
	case 0x60:		/* write the command byte */
	case 0xd1:		/* write the output port */
	case 0xd2:		/* to the output buffer, as if from keyboard */
	case 0xd3:		/* to the output buffer, as if from mouse */
	case 0xd4:		/* write to the mouse */
		ctl.argument = cmd;
		return;
	case 0xa9:		/* test the mouse port: clock stuck high */
		reply(0x02);
		return;
	case 0xaa:		/* self test */
		ctl.status |= STATUS_SYS;
		reply(0x55);
		return;
	case 0xab:		/* test the keyboard port: good */
		reply(0x00);
		return;
	case 0xc0:		/* read the input port: keyboard not locked */
		reply(0x80);
		return;
	case 0xd0:		/* read the output port */
		reply(ctl.outport);
		return;
	}
	/* 0xf0 to 0xff: pulse the output port's lines whose bit is clear. */
	if (cmd >= 0xf0 && !(cmd & OUTPORT_RESET))
		vm_end(vm, VM_RESET);
}

static void argument(struct vm *vm, uint8_t val)
{
	switch (ctl.argument) {
	case 0x60:
		ctl.ctr = val;
		break;
	case 0xd1:
		ctl.outport = val;
		if (!(val & OUTPORT_RESET))
			vm_end(vm, VM_RESET);
		break;
	case 0xd2:
		reply(val);
		break;
	case 0xd3:		/* there is no mouse port: nothing loops back */
	case 0xd4:
		break;
	}
	ctl.argument = 0;
}

static uint64_t i8042_read(void *dev, uint64_t off, unsigned int len)
{
	uint8_t val;

	(void)len;
	(void)dev;
	pthread_mutex_lock(&ctl.lock);
	if (off == 0) {
		val = ctl.data;
		ctl.status &= ~STATUS_OBF;
	} else {
		val = ctl.status;
	}
	pthread_mutex_unlock(&ctl.lock);
	return val;
}

/* One function per port: dev tells nothing but the VM. */
static uint64_t status_read(void *dev, uint64_t off, unsigned int len)
{
	return i8042_read(dev, off + 1, len);
}

static void data_write(void *dev, uint64_t off, unsigned int len,
		       uint64_t val)
{
	(void)off;
	(void)len;
	pthread_mutex_lock(&ctl.lock);
	ctl.status &= ~STATUS_CMD;
	argument(dev, val);
	pthread_mutex_unlock(&ctl.lock);
}

static void command_write(void *dev, uint64_t off, unsigned int len,
			  uint64_t val)
{
	(void)off;
	(void)len;
	pthread_mutex_lock(&ctl.lock);
	ctl.status |= STATUS_CMD;
	command(dev, val);
	pthread_mutex_unlock(&ctl.lock);
}

static int i8042_init(struct vm *vm)
{
	struct bus_range data = {
		.name = "i8042 data",
		.base = DATA_PORT,
		.len = 1,
		.width = 1,
		.read = i8042_read,
		.write = data_write,
		.dev = vm,
	};
	struct bus_range cmd = {
		.name = "i8042 command",
		.base = COMMAND_PORT,
		.len = 1,
		.width = 1,
		.read = status_read,
		.write = command_write,
		.dev = vm,
	};
	int ret;

	ctl.status = STATUS_KEYLOCK | STATUS_SYS;
	ctl.ctr = CTR_SYS;
	ctl.outport = OUTPORT_RESET | OUTPORT_A20;
	ctl.data = 0;
	ctl.argument = 0;
	ret = bus_register(&vm->pio, &data);
	if (!ret)
		ret = bus_register(&vm->pio, &cmd);
	return ret;
}

const struct device i8042_device = {
	.name = "i8042",
	.init = i8042_init,
};
