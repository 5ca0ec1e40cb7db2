// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of the guest's own page tables, as the CPU does it (SDM vol. 3,
 * chapter 4; APM vol. 2, chapter 5). Called by the emulator, KVM_TRANSLATE and
 * the shadow pager; calls guest memory access only.
 */
#include "common/walk.h"
#include "common/memslot.h"
#include "common/vcpu.h"
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

/* Bits of an entry, the same in all formats (SDM vol. 3, 4.3 to 4.5). */
#define DUET_PG_P	BIT_ULL(0)
#define DUET_PG_RW	BIT_ULL(1)
#define DUET_PG_US	BIT_ULL(2)
#define DUET_PG_A	BIT_ULL(5)
#define DUET_PG_D	BIT_ULL(6)
#define DUET_PG_PS	BIT_ULL(7)
#define DUET_PG_XD	BIT_ULL(63)
#define DUET_PG_FRAME	GENMASK_ULL(51, 12)

/* Page-fault error code (SDM vol. 3, 4.7). */
#define DUET_PF_P	BIT(0)
#define DUET_PF_WR	BIT(1)
#define DUET_PF_US	BIT(2)
#define DUET_PF_RSVD	BIT(3)
#define DUET_PF_ID	BIT(4)

/* Internal: an entry changed under the walk. */
#define DUET_WALK_AGAIN	2

/**
 * struct duet_walker - a walk on its way
 * @levels: of tables; @entry_size: 4 or 8 bytes; @pae: three levels, PDPTEs
 * @rights: DUET_PG_RW, _US as all entries together allow, _XD if one refuses
 * @step: the entries that were used, from the top
 */
struct duet_walker {
	struct duet_vcpu *vcpu;
	u64 linear;
	u64 cr0, cr3, cr4, efer;
	u32 access;
	u8 levels, entry_size, maxphyaddr;
	bool pae, atomic, smap;
	u64 rights;
	u8 nr_steps;
	struct {
		gpa_t gpa;
		u64 entry;
	} step[5];
};

static void duet_walk_start(struct duet_walker *w)
{
	struct duet_vcpu *vcpu = w->vcpu;

	duet_need(vcpu, DUET_ST_CR0 | DUET_ST_CR3 | DUET_ST_CR4 |
			DUET_ST_EFER);
	w->cr0 = vcpu->state.cr0;
	w->cr3 = vcpu->state.cr3;
	w->cr4 = vcpu->state.cr4;
	w->efer = vcpu->state.efer;
	/* Without a CPUID table, 36 bits as the first such CPUs. */
	w->maxphyaddr = vcpu->cpuid.maxphyaddr ?: 36;
	w->maxphyaddr = clamp_t(u8, w->maxphyaddr, 32, 52);

	w->entry_size = 8;
	if (w->efer & EFER_LMA) {
		w->levels = w->cr4 & X86_CR4_LA57 ? 5 : 4;
	} else if (w->cr4 & X86_CR4_PAE) {
		w->levels = 3;
		w->pae = true;
	} else {
		w->levels = 2;
		w->entry_size = 4;
	}
	if (!(w->efer & EFER_LMA))
		w->linear = (u32)w->linear;

	/*
	 * SMAP spares explicit accesses with RFLAGS.AC set; those that the
	 * CPU makes on its own at CPL 3 (descriptors, say) it never spares
	 * (SDM vol. 3, 4.6.1).
	 */
	if ((w->cr4 & X86_CR4_SMAP) && w->access &&
	    !(w->access & (DUET_ACCESS_USER | DUET_ACCESS_FETCH)))
		w->smap = duet_cpl(vcpu) == 3 ||
			  !(duet_rflags(vcpu) & X86_EFLAGS_AC);
}

static int duet_walk_read(struct duet_walker *w, gpa_t gpa, u64 *entry)
{
	struct duet_vm *vm = w->vcpu->vm;
	int r;

	*entry = 0;
	if (!w->atomic)
		return duet_read_guest(vm, gpa, entry, w->entry_size);
	r = duet_read_guest_atomic(vm, gpa, entry, w->entry_size);
	if (r && duet_gfn_to_memslot(vm, gpa >> PAGE_SHIFT))
		return -EAGAIN;
	return r;
}

