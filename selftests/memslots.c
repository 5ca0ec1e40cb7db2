// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the guest's physical memory is what KVM_SET_USER_MEMORY_REGION says at
 * this moment, and its content is what the process has mapped there at this
 * moment: created, moved, deleted, read-only, overlapping refused; munmap,
 * mprotect, madvise under a guest take effect at once.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "clock.h"
#include "guest.h"
#include "pace.h"
#include "tap.h"

#define GPA	0x40000000ull
#define GPA2	0x60000000ull
#define SLOT	SLOT_FREE

static struct vcpu *create(void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);

	if (fn)
		vcpu_start(v, fn);
	return v;
}

/* Reads or writes at an address that the host gives, as often as it likes. */
static volatile uint64_t access_at, access_value, access_write;

static void guest_access(void)
{
	for (;;) {
		if (access_write)
			*(volatile uint64_t *)access_at = access_value;
		else
			access_value = *(volatile uint64_t *)access_at;
		guest_sync(0);
	}
}

static uint64_t guest_read(struct vcpu *v, uint64_t gpa)
{
	access_at = gpa;
	access_write = 0;
	expect_sync(v, 0);
	return access_value;
}

static void guest_write(struct vcpu *v, uint64_t gpa, uint64_t value)
{
	access_at = gpa;
	access_write = 1;
	access_value = value;
	expect_sync(v, 0);
}

/* The access ends as MMIO: no memory there. */
static void expect_absent(struct vcpu *v, uint64_t gpa, bool write)
{
	access_at = gpa;
	access_write = write;
	access_value = 0x1234;
	vcpu_expect(v, KVM_EXIT_MMIO);
	REQUIRE_EQ(v->run->mmio.phys_addr, gpa);
	REQUIRE_EQ(v->run->mmio.is_write, write);
	REQUIRE_EQ(v->run->mmio.len, 8);
	memset(v->run->mmio.data, 0xee, 8);
	expect_sync(v, 0);
	if (!write)
		REQUIRE_EQ(access_value, 0xeeeeeeeeeeeeeeee);
}

static void create_delete(void)
{
	struct vcpu *v = create(guest_access);
	uint64_t *mem = mem_alloc(16 * PAGE, PAGE);

	expect_absent(v, GPA, false);
	mem[0] = 0x1111;
	slot_set(v->vm, SLOT, 0, GPA, 16 * PAGE, mem);
	REQUIRE_EQ(guest_read(v, GPA), 0x1111);
	guest_write(v, GPA + 15 * PAGE, 0x2222);
	REQUIRE_EQ(mem[15 * PAGE / 8], 0x2222);
	expect_absent(v, GPA + 16 * PAGE, true);
	expect_absent(v, GPA - 8, true);
	slot_set(v->vm, SLOT, 0, GPA, 0, mem);
	expect_absent(v, GPA, false);
	expect_absent(v, GPA + 15 * PAGE, true);
	/* Again, with another mapping behind it. */
	mem = mem_alloc(16 * PAGE, PAGE);
	mem[0] = 0x3333;
	slot_set(v->vm, SLOT, 0, GPA, 16 * PAGE, mem);
	REQUIRE_EQ(guest_read(v, GPA), 0x3333);
}

static void move(void)
{
	struct vcpu *v = create(guest_access);
	uint64_t *mem = mem_alloc(16 * PAGE, PAGE);
	unsigned int i;

	for (i = 0; i < 16; i++)
		mem[i * 512] = 0x100 + i;
	slot_set(v->vm, SLOT, 0, GPA, 16 * PAGE, mem);
	for (i = 0; i < 16; i++)
		REQUIRE_EQ(guest_read(v, GPA + i * PAGE), 0x100 + i);
	slot_set(v->vm, SLOT, 0, GPA2, 16 * PAGE, mem);
	expect_absent(v, GPA, false);
	for (i = 0; i < 16; i++)
		REQUIRE_EQ(guest_read(v, GPA2 + i * PAGE), 0x100 + i);
	/* By less than its size: the old and the new place overlap. */
	slot_set(v->vm, SLOT, 0, GPA2 + 4 * PAGE, 16 * PAGE, mem);
	expect_absent(v, GPA2, false);
	for (i = 0; i < 16; i++)
		REQUIRE_EQ(guest_read(v, GPA2 + (i + 4) * PAGE), 0x100 + i);
}

