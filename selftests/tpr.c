// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: CR8, the local APIC's TPR (page or MSR), KVM_GET_LAPIC and kvm_run are
 * one register; an interrupt at or below its class waits, and is taken behind
 * the very instruction that lets it through. The same with the processor's
 * help (V_TPR, TPR shadow) and without; with it an access does not exit.
 */
#include <errno.h>
#include <pthread.h>

#include "apic.h"
#include "tap.h"
#include "../uapi/duet.h"

#define X2(reg)		(0x800 + (reg) / 16)
#define X2_SELF_IPI	0x83f

static volatile unsigned int count[256];
static volatile bool x2apic, posted;

static uint32_t get(unsigned int reg)
{
	return x2apic ? rdmsr(X2(reg)) : apic_read(reg);
}

static void set(unsigned int reg, uint32_t v)
{
	if (x2apic)
		wrmsr(X2(reg), v);
	else
		apic_write(reg, v);
}

static void self_ipi(unsigned int vec)
{
	if (x2apic)
		wrmsr(X2_SELF_IPI, vec);
	else
		apic_self_ipi(vec);
}

static void guest_taken(struct trap *t)
{
	count[t->vector]++;
	set(APIC_EOI, 0);
}

static void guest_init(void)
{
	apic_enable();
	if (x2apic)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
}

static void window(void)
{
	asm volatile("sti; nop; nop; cli" : : : "memory");
}

/* CR8 is written; how often @vec had been taken at the next instruction. */
static unsigned int lower(uint64_t cr8, unsigned int vec)
{
	unsigned int seen;

	asm volatile("movq %2, %%cr8\n\t"
		     "movl %1, %0"
		     : "=r" (seen) : "m" (count[vec]), "r" (cr8) : "memory");
	return seen;
}

static uint64_t offered(int kvm)
{
	return device_is_duet() ?
		check_extension(kvm, DUET_CAP_REFUSE) & DUET_REFUSE_TPR : 0;
}

static struct vcpu *start(void (*fn)(void), bool refuse)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_enable_cap cap = { .cap = DUET_CAP_REFUSE };
	const char *mask = getenv("DUET_REFUSE");
	struct vcpu *v;
	unsigned int i;

	if (refuse) {
		cap.args[0] = offered(vm->kvm);
		if (mask)
			cap.args[0] |= strtoull(mask, NULL, 0) &
				check_extension(vm->kvm, DUET_CAP_REFUSE);
		must(vm->fd, KVM_ENABLE_CAP, &cap);
	}
	v = vcpu_create(vm, 0);
	for (i = 32; i < 256; i++) {
		guest_handlers[i] = guest_taken;
		count[i] = 0;
	}
	posted = false;
	vcpu_start(v, fn);
	return v;
}

static volatile uint64_t probed;

static void guest_probe(void)
{
	write_cr(8, 5);
	probed = read_cr(8);
	guest_done();
}

/* QEMU 10 does not intercept reads of CR8, see docs/errata-emulators.md. */
static bool reads_exit(void)
{
	static bool known, so = true;

	if (!known && host_is_tcg()) {
		expect_done(start(guest_probe, true));
		so = probed == 5;
		if (!so)
			note("MOV from CR8 does not exit: TPR is not refused");
		known = true;
	}
	return so;
}

/* What can be refused so that the guest is none the wiser. */
static uint64_t refusable(int kvm)
{
	uint64_t mask = offered(kvm);

	return mask && reads_exit() ? mask : 0;
}

/* Four times: through the page and the MSRs, with the CPU's help and without. */
static void each_way(void (*fn)(void), void (*judge)(struct vcpu *v))
{
	int kvm = device_open(), way;
	bool can_refuse = refusable(kvm);
	struct vcpu *v;

	for (way = 0; way < 4; way++) {
		if (way >= 2 && !can_refuse)
			break;
		x2apic = way & 1;
		v = start(fn, way & 2);
		judge(v);
		vm_destroy(v->vm, v);
	}
}

