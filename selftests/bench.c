// SPDX-License-Identifier: GPL-2.0
/*
 * bench - what an exit costs, by the time-stamp counter, on $DUET_DEVICE.
 * On a host whose counter counts instructions (QEMU with -icount, Bochs) this
 * is path length, not time. Not a test: prints tab-separated lines.
 *
 * What the kernel handles is measured inside the guest, N exits between two
 * RDTSC; what user space handles is measured around N KVM_RUN. The guest's own
 * loop, measured the same way with nothing in it, is subtracted.
 */
#include <fcntl.h>

#include "apic.h"
#include "tap.h"
#include "../uapi/duet.h"

#define VEC		0x40
#define TOTAL		2000000ull	/* a sample is at least that long */
#define MAX_SAMPLES	101

static volatile uint64_t iterations, delta;
static volatile bool on_amd;
static uint64_t loop_cost;	/* milli-units per iteration */

#define GUEST_LOOP(name, setup, body)					\
static void name(void)							\
{									\
	setup;								\
	for (;;) {							\
		uint64_t n = iterations, t = rdtsc();			\
									\
		while (n--)						\
			body;						\
		delta = rdtsc() - t;					\
		guest_sync(0);						\
	}								\
}

static void guest_irq(struct trap *t)
{
	apic_eoi();
}

static void guest_irq_setup(void)
{
	guest_handlers[VEC] = guest_irq;
	apic_enable();
}

GUEST_LOOP(guest_empty, (void)0, asm volatile("" : : : "memory"))
GUEST_LOOP(guest_cpuid, (void)0,
	   asm volatile("xorl %%eax, %%eax; cpuid"
			: : : "eax", "ebx", "ecx", "edx", "memory"))
GUEST_LOOP(guest_rdmsr_loop, (void)0,
	   asm volatile("rdmsr" : : "c" (MSR_APIC_BASE)
			: "eax", "edx", "memory"))
GUEST_LOOP(guest_in, (void)0, asm volatile("inb $0x21, %%al" : : :
					   "eax", "memory"))
GUEST_LOOP(guest_cr8, (void)0, asm volatile("movq %0, %%cr8" : :
					    "r" (0ul) : "memory"))
GUEST_LOOP(guest_hlt, guest_irq_setup(),
	   ({ cli(); apic_self_ipi(VEC); safe_halt(); }))
GUEST_LOOP(guest_vmcall, (void)0,
	   asm volatile("movl $0xffff, %%eax; vmcall" : : : "eax", "memory"))
GUEST_LOOP(guest_vmmcall, (void)0,
	   asm volatile("movl $0xffff, %%eax; vmmcall" : : : "eax", "memory"))

/* Exits to user space: an endless loop, counted outside. */
#define GUEST_USER(name, insn)						\
static void name(void)							\
{									\
	for (;;)							\
		asm volatile(insn : : "b" (0x50000000ul) : "eax", "memory"); \
}

GUEST_USER(guest_out, "outb %%al, $0x99")
GUEST_USER(guest_mmio_read, "movl (%%rbx), %%eax")
GUEST_USER(guest_mmio_write, "movl %%eax, (%%rbx)")

struct row {
	const char *name;
	void (*guest)(void);
	int reason;		/* of an exit to user space; 0: none */
};

static const struct row rows[] = {
	{ "cpuid", guest_cpuid, 0 },
	{ "rdmsr", guest_rdmsr_loop, 0 },
	{ "hypercall", guest_vmcall, 0 },
	{ "out", guest_out, KVM_EXIT_IO },
	{ "in", guest_in, 0 },
	{ "mmio-read", guest_mmio_read, KVM_EXIT_MMIO },
	{ "mmio-write", guest_mmio_write, KVM_EXIT_MMIO },
	{ "hlt", guest_hlt, 0 },
	{ "cr8", guest_cr8, 0 },
	{ "null-ioctl", NULL, 0 },
};

