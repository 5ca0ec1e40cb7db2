// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's timer: one-shot, periodic and TSC-deadline, on an hrtimer
 * (SDM vol. 3, 11.5.4). Its input clock is 1 GHz before the divider. The
 * callback puts the vector into the IRR itself, from hard interrupt context;
 * the rest runs in the vCPU's thread, interrupts may be off. Who changes what
 * the callback reads cancels the timer first.
 */
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <asm/tsc.h>
#include "common/compat.h"
#include "common/irq/irq.h"

/* An early expiry is tried again after a while that doubles from 1 us. */
#define RETRY_NS		1000
#define RETRY_SHIFT_MAX		10

static u32 timer_mode(const struct duet_lapic *l)
{
	return duet_lapic_reg(l, APIC_LVTT) & (3 << 17);
}

/*
 * Nanoseconds until the guest's TSC reaches the deadline, 0 if it has. At
 * most 2^32 ms: beyond that the callback finds itself early and goes on.
 */
static u64 ns_to_deadline(struct duet_lapic *l, u64 deadline)
{
	u32 khz = max_t(u32, tsc_khz, 1);
	u64 now = duet_guest_tsc(l->vcpu);
	u64 cycles;

	if (now >= deadline)
		return 0;
	cycles = min(deadline - now, (u64)khz << 32);
	return mul_u64_u32_div(cycles, NSEC_PER_MSEC, khz) + 1;
}

/* Whether the TSC is not there yet; then the timer is set again. */
static bool too_early(struct duet_lapic *l)
{
	u64 ns = ns_to_deadline(l, l->deadline);

	if (!ns) {
		l->retries = 0;
		return false;
	}
	ns = max_t(u64, ns, RETRY_NS << min_t(u8, l->retries, RETRY_SHIFT_MAX));
	if (l->retries < RETRY_SHIFT_MAX)
		l->retries++;
	hrtimer_set_expires(&l->timer, ktime_add_ns(ktime_get(), ns));
	return true;
}

static enum hrtimer_restart expired(struct hrtimer *timer)
{
	struct duet_lapic *l = container_of(timer, struct duet_lapic, timer);

	if (l->deadline) {
		if (too_early(l))
			return HRTIMER_RESTART;
		WRITE_ONCE(l->deadline, 0);
	}
	duet_lapic_local(l, APIC_LVTT);
	if (!l->period)
		return HRTIMER_NORESTART;
	/* from the last expiry on: a late callback makes no drift */
	hrtimer_forward_now(timer, ns_to_ktime(l->period));
	return HRTIMER_RESTART;
}

void duet_lapic_timer_init(struct duet_lapic *l)
{
	duet_hrtimer_setup(&l->timer, expired, HRTIMER_MODE_ABS_PINNED_HARD);
	l->divide = 2;
}

/** duet_lapic_timer_cancel() - disarm; the callback does not run after this */
void duet_lapic_timer_cancel(struct duet_lapic *l)
{
	hrtimer_cancel(&l->timer);
	l->period = 0;
	l->retries = 0;
	WRITE_ONCE(l->deadline, 0);
}

/** duet_lapic_timer_lvt() - the guest writes the LVT's timer register */
void duet_lapic_timer_lvt(struct duet_lapic *l, u32 lvt)
{
	u32 old = timer_mode(l), mode = lvt & (3 << 17), count;

	if (mode == old) {
		duet_lapic_put(l, APIC_LVTT, lvt);
		return;
	}
	count = duet_lapic_timer_count(l);
	duet_lapic_timer_cancel(l);
	duet_lapic_put(l, APIC_LVTT, lvt);
	/* to or from TSC-deadline mode disarms (SDM vol. 3, 11.5.4.1) */
	if ((mode | old) & APIC_LVT_TIMER_TSCDEADLINE)
		duet_lapic_put(l, APIC_TMICT, 0);
	else
		duet_lapic_timer_start(l, count);
}

/** duet_lapic_timer_divide() - the divide configuration register changed */
void duet_lapic_timer_divide(struct duet_lapic *l)
{
	u32 tdcr = duet_lapic_reg(l, APIC_TDCR);
	u32 code = (tdcr & 3) | (tdcr >> 1 & 4);

	l->divide = 1 << ((code + 1) & 7);	/* SDM vol. 3, figure 11-10 */
}

/**
 * duet_lapic_timer_start() - count down, one-shot or periodic
 * @remaining: of the current period; 0 leaves the timer stopped
 */
void duet_lapic_timer_start(struct duet_lapic *l, u32 remaining)
{
	u32 initial = duet_lapic_reg(l, APIC_TMICT);
	u64 ns = (u64)remaining * l->divide;

	if (timer_mode(l) & APIC_LVT_TIMER_TSCDEADLINE)
		return;
	hrtimer_cancel(&l->timer);
	l->period = 0;
	if (!initial || !remaining)
		return;
	if (timer_mode(l) == APIC_LVT_TIMER_PERIODIC)
		l->period = max_t(u64, (u64)initial * l->divide,
				  DUET_MIN_PERIOD_NS);
	hrtimer_start(&l->timer, ktime_add_ns(ktime_get(), ns),
		      HRTIMER_MODE_ABS_PINNED_HARD);
}

/** duet_lapic_timer_count() - the current count register */
u32 duet_lapic_timer_count(struct duet_lapic *l)
{
	u32 initial = duet_lapic_reg(l, APIC_TMICT);
	s64 left;

	if (!initial || (timer_mode(l) & APIC_LVT_TIMER_TSCDEADLINE) ||
	    !hrtimer_active(&l->timer))
		return 0;
	left = ktime_to_ns(hrtimer_get_remaining(&l->timer));
	if (left <= 0) {
		/* due, but the callback has not come yet */
		if (!l->period)
			return 0;
		left = (s64)l->period - (s64)((u64)-left % l->period);
	}
	return min_t(u64, div_u64(left, l->divide), initial);
}

/** duet_lapic_timer_deadline() - IA32_TSC_DEADLINE was written */
void duet_lapic_timer_deadline(struct duet_lapic *l, u64 deadline)
{
	u64 ns;

	/* SDM vol. 3, 11.5.4.1: ignored in the other modes; 0 disarms */
	if (timer_mode(l) != APIC_LVT_TIMER_TSCDEADLINE)
		return;
	duet_lapic_timer_cancel(l);
	if (!deadline)
		return;
	ns = ns_to_deadline(l, deadline);
	if (!ns) {
		duet_lapic_local(l, APIC_LVTT);
		return;
	}
	WRITE_ONCE(l->deadline, deadline);
	hrtimer_start(&l->timer, ktime_add_ns(ktime_get(), ns),
		      HRTIMER_MODE_ABS_PINNED_HARD);
}

/**
 * duet_lapic_timer_sync() - the guest's TSC was changed: aim at the deadline
 * again
 */
void duet_lapic_timer_sync(struct duet_vcpu *vcpu)
{
	struct duet_lapic *l = vcpu->lapic;

	if (l && READ_ONCE(l->deadline))
		duet_lapic_timer_deadline(l, READ_ONCE(l->deadline));
}
