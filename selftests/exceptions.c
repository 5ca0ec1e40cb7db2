// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: each exception reaches the guest with its vector, error code, CR2 and
 * RIP, whether the processor raises it, the hypervisor, or user space through
 * KVM_SET_VCPU_EVENTS; two that collide become a double fault, three a
 * shutdown; an NMI blocks the next until IRET.
 */
#include <signal.h>
#include <sys/mman.h>

#include "guest.h"
#include "pace.h"
#include "tap.h"

static struct vcpu *start(void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);

	vcpu_start(v, fn);
	return v;
}

static uint64_t ptes[512] __attribute__((aligned(4096)));
static uint8_t area[2 * PAGE] __attribute__((aligned(4096)));

/* An error code that names a gate; QEMU's TCG has a wrong factor. */
static bool idt_error(uint64_t error, unsigned int vec)
{
	error &= ~1ull;	/* EXT: the event was itself an exception */
	return error == vec * 8 + 2 || error == vec * 16 + 2;
}

static void guest_processor(void)
{
	int vec;

	vec = guest_try("xorl %%edx, %%edx; xorl %%ecx, %%ecx; movl $1, %%eax;"
			"divl %%ecx", "r" (0));
	GUEST_EQ(vec, VEC_DE);
	vec = guest_try("int3", "r" (0));
	GUEST_EQ(vec, VEC_BP);
	GUEST_EQ(*(uint8_t *)(guest_fault_rip - 1), 0xcc);	/* a trap */
	vec = guest_try("ud2", "r" (0));
	GUEST_EQ(vec, VEC_UD);
	GUEST_EQ(*(uint8_t *)guest_fault_rip, 0x0f);		/* a fault */
	vec = guest_try("movq (%0), %%rax", "r" (0x8000000000000000));
	GUEST_EQ(vec, VEC_GP);
	GUEST_EQ(guest_error, 0);
	vec = guest_try("movw %w0, %%ds", "r" (0x200));
	GUEST_EQ(vec, VEC_GP);
	GUEST_EQ(guest_error, 0x200);
	vec = guest_try("movw %w0, %%ds", "r" (SEL_NOT_PRESENT));
	GUEST_EQ(vec, VEC_NP);
	GUEST_EQ(guest_error, SEL_NOT_PRESENT);
	vec = guest_try("movw %w0, %%ss", "r" (SEL_NOT_PRESENT));
	GUEST_EQ(vec, VEC_SS);
	GUEST_EQ(guest_error, SEL_NOT_PRESENT);
	asm volatile("movq $1f, guest_recover; movq %%rsp, %%rbx\n\t"
		     "movq %0, %%rsp; pushq %%rax; 1: movq %%rbx, %%rsp"
		     : : "r" (0x8000000000000000) : "rbx", "memory");
	/* QEMU's TCG raises #GP here. */
	GUEST_REQUIRE(guest_vector == VEC_SS || guest_vector == VEC_GP);
	GUEST_EQ(guest_error, 0);
	vec = guest_try("int $0x21", "r" (0));
	GUEST_EQ(vec, 0x21);
	guest_done();
}

static void processor(void)
{
	struct vcpu *v = start(guest_processor);
	unsigned int i;

	/* Faults on a bad stack need one of their own. */
	for (i = 0; i < 32; i++)
		guest_idt_ist(i, 1);
	expect_done(v);
}

