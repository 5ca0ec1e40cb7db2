// SPDX-License-Identifier: GPL-2.0
/*
 * Encoder of ACPI Machine Language. Calls libc; called by acpi.c.
 */
#include <string.h>

#include "aml.h"

/* ACPI 6.4, 20.2 and 20.3 */
#define AML_ZERO	0x00
#define AML_ONE		0x01
#define AML_NAME	0x08
#define AML_BYTE	0x0a
#define AML_WORD	0x0b
#define AML_DWORD	0x0c
#define AML_QWORD	0x0e
#define AML_SCOPE	0x10
#define AML_BUFFER	0x11
#define AML_PACKAGE	0x12
#define AML_EXT		0x5b
#define AML_EXT_DEVICE	0x82

/* PkgLength in its two-byte form holds 12 bits, itself included: 20.2.4. */
#define PKG_LENGTH_BYTES	2
#define PKG_LENGTH_MAX		0xfff

static void put(struct aml *a, const void *data, size_t len)
{
	if (a->len <= a->size && len <= a->size - a->len)
		memcpy(a->buf + a->len, data, len);
	a->len += len;
}

static void put8(struct aml *a, uint8_t val)
{
	put(a, &val, 1);
}

static void put_le(struct aml *a, uint64_t val, size_t len)
{
	put(a, &val, len);
}

/* NameString: root or no prefix, one segment, padded with underscores. */
static void put_name(struct aml *a, const char *name)
{
	size_t i;

	if (*name == '\\') {
		put8(a, '\\');
		name++;
	}
	for (i = 0; i < 4; i++)
		put8(a, *name ? (uint8_t)*name++ : '_');
}

static size_t open_length(struct aml *a)
{
	size_t start = a->len;

	put_le(a, 0, PKG_LENGTH_BYTES);
	return start;
}

void aml_close(struct aml *a, size_t start)
{
	size_t len = a->len - start;

	if (a->len > a->size)
		return;		/* did not fit: the caller finds out */
	if (len > PKG_LENGTH_MAX) {
		a->len = a->size + 1;
		return;
	}
	a->buf[start] = 1 << 6 | (len & 0x0f);
	a->buf[start + 1] = len >> 4;
}

size_t aml_scope(struct aml *a, const char *name)
{
	size_t start;

	put8(a, AML_SCOPE);
	start = open_length(a);
	put_name(a, name);
	return start;
}

size_t aml_device(struct aml *a, const char *name)
{
	size_t start;

	put8(a, AML_EXT);
	put8(a, AML_EXT_DEVICE);
	start = open_length(a);
	put_name(a, name);
	return start;
}

size_t aml_package(struct aml *a, uint8_t nr)
{
	size_t start;

	put8(a, AML_PACKAGE);
	start = open_length(a);
	put8(a, nr);
	return start;
}

void aml_name(struct aml *a, const char *name)
{
	put8(a, AML_NAME);
	put_name(a, name);
}

void aml_integer(struct aml *a, uint64_t val)
{
	if (val <= 1) {
		put8(a, val ? AML_ONE : AML_ZERO);
	} else if (val <= 0xff) {
		put8(a, AML_BYTE);
		put_le(a, val, 1);
	} else if (val <= 0xffff) {
		put8(a, AML_WORD);
		put_le(a, val, 2);
	} else if (val <= 0xffffffff) {
		put8(a, AML_DWORD);
		put_le(a, val, 4);
	} else {
		put8(a, AML_QWORD);
		put_le(a, val, 8);
	}
}

static uint32_t hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Three letters of five bits, four hexadecimal digits, big-endian: 19.3.4. */
void aml_eisaid(struct aml *a, const char *id)
{
	uint32_t val;

	val = (uint32_t)(id[0] - '@') << 26 | (uint32_t)(id[1] - '@') << 21 |
	      (uint32_t)(id[2] - '@') << 16 | hex_digit(id[3]) << 12 |
	      hex_digit(id[4]) << 8 | hex_digit(id[5]) << 4 | hex_digit(id[6]);
	put8(a, AML_DWORD);
	put_le(a, __builtin_bswap32(val), 4);
}

void aml_io_irq(struct aml *a, uint16_t port, uint8_t len, uint8_t irq)
{
	/* Small resource descriptors: 6.4.2.5, 6.4.2.1, 6.4.2.9. */
	const uint8_t io[] = {
		0x47, 0x01, port & 0xff, port >> 8, port & 0xff, port >> 8,
		0x01, len,
	};
	const uint16_t mask = 1U << irq;
	const uint8_t rest[] = {
		0x22, mask & 0xff, mask >> 8,	/* edge, active high */
		0x79, 0x00,			/* end; 0: no checksum */
	};
	size_t start;

	put8(a, AML_BUFFER);
	start = open_length(a);
	aml_integer(a, sizeof(io) + sizeof(rest));
	put(a, io, sizeof(io));
	put(a, rest, sizeof(rest));
	aml_close(a, start);
}
