// SPDX-License-Identifier: GPL-2.0
/*
 * The 8259A pair and its edge/level registers (ELCR) as in the PIIX. Called
 * through the port bus, by routing.c and irqchip.c. Calls duet_request() to
 * wake the vCPU that takes its output, nothing else of Duet.
 *
 * Citations are of Intel's 8259A data sheet (order number 231468-003).
 */
#include <linux/errno.h>
#include <linux/string.h>
#include "common/irq/irq.h"

#define MASTER		0
#define SLAVE		1
#define CASCADE		2	/* the master's pin of the slave */

/* OCW2: R, SL, EOI ("Operation Control Words") */
enum {
	OCW2_ROTATE_AEOI_CLEAR, OCW2_EOI, OCW2_NOP, OCW2_SPECIFIC_EOI,
	OCW2_ROTATE_AEOI_SET, OCW2_ROTATE_EOI, OCW2_SET_PRIORITY,
	OCW2_ROTATE_SPECIFIC_EOI,
};

/* Highest priority (0 to 7, lower is better) of the bits in @mask, 8: none. */
static u32 priority_of(const struct kvm_pic_state *s, u8 mask)
{
	u32 rotated;

	if (!mask)
		return 8;
	rotated = (mask | mask << 8) >> s->priority_add;
	return __ffs(rotated);
}

/* The pin that the chip would ask the CPU (or the master) to serve, or -1. */
static int wanted(const struct kvm_pic_state *s, bool master)
{
	u32 request = priority_of(s, s->irr & ~s->imr);
	u8 in_service = s->isr;

	if (request == 8)
		return -1;
	/* special mask mode: masked levels block nothing */
	if (s->special_mask)
		in_service &= ~s->imr;
	/* special fully nested mode: the slave may interrupt itself */
	if (master && s->special_fully_nested_mode)
		in_service &= ~BIT(CASCADE);
	if (request >= priority_of(s, in_service))
		return -1;
	return (request + s->priority_add) & 7;
}

static void update(struct duet_irqchip *chip)
{
	struct duet_pic *pic = &chip->pic;
	struct duet_vcpu *vcpu;
	bool output;
	u32 i;

	lockdep_assert_held(&chip->lock);
	/* the slave's INT is a level at the master's pin */
	if (wanted(&pic->chip[SLAVE], false) >= 0)
		pic->chip[MASTER].irr |= BIT(CASCADE);
	else
		pic->chip[MASTER].irr &= ~BIT(CASCADE);

	output = wanted(&pic->chip[MASTER], true) >= 0;
	if (output == pic->output)
		return;
	WRITE_ONCE(pic->output, output);
	if (!output)
		return;
	/*
	 * Pairs with the request in duet_lapic_refresh(): a vCPU that opens
	 * LVT0 now sees the output, or is seen here.
	 */
	smp_mb();
	duet_for_each_vcpu(i, vcpu, chip->vm)
		if (vcpu->lapic && READ_ONCE(vcpu->lapic->accepts_pic))
			duet_request(vcpu, DUET_REQ_EVENT);
}

/**
 * duet_pic_set_irq() - a line changed
 * Return: 1 delivered, 0 coalesced, -1 masked.
 */
int duet_pic_set_irq(struct duet_irqchip *chip, u32 pin, u32 source, bool level)
{
	struct kvm_pic_state *s = &chip->pic.chip[pin >> 3];
	u8 mask = BIT(pin & 7);
	int ret = 1;

	if (level)
		chip->pic.sources[pin] |= BIT(source);
	else
		chip->pic.sources[pin] &= ~BIT(source);
	level = chip->pic.sources[pin];

	if (level) {
		if ((s->elcr & mask) || !(s->last_irr & mask)) {
			ret = !(s->irr & mask);
			s->irr |= mask;
		}
		s->last_irr |= mask;
	} else {
		if (s->elcr & mask)
			s->irr &= ~mask;
		s->last_irr &= ~mask;
	}
	update(chip);
	return s->imr & mask ? -1 : ret;
}

/* End of interrupt for one pin; the caller tells who waits for it. */
static void end(struct duet_irqchip *chip, u32 n, u32 pin, u32 *acked)
{
	chip->pic.chip[n].isr &= ~BIT(pin);
	*acked |= BIT(pin + n * 8);
}

static void intack(struct duet_irqchip *chip, u32 n, u32 pin, u32 *acked)
{
	struct kvm_pic_state *s = &chip->pic.chip[n];

	s->isr |= BIT(pin);
	if (!(s->elcr & BIT(pin)))
		s->irr &= ~BIT(pin);
	if (s->auto_eoi) {
		if (s->rotate_on_auto_eoi)
			s->priority_add = (pin + 1) & 7;
		end(chip, n, pin, acked);
	}
}

