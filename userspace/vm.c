// SPDX-License-Identifier: GPL-2.0
/*
 * Opening the device and building a VM through the KVM API. Calls ioctls;
 * called by run.c and, for interrupts and the end, by devices and vCPUs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "args.h"
#include "compiler.h"
#include "err.h"
#include "vm.h"

/*
 * Pages below 4 GiB that the hypervisor wants for real mode on processors
 * without unrestricted guest: api.rst, KVM_SET_TSS_ADDR (three pages) and
 * KVM_SET_IDENTITY_MAP_ADDR (one). No RAM and no device is there.
 */
#define IDENTITY_MAP_GPA	0xfffbc000ULL
#define TSS_GPA			0xfffbd000UL

int vm_init(struct vm *vm, const struct run_opts *opts)
{
	memset(vm, 0, sizeof(*vm));
	vm->opts = opts;
	vm->sys_fd = -1;
	vm->vm_fd = -1;
	atomic_init(&vm->outcome, VM_RUNNING);
	vm->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->end_fd < 0)
		return err_set(errno, "eventfd: %s", strerror(errno));
	return guest_mem_init(&vm->mem, opts->memory);
}

static int open_error(const char *dev, int err)
{
	switch (err) {
	case ENOENT:
		return err_set(err,
			       "%s: no such device; is the module loaded? (insmod duet.ko; duet check says what stops it)",
			       dev);
	case ENODEV:
	case ENXIO:
		return err_set(err,
			       "%s: the node exists but no driver answers: the module is not loaded, or the CPU cannot run VMs; see duet check",
			       dev);
	case EACCES:
	case EPERM:
		return err_set(err,
			       "%s: no permission; run as root, or give your user access to the node (the udev rule does)",
			       dev);
	}
	return err_set(err, "%s: %s", dev, strerror(err));
}

int vm_cap(const struct vm *vm, unsigned int cap)
{
	int val = ioctl(vm->sys_fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return val > 0 ? val : 0;
}

struct needed_cap {
	unsigned int cap;
	const char *name;
	bool irqchip_only;
};

static const struct needed_cap needed[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", false },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID", false },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", false },
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP", true },
	{ KVM_CAP_PIT2, "KVM_CAP_PIT2", true },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING", true },
};

static int check_caps(struct vm *vm)
{
	const char *dev = vm->opts->device;
	unsigned int max;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		if (needed[i].irqchip_only && !vm->opts->kernel_irqchip)
			continue;
		if (!vm_cap(vm, needed[i].cap))
			return err_set(EOPNOTSUPP,
				       "%s lacks a capability that the launcher needs: %s",
				       dev, needed[i].name);
	}
	max = vm_cap(vm, KVM_CAP_MAX_VCPUS);
	if (!max)
		max = vm_cap(vm, KVM_CAP_NR_VCPUS);
	if (!max)
		max = 4;	/* api.rst, KVM_CREATE_VCPU */
	if (vm->opts->cpus > max)
		return err_set(EINVAL, "--cpus %u: %s allows at most %u",
			       vm->opts->cpus, dev, max);
	return 0;
}

int vm_open(struct vm *vm)
{
	const char *dev = vm->opts->device;
	int version;

	vm->sys_fd = open(dev, O_RDWR | O_CLOEXEC);
	if (vm->sys_fd < 0)
		return open_error(dev, errno);

	version = ioctl(vm->sys_fd, KVM_GET_API_VERSION, 0UL);
	if (version < 0)
		return err_set(errno, "%s: does not speak the KVM API (%s)",
			       dev, strerror(errno));
	if (version != KVM_API_VERSION)
		return err_set(EPROTO,
			       "%s: speaks version %d of the KVM API; this launcher needs %d",
			       dev, version, KVM_API_VERSION);

	vm->vcpu_map_size = ioctl(vm->sys_fd, KVM_GET_VCPU_MMAP_SIZE, 0UL);
	if (vm->vcpu_map_size < (int)sizeof(struct kvm_run))
		return err_set(EPROTO, "%s: unusable vCPU mapping size %d", dev,
			       vm->vcpu_map_size);
	return check_caps(vm);
}

static int create_error(const char *dev, int err)
{
	switch (err) {
	case EBUSY:
		return err_set(err,
			       "%s: another hypervisor is using this CPU's virtualization; end its VMs or unload it (rmmod kvm_amd kvm_intel); dmesg says which",
			       dev);
	case ENODEV:
	case EOPNOTSUPP:
	case EIO:
		return err_set(err,
			       "%s: this CPU cannot run VMs (%s); duet check says why",
			       dev, strerror(err));
	case ENOMEM:
		return err_set(err, "%s: not enough memory for a VM", dev);
	}
	return err_set(err, "%s: cannot create a VM: %s", dev, strerror(err));
}

