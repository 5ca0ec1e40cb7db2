/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line of "duet run". Used by run.c and the unit test.
 */
#ifndef DUET_ARGS_H
#define DUET_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_CPUS	254	/* xAPIC ids; 255 is the broadcast */

/**
 * struct run_opts - what the user asked for
 * @kernel: bzImage or vmlinux; NULL with @raw
 * @raw: flat binary for real mode; NULL with @kernel
 * @initrd: initial ramdisk, or NULL
 * @append: kernel command line
 * @device: node that speaks the KVM API
 * @memory: bytes
 * @cpus: 1 to MAX_CPUS
 * @timeout: seconds, 0 for none
 * @kernel_irqchip: PIC, IOAPIC, local APICs and PIT in the kernel
 * @stats: print exit counts at the end
 * @help: --help was given; nothing else is meaningful
 */
struct run_opts {
	const char *kernel;
	const char *raw;
	const char *initrd;
	const char *append;
	const char *device;
	uint64_t memory;
	unsigned int cpus;
	unsigned int timeout;
	bool kernel_irqchip;
	bool stats;
	bool help;
};

/**
 * args_parse_run() - parse the arguments after "duet run"
 * @argc: number of elements of @argv
 * @argv: @argv[0] is "run"
 * @opts: to be filled
 *
 * Return: 0, or -EINVAL with a message.
 */
int args_parse_run(int argc, char **argv, struct run_opts *opts);

/**
 * args_parse_size() - parse "256M", "1G", "65536K"; a bare number is MiB
 * @text: the argument
 * @size: bytes
 *
 * Return: 0, or -EINVAL for what is no number, negative or above 64 bits.
 */
int args_parse_size(const char *text, uint64_t *size);

#endif