/**
 * duet_pic_ack() - the INTA cycle
 * Return: the vector; a spurious one (IR7) if the request is gone.
 */
int duet_pic_ack(struct duet_irqchip *chip, u32 *acked)
{
	struct duet_pic *pic = &chip->pic;
	u32 n = MASTER;
	int pin;

	pin = wanted(&pic->chip[MASTER], true);
	if (pin >= 0)
		intack(chip, MASTER, pin, acked);
	if (pin == CASCADE) {
		n = SLAVE;
		pin = wanted(&pic->chip[SLAVE], false);
		if (pin >= 0)
			intack(chip, SLAVE, pin, acked);
	}
	if (pin < 0)
		pin = 7;
	update(chip);
	return pic->chip[n].irq_base + pin;
}

static void write_ocw2(struct duet_irqchip *chip, u32 n, u8 val, u32 *acked)
{
	struct kvm_pic_state *s = &chip->pic.chip[n];
	u32 priority, pin = val & 7;

	switch (val >> 5) {
	case OCW2_ROTATE_AEOI_CLEAR:
		s->rotate_on_auto_eoi = 0;
		break;
	case OCW2_ROTATE_AEOI_SET:
		s->rotate_on_auto_eoi = 1;
		break;
	case OCW2_EOI:
	case OCW2_ROTATE_EOI:
		/* a non-specific EOI leaves IS bits masked by SMM alone */
		priority = priority_of(s, s->special_mask ?
				       s->isr & ~s->imr : s->isr);
		if (priority == 8)
			break;
		pin = (priority + s->priority_add) & 7;
		if (val >> 5 == OCW2_ROTATE_EOI)
			s->priority_add = (pin + 1) & 7;
		end(chip, n, pin, acked);
		break;
	case OCW2_SPECIFIC_EOI:
		end(chip, n, pin, acked);
		break;
	case OCW2_SET_PRIORITY:
		s->priority_add = (pin + 1) & 7;
		break;
	case OCW2_ROTATE_SPECIFIC_EOI:
		s->priority_add = (pin + 1) & 7;
		end(chip, n, pin, acked);
		break;
	case OCW2_NOP:
		break;
	}
}

static void write_ocw3(struct kvm_pic_state *s, u8 val)
{
	if (val & 0x04)
		s->poll = 1;
	if (val & 0x02)
		s->read_reg_select = val & 1;
	if (val & 0x40)
		s->special_mask = (val >> 5) & 1;
}

/* ICW1 clears everything but requests of level-triggered lines. */
static void write_icw1(struct duet_irqchip *chip, u32 n, u8 val, u32 *acked)
{
	struct kvm_pic_state *s = &chip->pic.chip[n];

	/* who waits for an acknowledgement of a lost edge must not wait on */
	*acked |= (u32)((s->irr & ~s->elcr) | s->isr) << (n * 8);
	s->last_irr = 0;
	s->irr &= s->elcr;
	s->imr = 0;
	s->isr = 0;
	s->priority_add = 0;
	s->special_mask = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	s->init4 = val & 1;
	if (!s->init4) {
		s->special_fully_nested_mode = 0;
		s->auto_eoi = 0;
		s->rotate_on_auto_eoi = 0;
	}
	chip->pic.single[n] = val & 2;
	s->init_state = 1;
}

static void write_mask(struct duet_irqchip *chip, u32 n, u8 val)
{
	struct kvm_pic_state *s = &chip->pic.chip[n];
	struct duet_pit *pit = duet_pit_of(chip);
	u8 opened = s->imr & ~val;

	s->imr = val;
	for (; pit && opened; opened &= opened - 1)
		if (!duet_gsi_of_pin(chip, false, __ffs(opened) + n * 8))
			duet_pit_unmasked(pit);
}

/* The data port (A0 = 1): ICW2 to ICW4 in turn after ICW1, else OCW1. */
static void write_data(struct duet_irqchip *chip, u32 n, u8 val)
{
	struct kvm_pic_state *s = &chip->pic.chip[n];

	switch (s->init_state) {
	case 0:
		write_mask(chip, n, val);
		break;
	case 1:
		s->irq_base = val & 0xf8;
		s->init_state = !chip->pic.single[n] ? 2 : s->init4 ? 3 : 0;
		break;
	case 2:	/* ICW3: the cascade is wired */
		s->init_state = s->init4 ? 3 : 0;
		break;
	case 3:
		s->special_fully_nested_mode = (val >> 4) & 1;
		s->auto_eoi = (val >> 1) & 1;
		s->init_state = 0;
		break;
	}
}

