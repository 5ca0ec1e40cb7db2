/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest-physical memory: one anonymous mapping, cut into the ranges a PC has.
 * Used by everything that reads or writes guest memory.
 */
#ifndef DUET_GUEST_MEM_H
#define DUET_GUEST_MEM_H

#include <stdint.h>
#include <stddef.h>

#define KIB(x)		((uint64_t)(x) << 10)
#define MIB(x)		((uint64_t)(x) << 20)
#define GIB(x)		((uint64_t)(x) << 30)

#define VGA_HOLE_START	0xa0000ULL	/* no memory: reads as all ones */
#define VGA_HOLE_END	0xc0000ULL
#define PCI_HOLE_START	GIB(3)		/* local APIC, IOAPIC, TSS pages */
#define PCI_HOLE_END	GIB(4)

#define GUEST_MEM_MIN	MIB(2)
#define GUEST_MEM_MAX	GIB(1024)

/**
 * struct guest_range - one range of guest-physical RAM
 * @gpa: its first guest-physical address
 * @size: bytes
 * @hva: where it stands in this process
 */
struct guest_range {
	uint64_t gpa;
	uint64_t size;
	void *hva;
};

/**
 * struct guest_mem - all RAM of a guest
 * @size: bytes the user asked for
 * @map: the mapping as mmap() returned it
 * @map_size: its length
 * @nr: ranges in use
 * @range: ascending by address: below VGA, up to the PCI hole, above 4 GiB
 */
struct guest_mem {
	uint64_t size;
	void *map;
	size_t map_size;
	unsigned int nr;
	struct guest_range range[3];
};

/**
 * guest_mem_init() - map @size bytes of guest RAM
 * @mem: to be filled
 * @size: bytes, page-aligned, GUEST_MEM_MIN to GUEST_MEM_MAX
 *
 * Return: 0, -EINVAL or -ENOMEM with a message.
 */
int guest_mem_init(struct guest_mem *mem, uint64_t size);

/** guest_mem_exit() - unmap; harmless on a zeroed struct */
void guest_mem_exit(struct guest_mem *mem);

/**
 * guest_ptr() - the host address of guest-physical memory
 * @mem: guest memory
 * @gpa: first address
 * @len: bytes; the whole range has to be RAM of one range
 *
 * Return: the address, or NULL if any byte is not RAM.
 */
void *guest_ptr(const struct guest_mem *mem, uint64_t gpa, uint64_t len);

/** guest_low_end() - end of the RAM that lies below the PCI hole */
uint64_t guest_low_end(const struct guest_mem *mem);

#endif
