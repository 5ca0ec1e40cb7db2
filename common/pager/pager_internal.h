/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to common/pager/: the VM's pager object, the radix tables that
 * nested and shadow paging share, and the way from a user address to a frame.
 */
#ifndef DUET_COMMON_PAGER_INTERNAL_H
#define DUET_COMMON_PAGER_INTERNAL_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>
#include "common/memslot.h"
#include "common/ops.h"
#include "common/pager.h"
#include "common/vcpu.h"

/* ---- radix.c: tables of 512 entries, 4 or 5 levels ---- */

#define DUET_RADIX_BITS		9
#define DUET_RADIX_ENTRIES	(1U << DUET_RADIX_BITS)
#define DUET_RADIX_MAX_LEVELS	5

/** duet_level_pages() - 4 KiB pages that an entry of @level covers */
static inline u64 duet_level_pages(u8 level)
{
	return 1ULL << ((level - 1) * DUET_RADIX_BITS);
}

/**
 * struct duet_radix - one tree
 * @fmt: how entries are encoded; constant
 * @frame_mask: which bits of an entry are an address
 * @root: the top table; constant while the tree lives
 * @levels: of tables, the root's included
 *
 * Entries are changed under the pager's lock, by atomic instructions: the
 * CPUs' table walkers read them and set accessed and dirty bits at any time.
 */
struct duet_radix {
	const struct duet_pte_format *fmt;
	u64 frame_mask;
	u64 *root;
	u8 levels;
};

/**
 * struct duet_table_cache - zeroed pages for tables, got outside the lock
 */
struct duet_table_cache {
	u32 nr;
	void *page[DUET_RADIX_MAX_LEVELS];
};

/** duet_table_cache_fill() - enough for one duet_radix_reach(); may sleep */
int duet_table_cache_fill(struct duet_table_cache *cache);
void duet_table_cache_drain(struct duet_table_cache *cache);

int duet_radix_init(struct duet_radix *t, const struct duet_pte_format *fmt);
/** duet_radix_destroy() - no CPU walks the tree any more; may sleep */
void duet_radix_destroy(struct duet_radix *t);

static inline bool duet_radix_present(const struct duet_radix *t, u64 entry)
{
	return entry & t->fmt->present_mask;
}

static inline bool duet_radix_leaf(const struct duet_radix *t, u64 entry,
				   u8 level)
{
	return level == 1 || (entry & t->fmt->large);
}

/** duet_radix_covers() - is @gfn within what the tree can map? */
static inline bool duet_radix_covers(const struct duet_radix *t, gfn_t gfn)
{
	return !(gfn >> (t->levels * DUET_RADIX_BITS));
}

/**
 * duet_radix_find() - the entry that decides about @gfn
 *
 * Goes down from the root and stops at the first entry that is absent or a
 * leaf, or at level @lowest. Context: the pager's lock.
 * Return: the entry; its level in *level.
 */
u64 *duet_radix_find(const struct duet_radix *t, gfn_t gfn, u8 lowest,
		     u8 *level);

/**
 * duet_radix_reach() - the entry for @gfn at @level, with tables above it
 *
 * Missing tables are taken from @cache; a large leaf on the way is dropped
 * first, and *flush set. Context: the pager's lock.
 */
u64 *duet_radix_reach(struct duet_radix *t, gfn_t gfn, u8 level,
		      struct duet_table_cache *cache, bool *flush);

/**
 * duet_radix_zap() - drop what maps [start, end); leaves that reach beyond
 * the range go as a whole
 * @unused: tables that became unused are appended; they are freed by
 *	duet_radix_free_list() after the flush, never before
 * Context: the pager's lock. At most 1 GiB at a time: that bounds it.
 * Return: true if anything was present: a flush is due before the lock is
 * dropped.
 */
bool duet_radix_zap(struct duet_radix *t, gfn_t start, gfn_t end,
		    struct list_head *unused);
void duet_radix_free_list(struct list_head *unused);

