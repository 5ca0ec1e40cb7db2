// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts from eventfds (KVM_IRQFD) and eventfds from guest writes
 * (KVM_IOEVENTFD). An irqfd injects from the eventfd's wake-up, in whatever
 * context that is; an ioeventfd is a device on a bus, hit in the fast path.
 */
#include <linux/errno.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/kvm.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "common/compat.h"
#include "common/irq/irq.h"

/* An acknowledgement asks them all, with interrupts off. */
#define MAX_RESAMPLERS	256

/**
 * struct irqfd - an eventfd that injects a GSI
 * @link: in irqchip->irqfds while it is assigned (irqfd_lock)
 * @resample_link: in irqchip->resamplers (irqfd_mutex, RCU)
 */
struct irqfd {
	struct duet_irqchip *chip;
	struct eventfd_ctx *eventfd, *resamplefd;
	u32 gsi;
	wait_queue_entry_t wait;
	poll_table poll;
	struct list_head link;
	struct list_head resample_link;
	struct work_struct shutdown;
};

static void inject(struct irqfd *irqfd)
{
	if (irqfd->resamplefd) {
		/* stays up until the guest acknowledges it */
		duet_gsi_set(irqfd->chip, DUET_SRC_RESAMPLE, irqfd->gsi, true,
			     false);
		return;
	}
	duet_gsi_set(irqfd->chip, DUET_SRC_USER, irqfd->gsi, true, false);
	duet_gsi_set(irqfd->chip, DUET_SRC_USER, irqfd->gsi, false, false);
}

/**
 * duet_irqfd_acked() - lower a resampled line and ask the devices behind it
 * Context: any; irqchip->lock is not held.
 */
void duet_irqfd_acked(struct duet_irqchip *chip, u32 gsi)
{
	struct irqfd *irqfd;

	lockdep_assert_not_held(&chip->lock);
	duet_gsi_set(chip, DUET_SRC_RESAMPLE, gsi, false, false);
	rcu_read_lock();
	list_for_each_entry_rcu(irqfd, &chip->resamplers, resample_link)
		if (irqfd->gsi == gsi)
			duet_eventfd_signal(irqfd->resamplefd);
	rcu_read_unlock();
}

static bool gsi_is_resampled(struct duet_irqchip *chip, u32 gsi)
{
	struct irqfd *irqfd;

	lockdep_assert_held(&chip->irqfd_mutex);
	list_for_each_entry(irqfd, &chip->resamplers, resample_link)
		if (irqfd->gsi == gsi)
			return true;
	return false;
}

/* Context: irqfd_mutex held. */
static void resample_stop(struct irqfd *irqfd)
{
	struct duet_irqchip *chip = irqfd->chip;

	lockdep_assert_held(&chip->irqfd_mutex);
	list_del_rcu(&irqfd->resample_link);
	chip->nr_resamplers--;
	if (gsi_is_resampled(chip, irqfd->gsi))
		return;
	clear_bit(irqfd->gsi, chip->resampled);
	duet_ioapic_refresh(chip);
	duet_gsi_set(chip, DUET_SRC_RESAMPLE, irqfd->gsi, false, false);
}

static void irqfd_free(struct irqfd *irqfd)
{
	if (irqfd->resamplefd)
		eventfd_ctx_put(irqfd->resamplefd);
	eventfd_ctx_put(irqfd->eventfd);
	kfree(irqfd);
}

static void irqfd_shutdown(struct work_struct *work)
{
	struct irqfd *irqfd = container_of(work, struct irqfd, shutdown);
	struct duet_irqchip *chip = irqfd->chip;
	u64 count;

	/* no wake-up is under way after this */
	eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	mutex_lock(&chip->irqfd_mutex);
	if (irqfd->resamplefd)
		resample_stop(irqfd);
	mutex_unlock(&chip->irqfd_mutex);
	/* who acknowledges may be looking at it; many that go wait together */
	if (irqfd->resamplefd)
		synchronize_rcu();
	irqfd_free(irqfd);
}

/* Context: irqfd_lock held. The first to come takes it off the list. */
static void irqfd_deactivate(struct irqfd *irqfd)
{
	lockdep_assert_held(&irqfd->chip->irqfd_lock);
	if (list_empty(&irqfd->link))
		return;
	list_del_init(&irqfd->link);
	queue_work(irqfd->chip->irqfd_wq, &irqfd->shutdown);
}

/* Context: the eventfd's wait queue is locked, interrupts off. */
static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
			void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	struct duet_irqchip *chip = irqfd->chip;
	__poll_t events = key_to_poll(key);
	unsigned long flags;
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->eventfd, &count);
		inject(irqfd);
	}
	if (events & EPOLLHUP) {
		spin_lock_irqsave(&chip->irqfd_lock, flags);
		irqfd_deactivate(irqfd);
		spin_unlock_irqrestore(&chip->irqfd_lock, flags);
	}
	return events & EPOLLIN ? 1 : 0;
}

