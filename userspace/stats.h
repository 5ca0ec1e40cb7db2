/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exit counts from the binary statistics of vCPUs. Used by run.c and the unit
 * test.
 */
#ifndef DUET_STATS_H
#define DUET_STATS_H

#include <stdio.h>

struct vm;

/**
 * stats_read_fd() - add the exit counts behind one statistics fd to a table
 * @fd: from KVM_GET_STATS_FD, or a file in the same format
 * @column: which vCPU, below the number stats_new() was given
 *
 * Return: 0, or a negative errno with a message; no field of the data is
 * trusted.
 */
struct stats;
int stats_read_fd(struct stats *st, int fd, unsigned int column);

/** stats_new() - an empty table with @columns vCPUs; NULL: no memory */
struct stats *stats_new(unsigned int columns);

/** stats_free() - free it */
void stats_free(struct stats *st);

/** stats_print_table() - rows that are not zero, largest first */
void stats_print_table(struct stats *st, FILE *out);

/**
 * stats_print() - print the exit counts of a VM
 * @vm: its vCPUs are stopped
 * @out: where to
 *
 * Return: 0, also when the device has no statistics, which is said; a negative
 * errno with a message if they cannot be read.
 */
int stats_print(struct vm *vm, FILE *out);

#endif
