// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the guest's CPUID is the table that user space set, but for the bits
 * that follow the guest's own state; an MSR access does what the processor
 * would do with this CPUID, and #GP(0) is the answer to all that it would not.
 */
#include "apic.h"
#include "tap.h"

static volatile bool on_tcg, strict;

static struct vcpu *create(unsigned int flags, struct kvm_cpuid2 **table)
{
	struct vm *vm = vm_create(flags | VM_NO_CPUID);
	struct vcpu *v = vcpu_create(vm, 0);
	struct kvm_cpuid_entry2 *e;

	*table = supported_cpuid(vm->kvm);
	/* No nested virtualization in this table. */
	e = cpuid_find(*table, 0x80000001, 0);
	if (e)
		e->ecx &= ~(1u << 2);
	e = cpuid_find(*table, 1, 0);
	if (e)
		e->ecx &= ~(1u << 5);
	return v;
}

static struct vcpu *start(unsigned int flags, void (*fn)(void))
{
	struct kvm_cpuid2 *c;
	struct vcpu *v = create(flags, &c);

	must(v->fd, KVM_SET_CPUID2, c);
	vcpu_start(v, fn);
	on_tcg = host_is_tcg();
	strict = device_is_duet();
	return v;
}

static void table_contract(void)
{
	struct kvm_cpuid2 *c, *back = calloc(1, sizeof(*c) + 300 * 40);
	struct vcpu *v = create(0, &c);
	unsigned int i;

	must(v->fd, KVM_SET_CPUID2, c);
	back->nent = c->nent;
	must(v->fd, KVM_GET_CPUID2, back);
	REQUIRE_EQ(back->nent, c->nent);
	for (i = 0; i < c->nent; i++) {
		REQUIRE_EQ(back->entries[i].function, c->entries[i].function);
		REQUIRE_EQ(back->entries[i].index, c->entries[i].index);
		/* EBX of 0xd and feature words have bits that follow state. */
		REQUIRE_EQ(back->entries[i].eax, c->entries[i].eax,
			   "leaf %#x", c->entries[i].function);
	}
	back->nent = c->nent - 1;
	must_fail(v->fd, KVM_GET_CPUID2, back, E2BIG);
	back->nent = 100000;
	must_fail(v->fd, KVM_SET_CPUID2, back, E2BIG);
	must_fail(v->fd, KVM_SET_CPUID2, 8, EFAULT);
}

/* The guest's answers, in the order of the table. */
static volatile uint32_t answers[256][4];
static volatile uint32_t questions[256][2];
static volatile unsigned int question_count;

static void guest_ask(void)
{
	unsigned int i;
	uint32_t out[4];

	for (i = 0; i < question_count; i++) {
		cpuid(questions[i][0], questions[i][1], out);
		answers[i][0] = out[0];
		answers[i][1] = out[1];
		answers[i][2] = out[2];
		answers[i][3] = out[3];
	}
	guest_done();
}

