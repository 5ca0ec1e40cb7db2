// SPDX-License-Identifier: GPL-2.0
/*
 * The launcher against devices that answer badly: open() and ioctl() of the
 * code under test come here (--wrap), the kernel's part is played.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "../uapi/duet.h"
#include "args.h"
#include "compiler.h"
#include "guest_mem.h"
#include "run.h"
#include "stats.h"
#include "tests/tap.h"
#include "vcpu.h"
#include "vm.h"

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long req, ...);
int __wrap_ioctl(int fd, unsigned long req, ...);

/* The played device: what the next test wants of it. */
static struct {
	int open_errno;
	int version;
	int map_size;
	unsigned int missing_cap;
	int max_vcpus;
	int create_errno;
	unsigned long failing;		/* a request that gets EINVAL */
	unsigned int slots;
	unsigned int cpuid_entries;
	uint32_t exit_at_once;		/* exit reason of the first KVM_RUN */
	int order;			/* of the calls below */
	int irqchip_at, vcpu_at;
	unsigned int ioapic_pins[24];	/* by GSI */
	unsigned int nr_routes;
} dev;

#define DEVICE_FD	700
#define VM_FD		701

int __wrap_open(const char *path, int flags, ...)
{
	if (strcmp(path, "/dev/played"))
		return __real_open(path, flags);
	if (dev.open_errno) {
		errno = dev.open_errno;
		return -1;
	}
	return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, DEVICE_FD);
}

static int played_cpuid(struct kvm_cpuid2 *table)
{
	unsigned int i;

	if (table->nent < dev.cpuid_entries) {
		errno = E2BIG;
		return -1;
	}
	table->nent = dev.cpuid_entries;
	for (i = 0; i < table->nent; i++)
		table->entries[i].function = 0x40000000 + i;
	return 0;
}

static int played_routes(const struct kvm_irq_routing *r)
{
	unsigned int i;

	dev.nr_routes = r->nr;
	for (i = 0; i < r->nr; i++)
		if (r->entries[i].u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC)
			dev.ioapic_pins[r->entries[i].gsi] =
				r->entries[i].u.irqchip.pin;
	return 0;
}

static struct kvm_run *vcpu_run;

static int played_vcpu(void)
{
	int fd = memfd_create("vcpu", 0);

	if (ftruncate(fd, dev.map_size))
		return -1;
	vcpu_run = mmap(NULL, dev.map_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			fd, 0);
	return fd;
}

/* A guest that spins, until it is kicked; or what the test wants instead. */
static int played_run(void)
{
	const struct timespec tick = { .tv_nsec = 10 * 1000 * 1000 };

	if (dev.exit_at_once) {
		vcpu_run->exit_reason = dev.exit_at_once;
		return 0;
	}
	while (!__atomic_load_n(&vcpu_run->immediate_exit, __ATOMIC_SEQ_CST))
		nanosleep(&tick, NULL);
	errno = EINTR;
	return -1;
}

int __wrap_ioctl(int fd, unsigned long req, ...)
{
	unsigned long arg;
	va_list ap;

	va_start(ap, req);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	(void)fd;
	if (req == dev.failing) {
		errno = EINVAL;
		return -1;
	}
	switch (req) {
	case KVM_GET_API_VERSION:
		if (dev.version >= 0)
			return dev.version;
		errno = ENOTTY;
		return -1;
	case KVM_GET_VCPU_MMAP_SIZE:
		return dev.map_size;
	case KVM_CHECK_EXTENSION:
		if (arg == dev.missing_cap)
			return 0;
		if (arg == KVM_CAP_MAX_VCPUS)
			return dev.max_vcpus;
		return 1;
	case KVM_CREATE_VM:
		if (dev.create_errno) {
			errno = dev.create_errno;
			return -1;
		}
		return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, VM_FD);
	case KVM_SET_USER_MEMORY_REGION:
		dev.slots++;
		return 0;
	case KVM_CREATE_IRQCHIP:
		dev.irqchip_at = ++dev.order;
		return 0;
	case KVM_SET_GSI_ROUTING:
		return played_routes((void *)arg);
	case KVM_CREATE_VCPU:
		dev.vcpu_at = ++dev.order;
		return played_vcpu();
	case KVM_RUN:
		return played_run();
	case KVM_GET_SUPPORTED_CPUID:
		return played_cpuid((void *)arg);
	case KVM_SET_MSRS:
		return 1;
	}
	return 0;
}

