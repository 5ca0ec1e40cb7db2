// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a machine of several vCPUs stays right when everything happens at
 * once: interrupts between all of them, threads that move, host CPUs that go
 * and come, ioctls that set state while it runs.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "apic.h"
#include "pace.h"
#include "tap.h"
#include "threads.h"

static volatile bool stop;

/*
 * Each vCPU interrupts all others, at times by the shorthand and at times one
 * by one, and goes on when each of them has answered by its count. So none may
 * be lost, and none may come twice. It waits asleep in every other round.
 */
#define VCPUS		4
#define VEC_STORM	0x40		/* and the sender's id */
#define VEC_TICK	0x50

static volatile uint64_t sent[VCPUS], rounds[VCPUS], ticks[VCPUS];
static volatile uint64_t taken[VCPUS][VCPUS];	/* by the receiver */
static volatile uint64_t wrong[VCPUS], finished, nmis[VCPUS], nmis_sent[VCPUS];
static uint32_t tick_ns;

static void guest_storm_trap(struct trap *t)
{
	unsigned int from = t->vector - VEC_STORM, me = apic_id();
	uint64_t want = sent[from];	/* goes on with the answer */

	if (++taken[me][from] != want)
		wrong[me]++;
	apic_eoi();
}

static void guest_tick(struct trap *t)
{
	ticks[apic_id()]++;
	apic_eoi();
}

static void guest_nmi(struct trap *t)
{
	nmis[apic_id()]++;
}

static bool answered(unsigned int me)
{
	unsigned int i;

	for (i = 0; i < VCPUS; i++)
		if (i != me && taken[i][me] != sent[me])
			return false;
	return true;
}

/* The answers come without an interrupt; the tick ends a sleep over them. */
static void await_answers(unsigned int me, bool asleep)
{
	while (!answered(me)) {
		if (!asleep) {
			asm volatile("pause");
			continue;
		}
		cli();
		if (!answered(me))
			safe_halt();
		sti();
	}
}

static void guest_storm(void)
{
	unsigned int me, i, n;

	apic_enable();
	me = apic_id();
	apic_write(APIC_TIMER_DCR, 0xb);
	apic_write(APIC_LVT_TIMER, VEC_TICK | APIC_PERIODIC);
	apic_write(APIC_TIMER_ICR, tick_ns);
	sti();
	__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	while (finished < VCPUS)
		asm volatile("pause");
	for (n = 0; !stop; n++) {
		sent[me]++;
		if (n % 3) {
			for (i = 0; i < VCPUS; i++)
				if (i != me)
					apic_ipi(i, VEC_STORM + me);
		} else {
			apic_write(APIC_ICR, APIC_OTHERS | (VEC_STORM + me));
		}
		if (n % 16 == 0) {
			nmis_sent[(me + 1) % VCPUS]++;
			apic_ipi((me + 1) % VCPUS, ICR_NMI);
		}
		await_answers(me, n % 2);
		rounds[me]++;
	}
	__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	while (finished < 2 * VCPUS)
		asm volatile("pause");
	if (!me)
		guest_done();
	for (;;)
		asm volatile("pause");
}

/* Runs the storm while @trouble, a thread that ends it, does its worst. */
static void storm(void *(*trouble)(void *))
{
	pthread_t threads[VCPUS] = { pthread_self() };
	struct vcpu *v;
	unsigned int i;

	if (interrupts_go_twice())
		skip("QEMU's TCG and EVENTINJ, see svm/quirk.c");
	v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	for (i = 0; i < VCPUS; i++)
		guest_handlers[VEC_STORM + i] = guest_storm_trap;
	guest_handlers[VEC_TICK] = guest_tick;
	guest_handlers[VEC_NMI] = guest_nmi;
	/* Four of them leave time for something else. */
	tick_ns = slowly(2000000);
	vcpu_start(v, guest_storm);
	for (i = 1; i < VCPUS; i++)
		threads[i] = spawn(run_thread, another(v, i, guest_storm));
	spawn(trouble, threads);
	expect_done(v);
	for (i = 0; i < VCPUS; i++) {
		note("vCPU %u: %lu rounds, %lu ticks, %lu of %lu NMIs", i,
		     rounds[i], ticks[i], nmis[i], nmis_sent[i]);
		REQUIRE_EQ(wrong[i], 0, "lost or doubled interrupts");
		REQUIRE(rounds[i] > 10 && ticks[i]);
		/* NMIs may merge: one waits, no more */
		REQUIRE(nmis[i] && nmis[i] <= nmis_sent[i]);
	}
}

