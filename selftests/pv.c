// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: what is offered to guests that know their hypervisor works, and harms
 * nobody: an EOI that is a bit cleared in memory (MSR_KVM_PV_EOI_EN) is
 * offered only if nothing waits for the real one, is taken note of before
 * anything looks at the local APIC, and is state that can be saved. Steal time
 * is the time that the host's scheduler took.
 */
#include <pthread.h>
#include <sched.h>

#include "apic.h"
#include "pace.h"
#include "tap.h"
#include "threads.h"

#define MSR_PV_EOI	0x4b564d04
#define MSR_STEAL_TIME	0x4b564d03
#define FEATURE_STEAL	(1u << 5)
#define FEATURE_PV_EOI	(1u << 6)

#define X2(reg)	(0x800 + (reg) / 16)

static volatile uint32_t word __attribute__((aligned(64)));
static volatile unsigned int count[256], skipped, written, offered_inside;
static volatile bool strict;

/* The guest's whole duty: clear the bit, or else write EOI. */
static bool clear_bit(volatile uint32_t *w)
{
	bool was;

	asm volatile("btrl $0, %0; setc %1" : "+m" (*w), "=r" (was) : : "cc");
	return was;
}

static void end(void)
{
	if (clear_bit(&word)) {
		skipped++;
		return;
	}
	written++;
	apic_eoi();
}

static void guest_taken(struct trap *t)
{
	count[t->vector]++;
	end();
}

static uint32_t features(struct vcpu *v)
{
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x40000001, 0);

	return e ? e->eax : 0;
}

static struct vcpu *start(void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	unsigned int i;

	if (!(features(v) & FEATURE_PV_EOI))
		fail("PV EOI is not offered");
	strict = device_is_duet();
	for (i = 32; i < 256; i++)
		guest_handlers[i] = guest_taken;
	vcpu_start(v, fn);
	return v;
}

static void window(void)
{
	asm volatile("sti; nop; nop; nop; cli" : : : "memory");
}

static void guest_skips(void)
{
	unsigned int i;

	apic_enable();
	wrmsr(MSR_PV_EOI, (uintptr_t)&word | 1);
	for (i = 0; i < 50; i++) {
		apic_self_ipi(0x41);
		window();
		GUEST_EQ(count[0x41], i + 1);
	}
	/* KVM may leave out the first */
	GUEST_REQUIRE(skipped >= (strict ? 50 : 49));
	GUEST_EQ(apic_bit(APIC_ISR, 0x41), 0);
	GUEST_EQ(apic_read(APIC_PPR), 0);
	/* A lower one after it, with no exit of the handler's in between. */
	apic_self_ipi(0x61);
	window();
	apic_self_ipi(0x31);
	window();
	GUEST_EQ(count[0x31], 1);
	GUEST_EQ(word, 0);
	/* Off. */
	wrmsr(MSR_PV_EOI, 0);
	written = 0;
	apic_self_ipi(0x41);
	window();
	GUEST_EQ(written, 1);
	GUEST_EQ(apic_bit(APIC_ISR, 0x41), 0);
	guest_done();
}

static void skips(void)
{
	expect_done(start(guest_skips));
}

/* Both ends in x2APIC mode, where EOI and TPR are MSRs of the fast path. */
static void guest_x2(struct trap *t)
{
	count[t->vector]++;
	if (t->vector == 0x51) {
		if (!clear_bit(&word))
			wrmsr(X2(APIC_EOI), 0);
		wrmsr(X2(APIC_TPR), 0x20);
		GUEST_EQ(rdmsr(X2(APIC_PPR)), 0x20);
		wrmsr(X2(APIC_TPR), 0);
		return;
	}
	if (!clear_bit(&word))
		wrmsr(X2(APIC_EOI), 0);
}

static void guest_x2apic(void)
{
	guest_handlers[0x51] = guest_handlers[0x31] = guest_x2;
	guest_handlers[0x61] = guest_x2;
	apic_enable();
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	wrmsr(MSR_PV_EOI, (uintptr_t)&word | 1);
	wrmsr(0x83f, 0x51);
	window();
	GUEST_EQ(count[0x51], 1);
	wrmsr(0x83f, 0x31);
	window();
	GUEST_EQ(count[0x31], 1);
	wrmsr(0x83f, 0x51);
	window();
	GUEST_EQ(count[0x51], 2);
	GUEST_EQ(rdmsr(X2(APIC_PPR)), 0);
	/* A lower one after it, with no exit of the handler's in between. */
	wrmsr(0x83f, 0x61);
	window();
	GUEST_EQ(count[0x61], 1);
	wrmsr(0x83f, 0x31);
	window();
	GUEST_EQ(count[0x31], 2);
	guest_done();
}