static u8 duet_walk_shift(const struct duet_walker *w, u8 level)
{
	return PAGE_SHIFT + (level - 1) * (w->entry_size == 8 ? 9 : 10);
}

static bool duet_walk_is_pdpte(const struct duet_walker *w, u8 level)
{
	return w->pae && level == 3;
}

static bool duet_walk_is_leaf(const struct duet_walker *w, u8 level, u64 entry)
{
	if (level == 1)
		return true;
	if (!(entry & DUET_PG_PS) || level > 3 || duet_walk_is_pdpte(w, level))
		return false;
	return w->entry_size == 8 || (w->cr4 & X86_CR4_PSE);
}

/* 4-MiB pages: bits 20:13 are address bits 39:32 (SDM vol. 3, table 4-4). */
static u64 duet_reserved_pse(const struct duet_walker *w)
{
	return GENMASK_ULL(21, min_t(u8, w->maxphyaddr, 40) - 19);
}

/* Bits that must be 0 in a present entry. */
static u64 duet_walk_reserved(const struct duet_walker *w, u8 level, u64 entry)
{
	bool leaf = duet_walk_is_leaf(w, level, entry);
	u64 mask = 0;

	if (w->entry_size == 4)
		return leaf && level == 2 ? duet_reserved_pse(w) : 0;

	if (w->maxphyaddr < 52)
		mask |= GENMASK_ULL(51, w->maxphyaddr);
	if (w->pae)
		mask |= GENMASK_ULL(62, 52);
	/*
	 * Bits 8:5 and 2:1 are checked when CR3 is loaded; some CPUs set the
	 * accessed bit of the PDPTE in memory afterwards.
	 */
	if (duet_walk_is_pdpte(w, level))
		return mask | DUET_PG_XD;
	if (!(w->efer & EFER_NX))
		mask |= DUET_PG_XD;
	if (level > 3 || (level == 3 && !w->vcpu->cpuid.has_1g_pages))
		mask |= DUET_PG_PS;
	if (leaf && level > 1)
		mask |= GENMASK_ULL(duet_walk_shift(w, level) - 1, 13);
	return mask;
}

static u32 duet_walk_error(const struct duet_walker *w, u32 error)
{
	if (w->access & DUET_ACCESS_WRITE)
		error |= DUET_PF_WR;
	if (w->access & DUET_ACCESS_USER)
		error |= DUET_PF_US;
	if ((w->access & DUET_ACCESS_FETCH) &&
	    ((w->cr4 & X86_CR4_SMEP) ||
	     ((w->cr4 & X86_CR4_PAE) && (w->efer & EFER_NX))))
		error |= DUET_PF_ID;
	return error;
}

/* What the rights of all entries together allow at this privilege. */
static u32 duet_walk_allowed(const struct duet_walker *w)
{
	bool user_page = w->rights & DUET_PG_US;
	bool user = w->access & DUET_ACCESS_USER;
	u32 allowed = user_page ? DUET_ACCESS_USER : 0;

	if (user && !user_page)
		return allowed;
	if (!(w->rights & DUET_PG_XD) &&
	    (user || !user_page || !(w->cr4 & X86_CR4_SMEP)))
		allowed |= DUET_ACCESS_FETCH;
	if (w->smap && user_page)
		return allowed;
	allowed |= DUET_ACCESS_READ;
	if ((w->rights & DUET_PG_RW) || (!user && !(w->cr0 & X86_CR0_WP)))
		allowed |= DUET_ACCESS_WRITE;
	return allowed;
}

/* Add an entry to the walk: 0, or 1 with an error code. */
static int duet_walk_use(struct duet_walker *w, u8 level, gpa_t gpa, u64 entry,
			 struct duet_walk *result)
{
	if (!(entry & DUET_PG_P)) {
		result->error_code = duet_walk_error(w, 0);
		return 1;
	}
	if (entry & duet_walk_reserved(w, level, entry)) {
		result->error_code = duet_walk_error(w, DUET_PF_P |
						     DUET_PF_RSVD);
		return 1;
	}
	/*
	 * A PDPTE has no rights and no accessed bit. The CPU loads the four
	 * into registers with CR3 and may use older values than memory has;
	 * an operating system must not rely on either (SDM vol. 3, 4.4.1;
	 * AMD reads memory, APM vol. 2, 5.3.4), so memory is asked here.
	 */
	if (duet_walk_is_pdpte(w, level))
		return 0;
	w->rights &= entry | DUET_PG_XD;
	w->rights |= entry & DUET_PG_XD;
	w->step[w->nr_steps].gpa = gpa;
	w->step[w->nr_steps].entry = entry;
	w->nr_steps++;
	return 0;
}