static struct run_opts opts;
static struct vm vm;

static void reset_device(void)
{
	memset(&dev, 0, sizeof(dev));
	dev.version = KVM_API_VERSION;
	dev.map_size = 3 * 4096;
	dev.missing_cap = ~0U;
	dev.max_vcpus = 8;
	dev.cpuid_entries = 10;
	opts = (struct run_opts) {
		.device = "/dev/played", .memory = GIB(4), .cpus = 1,
		.kernel_irqchip = true, .kernel = "k",
	};
}

static int open_vm(void)
{
	int ret;

	CHECK(vm_init(&vm, &opts) == 0);
	ret = vm_open(&vm);
	if (!ret)
		ret = vm_create(&vm);
	return ret;
}

static void expect_open(int ret, const char *says)
{
	CHECK(open_vm() == ret && (!says || tap_says(says)));
	vm_exit(&vm);
}

static void test_open(void)
{
	reset_device();
	dev.open_errno = ENOENT;
	expect_open(-ENOENT, "insmod");
	dev.open_errno = EACCES;
	expect_open(-EACCES, "no permission");
	dev.open_errno = ENODEV;
	expect_open(-ENODEV, "duet check");
	reset_device();
	dev.version = -1;
	expect_open(-ENOTTY, "does not speak the KVM API");
	dev.version = 11;
	expect_open(-EPROTO, "speaks version 11");
	reset_device();
	dev.map_size = 100;
	expect_open(-EPROTO, "mapping size");
}

static void test_caps(void)
{
	reset_device();
	dev.missing_cap = KVM_CAP_PIT2;
	expect_open(-EOPNOTSUPP, "KVM_CAP_PIT2");
	dev.missing_cap = KVM_CAP_IMMEDIATE_EXIT;
	expect_open(-EOPNOTSUPP, "KVM_CAP_IMMEDIATE_EXIT");
	dev.missing_cap = KVM_CAP_IRQCHIP;
	opts.kernel_irqchip = false;
	expect_open(0, NULL);
	reset_device();
	opts.cpus = 9;
	expect_open(-EINVAL, "at most 8");
}

static void test_create(void)
{
	reset_device();
	dev.create_errno = EBUSY;
	expect_open(-EBUSY, "another hypervisor");
	dev.create_errno = EOPNOTSUPP;
	expect_open(-EOPNOTSUPP, "duet check");
	reset_device();
	dev.failing = KVM_SET_USER_MEMORY_REGION;
	expect_open(-EINVAL, "memory slot 0");
	dev.failing = KVM_CREATE_PIT2;
	expect_open(-EINVAL, "KVM_CREATE_PIT2");
	reset_device();
	expect_open(0, NULL);
	CHECK(dev.slots == 3);
	/* The timer at pin 2, as the MADT says; the others at their own. */
	CHECK(dev.nr_routes == 15 + 23 && dev.ioapic_pins[0] == 2);
	CHECK(dev.ioapic_pins[4] == 4 && dev.ioapic_pins[23] == 23);
}

static void test_vcpu(void)
{
	struct vcpu vcpu = { .fd = -1 };

	reset_device();
	dev.cpuid_entries = 300;	/* more than the first try has room for */
	CHECK(open_vm() == 0);
	CHECK(vcpu_create(&vcpu, &vm, 0) == 0);
	CHECK(dev.irqchip_at && dev.irqchip_at < dev.vcpu_at);
	vcpu_exit(&vcpu);
	dev.cpuid_entries = 1000000;	/* no end of them */
	CHECK(vcpu_create(&vcpu, &vm, 0) == -E2BIG);
	vcpu_exit(&vcpu);
	dev.failing = KVM_GET_SUPPORTED_CPUID;
	CHECK(vcpu_create(&vcpu, &vm, 0) == -EINVAL &&
	      tap_says("SUPPORTED_CPUID"));
	vcpu_exit(&vcpu);
	vm_exit(&vm);
}

static struct kvm_cpuid_entry2 *entry(struct kvm_cpuid2 *t, uint32_t function,
				      uint32_t index)
{
	unsigned int i;

	for (i = 0; i < t->nent; i++)
		if (t->entries[i].function == function &&
		    t->entries[i].index == index)
			return &t->entries[i];
	return NULL;
}