static void guest_same(void)
{
	unsigned int i;

	guest_init();
	GUEST_EQ(read_cr(8), 0);
	for (i = 1; i < 16; i++) {
		write_cr(8, i);
		GUEST_EQ(read_cr(8), i);
		GUEST_EQ(get(APIC_TPR), i << 4);
		GUEST_EQ(get(APIC_PPR), i << 4);
		set(APIC_TPR, (16 - i) << 4);
		GUEST_EQ(read_cr(8), 16 - i);
		GUEST_EQ(get(APIC_PPR), (16 - i) << 4);
	}
	write_cr(8, 0);
	guest_done();
}

static void same(void)
{
	each_way(guest_same, expect_done);
}

static void guest_reserved(void)
{
	guest_init();
	write_cr(8, 1);
	GUEST_EQ(guest_try("movl $16, %%eax; movq %%rax, %%cr8", "i" (0)),
		 VEC_GP);
	GUEST_EQ(guest_try("movl $1, %%eax; rorq $1, %%rax; movq %%rax, %%cr8",
			   "i" (0)), VEC_GP);
	GUEST_EQ(read_cr(8), 1);
	guest_done();
}

static void reserved(void)
{
	bool lenient = host_is_tcg(), both = refusable(device_open());

	x2apic = false;
	if (both)
		expect_done(start(guest_reserved, true));
	else if (lenient)
		skip("QEMU's TCG takes any value for V_TPR");
	if (!lenient)
		expect_done(start(guest_reserved, false));
}

/* Each class is held by its own, and let go by the one below. */
static void guest_held(void)
{
	unsigned int class, vec;

	guest_init();
	for (class = 2; class < 16; class++) {
		vec = class << 4 | 5;
		write_cr(8, class);
		self_ipi(vec);
		window();
		GUEST_EQ(count[vec], 0);
		GUEST_REQUIRE(get(APIC_IRR + vec / 32 * 16) >> vec % 32 & 1);
		/* At once, with interrupts open. */
		sti();
		GUEST_EQ(lower(class - 1, vec), 1);
		/* With interrupts closed, behind STI. */
		write_cr(8, 15);
		cli();
		self_ipi(vec);
		GUEST_EQ(lower(class - 1, vec), 1);
		window();
		GUEST_EQ(count[vec], 2);
		/* By the register. */
		write_cr(8, 15);
		self_ipi(vec);
		window();
		set(APIC_TPR, (class << 4) - 1);
		GUEST_EQ(count[vec], 2);
		window();
		GUEST_EQ(count[vec], 3);
	}
	guest_done();
}

static void held(void)
{
	each_way(guest_held, expect_done);
}

/* Of two that wait, each comes when its own class is let through. */
static void guest_steps(void)
{
	guest_init();
	write_cr(8, 12);
	self_ipi(0x51);
	self_ipi(0x91);
	sti();
	GUEST_EQ(lower(10, 0x91), 0);
	GUEST_EQ(lower(9, 0x91), 0);
	GUEST_EQ(lower(15, 0x91), 0);
	GUEST_EQ(lower(8, 0x91), 1);
	GUEST_EQ(count[0x51], 0);
	GUEST_EQ(lower(5, 0x51), 0);
	GUEST_EQ(lower(4, 0x51), 1);
	GUEST_EQ(count[0x91], 1);
	/* Nothing waits any more. */
	GUEST_EQ(lower(0, 0x51), 1);
	GUEST_EQ(lower(15, 0x51), 1);
	GUEST_EQ(lower(0, 0x51), 1);
	guest_done();
}

static void steps(void)
{
	each_way(guest_steps, expect_done);
}

/*
 * What waits behind an interrupt in service waits behind the TPR after its
 * end, if CR8 was raised meanwhile: the EOI must not forget it.
 */
static void guest_in_service(struct trap *t)
{
	count[t->vector]++;
	self_ipi(0x51);
	write_cr(8, 8);
	set(APIC_EOI, 0);
}