static void x2apic(void)
{
	expect_done(start(guest_x2apic));
}

/* Who waits behind the one in service needs the real EOI. */
static void guest_waits(void)
{
	apic_enable();
	wrmsr(MSR_PV_EOI, (uintptr_t)&word | 1);
	apic_self_ipi(0x41);
	apic_self_ipi(0x61);
	asm volatile("sti; nop; nop; nop; nop; nop; cli" : : : "memory");
	GUEST_EQ(count[0x41] + count[0x61], 2);
	GUEST_REQUIRE(written >= 1);	/* 0x61's */
	if (strict)
		GUEST_EQ(skipped, 1);	/* 0x41's */
	guest_done();
}

static void waits(void)
{
	expect_done(start(guest_waits));
}

/* One that comes in the handler: a higher one nests, a lower one waits. */
static void guest_nesting(struct trap *t)
{
	count[t->vector]++;
	if (t->vector == 0x51) {
		apic_self_ipi(0x61);
		window();
		GUEST_EQ(count[0x61], 1);
		GUEST_EQ(apic_bit(APIC_ISR, 0x61), 0);
		GUEST_EQ(apic_bit(APIC_ISR, 0x51), 1);
		apic_self_ipi(0x41);
		window();
		GUEST_EQ(count[0x41], 0);
	}
	end();
}

static void guest_nests(void)
{
	guest_handlers[0x51] = guest_nesting;
	apic_enable();
	wrmsr(MSR_PV_EOI, (uintptr_t)&word | 1);
	apic_self_ipi(0x51);
	asm volatile("sti; nop; nop; nop; nop; nop; cli" : : : "memory");
	GUEST_EQ(count[0x51], 1);
	GUEST_EQ(count[0x61], 1);
	GUEST_EQ(count[0x41], 1);
	guest_done();
}

static void nests(void)
{
	expect_done(start(guest_nests));
}

/* Level-triggered ones: the IOAPIC has to hear of it. */
static void guest_served(struct trap *t)
{
	if (++count[t->vector] == 2)
		guest_sync(2);	/* the line falls */
	end();
}

static void guest_level(void)
{
	guest_handlers[0x4a] = guest_served;
	apic_enable();
	pic_init(0x20, 0xffff);
	wrmsr(MSR_PV_EOI, (uintptr_t)&word | 1);
	ioapic_route(10, 0x4a | 1u << 15);
	guest_sync(1);
	asm volatile("sti; nop; nop; nop; nop; nop; cli" : : : "memory");
	GUEST_EQ(count[0x4a], 2);
	GUEST_EQ(skipped, 0);
	GUEST_EQ(ioapic_read(0x10 + 2 * 10) >> 14 & 1, 0);
	guest_done();
}

static void level(void)
{
	struct vcpu *v = start(guest_level);
	struct kvm_irq_level l = { .irq = 10, .level = 1 };

	expect_sync(v, 1);
	must(v->vm->fd, KVM_IRQ_LINE, &l);
	expect_sync(v, 2);
	l.level = 0;
	must(v->vm->fd, KVM_IRQ_LINE, &l);
	expect_done(v);
}

/*
 * The bit is offered to one that nests in a level-triggered one; the real EOI
 * that follows is the latter's, and the IOAPIC hears of it at once.
 */
#define ROUNDS	20

static volatile bool wide;
static volatile unsigned int still;

static void write_eoi(void)
{
	if (wide)
		wrmsr(X2(APIC_EOI), 0);
	else
		apic_eoi();
}

static void guest_inner(struct trap *t)
{
	count[t->vector]++;
	if (clear_bit(&word))
		skipped++;
	else
		write_eoi();
}

/* Pin 10's, by the plainest of instructions. */
static uint32_t quick_rte(void)
{
	uint32_t v;

	asm volatile("movl %1, (%2); movl 16(%2), %0"
		     : "=r" (v) : "r" (0x10 + 2 * 10), "r" (IOAPIC_BASE)
		     : "memory");
	return v;
}

static void guest_outer(struct trap *t)
{
	count[t->vector]++;
	guest_sync(2);	/* the line falls */
	sti();
	if (wide)
		wrmsr(0x83f, 0x61);
	else
		apic_self_ipi(0x61);
	asm volatile("nop; nop");
	cli();
	if (!clear_bit(&word))
		write_eoi();
	still += quick_rte() >> 14 & 1;
}

