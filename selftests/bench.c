// SPDX-License-Identifier: GPL-2.0
/*
 * bench - what an exit costs, by the time-stamp counter, on $DUET_DEVICE.
 * On a host whose counter counts instructions (QEMU with -icount, Bochs) this
 * is path length, not time. Not a test: prints tab-separated lines.
 *
 * What the kernel handles is measured inside the guest, N exits between two
 * RDTSC; what user space handles is measured around N KVM_RUN. The guest's own
 * loop, measured the same way with nothing in it, is subtracted. The local
 * APIC is in x2APIC mode, as Linux has it in a guest, but for hlt's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "apic.h"
#include "tap.h"
#include "../uapi/duet.h"

#define VEC		0x40
#define GSI_MSI		30
#define PORT_OUT	0x99	/* nobody's: goes to user space */
#define PORT_EVENTFD	0x9a
#define MMIO_GPA	0x50000000ul
#define TOTAL		2000000ull	/* a sample is at least that long */
#define MAX_SAMPLES	101

static volatile uint64_t iterations, delta;
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

static volatile uint64_t hits;

static void guest_irq(struct trap *t)
{
	hits++;
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
	   ({
		uint64_t before = hits;

		cli();
		apic_self_ipi(VEC);
		safe_halt();
		GUEST_REQUIRE(hits != before);
	   }))
GUEST_LOOP(guest_vmcall, (void)0,
	   asm volatile("movl $0xffff, %%eax; vmcall" : : : "eax", "memory"))
GUEST_LOOP(guest_vmmcall, (void)0,
	   asm volatile("movl $0xffff, %%eax; vmmcall" : : : "eax", "memory"))

/* Exits to user space: an endless loop, counted outside. */
#define GUEST_USER(name, setup, insn)					\
static void name(void)							\
{									\
	setup;								\
	for (;;)							\
		asm volatile(insn : : "b" (MMIO_GPA), "d" (PORT_OUT)	\
			     : "eax", "memory");			\
}

GUEST_USER(guest_out, (void)0, "outb %%al, %%dx")
GUEST_USER(guest_mmio_read, (void)0, "movl (%%rbx), %%eax")
GUEST_USER(guest_mmio_write, (void)0, "movl %%eax, (%%rbx)")

/* The local APIC through its MSRs. */
static void guest_x2apic_irq(struct trap *t)
{
	hits++;
	wrmsr(MSR_X2APIC_EOI, 0);
}

static void guest_x2apic(trap_handler handler)
{
	guest_handlers[VEC] = handler;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	wrmsr(MSR_X2APIC_SVR, 0x1ff);
	wrmsr(MSR_X2APIC_TPR, 0);
}

GUEST_LOOP(guest_eoi, guest_x2apic(guest_x2apic_irq), wrmsr(MSR_X2APIC_EOI, 0))
GUEST_LOOP(guest_self_ipi, ({ guest_x2apic(guest_x2apic_irq); sti(); }),
	   ({
		uint64_t before = hits;

		wrmsr(MSR_X2APIC_SELF_IPI, VEC);
		GUEST_REQUIRE(hits != before);
	   }))
GUEST_LOOP(guest_timer_arm, ({
		guest_x2apic(guest_x2apic_irq);
		wrmsr(MSR_X2APIC_LVT_TIMER, APIC_DEADLINE | VEC);
	   }), wrmsr(MSR_TSC_DEADLINE, ~0ull >> 8))
GUEST_LOOP(guest_ioeventfd, (void)0,
	   asm volatile("outb %%al, %%dx" : : "d" (PORT_EVENTFD) : "memory"))
GUEST_LOOP(guest_ioeventfd_mmio, (void)0,
	   asm volatile("movl %%eax, (%%rbx)" : : "b" (MMIO_GPA) : "memory"))
GUEST_USER(guest_irqfd, ({ guest_x2apic(guest_x2apic_irq); sti(); }),
	   "outb %%al, %%dx")

/* Ping-pong: each IPI finds its vCPU halted. */
static void guest_halt_for(uint64_t n)
{
	while (hits < n) {
		safe_halt();
		cli();
	}
}

static void guest_pong_irq(struct trap *t)
{
	wrmsr(MSR_X2APIC_EOI, 0);
	wrmsr(MSR_X2APIC_ICR, VEC);
}

static volatile bool pong_ready;

static void guest_pong(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	wrmsr(MSR_X2APIC_SVR, 0x1ff);
	guest_handlers[VEC + 1] = guest_pong_irq;
	pong_ready = true;
	for (;;)
		safe_halt();
}

