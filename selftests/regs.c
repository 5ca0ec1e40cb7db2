// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: what user space sets in a vCPU is what it gets back and what the guest
 * sees, and what the guest changes is what user space gets; a value that the
 * processor cannot hold is EINVAL and changes nothing.
 */
#include "guest.h"
#include "tap.h"

static struct vcpu *create(unsigned int flags)
{
	return vcpu_create(vm_create(flags), 0);
}

static volatile uint64_t dump[17];

extern const char regs_code[];
asm(".text\n"
    "regs_code:\n"
    "	movq %rax, dump\n	movq %rbx, dump+8\n"
    "	movq %rcx, dump+16\n	movq %rdx, dump+24\n"
    "	movq %rsi, dump+32\n	movq %rdi, dump+40\n"
    "	movq %rsp, dump+48\n	movq %rbp, dump+56\n"
    "	movq %r8, dump+64\n	movq %r9, dump+72\n"
    "	movq %r10, dump+80\n	movq %r11, dump+88\n"
    "	movq %r12, dump+96\n	movq %r13, dump+104\n"
    "	movq %r14, dump+112\n	movq %r15, dump+120\n"
    "	movq $guest_stacks + 0x4000, %rsp\n"
    "	pushfq\n	popq dump+128\n"
    "	movq $0xa0a0, %rax\n	notq %rbx\n	notq %rcx\n	notq %rdx\n"
    "	notq %rsi\n	notq %rdi\n	notq %rbp\n	notq %r8\n"
    "	notq %r9\n	notq %r10\n	notq %r11\n	notq %r12\n"
    "	notq %r13\n	notq %r14\n	notq %r15\n"
    "	hlt\n");

static void gprs(void)
{
	struct vcpu *v = create(0);
	struct kvm_regs r, back;
	uint64_t *p = (uint64_t *)&r, *q = (uint64_t *)&back;
	unsigned int i;

	vcpu_start(v, (void (*)(void))regs_code);
	for (i = 0; i < 16; i++)
		p[i] = 0x1111111111111111ull * i + 0x8000000000000000ull;
	r.rip = (uintptr_t)regs_code;
	r.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_CF | X86_EFLAGS_OF |
		   X86_EFLAGS_AC;
	regs_set(v, &r);
	regs_get(v, &back);
	REQUIRE(!memcmp(&r, &back, sizeof(r)), "what was set comes back");
	vcpu_expect(v, KVM_EXIT_HLT);
	for (i = 0; i < 16; i++)	/* struct kvm_regs has dump's order */
		REQUIRE_EQ(dump[i], p[i], "register %u in the guest", i);
	REQUIRE_EQ(dump[16], r.rflags);
	regs_get(v, &back);
	REQUIRE_EQ(back.rax, 0xa0a0);
	for (i = 1; i < 16; i++)
		if (i != 6)
			REQUIRE_EQ(q[i], ~p[i], "register %u after", i);
	REQUIRE_EQ(back.rsp, (uintptr_t)guest_stacks + 0x4000);
}

/* RFLAGS bit 1 is always 1. */
static void rflags_fixed(void)
{
	struct vcpu *v = create(0);
	struct kvm_regs r;

	vcpu_start(v, (void (*)(void))regs_code);
	regs_get(v, &r);
	r.rflags = 0;
	regs_set(v, &r);
	regs_get(v, &r);
	REQUIRE_EQ(r.rflags, X86_EFLAGS_FIXED);
	vcpu_expect(v, KVM_EXIT_HLT);
	REQUIRE_EQ(dump[16], X86_EFLAGS_FIXED);
}

static void sregs_same(struct vcpu *v, const struct kvm_sregs *want)
{
	struct kvm_sregs got;

	sregs_get(v, &got);
#define SAME(f) REQUIRE_EQ(got.f, want->f)
#define SEG(r) do {							\
	SAME(r.base); SAME(r.limit); SAME(r.selector); SAME(r.type);	\
	SAME(r.present); SAME(r.dpl); SAME(r.db); SAME(r.s);		\
	SAME(r.l); SAME(r.g); SAME(r.avl); SAME(r.unusable);		\
} while (0)
	SEG(cs); SEG(ds); SEG(es); SEG(fs); SEG(gs); SEG(ss);
	SEG(tr);
	SAME(gdt.base); SAME(gdt.limit); SAME(idt.base); SAME(idt.limit);
	SAME(cr0); SAME(cr2); SAME(cr3); SAME(cr4); SAME(cr8); SAME(efer);
	SAME(apic_base);
	REQUIRE(!memcmp(got.interrupt_bitmap, want->interrupt_bitmap,
			sizeof(got.interrupt_bitmap)));
}

