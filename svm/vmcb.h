/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMCB as the processor defines it: APM vol. 2, appendix B (layout) and
 * chapter 15 (meaning). Numbers only; nothing of Duet is used here.
 */
#ifndef DUET_SVM_VMCB_H
#define DUET_SVM_VMCB_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

/*
 * Intercept vectors, as bit numbers from the start of the VMCB
 * (APM vol. 2, 15.9, table B-1): six words of 32 bits.
 */
#define VMCB_INTERCEPT_WORDS		6

#define INTERCEPT_CR_READ(n)		(0 + (n))
#define INTERCEPT_CR_WRITE(n)		(16 + (n))
#define INTERCEPT_DR_READ(n)		(32 + (n))
#define INTERCEPT_DR_WRITE(n)		(48 + (n))
#define INTERCEPT_EXCEPTION(n)		(64 + (n))

#define INTERCEPT_INTR			96
#define INTERCEPT_NMI			97
#define INTERCEPT_SMI			98
#define INTERCEPT_INIT			99
#define INTERCEPT_VINTR			100
#define INTERCEPT_CR0_SEL_WRITE		101
#define INTERCEPT_RDTSC			110
#define INTERCEPT_RDPMC			111
#define INTERCEPT_PUSHF			112
#define INTERCEPT_POPF			113
#define INTERCEPT_CPUID			114
#define INTERCEPT_RSM			115
#define INTERCEPT_IRET			116
#define INTERCEPT_INTN			117
#define INTERCEPT_INVD			118
#define INTERCEPT_PAUSE			119
#define INTERCEPT_HLT			120
#define INTERCEPT_INVLPG		121
#define INTERCEPT_INVLPGA		122
#define INTERCEPT_IOIO			123
#define INTERCEPT_MSR			124
#define INTERCEPT_TASK_SWITCH		125
#define INTERCEPT_FERR_FREEZE		126
#define INTERCEPT_SHUTDOWN		127
#define INTERCEPT_VMRUN			128
#define INTERCEPT_VMMCALL		129
#define INTERCEPT_VMLOAD		130
#define INTERCEPT_VMSAVE		131
#define INTERCEPT_STGI			132
#define INTERCEPT_CLGI			133
#define INTERCEPT_SKINIT		134
#define INTERCEPT_RDTSCP		135
#define INTERCEPT_ICEBP			136
#define INTERCEPT_WBINVD		137
#define INTERCEPT_MONITOR		138
#define INTERCEPT_MWAIT			139
#define INTERCEPT_MWAIT_ARMED		140
#define INTERCEPT_XSETBV		141
#define INTERCEPT_RDPRU			142
#define INTERCEPT_INVLPGB		160
#define INTERCEPT_INVLPGB_ILLEGAL	161
#define INTERCEPT_INVPCID		162
#define INTERCEPT_MCOMMIT		163
#define INTERCEPT_TLBSYNC		164

/* TLB_CONTROL (APM vol. 2, 15.16.2) */
#define VMCB_TLB_NOTHING		0
#define VMCB_TLB_FLUSH_ALL		1
#define VMCB_TLB_FLUSH_ASID		3	/* CPUID 8000_000A EDX[6] */

/* Virtual interrupt control (APM vol. 2, 15.21.1) */
#define VMCB_V_TPR			GENMASK(7, 0)
#define VMCB_V_IRQ			BIT(8)
#define VMCB_V_INTR_PRIO		GENMASK(19, 16)
#define VMCB_V_IGN_TPR			BIT(20)
#define VMCB_V_INTR_MASKING		BIT(24)

/* Interrupt state (APM vol. 2, 15.21.5) */
#define VMCB_INTERRUPT_SHADOW		BIT(0)