static void *only_time(void *arg)
{
	sleep_ms(700);
	stop = true;
	return NULL;
}

static void storm_alone(void)
{
	storm(only_time);
}

static void *move_all(void *arg)
{
	unsigned int i, n = host_cpus();
	pthread_t *threads = arg;

	for (i = 0; i < 200; i++) {
		move(threads[i % VCPUS], i / VCPUS % n);
		sleep_ms(2);
	}
	stop = true;
	return NULL;
}

static void storm_moving(void)
{
	storm(move_all);
}

#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"

static void set_online(char digit)
{
	int fd = open(CPU1_ONLINE, O_WRONLY);

	REQUIRE(write(fd, &digit, 1) == 1, "%c: %s", digit, strerror(errno));
	close(fd);
}

static void *plug(void *arg)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		set_online('0');
		sleep_ms(20);
		set_online('1');
		sleep_ms(20);
	}
	stop = true;
	return NULL;
}

static void guest_done_at_once(void)
{
	guest_done();
}

static void storm_hotplug(void)
{
	struct vcpu *v;

	if (access(CPU1_ONLINE, W_OK))
		skip("the host has no CPU to take away");
	storm(plug);
	/* It is a CPU that guests run on, while the first VM is still there. */
	move(pthread_self(), 1);
	v = vcpu_create(vm_create(0), 0);
	vcpu_start(v, guest_done_at_once);
	expect_done(v);
}

/*
 * State is read and set again by several threads while the vCPU runs. Its
 * code may be set back at any point: the loop keeps nothing in registers that
 * an earlier pass had not.
 */
static volatile uint64_t passes;
static volatile unsigned int sets[3];

static void guest_passes(void)
{
	apic_enable();
	sti();
	asm volatile("1: lock incq passes\n\t"
		     "outb %%al, $0x99\n\t"
		     "jmp 1b" : : "a" (0) : "memory");
}

/* KVM_GET_x and KVM_SET_x of one buffer. */
#define BACK(v, what, type)						\
	do {								\
		struct type state_ = { 0 };				\
									\
		must((v)->fd, KVM_GET_##what, &state_);			\
		must((v)->fd, KVM_SET_##what, &state_);			\
	} while (0)

static void *set_vcpu(void *arg)
{
	struct vcpu *v = arg;

	while (!stop) {
		BACK(v, REGS, kvm_regs);
		BACK(v, SREGS, kvm_sregs);
		BACK(v, FPU, kvm_fpu);
		BACK(v, LAPIC, kvm_lapic_state);
		sets[0]++;
	}
	return NULL;
}

static void *set_vcpu_more(void *arg)
{
	struct vcpu *v = arg;

	while (!stop) {
		BACK(v, MP_STATE, kvm_mp_state);
		BACK(v, VCPU_EVENTS, kvm_vcpu_events);
		BACK(v, DEBUGREGS, kvm_debugregs);
		BACK(v, XCRS, kvm_xcrs);
		msr_set(v, MSR_PAT, msr_get(v, MSR_PAT));
		msr_set(v, MSR_TSC, msr_get(v, MSR_TSC));
		sets[1]++;
	}
	return NULL;
}

static void *set_vm(void *arg)
{
	struct vcpu *v = arg;
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e[1];
	} r = {
		.head.nr = 1,
		.e[0] = { .gsi = 30, .type = KVM_IRQ_ROUTING_MSI,
			  .u.msi = { .address_lo = 0xfee00000,
				     .data = 0x51 } },
	};
	struct kvm_irq_level line = { .irq = 30, .level = 1 };
	struct kvm_clock_data clock;
	void *page = mem_alloc(PAGE, PAGE);

	while (!stop) {
		slot_set(v->vm, SLOT_FREE, 0, 0xe0000000, PAGE, page);
		must(v->vm->fd, KVM_SET_GSI_ROUTING, &r);
		must(v->vm->fd, KVM_IRQ_LINE, &line);
		msi_send(v->vm, 0, 0x50);
		must(v->vm->fd, KVM_GET_CLOCK, &clock);
		clock.flags = 0;
		must(v->vm->fd, KVM_SET_CLOCK, &clock);
		slot_set(v->vm, SLOT_FREE, 0, 0xe0000000, 0, page);
		sets[2]++;
	}
	return NULL;
}

static void *stop_later(void *arg)
{
	sleep_ms(1500);
	stop = true;
	return NULL;
}

static void sets_race(void)
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	uint64_t before, exits = 0;
	pthread_t t[3];
	unsigned int i;

	guest_handlers[0x50] = guest_tick;
	guest_handlers[0x51] = guest_tick;
	vcpu_start(v, guest_passes);
	vcpu_expect(v, KVM_EXIT_IO);
	t[0] = spawn(set_vcpu, v);
	t[1] = spawn(set_vcpu_more, v);
	t[2] = spawn(set_vm, v);
	spawn(stop_later, NULL);
	while (!stop || !sets[0] || !sets[1] || !sets[2]) {
		vcpu_expect(v, KVM_EXIT_IO);
		REQUIRE_EQ(v->run->io.port, 0x99);
		exits++;
		/* the lock of the vCPU is nobody's for a moment */
		sched_yield();
	}
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	note("%llu exits, %u, %u, %u rounds of ioctls",
	     (unsigned long long)exits, sets[0], sets[1], sets[2]);
	for (i = 0; i < 100; i++) {
		before = passes;
		vcpu_expect(v, KVM_EXIT_IO);
		vcpu_expect(v, KVM_EXIT_IO);
		REQUIRE(passes > before);
	}
	REQUIRE(ticks[0], "no interrupt came");
}

