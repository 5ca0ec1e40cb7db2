/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMCS: encodings of its fields (SDM vol. 3, appendix B), grouped as the
 * manual's six areas (25.3), and the bits in them. Includes nothing of Duet;
 * enter.S includes it as well.
 */
#ifndef DUET_VMX_VMCS_H
#define DUET_VMX_VMCS_H

#include <linux/bits.h>

/*
 * 1. Guest-state area (SDM vol. 3, 25.4). Segments stand in the order of
 * enum duet_seg, each 2 after the one before.
 */
#define VMCS_GUEST_SELECTOR(n)		(0x0800 + 2 * (n))
#define VMCS_GUEST_LIMIT(n)		(0x4800 + 2 * (n))
#define VMCS_GUEST_AR(n)		(0x4814 + 2 * (n))
#define VMCS_GUEST_BASE(n)		(0x6806 + 2 * (n))
#define VMCS_LINK_POINTER		0x2800
#define VMCS_GUEST_DEBUGCTL		0x2802
#define VMCS_GUEST_PAT			0x2804
#define VMCS_GUEST_EFER			0x2806
#define VMCS_GUEST_PERF_GLOBAL		0x2808
#define VMCS_GUEST_PDPTE(n)		(0x280a + 2 * (n))
#define VMCS_GUEST_GDTR_LIMIT		0x4810
#define VMCS_GUEST_IDTR_LIMIT		0x4812
#define VMCS_GUEST_INTERRUPTIBILITY	0x4824
#define VMCS_GUEST_ACTIVITY		0x4826
#define VMCS_GUEST_SYSENTER_CS		0x482a
#define VMCS_PREEMPTION_TIMER		0x482e
#define VMCS_GUEST_CR0			0x6800
#define VMCS_GUEST_CR3			0x6802
#define VMCS_GUEST_CR4			0x6804
#define VMCS_GUEST_GDTR_BASE		0x6816
#define VMCS_GUEST_IDTR_BASE		0x6818
#define VMCS_GUEST_DR7			0x681a
#define VMCS_GUEST_RSP			0x681c
#define VMCS_GUEST_RIP			0x681e
#define VMCS_GUEST_RFLAGS		0x6820
#define VMCS_GUEST_PENDING_DEBUG	0x6822
#define VMCS_GUEST_SYSENTER_ESP		0x6824
#define VMCS_GUEST_SYSENTER_EIP		0x6826

/* Interruptibility state (table 25-3) */
#define VMCS_BLOCKING_BY_STI		BIT(0)
#define VMCS_BLOCKING_BY_MOV_SS		BIT(1)
#define VMCS_BLOCKING_BY_SMI		BIT(2)
#define VMCS_BLOCKING_BY_NMI		BIT(3)
#define VMCS_ENCLAVE_INTERRUPTION	BIT(4)
#define VMCS_INTERRUPTIBILITY_RESERVED	0xffffffe0

#define VMCS_ACTIVITY_ACTIVE		0
#define VMCS_ACTIVITY_HLT		1
#define VMCS_ACTIVITY_SHUTDOWN		2
#define VMCS_ACTIVITY_WAIT_SIPI		3

/* Pending debug exceptions (table 25-4) */
#define VMCS_PENDING_DEBUG_ENABLED	BIT(12)
#define VMCS_PENDING_DEBUG_BS		BIT(14)
#define VMCS_PENDING_DEBUG_RTM		BIT(16)
#define VMCS_PENDING_DEBUG_RESERVED	(~0x1500fULL)

/* 2. Host-state area (SDM vol. 3, 25.5) */
#define VMCS_HOST_ES_SELECTOR		0x0c00
#define VMCS_HOST_CS_SELECTOR		0x0c02
#define VMCS_HOST_SS_SELECTOR		0x0c04
#define VMCS_HOST_DS_SELECTOR		0x0c06
#define VMCS_HOST_FS_SELECTOR		0x0c08
#define VMCS_HOST_GS_SELECTOR		0x0c0a
#define VMCS_HOST_TR_SELECTOR		0x0c0c
#define VMCS_HOST_PAT			0x2c00
#define VMCS_HOST_EFER			0x2c02
#define VMCS_HOST_PERF_GLOBAL		0x2c04
#define VMCS_HOST_SYSENTER_CS		0x4c00
#define VMCS_HOST_CR0			0x6c00
#define VMCS_HOST_CR3			0x6c02
#define VMCS_HOST_CR4			0x6c04
#define VMCS_HOST_FS_BASE		0x6c06
#define VMCS_HOST_GS_BASE		0x6c08
#define VMCS_HOST_TR_BASE		0x6c0a
#define VMCS_HOST_GDTR_BASE		0x6c0c
#define VMCS_HOST_IDTR_BASE		0x6c0e
#define VMCS_HOST_SYSENTER_ESP		0x6c10
#define VMCS_HOST_SYSENTER_EIP		0x6c12
#define VMCS_HOST_RSP			0x6c14
#define VMCS_HOST_RIP			0x6c16

