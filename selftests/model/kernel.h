/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of the kernel as the files under test need, in user space. Every
 * <linux/...> and <asm/...> that they include leads here. What two CPUs can see
 * of each other's doing is a point where the scheduler (engine.c) may let
 * another CPU go on; the rest is a stub.
 */
#ifndef DUET_MODEL_KERNEL_H
#define DUET_MODEL_KERNEL_H

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int32_t s32;
typedef long long s64;
typedef u64 gva_t, gpa_t, gfn_t, hpa_t, hva_t;
typedef unsigned int gfp_t;
typedef u64 phys_addr_t;

#include <linux/kvm.h>

/* ---- the language ---- */

#define __rcu
#define __user
#define __force
#define __must_hold(x)
#define __printf(format, first)
#define __acquire(x)
#define asmlinkage
#define __init
#define noinline		__attribute__((noinline))
#undef __always_inline
#define __always_inline		inline __attribute__((always_inline))
#define __maybe_unused		__attribute__((unused))
#define __cold
#define likely(x)		(x)
#define unlikely(x)		(x)
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK(h, l)		((~0UL << (l)) & (~0UL >> (63 - (h))))
#define GENMASK_ULL(h, l)	GENMASK(h, l)
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define U32_MAX			(~0U)
#define BITS_PER_LONG		64
#define offsetofend(t, m)		(offsetof(t, m) + sizeof(((t *)0)->m))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define min(a, b)	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b)	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define min_t(t, a, b)		min((t)(a), (t)(b))
#define clamp_t(t, v, l, h)	min_t(t, max((t)(v), (t)(l)), (t)(h))
#define array_index_nospec(i, n)	(i)
#define for_each_set_bit(n, p, size) \
	for ((n) = 0; (n) < (size); (n)++) if (*(p) & BIT(n))
#define __xstr(x)		#x
#define smp_cond_load_relaxed(p, c)	assert(0)

struct module;
#define THIS_MODULE		((struct module *)NULL)
#define IS_ERR(p)		((unsigned long)(p) >= -4095UL)

/* ---- engine.c ---- */

#define MODEL_CPUS		3
#define nr_cpu_ids		MODEL_CPUS

/** model_point() - others may run here, and so may interrupts */
void model_point(void);
/** model_fail() - a rule was broken: the run ends here */
void model_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
int model_cpu(void);

/** model_store() - goes into the CPU's store buffer: seen by others later */
void model_store(int *p, int value);
/** model_barrier() - the store buffer is empty */
void model_barrier(void);

#define WARN_ON_ONCE(c)	({						\
	bool c_ = (c);							\
	if (c_)								\
		model_fail("%s:%d: WARN_ON_ONCE(%s)", __FILE__, __LINE__, #c); \
	c_; })
#define WARN_ON(c)		WARN_ON_ONCE(c)
#define WARN_ONCE(c, ...)	({					\
	bool c_ = (c);							\
	if (c_)								\
		model_fail(__VA_ARGS__);				\
	c_; })

/*
 * Words of 32 bits are what CPUs tell each other by; entries of page tables
 * have 64, and change by xchg() only.
 */
#define READ_ONCE(x)	({						\
	if (sizeof(x) == 4)						\
		model_point();						\
	*(volatile __typeof__(x) *)&(x); })
#define WRITE_ONCE(x, v) do {						\
	if (__builtin_types_compatible_p(__typeof__(x), int)) {		\
		model_point();						\
		model_store((int *)(void *)&(x), (int)(long)(v));	\
	} else {							\
		(x) = (v);						\
	}								\
} while (0)
#define smp_load_acquire(p)	({					\
	if (sizeof(*(p)) == 4)						\
		model_point();						\
	*(volatile __typeof__(*(p)) *)(p); })
#define smp_store_release(p, v)	do {					\
	if (__builtin_types_compatible_p(__typeof__(*(p)), int)) {	\
		model_point();						\
		model_store((int *)(void *)(p), (int)(long)(v));	\
	} else {							\
		*(p) = (v);						\
	}								\
	model_point();							\
} while (0)
#define smp_mb()		do { model_barrier(); model_point(); } while (0)
#define smp_mb__after_atomic()	smp_mb()
#define barrier()		do { } while (0)
#define xchg(p, v)		({ model_barrier(); model_point();	\
	__typeof__(*(p)) old_ = *(p); *(p) = (v); old_; })
#define cmpxchg(p, o, n)	({ __typeof__(*(p)) old_ = *(p);	\
	if (old_ == (o)) *(p) = (n); old_; })

