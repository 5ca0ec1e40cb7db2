// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: what is created is gone after its last descriptor: no descriptor, no
 * memory, no module reference stays behind, and the module cannot be unloaded
 * while anything uses it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"
#include "pace.h"
#include "tap.h"

static void guest_touch(void)
{
	unsigned int i;

	for (i = 0; i < LOW_SIZE; i += PAGE)
		*(volatile uint8_t *)(0x1000ul + i % (LOW_SIZE - PAGE)) = 1;
	guest_done();
}

static void cycle(unsigned int flags)
{
	struct vm *vm = vm_create(flags);
	struct vcpu *v = vcpu_create(vm, 0);

	close(must(vm->fd, KVM_GET_STATS_FD, 0));
	close(must(v->fd, KVM_GET_STATS_FD, 0));
	vcpu_start(v, guest_touch);
	expect_done(v);
	vm_destroy(vm, v);
}

static unsigned int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	REQUIRE(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A line of /proc/meminfo, in KiB. */
static long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long value = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			value = atol(line + strlen(name) + 1);
	if (f)
		fclose(f);
	return value;
}

/*
 * KASAN keeps what was freed, for a while. kmemleak looks for what was not, on
 * such a kernel.
 */
static bool quarantine(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

static void no_leak(void)
{
	long unreclaim, free_mem, tables;
	unsigned int i, fds;
	uint64_t end;

	for (i = 0; i < 30 / slowly(1); i++)	/* caches fill */
		cycle(i & 1 ? VM_PIT : 0);
	sleep_ms(200);
	fds = open_fds();
	unreclaim = meminfo("SUnreclaim:");
	free_mem = meminfo("MemFree:");
	tables = meminfo("PageTables:");
	/* 200, but KVM waits for grace periods: as many as fit in 4 s. */
	end = now_ms() + slowly(4000);
	for (i = 0; i < 200 / slowly(1) && now_ms() < end; i++)
		cycle(i & 1 ? VM_PIT : 0);
	sleep_ms(200);		/* what RCU frees */
	REQUIRE_EQ(open_fds(), fds);
	note("%u VMs: SUnreclaim %+ld KiB, MemFree %+ld KiB", i,
	     meminfo("SUnreclaim:") - unreclaim,
	     meminfo("MemFree:") - free_mem);
	if (quarantine())
		return;
	/* Less than a page for each, and far less than its 1 MiB of memory. */
	REQUIRE(meminfo("SUnreclaim:") - unreclaim < 3l * i);
	REQUIRE(free_mem - meminfo("MemFree:") < 4096 + 16l * i);
	REQUIRE(meminfo("PageTables:") - tables < 512);
}

/* Closed in every order, one descriptor at a time. */
static void close_orders(void)
{
	static const char orders[6][4] = { "kvc", "kcv", "vkc", "vck", "ckv",
					   "cvk" };
	unsigned int i, j;

	for (i = 0; i < 6; i++) {
		struct vm *vm = vm_create(0);
		struct vcpu *v = vcpu_create(vm, 0);

		for (j = 0; j < 3; j++)
			close(orders[i][j] == 'k' ? vm->kvm :
			      orders[i][j] == 'v' ? vm->fd : v->fd);
		/* The mapping alone keeps the vCPU's page. */
		v->run->immediate_exit = 1;
		munmap(v->run, v->run_size);
	}
	/* With only the vCPU's descriptor left the guest still runs. */
	{
		struct vm *vm = vm_create(0);
		struct vcpu *v = vcpu_create(vm, 0);

		vcpu_start(v, guest_touch);
		close(vm->kvm);
		close(vm->fd);
		expect_done(v);
	}
}

/* Slots, made and deleted, leave nothing. */
static void slots(void)
{
	struct vm *vm = vm_create(0);
	char *mem = mem_alloc(64 * PAGE, PAGE);
	unsigned int i, n = 3000 / slowly(1);
	long before = 0;

	for (i = 0; i < n; i++) {
		slot_set(vm, SLOT_FREE + i % 7, 0, 0x40000000, 64 * PAGE, mem);
		slot_set(vm, SLOT_FREE + i % 7, 0, 0x40000000, 0, mem);
		if (i == n / 6)
			before = meminfo("SUnreclaim:");
	}
	sleep_ms(100);
	REQUIRE(quarantine() || meminfo("SUnreclaim:") - before < 1024);
}

static long refcount(void)
{
	FILE *f = fopen("/sys/module/duet/refcnt", "r");
	long n = -1;

	if (!f)
		skip("no /sys/module/duet/refcnt");
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

static void unload_refused(void)
{
	long before, r;
	struct vm *vm;
	struct vcpu *v;

	if (!device_is_duet())
		skip("Duet's module only");
	before = refcount();
	REQUIRE(before >= 0);
	vm = vm_create(0);
	v = vcpu_create(vm, 0);
	REQUIRE(refcount() > before);
	errno = 0;
	r = syscall(SYS_delete_module, "duet", O_NONBLOCK);
	REQUIRE(r < 0 && (errno == EBUSY || errno == EAGAIN), "%s",
		strerror(errno));
	/* The vCPU's descriptor alone holds it. */
	close(vm->kvm);
	close(vm->fd);
	errno = 0;
	r = syscall(SYS_delete_module, "duet", O_NONBLOCK);
	REQUIRE(r < 0 && (errno == EBUSY || errno == EAGAIN), "%s",
		strerror(errno));
	vcpu_start(v, guest_touch);
	expect_done(v);
	munmap(v->run, v->run_size);
	close(v->fd);
	sleep_ms(100);
	REQUIRE_EQ(refcount(), before);
}

/* Processes that die with their VMs, many at a time. */
static void processes(void)
{
	unsigned int i, j;
	int status;

	for (i = 0; i < 5; i++) {
		for (j = 0; j < 6; j++)
			if (!fork()) {
				cycle(VM_PIT);
				vcpu_create(vm_create(VM_PIT), 0);
				_exit(0);
			}
		for (j = 0; j < 6; j++) {
			REQUIRE(wait(&status) > 0);
			REQUIRE_EQ(status, 0);
		}
	}
}

static const struct test tests[] = {
	{ "descriptors closed in any order", close_orders },
	{ "VMs in processes that end", processes },
	{ "3000 memory slots come and go", slots },
	{ "200 VMs leave no descriptor and no memory", no_leak },
	{ "unload is refused while used; references return", unload_refused },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 20);
}
