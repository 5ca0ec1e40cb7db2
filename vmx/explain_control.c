// SPDX-License-Identifier: GPL-2.0
/*
 * Why a VM entry failed: the checks on VM-execution, VM-exit and VM-entry
 * control fields (SDM vol. 3, 27.2.1). Called through explain.c's rules; calls
 * nothing.
 *
 * Not here: what only the tertiary controls, Intel PT, sub-page permissions
 * and the like ask for, which no VMCS of ours can have.
 */
#include <linux/kernel.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include "vmx/explain.h"

/* IA32_VMX_MISC (SDM vol. 3, A.6) */
#define MISC_CR3_TARGETS_SHIFT	16
#define MISC_CR3_TARGETS	0x1ff
#define MISC_ZERO_LENGTH	BIT_ULL(30)

/* IA32_VMX_BASIC (A.1): an error code is software's choice */
#define BASIC_ANY_ERROR_CODE	BIT_ULL(56)

/* IA32_VMX_EPT_VPID_CAP (A.10) */
#define CAP_EPT_LEVELS_4	BIT_ULL(6)
#define CAP_EPT_LEVELS_5	BIT_ULL(7)
#define CAP_EPT_UC		BIT_ULL(8)
#define CAP_EPT_WB		BIT_ULL(14)
#define CAP_EPT_SHADOW_STACK	BIT_ULL(23)

/*
 * 27.2.1.1: VM-execution control fields
 */

/* By the MSR that knows which defaults may be 0, if there is one (A.2). */
static bool not_allowed(u32 value, u32 true_msr)
{
	u64 cap = vmx_capability(true_msr);

	if (!cap)
		cap = vmx_capability(true_msr +
				     MSR_IA32_VMX_PINBASED_CTLS -
				     MSR_IA32_VMX_TRUE_PINBASED_CTLS);
	return (~value & (u32)cap) || (value & ~(u32)(cap >> 32));
}

static bool pin_reserved(const struct duet_fields *f)
{
	return not_allowed(f->pin, MSR_IA32_VMX_TRUE_PINBASED_CTLS);
}

static bool cpu_reserved(const struct duet_fields *f)
{
	return not_allowed(f->cpu, MSR_IA32_VMX_TRUE_PROCBASED_CTLS);
}

static bool cpu2_reserved(const struct duet_fields *f)
{
	u64 cap = vmx_capability(MSR_IA32_VMX_PROCBASED_CTLS2);

	return f->cpu2 & ~(u32)(cap >> 32);
}

static bool cr3_targets(const struct duet_fields *f)
{
	u32 most = vmx_capability(MSR_IA32_VMX_MISC) >> MISC_CR3_TARGETS_SHIFT;

	return vmx_vmread(VMCS_CR3_TARGET_COUNT) > (most & MISC_CR3_TARGETS);
}

static bool io_bitmaps(const struct duet_fields *f)
{
	return (f->cpu & CPU_IO_BITMAPS) &&
		(vmx_bad_page(vmx_vmread(VMCS_IO_BITMAP_A)) ||
		 vmx_bad_page(vmx_vmread(VMCS_IO_BITMAP_B)));
}

static bool msr_bitmap(const struct duet_fields *f)
{
	return (f->cpu & CPU_MSR_BITMAPS) &&
		vmx_bad_page(vmx_vmread(VMCS_MSR_BITMAP));
}

static bool virtual_apic(const struct duet_fields *f)
{
	return (f->cpu & CPU_TPR_SHADOW) &&
		vmx_bad_page(vmx_vmread(VMCS_VIRTUAL_APIC));
}

static bool tpr_threshold_high(const struct duet_fields *f)
{
	return (f->cpu & CPU_TPR_SHADOW) &&
		!(f->cpu2 & CPU2_INTERRUPT_DELIVERY) &&
		vmx_vmread(VMCS_TPR_THRESHOLD) >> 4;
}

static bool tpr_threshold(const struct duet_fields *f)
{
	return (f->cpu & CPU_TPR_SHADOW) &&
		!(f->cpu2 & (CPU2_INTERRUPT_DELIVERY | CPU2_APIC_ACCESSES)) &&
		(vmx_vmread(VMCS_TPR_THRESHOLD) & 0xf) >
		f->vmx->virtual_apic[VIRTUAL_APIC_TPR] >> 4;
}

