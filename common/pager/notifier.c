// SPDX-License-Identifier: GPL-2.0
/*
 * The host's changes to guest memory: an mmu_notifier on the VM's mm turns
 * user addresses into guest frames and has the pager drop or age them.
 * Called by the mm; calls pager_ops. Takes vm->srcu (read) and p->lock only:
 * the mm's own locks are already held.
 */
#include "common/compat.h"
#include "common/pager/pager_internal.h"

static struct duet_pager *duet_notifier_pager(struct mmu_notifier *mn)
{
	return container_of(mn, struct duet_pager, notifier);
}

typedef bool (*duet_range_fn)(struct duet_vm *vm, gfn_t start, gfn_t end,
			      bool flag);

/*
 * Call @fn for the guest frames that slots map to user memory [start, end).
 * A slot that is being removed (DUET_SLOT_GOING) counts: its mappings may
 * still be there.
 */
static bool duet_walk_user_range(struct duet_vm *vm, unsigned long start,
				    unsigned long end, duet_range_fn fn,
				    bool flag)
{
	const struct duet_memslots *slots;
	bool result = false;
	u32 i;
	int idx;

	idx = srcu_read_lock(&vm->srcu);
	slots = srcu_dereference(vm->memslots, &vm->srcu);
	for (i = 0; slots && i < slots->nr; i++) {
		const struct duet_memslot *slot = &slots->slot[i];
		unsigned long slot_end = slot->hva +
					 (slot->npages << PAGE_SHIFT);
		unsigned long from = max(start, slot->hva);
		unsigned long to = min(end, slot_end);

		if (from >= to)
			continue;
		/* Part of a page concerns the page. */
		from = (from - slot->hva) >> PAGE_SHIFT;
		to = (to - slot->hva + PAGE_SIZE - 1) >> PAGE_SHIFT;
		result |= fn(vm, slot->base_gfn + from, slot->base_gfn + to,
			     flag);
	}
	srcu_read_unlock(&vm->srcu, idx);
	return result;
}

static bool duet_notifier_zap(struct duet_vm *vm, gfn_t start, gfn_t end,
			      bool atomic)
{
	vm->pager_ops->zap(vm, start, end, atomic);
	return false;
}

static bool duet_notifier_age(struct duet_vm *vm, gfn_t start, gfn_t end,
			      bool clear)
{
	return vm->pager_ops->age(vm, start, end, clear);
}

/* One more range in which nothing may be mapped. */
static void duet_invalidating(struct duet_pager *p, unsigned long start,
			      unsigned long end)
{
	lockdep_assert_held(&p->lock);
	if (!p->invalidating++) {
		p->inv_start = start;
		p->inv_end = end;
	} else {
		p->inv_start = min(p->inv_start, start);
		p->inv_end = max(p->inv_end, end);
	}
}

/* One less; what was looked up meanwhile may be stale. */
static void duet_invalidated(struct duet_pager *p)
{
	lockdep_assert_held(&p->lock);
	/* Release: pairs with duet_notifier_begin(). */
	smp_store_release(&p->seq, p->seq + 1);
	WARN_ON_ONCE(!p->invalidating);
	p->invalidating--;
}

static int duet_invalidate_start(struct mmu_notifier *mn,
				 const struct mmu_notifier_range *range)
{
	struct duet_pager *p = duet_notifier_pager(mn);

	/*
	 * From here until the end nothing in the range is mapped, and a
	 * fault that looked the page up before will see @invalidating or,
	 * after the end, another @seq. Counted whether a slot is concerned
	 * or not, so that start and end balance whatever the slots do in
	 * between.
	 */
	spin_lock(&p->lock);
	duet_invalidating(p, range->start, range->end);
	spin_unlock(&p->lock);

	/* zap() flushes every vCPU before it returns. */
	duet_walk_user_range(p->vm, range->start, range->end,
				duet_notifier_zap,
				!mmu_notifier_range_blockable(range));
	return 0;
}

static void duet_invalidate_end(struct mmu_notifier *mn,
				const struct mmu_notifier_range *range)
{
	struct duet_pager *p = duet_notifier_pager(mn);

	spin_lock(&p->lock);
	duet_invalidated(p);
	spin_unlock(&p->lock);
}

/* The ageing calls come with the page-table lock held: they never sleep. */
static duet_young duet_clear_young(struct mmu_notifier *mn,
				   struct mm_struct *mm, unsigned long start,
				   unsigned long end)
{
	return duet_walk_user_range(duet_notifier_pager(mn)->vm, start, end,
				       duet_notifier_age, true);
}

static duet_young duet_clear_flush_young(struct mmu_notifier *mn,
					 struct mm_struct *mm,
					 unsigned long start,
					 unsigned long end)
{
	struct duet_vm *vm = duet_notifier_pager(mn)->vm;
	bool young = duet_walk_user_range(vm, start, end,
					     duet_notifier_age, true);

	/* Else the CPUs do not set the cleared bit again. */
	if (young)
		duet_pager_flush(vm);
	return young;
}

static duet_young duet_test_young(struct mmu_notifier *mn,
				  struct mm_struct *mm, unsigned long address)
{
	return duet_walk_user_range(duet_notifier_pager(mn)->vm, address,
				       address + 1, duet_notifier_age, false);
}

/*
 * The mm goes away under a VM whose descriptor somebody else holds. No
 * thread of it is left, so no vCPU runs, and none will: every ioctl compares
 * mm. What is mapped must not be reachable when the pages are freed.
 */
static void duet_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	duet_walk_user_range(duet_notifier_pager(mn)->vm, 0, ULONG_MAX,
				duet_notifier_zap, false);
}

/*
 * No change_pte(): start() has zapped already, and the new page is found by
 * the next fault.
 */
static const struct mmu_notifier_ops duet_notifier_ops = {
	.release = duet_release,
	.clear_flush_young = duet_clear_flush_young,
	.clear_young = duet_clear_young,
	.test_young = duet_test_young,
	.invalidate_range_start = duet_invalidate_start,
	.invalidate_range_end = duet_invalidate_end,
};

int duet_notifier_register(struct duet_pager *p)
{
	p->notifier.ops = &duet_notifier_ops;
	return mmu_notifier_register(&p->notifier, p->vm->mm);
}

void duet_notifier_unregister(struct duet_pager *p)
{
	/* Returns when no callback runs any more. */
	mmu_notifier_unregister(&p->notifier, p->vm->mm);
}