/*
 * The interrupt hardware from all sides: routes, irqfds with and without
 * resampling, lines, messages of every kind and state that is set, by several
 * threads, under guests that program their chips. Whatever the guests make of
 * it, the host goes on, and a VM made meanwhile is right.
 */
#define SIDES_GSIS	32

static volatile bool sides_over;

static void guest_any(struct trap *t)
{
	apic_eoi();
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void guest_sides(void)
{
	unsigned int i, n = apic_id() * 7919 + 1, pin;

	apic_enable();
	apic_write(APIC_LVT_LINT0, APIC_EXTINT);
	for (i = 0;; i++) {
		n = n * 1103515245 + 12345;
		pin = n >> 16 & 15;
		switch (n >> 20 & 7) {
		case 0:
			ioapic_write(0x10 + 2 * pin + 1, (n >> 8 & 3) << 24);
			ioapic_write(0x10 + 2 * pin, (n & 0x8000) |
				     (n >> 12 & 0x10000) | (0x30 + pin));
			break;
		case 1:
			pic_init(0x20, n >> 8);
			break;
		case 2:
			pit_start(1200 + (n >> 8 & 0xfff));
			break;
		case 3:
			apic_write(APIC_LVT_TIMER, (n & APIC_PERIODIC) | 0x50);
			apic_write(APIC_TIMER_ICR, 300000 + (n >> 8 & 0xffff));
			break;
		case 4:
			apic_ipi(n >> 8 & 3, 0x60 + pin);
			break;
		case 5:
			apic_write(APIC_ICR, APIC_OTHERS | 0x70);
			break;
		case 6:
			outb(0x4d0, n >> 8);
			outb(0x4d1, n >> 9);
			outb(0x80, 0);	/* an exit: others' ioctls wait */
			break;
		case 7:
			apic_write(APIC_LVT_TIMER, 0x50);
			apic_write(APIC_TIMER_ICR, 300000);
			safe_halt();
			break;
		}
		sti();
	}
}

static void *run_sides(void *arg)
{
	struct kvm_mp_state mp = { KVM_MP_STATE_RUNNABLE };
	struct vcpu *v = arg;
	int r;

	while (!sides_over) {
		r = ioctl(v->fd, KVM_RUN, 0);
		if (r < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (!r && v->run->exit_reason == KVM_EXIT_IO)
			continue;
		/* INIT and the like have ended it somewhere: anew */
		vcpu_start(v, guest_sides);
		must(v->fd, KVM_SET_MP_STATE, &mp);
	}
	return NULL;
}

static void side_routes(struct vm *vm, unsigned int n)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e[SIDES_GSIS];
	} r = { .head.nr = SIDES_GSIS };
	unsigned int i;

	for (i = 0; i < SIDES_GSIS; i++) {
		r.e[i].gsi = i;
		if ((n + i) % 3 == 0 || i > 23) {
			r.e[i].type = KVM_IRQ_ROUTING_MSI;
			r.e[i].u.msi.address_lo = 0xfee00000 | i % 4 << 12;
			r.e[i].u.msi.data = 0x80 + i;
		} else {
			r.e[i].type = KVM_IRQ_ROUTING_IRQCHIP;
			r.e[i].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
			r.e[i].u.irqchip.pin = (i + n / 5) % 24;
		}
	}
	must(vm->fd, KVM_SET_GSI_ROUTING, &r);
}

