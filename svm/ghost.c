// SPDX-License-Identifier: GPL-2.0
/*
 * Debug builds (DUET_DEBUG): ghost.h's state. Empty otherwise.
 */
#ifdef CONFIG_DUET_DEBUG

#include <linux/bug.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include "svm/clean.h"
#include "svm/svm.h"

int svm_ghost_cpu_alloc(struct svm_cpu *c, u32 nr_asids)
{
	c->ghost.owner = kvcalloc(nr_asids, sizeof(*c->ghost.owner),
				  GFP_KERNEL);
	return c->ghost.owner ? 0 : -ENOMEM;
}

void svm_ghost_cpu_free(struct svm_cpu *c)
{
	kvfree(c->ghost.owner);
	c->ghost.owner = NULL;
}

void svm_ghost_cpu_on(struct svm_cpu *c)
{
	u32 i;

	/* Whatever was here before, of others too, may still be there. */
	for (i = 0; i < svm_features.nr_asids; i++)
		c->ghost.owner[i] = (void *)c;
	c->ghost.epoch++;
}

int svm_ghost_alloc(struct svm_vcpu *svm)
{
	svm->ghost.cpu = -1;
	svm->ghost.known = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return svm->ghost.known ? 0 : -ENOMEM;
}

void svm_ghost_free(struct svm_vcpu *svm)
{
	free_page((unsigned long)svm->ghost.known);
}

void svm_ghost_renew(struct svm_vcpu *svm, struct svm_cpu *c)
{
	u32 asid = svm->tag.asid, i;

	switch (svm->vmcb->control.tlb_control) {
	case VMCB_TLB_FLUSH_ALL:
		for (i = 0; i < svm_features.nr_asids; i++)
			c->ghost.owner[i] = NULL;
		break;
	case VMCB_TLB_FLUSH_ASID:
		c->ghost.owner[asid] = NULL;
		break;
	}
	WARN_ONCE(c->ghost.owner[asid],
		  "duet: ASID %u still has its last owner's translations\n",
		  asid);
	duet_ghost_flush(&svm->vcpu.ghost, &svm->vcpu.vm->ghost,
			 smp_processor_id(), c->ghost.epoch);
}

void svm_ghost_enter(struct svm_vcpu *svm, struct svm_cpu *c)
{
	const struct vmcb_control *control = &svm->vmcb->control;
	int cpu = smp_processor_id();
	u32 asid = control->guest_asid, changed = 0;

	WARN_ONCE(control->clean && svm->ghost.cpu != cpu,
		  "duet: CPU %d does not know this VMCB, which is not clean\n",
		  cpu);
	changed = svm_changed(svm->vmcb, svm->ghost.known) & control->clean;
	WARN_ONCE(changed, "duet: VMCB fields changed behind clean bits %#x\n",
		  changed);
	if (WARN_ONCE(!asid || asid >= svm_features.nr_asids ||
		      asid != svm->tag.asid, "duet: ASID %u\n", asid))
		return;
	WARN_ONCE(c->ghost.owner[asid] && c->ghost.owner[asid] != svm,
		  "duet: ASID %u is another vCPU's\n", asid);
	c->ghost.owner[asid] = svm;
	duet_ghost_enter(&svm->vcpu.ghost, &svm->vcpu.vm->ghost, cpu,
			 c->ghost.epoch);
}

void svm_ghost_entered(struct svm_vcpu *svm)
{
	*svm->ghost.known = *svm->vmcb;
	svm->ghost.cpu = smp_processor_id();
}

void svm_ghost_not_entered(struct svm_vcpu *svm)
{
	svm->ghost.cpu = -1;
	svm->vcpu.ghost.cpu = -1;
}

#endif
