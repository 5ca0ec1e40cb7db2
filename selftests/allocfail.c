// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a call for which the kernel has no memory, or whose argument cannot be
 * copied, is refused with ENOMEM or EFAULT, has no effect and leaves nothing
 * behind: the same call on the same object succeeds afterwards.
 *
 * Each call is made again and again, with its first allocation or copy failing,
 * its second, its third..., until there are no more (/proc/self/fail-nth; for
 * the debug kernel). What is left behind unseen is kmemleak's to find.
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "guest.h"
#include "tap.h"

#define SLOT		SLOT_FREE
#define GPA		0x40000000ul
#define SLOT_SIZE	(64 * PAGE)

/**
 * struct call - a call that allocates
 * @name: for the diagnosis
 * @prepare: makes what the call is made on, if it is not there
 * @make: the call; its result or -errno
 * @undo: after a success
 * @finish: after a failure; NULL if the call is to be repeated as it is
 */
struct call {
	const char *name;
	void (*prepare)(void);
	long (*make)(void);
	void (*undo)(void);
	void (*finish)(void);
};

static struct vm *vm;
static struct vcpu *v;
static int fail_fd;		/* /proc/self/fail-nth */
static long made;		/* the last success's result */

static void set(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", name);
	fd = open(path, O_WRONLY);
	REQUIRE(fd >= 0 && write(fd, value, 1) == 1, "%s: %s", path,
		strerror(errno));
	close(fd);
}

/* Any allocation may fail, and the log keeps quiet about it. */
static void arm_all(void)
{
	fail_fd = open("/proc/self/fail-nth", O_RDWR);
	REQUIRE(fail_fd >= 0, "%s", strerror(errno));
	set("failslab/ignore-gfp-wait", "N");
	set("failslab/verbose", "0");
	set("fail_page_alloc/ignore-gfp-wait", "N");
	set("fail_page_alloc/min-order", "0");
	set("fail_page_alloc/verbose", "0");
	set("fail_usercopy/verbose", "0");
}

static void fail_nth(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	REQUIRE_EQ(pwrite(fail_fd, text, len, 0), len);
}

/* True if it has failed by now; from here on nothing fails. */
static bool has_failed(void)
{
	char text[16] = "";
	bool failed = pread(fail_fd, text, sizeof(text) - 1, 0) > 0 &&
		      !atoi(text);

	/* if it had been the next, the reading failed, or this does */
	if (pwrite(fail_fd, "0", 1, 0) != 1)
		REQUIRE_EQ(pwrite(fail_fd, "0", 1, 0), 1);
	return failed;
}

static void exhaust(const struct call *c)
{
	unsigned int n, refused = 0;
	bool failed;
	long r;

	for (n = 1;; n++) {
		REQUIRE(n < 1000, "%s has no end", c->name);
		if (c->prepare)
			c->prepare();
		fail_nth(n);
		r = c->make();
		failed = has_failed();
		if (r >= 0) {
			made = r;
			if (c->undo)
				c->undo();
			if (!failed)
				break;
			continue;	/* it could do without */
		}
		REQUIRE(failed, "%s after %u failures: %s", c->name, n - 1,
			strerror(-r));
		REQUIRE(r == -ENOMEM || r == -EFAULT, "%s, failure %u: %s",
			c->name, n, strerror(-r));
		refused++;
		if (c->finish)
			c->finish();
	}
	note("%s: %u of %u failures refuse it", c->name, refused, n - 1);
	REQUIRE(n > 1, "nothing failed in %s", c->name);
}

static long result(long r)
{
	return r < 0 ? -errno : r;
}

static void drop(void)
{
	vm_destroy(vm, v);
	vm = NULL;
	v = NULL;
}

static void close_made(void)
{
	close(made);
}

static void bare(void)
{
	if (!vm)
		vm = vm_create(VM_BARE);
}

static void with_irqchip(void)
{
	if (!vm)
		vm = vm_create(VM_IRQCHIP);
}

static int kvm;

static long create_vm(void)
{
	return result(ioctl(kvm, KVM_CREATE_VM, 0));
}

/* The first VM: virtualization is switched on and off with it. */
static void vms(void)
{
	static const struct call c = { "KVM_CREATE_VM", NULL, create_vm,
				       close_made, NULL };

	arm_all();
	kvm = device_open();
	exhaust(&c);
}

static long create_vcpu(void)
{
	static unsigned int id;

	/* the next one only after a success */
	long r = result(ioctl(vm->fd, KVM_CREATE_VCPU, id));

	id += r >= 0;
	return r;
}

static void vcpus(void)
{
	static const struct call c = { "KVM_CREATE_VCPU", with_irqchip,
				       create_vcpu, close_made, NULL };

	arm_all();
	exhaust(&c);
}

static long create_irqchip(void)
{
	return result(ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
}

static long create_pit(void)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };

	return result(ioctl(vm->fd, KVM_CREATE_PIT2, &config));
}

