// SPDX-License-Identifier: GPL-2.0
/*
 * Virtualization on and off: with the first VM and the last, as CPUs come and
 * go, across suspend, and in an emergency. Calls ops->cpu_on()/cpu_off();
 * called by the VM's life cycle and the kernel's hooks.
 */
#define pr_fmt(fmt) "duet: " fmt

#include "common/compat.h"
#include "module/duet.h"
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/pm.h>
#include <linux/pm_domain.h>
#include <linux/reboot.h>
#include <asm/reboot.h>

DEFINE_PER_CPU(bool, duet_cpu_is_on);

/*
 * duet_users: VMs. Changed under duet_hardware_lock, which is taken inside
 * cpus_read_lock(); so the callbacks of CPU hotplug see it constant.
 */
static DEFINE_MUTEX(duet_hardware_lock);
static unsigned int duet_users;
static LIST_HEAD(duet_vms);	/* those that are complete; duet_hardware_lock */
static enum cpuhp_state duet_cpuhp;

static int duet_cpu_on_local(void)
{
	int r;

	if (__this_cpu_read(duet_cpu_is_on))
		return 0;
	r = duet_ops->cpu_on();
	if (!r)
		__this_cpu_write(duet_cpu_is_on, true);
	return r;
}

static void duet_cpu_off_local(void)
{
	if (!__this_cpu_read(duet_cpu_is_on))
		return;
	__this_cpu_write(duet_cpu_is_on, false);
	duet_ops->cpu_off();
}

static void duet_cpu_on_ipi(void *failed)
{
	int r = duet_cpu_on_local();

	if (r)
		atomic_set(failed, r);
}

static void duet_cpu_off_ipi(void *unused)
{
	duet_cpu_off_local();
}

#ifdef DUET_HAVE_EMERGENCY_CALLBACK
/*
 * The slot for leaving virtualization in an emergency (sysrq-b, panic) holds
 * one callback, and taking it twice warns. The other user is kvm_intel, whose
 * callback leaves VMX for us as well: then ours is not needed. The slot is
 * ours while VMs live and kvm_intel is not loaded.
 */
static bool duet_emergency_registered, duet_slot_taken;
static DEFINE_MUTEX(duet_emergency_lock);

static void duet_emergency(void)
{
	/* Any context, any state: only this CPU, no locks. */
	if (__this_cpu_read(duet_cpu_is_on)) {
		__this_cpu_write(duet_cpu_is_on, false);
		duet_ops->cpu_off();
	}
}

static void duet_emergency_update(void)
{
	bool want = READ_ONCE(duet_users) && !duet_slot_taken;

	lockdep_assert_held(&duet_emergency_lock);
	if (want == duet_emergency_registered)
		return;
	if (want)
		cpu_emergency_register_virt_callback(duet_emergency);
	else
		cpu_emergency_unregister_virt_callback(duet_emergency);
	duet_emergency_registered = want;
}

static void duet_emergency_sync(void)
{
	mutex_lock(&duet_emergency_lock);
	duet_emergency_update();
	mutex_unlock(&duet_emergency_lock);
}

static int duet_module_event(struct notifier_block *nb, unsigned long event,
			     void *data)
{
	struct module *mod = data;

	if (strcmp(mod->name, "kvm_intel"))
		return NOTIFY_OK;
	mutex_lock(&duet_emergency_lock);
	if (event == MODULE_STATE_COMING)
		duet_slot_taken = true;
	else if (event == MODULE_STATE_GOING)
		duet_slot_taken = false;
	duet_emergency_update();
	mutex_unlock(&duet_emergency_lock);
	return NOTIFY_OK;
}

static struct notifier_block duet_module_nb = {
	.notifier_call = duet_module_event,
};

static int duet_emergency_init(void)
{
	struct path path;
	int r = register_module_notifier(&duet_module_nb);

	if (r)
		return r;
	if (!kern_path("/sys/module/kvm_intel/initstate", 0, &path)) {
		path_put(&path);
		mutex_lock(&duet_emergency_lock);
		duet_slot_taken = true;
		mutex_unlock(&duet_emergency_lock);
	}
	return 0;
}

static void duet_emergency_exit(void)
{
	unregister_module_notifier(&duet_module_nb);
}
#else
static void duet_emergency_sync(void) { }
static int duet_emergency_init(void) { return 0; }
static void duet_emergency_exit(void) { }
#endif

static void duet_everywhere(smp_call_func_t fn, void *arg)
{
	lockdep_assert_held(&duet_hardware_lock);
	on_each_cpu(fn, arg, 1);
}

int duet_hardware_get(void)
{
	atomic_t failed = ATOMIC_INIT(0);
	int r = 0;

	cpus_read_lock();
	mutex_lock(&duet_hardware_lock);
	if (!duet_users) {
		duet_everywhere(duet_cpu_on_ipi, &failed);
		r = atomic_read(&failed);
		if (r)
			duet_everywhere(duet_cpu_off_ipi, NULL);
	}
	if (!r)
		duet_users++;
	mutex_unlock(&duet_hardware_lock);
	cpus_read_unlock();

	if (r == -EBUSY)
		pr_err_ratelimited("virtualization is switched on by somebody else: stop KVM's virtual machines, or load kvm with enable_virt_at_load=0\n");
	else if (r)
		pr_err_ratelimited("virtualization cannot be switched on: %d\n",
				   r);
	if (!r)
		duet_emergency_sync();
	return r;
}

