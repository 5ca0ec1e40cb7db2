// SPDX-License-Identifier: GPL-2.0
/*
 * The vCPU: its file, its ioctls and its life. Calls the backend, run.c for
 * KVM_RUN and regs.c for its registers.
 */
#include "module/duet.h"
#include "module/ioctl.h"
#include "module/regs.h"
#include "common/emulator.h"
#include "common/irqchip.h"
#include "common/msr.h"
#include "common/pager.h"
#include "common/xsave.h"
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/duet.h>

void duet_vcpu_free(struct duet_vcpu *vcpu)
{
	duet_lapic_destroy(vcpu);
	duet_ops->vcpu_destroy(vcpu);
	duet_emulator_destroy(vcpu);
	duet_cpuid_destroy(vcpu);
	duet_fpu_destroy(&vcpu->fpu);
	free_page((unsigned long)vcpu->pio_data);
	free_page((unsigned long)vcpu->run);
	kvfree(vcpu);
}

static int duet_vcpu_pages(struct duet_vcpu *vcpu)
{
	vcpu->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->run)
		return -ENOMEM;
	vcpu->pio_data = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->pio_data)
		goto err_run;
	if (duet_fpu_create(&vcpu->fpu))
		goto err_pio;
	return 0;

err_pio:
	free_page((unsigned long)vcpu->pio_data);
err_run:
	free_page((unsigned long)vcpu->run);
	return -ENOMEM;
}

static struct duet_vcpu *duet_vcpu_create(struct duet_vm *vm, u32 id)
{
	struct duet_vcpu *vcpu;
	int r = -ENOMEM;

	vcpu = kvzalloc(duet_ops->vcpu_size, GFP_KERNEL_ACCOUNT);
	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->vm = vm;
	vcpu->id = id;
	/* its own already now: what is reset with it is told by the index */
	vcpu->index = vm->nr_vcpus;
	vcpu->cpu = -1;
	vcpu->root = DUET_NO_ROOT;
	vcpu->tsc_khz = vm->tsc_khz;
	vcpu->cpuid.maxphyaddr = 36;
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->wait);
	duet_init_load(vcpu);

	r = duet_vcpu_pages(vcpu);
	if (r)
		goto err_vcpu;
	r = duet_emulator_create(vcpu);
	if (r)
		goto err_pages;
	r = duet_ops->vcpu_create(vcpu);
	if (r)
		goto err_emulator;
	if (vm->has_irqchip) {
		r = duet_lapic_create(vcpu);
		if (r)
			goto err_ops;
	}

	/* Nobody else knows it; lockdep learns the order, used or not. */
	mutex_lock(&vcpu->mutex);
	might_lock(&vm->slots_lock);
	duet_vcpu_load(vcpu);
	duet_vcpu_reset(vcpu, false);
	duet_set_guest_tsc(vcpu, 0, true);
	duet_vcpu_put(vcpu);
	mutex_unlock(&vcpu->mutex);
	/* Without local APICs there is no SIPI to wait for. */
	vcpu->mp_state = vm->has_irqchip && id != vm->bsp_id ?
		KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE;
	return vcpu;

err_ops:
	duet_ops->vcpu_destroy(vcpu);
err_emulator:
	duet_emulator_destroy(vcpu);
err_pages:
	duet_fpu_destroy(&vcpu->fpu);
	free_page((unsigned long)vcpu->pio_data);
	free_page((unsigned long)vcpu->run);
err_vcpu:
	kvfree(vcpu);
	return ERR_PTR(r);
}

static vm_fault_t duet_vcpu_fault(struct vm_fault *vmf)
{
	struct duet_vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page;

	switch (vmf->pgoff) {
	case 0:
		page = virt_to_page(vcpu->run);
		break;
	case 1:
		page = virt_to_page(vcpu->pio_data);
		break;
	default:
		return VM_FAULT_SIGBUS;
	}
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct duet_vcpu_vm_ops = {
	.fault = duet_vcpu_fault,
};

static int duet_vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &duet_vcpu_vm_ops;
	return 0;
}

static int duet_vcpu_release(struct inode *inode, struct file *file)
{
	struct duet_vcpu *vcpu = file->private_data;

	duet_vm_put(vcpu->vm);
	return 0;
}

static long vcpu_run(void *object, void *arg)
{
	return arg ? -EINVAL : duet_vcpu_run(object);
}

static long vcpu_get_regs(void *object, void *data)
{
	return duet_get_regs(object, data);
}

static long vcpu_set_regs(void *object, void *data)
{
	return duet_set_regs(object, data);
}

