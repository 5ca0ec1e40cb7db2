// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: VMs outlive the host's sleep, in which its processors lose SVM or VMX
 * operation. Their vCPUs go on where they were, neither TSC nor clock goes
 * back, the guest is told that it was stopped, and a timer that was armed
 * before ticks afterwards, and not early.
 *
 * A machine is put to sleep if $DUET_SUSPEND says how ("mem", "freeze" or
 * both): it has to wake up by itself, or by the alarm of its clock. Otherwise
 * the kernel only goes through the motions (/sys/power/pm_test), if it can.
 */
#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "apic.h"
#include "clock.h"
#include "pace.h"
#include "tap.h"
#include "threads.h"

#define ALARM	"/sys/class/rtc/rtc0/wakealarm"
#define PM_TEST	"/sys/power/pm_test"

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static unsigned long number_in(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned long n = 0;
	int r = f ? fscanf(f, "%lu", &n) : 0;

	REQUIRE(r == 1, "%s", path);
	fclose(f);
	return n;
}

static uint64_t time_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* How it may sleep: for real, or as a test of the kernel's that stops short. */
static void prepare(const char *state)
{
	const char *allowed = getenv("DUET_SUSPEND");

	if (allowed && strstr(allowed, state) && strcmp(state, "disk")) {
		put(PM_TEST, "none");
		put("/sys/power/mem_sleep", "deep");
		put(ALARM, "0");
		if (!put(ALARM, "+2"))
			skip("there is no clock with an alarm");
		return;
	}
	/* Idle sleep has no later point at which it can be left. */
	if (!put(PM_TEST, strcmp(state, "freeze") ? "core" : "platform"))
		skip("$DUET_SUSPEND does not have %s, and there is no %s",
		     state, PM_TEST);
	put("/sys/module/suspend/parameters/pm_test_delay", "1");
}

static void machine_sleeps(const char *state)
{
	static const char count[] = "/sys/power/suspend_stats/success";
	unsigned long before = number_in(count);
	uint64_t tsc = rdtsc();

	prepare(state);
	REQUIRE(put("/sys/power/state", state), "%s: %s", state,
		strerror(errno));
	/* sleep to disk is not counted */
	if (strcmp(state, "disk"))
		REQUIRE_EQ(number_in(count), before + 1);
	tsc = rdtsc() - tsc;
	if ((int64_t)tsc < 0)
		note("the host's TSC went back by %ld", (long)-tsc);
	put(PM_TEST, "none");
}

/* Runs a vCPU to its guest_done(); sleep is a signal to its thread. */
static void *run_to_done(void *v)
{
	int r;

	do {
		r = vcpu_run(v);
	} while (r == -EINTR);
	REQUIRE(ucall_get(v));
	return NULL;
}

/* A guest's TSC is small: one that went back is a large number. */
static bool later(uint64_t now, uint64_t then)
{
	return now - then < 1ull << 62;
}

/* One vCPU stands in user space, one spins in the guest. */
static struct time_info clocks[2];
static volatile uint64_t seen_tsc, seen_ns, spins;
static volatile bool stop;

static void guest_before_after(void)
{
	uint64_t tsc, ns;

	wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&clocks[0] | 1);
	ns = clock_ns(&clocks[0]);
	tsc = rdtsc();
	guest_sync(1);
	seen_ns = clock_ns(&clocks[0]);
	seen_tsc = rdtsc();
	GUEST_REQUIRE(later(seen_tsc, tsc));
	GUEST_REQUIRE(later(seen_ns, ns));
	GUEST_EQ(clocks[0].flags & TIME_STOPPED, TIME_STOPPED);
	guest_sync(2);
	stop = true;
	guest_done();
}

static void guest_spins(void)
{
	uint64_t tsc = 0, ns = 0, now;

	wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&clocks[1] | 1);
	while (!stop) {
		now = rdtsc();
		GUEST_REQUIRE(later(now, tsc));
		tsc = now;
		now = clock_ns(&clocks[1]);
		GUEST_REQUIRE(later(now, ns));
		ns = now;
		spins++;
	}
	GUEST_EQ(clocks[1].flags & TIME_STOPPED, TIME_STOPPED);
	guest_done();
}

/* What the VM's clock has counted is the time that went by, asleep or not. */
#define CLOCK_SLACK_NS	50000000

