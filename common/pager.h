/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pager contract: how guest-physical memory gets under the guest, by
 * nested tables or by shadow tables. One const instance each, chosen per VM.
 */
#ifndef DUET_COMMON_PAGER_H
#define DUET_COMMON_PAGER_H

#include "common/types.h"

/* vcpu->root before the first load() */
#define DUET_NO_ROOT	(~(hpa_t)0)

/* What duet_pager_ops.fault() found; errors are negative errnos. */
enum duet_fault_result {
	DUET_FAULT_FIXED,	/* hidden fault: resume the guest */
	DUET_FAULT_EMULATE,	/* no memory there, or not writable: emulate */
	DUET_FAULT_GUEST,	/* true fault: an exception was queued */
};

/**
 * struct duet_pager_ops - a way of paging
 */
struct duet_pager_ops {
	const char *name;	/* "nested", "shadow" */
	/** @init: the VM's part; may sleep */
	int (*init)(struct duet_vm *vm);
	/** @destroy: every table is freed; no vCPU runs, no notifier is left */
	void (*destroy)(struct duet_vm *vm);
	/**
	 * @load: have vcpu->root point to valid tables for the vCPU's current
	 * CR3, EFER and CR0 (sets DUET_ST_ROOT dirty if it changed). Called
	 * before an entry if DUET_REQ_LOAD_ROOT was made. May sleep; srcu
	 * held. 0 or -ENOMEM.
	 */
	int (*load)(struct duet_vcpu *vcpu);
	/**
	 * @fault: vcpu->exit is DUET_EXIT_PAGE_FAULT (nested) or an
	 * intercepted #PF (shadow). May sleep; srcu held.
	 * Return: enum duet_fault_result, -EFAULT (user memory cannot be
	 * had), -ENOMEM, -EINTR/-EAGAIN (signal).
	 */
	int (*fault)(struct duet_vcpu *vcpu);
	/** @invlpg: the guest executed INVLPG on @gva (shadow only) */
	void (*invlpg)(struct duet_vcpu *vcpu, u64 gva);
	/**
	 * @zap: drop all mappings of guest frames [start, end), and flush
	 * every CPU's translations of them before it returns.
	 * Context: may sleep unless @atomic.
	 */
	void (*zap)(struct duet_vm *vm, gfn_t start, gfn_t end, bool atomic);
	/**
	 * @write_protect: for dirty logging: [start, end); may sleep.
	 * Return: true if something was writable: the caller has every vCPU
	 * flush (duet_request_all(DUET_REQ_FLUSH), waiting) before it relies
	 * on it. Not done here because the log's pages come in many runs.
	 */
	bool (*write_protect)(struct duet_vm *vm, gfn_t start, gfn_t end);
	/**
	 * @age: test and clear (if @clear) accessed bits of [start, end);
	 * true if one was set
	 */
	bool (*age)(struct duet_vm *vm, gfn_t start, gfn_t end, bool clear);
};

extern const struct duet_pager_ops duet_pager_nested;

/**
 * duet_pager_init() - choose vm->pager_ops, set it up and register the VM's
 * mmu_notifier on current->mm
 *
 * Context: VM creation; may sleep. Private state: vm->pager (allocated here).
 */
int duet_pager_init(struct duet_vm *vm);
/** duet_pager_destroy() - unregister the notifier and free every table */
void duet_pager_destroy(struct duet_vm *vm);

#endif /* DUET_COMMON_PAGER_H */
