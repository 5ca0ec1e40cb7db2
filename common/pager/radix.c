// SPDX-License-Identifier: GPL-2.0
/*
 * Radix tables that the CPU walks: allocation, descent, removal. Knows
 * entries only through struct duet_pte_format and calls nothing but the page
 * allocator. Called by the pagers, under their lock where the header says so.
 */
#include "common/pager/pager_internal.h"
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>

/* A zap unlinks at most a table of this level at once (1 GiB). */
#define DUET_ZAP_LEVEL	3

static void *duet_table_alloc(void)
{
	return (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

static void duet_table_free(void *table)
{
	free_page((unsigned long)table);
}

int duet_table_cache_fill(struct duet_table_cache *cache)
{
	/* The root is always there: at most all other levels are missing. */
	while (cache->nr < DUET_RADIX_MAX_LEVELS - 1) {
		void *page = duet_table_alloc();

		if (!page)
			return -ENOMEM;
		cache->page[cache->nr++] = page;
	}
	return 0;
}

void duet_table_cache_drain(struct duet_table_cache *cache)
{
	while (cache->nr)
		duet_table_free(cache->page[--cache->nr]);
}

int duet_radix_init(struct duet_radix *t, const struct duet_pte_format *fmt)
{
	if (fmt->levels < 4 || fmt->levels > DUET_RADIX_MAX_LEVELS)
		return -EINVAL;

	t->fmt = fmt;
	t->levels = fmt->levels;
	/* A constant bit among the address bits (encryption) is no address. */
	t->frame_mask = GENMASK_ULL(51, PAGE_SHIFT) & ~fmt->table & ~fmt->leaf;
	t->root = duet_table_alloc();
	return t->root ? 0 : -ENOMEM;
}

static u64 *duet_radix_child(const struct duet_radix *t, u64 entry)
{
	return __va(entry & t->frame_mask);
}

static u64 *duet_radix_slot(u64 *table, gfn_t gfn, u8 level)
{
	u32 i = gfn >> ((level - 1) * DUET_RADIX_BITS);

	return &table[i & (DUET_RADIX_ENTRIES - 1)];
}

static bool duet_radix_is_table(const struct duet_radix *t, u64 entry,
				u8 level)
{
	return duet_radix_present(t, entry) &&
	       !duet_radix_leaf(t, entry, level);
}

static void duet_radix_is_locked(const struct duet_radix *t)
{
	lockdep_assert_held(&container_of(t, struct duet_pager, tree)->lock);
}

u64 *duet_radix_find(const struct duet_radix *t, gfn_t gfn, u8 lowest,
		     u8 *level)
{
	u64 *table = t->root, *slot;
	u8 l = t->levels;

	duet_radix_is_locked(t);
	for (;;) {
		u64 entry;

		slot = duet_radix_slot(table, gfn, l);
		entry = READ_ONCE(*slot);
		if (l == lowest || !duet_radix_is_table(t, entry, l))
			break;
		table = duet_radix_child(t, entry);
		l--;
	}
	*level = l;
	return slot;
}

u64 *duet_radix_reach(struct duet_radix *t, gfn_t gfn, u8 level,
		      struct duet_table_cache *cache, bool *flush)
{
	u64 *table = t->root;
	u8 l;

	duet_radix_is_locked(t);
	for (l = t->levels; l > level; l--) {
		u64 *slot = duet_radix_slot(table, gfn, l);
		u64 entry = READ_ONCE(*slot);

		if (duet_radix_is_table(t, entry, l)) {
			table = duet_radix_child(t, entry);
			continue;
		}

		if (duet_radix_present(t, entry)) {
			duet_radix_replace(slot, 0);
			*flush = true;
		}
		table = cache->page[--cache->nr];
		/*
		 * xchg: a CPU that sees the entry sees the zeroed table. Its
		 * rights are all of them: the leaf's decide.
		 */
		duet_radix_replace(slot, __pa(table) | t->fmt->table);
	}
	return duet_radix_slot(table, gfn, level);
}

static void duet_table_queue(void *table, struct list_head *unused)
{
	/*
	 * Linked through struct page: a CPU that has not flushed yet may
	 * still read the table, so nothing is written into it.
	 */
	list_add_tail(&virt_to_page(table)->lru, unused);
}

/* Queue @table, which entries of @level pointed to, and what is below it. */
static void duet_radix_unlinked(const struct duet_radix *t, u64 *table,
				u8 level, struct list_head *unused)
{
	u32 i;

	/* Entries of @level - 1: at level 1 they are all leaves. */
	for (i = 0; level > 2 && i < DUET_RADIX_ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]);

		if (duet_radix_is_table(t, entry, level - 1))
			duet_radix_unlinked(t, duet_radix_child(t, entry),
					    level - 1, unused);
	}
	duet_table_queue(table, unused);
}

/* The highest level at which an entry starts at @gfn and ends within @end. */
static u8 duet_zap_level(gfn_t gfn, gfn_t end)
{
	u8 level;

	for (level = DUET_ZAP_LEVEL; level > 1; level--) {
		u64 pages = duet_level_pages(level);

		if (!(gfn & (pages - 1)) && end - gfn >= pages)
			break;
	}
	return level;
}

bool duet_radix_zap(struct duet_radix *t, gfn_t start, gfn_t end,
		    struct list_head *unused)
{
	gfn_t gfn = start;
	bool zapped = false;

	while (gfn < end && duet_radix_covers(t, gfn)) {
		u8 level;
		u64 *slot = duet_radix_find(t, gfn, duet_zap_level(gfn, end),
					    &level);
		u64 old = READ_ONCE(*slot);

		if (duet_radix_present(t, old)) {
			old = duet_radix_replace(slot, 0);
			if (!duet_radix_leaf(t, old, level))
				duet_radix_unlinked(t, duet_radix_child(t, old),
						    level, unused);
			zapped = true;
		}
		gfn = (gfn | (duet_level_pages(level) - 1)) + 1;
	}
	return zapped;
}

void duet_radix_free_list(struct list_head *unused)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, unused, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

static void duet_radix_destroy_table(const struct duet_radix *t, u64 *table,
				     u8 level)
{
	u32 i;

	for (i = 0; level > 1 && i < DUET_RADIX_ENTRIES; i++)
		if (duet_radix_is_table(t, table[i], level))
			duet_radix_destroy_table(t,
						 duet_radix_child(t, table[i]),
						 level - 1);
	duet_table_free(table);
	if (level > 1)
		cond_resched();
}

void duet_radix_destroy(struct duet_radix *t)
{
	if (t->root)
		duet_radix_destroy_table(t, t->root, t->levels);
	t->root = NULL;
}
