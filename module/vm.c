// SPDX-License-Identifier: GPL-2.0
/*
 * The VM: its file, its ioctls and its life. Calls common/ for everything that
 * is behind an ioctl, vcpu.c to make a vCPU.
 */
#include "module/duet.h"
#include "module/ioctl.h"
#include "common/bus.h"
#include "common/irqchip.h"
#include "common/memslot.h"
#include "common/pager.h"
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>
#include <uapi/duet.h>

static void duet_vm_destroy(struct duet_vm *vm)
{
	u32 i;

	/*
	 * First what fires by itself, the mmu_notifier included: the mm may
	 * outlive the VM, and an invalidation asks every vCPU for a flush.
	 */
	duet_hardware_unlist(vm);
	duet_irqchip_destroy(vm);
	duet_pager_destroy(vm);
	for (i = 0; i < vm->nr_vcpus; i++)
		duet_vcpu_free(vm->vcpus[i]);
	duet_bus_destroy(vm);
	duet_memslots_destroy(vm);
	duet_ops->vm_destroy(vm);
	cleanup_srcu_struct(&vm->srcu);
	mmdrop(vm->mm);
	kvfree(vm);
	duet_hardware_put();
}

void duet_vm_get(struct duet_vm *vm)
{
	refcount_inc(&vm->users);
}

void duet_vm_put(struct duet_vm *vm)
{
	if (refcount_dec_and_test(&vm->users))
		duet_vm_destroy(vm);
}

static struct duet_vm *duet_vm_create(void)
{
	struct duet_vm *vm;
	int r;

	r = duet_hardware_get();
	if (r)
		return ERR_PTR(r);
	r = -ENOMEM;
	vm = kvzalloc(duet_ops->vm_size, GFP_KERNEL_ACCOUNT);
	if (!vm)
		goto err_hardware;

	refcount_set(&vm->users, 1);
	mutex_init(&vm->lock);
	mutex_init(&vm->slots_lock);
	raw_spin_lock_init(&vm->tsc_lock);
	vm->tsc_khz = tsc_khz;
	duet_clock_init(vm);
	vm->pager_kind = DUET_PAGER_NESTED;
	vm->halt_poll_ns = DUET_POLL_DEFAULT;
	mmgrab(current->mm);
	vm->mm = current->mm;

	r = init_srcu_struct(&vm->srcu);
	if (r)
		goto err_mm;
	r = duet_ops->vm_create(vm);
	if (r)
		goto err_srcu;
	r = duet_memslots_init(vm);
	if (r)
		goto err_ops;
	r = duet_pager_init(vm);
	if (r)
		goto err_memslots;
	duet_hardware_list(vm);
	return vm;

err_memslots:
	duet_memslots_destroy(vm);
err_ops:
	duet_ops->vm_destroy(vm);
err_srcu:
	cleanup_srcu_struct(&vm->srcu);
err_mm:
	mmdrop(vm->mm);
	kvfree(vm);
err_hardware:
	duet_hardware_put();
	return ERR_PTR(r);
}

static long vm_check_extension(void *object, void *arg)
{
	return duet_check_extension(object, (long)arg);
}

static long vm_create_vcpu(void *object, void *arg)
{
	unsigned long id = (unsigned long)arg;

	if (id >= DUET_MAX_VCPU_ID)
		return -EINVAL;
	return duet_vcpu_create_fd(object, id);
}

static long vm_set_memory_region(void *object, void *data)
{
	return duet_set_memory_region(object, data);
}

static long vm_get_dirty_log(void *object, void *data)
{
	struct kvm_dirty_log *log = data;
	void __user *to = log->dirty_bitmap;

	/* A 32-bit caller left the upper half of the pointer undefined. */
	if (in_compat_syscall())
		to = compat_ptr((unsigned long)to);
	return duet_get_dirty_log(object, log->slot, to);
}

static long vm_set_tss_addr(void *object, void *arg)
{
	struct duet_vm *vm = object;
	unsigned long addr = (unsigned long)arg;

	/* Three pages below 4 GiB, as KVM has it. */
	if (addr > (u32)(-3 * PAGE_SIZE))
		return -EINVAL;
	vm->tss_addr = addr;
	return 0;
}

static long vm_set_identity_map_addr(void *object, void *data)
{
	struct duet_vm *vm = object;

	if (vm->created_vcpus)
		return -EINVAL;
	vm->identity_map_addr = *(u64 *)data;
	return 0;
}

