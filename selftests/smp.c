// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: several vCPUs are one machine. Interrupts between them arrive, also
 * where the other one sleeps; INIT and SIPI work at any time; a vCPU whose
 * thread moves between the host's CPUs keeps its state and translations; the
 * clock is one clock; ioctls may come while a vCPU runs.
 *
 * Guests that wait or work for long have interrupts on, though none comes:
 * while a guest's are off, Bochs keeps the host's back as well, and with one
 * processor the other vCPU would never run (docs/errata-emulators.md).
 */
#include <sched.h>
#include <time.h>

#include "apic.h"
#include "clock.h"
#include "pace.h"
#include "tap.h"
#include "threads.h"

#define VEC_PING	0x70
#define VEC_PONG	0x71

static volatile uint64_t hits[256];
static volatile bool started, stop;

static void guest_count(struct trap *t)
{
	hits[t->vector]++;
	if (t->vector != VEC_NMI)
		apic_eoi();
}

static struct vcpu *start(void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	unsigned int i;

	guest_handlers[VEC_NMI] = guest_count;
	for (i = 32; i < 256; i++)
		guest_handlers[i] = guest_count;
	vcpu_start(v, fn);
	return v;
}

/* Interrupts to and fro, the waiting side spinning or asleep. */
#define ROUNDS	400

static volatile bool sleeping;

static void wait_hits(unsigned int vec, uint64_t n)
{
	while (hits[vec] < n) {
		if (!sleeping) {
			asm volatile("pause");
			continue;
		}
		cli();
		if (hits[vec] < n)
			safe_halt();
		else
			sti();
	}
}

static void guest_ping(void)
{
	unsigned int i;

	apic_enable();
	sti();
	while (!started)
		asm volatile("pause");
	for (i = 1; i <= ROUNDS; i++) {
		apic_ipi(1, VEC_PING);
		wait_hits(VEC_PONG, i);
	}
	GUEST_EQ(hits[VEC_PING], ROUNDS);
	GUEST_EQ(hits[VEC_PONG], ROUNDS);
	guest_done();
}

static void guest_pong(void)
{
	unsigned int i;

	apic_enable();
	sti();
	started = true;
	for (i = 1;; i++) {
		wait_hits(VEC_PING, i);
		apic_ipi(0, VEC_PONG);
	}
}

static void ping(bool asleep)
{
	struct vcpu *v;

	if (interrupts_go_twice())
		skip("QEMU's TCG and EVENTINJ, see svm/quirk.c");
	v = start(guest_ping);
	sleeping = asleep;
	spawn(run_thread, another(v, 1, guest_pong));
	expect_done(v);
}

static void ping_spinning(void)
{
	ping(false);
}

static void ping_halted(void)
{
	ping(true);
}

/*
 * Threads that move. Each vCPU has an address of its own, which it maps to
 * one page and to another; a translation that survived on a CPU where it was
 * before shows the wrong one.
 */
#define REMAP_VA	0x60000000ul
#define MOVES		150

static uint64_t remap_ptes[512] __attribute__((aligned(4096)));
static volatile uint64_t remap_page[2][2][512] __attribute__((aligned(4096)));
static volatile uint64_t remaps[2];

static void guest_remap(unsigned int id)
{
	volatile uint64_t *va = (void *)(REMAP_VA + id * PAGE);
	uint64_t n;

	sti();
	remap_page[id][0][0] = 100 + id;
	remap_page[id][1][0] = 200 + id;
	for (n = 0; !stop; n++) {
		remap_ptes[id] = (uintptr_t)remap_page[id][n & 1] | 7;
		invlpg((uintptr_t)va);
		GUEST_EQ(*va, 100 + 100 * (n & 1) + id);
		if (n % 64 == 0)
			cpuid(0, 0, (uint32_t[4]){ });
		remaps[id] = n;
	}
}

static void guest_remap0(void)
{
	guest_remap(0);
	guest_done();
}

static void guest_remap1(void)
{
	guest_remap(1);
	for (;;)
		asm volatile("pause");
}

static void *move_threads(void *arg)
{
	struct timespec t = { .tv_nsec = 3000000 };
	unsigned int n = host_cpus(), i;
	pthread_t *threads = arg;

	for (i = 0; i < MOVES; i++) {
		move(threads[i & 1], (i >> 1) % n);
		nanosleep(&t, NULL);
	}
	stop = true;
	return NULL;
}

static void moving(void)
{
	pthread_t threads[2] = { pthread_self() };
	struct vcpu *v = start(guest_remap0), *w = another(v, 1, guest_remap1);

	guest_split(remap_ptes, REMAP_VA);
	threads[1] = spawn(run_thread, w);
	spawn(move_threads, threads);
	expect_done(v);
	REQUIRE(remaps[0] > 100 && remaps[1] > 100, "%llu, %llu",
		(unsigned long long)remaps[0], (unsigned long long)remaps[1]);
}