static void irqfd_queue(struct file *file, wait_queue_head_t *head,
			poll_table *poll)
{
	struct irqfd *irqfd = container_of(poll, struct irqfd, poll);

	add_wait_queue_priority(head, &irqfd->wait);
}

static bool irqfd_is_used(struct duet_irqchip *chip, struct eventfd_ctx *ctx)
{
	struct irqfd *irqfd;

	lockdep_assert_held(&chip->irqfd_lock);
	list_for_each_entry(irqfd, &chip->irqfds, link)
		if (irqfd->eventfd == ctx)
			return true;
	return false;
}

/*
 * Context: irqfd_mutex held, and @file: neither a deassignment nor a hang-up
 * comes between the list and the wait queue.
 */
static int irqfd_activate(struct irqfd *irqfd, struct file *file)
{
	struct duet_irqchip *chip = irqfd->chip;
	int err = 0;

	lockdep_assert_held(&chip->irqfd_mutex);
	if (irqfd->resamplefd && chip->nr_resamplers >= MAX_RESAMPLERS)
		return -ENOSPC;
	spin_lock_irq(&chip->irqfd_lock);
	if (irqfd_is_used(chip, irqfd->eventfd))
		err = -EBUSY;
	else
		list_add_tail(&irqfd->link, &chip->irqfds);
	spin_unlock_irq(&chip->irqfd_lock);
	if (err)
		return err;

	if (irqfd->resamplefd) {
		list_add_rcu(&irqfd->resample_link, &chip->resamplers);
		chip->nr_resamplers++;
		set_bit(irqfd->gsi, chip->resampled);
		duet_ioapic_refresh(chip);
	}
	/* what was signalled before counts too */
	if (vfs_poll(file, &irqfd->poll) & EPOLLIN)
		inject(irqfd);
	return 0;
}

static int irqfd_assign(struct duet_irqchip *chip, const struct kvm_irqfd *args)
{
	struct irqfd *irqfd;
	struct file *file;
	int err;

	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->chip = chip;
	irqfd->gsi = args->gsi;
	INIT_LIST_HEAD(&irqfd->link);
	INIT_WORK(&irqfd->shutdown, irqfd_shutdown);
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);
	init_poll_funcptr(&irqfd->poll, irqfd_queue);

	file = fget(args->fd);
	err = -EBADF;
	if (!file)
		goto free;
	irqfd->eventfd = eventfd_ctx_fileget(file);
	err = PTR_ERR_OR_ZERO(irqfd->eventfd);
	if (err)
		goto put;
	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		irqfd->resamplefd = eventfd_ctx_fdget(args->resamplefd);
		err = PTR_ERR_OR_ZERO(irqfd->resamplefd);
		if (err)
			goto ctx;
	}
	mutex_lock(&chip->irqfd_mutex);
	err = irqfd_activate(irqfd, file);
	mutex_unlock(&chip->irqfd_mutex);
	if (!err) {
		fput(file);
		return 0;
	}
	if (irqfd->resamplefd)
		eventfd_ctx_put(irqfd->resamplefd);
ctx:
	eventfd_ctx_put(irqfd->eventfd);
put:
	fput(file);
free:
	kfree(irqfd);
	return err;
}

/* Detach what has eventfd @ctx and GSI @gsi; all, if @ctx is NULL. */
static void irqfd_detach(struct duet_irqchip *chip, struct eventfd_ctx *ctx,
			 u32 gsi)
{
	struct irqfd *irqfd, *next;

	mutex_lock(&chip->irqfd_mutex);
	spin_lock_irq(&chip->irqfd_lock);
	list_for_each_entry_safe(irqfd, next, &chip->irqfds, link)
		if (!ctx || (irqfd->eventfd == ctx && irqfd->gsi == gsi))
			irqfd_deactivate(irqfd);
	spin_unlock_irq(&chip->irqfd_lock);
	mutex_unlock(&chip->irqfd_mutex);
	/* user space may close or reuse the eventfd now */
	flush_workqueue(chip->irqfd_wq);
}

int duet_irqfd(struct duet_vm *vm, const struct kvm_irqfd *args)
{
	struct duet_irqchip *chip = READ_ONCE(vm->irqchip);
	struct eventfd_ctx *ctx;

	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (args->gsi >= DUET_MAX_ROUTES)
		return -EINVAL;
	if (!(args->flags & KVM_IRQFD_FLAG_DEASSIGN)) {
		if (!chip)
			return -EAGAIN;
		/* user space, which has the IOAPIC, hears of EOIs itself */
		if (chip->split && (args->flags & KVM_IRQFD_FLAG_RESAMPLE))
			return -EINVAL;
		return irqfd_assign(chip, args);
	}

	ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	if (chip)
		irqfd_detach(chip, ctx, args->gsi);
	eventfd_ctx_put(ctx);
	return 0;
}

void duet_irqfd_release(struct duet_vm *vm)
{
	if (vm->irqchip)
		irqfd_detach(vm->irqchip, NULL, 0);
}

