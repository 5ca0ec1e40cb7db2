/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernel versions (6.1 to the newest Debian kernel)
 * stands here. Includes kernel headers only; included by whoever needs one,
 * enter.S among them.
 *
 * DUET_HAVE_RESTRICTED_EXPORTS: since 6.19 the kernel exports what only KVM
 * used to KVM's modules alone (EXPORT_SYMBOL_FOR_KVM). What can be had in
 * another way is had so: here, in compat.S and in fpu.c.
 */
#ifndef DUET_COMMON_COMPAT_H
#define DUET_COMMON_COMPAT_H

#ifdef __ASSEMBLER__

#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>

/*
 * Before VMRUN: CPU buffers must hold nothing of the host's (MDS, TSA, ...).
 * Clobbers ZF.
 */
.macro DUET_CLEAR_CPU_BUFFERS
#ifdef DUET_HAVE_RESTRICTED_EXPORTS
	ALTERNATIVE "", "verw duet_verw_selector(%rip)", \
		X86_FEATURE_CLEAR_CPU_BUF_VM
#elif defined(VM_CLEAR_CPU_BUFFERS)
	VM_CLEAR_CPU_BUFFERS
#elif defined(VERW)
	ALTERNATIVE "", __CLEAR_CPU_BUFFERS, X86_FEATURE_CLEAR_CPU_BUF_VM
#endif
.endm

/* After #VMEXIT, before the first return. Clobbers RAX, RCX, RDX. */
.macro DUET_UNTRAIN_RET_VM
#ifdef DUET_HAVE_RESTRICTED_EXPORTS
	VALIDATE_UNRET_END
	CALL_UNTRAIN_RET
	ALTERNATIVE_2 "", "call duet_write_ibpb", X86_FEATURE_IBPB_ON_VMEXIT, \
		__stringify(RESET_CALL_DEPTH), X86_FEATURE_CALL_DEPTH
#elif defined(UNTRAIN_RET_VM)
	UNTRAIN_RET_VM
#else
	UNTRAIN_RET
	ALTERNATIVE "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT
#endif
.endm

#else /* __ASSEMBLER__ */

#ifdef CONFIG_PREEMPT_RT
#error "eventfds are signalled with interrupts off, where PREEMPT_RT would sleep"
#endif

#include <linux/version.h>
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>
#include <asm/cpu.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/e820/api.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/spec-ctrl.h>
#include <asm/tlbflush.h>
#ifdef DUET_HAVE_CPUID_API
#include <asm/cpuid/api.h>
#endif
#ifdef DUET_HAVE_ENTRY_VIRT
#include <linux/entry-virt.h>
#else
#include <linux/entry-kvm.h>
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#include <trace/events/ipi.h>	/* smp_send_reschedule() traces */
#endif

/* Renamed: 64-bit values are quads. */
#ifndef rdmsrl
#define rdmsrl			rdmsrq
#define rdmsrl_safe		rdmsrq_safe
#define wrmsrl			wrmsrq
#define wrmsrl_safe		wrmsrq_safe
#endif

#ifndef static_cpu_has
#define static_cpu_has		cpu_feature_enabled
#endif

/* To RCU, a guest's turn is as good as user mode. */
static inline void duet_note_guest_entry(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	rcu_virt_note_context_switch(raw_smp_processor_id());
#else
	rcu_virt_note_context_switch();
#endif
}

/**
 * duet_follow_pfnmap() - what a VM_IO or VM_PFNMAP mapping maps at @addr
 * Context: mmap_lock held. Return: 0 or -EINVAL.
 */
static inline int duet_follow_pfnmap(struct vm_area_struct *vma,
				     unsigned long addr, u64 *pfn,
				     bool *writable)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	int r = follow_pfnmap_start(&args);

	if (r)
		return r;
	*pfn = args.pfn;
	*writable = args.writable;
	follow_pfnmap_end(&args);
	return 0;
#else
	spinlock_t *ptl;
	pte_t *ptep;
	pte_t pte;
	int r = follow_pte(vma->vm_mm, addr, &ptep, &ptl);

	if (r)
		return r;
	__acquire(ptl);	/* by follow_pte(), which does not say so */
	pte = *ptep;
	pte_unmap_unlock(ptep, ptl);
	*pfn = pte_pfn(pte);
	*writable = pte_write(pte);
	return 0;
#endif
}

/** duet_eventfd_signal() - add one to the counter; any context */
static inline void duet_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

/** duet_hrtimer_setup() - a timer on CLOCK_MONOTONIC, not armed yet */
static inline void
duet_hrtimer_setup(struct hrtimer *timer,
		   enum hrtimer_restart (*function)(struct hrtimer *),
		   enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = function;
#else
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, mode);
#endif
}

