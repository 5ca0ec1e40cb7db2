// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual machines and vCPUs through the KVM API: see vm.h. Calls the kernel
 * and tap.c; called by the tests.
 */
#include <fcntl.h>

#include "guest.h"
#include "tap.h"
#include "vm.h"
#include "../../uapi/duet.h"

extern const char __executable_start[], _end[];

const char *device_path(void)
{
	const char *path = getenv("DUET_DEVICE");

	return path && *path ? path : "/dev/duet";
}

bool device_is_duet(void)
{
	return strstr(device_path(), "duet") != NULL;
}

bool host_is_tcg(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	bool found = false;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10))
			found = strstr(line, "TCG");
	if (f)
		fclose(f);
	return found;
}

bool interrupts_go_twice(void)
{
	FILE *f = fopen("/proc/cmdline", "r");
	char line[4096] = "";

	if (f) {
		if (!fgets(line, sizeof(line), f))
			line[0] = 0;
		fclose(f);
	}
	return !device_is_duet() && host_is_tcg() &&
	       !strstr(line, "duet.eventinj=mended");
}

bool host_is_bochs(void)
{
	FILE *f = fopen("/sys/firmware/acpi/tables/FACP", "r");
	char oem[16] = "";

	if (f) {
		if (fread(oem, 1, sizeof(oem), f) != sizeof(oem))
			oem[10] = 0;
		fclose(f);
	}
	/* QEMU has the same OEM id, but another name for its processor. */
	return !memcmp(oem + 10, "BOCHS ", 6) && !host_is_tcg();
}

bool on_amd(void)
{
	uint32_t id[4];

	cpuid(0, 0, id);
	return id[2] == 0x444d4163 || id[2] == 0x656e6975; /* ..cAMD, Hygon */
}

bool host_is_bochs_svm(void)
{
	return on_amd() && host_is_bochs();
}

int device_open(void)
{
	int fd = open(device_path(), O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("open %s: %s", device_path(), strerror(errno));
	return fd;
}

long must_at(const char *file, int line, const char *what, int fd,
	     unsigned long req, unsigned long arg)
{
	long r = ioctl(fd, req, arg);

	if (r < 0)
		fail_at(file, line, "%s: %s", what, strerror(errno));
	return r;
}

void must_fail_at(const char *file, int line, const char *what, int fd,
		  unsigned long req, unsigned long arg, int err)
{
	long r = ioctl(fd, req, arg);

	if (r >= 0)
		fail_at(file, line, "%s: returned %ld, want errno %s", what, r,
			strerrorname_np(err));
	if (errno != err)
		fail_at(file, line, "%s: errno %s, want %s", what,
			strerrorname_np(errno), strerrorname_np(err));
}

void *shared_alloc(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	return p;
}

void *mem_alloc(size_t size, size_t align)
{
	char *p = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at;

	if (p == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	at = (char *)(((uintptr_t)p + align - 1) & ~(align - 1));
	/* Just @size remains, so that munmap() by the caller leaves nothing. */
	if (at > p)
		munmap(p, at - p);
	munmap(at + size, p + align - at);
	return at;
}

int slot_try(struct vm *vm, unsigned int slot, unsigned int flags,
	     uint64_t gpa, uint64_t size, void *hva)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) ? -errno : 0;
}

void slot_set(struct vm *vm, unsigned int slot, unsigned int flags,
	      uint64_t gpa, uint64_t size, void *hva)
{
	int r = slot_try(vm, slot, flags, gpa, size, hva);

	if (r)
		fail("slot %u at %#llx size %#llx: %s", slot,
		     (unsigned long long)gpa, (unsigned long long)size,
		     strerror(-r));
}

/*
 * $DUET_PAGER (nested, shadow) and $DUET_REFUSE (a mask of DUET_REFUSE_*) run
 * any test with less of the hardware.
 */
