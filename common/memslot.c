// SPDX-License-Identifier: GPL-2.0
/*
 * Memory slots: the sorted array and its replacement (SRCU), and the dirty
 * log. Called by the ioctls with vm->slots_lock held, and by everybody for
 * lookups; calls the pager to drop and write-protect mappings.
 */
#include "common/memslot.h"
#include "common/pager.h"
#include "common/vcpu.h"
#include "common/vm.h"
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#define DUET_SLOT_FLAGS	(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)

static struct duet_memslots *duet_memslots_alloc(u32 nr)
{
	struct duet_memslots *slots;

	slots = kvzalloc(struct_size(slots, slot, nr), GFP_KERNEL_ACCOUNT);
	if (slots)
		slots->nr = nr;
	return slots;
}

int duet_memslots_init(struct duet_vm *vm)
{
	struct duet_memslots *slots = duet_memslots_alloc(0);

	if (!slots)
		return -ENOMEM;
	rcu_assign_pointer(vm->memslots, slots);
	return 0;
}

void duet_memslots_destroy(struct duet_vm *vm)
{
	struct duet_memslots *slots;
	u32 i;

	slots = rcu_dereference_protected(vm->memslots, true);
	if (!slots)
		return;
	/* The mmu_notifier may read until the pager is destroyed. */
	rcu_assign_pointer(vm->memslots, NULL);
	synchronize_srcu(&vm->srcu);
	for (i = 0; i < slots->nr; i++)
		vfree(slots->slot[i].dirty_bitmap);
	kvfree(slots);
}

static bool duet_slot_has(const struct duet_memslot *slot, gfn_t gfn)
{
	return gfn >= slot->base_gfn && gfn - slot->base_gfn < slot->npages;
}

/* Index of the last slot that starts at or before @gfn; 0 if there is none. */
static u32 duet_search_slot(const struct duet_memslots *slots, gfn_t gfn)
{
	u32 low = 0, high = slots->nr;

	while (high - low > 1) {
		u32 mid = low + (high - low) / 2;

		if (slots->slot[mid].base_gfn <= gfn)
			low = mid;
		else
			high = mid;
	}
	return low;
}

struct duet_memslot *duet_gfn_to_memslot(struct duet_vm *vm, gfn_t gfn)
{
	struct duet_memslots *slots;
	struct duet_memslot *slot;
	u32 i;

	slots = srcu_dereference_check(vm->memslots, &vm->srcu,
				       lockdep_is_held(&vm->slots_lock));
	if (!slots || !slots->nr)
		return NULL;

	i = READ_ONCE(slots->hint);
	if (i >= slots->nr || !duet_slot_has(&slots->slot[i], gfn)) {
		i = duet_search_slot(slots, gfn);
		/* The guest chose @gfn, and so the index. */
		i = array_index_nospec(i, slots->nr);
		if (!duet_slot_has(&slots->slot[i], gfn))
			return NULL;
		WRITE_ONCE(slots->hint, i);
	}
	slot = &slots->slot[array_index_nospec(i, slots->nr)];
	return slot->flags & DUET_SLOT_GOING ? NULL : slot;
}

unsigned long duet_gfn_to_hva(struct duet_vm *vm, gfn_t gfn, bool *writable)
{
	struct duet_memslot *slot = duet_gfn_to_memslot(vm, gfn);

	if (writable)
		*writable = slot && !(slot->flags & KVM_MEM_READONLY);
	return slot ? duet_slot_hva(slot, gfn) : 0;
}

void duet_mark_page_dirty(struct duet_vm *vm, gfn_t gfn)
{
	struct duet_memslot *slot = duet_gfn_to_memslot(vm, gfn);

	if (slot && slot->dirty_bitmap)
		set_bit(gfn - slot->base_gfn, slot->dirty_bitmap);
}

/* ---- KVM_SET_USER_MEMORY_REGION ---- */

static struct duet_memslots *duet_current_slots(struct duet_vm *vm)
{
	return rcu_dereference_protected(vm->memslots,
					 lockdep_is_held(&vm->slots_lock));
}

static struct duet_memslot *duet_slot_by_id(struct duet_memslots *slots,
					    u32 id)
{
	u32 i;

	for (i = 0; i < slots->nr; i++)
		if (slots->slot[i].id == id)
			return &slots->slot[i];
	return NULL;
}

/* A copy of @from without slot @id, and with @add (if not NULL) in order. */
static struct duet_memslots *
duet_memslots_copy(const struct duet_memslots *from, u32 id,
		   const struct duet_memslot *add)
{
	struct duet_memslots *to = duet_memslots_alloc(from->nr + 1);
	u32 i, n = 0;

	if (!to)
		return NULL;
	for (i = 0; i < from->nr; i++) {
		const struct duet_memslot *slot = &from->slot[i];

		if (slot->id == id)
			continue;
		if (add && add->base_gfn < slot->base_gfn) {
			to->slot[n++] = *add;
			add = NULL;
		}
		to->slot[n++] = *slot;
	}
	if (add)
		to->slot[n++] = *add;
	to->nr = n;
	return to;
}

