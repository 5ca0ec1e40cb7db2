// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: what a processor sends (by its ICR, or a hypercall that stands for it)
 * reaches the local APICs that it is addressed to, and no other: physical and
 * logical destinations in both modes, shorthands, broadcasts, lowest priority.
 * One that cannot be sent or taken is an error in the ESR.
 *
 * vCPU 0 sends; the others do not run: what they got is in their IRRs. Devices'
 * messages are msi.c's.
 */
#include "apic.h"
#include "irq.h"
#include "tap.h"
#include "threads.h"

#define CPUS		4
#define VEC		0x61
#define LOGICAL		0x800u
#define LOWEST		0x100u
#define LVT_ERROR	0x370
#define X2(reg)		(0x800 + (reg) / 16)

#define ESR_SEND_ILLEGAL	(1u << 5)
#define ESR_RECEIVE_ILLEGAL	(1u << 6)
#define ESR_ILLEGAL_REGISTER	(1u << 7)

static struct vcpu *cpu[CPUS];
static volatile bool x2apic;
static volatile uint32_t icr, icr2;

static void guest_sends(void)
{
	for (;;) {
		guest_sync(1);
		if (x2apic) {
			wrmsr(X2(APIC_ICR), icr | (uint64_t)icr2 << 32);
		} else {
			apic_write(APIC_ICR2, icr2);
			apic_write(APIC_ICR, icr);
		}
	}
}

static void enable(unsigned int id, bool on)
{
	lapic_put(cpu[id], APIC_SVR, on ? 0x1ff : 0xff);
}

static void start(void (*fn)(void))
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	unsigned int i;

	for (i = 0; i < CPUS; i++) {
		cpu[i] = vcpu_create(vm, i);
		enable(i, true);
		if (x2apic)
			msr_set(cpu[i], MSR_APIC_BASE,
				0xfee00c00 | (i ? 0 : 0x100));
	}
	vcpu_start(cpu[0], fn);
	expect_sync(cpu[0], 1);
}

static unsigned int taken(unsigned int vec)
{
	return irr_take(cpu, CPUS, vec);
}

static unsigned int send(uint32_t dest, uint32_t low)
{
	icr2 = x2apic ? dest : dest << 24;
	icr = low;
	expect_sync(cpu[0], 1);
	return taken(low & 0xff);
}

static void logical_ids(uint32_t dfr, const uint8_t *ldr)
{
	unsigned int i;

	for (i = 0; i < CPUS; i++) {
		lapic_put(cpu[i], APIC_DFR, dfr);
		lapic_put(cpu[i], APIC_LDR, (uint32_t)ldr[i] << 24);
	}
}

static void xapic(void)
{
	static const uint8_t flat[] = { 1, 2, 4, 8 };
	static const uint8_t cluster[] = { 0x11, 0x12, 0x21, 0x22 };

	start(guest_sends);
	REQUIRE_EQ(send(2, VEC), 4);
	REQUIRE_EQ(send(9, VEC), 0);
	REQUIRE_EQ(send(0xff, VEC), 0xf);
	REQUIRE_EQ(send(3, APIC_SELF | VEC), 1);
	REQUIRE_EQ(send(3, 2u << 18 | VEC), 0xf);
	REQUIRE_EQ(send(3, APIC_OTHERS | VEC), 0xe);

	logical_ids(~0u, flat);
	REQUIRE_EQ(send(5, LOGICAL | VEC), 5);
	REQUIRE_EQ(send(8, LOGICAL | VEC), 8);
	REQUIRE_EQ(send(0x30, LOGICAL | VEC), 0);
	REQUIRE_EQ(send(0xff, LOGICAL | VEC), 0xf);

	logical_ids(0x0fffffff, cluster);
	REQUIRE_EQ(send(0x13, LOGICAL | VEC), 3);
	REQUIRE_EQ(send(0x22, LOGICAL | VEC), 8);
	REQUIRE_EQ(send(0x33, LOGICAL | VEC), 0);
	REQUIRE_EQ(send(0xff, LOGICAL | VEC), 0xf);
	/* The id is a register. */
	if (device_is_duet()) {	/* KVM 6.1 ignores another id than its own */
		lapic_put(cpu[2], APIC_ID, 7u << 24);
		REQUIRE_EQ(send(7, VEC), 4);
		REQUIRE_EQ(send(2, VEC), 0);
		lapic_put(cpu[2], APIC_ID, 1u << 24);
		REQUIRE_EQ(send(1, VEC), 6, "two of one id");
	}
}

