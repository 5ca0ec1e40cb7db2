// SPDX-License-Identifier: GPL-2.0
/*
 * Plants one fault, chosen by the parameter "fault", so that it can be seen
 * that the debug kernel's sanitizers are alive. Loading it does the deed.
 * Loaded by scripts/lib/host-faults.sh in the emulated host; never elsewhere.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <asm/fpu/api.h>

static char *fault = "none";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "the name of the fault to plant");

/* What the compiler must not know, or it would see the fault itself. */
static int unknown;

struct thing {
	struct list_head link;
	struct timer_list timer;
	char bytes[64];
};

static DEFINE_MUTEX(first_lock);
static DEFINE_MUTEX(second_lock);
static DEFINE_SPINLOCK(irq_lock);
static struct thing __rcu *published;

/* KASAN: a read of freed memory */
static void use_after_free(void)
{
	struct thing *thing = kzalloc(sizeof(*thing), GFP_KERNEL);

	if (!thing)
		return;
	kfree(thing);
	WRITE_ONCE(unknown, thing->bytes[8]);
}

/* KASAN: a read behind the end */
static void out_of_bounds(void)
{
	char *bytes = kzalloc(24, GFP_KERNEL);

	if (!bytes)
		return;
	WRITE_ONCE(unknown, bytes[24 + READ_ONCE(unknown)]);
	kfree(bytes);
}

/* PROVE_LOCKING: A then B, B then A */
static void lock_inversion(void)
{
	mutex_lock(&first_lock);
	mutex_lock(&second_lock);
	mutex_unlock(&second_lock);
	mutex_unlock(&first_lock);

	mutex_lock(&second_lock);
	mutex_lock(&first_lock);
	mutex_unlock(&first_lock);
	mutex_unlock(&second_lock);
}

static void take_in_softirq(struct timer_list *unused)
{
	spin_lock(&irq_lock);
	spin_unlock(&irq_lock);
}

static DEFINE_TIMER(soon, take_in_softirq);

/* PROVE_LOCKING: a softirq's lock, taken with softirqs on */
static void irq_unsafe_lock(void)
{
	mod_timer(&soon, jiffies + 1);
	msleep(100);
	del_timer_sync(&soon);
	spin_lock(&irq_lock);
	spin_unlock(&irq_lock);
}

/* DEBUG_ATOMIC_SLEEP */
static void sleep_in_atomic(void)
{
	void *bytes;

	spin_lock_bh(&irq_lock);
	bytes = kmalloc(64, GFP_KERNEL);
	spin_unlock_bh(&irq_lock);
	kfree(bytes);
}

/* DEBUG_PREEMPT: the CPU may change between question and use */
static void preemptible_cpu_id(void)
{
	WRITE_ONCE(unknown, smp_processor_id());
}

/* PROVE_RCU: a dereference outside of a read-side section */
static void rcu_misuse(void)
{
	WRITE_ONCE(unknown, !!rcu_dereference(published));
}

/* UBSAN */
static void shift_out_of_bounds(void)
{
	WRITE_ONCE(unknown, 1 << (READ_ONCE(unknown) + 40));
}

static void index_out_of_bounds(void)
{
	static int table[4];

	WRITE_ONCE(unknown, table[READ_ONCE(unknown) + 4]);
}

/* kmemleak: the only pointer goes */
static void leak(void)
{
	int i;

	for (i = 0; i < 8; i++) {
		char *bytes = kmalloc(1000, GFP_KERNEL);

		if (bytes)
			strscpy(bytes, "leaked on purpose", 1000);
		OPTIMIZER_HIDE_VAR(bytes);
	}
}

static void tick(struct timer_list *timer)
{
}

/* DEBUG_OBJECTS: memory is freed with a timer in it armed */
static void free_armed_timer(void)
{
	struct thing *thing = kzalloc(sizeof(*thing), GFP_KERNEL);

	if (!thing)
		return;
	timer_setup(&thing->timer, tick, 0);
	mod_timer(&thing->timer, jiffies + 3600 * HZ);
	kfree(thing);
}