static struct kvm_cpuid2 *make_cpuid(void)
{
	static const struct kvm_cpuid_entry2 e[] = {
		{ .function = 1, .ebx = 0x05ff0800, .edx = 1 << 28 },
		{ .function = 4, .eax = 0xfc03c121 },
		{ .function = 4, .index = 1, .eax = 0 },
		{ .function = 0xb, .eax = 5, .ebx = 9, .edx = 99 },
		{ .function = 0xb, .index = 1, .eax = 5, .ebx = 9 },
		{ .function = 0xb, .index = 2, .eax = 5, .ebx = 9 },
		{ .function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b },
		{ .function = 0x80000008, .eax = 0x3030, .ecx = 0x703f },
		{ .function = 0x8000001e, .eax = 7, .ebx = 0x100, .ecx = 3 },
	};
	struct kvm_cpuid2 *t = calloc(1, sizeof(*t) + sizeof(e));

	if (!t)
		abort();
	t->nent = ARRAY_SIZE(e);
	memcpy(t->entries, e, sizeof(e));
	return t;
}

static void test_cpuid(void)
{
	struct kvm_cpuid2 *t = make_cpuid();

	vcpu_patch_cpuid(t, 0, 1, false);
	CHECK(entry(t, 1, 0)->ebx == 0x00010800);
	CHECK(entry(t, 1, 0)->ecx == 1U << 31 && !entry(t, 1, 0)->edx);
	CHECK(entry(t, 0x80000008, 0)->ecx == 0);
	CHECK(entry(t, 0x40000000, 0)->ebx == 0x4b4d564b);
	free(t);

	t = make_cpuid();
	vcpu_patch_cpuid(t, 2, 3, true);
	CHECK(entry(t, 1, 0)->ebx == 0x02030800);
	CHECK(entry(t, 1, 0)->ecx == (1U << 31 | 1U << 24));
	CHECK(entry(t, 1, 0)->edx == 1U << 28);
	CHECK(entry(t, 4, 0)->eax == (3U << 26 | 0x121));
	CHECK(entry(t, 4, 1)->eax == 0);
	CHECK(entry(t, 0xb, 0)->edx == 2 && entry(t, 0xb, 0)->eax == 0 &&
	      entry(t, 0xb, 0)->ebx == 1 && entry(t, 0xb, 0)->ecx == 0x100);
	CHECK(entry(t, 0xb, 1)->eax == 2 && entry(t, 0xb, 1)->ebx == 3 &&
	      entry(t, 0xb, 1)->ecx == 0x201);
	CHECK(entry(t, 0xb, 2)->ebx == 0 && entry(t, 0xb, 2)->ecx == 2 &&
	      entry(t, 0xb, 2)->edx == 2);
	CHECK(entry(t, 0x80000008, 0)->ecx == 0x2002);
	CHECK(entry(t, 0x8000001e, 0)->eax == 2);
	free(t);
}

/*
 * The terminal: the launcher runs in a child whose terminal is a pty. However
 * it ends, the pty has to be as it was.
 */
static char raw_path[64];

static pid_t start_child(int *pty, struct termios *before)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	int slave;
	pid_t pid;

	CHECK(master >= 0 && !grantpt(master) && !unlockpt(master));
	slave = __real_open(ptsname(master), O_RDWR | O_NOCTTY);
	CHECK(slave >= 0 && !tcgetattr(slave, before));
	pid = fork();
	if (pid == 0) {
		setsid();
		__real_ioctl(slave, TIOCSCTTY, 0);
		dup2(slave, 0);
		dup2(slave, 1);
		dup2(slave, 2);
		exit(run_vm(&opts));
	}
	close(slave);
	*pty = master;
	return pid;
}

static bool pty_is_raw(int pty)
{
	struct termios t;

	return !tcgetattr(pty, &t) && !(t.c_lflag & (ICANON | ECHO | ISIG));
}

static bool wait_raw(int pty)
{
	const struct timespec tick = { .tv_nsec = 10 * 1000 * 1000 };
	unsigned int i;

	for (i = 0; i < 500 && !pty_is_raw(pty); i++)
		nanosleep(&tick, NULL);
	return pty_is_raw(pty);
}

