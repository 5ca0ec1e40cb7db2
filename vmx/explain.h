/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to explain*.c: what the checks look at, and how the tables say what
 * breaks a rule.
 */
#ifndef DUET_VMX_EXPLAIN_H
#define DUET_VMX_EXPLAIN_H

#include <linux/mm.h>
#include "vmx/vmx.h"

/** struct duet_fields - fields that several rules look at */
struct duet_fields {
	struct vmx_vcpu *vmx;
	u32 pin, cpu, cpu2, exit, entry;
	u32 intr, blocking, activity;
	u64 cr0, cr3, cr4, efer;
	u64 rip, rflags, pending;
	struct duet_segment seg[DUET_NR_SEGS];
	bool ia32e, v86, unrestricted;
};

/* Changes to a field, see struct duet_change. */
#define SET(field_, bits)	{ .field = field_, .set = bits }
#define CLEAR(field_, bits)	{ .field = field_, .clear = bits }
#define PUT(field_, value)	{ .field = field_, .clear = ~0ULL, .set = value }
#define FLIP(field_, from, to)	{ .field = field_, .clear = from, .set = to }
/* Controls, or bits of CR4, that this CPU may not have. */
#define NEED(field_, bits)	{ .field = field_, .set = bits, .need = true }

/* An address that has no meaning on any CPU so far, and one that is odd. */
#define NOT_CANONICAL		BIT_ULL(62)
#define BEYOND_MEMORY		BIT_ULL(60)
#define ODD			1

/* IA32_EFER (SDM vol. 3, 2.2.1) */
#define EFER_DEFINED		((u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX))

u64 vmx_beyond_memory(void);
bool vmx_canonical(u64 address);
bool vmx_bad_pat(u64 pat);
u64 vmx_capability(u32 msr);
bool vmx_bad_perf_global(u64 value);

static inline bool vmx_bad_page(u64 pa)
{
	return pa & (vmx_beyond_memory() | ~PAGE_MASK);
}

#endif /* DUET_VMX_EXPLAIN_H */