static void guest_page_fault(void)
{
	uint64_t at = (uintptr_t)area + PAGE;
	uint64_t *pte = &ptes[at >> 12 & 511], good = *pte;
	int vec;

#define FAULT(insn, bits)						\
	do {								\
		invlpg(at);						\
		vec = guest_try(insn, "r" (at));			\
		GUEST_EQ(vec, VEC_PF);					\
		GUEST_EQ(guest_error, bits);				\
		GUEST_EQ(guest_cr2, at);				\
	} while (0)
	*pte = 0;
	FAULT("movb (%0), %%al", 0);
	FAULT("movb %%al, (%0)", 2);
	*pte = good & ~2ull;
	FAULT("movb %%al, (%0)", 3);
	*pte = good | 1ull << 63;
	FAULT("jmp *%0", 0x11);
	*pte = good | 1ull << 51;		/* reserved */
	vec = guest_try("invlpg (%0); movb (%0), %%al", "r" (at));
	GUEST_EQ(vec, VEC_PF);
	GUEST_EQ(guest_error & ~1ull, 8);	/* bit 0 is 0 in QEMU's TCG */
	*pte = good;
	invlpg(at);
	vec = guest_try("movb %%al, (%0)", "r" (at));
	GUEST_EQ(vec, -1);
	/* CR0.WP off: the supervisor may write. */
	*pte = good & ~2ull;
	invlpg(at);
	write_cr(0, read_cr(0) & ~CR0_WP);
	vec = guest_try("movb %%al, (%0)", "r" (at));
	GUEST_EQ(vec, -1);
	write_cr(0, read_cr(0) | CR0_WP);
	FAULT("movb %%al, (%0)", 3);
	guest_done();
}

static void page_fault(void)
{
	struct vcpu *v = start(guest_page_fault);

	guest_split(ptes, (uintptr_t)area);
	expect_done(v);
}

/* User code: its own functions, its return by int 0x80. */
static volatile uint64_t user_vec, user_error;
static volatile uint64_t user_return_rsp;
void guest_user_return(void);
void guest_enter_user(void *rip, uint64_t flags);
asm(".text\n"
    "guest_enter_user:\n"
    "	pushq %rbx; pushq %rbp; pushq %r12; pushq %r13\n"
    "	pushq %r14; pushq %r15\n"
    "	movq %rsp, user_return_rsp\n"
    "	pushq $0x3b\n	pushq $guest_stacks + 0x10000\n"
    "	pushq %rsi\n	pushq $0x43\n	pushq %rdi\n"
    "	iretq\n"
    "guest_user_return:\n"
    "	popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
    "	ret\n");

/* Any exception of user code ends it. */
static void user_trap(struct trap *t)
{
	user_vec = t->vector;
	user_error = t->error;
	guest_fault_rip = t->rip;
	t->rip = (uintptr_t)guest_user_return;
	t->cs = SEL_CODE64;
	t->ss = SEL_DATA;
	t->rsp = user_return_rsp;
	t->rflags = X86_EFLAGS_FIXED;
}

static void __attribute__((naked)) user_hlt(void)
{
	asm("hlt");
}

static void __attribute__((naked)) user_ac(void)
{
	asm("movq $area + 1, %rax; movl (%rax), %ecx; int $0x80");
}

static void __attribute__((naked)) user_read(void)
{
	asm("movb area + 4096, %al; int $0x80");
}

static void __attribute__((naked)) user_write(void)
{
	asm("movb %al, area + 4096; int $0x80");
}

static void __attribute__((naked)) user_cpuid(void)
{
	asm("xorl %eax, %eax; cpuid; int $0x80");
}

static void __attribute__((naked)) user_int(void)
{
	asm("int $0x30");
}

static void guest_user(void)
{
	uint64_t at = (uintptr_t)area + PAGE;
	uint64_t *pte = &ptes[at >> 12 & 511], good = *pte;
	unsigned int i;

	asm volatile("movw %w0, %%ds; movw %w0, %%es; ltr %w1"
		     : : "r" (SEL_USER_DATA), "r" (SEL_TSS));
	for (i = 0; i < 32; i++)
		guest_handlers[i] = user_trap;
	guest_handlers[0x80] = user_trap;

	guest_enter_user(user_hlt, 2);
	GUEST_EQ(user_vec, VEC_GP);
	guest_enter_user(user_cpuid, 2);
	GUEST_EQ(user_vec, 0x80);
	guest_enter_user(user_int, 2);		/* a gate of DPL 0 */
	GUEST_EQ(user_vec, VEC_GP);
	GUEST_REQUIRE(idt_error(user_error, 0x30));
	guest_enter_user(user_read, 2);
	GUEST_EQ(user_vec, 0x80);
	*pte = good & ~4ull;
	invlpg(at);
	guest_enter_user(user_read, 2);
	GUEST_EQ(user_vec, VEC_PF);
	GUEST_EQ(user_error, 5);
	GUEST_EQ(read_cr(2), at);
	guest_enter_user(user_write, 2);
	GUEST_EQ(user_error, 7);
	*pte = good;
	invlpg(at);
	/* Alignment: both bits and CPL 3. */
	write_cr(0, read_cr(0) | CR0_AM);
	guest_enter_user(user_ac, 2);
	GUEST_EQ(user_vec, 0x80);
	guest_enter_user(user_ac, 2 | X86_EFLAGS_AC);
	user_error |= user_vec << 32;
	guest_done();
}

