/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ACPI tables for the guest: RSDP, RSDT, XSDT, FADT, FACS, MADT, DSDT. Used by
 * run.c, the boot code and the unit test.
 */
#ifndef DUET_ACPI_H
#define DUET_ACPI_H

#include <stdint.h>

struct guest_mem;

/* The area that is searched for the RSDP: ACPI 6.4, 5.2.5.1. */
#define ACPI_AREA	0xe0000ULL
#define ACPI_AREA_END	0x100000ULL
#define ACPI_RSDP	ACPI_AREA

/**
 * acpi_build() - write all tables into guest memory
 * @mem: guest memory; ACPI_AREA has to be RAM
 * @nr_cpus: local APICs with ids from 0
 *
 * Return: 0 or a negative errno with a message.
 */
int acpi_build(const struct guest_mem *mem, unsigned int nr_cpus);

#endif
