// SPDX-License-Identifier: GPL-2.0
/*
 * Caches of translations as both manuals allow them (SDM vol. 3, 29.4; APM
 * vol. 2, 15.16): anything once seen may stay until an operation that must drop
 * it, or go at any time. And the guest that uses them: each access is held
 * against what is true.
 */
#include "world.h"

#define ENTRIES		48

/*
 * COMBINED: guest-linear to frame. NESTED: guest-physical to frame. TABLE: a
 * table on the way to a frame (paging-structure cache).
 */
enum kind { COMBINED, NESTED, TABLE };

struct entry {
	bool valid;
	enum kind kind;
	struct tlb_tag tag;
	u8 va, level;
	gfn_t gfn;
	/* what it leads to */
	struct frame *frame;
	u32 maps, protects, changes;
	bool writable;
	const struct model_vcpu *owner;
	u64 *table;
	u32 generation;
};

static struct tlb {
	struct entry e[ENTRIES];
	unsigned int next;
} tlbs[MODEL_CPUS];

/* Another hypervisor's leftovers lead here. */
static struct frame foreign_frame = { .pfn = 0xf0f0 };

void tlb_reset(void)
{
	memset(tlbs, 0, sizeof(tlbs));
}

static void drop(struct entry *e)
{
	e->valid = false;
}

void tlb_drop_all(int cpu)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		drop(&tlbs[cpu].e[i]);
}

void tlb_drop_asid(int cpu, u32 asid)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		if (tlbs[cpu].e[i].tag.asid == asid)
			drop(&tlbs[cpu].e[i]);
}

void tlb_drop_vpid(int cpu, u32 vpid)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		if (tlbs[cpu].e[i].kind == COMBINED &&
		    tlbs[cpu].e[i].tag.asid == vpid)
			drop(&tlbs[cpu].e[i]);
}

void tlb_drop_root(int cpu, u64 root)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		if (tlbs[cpu].e[i].tag.root == root)
			drop(&tlbs[cpu].e[i]);
}

static void tlb_add(int cpu, struct entry e)
{
	struct tlb *t = &tlbs[cpu];
	unsigned int i;

	e.valid = true;
	for (i = 0; i < ENTRIES; i++)
		if (t->e[i].valid && !memcmp(&t->e[i], &e, sizeof(e)))
			return;
	for (i = 0; i < ENTRIES; i++)
		if (!t->e[i].valid)
			break;
	if (i == ENTRIES)
		i = t->next++ % ENTRIES;
	t->e[i] = e;
}

/* Guest-physical mappings are tagged by the EPTP alone, or by the ASID. */
static struct tlb_tag nested_tag(struct tlb_tag tag)
{
	if (tag.root)
		tag.asid = 0;
	return tag;
}

static bool same_tag(struct tlb_tag a, struct tlb_tag b)
{
	return a.asid == b.asid && a.root == b.root;
}

/* One that fits, any of them; exhaustive: the oldest. NULL: walk. */
static struct entry *tlb_find(int cpu, enum kind kind, struct tlb_tag tag,
			      u8 va, gfn_t gfn, u8 level)
{
	struct entry *found[ENTRIES];
	unsigned int n = 0, i;

	for (i = 0; i < ENTRIES; i++) {
		struct entry *e = &tlbs[cpu].e[i];

		if (!e->valid || e->kind != kind || !same_tag(e->tag, tag))
			continue;
		if (kind == COMBINED ? e->va == va :
		    e->level == level && e->gfn ==
		    gfn >> ((level - 1) * DUET_RADIX_BITS))
			found[n++] = e;
	}
	if (!n || chance(8))
		return NULL;
	return found[config.seed ? choose(n, false) : 0];
}

