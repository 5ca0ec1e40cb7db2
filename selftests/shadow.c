// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the interrupt shadow of STI and MOV SS lasts for exactly one
 * instruction, also when that one makes an exit; POPF has none; a single step
 * traps right after an instruction that the hypervisor executed. The pushed
 * RIP shows where an interrupt or a trap was taken.
 */
#include "apic.h"
#include "tap.h"

#define VEC	0x40

static volatile uint64_t taken_rip;
static volatile unsigned int taken;

static void guest_taken(struct trap *t)
{
	taken++;
	taken_rip = t->rip;
	t->rflags &= ~X86_EFLAGS_IF;
	apic_eoi();
}

/*
 * How often a wrong place is forgiven: on QEMU's TCG a physical interrupt that
 * hits the shadow makes an exit, after which VMRUN has forgotten the shadow.
 */
static volatile unsigned int forgive;

/* Runs @insns with VEC pending and IF clear; it must be taken at label 2. */
#define PENDING(insns)							\
	do {								\
		unsigned int try_ = 0;					\
		uint64_t want_;						\
									\
		do {							\
			taken = 0;					\
			cli();						\
			apic_self_ipi(VEC);				\
			GUEST_REQUIRE(apic_bit(APIC_IRR, VEC));		\
			asm volatile("movq $2f, %0\n\t" insns		\
				     "\n\tnop; nop"			\
				     : "=m" (want_) : : "rax", "rbx",	\
				     "rcx", "rdx", "rsi", "memory",	\
				     "cc");				\
			cli();						\
			GUEST_EQ(taken, 1);				\
		} while (taken_rip != want_ && try_++ < forgive);	\
		GUEST_EQ(taken_rip, want_);				\
	} while (0)

static void guest_setup(void)
{
	guest_handlers[VEC] = guest_taken;
	apic_enable();
}

static void guest_sti_nop(void)
{
	guest_setup();
	PENDING("sti; nop; 2:");
	guest_done();
}

static void guest_sti_hlt(void)
{
	guest_setup();
	PENDING("sti; hlt; 2:");
	guest_done();
}

static void guest_sti_exits(void)
{
	guest_setup();
	PENDING("xorl %%eax, %%eax; sti; cpuid; 2:");
	PENDING("movl $0x1b, %%ecx; sti; rdmsr; 2:");
	PENDING("movl $0x1b, %%ecx; rdmsr; sti; wrmsr; 2:");
	PENDING("movl $0x21, %%edx; sti; inb %%dx, %%al; 2:");
	PENDING("movl $0xfee00030, %%ebx; sti; movl (%%rbx), %%eax; 2:");
	PENDING("movq %%cr0, %%rax; sti; movq %%rax, %%cr0; 2:");
	guest_done();
}

/* An exit to user space in the shadow. */
#define GUEST_USER(name, insns)						\
static void name(void)							\
{									\
	guest_setup();							\
	/* A first touch has exits of its own: not in the shadow. */	\
	*(volatile uint32_t *)0x50000000 = 0;				\
	PENDING("movl $0x50000000, %%ebx; movl $0x99, %%edx;" insns);	\
	guest_done();							\
}

GUEST_USER(guest_sti_out, "sti; outb %%al, %%dx; 2:")
GUEST_USER(guest_sti_in, "sti; inb %%dx, %%al; 2:")
GUEST_USER(guest_sti_store, "sti; movl %%eax, (%%rbx); 2:")
GUEST_USER(guest_sti_load, "sti; movl (%%rbx), %%eax; 2:")

static void guest_sti_cli(void)
{
	guest_setup();
	taken = 0;
	apic_self_ipi(VEC);
	asm volatile("sti; cli; nop; nop" : : : "memory");
	GUEST_EQ(taken, 0);
	/* The second STI has no shadow of its own: IF was set already. */
	PENDING("sti; sti; 2:");
	guest_done();
}

