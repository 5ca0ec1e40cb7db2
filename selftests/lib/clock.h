/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clock in the guest's memory (Documentation/virt/kvm/x86/msr.rst), and
 * KVM_GET_CLOCK, which has to agree with it.
 */
#ifndef SELFTESTS_CLOCK_H
#define SELFTESTS_CLOCK_H

#include "guest.h"
#include "tap.h"

#define MSR_WALL_CLOCK	0x4b564d00
#define MSR_SYSTEM_TIME	0x4b564d01

#define TIME_STABLE	1u	/* time_info.flags */
#define TIME_STOPPED	2u

struct time_info {
	volatile uint32_t version;
	uint32_t pad;
	volatile uint64_t tsc, ns;
	volatile uint32_t mul;
	volatile int8_t shift;
	volatile uint8_t flags;
	uint8_t pad2[2];
} __attribute__((packed, aligned(32)));

static inline uint64_t clock_ns(const struct time_info *t)
{
	uint64_t ticks, ns;
	uint32_t version;

	do {
		do {
			version = t->version;
		} while (version & 1);
		asm volatile("lfence" : : : "memory");
		ticks = rdtsc() - t->tsc;
		ticks = t->shift < 0 ? ticks >> -t->shift : ticks << t->shift;
		ns = t->ns + (uint64_t)((unsigned __int128)ticks * t->mul >> 32);
		asm volatile("lfence" : : : "memory");
	} while (version != t->version);
	return ns;
}

/* Runs to a guest_sync(clock_ns()); it lies between two KVM_GET_CLOCKs. */
static inline void expect_clock(struct vcpu *v)
{
	struct kvm_clock_data before, after;
	uint64_t ns;

	must(v->vm->fd, KVM_GET_CLOCK, &before);
	ns = ucall_next(v)->args[0];
	must(v->vm->fd, KVM_GET_CLOCK, &after);
	REQUIRE(ns >= before.clock && ns <= after.clock, "%llu, %llu, %llu",
		before.clock, (unsigned long long)ns, after.clock);
}

#endif
