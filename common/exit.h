/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Neutral exits: what a hardware exit means, without a vendor. A backend
 * fills struct duet_exit; common/exits.c handles it.
 */
#ifndef DUET_COMMON_EXIT_H
#define DUET_COMMON_EXIT_H

#include "common/types.h"
#include "uapi/duet.h"

/*
 * The neutral exit reasons, each with the name of its statistic and its
 * description: X(ID, name, description). The handler of each stands in the
 * table of common/exits.c, in the same order.
 */
#define DUET_EXITS(X)							\
	X(INTR,		"intr",		"host interrupt")		\
	X(NMI,		"nmi",		"host NMI")			\
	X(MCE,		"mce",		"machine check")		\
	X(SMI,		"smi",		"host SMI or INIT")		\
	X(IRQ_WINDOW,	"irq_window",	"guest can take interrupts")	\
	X(NMI_WINDOW,	"nmi_window",	"guest can take NMIs")		\
	X(EXCEPTION,	"exception",	"intercepted exception")	\
	X(CPUID,	"cpuid",	"CPUID")			\
	X(HLT,		"hlt",		"HLT")				\
	X(PAUSE,	"pause",	"PAUSE")			\
	X(IO,		"io",		"IN, OUT, INS or OUTS")		\
	X(RDMSR,	"rdmsr",	"RDMSR")			\
	X(WRMSR,	"wrmsr",	"WRMSR")			\
	X(CR_READ,	"cr_read",	"MOV from CR")			\
	X(CR_WRITE,	"cr_write",	"MOV to CR, CLTS or LMSW")	\
	X(DR_ACCESS,	"dr",		"MOV to or from DR")		\
	X(HYPERCALL,	"hypercall",	"VMCALL or VMMCALL")		\
	X(PAGE_FAULT,	"page_fault",	"nested paging fault")		\
	X(MMIO_FAST,	"mmio_fast",	"marked MMIO page touched")	\
	X(INVLPG,	"invlpg",	"INVLPG or INVPCID")		\
	X(WBINVD,	"wbinvd",	"WBINVD or INVD")		\
	X(MONITOR,	"monitor",	"MONITOR")			\
	X(MWAIT,	"mwait",	"MWAIT")			\
	X(XSETBV,	"xsetbv",	"XSETBV")			\
	X(RDPMC,	"rdpmc",	"RDPMC")			\
	X(RDTSC,	"rdtsc",	"RDTSC or RDTSCP")		\
	X(VIRT_INSN,	"virt_insn",	"SVM or VMX instruction")	\
	X(TASK_SWITCH,	"task_switch",	"task switch")			\
	X(TPR,		"tpr",		"TPR below threshold")		\
	X(PREEMPT_TIMER, "preempt_timer", "VMX preemption timer")	\
	X(SHUTDOWN,	"shutdown",	"triple fault")			\
	X(FAIL_ENTRY,	"fail_entry",	"entry refused by the CPU")	\
	X(UNKNOWN,	"unknown",	"unknown hardware exit")

enum duet_exit_reason {
#define X(id, name, desc) DUET_EXIT_##id,
	DUET_EXITS(X)
#undef X
	DUET_NR_EXITS
};

/**
 * struct duet_exit - one exit
 * @reason: enum duet_exit_reason
 * @insn_len: length of the instruction that caused it, 0 if the CPU does not
 *	say (the emulator finds it then)
 * @nr_bytes: how many of @bytes the CPU supplied (decode assists), else 0
 * @bytes: instruction bytes at the guest's RIP
 * @hw_reason: the vendor's exit code, for messages and FAIL_ENTRY only
 * @hw_qualification: the vendor's qualification, for messages only
 * @io: DUET_EXIT_IO. For strings, the operand is found by the emulator.
 * @cr: DUET_EXIT_CR_*. @cr.gpr is valid only if @cr.decoded; else the
 *	emulator decodes the instruction. @cr.lmsw and @cr.clts name the other
 *	two instructions that write CR0; @cr.value holds LMSW's operand.
 * @dr: DUET_EXIT_DR_ACCESS, as @cr
 * @fault: DUET_EXIT_PAGE_FAULT: @fault.gpa is the guest-physical address,
 *	@fault.access a mask of DUET_ACCESS_*, @fault.present: the translation
 *	existed and its permissions refused; @fault.walk: the access was made
 *	by the CPU's walk of the guest's own tables
 * @exception: DUET_EXIT_EXCEPTION: a guest exception that is intercepted
 * @invlpg: DUET_EXIT_INVLPG: @invlpg.addr valid if @invlpg.decoded;
 *	@invlpg.all: INVPCID or another form that flushes everything
 * @hypercall: DUET_EXIT_HYPERCALL: @hypercall.kernel: by CPL 0 in 64-bit mode,
 *	as far as that is known without asking further
 * @task: DUET_EXIT_TASK_SWITCH
 * @fail: DUET_EXIT_FAIL_ENTRY: @fail.why is duet_explain()'s
 */
struct duet_exit {
	u8 reason;
	u8 insn_len;
	u8 nr_bytes;
	u8 bytes[15];
	u64 hw_reason;
	u64 hw_qualification;
	union {
		struct {
			u16 port;
			u8 size;		/* 1, 2 or 4 */
			bool in, string, rep;
		} io;
		struct {
			u8 cr, gpr;
			bool decoded, lmsw, clts;
			u16 value;
		} cr;
		struct {
			u8 dr, gpr;
			bool decoded, write;
		} dr;
		struct {
			gpa_t gpa;
			u32 access;
			bool present, walk;
		} fault;
		struct {
			u64 address;		/* CR2 of #PF, DR6 of #DB */
			u32 error_code;
			u8 vector;
			bool has_error;
		} exception;
		struct {
			u64 addr;
			bool decoded, all;
		} invlpg;
		struct {
			bool kernel;
		} hypercall;
		struct {
			u32 error_code;
			u16 selector;
			u8 source;	/* 0 CALL, 1 IRET, 2 JMP, 3 gate */
			bool has_error;
		} task;
		struct {
			char why[DUET_WHY_SIZE];
		} fail;
	};
};

/* Name and description of each reason, indexed by enum duet_exit_reason. */
extern const char *const duet_exit_names[DUET_NR_EXITS];
extern const char *const duet_exit_descriptions[DUET_NR_EXITS];

/**
 * duet_handle_exit() - the slow path: handle vcpu->exit
 *
 * Context: vCPU thread, preemptible, vCPU mutex and memslot SRCU held.
 * Return: 1 to resume the guest, 0 to return to user space with
 * vcpu->run filled in, negative errno.
 */
int duet_handle_exit(struct duet_vcpu *vcpu);

/**
 * duet_fast_exit() - the fast path: try to handle vcpu->exit at once
 *
 * Called from a backend's run loop. Takes no lock, allocates nothing, does
 * not sleep.
 * Context: interrupts off.
 * Return: true if the guest can be entered again (the backend then writes
 * vcpu->dirty groups first), false to leave the loop; the exit is then
 * handled as vcpu->outcome says.
 */
bool duet_fast_exit(struct duet_vcpu *vcpu);

#endif /* DUET_COMMON_EXIT_H */