static bool virtual_nmis(const struct duet_fields *f)
{
	return !(f->pin & PIN_NMI) && (f->pin & PIN_VIRTUAL_NMIS);
}

static bool nmi_window(const struct duet_fields *f)
{
	return !(f->pin & PIN_VIRTUAL_NMIS) && (f->cpu & CPU_NMI_WINDOW);
}

static bool apic_access(const struct duet_fields *f)
{
	return (f->cpu2 & CPU2_APIC_ACCESSES) &&
		vmx_bad_page(vmx_vmread(VMCS_APIC_ACCESS));
}

static bool apic_without_tpr(const struct duet_fields *f)
{
	return !(f->cpu & CPU_TPR_SHADOW) &&
		(f->cpu2 & (CPU2_X2APIC_MODE | CPU2_APIC_REGISTERS |
			    CPU2_INTERRUPT_DELIVERY));
}

static bool x2apic_mode(const struct duet_fields *f)
{
	return (f->cpu2 & CPU2_X2APIC_MODE) && (f->cpu2 & CPU2_APIC_ACCESSES);
}

static bool interrupt_delivery(const struct duet_fields *f)
{
	return (f->cpu2 & CPU2_INTERRUPT_DELIVERY) &&
		!(f->pin & PIN_EXTERNAL_INTERRUPT);
}

static bool posted_controls(const struct duet_fields *f)
{
	return (f->pin & PIN_POSTED_INTERRUPTS) &&
		(!(f->cpu2 & CPU2_INTERRUPT_DELIVERY) ||
		 !(f->exit & EXIT_ACK_INTERRUPT));
}

static bool posted_vector(const struct duet_fields *f)
{
	return (f->pin & PIN_POSTED_INTERRUPTS) &&
		vmx_vmread(VMCS_POSTED_VECTOR) >> 8;
}

static bool posted_descriptor(const struct duet_fields *f)
{
	return (f->pin & PIN_POSTED_INTERRUPTS) &&
		vmx_vmread(VMCS_POSTED_DESCRIPTOR) & (vmx_beyond_memory() | 63);
}

static bool vpid_zero(const struct duet_fields *f)
{
	return (f->cpu2 & CPU2_VPID) && !vmx_vmread(VMCS_VPID);
}

static bool eptp_type(const struct duet_fields *f)
{
	u64 cap = vmx_capability(MSR_IA32_VMX_EPT_VPID_CAP);

	if (!(f->cpu2 & CPU2_EPT))
		return false;
	switch (vmx_vmread(VMCS_EPTP) & EPTP_MEMORY_TYPE) {
	case EPTP_MEMORY_TYPE_UC:
		return !(cap & CAP_EPT_UC);
	case EPTP_MEMORY_TYPE_WB:
		return !(cap & CAP_EPT_WB);
	default:
		return true;
	}
}

static bool eptp_levels(const struct duet_fields *f)
{
	u64 cap = vmx_capability(MSR_IA32_VMX_EPT_VPID_CAP);

	if (!(f->cpu2 & CPU2_EPT))
		return false;
	switch (vmx_vmread(VMCS_EPTP) & EPTP_LEVELS_MASK) {
	case EPTP_LEVELS(4):
		return !(cap & CAP_EPT_LEVELS_4);
	case EPTP_LEVELS(5):
		return !(cap & CAP_EPT_LEVELS_5);
	default:
		return true;
	}
}

static bool eptp_reserved(const struct duet_fields *f)
{
	u64 cap = vmx_capability(MSR_IA32_VMX_EPT_VPID_CAP);
	u64 reserved = vmx_beyond_memory() | EPTP_RESERVED;

	if (!vmx_features.ept_dirty)
		reserved |= EPTP_ACCESSED_DIRTY;
	if (cap & CAP_EPT_SHADOW_STACK)
		reserved &= ~BIT_ULL(7);
	return (f->cpu2 & CPU2_EPT) && (vmx_vmread(VMCS_EPTP) & reserved);
}

static bool needs_ept(const struct duet_fields *f)
{
	return (f->cpu2 & (CPU2_UNRESTRICTED_GUEST | CPU2_PML |
			   CPU2_MODE_BASED_EXECUTE)) &&
		!(f->cpu2 & CPU2_EPT);
}