GUEST_LOOP(guest_ipi_halted, guest_x2apic(guest_x2apic_irq), ({
		uint64_t want = hits + 1;

		cli();
		wrmsr(MSR_X2APIC_ICR, 1ull << 32 | (VEC + 1));
		guest_halt_for(want);
	}))

/*
 * A timer armed and taken, in a guest that has work: what it got done itself
 * until then, counted in turns of its loop, is not the timer's cost.
 */
#define DEADLINE	50000

static __attribute__((noinline)) uint64_t guest_spin(uint64_t want,
						     uint64_t turns)
{
	uint64_t n = 0;

	while (hits < want && n < turns) {
		n++;
		asm volatile("" : "+r" (n));
	}
	return n;
}

/* In thousandths; the least of a few, as the host has its own interrupts. */
static uint64_t guest_turn_cost(void)
{
	uint64_t best = ~0ull, i, t;

	for (i = 0; i < 20; i++) {
		t = rdtsc();
		guest_spin(~0ull, 2000);
		t = rdtsc() - t;
		best = t < best ? t : best;
	}
	return best / 2;
}

static void guest_timer(void)
{
	uint64_t n, i, t, turns, turn_cost = guest_turn_cost();

	guest_x2apic(guest_x2apic_irq);
	wrmsr(MSR_X2APIC_LVT_TIMER, APIC_DEADLINE | VEC);
	sti();
	for (;;) {
		n = iterations;
		turns = 0;
		t = rdtsc();
		for (i = 0; i < n; i++) {
			uint64_t want = hits + 1;

			wrmsr(MSR_TSC_DEADLINE, rdtsc() + DEADLINE);
			turns += guest_spin(want, ~0ull);
		}
		delta = rdtsc() - t - turns * turn_cost / 1000;
		guest_sync(0);
	}
}

/* What the host does before a row's first sample, and for each exit. */

static int event_fd;

static void with_ioeventfd(struct vcpu *v)
{
	struct kvm_ioeventfd port = {
		.addr = PORT_EVENTFD, .len = 1, .fd = event_fd,
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	}, mmio = { .addr = MMIO_GPA, .len = 4, .fd = event_fd };

	must(v->vm->fd, KVM_IOEVENTFD, &port);
	must(v->vm->fd, KVM_IOEVENTFD, &mmio);
}

static void with_irqfd(struct vcpu *v)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e;
	} routes = {
		.head.nr = 1,
		.e = { .gsi = GSI_MSI, .type = KVM_IRQ_ROUTING_MSI,
		       .u.msi = { .address_lo = APIC_BASE, .data = VEC } },
	};
	struct kvm_irqfd irqfd = { .fd = event_fd, .gsi = GSI_MSI };

	must(v->vm->fd, KVM_SET_GSI_ROUTING, &routes);
	must(v->vm->fd, KVM_IRQFD, &irqfd);
}

static void signal_irqfd(void)
{
	uint64_t one = 1;

	REQUIRE_EQ(write(event_fd, &one, sizeof(one)), sizeof(one));
}

/* The second vCPU and its thread; they end with the row. */
static struct vcpu *peer;
static pthread_t peer_thread;
static volatile bool peer_stop;

static void ignore(int sig)
{
}

static void *peer_run(void *arg)
{
	while (!peer_stop) {
		if (!ioctl(peer->fd, KVM_RUN, 0))
			exit_unexpected(__FILE__, __LINE__, peer);
		if (errno != EINTR && errno != EAGAIN)
			fail("KVM_RUN: %s", strerror(errno));
	}
	return NULL;
}

static void with_peer(struct vcpu *v)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };

	signal(SIGUSR1, ignore);
	peer_stop = pong_ready = false;
	peer = vcpu_create(v->vm, 1);
	vcpu_start(peer, guest_pong);
	must(peer->fd, KVM_SET_MP_STATE, &runnable);
	REQUIRE(!pthread_create(&peer_thread, NULL, peer_run, NULL));
	while (!pong_ready)	/* its local APIC takes IPIs from here on */
		usleep(100);
}

static void end_peer(void)
{
	peer_stop = true;
	peer->run->immediate_exit = 1;
	pthread_kill(peer_thread, SIGUSR1);
	pthread_join(peer_thread, NULL);
	munmap(peer->run, peer->run_size);
	close(peer->fd);
	free(peer);
	peer = NULL;
}

