/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A vCPU's architectural state without a vendor, in register groups that are
 * moved lazily: a group is read from the backend's control structure when
 * somebody asks for it and written back before the next entry if changed.
 */
#ifndef DUET_COMMON_STATE_H
#define DUET_COMMON_STATE_H

#include "common/types.h"

/* General registers in the encoding of ModRM (SDM vol. 2, 2.1.5). */
enum duet_gpr {
	DUET_RAX, DUET_RCX, DUET_RDX, DUET_RBX,
	DUET_RSP, DUET_RBP, DUET_RSI, DUET_RDI,
	DUET_R8, DUET_R9, DUET_R10, DUET_R11,
	DUET_R12, DUET_R13, DUET_R14, DUET_R15,
	DUET_NR_GPRS
};

/* Segment registers in the encoding of Sreg, then the two system segments. */
enum duet_seg {
	DUET_ES, DUET_CS, DUET_SS, DUET_DS, DUET_FS, DUET_GS,
	DUET_LDTR, DUET_TR,
	DUET_NR_SEGS
};

/*
 * Access rights: bits 8 to 23 of a descriptor's second doubleword
 * (SDM vol. 3, 3.4.5), and "unusable" (SDM vol. 3, 25.4.1).
 */
#define DUET_AR_TYPE		0x000f
#define DUET_AR_S		0x0010
#define DUET_AR_DPL_SHIFT	5
#define DUET_AR_DPL		0x0060
#define DUET_AR_P		0x0080
#define DUET_AR_AVL		0x1000
#define DUET_AR_L		0x2000
#define DUET_AR_DB		0x4000
#define DUET_AR_G		0x8000
#define DUET_AR_UNUSABLE	0x10000

/**
 * struct duet_segment - a segment register with its hidden part
 * @base: linear base address
 * @limit: in bytes, already scaled by G
 * @ar: DUET_AR_*
 * @selector: the visible part
 */
struct duet_segment {
	u64 base;
	u32 limit;
	u32 ar;
	u16 selector;
};

/** struct duet_table - GDTR or IDTR */
struct duet_table {
	u64 base;
	u16 limit;
};

/*
 * Register groups. RAX to R15 without RSP are always valid in
 * duet_state.gpr; RSP has a group of its own.
 */
#define DUET_ST_RIP		BIT(0)
#define DUET_ST_RSP		BIT(1)
#define DUET_ST_RFLAGS		BIT(2)
#define DUET_ST_CR0		BIT(3)
#define DUET_ST_CR2		BIT(4)
#define DUET_ST_CR3		BIT(5)
#define DUET_ST_CR4		BIT(6)
#define DUET_ST_EFER		BIT(7)
#define DUET_ST_TABLES		BIT(8)	/* GDTR, IDTR */
#define DUET_ST_DR		BIT(9)	/* DR6, DR7 (DR0-3: see duet_dr_load) */
#define DUET_ST_MSRS		BIT(10)	/* SYSCALL, SYSENTER, KERNEL_GS, PAT */
#define DUET_ST_SHADOW		BIT(11)	/* interruptibility */
#define DUET_ST_ROOT		BIT(12)	/* vcpu->root: write only */
#define DUET_ST_TSC		BIT(13)	/* vcpu->tsc_offset: write only */
#define DUET_ST_PDPTE		BIT(14)	/* PAE: the four PDPTE registers */
#define DUET_ST_SEG(n)		BIT(16 + (n))
#define DUET_ST_SEGS		GENMASK(23, 16)
#define DUET_ST_ALL		(GENMASK(14, 0) | DUET_ST_SEGS)

/* SDM vol. 3, 17.2.4: any access to a debug register is a #DB */
#define DUET_DR7_GD		BIT(13)

/* duet_state.shadow: what blocks events at this boundary */
#define DUET_SHADOW_STI		BIT(0)	/* SDM vol. 3, 25.4.2 */
#define DUET_SHADOW_MOV_SS	BIT(1)
#define DUET_SHADOW_NMI		BIT(2)	/* NMI blocked until IRET */

/**
 * struct duet_state - guest registers, vendor-neutral
 *
 * What the guest sees: @cr0, @cr4 and @efer are the guest's values, not what
 * the control structure needs in addition. Valid per group only
 * (&struct duet_vcpu.valid): read with duet_need(), write with duet_wrote().
 * Protected by the vCPU's mutex; touched by its own thread alone in KVM_RUN.
 */
struct duet_state {
	u64 gpr[DUET_NR_GPRS];
	u64 rip;
	u64 rflags;
	u64 cr0, cr2, cr3, cr4;
	u64 efer;
	struct duet_segment seg[DUET_NR_SEGS];
	struct duet_table gdt, idt;
	u64 dr[4], dr6, dr7;
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat;
	u64 pdpte[4];	/* where the CPU keeps them in registers (VMX) */
	u32 shadow;
};

#endif /* DUET_COMMON_STATE_H */
