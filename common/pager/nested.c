// SPDX-License-Identifier: GPL-2.0
/*
 * The nested pager: one tree from guest-physical to host frames, walked by
 * the CPU (EPT or NPT), filled by faults. Called through duet_pager_ops; calls
 * radix.c and frame.c. Protocol and locks: docs/locking.md.
 */
#include "common/pager/pager_internal.h"
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include "uapi/duet.h"

/** struct duet_nested_fault - one fault on its way; lives on the stack */
struct duet_nested_fault {
	const struct duet_memslot *slot;
	gfn_t gfn;
	unsigned long hva;
	struct duet_frame frame;
	u8 level;
	bool write, fetch;
};

static int duet_nested_init(struct duet_vm *vm)
{
	return duet_radix_init(&vm->pager->tree, &duet_caps.pte);
}

static void duet_nested_destroy(struct duet_vm *vm)
{
	duet_radix_destroy(&vm->pager->tree);
}

static int duet_nested_load(struct duet_vcpu *vcpu)
{
	hpa_t root = __pa(vcpu->vm->pager->tree.root);

	if (vcpu->root != root) {
		vcpu->root = root;
		vcpu->dirty |= DUET_ST_ROOT;
	}
	return 0;
}

/* May a leaf of @level map @gfn, as far as the slot is concerned? */
static bool duet_slot_allows(const struct duet_memslot *slot, gfn_t gfn,
			     u8 level)
{
	u64 pages = duet_level_pages(level);
	gfn_t base = gfn & ~(pages - 1);

	/* Dirty pages are logged one by one. */
	if (slot->dirty_bitmap)
		return false;
	if (base < slot->base_gfn ||
	    base + pages > slot->base_gfn + slot->npages)
		return false;
	return !((slot->base_gfn ^ (slot->hva >> PAGE_SHIFT)) & (pages - 1));
}

static u8 duet_nested_level(struct duet_vm *vm,
			    const struct duet_nested_fault *f)
{
	u8 level;

	if ((vm->refused & DUET_REFUSE_LARGE_PAGES) ||
	    (f->fetch && vm->pager->split_exec))
		return 1;

	level = min(duet_host_level(vm->mm, f->hva),
		    vm->pager->tree.fmt->max_leaf_level);
	while (level > 1 && !(duet_slot_allows(f->slot, f->gfn, level) &&
			      !((f->frame.pfn ^ f->gfn) &
				(duet_level_pages(level) - 1))))
		level--;
	return level;
}

static bool duet_nested_exec(struct duet_pager *p, u8 level)
{
	return level == 1 || !p->split_exec;
}

static u64 duet_nested_leaf(struct duet_pager *p,
			    const struct duet_nested_fault *f)
{
	const struct duet_pte_format *fmt = p->tree.fmt;
	u64 pfn = f->frame.pfn & ~(duet_level_pages(f->level) - 1);
	u64 entry = PFN_PHYS(pfn) | fmt->leaf | fmt->read | fmt->accessed;

	/* Frames are taken as RAM alike within a mapping of the host's. */
	if (likely(duet_frame_is_ram(f->frame.pfn))) {
		entry |= fmt->wb;
	} else {
		entry |= fmt->uc;
		WRITE_ONCE(p->vm->maps_devices, true);
	}
	if (f->level > 1)
		entry |= fmt->large;
	/* Preset A and D bits save the CPU the locked updates. */
	if (f->frame.writable)
		entry |= fmt->write | fmt->dirty;
	entry |= duet_nested_exec(p, f->level) ? fmt->exec : fmt->no_exec;
	return entry;
}

/* Does the leaf @entry allow the access already (someone else was faster)? */
static bool duet_nested_allows(const struct duet_pte_format *fmt, u64 entry,
			       const struct duet_nested_fault *f)
{
	if ((entry & fmt->read) != fmt->read)
		return false;
	if (f->write && (entry & fmt->write) != fmt->write)
		return false;
	if (f->fetch && ((entry & fmt->exec) != fmt->exec ||
			 (entry & fmt->no_exec)))
		return false;
	return true;
}

/* What a translation by @old has that @entry does not give. */
static u64 duet_nested_lost(const struct duet_radix *t, u64 old, u64 entry)
{
	const struct duet_pte_format *fmt = t->fmt;

	return ((old ^ entry) & t->frame_mask) |
	       (old & ~entry & (fmt->read | fmt->write | fmt->exec)) |
	       (entry & ~old & fmt->no_exec);
}

