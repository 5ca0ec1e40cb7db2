/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few macros of the kernel's own headers that user space lacks.
 */
#ifndef DUET_COMPILER_H
#define DUET_COMPILER_H

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#ifndef __packed
#define __packed	__attribute__((packed))
#endif
#define __printf(a, b)	__attribute__((format(printf, a, b)))

#endif