static void guest_popf(void)
{
	guest_setup();
	PENDING("pushfq; orl $0x200, (%%rsp); popfq; 2:");
	PENDING("pushfq; orl $0x200, (%%rsp); xorl %%eax, %%eax; popfq; 2: cpuid");
	guest_done();
}

static void guest_iret(void)
{
	guest_setup();
	PENDING("movq %%rsp, %%rsi; pushq $0x10; pushq %%rsi; pushq $0x202;"
		"pushq $8; pushq $2f; iretq; 2:");
	guest_done();
}

static struct vcpu *start(void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);

	vcpu_start(v, fn);
	forgive = host_is_tcg() ? 3 : 0;
	return v;
}

static void sti_nop(void)
{
	expect_done(start(guest_sti_nop));
}

static void sti_hlt(void)
{
	expect_done(start(guest_sti_hlt));
}

static void sti_exits(void)
{
	expect_done(start(guest_sti_exits));
}

static void sti_user_one(void (*fn)(void), int reason)
{
	struct vcpu *v = start(fn);
	unsigned int n = 0;

	vcpu_expect(v, KVM_EXIT_MMIO);
	while (vcpu_run(v) == reason && !ucall_get(v)) {
		REQUIRE_EQ(v->run->if_flag, 1);
		REQUIRE(n++ <= forgive);
	}
	if (!ucall_get(v))
		exit_unexpected(__FILE__, __LINE__, v);
	REQUIRE(n > 0);
	vm_destroy(v->vm, v);
}

static void sti_out(void)
{
	sti_user_one(guest_sti_out, KVM_EXIT_IO);
	sti_user_one(guest_sti_in, KVM_EXIT_IO);
	sti_user_one(guest_sti_store, KVM_EXIT_MMIO);
	sti_user_one(guest_sti_load, KVM_EXIT_MMIO);
}

static void sti_cli(void)
{
	expect_done(start(guest_sti_cli));
}

static void popf(void)
{
	expect_done(start(guest_popf));
}

static void iret(void)
{
	expect_done(start(guest_iret));
}

/* MOV SS, then an exit; the interrupt arrives during the exit. */
static volatile uint64_t want_rip;

static void guest_mov_ss(void)
{
	guest_setup();
	guest_sync(1);
	asm volatile("movl %0, %%eax; movl $0x99, %%edx; movq $2f, want_rip\n\t"
		     "sti; nop\n\t"
		     "movw %%ax, %%ss; outb %%al, %%dx; 2: nop; nop"
		     : : "i" (SEL_DATA) : "rax", "rdx", "memory");
	GUEST_EQ(taken, 1);
	guest_done();
}

static void mov_ss(void)
{
	struct vcpu *v = start(guest_mov_ss);

	expect_sync(v, 1);
	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.port, 0x99);
	lapic_put(v, APIC_IRR + VEC / 32 * 16, 1u << VEC % 32);
	expect_done(v);
	REQUIRE_EQ(taken_rip, want_rip);
}

/*
 * A shadow that user space sets holds the interrupt for one instruction, one
 * that it clears does not.
 */
static void guest_set_shadow(void)
{
	guest_setup();
	apic_self_ipi(VEC);
	guest_sync(1);
	asm volatile(".globl shadow_at, shadow_next\n"
		     "shadow_at: nop\nshadow_next: nop; nop" : : : "memory");
	GUEST_EQ(taken, 1);
	guest_done();
}

extern const char shadow_at[], shadow_next[];

static void set_shadow_one(unsigned int shadow, const char *want)
{
	struct vcpu *v = start(guest_set_shadow);
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_SHADOW };
	struct kvm_regs r;

	taken = 0;
	expect_sync(v, 1);
	vcpu_complete(v);
	regs_get(v, &r);
	/* Out of guest_ucall(), to the instruction of interest. */
	r.rip = (uintptr_t)shadow_at;
	r.rflags |= X86_EFLAGS_IF;
	regs_set(v, &r);
	e.interrupt.shadow = shadow;
	must(v->fd, KVM_SET_VCPU_EVENTS, &e);
	if (vcpu_run(v) != KVM_EXIT_IO)
		exit_unexpected(__FILE__, __LINE__, v);
	/* Neither QEMU nor Bochs takes the shadow from the VMCB. */
	if (!(host_is_tcg() || host_is_bochs_svm()) ||
	    taken_rip != (uintptr_t)shadow_at)
		REQUIRE_EQ(taken_rip, (uintptr_t)want);
	vm_destroy(v->vm, v);
}