int duet_irqfd_init(struct duet_irqchip *chip)
{
	mutex_init(&chip->irqfd_mutex);
	spin_lock_init(&chip->irqfd_lock);
	INIT_LIST_HEAD(&chip->irqfds);
	INIT_LIST_HEAD(&chip->resamplers);
	chip->irqfd_wq = alloc_workqueue("duet-irqfd", WQ_UNBOUND, 0);
	return chip->irqfd_wq ? 0 : -ENOMEM;
}

/* --- ioeventfd --- */

/** struct ioeventfd - a device whose writes signal an eventfd */
struct ioeventfd {
	struct duet_io_device dev;
	struct eventfd_ctx *eventfd;
	u64 datamatch;
	bool wildcard;
};

static int ioeventfd_write(struct duet_vcpu *vcpu, struct duet_io_device *dev,
			   gpa_t addr, int len, const void *data)
{
	struct ioeventfd *p = container_of(dev, struct ioeventfd, dev);
	u64 val = 0;

	if (addr != dev->addr)
		return -EOPNOTSUPP;
	if (dev->len) {
		if (len != dev->len)
			return -EOPNOTSUPP;
		memcpy(&val, data, min_t(int, len, sizeof(val)));
		if (!p->wildcard && val != p->datamatch)
			return -EOPNOTSUPP;
	}
	duet_eventfd_signal(p->eventfd);
	return 0;
}

static void ioeventfd_release(struct duet_io_device *dev)
{
	struct ioeventfd *p = container_of(dev, struct ioeventfd, dev);

	eventfd_ctx_put(p->eventfd);
	kfree(p);
}

static const struct duet_io_ops ioeventfd_ops = {
	.write = ioeventfd_write,
	.release = ioeventfd_release,
};

/* Would a write hit both? */
static bool collides(const struct ioeventfd *a, const struct ioeventfd *b)
{
	if (a->dev.addr != b->dev.addr)
		return false;
	if (!a->dev.len || !b->dev.len)
		return true;
	return a->dev.len == b->dev.len &&
		(a->wildcard || b->wildcard || a->datamatch == b->datamatch);
}

static bool is_same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->dev.addr == b->dev.addr && a->dev.len == b->dev.len &&
		a->eventfd == b->eventfd && a->wildcard == b->wildcard &&
		(a->wildcard || a->datamatch == b->datamatch);
}

/* The first ioeventfd of the bus that @test finds. slots_lock held. */
static struct ioeventfd *find(struct duet_vm *vm, enum duet_bus_id id,
			      const struct ioeventfd *key,
			      bool (*test)(const struct ioeventfd *,
					   const struct ioeventfd *))
{
	struct duet_bus *bus;
	struct ioeventfd *p;
	u32 i;

	bus = rcu_dereference_protected(vm->bus[id],
					lockdep_is_held(&vm->slots_lock));
	for (i = 0; bus && i < bus->nr; i++) {
		if (bus->dev[i]->ops != &ioeventfd_ops)
			continue;
		p = container_of(bus->dev[i], struct ioeventfd, dev);
		if (test(p, key))
			return p;
	}
	return NULL;
}

static int ioeventfd_assign(struct duet_vm *vm, enum duet_bus_id id,
			    const struct ioeventfd *key)
{
	struct ioeventfd *p;
	int err;

	if (find(vm, id, key, collides))
		return -EEXIST;
	p = kmemdup(key, sizeof(*key), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	err = duet_bus_register(vm, id, &p->dev);
	if (err)
		kfree(p);
	return err;
}

int duet_ioeventfd(struct duet_vm *vm, const struct kvm_ioeventfd *args)
{
	struct ioeventfd *p, key = {
		.dev = {
			.ops = &ioeventfd_ops,
			.addr = args->addr,
			.len = args->len,
		},
		.datamatch = args->datamatch,
		.wildcard = !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH),
	};
	enum duet_bus_id id = args->flags & KVM_IOEVENTFD_FLAG_PIO ?
		DUET_BUS_PIO : DUET_BUS_MMIO;
	int err = 0;

	if (args->flags & ~(KVM_IOEVENTFD_FLAG_DATAMATCH |
			    KVM_IOEVENTFD_FLAG_PIO |
			    KVM_IOEVENTFD_FLAG_DEASSIGN))
		return -EINVAL;
	if (args->len && (args->len > 8 || !is_power_of_2(args->len)))
		return -EINVAL;
	if (args->addr + args->len < args->addr)
		return -EINVAL;
	if (!args->len && !key.wildcard)
		return -EINVAL;

	key.eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(key.eventfd))
		return PTR_ERR(key.eventfd);
	if (!(args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)) {
		err = ioeventfd_assign(vm, id, &key);
		if (!err)
			return 0;	/* the device keeps the reference */
	} else {
		p = find(vm, id, &key, is_same);
		err = p ? duet_bus_unregister(vm, id, &p->dev) : -ENOENT;
	}
	eventfd_ctx_put(key.eventfd);
	return err;
}