/* EVENTINJ (APM vol. 2, 15.20) and EXITINTINFO (15.7.2) */
#define VMCB_EVENT_VECTOR		GENMASK(7, 0)
#define VMCB_EVENT_TYPE			GENMASK(10, 8)
#define VMCB_EVENT_TYPE_INTR		(0 << 8)
#define VMCB_EVENT_TYPE_NMI		(2 << 8)
#define VMCB_EVENT_TYPE_EXCEPTION	(3 << 8)
#define VMCB_EVENT_TYPE_SOFT		(4 << 8)
#define VMCB_EVENT_ERROR		BIT(11)
#define VMCB_EVENT_VALID		BIT(31)

/* Nested control (APM vol. 2, 15.25.3) */
#define VMCB_NP_ENABLE			BIT_ULL(0)

/* VMCB clean field (APM vol. 2, 15.15.3) */
#define VMCB_CLEAN_I			BIT(0)	/* intercepts, TSC offset */
#define VMCB_CLEAN_IOPM			BIT(1)	/* both permission maps */
#define VMCB_CLEAN_ASID			BIT(2)
#define VMCB_CLEAN_TPR			BIT(3)	/* virtual interrupts */
#define VMCB_CLEAN_NP			BIT(4)	/* nCR3, G_PAT */
#define VMCB_CLEAN_CR			BIT(5)	/* CR0, CR3, CR4, EFER */
#define VMCB_CLEAN_DR			BIT(6)	/* DR6, DR7 */
#define VMCB_CLEAN_DT			BIT(7)	/* GDTR, IDTR */
#define VMCB_CLEAN_SEG			BIT(8)	/* CS, SS, DS, ES, CPL */
#define VMCB_CLEAN_CR2			BIT(9)
#define VMCB_CLEAN_LBR			BIT(10)
#define VMCB_CLEAN_ALL			GENMASK(10, 0)

/* EXITINFO1 of an IOIO intercept (APM vol. 2, 15.10.2) */
#define VMCB_IOIO_IN			BIT(0)
#define VMCB_IOIO_STRING		BIT(2)
#define VMCB_IOIO_REP			BIT(3)
#define VMCB_IOIO_SIZE_SHIFT		4	/* then: 1, 2 or 4 bytes */
#define VMCB_IOIO_SIZE			GENMASK(6, 4)
#define VMCB_IOIO_PORT_SHIFT		16

/* EXITINFO1 of a MOV CRx, with decode assists (APM vol. 2, 15.8.1) */
#define VMCB_CR_MOV			BIT_ULL(63)
#define VMCB_CR_GPR			GENMASK_ULL(3, 0)

/* EXITINFO1 of a nested page fault (APM vol. 2, 15.25.6) */
#define VMCB_NPF_PRESENT		BIT_ULL(0)
#define VMCB_NPF_WRITE			BIT_ULL(1)
#define VMCB_NPF_FETCH			BIT_ULL(4)
#define VMCB_NPF_WALK			BIT_ULL(33)

/* EXITINFO2 of a task switch (APM vol. 2, 15.14.1) */
#define VMCB_TASK_IRET			BIT_ULL(36)
#define VMCB_TASK_JMP			BIT_ULL(38)
#define VMCB_TASK_ERROR			BIT_ULL(44)

/**
 * struct vmcb_control - control area, offsets 000h to 3FFh (table B-1)
 */