/**
 * struct row - what is measured
 * @guest: runs in the guest; NULL: an ioctl that nobody knows
 * @reason: of each exit to user space, counted there; 0: counted by the guest
 * @prepare: what the VM needs for it
 * @before: before each KVM_RUN
 * @less: the row whose cost is in this one's and is not its own
 * @per: how many of them a turn of the guest's loop makes, 1 if 0
 */
struct row {
	const char *name;
	void (*guest)(void);
	int reason;
	void (*prepare)(struct vcpu *v);
	void (*before)(void);
	const struct row *less;
	unsigned int per;
};

static const struct row rows[] = {
	{ .name = "cpuid", .guest = guest_cpuid },
	{ .name = "rdmsr", .guest = guest_rdmsr_loop },
	{ .name = "hypercall", .guest = guest_vmcall },
	{ .name = "out", .guest = guest_out, .reason = KVM_EXIT_IO },
	{ .name = "in", .guest = guest_in },
	{ .name = "mmio-read", .guest = guest_mmio_read,
	  .reason = KVM_EXIT_MMIO },
	{ .name = "mmio-write", .guest = guest_mmio_write,
	  .reason = KVM_EXIT_MMIO },
	{ .name = "hlt", .guest = guest_hlt },
	{ .name = "cr8", .guest = guest_cr8 },
	{ .name = "eoi", .guest = guest_eoi },
	{ .name = "self-ipi", .guest = guest_self_ipi },
	{ .name = "ipi-halted", .guest = guest_ipi_halted,
	  .prepare = with_peer, .per = 2 },
	{ .name = "timer-arm", .guest = guest_timer_arm },
	{ .name = "timer", .guest = guest_timer },
	{ .name = "irqfd", .guest = guest_irqfd, .reason = KVM_EXIT_IO,
	  .prepare = with_irqfd, .before = signal_irqfd, .less = &rows[3] },
	{ .name = "ioeventfd", .guest = guest_ioeventfd,
	  .prepare = with_ioeventfd },
	{ .name = "ioeventfd-mmio", .guest = guest_ioeventfd_mmio,
	  .prepare = with_ioeventfd },
	{ .name = "null-ioctl" },
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
		for (i = 0; i < n; i++) {
			if (row->before)
				row->before();
			if (ioctl(v->fd, KVM_RUN, 0) ||
			    v->run->exit_reason != (uint32_t)row->reason)
				exit_unexpected(__FILE__, __LINE__, v);
		}
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

/* It is user space that says so in CPUID (KVM_CAP_TSC_DEADLINE_TIMER). */
static void offer_deadline(struct vcpu *v)
{
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);

	cpuid_find(c, 1, 0)->ecx |= 1u << 24;
	must(v->fd, KVM_SET_CPUID2, c);
	free(c);
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
	if (check_extension(vm->kvm, KVM_CAP_TSC_DEADLINE_TIMER))
		offer_deadline(v);
	vcpu_start(v, fn);
	return v;
}

/* Per exit, in thousandths; sorted samples. */
static void measure(const struct row *row, uint64_t *result)
{
	uint64_t n = 16, total, less = row->guest && !row->reason ? loop_cost : 0;
	unsigned int i, per = row->per ? row->per : 1;
	void (*fn)(void) = row->guest;
	struct vcpu *v = NULL;

	if (row->less) {
		measure(row->less, result);
		less = result[opt.samples / 2];
	}

	if (fn == guest_vmcall && on_amd())
		fn = guest_vmmcall;
	if (fn)
		v = create(fn);
	if (row->prepare)
		row->prepare(v);
	/* Doubles until a sample is long, which also warms everything up. */
	while ((total = sample(v, row, n)) < TOTAL)
		n *= 2;
	for (i = 0; i < opt.samples; i++) {
		total = sample(v, row, n) * 1000 / n;
		result[i] = (total > less ? total - less : 0) / per;
	}
	qsort(result, opt.samples, sizeof(*result), compare);
	if (peer)
		end_peer();
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
"       bench --list\n"
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

static void list_rows(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		printf("%s\n", rows[i].name);
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
		if (!strcmp(argv[i], "--list")) {
			list_rows();
			exit(0);
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
	static const struct row empty = { .name = "empty", .guest = guest_empty };
	static uint64_t result[MAX_SAMPLES];
	int first = parse(argc, argv);
	unsigned int i;

	opt.hypervisor = device_is_duet() ? "duet" : "kvm";
	if (!opt.pager)
		opt.pager = default_pager();
	null_fd = open("/dev/null", O_RDWR);
	event_fd = eventfd(0, EFD_NONBLOCK);
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
