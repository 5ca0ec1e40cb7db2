/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest-physical memory: slots that map guest frames to user memory, and
 * access to it by the host. Used by the pagers, the walker and the emulator.
 */
#ifndef DUET_COMMON_MEMSLOT_H
#define DUET_COMMON_MEMSLOT_H

#include <linux/mm.h>
#include <linux/nospec.h>
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
	u32 flags;		/* KVM_MEM_*, DUET_SLOT_* */
	u32 id;
	unsigned long *dirty_bitmap;
};

/*
 * In duet_memslot.flags: being moved or deleted. The guest does not see it any
 * more, but its mappings may still be there: the mmu_notifier does.
 */
#define DUET_SLOT_GOING		BIT(31)

/**
 * struct duet_memslots - all slots, sorted by base_gfn; one SRCU snapshot
 * @hint: index of a slot that was found lately; anyone writes it
 */
struct duet_memslots {
	u64 generation;
	u32 nr;
	u32 hint;
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

/** duet_slot_hva() - user address of @gfn, which is in @slot */
static inline unsigned long duet_slot_hva(const struct duet_memslot *slot,
					  gfn_t gfn)
{
	unsigned long page = gfn - slot->base_gfn;

	/* The guest chooses @gfn: not beyond the slot, even speculatively. */
	return slot->hva +
	       (array_index_nospec(page, slot->npages) << PAGE_SHIFT);
}

/** duet_gfn_to_hva() - or 0 if no slot; *writable (may be NULL) */
unsigned long duet_gfn_to_hva(struct duet_vm *vm, gfn_t gfn, bool *writable);

/*
 * Access to guest-physical memory, across pages. Return 0, or -EFAULT if a
 * byte is not in a slot (writing: in a read-only one) or its user memory
 * cannot be had. Context: srcu read side, may sleep; the vCPU's mm is
 * current->mm. The _atomic ones may be called with interrupts off and fail
 * where they would have to sleep.
 */
int duet_read_guest(struct duet_vm *vm, gpa_t gpa, void *data, size_t len);
int duet_write_guest(struct duet_vm *vm, gpa_t gpa, const void *data,
		     size_t len);
int duet_read_guest_atomic(struct duet_vm *vm, gpa_t gpa, void *data,
			   size_t len);
int duet_write_guest_atomic(struct duet_vm *vm, gpa_t gpa, const void *data,
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