static void guest_sees_table(void)
{
	struct kvm_cpuid2 *c;
	struct vcpu *v = create(0, &c);
	struct kvm_cpuid_entry2 *e;
	unsigned int i;

	/* A leaf that no processor has, and other words in known ones. */
	e = &c->entries[c->nent++];
	memset(e, 0, sizeof(*e));
	e->function = 0x40001234;
	e->eax = 0x11223344;
	e->ebx = 0x55667788;
	e->ecx = 0x99aabbcc;
	e->edx = 0xddeeff00;
	e = cpuid_find(c, 0x80000002, 0);
	if (e)
		e->eax = 0x74657544;
	must(v->fd, KVM_SET_CPUID2, c);
	vcpu_start(v, guest_ask);
	for (i = 0; i < c->nent; i++) {
		questions[i][0] = c->entries[i].function;
		questions[i][1] = c->entries[i].index;
	}
	question_count = c->nent;
	expect_done(v);
	for (i = 0; i < c->nent; i++) {
		uint32_t ebx = ~0u, ecx = ~0u, edx = ~0u;

		e = &c->entries[i];
		if (e->function == 1) {
			ecx = ~(1u << 27 | 1u << 3);	/* OSXSAVE, MONITOR */
			edx = ~(1u << 9);		/* APIC */
		} else if (e->function == 0x80000001) {
			edx = ~(1u << 9);
		} else if (e->function == 7) {
			ecx = ~(1u << 4);		/* OSPKE */
		} else if (e->function == 0xd) {
			ebx = 0;			/* follows XCR0 */
		}
		REQUIRE_EQ(answers[i][0], e->eax, "leaf %#x.%u", e->function,
			   e->index);
		REQUIRE_EQ(answers[i][1] & ebx, e->ebx & ebx, "leaf %#x.%u",
			   e->function, e->index);
		REQUIRE_EQ(answers[i][2] & ecx, e->ecx & ecx, "leaf %#x.%u",
			   e->function, e->index);
		REQUIRE_EQ(answers[i][3] & edx, e->edx & edx, "leaf %#x.%u",
			   e->function, e->index);
	}
}

/* No table at all: zeros, no crash. */
static void no_table(void)
{
	struct vcpu *v = vcpu_create(vm_create(VM_NO_CPUID), 0);
	struct kvm_sregs s;

	vcpu_start_prot32(v, 0x1000, 0x8000);
	memcpy(v->vm->low + 0x1000, "\xb8\x01\0\0\0\x0f\xa2\x01\xd8\xf4", 10);
	sregs_get(v, &s);
	vcpu_expect(v, KVM_EXIT_HLT);
}

static volatile bool has_xsave;

static void guest_dynamic(void)
{
	uint32_t r[4], base[4];

	cpuid(1, 0, base);
	GUEST_EQ(base[2] >> 27 & 1, 0);
	GUEST_EQ(base[3] >> 9 & 1, 1);
	if (has_xsave) {
		write_cr(4, read_cr(4) | CR4_OSXSAVE);
		cpuid(1, 0, r);
		GUEST_EQ(r[2] >> 27 & 1, 1);
		GUEST_EQ(r[2] ^ base[2], 1u << 27);
		cpuid(0xd, 0, r);
		GUEST_EQ(r[1], 576);		/* XCR0 = 1 */
		asm volatile("xsetbv" : : "a" (3), "c" (0), "d" (0));
		cpuid(0xd, 0, r);
		GUEST_EQ(r[1], 576);
		if (r[0] & 4) {
			asm volatile("xsetbv" : : "a" (7), "c" (0), "d" (0));
			cpuid(0xd, 0, r);
			/* QEMU's TCG does not intercept XSETBV. */
			if (!on_tcg)
				GUEST_EQ(r[1], 832);
		}
		write_cr(4, read_cr(4) & ~CR4_OSXSAVE);
		cpuid(1, 0, r);
		GUEST_EQ(r[2] >> 27 & 1, 0);
	}
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~0x800ull);
	cpuid(1, 0, r);
	GUEST_EQ(r[3] >> 9 & 1, 0);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x800);
	cpuid(1, 0, r);
	GUEST_EQ(r[3] >> 9 & 1, 1);
	guest_done();
}

static void dynamic_bits(void)
{
	struct vcpu *v = start(VM_IRQCHIP, guest_dynamic);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 1, 0);

	has_xsave = e && (e->ecx & 1u << 26);
	expect_done(v);
}