static void side_irqfd(struct vm *vm, unsigned int n)
{
	struct kvm_irqfd fd = {
		.fd = eventfd(n & 1, 0), .gsi = n % SIDES_GSIS,
		.flags = n & 2 ? KVM_IRQFD_FLAG_RESAMPLE : 0,
	};

	/* at times its own resampler: the line goes up again at once */
	fd.resamplefd = n & 4 ? (int)fd.fd : eventfd(0, 0);
	must(vm->fd, KVM_IRQFD, &fd);
	eventfd_write(fd.fd, 1);
	sched_yield();
	if (n & 8) {	/* else the last descriptor's end detaches it */
		fd.flags = KVM_IRQFD_FLAG_DEASSIGN;
		must(vm->fd, KVM_IRQFD, &fd);
	}
	close(fd.fd);
	if (fd.resamplefd != fd.fd)
		close(fd.resamplefd);
}

static void side_message(struct vm *vm, unsigned int n)
{
	struct kvm_msi msi = {
		.address_lo = 0xfee00000 | (n >> 8 & 0xff) << 12 | (n & 0xc),
		.data = n >> 4 & 0xcfff,
	};

	/* INIT seldom: it takes a SIPI to go on */
	if ((msi.data & 0x700) == MSI_INIT && n % 64)
		return;
	ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

static void side_state(struct vcpu *v, unsigned int n)
{
	struct kvm_reinject_control rc = { .pit_reinject = n >> 8 & 1 };
	struct kvm_irqchip chip = { .chip_id = n % 3 };
	struct kvm_lapic_state lapic;
	struct kvm_pit_state2 pit;

	switch (n >> 4 & 3) {
	case 0:
		must(v->vm->fd, KVM_GET_IRQCHIP, &chip);
		must(v->vm->fd, KVM_SET_IRQCHIP, &chip);
		break;
	case 1:
		must(v->vm->fd, KVM_GET_PIT2, &pit);
		must(v->vm->fd, KVM_SET_PIT2, &pit);
		break;
	case 2:
		must(v->vm->fd, KVM_REINJECT_CONTROL, &rc);
		break;
	case 3:
		must(v->fd, KVM_GET_LAPIC, &lapic);
		must(v->fd, KVM_SET_LAPIC, &lapic);
		break;
	}
}

static void *side(void *arg)
{
	static unsigned int threads;
	unsigned int n = __atomic_add_fetch(&threads, 1, __ATOMIC_SEQ_CST);
	struct vcpu *v = arg;
	unsigned int i, which = n;
	struct kvm_irq_level l;

	for (i = 0; !stop; i++) {
		n = n * 1103515245 + 12345;
		switch (which + (i & 1 ? 0 : n >> 18 & 7)) {
		case 0 ... 2:
			side_routes(v->vm, n >> 8);
			break;
		case 3:
			side_irqfd(v->vm, n >> 8);
			break;
		case 4:
			side_state(v, n >> 8);
			break;
		case 5 ... 7:
			side_message(v->vm, n >> 4);
			break;
		default:
			l.irq = n >> 8 & 31;
			l.level = n >> 13 & 1;
			must(v->vm->fd, KVM_IRQ_LINE_STATUS, &l);
		}
		__atomic_add_fetch(&rounds[0], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void all_sides(void)
{
	struct vcpu *v[VCPUS], *w;
	unsigned int i;
	int status;
	pid_t pid;

	v[0] = vcpu_create(vm_create(VM_PIT), 0);
	for (i = 32; i < 256; i++)
		guest_handlers[i] = guest_any;
	guest_handlers[VEC_NMI] = guest_nmi;
	vcpu_start(v[0], guest_sides);
	for (i = 1; i < VCPUS; i++)
		v[i] = another(v[0], i, guest_sides);
	for (i = 0; i < VCPUS; i++)
		spawn(run_sides, v[i]);
	for (i = 0; i < 4; i++)
		spawn(side, v[i]);
	sleep_ms(1500);
	stop = true;
	note("%llu rounds", (unsigned long long)rounds[0]);
	REQUIRE(rounds[0] > 20);
	sides_over = true;
	/* These guests' stacks are in use: with a copy of them. */
	pid = fork();
	if (!pid) {
		w = vcpu_create(vm_create(VM_IRQCHIP), 0);
		vcpu_start(w, guest_done_at_once);
		expect_done(w);
		_exit(0);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	REQUIRE_EQ(status, 0);
}

static const struct test tests[] = {
	{ "IPIs between four vCPUs, all at once: none lost, none twice",
	  storm_alone },
	{ "the same while the threads move between CPUs", storm_moving },
	{ "the same while a host CPU goes and comes", storm_hotplug },
	{ "state is set while the vCPU runs", sets_race },
	{ "the interrupt hardware from all sides", all_sides },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 20);
}
