// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: IN, OUT, INS and OUTS in every width and with REP reach user space
 * with the right port, width, count and data, the value that user space
 * supplies appears in the guest, and RIP stands after the instruction when it
 * is complete. Guest code beside each test.
 */
#include "guest.h"
#include "tap.h"

#define PORT	0x5a0

static void *io_data(struct vcpu *v)
{
	return (char *)v->run + v->run->io.data_offset;
}

static void expect_io(struct vcpu *v, int out, uint16_t port, unsigned int size)
{
	vcpu_expect(v, KVM_EXIT_IO);
	ucall_get(v);
	REQUIRE_EQ(v->run->io.direction,
		   out ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN);
	REQUIRE_EQ(v->run->io.port, port);
	REQUIRE_EQ(v->run->io.size, size);
	REQUIRE(v->run->io.data_offset >= sizeof(struct kvm_run) ||
		!device_is_duet());
	REQUIRE(v->run->io.data_offset + size * v->run->io.count <=
		v->run_size);
}

static struct vcpu *start(void (*fn)(void))
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);

	vcpu_start(v, fn);
	return v;
}

static void guest_out_forms(void)
{
	asm volatile("movl $0x12345678, %%eax\n\t"
		     "outb %%al, $0x42\n\t"
		     "outw %%ax, $0x43\n\t"
		     "outl %%eax, $0x44\n\t"
		     "movl $0xa5a0, %%edx\n\t"
		     "outb %%al, %%dx\n\t"
		     "outw %%ax, %%dx\n\t"
		     "outl %%eax, %%dx"
		     : : : "rax", "rdx", "memory");
	guest_done();
}

static void out_forms(void)
{
	struct vcpu *v = start(guest_out_forms);
	static const struct { uint16_t port; unsigned int size; } want[] = {
		{ 0x42, 1 }, { 0x43, 2 }, { 0x44, 4 },
		{ 0xa5a0, 1 }, { 0xa5a0, 2 }, { 0xa5a0, 4 },
	};
	unsigned int i;
	uint32_t got, mask;

	for (i = 0; i < ARRAY_SIZE(want); i++) {
		expect_io(v, 1, want[i].port, want[i].size);
		REQUIRE_EQ(v->run->io.count, 1);
		got = 0;
		memcpy(&got, io_data(v), want[i].size);
		mask = want[i].size == 4 ? ~0u : (1u << want[i].size * 8) - 1;
		REQUIRE_EQ(got, 0x12345678 & mask);
	}
	expect_done(v);
}

static volatile uint64_t in_result[6];

static void guest_in_forms(void)
{
	asm volatile("movabsq $0x1122334455667788, %%rax; inb $0x42, %%al\n\t"
		     "movq %%rax, 0(%0)\n\t"
		     "movabsq $0x1122334455667788, %%rax; inw $0x43, %%ax\n\t"
		     "movq %%rax, 8(%0)\n\t"
		     "movabsq $0x1122334455667788, %%rax; inl $0x44, %%eax\n\t"
		     "movq %%rax, 16(%0)\n\t"
		     "movl $0xffff, %%edx\n\t"
		     "movabsq $0x1122334455667788, %%rax; inb %%dx, %%al\n\t"
		     "movq %%rax, 24(%0)\n\t"
		     "movabsq $0x1122334455667788, %%rax; inw %%dx, %%ax\n\t"
		     "movq %%rax, 32(%0)\n\t"
		     "movabsq $0x1122334455667788, %%rax; inl %%dx, %%eax\n\t"
		     "movq %%rax, 40(%0)"
		     : : "r" (in_result) : "rax", "rdx", "memory");
	guest_done();
}

static void in_forms(void)
{
	struct vcpu *v = start(guest_in_forms);
	static const uint16_t ports[] = { 0x42, 0x43, 0x44, 0xffff, 0xffff,
					  0xffff };
	static const uint64_t want[] = {
		0x11223344556677ef, 0x112233445566beef, 0xdeadbeef,
	};
	uint32_t value = 0xdeadbeef;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		expect_io(v, 0, ports[i], 1u << i % 3);
		REQUIRE_EQ(v->run->io.count, 1);
		memcpy(io_data(v), &value, 1u << i % 3);
	}
	expect_done(v);
	/* 32-bit results are zero-extended, narrower ones are merged. */
	for (i = 0; i < 6; i++)
		REQUIRE_EQ(in_result[i], want[i % 3], "form %u", i);
}

static void guest_rip(void)
{
	asm volatile(".globl rip_out, rip_out_end, rip_in, rip_in_end\n"
		     "rip_out: outb %%al, $0x99\n"
		     "rip_out_end:\n"
		     "rip_in: inb $0x98, %%al\n"
		     "rip_in_end:\n" : : : "rax", "memory");
	guest_done();
}