static void user_mode(void)
{
	struct vcpu *v = start(guest_user);

	guest_gdt[0][SEL_TSS / 8] &= ~(2ull << 40);
	guest_idt[0x30].type = 0x8e;
	guest_split(ptes, (uintptr_t)area);
	expect_done(v);
	/* QEMU's TCG has no alignment checks. */
	if (user_vec != 0x80)
		REQUIRE_EQ(user_error, (uint64_t)VEC_AC << 32);
}

/* #OF and #BR exist in 32-bit code only. */
extern const char of_code[], of_code_end[];
asm(".pushsection .rodata\n"
    ".code32\n"
    "of_code:\n"
    "	lidtl (of_idtr - of_code + 0x1000)\n"
    "	movb $0x7f, %al; addb $1, %al; into\n"
    "of_after:\n"
    "	hlt\n"
    "of_handler:\n"
    "	popl %eax; outl %eax, $0x91; hlt\n"
    "	.balign 8\n"
    "of_idt: .fill 32, 1, 0\n"
    "	.word of_handler - of_code + 0x1000, 0x18, 0x8e00, 0\n"
    "of_idtr: .word 39; .long (of_idt - of_code + 0x1000)\n"
    "of_code_end:\n"
    ".code64\n"
    ".popsection");
extern const char of_after[];

static void overflow(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);

	low_copy(vm, 0x1000, of_code, of_code_end);
	vcpu_start_prot32(v, 0x1000, 0x8000);
	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(*(uint32_t *)((char *)v->run + v->run->io.data_offset),
		   0x1000 + (of_after - of_code));
	vcpu_expect(v, KVM_EXIT_HLT);
}

/* #DB: single step, instruction breakpoint, data watchpoint. */
static volatile uint64_t db_count, db_rip[8], db_dr6[8];
static volatile uint64_t watched;
extern const char bp_here[], watch_after[];

static void guest_db(struct trap *t)
{
	db_rip[db_count & 7] = t->rip;
	db_dr6[db_count & 7] = read_dr(6);
	db_count++;
	write_dr(6, 0xffff0ff0);
	t->rflags |= X86_EFLAGS_RF;	/* past an instruction breakpoint */
	t->rflags &= ~X86_EFLAGS_TF;
}

static void guest_debug(void)
{
	guest_handlers[VEC_DB] = guest_db;
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" : : :
		     "memory", "cc");
	GUEST_EQ(db_count, 1);
	GUEST_EQ(db_dr6[0], 0xffff4ff0);

	write_dr(0, (uintptr_t)bp_here);
	write_dr(7, 0x402);
	asm volatile("nop\n.globl bp_here\nbp_here: nop; nop" : : : "memory");
	write_dr(7, 0x400);
	GUEST_EQ(db_count, 2);
	GUEST_EQ(db_rip[1], (uintptr_t)bp_here);
	GUEST_EQ(db_dr6[1], 0xffff0ff1);

	write_dr(1, (uintptr_t)&watched);
	write_dr(7, 0x400 | 8 | 0xdull << 20);	/* write, 4 bytes */
	asm volatile("movl $5, watched\n"
		     ".globl watch_after\nwatch_after: nop" : : : "memory");
	write_dr(7, 0x400);
	GUEST_EQ(db_count, 3);
	GUEST_EQ(db_rip[2], (uintptr_t)watch_after);
	GUEST_EQ(db_dr6[2], 0xffff0ff2);
	guest_done();
}

