// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the host's NMIs are the host's. One that comes while a CPU runs a guest
 * reaches the host's handler at once (the backtrace that SysRq-L asks of every
 * CPU shows the vCPU's thread), and the guest notices nothing.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/klog.h>
#include <sys/syscall.h>
#include <time.h>

#include "apic.h"
#include "tap.h"
#include "threads.h"

#define BACKTRACES	8
#define CLEAR_LOG	5	/* SYSLOG_ACTION_CLEAR */

static volatile uint64_t passes, nmis, ticks;
static volatile bool stop;
static pid_t vcpu_tid;

static void guest_nmi(struct trap *t)
{
	nmis++;
}

static void guest_tick(struct trap *t)
{
	ticks++;
	apic_eoi();
}

/* All registers hold something, which has to be there still. */
static void guest_spins(void)
{
	uint64_t bad;

	apic_enable();
	sti();
	while (!stop) {
		asm volatile("movq $0x1111, %%rbx; movq $0x2222, %%rcx\n\t"
			     "movq $0x3333, %%rdx; movq $0x4444, %%rsi\n\t"
			     "movq $0x5555, %%rdi; movq $0x6666, %%r8\n\t"
			     "movq $0x7777, %%r15; movq $2000, %%rax\n\t"
			     "1: decq %%rax; jnz 1b\n\t"
			     "xorq $0x1111, %%rbx; xorq $0x2222, %%rcx\n\t"
			     "xorq $0x3333, %%rdx; xorq $0x4444, %%rsi\n\t"
			     "xorq $0x5555, %%rdi; xorq $0x6666, %%r8\n\t"
			     "xorq $0x7777, %%r15\n\t"
			     "orq %%rbx, %%rax; orq %%rcx, %%rax\n\t"
			     "orq %%rdx, %%rax; orq %%rsi, %%rax\n\t"
			     "orq %%rdi, %%rax; orq %%r8, %%rax\n\t"
			     "orq %%r15, %%rax"
			     : "=a" (bad) : : "rbx", "rcx", "rdx", "rsi",
			     "rdi", "r8", "r15", "cc", "memory");
		GUEST_EQ(bad, 0);
		passes++;
	}
	guest_done();
}

/* Exits all the time, and interrupts itself. */
static void guest_exits(void)
{
	apic_enable();
	sti();
	while (!stop) {
		cpuid(0, 0, (uint32_t[4]){ });
		apic_self_ipi(0x40);
		passes++;
	}
	guest_done();
}

/* --- the host's log --- */

static int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	REQUIRE(fd >= 0, "/dev/kmsg: %s", strerror(errno));
	lseek(fd, 0, SEEK_END);
	return fd;
}

/* The text of the next message; NULL if there is none. */
static char *log_line(int fd)
{
	static char buf[8192];
	ssize_t n;
	char *text;

	do {
		n = read(fd, buf, sizeof(buf) - 1);
	} while (n < 0 && (errno == EPIPE || errno == EINTR));
	if (n <= 0)
		return NULL;
	buf[n] = 0;
	text = strchr(buf, ';');
	text = text ? text + 1 : buf;
	text[strcspn(text, "\n")] = 0;
	return text;
}

static const char * const bad[] = {
	"WARNING:", "BUG:", "Oops", "cut here", "rcu:", "lockup", "UBSAN:",
	"unchecked MSR", "refcount_t:", "duet: ",
};

/* One SysRq-L; it shows CPU 1. Is it the vCPU's thread that it met there? */
static bool backtrace(int fd)
{
	bool of_cpu = false, cpu1 = false, of_thread = false;
	int trigger = open("/proc/sysrq-trigger", O_WRONLY);
	char *line, thread[40];
	unsigned int i;

	if (trigger < 0 && errno == ENOENT)
		skip("this kernel has no SysRq");
	REQUIRE(trigger >= 0, "/proc/sysrq-trigger: %s", strerror(errno));
	snprintf(thread, sizeof(thread), " PID: %d ", vcpu_tid);
	REQUIRE_EQ(write(trigger, "l", 1), 1);
	close(trigger);
	while ((line = log_line(fd))) {
		for (i = 0; i < ARRAY_SIZE(bad); i++)
			REQUIRE(!strstr(line, bad[i]), "%s", line);
		if (strstr(line, "NMI backtrace for cpu")) {
			cpu1 = strstr(line, "cpu 1");
			of_cpu |= cpu1;
		} else if (cpu1 && strstr(line, thread)) {
			of_thread = true;
		}
	}
	REQUIRE(of_cpu, "no backtrace of CPU 1");
	return of_thread;
}

static volatile unsigned int seen;

static void *ask(void *arg)
{
	struct timespec t = { .tv_nsec = 5000000 };
	int fd = log_open();
	uint64_t before;
	unsigned int i;

	move(pthread_self(), 0);
	while (!passes)
		nanosleep(&t, NULL);
	for (i = 0; i < BACKTRACES; i++) {
		before = passes;
		seen += backtrace(fd);
		while (passes == before)	/* it goes on */
			nanosleep(&t, NULL);
	}
	close(fd);
	/* what it says of call traces was asked for, and read above */
	klogctl(CLEAR_LOG, NULL, 0);
	stop = true;
	return NULL;
}

static void backtraces(void (*fn)(void))
{
	struct vcpu *v;
	pthread_t t;

	if (host_cpus() < 2)
		skip("the host has one CPU");
	move(pthread_self(), 1);
	vcpu_tid = syscall(SYS_gettid);
	v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	guest_handlers[VEC_NMI] = guest_nmi;
	guest_handlers[0x40] = guest_tick;
	vcpu_start(v, fn);
	t = spawn(ask, v);
	expect_done(v);
	pthread_join(t, NULL);
	/* now and then another thread has the CPU */
	note("%u of %u of the vCPU's thread", seen, BACKTRACES);
	REQUIRE(seen > BACKTRACES / 2);
	REQUIRE_EQ(nmis, 0, "the guest took the host's NMI");
}

static void spinning(void)
{
	backtraces(guest_spins);
}

static void exiting(void)
{
	backtraces(guest_exits);
	REQUIRE(ticks);
}

/* Both kinds at once: the guest's own NMIs come, each of them once. */
static volatile uint64_t sent;

static void guest_own_nmis(void)
{
	apic_enable();
	sti();
	while (!stop) {
		sent++;
		apic_ipi(0, ICR_NMI);
		while (nmis != sent)
			asm volatile("pause");
		passes++;
	}
	nmis -= sent;
	guest_done();
}

static void own_nmis(void)
{
	backtraces(guest_own_nmis);
	REQUIRE(sent > BACKTRACES);
}

static const struct test tests[] = {
	{ "NMIs while the guest computes", spinning },
	{ "NMIs while the guest exits and is interrupted", exiting },
	{ "the host's NMIs and the guest's own at the same time", own_nmis },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 60);
}