/* The kernel's own header marks it as user space's to change at any time. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define duet_immediate_exit(run)	READ_ONCE((run)->immediate_exit__unsafe)
#else
#define duet_immediate_exit(run)	READ_ONCE((run)->immediate_exit)
#endif

/* Callbacks of suspend: a list of ops, or of objects with ops and an argument. */
#ifdef DUET_HAVE_SYSCORE
#define DUET_SYSCORE_ARG	void *unused
#define DUET_SYSCORE_OPS(name)						\
	static const struct syscore_ops name;				\
	static struct syscore name##_object = { .ops = &name };		\
	static const struct syscore_ops name
#define duet_register_syscore(name)	register_syscore(&name##_object)
#define duet_unregister_syscore(name)	unregister_syscore(&name##_object)
#else
#define DUET_SYSCORE_ARG	void
#define DUET_SYSCORE_OPS(name)	static struct syscore_ops name
#define duet_register_syscore(name)	register_syscore_ops(&name)
#define duet_unregister_syscore(name)	unregister_syscore_ops(&name)
#endif

/* Ageing by the mmu_notifier: was it young? */
#ifdef DUET_HAVE_BOOL_YOUNG
#define duet_young		bool
#else
#define duet_young		int
#endif

/**
 * duet_xfer_to_guest_work() - do what the kernel wants done before a guest
 * @kvm_vcpu: it counts a signal there, on kernels up to 6.18
 * Context: may sleep. Return: 0, or -EINTR for a signal.
 */
#ifdef DUET_HAVE_ENTRY_VIRT
#define duet_xfer_to_guest_work(kvm_vcpu)				\
	((void)(kvm_vcpu), xfer_to_guest_mode_handle_work())
#else
#define duet_xfer_to_guest_work(kvm_vcpu)				\
	xfer_to_guest_mode_handle_work(kvm_vcpu)
#endif

/** duet_is_hypervisor() - does CPUID name the hypervisor below us so? */
static inline bool duet_is_hypervisor(const char *signature)
{
#ifdef DUET_HAVE_CPUID_API
	return cpuid_base_hypervisor(signature, 0);
#else
	return hypervisor_cpuid_base(signature, 0);
#endif
}

#ifdef DUET_HAVE_RESTRICTED_EXPORTS
asmlinkage void duet_write_ibpb(void);
#endif

/** duet_ibpb() - what follows is not predicted by what was before */
static inline void duet_ibpb(void)
{
#ifdef DUET_HAVE_RESTRICTED_EXPORTS
	asm_inline volatile(ALTERNATIVE("", "call duet_write_ibpb",
					X86_FEATURE_IBPB)
			    : ASM_CALL_CONSTRAINT
			    : : "rax", "rcx", "rdx", "memory");
#else
	indirect_branch_prediction_barrier();
#endif
}

/** duet_host_cr4() - CR4 of this CPU; interrupts or preemption off */
static inline unsigned long duet_host_cr4(void)
{
#ifdef DUET_HAVE_RESTRICTED_EXPORTS
	return __read_cr4();
#else
	return cr4_read_shadow();
#endif
}

/** duet_firmware_says_ram() - the firmware's map calls the frame memory */
static inline bool duet_firmware_says_ram(u64 pfn)
{
#ifdef DUET_HAVE_RESTRICTED_EXPORTS
	return region_intersects(PFN_PHYS(pfn), PAGE_SIZE,
				 IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) ==
		REGION_INTERSECTS;
#else
	return e820__mapped_raw_any(PFN_PHYS(pfn), PFN_PHYS(pfn + 1) - 1,
				    E820_TYPE_RAM);
#endif
}

/**
 * duet_switch_ssbd() - SSBD on CPUs that have it elsewhere than in SPEC_CTRL
 * Where it cannot be switched the guest runs with the host's setting, and
 * VIRT_SPEC_CTRL is not offered in CPUID anyway.
 */
static inline void duet_switch_ssbd(u64 guest, bool to_guest)
{
#ifndef DUET_HAVE_RESTRICTED_EXPORTS
	x86_virt_spec_ctrl(guest, to_guest);
#endif
}

/**
 * duet_guest_split_lock() - the guest at @rip was stopped in an access that
 * the host does not allow: as if the thread had made it
 * Context: may sleep. Return: true: it may go on, false: SIGBUS is sent.
 */
static inline bool duet_guest_split_lock(unsigned long rip)
{
#ifdef DUET_HAVE_RESTRICTED_EXPORTS
	return false;	/* CPUs with AMD-V have it otherwise (DEBUGCTL) */
#else
	return handle_guest_split_lock(rip);
#endif
}

/**
 * duet_mmio_leaks() - reads of devices show what is left in the CPU's buffers,
 * and nothing clears them for guests without devices
 */
static inline bool duet_mmio_leaks(void)
{
#ifdef DUET_HAVE_RESTRICTED_EXPORTS
	return false;	/* only asked for by VT-x, which is not there */
#elif defined(DUET_HAVE_MMIO_STALE_DATA)
	return static_key_enabled(&mmio_stale_data_clear);
#else
	return static_key_enabled(&cpu_buf_vm_clear);
#endif
}

#endif /* __ASSEMBLER__ */
#endif /* DUET_COMMON_COMPAT_H */