static void guest_xsetbv(void)
{
	int vec;

#define XSETBV(hi, lo, idx)						\
	guest_try("movl %0, %%eax; movl %1, %%edx; movl %2, %%ecx; xsetbv", \
		  "i" (lo), "i" (hi), "i" (idx))
	vec = XSETBV(0, 1, 0);
	GUEST_EQ(vec, VEC_UD);		/* CR4.OSXSAVE is off */
	write_cr(4, read_cr(4) | CR4_OSXSAVE);
	vec = XSETBV(0, 0, 0);
	GUEST_EQ(vec, VEC_GP);		/* x87 has to be on */
	vec = XSETBV(0, 5, 0);
	GUEST_EQ(vec, VEC_GP);		/* AVX without SSE */
	vec = XSETBV(0x40000000, 3, 0);
	GUEST_EQ(vec, VEC_GP);
	vec = XSETBV(0, 1, 5);
	GUEST_EQ(vec, VEC_GP);
	vec = XSETBV(0, 3, 0);
	GUEST_EQ(vec, -1);
	guest_done();
}

static void xsetbv(void)
{
	struct vcpu *v = start(0, guest_xsetbv);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 1, 0);

	if (!e || !(e->ecx & 1u << 26))
		skip("no XSAVE on this CPU");
	expect_done(v);
}

static bool guest_is_intel(void)
{
	uint32_t a = 0, b, c = 0, d;

	asm volatile("cpuid" : "+a" (a), "=b" (b), "+c" (c), "=d" (d));
	return c == 0x6c65746e;		/* Genu ineI ntel */
}

static void guest_refused(void)
{
	static const uint32_t unknown[] = {
		0x12345678, 0xdeadbeef, 0xc0000090, 0xc0010fff, 0x0, 0x4fffffff,
		0xc001f000, 0x1fff, 0x2000, 0xbfffffff, 0xc0002000,
	};
	uint64_t v;
	unsigned int i;

	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		if (unknown[i]) {	/* 0 is the Pentium's machine check */
			GUEST_EQ(guest_rdmsr(unknown[i], &v), VEC_GP);
			GUEST_EQ(guest_error, 0);
		}
		GUEST_REQUIRE(guest_wrmsr(unknown[i], 1) == VEC_GP ||
			      !unknown[i]);
	}
	GUEST_EQ(guest_wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1ull << 63), VEC_GP);
	GUEST_EQ(guest_wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 2), VEC_GP);
	GUEST_EQ(guest_wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME), VEC_GP);
	GUEST_EQ(guest_wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_LME), VEC_GP);
	if (!on_tcg) {
		/* QEMU's TCG takes them when they are not intercepted. */
		GUEST_EQ(guest_wrmsr(MSR_LSTAR, 1ull << 63), VEC_GP);
		GUEST_EQ(guest_wrmsr(MSR_CSTAR, 1ull << 48), VEC_GP);
	}
	GUEST_EQ(guest_wrmsr(MSR_PAT, 2), VEC_GP);
	GUEST_EQ(guest_wrmsr(MSR_PAT, 0x0707070707070708), VEC_GP);
	GUEST_EQ(guest_wrmsr(MSR_APIC_BASE, 1ull << 60 | 0xfee00900), VEC_GP);
	GUEST_EQ(guest_wrmsr(0x2ff, 2), VEC_GP);	/* MTRRdefType */
	GUEST_EQ(guest_wrmsr(0xfe, 1), VEC_GP);		/* MTRRcap */
	GUEST_EQ(guest_wrmsr(0x200, 2), VEC_GP);	/* MTRRphysBase0 */
	/* Intel's CPUs fault; KVM takes it where the emulator under it does. */
	if (strict && guest_is_intel())
		GUEST_EQ(guest_wrmsr(MSR_FMASK, 1ull << 32), VEC_GP);
	if (strict) {	/* KVM has VM_HSAVE_PA without SVM in CPUID */
		GUEST_EQ(guest_rdmsr(0xc0010117, &v), VEC_GP);
		GUEST_EQ(guest_wrmsr(0xc0010117, 0x1000), VEC_GP);
	}
	guest_done();
}

static void refused(void)
{
	expect_done(start(VM_IRQCHIP, guest_refused));
}