static void guest_level_nests(void)
{
	unsigned int i;

	guest_handlers[0x4a] = guest_outer;
	guest_handlers[0x61] = guest_inner;
	apic_enable();
	pic_init(0x20, 0xffff);
	wrmsr(MSR_PV_EOI, (uintptr_t)&word | 1);
	ioapic_route(10, 0x4a | 1u << 15);
	for (i = 1; i <= ROUNDS; i++) {
		if (i == ROUNDS / 2) {
			wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
			wide = true;
		}
		guest_sync(1);
		window();
		GUEST_EQ(count[0x4a], i);
		GUEST_EQ(count[0x61], i);
	}
	GUEST_EQ(still, 0);
	GUEST_REQUIRE(!strict || skipped >= ROUNDS / 2);
	guest_done();
}

static void level_nests(void)
{
	struct vcpu *v = start(guest_level_nests);
	struct kvm_irq_level l = { .irq = 10 };
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		expect_sync(v, 1);
		l.level = 1;
		must(v->vm->fd, KVM_IRQ_LINE, &l);
		expect_sync(v, 2);
		l.level = 0;
		must(v->vm->fd, KVM_IRQ_LINE, &l);
	}
	expect_done(v);
}

/* An exit in the handler: user space sees no bit, and the whole ISR. */
static void guest_leaving(struct trap *t)
{
	count[t->vector]++;
	guest_sync(2);
	offered_inside = word & 1;
	end();
}

static void guest_leaves(void)
{
	guest_handlers[0x41] = guest_leaving;
	apic_enable();
	wrmsr(MSR_PV_EOI, (uintptr_t)&word | 1);
	guest_sync(1);
	apic_self_ipi(0x41);
	window();
	guest_sync(3);
	GUEST_EQ(apic_bit(APIC_ISR, 0x41), 0);
	guest_done();
}

static void leaves(void)
{
	struct vcpu *v = start(guest_leaves);

	expect_sync(v, 1);
	REQUIRE_EQ(msr_get(v, MSR_PV_EOI), (uintptr_t)&word | 1);
	expect_sync(v, 2);
	REQUIRE_EQ(word, 0);
	REQUIRE_EQ(lapic_get(v, APIC_ISR + 0x20), 2);
	expect_sync(v, 3);
	if (strict)	/* KVM waits for the next interrupt */
		REQUIRE_EQ(offered_inside, 1);
	REQUIRE_EQ(lapic_get(v, APIC_ISR + 0x20), 0);
	expect_done(v);
}

/* The page goes away under it. */
#define FAR_GPA	0x10000000ul

static void guest_far(struct trap *t)
{
	count[t->vector]++;
	if (count[0x41] == 1) {
		guest_sync(1);
		apic_eoi();
	} else if (count[0x41] == 2) {
		apic_eoi();
	} else if (!clear_bit((volatile uint32_t *)FAR_GPA)) {
		apic_eoi();
	} else {
		skipped++;
	}
}

static void guest_lost(void)
{
	guest_handlers[0x41] = guest_far;
	apic_enable();
	wrmsr(MSR_PV_EOI, FAR_GPA | 1);
	apic_self_ipi(0x41);
	window();
	apic_self_ipi(0x41);
	window();
	GUEST_EQ(count[0x41], 2);
	guest_sync(2);
	apic_self_ipi(0x41);
	window();
	GUEST_EQ(count[0x41], 3);
	if (strict)	/* KVM does not look for it again */
		GUEST_EQ(skipped, 1);
	GUEST_EQ(apic_bit(APIC_ISR, 0x41), 0);
	guest_done();
}

static void lost(void)
{
	struct vcpu *v = start(guest_lost);
	void *page = mem_alloc(PAGE, PAGE);

	slot_set(v->vm, SLOT_FREE, 0, FAR_GPA, PAGE, page);
	*(volatile char *)page = 0;
	expect_sync(v, 1);
	slot_set(v->vm, SLOT_FREE, 0, FAR_GPA, 0, page);
	expect_sync(v, 2);
	slot_set(v->vm, SLOT_FREE, 0, FAR_GPA, PAGE, page);
	expect_done(v);
}

/*
 * It goes while the bit is set in it. The EOI that the guest writes is then the
 * only one: what is in service below stays so.
 */
static volatile bool page_wanted, page_gone;

