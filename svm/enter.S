/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world switch. Called by run.c; calls nothing but what the kernel's
 * mitigation macros call. Between CLGI and STGI neither interrupts nor NMIs
 * come, and GS is the guest's in between: no per-CPU access, no return, no
 * trap is possible there.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include "common/compat.h"
#include "common/enter.h"

/* struct svm_entry */
#define ENTRY_VMCB_PA		0
#define ENTRY_HOST_STATE_PA	8

.section .noinstr.text, "ax"

/*
 * int svm_enter(u64 *gpr, struct svm_entry *entry)
 */
SYM_FUNC_START(svm_enter)
	DUET_PUSH_CALLEE_SAVED
	push	$0			/* the return value */
	push	%rsi
	push	%rdi

	/* The first that faults if SVM was switched off under us. */
.Lclgi:	clgi

	/*
	 * GIF is 0, so this lets nothing in yet: at VMRUN, with
	 * V_INTR_MASKING, RFLAGS.IF says whether physical interrupts exit
	 * (APM vol. 2, 15.21.1). Its shadow ends long before VMRUN.
	 */
	sti

	/*
	 * The guest's SPEC_CTRL, unless the CPU switches it itself. No return
	 * and no indirect branch from here on.
	 */
	ALTERNATIVE_2 "jmp .Lguest_spec_done", \
		"", X86_FEATURE_MSR_SPEC_CTRL, \
		"jmp .Lguest_spec_done", X86_FEATURE_V_SPEC_CTRL
	DUET_LOAD_GUEST_SPEC_CTRL .Lguest_spec_done
.Lguest_spec_done:

	mov	ENTRY_VMCB_PA(%rsi), %rax
.Lvmload:
	vmload	%rax

	DUET_LOAD_GUEST_GPRS

	DUET_CLEAR_CPU_BUFFERS		/* clobbers ZF */

.Lvmrun:
	vmrun	%rax

	/* RAX and RSP are the host's again, the others still the guest's. */
.Lexited:
	pop	%rax
	DUET_SAVE_GUEST_GPRS

	pop	%rsi
	mov	ENTRY_VMCB_PA(%rsi), %rax
	vmsave	%rax
	mov	ENTRY_HOST_STATE_PA(%rsi), %rax
	vmload	%rax			/* GS is the host's again */

	xor	%ebx, %ebx
	DUET_CLEAR_GUEST_GPRS

.Lhost_state:
#if defined(CONFIG_RETPOLINE) || defined(CONFIG_MITIGATION_RETPOLINE)
	/* Before the first return: the RSB holds the guest's entries. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RETPOLINE
#endif

	ALTERNATIVE_2 "jmp .Lhost_spec_done", \
		"", X86_FEATURE_MSR_SPEC_CTRL, \
		"jmp .Lhost_spec_done", X86_FEATURE_V_SPEC_CTRL
	DUET_SAVE_GUEST_SPEC_CTRL
	cmp	(%rdi), %eax
	je	.Lhost_spec_done
	xor	%edx, %edx
	wrmsr
.Lhost_spec_done:

	/*
	 * Returns must be untrained before interrupts or NMIs come: their
	 * handlers do not do it when they interrupt the kernel.
	 */
	DUET_UNTRAIN_RET_VM

	cli
.Lstgi:	stgi

.Lreturn:
	pop	%rax			/* the return value */
	DUET_POP_CALLEE_SAVED
	RET

	/* SVM is off: GIF is 1 and nothing was touched. */
.Lclgi_fault:
	pop	%rdi
	pop	%rsi
	movl	$1, (%rsp)
	jmp	.Lreturn

	/* Nothing of the guest is loaded, except perhaps SPEC_CTRL. */
.Lvmload_fault:
	pop	%rdi
	pop	%rsi
	movl	$1, (%rsp)
	jmp	.Lhost_state

	/* As after an exit: the guest's registers go back where they were. */
.Lvmrun_fault:
	movl	$1, 16(%rsp)
	jmp	.Lexited

	/* The last: an emergency (reboot) may have switched SVM off. */
	_ASM_EXTABLE(.Lclgi, .Lclgi_fault)
	_ASM_EXTABLE(.Lvmload, .Lvmload_fault)
	_ASM_EXTABLE(.Lvmrun, .Lvmrun_fault)
	_ASM_EXTABLE(.Lstgi, .Lreturn)
SYM_FUNC_END(svm_enter)