static void guest_accepted(void)
{
	static const struct { uint32_t index; uint64_t value; } rw[] = {
		{ MSR_STAR, 0x0028000812345678 },
		{ MSR_LSTAR, 0xffff800000000000 },
		{ MSR_CSTAR, 0x00007fffffffffff },
		{ MSR_FMASK, 0x47700 },
		{ MSR_FS_BASE, 0x00007f0000000000 },
		{ MSR_GS_BASE, 0xffffffff80000000 },
		{ MSR_KERNEL_GS_BASE, 0x1000 },
		{ MSR_SYSENTER_CS, 0x8 },
		{ MSR_SYSENTER_ESP, 0x80001000 },
		{ MSR_SYSENTER_EIP, 0x80002000 },
		{ MSR_PAT, 0x0606060606060606 },
		{ 0x200, 0x80000006 },			/* MTRRphysBase0 */
		{ 0x201, 0xff80000800 },
		{ 0x250, 0x0606060606060606 },		/* MTRRfix64K */
		{ 0x2ff, 0xc06 },
	};
	uint64_t v;
	unsigned int i;

	for (i = 0; i < sizeof(rw) / sizeof(rw[0]); i++) {
		GUEST_EQ(guest_wrmsr(rw[i].index, rw[i].value), -1);
		GUEST_EQ(guest_rdmsr(rw[i].index, &v), -1);
		GUEST_EQ(v, rw[i].value);
	}
	/* EFER: SCE and NXE can go, LMA reads as the mode is. */
	wrmsr(MSR_EFER, EFER_LME | EFER_LMA);
	GUEST_EQ(rdmsr(MSR_EFER), EFER_LME | EFER_LMA);
	guest_done();
}

static void accepted(void)
{
	expect_done(start(VM_IRQCHIP, guest_accepted));
}

static volatile uint64_t tsc[4];

static void guest_tsc(void)
{
	uint64_t t0 = rdtsc(), t1 = rdtsc(), m = rdmsr(MSR_TSC), t2 = rdtsc();

	GUEST_REQUIRE(t0 < t1 && t1 < m && m < t2);
	tsc[0] = t0;
	guest_sync(1);
	tsc[1] = rdtsc();
	wrmsr(MSR_TSC, 0x1000000000000);
	tsc[2] = rdtsc();
	guest_sync(2);
	tsc[3] = rdtsc();
	guest_done();
}

static void tsc_moves(void)
{
	struct vcpu *v = start(0, guest_tsc);
	uint64_t host;

	expect_sync(v, 1);
	msr_set(v, MSR_TSC, tsc[0] + 0x100000000000);
	expect_sync(v, 2);
	REQUIRE(tsc[1] >= tsc[0] + 0x100000000000);
	REQUIRE(tsc[1] < tsc[0] + 0x200000000000);
	REQUIRE(tsc[2] >= 0x1000000000000 && tsc[2] < 0x1100000000000);
	host = msr_get(v, MSR_TSC);
	REQUIRE(host >= tsc[2], "host reads what the guest has");
	expect_done(v);
	REQUIRE(tsc[3] > host);
}

/*
 * IA32_TSC_ADJUST: the guest's writes to it and to the TSC move both, by the
 * same amount (SDM vol. 3, 18.17.3); user space sets the one or the other.
 */
#define JUMP	0x100000000000

static volatile uint64_t adjust;

static void guest_tsc_adjust(void)
{
	uint64_t before, after, moved;

	GUEST_EQ(rdmsr(MSR_TSC_ADJUST), 0);
	before = rdtsc();
	wrmsr(MSR_TSC_ADJUST, JUMP);
	after = rdtsc();
	GUEST_REQUIRE(after - before >= JUMP && after - before < 2l * JUMP);
	wrmsr(MSR_TSC_ADJUST, -2l * JUMP);
	GUEST_REQUIRE(after - rdtsc() > 2l * JUMP);
	wrmsr(MSR_TSC_ADJUST, JUMP);
	/* Less by what went by until the write. */
	before = rdtsc();
	wrmsr(MSR_TSC, before + 2l * JUMP);
	after = rdtsc();
	moved = rdmsr(MSR_TSC_ADJUST) - JUMP;
	GUEST_REQUIRE(moved < 2l * JUMP && moved > JUMP);
	GUEST_REQUIRE(after - before >= 2l * JUMP);
	adjust = moved + JUMP;
	tsc[0] = rdtsc();
	guest_sync(1);
	tsc[1] = rdtsc();
	GUEST_EQ(rdmsr(MSR_TSC_ADJUST), 77);
	guest_sync(2);
	GUEST_EQ(rdmsr(MSR_TSC_ADJUST), 77);
	guest_done();
}