static gpa_t duet_walk_leaf_gpa(const struct duet_walker *w, u8 level,
				u64 entry)
{
	u64 offset = (1ULL << duet_walk_shift(w, level)) - 1;
	u64 base = entry & DUET_PG_FRAME & ~offset;

	if (w->entry_size == 4 && level == 2)
		base |= (entry & GENMASK_ULL(20, 13)) << 19;
	return base | (w->linear & offset);
}

static gpa_t duet_walk_root(const struct duet_walker *w)
{
	/* SDM vol. 3, tables 4-3, 4-7 and 4-12 */
	if (w->pae)
		return w->cr3 & GENMASK_ULL(31, 5);
	if (w->entry_size == 4)
		return w->cr3 & GENMASK_ULL(31, 12);
	return w->cr3 & DUET_PG_FRAME;
}

/* From CR3 down to the leaf: 0, 1 (fault), -EFAULT, -EAGAIN. */
static int duet_walk_down(struct duet_walker *w, struct duet_walk *result)
{
	u32 index_mask = w->entry_size == 8 ? 511 : 1023;
	gpa_t table = duet_walk_root(w);
	u8 level;
	int r;

	w->rights = DUET_PG_RW | DUET_PG_US;
	w->nr_steps = 0;
	for (level = w->levels; ; level--) {
		u32 index = w->linear >> duet_walk_shift(w, level);
		gpa_t gpa;
		u64 entry;

		gpa = table + (index & index_mask) * w->entry_size;
		r = duet_walk_read(w, gpa, &entry);
		if (r)
			return r;
		r = duet_walk_use(w, level, gpa, entry, result);
		if (r)
			return r;
		if (duet_walk_is_leaf(w, level, entry)) {
			result->gpa = duet_walk_leaf_gpa(w, level, entry);
			result->level = level;
			return 0;
		}
		table = entry & DUET_PG_FRAME;
	}
}

/* Set @bits in the entry of step @i, as the CPU does: atomically. */
static int duet_walk_set(struct duet_walker *w, u32 i, u64 bits)
{
	struct duet_vm *vm = w->vcpu->vm;
	gpa_t gpa = w->step[i].gpa;
	u64 old = w->step[i].entry;
	u64 new = old | bits;
	bool writable;
	int r;

	if (old == new)
		return 0;
	/*
	 * Tables in ROM (firmware has them) stay as they are: nobody could
	 * clear the bits, so nobody looks at them.
	 */
	if (duet_gfn_to_hva(vm, gpa >> PAGE_SHIFT, &writable) && !writable)
		return 0;
	/* Little-endian: the low half of @old and @new is the 32-bit entry. */
	r = duet_cmpxchg_guest(vm, gpa, &old, &new, w->entry_size);
	if (r < 0)
		return -EFAULT;
	return r ? 0 : DUET_WALK_AGAIN;
}

/*
 * Accessed bits of all entries, the dirty bit of the leaf. Only after the
 * access is known to be allowed: a refused one sets no dirty bit.
 */
static int duet_walk_set_bits(struct duet_walker *w)
{
	u32 i;
	int r;

	for (i = 0; i < w->nr_steps; i++) {
		u64 bits = DUET_PG_A;

		if (i == w->nr_steps - 1 && (w->access & DUET_ACCESS_WRITE))
			bits |= DUET_PG_D;
		r = duet_walk_set(w, i, bits);
		if (r)
			return r;
	}
	return 0;
}

static int duet_walk_once(struct duet_walker *w, struct duet_walk *result)
{
	const u32 kinds = DUET_ACCESS_READ | DUET_ACCESS_WRITE |
			  DUET_ACCESS_FETCH;
	int r;

	r = duet_walk_down(w, result);
	if (r)
		return r;
	result->access = duet_walk_allowed(w);
	if (!w->access)
		return 0;
	if ((w->access & kinds & ~result->access) ||
	    ((w->access & DUET_ACCESS_USER) && !(w->rights & DUET_PG_US))) {
		result->error_code = duet_walk_error(w, DUET_PF_P);
		return 1;
	}
	return duet_walk_set_bits(w);
}

