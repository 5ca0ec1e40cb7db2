// SPDX-License-Identifier: GPL-2.0
/*
 * Memory: pages for tables and control structures, frames, and for each VM a mm
 * whose pages are taken away. Called by world.c and by the real pager, of which
 * it calls the notifier.
 */
#include "world.h"

#define NR_PAGES	512
#define NR_SMALL	16
#define NR_LARGE	12
#define LARGE_FRAMES	512
#define SMALL_PFN	0x1000UL
#define LARGE_PFN	0x10000UL

static struct {
	struct duet_memslots slots;
	struct duet_memslot slot;
} memslots[MAX_VMS];

/* ---- pages: tables, VMCBs, VMCSs ---- */

static char memory[NR_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static struct page pages[NR_PAGES];
static u32 generation[NR_PAGES];
static bool allocated[NR_PAGES];
static int free_stack[NR_PAGES], nr_free;

static void pages_reset(void)
{
	int i;

	memset(allocated, 0, sizeof(allocated));
	nr_free = 0;
	for (i = NR_PAGES; i--; )
		free_stack[nr_free++] = i;
}

static long page_index(const void *p)
{
	size_t i = ((const char *)p - memory[0]) / PAGE_SIZE;

	if (i >= NR_PAGES)
		model_fail("%p is no page of ours", p);
	return i;
}

/* The one that was freed last: addresses are used again at once. */
unsigned long get_zeroed_page(gfp_t flags)
{
	int i;

	assert(nr_free);
	i = free_stack[--nr_free];
	allocated[i] = true;
	generation[i]++;
	memset(memory[i], 0, PAGE_SIZE);
	return (unsigned long)memory[i];
}

void free_page(unsigned long p)
{
	long i;

	if (!p)
		return;
	i = page_index((void *)p);
	if (!allocated[i])
		model_fail("a page is freed twice");
	vmx_page_freed(__pa(p));
	allocated[i] = false;
	free_stack[nr_free++] = i;
}

struct page *virt_to_page(void *p)
{
	return &pages[page_index(p)];
}

void *page_address(struct page *page)
{
	return memory[page - pages];
}

u32 page_generation(const void *p, const char *what)
{
	long i = page_index(p);

	if (!allocated[i])
		model_fail("%s that was freed is used", what);
	return generation[i];
}

bool page_same(const void *p, u32 gen)
{
	long i = page_index(p);

	return allocated[i] && generation[i] == gen;
}

/* Nobody looks for what is left at the end of a run. */
static void *kept[256];
static unsigned int nr_kept;

void *kzalloc(size_t size, gfp_t flags)
{
	assert(nr_kept < ARRAY_SIZE(kept));
	return kept[nr_kept++] = calloc(1, size);
}

void kfree(void *p)
{
	unsigned int i;

	for (i = 0; i < nr_kept; i++)
		if (p && kept[i] == p) {
			kept[i] = kept[--nr_kept];
			free(p);
			return;
		}
}

static void kept_reset(void)
{
	while (nr_kept)
		free(kept[--nr_kept]);
}

bool zalloc_cpumask_var(cpumask_var_t *mask, gfp_t flags)
{
	(*mask)->bits = 0;
	return !chance(8);
}

/* ---- frames and the mm ---- */

static struct frame small[NR_SMALL], large[NR_LARGE];

static void frames_reset(void)
{
	int i;

	for (i = 0; i < NR_SMALL; i++)
		small[i] = (struct frame) { .pfn = SMALL_PFN + i };
	for (i = 0; i < NR_LARGE; i++)
		large[i] = (struct frame) {
			.pfn = LARGE_PFN + i * LARGE_FRAMES,
		};
}

struct frame *frame_of(u64 pfn)
{
	u64 i = (pfn - LARGE_PFN) / LARGE_FRAMES;

	if (pfn >= LARGE_PFN && i < NR_LARGE)
		return &large[i];
	if (pfn - SMALL_PFN < NR_SMALL)
		return &small[pfn - SMALL_PFN];
	model_fail("the guest reaches %#llx, which is no memory", pfn);
}

static struct frame *find_frame(bool is_large)
{
	struct frame *f = is_large ? large : small;
	int n = is_large ? NR_LARGE : NR_SMALL, i;

	for (i = 0; i < n; i++)
		if (!f[i].vm && !f[i].refs)
			return &f[i];
	return NULL;
}

static bool no_frame(void *is_large)
{
	return !find_frame(is_large);
}

static void map(struct model_vm *m, int first, int last, bool is_large)
{
	struct frame *f = NULL;
	int i;

	for (i = first; i <= last; i++) {
		if (!f || !is_large)
			f = find_frame(is_large);
		f->vm = m;
		m->page[i].frame = f;
		m->page[i].writable = true;
	}
	m->large = is_large;
}

static void unmap(struct model_vm *m, int first, int last)
{
	int i;

	for (i = first; i <= last; i++) {
		struct frame *f = m->page[i].frame;

		if (f->vm)
			f->maps++;
		f->vm = NULL;
	}
}

static unsigned long vm_hva(const struct model_vm *m)
{
	return (m->index + 1UL) << 30;
}

static struct model_vm *hva_vm(unsigned long hva)
{
	return &mvms[(hva >> 30) - 1];
}

/* The pages in question, which others leave alone meanwhile. */
struct mm_change {
	struct model_vm *m;
	int first, last;
};

static bool pages_busy(void *arg)
{
	struct mm_change *c = arg;
	int i;

	for (i = c->first; i <= c->last; i++)
		if (c->m->busy[i])
			return true;
	return false;
}

static void invalidate(struct mm_change *c, bool is_large,
		       void (*change)(struct mm_change *c, bool is_large))
{
	struct model_vm *m = c->m;
	struct mmu_notifier_range range = {
		.start = vm_hva(m) + c->first * PAGE_SIZE,
		.end = vm_hva(m) + (c->last + 1) * PAGE_SIZE,
	};
	struct mmu_notifier *mn;
	u32 life;
	int i;

	/* What was not mapped need not be taken away. */
	if (m->large)
		range.end = range.start + LARGE_FRAMES * PAGE_SIZE;
	mn = m->notifier;
	life = m->life;
	if (mn) {
		m->callbacks++;
		mn->ops->invalidate_range_start(mn, &range);
		m->callbacks--;
	}
	change(c, is_large);
	cond_resched();
	/* Another VM's notifier has not heard of the beginning. */
	if (mn && mn == m->notifier && life == m->life) {
		m->callbacks++;
		mn->ops->invalidate_range_end(mn, &range);
		m->callbacks--;
	}
	for (i = c->first; i <= c->last; i++)
		m->busy[i] = false;
}

static void replace(struct mm_change *c, bool is_large)
{
	unmap(c->m, c->first, c->last);
	map(c->m, c->first, c->last, is_large);
}

static void protect(struct mm_change *c, bool unused)
{
	int i;

	for (i = c->first; i <= c->last; i++) {
		c->m->page[i].writable = false;
		c->m->page[i].frame->protects++;
	}
}

static void age(struct model_vm *m)
{
	struct mmu_notifier *mn = m->notifier;
	unsigned long hva = vm_hva(m);

	if (!mn)
		return;
	m->callbacks++;
	if (maybe(2))
		mn->ops->clear_young(mn, NULL, hva, hva + PAGE_SIZE);
	else
		mn->ops->clear_flush_young(mn, NULL, hva, hva + PAGE_SIZE);
	m->callbacks--;
}

/* A slot is deleted and comes back: nothing of it may be mapped. */
static void zap_slot(struct model_vm *m)
{
	struct duet_vm *vm = m->vm;

	if (!m->notifier)
		return;
	m->callbacks++;
	vm->pager_ops->zap(vm, 0, LARGE_FRAMES, maybe(2));
	m->callbacks--;
}

void mm_thread(void *arg)
{
	unsigned int n;

	for (n = 0; n < scenario->changes && !engine_stopping; n++) {
		struct mm_change c = { .m = &mvms[choose(scenario->vms, false)] };
		unsigned int what = config.seed ? choose(8, false) : 0;
		bool is_large = false;
		int i;

		if (what == 6) {
			age(c.m);
			continue;
		}
		if (what == 7) {
			zap_slot(c.m);
			continue;
		}
		if (what == 5 || c.m->large) {
			/* Between one large frame and small ones. */
			c.last = VM_PAGES - 1;
			is_large = what == 5 ? !c.m->large : c.m->large;
		} else if (config.seed) {
			c.first = c.last = choose(VM_PAGES, false);
		}
		engine_block(pages_busy, &c);
		for (i = c.first; i <= c.last; i++)
			c.m->busy[i] = true;
		/* It may have changed while we waited. */
		if (c.m->large && !(c.first == 0 && c.last == VM_PAGES - 1)) {
			for (i = c.first; i <= c.last; i++)
				c.m->busy[i] = false;
			continue;
		}
		if (what == 4) {
			invalidate(&c, c.m->large, protect);
		} else {
			engine_block(no_frame, (void *)(long)is_large);
			invalidate(&c, is_large, replace);
		}
	}
}

static struct model_vm *notifier_vm(struct mmu_notifier *mn)
{
	struct duet_pager *p = container_of(mn, struct duet_pager, notifier);
	int i;

	for (i = 0; i < MAX_VMS; i++)
		if (mvms[i].vm == p->vm)
			return &mvms[i];
	model_fail("there is no such VM");
}

int mmu_notifier_register(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct model_vm *m = notifier_vm(mn);
	struct mm_change all = { .m = m, .last = VM_PAGES - 1 };

	/* mm_take_all_locks(): no change is under way. */
	engine_block(pages_busy, &all);
	m->life++;
	m->notifier = mn;
	return 0;
}

static bool has_callbacks(void *m)
{
	return ((struct model_vm *)m)->callbacks;
}

void mmu_notifier_unregister(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct model_vm *m = notifier_vm(mn);

	m->notifier = NULL;
	engine_block(has_callbacks, m);
}

/* ---- what the pager asks the mm for ---- */

int duet_frame_get(unsigned long hva, bool write, bool want_write,
		   struct duet_frame *f)
{
	struct model_vm *m = hva_vm(hva);
	int page = (hva >> PAGE_SHIFT) % LARGE_FRAMES, i;
	struct frame *frame;

	cond_resched();
	frame = m->page[page].frame;
	for (i = 0; write && i < VM_PAGES; i++)
		if (i == page || m->large)
			m->page[i].writable = true;
	frame->refs++;
	f->pfn = frame->pfn + (m->large ? page : 0);
	f->page = (struct page *)frame;
	f->writable = m->page[page].writable;
	cond_resched();
	return 0;
}

void duet_frame_put(struct duet_frame *f)
{
	((struct frame *)f->page)->refs--;
}

void duet_frame_set_dirty(struct duet_frame *f)
{
	if (!((struct frame *)f->page)->vm)
		model_fail("a page is marked dirty after it was unmapped");
}

bool duet_frame_is_ram(u64 pfn)
{
	return true;
}

u8 duet_host_level(struct mm_struct *mm, unsigned long hva)
{
	return hva_vm(hva)->large ? 2 : 1;
}

struct duet_memslot *duet_gfn_to_memslot(struct duet_vm *vm, gfn_t gfn)
{
	struct duet_memslot *slot = vm->memslots->slot;

	return gfn < slot->npages ? slot : NULL;
}

/* ---- the beginning of a run ---- */

void memory_reset(void)
{
	kept_reset();
	pages_reset();
	frames_reset();
}

struct duet_memslots *memory_of_vm(struct model_vm *m)
{
	memslots[m->index].slots.nr = 1;
	memslots[m->index].slot = (struct duet_memslot) {
		.npages = 2 * LARGE_FRAMES, .hva = vm_hva(m),
	};
	return &memslots[m->index].slots;
}

void mm_init(struct model_vm *m)
{
	map(m, 0, VM_PAGES - 1, false);
}
