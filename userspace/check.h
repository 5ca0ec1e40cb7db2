/* SPDX-License-Identifier: GPL-2.0 */
/*
 * "duet check": what this machine offers and what stops Duet. Used by main.c.
 */
#ifndef DUET_CHECK_H
#define DUET_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"

/**
 * struct check - the report under way
 * @stops: things that stop Duet here
 */
struct check {
	unsigned int stops;
};

/** check_line() - print one fact: a label and a sentence */
void check_line(const char *label, const char *fmt, ...)
	__printf(2, 3);

/** check_stop() - print one thing that stops Duet, and count it */
void check_stop(struct check *c, const char *fmt, ...)
	__printf(2, 3);

/**
 * check_msr() - read an MSR of CPU 0 through /dev/cpu/0/msr
 * @index: the MSR
 * @val: its value
 *
 * Return: 0, -EACCES or -ENOENT if it cannot be read here, -EIO if the CPU has
 * no such MSR.
 */
int check_msr(uint32_t index, uint64_t *val);

/** check_cpu() - vendor, generation, extras, firmware's locks */
void check_cpu(struct check *c);

/** check_host() - kernel options, other hypervisors, module, node */
void check_host(struct check *c, const char *device);

/**
 * check_machine() - "duet check"
 * @device: the node to look at
 *
 * Return: 0 if Duet could run VMs here, 1 if something stops it.
 */
int check_machine(const char *device);

#endif