typedef struct { int counter; } atomic_t;
typedef struct { s64 counter; } atomic64_t;
#define ATOMIC_INIT(n)		{ n }
int atomic_read(const atomic_t *a);
/* Unordered, as the kernel's memory model has it for those without a result. */
void atomic_or(int bits, atomic_t *a);
void atomic_andnot(int bits, atomic_t *a);
int atomic_fetch_andnot(int bits, atomic_t *a);
static inline void atomic_set(atomic_t *a, int v) { a->counter = v; }
static inline s64 atomic64_fetch_andnot(s64 bits, atomic64_t *a)
{
	s64 old;

	model_barrier();
	model_point();
	old = a->counter;
	a->counter &= ~bits;
	return old;
}
static inline s64 atomic64_read(const atomic64_t *a) { return a->counter; }
static inline s64 atomic64_inc_return(atomic64_t *a) { return ++a->counter; }
static inline bool atomic64_try_cmpxchg(atomic64_t *a, s64 *old, s64 v)
{
	bool same = a->counter == *old;

	if (same)
		a->counter = v;
	else
		*old = a->counter;
	return same;
}
static inline void atomic64_set(atomic64_t *a, s64 v) { a->counter = v; }

static inline void set_bit(long n, unsigned long *p) { *p |= BIT(n); }
static inline void __set_bit(long n, unsigned long *p) { p[n / 64] |= BIT(n % 64); }
static inline void __clear_bit(long n, unsigned long *p) { p[n / 64] &= ~BIT(n % 64); }
#define DECLARE_BITMAP(name, n)	unsigned long name[((n) + 63) / 64]
unsigned long find_first_zero_bit(const unsigned long *p, unsigned long n);

/* ---- CPUs, preemption, interrupts ---- */

typedef struct { unsigned long bits; } cpumask_t;
typedef cpumask_t cpumask_var_t[1];
extern cpumask_t model_online;
#define cpu_online_mask		(&model_online)
bool zalloc_cpumask_var(cpumask_var_t *mask, gfp_t flags);
static inline void free_cpumask_var(cpumask_var_t mask) { }
static inline void __cpumask_set_cpu(int cpu, cpumask_t *m) { m->bits |= BIT(cpu); }
#define cpu_online(cpu)		(!!(model_online.bits & BIT(cpu)))
#define for_each_possible_cpu(i) for ((i) = 0; (i) < MODEL_CPUS; (i)++)

#define DECLARE_PER_CPU(type, name)	extern __typeof__(type) name[MODEL_CPUS]
#define DEFINE_PER_CPU(type, name)	__typeof__(type) name[MODEL_CPUS]
#define per_cpu_ptr(p, cpu)		(&(*(p))[cpu])
#define this_cpu_ptr(p)			per_cpu_ptr(p, model_cpu())
#define raw_cpu_ptr(p)			this_cpu_ptr(p)
#define __this_cpu_read(v)		((v)[model_cpu()])
#define __this_cpu_write(v, x)		((v)[model_cpu()] = (x))
#define this_cpu_write(v, x)		((v)[model_cpu()] = (x))
#define smp_processor_id()		model_cpu()
#define raw_smp_processor_id()		model_cpu()

void preempt_disable(void);
void preempt_enable(void);
void local_irq_disable(void);
void local_irq_enable(void);
bool model_irqs_off(void);
#define local_irq_save(flags)	do { (flags) = model_irqs_off(); local_irq_disable(); } while (0)
#define local_irq_restore(flags) do { if (!(flags)) local_irq_enable(); } while (0)
#define get_cpu()		({ preempt_disable(); model_cpu(); })
#define put_cpu()		preempt_enable()
#define in_nmi()		0

void smp_send_reschedule(int cpu);
int smp_call_function_single(int cpu, void (*fn)(void *), void *info, int wait);
void smp_call_function_many(const cpumask_t *mask, void (*fn)(void *), void *info, bool wait);

typedef struct { int owner; } spinlock_t;
typedef spinlock_t raw_spinlock_t;
#define DEFINE_SPINLOCK(name)	spinlock_t name
#define spin_lock_init(l)	((l)->owner = 0)
void spin_lock(spinlock_t *l);
void spin_unlock(spinlock_t *l);
bool spin_needbreak(spinlock_t *l);
#define model_assert(c)							\
	do {								\
		if (!(c))						\
			model_fail("%s() without %s", __func__, #c);	\
	} while (0)
#define lockdep_assert_held(l)	model_assert((l)->owner)
#define lockdep_assert_irqs_disabled()	model_assert(model_irqs_off())
bool need_resched(void);
void cond_resched(void);

/* ---- tasks ---- */

struct mm_struct { int unused; };
struct task { struct mm_struct *mm; sigset_t real_blocked; };
extern struct task model_task;
#define current			(&model_task)
struct pid;
struct rcuwait { int unused; };
struct mutex { int owner; };
struct task_struct;
struct preempt_notifier;
struct preempt_ops {
	void (*sched_in)(struct preempt_notifier *notifier, int cpu);
	void (*sched_out)(struct preempt_notifier *notifier, struct task_struct *next);
};
struct preempt_notifier { const struct preempt_ops *ops; };
#define preempt_notifier_init(n, o)	((n)->ops = (o))
void preempt_notifier_register(struct preempt_notifier *n);
void preempt_notifier_unregister(struct preempt_notifier *n);
struct srcu_struct { int unused; };
typedef struct { int refs; } refcount_t;
struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next; };