/* INIT and SIPI to a vCPU that waits, sleeps, or runs. */
#define SIPI_COUNT	0x600	/* in low memory */

asm(".pushsection .rodata\n"
    ".code16\n"
    "smp_sleep: cli; xorw %ax, %ax; movw %ax, %ds\n"
    "lock incw 0x600\n"
    "1: hlt; jmp 1b\n"
    "smp_spin: sti; xorw %ax, %ax; movw %ax, %ds\n"
    "lock incw 0x600\n"
    "1: pause; jmp 1b\n"
    "smp_end:\n"
    ".code64\n"
    ".popsection");
extern const char smp_sleep[], smp_spin[], smp_end[];

static unsigned int sipis(void)
{
	uintptr_t at = SIPI_COUNT;

	asm("" : "+r" (at));	/* there is an object, whatever gcc thinks */
	return *(volatile uint16_t *)at;
}

static void guest_wait_sipi(unsigned int n)
{
	while (sipis() != n)
		asm volatile("pause");
}

static void guest_sipi(void)
{
	unsigned int i;

	apic_enable();
	sti();
	for (i = 1; i <= 60; i++) {
		apic_ipi(1, ICR_INIT);
		apic_ipi(1, ICR_SIPI | (8 + i % 2));
		guest_wait_sipi(i);
		/* No INIT before it: it means nothing. */
		apic_ipi(1, ICR_SIPI | 8);
		if (i % 5 == 0)
			apic_ipi(1, ICR_INIT);	/* two in a row */
	}
	GUEST_EQ(sipis(), 60);
	guest_done();
}

static void sipi(void)
{
	struct kvm_mp_state mp;
	struct vcpu *v, *w;

	if (!device_is_duet())
		skip("KVM comes to no end here");
	v = start(guest_sipi);
	w = another(v, 1, NULL);
	low_copy(v->vm, 0x8000, smp_sleep, smp_spin);
	low_copy(v->vm, 0x9000, smp_spin, smp_end);
	must(w->fd, KVM_GET_MP_STATE, &mp);
	REQUIRE_EQ(mp.mp_state, KVM_MP_STATE_UNINITIALIZED);
	spawn(run_thread, w);
	expect_done(v);
}

/* What arrived before anybody looked counts in KVM_GET_MP_STATE. */
static void guest_init_only(void)
{
	apic_enable();
	apic_ipi(1, ICR_INIT);
	guest_sync(1);
	apic_ipi(1, ICR_SIPI | 0x9f);
	guest_sync(2);
}

static void mp_states(void)
{
	struct vcpu *v = start(guest_init_only), *w = another(v, 1, NULL);
	struct kvm_mp_state mp;
	struct kvm_sregs s;
	struct kvm_regs r;

	expect_sync(v, 1);
	must(w->fd, KVM_GET_MP_STATE, &mp);
	REQUIRE_EQ(mp.mp_state, KVM_MP_STATE_INIT_RECEIVED);
	expect_sync(v, 2);
	must(w->fd, KVM_GET_MP_STATE, &mp);
	REQUIRE_EQ(mp.mp_state, KVM_MP_STATE_RUNNABLE);
	sregs_get(w, &s);
	REQUIRE_EQ(s.cs.selector, 0x9f00);
	REQUIRE_EQ(s.cs.base, 0x9f000);
	regs_get(w, &r);
	REQUIRE_EQ(r.rip, 0);
}

/* A SIPI does not end HLT; an NMI does. */
static volatile uint64_t woken;

static void guest_sleeper(void)
{
	apic_enable();
	cli();
	started = true;
	for (;;) {
		asm volatile("hlt" : : : "memory");
		woken++;
	}
}

static void guest_wakes(void)
{
	unsigned int i;

	apic_enable();
	sti();
	while (!started)
		asm volatile("pause");
	guest_sync(1);
	for (i = 0; i < 10; i++) {
		apic_ipi(1, ICR_SIPI | 8);
		guest_sync(2);		/* some time passes */
	}
	GUEST_EQ(woken, 0);
	apic_ipi(1, ICR_NMI);
	while (!woken)
		asm volatile("pause");
	GUEST_EQ(hits[VEC_NMI], 1);
	guest_done();
}

static void sipi_in_halt(void)
{
	unsigned int i;
	struct vcpu *v;

	if (!device_is_duet())
		skip("KVM lets a SIPI end HLT");
	v = start(guest_wakes);
	spawn(run_thread, another(v, 1, guest_sleeper));
	expect_sync(v, 1);
	usleep(20000);
	for (i = 0; i < 10; i++) {
		expect_sync(v, 2);
		usleep(2000);
	}
	expect_done(v);
}

