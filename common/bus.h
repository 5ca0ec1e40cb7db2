/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices in the kernel, by port or by guest-physical address. common/irq/
 * registers its chips here; exits look here before they go to user space.
 */
#ifndef DUET_COMMON_BUS_H
#define DUET_COMMON_BUS_H

#include "common/types.h"

struct duet_io_device;

/** struct duet_io_ops - what a device does; return 0, or -EOPNOTSUPP: not mine */
struct duet_io_ops {
	/* @addr is absolute; @len 1 to 8; may be called with interrupts off */
	int (*read)(struct duet_vcpu *vcpu, struct duet_io_device *dev,
		    gpa_t addr, int len, void *data);
	int (*write)(struct duet_vcpu *vcpu, struct duet_io_device *dev,
		     gpa_t addr, int len, const void *data);
	/* the device's reference on the bus is dropped; may be NULL */
	void (*release)(struct duet_io_device *dev);
};

/** struct duet_io_device - embed it; immutable while registered */
struct duet_io_device {
	const struct duet_io_ops *ops;
	gpa_t addr;
	u32 len;
};

enum duet_bus_id { DUET_BUS_PIO, DUET_BUS_MMIO, DUET_NR_BUSES };

#define DUET_BUS_FILTER	1024

/**
 * struct duet_bus - sorted by addr; one SRCU (vm->srcu) snapshot
 * @filter: a bit per granule of addresses, folded: clear where no device is
 * @max_len: of its devices: how far below an address a device may start
 */
struct duet_bus {
	u32 nr;
	u32 max_len;
	unsigned long filter[DUET_BUS_FILTER / BITS_PER_LONG];
	struct duet_io_device *dev[];
};

/**
 * duet_bus_register() - Context: vm->slots_lock held; may sleep.
 * Return: 0, -ENOMEM, -ENOSPC (1000 devices).
 */
int duet_bus_register(struct duet_vm *vm, enum duet_bus_id bus,
		      struct duet_io_device *dev);
/**
 * duet_bus_unregister() - waits for readers, then calls ops->release
 * Context: as duet_bus_register(). Return: 0, -ENOENT.
 */
int duet_bus_unregister(struct duet_vm *vm, enum duet_bus_id bus,
			struct duet_io_device *dev);
/** duet_bus_destroy() - release every device; no reader is left */
void duet_bus_destroy(struct duet_vm *vm);

/**
 * duet_bus_read() / duet_bus_write() - Return 0 if a device took it, else
 * -EOPNOTSUPP. Context: srcu read side; any.
 */
int duet_bus_read(struct duet_vcpu *vcpu, enum duet_bus_id bus, gpa_t addr,
		  int len, void *data);
int duet_bus_write(struct duet_vcpu *vcpu, enum duet_bus_id bus, gpa_t addr,
		   int len, const void *data);

#endif /* DUET_COMMON_BUS_H */
