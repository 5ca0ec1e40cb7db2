// SPDX-License-Identifier: GPL-2.0
/*
 * Debug builds (DUET_DEBUG): ghost.h's state. Empty otherwise.
 */
#ifdef CONFIG_DUET_DEBUG

#include <linux/bug.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include "vmx/vmx.h"

void vmx_ghost_cpu_on(struct vmx_cpu *c)
{
	c->ghost.current_vmcs = NULL;
	c->ghost.active = 0;
	c->ghost.epoch++;
}

void vmx_ghost_cpu_off(struct vmx_cpu *c)
{
	WARN_ONCE(c->ghost.active, "duet: VMXOFF with %d VMCSs left\n",
		  c->ghost.active);
}

void vmx_ghost_init(struct vmx_vcpu *vmx)
{
	vmx->ghost.cpu = -1;
	vmx->vcpu.ghost.cpu = -1;
}

void vmx_ghost_free(struct vmx_vcpu *vmx)
{
	WARN_ONCE(vmx->ghost.cpu >= 0,
		  "duet: a VMCS is freed that CPU %d has\n", vmx->ghost.cpu);
}

void vmx_ghost_vmclear(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);
	int cpu = smp_processor_id();

	WARN_ONCE(vmx->ghost.cpu >= 0 && vmx->ghost.cpu != cpu,
		  "duet: VMCLEAR on CPU %d of a VMCS that CPU %d has\n", cpu,
		  vmx->ghost.cpu);
	if (vmx->ghost.cpu == cpu)
		c->ghost.active--;
	if (c->ghost.current_vmcs == vmx)
		c->ghost.current_vmcs = NULL;
	vmx->ghost.cpu = -1;
	vmx->ghost.launched = false;
}

void vmx_ghost_vmptrld(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);
	int cpu = smp_processor_id();

	WARN_ONCE(vmx->ghost.cpu >= 0 && vmx->ghost.cpu != cpu,
		  "duet: VMPTRLD on CPU %d of a VMCS that CPU %d has\n", cpu,
		  vmx->ghost.cpu);
	if (vmx->ghost.cpu != cpu)
		c->ghost.active++;
	c->ghost.current_vmcs = vmx;
	vmx->ghost.cpu = cpu;
}

void vmx_ghost_access(const struct vmx_vcpu *vmx)
{
	struct vmx_cpu *c;

	preempt_disable();
	c = this_cpu_ptr(&vmx_cpus);
	WARN_ONCE(c->on && c->ghost.current_vmcs != vmx,
		  "duet: another VMCS is current on CPU %d\n",
		  smp_processor_id());
	preempt_enable();
}

void vmx_ghost_invept(struct vmx_vcpu *vmx)
{
	duet_ghost_flush(&vmx->vcpu.ghost, &vmx->vcpu.vm->ghost,
			 smp_processor_id(),
			 this_cpu_ptr(&vmx_cpus)->ghost.epoch);
}

void vmx_ghost_invvpid(struct vmx_vcpu *vmx)
{
	duet_ghost_flush_guest(&vmx->vcpu.ghost);
}

void vmx_ghost_enter(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);

	/* An emergency has switched VMX off: the entry will fail. */
	if (!c->on)
		return;
	WARN_ONCE(c->ghost.current_vmcs != vmx,
		  "duet: an entry on CPU %d with another VMCS\n",
		  smp_processor_id());
	WARN_ONCE(vmx->ghost.launched != !!vmx->entry.launched,
		  "duet: an entry with the wrong launch state\n");
	duet_ghost_enter(&vmx->vcpu.ghost, &vmx->vcpu.vm->ghost,
			 smp_processor_id(), c->ghost.epoch);
}

void vmx_ghost_entered(struct vmx_vcpu *vmx)
{
	vmx->ghost.launched = true;
}

#endif