static void refused(void)
{
	struct vcpu *v = create(guest_access);
	char *mem = mem_alloc(32 * PAGE, PAGE);
	struct vm *vm = v->vm;

	slot_set(vm, SLOT, 0, GPA, 16 * PAGE, mem);
	REQUIRE_EQ(slot_try(vm, SLOT + 1, 0, GPA, PAGE, mem), -EEXIST);
	REQUIRE_EQ(slot_try(vm, SLOT + 1, 0, GPA + 15 * PAGE, 2 * PAGE, mem),
		   -EEXIST);
	REQUIRE_EQ(slot_try(vm, SLOT + 1, 0, GPA - PAGE, 2 * PAGE, mem),
		   -EEXIST);
	REQUIRE_EQ(slot_try(vm, SLOT + 1, 0, GPA - PAGE, 18 * PAGE, mem),
		   -EEXIST);
	slot_set(vm, SLOT + 1, 0, GPA + 16 * PAGE, PAGE, mem + 16 * PAGE);
	/* A move onto another slot. */
	REQUIRE_EQ(slot_try(vm, SLOT + 1, 0, GPA + 15 * PAGE, PAGE,
			    mem + 16 * PAGE), -EEXIST);
	REQUIRE_EQ(slot_try(vm, SLOT + 2, 0, GPA2 + 1, PAGE, mem), -EINVAL);
	REQUIRE_EQ(slot_try(vm, SLOT + 2, 0, GPA2, PAGE + 1, mem), -EINVAL);
	REQUIRE_EQ(slot_try(vm, SLOT + 2, 0, GPA2, PAGE, mem + 1), -EINVAL);
	REQUIRE_EQ(slot_try(vm, SLOT + 2, 1u << 30, GPA2, PAGE, mem), -EINVAL);
	REQUIRE_EQ(slot_try(vm, SLOT + 2, 0, -PAGE, 2 * PAGE, mem), -EINVAL);
	REQUIRE_EQ(slot_try(vm, SLOT + 2, 0, GPA2, PAGE,
			    (void *)0xffff888000000000), -EINVAL);
	REQUIRE_EQ(slot_try(vm, SLOT + 2, 0, GPA2, PAGE,
			    (void *)0x7ffffffff000), -EINVAL);
	REQUIRE_EQ(slot_try(vm, 0xffff, 0, GPA2, PAGE, mem), -EINVAL);
	/* The upper half is an address space; nobody has 16 of them. */
	REQUIRE_EQ(slot_try(vm, 0xf0000 | SLOT, 0, GPA2, PAGE, mem), -EINVAL);
	/* A slot does not change its size, or become read-only. */
	REQUIRE_EQ(slot_try(vm, SLOT, 0, GPA, 8 * PAGE, mem), -EINVAL);
	REQUIRE_EQ(slot_try(vm, SLOT, KVM_MEM_READONLY, GPA, 16 * PAGE, mem),
		   -EINVAL);
	REQUIRE_EQ(slot_try(vm, SLOT, 0, GPA, 16 * PAGE, mem + PAGE), -EINVAL);
	/* Deleting what is not there. */
	REQUIRE_EQ(slot_try(vm, SLOT + 5, 0, GPA2, 0, mem), -EINVAL);
	/* What was there is still there. */
	mem[0] = 0x5a;
	REQUIRE_EQ(guest_read(v, GPA), 0x5a);
	/* No change is no error. */
	slot_set(vm, SLOT, 0, GPA, 16 * PAGE, mem);
}

static void read_only(void)
{
	struct vcpu *v = create(guest_access);
	uint64_t *mem = mem_alloc(4 * PAGE, PAGE);

	mem[0] = 0x77;
	slot_set(v->vm, SLOT, KVM_MEM_READONLY, GPA, 4 * PAGE, mem);
	REQUIRE_EQ(guest_read(v, GPA), 0x77);
	expect_absent(v, GPA, true);	/* a write is MMIO */
	REQUIRE_EQ(mem[0], 0x77);
	mem[0] = 0x78;
	REQUIRE_EQ(guest_read(v, GPA), 0x78);
	expect_absent(v, GPA + PAGE, true);	/* not touched before */
	REQUIRE_EQ(mem[PAGE / 8], 0);
	/* The process's own mapping may be read-only too. */
	mprotect(mem, 4 * PAGE, PROT_READ);
	REQUIRE_EQ(guest_read(v, GPA), 0x78);
	expect_absent(v, GPA, true);
	/* Deleted and made again, writable. */
	mprotect(mem, 4 * PAGE, PROT_READ | PROT_WRITE);
	slot_set(v->vm, SLOT, 0, GPA, 0, mem);
	slot_set(v->vm, SLOT, 0, GPA, 4 * PAGE, mem);
	guest_write(v, GPA, 0x79);
	REQUIRE_EQ(mem[0], 0x79);
}