static void guest_behind(void)
{
	guest_init();
	guest_handlers[0x61] = guest_in_service;
	self_ipi(0x61);
	window();
	GUEST_EQ(count[0x61], 1);
	GUEST_EQ(count[0x51], 0);
	sti();
	GUEST_EQ(lower(5, 0x51), 0);
	GUEST_EQ(lower(0, 0x51), 1);
	guest_done();
}

static void behind(void)
{
	each_way(guest_behind, expect_done);
}

/* It waits for RFLAGS.IF, and the TPR moves below and above it meanwhile. */
static void guest_shut(void)
{
	unsigned int i;

	guest_init();
	self_ipi(0x51);
	for (i = 0; i < 100; i++) {
		write_cr(8, i % 8);
		GUEST_EQ(read_cr(8), i % 8);
		GUEST_EQ(get(APIC_TPR), i % 8 << 4);
	}
	write_cr(8, 5);
	window();
	GUEST_EQ(count[0x51], 0);
	write_cr(8, 4);
	window();
	GUEST_EQ(count[0x51], 1);
	guest_done();
}

static void shut(void)
{
	if (!device_is_duet() && host_is_tcg())
		skip("the emulator would end itself");
	each_way(guest_shut, expect_done);
}

/* From outside, while the guest runs with all classes held. */
static void *post(void *arg)
{
	struct vcpu *v = arg;

	while (!posted)
		usleep(1000);
	msi_send(v->vm, 0, 0xe1);
	posted = false;
	return NULL;
}

static void guest_outside(void)
{
	guest_init();
	write_cr(8, 15);
	sti();
	posted = true;
	while (posted)
		asm volatile("pause");
	GUEST_EQ(count[0xe1], 0);
	GUEST_EQ(lower(14, 0xe1), 0);
	GUEST_EQ(lower(13, 0xe1), 1);
	guest_done();
}

static void judge_outside(struct vcpu *v)
{
	pthread_t t;

	REQUIRE(!pthread_create(&t, NULL, post, v));
	expect_done(v);
	pthread_join(t, NULL);
}

static void outside(void)
{
	each_way(guest_outside, judge_outside);
}

/* What user space reads and writes. */
static uint32_t lapic_tpr(struct vcpu *v, int to)
{
	if (to >= 0)
		lapic_put(v, APIC_TPR, to);
	return lapic_get(v, APIC_TPR);
}

static uint64_t sregs_cr8(struct vcpu *v, int to)
{
	struct kvm_sregs s;

	sregs_get(v, &s);
	if (to >= 0) {
		s.cr8 = to;
		sregs_set(v, &s);
		sregs_get(v, &s);
	}
	return s.cr8;
}

static void guest_user(void)
{
	guest_init();
	write_cr(8, 7);
	self_ipi(0x65);
	sti();
	guest_sync(1);
	GUEST_EQ(read_cr(8), 12);
	GUEST_EQ(get(APIC_TPR), 0xc0);
	GUEST_EQ(count[0x65], 0);
	guest_sync(2);
	GUEST_EQ(read_cr(8), 9);
	GUEST_EQ(get(APIC_TPR), 0x90);
	GUEST_EQ(count[0x65], 0);
	GUEST_EQ(lower(6, 0x65), 0);
	GUEST_EQ(lower(5, 0x65), 1);
	write_cr(8, 11);
	self_ipi(0x75);
	guest_sync(3);
	GUEST_EQ(count[0x75], 1);
	write_cr(8, 13);
	self_ipi(0x85);
	guest_sync(4);
	GUEST_EQ(count[0x85], 1);
	GUEST_EQ(read_cr(8), 4);
	guest_done();
}

