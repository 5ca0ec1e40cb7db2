/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What newer kernels keep to KVM of the code for speculation: the same, for
 * the macros of compat.h. Calls nothing; called by the world switch.
 */
#ifdef DUET_HAVE_RESTRICTED_EXPORTS

#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/msr-index.h>
#include <asm/segment.h>
#include "common/compat.h"

.section .noinstr.text, "ax"

/* Clobbers RAX, RCX, RDX. All predictions, whatever the CPU may get by with. */
SYM_FUNC_START(duet_write_ibpb)
	ANNOTATE_NOENDBR
	movl	$MSR_IA32_PRED_CMD, %ecx
	movl	$PRED_CMD_IBPB, %eax
	xorl	%edx, %edx
	wrmsr
	/* Some CPUs leave the return predictions. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_BUG_IBPB_NO_RET
	RET
SYM_FUNC_END(duet_write_ibpb)

/* VERW clears the buffers if its operand is a writable data segment. */
.section .rodata, "a"
.balign	2
SYM_DATA(duet_verw_selector, .word __KERNEL_DS)

#endif /* DUET_HAVE_RESTRICTED_EXPORTS */