static void vm_refuse(struct vm *vm)
{
	const char *pager = getenv("DUET_PAGER"), *mask = getenv("DUET_REFUSE");
	struct kvm_enable_cap cap = { .cap = DUET_CAP_PAGER };

	if (!device_is_duet())
		return;
	if (pager && *pager) {
		cap.args[0] = strcmp(pager, "shadow") ? DUET_PAGER_NESTED :
							DUET_PAGER_SHADOW;
		if (!(check_extension(vm->kvm, DUET_CAP_PAGER) >>
		      cap.args[0] & 1))
			skip("no %s pager", pager);
		must(vm->fd, KVM_ENABLE_CAP, &cap);
	}
	if (mask && *mask) {
		cap.cap = DUET_CAP_REFUSE;
		cap.args[0] = strtoull(mask, NULL, 0) &
			      check_extension(vm->kvm, DUET_CAP_REFUSE);
		must(vm->fd, KVM_ENABLE_CAP, &cap);
	}
}

struct vm *vm_create(unsigned int flags)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP,
					.args[0] = 24 };
	struct kvm_pit_config pit = { 0 };
	struct vm *vm = calloc(1, sizeof(*vm));
	uint64_t identity_map = 0xfffbc000;
	uintptr_t start, end;

	vm->flags = flags;
	vm->kvm = device_open();
	vm->fd = must(vm->kvm, KVM_CREATE_VM, 0);
	vm_refuse(vm);
	if (flags & VM_BARE)
		return vm;
	/* What VMX without unrestricted guest borrows from the guest. */
	must(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	must(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000);
	if (flags & (VM_IRQCHIP | VM_PIT))
		must(vm->fd, KVM_CREATE_IRQCHIP, 0);
	if (flags & VM_SPLIT)
		must(vm->fd, KVM_ENABLE_CAP, &split);
	if (flags & VM_PIT)
		must(vm->fd, KVM_CREATE_PIT2, &pit);
	vm->low = mem_alloc(LOW_SIZE, 0x200000);
	slot_set(vm, SLOT_LOW, 0, 0, LOW_SIZE, vm->low);
	start = (uintptr_t)__executable_start & ~(PAGE - 1);
	end = ((uintptr_t)_end + PAGE - 1) & ~(PAGE - 1);
	slot_set(vm, SLOT_IMAGE, 0, start, end - start, (void *)start);
	return vm;
}

struct kvm_cpuid2 *supported_cpuid(int kvm)
{
	static const unsigned int n = 256;
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + n * sizeof(c->entries[0]));

	c->nent = n;
	must(kvm, KVM_GET_SUPPORTED_CPUID, c);
	return c;
}

struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *c, uint32_t leaf,
				    uint32_t index)
{
	unsigned int i;

	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function == leaf &&
		    (!(c->entries[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		     c->entries[i].index == index))
			return &c->entries[i];
	return NULL;
}

struct vcpu *vcpu_create(struct vm *vm, unsigned int id)
{
	struct vcpu *v = calloc(1, sizeof(*v));
	struct kvm_cpuid2 *c;

	v->vm = vm;
	v->id = id;
	v->fd = must(vm->fd, KVM_CREATE_VCPU, id);
	v->run_size = must(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	v->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      v->fd, 0);
	if (v->run == MAP_FAILED)
		fail("mmap of a vCPU: %s", strerror(errno));
	if (!(vm->flags & VM_NO_CPUID)) {
		c = supported_cpuid(vm->kvm);
		must(v->fd, KVM_SET_CPUID2, c);
		free(c);
	}
	return v;
}

void vm_destroy(struct vm *vm, struct vcpu *v)
{
	if (v) {
		munmap(v->run, v->run_size);
		close(v->fd);
		free(v);
	}
	close(vm->fd);
	close(vm->kvm);
	if (vm->low)
		munmap(vm->low, LOW_SIZE);
	free(vm);
}

long check_extension(int fd, long cap)
{
	return must(fd, KVM_CHECK_EXTENSION, cap);
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

int msr_try_get(struct vcpu *v, uint32_t index, uint64_t *value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry.index = index };
	int r = must(v->fd, KVM_GET_MSRS, &m);

	*value = m.entry.data;
	return r;
}

uint64_t msr_get(struct vcpu *v, uint32_t index)
{
	uint64_t value;

	if (msr_try_get(v, index, &value) != 1)
		fail("GET_MSRS refuses %#x", index);
	return value;
}

int msr_try_set(struct vcpu *v, uint32_t index, uint64_t value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry.index = index,
			     .entry.data = value };

	return must(v->fd, KVM_SET_MSRS, &m);
}