/* Any one of those that are enabled; none if none is. */
static void lowest(void)
{
	static const uint8_t flat[] = { 1, 2, 4, 8 };
	unsigned int vec, who;

	start(guest_sends);
	logical_ids(~0u, flat);
	enable(1, false);
	for (vec = 0x40; vec < 0x50; vec++) {
		who = send(7, LOGICAL | LOWEST | vec);
		/* KVM 6.1 may pick the one that does not take it. */
		REQUIRE(who == 1 || who == 4 || (!device_is_duet() && !who),
			"%#x: %#x", vec, who);
	}
	REQUIRE_EQ(send(2, LOGICAL | LOWEST | VEC), 0);
	REQUIRE_EQ(send(8, LOGICAL | LOWEST | VEC), 8);
}

static void x2(void)
{
	struct kvm_cpuid2 *c = supported_cpuid(device_open());

	if (!(cpuid_find(c, 1, 0)->ecx & 1u << 21))
		skip("no x2APIC");
	x2apic = true;
	start(guest_sends);
	REQUIRE_EQ(send(3, VEC), 8);
	REQUIRE_EQ(send(0x103, VEC), 0);
	REQUIRE_EQ(send(0xff, VEC), 0);
	REQUIRE_EQ(send(~0u, VEC), 0xf);
	REQUIRE_EQ(send(9, APIC_OTHERS | VEC), 0xe);
	REQUIRE_EQ(send(5, LOGICAL | VEC), 5);
	REQUIRE_EQ(send(0x10001, LOGICAL | VEC), 0);
	REQUIRE_EQ(send(0xc, LOGICAL | LOWEST | VEC) & ~0xcu, 0);
}

/* The error status register, and its interrupt. */
static void guest_errors(void)
{
	apic_enable();
	apic_write(APIC_ESR, 0);
	apic_write(LVT_ERROR, 0x71);
	apic_ipi(1, 5);
	GUEST_EQ(apic_bit(APIC_IRR, 0x71), 1);
	GUEST_EQ(apic_read(APIC_ESR), 0);	/* not before it is written */
	apic_write(APIC_ESR, 0);
	GUEST_EQ(apic_read(APIC_ESR), ESR_SEND_ILLEGAL);
	apic_write(APIC_ESR, 0);
	GUEST_EQ(apic_read(APIC_ESR), 0);
	(void)apic_read(0x40);
	apic_write(APIC_ESR, 0);
	GUEST_EQ(apic_read(APIC_ESR), ESR_ILLEGAL_REGISTER);
	guest_sync(1);
	guest_sync(2);
	apic_write(APIC_ESR, 0);
	GUEST_EQ(apic_read(APIC_ESR), ESR_RECEIVE_ILLEGAL);
	/* A masked one is silent. */
	apic_write(LVT_ERROR, APIC_MASKED | 0x71);
	guest_sync(3);
	apic_ipi(1, 5);
	GUEST_EQ(apic_bit(APIC_IRR, 0x71), 0);
	guest_done();
}