static void guest_below(struct trap *t)
{
	count[t->vector]++;
	apic_self_ipi(0x61);
	window();
	GUEST_EQ(count[0x61], 1);
	GUEST_EQ(apic_bit(APIC_ISR, 0x61), 0);
	GUEST_EQ(apic_bit(APIC_ISR, 0x51), 1);
	apic_eoi();
	GUEST_EQ(apic_bit(APIC_ISR, 0x51), 0);
}

static void guest_above(struct trap *t)
{
	count[t->vector]++;
	sti();
	page_wanted = true;
	while (!page_gone)
		asm volatile("pause");
	cli();
	apic_eoi();
}

static void guest_lost_inside(void)
{
	guest_handlers[0x51] = guest_below;
	guest_handlers[0x61] = guest_above;
	apic_enable();
	wrmsr(MSR_PV_EOI, FAR_GPA | 1);
	apic_self_ipi(0x51);
	window();
	GUEST_EQ(count[0x51], 1);
	guest_done();
}

static void *take_page(void *v)
{
	while (!page_wanted)
		usleep(1000);
	slot_set(((struct vcpu *)v)->vm, SLOT_FREE, 0, FAR_GPA, 0, NULL);
	page_gone = true;
	return NULL;
}

static void lost_inside(void)
{
	struct vcpu *v = start(guest_lost_inside);
	void *page = mem_alloc(PAGE, PAGE);
	pthread_t thread;

	if (!strict)
		skip("KVM ends an interrupt more");
	slot_set(v->vm, SLOT_FREE, 0, FAR_GPA, PAGE, page);
	*(volatile char *)page = 0;
	thread = spawn(take_page, v);
	if (host_cpus() > 1) {	/* it comes while the guest runs */
		move(pthread_self(), 0);
		move(thread, 1);
	}
	expect_done(v);
	pthread_join(thread, NULL);
}

/* The register. */
static void guest_register(void)
{
	uint64_t v;

	GUEST_EQ(guest_rdmsr(MSR_PV_EOI, &v), -1);
	GUEST_EQ(v, 0);
	GUEST_EQ(guest_wrmsr(MSR_PV_EOI, 0x1003), VEC_GP);
	GUEST_EQ(guest_wrmsr(MSR_PV_EOI, 1ull << 45 | 1), VEC_GP);
	GUEST_EQ(guest_wrmsr(MSR_PV_EOI, 0x1001), -1);
	guest_done();
}

static void guest_nothing(void)
{
	uint64_t v;

	GUEST_EQ(guest_wrmsr(MSR_PV_EOI, 0x1001), VEC_GP);
	GUEST_EQ(guest_rdmsr(MSR_PV_EOI, &v), VEC_GP);
	guest_done();
}

static void state(void)
{
	struct vcpu *v = start(guest_register), *w = vcpu_create(v->vm, 1);
	struct kvm_mp_state mp = { KVM_MP_STATE_RUNNABLE };
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);

	expect_done(v);
	REQUIRE_EQ(msr_get(v, MSR_PV_EOI), 0x1001);
	msr_set(w, MSR_PV_EOI, 0x2001);
	REQUIRE_EQ(msr_try_set(w, MSR_PV_EOI, 0x2003), 0);
	REQUIRE_EQ(msr_get(w, MSR_PV_EOI), 0x2001);
	if (!strict)	/* asks CPUID only if told to; takes INIT with KVM_RUN */
		return;
	/* INIT switches it off. */
	must(w->fd, KVM_SET_MP_STATE, &mp);
	msi_send(v->vm, 1 << 12, MSI_INIT);
	must(w->fd, KVM_GET_MP_STATE, &mp);
	REQUIRE_EQ(mp.mp_state, KVM_MP_STATE_INIT_RECEIVED);
	REQUIRE_EQ(msr_get(w, MSR_PV_EOI), 0);

	v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	cpuid_find(c, 0x40000001, 0)->eax &= ~FEATURE_PV_EOI;
	must(v->fd, KVM_SET_CPUID2, c);
	vcpu_start(v, guest_nothing);
	expect_done(v);
}

/* Steal time: what the thread waits for its CPU, and not what it sleeps. */
static volatile struct {
	uint64_t steal;
	uint32_t version, flags;
	uint8_t preempted, pad[47];
} stolen __attribute__((aligned(64)));

static volatile uint64_t want;
static volatile bool stop;

