// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the guest's TSC counts at the rate that KVM_GET_TSC_KHZ gives, from
 * where user space puts it, the same for all vCPUs that were put together; the
 * guest's clock goes with it, and the guest is told when it stood still.
 */
#include <pthread.h>

#include "apic.h"
#include "clock.h"
#include "tap.h"

static struct time_info clocks[2];
static volatile uint64_t seen_tsc, spins;
static volatile unsigned int count[256];

static struct vcpu *start(unsigned int flags, void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(flags), 0);

	vcpu_start(v, fn);
	return v;
}

static void guest_tsc(void)
{
	for (;;) {
		seen_tsc = rdtsc();
		guest_sync(1);
	}
}

/* Rates. */
static void rates(void)
{
	struct vcpu *v = start(0, guest_tsc);
	long khz = must(v->fd, KVM_GET_TSC_KHZ, 0);
	long near = khz + khz / 10000, far = khz - khz / 1000;
	struct vcpu *w;

	if (check_extension(v->vm->kvm, KVM_CAP_TSC_CONTROL))
		skip("this CPU can scale the TSC");
	REQUIRE_EQ(check_extension(v->vm->kvm, KVM_CAP_GET_TSC_KHZ), 1);
	REQUIRE_EQ(must(v->vm->fd, KVM_GET_TSC_KHZ, 0), khz);
	/* Another machine's crystal: within 250 ppm it is the same rate. */
	must(v->fd, KVM_SET_TSC_KHZ, near);
	REQUIRE_EQ(must(v->fd, KVM_GET_TSC_KHZ, 0), near);
	must_fail(v->fd, KVM_SET_TSC_KHZ, far, EINVAL);
	must(v->fd, KVM_SET_TSC_KHZ, 0);
	REQUIRE_EQ(must(v->fd, KVM_GET_TSC_KHZ, 0), khz);
	must(v->vm->fd, KVM_SET_TSC_KHZ, near);
	w = vcpu_create(v->vm, 1);
	REQUIRE_EQ(must(w->fd, KVM_GET_TSC_KHZ, 0), near);
	if (device_is_duet()) {	/* KVM says yes, and counts otherwise */
		must_fail(v->vm->fd, KVM_SET_TSC_KHZ, far, EINVAL);
		must_fail(v->vm->fd, KVM_SET_TSC_KHZ, 2 * khz, EINVAL);
		must_fail(v->fd, KVM_SET_TSC_KHZ, 2 * khz, EINVAL);
		REQUIRE_EQ(must(v->fd, KVM_GET_TSC_KHZ, 0), khz);
	}
	must(v->vm->fd, KVM_SET_TSC_KHZ, 0);
	REQUIRE_EQ(must(v->vm->fd, KVM_GET_TSC_KHZ, 0), khz);
}

/* KVM_VCPU_TSC_OFFSET. */
static uint64_t offset_get(struct vcpu *v)
{
	uint64_t offset = 0;
	struct kvm_device_attr a = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	must(v->fd, KVM_GET_DEVICE_ATTR, &a);
	return offset;
}

static void offset_set(struct vcpu *v, uint64_t offset)
{
	struct kvm_device_attr a = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	must(v->fd, KVM_SET_DEVICE_ATTR, &a);
}

static void tsc_is_offset(struct vcpu *v)
{
	uint64_t offset = offset_get(v), before, after;

	before = rdtsc() + offset;
	expect_sync(v, 1);
	after = rdtsc() + offset;
	REQUIRE(seen_tsc - before <= after - before, "%#llx, %#llx, %#llx",
		(unsigned long long)before, (unsigned long long)seen_tsc,
		(unsigned long long)after);
}