struct vmcb_control {
	u32 intercepts[VMCB_INTERCEPT_WORDS];	/* 15.9 */
	u8 reserved_018[0x03c - 0x018];
	u16 pause_filter_threshold;	/* 15.14.4 */
	u16 pause_filter_count;		/* 15.14.4 */
	u64 iopm_base_pa;		/* 15.10.1 */
	u64 msrpm_base_pa;		/* 15.11 */
	u64 tsc_offset;			/* 15.30.5: added at RDTSC */
	u32 guest_asid;			/* 15.16 */
	u8 tlb_control;			/* 15.16.2 */
	u8 reserved_05d[3];
	u32 int_ctl;			/* 15.21.1: V_TPR, V_IRQ... */
	u32 int_vector;			/* 15.21.1: V_INTR_VECTOR */
	u64 int_state;			/* 15.21.5: interrupt shadow */
	u32 exit_code;			/* appendix C */
	u32 exit_code_hi;
	u64 exit_info_1;		/* 15.8, and each intercept's section */
	u64 exit_info_2;
	u32 exit_int_info;		/* 15.7.2 */
	u32 exit_int_info_error;
	u64 nested_ctl;			/* 15.25.3: NP_ENABLE */
	u64 avic_bar;			/* 15.29; not used */
	u64 ghcb_gpa;			/* 15.35; not used */
	u32 event_inj;			/* 15.20 */
	u32 event_inj_error;
	u64 nested_cr3;			/* 15.25.3 */
	u64 virt_ext;			/* 15.23, 15.33: LBR; not used */
	u32 clean;			/* 15.15.3 */
	u32 reserved_0c4;
	u64 next_rip;			/* 15.7.1: nRIP */
	u8 insn_len;			/* 15.8.4: bytes fetched */
	u8 insn_bytes[15];		/* 15.8.4 */
	u8 reserved_0e0[0x400 - 0x0e0];
};

/** struct vmcb_segment - a segment register in the save area (table B-2) */
struct vmcb_segment {
	u16 selector;
	u16 attrib;			/* descriptor bits 55:52 and 47:40 */
	u32 limit;
	u64 base;
};

#define VMCB_ATTRIB_L		BIT(9)

/**
 * struct vmcb_save - state-save area, offsets 400h to FFFh (table B-2)
 *
 * "VMLOAD" marks what only VMLOAD and VMSAVE move (15.5.2).
 */
struct vmcb_save {
	struct vmcb_segment es, cs, ss, ds;
	struct vmcb_segment fs, gs;	/* VMLOAD */
	struct vmcb_segment gdtr;
	struct vmcb_segment ldtr;	/* VMLOAD */
	struct vmcb_segment idtr;
	struct vmcb_segment tr;		/* VMLOAD */
	u8 reserved_0a0[0x0cb - 0x0a0];
	u8 cpl;				/* 15.5.1 */
	u8 reserved_0cc[4];
	u64 efer;
	u8 reserved_0d8[0x148 - 0x0d8];
	u64 cr4;
	u64 cr3;
	u64 cr0;
	u64 dr7;
	u64 dr6;
	u64 rflags;
	u64 rip;
	u8 reserved_180[0x1d8 - 0x180];
	u64 rsp;
	u64 s_cet;
	u64 ssp;
	u64 isst_addr;
	u64 rax;
	u64 star;			/* VMLOAD, up to sysenter_eip */
	u64 lstar;
	u64 cstar;
	u64 sfmask;
	u64 kernel_gs_base;
	u64 sysenter_cs;
	u64 sysenter_esp;
	u64 sysenter_eip;
	u64 cr2;
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat;			/* 15.25.4: with nested paging only */
	u64 dbgctl;			/* 15.23; not used, as to last_excp_to */
	u64 br_from;
	u64 br_to;
	u64 last_excp_from;
	u64 last_excp_to;
	u8 reserved_298[0x2e0 - 0x298];
	u64 spec_ctrl;			/* V_SPEC_CTRL (CPUID 8000_000A EDX[20]) */
	u8 reserved_2e8[0xc00 - 0x2e8];
};

/** struct vmcb - one page, physically contiguous and aligned (15.5.1) */
struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
};

#define VMCB_AT(member, offset) \
	static_assert(offsetof(struct vmcb, member) == (offset))