/** duet_radix_replace() - store @entry, hardware may be walking: the old one */
static inline u64 duet_radix_replace(u64 *slot, u64 entry)
{
	return xchg(slot, entry);
}

/** duet_radix_clear_bits() - true if one of @bits was set */
static inline bool duet_radix_clear_bits(u64 *slot, u64 bits)
{
	return atomic64_fetch_andnot(bits, (atomic64_t *)slot) & bits;
}

/* ---- the VM's pager ---- */

/**
 * struct duet_pager - vm->pager
 * @lock: everything below it (docs/locking.md); taken with interrupts
 *	on, also inside the mm's page-table locks (ageing)
 * @seq: counts invalidations that have ended
 * @invalidating: how many are between start and end
 * @inv_start, @inv_end: user addresses that cover all of those
 * @tree: nested paging: the one tree that all vCPUs use
 * @cache: table pages, one cache for each vCPU; only its own thread's
 * @split_exec: large leaves must not be executable on this CPU
 */
struct duet_pager {
	struct duet_vm *vm;
	struct mmu_notifier notifier;

	spinlock_t lock;
	unsigned long seq;
	unsigned long invalidating;
	unsigned long inv_start, inv_end;
	struct duet_radix tree;

	struct duet_table_cache cache[DUET_MAX_VCPUS];
	bool split_exec;
};

/** duet_pager_flush() - no CPU uses older translations when it returns
 * Context: interrupts on; a spinlock may be held.
 */
static inline void duet_pager_flush(struct duet_vm *vm)
{
	duet_request_all(vm, DUET_REQ_FLUSH, true);
}

/* ---- notifier.c ---- */

int duet_notifier_register(struct duet_pager *p);
void duet_notifier_unregister(struct duet_pager *p);

/**
 * duet_notifier_begin() - before looking at the mm's page tables
 * Return: the sequence number for duet_notifier_retry().
 */
static inline unsigned long duet_notifier_begin(struct duet_pager *p)
{
	/* Acquire: what we look up comes after it. */
	return smp_load_acquire(&p->seq);
}

/**
 * duet_notifier_retry() - may what was found since duet_notifier_begin() be
 * stale?
 * @hva, @size: what is about to be mapped. Context: p->lock held.
 */
static inline bool duet_notifier_retry(struct duet_pager *p, unsigned long seq,
				       unsigned long hva, unsigned long size)
{
	lockdep_assert_held(&p->lock);
	if (p->invalidating && hva < p->inv_end && hva + size > p->inv_start)
		return true;
	return p->seq != seq;
}

/* ---- frame.c ---- */

/**
 * struct duet_frame - a host frame behind a user address
 * @page: referenced, to be put after the mapping is in place; NULL for
 *	memory without usable struct pages (device mappings)
 * @writable: the host's mapping is writable now
 */
struct duet_frame {
	u64 pfn;
	struct page *page;
	bool writable;
};

/**
 * duet_frame_get() - fault in and look up @hva of current->mm; may sleep
 * @write: it is going to be written
 * @want_write: report writable memory as such on a read, if that is free
 * Return: 0, -EINTR, -ENOMEM, -EHWPOISON, -EFAULT.
 */
int duet_frame_get(unsigned long hva, bool write, bool want_write,
		   struct duet_frame *f);

/** duet_frame_put() - drop the reference, mark the page as used */
void duet_frame_put(struct duet_frame *f);

/**
 * duet_frame_set_dirty() - it is being mapped writable
 * Context: p->lock held, duet_notifier_retry() was false.
 */
void duet_frame_set_dirty(struct duet_frame *f);

/** duet_frame_is_ram() - else it is mapped uncached */
bool duet_frame_is_ram(u64 pfn);

/**
 * duet_host_level() - size of the host's own mapping of @hva: 1, 2 or 3
 *
 * Only a hint until duet_notifier_retry() has said false.
 */
u8 duet_host_level(struct mm_struct *mm, unsigned long hva);

#endif /* DUET_COMMON_PAGER_INTERNAL_H */
