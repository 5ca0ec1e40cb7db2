// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupt hardware as a whole: its creation, its state for the ioctls,
 * lines driven by user space, and who hears of an acknowledgement. Called by
 * the VM's ioctls; calls the other files here.
 */
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/slab.h>
#include "common/irq/irq.h"

/* What every form of it has: routes, none yet, and irqfds. */
static struct duet_irqchip *new_chip(struct duet_vm *vm)
{
	struct duet_irqchip *chip;
	int err;

	chip = kzalloc(sizeof(*chip), GFP_KERNEL_ACCOUNT);
	if (!chip)
		return ERR_PTR(-ENOMEM);
	chip->vm = vm;
	raw_spin_lock_init(&chip->lock);
	err = init_srcu_struct(&chip->srcu);
	if (err)
		goto free;
	err = duet_irqfd_init(chip);
	if (err)
		goto srcu;
	return chip;

srcu:
	cleanup_srcu_struct(&chip->srcu);
free:
	kfree(chip);
	return ERR_PTR(err);
}

static void free_chip(struct duet_irqchip *chip)
{
	destroy_workqueue(chip->irqfd_wq);
	duet_routes_destroy(chip);
	cleanup_srcu_struct(&chip->srcu);
	kfree(chip);
}

static void publish(struct duet_vm *vm, struct duet_irqchip *chip)
{
	lockdep_assert_held(&vm->lock);
	vm->has_pic = !chip->split;
	/* complete before KVM_IRQ_LINE, SIGNAL_MSI, IRQFD see it: no lock */
	smp_store_release(&vm->irqchip, chip);
	/* has_irqchip promises irqchip */
	smp_store_release(&vm->has_irqchip, true);
}

int duet_irqchip_create(struct duet_vm *vm)
{
	struct duet_irqchip *chip;
	int err;

	if (vm->irqchip)
		return -EEXIST;
	if (vm->created_vcpus)
		return -EINVAL;
	chip = new_chip(vm);
	if (IS_ERR(chip))
		return PTR_ERR(chip);
	err = duet_routes_default(chip);
	if (err)
		goto free;
	err = duet_pic_create(chip);
	if (err)
		goto free;
	err = duet_ioapic_create(chip);
	if (err)
		goto pic;
	publish(vm, chip);
	return 0;

pic:
	duet_pic_remove(chip);
free:
	free_chip(chip);
	return err;
}

int duet_irqchip_create_split(struct duet_vm *vm, u64 reserved)
{
	struct duet_irqchip *chip;
	int err;

	if (reserved > DUET_MAX_ROUTES)
		return -EINVAL;
	if (vm->irqchip || vm->created_vcpus)
		return -EEXIST;
	chip = new_chip(vm);
	if (IS_ERR(chip))
		return PTR_ERR(chip);
	chip->split = true;
	chip->nr_reserved = reserved;
	err = duet_routes_empty(chip);
	if (err) {
		free_chip(chip);
		return err;
	}
	publish(vm, chip);
	return 0;
}

void duet_irqchip_destroy(struct duet_vm *vm)
{
	struct duet_irqchip *chip = vm->irqchip;

	if (!chip)
		return;
	flush_workqueue(chip->irqfd_wq);
	if (!chip->split) {
		mutex_lock(&vm->slots_lock);
		duet_pit_destroy(chip);
		duet_ioapic_remove(chip);
		duet_pic_remove(chip);
		mutex_unlock(&vm->slots_lock);
	}
	vm->irqchip = NULL;
	free_chip(chip);
}

int duet_irqchip_get(struct duet_vm *vm, struct kvm_irqchip *state)
{
	struct duet_irqchip *chip = vm->irqchip;
	unsigned long flags;
	int err = 0;

	if (!chip || chip->split)
		return -ENXIO;
	raw_spin_lock_irqsave(&chip->lock, flags);
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
		state->chip.pic = chip->pic.chip[0];
		break;
	case KVM_IRQCHIP_PIC_SLAVE:
		state->chip.pic = chip->pic.chip[1];
		break;
	case KVM_IRQCHIP_IOAPIC:
		duet_ioapic_get(chip, &state->chip.ioapic);
		break;
	default:
		err = -EINVAL;
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return err;
}

int duet_irqchip_set(struct duet_vm *vm, const struct kvm_irqchip *state)
{
	struct duet_irqchip *chip = vm->irqchip;
	unsigned long flags;
	int err = 0;

	if (!chip || chip->split)
		return -ENXIO;
	raw_spin_lock_irqsave(&chip->lock, flags);
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
		duet_pic_set(chip, 0, &state->chip.pic);
		break;
	case KVM_IRQCHIP_PIC_SLAVE:
		duet_pic_set(chip, 1, &state->chip.pic);
		break;
	case KVM_IRQCHIP_IOAPIC:
		duet_ioapic_set(chip, &state->chip.ioapic);
		break;
	default:
		err = -EINVAL;
	}
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	return err;
}

int duet_irq_line(struct duet_vm *vm, u32 gsi, int level, int *status)
{
	int ret;

	if (!vm->irqchip)
		return -ENXIO;
	ret = duet_gsi_set(vm->irqchip, DUET_SRC_USER, gsi, level, status);
	if (status)
		*status = ret;
	return 0;
}

int duet_signal_msi(struct duet_vm *vm, const struct kvm_msi *msi)
{
	struct duet_route route = {
		.address = msi->address_lo,
		.address_hi = msi->address_hi,
		.data = msi->data,
	};

	if (!vm->irqchip)
		return -ENXIO;
	if (msi->flags || !duet_msi_valid(vm, &route))
		return -EINVAL;
	return max(duet_msi_deliver(vm, &route), 0);
}

/**
 * duet_irq_acked() - the guest acknowledged pins of a chip
 *
 * Tells the PIT, which may have more ticks, and resampling irqfds.
 * Context: any; irqchip->lock is not held.
 */
void duet_irq_acked(struct duet_irqchip *chip, bool ioapic, u32 pins)
{
	struct duet_pit *pit = duet_pit_of(chip);
	int gsi;

	lockdep_assert_not_held(&chip->lock);
	for (; pins; pins &= pins - 1) {
		gsi = duet_gsi_of_pin(chip, ioapic, __ffs(pins));
		if (gsi < 0)
			continue;
		if (!gsi && pit)
			duet_pit_acked(pit);
		if (test_bit(gsi, chip->resampled))
			duet_irqfd_acked(chip, gsi);
	}
}
