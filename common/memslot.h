/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest-physical memory: slots that map guest frames to user memory, and
 * access to it by the host. Used by the pagers, the walker and the emulator.
 */
#ifndef DUET_COMMON_MEMSLOT_H
#define DUET_COMMON_MEMSLOT_H

#include "common/types.h"

#define DUET_MAX_SLOTS		512	/* KVM_CAP_NR_MEMSLOTS */
#define DUET_SLOT_PAGES_MAX	(1UL << 31)

struct kvm_userspace_memory_region;

/**
 * struct duet_memslot - one range of guest-physical memory
 *
 * Immutable once published; a change replaces the whole array (SRCU).
 * @dirty_bitmap: a bit per page if KVM_MEM_LOG_DIRTY_PAGES, else NULL
 */
struct duet_memslot {
	gfn_t base_gfn;
	unsigned long npages;
	unsigned long hva;
	u32 flags;		/* KVM_MEM_* */
	u32 id;
	unsigned long *dirty_bitmap;
};

/** struct duet_memslots - all slots, sorted by base_gfn; one SRCU snapshot */
struct duet_memslots {
	u64 generation;
	u32 nr;
	struct duet_memslot slot[];
};

/** duet_memslots_init() - an empty array; -ENOMEM */
int duet_memslots_init(struct duet_vm *vm);
/** duet_memslots_destroy() - no reader is left */
void duet_memslots_destroy(struct duet_vm *vm);

/**
 * duet_set_memory_region() - KVM_SET_USER_MEMORY_REGION
 *
 * Create, move, delete or re-flag a slot, with KVM's errors: EINVAL
 * (alignment, wrap, unknown flag, bad slot id, size change, address not
 * accessible), EEXIST (overlap), ENOMEM.
 * Context: vm->slots_lock held, may sleep.
 */
int duet_set_memory_region(struct duet_vm *vm,
			   const struct kvm_userspace_memory_region *region);

/**
 * duet_gfn_to_memslot() - binary search with a hint
 * Context: vm->srcu read side, or vm->slots_lock; may be called with
 * interrupts off.
 */
struct duet_memslot *duet_gfn_to_memslot(struct duet_vm *vm, gfn_t gfn);

/** duet_gfn_to_hva() - or 0 if no slot; *writable (may be NULL) */
unsigned long duet_gfn_to_hva(struct duet_vm *vm, gfn_t gfn, bool *writable);

/*
 * Access to guest-physical memory, across pages. Return 0, or -EFAULT if a
 * byte is not in a slot (writing: in a read-only one) or its user memory
 * cannot be had. Context: srcu read side, may sleep; the vCPU's mm is
 * current->mm. The _atomic one may be called with interrupts off and fails
 * where it would have to sleep.
 */
int duet_read_guest(struct duet_vm *vm, gpa_t gpa, void *data, size_t len);
int duet_write_guest(struct duet_vm *vm, gpa_t gpa, const void *data,
		     size_t len);
int duet_read_guest_atomic(struct duet_vm *vm, gpa_t gpa, void *data,
			   size_t len);

/**
 * duet_cmpxchg_guest() - atomic compare and exchange of 1, 2, 4, 8, 16 bytes
 *
 * @gpa naturally aligned. *old is updated with what was found.
 * Return: 1 exchanged, 0 different, -EFAULT, -EINVAL (size, alignment).
 */
int duet_cmpxchg_guest(struct duet_vm *vm, gpa_t gpa, void *old,
		       const void *new, size_t len);

/** duet_mark_page_dirty() - for KVM_GET_DIRTY_LOG; any context */
void duet_mark_page_dirty(struct duet_vm *vm, gfn_t gfn);

/** duet_get_dirty_log() - copy and clear a slot's bitmap; slots_lock held */
int duet_get_dirty_log(struct duet_vm *vm, u32 id, unsigned long __user *to);

#endif /* DUET_COMMON_MEMSLOT_H */