/* Install f's leaf. p->lock held; the notifier said that it is not stale. */
static void duet_nested_map(struct duet_pager *p, struct duet_nested_fault *f,
			    struct duet_table_cache *cache,
			    struct list_head *unused)
{
	struct duet_radix *t = &p->tree;
	u64 *slot, old, entry;
	bool flush = false;
	u8 level;

	slot = duet_radix_find(t, f->gfn, 1, &level);
	old = READ_ONCE(*slot);
	if (duet_radix_present(t, old) && duet_nested_allows(t->fmt, old, f))
		return;

	/*
	 * A table in the place of a large leaf is a leftover of smaller
	 * mappings, except where executable ones keep it (split_exec).
	 */
	if (level < f->level) {
		if (p->split_exec) {
			f->level = level;
		} else {
			gfn_t base = f->gfn & ~(duet_level_pages(f->level) - 1);

			if (duet_radix_zap(t, base, base +
					   duet_level_pages(f->level), unused))
				duet_pager_flush(p->vm);
		}
	}

	slot = duet_radix_reach(t, f->gfn, f->level, cache, &flush);
	entry = duet_nested_leaf(p, f);
	if (f->frame.writable)
		duet_frame_set_dirty(&f->frame);
	old = duet_radix_replace(slot, entry);
	/*
	 * More rights for the same frame need no flush: a CPU that has the
	 * older translation faults, and the fault drops it (SDM vol. 3,
	 * 29.4.3.1; APM vol. 2, 5.5.2). Anything else does.
	 */
	if (duet_radix_present(t, old) && duet_nested_lost(t, old, entry))
		flush = true;
	if (flush)
		duet_pager_flush(p->vm);
}

static bool duet_nested_install(struct duet_vcpu *vcpu,
				struct duet_nested_fault *f, unsigned long seq)
{
	struct duet_pager *p = vcpu->vm->pager;
	u64 size = duet_level_pages(f->level) << PAGE_SHIFT;
	LIST_HEAD(unused);
	bool stale;

	spin_lock(&p->lock);
	stale = duet_notifier_retry(p, seq, f->hva & ~(size - 1), size);
	if (!stale) {
		duet_nested_map(p, f, &p->cache[vcpu->index], &unused);
		/* Under the lock: see duet_get_dirty_log(). */
		if (f->write && f->slot->dirty_bitmap)
			set_bit(f->gfn - f->slot->base_gfn,
				f->slot->dirty_bitmap);
	}
	spin_unlock(&p->lock);
	duet_radix_free_list(&unused);
	return !stale;
}

/* One try: 1 mapped, 0 stale, or -errno. */
static int duet_nested_try(struct duet_vcpu *vcpu, struct duet_nested_fault *f)
{
	struct duet_vm *vm = vcpu->vm;
	bool readonly = f->slot->flags & KVM_MEM_READONLY;
	bool log = f->slot->dirty_bitmap;
	unsigned long seq;
	bool done;
	int r;

	r = duet_table_cache_fill(&vm->pager->cache[vcpu->index]);
	if (r)
		return r;

	seq = duet_notifier_begin(vm->pager);
	/* With a log, the first write is wanted as a fault of its own. */
	r = duet_frame_get(f->hva, f->write, !readonly && !log, &f->frame);
	if (r)
		return r;
	if (readonly || (log && !f->write))
		f->frame.writable = false;
	f->level = duet_nested_level(vm, f);

	done = duet_nested_install(vcpu, f, seq);
	duet_frame_put(&f->frame);
	return done;
}

static int duet_nested_fault(struct duet_vcpu *vcpu)
{
	struct duet_vm *vm = vcpu->vm;
	u32 access = vcpu->exit.fault.access;
	struct duet_nested_fault f = {
		.gfn = vcpu->exit.fault.gpa >> PAGE_SHIFT,
		.write = access & DUET_ACCESS_WRITE,
		.fetch = access & DUET_ACCESS_FETCH,
	};
	int r;

	f.slot = duet_gfn_to_memslot(vm, f.gfn);
	if (!f.slot || !duet_radix_covers(&vm->pager->tree, f.gfn) ||
	    (f.write && (f.slot->flags & KVM_MEM_READONLY)))
		return DUET_FAULT_EMULATE;
	f.hva = duet_slot_hva(f.slot, f.gfn);

	for (;;) {
		r = duet_nested_try(vcpu, &f);
		if (r)
			break;
		/*
		 * The mm is changing what we looked up. The run loop must
		 * see signals and requests meanwhile: resume, and fault again.
		 */
		if (fatal_signal_pending(current))
			return -EINTR;
		if (signal_pending(current) || duet_has_request(vcpu))
			return DUET_FAULT_FIXED;
		cond_resched();
	}

	if (r == -EHWPOISON) {
		/* As any access of the process itself would end. */
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)f.hva,
				PAGE_SHIFT, current);
		return DUET_FAULT_FIXED;
	}
	return r < 0 ? r : DUET_FAULT_FIXED;
}

