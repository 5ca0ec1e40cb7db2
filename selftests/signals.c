// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a signal ends KVM_RUN with EINTR promptly, whatever the guest does, and
 * loses nothing of the guest; immediate_exit and KVM_SET_SIGNAL_MASK close the
 * race between a signal and the entry.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "guest.h"
#include "pace.h"
#include "tap.h"

static volatile uint64_t counter;
static volatile unsigned int caught;
static struct vcpu *vcpu;
static volatile bool open_guest;	/* vcpu_open() */

static void guest_spin(void)
{
	if (!open_guest)
		cli();
	for (;;)
		counter++;
}

static void guest_halt(void)
{
	for (;;) {
		counter++;
		safe_halt();
	}
}

static void guest_exits(void)
{
	for (;;) {
		counter++;
		outb(0x99, 0);
	}
}

static void on_signal(int sig)
{
	caught++;
}

static void on_signal_exit(int sig)
{
	caught++;
	vcpu->run->immediate_exit = 1;
}

static void handle(int sig, void (*fn)(int))
{
	struct sigaction sa = { .sa_handler = fn };

	REQUIRE(!sigaction(sig, &sa, NULL));
}

static struct vcpu *start(unsigned int flags, void (*fn)(void))
{
	vcpu = vcpu_create(vm_create(flags), 0);
	vcpu_start(vcpu, fn);
	open_guest = vcpu_open(vcpu);
	return vcpu;
}

static void immediate_exit(void)
{
	struct vcpu *v = start(0, guest_spin);
	unsigned int i;

	v->run->immediate_exit = 1;
	for (i = 0; i < 10; i++)
		REQUIRE_EQ(vcpu_run(v), -EINTR);
	REQUIRE_EQ(counter, 0, "the guest did not run");
}

static void spin(void)
{
	struct vcpu *v = start(0, guest_spin);
	uint64_t t, before;
	unsigned int i;

	if (open_guest)
		skip("this emulator's host gets no interrupt meanwhile");
	handle(SIGALRM, on_signal);
	for (i = 0; i < 5; i++) {
		before = counter;
		t = now_ms();
		alarm_ms(20, 0);
		REQUIRE_EQ(vcpu_run(v), -EINTR);
		t = now_ms() - t;
		REQUIRE_EQ(caught, i + 1);
		REQUIRE_EQ(v->run->exit_reason, KVM_EXIT_INTR);
		REQUIRE_EQ(v->run->if_flag, 0);
		REQUIRE(t < slowly(1000), "%llu ms", (unsigned long long)t);
		REQUIRE(counter > before, "the guest goes on");
	}
}

static void halted(void)
{
	struct vcpu *v = start(VM_IRQCHIP, guest_halt);
	uint64_t t = now_ms();

	handle(SIGALRM, on_signal);
	alarm_ms(20, 0);
	REQUIRE_EQ(vcpu_run(v), -EINTR);
	REQUIRE(now_ms() - t < slowly(1000));
	REQUIRE_EQ(v->run->exit_reason, KVM_EXIT_INTR);
	REQUIRE_EQ(counter, 1);
	alarm_ms(20, 0);
	REQUIRE_EQ(vcpu_run(v), -EINTR);
	REQUIRE_EQ(counter, 1, "it is still halted");
}

/* A signal that arrives before KVM_RUN: its handler sets immediate_exit. */
static void handler_sets(void)
{
	struct vcpu *v = start(0, guest_spin);

	handle(SIGUSR1, on_signal_exit);
	raise(SIGUSR1);
	REQUIRE_EQ(vcpu_run(v), -EINTR);
	REQUIRE_EQ(counter, 0);
}

struct mask {
	struct kvm_signal_mask head;
	uint8_t bits[8];
};

static void signal_mask(void)
{
	struct vcpu *v = start(0, guest_spin);
	struct mask m = { .head.len = 8 };
	sigset_t block, pending;

	handle(SIGUSR1, on_signal);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	/* Blocked outside, open inside: it ends KVM_RUN and stays pending. */
	must(v->fd, KVM_SET_SIGNAL_MASK, &m);
	raise(SIGUSR1);
	REQUIRE_EQ(caught, 0);
	REQUIRE_EQ(vcpu_run(v), -EINTR);
	REQUIRE_EQ(caught, 0);
	sigpending(&pending);
	REQUIRE(sigismember(&pending, SIGUSR1));
	REQUIRE_EQ(counter, 0);
	/* Blocked inside too: only the next one ends it. */
	m.bits[(SIGUSR1 - 1) / 8] = 1u << (SIGUSR1 - 1) % 8;
	must(v->fd, KVM_SET_SIGNAL_MASK, &m);
	handle(SIGALRM, on_signal);
	alarm_ms(20, 0);
	REQUIRE_EQ(vcpu_run(v), -EINTR);
	REQUIRE(counter > 0);
	REQUIRE_EQ(caught, 1);
	/* No mask: the thread's own counts. */
	must(v->fd, KVM_SET_SIGNAL_MASK, 0);
	alarm_ms(20, 0);
	REQUIRE_EQ(vcpu_run(v), -EINTR);
	REQUIRE_EQ(caught, 2);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	REQUIRE_EQ(caught, 3);
}

