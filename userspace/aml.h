/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tiny encoder of ACPI Machine Language (ACPI 6.4, chapter 20): what a DSDT
 * of a few devices needs. Used by acpi.c and the unit test.
 */
#ifndef DUET_AML_H
#define DUET_AML_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct aml - AML under construction
 * @buf: where it goes
 * @size: room in @buf
 * @len: bytes so far; grows beyond @size when there is no room, so that the
 *	 caller checks once, at the end
 */
struct aml {
	uint8_t *buf;
	size_t size;
	size_t len;
};

/** aml_scope() - Scope (@name) { */
size_t aml_scope(struct aml *a, const char *name);

/** aml_device() - Device (@name) { */
size_t aml_device(struct aml *a, const char *name);

/** aml_package() - Package (@nr) { */
size_t aml_package(struct aml *a, uint8_t nr);

/** aml_close() - } of the object that @start opened */
void aml_close(struct aml *a, size_t start);

/** aml_name() - Name (@name, ...); the value follows */
void aml_name(struct aml *a, const char *name);

/** aml_integer() - an integer in its shortest form */
void aml_integer(struct aml *a, uint64_t val);

/** aml_eisaid() - EisaId ("PNP0501") */
void aml_eisaid(struct aml *a, const char *id);

/** aml_io_irq() - ResourceTemplate () { IO (@port, @len), IRQNoFlags {@irq} } */
void aml_io_irq(struct aml *a, uint16_t port, uint8_t len, uint8_t irq);

#endif
