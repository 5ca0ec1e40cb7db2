// SPDX-License-Identifier: GPL-2.0
/*
 * The host's own access to guest-physical memory, through the user addresses
 * of the slots. Called by the walker, the emulator and device models in the
 * vCPU's thread; calls uaccess. The host's page tables do the rest: faults,
 * COW, swap, invalidation.
 */
#include "common/memslot.h"
#include "common/vm.h"
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/asm.h>

/**
 * struct duet_user_range - a piece of guest memory within one slot
 */
struct duet_user_range {
	const struct duet_memslot *slot;
	void __user *addr;
	size_t len;
};

/* The first piece of [gpa, gpa + len): false if it may not be touched. */
static bool duet_user_range(struct duet_vm *vm, gpa_t gpa, size_t len,
			    bool write, struct duet_user_range *range)
{
	gfn_t gfn = gpa >> PAGE_SHIFT;
	struct duet_memslot *slot;
	u64 left;

	/* The addresses mean something in the VM's own mm only. */
	if (unlikely(current->mm != vm->mm))
		return false;
	slot = duet_gfn_to_memslot(vm, gfn);
	if (!slot || (write && (slot->flags & KVM_MEM_READONLY)))
		return false;

	left = ((slot->base_gfn + slot->npages) << PAGE_SHIFT) - gpa;
	range->slot = slot;
	range->addr = (void __user *)duet_slot_hva(slot, gfn) +
		      offset_in_page(gpa);
	range->len = min_t(u64, len, left);
	return true;
}

static void duet_mark_range_dirty(const struct duet_user_range *range,
				  gpa_t gpa)
{
	const struct duet_memslot *slot = range->slot;
	gfn_t gfn;

	if (!slot->dirty_bitmap)
		return;
	for (gfn = gpa >> PAGE_SHIFT;
	     gfn <= (gpa + range->len - 1) >> PAGE_SHIFT; gfn++)
		set_bit(gfn - slot->base_gfn, slot->dirty_bitmap);
}

/*
 * What the guest sees as one access is one access: aligned operands of 1 to 8
 * bytes, page-table entries above all, are never read or written in parts.
 */
#define DUET_GET(type)							\
	({								\
		type __v = 0;						\
		int __r = __get_user(__v, (type __user *)from);		\
		*(type *)to = __v;					\
		__r;							\
	})
#define DUET_PUT(type)	__put_user(*(const type *)from, (type __user *)to)

static bool duet_single_copy(const void __user *p, size_t len)
{
	return len <= 8 && is_power_of_2(len) &&
	       IS_ALIGNED((unsigned long)p, len);
}

static int duet_copy_in(void *to, const void __user *from, size_t len)
{
	if (duet_single_copy(from, len)) {
		switch (len) {
		case 1:
			return DUET_GET(u8);
		case 2:
			return DUET_GET(u16);
		case 4:
			return DUET_GET(u32);
		case 8:
			return DUET_GET(u64);
		}
	}
	return __copy_from_user(to, from, len) ? -EFAULT : 0;
}

static int duet_copy_out(void __user *to, const void *from, size_t len)
{
	if (duet_single_copy(to, len)) {
		switch (len) {
		case 1:
			return DUET_PUT(u8);
		case 2:
			return DUET_PUT(u16);
		case 4:
			return DUET_PUT(u32);
		case 8:
			return DUET_PUT(u64);
		}
	}
	return __copy_to_user(to, from, len) ? -EFAULT : 0;
}

int duet_read_guest(struct duet_vm *vm, gpa_t gpa, void *data, size_t len)
{
	struct duet_user_range range;

	while (len) {
		if (!duet_user_range(vm, gpa, len, false, &range) ||
		    duet_copy_in(data, range.addr, range.len))
			return -EFAULT;
		gpa += range.len;
		data += range.len;
		len -= range.len;
	}
	return 0;
}

int duet_read_guest_atomic(struct duet_vm *vm, gpa_t gpa, void *data,
			   size_t len)
{
	int r;

	/* A fault that would have to be handled ends the copy instead. */
	pagefault_disable();
	r = duet_read_guest(vm, gpa, data, len);
	pagefault_enable();
	return r;
}

int duet_write_guest(struct duet_vm *vm, gpa_t gpa, const void *data,
		     size_t len)
{
	struct duet_user_range range;
	int r;

	while (len) {
		if (!duet_user_range(vm, gpa, len, true, &range))
			return -EFAULT;
		r = duet_copy_out(range.addr, data, range.len);
		/* After the write, and even if only a part was written. */
		duet_mark_range_dirty(&range, gpa);
		if (r)
			return r;
		gpa += range.len;
		data += range.len;
		len -= range.len;
	}
	return 0;
}

int duet_write_guest_atomic(struct duet_vm *vm, gpa_t gpa, const void *data,
			    size_t len)
{
	int r;

	pagefault_disable();
	r = duet_write_guest(vm, gpa, data, len);
	pagefault_enable();
	return r;
}

static int duet_cmpxchg16_user(void __user *p, u64 *old, const u64 *new)
{
	u8 done = 0;
	int err = 0;

	__uaccess_begin_nospec();
	asm volatile("1:	lock cmpxchg16b %[mem]\n"
		     "	setz %[done]\n"
		     "2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_EFAULT_REG, %[err])
		     : [done] "+q" (done), [err] "+r" (err),
		       [mem] "+m" (*(char (__force *)[16])p),
		       "+a" (old[0]), "+d" (old[1])
		     : "b" (new[0]), "c" (new[1])
		     : "memory", "cc");
	__uaccess_end();
	return err ? err : done;
}

/* 0 exchanged, 1 different, -EFAULT */
#define DUET_CMPXCHG(type)						\
	__try_cmpxchg_user((type __user *)p, (type *)old,		\
			   *(const type *)new, fault_##type)

/* Under the host's own page tables: no page has to be held. */
static int duet_cmpxchg_user(void __user *p, void *old, const void *new,
			     size_t len)
{
	int different;

	might_fault();
	switch (len) {
	case 1:
		different = DUET_CMPXCHG(u8);
		break;
	case 2:
		different = DUET_CMPXCHG(u16);
		break;
	case 4:
		different = DUET_CMPXCHG(u32);
		break;
	case 8:
		different = DUET_CMPXCHG(u64);
		break;
	default:
		return duet_cmpxchg16_user(p, old, new);
	}
	return different < 0 ? different : !different;
}

int duet_cmpxchg_guest(struct duet_vm *vm, gpa_t gpa, void *old,
		       const void *new, size_t len)
{
	struct duet_user_range range;
	int r;

	if (!len || len > 16 || !is_power_of_2(len) || !IS_ALIGNED(gpa, len))
		return -EINVAL;
	if (!duet_user_range(vm, gpa, len, true, &range))
		return -EFAULT;
	r = duet_cmpxchg_user(range.addr, old, new, len);
	if (r == 1)
		duet_mark_range_dirty(&range, gpa);
	return r;
}