static void madvise_new_content(void)
{
	struct vcpu *v = create(guest_access);
	uint64_t *mem = mem_alloc(4 * PAGE, PAGE);
	int fd = memfd_create("duet", 0);

	slot_set(v->vm, SLOT, 0, GPA, 4 * PAGE, mem);
	guest_write(v, GPA, 0x1111);
	guest_write(v, GPA + PAGE, 0x2222);
	REQUIRE(!madvise(mem, PAGE, MADV_DONTNEED));
	REQUIRE_EQ(guest_read(v, GPA), 0);
	REQUIRE_EQ(guest_read(v, GPA + PAGE), 0x2222);
	guest_write(v, GPA, 0x3333);
	REQUIRE_EQ(mem[0], 0x3333);
	/* Another mapping at the same place. */
	REQUIRE(!ftruncate(fd, 4 * PAGE));
	REQUIRE_EQ(pwrite(fd, "\x44\x44\0\0\0\0\0\0", 8, PAGE), 8);
	REQUIRE(mmap(mem, 4 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, fd, 0) == mem);
	REQUIRE_EQ(guest_read(v, GPA + PAGE), 0x4444);
	guest_write(v, GPA, 0x5555);
	REQUIRE_EQ(mem[0], 0x5555);
	/* A hole in the file. */
	REQUIRE(!ftruncate(fd, 0));
	REQUIRE(!ftruncate(fd, 4 * PAGE));
	REQUIRE_EQ(guest_read(v, GPA + PAGE), 0);
}

/* Copy on write: after fork() the guest follows the parent. */
static void cow(void)
{
	struct vcpu *v = create(guest_access);
	uint64_t *mem = mem_alloc(4 * PAGE, PAGE);
	int pipes[2], status;
	char c;
	pid_t pid;

	slot_set(v->vm, SLOT, 0, GPA, 4 * PAGE, mem);
	guest_write(v, GPA, 0x1111);
	/* A page of zeros that is only read, then written by the host. */
	REQUIRE_EQ(guest_read(v, GPA + PAGE), 0);
	mem[PAGE / 8] = 0x99;
	REQUIRE_EQ(guest_read(v, GPA + PAGE), 0x99);
	REQUIRE(!pipe(pipes));
	pid = fork();
	if (!pid) {
		if (read(pipes[0], &c, 1) != 1)
			_exit(2);
		_exit(mem[0] == 0x1111 ? 0 : 1);
	}
	guest_write(v, GPA, 0x2222);
	REQUIRE_EQ(mem[0], 0x2222);
	REQUIRE_EQ(write(pipes[1], "x", 1), 1);
	waitpid(pid, &status, 0);
	REQUIRE_EQ(status, 0, "the child kept its copy");
	guest_write(v, GPA, 0x3333);
	REQUIRE_EQ(mem[0], 0x3333);
}