static void guest_sregs(void)
{
	struct descriptor_pointer gdt, idt;
	uint16_t tr;

	asm volatile("sgdt %0" : "=m" (gdt));
	asm volatile("sidt %0" : "=m" (idt));
	asm volatile("str %0" : "=r" (tr));
	GUEST_EQ(gdt.base, (uintptr_t)guest_gdt[0]);
	GUEST_EQ(gdt.limit, sizeof(guest_gdt[0]) - 1);
	GUEST_EQ(idt.base, (uintptr_t)guest_idt);
	GUEST_EQ(idt.limit, 256 * 16 - 1);
	GUEST_EQ(tr, SEL_TSS);
	GUEST_EQ(read_cr(2), 0xdead0000beef);
	GUEST_EQ(read_cr(3), (uintptr_t)guest_pml4);
	GUEST_EQ(read_cr(8), 5);
	GUEST_EQ(rdmsr(MSR_FS_BASE), 0x123456789000);
	GUEST_EQ(rdmsr(MSR_GS_BASE), 0xffff800000001000);
	GUEST_EQ(rdmsr(MSR_EFER), EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE);
	guest_sync(1);
	write_cr(2, 0x77000);
	write_cr(0, read_cr(0) | CR0_TS);
	write_cr(8, 9);
	wrmsr(MSR_GS_BASE, 0x5000);
	asm volatile("movw %w0, %%es" : : "r" (SEL_USER_DATA));
	guest_done();
}

static void sregs(void)
{
	struct vcpu *v = create(0);
	struct kvm_sregs s;

	vcpu_start(v, guest_sregs);
	sregs_get(v, &s);
	s.cr2 = 0xdead0000beef;
	/* Without a local APIC in the kernel kvm_run->cr8 is an input too. */
	s.cr8 = v->run->cr8 = 5;
	s.fs.base = 0x123456789000;
	s.gs.base = 0xffff800000001000;
	sregs_set(v, &s);
	sregs_same(v, &s);
	expect_sync(v, 1);
	sregs_same(v, &s);
	expect_done(v);
	s.cr2 = 0x77000;
	s.cr0 |= CR0_TS;
	s.cr8 = 9;
	s.gs.base = 0x5000;
	s.es.selector = SEL_USER_DATA;
	s.es.dpl = 3;
	sregs_same(v, &s);
	REQUIRE_EQ(v->run->cr8, 9);
}

static void sregs_reset(void)
{
	struct vcpu *v = create(0);
	struct kvm_sregs s;
	struct kvm_regs r;

	sregs_get(v, &s);
	regs_get(v, &r);
	REQUIRE_EQ(s.cr0, 0x60000010);
	REQUIRE_EQ(s.cs.selector, 0xf000);
	REQUIRE_EQ(s.cs.base, 0xffff0000);
	REQUIRE_EQ(s.cs.limit, 0xffff);
	REQUIRE_EQ(r.rip, 0xfff0);
	REQUIRE_EQ(r.rflags, 2);
	REQUIRE_EQ(s.efer, 0);
	REQUIRE_EQ(s.idt.limit, 0xffff);
	REQUIRE_EQ(s.apic_base, 0xfee00900);
	sregs_set(v, &s);
	sregs_same(v, &s);
}

static void guest_done_only(void)
{
	guest_done();
}

/* Each breaks one field of a good state. */
static void sregs_invalid(void)
{
	struct vcpu *v = create(0);
	struct kvm_sregs good, bad;

	vcpu_start(v, guest_done_only);
	sregs_get(v, &good);
#define REFUSED(change) do {						\
		bad = good;						\
		bad.cr2 = 0x1000;					\
		change;							\
		errno = 0;						\
		REQUIRE(ioctl(v->fd, KVM_SET_SREGS, &bad) < 0 &&	\
			errno == EINVAL, #change);			\
		sregs_same(v, &good);					\
	} while (0)
	REFUSED(bad.cr4 |= 1ull << 63);
	REFUSED(bad.cr4 |= 1ull << 31);
	REFUSED(bad.cr4 &= ~CR4_PAE);		/* long mode needs it */
	REFUSED(bad.efer &= ~EFER_LMA);		/* LME and PG without */
	REFUSED(bad.cr3 |= 1ull << 62);
	REFUSED(bad.cr0 &= ~CR0_PG);		/* LMA without PG */
	if (device_is_duet()) {
		/* KVM 6.1 checks these at entry or not at all. */
		REFUSED(bad.cr0 |= 1ull << 40);
		REFUSED(bad.cr0 &= ~CR0_PE);
		REFUSED(bad.cr0 |= CR0_NW; bad.cr0 &= ~CR0_CD);
		REFUSED(bad.efer |= 1ull << 63);
	}
	expect_done(v);
}