static long vm_set_boot_cpu_id(void *object, void *arg)
{
	struct duet_vm *vm = object;

	if (vm->created_vcpus)
		return -EBUSY;
	vm->bsp_id = (unsigned long)arg;
	return 0;
}

static long vm_create_irqchip(void *object, void *arg)
{
	return duet_irqchip_create(object);
}

static long vm_get_irqchip(void *object, void *data)
{
	struct duet_vm *vm = object;

	return vm->has_irqchip ? duet_irqchip_get(vm, data) : -ENXIO;
}

static long vm_set_irqchip(void *object, void *data)
{
	struct duet_vm *vm = object;

	return vm->has_irqchip ? duet_irqchip_set(vm, data) : -ENXIO;
}

static long vm_create_pit(void *object, void *arg)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };

	return duet_pit_create(object, &config);
}

static long vm_create_pit2(void *object, void *data)
{
	return duet_pit_create(object, data);
}

static long vm_get_pit2(void *object, void *data)
{
	return duet_pit_get(object, data);
}

static long vm_set_pit2(void *object, void *data)
{
	return duet_pit_set(object, data);
}

/* The API gives this command no size, although it takes a structure. */
static long vm_reinject_control(void *object, void *arg)
{
	struct kvm_reinject_control control;

	if (copy_from_user(&control, (void __user *)arg, sizeof(control)))
		return -EFAULT;
	return duet_reinject_control(object, &control);
}

static long vm_irq_line(void *object, void *data)
{
	struct kvm_irq_level *level = data;
	struct duet_vm *vm = object;

	if (!vm->has_irqchip)
		return -ENXIO;
	/* Who does not ask is not told of the RTC's coalesced ticks. */
	return duet_irq_line(vm, level->irq, level->level, NULL);
}

static long vm_irq_line_status(void *object, void *data)
{
	struct kvm_irq_level *level = data;
	struct duet_vm *vm = object;
	int status = 0;
	int r;

	if (!vm->has_irqchip)
		return -ENXIO;
	r = duet_irq_line(vm, level->irq, level->level, &status);
	level->status = status;
	return r;
}

static long vm_set_gsi_routing(void *object, void *arg)
{
	return duet_set_gsi_routing(object, (void __user *)arg);
}

static long vm_signal_msi(void *object, void *data)
{
	struct duet_vm *vm = object;

	return vm->has_irqchip ? duet_signal_msi(vm, data) : -ENXIO;
}

static long vm_irqfd(void *object, void *data)
{
	return duet_irqfd(object, data);
}

static long vm_ioeventfd(void *object, void *data)
{
	return duet_ioeventfd(object, data);
}

static int vm_enable_pager(struct duet_vm *vm, const struct kvm_enable_cap *cap)
{
	int pagers = duet_check_extension(vm, DUET_CAP_PAGER);

	if (cap->args[0] > DUET_PAGER_SHADOW ||
	    !(pagers & BIT(cap->args[0])))
		return -EINVAL;
	if (vm->created_vcpus)
		return -EBUSY;
	vm->pager_kind = cap->args[0];
	return 0;
}

static int vm_enable_own(struct duet_vm *vm, const struct kvm_enable_cap *cap)
{
	int i;

	for (i = 1; i < ARRAY_SIZE(cap->args); i++)
		if (cap->args[i])
			return -EINVAL;

	switch (cap->cap) {
	case DUET_CAP_PAGER:
		return vm_enable_pager(vm, cap);
	case DUET_CAP_REFUSE:
		if (cap->args[0] & ~duet_caps.can_refuse)
			return -EINVAL;
		if (vm->created_vcpus)
			return -EBUSY;
		vm->refused = cap->args[0];
		return 0;
	default:
		return -EINVAL;
	}
}

static long vm_enable_cap(void *object, void *data)
{
	const struct kvm_enable_cap *cap = data;
	struct duet_vm *vm = object;

	if (cap->flags)
		return -EINVAL;
	switch (cap->cap) {
	case KVM_CAP_SPLIT_IRQCHIP:
		return duet_irqchip_create_split(vm, cap->args[0]);
	case KVM_CAP_HALT_POLL:
		if (cap->args[0] > U32_MAX)
			return -EINVAL;
		WRITE_ONCE(vm->halt_poll_ns, cap->args[0]);
		return 0;
	case KVM_CAP_X2APIC_API:
		if (cap->args[0] & ~DUET_X2APIC_API)
			return -EINVAL;
		WRITE_ONCE(vm->x2apic_api, vm->x2apic_api | cap->args[0]);
		return 0;
	default:
		return vm_enable_own(vm, cap);
	}
}