static void write_byte(struct duet_irqchip *chip, u16 port, u8 val, u32 *acked)
{
	u32 n = port >> 7 & 1;

	if (port == 0x4d0 || port == 0x4d1) {
		struct kvm_pic_state *s = &chip->pic.chip[port & 1];

		s->elcr = val & s->elcr_mask;
	} else if (port & 1) {
		write_data(chip, n, val);
	} else if (val & 0x10) {
		write_icw1(chip, n, val, acked);
	} else if (val & 0x08) {
		write_ocw3(&chip->pic.chip[n], val);
	} else {
		write_ocw2(chip, n, val, acked);
	}
	update(chip);
}

/* "Poll command": the next read is an INTA cycle that says which level. */
static u8 poll(struct duet_irqchip *chip, u32 n, u32 *acked)
{
	struct kvm_pic_state *s = &chip->pic.chip[n];
	int pin = wanted(s, n == MASTER);

	s->poll = 0;
	if (pin < 0)
		return 0;
	intack(chip, n, pin, acked);
	update(chip);
	return 0x80 | pin;
}

static u8 read_byte(struct duet_irqchip *chip, u16 port, u32 *acked)
{
	u32 n = port >> 7 & 1;
	struct kvm_pic_state *s = &chip->pic.chip[n];

	lockdep_assert_held(&chip->lock);
	if (port == 0x4d0 || port == 0x4d1)
		return chip->pic.chip[port & 1].elcr;
	if (s->poll)
		return poll(chip, n, acked);
	if (port & 1)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

static int pic_read(struct duet_vcpu *vcpu, struct duet_io_device *dev,
		    gpa_t addr, int len, void *data)
{
	struct duet_irqchip *chip = vcpu->vm->irqchip;
	unsigned long flags;
	u32 acked = 0;
	u8 *byte = data;
	int i;

	memset(data, 0xff, len);
	raw_spin_lock_irqsave(&chip->lock, flags);
	for (i = 0; i < len && addr + i < dev->addr + dev->len; i++)
		byte[i] = read_byte(chip, addr + i, &acked);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	duet_irq_acked(chip, false, acked);
	return 0;
}

static int pic_write(struct duet_vcpu *vcpu, struct duet_io_device *dev,
		     gpa_t addr, int len, const void *data)
{
	struct duet_irqchip *chip = vcpu->vm->irqchip;
	const u8 *byte = data;
	unsigned long flags;
	u32 acked = 0;
	int i;

	raw_spin_lock_irqsave(&chip->lock, flags);
	for (i = 0; i < len && addr + i < dev->addr + dev->len; i++)
		write_byte(chip, addr + i, byte[i], &acked);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	duet_irq_acked(chip, false, acked);
	return 0;
}

static const struct duet_io_ops pic_ops = {
	.read = pic_read,
	.write = pic_write,
};

/** duet_pic_set() - KVM_SET_IRQCHIP: any content, made sane */
void duet_pic_set(struct duet_irqchip *chip, u32 n,
		  const struct kvm_pic_state *from)
{
	struct kvm_pic_state *s = &chip->pic.chip[n];
	u8 elcr_mask = s->elcr_mask;

	*s = *from;
	s->elcr_mask = elcr_mask;
	s->elcr &= elcr_mask;
	s->priority_add &= 7;
	s->irq_base &= 0xf8;
	s->init_state &= 3;
	s->read_reg_select = !!s->read_reg_select;
	s->poll = !!s->poll;
	s->special_mask = !!s->special_mask;
	s->auto_eoi = !!s->auto_eoi;
	s->rotate_on_auto_eoi = !!s->rotate_on_auto_eoi;
	s->special_fully_nested_mode = !!s->special_fully_nested_mode;
	s->init4 = !!s->init4;
	/* an output that stays up is looked at again */
	WRITE_ONCE(chip->pic.output, false);
	update(chip);
}

static const u16 pic_ports[] = { 0x20, 0xa0, 0x4d0 };

/** duet_pic_create() - Context: vm->slots_lock held */
int duet_pic_create(struct duet_irqchip *chip)
{
	struct duet_pic *pic = &chip->pic;
	int i, err;

	pic->chip[MASTER].elcr_mask = 0xf8;	/* not 0, 1, 2 */
	pic->chip[SLAVE].elcr_mask = 0xde;	/* not 8, 13 */

	for (i = 0; i < ARRAY_SIZE(pic_ports); i++) {
		pic->dev[i].ops = &pic_ops;
		pic->dev[i].addr = pic_ports[i];
		pic->dev[i].len = 2;
		err = duet_bus_register(chip->vm, DUET_BUS_PIO, &pic->dev[i]);
		if (err)
			goto unregister;
	}
	return 0;

unregister:
	while (i--)
		duet_bus_unregister(chip->vm, DUET_BUS_PIO, &pic->dev[i]);
	return err;
}

/** duet_pic_remove() - undo duet_pic_create(); vm->slots_lock held */
void duet_pic_remove(struct duet_irqchip *chip)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(pic_ports); i++)
		duet_bus_unregister(chip->vm, DUET_BUS_PIO, &chip->pic.dev[i]);
}
