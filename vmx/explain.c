// SPDX-License-Identifier: GPL-2.0
/*
 * Why a VM entry failed: the checks of SDM vol. 3, chapter 27, over the VMCS
 * as it is, and the VM-instruction errors of 31.4. Called through the ops
 * table after an entry that failed; guest-state checks: explain_guest.c.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/trapnr.h>
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

/*
 * 27.2.1.1: VM-execution control fields
 */

static bool not_allowed(u32 value, u32 msr)
{
	u64 cap;

	if (rdmsrl_safe(msr, &cap))
		return false;
	return (~value & (u32)cap) || (value & ~(u32)(cap >> 32));
}

static bool pin_reserved(const struct vmx_check *c)
{
	return not_allowed(c->pin, MSR_IA32_VMX_TRUE_PINBASED_CTLS);
}

static bool cpu_reserved(const struct vmx_check *c)
{
	return not_allowed(c->cpu, MSR_IA32_VMX_TRUE_PROCBASED_CTLS);
}

static bool cpu2_reserved(const struct vmx_check *c)
{
	return (c->cpu & CPU_SECONDARY) &&
		not_allowed(c->cpu2, MSR_IA32_VMX_PROCBASED_CTLS2);
}

static bool cr3_targets(const struct vmx_check *c)
{
	return vmx_vmread(VMCS_CR3_TARGET_COUNT) > 4;
}

static bool bad_page(u64 pa)
{
	return pa & (vmx_beyond_memory() | ~PAGE_MASK);
}

static bool msr_bitmap(const struct vmx_check *c)
{
	return (c->cpu & CPU_MSR_BITMAPS) &&
		bad_page(vmx_vmread(VMCS_MSR_BITMAP));
}

static bool virtual_apic(const struct vmx_check *c)
{
	return (c->cpu & CPU_TPR_SHADOW) &&
		bad_page(vmx_vmread(VMCS_VIRTUAL_APIC));
}

static bool tpr_threshold_high(const struct vmx_check *c)
{
	return (c->cpu & CPU_TPR_SHADOW) &&
		!(c->cpu2 & CPU2_INTERRUPT_DELIVERY) &&
		vmx_vmread(VMCS_TPR_THRESHOLD) >> 4;
}

static bool tpr_threshold(const struct vmx_check *c)
{
	return (c->cpu & CPU_TPR_SHADOW) &&
		!(c->cpu2 & (CPU2_INTERRUPT_DELIVERY | CPU2_APIC_ACCESSES)) &&
		(vmx_vmread(VMCS_TPR_THRESHOLD) & 0xf) >
		c->vmx->virtual_apic[VIRTUAL_APIC_TPR] >> 4;
}

static bool apic_without_tpr(const struct vmx_check *c)
{
	return !(c->cpu & CPU_TPR_SHADOW) &&
		(c->cpu2 & (CPU2_X2APIC_MODE | CPU2_APIC_REGISTERS |
			    CPU2_INTERRUPT_DELIVERY));
}

static bool virtual_nmis(const struct vmx_check *c)
{
	return !(c->pin & PIN_NMI) && (c->pin & PIN_VIRTUAL_NMIS);
}

static bool nmi_window(const struct vmx_check *c)
{
	return !(c->pin & PIN_VIRTUAL_NMIS) && (c->cpu & CPU_NMI_WINDOW);
}

static bool vpid_zero(const struct vmx_check *c)
{
	return (c->cpu2 & CPU2_VPID) && !vmx_vmread(VMCS_VPID);
}

static bool eptp(const struct vmx_check *c)
{
	u64 eptp = vmx_vmread(VMCS_EPTP);

	if (!(c->cpu2 & CPU2_EPT))
		return false;
	return (eptp & 7) != EPTP_MEMORY_TYPE_WB ||
		(eptp & 0x38) != EPTP_LEVELS(vmx_features.ept_levels) ||
		((eptp & EPTP_ACCESSED_DIRTY) && !vmx_features.ept_dirty) ||
		(eptp & (vmx_beyond_memory() | 0xf00));
}

static bool unrestricted(const struct vmx_check *c)
{
	return (c->cpu2 & CPU2_UNRESTRICTED_GUEST) && !(c->cpu2 & CPU2_EPT);
}

/*
 * 27.2.1.2, 27.2.1.3: VM-exit and VM-entry control fields
 */

static bool exit_reserved(const struct vmx_check *c)
{
	return not_allowed(c->exit, MSR_IA32_VMX_TRUE_EXIT_CTLS);
}

static bool entry_reserved(const struct vmx_check *c)
{
	return not_allowed(c->entry, MSR_IA32_VMX_TRUE_ENTRY_CTLS);
}

