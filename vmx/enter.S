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
#include "common/enter.h"
#include "vmx/vmcs.h"

/* struct vmx_entry */
#define ENTRY_HOST_RSP		0
#define ENTRY_LAUNCHED		8

/* struct duet_state.cr2, behind gpr */
#define STATE_CR2		152

/* VMX_ENTER_* */
#define FAILED			1
#define FAULTED			2

.section .noinstr.text, "ax"

/*
 * int vmx_enter(u64 *gpr, struct vmx_entry *entry)
 */
SYM_FUNC_START(vmx_enter)
	DUET_PUSH_CALLEE_SAVED
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
	DUET_LOAD_GUEST_SPEC_CTRL .Lguest_spec_done
.Lguest_spec_done:

	/* CF says which of the two it will be; nothing below touches it. */
	btl	$0, ENTRY_LAUNCHED(%rsi)

	mov	GPR(0)(%rdi), %rax
	DUET_LOAD_GUEST_GPRS

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
	DUET_SAVE_GUEST_GPRS
	/* Before anything can fault: a page fault would overwrite it. */
	mov	%cr2, %rcx
	mov	%rcx, STATE_CR2(%rax)
	xor	%ebx, %ebx		/* the return value */

.Lclear:
	xor	%eax, %eax
	xor	%esi, %esi
	DUET_CLEAR_GUEST_GPRS

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
	DUET_SAVE_GUEST_SPEC_CTRL
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
	DUET_POP_CALLEE_SAVED
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