extern const char rip_out[], rip_out_end[], rip_in[], rip_in_end[];

/*
 * KVM leaves RIP on an OUT until the next KVM_RUN completes it on some
 * machines; api.rst says that the state is consistent only after re-entry
 * with immediate_exit. That is the rule.
 */
static void rip_after(void)
{
	struct vcpu *v = start(guest_rip);
	struct kvm_regs r;

	expect_io(v, 1, 0x99, 1);
	vcpu_complete(v);
	regs_get(v, &r);
	REQUIRE_EQ(r.rip, (uintptr_t)rip_out_end);

	expect_io(v, 0, 0x98, 1);
	regs_get(v, &r);
	*(uint8_t *)io_data(v) = 0x5c;
	vcpu_complete(v);
	regs_get(v, &r);
	REQUIRE_EQ(r.rip, (uintptr_t)rip_in_end);
	REQUIRE_EQ(r.rax & 0xff, 0x5c);
	expect_done(v);
}

/*
 * State that user space changes while an IN is pending is not lost: the
 * completion touches RAX (merged) and RIP alone.
 */
static void regs_while_pending(void)
{
	struct vcpu *v = start(guest_rip);
	struct kvm_regs r;

	expect_io(v, 1, 0x99, 1);
	expect_io(v, 0, 0x98, 1);
	regs_get(v, &r);
	r.rbx = 0xb0b0b0b0b0b0;
	r.rax = 0x7700;
	regs_set(v, &r);
	*(uint8_t *)io_data(v) = 0x21;
	vcpu_complete(v);
	regs_get(v, &r);
	REQUIRE_EQ(r.rbx, 0xb0b0b0b0b0b0);
}

/* String instructions: two pages so that a buffer can cross. */
static uint8_t buffer[2 * PAGE] __attribute__((aligned(4096)));
static volatile uint64_t string_end[3];	/* RSI or RDI, RCX, flags */

/* DF is set for the string instruction only. */
#define GUEST_STRING(name, insn, dir, index, start, count)		\
static void name(void)							\
{									\
	uint64_t p = (uintptr_t)buffer + (start), c = (count), f;	\
									\
	asm volatile(dir "; " insn "; pushfq; popq %2; cld"		\
		     : "+" index (p), "+c" (c), "=&r" (f)		\
		     : "d" (PORT) : "memory", "cc");			\
	string_end[0] = p;						\
	string_end[1] = c;						\
	string_end[2] = f;						\
	guest_done();							\
}

GUEST_STRING(guest_outsb, "rep outsb", "cld", "S", 100, 10)
GUEST_STRING(guest_outsw, "rep outsw", "cld", "S", 100, 10)
GUEST_STRING(guest_outsl, "rep outsl", "cld", "S", 100, 10)
GUEST_STRING(guest_outsl_down, "rep outsl", "std", "S", 400, 10)
GUEST_STRING(guest_outsl_cross, "rep outsl", "cld", "S", PAGE - 10, 8)
GUEST_STRING(guest_outs_once, "outsw", "cld", "S", 100, 7)
GUEST_STRING(guest_outs_zero, "rep outsb", "cld", "S", 100, 0)
GUEST_STRING(guest_insb, "rep insb", "cld", "D", 100, 10)
GUEST_STRING(guest_insw, "rep insw", "cld", "D", 100, 10)
GUEST_STRING(guest_insl, "rep insl", "cld", "D", 100, 10)
GUEST_STRING(guest_insw_down, "rep insw", "std", "D", 400, 10)
GUEST_STRING(guest_insl_cross, "rep insl", "cld", "D", PAGE - 10, 8)
GUEST_STRING(guest_ins_once, "insl", "cld", "D", 100, 7)
GUEST_STRING(guest_ins_many, "rep insb", "cld", "D", 0, 6000)
GUEST_STRING(guest_outs_many, "rep outsb", "cld", "S", 0, 6000)

/*
 * Runs a guest of GUEST_STRING: collects or supplies @total elements over as
 * many exits as the hypervisor likes to take.
 */
