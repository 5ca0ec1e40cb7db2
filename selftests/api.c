// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the three kinds of file descriptor answer as Documentation/virt/kvm/
 * api.rst says, and refuse what they do not know before any effect: an errno
 * for each misuse. Calls the device only; no guest runs.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tap.h"
#include "vm.h"

static void api_version(void)
{
	int kvm = device_open();

	REQUIRE_EQ(must(kvm, KVM_GET_API_VERSION, 0), 12);
	must_fail(kvm, KVM_GET_API_VERSION, 1, EINVAL);
}

static void mmap_size(void)
{
	int kvm = device_open();
	long size = must(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	REQUIRE(size >= (long)sizeof(struct kvm_run));
	REQUIRE_EQ(size % PAGE, 0);
	must_fail(kvm, KVM_GET_VCPU_MMAP_SIZE, 1, EINVAL);
}

/* What QEMU does not start without. */
static const struct {
	long cap;
	const char *name;
} needed[] = {
#define CAP(c) { c, #c }
	CAP(KVM_CAP_USER_MEMORY),
	CAP(KVM_CAP_DESTROY_MEMORY_REGION_WORKS),
	CAP(KVM_CAP_JOIN_MEMORY_REGIONS_WORKS),
	CAP(KVM_CAP_SET_TSS_ADDR),
	CAP(KVM_CAP_EXT_CPUID),
	CAP(KVM_CAP_MP_STATE),
	CAP(KVM_CAP_IRQ_ROUTING),
	CAP(KVM_CAP_IRQCHIP),
	CAP(KVM_CAP_PIT2),
	CAP(KVM_CAP_NR_VCPUS),
	CAP(KVM_CAP_NR_MEMSLOTS),
	CAP(KVM_CAP_READONLY_MEM),
	CAP(KVM_CAP_VCPU_EVENTS),
	CAP(KVM_CAP_DEBUGREGS),
	CAP(KVM_CAP_XSAVE),
	CAP(KVM_CAP_IMMEDIATE_EXIT),
	CAP(KVM_CAP_CHECK_EXTENSION_VM),
	CAP(KVM_CAP_ENABLE_CAP_VM),
	CAP(KVM_CAP_BINARY_STATS_FD),
#undef CAP
};

static void extensions(void)
{
	int kvm = device_open();
	struct vm *vm = vm_create(VM_BARE);
	unsigned int i, features;

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		REQUIRE(check_extension(kvm, needed[i].cap) > 0, "%s",
			needed[i].name);
		REQUIRE(check_extension(vm->fd, needed[i].cap) > 0, "VM: %s",
			needed[i].name);
	}
	REQUIRE_EQ(check_extension(kvm, 0x3fffffff), 0);
	REQUIRE_EQ(check_extension(kvm, -1), 0);
	REQUIRE_EQ(check_extension(vm->fd, 0x3fffffff), 0);
	REQUIRE(check_extension(kvm, KVM_CAP_NR_MEMSLOTS) >= 32);
	REQUIRE(check_extension(kvm, KVM_CAP_MAX_VCPUS) >=
		check_extension(kvm, KVM_CAP_NR_VCPUS));
	/* api.rst: the capability and CPUID are to be consistent. */
	features = cpuid_find(supported_cpuid(kvm), 0x40000001, 0)->eax;
	REQUIRE_EQ(check_extension(kvm, KVM_CAP_STEAL_TIME), features >> 5 & 1);
	REQUIRE_EQ(check_extension(kvm, KVM_CAP_CLOCKSOURCE), features & 1);
}

/*
 * KVM's system and vCPU descriptors answer EINVAL where api.rst and its VM
 * descriptor have ENOTTY; Duet answers ENOTTY everywhere.
 */
static void refuse_unknown(int fd, unsigned long req)
{
	int r = ioctl(fd, req, 0);

	REQUIRE(r < 0, "request %#lx", req);
	if (errno != ENOTTY && (device_is_duet() || errno != EINVAL))
		fail("request %#lx: errno %d, want ENOTTY", req, errno);
}