/* What KVM left when it had this CPU, with all tags there are. */
void tlb_pollute(int cpu)
{
	struct entry e;
	u32 asid;
	u8 va;
	int i;

	for (asid = 0; asid < 4; asid++)
		for (va = 0; va < GUEST_VAS; va++) {
			memset(&e, 0, sizeof(e));
			e.kind = COMBINED;
			e.tag.asid = asid;
			e.va = va;
			e.frame = &foreign_frame;
			tlb_add(cpu, e);
			/* The same root page, an EPTP alike. */
			for (i = 0; i < MAX_VMS; i++) {
				if (!mvms[i].vm || !mvms[i].vm->pager)
					continue;
				e.tag.root = vmx_eptp(__pa(mvms[i].vm->pager->tree.root));
				tlb_add(cpu, e);
			}
		}
}

/* ---- the page walker ---- */

struct walk {
	gfn_t gfn;
	bool write;
	struct tlb_tag tag;
	u64 root;
	int cpu;
};

static u64 *walk_slot(u64 *table, gfn_t gfn, u8 level)
{
	return &table[gfn >> ((level - 1) * DUET_RADIX_BITS) & 511];
}

/* The lowest table that is known; its entries are of level *level. */
static u64 *walk_start(const struct walk *w, u8 *level)
{
	u8 l;

	for (l = 2; l <= duet_caps.pte.levels; l++) {
		struct entry *e = tlb_find(w->cpu, TABLE, nested_tag(w->tag), 0,
					   w->gfn, l);

		if (!e)
			continue;
		if (!page_same(e->table, e->generation))
			model_fail("CPU %d walks a table that was freed",
				   w->cpu);
		*level = l - 1;
		return e->table;
	}
	*level = duet_caps.pte.levels;
	return __va(w->root);
}

static void walk_remember(const struct walk *w, u64 *table, u8 level)
{
	struct entry e;

	memset(&e, 0, sizeof(e));
	e.kind = TABLE;
	e.tag = nested_tag(w->tag);
	e.level = level;
	e.gfn = w->gfn >> ((level - 1) * DUET_RADIX_BITS);
	e.table = table;
	e.generation = page_generation(table, "a table");
	if (!chance(4))
		tlb_add(w->cpu, e);
}

/* A leaf's entry, or 0: a fault. */
static u64 walk_tables(const struct walk *w, u8 *leaf_level)
{
	const struct duet_pte_format *f = &duet_caps.pte;
	u8 level;
	u64 *table = walk_start(w, &level);

	for (;;) {
		u64 *slot, entry;

		page_generation(table, "a table");
		slot = walk_slot(table, w->gfn, level);
		entry = *(volatile u64 *)slot;
		if (!(entry & f->present_mask))
			return 0;
		if (level == 1 || (entry & f->large)) {
			if (w->write && !(entry & f->write))
				return 0;
			*slot |= f->accessed;
			*leaf_level = level;
			return entry;
		}
		table = __va(entry & GENMASK_ULL(51, 12));
		walk_remember(w, table, level);
		level--;
	}
}

static struct frame *leaf_frame(u64 entry, u8 level, gfn_t gfn)
{
	u64 pfn = (entry & GENMASK_ULL(51, 12)) >> PAGE_SHIFT;

	return frame_of(pfn + (gfn & (duet_level_pages(level) - 1)));
}

/* Drop what led to a fault (SDM vol. 3, 29.4.3.1). */
static void fault_drops(const struct walk *w, u8 va)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		struct entry *e = &tlbs[w->cpu].e[i];

		if ((e->kind == COMBINED && same_tag(e->tag, w->tag) &&
		     e->va == va) ||
		    (e->kind == NESTED &&
		     same_tag(e->tag, nested_tag(w->tag)) && e->gfn == w->gfn))
			drop(e);
	}
}

static bool translate(struct model_vcpu *v, struct walk *w, u8 va,
		      struct entry *result)
{
	struct entry *e = tlb_find(w->cpu, COMBINED, w->tag, va, 0, 0);
	struct entry n;