static void irqchip(void)
{
	static const struct call calls[] = {
		{ "KVM_CREATE_IRQCHIP", bare, create_irqchip, drop, NULL },
		{ "KVM_CREATE_PIT2", with_irqchip, create_pit, drop, NULL },
	};

	arm_all();
	exhaust(&calls[0]);
	exhaust(&calls[1]);
}

static char *memory;

static long slot_call(unsigned int flags, uint64_t gpa, uint64_t size)
{
	return result(slot_try(vm, SLOT, flags, gpa, size, memory));
}

static long slot_create(void)
{
	return slot_call(0, GPA, SLOT_SIZE);
}

static long slot_move(void)
{
	return slot_call(0, 2 * GPA, SLOT_SIZE);
}

static long slot_log(void)
{
	return slot_call(KVM_MEM_LOG_DIRTY_PAGES, GPA, SLOT_SIZE);
}

static long slot_delete(void)
{
	return slot_call(0, GPA, 0);
}

static void no_slot(void)
{
	bare();
	REQUIRE_EQ(slot_delete(), 0);
}

static void plain_slot(void)
{
	bare();
	REQUIRE_EQ(slot_create(), 0);
}

static void logged_slot(void)
{
	bare();
	REQUIRE_EQ(slot_log(), 0);
}

static long dirty_log(void)
{
	static uint64_t bitmap[SLOT_SIZE / PAGE / 64];
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };

	return result(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
}

static void slots(void)
{
	static const struct call calls[] = {
		{ "a new slot", bare, slot_create, no_slot, NULL },
		{ "a slot's dirty log on", plain_slot, slot_log, NULL, NULL },
		{ "KVM_GET_DIRTY_LOG", logged_slot, dirty_log, NULL, NULL },
		{ "a slot's dirty log off", logged_slot, slot_create, NULL, NULL },
		{ "a slot deleted", plain_slot, slot_delete, NULL, NULL },
		{ "a slot moved", plain_slot, slot_move, plain_slot, NULL },
	};
	unsigned int i;

	arm_all();
	memory = mem_alloc(SLOT_SIZE, PAGE);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		exhaust(&calls[i]);
}

static int event, again;

static long routing(void)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[3];
	} r = { .head.nr = 3 };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		r.entry[i].gsi = i;
		r.entry[i].type = KVM_IRQ_ROUTING_IRQCHIP;
		r.entry[i].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		r.entry[i].u.irqchip.pin = i;
	}
	return result(ioctl(vm->fd, KVM_SET_GSI_ROUTING, &r));
}

static long irqfd(uint32_t flags)
{
	struct kvm_irqfd f = { .fd = event, .gsi = 1, .flags = flags,
			       .resamplefd = again };

	return result(ioctl(vm->fd, KVM_IRQFD, &f));
}

static long irqfd_edge(void)
{
	return irqfd(0);
}

static long irqfd_level(void)
{
	return irqfd(KVM_IRQFD_FLAG_RESAMPLE);
}

static void irqfd_drop(void)
{
	REQUIRE_EQ(irqfd(KVM_IRQFD_FLAG_DEASSIGN), 0);
}

static long ioeventfd(uint32_t flags)
{
	struct kvm_ioeventfd f = { .addr = 0x1234, .len = 2, .fd = event,
				   .flags = KVM_IOEVENTFD_FLAG_PIO | flags };

	return result(ioctl(vm->fd, KVM_IOEVENTFD, &f));
}

static long ioeventfd_assign(void)
{
	return ioeventfd(0);
}

static long ioeventfd_deassign(void)
{
	return ioeventfd(KVM_IOEVENTFD_FLAG_DEASSIGN);
}

static void with_ioeventfd(void)
{
	with_irqchip();
	if (ioeventfd(0))
		REQUIRE_EQ(errno, EEXIST);
}

static void ioeventfd_drop(void)
{
	REQUIRE_EQ(ioeventfd_deassign(), 0);
}

static void events(void)
{
	static const struct call calls[] = {
		{ "KVM_SET_GSI_ROUTING", with_irqchip, routing, NULL, NULL },
		{ "KVM_IRQFD", with_irqchip, irqfd_edge, irqfd_drop, NULL },
		{ "KVM_IRQFD with a resampler", with_irqchip, irqfd_level,
		  irqfd_drop, NULL },
		{ "KVM_IOEVENTFD", with_irqchip, ioeventfd_assign,
		  ioeventfd_drop, NULL },
		{ "KVM_IOEVENTFD deassigned", with_ioeventfd,
		  ioeventfd_deassign, NULL, NULL },
	};
	unsigned int i;

	arm_all();
	event = eventfd(0, EFD_NONBLOCK);
	again = eventfd(0, EFD_NONBLOCK);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		exhaust(&calls[i]);
}

/* The vCPU's ioctls that copy more than a few words. */
static struct kvm_cpuid2 *table;
static struct kvm_lapic_state lapic;
static struct kvm_xsave xsave;
static struct {
	struct kvm_msrs head;
	struct kvm_msr_entry entry[2];
} msrs = { { .nmsrs = 2 }, { { .index = MSR_LSTAR }, { .index = MSR_STAR } } };

