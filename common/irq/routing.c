// SPDX-License-Identifier: GPL-2.0
/*
 * GSI routing: which pins of which chips, or which MSI, a GSI stands for.
 * Readers use an SRCU snapshot from any context; KVM_SET_GSI_ROUTING replaces
 * the whole table under vm->lock.
 */
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include "common/irq/irq.h"

static int set_route(struct duet_irqchip *chip, const struct duet_route *r,
		     u32 source, bool level, bool want_status)
{
	unsigned long flags;
	int ret;

	if (r->type == KVM_IRQ_ROUTING_MSI)
		return level ? duet_msi_deliver(chip->vm, r) : -1;

	raw_spin_lock_irqsave(&chip->lock, flags);
	if (r->chip == KVM_IRQCHIP_IOAPIC)
		ret = duet_ioapic_set_irq(chip, r->pin, source, level,
					  want_status);
	else
		ret = duet_pic_set_irq(chip, r->pin, source, level);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return ret;
}

/**
 * duet_gsi_set() - a line changed: tell all pins it is wired to
 *
 * Context: any, hard interrupts included.
 * Return: how many took it, 0 if coalesced, -1 if masked or unconnected.
 */
int duet_gsi_set(struct duet_irqchip *chip, u32 source, u32 gsi, bool level,
		 bool want_status)
{
	const struct duet_routes *routes;
	int idx, ret = -1;
	u32 i;

	idx = srcu_read_lock(&chip->srcu);
	routes = srcu_dereference(chip->routes, &chip->srcu);
	if (gsi < routes->nr_gsis) {
		gsi = array_index_nospec(gsi, routes->nr_gsis);
		for (i = routes->first[gsi]; i < routes->first[gsi + 1]; i++) {
			int r = set_route(chip, &routes->entry[i], source,
					  level, want_status);

			if (r >= 0)
				ret = r + max(ret, 0);
		}
	}
	srcu_read_unlock(&chip->srcu, idx);
	return ret;
}

/** duet_gsi_of_pin() - the GSI wired to a pin, or -1; any context */
int duet_gsi_of_pin(struct duet_irqchip *chip, bool ioapic, u32 pin)
{
	const struct duet_routes *routes;
	int idx, gsi = -1;

	idx = srcu_read_lock(&chip->srcu);
	routes = srcu_dereference(chip->routes, &chip->srcu);
	if (routes)
		gsi = routes->gsi_of[ioapic][pin];
	srcu_read_unlock(&chip->srcu, idx);
	return gsi;
}

static int compare(const void *a, const void *b)
{
	const struct duet_route *x = a, *y = b;

	return x->gsi < y->gsi ? -1 : x->gsi > y->gsi;
}

