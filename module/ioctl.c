// SPDX-License-Identifier: GPL-2.0
/*
 * The one dispatcher behind the ioctls of all three kinds of file. Copies the
 * argument, takes the lock that the command's row names, calls the handler.
 */
#include "module/ioctl.h"
#include "common/vcpu.h"
#include <linux/slab.h>
#include <linux/uaccess.h>

#define DUET_IOCTL_STACK	256	/* larger arguments are allocated */

static int duet_ioctl_lock(enum duet_ioctl_lock lock, struct duet_vm *vm,
			   struct duet_vcpu *vcpu)
{
	switch (lock) {
	case DUET_LOCK_NONE:
		break;
	case DUET_LOCK_VM:
		mutex_lock(&vm->lock);
		break;
	case DUET_LOCK_SLOTS:
		mutex_lock(&vm->slots_lock);
		break;
	case DUET_LOCK_VM_SLOTS:
		mutex_lock(&vm->lock);
		mutex_lock(&vm->slots_lock);
		break;
	case DUET_LOCK_VCPU:
	case DUET_LOCK_VCPU_LOADED:
		/* A thread in KVM_RUN may hold it for as long as it likes. */
		if (mutex_lock_killable(&vcpu->mutex))
			return -EINTR;
		if (lock == DUET_LOCK_VCPU_LOADED)
			duet_vcpu_load(vcpu);
		break;
	}
	return 0;
}

static void duet_ioctl_unlock(enum duet_ioctl_lock lock, struct duet_vm *vm,
			      struct duet_vcpu *vcpu)
{
	switch (lock) {
	case DUET_LOCK_NONE:
		break;
	case DUET_LOCK_VM:
		mutex_unlock(&vm->lock);
		break;
	case DUET_LOCK_SLOTS:
		mutex_unlock(&vm->slots_lock);
		break;
	case DUET_LOCK_VM_SLOTS:
		mutex_unlock(&vm->slots_lock);
		mutex_unlock(&vm->lock);
		break;
	case DUET_LOCK_VCPU_LOADED:
		duet_vcpu_put(vcpu);
		fallthrough;
	case DUET_LOCK_VCPU:
		mutex_unlock(&vcpu->mutex);
		break;
	}
}

static const struct duet_ioctl *duet_ioctl_find(const struct duet_ioctl *table,
						unsigned int nr,
						unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (table[i].cmd == cmd)
			return &table[i];
	return NULL;
}

static long duet_ioctl_locked(const struct duet_ioctl *row,
			      struct duet_vm *vm, struct duet_vcpu *vcpu,
			      void *object, void *data)
{
	long r = duet_ioctl_lock(row->lock, vm, vcpu);

	if (r)
		return r;
	r = row->fn(object, data);
	duet_ioctl_unlock(row->lock, vm, vcpu);
	return r;
}

/* The API declares KVM_SET_IRQCHIP as _IOR, although it takes the structure. */
static unsigned int duet_ioctl_dir(unsigned int cmd)
{
	return cmd == KVM_SET_IRQCHIP ? _IOC_WRITE : _IOC_DIR(cmd);
}

/* The argument is a structure: in, handler, out. */
static long duet_ioctl_copied(const struct duet_ioctl *row,
			      struct duet_vm *vm, struct duet_vcpu *vcpu,
			      void *object, void __user *user)
{
	u64 stack[DUET_IOCTL_STACK / sizeof(u64)];
	size_t size = _IOC_SIZE(row->cmd);
	void *data = stack;
	long r;

	if (size > sizeof(stack)) {
		data = kvzalloc(size, GFP_KERNEL_ACCOUNT);
		if (!data)
			return -ENOMEM;
	} else {
		memset(stack, 0, size);
	}

	r = -EFAULT;
	if ((duet_ioctl_dir(row->cmd) & _IOC_WRITE) &&
	    copy_from_user(data, user, size))
		goto out;
	r = duet_ioctl_locked(row, vm, vcpu, object, data);
	if (r >= 0 && (duet_ioctl_dir(row->cmd) & _IOC_READ) &&
	    copy_to_user(user, data, size))
		r = -EFAULT;
out:
	if (data != stack)
		kvfree(data);
	return r;
}

long duet_ioctl(const struct duet_ioctl *table, unsigned int nr,
		struct duet_vm *vm, struct duet_vcpu *vcpu, void *object,
		unsigned int cmd, unsigned long arg)
{
	const struct duet_ioctl *row;

	if (vm) {
		if (vm->mm != current->mm || READ_ONCE(vm->bugged))
			return -EIO;
	}
	row = duet_ioctl_find(table, nr, cmd);
	if (!row)
		return -ENOTTY;
	if (row->raw)
		return duet_ioctl_locked(row, vm, vcpu, object, (void *)arg);
	return duet_ioctl_copied(row, vm, vcpu, object, (void __user *)arg);
}
