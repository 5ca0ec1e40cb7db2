/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to explain.c and explain_guest.c: what the checks look at.
 */
#ifndef DUET_VMX_EXPLAIN_H
#define DUET_VMX_EXPLAIN_H

#include "vmx/vmx.h"

/** struct vmx_check - fields that several rules look at */
struct vmx_check {
	struct vmx_vcpu *vmx;
	u32 pin, cpu, cpu2, exit, entry;
	u32 intr, blocking;
	u64 cr0, cr3, cr4, efer;
	u64 rip, rflags;
	struct duet_segment seg[DUET_NR_SEGS];
	bool ia32e, v86, unrestricted;
};

/** struct vmx_rule - one rule of SDM vol. 3, chapter 27; NULL ends a table */
struct vmx_rule {
	bool (*broken)(const struct vmx_check *c);
	const char *rule;
	const char *section;
};

extern const struct vmx_rule vmx_guest_rules[];

u64 vmx_beyond_memory(void);
bool vmx_canonical(u64 address);
bool vmx_bad_pat(u64 pat);

#endif /* DUET_VMX_EXPLAIN_H */
