// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254 interval timer and the speaker port. Called through the port bus
 * and by the ioctls; its hrtimer drives GSI 0 by routing.c from hard
 * interrupt context. The timer's callback never takes pit->lock, so that the
 * timer can be cancelled under it.
 *
 * Citations are of Intel's 8254 data sheet (order number 231164-005).
 */
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "common/compat.h"
#include "common/irq/irq.h"

#define PIT_HZ		1193182
#define PORT_PIT	0x40
#define PORT_CONTROL	3	/* of the four */
#define PORT_SPEAKER	0x61

#define MODE_NONE	0xff	/* no control word was written yet */

/* read_state and write_state; the first three are the control word's RW */
enum { RW_LSB = 1, RW_MSB, RW_WORD0, RW_WORD1 };

/* Ticks below which a periodic channel 0 would storm the host. */
#define MIN_TICKS	(DUET_MIN_PERIOD_NS / (NSEC_PER_SEC / PIT_HZ))

/**
 * struct pit_channel - a counter
 * @s: in the ioctl's form; @s.count is binary and 1 to 0x10000,
 *	@s.count_load_time in ns of CLOCK_MONOTONIC
 * @held: ns counted so far while a low GATE stops the counter, -1: counting
 * @loaded: a count was written since the control word
 * @triggered: modes 1 and 5: GATE rose since then
 */
struct pit_channel {
	struct kvm_pit_channel_state s;
	s64 held;
	bool loaded, triggered;
};

struct duet_pit {
	struct duet_irqchip *irqchip;		/* c */
	raw_spinlock_t lock;
	struct pit_channel channel[3];		/* P */
	u32 flags;				/* P: KVM_PIT_FLAGS_* */

	struct hrtimer timer;			/* channel 0 */
	/* set while the timer is stopped, then the callback's */
	s64 start;				/* ns */
	u64 nr;					/* the tick to come, from 1 */
	u32 ticks;				/* per period */
	bool periodic;

	atomic_t reinject;			/* a: make up for missed ticks */
	atomic_t pending;			/* a: ticks not acknowledged */
	atomic_t acked;				/* a: may inject the next one */

	struct duet_io_device dev, speaker;	/* c */
	bool has_speaker;			/* c */
};

static struct pit_channel *channel_of(struct duet_pit *pit, u32 n)
{
	lockdep_assert_held(&pit->lock);
	return &pit->channel[array_index_nospec(n, 3)];
}

static u64 ticks_to_ns(u64 ticks)
{
	return mul_u64_u32_div(ticks, NSEC_PER_SEC, PIT_HZ);
}

static u32 from_bcd(u32 v)
{
	return (v & 0xf) + (v >> 4 & 0xf) * 10 + (v >> 8 & 0xf) * 100 +
		(v >> 12 & 0xf) * 1000;
}

static u32 to_bcd(u32 v)
{
	return v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 |
		v / 1000 % 10 << 12;
}

/* --- counting --- */

/* Clock pulses since the count was loaded or triggered. */
static u64 elapsed(const struct pit_channel *c)
{
	s64 ns = c->held;

	if (ns < 0)
		ns = ktime_get_ns() - c->s.count_load_time;
	return mul_u64_u32_div(max_t(s64, ns, 0), PIT_HZ, NSEC_PER_SEC);
}

static bool counting(const struct pit_channel *c)
{
	if (!c->loaded)
		return false;
	return (c->s.mode != 1 && c->s.mode != 5) || c->triggered;
}

/* The counting element ("Mode Definitions"). */
static u16 get_count(const struct pit_channel *c)
{
	u32 n = c->s.count, modulus = c->s.bcd ? 10000 : 0x10000;
	u64 d = counting(c) ? elapsed(c) : 0;
	u32 count, phase;

	switch (c->s.mode) {
	case 2:
		count = n - (u32)(d % n);
		break;
	case 3:
		/* twice in a period, down by two */
		phase = 2 * (u32)(d % n);
		count = (n - (phase >= n ? phase - n : phase)) & ~1;
		break;
	default:
		/* wraps around and goes on */
		count = (n + modulus - (u32)(d % modulus)) % modulus;
		break;
	}
	return c->s.bcd ? to_bcd(count) : count;
}