/* DEBUG_LIST: removed twice */
static void list_corruption(void)
{
	LIST_HEAD(list);
	struct thing thing;

	list_add(&thing.link, &list);
	list_del(&thing.link);
	list_del(&thing.link);
}

/* page_owner: pages that nobody will free, until the module is unloaded */
static struct page *lost_pages;

static void lost_page(void)
{
	lost_pages = alloc_pages(GFP_KERNEL, 2);
}

/* refcount_t: put once too often */
static void refcount_underflow(void)
{
	refcount_t count = REFCOUNT_INIT(1);

	WRITE_ONCE(unknown, refcount_dec_and_test(&count));
	refcount_dec(&count);
}

/* DEBUG_IRQFLAGS: restored, but somebody has switched them on in between */
static void irqs_already_on(void)
{
	unsigned long flags;

	local_irq_save(flags);
	local_irq_enable();
	local_irq_restore(flags);
}

/* X86_DEBUG_FPU: an end without a beginning */
static void fpu_not_begun(void)
{
	preempt_disable();
	kernel_fpu_end();
}

/* Until @end, in two threads of one CPU or of two. */
static void twice(int (*fn)(void *))
{
	unsigned long end = jiffies + HZ;
	struct task_struct *other = kthread_run(fn, &end, "other");

	if (IS_ERR(other))
		return;
	fn(&end);
	kthread_stop(other);
}

static void wait_for_stop(void)
{
	if (current->flags & PF_KTHREAD)
		while (!kthread_should_stop())
			schedule_timeout_interruptible(1);
}

/* KCSAN: two threads count in the same word */
static int counted;

static int count(void *end)
{
	while (time_before(jiffies, *(unsigned long *)end)) {
		counted++;
		barrier();
	}
	wait_for_stop();
	return 0;
}

static void racing_count(void)
{
	twice(count);
}

/* KCSAN's weak memory: what is handed over may come after the word that says so */
static int parcel, turn;

static int hand_over(void *end)
{
	int me = !(current->flags & PF_KTHREAD);

	while (time_before(jiffies, *(unsigned long *)end)) {
		if (smp_load_acquire(&turn) != me)
			continue;
		parcel++;
		WRITE_ONCE(turn, !me);		/* not a release */
	}
	wait_for_stop();
	return 0;
}

static void missing_barrier(void)
{
	twice(hand_over);
}

static const struct {
	const char *name;
	void (*plant)(void);
} faults[] = {
	{ "use_after_free", use_after_free },
	{ "out_of_bounds", out_of_bounds },
	{ "lock_inversion", lock_inversion },
	{ "irq_unsafe_lock", irq_unsafe_lock },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "preemptible_cpu_id", preemptible_cpu_id },
	{ "rcu_misuse", rcu_misuse },
	{ "shift_out_of_bounds", shift_out_of_bounds },
	{ "index_out_of_bounds", index_out_of_bounds },
	{ "leak", leak },
	{ "free_armed_timer", free_armed_timer },
	{ "list_corruption", list_corruption },
	{ "lost_page", lost_page },
	{ "refcount_underflow", refcount_underflow },
	{ "irqs_already_on", irqs_already_on },
	{ "fpu_not_begun", fpu_not_begun },
	{ "racing_count", racing_count },
	{ "missing_barrier", missing_barrier },
	{ "none", NULL },
};

static int __init fault_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(faults[i].name, fault))
			continue;
		if (faults[i].plant)
			faults[i].plant();
		return 0;
	}
	return -EINVAL;
}

static void __exit fault_exit(void)
{
	if (lost_pages)
		__free_pages(lost_pages, 2);
}

module_init(fault_init);
module_exit(fault_exit);
MODULE_DESCRIPTION("Faults for the debug kernel's sanitizers to find");
MODULE_LICENSE("GPL");