static void duet_nested_zap(struct duet_vm *vm, gfn_t start, gfn_t end,
			    bool atomic)
{
	const u64 step = duet_level_pages(3);
	struct duet_pager *p = vm->pager;
	bool flush = false;
	LIST_HEAD(unused);

	spin_lock(&p->lock);
	while (start < end) {
		gfn_t next = min(end, (start | (step - 1)) + 1);

		flush |= duet_radix_zap(&p->tree, start, next, &unused);
		start = next;
		if (atomic || start >= end ||
		    !(need_resched() || spin_needbreak(&p->lock)))
			continue;

		/*
		 * Flush before the lock goes: whoever takes it next and
		 * finds nothing mapped relies on it.
		 */
		if (flush)
			duet_pager_flush(vm);
		flush = false;
		spin_unlock(&p->lock);
		duet_radix_free_list(&unused);
		cond_resched();
		spin_lock(&p->lock);
	}
	if (flush)
		duet_pager_flush(vm);
	spin_unlock(&p->lock);
	duet_radix_free_list(&unused);
}

/*
 * Take the write permission from what maps @gfn: *protected, or *zapped if it
 * was a large leaf. Return: the next frame to look at.
 */
static gfn_t duet_nested_protect_one(struct duet_radix *t, gfn_t gfn,
				     bool *protected, bool *zapped)
{
	u64 *slot, entry;
	u8 level;

	slot = duet_radix_find(t, gfn, 1, &level);
	entry = READ_ONCE(*slot);
	if (duet_radix_present(t, entry)) {
		if (level > 1) {
			/* Faults bring it back as small pages. */
			duet_radix_replace(slot, 0);
			*zapped = true;
		} else if (duet_radix_clear_bits(slot, t->fmt->write)) {
			*protected = true;
		}
	}
	return (gfn | (duet_level_pages(level) - 1)) + 1;
}

static bool duet_nested_write_protect(struct duet_vm *vm, gfn_t start,
				      gfn_t end)
{
	struct duet_pager *p = vm->pager;
	bool protected = false, zapped = false;
	u32 n = 0;

	spin_lock(&p->lock);
	while (start < end && duet_radix_covers(&p->tree, start)) {
		start = duet_nested_protect_one(&p->tree, start, &protected,
						&zapped);
		if (++n % DUET_RADIX_ENTRIES ||
		    !(need_resched() || spin_needbreak(&p->lock)))
			continue;
		/* A dropped large leaf must be flushed under the lock. */
		if (zapped)
			duet_pager_flush(vm);
		zapped = false;
		spin_unlock(&p->lock);
		cond_resched();
		spin_lock(&p->lock);
	}
	if (zapped)
		duet_pager_flush(vm);
	spin_unlock(&p->lock);
	return protected;
}

/* Called inside the mm's page-table locks: never sleeps. */
static bool duet_nested_age(struct duet_vm *vm, gfn_t start, gfn_t end,
			    bool clear)
{
	struct duet_pager *p = vm->pager;
	struct duet_radix *t = &p->tree;
	u64 accessed = t->fmt->accessed;
	bool young = false, flush = false;

	spin_lock(&p->lock);
	while (start < end && duet_radix_covers(t, start)) {
		u8 level;
		u64 *slot = duet_radix_find(t, start, 1, &level);
		u64 entry = READ_ONCE(*slot);

		start = (start | (duet_level_pages(level) - 1)) + 1;
		if (!duet_radix_present(t, entry))
			continue;
		if (accessed) {
			young |= clear ? duet_radix_clear_bits(slot, accessed) :
					 !!(entry & accessed);
			continue;
		}
		/*
		 * Without accessed bits: what is mapped was used since it was
		 * mapped, and to find out whether it is used again it has to
		 * fault again.
		 */
		young = true;
		if (clear) {
			duet_radix_replace(slot, 0);
			flush = true;
		}
	}
	if (flush)
		duet_pager_flush(vm);
	spin_unlock(&p->lock);
	return young;
}

const struct duet_pager_ops duet_pager_nested = {
	.name = "nested",
	.init = duet_nested_init,
	.destroy = duet_nested_destroy,
	.load = duet_nested_load,
	.fault = duet_nested_fault,
	.zap = duet_nested_zap,
	.write_protect = duet_nested_write_protect,
	.age = duet_nested_age,
};