static bool pml(const struct duet_fields *f)
{
	return (f->cpu2 & CPU2_PML) && vmx_bad_page(vmx_vmread(VMCS_PML));
}

static bool vm_functions(const struct duet_fields *f)
{
	return (f->cpu2 & CPU2_VM_FUNCTIONS) &&
		(vmx_vmread(VMCS_VM_FUNCTIONS) &
		 ~vmx_capability(MSR_IA32_VMX_VMFUNC));
}

static bool eptp_list(const struct duet_fields *f)
{
	if (!(f->cpu2 & CPU2_VM_FUNCTIONS) ||
	    !(vmx_vmread(VMCS_VM_FUNCTIONS) & VM_FUNCTION_EPTP_SWITCHING))
		return false;
	return !(f->cpu2 & CPU2_EPT) ||
		vmx_bad_page(vmx_vmread(VMCS_EPTP_LIST));
}

static bool shadow_bitmaps(const struct duet_fields *f)
{
	return (f->cpu2 & CPU2_VMCS_SHADOWING) &&
		(vmx_bad_page(vmx_vmread(VMCS_VMREAD_BITMAP)) ||
		 vmx_bad_page(vmx_vmread(VMCS_VMWRITE_BITMAP)));
}

static bool ve_information(const struct duet_fields *f)
{
	return (f->cpu2 & CPU2_EPT_VE) &&
		vmx_bad_page(vmx_vmread(VMCS_VE_INFORMATION));
}

/*
 * 27.2.1.2, 27.2.1.3: VM-exit and VM-entry control fields
 */

/* Sixteen bytes for each MSR, aligned. */
static bool msr_area(unsigned long count, unsigned long address)
{
	u64 n = vmx_vmread(count), pa = vmx_vmread(address);

	return n && ((pa & 15) ||
		     ((pa | (pa + n * 16 - 1)) & vmx_beyond_memory()));
}

static bool exit_reserved(const struct duet_fields *f)
{
	return not_allowed(f->exit, MSR_IA32_VMX_TRUE_EXIT_CTLS);
}

static bool exit_timer(const struct duet_fields *f)
{
	return !(f->pin & PIN_PREEMPTION_TIMER) && (f->exit & EXIT_SAVE_TIMER);
}

static bool exit_msr_store(const struct duet_fields *f)
{
	return msr_area(VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_STORE);
}

static bool exit_msr_load(const struct duet_fields *f)
{
	return msr_area(VMCS_EXIT_MSR_LOAD_COUNT, VMCS_EXIT_MSR_LOAD);
}

static bool entry_reserved(const struct duet_fields *f)
{
	return not_allowed(f->entry, MSR_IA32_VMX_TRUE_ENTRY_CTLS);
}

static bool intr_type(const struct duet_fields *f)
{
	u32 type = f->intr & VMX_INTR_TYPE;
	u64 cpu = vmx_capability(MSR_IA32_VMX_PROCBASED_CTLS) >> 32;

	if (!(f->intr & VMX_INTR_VALID))
		return false;
	return type == VMX_INTR_TYPE_RESERVED ||
		(type == VMX_INTR_TYPE_OTHER && !(cpu & CPU_MONITOR_TRAP));
}

static bool intr_vector(const struct duet_fields *f)
{
	u8 vector = f->intr & VMX_INTR_VECTOR;

	if (!(f->intr & VMX_INTR_VALID))
		return false;
	switch (f->intr & VMX_INTR_TYPE) {
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

static bool has_error_code(const struct duet_fields *f)
{
	const u32 with = BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) |
		BIT(X86_TRAP_NP) | BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) |
		BIT(X86_TRAP_PF) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_CP);

	return (f->intr & VMX_INTR_VECTOR) < 32 &&
		(with & BIT(f->intr & VMX_INTR_VECTOR));
}

static bool intr_error(const struct duet_fields *f)
{
	bool exception = (f->intr & VMX_INTR_TYPE) == VMX_INTR_TYPE_EXCEPTION &&
		(f->cr0 & X86_CR0_PE);
	bool error = f->intr & VMX_INTR_ERROR;

	if (!(f->intr & VMX_INTR_VALID))
		return false;
	if (!exception)
		return error;
	return error != has_error_code(f) &&
		!(vmx_capability(MSR_IA32_VMX_BASIC) & BASIC_ANY_ERROR_CODE);
}