static void unknown_ioctls(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	unsigned int i;
	static const unsigned long reqs[] = {
		_IO(KVMIO, 0xf7), _IOR(KVMIO, 0xf8, int), _IOW(KVMIO, 0xf9, int),
		_IOWR(KVMIO, 0xfa, long), _IO('D', 0), _IO('T', 1),
	};

	for (i = 0; i < ARRAY_SIZE(reqs); i++) {
		refuse_unknown(vm->kvm, reqs[i]);
		refuse_unknown(vm->fd, reqs[i]);
		refuse_unknown(v->fd, reqs[i]);
	}
	/* Known commands, but on the wrong kind of descriptor. */
	refuse_unknown(vm->kvm, KVM_RUN);
	refuse_unknown(vm->kvm, KVM_CREATE_VCPU);
	refuse_unknown(vm->fd, KVM_RUN);
	refuse_unknown(vm->fd, KVM_GET_REGS);
	refuse_unknown(v->fd, KVM_CREATE_VM);
	refuse_unknown(v->fd, KVM_CREATE_VCPU);
	/* The right number, but another size. */
	refuse_unknown(v->fd, _IOR(KVMIO, 0x81, int));
	refuse_unknown(vm->fd, _IOW(KVMIO, 0x46, int));
}

static void vm_types(void)
{
	int kvm = device_open();
	int fd = must(kvm, KVM_CREATE_VM, 0);

	must_fail(kvm, KVM_CREATE_VM, 0xdead0000, EINVAL);
	must_fail(kvm, KVM_CREATE_VM, -1, EINVAL);
	REQUIRE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void two_vms(void)
{
	struct vm *a = vm_create(0), *b = vm_create(0);

	vcpu_create(a, 0);
	vcpu_create(b, 0);
	vm_destroy(a, NULL);
	vcpu_create(b, 1);
}

static void cpuid_contract(void)
{
	struct kvm_cpuid2 *c = supported_cpuid(device_open());
	unsigned int n = c->nent, i;
	struct kvm_cpuid_entry2 *e;
	int kvm = device_open();

	REQUIRE(n > 3 && n < 256, "%u entries", n);
	for (i = 0; i < n; i++)
		REQUIRE(!(c->entries[i].flags &
			  ~KVM_CPUID_FLAG_SIGNIFCANT_INDEX));
	e = cpuid_find(c, 0, 0);
	REQUIRE(e && e->eax >= 1);
	e = cpuid_find(c, 0x80000000, 0);
	REQUIRE(e && e->eax >= 0x80000008);
	e = cpuid_find(c, 0x80000001, 0);
	REQUIRE(e && (e->edx & 1u << 29), "long mode");
	REQUIRE(cpuid_find(c, 1, 0) && cpuid_find(c, 0x80000008, 0));

	c->nent = n - 1;
	must_fail(kvm, KVM_GET_SUPPORTED_CPUID, c, E2BIG);
	c->nent = 0;
	must_fail(kvm, KVM_GET_SUPPORTED_CPUID, c, E2BIG);
	c->nent = n;
	must(kvm, KVM_GET_SUPPORTED_CPUID, c);
	REQUIRE_EQ(c->nent, n);
	must_fail(kvm, KVM_GET_SUPPORTED_CPUID, 0, EFAULT);
	must_fail(kvm, KVM_GET_SUPPORTED_CPUID, 8, EFAULT);
}

static void msr_list_contract(void)
{
	struct kvm_msr_list *l = calloc(1, sizeof(*l) + 4096);
	int kvm = device_open();
	unsigned int n, i, found = 0;

	l->nmsrs = 0;
	must_fail(kvm, KVM_GET_MSR_INDEX_LIST, l, E2BIG);
	n = l->nmsrs;	/* how many it wants */
	REQUIRE(n > 10 && n < 1024, "%u", n);
	l->nmsrs = n - 1;
	must_fail(kvm, KVM_GET_MSR_INDEX_LIST, l, E2BIG);
	REQUIRE_EQ(l->nmsrs, n);
	must(kvm, KVM_GET_MSR_INDEX_LIST, l);
	REQUIRE_EQ(l->nmsrs, n);
	for (i = 0; i < n; i++)
		switch (l->indices[i]) {
		case 0x10: case 0x174: case 0x175: case 0x176: case 0x277:
		case 0xc0000081: case 0xc0000082: case 0xc0000083:
		case 0xc0000084: case 0xc0000102:
			found++;
		}
	REQUIRE_EQ(found, 10, "TSC, SYSENTER, PAT, STAR... are listed");
	must_fail(kvm, KVM_GET_MSR_INDEX_LIST, 0, EFAULT);
}

/* Every MSR of the list can be read and written back on a new vCPU. */
static void msr_list_works(void)
{
	struct kvm_msr_list *l = calloc(1, sizeof(*l) + 4096);
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0);
	unsigned int i;
	uint64_t value;

	l->nmsrs = 1024;
	must(vm->kvm, KVM_GET_MSR_INDEX_LIST, l);
	for (i = 0; i < l->nmsrs; i++)
		if (msr_try_get(v, l->indices[i], &value) != 1) {
			/* KVM lists some that this CPUID does not have. */
			if (device_is_duet())
				fail("MSR %#x is listed, not readable",
				     l->indices[i]);
		} else if (msr_try_set(v, l->indices[i], value) != 1) {
			if (device_is_duet())
				fail("MSR %#x = %#llx cannot be written back",
				     l->indices[i], (unsigned long long)value);
		}
}

