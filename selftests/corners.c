// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: what happens between two things happens in their order: a trap that is
 * due at a HLT, registers that user space changes under an access it has to
 * answer, an interrupt queued for a guest that takes none, a descriptor table
 * that another thread replaces while the guest runs, vector registers of
 * threads that take turns with it.
 */
#include <asm/ldt.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#include "apic.h"
#include "tap.h"
#include "threads.h"

static volatile unsigned int count;
static volatile uint64_t taken_rip;

static void guest_trap(struct trap *t)
{
	count++;
	taken_rip = t->rip;
	t->rflags &= ~X86_EFLAGS_TF;
}

static struct vcpu *start(unsigned int flags, void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(flags), 0);

	vcpu_start(v, fn);
	return v;
}

/* HLT's own trap ends it: nothing else will. */
static void guest_hlt_step(void)
{
	extern const char corners_after_hlt[];

	guest_handlers[VEC_DB] = guest_trap;
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq\n"
		     "hlt\n"
		     ".globl corners_after_hlt\n"
		     "corners_after_hlt: nop" : : : "memory", "cc");
	GUEST_EQ(count, 1);
	GUEST_EQ(taken_rip, (uintptr_t)corners_after_hlt);
	guest_done();
}

static void hlt_step(void)
{
	if (host_is_bochs_svm())
		skip("this emulator gives a guest's single step to the host");
	expect_done(start(VM_IRQCHIP, guest_hlt_step));
}

/* The instruction is given up: RAX is user space's. */
static void guest_in(void)
{
	uint64_t rax;

	asm volatile("inb $0x99, %%al; hlt\n"
		     ".globl corners_elsewhere\n"
		     "corners_elsewhere: nop" : "=a" (rax) : : "memory");
	GUEST_EQ(rax, 0x1122334455667788);
	guest_done();
}

static void moved(void)
{
	extern const char corners_elsewhere[];
	struct vcpu *v = start(0, guest_in);
	struct kvm_regs r;

	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.port, 0x99);
	memset((char *)v->run + v->run->io.data_offset, 0x5a, 4);
	regs_get(v, &r);
	r.rip = (uintptr_t)corners_elsewhere;
	r.rax = 0x1122334455667788;
	regs_set(v, &r);
	expect_done(v);
}

static void guest_tpr(void)
{
	write_cr(8, 9);
	write_cr(8, 4);
	GUEST_EQ(read_cr(8), 4);
	write_cr(8, 6);
	guest_done();
}

/* Without an irqchip only user space knows what a lower TPR lets through. */
static void tpr(void)
{
	struct vcpu *v = start(0, guest_tpr);

	vcpu_expect(v, KVM_EXIT_SET_TPR);
	REQUIRE_EQ(v->run->cr8, 4);
	expect_done(v);
	REQUIRE_EQ(v->run->cr8, 6);
}

static void guest_count(struct trap *t)
{
	count++;
	taken_rip = t->rip;
}

static void guest_closed(void)
{
	guest_handlers[0x55] = guest_count;
	cli();
	guest_sync(1);
	guest_sync(2);
	GUEST_EQ(count, 0);
	asm volatile("sti; nop; nop; cli" : : : "memory");
	GUEST_EQ(count, 1);
	guest_sync(3);
	guest_done();
}

static void too_early(void)
{
	struct kvm_interrupt irq = { .irq = 0x55 };
	struct vcpu *v = start(0, guest_closed);

	if (!device_is_duet())
		skip("KVM injects it, or refuses to enter");
	expect_sync(v, 1);
	REQUIRE_EQ(v->run->ready_for_interrupt_injection, 0);
	must(v->fd, KVM_INTERRUPT, &irq);
	must_fail(v->fd, KVM_INTERRUPT, &irq, EEXIST);
	expect_sync(v, 2);
	expect_sync(v, 3);
	must(v->fd, KVM_INTERRUPT, &irq);
	expect_done(v);
}

static volatile uint64_t spins, leave;

static void guest_spin(void)
{
	while (!leave)
		spins++;
	guest_done();
}

static void ldt_limit(unsigned int limit)
{
	struct user_desc d = {
		.entry_number = 0, .limit = limit, .seg_32bit = 1,
		.useable = 1,
	};

	if (syscall(SYS_modify_ldt, 1, &d, sizeof(d)))
		skip("no modify_ldt()");
}

static unsigned int load_limit(void)
{
	uint64_t limit = ~0ull;

	asm volatile("lsl %1, %0" : "+r" (limit) : "r" (7ull) : "cc");
	return limit;
}

static void *replace_ldt(void *unused)
{
	uint64_t then;

	while (spins < 1000)
		sched_yield();
	ldt_limit(0x222);
	/* Back in the guest, and out of it once more. */
	for (then = spins; spins < then + 1000;)
		sched_yield();
	leave = 1;
	return NULL;
}

