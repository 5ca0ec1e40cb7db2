/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stands in for common/fpu.h: the model's guests have no FPU.
 */
#ifndef DUET_COMMON_FPU_H
#define DUET_COMMON_FPU_H

#include "kernel.h"

struct duet_fpu { int unused; };

#define duet_fpu_enter(fpu)	do { } while (0)
#define duet_fpu_leave(fpu)	do { } while (0)
#define duet_fpu_load(fpu)	do { } while (0)
#define duet_fpu_save(fpu)	do { } while (0)

#endif /* DUET_COMMON_FPU_H */