void msr_set(struct vcpu *v, uint32_t index, uint64_t value)
{
	if (msr_try_set(v, index, value) != 1)
		fail("SET_MSRS refuses %#x = %#llx", index,
		     (unsigned long long)value);
}

uint64_t stat_get(struct vcpu *v, const char *name)
{
	int fd = must(v->fd, KVM_GET_STATS_FD, 0);
	const struct kvm_stats_desc *d;
	struct kvm_stats_header head;
	uint64_t value = 0;
	uint32_t i, size;
	char *all;

	REQUIRE_EQ(pread(fd, &head, sizeof(head), 0), sizeof(head));
	size = sizeof(*d) + head.name_size;
	all = calloc(head.num_desc, size);
	REQUIRE_EQ(pread(fd, all, head.num_desc * size, head.desc_offset),
		   head.num_desc * size);
	for (i = 0; i < head.num_desc; i++) {
		d = (const void *)(all + i * size);
		if (!strcmp(d->name, name))
			break;
	}
	REQUIRE(i < head.num_desc, "no row %s", name);
	REQUIRE_EQ(pread(fd, &value, 8, head.data_offset + d->offset), 8);
	free(all);
	close(fd);
	return value;
}

void regs_get(struct vcpu *v, struct kvm_regs *r)
{
	must(v->fd, KVM_GET_REGS, r);
}

void regs_set(struct vcpu *v, const struct kvm_regs *r)
{
	must(v->fd, KVM_SET_REGS, r);
}

void sregs_get(struct vcpu *v, struct kvm_sregs *s)
{
	must(v->fd, KVM_GET_SREGS, s);
}

void sregs_set(struct vcpu *v, const struct kvm_sregs *s)
{
	must(v->fd, KVM_SET_SREGS, s);
}

uint32_t lapic_get(struct vcpu *v, unsigned int reg)
{
	struct kvm_lapic_state l;

	must(v->fd, KVM_GET_LAPIC, &l);
	return *(uint32_t *)(l.regs + reg);
}

void lapic_put(struct vcpu *v, unsigned int reg, uint32_t value)
{
	struct kvm_lapic_state l;

	must(v->fd, KVM_GET_LAPIC, &l);
	*(uint32_t *)(l.regs + reg) = value;
	must(v->fd, KVM_SET_LAPIC, &l);
}

long msi_send(struct vm *vm, uint32_t address, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = 0xfee00000 | address, .data = data,
	};

	return must(vm->fd, KVM_SIGNAL_MSI, &msi);
}

void low_copy(struct vm *vm, uint32_t gpa, const char *from, const char *to)
{
	REQUIRE(gpa + (size_t)(to - from) <= LOW_SIZE);
	memcpy(vm->low + gpa, from, to - from);
}

int vcpu_run(struct vcpu *v)
{
	if (ioctl(v->fd, KVM_RUN, 0) < 0) {
		if (errno == EINTR)
			return -EINTR;
		fail("KVM_RUN: %s", strerror(errno));
	}
	return v->run->exit_reason;
}