static void ldt(void)
{
	struct vcpu *v = start(0, guest_spin);
	cpu_set_t cpus;
	pthread_t thread;

	if (!device_is_duet())
		skip("KVM on AMD loads the old LDTR");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip("one CPU: the guest does not run meanwhile");
	ldt_limit(0x111);
	REQUIRE_EQ(load_limit(), 0x111);
	REQUIRE(!pthread_create(&thread, NULL, replace_ldt, NULL));
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	pthread_setaffinity_np(thread, sizeof(cpus), &cpus);
	expect_done(v);
	REQUIRE_EQ(load_limit(), 0x222);
	pthread_join(thread, NULL);
}

/* The same with a load from a device in memory. */
static void guest_load(void)
{
	uint64_t rax;

	asm volatile("movb 0x50000000, %%al; hlt\n"
		     ".globl corners_elsewhere_too\n"
		     "corners_elsewhere_too: nop" : "=a" (rax) : : "memory");
	GUEST_EQ(rax, 0x1122334455667788);
	guest_done();
}

static void moved_mmio(void)
{
	extern const char corners_elsewhere_too[];
	struct vcpu *v = start(0, guest_load);
	struct kvm_regs r;

	if (!device_is_duet())
		skip("KVM has read the code, and goes on with it");
	vcpu_expect(v, KVM_EXIT_MMIO);
	memset(v->run->mmio.data, 0x5a, 8);
	regs_get(v, &r);
	r.rip = (uintptr_t)corners_elsewhere_too;
	r.rax = 0x1122334455667788;
	regs_set(v, &r);
	expect_done(v);
}

/* An access that reaches beyond a device's ports is none of its. */
static void guest_beyond(void)
{
	GUEST_EQ(inl(0x42), 0x12345678);
	guest_done();
}

static void beyond(void)
{
	struct vcpu *v = start(VM_PIT, guest_beyond);

	if (!device_is_duet())
		skip("KVM's PIT takes it");
	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.port, 0x42);
	REQUIRE_EQ(v->run->io.size, 4);
	*(uint32_t *)((char *)v->run + v->run->io.data_offset) = 0x12345678;
	expect_done(v);
}

/*
 * Three of them in turn on one CPU: the guest, which does not leave KVM_RUN, the
 * thread that runs it, and another thread. Each finds its own registers.
 */
static volatile bool turns_over;
static volatile uint64_t turns;

static bool keeps_registers(uint64_t bits)
{
	uint64_t xmm, mm;

	asm volatile("movq %[bits], %%xmm9; movq %[bits], %%mm3\n\t"
		     "movl $20000, %%ecx; 1: decl %%ecx; jnz 1b\n\t"
		     "movq %%xmm9, %[xmm]; movq %%mm3, %[mm]; emms"
		     : [xmm] "=&r" (xmm), [mm] "=&r" (mm)
		     : [bits] "r" (bits) : "ecx", "cc");
	return xmm == bits && mm == bits;
}

static void guest_keeps(void)
{
	while (!turns_over) {
		GUEST_REQUIRE(keeps_registers(0x1111111122222222));
		turns++;
	}
	guest_done();
}

static void *thread_keeps(void *arg)
{
	uint64_t before;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		before = turns;
		while (turns - before < 2)
			REQUIRE(keeps_registers(0x3333333344444444));
	}
	turns_over = true;
	return NULL;
}

static long run_keeps(struct vcpu *v)
{
	uint64_t xmm, bits = 0x5555555566666666;
	long r = SYS_ioctl;

	asm volatile("movq %[bits], %%xmm9; syscall; movq %%xmm9, %[xmm]"
		     : "+a" (r), [xmm] "=&r" (xmm)
		     : [bits] "r" (bits), "D" ((long)v->fd),
		       "S" ((long)KVM_RUN), "d" (0l)
		     : "rcx", "r11", "memory");
	REQUIRE_EQ(xmm, bits);
	return r;
}

static void three_fpus(void)
{
	struct vcpu *v = start(0, guest_keeps);
	pthread_t thread;

	vcpu_open(v);
	move(pthread_self(), 0);
	thread = spawn(thread_keeps, NULL);
	move(thread, 0);
	REQUIRE_EQ(run_keeps(v), 0);
	REQUIRE(ucall_get(v) && ucall_get(v)->cmd == UCALL_DONE);
	pthread_join(thread, NULL);
}

static const struct test tests[] = {
	{ "a single step over HLT ends the HLT", hlt_step },
	{ "an IN whose RIP user space has moved does not write RAX", moved },
	{ "a lowered CR8 is told to a local APIC in user space", tpr },
	{ "an interrupt queued too early waits for RFLAGS.IF", too_early },
	{ "the LDT that another thread made is there after KVM_RUN", ldt },
	{ "a load whose RIP user space has moved does not write RAX",
	  moved_mmio },
	{ "ports that reach beyond a device are user space's", beyond },
	{ "vector registers of a guest, its thread and another one",
	  three_fpus },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 15);
}
