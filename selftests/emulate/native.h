/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Run one instruction on this processor: registers go in and come out through
 * signal frames. Used by test_native.c.
 */
#ifndef SELFTESTS_EMULATE_NATIVE_H
#define SELFTESTS_EMULATE_NATIVE_H

#include "harness.h"

/* Code: filled with INT3, so that wherever a branch goes, it stops. */
#define NATIVE_CODE		0x20000000UL
#define NATIVE_CODE_BYTES	0x10000UL
/* Data: four writable pages, one read-only, holes before and behind. */
#define NATIVE_DATA		0x10000000UL
#define NATIVE_WRITABLE		0x4000UL
#define NATIVE_DATA_BYTES	0x5000UL

#define NATIVE_NO_FAULT		0xff

struct native_state {
	u64 gpr[16];
	u64 rip;
	u64 rflags;
	u8 xmm[16][16];
};

struct native_result {
	struct native_state state;
	u8 vector;		/* NATIVE_NO_FAULT: ran to an INT3 */
	u32 error_code;
	u64 address;
};

/* Which code segment: 64-bit, or one of the local descriptor table. */
struct native_machine {
	enum emulate_mode mode;
	struct emulate_segment segment[EMULATE_NR_SEGS];
};

/* false: this system cannot do it (@why says what is missing). */
bool native_open(const char **why);
bool native_load_segments(struct native_machine *machine, const char **why);
void native_unload_segments(void);
u8 *native_data(void);
u8 *native_code(void);
void native_run(const struct native_machine *machine,
		const struct native_state *in, struct native_result *out);

#endif
