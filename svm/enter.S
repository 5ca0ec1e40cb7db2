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

/* struct svm_entry */
#define ENTRY_VMCB_PA		0
#define ENTRY_HOST_STATE_PA	8
#define ENTRY_SPEC_CTRL		16
#define ENTRY_SPEC_CTRL_DIRECT	24

/* struct duet_state.gpr, in the order of enum duet_gpr */
#define GPR(n)			((n) * 8)

.section .noinstr.text, "ax"

/*
 * int svm_enter(u64 *gpr, struct svm_entry *entry)
 */
SYM_FUNC_START(svm_enter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
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
	mov	ENTRY_SPEC_CTRL(%rsi), %rdx
	movl	(%rdx), %eax
	cmp	PER_CPU_VAR(x86_spec_ctrl_current), %eax
	je	.Lguest_spec_done
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	xor	%edx, %edx
	wrmsr
.Lguest_spec_done:

	mov	ENTRY_VMCB_PA(%rsi), %rax
.Lvmload:
	vmload	%rax

	mov	GPR(1)(%rdi), %rcx
	mov	GPR(2)(%rdi), %rdx
	mov	GPR(3)(%rdi), %rbx
	mov	GPR(5)(%rdi), %rbp
	mov	GPR(6)(%rdi), %rsi
	mov	GPR(8)(%rdi), %r8
	mov	GPR(9)(%rdi), %r9
	mov	GPR(10)(%rdi), %r10
	mov	GPR(11)(%rdi), %r11
	mov	GPR(12)(%rdi), %r12
	mov	GPR(13)(%rdi), %r13
	mov	GPR(14)(%rdi), %r14
	mov	GPR(15)(%rdi), %r15
	mov	GPR(7)(%rdi), %rdi

	DUET_CLEAR_CPU_BUFFERS		/* clobbers ZF */

.Lvmrun:
	vmrun	%rax

	/* RAX and RSP are the host's again, the others still the guest's. */
.Lexited:
	pop	%rax
	mov	%rcx, GPR(1)(%rax)
	mov	%rdx, GPR(2)(%rax)
	mov	%rbx, GPR(3)(%rax)
	mov	%rbp, GPR(5)(%rax)
	mov	%rsi, GPR(6)(%rax)
	mov	%rdi, GPR(7)(%rax)
	mov	%r8, GPR(8)(%rax)
	mov	%r9, GPR(9)(%rax)
	mov	%r10, GPR(10)(%rax)
	mov	%r11, GPR(11)(%rax)
	mov	%r12, GPR(12)(%rax)
	mov	%r13, GPR(13)(%rax)
	mov	%r14, GPR(14)(%rax)
	mov	%r15, GPR(15)(%rax)

	pop	%rsi
	mov	ENTRY_VMCB_PA(%rsi), %rax
	vmsave	%rax
	mov	ENTRY_HOST_STATE_PA(%rsi), %rax
	vmload	%rax			/* GS is the host's again */

	/*
	 * Nothing that the guest left in a register may be used
	 * speculatively, here or in what is called.
	 */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

.Lhost_state:
#if defined(CONFIG_RETPOLINE) || defined(CONFIG_MITIGATION_RETPOLINE)
	/* Before the first return: the RSB holds the guest's entries. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RETPOLINE
#endif

	ALTERNATIVE_2 "jmp .Lhost_spec_done", \
		"", X86_FEATURE_MSR_SPEC_CTRL, \
		"jmp .Lhost_spec_done", X86_FEATURE_V_SPEC_CTRL
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	mov	ENTRY_SPEC_CTRL(%rsi), %rdi
	cmpl	$0, ENTRY_SPEC_CTRL_DIRECT(%rsi)
	je	.Lguest_spec_known
	rdmsr
	movl	%eax, (%rdi)
.Lguest_spec_known:
	movl	PER_CPU_VAR(x86_spec_ctrl_current), %eax
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
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
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