static void debug(void)
{
	if (host_is_bochs_svm())
		skip("this emulator exits for #DB before it has set DR6");
	expect_done(start(guest_debug));
}

/* Injection by user space. */
static volatile uint64_t got_vec = ~0ull, got_error, got_cr2, got_rip;

static void guest_got(struct trap *t)
{
	got_vec = t->vector;
	got_error = t->error;
	got_cr2 = read_cr(2);
	got_rip = t->rip;
}

static void guest_inject(void)
{
	guest_sync(1);
	guest_sync(2);
	guest_done();
}

static void inject_one(unsigned int vec, bool has_error, uint32_t error)
{
	struct kvm_vcpu_events e = { 0 };
	struct vcpu *v = start(guest_inject);
	struct kvm_sregs s;
	struct kvm_regs r;

	guest_handlers[vec] = guest_got;
	got_vec = ~0ull;
	expect_sync(v, 1);
	/* Complete the OUT, so that RIP is settled. */
	vcpu_complete(v);
	regs_get(v, &r);
	sregs_get(v, &s);
	s.cr2 = 0xabc000;
	sregs_set(v, &s);
	e.exception.injected = 1;
	e.exception.nr = vec;
	e.exception.has_error_code = has_error;
	e.exception.error_code = error;
	must(v->fd, KVM_SET_VCPU_EVENTS, &e);
	expect_sync(v, 2);
	REQUIRE_EQ(got_vec, vec);
	REQUIRE_EQ(got_error, has_error ? error : 0);
	REQUIRE_EQ(got_cr2, 0xabc000);
	REQUIRE_EQ(got_rip, r.rip);
	must(v->fd, KVM_GET_VCPU_EVENTS, &e);
	REQUIRE_EQ(e.exception.injected, 0, "it is delivered once");
	expect_done(v);
	vm_destroy(v->vm, v);
}

static void inject(void)
{
	inject_one(VEC_DE, false, 0);
	inject_one(VEC_UD, false, 0);
	inject_one(VEC_NP, true, 0x58);
	inject_one(VEC_SS, true, 0);
	inject_one(VEC_GP, true, 0x1230);
	inject_one(VEC_PF, true, 6);
	inject_one(VEC_AC, true, 0);
}

/* The handler of #DF is an abort: it does not return. */
static void guest_df_handler(struct trap *t)
{
	GUEST_EQ(t->error, 0);
	guest_done();
}

static void guest_double(void)
{
	guest_handlers[VEC_DF] = guest_df_handler;
	asm volatile("ud2");
	GUEST_REQUIRE(!"reached");
}

static void double_fault(void)
{
	struct vcpu *v = start(guest_double);

	/* #UD is benign, so #NP follows; #NP in the delivery of #NP is #DF. */
	guest_idt[VEC_UD].type &= 0x7f;
	guest_idt[VEC_NP].type &= 0x7f;
	guest_handlers[VEC_DF] = guest_df_handler;
	expect_done(v);
}

/* #UD is benign: a #NP in its delivery is a plain #NP. */
static void guest_serial(void)
{
	int vec = guest_try("ud2", "r" (0));

	GUEST_EQ(vec, VEC_NP);
	GUEST_REQUIRE(idt_error(guest_error, VEC_UD));
	/* #GP is not: #NP in its delivery is #DF. */
	guest_handlers[VEC_DF] = guest_df_handler;
	asm volatile("movw %w0, %%ds" : : "r" (0x200));
	GUEST_REQUIRE(!"reached");
}

static void contributory(void)
{
	struct vcpu *v = start(guest_serial);

	guest_idt[VEC_UD].type &= 0x7f;
	guest_idt[VEC_GP].type &= 0x7f;
	expect_done(v);
}

