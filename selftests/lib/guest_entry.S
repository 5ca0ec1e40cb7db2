/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest entry points of the 256 vectors: each pushes what struct trap has and
 * calls guest_trap(). Entered by the guest's IDT only.
 */
	.text
	.balign	16
	.globl	guest_stubs
guest_stubs:
	.set	vector, 0
	.rept	256
	.balign	16
	/* Vectors with an error code of their own. */
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || \
		  vector == 17 || vector == 21)
	pushq	$0
	.endif
	pushq	$vector
	jmp	guest_trap_common
	.set	vector, vector + 1
	.endr

guest_trap_common:
	pushq	%rax
	pushq	%rbx
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rbp
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	cld
	movq	%rsp, %rdi
	movq	%rsp, %rbp
	andq	$-16, %rsp
	call	guest_trap
	movq	%rbp, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rbp
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rbx
	popq	%rax
	addq	$16, %rsp
	iretq

	/* An address for RIP-relative access to device memory (mmio.c). */
	.globl	guest_50000030
	.set	guest_50000030, 0x50000030

	.section .note.GNU-stack, "", @progbits