static bool entry_smm(const struct vmx_check *c)
{
	return c->entry & (ENTRY_SMM | ENTRY_DUAL_MONITOR);
}

static bool intr_type(const struct vmx_check *c)
{
	return (c->intr & VMX_INTR_VALID) &&
		(c->intr & VMX_INTR_TYPE) == 1 << 8;
}

static bool intr_vector(const struct vmx_check *c)
{
	u8 vector = c->intr & VMX_INTR_VECTOR;

	if (!(c->intr & VMX_INTR_VALID))
		return false;
	switch (c->intr & VMX_INTR_TYPE) {
	case VMX_INTR_TYPE_NMI:
		return vector != X86_TRAP_NMI;
	case VMX_INTR_TYPE_EXCEPTION:
		return vector > 31;
	case VMX_INTR_TYPE_OTHER:
		return vector != 0;
	default:
		return false;
	}
}

static bool has_error_code(const struct vmx_check *c)
{
	const u32 with = BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) |
		BIT(X86_TRAP_NP) | BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) |
		BIT(X86_TRAP_PF) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_CP);

	return (c->intr & VMX_INTR_TYPE) == VMX_INTR_TYPE_EXCEPTION &&
		(with & BIT(c->intr & 31)) && (c->cr0 & X86_CR0_PE);
}

static bool intr_error(const struct vmx_check *c)
{
	return (c->intr & VMX_INTR_VALID) &&
		!(c->intr & VMX_INTR_ERROR) == has_error_code(c);
}

static bool intr_reserved(const struct vmx_check *c)
{
	return (c->intr & VMX_INTR_VALID) && (c->intr & VMX_INTR_RESERVED);
}

static bool intr_error_code(const struct vmx_check *c)
{
	return (c->intr & VMX_INTR_VALID) && (c->intr & VMX_INTR_ERROR) &&
		vmx_vmread(VMCS_ENTRY_ERROR_CODE) >> 16;
}

static bool intr_length(const struct vmx_check *c)
{
	u32 length = vmx_vmread(VMCS_ENTRY_INSN_LEN);

	if (!(c->intr & VMX_INTR_VALID))
		return false;
	switch (c->intr & VMX_INTR_TYPE) {
	case VMX_INTR_TYPE_SOFT_INTR:
	case VMX_INTR_TYPE_PRIVILEGED:
	case VMX_INTR_TYPE_SOFT_EXCEPTION:
		return length > 15 || !length;
	default:
		return false;
	}
}

/*
 * 27.2.2 to 27.2.4: the host-state area
 */

static bool host_cr0(const struct vmx_check *c)
{
	u64 cr0 = vmx_vmread(VMCS_HOST_CR0);

	return (~cr0 & vmx_features.cr0_fixed0) ||
		(cr0 & ~vmx_features.cr0_fixed1);
}

static bool host_cr4(const struct vmx_check *c)
{
	u64 cr4 = vmx_vmread(VMCS_HOST_CR4);

	return (~cr4 & vmx_features.cr4_fixed0) ||
		(cr4 & ~vmx_features.cr4_fixed1);
}

static bool host_cr3(const struct vmx_check *c)
{
	return vmx_vmread(VMCS_HOST_CR3) & vmx_beyond_memory();
}

static bool host_sysenter(const struct vmx_check *c)
{
	return !vmx_canonical(vmx_vmread(VMCS_HOST_SYSENTER_ESP)) ||
		!vmx_canonical(vmx_vmread(VMCS_HOST_SYSENTER_EIP));
}

static bool host_pat(const struct vmx_check *c)
{
	return (c->exit & EXIT_LOAD_PAT) &&
		vmx_bad_pat(vmx_vmread(VMCS_HOST_PAT));
}

static bool host_efer(const struct vmx_check *c)
{
	u64 efer = vmx_vmread(VMCS_HOST_EFER);
	u64 both = EFER_LMA | EFER_LME;

	return (c->exit & EXIT_LOAD_EFER) && (efer & both) != both;
}

static bool host_selectors(const struct vmx_check *c)
{
	u16 all = vmx_vmread(VMCS_HOST_CS_SELECTOR) |
		vmx_vmread(VMCS_HOST_SS_SELECTOR) |
		vmx_vmread(VMCS_HOST_DS_SELECTOR) |
		vmx_vmread(VMCS_HOST_ES_SELECTOR) |
		vmx_vmread(VMCS_HOST_FS_SELECTOR) |
		vmx_vmread(VMCS_HOST_GS_SELECTOR) |
		vmx_vmread(VMCS_HOST_TR_SELECTOR);

	return all & (SEGMENT_RPL_MASK | SEGMENT_TI_MASK);
}

