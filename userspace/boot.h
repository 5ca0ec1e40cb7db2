/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From files to a guest that is ready for its first instruction. Used by run.c
 * and the unit test.
 */
#ifndef DUET_BOOT_H
#define DUET_BOOT_H

#include <asm/bootparam.h>
#include <stdbool.h>
#include <stdint.h>

struct guest_mem;
struct vcpu;

/* Where things stand in low memory; nothing else is there before the start. */
#define BOOT_RAW		0x1000ULL	/* flat binary of --raw */
#define BOOT_GDT		0x6000ULL
#define BOOT_PARAMS		0x7000ULL	/* the "zero page" */
#define BOOT_STACK		0x8ff0ULL
#define BOOT_PML4		0x9000ULL
#define BOOT_PDPT		0xa000ULL
#define BOOT_PD			0xb000ULL	/* four pages: 4 GiB */
#define BOOT_CMDLINE		0x20000ULL
#define BOOT_EBDA		0x9fc00ULL	/* end of the low RAM */
#define BOOT_HIGH		0x100000ULL	/* kernels are loaded above */

/**
 * enum boot_mode - the processor's mode at the first instruction
 * @BOOT_REAL: real mode, IP BOOT_RAW, all segments 0
 * @BOOT_PROTECTED: 32-bit boot protocol, paging off
 * @BOOT_LONG: 64-bit boot protocol, the first 4 GiB mapped to themselves
 */
enum boot_mode {
	BOOT_REAL,
	BOOT_PROTECTED,
	BOOT_LONG,
};

/**
 * struct boot_image - a loaded kernel
 * @mode: how it is entered
 * @entry: guest-physical address of its first instruction
 * @start: first byte of the kernel; @end: after its last, including what it
 *	   needs for itself while it starts
 * @initrd_max: highest address that a byte of the ramdisk may have
 * @cmdline_max: longest command line it takes, without the final 0
 * @hdr: setup header for the boot parameters
 */
struct boot_image {
	enum boot_mode mode;
	uint64_t entry;
	uint64_t start;
	uint64_t end;
	uint64_t initrd_max;
	uint32_t cmdline_max;
	struct setup_header hdr;
};

/**
 * boot_load_kernel() - load a bzImage or an ELF vmlinux
 * @mem: guest memory
 * @path: the file
 * @img: to be filled
 *
 * The file may be anything at all: no field of it is trusted.
 *
 * Return: 0, or a negative errno with a message that says what is wrong.
 */
int boot_load_kernel(const struct guest_mem *mem, const char *path,
		     struct boot_image *img);

/**
 * boot_load_raw() - load a flat binary for real mode at BOOT_RAW
 * @mem: guest memory
 * @path: the file
 * @img: to be filled
 *
 * Return: 0 or a negative errno with a message.
 */
int boot_load_raw(const struct guest_mem *mem, const char *path,
		  struct boot_image *img);

/**
 * boot_load_initrd() - load the ramdisk as high as the kernel allows
 * @mem: guest memory
 * @path: the file
 * @img: the kernel; its header gets the address and size
 *
 * Return: 0 or a negative errno with a message.
 */
int boot_load_initrd(const struct guest_mem *mem, const char *path,
		     struct boot_image *img);

/**
 * boot_write_params() - write command line and boot parameters
 * @mem: guest memory
 * @img: the kernel, with its ramdisk
 * @cmdline: kernel command line
 * @rsdp: guest-physical address of ACPI's RSDP
 *
 * Return: 0 or a negative errno with a message.
 */
int boot_write_params(const struct guest_mem *mem,
		      const struct boot_image *img, const char *cmdline,
		      uint64_t rsdp);

/**
 * boot_write_tables() - write the GDT and page tables of the boot protocol
 * @mem: guest memory
 * @mode: whether the GDT's code segment is a 64-bit or a 32-bit one
 */
void boot_write_tables(const struct guest_mem *mem, enum boot_mode mode);

/**
 * boot_set_cpu() - registers of the boot processor's first instruction
 * @vcpu: the vCPU, never run
 * @img: the kernel or raw binary
 *
 * Return: 0 or a negative errno with a message.
 */
int boot_set_cpu(struct vcpu *vcpu, const struct boot_image *img);

#endif