/* 3. VM-execution control fields (SDM vol. 3, 25.6) */
#define VMCS_VPID			0x0000
#define VMCS_POSTED_VECTOR		0x0002
#define VMCS_IO_BITMAP_A		0x2000
#define VMCS_IO_BITMAP_B		0x2002
#define VMCS_MSR_BITMAP			0x2004
#define VMCS_PML			0x200e
#define VMCS_TSC_OFFSET			0x2010
#define VMCS_VIRTUAL_APIC		0x2012
#define VMCS_APIC_ACCESS		0x2014
#define VMCS_POSTED_DESCRIPTOR		0x2016
#define VMCS_VM_FUNCTIONS		0x2018
#define VMCS_EPTP			0x201a
#define VMCS_EPTP_LIST			0x2024
#define VMCS_VMREAD_BITMAP		0x2026
#define VMCS_VMWRITE_BITMAP		0x2028
#define VMCS_VE_INFORMATION		0x202a
#define VMCS_XSS_EXITING		0x202c
#define VMCS_ENCLS_EXITING		0x202e
#define VMCS_PIN_CONTROLS		0x4000
#define VMCS_CPU_CONTROLS		0x4002
#define VMCS_EXCEPTION_BITMAP		0x4004
#define VMCS_PF_ERROR_MASK		0x4006
#define VMCS_PF_ERROR_MATCH		0x4008
#define VMCS_CR3_TARGET_COUNT		0x400a
#define VMCS_TPR_THRESHOLD		0x401c
#define VMCS_CPU2_CONTROLS		0x401e
#define VMCS_PLE_GAP			0x4020
#define VMCS_PLE_WINDOW			0x4022
#define VMCS_CR0_MASK			0x6000
#define VMCS_CR4_MASK			0x6002
#define VMCS_CR0_SHADOW			0x6004
#define VMCS_CR4_SHADOW			0x6006

/* Pin-based (table 25-5) */
#define PIN_EXTERNAL_INTERRUPT		BIT(0)
#define PIN_NMI				BIT(3)
#define PIN_VIRTUAL_NMIS		BIT(5)
#define PIN_PREEMPTION_TIMER		BIT(6)
#define PIN_POSTED_INTERRUPTS		BIT(7)

/* Primary processor-based (table 25-6) */
#define CPU_INTERRUPT_WINDOW		BIT(2)
#define CPU_TSC_OFFSETTING		BIT(3)
#define CPU_HLT				BIT(7)
#define CPU_INVLPG			BIT(9)
#define CPU_MWAIT			BIT(10)
#define CPU_RDPMC			BIT(11)
#define CPU_RDTSC			BIT(12)
#define CPU_CR3_LOAD			BIT(15)
#define CPU_CR3_STORE			BIT(16)
#define CPU_CR8_LOAD			BIT(19)
#define CPU_CR8_STORE			BIT(20)
#define CPU_TPR_SHADOW			BIT(21)
#define CPU_NMI_WINDOW			BIT(22)
#define CPU_MOV_DR			BIT(23)
#define CPU_UNCONDITIONAL_IO		BIT(24)
#define CPU_IO_BITMAPS			BIT(25)
#define CPU_MONITOR_TRAP		BIT(27)
#define CPU_MSR_BITMAPS			BIT(28)
#define CPU_MONITOR			BIT(29)
#define CPU_PAUSE			BIT(30)
#define CPU_SECONDARY			BIT(31)

/* Secondary processor-based (table 25-7) */
#define CPU2_APIC_ACCESSES		BIT(0)
#define CPU2_EPT			BIT(1)
#define CPU2_DESCRIPTOR_TABLES		BIT(2)
#define CPU2_RDTSCP			BIT(3)
#define CPU2_X2APIC_MODE		BIT(4)
#define CPU2_VPID			BIT(5)
#define CPU2_WBINVD			BIT(6)
#define CPU2_UNRESTRICTED_GUEST		BIT(7)
#define CPU2_APIC_REGISTERS		BIT(8)
#define CPU2_INTERRUPT_DELIVERY		BIT(9)
#define CPU2_PAUSE_LOOP			BIT(10)
#define CPU2_INVPCID			BIT(12)
#define CPU2_VM_FUNCTIONS		BIT(13)
#define CPU2_VMCS_SHADOWING		BIT(14)
#define CPU2_ENCLS			BIT(15)
#define CPU2_PML			BIT(17)
#define CPU2_EPT_VE			BIT(18)
#define CPU2_XSAVES			BIT(20)
#define CPU2_MODE_BASED_EXECUTE		BIT(22)

