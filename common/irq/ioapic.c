// SPDX-License-Identifier: GPL-2.0
/*
 * The 82093AA IOAPIC: 24 pins, version 0x11. Called through the MMIO bus, by
 * routing.c and by a local APIC's EOI; sends messages by duet_apic_deliver().
 *
 * Citations are of Intel's 82093AA data sheet (order number 290566-001).
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/string.h>
#include "common/compat.h"
#include "common/irq/irq.h"

/* EOIs that left the line up, after which the guest gets a breath. */
#define STORM_EOIS		10000
#define STORM_PAUSE_NS		(10 * NSEC_PER_MSEC)

/* 3.1: memory-mapped registers; 3.2: those behind IOREGSEL */
#define IOREGSEL		0x00
#define IOWIN			0x10
#define IOAPICID		0x00
#define IOAPICVER		0x01
#define IOAPICARB		0x02
#define IOREDTBL		0x10

#define VERSION			(0x11 | (DUET_IOAPIC_PINS - 1) << 16)

/* 3.2.4: a redirection table entry */
#define RTE_VECTOR		GENMASK_ULL(7, 0)
#define RTE_MODE		GENMASK_ULL(10, 8)
#define RTE_LOGICAL		BIT_ULL(11)
#define RTE_STATUS		BIT_ULL(12)
#define RTE_REMOTE_IRR		BIT_ULL(14)
#define RTE_LEVEL		BIT_ULL(15)
#define RTE_MASKED		BIT_ULL(16)
#define RTE_DEST_SHIFT		56
#define RTE_READ_ONLY		(RTE_STATUS | RTE_REMOTE_IRR)
#define RTE_VALID		(GENMASK_ULL(16, 0) | GENMASK_ULL(63, 56))

/*
 * Vectors whose EOI concerns this chip; all other EOIs need not come here.
 * Level-triggered pins, pins that somebody wants acknowledged, and the RTC.
 */
static void update_eoi_vectors(struct duet_irqchip *chip)
{
	struct duet_ioapic *io = &chip->ioapic;
	struct duet_pit *pit = duet_pit_of(chip);
	DECLARE_BITMAP(vectors, 256) = {};
	u32 pin;
	int gsi;

	lockdep_assert_held(&chip->lock);
	for (pin = 0; pin < DUET_IOAPIC_PINS; pin++) {
		u64 rte = io->table[pin];

		gsi = duet_gsi_of_pin(chip, true, pin);
		if ((rte & RTE_LEVEL) || pin == DUET_RTC_PIN ||
		    (!gsi && pit && duet_pit_wants_ack(pit)) ||
		    (gsi >= 0 && test_bit(gsi, chip->resampled)))
			__set_bit(rte & RTE_VECTOR, vectors);
	}
	if (io->rtc_pending)
		__set_bit(io->rtc_vector, vectors);
	for (pin = 0; pin < ARRAY_SIZE(chip->eoi_vectors); pin++)
		WRITE_ONCE(chip->eoi_vectors[pin], vectors[pin]);
}

/** duet_ioapic_refresh() - who wants acknowledgements changed; takes the lock */
void duet_ioapic_refresh(struct duet_irqchip *chip)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->lock, flags);
	update_eoi_vectors(chip);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

/**
 * duet_ioapic_rerouted() - make @routes the chip's
 *
 * Whoever finds a pin by them waits for the lock before he raises it; by then
 * its EOI is known to matter. Context: vm->lock held.
 */