static void judge_user(struct vcpu *v)
{
	expect_sync(v, 1);
	REQUIRE_EQ(v->run->cr8, 7);
	REQUIRE_EQ(lapic_tpr(v, -1), 0x70);
	REQUIRE_EQ(sregs_cr8(v, -1), 7);
	REQUIRE_EQ(lapic_tpr(v, 0xc0), 0xc0);
	REQUIRE_EQ(sregs_cr8(v, -1), 12);
	v->run->cr8 = 1;		/* with a local APIC, output alone */
	expect_sync(v, 2);
	REQUIRE_EQ(v->run->cr8, 12);
	REQUIRE_EQ(sregs_cr8(v, 9), 9);
	REQUIRE_EQ(lapic_tpr(v, -1), 0x90);
	expect_sync(v, 3);
	REQUIRE_EQ(v->run->cr8, 11);
	/* Lowered by user space: what waits is taken. */
	REQUIRE_EQ(lapic_tpr(v, 0x60), 0x60);
	expect_sync(v, 4);
	REQUIRE_EQ(v->run->cr8, 13);
	REQUIRE_EQ(sregs_cr8(v, 4), 4);
	expect_done(v);
}

static void user(void)
{
	each_way(guest_user, judge_user);
}

/* Which accesses exit. */
#define TURNS	50

static void guest_turns(void)
{
	unsigned int i;

	guest_init();
	guest_sync(1);
	for (i = 0; i < TURNS; i++) {
		write_cr(8, 5);
		GUEST_EQ(read_cr(8), 5);
		write_cr(8, 2);
	}
	guest_sync(2);
	sti();
	for (i = 0; i < TURNS; i++) {
		write_cr(8, 5);
		self_ipi(0x51);
		write_cr(8, 6);
		write_cr(8, 4);
	}
	cli();
	GUEST_EQ(count[0x51], TURNS);
	guest_done();
}

static struct {
	uint64_t writes, reads, tpr;
} before;

static void note_exits(struct vcpu *v)
{
	before.writes = stat_get(v, "exit_cr_write");
	before.reads = stat_get(v, "exit_cr_read");
	before.tpr = stat_get(v, "exit_tpr");
}

static void expect_exits(struct vcpu *v, uint64_t writes, uint64_t reads,
			 uint64_t tpr)
{
	writes += before.writes;
	reads += before.reads;
	tpr += before.tpr;
	note_exits(v);
	REQUIRE_EQ(before.writes, writes);
	REQUIRE_EQ(before.reads, reads);
	REQUIRE_EQ(before.tpr, tpr);
}

static void exits(void)
{
	struct vcpu *v;

	if (!device_is_duet())
		skip("the rows are Duet's");
	if (!reads_exit())
		skip("QEMU 10 does not intercept reads of CR8");
	v = start(guest_turns, true);
	expect_sync(v, 1);
	note_exits(v);
	expect_sync(v, 2);
	expect_exits(v, 2 * TURNS, TURNS, 0);
	expect_done(v);
	expect_exits(v, 3 * TURNS, 0, 0);

	if (strtoull(getenv("DUET_REFUSE") ?: "0", NULL, 0) & DUET_REFUSE_TPR ||
	    !refusable(v->vm->kvm))
		return;
	v = start(guest_turns, false);
	expect_sync(v, 1);
	note_exits(v);
	expect_sync(v, 2);
	expect_exits(v, 0, 0, 0);
	expect_done(v);
	/*
	 * While something waits: VT-x exits where the TPR falls below what
	 * waits, AMD-V at each write.
	 */
	if (stat_get(v, "exit_tpr"))
		expect_exits(v, 0, 0, TURNS);
	else
		expect_exits(v, 2 * TURNS, 0, 0);
}

static const struct test tests[] = {
	{ "CR8, the register and the processor priority agree", same },
	{ "reserved bits of CR8 are #GP", reserved },
	{ "a class is held by its own, and let go at once", held },
	{ "two that wait come one by one", steps },
	{ "what waits behind an EOI is not forgotten", behind },
	{ "what waits for RFLAGS.IF lets the TPR move", shut },
	{ "an interrupt from outside, while all classes are held", outside },
	{ "user space reads and writes the same register", user },
	{ "accesses exit if refused, and only where they must if not", exits },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 20);
}