	if (e && (e->writable || !w->write)) {
		*result = *e;
		return true;
	}
	w->gfn = v->gfn[va];
	e = tlb_find(w->cpu, NESTED, nested_tag(w->tag), 0, w->gfn, 1);
	if (e && (e->writable || !w->write)) {
		n = *e;
	} else {
		u8 level = 1;
		u64 leaf = walk_tables(w, &level);

		fault_drops(w, va);
		if (!leaf)
			return false;
		memset(&n, 0, sizeof(n));
		n.kind = NESTED;
		n.tag = nested_tag(w->tag);
		n.level = 1;
		n.gfn = w->gfn;
		n.frame = leaf_frame(leaf, level, w->gfn);
		n.maps = n.frame->maps;
		n.protects = n.frame->protects;
		n.writable = leaf & duet_caps.pte.write;
		if (!chance(4))
			tlb_add(w->cpu, n);
	}
	n.kind = COMBINED;
	n.tag = w->tag;
	n.level = 0;
	n.gfn = 0;
	n.va = va;
	n.owner = v;
	n.changes = v->changes[va];
	if (!chance(4))
		tlb_add(w->cpu, n);
	*result = n;
	return true;
}

/* ---- the guest ---- */

static void check_access(struct model_vcpu *v, const struct entry *e, u8 va,
			 bool write, int cpu)
{
	const struct frame *f = e->frame;

	if (f == &foreign_frame)
		model_fail("CPU %d uses another hypervisor's translation", cpu);
	if (e->owner != v)
		model_fail("CPU %d uses another vCPU's translation", cpu);
	if (e->changes != v->changes[va])
		model_fail("CPU %d uses a translation that the guest dropped",
			   cpu);
	if (f->vm && f->vm != v->mvm)
		model_fail("CPU %d reaches a frame of another VM", cpu);
	if (e->maps != f->maps || f != v->mvm->page[v->gfn[va]].frame)
		model_fail("CPU %d reaches a frame that was unmapped", cpu);
	if (write && (e->protects != f->protects ||
		      !v->mvm->page[v->gfn[va]].writable))
		model_fail("CPU %d writes to a frame that was protected",
			   cpu);
}

enum guest_op { TOUCH, TOUCH_AGAIN, CHANGE, LEAVE, ACCESS_DR, NR_OPS };

/* A new entry in the guest's page table, and INVLPG, which does not exit. */
static void guest_change(struct model_vcpu *v, struct tlb_tag tag, int cpu)
{
	u8 va = choose(GUEST_VAS, true);
	unsigned int i;

	v->gfn[va] ^= 1;
	v->changes[va]++;
	for (i = 0; i < ENTRIES; i++) {
		struct entry *e = &tlbs[cpu].e[i];

		if (e->kind == COMBINED && e->tag.asid == tag.asid &&
		    e->va == va)
			drop(e);
	}
}

enum guest_exit guest_turn(struct duet_vcpu *vcpu, struct tlb_tag tag,
			   u64 root, struct guest_fault *fault)
{
	struct model_vcpu *v = model_vcpu(vcpu);
	unsigned int i;

	for (i = 0; i < 5; i++) {
		struct walk w = {
			.tag = tag, .root = root, .cpu = model_cpu(),
		};
		struct entry e;
		u8 va;

		model_point();
		if (engine_interrupted())
			return GUEST_INTR;

		switch (config.seed ? choose(NR_OPS, false) :
			i < 2 ? TOUCH : LEAVE) {
		case CHANGE:
			guest_change(v, tag, w.cpu);
			continue;
		case LEAVE:
			return GUEST_OTHER;
		case ACCESS_DR:
			return GUEST_DR;
		default:
			break;
		}
		va = config.seed ? choose(GUEST_VAS, false) : 0;
		w.write = config.seed ? choose(2, false) : i & 1;
		if (!translate(v, &w, va, &e)) {
			fault->gpa = w.gfn << PAGE_SHIFT;
			fault->write = w.write;
			return GUEST_FAULT;
		}
		check_access(v, &e, va, w.write, w.cpu);
	}
	return GUEST_OTHER;
}