/* The guest touches memory that the process has not: EFAULT, not a hang. */
static void unmapped(void)
{
	struct vcpu *v = create(guest_access);
	uint64_t *mem = mem_alloc(4 * PAGE, PAGE);

	slot_set(v->vm, SLOT, 0, GPA, 4 * PAGE, mem);
	guest_write(v, GPA, 0x1111);
	munmap(mem, PAGE);
	access_at = GPA;
	access_write = 0;
	errno = 0;
	REQUIRE(ioctl(v->fd, KVM_RUN, 0) < 0 && errno == EFAULT, "errno %d",
		errno);
	/* And goes on when there is something again. */
	REQUIRE(mmap(mem, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == mem);
	mem[0] = 0x2222;
	REQUIRE_EQ(guest_read(v, GPA), 0x2222);
}

static void host_read_only(void)
{
	struct vcpu *v = create(guest_access);
	uint64_t *mem = mem_alloc(4 * PAGE, PAGE);

	slot_set(v->vm, SLOT, 0, GPA, 4 * PAGE, mem);
	guest_write(v, GPA, 0x1111);
	mprotect(mem, PAGE, PROT_READ);
	REQUIRE_EQ(guest_read(v, GPA), 0x1111);
	access_write = 1;
	access_value = 0x2222;
	errno = 0;
	REQUIRE(ioctl(v->fd, KVM_RUN, 0) < 0 && errno == EFAULT, "errno %d",
		errno);
	REQUIRE_EQ(mem[0], 0x1111);
	mprotect(mem, PAGE, PROT_READ | PROT_WRITE);
	expect_sync(v, 0);
	REQUIRE_EQ(mem[0], 0x2222);
}

#define HUGE	0x200000ul

/* Every page of 8 MiB, with transparent huge pages where the host has them. */
static volatile uint64_t fill_size;

static void guest_fill(void)
{
	volatile uint64_t *p = (volatile uint64_t *)GPA;
	uint64_t i;

	for (i = 0; i < fill_size / 8; i += 512)
		p[i] = i ^ 0x5a5a;
	guest_sync(1);
	for (i = 0; i < fill_size / 8; i += 512)
		GUEST_EQ(p[i], i / 512 % 7 ? i ^ 0x5a5a : 0);
	guest_done();
}

static void huge(void)
{
	struct vcpu *v = create(guest_fill);
	uint64_t *mem = mem_alloc(4 * HUGE, HUGE), i;

	fill_size = 4 * HUGE;
	madvise(mem, 4 * HUGE, MADV_HUGEPAGE);
	mem[0] = 1;
	slot_set(v->vm, SLOT, 0, GPA, 4 * HUGE, mem);
	expect_sync(v, 1);
	for (i = 0; i < 4 * HUGE / 8; i += 512)
		REQUIRE_EQ(mem[i], i ^ 0x5a5a);
	/* Every seventh page goes: the huge mappings have to be split. */
	for (i = 0; i < 4 * HUGE; i += 7 * PAGE)
		REQUIRE(!madvise((char *)mem + i, PAGE, MADV_DONTNEED));
	expect_done(v);
}

/* Slots whose address is not congruent with the guest's modulo 2 MiB. */
static void huge_misaligned(void)
{
	struct vcpu *v = create(guest_fill);
	char *mem = mem_alloc(6 * HUGE, HUGE);
	uint64_t i;

	fill_size = 4 * HUGE;
	madvise(mem, 6 * HUGE, MADV_HUGEPAGE);
	memset(mem, 0xff, 6 * HUGE);
	slot_set(v->vm, SLOT, 0, GPA, 4 * HUGE, mem + 5 * PAGE);
	expect_sync(v, 1);
	for (i = 0; i < 4 * HUGE; i += PAGE)
		REQUIRE_EQ(*(uint64_t *)(mem + 5 * PAGE + i),
			   (i / 8) ^ 0x5a5a);
	REQUIRE_EQ(*(uint64_t *)(mem + 4 * PAGE), ~0ull);
	REQUIRE_EQ(*(uint64_t *)(mem + 5 * PAGE + 4 * HUGE), ~0ull);
}

/* The end of a slot inside a huge page is the end of the guest's memory. */
static void huge_partial(void)
{
	struct vcpu *v = create(guest_access);
	char *mem = mem_alloc(2 * HUGE, HUGE);

	madvise(mem, 2 * HUGE, MADV_HUGEPAGE);
	memset(mem, 0x11, 2 * HUGE);
	slot_set(v->vm, SLOT, 0, GPA, HUGE + 3 * PAGE, mem);
	REQUIRE_EQ(guest_read(v, GPA), 0x1111111111111111);
	REQUIRE_EQ(guest_read(v, GPA + HUGE), 0x1111111111111111);
	REQUIRE_EQ(guest_read(v, GPA + HUGE + 2 * PAGE), 0x1111111111111111);
	expect_absent(v, GPA + HUGE + 3 * PAGE, false);
}

/* A guest that never leaves finds its slot gone. */
static volatile uint64_t spin_seen;

static void guest_spin(void)
{
	for (;;)
		spin_seen = *(volatile uint64_t *)GPA;
}

static struct vcpu *spinning;

static void *delete_later(void *mem)
{
	sleep_ms(30);
	slot_set(spinning->vm, SLOT, 0, GPA, 0, mem);
	return NULL;
}

static void delete_running(void)
{
	uint64_t *mem = mem_alloc(4 * PAGE, PAGE);
	pthread_t thread;

	spinning = create(guest_spin);
	vcpu_open(spinning);
	mem[0] = 0x4711;
	slot_set(spinning->vm, SLOT, 0, GPA, 4 * PAGE, mem);
	pthread_create(&thread, NULL, delete_later, mem);
	vcpu_expect(spinning, KVM_EXIT_MMIO);
	REQUIRE_EQ(spin_seen, 0x4711);
	REQUIRE_EQ(spinning->run->mmio.phys_addr, GPA);
	pthread_join(thread, NULL);
}

/* A guest that never leaves sees what the process does to its memory. */
static void guest_watch(void)
{
	while (*(volatile uint64_t *)GPA != 0)
		;
	guest_sync(1);
	while (*(volatile uint64_t *)GPA != 0x2222)
		;
	guest_done();
}

static void *discard_later(void *mem)
{
	sleep_ms(30);
	madvise(mem, PAGE, MADV_DONTNEED);
	sleep_ms(30);
	*(volatile uint64_t *)mem = 0x2222;
	return NULL;
}

static void discard_running(void)
{
	uint64_t *mem = mem_alloc(4 * PAGE, PAGE);
	struct vcpu *v = create(guest_watch);
	pthread_t thread;

	vcpu_open(v);
	mem[0] = 0x4711;
	slot_set(v->vm, SLOT, 0, GPA, 4 * PAGE, mem);
	pthread_create(&thread, NULL, discard_later, mem);
	expect_sync(v, 1);
	expect_done(v);
	pthread_join(thread, NULL);
}

/* The guest's own page tables move under it. */
static void guest_tables(void)
{
	for (;;) {
		access_value = *(volatile uint64_t *)GPA2;
		guest_sync(0);
		write_cr(3, read_cr(3));
	}
}

static void tables_move(void)
{
	uint64_t *mem = mem_alloc(4 * PAGE, PAGE);
	uint64_t *data = mem_alloc(2 * PAGE, PAGE);
	struct vcpu *v = create(guest_tables);

	/* A page directory in the slot maps GPA2 to the data page. */
	slot_set(v->vm, SLOT, 0, GPA, 4 * PAGE, mem);
	slot_set(v->vm, SLOT + 1, 0, GPA2, 2 * PAGE, data);
	data[0] = 0xaaaa;
	data[512] = 0xbbbb;
	mem[0] = GPA2 | 7;
	guest_pd[1][256] = GPA | 7;
	expect_sync(v, 0);
	REQUIRE_EQ(access_value, 0xaaaa);
	/* The table's page is replaced, with another entry in it. */
	madvise(mem, PAGE, MADV_DONTNEED);
	mem[0] = (GPA2 + PAGE) | 7;
	expect_sync(v, 0);
	REQUIRE_EQ(access_value, 0xbbbb);
}

static void many(void)
{
	struct vcpu *v = create(guest_access);
	uint64_t *mem = mem_alloc(32 * PAGE, PAGE);
	unsigned int i, n = 30;

	/* Every second page, in an order that is not sorted. */
	for (i = 0; i < n; i++) {
		mem[i * 512] = 0x900 + i;
		slot_set(v->vm, SLOT + i, 0,
			 GPA + (i * 7 % n) * 2 * PAGE, PAGE, mem + i * 512);
	}
	for (i = 0; i < n; i++) {
		REQUIRE_EQ(guest_read(v, GPA + (i * 7 % n) * 2 * PAGE),
			   0x900 + i);
		expect_absent(v, GPA + (i * 2 + 1) * PAGE, false);
	}
	for (i = 0; i < n; i += 2)
		slot_set(v->vm, SLOT + i, 0, 0, 0, NULL);
	for (i = 0; i < n; i++)
		if (i & 1)
			REQUIRE_EQ(guest_read(v, GPA + (i * 7 % n) * 2 * PAGE),
				   0x900 + i);
		else
			expect_absent(v, GPA + (i * 7 % n) * 2 * PAGE, false);
}

/* An access that begins in memory and ends where there is none. */
static void straddle(void)
{
	struct vcpu *v = create(guest_access);
	uint64_t *mem = mem_alloc(PAGE, PAGE);

	mem[511] = 0x1122334455667788;
	slot_set(v->vm, SLOT, 0, GPA, PAGE, mem);
	access_at = GPA + PAGE - 4;
	access_write = 0;
	vcpu_expect(v, KVM_EXIT_MMIO);
	REQUIRE_EQ(v->run->mmio.phys_addr, GPA + PAGE);
	REQUIRE_EQ(v->run->mmio.len, 4);
	memcpy(v->run->mmio.data, "\xaa\xbb\xcc\xdd", 4);
	expect_sync(v, 0);
	REQUIRE_EQ(access_value, 0xddccbbaa11223344);
	access_write = 1;
	access_value = 0x0102030405060708;
	vcpu_expect(v, KVM_EXIT_MMIO);
	REQUIRE_EQ(v->run->mmio.phys_addr, GPA + PAGE);
	REQUIRE_EQ(v->run->mmio.len, 4);
	REQUIRE_EQ(*(uint32_t *)v->run->mmio.data, 0x01020304);
	expect_sync(v, 0);
	REQUIRE_EQ(mem[511] >> 32, 0x05060708);
}

static void dirty_log(void)
{
	uint64_t bitmap[1] = { ~0ull };
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };
	struct vcpu *v = create(guest_access);
	uint64_t *mem = mem_alloc(16 * PAGE, PAGE);
	int r = slot_try(v->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GPA, 16 * PAGE,
			 mem);

	if (r == -EINVAL && device_is_duet())
		skip("no dirty log");
	REQUIRE_EQ(r, 0);
	must(v->vm->fd, KVM_GET_DIRTY_LOG, &log);
	guest_write(v, GPA + 3 * PAGE, 1);
	guest_write(v, GPA + 9 * PAGE, 1);
	guest_read(v, GPA + 5 * PAGE);
	must(v->vm->fd, KVM_GET_DIRTY_LOG, &log);
	REQUIRE_EQ(bitmap[0], 1u << 3 | 1u << 9);
	must(v->vm->fd, KVM_GET_DIRTY_LOG, &log);
	REQUIRE_EQ(bitmap[0], 0);
	guest_write(v, GPA + 3 * PAGE, 1);
	must(v->vm->fd, KVM_GET_DIRTY_LOG, &log);
	REQUIRE_EQ(bitmap[0], 1u << 3);
	log.slot = SLOT + 7;
	must_fail(v->vm->fd, KVM_GET_DIRTY_LOG, &log, ENOENT);
}