static long vcpu_get_sregs(void *object, void *data)
{
	return duet_get_sregs(object, data);
}

static long vcpu_set_sregs(void *object, void *data)
{
	return duet_set_sregs(object, data);
}

static long vcpu_get_fpu(void *object, void *data)
{
	duet_get_fpu(object, data);
	return 0;
}

static long vcpu_set_fpu(void *object, void *data)
{
	duet_set_fpu(object, data);
	return 0;
}

static long vcpu_get_xsave(void *object, void *data)
{
	duet_get_xsave(object, data, sizeof(struct kvm_xsave));
	return 0;
}

static long vcpu_get_xsave2(void *object, void *arg)
{
	u32 size = duet_xsave2_size(object);
	void *buf = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	long r = 0;

	if (!buf)
		return -ENOMEM;
	duet_get_xsave(object, buf, size);
	if (copy_to_user((void __user *)arg, buf, size))
		r = -EFAULT;
	kvfree(buf);
	return r;
}

static long vcpu_set_xsave(void *object, void *arg)
{
	struct kvm_xsave *xsave;
	long r;

	xsave = memdup_user((void __user *)arg, duet_xsave2_size(object));
	if (IS_ERR(xsave))
		return PTR_ERR(xsave);
	r = duet_set_xsave(object, xsave);
	kfree(xsave);
	return r;
}

static long vcpu_get_xcrs(void *object, void *data)
{
	duet_get_xcrs(object, data);
	return 0;
}

static long vcpu_set_xcrs(void *object, void *data)
{
	return duet_set_xcrs(object, data);
}

static long vcpu_get_debugregs(void *object, void *data)
{
	return duet_get_debugregs(object, data);
}

static long vcpu_set_debugregs(void *object, void *data)
{
	return duet_set_debugregs(object, data);
}

static long vcpu_get_events(void *object, void *data)
{
	return duet_get_vcpu_events(object, data);
}

static long vcpu_set_events(void *object, void *data)
{
	return duet_set_vcpu_events(object, data);
}

static long vcpu_get_mp_state(void *object, void *data)
{
	return duet_get_mp_state(object, data);
}

static long vcpu_set_mp_state(void *object, void *data)
{
	return duet_set_mp_state(object, data);
}

static long vcpu_translate(void *object, void *data)
{
	return duet_translate(object, data);
}

static long vcpu_get_msrs(void *object, void *arg)
{
	return duet_get_msrs(object, (void __user *)arg);
}

static long vcpu_set_msrs(void *object, void *arg)
{
	return duet_set_msrs(object, (void __user *)arg);
}

static long vcpu_get_cpuid2(void *object, void *arg)
{
	return duet_get_cpuid2(object, (void __user *)arg);
}

static long vcpu_set_cpuid2(void *object, void *arg)
{
	return duet_set_cpuid2(object, (void __user *)arg);
}

static long vcpu_get_lapic(void *object, void *data)
{
	struct duet_vcpu *vcpu = object;

	return vcpu->lapic ? duet_lapic_get(vcpu, data) : -EINVAL;
}

static long vcpu_set_lapic(void *object, void *data)
{
	struct duet_vcpu *vcpu = object;

	return vcpu->lapic ? duet_lapic_set(vcpu, data) : -EINVAL;
}

static long vcpu_interrupt(void *object, void *data)
{
	struct kvm_interrupt *irq = data;
	struct duet_vcpu *vcpu = object;

	if (irq->irq > 255)
		return -EINVAL;
	if (vcpu->vm->has_irqchip)
		return duet_extint_post(vcpu, irq->irq);
	if (vcpu->events.interrupt.injected)
		return -EEXIST;
	vcpu->events.interrupt.injected = true;
	vcpu->events.interrupt.soft = false;
	vcpu->events.interrupt.vector = irq->irq;
	duet_request_self(vcpu, DUET_REQ_EVENT);
	return 0;
}

static long vcpu_set_vapic(void *object, void *data)
{
	const struct kvm_vapic_addr *va = data;

	return duet_vapic_set(object, va->vapic_addr);
}

static long vcpu_report_tpr(void *object, void *data)
{
	const struct kvm_tpr_access_ctl *ctl = data;
	struct duet_vcpu *vcpu = object;

	if (ctl->flags)
		return -EINVAL;
	vcpu->reports_tpr = ctl->enabled;
	return 0;
}

static long vcpu_nmi(void *object, void *arg)
{
	struct duet_vcpu *vcpu = object;

	/* One is latched while another is handled (SDM vol. 3, 6.7.1). */
	atomic_add_unless(&vcpu->events.nmi_pending, 1, 2);
	duet_request(vcpu, DUET_REQ_EVENT);
	return 0;
}