static uint8_t pattern[16] = "0123456789abcde";
static volatile uint8_t xmm_seen[2][16];

static void guest_fpu(void)
{
	uint16_t cw;

	asm volatile("fldpi; movdqu %0, %%xmm3" : : "m" (pattern));
	guest_sync(0);
	asm volatile("movdqu %%xmm3, %0" : "=m" (xmm_seen[0]));
	asm volatile("movdqu %%xmm15, %0" : "=m" (xmm_seen[1]));
	asm volatile("fnstcw %0" : "=m" (cw));
	GUEST_EQ(cw, 0x27f);
	asm volatile("movdqu %0, %%xmm4" : : "m" (pattern));
	asm volatile("fninit; fldpi; fld1");
	guest_sync(1);
	asm volatile("movdqu %%xmm4, %0" : "=m" (xmm_seen[0]));
	guest_done();
}

/* MXCSR is in KVM_SET_XSAVE's test: KVM's KVM_SET_FPU ignores it. */
static void fpu(void)
{
	static const uint8_t pi[10] = { 0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda,
					0x0f, 0xc9, 0x00, 0x40 };
	struct vcpu *v = create(0);
	struct kvm_fpu f, back;

	vcpu_start(v, guest_fpu);
	must(v->fd, KVM_GET_FPU, &f);
	REQUIRE_EQ(f.fcw, 0x37f);
	/* KVM 6.1 loses what is set before the guest used the registers. */
	expect_sync(v, 0);
	must(v->fd, KVM_GET_FPU, &f);
	f.fsw = f.ftwx = 0;
	memset(f.xmm[3], 0x33, 16);
	memset(f.xmm[15], 0xff, 16);
	f.fcw = 0x27f;
	must(v->fd, KVM_SET_FPU, &f);
	must(v->fd, KVM_GET_FPU, &back);
	REQUIRE(!memcmp(f.xmm, back.xmm, sizeof(f.xmm)));
	REQUIRE_EQ(back.fcw, 0x27f);
	expect_sync(v, 1);
	REQUIRE(!memcmp((void *)xmm_seen[0], f.xmm[3], 16));
	REQUIRE(!memcmp((void *)xmm_seen[1], f.xmm[15], 16));
	must(v->fd, KVM_GET_FPU, &back);
	REQUIRE(!memcmp(back.xmm[4], pattern, 16));
	REQUIRE(!memcmp(back.fpr[1], pi, 10), "ST1 is pi");
	REQUIRE_EQ(back.ftwx, 0xc0);
	/* The host's own use of the registers does not reach the guest. */
	asm volatile("pcmpeqd %xmm4, %xmm4");
	expect_done(v);
	REQUIRE(!memcmp((void *)xmm_seen[0], pattern, 16));
}

static volatile uint32_t mxcsr_seen;

static void guest_ymm(void)
{
	asm volatile("stmxcsr %0" : "=m" (mxcsr_seen));
	asm volatile("vmovdqu %%ymm7, %0" : "=m" (xmm_seen));
	guest_done();
}

