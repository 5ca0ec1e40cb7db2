/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place where the emulator's core meets its surroundings: integer
 * types, memcpy/memset and the speculation-safe index. Included by every file
 * in common/emulate/; built as module code and as a user-space program.
 */
#ifndef COMMON_EMULATE_TYPES_H
#define COMMON_EMULATE_TYPES_H

#ifdef __KERNEL__

#include <linux/build_bug.h>
#include <linux/nospec.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#define emulate_index(index, size)	array_index_nospec(index, size)

#else

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define u8	uint8_t
#define u16	uint16_t
#define u32	uint32_t
#define u64	uint64_t
#define s8	int8_t
#define s16	int16_t
#define s32	int32_t
#define s64	int64_t

#define emulate_index(index, size)	((index) < (size) ? (index) : 0)

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#ifndef fallthrough
#define fallthrough	__attribute__((__fallthrough__))
#endif

#endif

#endif