static void clock_counted(struct vm *vm, const struct kvm_clock_data *before,
			  uint64_t boot_ns)
{
	struct kvm_clock_data after;
	uint64_t counted;

	must(vm->fd, KVM_GET_CLOCK, &after);
	boot_ns = time_ns(CLOCK_BOOTTIME) - boot_ns;
	counted = after.clock - before->clock;
	note("%lu ms, of which the clock counted %lu", boot_ns / 1000000,
	     counted / 1000000);
	REQUIRE(counted <= boot_ns + CLOCK_SLACK_NS);
	/* KVM does not look if the TSC stood still, and did not go back. */
	if (device_is_duet())
		REQUIRE(boot_ns <= counted + CLOCK_SLACK_NS);
}

static void clock_and_tsc(const char *state)
{
	struct kvm_clock_data before, after;
	uint64_t n, boot_ns;
	struct vcpu *v, *w;
	pthread_t thread;

	v = vcpu_create(vm_create(0), 0);
	vcpu_start(v, guest_before_after);
	w = vcpu_create(v->vm, 1);
	vcpu_start(w, guest_spins);
	vcpu_open(w);
	thread = spawn(run_to_done, w);
	while (!spins)
		usleep(1000);
	expect_sync(v, 1);
	boot_ns = time_ns(CLOCK_BOOTTIME);
	must(v->vm->fd, KVM_GET_CLOCK, &before);
	machine_sleeps(state);
	clock_counted(v->vm, &before, boot_ns);
	expect_sync(v, 2);
	REQUIRE(seen_ns >= before.clock);
	must(v->vm->fd, KVM_GET_CLOCK, &after);
	REQUIRE(seen_ns <= after.clock);
	n = spins;
	while (spins == n)
		usleep(1000);
	expect_done(v);
	pthread_join(thread, NULL);
}

static void clock_to_ram(void)
{
	clock_and_tsc("mem");
}

static void clock_to_idle(void)
{
	clock_and_tsc("freeze");
}

static void clock_to_disk(void)
{
	clock_and_tsc("disk");
}

/* A vCPU for each timer; it halts until its tick. */
enum { PIT, ONE_SHOT, DEADLINE, PERIODIC, TIMERS };

#define VEC_TIMER	0x40
#define LONG_MS		600		/* what is armed once */
#define SHORT_MS	20		/* what ticks all the time */
#define SHORT_TICKS	60
#define PIT_COUNT	23864		/* 20 ms of 1193182 Hz */

static struct {
	volatile uint64_t armed, period;
	volatile unsigned int ticks, early;
} timers[TIMERS];
static volatile uint64_t per_ms;	/* TSC */
static volatile bool awake;

static void guest_tick(struct trap *t)
{
	typeof(&timers[0]) me = &timers[t->vector - VEC_TIMER];

	/* A period is rounded; a thousandth forgives that. */
	if (rdtsc() + me->period / 1000 <
	    me->armed + (me->ticks + 1) * me->period)
		me->early++;
	me->ticks++;
	apic_eoi();
}

static void wait_ticks(unsigned int me, unsigned int n)
{
	cli();
	while (timers[me].ticks < n) {
		safe_halt();
		cli();
	}
}

static void guest_once(void)
{
	unsigned int me = apic_id(), n;
	uint64_t now;

	apic_enable();
	apic_write(APIC_TIMER_DCR, 0xb);
	apic_write(APIC_LVT_TIMER, (me == DEADLINE ? APIC_DEADLINE : 0) |
		   (VEC_TIMER + me));
	timers[me].period = LONG_MS * per_ms;
	for (n = 0; n < 2; n++) {
		now = rdtsc();
		if (me == DEADLINE)
			wrmsr(MSR_TSC_DEADLINE, now + LONG_MS * per_ms);
		else
			apic_write(APIC_TIMER_ICR, LONG_MS * 1000000);
		timers[me].armed = now - n * timers[me].period;
		wait_ticks(me, n + 1);
	}
	guest_done();
}