static void signal_mask_bad(void)
{
	struct vcpu *v = start(0, guest_spin);
	struct mask m = { .head.len = 8 };

	m.head.len = 4;
	must_fail(v->fd, KVM_SET_SIGNAL_MASK, &m, EINVAL);
	m.head.len = 128;
	must_fail(v->fd, KVM_SET_SIGNAL_MASK, &m, EINVAL);
	must_fail(v->fd, KVM_SET_SIGNAL_MASK, 8, EFAULT);
}

/* SIGKILL is none of those that a mask can hold back. */
static void killed_masked(void)
{
	struct mask m = { .head.len = 8 };
	struct vcpu *v;
	int status;
	pid_t pid;

	memset(m.bits, 0xff, sizeof(m.bits));
	pid = fork();
	if (!pid) {
		v = start(0, guest_spin);
		must(v->fd, KVM_SET_SIGNAL_MASK, &m);
		vcpu_run(v);
		_exit(1);
	}
	sleep_ms(50);
	REQUIRE(!kill(pid, SIGKILL));
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Many kicks by another thread; each has to end one KVM_RUN. */
static pthread_t runner;
static volatile unsigned int returned;
static volatile bool stop;

static void *kick(void *arg)
{
	unsigned int i, before;
	uint64_t t;

	for (i = 0; i < 200; i++) {
		before = returned;
		pthread_kill(runner, SIGUSR1);
		t = now_ms();
		while (returned == before) {
			sched_yield();
			if (now_ms() - t > slowly(2000)) {
				note("kick %u was lost", i);
				_exit(KSFT_FAIL);
			}
		}
	}
	stop = true;
	vcpu->run->immediate_exit = 1;
	pthread_kill(runner, SIGUSR1);
	return NULL;
}

static void kicks(void (*fn)(void), unsigned int flags)
{
	struct vcpu *v = start(flags, fn);
	pthread_t thread;
	int r;

	stop = false;
	runner = pthread_self();
	handle(SIGUSR1, on_signal_exit);
	pthread_create(&thread, NULL, kick, NULL);
	while (!stop) {
		r = vcpu_run(v);
		if (r == -EINTR) {
			v->run->immediate_exit = 0;
			returned++;
		}
	}
	pthread_join(thread, NULL);
}

static void kicks_spin(void)
{
	kicks(guest_spin, 0);
}

static void kicks_halt(void)
{
	kicks(guest_halt, VM_IRQCHIP);
}

static void kicks_exits(void)
{
	kicks(guest_exits, 0);
}

/* An I/O exit that a signal interrupts is not lost and not doubled. */
static void exits_counted(void)
{
	struct vcpu *v = start(0, guest_exits);
	uint64_t seen = 0;
	int r;

	handle(SIGALRM, on_signal);
	alarm_ms(2, 2);
	while (caught < 20) {
		r = vcpu_run(v);
		if (r == KVM_EXIT_IO) {
			REQUIRE_EQ(v->run->io.port, 0x99);
			seen++;
			REQUIRE_EQ(counter, seen);
		} else {
			REQUIRE_EQ(r, -EINTR);
		}
	}
	alarm_off();
}

static const struct test tests[] = {
	{ "immediate_exit: EINTR before the guest runs", immediate_exit },
	{ "a guest that spins with interrupts off is interrupted", spin },
	{ "a guest halted in the kernel is interrupted, and stays halted",
	  halted },
	{ "a handler's immediate_exit closes the race", handler_sets },
	{ "KVM_SET_SIGNAL_MASK is the mask inside KVM_RUN", signal_mask },
	{ "KVM_SET_SIGNAL_MASK refuses bad sizes and pointers",
	  signal_mask_bad },
	{ "200 kicks of a spinning guest", kicks_spin },
	{ "200 kicks of a halted guest", kicks_halt },
	{ "200 kicks of a guest that exits all the time", kicks_exits },
	{ "signals neither lose nor repeat an I/O exit", exits_counted },
	{ "no mask of KVM_SET_SIGNAL_MASK holds SIGKILL back", killed_masked },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
