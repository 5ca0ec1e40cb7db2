/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ghost state: what debug builds (DUET_DEBUG) remember besides, to hold the
 * flush protocol of docs/locking.md against. No code depends on it; other builds
 * have none of it. Written by request.c and the backends.
 */
#ifndef DUET_COMMON_GHOST_H
#define DUET_COMMON_GHOST_H

#include "common/types.h"

#ifdef CONFIG_DUET_DEBUG

#include <linux/atomic.h>
#include <linux/bug.h>

/**
 * struct duet_ghost_vm - flushes that a VM's pager waits for
 * @asked: how many were begun
 * @done: the last one that ended: since then no vCPU may enter without it
 */
struct duet_ghost_vm {
	atomic64_t asked, done;
};

/**
 * struct duet_ghost_vcpu - the vCPU's thread; what its CPU may still have
 * @flushed: what was asked when its translations were last dropped
 * @cpu: where that was, and @epoch: since then the CPU was not switched off
 * @guest: guest-linear ones are to be dropped before the next entry
 */
struct duet_ghost_vcpu {
	s64 flushed;
	u64 epoch;
	int cpu;
	bool guest;
};

/** duet_ghost_ask() - tables were changed, every vCPU is about to be asked */
static inline s64 duet_ghost_ask(struct duet_ghost_vm *g)
{
	return atomic64_inc_return(&g->asked);
}

/** duet_ghost_done() - the one who asked relies on it from here on */
static inline void duet_ghost_done(struct duet_ghost_vm *g, s64 ticket)
{
	s64 old = atomic64_read(&g->done);

	while (old < ticket && !atomic64_try_cmpxchg(&g->done, &old, ticket))
		;
}

/** duet_ghost_want() - the guest's own change: CR3, INVLPG */
static inline void duet_ghost_want(struct duet_ghost_vcpu *v)
{
	v->guest = true;
}

/** duet_ghost_flush() - this CPU drops all of the vCPU's; interrupts off */
static inline void duet_ghost_flush(struct duet_ghost_vcpu *v,
				    struct duet_ghost_vm *g, int cpu, u64 epoch)
{
	v->flushed = atomic64_read(&g->asked);
	v->epoch = epoch;
	v->cpu = cpu;
	v->guest = false;
}

/** duet_ghost_flush_guest() - this CPU drops the guest-linear ones */
static inline void duet_ghost_flush_guest(struct duet_ghost_vcpu *v)
{
	v->guest = false;
}

/** duet_ghost_enter() - the guest is about to run; interrupts off */
static inline void duet_ghost_enter(const struct duet_ghost_vcpu *v,
				    struct duet_ghost_vm *g, int cpu, u64 epoch)
{
	WARN_ONCE(v->cpu != cpu || v->epoch != epoch,
		  "duet: CPU %d still has what the vCPU left there\n", cpu);
	WARN_ONCE(v->flushed < atomic64_read(&g->done),
		  "duet: an entry on CPU %d without the pager's flush\n", cpu);
	WARN_ONCE(v->guest,
		  "duet: an entry on CPU %d without the guest's flush\n", cpu);
}

#else

struct duet_ghost_vm { };
struct duet_ghost_vcpu { };

#define duet_ghost_ask(g)			0
#define duet_ghost_done(g, ticket)		((void)(ticket))
#define duet_ghost_want(v)			do { } while (0)

#endif

#endif /* DUET_COMMON_GHOST_H */