static void guest_no_tsc_adjust(void)
{
	uint64_t v;

	GUEST_EQ(guest_rdmsr(MSR_TSC_ADJUST, &v), VEC_GP);
	GUEST_EQ(guest_wrmsr(MSR_TSC_ADJUST, 1), VEC_GP);
	guest_done();
}

static void tsc_adjust(void)
{
	struct vcpu *v = start(0, guest_tsc_adjust);
	struct kvm_cpuid2 *c;

	expect_sync(v, 1);
	REQUIRE_EQ(msr_get(v, MSR_TSC_ADJUST), adjust);
	msr_set(v, MSR_TSC_ADJUST, 77);
	expect_sync(v, 2);
	REQUIRE(tsc[1] - tsc[0] < JUMP, "the ioctl moves nothing");
	msr_set(v, MSR_TSC, tsc[1] + JUMP);
	expect_done(v);
	if (!strict)	/* lets everybody read it */
		return;
	v = create(0, &c);
	cpuid_find(c, 7, 0)->ebx &= ~2u;
	must(v->fd, KVM_SET_CPUID2, c);
	vcpu_start(v, guest_no_tsc_adjust);
	expect_done(v);
}

static void guest_tsc_aux(void)
{
	uint32_t lo, hi, aux;

	asm volatile("rdtscp" : "=a" (lo), "=d" (hi), "=c" (aux));
	GUEST_EQ(aux, 0x1234);
	wrmsr(MSR_TSC_AUX, 0x5678);
	asm volatile("rdtscp" : "=a" (lo), "=d" (hi), "=c" (aux));
	GUEST_EQ(aux, 0x5678);
	guest_sync(1);
	asm volatile("rdtscp" : "=a" (lo), "=d" (hi), "=c" (aux));
	GUEST_EQ(aux, 0x5678);
	guest_done();
}

static void tsc_aux(void)
{
	struct vcpu *v = start(0, guest_tsc_aux);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x80000001, 0);
	uint32_t lo, hi, aux, again;

	if (!e || !(e->edx & 1u << 27))
		skip("no RDTSCP on this CPU");
	asm volatile("rdtscp" : "=a" (lo), "=d" (hi), "=c" (aux));
	msr_set(v, MSR_TSC_AUX, 0x1234);
	expect_sync(v, 1);
	REQUIRE_EQ(msr_get(v, MSR_TSC_AUX), 0x5678);
	/* The host's own value is back (the CPU's number). */
	asm volatile("rdtscp" : "=a" (lo), "=d" (hi), "=c" (again));
	REQUIRE(again != 0x5678);
	expect_done(v);
}

/* The APIC page follows APIC_BASE's enable bit. */
static void guest_apic_off(void)
{
	uint32_t lvr;

	GUEST_EQ(rdmsr(MSR_APIC_BASE), 0xfee00900);
	GUEST_EQ(apic_read(APIC_LVR) & 0xff, 0x14);
	wrmsr(MSR_APIC_BASE, 0xfee00100);
	/* User space's, or nobody's as KVM has it without its quirk disabled. */
	lvr = apic_read(APIC_LVR);
	GUEST_REQUIRE(lvr == 0xabcd || lvr == 0xffffffff);
	wrmsr(MSR_APIC_BASE, 0xfee00900);
	GUEST_EQ(apic_read(APIC_LVR) & 0xff, 0x14);
	guest_done();
}