static void offsets(void)
{
	struct vcpu *v = start(0, guest_tsc), *w = vcpu_create(v->vm, 1);
	struct kvm_device_attr a = { .group = KVM_VCPU_TSC_CTRL };
	struct kvm_clock_data clock;
	struct vcpu *late;

	REQUIRE_EQ(check_extension(v->vm->fd, KVM_CAP_VCPU_ATTRIBUTES), 1);
	must(v->fd, KVM_HAS_DEVICE_ATTR, &a);
	must_fail(v->fd, KVM_GET_DEVICE_ATTR, &a, EFAULT);
	must_fail(v->fd, KVM_SET_DEVICE_ATTR, &a, EFAULT);
	a.attr = 7;
	must_fail(v->fd, KVM_HAS_DEVICE_ATTR, &a, ENXIO);
	must_fail(v->fd, KVM_GET_DEVICE_ATTR, &a, ENXIO);
	must_fail(v->fd, KVM_SET_DEVICE_ATTR, &a, ENXIO);
	a.attr = 0;
	a.group = 7;
	must_fail(v->fd, KVM_HAS_DEVICE_ATTR, &a, ENXIO);

	REQUIRE_EQ(offset_get(v), offset_get(w), "created together");
	tsc_is_offset(v);
	offset_set(v, 0x123456789abcull);
	REQUIRE_EQ(offset_get(v), 0x123456789abcull);
	tsc_is_offset(v);
	offset_set(v, -rdtsc());	/* as after RESET */
	tsc_is_offset(v);
	REQUIRE(seen_tsc < 1ull << 40);
	/* The other one, by KVM_SET_MSRS, joins it. */
	if (device_is_duet()) {	/* KVM takes the offset of the first write */
		msr_set(w, MSR_TSC, rdtsc() + offset_get(v));
		REQUIRE_EQ(offset_get(w), offset_get(v));
	}
	/*
	 * One that comes late joins them, and stays with them when it is told
	 * what time it is.
	 */
	offset_set(v, 1ull << 44);
	offset_set(w, 1ull << 44);
	late = vcpu_create(v->vm, 2);
	REQUIRE_EQ(offset_get(late), 1ull << 44);
	if (device_is_duet()) {	/* KVM takes the 0 it starts with for the time */
		msr_set(late, MSR_TSC, msr_get(v, MSR_TSC));
		REQUIRE_EQ(offset_get(late), 1ull << 44);
	}
	offset_set(late, 5000);
	offset_set(v, 5000);
	offset_set(w, 5000);
	must(v->vm->fd, KVM_GET_CLOCK, &clock);
	if (clock.flags & KVM_CLOCK_HOST_TSC)
		REQUIRE(clock.flags & KVM_CLOCK_TSC_STABLE, "%#x", clock.flags);
}

/* A deadline is a value of the guest's TSC: it moves along. */
static void guest_taken(struct trap *t)
{
	count[t->vector]++;
	apic_eoi();
}

static void guest_deadline(void)
{
	guest_handlers[0x43] = guest_taken;
	apic_enable();
	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | 0x43);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + (1ull << 44));
	sti();
	guest_sync(1);
	while (!count[0x43])
		asm volatile("pause");
	guest_done();
}

static void deadline(void)
{
	struct vcpu *v = start(VM_IRQCHIP, guest_deadline);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);

	if (!device_is_duet())
		skip("KVM does not look at the timer again");
	cpuid_find(c, 1, 0)->ecx |= 1u << 24;
	must(v->fd, KVM_SET_CPUID2, c);
	expect_sync(v, 1);
	REQUIRE_EQ(count[0x43], 0);
	offset_set(v, offset_get(v) + (1ull << 44));
	expect_done(v);
}

/* KVM_KVMCLOCK_CTRL: once, until the guest takes it back. */
static void guest_told(void)
{
	guest_sync(1);
	wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&clocks[0] | 1);
	GUEST_EQ(clocks[0].flags & TIME_STOPPED, 0);
	guest_sync(2);
	GUEST_EQ(clocks[0].flags & TIME_STOPPED, TIME_STOPPED);
	clocks[0].flags &= ~TIME_STOPPED;
	guest_sync(3);
	GUEST_EQ(clocks[0].flags & TIME_STOPPED, 0);
	guest_done();
}

static void told(void)
{
	struct vcpu *v = start(0, guest_told);
	struct kvm_clock_data clock = { .clock = 1000000000000ull };

	REQUIRE_EQ(check_extension(v->vm->kvm, KVM_CAP_KVMCLOCK_CTRL), 1);
	expect_sync(v, 1);
	must_fail(v->fd, KVM_KVMCLOCK_CTRL, 0, EINVAL);
	expect_sync(v, 2);
	must(v->fd, KVM_KVMCLOCK_CTRL, 0);
	expect_sync(v, 3);
	must(v->vm->fd, KVM_SET_CLOCK, &clock);	/* written anew, without it */
	expect_done(v);
}