static void errors(void)
{
	if (!device_is_duet())
		skip("KVM 6.1's ESR has no errors");
	start(guest_errors);
	REQUIRE_EQ(taken(5), 0);
	taken(0x71);
	expect_sync(cpu[0], 2);
	REQUIRE_EQ(taken(0x71), 0, "nothing new");
	REQUIRE_EQ(msi_send(cpu[0]->vm, 0, 5), 0);
	REQUIRE_EQ(taken(0x71), 1);
	expect_sync(cpu[0], 3);
	expect_done(cpu[0]);
}

/* Hypercalls. */
#define HC_KICK_CPU	5
#define HC_SEND_IPI	10
#define FEATURE_UNHALT	(1u << 7)
#define FEATURE_IPI	(1u << 11)

static long hypercall(long nr, long a0, long a1, long a2, long a3)
{
	long r;

	if (on_amd())
		asm volatile("vmmcall" : "=a" (r) : "0" (nr), "b" (a0),
			     "c" (a1), "d" (a2), "S" (a3) : "memory");
	else
		asm volatile("vmcall" : "=a" (r) : "0" (nr), "b" (a0),
			     "c" (a1), "d" (a2), "S" (a3) : "memory");
	return r;
}

static struct kvm_cpuid_entry2 *features(struct kvm_cpuid2 *c)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x40000001, 0);

	if (!e || !(e->eax & FEATURE_IPI) || !(e->eax & FEATURE_UNHALT))
		fail("hypercalls are not offered");
	return e;
}

static volatile long args[4], result;

static void guest_calls(void)
{
	for (;;) {
		guest_sync(1);
		result = hypercall(HC_SEND_IPI, args[0], args[1], args[2],
				   args[3]);
	}
}

static unsigned int pv_ipi(long low, long high, long first, long what)
{
	args[0] = low;
	args[1] = high;
	args[2] = first;
	args[3] = what;
	expect_sync(cpu[0], 1);
	return taken(what & 0xff);
}

static void guest_user_call(void)
{
	result = hypercall(HC_SEND_IPI, 2, 0, 0, VEC);
	asm volatile("hlt");
}

static void guest_user_end(struct trap *t)
{
	GUEST_EQ(t->cs & 3, 3);
	GUEST_EQ(result, -1);		/* EPERM */
	GUEST_EQ(hypercall(99, 0, 0, 0, 0), -1000);
	guest_done();
}

static void guest_user(void)
{
	guest_handlers[VEC_GP] = guest_user_end;
	guest_sync(1);
	asm volatile("ltr %w0" : : "r" (SEL_TSS));
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "i" (SEL_USER_DATA),
		     "r" ((uintptr_t)guest_stacks[1] - 8),
		     "i" (SEL_USER_CODE64), "r" (guest_user_call) : "memory");
}

static void guest_not_offered(void)
{
	guest_sync(1);
	GUEST_EQ(hypercall(HC_SEND_IPI, 2, 0, 0, VEC), -1000);
	GUEST_EQ(hypercall(HC_KICK_CPU, 0, 1, 0, 0), -1000);
	guest_done();
}

static void pv_ipis(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
				      .args[0] = 1 };
	struct kvm_cpuid2 *c = supported_cpuid(device_open());
	struct vcpu *v;

	features(c);
	start(guest_calls);
	REQUIRE_EQ(pv_ipi(0xa, 0, 0, VEC), 0xa);
	REQUIRE_EQ(result, 2);
	REQUIRE_EQ(pv_ipi(3, 0, 2, VEC), 0xc);
	REQUIRE_EQ(result, 2);
	REQUIRE_EQ(pv_ipi(0xf0, 0xf, 0, VEC), 0);
	REQUIRE_EQ(result, 0);
	/* No wrap-around. */
	REQUIRE_EQ(pv_ipi(3, 0, 0xffffffff, VEC), 0);
	if (device_is_duet())	/* KVM's second word wraps */
		REQUIRE_EQ(pv_ipi(0, 1, 0xffffffc0, VEC), 0);
	REQUIRE_EQ(result, 0);
	start(guest_user);
	/* LTR needs an available TSS. */
	guest_gdt[0][SEL_TSS / 8] &= ~(2ull << 40);
	expect_done(cpu[0]);
	REQUIRE_EQ(taken(VEC), 0);

	v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	features(c)->eax &= ~(FEATURE_IPI | FEATURE_UNHALT);
	must(v->fd, KVM_SET_CPUID2, c);
	if (!device_is_duet())
		must(v->fd, KVM_ENABLE_CAP, &cap);
	vcpu_start(v, guest_not_offered);
	expect_sync(v, 1);
	expect_done(v);
}