static int duet_walk(struct duet_walker *w, struct duet_walk *result)
{
	int r;

	*result = (struct duet_walk) { };
	if (!(duet_cr0(w->vcpu) & X86_CR0_PG)) {
		result->gpa = (u32)w->linear;
		result->access = DUET_ACCESS_READ | DUET_ACCESS_WRITE |
				 DUET_ACCESS_FETCH | DUET_ACCESS_USER;
		return 0;
	}

	duet_walk_start(w);
	do {
		r = duet_walk_once(w, result);
		if (r != DUET_WALK_AGAIN)
			return r;
		/* Another vCPU may go on changing the entry as it likes. */
		cond_resched();
	} while (!fatal_signal_pending(current));
	return -EFAULT;
}

int duet_walk_guest(struct duet_vcpu *vcpu, u64 linear, u32 access,
		    struct duet_walk *w)
{
	struct duet_walker walker = {
		.vcpu = vcpu,
		.linear = linear,
		.access = access,
	};

	return duet_walk(&walker, w);
}

int duet_walk_guest_atomic(struct duet_vcpu *vcpu, u64 linear,
			   struct duet_walk *w)
{
	struct duet_walker walker = {
		.vcpu = vcpu,
		.linear = linear,
		.atomic = true,
	};

	return duet_walk(&walker, w);
}

/**
 * struct duet_peephole - guest memory that can be peeked at: one slot
 */
struct duet_peephole {
	gpa_t base;
	u64 size;
	unsigned long hva;
};

static bool duet_move_window(struct duet_vm *vm, gpa_t gpa,
			     struct duet_peephole *win)
{
	struct duet_memslot *slot = duet_gfn_to_memslot(vm, gpa >> PAGE_SHIFT);

	if (!slot)
		return false;
	win->base = slot->base_gfn << PAGE_SHIFT;
	win->size = (u64)slot->npages << PAGE_SHIFT;
	win->hva = slot->hva;
	return true;
}

/*
 * A slot's addresses are user addresses since it was made; the fence keeps the
 * bounds check from being passed by speculation.
 */
#define duet_peek(vm, win, gpa, to, refused, fault)			\
	do {								\
		if (unlikely((gpa) - (win)->base >= (win)->size) &&	\
		    !duet_move_window(vm, gpa, win))			\
			goto refused;					\
		__uaccess_begin_nospec();				\
		unsafe_get_user(to, (typeof(to) __user *)		\
				((win)->hva + ((gpa) - (win)->base)),	\
				fault);					\
		__uaccess_end();					\
	} while (0)

/* Long mode's tables, from CR3 to the leaf, and 16 bytes behind it. */
static bool duet_peek_code(struct duet_vcpu *vcpu, u64 linear, u64 bytes[2])
{
	u8 shift = vcpu->state.cr4 & X86_CR4_LA57 ? 48 : 39;
	gpa_t gpa = vcpu->state.cr3 & DUET_PG_FRAME;
	struct duet_peephole win = { };
	u64 entry;

	for (;; shift -= 9) {
		gpa += (linear >> shift & 511) * 8;
		duet_peek(vcpu->vm, &win, gpa, entry, refused, fault);
		if (!(entry & DUET_PG_P))
			return false;
		gpa = entry & DUET_PG_FRAME;
		if (shift == PAGE_SHIFT ||
		    ((entry & DUET_PG_PS) && shift <= 30))
			break;
	}
	gpa &= ~0ULL << shift;
	gpa |= linear & ~(~0ULL << shift);
	duet_peek(vcpu->vm, &win, gpa, bytes[0], refused, fault);
	gpa += 8;
	duet_peek(vcpu->vm, &win, gpa, bytes[1], refused, fault);
	return true;

fault:
	__uaccess_end();
refused:
	return false;
}

bool duet_read_code(struct duet_vcpu *vcpu, u64 linear, u64 bytes[2])
{
	bool r;

	if (offset_in_page(linear) > PAGE_SIZE - 16)
		return false;
	duet_need(vcpu, DUET_ST_CR3 | DUET_ST_CR4);
	pagefault_disable();
	r = duet_peek_code(vcpu, linear, bytes);
	pagefault_enable();
	return r;
}