/* One run: what is done to it, and what its end has to look like. */
static void one_end(const char *keys, int sig, int want_exit, int want_sig)
{
	struct termios before, after;
	int pty, status = 0;
	char buf[4096];
	pid_t pid;

	pid = start_child(&pty, &before);
	if (!dev.exit_at_once && !opts.timeout)
		CHECK(wait_raw(pty));
	if (keys)
		CHECK(write(pty, keys, strlen(keys)) == (ssize_t)strlen(keys));
	if (sig)
		kill(pid, sig);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (want_sig)
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == want_sig);
	else
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == want_exit);
	CHECK(!tcgetattr(pty, &after));
	CHECK(after.c_lflag == before.c_lflag &&
	      after.c_iflag == before.c_iflag &&
	      after.c_oflag == before.c_oflag &&
	      after.c_cflag == before.c_cflag);
	while (read(pty, buf, sizeof(buf)) > 0)
		;
	close(pty);
}

/* Stopped from the shell: the terminal is the shell's until it goes on. */
static void stop_and_go(void)
{
	struct termios before, after;
	int pty, status = 0;
	pid_t pid;

	pid = start_child(&pty, &before);
	CHECK(wait_raw(pty));
	kill(pid, SIGTSTP);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	CHECK(!tcgetattr(pty, &after) && after.c_lflag == before.c_lflag);
	kill(pid, SIGCONT);
	CHECK(wait_raw(pty));
	CHECK(write(pty, "\001x", 2) == 2);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	      WEXITSTATUS(status) == VM_QUIT);
	close(pty);
}

static void test_terminal(void)
{
	int fd = memfd_create("raw", 0);

	CHECK(write(fd, "\xf4", 1) == 1);
	snprintf(raw_path, sizeof(raw_path), "/proc/self/fd/%d", fd);
	reset_device();
	opts.raw = raw_path;
	opts.kernel = NULL;
	opts.memory = MIB(2);
	one_end("\001x", 0, VM_QUIT, 0);
	/* Ctrl-c is the guest's, Ctrl-a a is none. */
	one_end("\003\001a\001x", 0, VM_QUIT, 0);
	one_end(NULL, SIGTERM, VM_SIGNAL + SIGTERM, 0);
	one_end(NULL, SIGINT, VM_SIGNAL + SIGINT, 0);
	one_end(NULL, SIGHUP, VM_SIGNAL + SIGHUP, 0);
	one_end(NULL, SIGQUIT, VM_SIGNAL + SIGQUIT, 0);
	one_end(NULL, SIGSEGV, 0, SIGSEGV);
	one_end(NULL, SIGABRT, 0, SIGABRT);
	stop_and_go();
	opts.timeout = 1;
	one_end(NULL, 0, VM_TIMEOUT, 0);
	opts.timeout = 0;
	dev.exit_at_once = KVM_EXIT_HLT;
	one_end(NULL, 0, VM_POWER_OFF, 0);
	dev.exit_at_once = KVM_EXIT_SHUTDOWN;
	one_end(NULL, 0, VM_TRIPLE_FAULT, 0);
	dev.exit_at_once = KVM_EXIT_FAIL_ENTRY;
	one_end(NULL, 0, VM_ERROR, 0);
	dev.exit_at_once = 9999;
	one_end(NULL, 0, VM_ERROR, 0);
	close(fd);
}

#define NAME	32
#define ROWS	5

struct stats_file {
	struct kvm_stats_header hdr;
	struct {
		struct kvm_stats_desc desc;
		char name[NAME];
	} row[ROWS];
	uint64_t data[ROWS + 1];
} __packed;

static struct stats_file make_stats(void)
{
	static const char *const names[ROWS] = {
		"exit_cpuid", "halt_wakeup", "exit_io", "io_exits", "exit_hist",
	};
	struct stats_file f = {
		.hdr = {
			.name_size = NAME, .num_desc = ROWS,
			.desc_offset = offsetof(struct stats_file, row),
			.data_offset = offsetof(struct stats_file, data),
		},
		.data = { 5, 77, 1000, 0, 8, 8 },
	};
	unsigned int i;

	for (i = 0; i < ROWS; i++) {
		f.row[i].desc.size = i == 4 ? 2 : 1;
		f.row[i].desc.offset = i * 8;
		strcpy(f.row[i].name, names[i]);
	}
	return f;
}

/* Bytes after the file's end that are there as well. */
static size_t padding;

static int read_stats(struct stats *st, const struct stats_file *f, size_t len,
		      unsigned int column)
{
	int fd = memfd_create("stats", 0);
	int ret;

	CHECK(fd >= 0 && write(fd, f, len) == (ssize_t)len);
	CHECK(ftruncate(fd, len + padding) == 0);
	ret = stats_read_fd(st, fd, column);
	close(fd);
	return ret;
}