static int in_child(int fd, unsigned long req, unsigned long arg)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(ioctl(fd, req, arg) < 0 ? errno : 0);
	waitpid(pid, &status, 0);
	REQUIRE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void other_mm(void)
{
	struct kvm_userspace_memory_region m = { .slot = 5,
		.memory_size = 0 };
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	struct kvm_regs regs;

	REQUIRE_EQ(in_child(vm->fd, KVM_CREATE_VCPU, 1), EIO);
	REQUIRE_EQ(in_child(vm->fd, KVM_SET_USER_MEMORY_REGION,
			    (unsigned long)&m), EIO);
	REQUIRE_EQ(in_child(v->fd, KVM_RUN, 0), EIO);
	REQUIRE_EQ(in_child(v->fd, KVM_GET_REGS, (unsigned long)&regs), EIO);
	/* System ioctls have no mm. */
	REQUIRE_EQ(in_child(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP), 0);
	must(v->fd, KVM_GET_REGS, &regs);
}

static void vcpu_ids(void)
{
	struct vm *vm = vm_create(0);
	long max = check_extension(vm->fd, KVM_CAP_MAX_VCPU_ID);

	if (!max)
		max = check_extension(vm->fd, KVM_CAP_MAX_VCPUS);
	REQUIRE(max > 0);
	vcpu_create(vm, 0);
	must_fail(vm->fd, KVM_CREATE_VCPU, 0, EEXIST);
	must_fail(vm->fd, KVM_CREATE_VCPU, max, EINVAL);
	must_fail(vm->fd, KVM_CREATE_VCPU, -1, EINVAL);
	must_fail(vm->fd, KVM_CREATE_VCPU, 0x80000000, EINVAL);
	vcpu_create(vm, max - 1);
}

static void enable_cap(void)
{
	struct kvm_enable_cap c = { .cap = 0x3ffffff };
	struct vm *vm = vm_create(0);

	must_fail(vm->fd, KVM_ENABLE_CAP, &c, EINVAL);
	c.cap = KVM_CAP_USER_MEMORY;	/* not one to be enabled */
	must_fail(vm->fd, KVM_ENABLE_CAP, &c, EINVAL);
	must_fail(vm->fd, KVM_ENABLE_CAP, 0, EFAULT);
	/* Flags that nobody defined, on a capability that exists or not. */
	c.flags = 1;
	must_fail(vm->fd, KVM_ENABLE_CAP, &c, EINVAL);
	c.cap = KVM_CAP_X86_DISABLE_EXITS;
	must_fail(vm->fd, KVM_ENABLE_CAP, &c, EINVAL);
}

static void irqchip_order(void)
{
	struct kvm_pit_config pit = { 0 };
	struct kvm_irqchip chip = { .chip_id = 0 };
	struct kvm_irq_level line = { .irq = 1 };
	struct vm *vm = vm_create(0), *late = vm_create(0);

	/* KVM up to 6.12 makes a PIT that is wired to nothing. */
	if (device_is_duet())
		must_fail(vm->fd, KVM_CREATE_PIT2, &pit, ENOENT);
	must_fail(vm->fd, KVM_GET_IRQCHIP, &chip, ENXIO);
	must_fail(vm->fd, KVM_IRQ_LINE, &line, ENXIO);
	must(vm->fd, KVM_CREATE_IRQCHIP, 0);
	must_fail(vm->fd, KVM_CREATE_IRQCHIP, 0, EEXIST);
	must(vm->fd, KVM_CREATE_PIT2, &pit);
	must_fail(vm->fd, KVM_CREATE_PIT2, &pit, EEXIST);
	chip.chip_id = 3;
	must_fail(vm->fd, KVM_GET_IRQCHIP, &chip, EINVAL);
	must_fail(vm->fd, KVM_SET_IRQCHIP, &chip, EINVAL);
	must_fail(vm->fd, KVM_GET_IRQCHIP, 0, EFAULT);

	vcpu_create(late, 0);
	must_fail(late->fd, KVM_CREATE_IRQCHIP, 0, EINVAL);
}