static long vcpu_set_signal_mask(void *object, void *arg)
{
	struct kvm_signal_mask __user *user =
		(struct kvm_signal_mask __user *)arg;
	struct duet_vcpu *vcpu = object;
	struct kvm_signal_mask mask;

	if (!user) {
		vcpu->sigset_active = false;
		return 0;
	}
	if (copy_from_user(&mask, user, sizeof(mask)))
		return -EFAULT;
	if (mask.len != sizeof(vcpu->sigset))
		return -EINVAL;
	if (copy_from_user(&vcpu->sigset, user->sigset, sizeof(vcpu->sigset)))
		return -EFAULT;
	sigdelsetmask(&vcpu->sigset, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset_active = true;
	return 0;
}

static long vcpu_get_tsc_khz(void *object, void *arg)
{
	struct duet_vcpu *vcpu = object;

	return vcpu->tsc_khz;
}

static long vcpu_set_tsc_khz(void *object, void *arg)
{
	struct duet_vcpu *vcpu = object;
	u32 khz = (unsigned long)arg;
	int r = duet_check_tsc_khz(&khz);

	if (!r)
		vcpu->tsc_khz = khz;
	return r;
}

/* There is one: what is added to the host's TSC. */
static bool is_tsc_offset(const struct kvm_device_attr *attr)
{
	return attr->group == KVM_VCPU_TSC_CTRL &&
		attr->attr == KVM_VCPU_TSC_OFFSET;
}

static long vcpu_has_attr(void *object, void *data)
{
	return is_tsc_offset(data) ? 0 : -ENXIO;
}

static long vcpu_get_attr(void *object, void *data)
{
	struct kvm_device_attr *attr = data;
	struct duet_vcpu *vcpu = object;

	if (!is_tsc_offset(attr))
		return -ENXIO;
	return put_user(vcpu->tsc_offset, (u64 __user *)attr->addr);
}

static long vcpu_set_attr(void *object, void *data)
{
	struct kvm_device_attr *attr = data;
	u64 offset;

	if (!is_tsc_offset(attr))
		return -ENXIO;
	if (get_user(offset, (u64 __user *)attr->addr))
		return -EFAULT;
	duet_set_tsc_offset(object, offset);
	return 0;
}

#ifdef CONFIG_DUET_SELFTEST_HOOKS
static long duet_break_rule(struct duet_vcpu *vcpu,
			    const struct kvm_enable_cap *cap)
{
	struct duet_hook hook;
	int r;

	if (cap->flags || cap->args[0] > U32_MAX || cap->args[2] ||
	    cap->args[3] || cap->args[1] & ~DUET_BREAK_NO_ENTRY)
		return -EINVAL;
	r = duet_find_rule(cap->args[0], &hook);
	if (r)
		return r;
	hook.no_entry = cap->args[1] & DUET_BREAK_NO_ENTRY;
	if (hook.which == DUET_RULES_HOST && !hook.no_entry)
		return -EINVAL;
	vcpu->hook = hook;
	return 0;
}
#endif

/* No capability of KVM's belongs to one vCPU here. */
static long vcpu_enable_cap(void *object, void *data)
{
#ifdef CONFIG_DUET_SELFTEST_HOOKS
	const struct kvm_enable_cap *cap = data;

	if (cap->cap == DUET_CAP_BREAK_RULE)
		return duet_break_rule(object, cap);
#endif
	return -EINVAL;
}

static long vcpu_kvmclock_ctrl(void *object, void *arg)
{
	return duet_clock_stopped(object);
}

static long vcpu_get_stats_fd(void *object, void *arg)
{
	return duet_vcpu_stats_fd(object);
}


static const struct duet_ioctl duet_vcpu_ioctls[] = {
	RAW(KVM_RUN, VCPU_LOADED, vcpu_run),
	ROW(KVM_GET_REGS, VCPU_LOADED, vcpu_get_regs),
	ROW(KVM_SET_REGS, VCPU_LOADED, vcpu_set_regs),
	ROW(KVM_GET_SREGS, VCPU_LOADED, vcpu_get_sregs),
	ROW(KVM_SET_SREGS, VCPU_LOADED, vcpu_set_sregs),
	ROW(KVM_GET_FPU, VCPU_LOADED, vcpu_get_fpu),
	ROW(KVM_SET_FPU, VCPU_LOADED, vcpu_set_fpu),
	ROW(KVM_GET_XSAVE, VCPU_LOADED, vcpu_get_xsave),
	RAW(KVM_GET_XSAVE2, VCPU_LOADED, vcpu_get_xsave2),
	RAW(KVM_SET_XSAVE, VCPU_LOADED, vcpu_set_xsave),
	ROW(KVM_GET_XCRS, VCPU_LOADED, vcpu_get_xcrs),
	ROW(KVM_SET_XCRS, VCPU_LOADED, vcpu_set_xcrs),
	ROW(KVM_GET_DEBUGREGS, VCPU_LOADED, vcpu_get_debugregs),
	ROW(KVM_SET_DEBUGREGS, VCPU_LOADED, vcpu_set_debugregs),
	ROW(KVM_GET_VCPU_EVENTS, VCPU_LOADED, vcpu_get_events),
	ROW(KVM_SET_VCPU_EVENTS, VCPU_LOADED, vcpu_set_events),
	ROW(KVM_GET_MP_STATE, VCPU_LOADED, vcpu_get_mp_state),
	ROW(KVM_SET_MP_STATE, VCPU_LOADED, vcpu_set_mp_state),
	ROW(KVM_TRANSLATE, VCPU_LOADED, vcpu_translate),
	RAW(KVM_GET_MSRS, VCPU_LOADED, vcpu_get_msrs),
	RAW(KVM_SET_MSRS, VCPU_LOADED, vcpu_set_msrs),
	RAW(KVM_GET_CPUID2, VCPU_LOADED, vcpu_get_cpuid2),
	RAW(KVM_SET_CPUID2, VCPU_LOADED, vcpu_set_cpuid2),
	ROW(KVM_GET_LAPIC, VCPU_LOADED, vcpu_get_lapic),
	ROW(KVM_SET_LAPIC, VCPU_LOADED, vcpu_set_lapic),
	ROW(KVM_SET_VAPIC_ADDR, VCPU, vcpu_set_vapic),
	ROW(KVM_TPR_ACCESS_REPORTING, VCPU, vcpu_report_tpr),
	ROW(KVM_INTERRUPT, VCPU, vcpu_interrupt),
	RAW(KVM_NMI, NONE, vcpu_nmi),
	RAW(KVM_SET_SIGNAL_MASK, VCPU, vcpu_set_signal_mask),
	RAW(KVM_GET_TSC_KHZ, VCPU, vcpu_get_tsc_khz),
	RAW(KVM_SET_TSC_KHZ, VCPU, vcpu_set_tsc_khz),
	ROW(KVM_HAS_DEVICE_ATTR, VCPU, vcpu_has_attr),
	ROW(KVM_GET_DEVICE_ATTR, VCPU_LOADED, vcpu_get_attr),
	ROW(KVM_SET_DEVICE_ATTR, VCPU_LOADED, vcpu_set_attr),
	ROW(KVM_ENABLE_CAP, VCPU, vcpu_enable_cap),
	RAW(KVM_KVMCLOCK_CTRL, VCPU, vcpu_kvmclock_ctrl),
	RAW(KVM_GET_STATS_FD, NONE, vcpu_get_stats_fd),
};

static long duet_vcpu_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	struct duet_vcpu *vcpu = file->private_data;

	return duet_ioctl(duet_vcpu_ioctls, ARRAY_SIZE(duet_vcpu_ioctls),
			  vcpu->vm, vcpu, vcpu, cmd, arg);
}