static void xsave(void)
{
	struct vcpu *v = create(0);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 1, 0);
	struct kvm_xcrs xcrs, back;
	struct kvm_xsave x, y;
	struct kvm_sregs s;
	uint32_t avx = 0;

	must(v->fd, KVM_GET_XSAVE, &x);
	memset((char *)&x + 160 + 7 * 16, 0x77, 16);	/* XMM7 */
	((uint64_t *)&x)[64] |= 3;			/* XSTATE_BV */
	must(v->fd, KVM_SET_XSAVE, &x);
	must(v->fd, KVM_GET_XSAVE, &y);
	REQUIRE(!memcmp((char *)&x + 160, (char *)&y + 160, 256));
	/* Reserved bits of MXCSR. */
	((uint32_t *)&x)[6] = 0xffff0000;
	must_fail(v->fd, KVM_SET_XSAVE, &x, EINVAL);

	if (!e || !(e->ecx & 1u << 26))
		skip("no XSAVE on this CPU");
	must(v->fd, KVM_GET_XCRS, &xcrs);
	REQUIRE_EQ(xcrs.nr_xcrs, 1);
	REQUIRE_EQ(xcrs.xcrs[0].xcr, 0);
	REQUIRE_EQ(xcrs.xcrs[0].value, 1);
	e = cpuid_find(c, 0xd, 0);
	REQUIRE(e);
	back = xcrs;
	xcrs.xcrs[0].value = 0;
	must_fail(v->fd, KVM_SET_XCRS, &xcrs, EINVAL);
	xcrs.xcrs[0].value = 5;		/* AVX without SSE */
	must_fail(v->fd, KVM_SET_XCRS, &xcrs, EINVAL);
	xcrs.xcrs[0].value = 1ull << 62 | 3;
	must_fail(v->fd, KVM_SET_XCRS, &xcrs, EINVAL);
	xcrs.xcrs[0].value = 3;
	xcrs.flags = 1;
	must_fail(v->fd, KVM_SET_XCRS, &xcrs, EINVAL);
	xcrs.flags = 0;
	xcrs.nr_xcrs = KVM_MAX_XCRS + 1;
	must_fail(v->fd, KVM_SET_XCRS, &xcrs, EINVAL);
	xcrs = back;
	avx = e->eax & 4;
	xcrs.xcrs[0].value = avx ? 7 : 3;
	must(v->fd, KVM_SET_XCRS, &xcrs);
	must(v->fd, KVM_GET_XCRS, &back);
	REQUIRE_EQ(back.xcrs[0].value, avx ? 7 : 3);
	e = cpuid_find(c, 1, 0);
	if (!avx || !(e->ecx & 1u << 28))
		return;
	e = cpuid_find(c, 0xd, 2);
	REQUIRE(e && e->ebx == 576, "the AVX component's place");
	memset((char *)&y + 576 + 7 * 16, 0x78, 16);
	((uint64_t *)&y)[64] |= 7;
	((uint32_t *)&y)[6] = 0x1f82;
	must(v->fd, KVM_SET_XSAVE, &y);
	vcpu_start(v, guest_ymm);
	sregs_get(v, &s);
	s.cr4 |= CR4_OSXSAVE;
	sregs_set(v, &s);
	expect_done(v);
	REQUIRE_EQ(mxcsr_seen, 0x1f82);
	REQUIRE_EQ(xmm_seen[0][5], 0x77);
	REQUIRE_EQ(xmm_seen[1][5], 0x78);
}

static void guest_debugregs(void)
{
	GUEST_EQ(read_dr(0), 0x1000);
	GUEST_EQ(read_dr(1), 0x2000);
	GUEST_EQ(read_dr(2), 0x3000);
	GUEST_EQ(read_dr(3), 0x123456789abc);
	GUEST_EQ(read_dr(6), 0xffff4ff0);
	GUEST_EQ(read_dr(7), 0x400);
	write_dr(0, 0xaaa000);
	write_dr(3, 0xbbb000);
	write_dr(6, 0xffff0ff1);
	write_dr(7, 0x700);
	guest_done();
}

static void debugregs(void)
{
	struct vcpu *v = create(0);
	struct kvm_debugregs d, back;

	vcpu_start(v, guest_debugregs);
	must(v->fd, KVM_GET_DEBUGREGS, &d);
	REQUIRE_EQ(d.dr6, 0xffff0ff0);
	REQUIRE_EQ(d.dr7, 0x400);
	d.flags = 1;
	must_fail(v->fd, KVM_SET_DEBUGREGS, &d, EINVAL);
	d.flags = 0;
	d.dr6 = 1ull << 32;
	must_fail(v->fd, KVM_SET_DEBUGREGS, &d, EINVAL);
	d.dr6 = 0xffff4ff0;
	d.dr7 = 1ull << 40;
	must_fail(v->fd, KVM_SET_DEBUGREGS, &d, EINVAL);
	d.dr7 = 0x400;
	d.db[0] = 0x1000;
	d.db[1] = 0x2000;
	d.db[2] = 0x3000;
	d.db[3] = 0x123456789abc;
	must(v->fd, KVM_SET_DEBUGREGS, &d);
	must(v->fd, KVM_GET_DEBUGREGS, &back);
	REQUIRE(!memcmp(&d, &back, sizeof(d)));
	expect_done(v);
	must(v->fd, KVM_GET_DEBUGREGS, &back);
	REQUIRE_EQ(back.db[0], 0xaaa000);
	REQUIRE_EQ(back.db[1], 0x2000);
	REQUIRE_EQ(back.db[3], 0xbbb000);
	REQUIRE_EQ(back.dr6, 0xffff0ff1);
	REQUIRE_EQ(back.dr7, 0x700);
}