static bool host_null(const struct vmx_check *c)
{
	return !vmx_vmread(VMCS_HOST_CS_SELECTOR) ||
		!vmx_vmread(VMCS_HOST_TR_SELECTOR);
}

static bool host_bases(const struct vmx_check *c)
{
	return !vmx_canonical(vmx_vmread(VMCS_HOST_FS_BASE)) ||
		!vmx_canonical(vmx_vmread(VMCS_HOST_GS_BASE)) ||
		!vmx_canonical(vmx_vmread(VMCS_HOST_GDTR_BASE)) ||
		!vmx_canonical(vmx_vmread(VMCS_HOST_IDTR_BASE)) ||
		!vmx_canonical(vmx_vmread(VMCS_HOST_TR_BASE));
}

static bool host_64bit(const struct vmx_check *c)
{
	return !(c->exit & EXIT_HOST_64BIT) ||
		!(vmx_vmread(VMCS_HOST_CR4) & X86_CR4_PAE);
}

static bool host_rip(const struct vmx_check *c)
{
	return !vmx_canonical(vmx_vmread(VMCS_HOST_RIP));
}

/* In the order of the manual. */
static const struct vmx_rule vmx_control_rules[] = {
	{ pin_reserved, "pin-based controls: reserved bits", "27.2.1.1" },
	{ cpu_reserved, "primary controls: reserved bits", "27.2.1.1" },
	{ cpu2_reserved, "secondary controls: reserved bits", "27.2.1.1" },
	{ cr3_targets, "more than 4 CR3 targets", "27.2.1.1" },
	{ msr_bitmap, "MSR bitmap: bad address", "27.2.1.1" },
	{ virtual_apic, "virtual-APIC page: bad address", "27.2.1.1" },
	{ tpr_threshold_high, "TPR threshold: reserved bits", "27.2.1.1" },
	{ tpr_threshold, "TPR threshold above the TPR", "27.2.1.1" },
	{ apic_without_tpr, "APIC virtualization without TPR shadow",
	  "27.2.1.1" },
	{ virtual_nmis, "virtual NMIs without NMI exiting", "27.2.1.1" },
	{ nmi_window, "NMI-window exiting without virtual NMIs", "27.2.1.1" },
	{ vpid_zero, "VPID is 0", "27.2.1.1" },
	{ eptp, "EPT pointer: bad type, levels or address", "27.2.1.1" },
	{ unrestricted, "unrestricted guest without EPT", "27.2.1.1" },
	{ exit_reserved, "VM-exit controls: reserved bits", "27.2.1.2" },
	{ entry_reserved, "VM-entry controls: reserved bits", "27.2.1.3" },
	{ entry_smm, "VM-entry controls: SMM outside SMM", "27.2.1.3" },
	{ intr_type, "injected event: reserved type", "27.2.1.3" },
	{ intr_vector, "injected event: vector does not fit its type",
	  "27.2.1.3" },
	{ intr_error, "injected event: error code missing or too much",
	  "27.2.1.3" },
	{ intr_reserved, "injected event: reserved bits", "27.2.1.3" },
	{ intr_error_code, "injected event: error code has over 16 bits",
	  "27.2.1.3" },
	{ intr_length, "injected event: instruction length", "27.2.1.3" },
	{ NULL },
};

static const struct vmx_rule vmx_host_rules[] = {
	{ host_cr0, "host CR0: fixed bits", "27.2.2" },
	{ host_cr4, "host CR4: fixed bits", "27.2.2" },
	{ host_cr3, "host CR3: reserved bits", "27.2.2" },
	{ host_sysenter, "host SYSENTER ESP or EIP not canonical", "27.2.2" },
	{ host_pat, "host PAT: reserved memory type", "27.2.2" },
	{ host_efer, "host EFER: LMA and LME must be 1", "27.2.2" },
	{ host_selectors, "host selector: TI or RPL is not 0", "27.2.3" },
	{ host_null, "host CS or TR is null", "27.2.3" },
	{ host_bases, "host base address not canonical", "27.2.3" },
	{ host_64bit, "host is not in 64-bit mode", "27.2.4" },
	{ host_rip, "host RIP not canonical", "27.2.4" },
	{ NULL },
};