static uint64_t steal_read(void)
{
	uint32_t version;
	uint64_t steal;

	do {
		version = stolen.version;
		steal = stolen.steal;
		asm volatile("lfence" : : : "memory");
	} while ((version & 1) || version != stolen.version);
	return steal;
}

static void guest_stolen(void)
{
	GUEST_EQ(guest_wrmsr(MSR_STEAL_TIME, (uintptr_t)&stolen | 3), VEC_GP);
	stolen.version = 7;		/* junk: odd */
	wrmsr(MSR_STEAL_TIME, (uintptr_t)&stolen | 1);
	while (!want)
		asm volatile("pause");
	while (steal_read() < want)
		asm volatile("pause");
	guest_done();
}

static void *hog(void *v)
{
	while (!stop)
		asm volatile("pause");
	return NULL;
}

/* The scheduler's own figure for this thread, ns. */
static unsigned long long waited(void)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "r");
	unsigned long long run, wait = 0;

	if (!f || fscanf(f, "%llu %llu", &run, &wait) != 2)
		skip("no schedstat");
	fclose(f);
	return wait;
}

static void steals(void)
{
	unsigned long long before;
	struct vcpu *v = start(guest_stolen), *w = vcpu_create(v->vm, 1);
	struct kvm_mp_state mp = { KVM_MP_STATE_RUNNABLE };
	cpu_set_t one;
	pthread_t thread;

	if (!(features(v) & FEATURE_STEAL))
		fail("steal time is not offered");
	vcpu_open(v);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	pthread_create(&thread, NULL, hog, NULL);
	want = 20000000;	/* ns */
	/* KVM takes what was before the first KVM_RUN for stolen, too. */
	before = strict ? waited() : 0;
	expect_done(v);
	before = waited() - before;
	stop = true;
	pthread_join(thread, NULL);
	note("%llu us stolen", (unsigned long long)stolen.steal / 1000);
	REQUIRE(!(stolen.version & 1));
	REQUIRE_EQ(stolen.flags, 0);
	REQUIRE(stolen.steal <= before, "%llu, %llu",
		(unsigned long long)stolen.steal, before);
	REQUIRE_EQ(msr_get(v, MSR_STEAL_TIME), (uintptr_t)&stolen | 1);
	REQUIRE_EQ(msr_try_set(v, MSR_STEAL_TIME, 0x1021), 0);
	msr_set(v, MSR_STEAL_TIME, 0);
	if (!strict)
		return;
	msr_set(w, MSR_STEAL_TIME, 0x1001);
	must(w->fd, KVM_SET_MP_STATE, &mp);
	msi_send(v->vm, 1 << 12, MSI_INIT);
	must(w->fd, KVM_GET_MP_STATE, &mp);
	REQUIRE_EQ(msr_get(w, MSR_STEAL_TIME), 0);
}

/* The PIT waits for the EOI of each of its ticks. */
static uint16_t pit_count;

static void guest_pit(void)
{
	apic_enable();
	pic_init(0x20, 0xffff);
	apic_write(APIC_LVT_LINT0, APIC_MASKED);
	wrmsr(MSR_PV_EOI, (uintptr_t)&word | 1);
	ioapic_route(0, 0x50);
	pit_start(pit_count);
	while (count[0x50] < 10)
		asm volatile("sti; hlt; cli" : : : "memory");
	GUEST_EQ(skipped, 0);
	GUEST_EQ(written, count[0x50]);
	guest_done();
}

static void pit(void)
{
	struct vcpu *v = vcpu_create(vm_create(VM_PIT), 0);

	guest_handlers[0x50] = guest_taken;
	pit_count = slowly(2000);
	vcpu_start(v, guest_pit);
	expect_done(v);
}

static const struct test tests[] = {
	{ "PV EOI: every one of 50 is skipped, and off is off", skips },
	{ "PV EOI in x2APIC mode; TPR moves while one is due", x2apic },
	{ "PV EOI is not offered when another one waits", waits },
	{ "PV EOI and interrupts in the handler", nests },
	{ "PV EOI is not for level-triggered interrupts", level },
	{ "PV EOI in a level-triggered one, which ends by the register",
	  level_nests },
	{ "PV EOI: an exit in the handler takes the offer back", leaves },
	{ "PV EOI: its page is deleted", lost },
	{ "PV EOI: its page is deleted while the bit is set", lost_inside },
	{ "PV EOI: the register, INIT, CPUID", state },
	{ "steal time grows while another thread has the CPU", steals },
	{ "PV EOI is not for the PIT's ticks", pit },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
