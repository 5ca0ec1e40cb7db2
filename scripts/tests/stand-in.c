// SPDX-License-Identifier: GPL-2.0
/*
 * A duet.ko that has the node and nothing behind it, so that the test runner
 * is tested apart from the hypervisor. Built and used by scripts/tests/runner.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations stand_in_fops = {
	.owner	= THIS_MODULE,
};

static struct miscdevice stand_in = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "duet",
	.fops	= &stand_in_fops,
};

module_misc_device(stand_in);
MODULE_DESCRIPTION("Stand-in for Duet, to test the test runner");
MODULE_LICENSE("GPL");