#define rcuwait_wake_up(w)		do { } while (0)
#define prepare_to_rcuwait(w)		do { } while (0)
#define finish_rcuwait(w)		do { } while (0)
#define set_current_state(s)		do { } while (0)
#define schedule()			do { } while (0)
#define TASK_INTERRUPTIBLE		1
#define srcu_read_lock(s)		0
#define srcu_read_unlock(s, idx)	((void)(idx))
#define srcu_dereference(p, s)		(p)
bool signal_pending(struct task *t);
#define fatal_signal_pending(t)		false
#define send_sig_mceerr(...)		do { } while (0)
bool model_work_pending(void);
#define __xfer_to_guest_mode_work_pending()	model_work_pending()
#define xfer_to_guest_mode_work_pending()	false
struct kvm_vcpu { struct kvm_run *run; };
#define vtime_account_guest_enter()	do { } while (0)
#define vtime_account_guest_exit()	do { } while (0)

#define LIST_HEAD(name)		struct list_head name = { &(name), &(name) }
#define INIT_LIST_HEAD(l)	do { (l)->next = (l); (l)->prev = (l); } while (0)
#define list_entry(p, t, m)	container_of(p, t, m)
/* As CONFIG_DEBUG_LIST has it. */
static inline void list_check(const struct list_head *n)
{
	if (!n->next || n->next->prev != n || n->prev->next != n)
		model_fail("a list is broken");
}
static inline void list_add(struct list_head *n, struct list_head *h)
{
	list_check(h);
	n->next = h->next;
	n->prev = h;
	h->next->prev = n;
	h->next = n;
}
static inline void list_add_tail(struct list_head *n, struct list_head *h)
{
	list_add(n, h->prev);
}
static inline void list_del(struct list_head *n)
{
	list_check(n);
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = NULL;
}
#define list_for_each_entry(p, h, m)					\
	for (p = list_entry((h)->next, __typeof__(*p), m); &p->m != (h); \
	     p = list_entry(p->m.next, __typeof__(*p), m))
#define list_for_each_entry_safe(p, n, h, m)				\
	for (p = list_entry((h)->next, __typeof__(*p), m),		\
	     n = list_entry(p->m.next, __typeof__(*p), m); &p->m != (h); \
	     p = n, n = list_entry(n->m.next, __typeof__(*p), m))

/* ---- memory ---- */

#define PAGE_SHIFT		12
#define PAGE_SIZE		4096UL
#define PFN_PHYS(n)		((u64)(n) << PAGE_SHIFT)
#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0
#define GFP_ATOMIC		0
#define __GFP_ZERO		0
/* Physical addresses are ours. */
#define __pa(p)			((u64)(uintptr_t)(p))
#define numa_node_id()		0
#define __va(pa)		((void *)(uintptr_t)(pa))
#define __sme_set(pa)		(pa)
#define virt_to_phys(p)		__pa(p)
struct page { struct list_head lru; };
unsigned long get_zeroed_page(gfp_t flags);
void free_page(unsigned long p);
struct page *virt_to_page(void *p);
void *page_address(struct page *page);
#define page_to_phys(page)	__pa(page_address(page))
#define alloc_page(flags)	virt_to_page((void *)get_zeroed_page(flags))
#define __free_page(page)	free_page((unsigned long)page_address(page))
void *kzalloc(size_t size, gfp_t flags);
void kfree(void *p);
#define kvcalloc(n, size, flags)	kzalloc((n) * (size), flags)
#define kvfree(p)		kfree(p)

struct mmu_notifier_ops;
struct mmu_notifier { const struct mmu_notifier_ops *ops; };
struct mmu_notifier_range { unsigned long start, end; };
struct mmu_notifier_ops {
	void (*release)(struct mmu_notifier *mn, struct mm_struct *mm);
	int (*clear_flush_young)(struct mmu_notifier *mn, struct mm_struct *mm,
				 unsigned long start, unsigned long end);
	int (*clear_young)(struct mmu_notifier *mn, struct mm_struct *mm,
			   unsigned long start, unsigned long end);
	int (*test_young)(struct mmu_notifier *mn, struct mm_struct *mm,
			  unsigned long address);
	int (*invalidate_range_start)(struct mmu_notifier *mn,
				      const struct mmu_notifier_range *range);
	void (*invalidate_range_end)(struct mmu_notifier *mn,
				     const struct mmu_notifier_range *range);
};
#define mmu_notifier_range_blockable(r)	true
int mmu_notifier_register(struct mmu_notifier *mn, struct mm_struct *mm);
void mmu_notifier_unregister(struct mmu_notifier *mn, struct mm_struct *mm);

#include "processor.h"

#endif /* DUET_MODEL_KERNEL_H */
