/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VM object. Letters say what protects a field:
 *   c  constant after creation        L  vm->lock (mutex)
 *   S  vm->slots_lock to write, vm->srcu to read
 *   a  atomic                         p  the pager's own lock
 */
#ifndef DUET_COMMON_VM_H
#define DUET_COMMON_VM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/srcu.h>
#include <linux/kvm.h>
#include "common/types.h"
#include "common/bus.h"
#include "common/ghost.h"
#include "common/pvclock.h"

struct duet_pager_ops;
struct duet_pager;
struct duet_memslots;
struct duet_irqchip;

/**
 * struct duet_vm - a virtual machine
 *
 * A backend embeds it as the first member of its own struct
 * (duet_vcpu_ops.vm_size).
 */
struct duet_vm {
	struct list_head link;			/* duet_hardware_lock */
	struct mm_struct *mm;			/* c: holds mm_count */
	refcount_t users;			/* a: fds */
	struct mutex lock;
	struct mutex slots_lock;
	struct srcu_struct srcu;

	struct duet_memslots __rcu *memslots;	/* S */
	struct duet_bus __rcu *bus[DUET_NR_BUSES];	/* S */

	const struct duet_pager_ops *pager_ops;	/* c */
	struct duet_pager *pager;		/* c, inside: p */
	bool maps_devices;			/* p to write, any read: once was */

	struct duet_irqchip *irqchip;		/* L to write; c once set */
	bool has_irqchip;			/* L to write; c once set */
	bool has_pic;				/* L to write; c once set: not split */

	u32 nr_vcpus;				/* L; online ones */
	struct duet_vcpu *vcpus[DUET_MAX_VCPUS];	/* L to add (release), any read (acquire); in order of creation */
	u32 bsp_id;				/* L */

	u64 refused;				/* L: DUET_REFUSE_* */
	u64 halt_poll_ns;			/* L to write, any read: at most */
	u32 x2apic_api;				/* L to write: KVM_X2APIC_API_* */
	u8 pager_kind;				/* L: DUET_PAGER_* */
	bool created_vcpus;			/* L: configuration is over */
	bool bugged;				/* a: every ioctl is EIO */
	gpa_t tss_addr, identity_map_addr;	/* L */

	raw_spinlock_t tsc_lock;		/* tsc_*, clock */
	u64 tsc_last_write, tsc_last_host, tsc_last_offset;
	struct duet_clock clock;
	struct duet_ghost_vm ghost;		/* a */
	u32 tsc_khz;				/* L: default for vCPUs */
};

/* vm->halt_poll_ns: what the module's parameter says at that time */
#define DUET_POLL_DEFAULT	(~0ULL)

/** duet_nr_vcpus() - vCPUs that are online; vm->vcpus[0..n-1] are valid */
static inline u32 duet_nr_vcpus(const struct duet_vm *vm)
{
	/* pairs with duet_vcpu_create_fd() */
	return smp_load_acquire(&vm->nr_vcpus);
}

#define duet_for_each_vcpu(i, v, vm)					\
	for ((i) = 0; (i) < duet_nr_vcpus(vm) && ((v) = (vm)->vcpus[i], 1); \
	     (i)++)

/** duet_vcpu_by_id() - NULL if there is none; takes no lock */
struct duet_vcpu *duet_vcpu_by_id(struct duet_vm *vm, u32 id);

/**
 * duet_request_all() - make a request of every vCPU and kick those in guest
 * mode
 * @wait: return only after every vCPU that was in guest mode has left it
 * Context: not from interrupts; with @wait interrupts on.
 */
void duet_request_all(struct duet_vm *vm, u32 request, bool wait);

#endif /* DUET_COMMON_VM_H */