/* Make @slots the VM's. Returns when nobody uses the former ones. */
static void duet_memslots_publish(struct duet_vm *vm,
				  struct duet_memslots *slots)
{
	struct duet_memslots *old = duet_current_slots(vm);

	slots->generation = old->generation + 1;
	rcu_assign_pointer(vm->memslots, slots);
	/* No vCPU holds the read side in the guest or halted: this is short. */
	synchronize_srcu_expedited(&vm->srcu);
	kvfree(old);
}

static int duet_check_region(const struct kvm_userspace_memory_region *r)
{
	if (r->flags & ~DUET_SLOT_FLAGS)
		return -EINVAL;
	/* The upper half is the address space: there is one. */
	if (r->slot >= DUET_MAX_SLOTS)
		return -EINVAL;
	if (!PAGE_ALIGNED(r->memory_size) ||
	    !PAGE_ALIGNED(r->guest_phys_addr) ||
	    !PAGE_ALIGNED(r->userspace_addr))
		return -EINVAL;
	if (r->guest_phys_addr + r->memory_size < r->guest_phys_addr ||
	    r->memory_size >> PAGE_SHIFT >= DUET_SLOT_PAGES_MAX)
		return -EINVAL;
	/* Later accesses rely on it: they use __copy_from_user() and such. */
	if (!access_ok((void __user *)(unsigned long)r->userspace_addr,
		       r->memory_size))
		return -EINVAL;
	return 0;
}

/* May @new take its place? @new replaces the slot with the same id. */
static int duet_check_place(struct duet_vm *vm,
			    const struct duet_memslots *slots,
			    const struct duet_memslot *new)
{
	u8 bits = vm->pager_ops == &duet_pager_nested ?
		  boot_cpu_data.x86_phys_bits : 52;
	gfn_t end = new->base_gfn + new->npages;
	u32 i;

	for (i = 0; i < slots->nr; i++) {
		const struct duet_memslot *slot = &slots->slot[i];

		if (slot->id != new->id && new->base_gfn < slot->base_gfn +
		    slot->npages && slot->base_gfn < end)
			return -EEXIST;
	}
	return (end - 1) >> (bits - PAGE_SHIFT) ? -EINVAL : 0;
}