static void with_vcpu(void)
{
	with_irqchip();
	if (!v)
		v = vcpu_create(vm, 0);
}

#define VCPU_CALL(fn, nr, arg)						\
static long fn(void)							\
{									\
	return result(ioctl(v->fd, nr, arg));				\
}

VCPU_CALL(set_cpuid, KVM_SET_CPUID2, table)
VCPU_CALL(get_lapic, KVM_GET_LAPIC, &lapic)
VCPU_CALL(set_lapic, KVM_SET_LAPIC, &lapic)
VCPU_CALL(get_xsave, KVM_GET_XSAVE, &xsave)
VCPU_CALL(set_xsave, KVM_SET_XSAVE, &xsave)
VCPU_CALL(vcpu_stats, KVM_GET_STATS_FD, 0)

static long supported(void)
{
	table->nent = 128;
	return result(ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, table));
}

static long vm_stats(void)
{
	return result(ioctl(vm->fd, KVM_GET_STATS_FD, 0));
}

/* Fewer than all is an answer, too, but none that says why. */
static long get_msrs(void)
{
	long r = ioctl(v->fd, KVM_GET_MSRS, &msrs);

	REQUIRE(r < 0 || r == 2, "%ld", r);
	return result(r);
}

static long set_msrs(void)
{
	long r = ioctl(v->fd, KVM_SET_MSRS, &msrs);

	REQUIRE(r < 0 || r == 2, "%ld", r);
	return result(r);
}

static void vcpu_state(void)
{
	static const struct call calls[] = {
		{ "KVM_GET_SUPPORTED_CPUID", with_vcpu, supported, NULL, NULL },
		{ "KVM_SET_CPUID2", with_vcpu, set_cpuid, NULL, NULL },
		{ "KVM_GET_LAPIC", with_vcpu, get_lapic, NULL, NULL },
		{ "KVM_SET_LAPIC", with_vcpu, set_lapic, NULL, NULL },
		{ "KVM_GET_XSAVE", with_vcpu, get_xsave, NULL, NULL },
		{ "KVM_SET_XSAVE", with_vcpu, set_xsave, NULL, NULL },
		{ "KVM_GET_MSRS", with_vcpu, get_msrs, NULL, NULL },
		{ "KVM_SET_MSRS", with_vcpu, set_msrs, NULL, NULL },
		{ "KVM_GET_STATS_FD of a VM", with_vcpu, vm_stats,
		  close_made, NULL },
		{ "KVM_GET_STATS_FD of a vCPU", with_vcpu, vcpu_stats,
		  close_made, NULL },
	};
	unsigned int i;

	arm_all();
	table = calloc(1, sizeof(*table) + 128 * sizeof(table->entries[0]));
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		exhaust(&calls[i]);
}

/* A guest that touches a page after the other, each with tables of its own. */
#define STRIDE		0x200000ul
#define STRIDES		256ul

static volatile uint64_t touches;

static void guest_touches(void)
{
	for (;;) {
		*(volatile uint64_t *)(GPA + touches * STRIDE) += touches + 1;
		guest_sync(touches);
	}
}

static void with_guest(void)
{
	if (v)
		return;
	vm = vm_create(0);
	v = vcpu_create(vm, 0);
	memory = mem_alloc(STRIDES * STRIDE, STRIDE);
	madvise(memory, STRIDES * STRIDE, MADV_NOHUGEPAGE);
	slot_set(vm, SLOT, 0, GPA, STRIDES * STRIDE, memory);
	vcpu_start(v, guest_touches);
}

static long run(void)
{
	return result(ioctl(v->fd, KVM_RUN, 0));
}

/* Done once, whether it was interrupted or not; on to the next page. */
static void touched(void)
{
	struct ucall *u = ucall_get(v);

	REQUIRE(u && u->cmd == UCALL_SYNC, "%s",
		exit_name(v->run->exit_reason));
	REQUIRE_EQ(u->args[0], touches);
	REQUIRE_EQ(*(uint64_t *)(memory + touches * STRIDE), touches + 1);
	REQUIRE(++touches < STRIDES);
}

static void run_again(void)
{
	REQUIRE_EQ(run(), 0);
	touched();
}

static void guest_memory(void)
{
	static const struct call c = { "KVM_RUN", with_guest, run, touched,
				       run_again };

	arm_all();
	exhaust(&c);
}

static const struct test tests[] = {
	{ "KVM_CREATE_VM", vms },
	{ "KVM_CREATE_VCPU", vcpus },
	{ "KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2", irqchip },
	{ "memory slots and their dirty logs", slots },
	{ "interrupt routing, irqfds, ioeventfds", events },
	{ "state of a vCPU, statistics", vcpu_state },
	{ "the guest's first touch of a page", guest_memory },
};

int main(void)
{
	if (access("/proc/self/fail-nth", W_OK))
		return tap_skip_program("a kernel without fault injection");
	return tap_main(tests, ARRAY_SIZE(tests), 30);
}