static void guest_always(void)
{
	unsigned int me = apic_id(), n;

	apic_enable();
	if (me == PIT) {
		pic_init(0x20, 0xffff);
		apic_write(APIC_LVT_LINT0, APIC_MASKED);
		ioapic_route(0, VEC_TIMER + me);
	}
	timers[me].period = SHORT_MS * per_ms;
	timers[me].armed = rdtsc();
	if (me == PIT) {
		pit_start(PIT_COUNT);
	} else {
		apic_write(APIC_TIMER_DCR, 0xb);
		apic_write(APIC_LVT_TIMER, APIC_PERIODIC | (VEC_TIMER + me));
		apic_write(APIC_TIMER_ICR, SHORT_MS * 1000000);
	}
	while (!awake)
		wait_ticks(me, timers[me].ticks + 1);
	n = timers[me].ticks;
	wait_ticks(me, n + SHORT_TICKS);
	guest_done();
}

static struct vcpu *with_deadline(struct vcpu *v)
{
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);

	cpuid_find(c, 1, 0)->ecx |= 1u << 24;
	must(v->fd, KVM_SET_CPUID2, c);
	free(c);
	return v;
}

static void ticks(void)
{
	pthread_t threads[TIMERS];
	struct vcpu *v[TIMERS];
	unsigned int i;
	uint64_t ms;

	v[PIT] = vcpu_create(vm_create(VM_PIT), PIT);
	per_ms = must(v[PIT]->fd, KVM_GET_TSC_KHZ, 0);
	vcpu_start(v[PIT], guest_always);
	v[ONE_SHOT] = another(v[PIT], ONE_SHOT, guest_once);
	v[DEADLINE] = with_deadline(another(v[PIT], DEADLINE, guest_once));
	v[PERIODIC] = another(v[PIT], PERIODIC, guest_always);
	for (i = 0; i < TIMERS; i++) {
		guest_handlers[VEC_TIMER + i] = guest_tick;
		threads[i] = spawn(run_to_done, v[i]);
	}
	for (i = 0; i < TIMERS; i++)
		while (!timers[i].armed)
			usleep(1000);
	ms = time_ns(CLOCK_MONOTONIC) / 1000000;
	REQUIRE(!timers[ONE_SHOT].ticks && !timers[DEADLINE].ticks);
	machine_sleeps("mem");
	awake = true;
	for (i = 0; i < TIMERS; i++)
		pthread_join(threads[i], NULL);
	ms = time_ns(CLOCK_MONOTONIC) / 1000000 - ms;
	note("PIT %u ticks, periodic %u, %lu ms", timers[PIT].ticks,
	     timers[PERIODIC].ticks, ms);
	for (i = 0; i < TIMERS; i++)
		REQUIRE_EQ(timers[i].early, 0, "timer %u", i);
	/* twice the long one, or a row of short ones, and not much more */
	REQUIRE(ms < slowly(5000), "%lu ms", ms);
}

/* VMs of all ages: used after the sleep for the first time, made after it. */
static void guest_hello(void)
{
	guest_sync(1);
	guest_done();
}

static void hello(struct vcpu *v)
{
	vcpu_start(v, guest_hello);
	expect_sync(v, 1);
	expect_done(v);
}

static void ages(void)
{
	struct vm *empty = vm_create(0);
	struct vcpu *unused = vcpu_create(vm_create(0), 0);
	struct vcpu *used = vcpu_create(vm_create(0), 0), *v;

	hello(used);
	machine_sleeps("mem");
	hello(unused);
	hello(used);
	v = vcpu_create(empty, 0);
	hello(v);
	vm_destroy(empty, v);
	vm_destroy(unused->vm, unused);
	vm_destroy(used->vm, used);
	/* nobody needs virtualization while the machine sleeps */
	machine_sleeps("mem");
	hello(vcpu_create(vm_create(0), 0));
}

static const struct test tests[] = {
	{ "to RAM: vCPUs go on, TSC and clock do not go back", clock_to_ram },
	{ "to RAM: timers tick afterwards, and not early", ticks },
	{ "to RAM: VMs of all ages run afterwards", ages },
	{ "to idle: vCPUs go on, TSC and clock do not go back", clock_to_idle },
	{ "to disk: vCPUs go on, TSC and clock do not go back", clock_to_disk },
};

int main(void)
{
	if (access("/sys/power/state", F_OK))
		return tap_skip_program("a kernel that does not sleep");
	return tap_main(tests, ARRAY_SIZE(tests), 60);
}