static void test_stats(void)
{
	struct stats_file f = make_stats();
	struct stats *st = stats_new(2);
	char *text = NULL;
	size_t len;
	FILE *out;

	CHECK(read_stats(st, &f, sizeof(f), 0) == 0);
	f.data[0] = 4000;
	CHECK(read_stats(st, &f, sizeof(f), 1) == 0);
	out = open_memstream(&text, &len);
	stats_print_table(st, out);
	fclose(out);
	/* Largest first, no zero rows, no histograms, nothing but exits. */
	CHECK(strstr(text, "4005") && strstr(text, "2000"));
	CHECK(strstr(text, "exit_cpuid") < strstr(text, "exit_io"));
	CHECK(!strstr(text, "io_exits") && !strstr(text, "halt_wakeup") &&
	      !strstr(text, "exit_hist"));
	free(text);
	stats_free(st);
}

static void test_stats_bad(void)
{
	struct stats *st = stats_new(1);
	struct stats_file f = make_stats();
	size_t cut;

	/* Up to the last counter that is looked at. */
	for (cut = 0; cut < offsetof(struct stats_file, data) + 32; cut += 7)
		if (!CHECK(read_stats(st, &f, cut, 0) == -EPROTO))
			break;
	padding = 65536;
	f.hdr.name_size = 257;
	CHECK(read_stats(st, &f, sizeof(f), 0) == -EPROTO);
	f.hdr.name_size = 4096;
	CHECK(read_stats(st, &f, sizeof(f), 0) == -EPROTO);
	padding = 0;
	f.hdr.name_size = 0xffffffff;
	CHECK(read_stats(st, &f, sizeof(f), 0) == -EPROTO);
	f.hdr.name_size = 0;
	CHECK(read_stats(st, &f, sizeof(f), 0) == -EPROTO);
	f = make_stats();
	f.hdr.num_desc = 0xffffffff;
	CHECK(read_stats(st, &f, sizeof(f), 0) == -EPROTO);
	f = make_stats();
	f.hdr.data_offset = 0xfffffff0;
	CHECK(read_stats(st, &f, sizeof(f), 0) == -EPROTO);
	f = make_stats();
	f.row[2].desc.offset = 0xfffffff0;
	CHECK(read_stats(st, &f, sizeof(f), 0) == -EPROTO);
	f = make_stats();
	memset(f.row[0].name, 'e', NAME);	/* a name without its end */
	CHECK(read_stats(st, &f, sizeof(f), 0) == 0);
	stats_free(st);
}

/* What the launcher prints of a failed entry; free()d by the caller. */
static char *printed(const char *why)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_FAIL_ENTRY };
	struct vcpu vcpu = { .vm = &vm, .run = &run };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CHECK(out != NULL);
	/* No more than there is, even without an end. */
	memcpy(duet_fail_entry(&run)->why, why, strlen(why));
	vcpu_dump_exit(&vcpu, out);
	fclose(out);
	return text;
}

static void test_why(void)
{
	char *text, longest[DUET_WHY_SIZE + 1];

	reset_device();
	CHECK(vm_init(&vm, &opts) == 0);
	text = printed("CR0: fixed bits");
	CHECK(strstr(text, "refused") && strstr(text, "CR0: fixed bits\n"));
	free(text);
	memset(longest, 'x', DUET_WHY_SIZE);
	longest[DUET_WHY_SIZE] = 0;
	text = printed(longest);
	CHECK(strstr(text, longest));
	free(text);
	/* On KVM the bytes mean nothing. */
	dev.missing_cap = DUET_CAP_EXPLAIN;
	text = printed("CR0: fixed bits");
	CHECK(strstr(text, "refused") && !strstr(text, "CR0"));
	free(text);
	vm_exit(&vm);
}

const struct test api_tests[] = {
	{ "device: each failure to open it has its own words", test_open },
	{ "device: missing capabilities are named", test_caps },
	{ "VM: EBUSY, unsupported CPU and failing ioctls in words",
	  test_create },
	{ "vCPU: created after the irqchip; CPUID tables of any size",
	  test_vcpu },
	{ "CPUID: APIC id and topology per vCPU", test_cpuid },
	{ "terminal: restored on every way out, with the right status",
	  test_terminal },
	{ "a failed entry: what the device says of it is printed", test_why },
	{ "statistics: sorted, summed, exits only", test_stats },
	{ "statistics: truncated and hostile ones are refused",
	  test_stats_bad },
	{ NULL, NULL },
};
