// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's pager: choice, set-up, end. Called at VM creation and destruction;
 * calls the chosen pager_ops and the notifier.
 */
#include "common/pager/pager_internal.h"
#include <linux/cpu.h>
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include "uapi/duet.h"

static const struct duet_pager_ops *duet_pager_choose(u8 kind)
{
	if (kind == DUET_PAGER_NESTED && duet_caps.nested)
		return &duet_pager_nested;
	return NULL;
}

int duet_pager_init(struct duet_vm *vm)
{
	const struct duet_pager_ops *ops = duet_pager_choose(vm->pager_kind);
	struct duet_pager *p;
	int r;

	if (!ops)
		return -EOPNOTSUPP;

	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	p->vm = vm;
	spin_lock_init(&p->lock);
	/*
	 * Some CPUs stop with a machine check when a guest changes the size
	 * of an executable mapping under way (iTLB multihit): there, what is
	 * large is not executable.
	 */
	p->split_exec = boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) &&
			!cpu_mitigations_off();

	vm->pager = p;
	vm->pager_ops = ops;
	r = ops->init(vm);
	if (r)
		goto free;
	r = duet_notifier_register(p);
	if (r)
		goto destroy;
	return 0;

destroy:
	ops->destroy(vm);
free:
	vm->pager_ops = NULL;
	vm->pager = NULL;
	kfree(p);
	return r;
}

void duet_pager_destroy(struct duet_vm *vm)
{
	struct duet_pager *p = vm->pager;
	u32 i;

	if (!p)
		return;
	duet_notifier_unregister(p);
	vm->pager_ops->destroy(vm);
	for (i = 0; i < DUET_MAX_VCPUS; i++)
		duet_table_cache_drain(&p->cache[i]);
	vm->pager = NULL;
	kfree(p);
}