static long vm_set_tsc_khz(void *object, void *arg)
{
	u32 khz = (unsigned long)arg;
	struct duet_vm *vm = object;
	int r = duet_check_tsc_khz(&khz);

	if (!r)
		vm->tsc_khz = khz;
	return r;
}

static long vm_get_tsc_khz(void *object, void *arg)
{
	struct duet_vm *vm = object;

	return vm->tsc_khz;
}

static long vm_get_clock(void *object, void *data)
{
	duet_clock_get(object, data);
	return 0;
}

static long vm_set_clock(void *object, void *data)
{
	return duet_clock_set(object, data);
}

static long vm_get_stats_fd(void *object, void *arg)
{
	return duet_vm_stats_fd(object);
}


static const struct duet_ioctl duet_vm_ioctls[] = {
	ROW(KVM_IRQ_LINE, NONE, vm_irq_line),
	ROW(KVM_IRQ_LINE_STATUS, NONE, vm_irq_line_status),
	ROW(KVM_SIGNAL_MSI, NONE, vm_signal_msi),
	RAW(KVM_CHECK_EXTENSION, NONE, vm_check_extension),
	RAW(KVM_CREATE_VCPU, VM, vm_create_vcpu),
	ROW(KVM_SET_USER_MEMORY_REGION, SLOTS, vm_set_memory_region),
	ROW(KVM_GET_DIRTY_LOG, SLOTS, vm_get_dirty_log),
	RAW(KVM_SET_TSS_ADDR, VM, vm_set_tss_addr),
	ROW(KVM_SET_IDENTITY_MAP_ADDR, VM, vm_set_identity_map_addr),
	RAW(KVM_SET_BOOT_CPU_ID, VM, vm_set_boot_cpu_id),
	RAW(KVM_CREATE_IRQCHIP, VM_SLOTS, vm_create_irqchip),
	ROW(KVM_GET_IRQCHIP, VM, vm_get_irqchip),
	ROW(KVM_SET_IRQCHIP, VM, vm_set_irqchip),
	RAW(KVM_CREATE_PIT, VM_SLOTS, vm_create_pit),
	ROW(KVM_CREATE_PIT2, VM_SLOTS, vm_create_pit2),
	ROW(KVM_GET_PIT2, VM, vm_get_pit2),
	ROW(KVM_SET_PIT2, VM, vm_set_pit2),
	RAW(KVM_REINJECT_CONTROL, VM, vm_reinject_control),
	RAW(KVM_SET_GSI_ROUTING, VM, vm_set_gsi_routing),
	ROW(KVM_IRQFD, NONE, vm_irqfd),
	ROW(KVM_IOEVENTFD, SLOTS, vm_ioeventfd),
	ROW(KVM_ENABLE_CAP, VM, vm_enable_cap),
	ROW(KVM_GET_CLOCK, NONE, vm_get_clock),
	ROW(KVM_SET_CLOCK, VM, vm_set_clock),
	RAW(KVM_SET_TSC_KHZ, VM, vm_set_tsc_khz),
	RAW(KVM_GET_TSC_KHZ, VM, vm_get_tsc_khz),
	RAW(KVM_GET_STATS_FD, NONE, vm_get_stats_fd),
};

static long duet_vm_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	struct duet_vm *vm = file->private_data;

	return duet_ioctl(duet_vm_ioctls, ARRAY_SIZE(duet_vm_ioctls), vm, NULL,
			  vm, cmd, arg);
}

static int duet_vm_release(struct inode *inode, struct file *file)
{
	struct duet_vm *vm = file->private_data;

	duet_irqfd_release(vm);
	duet_vm_put(vm);
	return 0;
}

static const struct file_operations duet_vm_fops = {
	.owner = THIS_MODULE,
	.release = duet_vm_release,
	.unlocked_ioctl = duet_vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

int duet_vm_create_fd(unsigned long type)
{
	struct duet_vm *vm;
	int fd;

	if (type)
		return -EINVAL;
	vm = duet_vm_create();
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = anon_inode_getfd("duet-vm", &duet_vm_fops, vm,
			      O_RDWR | O_CLOEXEC);
	if (fd < 0)
		duet_vm_put(vm);
	return fd;
}
