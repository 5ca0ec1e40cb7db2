// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: HLT ends by whatever it has to end by, at once, whether its vCPU looks
 * around before it sleeps or not (KVM_CAP_HALT_POLL). Looking around is learned
 * from the halts before, ends with the limit that user space sets, and takes
 * no time from anybody else who wants the CPU.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/time.h>

#include "apic.h"
#include "tap.h"

#define VEC		0x40
#define TURNS		40
#define PERIOD_NS	1000000		/* of APIC timers: 1 ns a count */
#define LONG_NS		50000000

static volatile unsigned int hits;

static void guest_irq(struct trap *t)
{
	hits++;
	apic_eoi();
}

static void guest_nmi(struct trap *t)
{
	hits++;
}

static struct vcpu *start(void (*fn)(void), long poll_ns)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_HALT_POLL, .args = { poll_ns },
	};
	struct vcpu *v;

	if (!check_extension(vm->fd, KVM_CAP_HALT_POLL))
		skip("no KVM_CAP_HALT_POLL");
	must(vm->fd, KVM_ENABLE_CAP, &cap);
	v = vcpu_create(vm, 0);
	guest_handlers[VEC] = guest_irq;
	guest_handlers[2] = guest_nmi;
	hits = 0;
	vcpu_start(v, fn);
	return v;
}

/* Halts that end by a timer after a millisecond. */
static void guest_nap(unsigned int n)
{
	unsigned int seen;

	apic_enable();
	apic_write(APIC_TIMER_DCR, 0xb);
	apic_write(APIC_LVT_TIMER, VEC);
	while (n--) {
		cli();
		seen = hits;
		apic_write(APIC_TIMER_ICR, PERIOD_NS);
		while (hits == seen) {
			safe_halt();
			cli();
		}
	}
}

static void guest_naps(void)
{
	guest_nap(TURNS);
	guest_done();
}

static struct {
	unsigned long long tried, won, won_ns, lost_ns, wait_ns;
} polls;

static void naps(long poll_ns)
{
	struct vcpu *v = start(guest_naps, poll_ns);

	expect_done(v);
	polls.tried = stat_get(v, "halt_attempted_poll");
	polls.won = stat_get(v, "halt_successful_poll");
	polls.won_ns = stat_get(v, "halt_poll_success_ns");
	polls.lost_ns = stat_get(v, "halt_poll_fail_ns");
	polls.wait_ns = stat_get(v, "halt_wait_ns");
	vm_destroy(v->vm, v);
}

static void learned(void)
{
	naps(LONG_NS);
	note("%llu tried, %llu won, %llu ns won, %llu lost, %llu asleep",
	     polls.tried, polls.won, polls.won_ns, polls.lost_ns,
	     polls.wait_ns);
	/* The window doubles from 10 us until it holds a nap. */
	REQUIRE(polls.tried >= TURNS / 2);
	REQUIRE(polls.won >= TURNS / 3);
	REQUIRE(polls.won < polls.tried, "won without learning");
	REQUIRE(polls.won_ns >= polls.won * (PERIOD_NS / 4));
	REQUIRE(polls.lost_ns > 0);
	REQUIRE(polls.wait_ns > 0);
}

static void forbidden(void)
{
	naps(0);
	REQUIRE_EQ(polls.tried, 0);
	REQUIRE_EQ(polls.won_ns + polls.lost_ns, 0);
	REQUIRE(polls.wait_ns >= TURNS * (PERIOD_NS / 4));
	/* Shorter than a nap: given up after it was tried. */
	naps(PERIOD_NS / 20);
	REQUIRE_EQ(polls.won, 0);
	REQUIRE(polls.tried < TURNS / 4, "%llu tries",
		(unsigned long long)polls.tried);
	REQUIRE(polls.lost_ns < TURNS * (PERIOD_NS / 20));
}

/* Somebody else wants the CPU. */
static volatile bool stop;

static void *spin(void *unused)
{
	while (!stop)
		;
	return NULL;
}

static void polite(void)
{
	cpu_set_t set;
	pthread_t t;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	REQUIRE(!sched_setaffinity(0, sizeof(set), &set));
	REQUIRE(!pthread_create(&t, NULL, spin, NULL));
	naps(LONG_NS);
	stop = true;
	pthread_join(t, NULL);
	REQUIRE(polls.won < TURNS / 10);	/* KVM looks once */
	REQUIRE(polls.won_ns + polls.lost_ns < TURNS * (PERIOD_NS / 10),
		"%llu ns", (unsigned long long)polls.lost_ns);
}

/* What ends a halt, after naps that taught it to look around. */
static void guest_ends(void)
{
	unsigned int seen;

	guest_nap(12);
	guest_sync(1);
	for (;;) {
		seen = hits;
		cli();
		while (hits == seen) {
			safe_halt();
			cli();
		}
		guest_sync(2);
	}
}