static void string(void (*fn)(void), int out, unsigned int size,
		   unsigned int start_at, unsigned int total, int step,
		   unsigned int rcx_end)
{
	unsigned int done = 0, i, exits = 0;
	struct vcpu *v = start(fn);
	uint8_t *p;

	for (i = 0; i < sizeof(buffer); i++)
		buffer[i] = out ? i * 7 + (i >> 8) : 0xcc;
	while (done < total) {
		expect_io(v, out, PORT, size);
		REQUIRE(v->run->io.count >= 1 &&
			v->run->io.count <= total - done);
		p = io_data(v);
		for (i = 0; i < v->run->io.count; i++, done++, p += size) {
			uint8_t *b = buffer + start_at +
				     (long)done * step * (long)size;

			if (out && memcmp(b, p, size))
				fail("element %u differs", done);
			if (!out)
				memset(p, done * 3 + 1, size);
		}
		exits++;
	}
	expect_done(v);
	REQUIRE_EQ(string_end[0], (uintptr_t)buffer + start_at +
		   (long)total * step * (long)size);
	REQUIRE_EQ(string_end[1], rcx_end);
	REQUIRE_EQ(!!(string_end[2] & X86_EFLAGS_DF), step < 0);
	if (out)
		return;
	for (done = 0; done < total; done++)
		for (i = 0; i < size; i++)
			REQUIRE_EQ(buffer[start_at + (long)done * step *
					  (long)size + i],
				   (uint8_t)(done * 3 + 1), "element %u", done);
	i = start_at + (step > 0 ? total * size : size);
	if (i < sizeof(buffer))
		REQUIRE_EQ(buffer[i], 0xcc, "the byte behind the last");
	i = start_at - (step > 0 ? 1 : (total - 1) * size + 1);
	if (i < sizeof(buffer))
		REQUIRE_EQ(buffer[i], 0xcc, "the byte before the first");
}

static void rep_outs(void)
{
	string(guest_outsb, 1, 1, 100, 10, 1, 0);
	string(guest_outsw, 1, 2, 100, 10, 1, 0);
	string(guest_outsl, 1, 4, 100, 10, 1, 0);
}

static void rep_ins(void)
{
	string(guest_insb, 0, 1, 100, 10, 1, 0);
	string(guest_insw, 0, 2, 100, 10, 1, 0);
	string(guest_insl, 0, 4, 100, 10, 1, 0);
}

static void df(void)
{
	string(guest_outsl_down, 1, 4, 400, 10, -1, 0);
	string(guest_insw_down, 0, 2, 400, 10, -1, 0);
}

static void page_cross(void)
{
	string(guest_outsl_cross, 1, 4, PAGE - 10, 8, 1, 0);
	string(guest_insl_cross, 0, 4, PAGE - 10, 8, 1, 0);
}

static void no_rep(void)
{
	string(guest_outs_once, 1, 2, 100, 1, 1, 7);
	string(guest_ins_once, 0, 4, 100, 1, 1, 7);
}

static void rep_zero(void)
{
	string(guest_outs_zero, 1, 1, 100, 0, 1, 0);
}

static void rep_many(void)
{
	string(guest_outs_many, 1, 1, 0, 6000, 1, 0);
	string(guest_ins_many, 0, 1, 0, 6000, 1, 0);
}

/* INS to memory that the guest's page tables do not map. */
static uint64_t ptes[512] __attribute__((aligned(4096)));
static volatile uint64_t fault_rdi, fault_rcx;

static void guest_ins_fault(void)
{
	uint64_t p = (uintptr_t)buffer + PAGE - 4, c = 8;
	int vec;

	asm volatile("movq $1f, %[rec]; rep insb; 1:"
		     : "+D" (p), "+c" (c), [rec] "+m" (guest_recover)
		     : "d" (PORT) : "memory");
	vec = guest_vector;
	fault_rdi = p;
	fault_rcx = c;
	GUEST_EQ(vec, VEC_PF);
	GUEST_EQ(guest_cr2, (uintptr_t)buffer + PAGE);
	GUEST_EQ(guest_error, 2);	/* a write, page not present */
	guest_done();
}

static void ins_fault(void)
{
	struct vcpu *v = start(guest_ins_fault);
	unsigned int n = 0;

	guest_split(ptes, (uintptr_t)buffer);
	ptes[((uintptr_t)buffer + PAGE) >> 12 & 511] = 0;
	for (;;) {
		vcpu_expect(v, KVM_EXIT_IO);
		if (ucall_get(v))
			break;
		REQUIRE_EQ(v->run->io.port, PORT);
		memset(io_data(v), 0x33, v->run->io.count);
		n += v->run->io.count;
	}
	/* Four bytes fit; more may have been read ahead, none written. */
	REQUIRE(n >= 4 && n <= 8, "%u", n);
	REQUIRE_EQ(fault_rdi, (uintptr_t)buffer + PAGE);
	REQUIRE_EQ(fault_rcx, 4);
	REQUIRE_EQ(buffer[PAGE - 1], 0x33);
}

