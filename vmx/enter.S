/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world switch. Called by run.c; calls nothing but what the kernel's
 * mitigation macros call. The host's segments, CR3 and RSP come back with the
 * VM exit, so that NMIs find the host's GS at any time.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/unwind_hints.h>
#include "vmx/vmcs.h"

/* struct vmx_entry */
#define ENTRY_HOST_RSP		0
#define ENTRY_LAUNCHED		8
#define ENTRY_SPEC_CTRL		16
#define ENTRY_SPEC_CTRL_DIRECT	24

/* struct duet_state.gpr, in the order of enum duet_gpr; CR2 */
#define GPR(n)			((n) * 8)
#define STATE_CR2		152

/* VMX_ENTER_* */
#define FAILED			1
#define FAULTED			2

.section .noinstr.text, "ax"

/*
 * int vmx_enter(u64 *gpr, struct vmx_entry *entry)
 */
SYM_FUNC_START(vmx_enter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rsi
	push	%rdi

	/* The same stack depth as the last time: then it is there already. */
	cmp	%rsp, ENTRY_HOST_RSP(%rsi)
	je	.Lrsp_done
	mov	$VMCS_HOST_RSP, %eax
.Lvmwrite:
	vmwrite	%rsp, %rax
	jbe	.Lfailed
	mov	%rsp, ENTRY_HOST_RSP(%rsi)
.Lrsp_done:

	/* The VMCS has no CR2; writing it costs more than reading. */
	mov	STATE_CR2(%rdi), %rax
	mov	%cr2, %rdx
	cmp	%rax, %rdx
	je	.Lcr2_done
	mov	%rax, %cr2
.Lcr2_done:

	/*
	 * The guest's SPEC_CTRL. No return and no indirect branch from here
	 * on.
	 */
	ALTERNATIVE "jmp .Lguest_spec_done", "", X86_FEATURE_MSR_SPEC_CTRL
	mov	ENTRY_SPEC_CTRL(%rsi), %rdx
	movl	(%rdx), %eax
	cmp	PER_CPU_VAR(x86_spec_ctrl_current), %eax
	je	.Lguest_spec_done
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	xor	%edx, %edx
	wrmsr
.Lguest_spec_done:

	/* CF says which of the two it will be; nothing below touches it. */
	btl	$0, ENTRY_LAUNCHED(%rsi)

	mov	GPR(0)(%rdi), %rax
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

#ifdef CLEAR_CPU_BUFFERS
	CLEAR_CPU_BUFFERS		/* clobbers ZF */
#endif
	jnc	.Lvmlaunch

	/* After an exit the stack is as here. */
	UNWIND_HINT_SAVE
.Lvmresume:
	vmresume
	jmp	.Lfailed

.Lvmlaunch:
	vmlaunch
	jmp	.Lfailed

SYM_INNER_LABEL(vmx_exit, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR

	/* RSP is the host's again, the others still the guest's. */
	push	%rax
	mov	8(%rsp), %rax
	pop	GPR(0)(%rax)
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
	/* Before anything can fault: a page fault would overwrite it. */
	mov	%cr2, %rcx
	mov	%rcx, STATE_CR2(%rax)
	xor	%ebx, %ebx		/* the return value */

	/*
	 * Nothing that the guest left in a register may be used
	 * speculatively, here or in what is called.
	 */
.Lclear:
	xor	%eax, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

	/* Before the first return: the RSB holds the guest's entries. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	pop	%rdi
	pop	%rsi

	/*
	 * With legacy IBRS the host's value has to be written even if it is
	 * the same: the write is the barrier.
	 */
	ALTERNATIVE "jmp .Lhost_spec_done", "", X86_FEATURE_MSR_SPEC_CTRL
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	mov	ENTRY_SPEC_CTRL(%rsi), %rdi
	cmpl	$0, ENTRY_SPEC_CTRL_DIRECT(%rsi)
	je	.Lguest_spec_known
	rdmsr
	movl	%eax, (%rdi)
.Lguest_spec_known:
	movl	PER_CPU_VAR(x86_spec_ctrl_current), %eax
	ALTERNATIVE "", "jmp .Lhost_spec_write", X86_FEATURE_KERNEL_IBRS
	cmp	(%rdi), %eax
	je	.Lhost_spec_fence
.Lhost_spec_write:
	xor	%edx, %edx
	wrmsr
.Lhost_spec_fence:
	lfence				/* nobody runs past a skipped write */
.Lhost_spec_done:

	CLEAR_BRANCH_HISTORY_VMEXIT

	mov	%ebx, %eax
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lfailed:
	mov	$FAILED, %ebx
	jmp	.Lclear

	/* An emergency (reboot) left VMX operation. */
.Lfaulted:
	mov	$FAULTED, %ebx
	jmp	.Lclear

	_ASM_EXTABLE(.Lvmwrite, .Lfaulted)
	_ASM_EXTABLE(.Lvmresume, .Lfaulted)
	_ASM_EXTABLE(.Lvmlaunch, .Lfaulted)
SYM_FUNC_END(vmx_enter)