static uint64_t dirty(struct vcpu *v)
{
	uint64_t bitmap[1] = { ~0ull };
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };

	must(v->vm->fd, KVM_GET_DIRTY_LOG, &log);
	return bitmap[0];
}

/* What the host writes for the guest: an INS into the slot. */
static void guest_ins(void)
{
	uint64_t at;

	for (;;) {
		at = access_at;
		asm volatile("insb" : "+D" (at) : "d" (0x99) : "memory");
		guest_sync(0);
	}
}

static void dirty_log_switched(void)
{
	struct kvm_dirty_log bad = { .slot = SLOT, .dirty_bitmap = (void *)8 };
	struct vcpu *v = create(guest_access);
	char *mem = mem_alloc(4 * HUGE, HUGE);

	/* On over pages that are writable already, small and large ones. */
	madvise(mem, 4 * HUGE, MADV_HUGEPAGE);
	mem[0] = 1;
	slot_set(v->vm, SLOT, 0, GPA, 64 * PAGE, mem);
	guest_write(v, GPA, 1);
	guest_write(v, GPA + 7 * PAGE, 1);
	slot_set(v->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GPA, 64 * PAGE, mem);
	REQUIRE_EQ(dirty(v), 0);
	guest_write(v, GPA + 7 * PAGE, 1);
	guest_write(v, GPA + 63 * PAGE, 1);
	if (device_is_duet())	/* KVM loses what it could not copy */
		must_fail(v->vm->fd, KVM_GET_DIRTY_LOG, &bad, EFAULT);
	REQUIRE_EQ(dirty(v), 1ull << 7 | 1ull << 63);
	REQUIRE_EQ(dirty(v), 0);
	guest_write(v, GPA + 8 * PAGE, 1);
	/* Off, and on again: a new log. */
	slot_set(v->vm, SLOT, 0, GPA, 64 * PAGE, mem);
	must_fail(v->vm->fd, KVM_GET_DIRTY_LOG, &bad, ENOENT);
	guest_write(v, GPA + 9 * PAGE, 1);
	slot_set(v->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GPA, 64 * PAGE, mem);
	REQUIRE_EQ(dirty(v), 0);
	guest_write(v, GPA + 9 * PAGE, 1);
	/* It stays when the slot moves. */
	guest_write(v, GPA + 11 * PAGE, 1);
	slot_set(v->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GPA2, 64 * PAGE, mem);
	guest_write(v, GPA2 + 10 * PAGE, 1);
	REQUIRE_EQ(dirty(v) & 3ull << 10, 3ull << 10);

	v = create(guest_ins);
	slot_set(v->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GPA, 64 * PAGE, mem);
	access_at = GPA + 12 * PAGE;
	vcpu_expect(v, KVM_EXIT_IO);
	expect_sync(v, 0);
	REQUIRE_EQ(dirty(v), 1ull << 12);
	vcpu_expect(v, KVM_EXIT_IO);
	expect_sync(v, 0);
	REQUIRE_EQ(dirty(v), 1ull << 12);
}

