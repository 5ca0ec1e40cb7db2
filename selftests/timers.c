// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a timer's tick is never early, none is lost while the guest takes them
 * in time, and they do not drift: the n-th comes n periods after the first,
 * whatever happened to those before it. Local APIC (one-shot, periodic,
 * TSC deadline) and PIT, whose missed ticks are made up for if user space
 * wants it; each over a second or two of the guest's time.
 */
#include "apic.h"
#include "pace.h"
#include "tap.h"

#define TICKS	400
#define DIV1	0xb

static volatile uint64_t per_ms;	/* TSC */
/* A slow kernel's millisecond (pace.h), by the TSC and by the APIC's timer. */
static volatile uint64_t slow_ms;
static volatile uint32_t apic_ms;
static volatile unsigned int ticks, early;
static volatile uint64_t armed, period, latest, nearest, last;

static void guest_tick(struct trap *t)
{
	uint64_t now = rdtsc(), due = armed + (ticks + 1) * period;

	/* A period is rounded to a nanosecond; a thousandth forgives that. */
	if (now + period / 1000 < due)
		early++;
	else if (now - due > latest && now > due)
		latest = now - due;
	if (now - due < nearest)
		nearest = now - due;
	last = now;
	ticks++;
	apic_eoi();
}

static struct vcpu *start(unsigned int flags, void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(flags), 0);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	long khz = must(v->fd, KVM_GET_TSC_KHZ, 0);

	REQUIRE(khz > 0);
	per_ms = khz;
	slow_ms = slowly(khz);
	apic_ms = slowly(1000000);
	cpuid_find(c, 1, 0)->ecx |= 1u << 24;
	must(v->fd, KVM_SET_CPUID2, c);
	free(c);
	guest_handlers[0x40] = guest_tick;
	vcpu_start(v, fn);
	return v;
}

static void wait_ticks(unsigned int n)
{
	cli();
	while (ticks < n) {
		safe_halt();
		cli();
	}
}

static unsigned long long us(uint64_t cycles)
{
	return cycles * 1000 / per_ms;
}

static void report(const char *what)
{
	note("%s: %u ticks, the latest %llu us after its time", what, ticks,
	     us(latest));
}

static void start_periodic(void)
{
	apic_enable();
	apic_write(APIC_TIMER_DCR, DIV1);
	apic_write(APIC_LVT_TIMER, APIC_PERIODIC | 0x40);
	period = 4 * slow_ms;
	armed = rdtsc();
	apic_write(APIC_TIMER_ICR, 4 * apic_ms);
}

/* Periodic. Half of them are taken in a guest that user space leaves alone. */
static void guest_periodic(void)
{
	start_periodic();
	wait_ticks(TICKS / 2);
	guest_sync(1);
	wait_ticks(TICKS);
	apic_write(APIC_TIMER_ICR, 0);
	guest_done();
}

static void periodic(void)
{
	struct vcpu *v = start(VM_IRQCHIP, guest_periodic);

	expect_sync(v, 1);
	expect_done(v);
	report("periodic");
	REQUIRE_EQ(early, 0);
	REQUIRE_EQ(ticks, TICKS);
	/* As many periods as ticks: none was lost, and no drift. */
	REQUIRE(last - armed < (TICKS + 1) * period, "%llu us for %u",
		us(last - armed), TICKS);
}

/* A guest that is away for some periods: the phase stays. */
static void guest_away(void)
{
	uint64_t until;

	start_periodic();
	wait_ticks(10);
	/* interrupts are off: one tick waits, the others merge with it */
	until = armed + 30 * period + period / 2;
	while (rdtsc() < until)
		asm volatile("pause");
	ticks = 29;
	wait_ticks(31);			/* the one that waited, the next one */
	GUEST_REQUIRE(last - armed >= 31 * period - period / 1000);
	wait_ticks(90);
	nearest = period;
	wait_ticks(100);
	guest_done();
}

static void away(void)
{
	struct vcpu *v = start(VM_IRQCHIP, guest_away);

	expect_done(v);
	report("periodic, once away");
	REQUIRE_EQ(early, 0);
	REQUIRE(last - armed < 101 * period, "%llu us", us(last - armed));
	note("the nearest %llu us after its time", us(nearest));
	REQUIRE(nearest < period / 8);
}