static bool get_out(const struct pit_channel *c)
{
	u64 d, n = c->s.count;

	if (!counting(c))
		return c->s.mode != 0;
	d = elapsed(c);
	switch (c->s.mode) {
	case 0:
	case 1:
		return d >= n;
	case 2:
		return !c->s.gate || d % n != n - 1;
	case 3:
		return !c->s.gate || d % n < (n + 1) / 2;
	case 4:
	case 5:
		return d != n;
	}
	return true;
}

/* "Gate" has a level but in modes 1 and 5, where its edge starts the counter. */
static bool is_stopped(const struct pit_channel *c)
{
	return !c->s.gate && c->s.mode != 1 && c->s.mode != 5;
}

static void set_gate(struct pit_channel *c, bool gate)
{
	s64 now = ktime_get_ns();

	if (gate == c->s.gate)
		return;
	c->s.gate = gate;
	if (is_stopped(c)) {
		c->held = max_t(s64, now - c->s.count_load_time, 0);
	} else if (gate) {
		/* modes 0 and 4 go on, the others begin anew */
		if (c->s.mode == 0 || c->s.mode == 4)
			now -= max_t(s64, c->held, 0);
		c->s.count_load_time = now;
		c->triggered = true;
		c->held = -1;
	}
}

/* --- channel 0 and its timer --- */