/* Huge pages are logged page by page, and a log may be long. */
static void dirty_log_large(void)
{
	const unsigned long size = 80 * HUGE;
	struct vcpu *v = create(guest_access);
	char *mem = mem_alloc(size, HUGE);
	uint8_t *map = calloc(1, size / PAGE / 8);
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = map };
	static const unsigned int pages[] = { 0, 3, 100, 511, 512, 32767,
					      32768, 32773, 80 * 512 - 1 };
	unsigned int i, n = 0;

	madvise(mem, 4 * HUGE, MADV_HUGEPAGE);
	mem[0] = 1;
	slot_set(v->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GPA, size, mem);
	guest_read(v, GPA + 3 * PAGE);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		guest_write(v, GPA + pages[i] * PAGE, 1);
	must(v->vm->fd, KVM_GET_DIRTY_LOG, &log);
	for (i = 0; i < size / PAGE; i++)
		n += map[i / 8] >> i % 8 & 1;
	REQUIRE_EQ(n, ARRAY_SIZE(pages));
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		REQUIRE_EQ(map[pages[i] / 8] >> (pages[i] & 7) & 1, 1);
}

/* Nor does the host write for the guest into what is read-only. */
static void guest_clock_there(void)
{
	wrmsr(MSR_SYSTEM_TIME, GPA | 1);
	guest_sync(0);
	guest_sync(1);
}

