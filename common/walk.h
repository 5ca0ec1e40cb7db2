/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The walk of the guest's own page tables (32-bit, PAE, 4 and 5 levels), with
 * its accessed and dirty bits and its faults. Used by the emulator, by
 * KVM_TRANSLATE and by the shadow pager.
 */
#ifndef DUET_COMMON_WALK_H
#define DUET_COMMON_WALK_H

#include "common/types.h"

/**
 * struct duet_walk - result of a walk
 * @gpa: of the byte asked for
 * @level: of the leaf: 1 4 KiB, 2 2/4 MiB, 3 1 GiB; 0 if paging is off
 * @access: DUET_ACCESS_* that the translation allows at this privilege
 * @error_code: of the #PF if the walk failed
 */
struct duet_walk {
	gpa_t gpa;
	u8 level;
	u32 access;
	u32 error_code;
};

/**
 * duet_walk_guest() - translate a linear address by the guest's tables
 * @access: DUET_ACCESS_* of the access; 0 looks without any effect on the
 *	tables (no accessed, no dirty bits) and without permission checks
 *
 * Honours CR0.WP, CR4.PSE/PAE/SMEP/SMAP/PKE, EFER.NXE, RFLAGS.AC, reserved
 * bits by the guest's MAXPHYADDR. Sets accessed and dirty bits atomically.
 * Context: loaded, srcu held, may sleep.
 * Return: 0; 1 if the guest gets #PF with w->error_code; -EFAULT if a table
 * is not in memory.
 */
int duet_walk_guest(struct duet_vcpu *vcpu, u64 linear, u32 access,
		    struct duet_walk *w);

/**
 * duet_walk_guest_atomic() - look only; may be called with interrupts off
 * Return: as above, and -EAGAIN where it would have to sleep.
 */
int duet_walk_guest_atomic(struct duet_vcpu *vcpu, u64 linear,
			   struct duet_walk *w);

/**
 * duet_read_code() - 16 bytes from an instruction that the CPU just executed
 *
 * For CPUs that do not say what or how long an instruction was: only finds the
 * bytes again, checks no permissions. Long mode only.
 * Context: loaded, srcu held; interrupts may be off.
 * Return: false where it would have to sleep, if the tables changed since, or
 * if the bytes lie on two pages.
 */
bool duet_read_code(struct duet_vcpu *vcpu, u64 linear, u64 bytes[2]);

#endif /* DUET_COMMON_WALK_H */