/* OUTS takes a segment override, INS ignores one. */
static void guest_segment(void)
{
	wrmsr(MSR_FS_BASE, (uintptr_t)buffer);
	asm volatile("movl $64, %%esi; movl $0x5a0, %%edx; fs outsb"
		     : : : "rsi", "rdx", "memory");
	asm volatile("movl %0, %%edi; movl $0x5a0, %%edx; fs insb"
		     : : "r" ((uint32_t)(uintptr_t)buffer + 65)
		     : "rdi", "rdx", "memory");
	guest_done();
}

static void segment_override(void)
{
	struct vcpu *v = start(guest_segment);

	buffer[64] = 0x91;
	expect_io(v, 1, PORT, 1);
	REQUIRE_EQ(*(uint8_t *)io_data(v), 0x91);
	expect_io(v, 0, PORT, 1);
	*(uint8_t *)io_data(v) = 0x92;
	expect_done(v);
	REQUIRE_EQ(buffer[65], 0x92);
}

extern const char real_pio[], real_pio_end[];
asm(".pushsection .rodata\n"
    ".code16\n"
    "real_pio:\n"
    "	movw $0x2000, %si\n"
    "	movw $3, %cx\n"
    "	movw $0x5a0, %dx\n"
    "	movw $0x300, %ax\n"
    "	movw %ax, %ds\n"
    "	rep outsb\n"
    "	inw $0x42, %ax\n"
    "	outl %eax, %dx\n"
    "	movw %si, %ax\n"
    "	outw %ax, %dx\n"
    "	hlt\n"
    "real_pio_end:\n"
    ".code64\n"
    ".popsection");

static void real_mode(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	unsigned int n = 0;
	char got[4] = "";

	low_copy(vm, 0x1000, real_pio, real_pio_end);
	memcpy(vm->low + 0x5000, "abc", 3);	/* 0x300:0x2000 */
	vcpu_start_real(v, 0, 0x1000);
	while (n < 3) {
		expect_io(v, 1, PORT, 1);
		memcpy(got + n, io_data(v), v->run->io.count);
		n += v->run->io.count;
	}
	REQUIRE(!strcmp(got, "abc"), "%s", got);
	expect_io(v, 0, 0x42, 2);
	*(uint16_t *)io_data(v) = 0x1234;
	expect_io(v, 1, PORT, 4);
	REQUIRE_EQ(*(uint32_t *)io_data(v), 0x1234);
	expect_io(v, 1, PORT, 2);
	REQUIRE_EQ(*(uint16_t *)io_data(v), 0x2003);
	vcpu_expect(v, KVM_EXIT_HLT);
}

/* Below CPL 0 the I/O permission map of the TSS decides. */
static void guest_user_code(void)
{
	asm volatile("outb %%al, %%dx" : : "a" (1), "d" (PORT));
	for (;;)
		;
}

static void user_gp(struct trap *t)
{
	GUEST_EQ(t->rip, (uintptr_t)guest_recover);
	guest_done();
}

static void guest_user(void)
{
	guest_handlers[VEC_GP] = user_gp;
	asm volatile("movw %w0, %%ds; ltr %w1" : : "r" (SEL_USER_DATA),
		     "r" (SEL_TSS));
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "i" (SEL_USER_DATA),
		     "r" ((uint64_t)guest_stacks[1]),
		     "i" (SEL_USER_CODE64),
		     "r" (guest_user_code) : "memory");
}

static void user_denied(void)
{
	struct vcpu *v = start(guest_user);
	const uint8_t *p = (const uint8_t *)guest_user_code;

	/* ltr needs an available TSS. */
	guest_gdt[0][SEL_TSS / 8] &= ~(2ull << 40);
	while (*p != 0xee)
		p++;
	guest_recover = (uintptr_t)p;
	expect_done(v);
}

static const struct test tests[] = {
	{ "OUT: immediate and DX, 1, 2 and 4 bytes", out_forms },
	{ "IN: immediate and DX, 1, 2 and 4 bytes, merged or zero-extended",
	  in_forms },
	{ "RIP is after the instruction once it is completed", rip_after },
	{ "registers set while an IN is pending survive", regs_while_pending },
	{ "OUTS and REP OUTS in three widths", rep_outs },
	{ "INS and REP INS in three widths", rep_ins },
	{ "the direction flag turns string I/O round", df },
	{ "string I/O across a page boundary", page_cross },
	{ "without REP one element moves and RCX stays", no_rep },
	{ "REP with RCX 0 makes no exit", rep_zero },
	{ "6000 elements arrive complete and in order", rep_many },
	{ "REP INS into an unmapped page stops there with #PF", ins_fault },
	{ "OUTS honours a segment override, INS does not", segment_override },
	{ "string and register I/O in real mode", real_mode },
	{ "I/O at CPL 3 without permission is #GP, no exit", user_denied },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