static void host_write_read_only(void)
{
	struct vcpu *v = create(guest_clock_there);
	struct kvm_clock_data clock = { .clock = 1 };
	uint64_t *mem = mem_alloc(PAGE, PAGE);
	unsigned int i;

	slot_set(v->vm, SLOT, KVM_MEM_READONLY, GPA, PAGE, mem);
	expect_sync(v, 0);
	must(v->vm->fd, KVM_SET_CLOCK, &clock);
	expect_sync(v, 1);
	for (i = 0; i < PAGE / 8; i++)
		REQUIRE_EQ(mem[i], 0);
}

static const struct test tests[] = {
	{ "a slot is memory from its creation to its deletion", create_delete },
	{ "a moved slot is at its new place only", move },
	{ "overlap is EEXIST, misalignment and bad flags are EINVAL",
	  refused },
	{ "a write to a read-only slot is MMIO, a read is not", read_only },
	{ "madvise, mmap over and truncate: the guest sees the new content",
	  madvise_new_content },
	{ "copy on write: the guest stays with its process", cow },
	{ "memory unmapped under a slot is EFAULT, until it is back",
	  unmapped },
	{ "memory that the host made read-only is EFAULT for a write",
	  host_read_only },
	{ "8 MiB in huge pages, split when pages go", huge },
	{ "slot and backing not congruent modulo 2 MiB", huge_misaligned },
	{ "a slot that ends inside a huge page", huge_partial },
	{ "a slot deleted under a running guest", delete_running },
	{ "pages discarded and filled under a running guest", discard_running },
	{ "the page with the guest's page table is replaced", tables_move },
	{ "30 slots in any order", many },
	{ "an access half in memory, half outside", straddle },
	{ "dirty log, if it is offered", dirty_log },
	{ "dirty log: on and off under a guest, moved, the host's writes",
	  dirty_log_switched },
	{ "dirty log: huge pages, a long one", dirty_log_large },
	{ "the clock is not written into a read-only slot",
	  host_write_read_only },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
