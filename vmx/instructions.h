/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMX instructions (SDM vol. 3, chapter 31), each with an exception-table
 * entry: an emergency may have left VMX operation under us, and then they
 * fault. Used all over vmx/.
 */
#ifndef DUET_VMX_INSTRUCTIONS_H
#define DUET_VMX_INSTRUCTIONS_H

#include <linux/types.h>
#include <asm/asm.h>

void vmx_vmwrite_failed(unsigned long field, u64 value);

/* Operand of INVEPT and INVVPID (SDM vol. 3, 31.3). */
struct vmx_invalidate {
	u64 first, second;
};

/* The kinds of INVEPT and INVVPID. */
#define VMX_INV_ADDRESS		0	/* INVVPID only */
#define VMX_INV_SINGLE		1
#define VMX_INV_ALL		2

/**
 * vmx_vmread() - a field of the current VMCS
 * Return: its value; 0 if there is no such field or no VMX operation: either
 * way the register is not written.
 */
static __always_inline u64 vmx_vmread(unsigned long field)
{
	u64 value = 0;

	asm volatile("1: vmread %[field], %[value]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [value] "+r" (value) : [field] "r" (field) : "cc");
	return value;
}

/** vmx_vmwrite() - a field of the current VMCS; failures are logged */
static __always_inline void vmx_vmwrite(unsigned long field, u64 value)
{
	asm goto("1: vmwrite %[value], %[field]\n\t"
		 "jbe %l[failed]\n\t"
		 _ASM_EXTABLE(1b, %l[failed])
		 : : [field] "r" (field), [value] "rm" (value)
		 : "cc", "memory" : failed);
	return;
failed:
	vmx_vmwrite_failed(field, value);
}

/*
 * Those with one memory operand: 0; VMfail or a fault: -EIO. The manual calls
 * CF or ZF a VMfail (SDM vol. 3, 31.2).
 */
#define VMX_MEMORY_INSTRUCTION(name)					\
static inline int vmx_##name(u64 pa)					\
{									\
	asm goto("1: " #name " %[pa]\n\t"				\
		 "jbe %l[failed]\n\t"					\
		 _ASM_EXTABLE(1b, %l[failed])				\
		 : : [pa] "m" (pa) : "cc", "memory" : failed);		\
	return 0;							\
failed:									\
	return -EIO;							\
}

VMX_MEMORY_INSTRUCTION(vmxon)
VMX_MEMORY_INSTRUCTION(vmclear)
VMX_MEMORY_INSTRUCTION(vmptrld)

/** vmx_vmxoff() - 0, or -EIO: this CPU was not in VMX operation */
static inline int vmx_vmxoff(void)
{
	asm goto("1: vmxoff\n\t"
		 "jbe %l[failed]\n\t"
		 _ASM_EXTABLE(1b, %l[failed])
		 : : : "cc", "memory" : failed);
	return 0;
failed:
	return -EIO;
}

#define VMX_INVALIDATE_INSTRUCTION(name)				\
static inline int vmx_do_##name(unsigned long type, u64 first, u64 second) \
{									\
	struct vmx_invalidate operand = { first, second };		\
									\
	asm goto("1: " #name " %[operand], %[type]\n\t"		\
		 "jbe %l[failed]\n\t"					\
		 _ASM_EXTABLE(1b, %l[failed])				\
		 : : [type] "r" (type), [operand] "m" (operand)		\
		 : "cc", "memory" : failed);				\
	return 0;							\
failed:									\
	return -EIO;							\
}

VMX_INVALIDATE_INSTRUCTION(invept)
VMX_INVALIDATE_INSTRUCTION(invvpid)

#endif /* DUET_VMX_INSTRUCTIONS_H */
