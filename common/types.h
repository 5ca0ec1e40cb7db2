/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few types that every part of Duet shares. Includes nothing of Duet.
 */
#ifndef DUET_COMMON_TYPES_H
#define DUET_COMMON_TYPES_H

#include <linux/types.h>
#include <linux/bits.h>
#include <linux/kvm_types.h>	/* gva_t, gpa_t, gfn_t, hva_t, hpa_t */

struct duet_vm;
struct duet_vcpu;

/* kvm_types.h names it from 6.4 on. */
#ifndef INVALID_GPA
#define INVALID_GPA	(~(gpa_t)0)
#endif

#define DUET_MAX_VCPUS		64
#define DUET_MAX_VCPU_ID	255	/* xAPIC ids */

/* How a guest touches memory; the same bits in faults, walks and slots. */
#define DUET_ACCESS_READ	BIT(0)
#define DUET_ACCESS_WRITE	BIT(1)
#define DUET_ACCESS_FETCH	BIT(2)
#define DUET_ACCESS_USER	BIT(3)	/* CPL 3, or an implicit user access */

#endif /* DUET_COMMON_TYPES_H */