static int set_memory(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->mem.nr; i++) {
		const struct guest_range *r = &vm->mem.range[i];
		struct kvm_userspace_memory_region region = {
			.slot = i,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size,
			.userspace_addr = (uintptr_t)r->hva,
		};

		if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region))
			return err_set(errno,
				       "memory slot %u (0x%llx, %llu KiB): %s",
				       i, (unsigned long long)r->gpa,
				       (unsigned long long)(r->size >> 10),
				       strerror(errno));
	}
	return 0;
}

static int set_real_mode_pages(struct vm *vm)
{
	uint64_t map = IDENTITY_MAP_GPA;

	if (vm_cap(vm, KVM_CAP_SET_IDENTITY_MAP_ADDR) &&
	    ioctl(vm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &map))
		return err_set(errno, "KVM_SET_IDENTITY_MAP_ADDR: %s",
			       strerror(errno));
	if (vm_cap(vm, KVM_CAP_SET_TSS_ADDR) &&
	    ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, TSS_GPA) < 0)
		return err_set(errno, "KVM_SET_TSS_ADDR: %s", strerror(errno));
	return 0;
}

#define NR_PIC_PINS	16
#define NR_IOAPIC_PINS	24
#define CASCADE		2

static void route(struct kvm_irq_routing *r, unsigned int gsi,
		  unsigned int chip, unsigned int pin)
{
	struct kvm_irq_routing_entry *e = &r->entries[r->nr++];

	e->gsi = gsi;
	e->type = KVM_IRQ_ROUTING_IRQCHIP;
	e->u.irqchip.irqchip = chip;
	e->u.irqchip.pin = pin;
}

/*
 * A PC's wiring: ISA interrupt n at both chips, but for the timer, which is at
 * the IOAPIC's pin 2 (the MADT says so), and the cascade, which is nowhere.
 */
static int set_routes(struct vm *vm)
{
	struct kvm_irq_routing *r;
	unsigned int i;
	int ret = 0;

	r = calloc(1, sizeof(*r) + (NR_PIC_PINS + NR_IOAPIC_PINS) *
		   sizeof(r->entries[0]));
	if (!r)
		return err_set(ENOMEM, "no memory for the interrupt routes");
	for (i = 0; i < NR_PIC_PINS; i++)
		if (i != CASCADE)
			route(r, i, i < 8 ? KVM_IRQCHIP_PIC_MASTER :
			      KVM_IRQCHIP_PIC_SLAVE, i % 8);
	for (i = 0; i < NR_IOAPIC_PINS; i++)
		if (i != CASCADE)
			route(r, i, KVM_IRQCHIP_IOAPIC, i ? i : CASCADE);
	if (ioctl(vm->vm_fd, KVM_SET_GSI_ROUTING, r))
		ret = err_set(errno, "KVM_SET_GSI_ROUTING: %s",
			      strerror(errno));
	free(r);
	return ret;
}

static int create_irqchip(struct vm *vm)
{
	/* The speaker's gate, port 0x61, belongs to the PIT: also in kernel. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (ioctl(vm->vm_fd, KVM_CREATE_IRQCHIP, 0UL))
		return err_set(errno, "KVM_CREATE_IRQCHIP: %s",
			       strerror(errno));
	if (ioctl(vm->vm_fd, KVM_CREATE_PIT2, &pit))
		return err_set(errno, "KVM_CREATE_PIT2: %s", strerror(errno));
	return set_routes(vm);
}

int vm_create(struct vm *vm)
{
	int ret;

	/* Type 0: an ordinary VM, the only type x86 had for long. */
	do {
		vm->vm_fd = ioctl(vm->sys_fd, KVM_CREATE_VM, 0UL);
	} while (vm->vm_fd < 0 && errno == EINTR);
	if (vm->vm_fd < 0)
		return create_error(vm->opts->device, errno);

	ret = set_real_mode_pages(vm);
	if (!ret)
		ret = set_memory(vm);
	if (!ret && vm->opts->kernel_irqchip)
		ret = create_irqchip(vm);
	return ret;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vm_exit(struct vm *vm)
{
	close_fd(&vm->vm_fd);
	close_fd(&vm->sys_fd);
	close_fd(&vm->end_fd);
	guest_mem_exit(&vm->mem);
}

void vm_irq_line(struct vm *vm, unsigned int gsi, bool level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	if (!vm->opts->kernel_irqchip)
		return;
	if (ioctl(vm->vm_fd, KVM_IRQ_LINE, &irq)) {
		warn_msg("KVM_IRQ_LINE %u: %s", gsi, strerror(errno));
		vm_end(vm, VM_ERROR);
	}
}

void vm_end(struct vm *vm, int outcome)
{
	int running = VM_RUNNING;

	if (atomic_compare_exchange_strong(&vm->outcome, &running, outcome))
		eventfd_write(vm->end_fd, 1);
}