static unsigned long *duet_dirty_bitmap_alloc(unsigned long npages)
{
	return __vmalloc(BITS_TO_LONGS(npages) * sizeof(long),
			 GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

static void duet_zap_slot(struct duet_vm *vm, const struct duet_memslot *slot)
{
	vm->pager_ops->zap(vm, slot->base_gfn, slot->base_gfn + slot->npages,
			   false);
}

/*
 * Take a slot away from the guest: first nobody finds it any more (but the
 * notifier still does), then its mappings go.
 */
static int duet_retire_slot(struct duet_vm *vm, const struct duet_memslot *old)
{
	struct duet_memslot going = *old;
	struct duet_memslots *slots;

	going.flags |= DUET_SLOT_GOING;
	slots = duet_memslots_copy(duet_current_slots(vm), old->id, &going);
	if (!slots)
		return -ENOMEM;
	duet_memslots_publish(vm, slots);
	duet_zap_slot(vm, &going);
	return 0;
}

/* Create a slot, or with @old move it or delete it (@new NULL). */
static int duet_replace_slot(struct duet_vm *vm, u32 id,
			     const struct duet_memslot *old,
			     const struct duet_memslot *new)
{
	unsigned long *bitmap = old ? old->dirty_bitmap : NULL;
	struct duet_memslots *slots;
	int r;

	slots = duet_memslots_copy(duet_current_slots(vm), id, new);
	if (!slots)
		return -ENOMEM;
	if (old) {
		r = duet_retire_slot(vm, old);
		if (r) {
			kvfree(slots);
			return r;
		}
	}
	duet_memslots_publish(vm, slots);
	if (!new || new->dirty_bitmap != bitmap)
		vfree(bitmap);
	return 0;
}

/* Dirty logging on or off. */
static int duet_reflag_slot(struct duet_vm *vm, const struct duet_memslot *old,
			    const struct duet_memslot *new)
{
	unsigned long *bitmap = old->dirty_bitmap;
	struct duet_memslots *slots;

	slots = duet_memslots_copy(duet_current_slots(vm), new->id, new);
	if (!slots)
		return -ENOMEM;
	duet_memslots_publish(vm, slots);

	/* Every fault that did not see the log has ended. */
	if (new->dirty_bitmap) {
		vm->pager_ops->write_protect(vm, new->base_gfn,
					     new->base_gfn + new->npages);
		duet_request_all(vm, DUET_REQ_FLUSH, true);
	} else {
		vfree(bitmap);
		/* Large mappings are possible again. */
		duet_zap_slot(vm, new);
	}
	return 0;
}

static int duet_delete_region(struct duet_vm *vm,
			      const struct duet_memslot *old)
{
	if (!old)
		return -EINVAL;
	return duet_replace_slot(vm, old->id, old, NULL);
}

int duet_set_memory_region(struct duet_vm *vm,
			   const struct kvm_userspace_memory_region *region)
{
	struct duet_memslots *slots = duet_current_slots(vm);
	struct duet_memslot new, *old;
	int r;

	r = duet_check_region(region);
	if (r)
		return r;
	old = duet_slot_by_id(slots, region->slot);
	if (!region->memory_size)
		return duet_delete_region(vm, old);

	new = (struct duet_memslot) {
		.base_gfn = region->guest_phys_addr >> PAGE_SHIFT,
		.npages = region->memory_size >> PAGE_SHIFT,
		.hva = region->userspace_addr,
		.flags = region->flags,
		.id = region->slot,
	};
	if (old && (new.hva != old->hva || new.npages != old->npages ||
		    ((new.flags ^ old->flags) & KVM_MEM_READONLY)))
		return -EINVAL;
	if (old && new.base_gfn == old->base_gfn && new.flags == old->flags)
		return 0;
	r = duet_check_place(vm, slots, &new);
	if (r)
		return r;

	if (new.flags & KVM_MEM_LOG_DIRTY_PAGES) {
		if (old)
			new.dirty_bitmap = old->dirty_bitmap;
		if (!new.dirty_bitmap)
			new.dirty_bitmap = duet_dirty_bitmap_alloc(new.npages);
		if (!new.dirty_bitmap)
			return -ENOMEM;
	}

	if (old && new.base_gfn == old->base_gfn)
		r = duet_reflag_slot(vm, old, &new);
	else
		r = duet_replace_slot(vm, new.id, old, &new);
	if (r && !(old && old->dirty_bitmap))
		vfree(new.dirty_bitmap);
	return r;
}

/* ---- KVM_GET_DIRTY_LOG ---- */

/* Words of the log that are handled at once: a page of them. */
#define DUET_LOG_WORDS	(PAGE_SIZE / sizeof(unsigned long))

/*
 * Take words [first, first + n) of the log to @log and to user space, and
 * write-protect what was dirty. *flush is set if a flush is due.
 */
static int duet_harvest_log(struct duet_vm *vm,
			    const struct duet_memslot *slot,
			    unsigned long first, unsigned long n,
			    unsigned long *log, unsigned long __user *to,
			    bool *flush)
{
	gfn_t base = slot->base_gfn + first * BITS_PER_LONG;
	unsigned long *word = slot->dirty_bitmap + first;
	unsigned long i, start, end;

	for (i = 0; i < n; i++)
		log[i] = READ_ONCE(word[i]) ? xchg(&word[i], 0) : 0;

	/*
	 * After the bit was taken: a write before this is in the log's copy,
	 * a write after it faults and sets the bit again. One by a CPU with
	 * an old translation is in the copy too, and it cannot come after the
	 * flush, so not after the ioctl.
	 */
	for_each_set_bitrange(start, end, log, n * BITS_PER_LONG)
		*flush |= vm->pager_ops->write_protect(vm, base + start,
						       base + end);

	if (!copy_to_user(to + first, log, n * sizeof(*log)))
		return 0;
	/* The caller did not get it: it is still to be told. */
	for_each_set_bit(i, log, n * BITS_PER_LONG)
		set_bit(i, word);
	return -EFAULT;
}

int duet_get_dirty_log(struct duet_vm *vm, u32 id, unsigned long __user *to)
{
	const struct duet_memslot *slot;
	unsigned long *log, first, n, nr;
	bool flush = false;
	int r = 0;

	if (id >= DUET_MAX_SLOTS)
		return -EINVAL;
	slot = duet_slot_by_id(duet_current_slots(vm), id);
	if (!slot || !slot->dirty_bitmap)
		return -ENOENT;

	log = kmalloc_array(DUET_LOG_WORDS, sizeof(*log), GFP_KERNEL_ACCOUNT);
	if (!log)
		return -ENOMEM;
	nr = BITS_TO_LONGS(slot->npages);
	for (first = 0; first < nr && !r; first += n) {
		n = min(nr - first, DUET_LOG_WORDS);
		r = duet_harvest_log(vm, slot, first, n, log, to, &flush);
		cond_resched();
	}
	if (flush)
		duet_request_all(vm, DUET_REQ_FLUSH, true);
	kfree(log);
	return r;
}