/*
 * The page of a vCPU that sleeps is brought up to date, too: Linux reads the
 * clock from the first vCPU's page on all others.
 */
static void guest_sleeps(void)
{
	wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&clocks[0] | 1);
	spins = 1;
	for (;;)
		asm volatile("cli; hlt");
}

static void *run_sleeper(void *v)
{
	vcpu_run(v);
	fail("it is awake");
	return NULL;
}

static void asleep(void)
{
	struct kvm_clock_data clock = { .clock = 1000000000000ull };
	struct vcpu *v = start(VM_IRQCHIP, guest_sleeps);
	pthread_t thread;
	unsigned int i;

	if (!device_is_duet())
		skip("KVM lets it sleep");
	pthread_create(&thread, NULL, run_sleeper, v);
	while (!spins)
		usleep(1000);
	usleep(20000);
	must(v->vm->fd, KVM_SET_CLOCK, &clock);
	for (i = 0; i < 1000 && clocks[0].ns < clock.clock; i++)
		usleep(1000);
	REQUIRE(clocks[0].ns >= clock.clock, "%llu ns",
		(unsigned long long)clocks[0].ns);
}

/* Who is not offered the clock has no such MSRs. */
static void guest_no_clock(void)
{
	uint64_t v;

	GUEST_EQ(guest_wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&clocks[0] | 1),
		 VEC_GP);
	GUEST_EQ(guest_rdmsr(MSR_SYSTEM_TIME, &v), VEC_GP);
	GUEST_EQ(guest_wrmsr(MSR_WALL_CLOCK, (uintptr_t)&clocks[0]), VEC_GP);
	guest_done();
}

static void not_offered(void)
{
	struct vcpu *v = start(0, guest_no_clock);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);

	if (!device_is_duet())
		skip("KVM asks CPUID only if told to");
	cpuid_find(c, 0x40000001, 0)->eax = 0;
	must(v->fd, KVM_SET_CPUID2, c);
	expect_done(v);
}

/* The clock goes on when the TSC jumps. */
static void guest_reads(void)
{
	wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&clocks[0] | 1);
	for (;;)
		guest_sync(clock_ns(&clocks[0]));
}

static void after_offset(void)
{
	struct vcpu *v = start(0, guest_reads);

	expect_clock(v);
	offset_set(v, offset_get(v) + (1ull << 40));
	expect_clock(v);
	offset_set(v, 77);
	expect_clock(v);
}

/* One line for all vCPUs only if all their TSCs agree. */
static void one_line(void)
{
	struct vcpu *v = start(0, guest_reads), *w = vcpu_create(v->vm, 1);
	struct kvm_clock_data clock;

	if (!device_is_duet())
		skip("KVM 6.1 does not look at a vCPU that never ran");
	expect_clock(v);
	must(v->vm->fd, KVM_GET_CLOCK, &clock);
	if (!(clock.flags & KVM_CLOCK_HOST_TSC))
		skip("the host's TSC is not good enough");
	REQUIRE(clock.flags & KVM_CLOCK_TSC_STABLE);
	REQUIRE(clocks[0].flags & TIME_STABLE);
	offset_set(w, offset_get(v) + 1000000);
	must(v->vm->fd, KVM_GET_CLOCK, &clock);
	REQUIRE(!(clock.flags & KVM_CLOCK_TSC_STABLE));
	expect_clock(v);
	REQUIRE(!(clocks[0].flags & TIME_STABLE));
	offset_set(w, offset_get(v));
	expect_clock(v);
	REQUIRE(clocks[0].flags & TIME_STABLE);
}

static const struct test tests[] = {
	{ "KVM_SET_TSC_KHZ: the host's rate, and no other", rates },
	{ "KVM_VCPU_TSC_OFFSET is what the guest sees, and can be set", offsets },
	{ "a TSC deadline moves with the offset", deadline },
	{ "KVM_KVMCLOCK_CTRL tells the guest, once", told },
	{ "the clock of a vCPU that sleeps is set as well", asleep },
	{ "who is not offered the clock has none", not_offered },
	{ "the clock goes on when the TSC is moved", after_offset },
	{ "one line for all only while all TSCs agree", one_line },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 30);
}
