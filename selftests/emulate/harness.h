/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the emulator's user-space tests: TAP output, random numbers, and a
 * small guest (memory, devices, segments) behind struct emulate_ops.
 */
#ifndef SELFTESTS_EMULATE_HARNESS_H
#define SELFTESTS_EMULATE_HARNESS_H

#include <stdio.h>
#include <stdlib.h>

#include "../../common/emulate/emulate.h"

/* TAP: one line per call, with a reason on stderr-like comment lines. */
void tap_result(bool good, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void tap_skip(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
int tap_finish(void);

/* Repeatable random numbers (xorshift64*). */
struct random {
	u64 state;
};

u64 random_next(struct random *random);
u64 random_below(struct random *random, u64 bound);
/* Values that break arithmetic: 0, 1, -1, sign bits, or anything. */
u64 random_operand(struct random *random);

/* How thorough: 1 is the default, 10 takes about ten times as long. */
extern unsigned int effort;

/*
 * The small guest. RAM covers [0, GUEST_RAM) linear; a page of it can be made
 * absent or read-only. One page of device registers answers in "user space".
 */
#define GUEST_PAGE	4096U
#define GUEST_PAGES	32U
#define GUEST_RAM	(GUEST_PAGE * GUEST_PAGES)
#define GUEST_DEVICE	0x100000U
#define GUEST_LOG	64

enum { PAGE_PRESENT = 1, PAGE_WRITABLE = 2 };

/* An access that reached a device or a port. */
struct device_access {
	u64 address;
	u64 value;
	u32 len;
	bool write;
	bool port;
};

struct guest {
	struct emulate_ctxt ctxt;
	u64 gpr[16];
	u8 xmm[16][16];
	u8 ram[GUEST_RAM];
	u8 page[GUEST_PAGES];
	struct emulate_segment segment[EMULATE_NR_SEGS];
	int cpl;
	u64 cr0, cr4;
	bool device_needs_user;
	u64 device_value;
	struct device_access log[GUEST_LOG];
	u32 logged;
	u32 fetched_pages;
	u32 pending_len;
	bool pending_read;
	bool cmpxchg_fails;
};

extern const struct emulate_ops guest_ops;
extern const struct emulate_ops guest_ops_string_io;

void guest_reset(struct guest *guest, enum emulate_mode mode);
void guest_code(struct guest *guest, u64 rip, const void *code, u32 len);
/* Run one instruction, answering device accesses; counts the answers. */
int guest_run(struct guest *guest, u32 *rounds);

/* One instruction at 1000h of the file's own @guest, which is as new. */
#define START(mode, ...)						\
	do {								\
		static const u8 code[] = { __VA_ARGS__ };		\
		guest_reset(&guest, mode);				\
		guest_code(&guest, 0x1000, code, sizeof(code));		\
	} while (0)

void test_lengths(void);
void test_native(void);
void test_native32(void);
void test_units(void);
void test_string_units(void);

#endif