void duet_ioapic_rerouted(struct duet_irqchip *chip, struct duet_routes *routes)
{
	unsigned long flags;

	lockdep_assert_held(&chip->vm->lock);
	raw_spin_lock_irqsave(&chip->lock, flags);
	rcu_assign_pointer(chip->routes, routes);
	update_eoi_vectors(chip);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

/* Send the interrupt of a pin whose line is up. 1, 0 coalesced, -1 masked. */
static int service(struct duet_irqchip *chip, u32 pin, bool want_status)
{
	struct duet_ioapic *io = &chip->ioapic;
	u64 rte = io->table[pin], accepted = 0;
	struct duet_apic_msg msg = {
		.dest = rte >> RTE_DEST_SHIFT,
		.mode = rte & RTE_MODE,
		.vector = rte & RTE_VECTOR,
		.logical = rte & RTE_LOGICAL,
		.level = rte & RTE_LEVEL,
	};
	int n;

	lockdep_assert_held(&chip->lock);
	if (rte & RTE_MASKED)
		return -1;
	if ((rte & RTE_LEVEL) && (rte & RTE_REMOTE_IRR))
		return 0;
	if (!(rte & RTE_LEVEL))
		io->irr_delivered |= BIT(pin);

	n = duet_apic_deliver(chip->vm, NULL, &msg, &accepted);
	if (n <= 0)
		return n;
	if (rte & RTE_LEVEL)
		io->table[pin] |= RTE_REMOTE_IRR;
	if (pin == DUET_RTC_PIN && want_status) {
		io->rtc_pending = accepted;
		io->rtc_vector = msg.vector;
	}
	return n;
}

static int set_line(struct duet_irqchip *chip, u32 pin, bool level,
		    bool want_status)
{
	struct duet_ioapic *io = &chip->ioapic;
	bool edge = !(io->table[pin] & RTE_LEVEL);
	bool was_up = io->irr & BIT(pin);

	if (!level) {
		io->irr &= ~BIT(pin);
		return 1;
	}
	/*
	 * The RTC's interrupt is edge-triggered, but a caller that asks for
	 * the status wants to make up for ticks that the guest did not take
	 * in time: it is coalesced until each vCPU that got it wrote EOI.
	 */
	if (pin == DUET_RTC_PIN && want_status && io->rtc_pending)
		return 0;
	io->irr |= BIT(pin);
	if (edge) {
		io->irr_delivered &= ~BIT(pin);
		if (was_up)
			return 0;
	}
	return service(chip, pin, want_status);
}

/** duet_ioapic_set_irq() - as duet_pic_set_irq() */
int duet_ioapic_set_irq(struct duet_irqchip *chip, u32 pin, u32 source,
			bool level, bool want_status)
{
	struct duet_ioapic *io = &chip->ioapic;

	lockdep_assert_held(&chip->lock);
	if (level)
		io->sources[pin] |= BIT(source);
	else
		io->sources[pin] &= ~BIT(source);
	return set_line(chip, pin, io->sources[pin], want_status);
}

/* No EOI of the RTC's interrupt is missing from this vCPU any more. */
static void rtc_done(struct duet_vcpu *vcpu)
{
	struct duet_irqchip *chip = vcpu->vm->irqchip;

	lockdep_assert_held(&chip->lock);
	chip->ioapic.rtc_pending &= ~BIT_ULL(vcpu->index);
}

/** duet_ioapic_forget() - a local APIC lost its state: no EOI will come */
void duet_ioapic_forget(struct duet_vcpu *vcpu)
{
	struct duet_irqchip *chip = vcpu->vm->irqchip;
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->lock, flags);
	rtc_done(vcpu);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

/*
 * A level-triggered line is still up after the EOI. On the bus the next message
 * takes its time, so that even a guest whose handler does nothing about the
 * line gets on a little. Here it would be back in the handler before its next
 * instruction, for ever.
 */
static void again(struct duet_irqchip *chip, u32 pin)
{
	struct duet_ioapic *io = &chip->ioapic;

	if (++io->eois[pin] < STORM_EOIS) {
		service(chip, pin, false);
		return;
	}
	io->eois[pin] = 0;
	hrtimer_start(&io->storm, ns_to_ktime(STORM_PAUSE_NS),
		      HRTIMER_MODE_REL_HARD);
}

static enum hrtimer_restart after_storm(struct hrtimer *timer)
{
	struct duet_irqchip *chip = container_of(timer, struct duet_irqchip,
						 ioapic.storm);
	struct duet_ioapic *io = &chip->ioapic;
	unsigned long flags;
	u32 pin;

	raw_spin_lock_irqsave(&chip->lock, flags);
	for (pin = 0; pin < DUET_IOAPIC_PINS; pin++)
		if ((io->table[pin] & RTE_LEVEL) && (io->irr & BIT(pin)))
			service(chip, pin, false);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return HRTIMER_NORESTART;
}

/**
 * duet_ioapic_eoi() - EOI broadcast of a local APIC
 *
 * Pins that want the acknowledgement are told before Remote IRR is cleared:
 * a line that is lowered by that is not delivered once more.
 * Context: any; interrupts may be off.
 */
void duet_ioapic_eoi(struct duet_vcpu *vcpu, u8 vector, bool level)
{
	struct duet_irqchip *chip = vcpu->vm->irqchip;
	struct duet_ioapic *io = &chip->ioapic;
	unsigned long flags;
	u32 pin, pins = 0;

	raw_spin_lock_irqsave(&chip->lock, flags);
	if (vector == io->rtc_vector)
		rtc_done(vcpu);
	for (pin = 0; pin < DUET_IOAPIC_PINS; pin++)
		if ((io->table[pin] & RTE_VECTOR) == vector)
			pins |= BIT(pin);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	duet_irq_acked(chip, true, pins);
	if (!level || !pins)
		return;

	raw_spin_lock_irqsave(&chip->lock, flags);
	for (pin = 0; pin < DUET_IOAPIC_PINS; pin++) {
		u64 rte = io->table[pin];

		if ((rte & RTE_VECTOR) != vector || !(rte & RTE_LEVEL))
			continue;
		io->table[pin] &= ~RTE_REMOTE_IRR;
		if (io->irr & BIT(pin))
			again(chip, pin);
		else
			io->eois[pin] = 0;
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
}

static u32 read_window(struct duet_irqchip *chip)
{
	const struct duet_ioapic *io = &chip->ioapic;
	u32 index;
	u64 rte;

	lockdep_assert_held(&chip->lock);
	switch (io->select) {
	case IOAPICID:
	case IOAPICARB:
		return io->id << 24;
	case IOAPICVER:
		return VERSION;
	}
	index = (io->select - IOREDTBL) >> 1;
	if (index >= DUET_IOAPIC_PINS)
		return ~0U;
	rte = io->table[array_index_nospec(index, DUET_IOAPIC_PINS)];
	return io->select & 1 ? rte >> 32 : rte;
}

static void write_rte(struct duet_irqchip *chip, u32 pin, bool high, u32 val)
{
	struct duet_pit *pit = duet_pit_of(chip);
	struct duet_ioapic *io = &chip->ioapic;
	u64 old = io->table[pin], rte;

	if (high)
		rte = (old & GENMASK_ULL(31, 0)) | (u64)val << 32;
	else
		rte = (old & GENMASK_ULL(63, 32)) | val;
	rte = (rte & RTE_VALID & ~RTE_READ_ONLY) | (old & RTE_READ_ONLY);
	/*
	 * Guests write an entry as edge-triggered and back in place of an EOI
	 * to a chip that has no EOI register.
	 */
	if (!(rte & RTE_LEVEL))
		rte &= ~RTE_REMOTE_IRR;
	io->table[pin] = rte;
	update_eoi_vectors(chip);

	/* What is in service by another vector is nobody's when it ends. */
	if (pit && !(rte & RTE_MASKED) &&
	    ((old & RTE_MASKED) || ((old ^ rte) & RTE_VECTOR)) &&
	    !duet_gsi_of_pin(chip, true, pin))
		duet_pit_unmasked(pit);
	/* edges that came while it was masked are lost: 3.2.4, bit 16 */
	if ((rte & RTE_LEVEL) && (io->irr & BIT(pin)))
		service(chip, pin, false);
}

static void write_window(struct duet_irqchip *chip, u32 val)
{
	struct duet_ioapic *io = &chip->ioapic;
	u32 index;

	lockdep_assert_held(&chip->lock);
	switch (io->select) {
	case IOAPICID:
		io->id = (val >> 24) & 0xf;
		return;
	case IOAPICVER:
	case IOAPICARB:
		return;
	}
	index = (io->select - IOREDTBL) >> 1;
	if (index >= DUET_IOAPIC_PINS)
		return;
	index = array_index_nospec(index, DUET_IOAPIC_PINS);
	write_rte(chip, index, io->select & 1, val);
}

static int ioapic_read(struct duet_vcpu *vcpu, struct duet_io_device *dev,
		       gpa_t addr, int len, void *data)
{
	struct duet_irqchip *chip = vcpu->vm->irqchip;
	unsigned long flags;
	u32 val = 0;

	raw_spin_lock_irqsave(&chip->lock, flags);
	switch (addr - dev->addr) {
	case IOREGSEL:
		val = chip->ioapic.select;
		break;
	case IOWIN:
		val = read_window(chip);
		break;
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	memset(data, 0, len);
	memcpy(data, &val, min_t(int, len, sizeof(val)));
	return 0;
}

static int ioapic_write(struct duet_vcpu *vcpu, struct duet_io_device *dev,
			gpa_t addr, int len, const void *data)
{
	struct duet_irqchip *chip = vcpu->vm->irqchip;
	unsigned long flags;
	u32 val = 0;

	memcpy(&val, data, min_t(int, len, sizeof(val)));
	raw_spin_lock_irqsave(&chip->lock, flags);
	switch (addr - dev->addr) {
	case IOREGSEL:
		chip->ioapic.select = val & 0xff;
		break;
	case IOWIN:
		write_window(chip, val);
		break;
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return 0;
}

static const struct duet_io_ops ioapic_ops = {
	.read = ioapic_read,
	.write = ioapic_write,
};

/** duet_ioapic_get() - KVM_GET_IRQCHIP */
void duet_ioapic_get(struct duet_irqchip *chip, struct kvm_ioapic_state *s)
{
	struct duet_ioapic *io = &chip->ioapic;
	u32 pin;

	lockdep_assert_held(&chip->lock);
	memset(s, 0, sizeof(*s));
	s->base_address = DUET_IOAPIC_BASE;
	s->ioregsel = io->select;
	s->id = io->id;
	s->irr = io->irr & ~io->irr_delivered;
	for (pin = 0; pin < DUET_IOAPIC_PINS; pin++)
		s->redirtbl[pin].bits = io->table[pin];
}

/** duet_ioapic_set() - KVM_SET_IRQCHIP: any content, made sane */
void duet_ioapic_set(struct duet_irqchip *chip,
		     const struct kvm_ioapic_state *s)
{
	struct duet_ioapic *io = &chip->ioapic;
	u32 pin;

	io->select = s->ioregsel & 0xff;
	io->id = s->id & 0xf;
	io->irr = 0;
	io->irr_delivered = 0;
	io->rtc_pending = 0;
	for (pin = 0; pin < DUET_IOAPIC_PINS; pin++) {
		io->table[pin] = s->redirtbl[pin].bits & RTE_VALID;
		if (!(io->table[pin] & RTE_LEVEL))
			io->table[pin] &= ~RTE_REMOTE_IRR;
	}
	update_eoi_vectors(chip);
	for (pin = 0; pin < DUET_IOAPIC_PINS; pin++)
		if (s->irr & BIT(pin))
			set_line(chip, pin, true, false);
}

/** duet_ioapic_create() - Context: vm->slots_lock held */
int duet_ioapic_create(struct duet_irqchip *chip)
{
	struct duet_ioapic *io = &chip->ioapic;
	u32 pin;

	for (pin = 0; pin < DUET_IOAPIC_PINS; pin++)
		io->table[pin] = RTE_MASKED;
	duet_hrtimer_setup(&io->storm, after_storm, HRTIMER_MODE_REL_HARD);
	io->dev.ops = &ioapic_ops;
	io->dev.addr = DUET_IOAPIC_BASE;
	io->dev.len = 0x100;
	return duet_bus_register(chip->vm, DUET_BUS_MMIO, &io->dev);
}

/** duet_ioapic_remove() - undo duet_ioapic_create(); vm->slots_lock held */
void duet_ioapic_remove(struct duet_irqchip *chip)
{
	duet_bus_unregister(chip->vm, DUET_BUS_MMIO, &chip->ioapic.dev);
	hrtimer_cancel(&chip->ioapic.storm);
}