static void apic_base(void)
{
	struct vcpu *v = start(VM_IRQCHIP, guest_apic_off);

	if (vcpu_run(v) == KVM_EXIT_MMIO) {
		REQUIRE_EQ(v->run->mmio.phys_addr, 0xfee00030);
		REQUIRE_EQ(v->run->mmio.is_write, 0);
		REQUIRE_EQ(v->run->apic_base, 0xfee00100);
		memcpy(v->run->mmio.data, "\xcd\xab\0\0", 4);
		vcpu_run(v);
	}
	if (!ucall_get(v) || ucall_get(v)->cmd != UCALL_DONE)
		exit_unexpected(__FILE__, __LINE__, v);
	REQUIRE_EQ(v->run->apic_base, 0xfee00900);
}

/* SYSCALL and SYSRET, all MSRs together. */
static volatile uint64_t syscall_rcx, syscall_r11, syscall_flags, user_rsp;
void guest_syscall_entry(void);
void guest_syscall_user(void);
void guest_syscall_return(void);
extern const char syscall_after[];
asm(".text\n"
    "guest_syscall_user:\n"
    "	stc\n"
    "	syscall\n"
    "syscall_after:\n"
    "	int $0x80\n"
    "guest_syscall_entry:\n"
    "	movq %rcx, syscall_rcx\n"
    "	movq %r11, syscall_r11\n"
    "	movq %rsp, user_rsp\n"
    "	movq $guest_stacks + 0x7000, %rsp\n"
    "	pushfq\n	popq syscall_flags\n"
    "	movq user_rsp, %rsp\n"
    "	sysretq\n");

static void guest_after_syscall(struct trap *t)
{
	GUEST_EQ(t->cs, SEL_USER_CODE64);
	GUEST_EQ(t->ss, SEL_USER_DATA);
	GUEST_EQ(t->rip, (uintptr_t)syscall_after + 2);
	GUEST_EQ(t->rflags & X86_EFLAGS_CF, 1);
	GUEST_EQ(syscall_rcx, (uintptr_t)syscall_after);
	GUEST_EQ(syscall_r11 & X86_EFLAGS_CF, 1);
	GUEST_EQ(syscall_flags & X86_EFLAGS_CF, 0);	/* FMASK */
	guest_done();
}

static void guest_syscall(void)
{
	guest_handlers[0x80] = guest_after_syscall;
	wrmsr(MSR_STAR, 0x0033000800000000);	/* 0x33 + 16 = 0x43 */
	wrmsr(MSR_LSTAR, (uintptr_t)guest_syscall_entry);
	wrmsr(MSR_FMASK, X86_EFLAGS_CF | X86_EFLAGS_IF);
	asm volatile("ltr %w0" : : "r" (SEL_TSS));
	/*
	 * Where INT pushes: a nested fault there is another test's (exceptions),
	 * and wrong on Bochs' AMD-V (docs/errata-emulators.md).
	 */
	*(volatile uint8_t *)&guest_ist[0][PAGE - 1] = 0;
	asm volatile("pushq $0x3b; pushq %0; pushq $2; pushq $0x43; pushq %1;"
		     "iretq" : : "r" ((uint64_t)guest_stacks[2]),
		     "r" (guest_syscall_user) : "memory");
}

static void syscall_sysret(void)
{
	struct vcpu *v = start(0, guest_syscall);

	guest_gdt[0][SEL_TSS / 8] &= ~(2ull << 40);
	expect_done(v);
}