VMCB_AT(control.pause_filter_threshold, 0x03c);
VMCB_AT(control.iopm_base_pa, 0x040);
VMCB_AT(control.guest_asid, 0x058);
VMCB_AT(control.int_ctl, 0x060);
VMCB_AT(control.int_state, 0x068);
VMCB_AT(control.exit_code, 0x070);
VMCB_AT(control.exit_info_1, 0x078);
VMCB_AT(control.exit_int_info, 0x088);
VMCB_AT(control.nested_ctl, 0x090);
VMCB_AT(control.event_inj, 0x0a8);
VMCB_AT(control.nested_cr3, 0x0b0);
VMCB_AT(control.clean, 0x0c0);
VMCB_AT(control.next_rip, 0x0c8);
VMCB_AT(control.insn_len, 0x0d0);
VMCB_AT(save.es, 0x400);
VMCB_AT(save.gdtr, 0x460);
VMCB_AT(save.tr, 0x490);
VMCB_AT(save.cpl, 0x4cb);
VMCB_AT(save.efer, 0x4d0);
VMCB_AT(save.cr4, 0x548);
VMCB_AT(save.dr7, 0x560);
VMCB_AT(save.rip, 0x578);
VMCB_AT(save.rsp, 0x5d8);
VMCB_AT(save.rax, 0x5f8);
VMCB_AT(save.kernel_gs_base, 0x620);
VMCB_AT(save.cr2, 0x640);
VMCB_AT(save.g_pat, 0x668);
VMCB_AT(save.last_excp_to, 0x690);
VMCB_AT(save.spec_ctrl, 0x6e0);
static_assert(sizeof(struct vmcb) == 4096);

#undef VMCB_AT

/* Exit codes (APM vol. 2, appendix C); only the low half is significant. */
enum vmexit {
	VMEXIT_CR_READ		= 0x000,	/* + number of the CR */
	VMEXIT_CR_WRITE		= 0x010,
	VMEXIT_DR_READ		= 0x020,
	VMEXIT_DR_WRITE		= 0x030,
	VMEXIT_EXCEPTION	= 0x040,	/* + vector */
	VMEXIT_INTR		= 0x060,
	VMEXIT_NMI		= 0x061,
	VMEXIT_SMI		= 0x062,
	VMEXIT_INIT		= 0x063,
	VMEXIT_VINTR		= 0x064,
	VMEXIT_CR0_SEL_WRITE	= 0x065,
	VMEXIT_RDTSC		= 0x06e,
	VMEXIT_RDPMC		= 0x06f,
	VMEXIT_CPUID		= 0x072,
	VMEXIT_RSM		= 0x073,
	VMEXIT_IRET		= 0x074,
	VMEXIT_INVD		= 0x076,
	VMEXIT_PAUSE		= 0x077,
	VMEXIT_HLT		= 0x078,
	VMEXIT_INVLPG		= 0x079,
	VMEXIT_INVLPGA		= 0x07a,
	VMEXIT_IOIO		= 0x07b,
	VMEXIT_MSR		= 0x07c,
	VMEXIT_TASK_SWITCH	= 0x07d,
	VMEXIT_FERR_FREEZE	= 0x07e,
	VMEXIT_SHUTDOWN		= 0x07f,
	VMEXIT_VMRUN		= 0x080,
	VMEXIT_VMMCALL		= 0x081,
	VMEXIT_VMLOAD		= 0x082,
	VMEXIT_VMSAVE		= 0x083,
	VMEXIT_STGI		= 0x084,
	VMEXIT_CLGI		= 0x085,
	VMEXIT_SKINIT		= 0x086,
	VMEXIT_RDTSCP		= 0x087,
	VMEXIT_WBINVD		= 0x089,
	VMEXIT_MONITOR		= 0x08a,
	VMEXIT_MWAIT		= 0x08b,
	VMEXIT_MWAIT_ARMED	= 0x08c,
	VMEXIT_XSETBV		= 0x08d,
	VMEXIT_RDPRU		= 0x08e,
	VMEXIT_INVPCID		= 0x0a2,
	VMEXIT_MCOMMIT		= 0x0a3,
	VMEXIT_NPF		= 0x400,
	VMEXIT_INVALID		= 0xffffffff,	/* -1: 15.5.1 */
};

#endif /* DUET_SVM_VMCB_H */