/* The IDT itself is not mapped: the page fault becomes a double, a triple. */
static void guest_triple(void)
{
	struct descriptor_pointer none = { .limit = 0, .base = 0 };

	asm volatile("lidt %0; ud2" : : "m" (none));
	guest_done();
}

static void triple_fault(void)
{
	struct vcpu *v = start(guest_triple);

	vcpu_expect(v, KVM_EXIT_SHUTDOWN);
	/* And again, with a state that user space set after it. */
	vcpu_start(v, guest_inject);
	expect_sync(v, 1);
}

static void guest_pf_in_delivery(void)
{
	uint64_t at = (uintptr_t)area + PAGE;

	ptes[at >> 12 & 511] = 0;
	invlpg(at);
	/* An interrupt whose stack is not mapped: #PF, then #DF on IST. */
	guest_handlers[VEC_DF] = guest_df_handler;
	asm volatile("movq %0, %%rsp; int3" : : "r" (at + 64));
	GUEST_REQUIRE(!"reached");
}

static void pf_in_delivery(void)
{
	struct vcpu *v = start(guest_pf_in_delivery);

	guest_split(ptes, (uintptr_t)area);
	guest_idt_ist(VEC_DF, 1);
	expect_done(v);
}

/*
 * A fault in the nested tables while an event is delivered is the hypervisor's
 * business: the guest sees the event, and sees it once. A second one would find
 * guest_recover empty.
 */
static volatile bool int_n;

static void guest_interrupted(void)
{
	int vec;

	guest_sync(1);
	if (int_n) {
		vec = guest_try("int $0x80", "r" (0));
		GUEST_EQ(vec, 0x80);
		GUEST_EQ(*(uint8_t *)(guest_fault_rip - 2), 0xcd);
	}
	guest_sync(2);
	vec = guest_try("int3", "r" (0));
	GUEST_EQ(vec, VEC_BP);
	GUEST_EQ(*(uint8_t *)(guest_fault_rip - 1), 0xcc);
	guest_sync(3);
	vec = guest_try("ud2", "r" (0));
	GUEST_EQ(vec, VEC_UD);
	GUEST_EQ(*(uint8_t *)guest_fault_rip, 0x0f);
	guest_sync(4);
	vec = guest_try("movw %w0, %%ds", "r" (0x200));
	GUEST_EQ(vec, VEC_GP);
	GUEST_EQ(guest_error, 0x200);
	guest_done();
}

static void interrupted_delivery(void)
{
	struct vcpu *v = start(guest_interrupted);
	uint8_t *stack = &guest_ist[0][PAGE];
	unsigned int i;

	/* Bochs' AMD-V reports the exception before it, or none, for INT n. */
	int_n = !host_is_bochs_svm();
	for (i = 0; i < 256; i++)
		guest_idt_ist(i, 1);
	for (i = 1; i <= 4; i++) {
		expect_sync(v, i);
		REQUIRE(!madvise(stack, PAGE, MADV_DONTNEED));
	}
	expect_done(v);
}

/* NMI: pending while one is handled, taken after IRET. */
static volatile unsigned int nmi_count, nmi_nested, in_nmi;

static void guest_nmi(struct trap *t)
{
	nmi_nested += in_nmi;
	in_nmi = 1;
	nmi_count++;
	if (nmi_count == 1)
		guest_sync(2);
	in_nmi = 0;
}

static void guest_nmi_main(void)
{
	guest_handlers[VEC_NMI] = guest_nmi;
	guest_sync(1);
	guest_sync(3);
	guest_done();
}

