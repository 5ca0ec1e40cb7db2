// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: KVM_GET_STATS_FD gives a file with header, name, descriptors and data
 * as api.rst has it; on Duet each exit that a guest makes is counted in the
 * row of its reason, once.
 */
#include <fcntl.h>

#include "guest.h"
#include "tap.h"

struct stats {
	int fd;
	struct kvm_stats_header head;
	struct kvm_stats_desc *desc;
	size_t desc_size;
};

static const struct kvm_stats_desc *desc(const struct stats *s, unsigned int i)
{
	return (const void *)((const char *)s->desc + i * s->desc_size);
}

static void stats_open(struct stats *s, int fd)
{
	size_t size;

	s->fd = must(fd, KVM_GET_STATS_FD, 0);
	REQUIRE_EQ(pread(s->fd, &s->head, sizeof(s->head), 0),
		   sizeof(s->head));
	s->desc_size = sizeof(struct kvm_stats_desc) + s->head.name_size;
	size = s->desc_size * s->head.num_desc;
	s->desc = calloc(1, size);
	REQUIRE_EQ(pread(s->fd, s->desc, size, s->head.desc_offset), size);
}

static uint64_t stats_read(const struct stats *s, const char *name)
{
	uint64_t value;
	unsigned int i;

	for (i = 0; i < s->head.num_desc; i++) {
		if (strcmp(desc(s, i)->name, name))
			continue;
		REQUIRE_EQ(pread(s->fd, &value, 8, s->head.data_offset +
				 desc(s, i)->offset), 8);
		return value;
	}
	fail("no row %s", name);
}

static void check_format(int fd, const char *what)
{
	struct stats s;
	uint64_t end = 0, data_size = 0;
	unsigned int i, j;
	char id[256] = "";
	char byte;

	stats_open(&s, fd);
	REQUIRE_EQ(s.head.flags, 0, "%s", what);
	REQUIRE(s.head.name_size > 0 && s.head.name_size <= 256 &&
		!(s.head.name_size & 7));
	REQUIRE(s.head.num_desc < 1000);
	REQUIRE(s.head.id_offset >= sizeof(s.head));
	REQUIRE(s.head.desc_offset >= s.head.id_offset + s.head.name_size);
	REQUIRE(s.head.data_offset >= s.head.desc_offset +
		s.desc_size * s.head.num_desc);
	REQUIRE_EQ(pread(s.fd, id, s.head.name_size, s.head.id_offset),
		   s.head.name_size);
	REQUIRE(strlen(id) > 0 && strlen(id) < s.head.name_size);
	for (i = 0; i < s.head.num_desc; i++) {
		const struct kvm_stats_desc *d = desc(&s, i);

		REQUIRE((d->flags & KVM_STATS_TYPE_MASK) <=
			KVM_STATS_TYPE_MAX);
		REQUIRE((d->flags & KVM_STATS_UNIT_MASK) <= KVM_STATS_UNIT_MAX);
		REQUIRE((d->flags & KVM_STATS_BASE_MASK) <= KVM_STATS_BASE_MAX);
		REQUIRE(d->size >= 1 && d->size < 1000, "%s", d->name);
		REQUIRE(strlen(d->name) > 0 &&
			strlen(d->name) < s.head.name_size);
		for (j = 0; j < i; j++)
			REQUIRE(strcmp(d->name, desc(&s, j)->name), "%s twice",
				d->name);
		REQUIRE_EQ(d->offset & 7, 0);
		if (d->offset + d->size * 8ull > data_size)
			data_size = d->offset + d->size * 8ull;
	}
	end = s.head.data_offset + data_size;
	/* Duet has nothing to count for a VM as a whole. */
	if (data_size)
		REQUIRE_EQ(pread(s.fd, &byte, 1, end - 1), 1);
	REQUIRE_EQ(pread(s.fd, &byte, 1, end), 0, "end of file");
	REQUIRE_EQ(pread(s.fd, &byte, 1, end + 100000), 0);
	REQUIRE(pread(s.fd, &byte, 1, -1) < 0);
	REQUIRE(write(s.fd, &byte, 1) < 0);
	REQUIRE(fcntl(s.fd, F_GETFL) >= 0 &&
		(fcntl(s.fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
	/* In small pieces it is the same. */
	for (i = 0; i < 48; i++) {
		REQUIRE_EQ(pread(s.fd, &byte, 1, i), 1);
		if (i < sizeof(s.head))
			REQUIRE_EQ(byte, ((char *)&s.head)[i]);
	}
	close(s.fd);
}

static void format(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);

	check_format(vm->fd, "VM");
	check_format(v->fd, "vCPU");
}

#define N_CPUID	37
#define N_OUT	11
#define N_MMIO	7
#define N_HLT	3

static void guest_exits(void)
{
	uint32_t r[4];
	unsigned int i;

	guest_sync(1);
	for (i = 0; i < N_CPUID; i++)
		cpuid(0, 0, r);
	for (i = 0; i < N_OUT; i++)
		outb(0x99, 0);
	for (i = 0; i < N_MMIO; i++)
		*(volatile uint32_t *)0x50000000 = 0;
	for (i = 0; i < N_HLT; i++)
		asm volatile("hlt");
	guest_sync(2);
	guest_done();
}

static void counters(void)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);
	uint64_t a_cpuid, a_io, a_hlt, a_mmio;
	struct stats s;
	int i;

	if (!device_is_duet())
		skip("the rows are Duet's");
	vcpu_start(v, guest_exits);
	stats_open(&s, v->fd);
	REQUIRE_EQ(stats_read(&s, "exit_cpuid"), 0);
	expect_sync(v, 1);
	a_cpuid = stats_read(&s, "exit_cpuid");
	a_io = stats_read(&s, "exit_io");
	a_hlt = stats_read(&s, "exit_hlt");
	a_mmio = stats_read(&s, "fault_mmio");
	for (i = 0; i < N_OUT; i++)
		vcpu_expect(v, KVM_EXIT_IO);
	for (i = 0; i < N_MMIO; i++)
		vcpu_expect(v, KVM_EXIT_MMIO);
	for (i = 0; i < N_HLT; i++)
		vcpu_expect(v, KVM_EXIT_HLT);
	expect_sync(v, 2);
	REQUIRE_EQ(stats_read(&s, "exit_cpuid") - a_cpuid, N_CPUID);
	REQUIRE_EQ(stats_read(&s, "exit_io") - a_io, N_OUT + 1);
	REQUIRE_EQ(stats_read(&s, "exit_hlt") - a_hlt, N_HLT);
	REQUIRE_EQ(stats_read(&s, "fault_mmio") - a_mmio, N_MMIO);
	expect_done(v);
}

