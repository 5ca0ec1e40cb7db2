/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMX instructions of the model's processors: stands in for
 * vmx/instructions.h. What they do is in vmx.c.
 */
#ifndef DUET_VMX_INSTRUCTIONS_H
#define DUET_VMX_INSTRUCTIONS_H

#include "kernel.h"

#define VMX_INV_ADDRESS		0	/* INVVPID only */
#define VMX_INV_SINGLE		1
#define VMX_INV_ALL		2

u64 vmx_vmread(unsigned long field);
void vmx_vmwrite(unsigned long field, u64 value);
int vmx_vmclear(u64 pa);
int vmx_vmptrld(u64 pa);
int vmx_vmxoff(void);
int vmx_do_invept(unsigned long type, u64 first, u64 second);
int vmx_do_invvpid(unsigned long type, u64 first, u64 second);

#endif /* DUET_VMX_INSTRUCTIONS_H */
