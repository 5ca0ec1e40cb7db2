// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_SPLIT_IRQCHIP: local APICs here, PIC pair and IOAPIC in user space.
 * Its IOAPIC sends by GSI routes (MSIs) and hears of EOIs by an exit; its PIC
 * has KVM_INTERRUPT for a wire. Called by routing.c, lapic.c, the ioctls and
 * the run loop. All but the refresh runs in the vCPU's thread, or under its
 * mutex.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/kvm.h>
#include "common/irq/irq.h"

/* A pin of user space's IOAPIC that is level-triggered: EOIs matter to it. */
static bool is_level(const struct duet_route *r)
{
	return r->type == KVM_IRQ_ROUTING_MSI && (r->data & BIT(15));
}

/**
 * duet_split_expect() - vectors whose EOI may be user space's to know
 * @routes: not in use yet: the first of their interrupts comes after this
 *
 * A vector stays one: an interrupt may be in service when its route goes.
 * Context: vm->lock held.
 */
void duet_split_expect(struct duet_irqchip *chip,
		       const struct duet_routes *routes)
{
	DECLARE_BITMAP(vectors, 256) = {};
	u32 i;

	lockdep_assert_held(&chip->vm->lock);
	for (i = 0; i < routes->nr; i++)
		if (routes->entry[i].gsi < chip->nr_reserved &&
		    is_level(&routes->entry[i]))
			__set_bit(routes->entry[i].data & 0xff, vectors);
	for (i = 0; i < ARRAY_SIZE(chip->eoi_vectors); i++)
		WRITE_ONCE(chip->eoi_vectors[i],
			   chip->eoi_vectors[i] | vectors[i]);
}

/* Does a level-triggered pin send this vector to this local APIC? */
static bool is_routed(struct duet_lapic *l, u8 vector)
{
	struct duet_irqchip *chip = l->vcpu->vm->irqchip;
	const struct duet_routes *routes;
	bool found = false;
	int idx;
	u32 i;

	idx = srcu_read_lock(&chip->srcu);
	routes = srcu_dereference(chip->routes, &chip->srcu);
	for (i = 0; i < routes->nr && !found; i++) {
		const struct duet_route *r = &routes->entry[i];

		/* they are sorted */
		if (r->gsi >= chip->nr_reserved)
			break;
		found = is_level(r) && (r->data & 0xff) == vector &&
			duet_msi_is_for(l, r);
	}
	srcu_read_unlock(&chip->srcu, idx);
	return found;
}

/**
 * duet_split_eoi() - EOI of a vector that user space's IOAPIC may have sent
 * @level: it came level-triggered
 *
 * One that did is told even if its route has changed since. A vector that is
 * shared with an edge-triggered source is told by the routes, as KVM does.
 * Context: the vCPU's thread; interrupts may be off.
 */
void duet_split_eoi(struct duet_lapic *l, u8 vector, bool level)
{
	if (!(level || is_routed(l, vector)))
		return;
	l->eoi_vector = vector;
	duet_request_self(l->vcpu, DUET_REQ_EOI);
}

void duet_split_eoi_exit(struct duet_vcpu *vcpu)
{
	atomic_andnot(DUET_REQ_EOI, &vcpu->requests);
	vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
	vcpu->run->eoi.vector = vcpu->lapic->eoi_vector;
}

int duet_extint_post(struct duet_vcpu *vcpu, u8 vector)
{
	struct duet_lapic *l = vcpu->lapic;

	if (vcpu->vm->has_pic)
		return -ENXIO;
	/* one place for both in KVM_GET_VCPU_EVENTS */
	if (l->extint >= 0 || vcpu->events.interrupt.injected)
		return -EEXIST;
	WRITE_ONCE(l->extint, vector);
	duet_request_self(vcpu, DUET_REQ_EVENT);
	return 0;
}

bool duet_extint_room(struct duet_vcpu *vcpu)
{
	const struct duet_lapic *l = vcpu->lapic;

	return !l || (l->accepts_pic && l->extint < 0);
}

int duet_extint_waits(struct duet_vcpu *vcpu)
{
	return vcpu->lapic ? vcpu->lapic->extint : -1;
}

void duet_extint_drop(struct duet_vcpu *vcpu)
{
	if (vcpu->lapic)
		WRITE_ONCE(vcpu->lapic->extint, -1);
}