void duet_hardware_put(void)
{
	cpus_read_lock();
	mutex_lock(&duet_hardware_lock);
	if (!--duet_users)
		duet_everywhere(duet_cpu_off_ipi, NULL);
	mutex_unlock(&duet_hardware_lock);
	cpus_read_unlock();
	duet_emergency_sync();
}

/*
 * These run on the CPU that comes or goes, before user threads get there and
 * after they were asked to leave. One that is still there sees duet_cpu_is_on
 * false before it enters a guest (run.c).
 */
static int duet_cpu_online(unsigned int cpu)
{
	unsigned long flags;
	int r = 0;

	if (duet_users) {
		local_irq_save(flags);
		r = duet_cpu_on_local();
		local_irq_restore(flags);
	}
	if (r)
		pr_err("CPU %u: virtualization cannot be switched on: %d\n",
		       cpu, r);
	return r;
}

static int duet_cpu_offline(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	duet_cpu_off_local();
	local_irq_restore(flags);
	return 0;
}

static struct list_head *duet_vm_list(void)
{
	lockdep_assert_held(&duet_hardware_lock);
	return &duet_vms;
}

void duet_hardware_list(struct duet_vm *vm)
{
	mutex_lock(&duet_hardware_lock);
	list_add_tail(&vm->link, duet_vm_list());
	mutex_unlock(&duet_hardware_lock);
}

void duet_hardware_unlist(struct duet_vm *vm)
{
	mutex_lock(&duet_hardware_lock);
	list_del(&vm->link);
	mutex_unlock(&duet_hardware_lock);
}

/*
 * Suspend to RAM or disk: all CPUs but one went through hotplug; interrupts are
 * off. Threads are frozen where they go to user space, with no mutex: nobody
 * changes the list.
 */
static u64 duet_tsc_at_suspend;

static int duet_suspend(DUET_SYSCORE_ARG)
{
	duet_tsc_at_suspend = rdtsc();
	duet_cpu_off_local();
	return 0;
}

static void duet_resume(DUET_SYSCORE_ARG)
{
	bool lost = duet_users && duet_cpu_on_local();
	u64 back = duet_tsc_at_suspend - rdtsc();
	struct duet_vm *vm;

	if (lost)
		pr_err("virtualization did not come back after suspend\n");
	list_for_each_entry(vm, &duet_vms, link) {
		if ((s64)back > 0)
			duet_tsc_went_back(vm, back);
		if (lost)
			duet_request_all(vm, DUET_REQ_DEAD, false);
	}
}

DUET_SYSCORE_OPS(duet_syscore) = {
	.suspend = duet_suspend,
	.resume = duet_resume,
};

/*
 * Around every kind of sleep, also the one to idle, in which the CPUs stay on.
 * Threads are frozen as well, but interrupts are on. A device that came before
 * this one wakes up before it: the RTC, from which the host may learn how long
 * it slept.
 */
static int duet_sleep(struct device *dev)
{
	struct duet_vm *vm;

	mutex_lock(&duet_hardware_lock);
	list_for_each_entry(vm, duet_vm_list(), link)
		duet_clock_suspend(vm);
	mutex_unlock(&duet_hardware_lock);
	return 0;
}

static int duet_wake(struct device *dev)
{
	struct duet_vm *vm;

	mutex_lock(&duet_hardware_lock);
	list_for_each_entry(vm, duet_vm_list(), link)
		duet_clock_resume(vm);
	mutex_unlock(&duet_hardware_lock);
	return 0;
}

static struct dev_pm_domain duet_pm_domain = {
	.ops = { SYSTEM_SLEEP_PM_OPS(duet_sleep, duet_wake) },
};

void duet_hardware_watch(struct device *node)
{
	dev_pm_domain_set(node, &duet_pm_domain);
}

/* Firmware may hang if it finds a CPU in VMX operation; vCPUs just wait. */
static int duet_reboot(struct notifier_block *nb, unsigned long event,
		       void *unused)
{
	on_each_cpu(duet_cpu_off_ipi, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block duet_reboot_nb = {
	.notifier_call = duet_reboot,
};

int duet_hardware_init(void)
{
	int r;

	r = duet_emergency_init();
	if (r)
		return r;
	r = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "duet:online",
				      duet_cpu_online, duet_cpu_offline);
	if (r < 0) {
		duet_emergency_exit();
		return r;
	}
	duet_cpuhp = r;
	duet_register_syscore(duet_syscore);
	register_reboot_notifier(&duet_reboot_nb);
	return 0;
}

void duet_hardware_exit(void)
{
	unregister_reboot_notifier(&duet_reboot_nb);
	duet_unregister_syscore(duet_syscore);
	cpuhp_remove_state_nocalls(duet_cpuhp);
	duet_emergency_exit();
}