/* One-shot, armed again by the handler: each is late, none early. */
static void guest_rearm(struct trap *t)
{
	guest_tick(t);
	armed = rdtsc() - ticks * period;
	apic_write(APIC_TIMER_ICR, 2 * apic_ms);
}

static void guest_oneshot(void)
{
	guest_handlers[0x40] = guest_rearm;
	apic_enable();
	apic_write(APIC_TIMER_DCR, DIV1);
	apic_write(APIC_LVT_TIMER, 0x40);
	period = 2 * slow_ms;
	armed = rdtsc();
	apic_write(APIC_TIMER_ICR, 2 * apic_ms);
	wait_ticks(TICKS);
	guest_done();
}

static void oneshot(void)
{
	struct vcpu *v = start(VM_IRQCHIP, guest_oneshot);
	uint64_t begin = rdtsc();

	expect_done(v);
	report("one-shot");
	REQUIRE_EQ(early, 0);
	begin = rdtsc() - begin;
	REQUIRE(begin >= TICKS * period - period / 10, "%llu us", us(begin));
}

/* TSC deadline: the guest's own raster, which cannot drift. */
static void guest_next(struct trap *t)
{
	guest_tick(t);
	if (ticks < TICKS)
		wrmsr(MSR_TSC_DEADLINE, armed + (ticks + 1) * period);
}

static void guest_deadline(void)
{
	guest_handlers[0x40] = guest_next;
	apic_enable();
	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | 0x40);
	period = 2 * slow_ms;
	armed = rdtsc();
	wrmsr(MSR_TSC_DEADLINE, armed + period);
	wait_ticks(TICKS);
	GUEST_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	guest_done();
}

static void deadline(void)
{
	struct vcpu *v = start(VM_IRQCHIP, guest_deadline);

	if (!check_extension(v->vm->kvm, KVM_CAP_TSC_DEADLINE_TIMER))
		skip("no TSC-deadline timer");
	expect_done(v);
	report("deadline");
	REQUIRE_EQ(early, 0);
	REQUIRE_EQ(ticks, TICKS);
	REQUIRE(last - armed < (TICKS + 1) * period, "%llu us",
		us(last - armed));
}

/* PIT: channel 0 every 4 ms by the IOAPIC; the guest is deaf for 40 of them. */
#define PIT_HZ		1193182

static volatile uint16_t pit_count;
static volatile uint64_t elapsed;

static void guest_count(struct trap *t)
{
	ticks++;
	apic_eoi();
}

static void guest_pit(void)
{
	uint64_t begin, until;

	guest_handlers[0x41] = guest_count;
	apic_enable();
	pic_init(0x20, 0xffff);
	apic_write(APIC_LVT_LINT0, APIC_MASKED);
	ioapic_route(0, 0x41);
	guest_sync(1);
	pit_start(pit_count);
	begin = rdtsc();
	wait_ticks(100);
	guest_sync(2);
	until = rdtsc() + 160 * slow_ms;
	while (rdtsc() < until)
		asm volatile("pause");
	/* what is to be made up for comes as fast as it is acknowledged */
	until = rdtsc() + 100 * slow_ms;
	sti();
	while (rdtsc() < until)
		asm volatile("pause");
	cli();
	elapsed = rdtsc() - begin;
	guest_sync(3);
	wait_ticks(ticks + 100);
	elapsed = rdtsc() - begin;
	guest_done();
}

static unsigned int pit_ticks(void)
{
	return us(elapsed) * PIT_HZ / 1000000 / pit_count;
}

/* Between @few and @many less than there were periods. */
static void pit_missed(unsigned int few, unsigned int many)
{
	unsigned int due = pit_ticks();

	note("PIT: %u ticks in %u periods", ticks, due);
	REQUIRE(ticks + few <= due + 1 && ticks + many >= due, "%u, %u", ticks,
		due);
}