static void nmi(void)
{
	struct vcpu *v = start(guest_nmi_main);
	struct kvm_vcpu_events e;

	expect_sync(v, 1);
	must(v->fd, KVM_NMI, 0);
	expect_sync(v, 2);
	must(v->fd, KVM_GET_VCPU_EVENTS, &e);
	REQUIRE_EQ(e.nmi.masked, 1);
	/* One is latched meanwhile (SDM vol. 3, 6.7.1). */
	must(v->fd, KVM_NMI, 0);
	must(v->fd, KVM_NMI, 0);
	must(v->fd, KVM_NMI, 0);
	expect_sync(v, 3);
	REQUIRE_EQ(nmi_nested, 0, "an NMI waits for the IRET of the one before");
	REQUIRE_EQ(nmi_count, 2);
	must(v->fd, KVM_GET_VCPU_EVENTS, &e);
	REQUIRE_EQ(e.nmi.masked, 0);
	expect_done(v);
}

/* With EFLAGS.IF clear, and from HLT. */
static void guest_nmi_hlt(void)
{
	guest_handlers[VEC_NMI] = guest_got;
	cli();
	asm volatile("hlt");
	GUEST_EQ(got_vec, VEC_NMI);
	guest_done();
}

static void nmi_hlt(void)
{
	struct kvm_mp_state mp;
	struct vcpu *v = start(guest_nmi_hlt), *w;

	vcpu_expect(v, KVM_EXIT_HLT);
	must(v->fd, KVM_NMI, 0);
	expect_done(v);

	/* In the kernel: the vCPU sleeps and is woken. */
	got_vec = ~0ull;
	w = vcpu_create(vm_create(VM_IRQCHIP), 0);
	vcpu_start(w, guest_nmi_hlt);
	alarm_ms(50, 0);
	REQUIRE_EQ(vcpu_run(w), -EINTR);
	must(w->fd, KVM_GET_MP_STATE, &mp);
	REQUIRE_EQ(mp.mp_state, KVM_MP_STATE_HALTED);
	must(w->fd, KVM_NMI, 0);
	expect_done(w);
}

/* No memory where an event's frame is to be pushed: there is no instruction. */
#define NOWHERE	0x50000000ul

static void guest_pushes_nowhere(void)
{
	guest_sync(1);
	guest_sync(2);
}

static void nowhere(void)
{
	struct kvm_vcpu_events e = {
		.exception = { .injected = 1, .nr = VEC_GP,
			       .has_error_code = 1 },
	};
	struct vcpu *v = start(guest_pushes_nowhere);
	struct kvm_regs r;

	if (!device_is_duet())
		skip("KVM's AMD-V emulates what stands at RIP");
	expect_sync(v, 1);
	/* The end of the exit, before the registers are set. */
	vcpu_complete(v);
	regs_get(v, &r);
	r.rsp = NOWHERE + 0x800;
	regs_set(v, &r);
	must(v->fd, KVM_SET_VCPU_EVENTS, &e);
	vcpu_expect(v, KVM_EXIT_INTERNAL_ERROR);
	REQUIRE_EQ(v->run->internal.suberror, KVM_INTERNAL_ERROR_DELIVERY_EV);
	REQUIRE_EQ(v->run->internal.ndata, 3);
	REQUIRE_EQ(v->run->internal.data[2] & ~0xffful, NOWHERE);
}

static const struct test tests[] = {
	{ "the processor's own exceptions: vector, error code, RIP",
	  processor },
	{ "#PF: error code and CR2 for each reason", page_fault },
	{ "CPL 3: privileged instructions, gates, #PF, #AC", user_mode },
	{ "#OF by INTO in 32-bit code", overflow },
	{ "#DB: single step, breakpoint, watchpoint", debug },
	{ "injection by KVM_SET_VCPU_EVENTS", inject },
	{ "a chain of faults ends as #DF", double_fault },
	{ "benign and contributory exceptions in delivery", contributory },
	{ "#PF in the delivery of an exception, then #DF on its own stack",
	  pf_in_delivery },
	{ "a nested fault in the delivery of an event is not the guest's",
	  interrupted_delivery },
	{ "a triple fault is KVM_EXIT_SHUTDOWN", triple_fault },
	{ "NMI: blocked until IRET, then taken", nmi },
	{ "NMI wakes HLT with interrupts off", nmi_hlt },
	{ "an event whose stack is no memory is an internal error", nowhere },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