static bool intr_reserved(const struct duet_fields *f)
{
	return (f->intr & VMX_INTR_VALID) && (f->intr & VMX_INTR_RESERVED);
}

static bool intr_error_code(const struct duet_fields *f)
{
	return (f->intr & VMX_INTR_VALID) && (f->intr & VMX_INTR_ERROR) &&
		vmx_vmread(VMCS_ENTRY_ERROR_CODE) >> 16;
}

static bool intr_length(const struct duet_fields *f)
{
	u32 length = vmx_vmread(VMCS_ENTRY_INSN_LEN);

	if (!(f->intr & VMX_INTR_VALID))
		return false;
	switch (f->intr & VMX_INTR_TYPE) {
	case VMX_INTR_TYPE_SOFT_INTR:
	case VMX_INTR_TYPE_PRIVILEGED:
	case VMX_INTR_TYPE_SOFT_EXCEPTION:
		return length > 15 ||
			(!length && !(vmx_capability(MSR_IA32_VMX_MISC) &
				      MISC_ZERO_LENGTH));
	default:
		return false;
	}
}

static bool entry_msr_load(const struct duet_fields *f)
{
	return msr_area(VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD);
}

static bool entry_smm(const struct duet_fields *f)
{
	return f->entry & (ENTRY_SMM | ENTRY_DUAL_MONITOR);
}

/* What is injected where a rule is about that; vectors that guests handle. */
#define INJECT(info)	PUT(VMCS_ENTRY_INTR_INFO, VMX_INTR_VALID | (info))