#define VM_FUNCTION_EPTP_SWITCHING	BIT(0)	/* 25.6.14 */

/* TPR shadow: where the virtual-APIC page has the TPR (30.1.1) */
#define VIRTUAL_APIC_TPR		0x80

/* IA32_VMX_EPT_VPID_CAP: the bits that ept.c and vpid.c look at (A.10) */
#define VMX_EPT_CAPS		(BIT_ULL(6) | BIT_ULL(7) | BIT_ULL(14) | \
				 GENMASK_ULL(17, 16) | GENMASK_ULL(21, 20) | \
				 GENMASK_ULL(26, 25))
#define VMX_VPID_CAPS		(BIT_ULL(32) | GENMASK_ULL(42, 41))

/* EPTP (table 25-9); capabilities: appendix A.10 */
#define EPTP_MEMORY_TYPE_UC		0
#define EPTP_MEMORY_TYPE_WB		6
#define EPTP_LEVELS(n)			(((n) - 1) << 3)
#define EPTP_MEMORY_TYPE		0x7
#define EPTP_LEVELS_MASK		0x38
#define EPTP_ACCESSED_DIRTY		BIT(6)
#define EPTP_RESERVED			0xf80

/* 4. VM-exit control fields (SDM vol. 3, 25.7) */
#define VMCS_EXIT_CONTROLS		0x400c
#define VMCS_EXIT_MSR_STORE		0x2006
#define VMCS_EXIT_MSR_LOAD		0x2008
#define VMCS_EXIT_MSR_STORE_COUNT	0x400e
#define VMCS_EXIT_MSR_LOAD_COUNT	0x4010

#define EXIT_SAVE_DEBUG			BIT(2)
#define EXIT_HOST_64BIT			BIT(9)
#define EXIT_LOAD_PERF_GLOBAL		BIT(12)
#define EXIT_ACK_INTERRUPT		BIT(15)
#define EXIT_SAVE_PAT			BIT(18)
#define EXIT_LOAD_PAT			BIT(19)
#define EXIT_SAVE_EFER			BIT(20)
#define EXIT_LOAD_EFER			BIT(21)
#define EXIT_SAVE_TIMER			BIT(22)

/* 5. VM-entry control fields (SDM vol. 3, 25.8) */
#define VMCS_ENTRY_CONTROLS		0x4012
#define VMCS_ENTRY_MSR_LOAD		0x200a
#define VMCS_ENTRY_MSR_LOAD_COUNT	0x4014
#define VMCS_ENTRY_INTR_INFO		0x4016
#define VMCS_ENTRY_ERROR_CODE		0x4018
#define VMCS_ENTRY_INSN_LEN		0x401a

#define ENTRY_LOAD_DEBUG		BIT(2)
#define ENTRY_IA32E			BIT(9)
#define ENTRY_SMM			BIT(10)
#define ENTRY_DUAL_MONITOR		BIT(11)
#define ENTRY_LOAD_PERF_GLOBAL		BIT(13)
#define ENTRY_LOAD_PAT			BIT(14)
#define ENTRY_LOAD_EFER			BIT(15)

/* 6. VM-exit information fields (SDM vol. 3, 25.9) */
#define VMCS_GUEST_PHYSICAL		0x2400
#define VMCS_INSTRUCTION_ERROR		0x4400
#define VMCS_EXIT_REASON		0x4402
#define VMCS_EXIT_INTR_INFO		0x4404
#define VMCS_EXIT_INTR_ERROR		0x4406
#define VMCS_IDT_VECTORING_INFO		0x4408
#define VMCS_IDT_VECTORING_ERROR	0x440a
#define VMCS_EXIT_INSN_LEN		0x440c
#define VMCS_EXIT_QUALIFICATION		0x6400

/* VM-instruction errors (31.4); none: there was no VMX operation */
#define VMX_ERROR_CONTROLS		7
#define VMX_ERROR_HOST_STATE		8
#define VMX_ERROR_NONE			(~0ULL)

#define VMX_REASON_BASIC		0xffff
#define VMX_REASON_ENTRY_FAILED		BIT(31)

/*
 * Interruption information: of VM entries (25.8.3), of VM exits (25.9.2) and
 * of IDT vectoring (25.9.3).
 */