const char *exit_name(unsigned int reason)
{
	static const char *const names[] = {
		[KVM_EXIT_UNKNOWN] = "UNKNOWN",
		[KVM_EXIT_EXCEPTION] = "EXCEPTION",
		[KVM_EXIT_IO] = "IO",
		[KVM_EXIT_HYPERCALL] = "HYPERCALL",
		[KVM_EXIT_DEBUG] = "DEBUG",
		[KVM_EXIT_HLT] = "HLT",
		[KVM_EXIT_MMIO] = "MMIO",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
		[KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
		[KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
		[KVM_EXIT_INTR] = "INTR",
		[KVM_EXIT_SET_TPR] = "SET_TPR",
		[KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
		[KVM_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
	};

	return reason < ARRAY_SIZE(names) && names[reason] ? names[reason] : "?";
}

void exit_unexpected(const char *file, int line, struct vcpu *v)
{
	struct kvm_run *run = v->run;
	struct kvm_sregs s = { 0 };
	struct kvm_regs r = { 0 };

	ioctl(v->fd, KVM_GET_REGS, &r);
	ioctl(v->fd, KVM_GET_SREGS, &s);
	note("rip %llx rsp %llx rflags %llx cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx cs %x",
	     r.rip, r.rsp, r.rflags, s.cr0, s.cr2, s.cr3, s.cr4, s.efer,
	     s.cs.selector);
	if (run->exit_reason == KVM_EXIT_IO)
		note("io %s port %#x size %u count %u",
		     run->io.direction ? "out" : "in", run->io.port,
		     run->io.size, run->io.count);
	if (run->exit_reason == KVM_EXIT_MMIO)
		note("mmio %s %#llx len %u",
		     run->mmio.is_write ? "write" : "read",
		     run->mmio.phys_addr, run->mmio.len);
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		note("suberror %u ndata %u: %llx %llx %llx %llx",
		     run->internal.suberror, run->internal.ndata,
		     run->internal.data[0], run->internal.data[1],
		     run->internal.data[2], run->internal.data[3]);
	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY) {
		note("hardware reason %#llx",
		     run->fail_entry.hardware_entry_failure_reason);
		if (device_is_duet())
			note("%.*s", DUET_WHY_SIZE, duet_fail_entry(run)->why);
	}
	fail_at(file, line, "unexpected exit %u (%s)", run->exit_reason,
		exit_name(run->exit_reason));
}

void vcpu_complete(struct vcpu *v)
{
	v->run->immediate_exit = 1;
	REQUIRE_EQ(vcpu_run(v), -EINTR);
	v->run->immediate_exit = 0;
}

void vcpu_expect_at(const char *file, int line, struct vcpu *v, int reason)
{
	int r = vcpu_run(v);

	if (r == -EINTR)
		fail_at(file, line, "KVM_RUN: EINTR, want exit %s",
			exit_name(reason));
	if (r != reason) {
		ucall_get(v);	/* a guest assertion says more */
		note("want exit %s", exit_name(reason));
		exit_unexpected(file, line, v);
	}
}

static struct ucall *ucall_peek(struct vcpu *v)
{
	struct kvm_regs r;

	if (v->run->exit_reason != KVM_EXIT_IO ||
	    v->run->io.port != UCALL_PORT ||
	    v->run->io.direction != KVM_EXIT_IO_OUT)
		return NULL;
	regs_get(v, &r);
	return (struct ucall *)r.rdi;
}

bool ucall_failed(struct vcpu *v)
{
	struct ucall *u = ucall_peek(v);

	return u && (u->cmd == UCALL_ASSERT || u->cmd == UCALL_TRAP);
}

struct ucall *ucall_get(struct vcpu *v)
{
	struct ucall *u = ucall_peek(v);

	if (!u)
		return NULL;
	if (u->cmd == UCALL_ASSERT)
		fail_at(u->file, u->line, "guest: %s (%#llx, %#llx)", u->text,
			(unsigned long long)u->args[0],
			(unsigned long long)u->args[1]);
	if (u->cmd == UCALL_TRAP)
		fail("guest: exception %llu error %#llx rip %#llx cr2 %#llx",
		     (unsigned long long)u->args[0],
		     (unsigned long long)u->args[1],
		     (unsigned long long)u->args[2],
		     (unsigned long long)u->args[3]);
	return u;
}

struct ucall *ucall_next(struct vcpu *v)
{
	struct ucall *u;

	vcpu_expect(v, KVM_EXIT_IO);
	u = ucall_get(v);
	if (!u)
		exit_unexpected(__FILE__, __LINE__, v);
	return u;
}

void expect_sync_at(const char *file, int line, struct vcpu *v,
		    uint64_t stage)
{
	struct ucall *u;

	vcpu_expect_at(file, line, v, KVM_EXIT_IO);
	u = ucall_get(v);
	if (!u)
		exit_unexpected(file, line, v);
	if (u->cmd != UCALL_SYNC || u->args[0] != stage)
		fail_at(file, line, "guest command %llu, stage %#llx, want sync %#llx",
			(unsigned long long)u->cmd,
			(unsigned long long)u->args[0],
			(unsigned long long)stage);
}

void expect_done(struct vcpu *v)
{
	struct ucall *u = ucall_next(v);

	if (u->cmd != UCALL_DONE)
		fail("guest command %llu, stage %#llx, want done",
		     (unsigned long long)u->cmd,
		     (unsigned long long)u->args[0]);
}
