/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernel versions (6.1 to the newest Debian kernel)
 * stands here. Includes kernel headers only; included by whoever needs one.
 */
#ifndef DUET_COMMON_COMPAT_H
#define DUET_COMMON_COMPAT_H

#include <linux/version.h>
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#include <trace/events/ipi.h>	/* smp_send_reschedule() traces */
#endif

/* To RCU, a guest's turn is as good as user mode. */
static inline void duet_note_guest_entry(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	rcu_virt_note_context_switch(raw_smp_processor_id());
#else
	rcu_virt_note_context_switch();
#endif
}

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
	__acquire(ptl);	/* by follow_pte(), which does not say so */
	pte = *ptep;
	pte_unmap_unlock(ptep, ptl);
	*pfn = pte_pfn(pte);
	*writable = pte_write(pte);
	return 0;
#endif
}

/** duet_eventfd_signal() - add one to the counter; any context */
static inline void duet_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

/** duet_hrtimer_setup() - a timer on CLOCK_MONOTONIC, not armed yet */
static inline void
duet_hrtimer_setup(struct hrtimer *timer,
		   enum hrtimer_restart (*function)(struct hrtimer *),
		   enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = function;
#else
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, mode);
#endif
}

/* The kernel's own header marks it as user space's to change at any time. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define duet_immediate_exit(run)	READ_ONCE((run)->immediate_exit__unsafe)
#else
#define duet_immediate_exit(run)	READ_ONCE((run)->immediate_exit)
#endif

/* Callbacks of suspend: a list of ops, or of objects with ops and an argument. */
#ifdef DUET_HAVE_SYSCORE
#define DUET_SYSCORE_ARG	void *unused
#define DUET_SYSCORE_OPS(name)						\
	static const struct syscore_ops name;				\
	static struct syscore name##_object = { .ops = &name };		\
	static const struct syscore_ops name
#define duet_register_syscore(name)	register_syscore(&name##_object)
#define duet_unregister_syscore(name)	unregister_syscore(&name##_object)
#else
#define DUET_SYSCORE_ARG	void
#define DUET_SYSCORE_OPS(name)	static struct syscore_ops name
#define duet_register_syscore(name)	register_syscore_ops(&name)
#define duet_unregister_syscore(name)	unregister_syscore_ops(&name)
#endif

#endif /* DUET_COMMON_COMPAT_H */