/* KVM_HC_KICK_CPU ends one HLT: this one, or else the next. */
static volatile unsigned int step, woken;

static void guest_sleeper(void)
{
	apic_enable();
	cli();
	step = 1;
	asm volatile("hlt" : : : "memory");
	woken++;
	while (step != 2)
		asm volatile("pause");
	asm volatile("hlt" : : : "memory");	/* kicked already */
	woken++;
	asm volatile("hlt" : : : "memory");	/* nobody has */
	woken++;
	for (;;)
		asm volatile("hlt");
}

static void guest_kicks(void)
{
	apic_enable();
	sti();
	guest_sync(1);
	while (step != 1)
		asm volatile("pause");
	guest_sync(2);			/* some time passes: it sleeps */
	GUEST_EQ(woken, 0);
	hypercall(HC_KICK_CPU, 0, 1, 0, 0);
	while (woken != 1)
		asm volatile("pause");
	hypercall(HC_KICK_CPU, 0, 1, 0, 0);
	step = 2;
	while (woken != 2)
		asm volatile("pause");
	guest_sync(3);
	GUEST_EQ(woken, 2);
	apic_ipi(1, ICR_NMI);
	while (woken != 3)
		asm volatile("pause");
	guest_done();
}

static void guest_nmi(struct trap *t)
{
}

static void kicks(void)
{
	struct kvm_cpuid2 *c = supported_cpuid(device_open());
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0);

	features(c);
	guest_handlers[VEC_NMI] = guest_nmi;
	vcpu_start(v, guest_kicks);
	spawn(run_thread, another(v, 1, guest_sleeper));
	expect_sync(v, 1);
	expect_sync(v, 2);
	usleep(20000);
	expect_sync(v, 3);
	usleep(20000);
	expect_done(v);
}

/* A kick is not lost with a halted vCPU whose state is saved. */
static void guest_kicks_one(void)
{
	apic_enable();
	hypercall(HC_KICK_CPU, 0, 1, 0, 0);
	guest_done();
}

static void kick_is_state(void)
{
	struct kvm_mp_state halted = { KVM_MP_STATE_HALTED }, mp;
	struct kvm_cpuid2 *c = supported_cpuid(device_open());
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0), *w;

	features(c);
	w = vcpu_create(v->vm, 1);
	must(w->fd, KVM_SET_MP_STATE, &halted);
	must(w->fd, KVM_GET_MP_STATE, &mp);
	REQUIRE_EQ(mp.mp_state, KVM_MP_STATE_HALTED);
	vcpu_start(v, guest_kicks_one);
	expect_done(v);
	must(w->fd, KVM_GET_MP_STATE, &mp);
	REQUIRE_EQ(mp.mp_state, KVM_MP_STATE_RUNNABLE);
}

static const struct test tests[] = {
	{ "xAPIC: physical, flat, cluster, shorthands, broadcast", xapic },
	{ "lowest priority: one of those that are enabled", lowest },
	{ "x2APIC: physical, logical, broadcast", x2 },
	{ "what cannot be sent or taken is an error in the ESR", errors },
	{ "KVM_HC_SEND_IPI, for who is offered it, at CPL 0", pv_ipis },
	{ "KVM_HC_KICK_CPU ends this HLT or the next, no other", kicks },
	{ "and KVM_GET_MP_STATE says so", kick_is_state },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 15);
}