#define VMX_INTR_VECTOR			0x0ff
#define VMX_INTR_TYPE			0x700
#define VMX_INTR_TYPE_EXTERNAL		(0 << 8)
#define VMX_INTR_TYPE_RESERVED		(1 << 8)
#define VMX_INTR_TYPE_NMI		(2 << 8)
#define VMX_INTR_TYPE_EXCEPTION		(3 << 8)
#define VMX_INTR_TYPE_SOFT_INTR		(4 << 8)
#define VMX_INTR_TYPE_PRIVILEGED	(5 << 8)	/* INT1 */
#define VMX_INTR_TYPE_SOFT_EXCEPTION	(6 << 8)	/* INT3, INTO */
#define VMX_INTR_TYPE_OTHER		(7 << 8)
#define VMX_INTR_ERROR			BIT(11)
#define VMX_INTR_NMI_UNBLOCKED		BIT(12)		/* exits only */
#define VMX_INTR_RESERVED		0x7ffff000	/* entries */
#define VMX_INTR_VALID			BIT(31)

/* Exit qualifications (28.2.1) */
#define VMX_CR_NUMBER			0x00f		/* table 28-3 */
#define VMX_CR_TYPE			0x030
#define VMX_CR_TYPE_TO			0x000
#define VMX_CR_TYPE_FROM		0x010
#define VMX_CR_TYPE_CLTS		0x020
#define VMX_CR_TYPE_LMSW		0x030
#define VMX_CR_GPR_SHIFT		8
#define VMX_CR_LMSW_SHIFT		16
#define VMX_DR_NUMBER			0x007		/* table 28-4 */
#define VMX_DR_FROM			BIT(4)
#define VMX_DR_GPR_SHIFT		8
#define VMX_IO_SIZE			0x007		/* table 28-5 */
#define VMX_IO_IN			BIT(3)
#define VMX_IO_STRING			BIT(4)
#define VMX_IO_REP			BIT(5)
#define VMX_IO_PORT_SHIFT		16
#define VMX_TASK_SELECTOR		0xffff		/* table 28-2 */
#define VMX_TASK_SOURCE_SHIFT		30
#define VMX_EPT_READ			BIT(0)		/* table 28-7 */
#define VMX_EPT_WRITE			BIT(1)
#define VMX_EPT_FETCH			BIT(2)
#define VMX_EPT_PRESENT			(BIT(3) | BIT(4) | BIT(5))
#define VMX_EPT_LINEAR_VALID		BIT(7)
#define VMX_EPT_FINAL			BIT(8)
#define VMX_EPT_NMI_UNBLOCKED		BIT(12)
/* #DB: B0-B3, BD, BS as DR6 has them (table 28-1) */
#define VMX_DB_CAUSES			(0xfULL | BIT(13) | BIT(14))

/* Basic exit reasons (SDM vol. 3, appendix C) */
#define VMX_EXIT_EXCEPTION		0
#define VMX_EXIT_INTERRUPT		1
#define VMX_EXIT_TRIPLE_FAULT		2
#define VMX_EXIT_INIT			3
#define VMX_EXIT_SIPI			4
#define VMX_EXIT_IO_SMI			5
#define VMX_EXIT_SMI			6
#define VMX_EXIT_INTERRUPT_WINDOW	7
#define VMX_EXIT_NMI_WINDOW		8
#define VMX_EXIT_TASK_SWITCH		9
#define VMX_EXIT_CPUID			10
#define VMX_EXIT_GETSEC			11
#define VMX_EXIT_HLT			12
#define VMX_EXIT_INVD			13
#define VMX_EXIT_INVLPG			14
#define VMX_EXIT_RDPMC			15
#define VMX_EXIT_RDTSC			16
#define VMX_EXIT_RSM			17
#define VMX_EXIT_VMCALL			18
#define VMX_EXIT_VMCLEAR		19
#define VMX_EXIT_VMXON			27
#define VMX_EXIT_CR			28
#define VMX_EXIT_DR			29
#define VMX_EXIT_IO			30
#define VMX_EXIT_RDMSR			31
#define VMX_EXIT_WRMSR			32
#define VMX_EXIT_BAD_GUEST_STATE	33
#define VMX_EXIT_BAD_MSR_LOAD		34
#define VMX_EXIT_MWAIT			36
#define VMX_EXIT_MONITOR		39
#define VMX_EXIT_PAUSE			40
#define VMX_EXIT_ENTRY_MCE		41
#define VMX_EXIT_TPR			43
#define VMX_EXIT_EPT_VIOLATION		48
#define VMX_EXIT_EPT_MISCONFIG		49
#define VMX_EXIT_INVEPT			50
#define VMX_EXIT_RDTSCP			51
#define VMX_EXIT_PREEMPTION_TIMER	52
#define VMX_EXIT_INVVPID		53
#define VMX_EXIT_WBINVD			54
#define VMX_EXIT_XSETBV			55
#define VMX_EXIT_INVPCID		58
#define VMX_EXIT_VMFUNC			59
#define VMX_EXIT_ENCLS			60

#endif /* DUET_VMX_VMCS_H */