static struct {
	const char *machine, *hypervisor, *pager, *switches, *mitigations;
	const char *unit;
	unsigned int samples;
	uint64_t refuse;
	bool header;
} opt = {
	.machine = "tcg", .switches = "default", .mitigations = "off",
	.unit = "instructions", .samples = 11,
};

static const struct {
	const char *name;
	uint64_t bit;
} refusals[] = {
	{ "tags", DUET_REFUSE_TAGS },
	{ "next-rip", DUET_REFUSE_NEXT_RIP },
	{ "decode", DUET_REFUSE_DECODE },
	{ "large-pages", DUET_REFUSE_LARGE_PAGES },
	{ "clean-bits", DUET_REFUSE_CLEAN_BITS },
	{ "flush-tag", DUET_REFUSE_FLUSH_TAG },
	{ "tpr", DUET_REFUSE_TPR },
};

static int null_fd;

/* One sample of @n exits, in units of the counter. */
static uint64_t sample(struct vcpu *v, const struct row *row, uint64_t n)
{
	uint64_t i, t;

	if (!row->guest) {
		t = rdtsc();
		for (i = 0; i < n; i++)
			ioctl(null_fd, 0x1234, 0);
		return rdtsc() - t;
	}
	if (row->reason) {
		t = rdtsc();
		for (i = 0; i < n; i++)
			if (ioctl(v->fd, KVM_RUN, 0) ||
			    v->run->exit_reason != (uint32_t)row->reason)
				exit_unexpected(__FILE__, __LINE__, v);
		return rdtsc() - t;
	}
	iterations = n;
	expect_sync(v, 0);
	return delta;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static struct vcpu *create(void (*fn)(void))
{
	struct kvm_enable_cap cap = { 0 };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v;

	if (device_is_duet()) {
		cap.cap = DUET_CAP_PAGER;
		cap.args[0] = strcmp(opt.pager, "shadow") ? DUET_PAGER_NESTED :
							    DUET_PAGER_SHADOW;
		must(vm->fd, KVM_ENABLE_CAP, &cap);
		if (opt.refuse) {
			cap.cap = DUET_CAP_REFUSE;
			cap.args[0] = opt.refuse;
			must(vm->fd, KVM_ENABLE_CAP, &cap);
		}
	}
	v = vcpu_create(vm, 0);
	vcpu_start(v, fn);
	return v;
}

/* Per exit, in thousandths; sorted samples. */
static void measure(const struct row *row, uint64_t *result)
{
	void (*fn)(void) = row->guest;
	struct vcpu *v = NULL;
	uint64_t n = 16, total;
	unsigned int i;

	if (fn == guest_vmcall && on_amd)
		fn = guest_vmmcall;
	if (fn)
		v = create(fn);
	/* Doubles until a sample is long, which also warms everything up. */
	while ((total = sample(v, row, n)) < TOTAL)
		n *= 2;
	for (i = 0; i < opt.samples; i++) {
		total = sample(v, row, n) * 1000 / n;
		result[i] = total > loop_cost && fn ? total - loop_cost : total;
	}
	qsort(result, opt.samples, sizeof(*result), compare);
	if (v)
		vm_destroy(v->vm, v);
}

static bool first_is(const char *path, const char *values)
{
	int fd = open(path, O_RDONLY);
	char c = 0;

	if (fd < 0)
		return false;
	if (read(fd, &c, 1) != 1)
		c = 0;
	close(fd);
	return c && strchr(values, c);
}

static const char *default_pager(void)
{
	if (device_is_duet())
		return check_extension(device_open(), DUET_CAP_PAGER) &
		       1 << DUET_PAGER_NESTED ? "nested" : "shadow";
	if (first_is("/sys/module/kvm_amd/parameters/npt", "1Y") ||
	    first_is("/sys/module/kvm_intel/parameters/ept", "1Y"))
		return "nested";
	return "shadow";
}

static void print_value(uint64_t milli)
{
	printf("\t%llu", (unsigned long long)((milli + 500) / 1000));
}

static void usage(FILE *f)
{
	fprintf(f,
"usage: bench [--machine M] [--mitigations on|off] [--pager nested|shadow]\n"
"             [--refuse LIST] [--switches LABEL] [--samples N] [--unit U]\n"
"             [--header] [EXIT...]\n"
"Prints machine, hypervisor, pager, switches, mitigations, exit, min, median,\n"
"max and unit of the exits named (default: all) on $DUET_DEVICE.\n"
"LIST, for Duet, is a comma list of: tags next-rip decode large-pages\n"
"clean-bits flush-tag tpr.\n");
}

static void refuse(char *list)
{
	static char label[256];
	char *word;
	unsigned int i;

	for (word = strtok(list, ","); word; word = strtok(NULL, ",")) {
		for (i = 0; i < ARRAY_SIZE(refusals); i++)
			if (!strcmp(word, refusals[i].name))
				break;
		if (i == ARRAY_SIZE(refusals)) {
			fprintf(stderr, "bench: no such feature: %s\n", word);
			exit(2);
		}
		opt.refuse |= refusals[i].bit;
		snprintf(label + strlen(label), sizeof(label) - strlen(label),
			 "%sno-%s", label[0] ? "," : "", word);
	}
	opt.switches = label;
}

static int parse(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (!strcmp(argv[i], "--help")) {
			usage(stdout);
			exit(0);
		}
		if (!strcmp(argv[i], "--header")) {
			opt.header = true;
			continue;
		}
		if (!value) {
			usage(stderr);
			exit(2);
		}
		i++;
		if (!strcmp(argv[i - 1], "--machine"))
			opt.machine = value;
		else if (!strcmp(argv[i - 1], "--mitigations"))
			opt.mitigations = value;
		else if (!strcmp(argv[i - 1], "--pager"))
			opt.pager = value;
		else if (!strcmp(argv[i - 1], "--switches"))
			opt.switches = value;
		else if (!strcmp(argv[i - 1], "--unit"))
			opt.unit = value;
		else if (!strcmp(argv[i - 1], "--refuse"))
			refuse(value);
		else if (!strcmp(argv[i - 1], "--samples"))
			opt.samples = atoi(value);
		else {
			usage(stderr);
			exit(2);
		}
	}
	if (!opt.samples || opt.samples > MAX_SAMPLES)
		opt.samples = 11;
	return i;
}

