// SPDX-License-Identifier: GPL-2.0
/*
 * What a CPU may keep of a vCPU: its VMCS, and translations, tagged by VPID and
 * EPTP. Called by vcpu.c, run.c, state.c, hardware.c and through the ops table;
 * calls ept.c and vpid.c. The model in selftests/model/ compiles it as well.
 */
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <asm/io.h>
#include "vmx/vmx.h"

void vmx_flush_tlb(struct duet_vcpu *vcpu, enum duet_flush what)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	/*
	 * INVEPT drops combined mappings, but not linear ones, which exist
	 * only while EPT is off: one of the two is enough (SDM vol. 3,
	 * 29.4.3).
	 */
	if (what == DUET_FLUSH_ALL)
		vmx->flush_all = true;
	else
		vmx->flush_guest = true;
}

void vmx_set_root(struct vmx_vcpu *vmx)
{
	vmx_write(vmx, VMCS_EPTP, vmx_eptp(vmx->vcpu.root));
	/* An earlier tree may have had the same root page. */
	vmx->flush_all = true;
}

void vmx_flush(struct vmx_vcpu *vmx)
{
	if (vmx->flush_all)
		vmx_invept(vmx);
	if (vmx->flush_guest)
		vmx_invvpid(vmx);
	vmx->flush_all = false;
	vmx->flush_guest = false;
}

void vmx_init_vmcs(struct vmx_vcpu *vmx)
{
	vmx->vmcs_cpu = -1;
	vmx_ghost_init(vmx);
	/* SDM vol. 3, 25.11.3 */
	vmx_vmclear(page_to_phys(vmx->vmcs));
}

/*
 * The VMCS leaves this CPU: what is cached goes to memory, and the next entry
 * launches (SDM vol. 3, 25.11.3). That CPU, interrupts off.
 */
static void vmx_clear_local(void *info)
{
	struct vmx_vcpu *vmx = info;
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);

	/* The CPU may have been switched off meanwhile: then it is done. */
	if (vmx->vmcs_cpu != raw_smp_processor_id())
		return;
	if (c->current_vmcs == vmx)
		c->current_vmcs = NULL;
	vmx_vmclear(page_to_phys(vmx->vmcs));
	vmx_ghost_vmclear(vmx);
	vmx->entry.launched = 0;
	list_del(&vmx->link);
	/* Release: from here on the next CPU may take it. */
	smp_store_release(&vmx->vmcs_cpu, -1);
}

void vmx_clear(struct vmx_vcpu *vmx)
{
	/* Acquire: a CPU that went off has cleared it as it went. */
	int cpu = smp_load_acquire(&vmx->vmcs_cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, vmx_clear_local, vmx, 1);
}

/*
 * What the CPU has cached of a VMCS goes back to memory (SDM vol. 3, 25.11.1).
 * The list is only read: in an emergency we may have come in an NMI while it
 * was being changed, and following it forwards works all the time. As soon as
 * vmcs_cpu is -1 another CPU may link the VMCS into its own list: the next one
 * is looked up before.
 */
void vmx_clear_all(struct vmx_cpu *c)
{
	struct vmx_vcpu *vmx, *next;

	list_for_each_entry_safe(vmx, next, &c->vmcss, link) {
		vmx_vmclear(page_to_phys(vmx->vmcs));
		vmx_ghost_vmclear(vmx);
		vmx->entry.launched = 0;
		/* Release: as above. */
		smp_store_release(&vmx->vmcs_cpu, -1);
	}
	INIT_LIST_HEAD(&c->vmcss);
	c->current_vmcs = NULL;
}

/* Make @vmx's VMCS the current one here. Interrupts off; false: VMX is off. */
static bool vmx_make_current(struct vmx_vcpu *vmx, struct vmx_cpu *c, int cpu)
{
	if (unlikely(!c->on))
		return false;
	if (vmx->vmcs_cpu != cpu)
		list_add(&vmx->link, &c->vmcss);
	WRITE_ONCE(vmx->vmcs_cpu, cpu);
	vmx_vmptrld(page_to_phys(vmx->vmcs));
	vmx_ghost_vmptrld(vmx);
	c->current_vmcs = vmx;
	return true;
}

void vmx_load_vmcs(struct vmx_vcpu *vmx, struct vmx_cpu *c, int cpu)
{
	bool moved = READ_ONCE(vmx->vmcs_cpu) != cpu, current_now;
	unsigned long flags;

	if (moved)
		vmx_clear(vmx);
	local_irq_save(flags);
	current_now = vmx_make_current(vmx, c, cpu);
	local_irq_restore(flags);
	if (!moved || !current_now)
		return;

	vmx_host_cpu_changed(vmx);
	/*
	 * Left here from an earlier visit, or by the last VM with this root.
	 * INVEPT drops what the VPID's last owner left as well, as far as it
	 * could be met: linear mappings are not used while EPT is on, combined
	 * ones only with their EPTP (SDM vol. 3, 29.4.2, 29.4.3.1).
	 */
	vmx->flush_all = true;
}