/*
 * An interrupt that waits behind STI is taken after the next instruction
 * (APM vol. 2, 15.21.5): after HLT, or the guest sleeps over what it woke.
 */
static volatile uint64_t hlt_rip;

static void guest_hlt_trap(struct trap *t)
{
	hlt_rip = t->rip;
	apic_eoi();
}

static void guest_sti_hlt(void)
{
	apic_enable();
	pic_init(0x20, 0xffff);
	guest_sync(1);
	asm volatile(".globl smp_hlt\nsmp_hlt: hlt\n"
		     ".globl smp_hlt_end\nsmp_hlt_end: nop" : : : "memory");
	guest_done();
}

extern const char smp_hlt[], smp_hlt_end[];

static void sti_hlt(void)
{
	struct kvm_vcpu_events events;
	struct kvm_regs regs;
	struct vcpu *v;

	if (!device_is_duet() && host_is_tcg())
		skip("QEMU's TCG ignores the interrupt shadow, see svm/quirk.c");
	v = start(guest_sti_hlt);
	guest_handlers[0x50] = guest_hlt_trap;
	expect_sync(v, 1);
	/* The end of the exit, before the registers are set. */
	vcpu_complete(v);
	regs_get(v, &regs);
	regs.rip = (uintptr_t)smp_hlt;
	regs.rflags |= X86_EFLAGS_IF;
	regs_set(v, &regs);
	must(v->fd, KVM_GET_VCPU_EVENTS, &events);
	events.flags = KVM_VCPUEVENT_VALID_SHADOW;
	events.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	must(v->fd, KVM_SET_VCPU_EVENTS, &events);
	msi_send(v->vm, 0, 0x50);
	expect_done(v);
	REQUIRE_EQ(hlt_rip, (uintptr_t)smp_hlt_end);
}

static struct time_info clocks[2];
static volatile uint32_t wall[3] __attribute__((aligned(16)));
static volatile uint64_t last_ns;
static volatile unsigned int reads[2];

/* Whoever reads later must not read less. */
static void guest_clock(unsigned int id)
{
	uint64_t before, now;

	sti();
	wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&clocks[id] | 1);
	while (!stop) {
		before = last_ns;
		asm volatile("mfence" : : : "memory");
		now = clock_ns(&clocks[id]);
		GUEST_REQUIRE(now >= before);
		while (before < now &&
		       !__atomic_compare_exchange_n(&last_ns, &before, now,
				false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
		reads[id]++;
	}
}

static void guest_clock0(void)
{
	wrmsr(MSR_WALL_CLOCK, (uintptr_t)wall);
	wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&clocks[0] | 1);
	guest_sync(clock_ns(&clocks[0]));
	guest_sync(clock_ns(&clocks[0]));
	guest_clock(0);
	wrmsr(MSR_SYSTEM_TIME, 0);
	guest_done();
}

static void guest_clock1(void)
{
	guest_clock(1);
	for (;;)
		asm volatile("pause");
}

static bool has_clock(struct vcpu *v)
{
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x40000001, 0);

	return e && (e->eax & 1u << 3);
}

static void kvmclock(void)
{
	struct vcpu *v = start(guest_clock0), *w = another(v, 1, guest_clock1);
	struct kvm_clock_data data = { .clock = 1000000000000ull };
	pthread_t threads[2] = { pthread_self() };
	uint64_t now;

	if (!has_clock(v))
		skip("kvmclock is not offered here");
	REQUIRE(check_extension(v->vm->kvm, KVM_CAP_ADJUST_CLOCK));
	expect_clock(v);
	now = wall[1] + last_ns / 1000000000;
	REQUIRE(!(wall[0] & 1));
	REQUIRE(now <= (uint64_t)time(NULL) + 1 &&
		now + 60 >= (uint64_t)time(NULL), "wall clock %llu",
		(unsigned long long)now);
	must(v->vm->fd, KVM_SET_CLOCK, &data);
	expect_clock(v);
	REQUIRE(clocks[0].ns >= 1000000000000ull);
	data.flags = 1u << 20;
	must_fail(v->vm->fd, KVM_SET_CLOCK, &data, EINVAL);
	threads[1] = spawn(run_thread, w);
	spawn(move_threads, threads);
	expect_done(v);
	REQUIRE(reads[0] > 100 && reads[1] > 100, "%u, %u", reads[0], reads[1]);
}

/* Ioctls of every kind against a vCPU in KVM_RUN. */
static void guest_counts(void)
{
	uint64_t i;

	apic_enable();
	pic_init(0x20, 0xffff);
	sti();
	for (i = 1;; i++)
		guest_sync(i);
}