static void inject(struct duet_pit *pit)
{
	struct duet_irqchip *chip = pit->irqchip;
	struct duet_vcpu *vcpu;
	u32 i;

	lockdep_assert_not_held(&pit->lock);
	if (atomic_read(&pit->reinject) && !atomic_xchg(&pit->acked, 0))
		return;
	duet_gsi_set(chip, DUET_SRC_PIT, 0, true, false);
	duet_gsi_set(chip, DUET_SRC_PIT, 0, false, false);

	/* LINT0 is wired to it too: the NMI watchdog of old kernels */
	duet_for_each_vcpu(i, vcpu, chip->vm) {
		u32 lvt0 = vcpu->lapic ? duet_lapic_reg(vcpu->lapic, APIC_LVT0)
			: APIC_LVT_MASKED;

		if (!(lvt0 & APIC_LVT_MASKED) &&
		    (lvt0 & APIC_DM_FIXED_MASK) == APIC_DM_NMI)
			duet_lapic_local(vcpu->lapic, APIC_LVT0);
	}
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct duet_pit *pit = container_of(timer, struct duet_pit, timer);
	u64 due = 1, late;
	s64 now;

	if (pit->periodic) {
		/* Each tick's time from the start: no error adds up. */
		now = ktime_get_ns() - pit->start;
		late = mul_u64_u32_div(now > 0 ? now : 0, PIT_HZ, NSEC_PER_SEC);
		late = div_u64(late, pit->ticks);
		if (late > pit->nr)
			due += late - pit->nr;
		pit->nr += due;
		hrtimer_set_expires(timer, ns_to_ktime(pit->start +
				    ticks_to_ns(pit->nr * pit->ticks)));
	}
	if (atomic_read(&pit->reinject)) {
		int pending = atomic_read(&pit->pending);

		due = min_t(u64, due, INT_MAX / 2 - min(pending, INT_MAX / 2));
		atomic_add(due, &pit->pending);
	}
	inject(pit);
	return pit->periodic ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

/** duet_pit_acked() - the guest took a tick: inject the next missed one
 * Context: any; irqchip->lock is not held.
 */
void duet_pit_acked(struct duet_pit *pit)
{
	if (!atomic_read(&pit->reinject))
		return;
	/* orders against tick(): it adds to pending, then looks at acked */
	atomic_set(&pit->acked, 1);
	smp_mb();	/* pairs with atomic_xchg() in inject() */
	if (atomic_dec_if_positive(&pit->pending) > 0)
		inject(pit);
}

static void reset_reinject(struct duet_pit *pit)
{
	atomic_set(&pit->pending, 0);
	atomic_set(&pit->acked, 1);
}

/** duet_pit_unmasked() - ticks lost while masked are not made up for */
void duet_pit_unmasked(struct duet_pit *pit)
{
	reset_reinject(pit);
}

bool duet_pit_wants_ack(struct duet_pit *pit)
{
	return atomic_read(&pit->reinject);
}

static void stop_timer(struct duet_pit *pit)
{
	hrtimer_cancel(&pit->timer);
}

static void start_timer(struct duet_pit *pit)
{
	struct pit_channel *c = channel_of(pit, 0);

	stop_timer(pit);
	if (pit->flags & KVM_PIT_FLAGS_HPET_LEGACY)
		return;
	switch (c->s.mode) {
	case 0:
	case 4:
		pit->periodic = false;
		break;
	case 2:
	case 3:
		pit->periodic = true;
		break;
	default:	/* GATE 0 is wired high and never rises */
		return;
	}
	reset_reinject(pit);
	pit->start = c->s.count_load_time;
	pit->nr = 1;
	pit->ticks = pit->periodic ? max_t(u32, c->s.count, MIN_TICKS)
		: c->s.count;
	hrtimer_start(&pit->timer, ns_to_ktime(pit->start +
					       ticks_to_ns(pit->ticks)),
		      HRTIMER_MODE_ABS_HARD);
}

static void load_count(struct duet_pit *pit, u32 n, u32 val)
{
	struct pit_channel *c = channel_of(pit, n);

	if (c->s.bcd)
		val = from_bcd(val);
	c->s.count = val ? val : c->s.bcd ? 10000 : 0x10000;
	c->s.count_load_time = ktime_get_ns();
	c->loaded = true;
	c->held = is_stopped(c) ? 0 : -1;
	if (n == 0)
		start_timer(pit);
}

/* --- ports --- */

static void latch_count(struct pit_channel *c)
{
	if (c->s.count_latched)
		return;
	c->s.latched_count = get_count(c);
	c->s.count_latched = c->s.rw_mode;
}

static void latch_status(struct pit_channel *c)
{
	if (c->s.status_latched)
		return;
	/* "Read-Back Command": OUT, NULL COUNT, RW, M, BCD */
	c->s.status = get_out(c) << 7 | !counting(c) << 6 |
		c->s.rw_mode << 4 | (c->s.mode & 7) << 1 | c->s.bcd;
	c->s.status_latched = 1;
}

static void write_control(struct duet_pit *pit, u8 val)
{
	u32 n = val >> 6;
	struct pit_channel *c;

	if (n == 3) {
		for (n = 0; n < 3; n++) {
			if (!(val & (2 << n)))
				continue;
			if (!(val & 0x20))
				latch_count(channel_of(pit, n));
			if (!(val & 0x10))
				latch_status(channel_of(pit, n));
		}
		return;
	}
	c = channel_of(pit, n);
	if (!(val & 0x30)) {
		latch_count(c);
		return;
	}
	c->s.rw_mode = c->s.read_state = c->s.write_state = val >> 4 & 3;
	c->s.mode = val >> 1 & 7;
	if (c->s.mode > 5)
		c->s.mode -= 4;		/* X10 and X11: bit 2 is ignored */
	c->s.bcd = val & 1;
	c->s.count_latched = 0;
	c->s.status_latched = 0;
	c->loaded = false;
	c->triggered = false;
	c->held = -1;
	if (n == 0)
		stop_timer(pit);
}

static void write_count(struct duet_pit *pit, u32 n, u8 val)
{
	struct kvm_pit_channel_state *s = &channel_of(pit, n)->s;

	switch (s->write_state) {
	case RW_MSB:
		load_count(pit, n, val << 8);
		break;
	case RW_WORD0:
		s->write_latch = val;
		s->write_state = RW_WORD1;
		break;
	case RW_WORD1:
		s->write_state = RW_WORD0;
		load_count(pit, n, s->write_latch | val << 8);
		break;
	default:
		load_count(pit, n, val);
		break;
	}
}

static u8 read_count(struct pit_channel *c)
{
	struct kvm_pit_channel_state *s = &c->s;
	u8 val;

	if (s->status_latched) {
		s->status_latched = 0;
		return s->status;
	}
	switch (s->count_latched) {
	case 0:
		break;
	case RW_MSB:
		s->count_latched = 0;
		return s->latched_count >> 8;
	case RW_WORD0:
		s->count_latched = RW_MSB;
		return s->latched_count;
	default:
		s->count_latched = 0;
		return s->latched_count;
	}
	switch (s->read_state) {
	case RW_MSB:
		return get_count(c) >> 8;
	case RW_WORD0:
		val = get_count(c);
		s->read_state = RW_WORD1;
		return val;
	case RW_WORD1:
		s->read_state = RW_WORD0;
		return get_count(c) >> 8;
	default:
		return get_count(c);
	}
}

static int pit_read(struct duet_vcpu *vcpu, struct duet_io_device *dev,
		    gpa_t addr, int len, void *data)
{
	struct duet_pit *pit = container_of(dev, struct duet_pit, dev);
	u32 n = addr & 3;
	unsigned long flags;

	memset(data, 0, len);
	if (n == PORT_CONTROL)
		return 0;
	raw_spin_lock_irqsave(&pit->lock, flags);
	*(u8 *)data = read_count(channel_of(pit, n));
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

static int pit_write(struct duet_vcpu *vcpu, struct duet_io_device *dev,
		     gpa_t addr, int len, const void *data)
{
	struct duet_pit *pit = container_of(dev, struct duet_pit, dev);
	u8 val = *(const u8 *)data;
	u32 n = addr & 3;
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	if (n == PORT_CONTROL)
		write_control(pit, val);
	else
		write_count(pit, n, val);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

static int speaker_read(struct duet_vcpu *vcpu, struct duet_io_device *dev,
			gpa_t addr, int len, void *data)
{
	struct duet_pit *pit = container_of(dev, struct duet_pit, speaker);
	struct pit_channel *c;
	unsigned long flags;
	u8 val;

	memset(data, 0, len);
	raw_spin_lock_irqsave(&pit->lock, flags);
	c = channel_of(pit, 2);
	val = c->s.gate | get_out(c) << 5;
	if (pit->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON)
		val |= 2;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	/* the refresh clock toggles every 15 us or so */
	val |= (ktime_get_ns() >> 14 & 1) << 4;
	*(u8 *)data = val;
	return 0;
}

static int speaker_write(struct duet_vcpu *vcpu, struct duet_io_device *dev,
			 gpa_t addr, int len, const void *data)
{
	struct duet_pit *pit = container_of(dev, struct duet_pit, speaker);
	u8 val = *(const u8 *)data;
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	if (val & 2)
		pit->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	else
		pit->flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	set_gate(channel_of(pit, 2), val & 1);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

static const struct duet_io_ops pit_ops = {
	.read = pit_read,
	.write = pit_write,
};

static const struct duet_io_ops speaker_ops = {
	.read = speaker_read,
	.write = speaker_write,
};

/* --- ioctls --- */

static struct duet_pit *pit_of(struct duet_vm *vm)
{
	return vm->irqchip ? vm->irqchip->pit : NULL;
}

int duet_pit_get(struct duet_vm *vm, struct kvm_pit_state2 *ps)
{
	struct duet_pit *pit = pit_of(vm);
	unsigned long flags;
	int i;

	if (!pit)
		return -ENXIO;
	memset(ps, 0, sizeof(*ps));
	raw_spin_lock_irqsave(&pit->lock, flags);
	for (i = 0; i < 3; i++)
		ps->channels[i] = channel_of(pit, i)->s;
	ps->flags = pit->flags;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

static void set_channel(struct pit_channel *c,
			const struct kvm_pit_channel_state *s)
{
	c->s = *s;
	if (c->s.count == 0 || c->s.count > 0x10000)
		c->s.count = 0x10000;
	c->s.bcd &= 1;
	if (c->s.bcd && c->s.count > 10000)
		c->s.count = 10000;
	c->s.gate = !!c->s.gate;
	if (c->s.mode > 5)
		c->s.mode = MODE_NONE;
	c->s.rw_mode &= 3;
	c->s.count_latched &= 3;
	c->s.status_latched = !!c->s.status_latched;
	if (c->s.read_state > RW_WORD1)
		c->s.read_state = RW_LSB;
	if (c->s.write_state > RW_WORD1)
		c->s.write_state = RW_LSB;
	/* counting starts again */
	c->s.count_load_time = ktime_get_ns();
	c->loaded = c->s.mode != MODE_NONE;
	c->triggered = c->s.gate;
	c->held = is_stopped(c) ? 0 : -1;
}

int duet_pit_set(struct duet_vm *vm, const struct kvm_pit_state2 *ps)
{
	struct duet_pit *pit = pit_of(vm);
	unsigned long flags;
	int i;

	if (!pit)
		return -ENXIO;
	if (ps->flags & ~(KVM_PIT_FLAGS_HPET_LEGACY |
			  KVM_PIT_FLAGS_SPEAKER_DATA_ON))
		return -EINVAL;
	raw_spin_lock_irqsave(&pit->lock, flags);
	for (i = 0; i < 3; i++)
		set_channel(channel_of(pit, i), &ps->channels[i]);
	pit->flags = ps->flags;
	start_timer(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

int duet_reinject_control(struct duet_vm *vm,
			  const struct kvm_reinject_control *rc)
{
	struct duet_pit *pit = pit_of(vm);

	if (!pit)
		return -ENXIO;
	if (atomic_read(&pit->reinject) == !!rc->pit_reinject)
		return 0;
	atomic_set(&pit->reinject, !!rc->pit_reinject);
	duet_ioapic_refresh(vm->irqchip);
	/* A tick in between may have had an EOI that nobody waited for. */
	reset_reinject(pit);
	return 0;
}

int duet_pit_create(struct duet_vm *vm, const struct kvm_pit_config *config)
{
	struct duet_irqchip *chip = vm->irqchip;
	struct duet_pit *pit;
	int i, err;

	lockdep_assert_held(&vm->lock);
	if (!chip || chip->split)
		return -ENOENT;
	if (chip->pit)
		return -EEXIST;
	if (config->flags & ~KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	if (!pit)
		return -ENOMEM;
	pit->irqchip = chip;
	raw_spin_lock_init(&pit->lock);
	duet_hrtimer_setup(&pit->timer, tick, HRTIMER_MODE_ABS_HARD);
	for (i = 0; i < 3; i++) {
		pit->channel[i].s.mode = MODE_NONE;
		pit->channel[i].s.gate = i != 2;
		pit->channel[i].s.count = 0x10000;
		pit->channel[i].held = -1;
	}
	reset_reinject(pit);
	atomic_set(&pit->reinject, 1);

	pit->dev.ops = &pit_ops;
	pit->dev.addr = PORT_PIT;
	pit->dev.len = 4;
	err = duet_bus_register(vm, DUET_BUS_PIO, &pit->dev);
	if (err)
		goto free;
	if (config->flags & KVM_PIT_SPEAKER_DUMMY) {
		pit->speaker.ops = &speaker_ops;
		pit->speaker.addr = PORT_SPEAKER;
		pit->speaker.len = 1;
		err = duet_bus_register(vm, DUET_BUS_PIO, &pit->speaker);
		if (err)
			goto unregister;
		pit->has_speaker = true;
	}
	smp_store_release(&chip->pit, pit);	/* duet_pit_of() */
	duet_ioapic_refresh(chip);
	return 0;

unregister:
	duet_bus_unregister(vm, DUET_BUS_PIO, &pit->dev);
free:
	/* a vCPU may have started the timer in between */
	hrtimer_cancel(&pit->timer);
	kfree(pit);
	return err;
}

/** duet_pit_destroy() - nothing fires after this; vm->slots_lock held */
void duet_pit_destroy(struct duet_irqchip *chip)
{
	struct duet_pit *pit = chip->pit;

	if (!pit)
		return;
	if (pit->has_speaker)
		duet_bus_unregister(chip->vm, DUET_BUS_PIO, &pit->speaker);
	duet_bus_unregister(chip->vm, DUET_BUS_PIO, &pit->dev);
	hrtimer_cancel(&pit->timer);
	kfree(pit);
	chip->pit = NULL;
}