static void pit_by(unsigned int reinject)
{
	struct kvm_reinject_control rc = { .pit_reinject = reinject };
	struct vcpu *v = start(VM_PIT, guest_pit);

	REQUIRE(slowly(4) < 55, "its count has 16 bits");
	pit_count = slowly(4) * PIT_HZ / 1000;
	/* The command's number has no size: the pointer is all there is. */
	must_fail(v->vm->fd, KVM_REINJECT_CONTROL, 8, EFAULT);
	must_fail(v->vm->fd, KVM_REINJECT_CONTROL, 0xffff888000000000, EFAULT);
	must(v->vm->fd, KVM_REINJECT_CONTROL, &rc);
	expect_sync(v, 1);
	expect_sync(v, 2);
	expect_sync(v, 3);
	pit_missed(reinject ? 0 : 38, reinject ? 2 : 42);
	expect_done(v);
	pit_missed(reinject ? 0 : 38, reinject ? 2 : 42);
}

/*
 * The n-th comes n periods after the first. What came late is not made up for,
 * which would hide that they are: most of them come soon after their time.
 */
static volatile unsigned int soon;

static void guest_phase(struct trap *t)
{
	last = rdtsc();
	soon += (last - armed) % period < period / 4;
	ticks++;
	apic_eoi();
}

static void guest_pit_raster(void)
{
	guest_handlers[0x41] = guest_phase;
	apic_enable();
	pic_init(0x20, 0xffff);
	apic_write(APIC_LVT_LINT0, APIC_MASKED);
	ioapic_route(0, 0x41);
	armed = rdtsc();
	pit_start(pit_count);
	wait_ticks(TICKS);
	guest_done();
}

static void pit_raster(void)
{
	struct kvm_reinject_control rc = { 0 };
	struct vcpu *v = start(VM_PIT, guest_pit_raster);

	pit_count = slowly(1) * PIT_HZ / 1000;
	period = pit_count * per_ms * 1000 / PIT_HZ;
	must(v->vm->fd, KVM_REINJECT_CONTROL, &rc);
	expect_done(v);
	note("%u of %u ticks soon after their time", soon, ticks);
	REQUIRE(last - armed + period / 1000 >= TICKS * period);
	REQUIRE(soon > TICKS * 6 / 10);
}

/* With reinjection the next tick comes after the EOI of the last one. */
static volatile bool behind;

static void guest_holds(struct trap *t)
{
	uint64_t until = rdtsc() + 10 * slow_ms;

	if (++ticks == 3) {
		while (rdtsc() < until)
			asm volatile("pause");
		behind = apic_bit(APIC_IRR, 0x41);
	}
	apic_eoi();
}

static void guest_pit_waits(void)
{
	guest_handlers[0x41] = guest_holds;
	apic_enable();
	pic_init(0x20, 0xffff);
	apic_write(APIC_LVT_LINT0, APIC_MASKED);
	ioapic_route(0, 0x41);
	pit_start(pit_count);
	wait_ticks(6);
	guest_done();
}

static void pit_waits(void)
{
	struct kvm_reinject_control rc = { 0 };
	struct vcpu *v = start(VM_PIT, guest_pit_waits);

	pit_count = slowly(4) * PIT_HZ / 1000;
	expect_done(v);
	REQUIRE(!behind);
	ticks = 0;
	v = start(VM_PIT, guest_pit_waits);
	must(v->vm->fd, KVM_REINJECT_CONTROL, &rc);
	expect_done(v);
	REQUIRE(behind);
}

static void pit_reinject(void)
{
	pit_by(1);
}

static void pit_lossy(void)
{
	pit_by(0);
}

static const struct test tests[] = {
	{ "APIC, periodic: none early, none lost, no drift", periodic },
	{ "APIC, periodic: a guest that was deaf finds the same phase", away },
	{ "APIC, one-shot: none early, none lost", oneshot },
	{ "APIC, TSC deadline: none early, none lost, no drift", deadline },
	{ "PIT: missed ticks are made up for, no drift", pit_reinject },
	{ "PIT: without reinjection they are lost, and no others", pit_lossy },
	{ "PIT: none early, no drift", pit_raster },
	{ "PIT: a tick waits for the EOI of the last one, or does not",
	  pit_waits },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 60);
}
