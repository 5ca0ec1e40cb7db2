/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The SVM instructions that C code uses (APM vol. 3), each with an
 * exception-table entry: an emergency may have switched SVM off under us, and
 * then they fault. VMRUN and its company are in enter.S.
 */
#ifndef DUET_SVM_INSTRUCTIONS_H
#define DUET_SVM_INSTRUCTIONS_H

#include <linux/types.h>
#include <asm/asm.h>

/** svm_vmsave() - what VMRUN leaves alone, into the VMCB at @pa */
static inline void svm_vmsave(u64 pa)
{
	asm volatile("1: vmsave %%rax\n2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "a" (pa) : "memory");
}

/** svm_stgi() - 0, or -EIO: SVM is off, and GIF is 1 */
static inline int svm_stgi(void)
{
	asm goto("1: stgi\n\t"
		 _ASM_EXTABLE(1b, %l[off])
		 : : : "memory" : off);
	return 0;
off:
	return -EIO;
}

#endif /* DUET_SVM_INSTRUCTIONS_H */