static volatile unsigned int turn;

static void *poke(void *arg)
{
	struct vcpu *v = arg;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		usleep(i * 200);	/* some while it looks, some asleep */
		if (!(i & 1))
			msi_send(v->vm, 0, VEC);
		while (turn == i) {
			/* One may come just before the HLT. */
			if ((i & 3) == 3 && device_is_duet())
				must(v->fd, KVM_NMI, 0); /* KVM would wait */
			else if (i & 1)
				msi_send(v->vm, 0, MSI_NMI);
			usleep(1000);
		}
	}
	return NULL;
}

static void ends(void)
{
	static const long limit[] = { 0, LONG_NS };
	unsigned int i, j;
	struct vcpu *v;
	pthread_t t;

	for (i = 0; i < 2; i++) {
		v = start(guest_ends, limit[i]);
		expect_sync(v, 1);
		turn = 0;
		REQUIRE(!pthread_create(&t, NULL, poke, v));
		for (j = 0; j < 20; j++) {
			turn = j;
			expect_sync(v, 2);
		}
		turn = j;
		pthread_join(t, NULL);
		REQUIRE(hits >= 12 + 20);
		vm_destroy(v->vm, v);
	}
}

/* A signal ends it, whether it looks or sleeps; blocked outside of KVM_RUN. */
static void signals(void)
{
	struct {
		uint32_t len;
		uint8_t none[8];
	} mask = { .len = 8 };
	struct itimerval it = { 0 };
	struct vcpu *v = start(guest_ends, LONG_NS);
	unsigned int i;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	REQUIRE(!sigprocmask(SIG_BLOCK, &set, NULL));
	expect_sync(v, 1);
	must(v->fd, KVM_SET_SIGNAL_MASK, &mask);
	for (i = 0; i < 20; i++) {
		it.it_value.tv_usec = 300 + 200 * i;
		setitimer(ITIMER_REAL, &it, NULL);
		REQUIRE(ioctl(v->fd, KVM_RUN, 0) < 0);
		REQUIRE_EQ(errno, EINTR);
		REQUIRE_EQ(v->run->exit_reason, KVM_EXIT_INTR);
		REQUIRE(!sigwait(&set, &sig));
	}
}

/* With RFLAGS.IF clear an interrupt waits, and HLT goes on; an NMI ends it. */
static volatile unsigned int woken;

static void guest_deaf(void)
{
	apic_enable();
	guest_sync(1);
	cli();
	asm volatile("hlt" : : : "memory");
	woken++;
	GUEST_EQ(hits, 1);		/* the NMI */
	sti();
	asm volatile("nop; nop");
	GUEST_EQ(hits, 2);
	guest_done();
}

static void *poke_deaf(void *arg)
{
	struct vcpu *v = arg;

	usleep(20000);
	msi_send(v->vm, 0, VEC);
	usleep(20000);
	REQUIRE_EQ(woken, 0);
	msi_send(v->vm, 0, MSI_NMI);
	return NULL;
}

static void deaf(void)
{
	static const long limit[] = { 0, LONG_NS };
	struct vcpu *v;
	unsigned int i;
	pthread_t t;

	for (i = 0; i < 2; i++) {
		v = start(guest_deaf, limit[i]);
		expect_sync(v, 1);
		woken = 0;
		REQUIRE(!pthread_create(&t, NULL, poke_deaf, v));
		expect_done(v);
		pthread_join(t, NULL);
		vm_destroy(v->vm, v);
	}
}

static void arguments(void)
{
	struct vm *vm = vm_create(0);
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_HALT_POLL, .args = { 1ull << 32 },
	};

	must_fail(vm->fd, KVM_ENABLE_CAP, &cap, EINVAL);
	cap.args[0] = 1;
	cap.flags = 1;
	must_fail(vm->fd, KVM_ENABLE_CAP, &cap, EINVAL);
	cap.flags = 0;
	must(vm->fd, KVM_ENABLE_CAP, &cap);
	/* At any time. */
	vcpu_create(vm, 0);
	cap.args[0] = ~0u;
	must(vm->fd, KVM_ENABLE_CAP, &cap);
	cap.args[0] = 0;
	must(vm->fd, KVM_ENABLE_CAP, &cap);
}

static const struct test tests[] = {
	{ "KVM_CAP_HALT_POLL: arguments, at any time", arguments },
	{ "short halts are waited out awake, after some", learned },
	{ "not where user space says no, nor longer than it says", forbidden },
	{ "not where another task wants the CPU", polite },
	{ "an MSI and an NMI end a halt at any time", ends },
	{ "a signal ends a halt at any time", signals },
	{ "with interrupts off an NMI ends it, and an interrupt does not",
	  deaf },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 20);
}