static void events(void)
{
	struct vcpu *v = create(0);
	struct kvm_vcpu_events e, back;

	must(v->fd, KVM_GET_VCPU_EVENTS, &e);
	REQUIRE_EQ(e.exception.injected, 0);
	REQUIRE_EQ(e.interrupt.injected, 0);
	REQUIRE_EQ(e.nmi.injected | e.nmi.pending | e.nmi.masked, 0);
	e.flags = 1u << 30;
	must_fail(v->fd, KVM_SET_VCPU_EVENTS, &e, EINVAL);
	e.flags = 0;
	e.exception.injected = 1;
	e.exception.nr = 2;
	must_fail(v->fd, KVM_SET_VCPU_EVENTS, &e, EINVAL);
	e.exception.nr = 32;
	must_fail(v->fd, KVM_SET_VCPU_EVENTS, &e, EINVAL);
	must(v->fd, KVM_GET_VCPU_EVENTS, &back);
	REQUIRE_EQ(back.exception.injected, 0);
	e.exception.nr = 13;
	e.exception.has_error_code = 1;
	e.exception.error_code = 0x1234;
	e.nmi.masked = 1;
	e.flags = KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_NMI_PENDING;
	e.nmi.pending = 1;
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	must(v->fd, KVM_SET_VCPU_EVENTS, &e);
	must(v->fd, KVM_GET_VCPU_EVENTS, &back);
	REQUIRE_EQ(back.exception.injected, 1);
	REQUIRE_EQ(back.exception.nr, 13);
	REQUIRE_EQ(back.exception.has_error_code, 1);
	REQUIRE_EQ(back.exception.error_code, 0x1234);
	REQUIRE_EQ(back.nmi.pending, 1);
	REQUIRE_EQ(back.nmi.masked, 1);
	REQUIRE(back.interrupt.shadow);
	/* All off again. */
	memset(&e, 0, sizeof(e));
	e.flags = KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_NMI_PENDING;
	must(v->fd, KVM_SET_VCPU_EVENTS, &e);
	must(v->fd, KVM_GET_VCPU_EVENTS, &back);
	REQUIRE_EQ(back.exception.injected | back.nmi.pending |
		   back.nmi.masked | back.interrupt.shadow, 0);
}

static void mp_state(void)
{
	struct vcpu *v = create(0), *w = create(VM_IRQCHIP);
	struct vcpu *ap = vcpu_create(w->vm, 1);
	struct kvm_mp_state s;

	must(v->fd, KVM_GET_MP_STATE, &s);
	REQUIRE_EQ(s.mp_state, KVM_MP_STATE_RUNNABLE);
	must(v->fd, KVM_SET_MP_STATE, &s);
	s.mp_state = KVM_MP_STATE_HALTED;	/* no local APIC */
	must_fail(v->fd, KVM_SET_MP_STATE, &s, EINVAL);
	s.mp_state = 99;
	must_fail(v->fd, KVM_SET_MP_STATE, &s, EINVAL);
	must_fail(w->fd, KVM_SET_MP_STATE, &s, EINVAL);

	must(w->fd, KVM_GET_MP_STATE, &s);
	REQUIRE_EQ(s.mp_state, KVM_MP_STATE_RUNNABLE);
	must(ap->fd, KVM_GET_MP_STATE, &s);
	REQUIRE_EQ(s.mp_state, KVM_MP_STATE_UNINITIALIZED);
	s.mp_state = KVM_MP_STATE_HALTED;
	must(w->fd, KVM_SET_MP_STATE, &s);
	must(w->fd, KVM_GET_MP_STATE, &s);
	REQUIRE_EQ(s.mp_state, KVM_MP_STATE_HALTED);
}