/* What a guest without nested virtualization may not execute. */
static void guest_vm_instructions(void)
{
	int vec;

/* RAX is a good address: a bad one may be #GP before an intercept. */
#define UNDEFINED(insn)							\
	do {								\
		vec = guest_try("movl $0x10000, %%eax;" insn, "r" (0));	\
		/* KVM leaves some to the processor. */			\
		if (strict || (vec != -1 && vec != VEC_GP))		\
			GUEST_EQ(vec, VEC_UD);				\
	} while (0)
	UNDEFINED(".byte 0x0f, 0x01, 0xd8");	/* vmrun */
	UNDEFINED(".byte 0x0f, 0x01, 0xda");	/* vmload */
	UNDEFINED(".byte 0x0f, 0x01, 0xdb");	/* vmsave */
	UNDEFINED(".byte 0x0f, 0x01, 0xdc");	/* stgi */
	UNDEFINED(".byte 0x0f, 0x01, 0xdd");	/* clgi */
	UNDEFINED(".byte 0x0f, 0x01, 0xdf");	/* invlpga */
	UNDEFINED(".byte 0x0f, 0x01, 0xc2");	/* vmlaunch */
	UNDEFINED(".byte 0x0f, 0x01, 0xc3");	/* vmresume */
	UNDEFINED(".byte 0x0f, 0x01, 0xc4");	/* vmxoff */
	UNDEFINED("vmread %%rax, %%rbx");
	guest_done();
}

static void vm_instructions(void)
{
	expect_done(start(0, guest_vm_instructions));
}

/* Once the vCPU has run its table is what it is. */
static void guest_once(void)
{
	guest_sync(1);
	guest_done();
}

static void table_is_fixed(void)
{
	struct kvm_cpuid2 *c;
	struct vcpu *v = create(0, &c);

	must(v->fd, KVM_SET_CPUID2, c);
	vcpu_start(v, guest_once);
	expect_sync(v, 1);
	must(v->fd, KVM_SET_CPUID2, c);
	c->entries[0].ebx ^= 1;
	must_fail(v->fd, KVM_SET_CPUID2, c, EINVAL);
	c->nent--;
	c->entries[0].ebx ^= 1;
	must_fail(v->fd, KVM_SET_CPUID2, c, EINVAL);
	expect_done(v);
}

/* RDTSCP and its register are not there if CPUID has neither it nor RDPID. */
static void guest_no_tsc_aux(void)
{
	uint64_t v;

	if (!on_tcg)	/* it does not intercept RDTSCP */
		GUEST_EQ(guest_try("rdtscp", "i" (0)), VEC_UD);
	GUEST_EQ(guest_rdmsr(MSR_TSC_AUX, &v), VEC_GP);
	GUEST_EQ(guest_wrmsr(MSR_TSC_AUX, 1), VEC_GP);
	guest_done();
}

static void no_tsc_aux(void)
{
	struct kvm_cpuid2 *c;
	struct vcpu *v = create(0, &c);

	cpuid_find(c, 0x80000001, 0)->edx &= ~(1u << 27);
	if (cpuid_find(c, 7, 0))
		cpuid_find(c, 7, 0)->ecx &= ~(1u << 22);
	must(v->fd, KVM_SET_CPUID2, c);
	on_tcg = host_is_tcg();
	vcpu_start(v, guest_no_tsc_aux);
	expect_done(v);
}

static const struct test tests[] = {
	{ "SET_CPUID2 and GET_CPUID2: round trip and limits", table_contract },
	{ "the guest's CPUID is the table", guest_sees_table },
	{ "a vCPU without a table runs", no_table },
	{ "OSXSAVE, APIC and the XSAVE size follow the guest's state",
	  dynamic_bits },
	{ "XSETBV: values that are not allowed are #GP", xsetbv },
	{ "unknown MSRs and invalid values are #GP(0)", refused },
	{ "MSRs keep what is written", accepted },
	{ "the TSC moves when the host or the guest writes it", tsc_moves },
	{ "IA32_TSC_ADJUST and the TSC move together", tsc_adjust },
	{ "TSC_AUX is the guest's in the guest, the host's outside", tsc_aux },
	{ "the local APIC's page comes and goes with APIC_BASE", apic_base },
	{ "SYSCALL and SYSRET", syscall_sysret },
	{ "virtualization instructions are #UD", vm_instructions },
	{ "no other table after the vCPU has run", table_is_fixed },
	{ "without RDTSCP in CPUID it is #UD", no_tsc_aux },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
