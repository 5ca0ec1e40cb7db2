// SPDX-License-Identifier: GPL-2.0
/*
 * Why a VM entry failed: the VM-instruction error (SDM vol. 3, 31.4) or the
 * exit reason (27.8), and which rules of 27.2 and 27.3 the VMCS breaks. Called
 * by run.c and exits.c right after the entry; the rules: explain_control.c,
 * explain_host.c, explain_guest.c.
 */
#include <linux/kernel.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/perf_event.h>
#include <asm/processor.h>
#include <asm/processor-flags.h>
#include "vmx/explain.h"

u64 vmx_beyond_memory(void)
{
	return GENMASK_ULL(63, boot_cpu_data.x86_phys_bits);
}

bool vmx_canonical(u64 address)
{
	u8 bits = boot_cpu_has(X86_FEATURE_LA57) ? 57 : 48;

	return sign_extend64(address, bits - 1) == address;
}

/* UC, WC, WT, WP, WB, UC- (SDM vol. 3, 12.12.2) */
bool vmx_bad_pat(u64 pat)
{
	int i;

	for (i = 0; i < 8; i++, pat >>= 8)
		if ((pat & 0xff) > 7 || (pat & 0xff) == 2 || (pat & 0xff) == 3)
			return true;
	return false;
}

/* 0: there is no such MSR, which allows nothing. */
u64 vmx_capability(u32 msr)
{
	u64 value;

	return rdmsrl_safe(msr, &value) ? 0 : value;
}

/* Enable bits of the counters that there are (SDM vol. 3, 20.2.2). */
bool vmx_bad_perf_global(u64 value)
{
	u32 eax = 0, edx = 0, unused;

	if (boot_cpu_data.cpuid_level >= 10)
		cpuid(10, &eax, &unused, &unused, &edx);
	value &= ~(BIT_ULL(eax >> 8 & 0x3f) - 1);
	return value & ~((BIT_ULL(edx & 0x1f) - 1) << 32);
}

/* SDM vol. 3, 31.4; the ones a VM entry can end with, and their kin */
static const char *const vmx_errors[] = {
	[1] = "VMCALL in VMX root operation",
	[2] = "VMCLEAR with an invalid address",
	[3] = "VMCLEAR with the VMXON pointer",
	[4] = "VMLAUNCH with a VMCS that is not clear",
	[5] = "VMRESUME with a VMCS that is not launched",
	[6] = "VMRESUME after VMXOFF",
	[VMX_ERROR_CONTROLS] = "VM entry with invalid control fields",
	[VMX_ERROR_HOST_STATE] = "VM entry with invalid host state",
	[9] = "VMPTRLD with an invalid address",
	[10] = "VMPTRLD with the VMXON pointer",
	[11] = "VMPTRLD with another revision identifier",
	[12] = "VMREAD or VMWRITE of a field that does not exist",
	[13] = "VMWRITE of a read-only field",
	[15] = "VMXON in VMX root operation",
	[26] = "VM entry with events blocked by MOV SS",
	[28] = "INVEPT or INVVPID with an invalid operand",
};

static void vmx_read_fields(struct duet_fields *f, struct vmx_vcpu *vmx)
{
	unsigned int n;

	f->vmx = vmx;
	f->pin = vmx_vmread(VMCS_PIN_CONTROLS);
	f->cpu = vmx_vmread(VMCS_CPU_CONTROLS);
	f->cpu2 = f->cpu & CPU_SECONDARY ? vmx_vmread(VMCS_CPU2_CONTROLS) : 0;
	f->exit = vmx_vmread(VMCS_EXIT_CONTROLS);
	f->entry = vmx_vmread(VMCS_ENTRY_CONTROLS);
	f->intr = vmx_vmread(VMCS_ENTRY_INTR_INFO);
	f->blocking = vmx_vmread(VMCS_GUEST_INTERRUPTIBILITY);
	f->activity = vmx_vmread(VMCS_GUEST_ACTIVITY);
	f->pending = vmx_vmread(VMCS_GUEST_PENDING_DEBUG);
	f->cr0 = vmx_vmread(VMCS_GUEST_CR0);
	f->cr3 = vmx_vmread(VMCS_GUEST_CR3);
	f->cr4 = vmx_vmread(VMCS_GUEST_CR4);
	f->efer = vmx_vmread(VMCS_GUEST_EFER);
	f->rip = vmx_vmread(VMCS_GUEST_RIP);
	f->rflags = vmx_vmread(VMCS_GUEST_RFLAGS);
	for (n = 0; n < DUET_NR_SEGS; n++)
		f->seg[n] = (struct duet_segment) {
			.base = vmx_vmread(VMCS_GUEST_BASE(n)),
			.limit = vmx_vmread(VMCS_GUEST_LIMIT(n)),
			.ar = vmx_vmread(VMCS_GUEST_AR(n)),
			.selector = vmx_vmread(VMCS_GUEST_SELECTOR(n)),
		};
	f->ia32e = f->entry & ENTRY_IA32E;
	f->unrestricted = f->cpu2 & CPU2_UNRESTRICTED_GUEST;
	f->v86 = (f->rflags & X86_EFLAGS_VM) && !f->ia32e &&
		(f->cr0 & X86_CR0_PE);
}

static void vmx_explain_rules(struct vmx_vcpu *vmx, enum duet_rules which)
{
	struct duet_fields f;

	vmx_read_fields(&f, vmx);
	duet_explain_rules(&vmx->vcpu, BIT(which), &f);
}

void vmx_explain_error(struct vmx_vcpu *vmx, u64 error)
{
	const char *text = NULL;

	if (error == VMX_ERROR_NONE) {
		duet_explain(&vmx->vcpu,
			     "a VMX instruction faulted: this CPU left VMX operation (SDM vol. 3, 31.2)");
		return;
	}
	if (error < ARRAY_SIZE(vmx_errors))
		text = vmx_errors[error];
	duet_explain(&vmx->vcpu, "SDM vol. 3: %s", text ?:
		     "unknown VM-instruction error");
	if (error == VMX_ERROR_CONTROLS)
		vmx_explain_rules(vmx, DUET_RULES_CONTROLS);
	else if (error == VMX_ERROR_HOST_STATE)
		vmx_explain_rules(vmx, DUET_RULES_HOST);
}

void vmx_explain_exit(struct vmx_vcpu *vmx, u32 reason)
{
	switch (reason & VMX_REASON_BASIC) {
	case VMX_EXIT_BAD_GUEST_STATE:
		duet_explain(&vmx->vcpu, "SDM vol. 3: invalid guest state");
		vmx_explain_rules(vmx, DUET_RULES_GUEST);
		break;
	case VMX_EXIT_BAD_MSR_LOAD:
		duet_explain(&vmx->vcpu,
			     "SDM vol. 3: VM-entry MSR loading (27.4): entry %llu",
			     vmx->vcpu.exit.hw_qualification);
		break;
	default:
		duet_explain(&vmx->vcpu, "SDM vol. 3: unknown reason (27.8)");
	}
}
