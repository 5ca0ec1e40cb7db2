/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The processor where nothing of the model is behind it: names of bits, and
 * instructions that do nothing. Part of kernel.h.
 */
#ifndef DUET_MODEL_PROCESSOR_H
#define DUET_MODEL_PROCESSOR_H

#define DEFINE_STATIC_KEY_FALSE(k)	bool k
#define DECLARE_STATIC_KEY_FALSE(k)	extern bool k
#define static_branch_unlikely(k)	(*(k))
#define static_branch_enable(k)		(*(k) = true)
#define boot_cpu_has(f)			false
#define static_cpu_has(f)		false
#define cpu_feature_enabled(f)		false
#define boot_cpu_has_bug(b)		false
#define static_cpu_has_bug(b)		false
#define cpu_mitigations_off()		true
#define boot_cpu_data			((struct { u8 x86_phys_bits; }){ 46 })
#define pr_err_ratelimited(...)		model_fail(__VA_ARGS__)

#define MSR_IA32_VMX_EPT_VPID_CAP	0x48c
#define MSR_IA32_ARCH_CAPABILITIES	0x10a
#define ARCH_CAP_SKIP_VMENTRY_L1DFLUSH	0
int rdmsrl_safe(u32 msr, u64 *value);
#define MSR_TSC_AUX			0xc0000103
#define MSR_IA32_FLUSH_CMD		0x10b
#define L1D_FLUSH			1
#define MSR_IA32_DEBUGCTLMSR		0x1d9
#define MSR_CORE_PERF_GLOBAL_CTRL	0x38f
#define MSR_IA32_PEBS_ENABLE		0x3f1
u64 model_rdmsr(u32 msr);
void model_wrmsr(u32 msr, u64 value);
#define __rdmsr(msr)			model_rdmsr(msr)
#define rdmsrl(msr, value)		((value) = model_rdmsr(msr))
#define wrmsrl(msr, value)		model_wrmsr(msr, value)
struct perf_guest_switch_msr { u32 msr; u64 host, guest; };
struct perf_guest_switch_msr *perf_guest_get_msrs(int *nr, void *data);
#define x86_clear_cpu_buffers()		do { } while (0)
#define cr4_read_shadow()		0UL
#define indirect_branch_prediction_barrier()	do { } while (0)
#define native_write_cr2(v)		do { } while (0)
#define get_debugreg(v, n)		((v) = 0)
#define set_debugreg(v, n)		((void)(v))
#define hw_breakpoint_active()		false
#define hw_breakpoint_restore()		do { } while (0)
#define x86_virt_spec_ctrl(v, g)	do { } while (0)
#define barrier_nospec()		do { } while (0)
#define x86_ibpb_exit_to_user		model_ignored
extern bool model_ignored[];
#define do_machine_check(regs)		((void)(regs))
struct pt_regs { u64 cs, flags; };
enum { L1TF_MITIGATION_OFF, L1TF_MITIGATION_FULL, L1TF_MITIGATION_FULL_FORCE };
#define l1tf_mitigation			L1TF_MITIGATION_OFF
#define __get_free_pages(flags, order)	((void)(order), get_zeroed_page(flags))
#define free_pages(p, order)		free_page(p)

#define X86_CR0_PE			BIT(0)
#define X86_CR0_MP			BIT(1)
#define X86_CR0_EM			BIT(2)
#define X86_CR0_TS			BIT(3)
#define X86_CR0_WP			BIT(16)
#define X86_CR0_AM			BIT(18)
#define X86_CR0_NW			BIT(29)
#define X86_CR0_CD			BIT(30)
#define X86_CR0_PG			BIT(31)
#define X86_CR4_PVI			BIT(1)
#define X86_CR4_TSD			BIT(2)
#define X86_CR4_DE			BIT(3)
#define X86_CR4_PAE			BIT(5)
#define X86_CR4_MCE			BIT(6)
#define X86_CR4_PGE			BIT(7)
#define X86_CR4_PCE			BIT(8)
#define X86_CR4_OSFXSR			BIT(9)
#define X86_CR4_OSXMMEXCPT		BIT(10)
#define X86_CR4_FSGSBASE		BIT(16)
#define X86_CR4_PCIDE			BIT(17)
#define X86_CR4_SMEP			BIT(20)
#define X86_CR4_SMAP			BIT(21)
#define X86_CR4_PKE			BIT(22)
#define EFER_LME			BIT(8)
#define EFER_LMA			BIT(10)
#define EFER_NX				BIT(11)
#define EFER_SVME			BIT(12)
#define X86_EFLAGS_FIXED		BIT(1)
#define X86_EFLAGS_TF			BIT(8)
#define X86_EFLAGS_IF			BIT(9)
#define X86_EFLAGS_RF			BIT(16)
#define DR_STEP				BIT(14)
#define DR_TRAP_BITS			0xfUL
#define DR_GLOBAL_ENABLE_MASK		0xaaUL
#define DR_LOCAL_ENABLE_MASK		0x55UL
#define DR6_RESERVED			0xffff0ff0UL

enum {
	X86_TRAP_DB = 1, X86_TRAP_BP = 3, X86_TRAP_OF, X86_TRAP_DF = 8,
	X86_TRAP_TS = 10, X86_TRAP_NP, X86_TRAP_SS, X86_TRAP_GP, X86_TRAP_PF,
	X86_TRAP_MF = 16, X86_TRAP_AC, X86_TRAP_MC, X86_TRAP_CP = 21,
	X86_TRAP_VC = 29,
};

#endif /* DUET_MODEL_PROCESSOR_H */