static int translate(struct duet_irqchip *chip, struct duet_route *r,
		     const struct kvm_irq_routing_entry *e)
{
	if (e->gsi >= DUET_MAX_ROUTES)
		return -EINVAL;
	r->gsi = e->gsi;
	r->type = e->type;
	switch (e->type) {
	case KVM_IRQ_ROUTING_MSI:
		/* KVM_MSI_VALID_DEVID carries nothing that we would look at */
		if (e->flags & ~KVM_MSI_VALID_DEVID)
			return -EINVAL;
		r->address = e->u.msi.address_lo;
		r->address_hi = e->u.msi.address_hi;
		r->data = e->u.msi.data;
		return duet_msi_valid(chip->vm, r) ? 0 : -EINVAL;
	case KVM_IRQ_ROUTING_IRQCHIP:
		/* there are no pins in the kernel with a split irqchip */
		if (e->flags || chip->split)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (e->u.irqchip.irqchip > KVM_IRQCHIP_IOAPIC ||
	    e->u.irqchip.pin >= (e->u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC ?
				 DUET_IOAPIC_PINS : 8))
		return -EINVAL;
	r->chip = e->u.irqchip.irqchip;
	r->pin = e->u.irqchip.pin;
	if (r->chip == KVM_IRQCHIP_PIC_SLAVE)
		r->pin += 8;
	return 0;
}

/* A GSI leads to one MSI, or to at most one pin of each chip. */
static int check(const struct duet_routes *routes)
{
	u32 i, j;

	for (i = 0; i < routes->nr; i++) {
		const struct duet_route *a = &routes->entry[i];

		for (j = i + 1; j < routes->nr &&
		     routes->entry[j].gsi == a->gsi; j++) {
			const struct duet_route *b = &routes->entry[j];

			if (a->type != KVM_IRQ_ROUTING_IRQCHIP ||
			    b->type != KVM_IRQ_ROUTING_IRQCHIP ||
			    a->chip == b->chip)
				return -EINVAL;
		}
	}
	return 0;
}

static void index_routes(struct duet_routes *routes)
{
	u32 i, gsi = 0;

	memset(routes->gsi_of, 0xff, sizeof(routes->gsi_of));
	for (i = 0; i < routes->nr; i++) {
		const struct duet_route *r = &routes->entry[i];

		while (gsi <= r->gsi)
			routes->first[gsi++] = i;
		if (r->type == KVM_IRQ_ROUTING_IRQCHIP)
			routes->gsi_of[r->chip == KVM_IRQCHIP_IOAPIC][r->pin] =
				r->gsi;
	}
	while (gsi <= routes->nr_gsis)
		routes->first[gsi++] = routes->nr;
}

static struct duet_routes *build(struct duet_irqchip *chip,
				 const struct kvm_irq_routing_entry *e, u32 nr)
{
	struct duet_routes *routes;
	u32 i;
	int err;

	routes = kvzalloc(struct_size(routes, entry, nr), GFP_KERNEL_ACCOUNT);
	if (!routes)
		return ERR_PTR(-ENOMEM);
	routes->nr = nr;
	for (i = 0; i < nr; i++) {
		err = translate(chip, &routes->entry[i], &e[i]);
		if (err)
			goto free;
		routes->nr_gsis = max(routes->nr_gsis,
				      routes->entry[i].gsi + 1);
	}
	sort(routes->entry, nr, sizeof(routes->entry[0]), compare, NULL);
	err = check(routes);
	if (err)
		goto free;
	err = -ENOMEM;
	routes->first = kvcalloc(routes->nr_gsis + 1, sizeof(*routes->first),
				 GFP_KERNEL_ACCOUNT);
	if (!routes->first)
		goto free;
	index_routes(routes);
	return routes;

free:
	kvfree(routes);
	return ERR_PTR(err);
}

static void free_routes(struct duet_routes *routes)
{
	if (routes)
		kvfree(routes->first);
	kvfree(routes);
}

static void replace(struct duet_irqchip *chip, struct duet_routes *routes)
{
	struct duet_routes *old;

	old = rcu_dereference_protected(chip->routes,
					lockdep_is_held(&chip->vm->lock));
	/* Who waits for an EOI is known before an interrupt comes by them. */
	if (chip->split) {
		duet_split_expect(chip, routes);
		rcu_assign_pointer(chip->routes, routes);
	} else {
		duet_ioapic_rerouted(chip, routes);
	}
	synchronize_srcu_expedited(&chip->srcu);
	free_routes(old);
}

int duet_set_gsi_routing(struct duet_vm *vm,
			 struct kvm_irq_routing __user *routing)
{
	struct kvm_irq_routing_entry *entries = NULL;
	struct kvm_irq_routing header;
	struct duet_routes *routes;

	if (copy_from_user(&header, routing, sizeof(header)))
		return -EFAULT;
	if (!vm->irqchip || header.nr > DUET_MAX_ROUTES || header.flags)
		return -EINVAL;
	if (header.nr) {
		entries = vmemdup_user(routing->entries,
				       array_size(header.nr, sizeof(*entries)));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	routes = build(vm->irqchip, entries, header.nr);
	kvfree(entries);
	if (IS_ERR(routes))
		return PTR_ERR(routes);
	replace(vm->irqchip, routes);
	return 0;
}

/** duet_routes_default() - GSI n: IOAPIC pin n and, below 16, PIC pin n */
int duet_routes_default(struct duet_irqchip *chip)
{
	struct kvm_irq_routing_entry *e;
	struct duet_routes *routes;
	u32 i, nr = 0;

	e = kcalloc(DUET_IOAPIC_PINS + DUET_PIC_PINS, sizeof(*e), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	for (i = 0; i < DUET_IOAPIC_PINS; i++) {
		e[nr].gsi = i;
		e[nr].type = KVM_IRQ_ROUTING_IRQCHIP;
		e[nr].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e[nr++].u.irqchip.pin = i;
		if (i >= DUET_PIC_PINS)
			continue;
		e[nr].gsi = i;
		e[nr].type = KVM_IRQ_ROUTING_IRQCHIP;
		e[nr].u.irqchip.irqchip = i < 8 ? KVM_IRQCHIP_PIC_MASTER
			: KVM_IRQCHIP_PIC_SLAVE;
		e[nr++].u.irqchip.pin = i & 7;
	}
	routes = build(chip, e, nr);
	kfree(e);
	if (IS_ERR(routes))
		return PTR_ERR(routes);
	rcu_assign_pointer(chip->routes, routes);
	return 0;
}

/** duet_routes_empty() - no GSI leads anywhere */
int duet_routes_empty(struct duet_irqchip *chip)
{
	struct duet_routes *routes = build(chip, NULL, 0);

	if (IS_ERR(routes))
		return PTR_ERR(routes);
	rcu_assign_pointer(chip->routes, routes);
	return 0;
}

/** duet_routes_destroy() - no reader is left */
void duet_routes_destroy(struct duet_irqchip *chip)
{
	free_routes(rcu_dereference_protected(chip->routes, true));
	RCU_INIT_POINTER(chip->routes, NULL);
}
