// SPDX-License-Identifier: GPL-2.0
/*
 * VMX on kernels that do not let us set CR4.VMXE: says why, and that is all.
 * CR4 has a copy in the kernel's memory, which decides what every later write
 * of CR4 has; cr4_update_irqsoff(), which keeps both, is exported to KVM
 * alone. A CR4 behind its back is written without VMXE at the next occasion,
 * which in VMX operation is #GP.
 */
#include <linux/errno.h>
#include <linux/printk.h>
#include <asm/processor.h>
#include "common/ops.h"

static int vmx_refused_probe(struct duet_caps *caps)
{
	if (boot_cpu_data.x86_vendor != X86_VENDOR_INTEL &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_CENTAUR &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_ZHAOXIN)
		return -EOPNOTSUPP;
	pr_err("duet: this kernel lets only KVM's modules switch VT-x (VMX) on\n");
	return -ENODEV;
}

const struct duet_vcpu_ops vmx_ops = {
	.name = "vmx",
	.probe = vmx_refused_probe,
};