static void set_shadow(void)
{
	set_shadow_one(0, shadow_at);
	set_shadow_one(KVM_X86_SHADOW_INT_STI, shadow_next);
	set_shadow_one(KVM_X86_SHADOW_INT_MOV_SS, shadow_next);
}

/* Single step. */
static volatile unsigned int steps;
static volatile uint64_t step_rip, step_dr6;

static void guest_step(struct trap *t)
{
	if (!steps++) {
		step_rip = t->rip;
		step_dr6 = read_dr(6);
	}
	write_dr(6, 0xffff0ff0);
	t->rflags &= ~X86_EFLAGS_TF;
}

#define STEP(setup, insn)						\
	do {								\
		uint64_t want_;						\
									\
		steps = 0;						\
		asm volatile("movq $2f, %0\n\t"				\
			     "pushfq; orl $0x100, (%%rsp)\n\t"		\
			     setup "\n\t"				\
			     "popfq\n\t" insn "\n2:\tnop; nop"		\
			     : "=m" (want_) : : "rax", "rbx", "rcx",	\
			     "rdx", "memory", "cc");			\
		GUEST_EQ(steps, 1);					\
		GUEST_EQ(step_rip, want_);				\
		GUEST_EQ(step_dr6 & 0x4000, 0x4000);			\
	} while (0)

static void guest_steps(void)
{
	guest_handlers[VEC_DB] = guest_step;
	STEP("", "nop");
	STEP("xorl %%eax, %%eax", "cpuid");
	STEP("movl $0x1b, %%ecx", "rdmsr");
	STEP("movl $0x1b, %%ecx; rdmsr", "wrmsr");
	STEP("movq %%cr0, %%rax", "movq %%rax, %%cr0");
	STEP("movq %%cr4, %%rax", "movq %%rax, %%cr4");
	STEP("movl $0x21, %%edx", "inb %%dx, %%al");
	STEP("movl $0x21, %%edx; movb $0xff, %%al", "outb %%al, %%dx");
	STEP("", "wbinvd");
	guest_done();
}

static void single_step(void)
{
	if (host_is_bochs_svm())
		skip("this emulator gives a guest's single step to the host");
	expect_done(start(guest_steps));
}

static void guest_steps_user(void)
{
	guest_handlers[VEC_DB] = guest_step;
	STEP("movl $0x99, %%edx", "outb %%al, %%dx");
	STEP("movl $0x99, %%edx", "inb %%dx, %%al");
	guest_done();
}

static void single_step_user(void)
{
	struct vcpu *v = start(guest_steps_user);

	if (host_is_bochs_svm())
		skip("this emulator gives a guest's single step to the host");
	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.port, 0x99);
	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.port, 0x99);
	expect_done(v);
}

static const struct test tests[] = {
	{ "STI; NOP: the interrupt comes after the NOP", sti_nop },
	{ "STI; HLT: HLT is executed, and the interrupt ends it", sti_hlt },
	{ "STI and an instruction that the hypervisor executes", sti_exits },
	{ "STI and an instruction that goes to user space", sti_out },
	{ "STI; CLI takes nothing; STI; STI has one shadow", sti_cli },
	{ "POPF has no shadow", popf },
	{ "IRET has no shadow", iret },
	{ "MOV SS and an exit to user space", mov_ss },
	{ "a shadow set by KVM_SET_VCPU_EVENTS lasts one instruction",
	  set_shadow },
	{ "single step traps right after an intercepted instruction",
	  single_step },
	{ "single step traps right after port I/O in user space",
	  single_step_user },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