static void msrs(void)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[4];
	} m = { .head.nmsrs = 4 };
	struct vcpu *v = create(0);
	struct kvm_msrs many = { .nmsrs = 100000 };
	unsigned int i;
	static const struct { uint32_t index; uint64_t value; } rw[] = {
		{ MSR_STAR, 0x0028000800000000 },
		{ MSR_LSTAR, 0xffffffff81000000 },
		{ MSR_CSTAR, 0xffffffff82000000 },
		{ MSR_FMASK, 0x47700 },
		{ MSR_KERNEL_GS_BASE, 0xffff888000000000 },
		{ MSR_SYSENTER_CS, 0x10 },
		/* AMD keeps 32 bits of these two. */
		{ MSR_SYSENTER_ESP, 0x90001000 },
		{ MSR_SYSENTER_EIP, 0x83000000 },
		{ MSR_PAT, 0x0407050600070106 },
	};

	for (i = 0; i < ARRAY_SIZE(rw); i++) {
		msr_set(v, rw[i].index, rw[i].value);
		REQUIRE_EQ(msr_get(v, rw[i].index), rw[i].value, "MSR %#x",
			   rw[i].index);
	}
	/* Two good, a bad one, a good one: 2 are done. */
	m.e[0].index = MSR_SYSENTER_CS;
	m.e[0].data = 0x77;
	m.e[1].index = MSR_LSTAR;
	m.e[1].data = 0x1234000;
	m.e[2].index = 0x12345678;
	m.e[3].index = MSR_CSTAR;
	m.e[3].data = 0x9990000;
	REQUIRE_EQ(must(v->fd, KVM_SET_MSRS, &m), 2);
	REQUIRE_EQ(msr_get(v, MSR_SYSENTER_CS), 0x77);
	REQUIRE_EQ(msr_get(v, MSR_CSTAR), 0xffffffff82000000);
	m.e[0].data = m.e[1].data = 0;
	REQUIRE_EQ(must(v->fd, KVM_GET_MSRS, &m), 2);
	REQUIRE_EQ(m.e[0].data, 0x77);
	REQUIRE_EQ(m.e[1].data, 0x1234000);
	REQUIRE_EQ(m.e[3].data, 0x9990000);
	must_fail(v->fd, KVM_GET_MSRS, &many, E2BIG);
	must_fail(v->fd, KVM_SET_MSRS, &many, E2BIG);
	m.head.nmsrs = 0;
	REQUIRE_EQ(must(v->fd, KVM_GET_MSRS, &m), 0);
	/* Values that the processor refuses. */
	REQUIRE_EQ(msr_try_set(v, MSR_LSTAR, 1ull << 60), 0);
	REQUIRE_EQ(msr_try_set(v, MSR_PAT, 2), 0);
	REQUIRE_EQ(msr_try_set(v, MSR_EFER, 1ull << 63), 0);
}

static void guest_msrs(void)
{
	GUEST_EQ(rdmsr(MSR_STAR), 0x0028000800000000);
	GUEST_EQ(rdmsr(MSR_LSTAR), 0x1000);
	GUEST_EQ(rdmsr(MSR_KERNEL_GS_BASE), 0x2000);
	GUEST_EQ(rdmsr(MSR_SYSENTER_EIP), 0x3000);
	wrmsr(MSR_LSTAR, 0x11000);
	asm volatile("swapgs");
	wrmsr(MSR_SYSENTER_EIP, 0x33000);
	wrmsr(MSR_FMASK, 0x200);
	guest_done();
}

static void msrs_in_guest(void)
{
	struct vcpu *v = create(0);

	vcpu_start(v, guest_msrs);
	msr_set(v, MSR_STAR, 0x0028000800000000);
	msr_set(v, MSR_LSTAR, 0x1000);
	msr_set(v, MSR_KERNEL_GS_BASE, 0x2000);
	msr_set(v, MSR_SYSENTER_EIP, 0x3000);
	msr_set(v, MSR_GS_BASE, 0x4000);
	expect_done(v);
	REQUIRE_EQ(msr_get(v, MSR_LSTAR), 0x11000);
	REQUIRE_EQ(msr_get(v, MSR_KERNEL_GS_BASE), 0x4000);
	REQUIRE_EQ(msr_get(v, MSR_GS_BASE), 0x2000);
	REQUIRE_EQ(msr_get(v, MSR_SYSENTER_EIP), 0x33000);
	REQUIRE_EQ(msr_get(v, MSR_FMASK), 0x200);
}

static uint32_t *lapic_reg(struct kvm_lapic_state *l, unsigned int reg)
{
	return (uint32_t *)(l->regs + reg);
}