static bool wanted(const char *name, int argc, char **argv, int first)
{
	int i;

	for (i = first; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return first == argc;
}

int main(int argc, char **argv)
{
	static const struct row empty = { "empty", guest_empty, 0 };
	static uint64_t result[MAX_SAMPLES];
	uint32_t id[4];
	int first = parse(argc, argv);
	unsigned int i;

	opt.hypervisor = device_is_duet() ? "duet" : "kvm";
	if (!opt.pager)
		opt.pager = default_pager();
	cpuid(0, 0, id);
	on_amd = id[2] == 0x444d4163 || id[2] == 0x656e6975;	/* ..cAMD, Hygon */
	null_fd = open("/dev/null", O_RDWR);
	if (opt.header)
		printf("machine\thypervisor\tpager\tswitches\tmitigations\texit\tmin\tmedian\tmax\tunit\n");
	measure(&empty, result);
	loop_cost = result[0];
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!wanted(rows[i].name, argc, argv, first))
			continue;
		measure(&rows[i], result);
		printf("%s\t%s\t%s\t%s\t%s\t%s", opt.machine, opt.hypervisor,
		       opt.pager, opt.switches, opt.mitigations, rows[i].name);
		print_value(result[0]);
		print_value(result[opt.samples / 2]);
		print_value(result[opt.samples - 1]);
		printf("\t%s\n", opt.unit);
		fflush(stdout);
	}
	return 0;
}
