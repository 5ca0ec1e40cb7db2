/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the world switches of both backends have in common: macros for their
 * enter.S, each about the registers that it names and no other.
 */
#ifndef DUET_ENTER_H
#define DUET_ENTER_H

#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/percpu.h>

/* struct duet_state.gpr, in the order of enum duet_gpr */
#define GPR(n)			((n) * 8)

/* the second argument of either, behind what is the backend's */
#define ENTRY_SPEC_CTRL		16
#define ENTRY_SPEC_CTRL_DIRECT	24

/* The registers that a C function gives back as they were. */
.macro DUET_PUSH_CALLEE_SAVED
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
.endm

.macro DUET_POP_CALLEE_SAVED
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
.endm

/* The guest's from the array at RDI, all but RAX and RSP. */
.macro DUET_LOAD_GUEST_GPRS
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
.endm

/* The same to the array at RAX. */
.macro DUET_SAVE_GUEST_GPRS
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
.endm

/*
 * Nothing that the guest left in a register may be used speculatively, in the
 * world switch or in what is called. RAX, RBX and RSI are the backend's.
 */
.macro DUET_CLEAR_GUEST_GPRS
	xor	%ecx, %ecx
	xor	%edx, %edx
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
.endm

/*
 * The guest's SPEC_CTRL, of the entry at RSI, if it is not the host's; else to
 * @done. RAX, RCX and RDX are lost.
 */
.macro DUET_LOAD_GUEST_SPEC_CTRL done
	mov	ENTRY_SPEC_CTRL(%rsi), %rdx
	movl	(%rdx), %eax
	cmp	PER_CPU_VAR(x86_spec_ctrl_current), %eax
	je	\done
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	xor	%edx, %edx
	wrmsr
.endm

/*
 * Reads it back, if the guest writes it without an exit. Then RDI is where it
 * is kept, EAX the host's, and RCX the MSR; RDX is lost.
 */
.macro DUET_SAVE_GUEST_SPEC_CTRL
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	mov	ENTRY_SPEC_CTRL(%rsi), %rdi
	cmpl	$0, ENTRY_SPEC_CTRL_DIRECT(%rsi)
	je	.Lknown\@
	rdmsr
	movl	%eax, (%rdi)
.Lknown\@:
	movl	PER_CPU_VAR(x86_spec_ctrl_current), %eax
.endm

#endif /* DUET_ENTER_H */