static const struct file_operations duet_vcpu_fops = {
	.owner = THIS_MODULE,
	.release = duet_vcpu_release,
	.mmap = duet_vcpu_mmap,
	.unlocked_ioctl = duet_vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

int duet_vcpu_create_fd(struct duet_vm *vm, u32 id)
{
	struct duet_vcpu *vcpu;
	struct file *file;
	int fd, r;

	lockdep_assert_held(&vm->lock);
	if (vm->nr_vcpus >= DUET_MAX_VCPUS)
		return -EINVAL;
	if (duet_vcpu_by_id(vm, id))
		return -EEXIST;
	vcpu = duet_vcpu_create(vm, id);
	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);

	fd = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		r = fd;
		goto err_vcpu;
	}
	file = anon_inode_getfile("duet-vcpu", &duet_vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		r = PTR_ERR(file);
		goto err_fd;
	}
	duet_vm_get(vm);

	/* From here on others find it: everything above is visible first. */
	vm->created_vcpus = true;
	vm->vcpus[vcpu->index] = vcpu;
	/* pairs with duet_nr_vcpus() */
	smp_store_release(&vm->nr_vcpus, vm->nr_vcpus + 1);
	fd_install(fd, file);
	return fd;

err_fd:
	put_unused_fd(fd);
err_vcpu:
	duet_vcpu_free(vcpu);
	return r;
}
