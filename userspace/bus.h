/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which device answers at which port or memory address. Devices register at
 * init; vCPU threads look up without a lock, because nothing changes later.
 */
#ifndef DUET_BUS_H
#define DUET_BUS_H

#include <stdint.h>

#define BUS_MAX_RANGES	32

/**
 * struct bus_range - one device's registers
 * @name: for messages
 * @base: first address
 * @len: bytes
 * @width: the widest access the device takes; wider or partly covering ones
 *	   reach it byte by byte, as a PC's bus would do it
 * @read: value at @base + off; called from vCPU threads, locks are the
 *	  device's own business. NULL: reads as all ones
 * @write: the same for writing. NULL: ignored
 * @dev: first argument of both
 */
struct bus_range {
	const char *name;
	uint64_t base;
	uint64_t len;
	unsigned int width;
	uint64_t (*read)(void *dev, uint64_t off, unsigned int len);
	void (*write)(void *dev, uint64_t off, unsigned int len, uint64_t val);
	void *dev;
};

/**
 * struct bus - an address space: ports or memory
 * @nr: ranges in use
 * @range: the ranges, in order of registration
 */
struct bus {
	unsigned int nr;
	struct bus_range range[BUS_MAX_RANGES];
};

/**
 * bus_register() - add a device's range
 * @bus: the address space
 * @range: copied
 *
 * Return: 0; -EBUSY if it overlaps another, -ENOSPC if the bus is full.
 */
int bus_register(struct bus *bus, const struct bus_range *range);

/**
 * bus_read() - read as a vCPU does
 * @bus: the address space
 * @addr: first address
 * @data: @len bytes; where no device answers they are 0xff
 * @len: 1 to 8
 */
void bus_read(const struct bus *bus, uint64_t addr, void *data,
	      unsigned int len);

/** bus_write() - write as a vCPU does; what no device takes is dropped */
void bus_write(const struct bus *bus, uint64_t addr, const void *data,
	       unsigned int len);

#endif
