/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernel versions (6.1 to the newest Debian kernel)
 * stands here. Includes kernel headers only; included by whoever needs one.
 */
#ifndef DUET_COMMON_COMPAT_H
#define DUET_COMMON_COMPAT_H

#include <linux/version.h>
#include <linux/mm.h>
#include <linux/smp.h>

/* KVM_CAP_* and ioctls that 6.1's header does not name are not used. */

/**
 * duet_follow_pfnmap() - what a VM_IO or VM_PFNMAP mapping maps at @addr
 * Context: mmap_lock held. Return: 0 or -EINVAL.
 */
static inline int duet_follow_pfnmap(struct vm_area_struct *vma,
				     unsigned long addr, u64 *pfn,
				     bool *writable)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	int r = follow_pfnmap_start(&args);

	if (r)
		return r;
	*pfn = args.pfn;
	*writable = args.writable;
	follow_pfnmap_end(&args);
	return 0;
#else
	spinlock_t *ptl;
	pte_t *ptep;
	pte_t pte;
	int r = follow_pte(vma->vm_mm, addr, &ptep, &ptl);

	if (r)
		return r;
	pte = *ptep;
	pte_unmap_unlock(ptep, ptl);
	*pfn = pte_pfn(pte);
	*writable = pte_write(pte);
	return 0;
#endif
}

#endif /* DUET_COMMON_COMPAT_H */