/* SDM vol. 3, 31.4; the ones a VM entry can end with, and their kin */
static const char *const vmx_errors[] = {
	[1] = "VMCALL in VMX root operation",
	[2] = "VMCLEAR with an invalid address",
	[3] = "VMCLEAR with the VMXON pointer",
	[4] = "VMLAUNCH with a VMCS that is not clear",
	[5] = "VMRESUME with a VMCS that is not launched",
	[6] = "VMRESUME after VMXOFF",
	[7] = "VM entry with invalid control fields",
	[8] = "VM entry with invalid host state",
	[9] = "VMPTRLD with an invalid address",
	[10] = "VMPTRLD with the VMXON pointer",
	[11] = "VMPTRLD with another revision identifier",
	[12] = "VMREAD or VMWRITE of a field that does not exist",
	[13] = "VMWRITE of a read-only field",
	[15] = "VMXON in VMX root operation",
	[26] = "VM entry with events blocked by MOV SS",
	[28] = "INVEPT or INVVPID with an invalid operand",
};

/* What a VM entry gives up with after the checks (27.8). */
static const char *vmx_entry_error(u32 reason)
{
	switch (reason & VMX_REASON_BASIC) {
	case VMX_EXIT_BAD_GUEST_STATE:
		return "invalid guest state";
	case VMX_EXIT_BAD_MSR_LOAD:
		return "VM-entry MSR loading";
	default:
		return "unknown reason";
	}
}

static void vmx_check_read(struct vmx_check *c, struct vmx_vcpu *vmx)
{
	unsigned int n;

	c->vmx = vmx;
	c->pin = vmx_vmread(VMCS_PIN_CONTROLS);
	c->cpu = vmx_vmread(VMCS_CPU_CONTROLS);
	c->cpu2 = c->cpu & CPU_SECONDARY ? vmx_vmread(VMCS_CPU2_CONTROLS) : 0;
	c->exit = vmx_vmread(VMCS_EXIT_CONTROLS);
	c->entry = vmx_vmread(VMCS_ENTRY_CONTROLS);
	c->intr = vmx_vmread(VMCS_ENTRY_INTR_INFO);
	c->blocking = vmx_vmread(VMCS_GUEST_INTERRUPTIBILITY);
	c->cr0 = vmx_vmread(VMCS_GUEST_CR0);
	c->cr3 = vmx_vmread(VMCS_GUEST_CR3);
	c->cr4 = vmx_vmread(VMCS_GUEST_CR4);
	c->efer = vmx_vmread(VMCS_GUEST_EFER);
	c->rip = vmx_vmread(VMCS_GUEST_RIP);
	c->rflags = vmx_vmread(VMCS_GUEST_RFLAGS);
	for (n = 0; n < DUET_NR_SEGS; n++)
		c->seg[n] = (struct duet_segment) {
			.base = vmx_vmread(VMCS_GUEST_BASE(n)),
			.limit = vmx_vmread(VMCS_GUEST_LIMIT(n)),
			.ar = vmx_vmread(VMCS_GUEST_AR(n)),
			.selector = vmx_vmread(VMCS_GUEST_SELECTOR(n)),
		};
	c->ia32e = c->entry & ENTRY_IA32E;
	c->v86 = c->rflags & X86_EFLAGS_VM;
	c->unrestricted = c->cpu2 & CPU2_UNRESTRICTED_GUEST;
}

static int vmx_walk_rules(const struct vmx_rule *rule,
			  const struct vmx_check *c, char *buf, size_t size,
			  int n)
{
	int start = n;

	for (; rule->broken; rule++)
		if (rule->broken(c))
			n += scnprintf(buf + n, size - n, "%s%s (%s)",
				       n == start ? ": " : "; ", rule->rule,
				       rule->section);
	if (n == start)
		n += scnprintf(buf + n, size - n,
			       ": no rule known here is broken");
	return n;
}

void vmx_explain(struct duet_vcpu *vcpu, char *buf, size_t size)
{
	u64 reason = vcpu->exit.hw_reason;
	struct vmx_check c;
	int n;

	if (!size)
		return;
	if (reason == ~0ULL) {
		scnprintf(buf, size,
			  "a VMX instruction faulted: this CPU left VMX operation (SDM vol. 3, 31.2)");
		return;
	}
	vmx_check_read(&c, to_vmx(vcpu));
	n = scnprintf(buf, size, "SDM vol. 3: ");
	if (reason & VMX_REASON_ENTRY_FAILED) {
		n += scnprintf(buf + n, size - n, "%s",
			       vmx_entry_error(reason));
		vmx_walk_rules(vmx_guest_rules, &c, buf, size, n);
		return;
	}
	n += scnprintf(buf + n, size - n, "%s",
		       reason < ARRAY_SIZE(vmx_errors) && vmx_errors[reason] ?
		       vmx_errors[reason] : "unknown VM-instruction error");
	if (reason == 7)
		vmx_walk_rules(vmx_control_rules, &c, buf, size, n);
	else if (reason == 8)
		vmx_walk_rules(vmx_host_rules, &c, buf, size, n);
}
