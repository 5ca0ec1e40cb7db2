// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading: finds the backend for this machine's CPU and makes
 * /dev/duet appear.
 */
#define pr_fmt(fmt) "duet: " fmt

#include "module/duet.h"
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/preempt.h>

const struct duet_vcpu_ops *duet_ops;
struct duet_caps duet_caps;

static char *device = "duet";
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "name of the node: duet, or kvm for clients with a fixed path");

static struct miscdevice duet_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "duet",
	.fops = &duet_dev_fops,
	.mode = 0600,
};

static const struct duet_vcpu_ops *const duet_backends[] = {
#ifdef CONFIG_DUET_SVM
	&svm_ops,
#endif
#ifdef CONFIG_DUET_VMX
	&vmx_ops,
#endif
};

static int duet_probe(void)
{
	int i, r = -EOPNOTSUPP;

	for (i = 0; i < ARRAY_SIZE(duet_backends); i++) {
		r = duet_backends[i]->probe(&duet_caps);
		if (!r) {
			duet_ops = duet_backends[i];
			return 0;
		}
		if (r != -EOPNOTSUPP)
			return r;
	}
	pr_err("this CPU has neither AMD-V (SVM) nor Intel VT-x (VMX)\n");
	return -ENODEV;
}

/* Is the node's name taken? misc_register() would warn about sysfs. */
static int duet_name_node(void)
{
	if (!strcmp(device, "duet"))
		return 0;
	if (strcmp(device, "kvm")) {
		pr_err("device=%s: only duet and kvm are possible\n", device);
		return -EINVAL;
	}
	duet_misc.name = "kvm";
	duet_misc.minor = KVM_MINOR;
	return 0;
}

static int __init duet_init(void)
{
	int r;

	r = duet_name_node();
	if (r)
		return r;
	r = duet_probe();
	if (r)
		return r;
	duet_cpuid_global_init();
	r = duet_hardware_init();
	if (r)
		goto err_probe;
	/* Once: each flip patches the scheduler's code on all CPUs. */
	preempt_notifier_inc();
	r = misc_register(&duet_misc);
	if (r) {
		if (r == -EBUSY)
			pr_err("/dev/%s is taken: is the kvm module loaded?\n",
			       duet_misc.name);
		goto err_hardware;
	}
	duet_hardware_watch(duet_misc.this_device);
	pr_info("%s, generation %u, %u tags; /dev/%s\n", duet_caps.vendor,
		duet_caps.generation, duet_caps.nr_tags, duet_misc.name);
	return 0;

err_hardware:
	preempt_notifier_dec();
	duet_hardware_exit();
err_probe:
	duet_ops->remove();
	return r;
}
module_init(duet_init);

static void __exit duet_exit(void)
{
	misc_deregister(&duet_misc);
	preempt_notifier_dec();
	duet_hardware_exit();
	duet_ops->remove();
}
module_exit(duet_exit);

MODULE_DESCRIPTION("Duet, a hypervisor for AMD-V and Intel VT-x");
MODULE_AUTHOR("The Duet authors");
MODULE_LICENSE("GPL");
