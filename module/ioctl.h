/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctl dispatcher: each command is a table row that says which lock it
 * takes and how its argument moves; one function does both.
 */
#ifndef DUET_MODULE_IOCTL_H
#define DUET_MODULE_IOCTL_H

#include <linux/build_bug.h>
#include <linux/fs.h>
#include "common/types.h"

/* Which lock the dispatcher holds around the handler. */
enum duet_ioctl_lock {
	DUET_LOCK_NONE,
	DUET_LOCK_VM,		/* vm->lock */
	DUET_LOCK_SLOTS,	/* vm->slots_lock */
	DUET_LOCK_VM_SLOTS,	/* both, in this order */
	DUET_LOCK_VCPU,		/* vcpu->mutex */
	DUET_LOCK_VCPU_LOADED,	/* vcpu->mutex, and the vCPU is loaded */
};

/**
 * struct duet_ioctl - one command
 * @cmd: as in <linux/kvm.h>. By its direction and size the argument is copied
 *	in before the handler and out after it returned >= 0.
 * @raw: the argument is passed as it is: an integer, or a pointer to a
 *	structure with a flexible array
 * @fn: @object is what the file stands for (NULL, struct duet_vm or struct
 *	duet_vcpu), @data the copied structure or the raw argument
 */
struct duet_ioctl {
	unsigned int cmd;
	u8 lock;
	bool raw;
	long (*fn)(void *object, void *data);
};

/*
 * Rows of the tables. What is copied needs a direction and a size; one command
 * that takes a structure has neither.
 */
#define ROW(c, l, fn_) {						\
	.cmd = (c) + BUILD_BUG_ON_ZERO(_IOC_DIR(c) == _IOC_NONE),	\
	.lock = DUET_LOCK_##l, .fn = fn_ }
#define RAW(c, l, fn_)	{ .cmd = c, .lock = DUET_LOCK_##l, .raw = true, .fn = fn_ }

/**
 * duet_ioctl() - run @cmd from @table (@nr rows) on @object
 * @vm: the VM whose locks are meant, @vcpu: the vCPU; may be NULL
 * Return: the handler's value, -ENOTTY for an unknown command, -EIO from
 * another mm, -EFAULT.
 */
long duet_ioctl(const struct duet_ioctl *table, unsigned int nr,
		struct duet_vm *vm, struct duet_vcpu *vcpu, void *object,
		unsigned int cmd, unsigned long arg);

#endif /* DUET_MODULE_IOCTL_H */
