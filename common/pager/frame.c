// SPDX-License-Identifier: GPL-2.0
/*
 * From a user address to a host frame: GUP for ordinary memory, the VMA's
 * own page tables for device mappings. Calls the mm only; called by the
 * pagers' fault handlers, without locks.
 */
#include "common/pager/pager_internal.h"
#include "common/compat.h"
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <asm/pgtable.h>

/*
 * VM_IO and VM_PFNMAP mappings (a device's BAR through VFIO, for example)
 * have no pages that GUP could reference. None is needed: whoever made the
 * mapping removes it with an invalidation before the frames go away.
 */
static int duet_frame_get_pfnmap(unsigned long hva, bool write,
				 struct duet_frame *f)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool unlocked;
	int r;

	mmap_read_lock(mm);
	do {
		unlocked = false;
		r = -EFAULT;
		vma = vma_lookup(mm, hva);
		if (!vma || !(vma->vm_flags & (VM_IO | VM_PFNMAP)) ||
		    !(vma->vm_flags & VM_READ))
			break;
		r = duet_follow_pfnmap(vma, hva, &f->pfn, &f->writable);
		if (!r && (!write || f->writable))
			break;
		/* On success the mmap_lock is held, but the VMA may be new. */
		r = fixup_user_fault(mm, hva, write ? FAULT_FLAG_WRITE : 0,
				     &unlocked);
		if (r || unlocked)
			continue;
		r = duet_follow_pfnmap(vma, hva, &f->pfn, &f->writable);
		if (!r && write && !f->writable)
			r = -EFAULT;
	} while (unlocked && !r && !fatal_signal_pending(current));
	if (!r && unlocked)
		r = -EINTR;
	mmap_read_unlock(mm);

	f->page = NULL;
	return r;
}

int duet_frame_get(unsigned long hva, bool write, bool want_write,
		   struct duet_frame *f)
{
	struct page *page;
	long r;

	/*
	 * The common case: present and writable in the host. A read fault
	 * may be served that way too and saves the write fault that follows;
	 * it breaks no COW, because only a writable host entry is taken.
	 */
	if ((write || want_write) &&
	    get_user_page_fast_only(hva, FOLL_WRITE, &page)) {
		f->writable = true;
		goto found;
	}

	r = get_user_pages_unlocked(hva, 1, &page,
				    FOLL_HWPOISON | (write ? FOLL_WRITE : 0));
	if (r == 1) {
		struct page *again;

		f->writable = write;
		/* The page may have been absent, and is writable now. */
		if (!write && want_write &&
		    get_user_page_fast_only(hva, FOLL_WRITE, &again)) {
			put_page(page);
			page = again;
			f->writable = true;
		}
		goto found;
	}

	if (fatal_signal_pending(current))
		return -EINTR;
	if (r == -EHWPOISON || r == -ENOMEM)
		return r;
	return duet_frame_get_pfnmap(hva, write, f);

found:
	f->page = page;
	/* It reads the section in page->flags, other bits of which change. */
	f->pfn = data_race(page_to_pfn(page));
	return 0;
}

/* The zero page and firmware's frames have no state of their own. */
static bool duet_page_has_state(struct page *page)
{
	return page && !PageReserved(page);
}

void duet_frame_set_dirty(struct duet_frame *f)
{
	/*
	 * The guest writes without the host's dirty bit. Marking the page
	 * once, here, is enough: whoever cleans it (writeback, reclaim, KSM)
	 * write-protects or unmaps it first, which invalidates our entry, and
	 * the next write comes here again. It must happen before the lock is
	 * dropped, for the same reason: after it, an invalidation may run and
	 * the page be cleaned and freed. Our lock serves as the page-table
	 * lock does for the host's own entries: truncation cannot get past it.
	 */
	if (duet_page_has_state(f->page))
		set_page_dirty(f->page);
}

void duet_frame_put(struct duet_frame *f)
{
	if (!f->page)
		return;
	/* Later use is reported by ageing (duet_pager_ops.age). */
	if (duet_page_has_state(f->page))
		mark_page_accessed(f->page);
	put_page(f->page);
	f->page = NULL;
}

bool duet_frame_is_ram(u64 pfn)
{
	/* Reserved pages may be holes in the memory map. */
	if (pfn_valid(pfn) && !PageReserved(pfn_to_page(pfn)))
		return true;
	return duet_firmware_says_ram(pfn);
}

u8 duet_host_level(struct mm_struct *mm, unsigned long hva)
{
	unsigned long flags;
	u8 level = 1;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	/*
	 * Interrupts off hold up the shootdown that precedes the freeing of a
	 * table, as in fast GUP. Each entry is read once: it may turn from a
	 * table into a huge page between two reads.
	 */
	local_irq_save(flags);
	pgd = READ_ONCE(*pgd_offset(mm, hva));
	if (pgd_none(pgd))
		goto out;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (p4d_none(p4d) || !p4d_present(p4d))
		goto out;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (pud_none(pud) || !pud_present(pud))
		goto out;
	if (pud_leaf(pud)) {
		level = 3;
		goto out;
	}
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	if (pmd_none(pmd) || !pmd_present(pmd))
		goto out;
	if (pmd_leaf(pmd))
		level = 2;
out:
	local_irq_restore(flags);
	return level;
}