/* Bit 1 of each group is 1 since the first CPU that had it (A.2 to A.5). */
const struct duet_rule vmx_control_rules[] = {
	DUET_RULE(pin_reserved, "pin-based controls: reserved bits",
		  "27.2.1.1", CLEAR(VMCS_PIN_CONTROLS, BIT(1))),
	DUET_RULE(cpu_reserved, "primary controls: reserved bits",
		  "27.2.1.1", CLEAR(VMCS_CPU_CONTROLS, BIT(1))),
	DUET_RULE(cpu2_reserved, "secondary controls: reserved bits",
		  "27.2.1.1", SET(VMCS_CPU2_CONTROLS, BIT(29))),
	DUET_RULE(cr3_targets, "too many CR3 targets",
		  "27.2.1.1", PUT(VMCS_CR3_TARGET_COUNT, 512)),
	DUET_RULE(io_bitmaps, "I/O bitmaps: bad address",
		  "27.2.1.1", SET(VMCS_CPU_CONTROLS, CPU_IO_BITMAPS),
		  SET(VMCS_IO_BITMAP_B, ODD)),
	DUET_RULE(msr_bitmap, "MSR bitmap: bad address",
		  "27.2.1.1", SET(VMCS_MSR_BITMAP, ODD)),
	DUET_RULE(virtual_apic, "virtual-APIC page: bad address",
		  "27.2.1.1", NEED(VMCS_CPU_CONTROLS, CPU_TPR_SHADOW),
		  SET(VMCS_VIRTUAL_APIC, ODD)),
	DUET_RULE(tpr_threshold_high, "TPR threshold: reserved bits",
		  "27.2.1.1", NEED(VMCS_CPU_CONTROLS, CPU_TPR_SHADOW),
		  PUT(VMCS_TPR_THRESHOLD, 0x10)),
	DUET_RULE(tpr_threshold, "TPR threshold above the TPR",
		  "27.2.1.1", NEED(VMCS_CPU_CONTROLS, CPU_TPR_SHADOW),
		  PUT(VMCS_TPR_THRESHOLD, 0xf)),
	DUET_RULE(virtual_nmis, "virtual NMIs without NMI exiting",
		  "27.2.1.1", CLEAR(VMCS_PIN_CONTROLS, PIN_NMI)),
	DUET_RULE(nmi_window, "NMI-window exiting without virtual NMIs",
		  "27.2.1.1", CLEAR(VMCS_PIN_CONTROLS, PIN_VIRTUAL_NMIS),
		  SET(VMCS_CPU_CONTROLS, CPU_NMI_WINDOW)),
	DUET_RULE(apic_access, "APIC-access page: bad address",
		  "27.2.1.1", NEED(VMCS_CPU2_CONTROLS, CPU2_APIC_ACCESSES),
		  PUT(VMCS_APIC_ACCESS, ODD)),
	DUET_RULE(apic_without_tpr, "APIC virtualization without TPR shadow",
		  "27.2.1.1", NEED(VMCS_CPU2_CONTROLS, CPU2_X2APIC_MODE),
		  CLEAR(VMCS_CPU_CONTROLS, CPU_TPR_SHADOW)),
	DUET_RULE(x2apic_mode, "virtual x2APIC mode with APIC accesses",
		  "27.2.1.1", NEED(VMCS_CPU2_CONTROLS, CPU2_X2APIC_MODE |
				   CPU2_APIC_ACCESSES),
		  PUT(VMCS_APIC_ACCESS, 0)),
	DUET_RULE(interrupt_delivery,
		  "virtual-interrupt delivery without interrupt exiting",
		  "27.2.1.1", NEED(VMCS_CPU2_CONTROLS, CPU2_INTERRUPT_DELIVERY),
		  CLEAR(VMCS_PIN_CONTROLS, PIN_EXTERNAL_INTERRUPT)),
	DUET_RULE(posted_controls,
		  "posted interrupts without delivery or acknowledgement",
		  "27.2.1.1", NEED(VMCS_PIN_CONTROLS, PIN_POSTED_INTERRUPTS),
		  CLEAR(VMCS_EXIT_CONTROLS, EXIT_ACK_INTERRUPT),
		  PUT(VMCS_POSTED_VECTOR, 0), PUT(VMCS_POSTED_DESCRIPTOR, 0)),
	DUET_RULE(posted_vector, "posted-interrupt vector above 255",
		  "27.2.1.1", NEED(VMCS_PIN_CONTROLS, PIN_POSTED_INTERRUPTS),
		  NEED(VMCS_CPU2_CONTROLS, CPU2_INTERRUPT_DELIVERY),
		  SET(VMCS_EXIT_CONTROLS, EXIT_ACK_INTERRUPT),
		  PUT(VMCS_POSTED_VECTOR, 256), PUT(VMCS_POSTED_DESCRIPTOR, 0)),
	DUET_RULE(posted_descriptor, "posted-interrupt descriptor: bad address",
		  "27.2.1.1", NEED(VMCS_PIN_CONTROLS, PIN_POSTED_INTERRUPTS),
		  NEED(VMCS_CPU2_CONTROLS, CPU2_INTERRUPT_DELIVERY),
		  SET(VMCS_EXIT_CONTROLS, EXIT_ACK_INTERRUPT),
		  PUT(VMCS_POSTED_VECTOR, 0), PUT(VMCS_POSTED_DESCRIPTOR, ODD)),
	DUET_RULE(vpid_zero, "VPID is 0",
		  "27.2.1.1", NEED(VMCS_CPU2_CONTROLS, CPU2_VPID),
		  PUT(VMCS_VPID, 0)),
	DUET_RULE(eptp_type, "EPT pointer: memory type",
		  "27.2.1.1", FLIP(VMCS_EPTP, EPTP_MEMORY_TYPE, 2)),
	DUET_RULE(eptp_levels, "EPT pointer: page-walk length",
		  "27.2.1.1", FLIP(VMCS_EPTP, EPTP_LEVELS_MASK,
				   EPTP_LEVELS(3))),
	DUET_RULE(eptp_reserved, "EPT pointer: reserved bits",
		  "27.2.1.1", SET(VMCS_EPTP, BIT(8))),
	DUET_RULE(needs_ept, "unrestricted guest, PML or the like without EPT",
		  "27.2.1.1", CLEAR(VMCS_CPU2_CONTROLS, CPU2_EPT)),
	DUET_RULE(pml, "page-modification log: bad address",
		  "27.2.1.1", NEED(VMCS_CPU2_CONTROLS, CPU2_PML),
		  PUT(VMCS_PML, ODD)),
	DUET_RULE(vm_functions, "VM-function controls: reserved bits",
		  "27.2.1.1", NEED(VMCS_CPU2_CONTROLS, CPU2_VM_FUNCTIONS),
		  PUT(VMCS_VM_FUNCTIONS, BIT_ULL(63))),
	DUET_RULE(eptp_list, "EPTP list: bad address, or no EPT",
		  "27.2.1.1", NEED(VMCS_CPU2_CONTROLS, CPU2_VM_FUNCTIONS),
		  PUT(VMCS_VM_FUNCTIONS, VM_FUNCTION_EPTP_SWITCHING),
		  PUT(VMCS_EPTP_LIST, ODD)),
	DUET_RULE(shadow_bitmaps, "VMREAD or VMWRITE bitmap: bad address",
		  "27.2.1.1", NEED(VMCS_CPU2_CONTROLS, CPU2_VMCS_SHADOWING),
		  PUT(VMCS_VMREAD_BITMAP, ODD)),
	DUET_RULE(ve_information,
		  "virtualization-exception information: bad address",
		  "27.2.1.1", NEED(VMCS_CPU2_CONTROLS, CPU2_EPT_VE),
		  PUT(VMCS_VE_INFORMATION, ODD)),

	DUET_RULE(exit_reserved, "VM-exit controls: reserved bits",
		  "27.2.1.2", CLEAR(VMCS_EXIT_CONTROLS, BIT(1))),
	DUET_RULE(exit_timer, "preemption timer saved, but not used",
		  "27.2.1.2", NEED(VMCS_EXIT_CONTROLS, EXIT_SAVE_TIMER),
		  CLEAR(VMCS_PIN_CONTROLS, PIN_PREEMPTION_TIMER)),
	DUET_RULE(exit_msr_store, "VM-exit MSR-store area: bad address",
		  "27.2.1.2", PUT(VMCS_EXIT_MSR_STORE_COUNT, 1),
		  PUT(VMCS_EXIT_MSR_STORE, ODD)),
	DUET_RULE(exit_msr_load, "VM-exit MSR-load area: bad address",
		  "27.2.1.2", PUT(VMCS_EXIT_MSR_LOAD_COUNT, 1),
		  PUT(VMCS_EXIT_MSR_LOAD, ODD)),

	DUET_RULE(entry_reserved, "VM-entry controls: reserved bits",
		  "27.2.1.3", CLEAR(VMCS_ENTRY_CONTROLS, BIT(1))),
	DUET_RULE(intr_type, "injected event: reserved type",
		  "27.2.1.3", INJECT(VMX_INTR_TYPE_RESERVED | 0x20)),
	DUET_RULE(intr_vector, "injected event: vector does not fit its type",
		  "27.2.1.3", INJECT(VMX_INTR_TYPE_EXCEPTION | 32)),
	DUET_RULE(intr_error, "injected event: error code missing or too much",
		  "27.2.1.3", INJECT(VMX_INTR_TYPE_EXCEPTION | VMX_INTR_ERROR |
				     X86_TRAP_UD),
		  PUT(VMCS_ENTRY_ERROR_CODE, 0)),
	DUET_RULE(intr_reserved, "injected event: reserved bits",
		  "27.2.1.3", INJECT(VMX_INTR_TYPE_EXCEPTION | BIT(12) |
				     X86_TRAP_UD)),
	DUET_RULE(intr_error_code, "injected event: error code has over 16 bits",
		  "27.2.1.3", INJECT(VMX_INTR_TYPE_EXCEPTION | VMX_INTR_ERROR |
				     X86_TRAP_GP),
		  PUT(VMCS_ENTRY_ERROR_CODE, BIT(16))),
	DUET_RULE(intr_length, "injected event: instruction length",
		  "27.2.1.3", INJECT(VMX_INTR_TYPE_SOFT_INTR | 0x20),
		  PUT(VMCS_ENTRY_INSN_LEN, 16)),
	DUET_RULE(entry_msr_load, "VM-entry MSR-load area: bad address",
		  "27.2.1.3", PUT(VMCS_ENTRY_MSR_LOAD_COUNT, 1),
		  PUT(VMCS_ENTRY_MSR_LOAD, ODD)),
	DUET_RULE(entry_smm, "VM-entry controls: SMM outside SMM",
		  "27.2.1.3", NEED(VMCS_ENTRY_CONTROLS, ENTRY_DUAL_MONITOR)),
	{ },
};
