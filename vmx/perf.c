// SPDX-License-Identifier: GPL-2.0
/*
 * The host's performance counters around the guest. Called by run.c; calls
 * perf. Without it what perf counts for the host alone goes on in the guest,
 * and records of PEBS go where the guest's tables say: the address of their
 * buffer is a linear one (SDM vol. 3, 18.9.5).
 */
#include <asm/msr.h>
#include <asm/perf_event.h>
#include "vmx/vmx.h"

/* An entry of a VM-entry or VM-exit MSR list (SDM vol. 3, table 25-15) */
struct vmx_list_msr {
	u32 index, reserved;
	u64 value;
};

#define NR_MSRS		(PAGE_SIZE / 2 / sizeof(struct vmx_list_msr))

static struct vmx_list_msr *vmx_entry_list(struct vmx_vcpu *vmx)
{
	return vmx->msr_lists;
}

static struct vmx_list_msr *vmx_exit_list(struct vmx_vcpu *vmx)
{
	return vmx_entry_list(vmx) + NR_MSRS;
}

void vmx_perf_init(struct vmx_vcpu *vmx)
{
	vmx_write(vmx, VMCS_ENTRY_MSR_LOAD, virt_to_phys(vmx_entry_list(vmx)));
	vmx_write(vmx, VMCS_EXIT_MSR_LOAD, virt_to_phys(vmx_exit_list(vmx)));
	vmx_write(vmx, VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmx_write(vmx, VMCS_EXIT_MSR_LOAD_COUNT, 0);
}

static void vmx_set_lists(struct vmx_vcpu *vmx, u32 entry, u32 exit)
{
	if (entry != vmx->perf.entry)
		vmx_write(vmx, VMCS_ENTRY_MSR_LOAD_COUNT, entry);
	if (exit != vmx->perf.exit)
		vmx_write(vmx, VMCS_EXIT_MSR_LOAD_COUNT, exit);
	vmx->perf.entry = entry;
	vmx->perf.exit = exit;
}

/*
 * PEBS goes on for a while after it is off, until a record is written: it is
 * off during all of the loop. The entries' list is for an NMI in there, in
 * which perf may switch it on.
 */
static void vmx_stop_pebs(struct vmx_vcpu *vmx, u64 host)
{
	vmx->perf.pebs = host;
	wrmsrl(MSR_IA32_PEBS_ENABLE, 0);
}

/* Nothing of it differs unless somebody uses perf just now. */
void vmx_perf_load_guest(struct vmx_vcpu *vmx)
{
	const struct perf_guest_switch_msr *m;
	u32 entry = 0, exit = 0;
	int nr = 0, i;

	m = perf_guest_get_msrs(&nr, NULL);
	for (i = 0; m && i < nr && i < NR_MSRS; i++, m++) {
		if (likely(m->host == m->guest))
			continue;
		vmx_entry_list(vmx)[entry++] = (struct vmx_list_msr) {
			.index = m->msr, .value = m->guest,
		};
		if (m->msr == MSR_IA32_PEBS_ENABLE)
			vmx_stop_pebs(vmx, m->host);
		else
			vmx_exit_list(vmx)[exit++] = (struct vmx_list_msr) {
				.index = m->msr, .value = m->host,
			};
	}
	if (entry | exit | vmx->perf.entry | vmx->perf.exit)
		vmx_set_lists(vmx, entry, exit);
}

void vmx_perf_load_host(struct vmx_vcpu *vmx)
{
	if (likely(!vmx->perf.pebs))
		return;
	wrmsrl(MSR_IA32_PEBS_ENABLE, vmx->perf.pebs);
	vmx->perf.pebs = 0;
}