/*
 * Accesses to a control structure that cost (VMREAD and VMWRITE): at most 5 and
 * 2 in an exit that the kernel handles at once, 6 with the qualification. The
 * host's own interrupts make a few exits more.
 */
#define N_EXITS	2000

static void guest_many_exits(void)
{
	uint32_t r[4];
	unsigned int i;

	guest_sync(1);
	for (i = 0; i < N_EXITS; i++)
		cpuid(0, 0, r);
	guest_sync(2);
	for (i = 0; i < N_EXITS; i++)
		rdmsr(MSR_APIC_BASE);
	guest_sync(3);
	for (i = 0; i < N_EXITS; i++)
		inb(0x21);
	guest_sync(4);
}

static void accesses(void)
{
	static const struct {
		const char *what;
		unsigned int reads, writes;
	} rows[] = {
		{ "cpuid", 5, 2 }, { "rdmsr", 5, 2 }, { "in", 6, 2 },
	};
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	const uint64_t slack = N_EXITS / 10;
	uint64_t reads, writes, counted;
	struct stats s;
	unsigned int i;

	if (!device_is_duet())
		skip("the rows are Duet's");
	vcpu_start(v, guest_many_exits);
	stats_open(&s, v->fd);
	counted = on_amd() ? 0 : N_EXITS;	/* a VMCB is memory */
	expect_sync(v, 1);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		reads = stats_read(&s, "control_reads");
		writes = stats_read(&s, "control_writes");
		expect_sync(v, i + 2);
		reads = stats_read(&s, "control_reads") - reads;
		writes = stats_read(&s, "control_writes") - writes;
		note("%s: %llu reads, %llu writes in %u exits", rows[i].what,
		     (unsigned long long)reads, (unsigned long long)writes,
		     N_EXITS);
		REQUIRE(reads <= rows[i].reads * N_EXITS + slack, "%s",
			rows[i].what);
		REQUIRE(reads >= 4 * counted && writes >= counted, "%s",
			rows[i].what);
		REQUIRE(writes <= rows[i].writes * N_EXITS + slack, "%s",
			rows[i].what);
	}
}

/* The file outlives the descriptors of VM and vCPU. */
static void outlives(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	struct stats s, t;
	uint64_t value;

	stats_open(&s, v->fd);
	stats_open(&t, vm->fd);
	vm_destroy(vm, v);
	REQUIRE_EQ(pread(s.fd, &value, 8, s.head.data_offset), 8);
	REQUIRE_EQ(pread(t.fd, &t.head, sizeof(t.head), 0), sizeof(t.head));
	close(s.fd);
	close(t.fd);
}

static const struct test tests[] = {
	{ "header, name, descriptors and data, of a VM and of a vCPU", format },
	{ "each exit is counted once, in its row", counters },
	{ "an exit costs few accesses to the control structure", accesses },
	{ "the file outlives the VM's descriptors", outlives },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