static void *pester(void *arg)
{
	struct vcpu *v = arg;
	struct kvm_irq_level line = { .irq = 5 };
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct kvm_clock_data clock;
	struct kvm_mp_state mp;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_fpu fpu;
	unsigned int n;

	for (n = 0; !stop; n++) {
		msi_send(v->vm, 0, 0x50);
		line.level = n & 1;
		must(v->vm->fd, KVM_IRQ_LINE, &line);
		must(v->vm->fd, KVM_GET_CLOCK, &clock);
		must(v->fd, KVM_NMI, 0);
		switch (n % 6) {
		case 0:
			must(v->fd, KVM_GET_REGS, &regs);
			break;
		case 1:
			must(v->fd, KVM_GET_SREGS, &sregs);
			break;
		case 2:
			must(v->fd, KVM_GET_LAPIC, &lapic);
			break;
		case 3:
			must(v->fd, KVM_GET_VCPU_EVENTS, &events);
			break;
		case 4:
			must(v->fd, KVM_GET_MP_STATE, &mp);
			break;
		case 5:
			must(v->fd, KVM_GET_FPU, &fpu);
			break;
		}
	}
	return (void *)(uintptr_t)n;
}

static void races(void)
{
	struct vcpu *v = start(guest_counts);
	struct timespec begin, now;
	pthread_t t = spawn(pester, v);
	uint64_t i = 0;
	void *n;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		expect_sync(v, ++i);
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - begin.tv_sec < 2);
	stop = true;
	pthread_join(t, &n);
	expect_sync(v, ++i);
	expect_sync(v, ++i);
	REQUIRE(n && hits[0x50] && hits[VEC_NMI], "%lu %lu %lu",
		(unsigned long)n, hits[0x50], hits[VEC_NMI]);
	REQUIRE(hits[0x50] <= (uintptr_t)n && hits[VEC_NMI] <= (uintptr_t)n);
}

/* The boot CPU does not wait for a SIPI (SDM vol. 3, 9.4.2). */
static void guest_nothing(void)
{
	guest_sync(1);
}

static void init_of_the_bsp(void)
{
	struct vcpu *v = start(guest_nothing);
	struct kvm_mp_state mp;
	struct kvm_sregs s;
	struct kvm_regs r;

	if (!device_is_duet())
		skip("KVM takes it with KVM_RUN");
	expect_sync(v, 1);
	msi_send(v->vm, 0, MSI_INIT);
	must(v->fd, KVM_GET_MP_STATE, &mp);
	REQUIRE_EQ(mp.mp_state, KVM_MP_STATE_RUNNABLE);
	regs_get(v, &r);
	REQUIRE_EQ(r.rip, 0xfff0);
	sregs_get(v, &s);
	REQUIRE_EQ(s.cs.base, 0xffff0000);
}

/*
 * A vCPU that runs on another CPU is told at once, and not by its host's next
 * tick: both pinned, one answers the other.
 */
static void kicked(void)
{
	struct timespec begin, end;
	struct vcpu *v, *w;
	uint64_t us;

	if (host_cpus() < 2)
		skip("the host has one CPU");
	if (interrupts_go_twice())
		skip("QEMU's TCG and EVENTINJ, see svm/quirk.c");
	v = start(guest_ping);
	w = another(v, 1, guest_pong);
	move(pthread_self(), 0);
	move(spawn(run_thread, w), 1);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	expect_done(v);
	clock_gettime(CLOCK_MONOTONIC, &end);
	us = (end.tv_sec - begin.tv_sec) * 1000000ull +
		(end.tv_nsec - begin.tv_nsec) / 1000;
	note("%llu us for %u answers", (unsigned long long)us, ROUNDS);
	REQUIRE(us < ROUNDS * slowly(1000));
}

static const struct test tests[] = {
	{ "IPIs between two vCPUs that spin", ping_spinning },
	{ "IPIs between two vCPUs that sleep", ping_halted },
	{ "threads that move between CPUs keep no old translation", moving },
	{ "INIT and SIPI to a vCPU that waits, sleeps, runs", sipi },
	{ "KVM_GET_MP_STATE counts INIT and SIPI that have arrived", mp_states },
	{ "a SIPI does not end HLT", sipi_in_halt },
	{ "an interrupt behind STI is taken after HLT, not before it", sti_hlt },
	{ "kvmclock is one clock, and KVM_GET_CLOCK's", kvmclock },
	{ "ioctls while the vCPU runs", races },
	{ "INIT of the boot CPU: it starts at the reset vector",
	  init_of_the_bsp },
	{ "a vCPU that runs elsewhere is told at once", kicked },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 15);
}