static void bad_pointers(void)
{
	static const unsigned long vm_reqs[] = {
		KVM_SET_USER_MEMORY_REGION, KVM_IRQ_LINE, KVM_SET_GSI_ROUTING, KVM_GET_IRQCHIP,
		KVM_SET_IRQCHIP, KVM_GET_PIT2, KVM_SET_PIT2,
	};
	static const unsigned long vcpu_reqs[] = {
		KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS,
		KVM_GET_FPU, KVM_SET_FPU, KVM_GET_MSRS, KVM_SET_MSRS,
		KVM_SET_CPUID2, KVM_GET_CPUID2, KVM_GET_XSAVE, KVM_SET_XSAVE,
		KVM_GET_XCRS, KVM_SET_XCRS, KVM_GET_DEBUGREGS,
		KVM_SET_DEBUGREGS, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
		KVM_GET_MP_STATE, KVM_SET_MP_STATE, KVM_GET_LAPIC,
		KVM_SET_LAPIC,
	};
	static const unsigned long ptrs[] = {
		8, 0x7ffffffff000, 0x800000000000, 0xffff888000000000,
		-8ul, -4096ul,
	};
	struct vm *vm = vm_create(VM_IRQCHIP | VM_PIT);
	struct vcpu *v = vcpu_create(vm, 0);
	uint64_t addr = 0xfffbc000;
	unsigned int i, j;

	/* With a vCPU it is too late, whatever the argument is. */
	must_fail(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr, EINVAL);
	for (j = 0; j < ARRAY_SIZE(ptrs); j++) {
		for (i = 0; i < ARRAY_SIZE(vm_reqs); i++) {
			errno = 0;
			REQUIRE(ioctl(vm->fd, vm_reqs[i], ptrs[j]) < 0 &&
				errno == EFAULT, "VM ioctl %#lx at %#lx: %s",
				vm_reqs[i], ptrs[j], strerror(errno));
		}
		for (i = 0; i < ARRAY_SIZE(vcpu_reqs); i++) {
			errno = 0;
			REQUIRE(ioctl(v->fd, vcpu_reqs[i], ptrs[j]) < 0 &&
				errno == EFAULT, "vCPU ioctl %#lx at %#lx: %s",
				vcpu_reqs[i], ptrs[j], strerror(errno));
		}
	}
}

static void run_argument(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);

	must_fail(v->fd, KVM_RUN, 1, EINVAL);
}

static void fd_kinds(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	struct stat st;
	char c;

	REQUIRE(read(vm->fd, &c, 1) < 0);
	REQUIRE(write(v->fd, &c, 1) < 0);
	REQUIRE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, vm->fd, 0) ==
		MAP_FAILED);
	REQUIRE(!stat(device_path(), &st) && S_ISCHR(st.st_mode));
}

static const struct test tests[] = {
	{ "GET_API_VERSION is 12 and takes no argument", api_version },
	{ "GET_VCPU_MMAP_SIZE is whole pages and takes no argument", mmap_size },
	{ "CHECK_EXTENSION has what QEMU needs, on both fds; unknown is 0",
	  extensions },
	{ "an unknown ioctl is refused on every kind of fd", unknown_ioctls },
	{ "CREATE_VM knows type 0 only", vm_types },
	{ "two VMs live beside each other", two_vms },
	{ "GET_SUPPORTED_CPUID: E2BIG when short, nent when not",
	  cpuid_contract },
	{ "GET_MSR_INDEX_LIST: E2BIG with the count when short",
	  msr_list_contract },
	{ "every listed MSR can be read and written back", msr_list_works },
	{ "VM and vCPU ioctls from another mm are EIO", other_mm },
	{ "CREATE_VCPU: EEXIST for an id in use, EINVAL out of bounds",
	  vcpu_ids },
	{ "ENABLE_CAP refuses unknown capabilities and flags", enable_cap },
	{ "CREATE_IRQCHIP and CREATE_PIT2: once, in order, before vCPUs",
	  irqchip_order },
	{ "a bad pointer is EFAULT in every ioctl that takes one",
	  bad_pointers },
	{ "KVM_RUN takes no argument", run_argument },
	{ "VM and vCPU fds have no read, write; VM has no mmap", fd_kinds },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