static void lapic(void)
{
	struct vcpu *v = create(VM_IRQCHIP), *none = create(0);
	struct kvm_lapic_state l, back;

	must_fail(none->fd, KVM_GET_LAPIC, &l, EINVAL);
	must(v->fd, KVM_GET_LAPIC, &l);
	REQUIRE_EQ(*lapic_reg(&l, 0x20), 0, "ID");
	REQUIRE_EQ(*lapic_reg(&l, 0x30) & 0xff, 0x14, "version");
	REQUIRE_EQ(*lapic_reg(&l, 0xf0), 0xff, "SVR after reset");
	REQUIRE(*lapic_reg(&l, 0x320) & 1u << 16, "LVT timer is masked");
	*lapic_reg(&l, 0xf0) = 0x1ff;
	*lapic_reg(&l, 0x80) = 0x30;
	*lapic_reg(&l, 0xd0) = 0x05000000;
	*lapic_reg(&l, 0x320) = 0x20031;
	*lapic_reg(&l, 0x3e0) = 0xb;
	*lapic_reg(&l, 0x200) = 0x80000000;	/* IRR: vector 31 */
	*lapic_reg(&l, 0x240) = 2;		/* vector 65 */
	must(v->fd, KVM_SET_LAPIC, &l);
	must(v->fd, KVM_GET_LAPIC, &back);
	REQUIRE_EQ(*lapic_reg(&back, 0xf0), 0x1ff);
	REQUIRE_EQ(*lapic_reg(&back, 0x80), 0x30);
	REQUIRE_EQ(*lapic_reg(&back, 0xd0), 0x05000000);
	REQUIRE_EQ(*lapic_reg(&back, 0x320), 0x20031);
	REQUIRE_EQ(*lapic_reg(&back, 0x3e0), 0xb);
	REQUIRE_EQ(*lapic_reg(&back, 0x240), 2);
}

static void irqchip(void)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_irqchip c, back;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		memset(&c, 0, sizeof(c));
		c.chip_id = i;
		must(vm->fd, KVM_GET_IRQCHIP, &c);
		c.chip.pic.imr = 0xa5 + i;
		c.chip.pic.irq_base = 0x30 + 8 * i;
		c.chip.pic.isr = 1;
		must(vm->fd, KVM_SET_IRQCHIP, &c);
		memset(&back, 0, sizeof(back));
		back.chip_id = i;
		must(vm->fd, KVM_GET_IRQCHIP, &back);
		REQUIRE_EQ(back.chip.pic.imr, 0xa5 + i);
		REQUIRE_EQ(back.chip.pic.irq_base, 0x30 + 8 * i);
		REQUIRE_EQ(back.chip.pic.isr, 1);
	}
	memset(&c, 0, sizeof(c));
	c.chip_id = KVM_IRQCHIP_IOAPIC;
	must(vm->fd, KVM_GET_IRQCHIP, &c);
	REQUIRE_EQ(c.chip.ioapic.base_address, 0xfec00000);
	for (i = 0; i < 24; i++)
		REQUIRE(c.chip.ioapic.redirtbl[i].fields.mask);
	c.chip.ioapic.redirtbl[5].bits = 0x0100000000010a35ull;
	c.chip.ioapic.ioregsel = 0x1a;
	c.chip.ioapic.id = 3;
	must(vm->fd, KVM_SET_IRQCHIP, &c);
	memset(&back, 0, sizeof(back));
	back.chip_id = KVM_IRQCHIP_IOAPIC;
	must(vm->fd, KVM_GET_IRQCHIP, &back);
	REQUIRE_EQ(back.chip.ioapic.redirtbl[5].bits & ~0x5000ull,
		   0x0100000000010a35ull);
	REQUIRE_EQ(back.chip.ioapic.ioregsel, 0x1a);
	REQUIRE_EQ(back.chip.ioapic.id, 3);
}

static void pit(void)
{
	struct vm *vm = vm_create(VM_PIT), *none = vm_create(VM_IRQCHIP);
	struct kvm_pit_state2 p, back;

	must_fail(none->fd, KVM_GET_PIT2, &p, ENXIO);
	must(vm->fd, KVM_GET_PIT2, &p);
	p.channels[2].count = 0x1234;
	p.channels[2].mode = 3;
	p.channels[2].rw_mode = 3;
	p.flags = 0;
	must(vm->fd, KVM_SET_PIT2, &p);
	must(vm->fd, KVM_GET_PIT2, &back);
	REQUIRE_EQ(back.channels[2].count, 0x1234);
	REQUIRE_EQ(back.channels[2].mode, 3);
	REQUIRE_EQ(back.channels[2].rw_mode, 3);
	REQUIRE_EQ(back.flags, 0);
}

/* An exception that waits belongs to the place that KVM_SET_REGS leaves. */
static volatile unsigned int traps;

static void guest_trap(struct trap *t)
{
	traps++;
}

static void guest_steps(void)
{
	extern const char regs_elsewhere[];

	asm volatile("pushfq; orl $0x100, (%%rsp); popfq\n"
		     "outb %%al, $0x99; hlt\n"
		     ".globl regs_elsewhere\n"
		     "regs_elsewhere: nop" : : : "memory", "cc");
	GUEST_EQ(traps, 1);		/* POPF's own: behind OUT none */
	(void)regs_elsewhere;
	guest_done();
}

