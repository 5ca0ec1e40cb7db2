// SPDX-License-Identifier: GPL-2.0
/*
 * The two buses: sorted arrays of devices, replaced as a whole (SRCU).
 * Called by the exits, by the interrupt hardware and by the ioctls that
 * register devices; calls the devices.
 */
#include "common/bus.h"
#include "common/vcpu.h"
#include "common/vm.h"
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#define DUET_BUS_MAX	1000

static struct duet_bus *duet_current_bus(struct duet_vm *vm,
					 enum duet_bus_id id)
{
	return rcu_dereference_protected(vm->bus[id],
					 lockdep_is_held(&vm->slots_lock));
}

static void duet_bus_publish(struct duet_vm *vm, enum duet_bus_id id,
			     struct duet_bus *bus)
{
	struct duet_bus *old = duet_current_bus(vm, id);

	rcu_assign_pointer(vm->bus[id], bus);
	/* No vCPU holds the read side in the guest or halted: this is short. */
	synchronize_srcu_expedited(&vm->srcu);
	kfree(old);
}

/* Most accesses are to no device at all: that has to be found out quickly. */
static u32 duet_bus_granule(enum duet_bus_id id, gpa_t addr)
{
	return addr >> (id == DUET_BUS_PIO ? 3 : PAGE_SHIFT);
}

static void duet_bus_filter(struct duet_bus *bus, enum duet_bus_id id,
			    const struct duet_io_device *dev)
{
	u32 first = duet_bus_granule(id, dev->addr);
	u32 last = duet_bus_granule(id, dev->addr + max(dev->len, 1U) - 1);
	u32 i;

	for (i = 0; i <= last - first && i < DUET_BUS_FILTER; i++)
		__set_bit((first + i) % DUET_BUS_FILTER, bus->filter);
}

static void duet_bus_append(struct duet_bus *bus, enum duet_bus_id id,
			    struct duet_io_device *dev)
{
	duet_bus_filter(bus, id, dev);
	bus->dev[bus->nr++] = dev;
	bus->max_len = max(bus->max_len, dev->len);
}

int duet_bus_register(struct duet_vm *vm, enum duet_bus_id id,
		      struct duet_io_device *dev)
{
	struct duet_bus *old = duet_current_bus(vm, id);
	u32 i, nr = old ? old->nr : 0;
	struct duet_bus *bus;

	if (nr >= DUET_BUS_MAX)
		return -ENOSPC;
	bus = kzalloc(struct_size(bus, dev, nr + 1), GFP_KERNEL_ACCOUNT);
	if (!bus)
		return -ENOMEM;

	/* Behind its equals: the first registered is asked first. */
	for (i = 0; i < nr && old->dev[i]->addr <= dev->addr; i++)
		duet_bus_append(bus, id, old->dev[i]);
	duet_bus_append(bus, id, dev);
	for (; i < nr; i++)
		duet_bus_append(bus, id, old->dev[i]);

	duet_bus_publish(vm, id, bus);
	return 0;
}

int duet_bus_unregister(struct duet_vm *vm, enum duet_bus_id id,
			struct duet_io_device *dev)
{
	struct duet_bus *old = duet_current_bus(vm, id);
	u32 i, nr = old ? old->nr : 0;
	struct duet_bus *bus;

	for (i = 0; i < nr && old->dev[i] != dev; i++)
		;
	if (i == nr)
		return -ENOENT;

	/*
	 * Two pages at most. It must not fail: the caller is about to free
	 * what the device belongs to.
	 */
	bus = kzalloc(struct_size(bus, dev, nr - 1),
		      GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	for (i = 0; i < nr; i++)
		if (old->dev[i] != dev)
			duet_bus_append(bus, id, old->dev[i]);

	duet_bus_publish(vm, id, bus);
	if (dev->ops->release)
		dev->ops->release(dev);
	return 0;
}

void duet_bus_destroy(struct duet_vm *vm)
{
	u32 id, i;

	for (id = 0; id < DUET_NR_BUSES; id++) {
		struct duet_bus *bus;

		/* No vCPU is left: nobody reads it. */
		bus = rcu_dereference_protected(vm->bus[id], true);
		RCU_INIT_POINTER(vm->bus[id], NULL);
		for (i = 0; bus && i < bus->nr; i++)
			if (bus->dev[i]->ops->release)
				bus->dev[i]->ops->release(bus->dev[i]);
		kfree(bus);
	}
}

/*
 * The whole access is in the device. A device of length 0 (an ioeventfd of
 * any length) takes every access that starts at its address.
 */
static bool duet_bus_match(const struct duet_io_device *dev, gpa_t addr,
			   int len)
{
	if (addr < dev->addr)
		return false;
	if (!dev->len)
		return addr == dev->addr;
	return addr - dev->addr < dev->len &&
	       len <= dev->len - (addr - dev->addr);
}

/* The first device that could reach up to @addr: binary search. */
static u32 duet_bus_first(const struct duet_bus *bus, gpa_t addr)
{
	gpa_t from = addr - min_t(gpa_t, addr, bus->max_len);
	u32 low = 0, high = bus->nr;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (bus->dev[mid]->addr < from)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*
 * Offer an access to every device that matches until one takes it. Exactly
 * one of @in and @out is not NULL.
 */
static int duet_bus_access(struct duet_vcpu *vcpu, enum duet_bus_id id,
			   gpa_t addr, int len, void *in, const void *out)
{
	struct duet_bus *bus = srcu_dereference(vcpu->vm->bus[id],
						&vcpu->vm->srcu);
	u32 i;

	if (!bus || !test_bit(duet_bus_granule(id, addr) % DUET_BUS_FILTER,
			      bus->filter))
		return -EOPNOTSUPP;
	for (i = duet_bus_first(bus, addr); i < bus->nr; i++) {
		/* The guest chose @addr, and so the index. */
		struct duet_io_device *dev =
			bus->dev[array_index_nospec(i, bus->nr)];

		if (dev->addr > addr)
			break;
		if (!duet_bus_match(dev, addr, len))
			continue;
		if (in ? dev->ops->read && !dev->ops->read(vcpu, dev, addr,
							   len, in) :
			 dev->ops->write && !dev->ops->write(vcpu, dev, addr,
							     len, out))
			return 0;
	}
	return -EOPNOTSUPP;
}

int duet_bus_read(struct duet_vcpu *vcpu, enum duet_bus_id bus, gpa_t addr,
		  int len, void *data)
{
	return duet_bus_access(vcpu, bus, addr, len, data, NULL);
}

int duet_bus_write(struct duet_vcpu *vcpu, enum duet_bus_id bus, gpa_t addr,
		   int len, const void *data)
{
	return duet_bus_access(vcpu, bus, addr, len, NULL, data);
}