static void exception_dropped(void)
{
	extern const char regs_elsewhere[];
	struct vcpu *v = create(0);
	struct kvm_regs r;

	if (host_is_bochs_svm())
		skip("this emulator gives a guest's single step to the host");
	guest_handlers[VEC_DB] = guest_trap;
	vcpu_start(v, guest_steps);
	vcpu_expect(v, KVM_EXIT_IO);
	traps = 1;
	vcpu_complete(v);
	regs_get(v, &r);
	r.rip = (uintptr_t)regs_elsewhere;
	r.rflags &= ~X86_EFLAGS_TF;
	regs_set(v, &r);
	expect_done(v);
}

/* XCR0 is the guest's in the guest and the host's outside. */
static volatile uint64_t xcr0_seen;

static uint64_t xgetbv(void)
{
	uint32_t lo, hi;

	asm volatile("xgetbv" : "=a" (lo), "=d" (hi) : "c" (0));
	return lo | (uint64_t)hi << 32;
}

static void guest_xcr0(void)
{
	write_cr(4, read_cr(4) | CR4_OSXSAVE);
	xcr0_seen = xgetbv();
	guest_sync(1);
	cpuid(0, 0, (uint32_t[4]){ });
	xcr0_seen = xgetbv();
	guest_done();
}

static void xcr0_switch(void)
{
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0].value = 3 };
	struct vcpu *v = create(0);
	struct kvm_cpuid2 *c = supported_cpuid(v->vm->kvm);
	uint64_t host;

	if (!(cpuid_find(c, 1, 0)->ecx & 1u << 26))
		skip("no XSAVE on this CPU");
	host = xgetbv();
	if (host == 3)
		skip("the host has no more than x87 and SSE");
	vcpu_start(v, guest_xcr0);
	must(v->fd, KVM_SET_XCRS, &x);
	expect_sync(v, 1);
	REQUIRE_EQ(xcr0_seen, 3);
	REQUIRE_EQ(xgetbv(), host);
	expect_done(v);
	REQUIRE_EQ(xcr0_seen, 3);
	REQUIRE_EQ(xgetbv(), host);
}

/* By the tables as they are, which may map one page at two places. */
static volatile uint64_t marked;

static void guest_marks(void)
{
	marked = 1;
	guest_done();
}

static void translates(struct vcpu *v, uint64_t linear, uint64_t physical)
{
	struct kvm_translation t = { .linear_address = linear };

	must(v->fd, KVM_TRANSLATE, &t);
	REQUIRE_EQ(t.valid, 1);
	REQUIRE_EQ(t.physical_address, physical);
}

static void translate(void)
{
	const uint64_t alias = 0xc0a00000, large = 1ul << 21;
	struct kvm_translation t = { .linear_address = 1ul << 39 };
	uint64_t where = (uintptr_t)&marked;
	struct vcpu *v = create(0);

	/* no paging yet */
	translates(v, 0x12345, 0x12345);
	vcpu_start(v, guest_marks);
	expect_done(v);
	translates(v, where, where);
	guest_pd[3][(alias >> 21) & 511] = (where & -large) | 0x83;
	translates(v, alias + (where & (large - 1)), where);
	must(v->fd, KVM_TRANSLATE, &t);
	REQUIRE_EQ(t.valid, 0);
}

static const struct test tests[] = {
	{ "REGS: what is set comes back and is in the guest", gprs },
	{ "RFLAGS bit 1 is always set", rflags_fixed },
	{ "SREGS: what is set comes back and is in the guest", sregs },
	{ "SREGS and REGS of a new vCPU are the reset state", sregs_reset },
	{ "SREGS that the processor cannot hold are EINVAL, without effect",
	  sregs_invalid },
	{ "FPU: x87 and SSE state, kept apart from the host's", fpu },
	{ "XSAVE and XCRS: AVX state, invalid values refused", xsave },
	{ "DEBUGREGS: both ways, invalid values refused", debugregs },
	{ "VCPU_EVENTS: both ways, invalid values refused", events },
	{ "MP_STATE: with and without a local APIC", mp_state },
	{ "MSRS: round trip, partial count, limits", msrs },
	{ "MSRS: the guest sees them, and changes them", msrs_in_guest },
	{ "LAPIC: reset state and round trip", lapic },
	{ "IRQCHIP: both PICs and the IOAPIC", irqchip },
	{ "PIT2: round trip", pit },
	{ "an exception that waits is gone with KVM_SET_REGS",
	  exception_dropped },
	{ "XCR0 is the guest's in the guest, the host's outside", xcr0_switch },
	{ "TRANSLATE: with and without paging, mapped or not", translate },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
