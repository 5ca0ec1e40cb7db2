// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: INIT and SIPI may come at any moment, from several vCPUs at once: what
 * the vCPU was at ends there, and it starts anew with cleared registers.
 */
#include <errno.h>
#include <sched.h>

#include "apic.h"
#include "pace.h"
#include "tap.h"
#include "threads.h"

/*
 * INIT and SIPI at odd times: to a vCPU in the middle of an IN that user space
 * has to complete, also by two senders. It starts with cleared registers.
 */
#define COUNT		0x600		/* in low memory */
#define DIRT		0x602
#define NMI_COUNT	0x604
#define IN_PORT		0x50

asm(".pushsection .rodata\n"
    ".code16\n"
    "code_in: cli\n"
    "orw %ax, 0x602; orw %bx, 0x602; orw %cx, 0x602; orw %si, 0x602\n"
    "orw %di, 0x602; orw %bp, 0x602; orw %sp, 0x602\n"
    "lock incw 0x600\n"
    "1: inw $0x50, %ax; movw %ax, %bx; movw %ax, %bp; jmp 1b\n"
    "code_nmi: cli\n"
    "movw $0x7000, %sp\n"
    "lock incw 0x600\n"
    "1: hlt; jmp 1b\n"
    "nmi_handler: lock incw 0x604\n"
    "1: pause; jmp 1b\n"		/* no IRET: NMIs stay blocked */
    "code_end:\n"
    ".code64\n"
    ".popsection");
extern const char code_in[], code_nmi[], nmi_handler[], code_end[];

static unsigned int low_word(uintptr_t at)
{
	asm("" : "+r" (at));	/* there is an object, whatever gcc thinks */
	return *(volatile uint16_t *)at;
}

static void spend(unsigned int n)
{
	while (n--)
		asm volatile("pause");
}

/* INIT, and after some @delay the SIPI, which must not be lost. */
static void restart(unsigned int page, unsigned int count, unsigned int delay)
{
	apic_ipi(1, ICR_INIT);
	spend(delay);
	apic_ipi(1, ICR_SIPI | page);
	while (low_word(COUNT) != (uint16_t)count)
		asm volatile("pause");
}

static volatile bool other_done;

static void guest_inits(void)
{
	unsigned int i;

	apic_enable();
	/* It may meet the INIT anywhere on its way. */
	for (i = 1; i <= 1500; i++) {
		restart(8, i, i % 150);
		spend(i * 37 % 150);
	}
	GUEST_EQ(low_word(DIRT), 0);
	guest_sync(1);
	/* another one does the same, and then it still obeys */
	while (!other_done) {
		apic_ipi(1, ICR_INIT);
		apic_ipi(1, ICR_SIPI | 8);
	}
	apic_ipi(1, ICR_INIT);
	guest_sync(2);
	restart(8, low_word(COUNT) + 1, 0);
	GUEST_EQ(low_word(DIRT), 0);
	guest_done();
}

static void guest_inits_too(void)
{
	unsigned int i;

	apic_enable();
	for (i = 0; i < 200; i++) {
		apic_ipi(1, ICR_INIT);
		apic_ipi(1, ICR_SIPI | 8);
		apic_ipi(1, ICR_SIPI | 8);
	}
	other_done = true;
	for (;;)
		asm volatile("hlt");
}

/* The IN is completed late, and sometimes after a look at the MP state. */
static void *run_in(void *arg)
{
	struct vcpu *w = arg;
	struct kvm_mp_state mp;
	unsigned int n = 0;

	for (;;) {
		if (ioctl(w->fd, KVM_RUN, 0)) {
			REQUIRE(errno == EINTR || errno == EAGAIN, "KVM_RUN: %s",
				strerror(errno));
			continue;
		}
		REQUIRE_EQ(w->run->exit_reason, KVM_EXIT_IO);
		REQUIRE_EQ(w->run->io.port, IN_PORT);
		memset((char *)w->run + w->run->io.data_offset, 0x55, 2);
		if (++n % 3 == 0) {
			usleep(300);
			must(w->fd, KVM_GET_MP_STATE, &mp);
		}
		if (n % 4 == 0)
			sched_yield();
	}
	return NULL;
}

static void odd_inits(void)
{
	struct vcpu *v, *w;

	if (!device_is_duet())
		skip("KVM comes to no end here");
	v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	vcpu_start(v, guest_inits);
	w = another(v, 1, NULL);
	low_copy(v->vm, 0x8000, code_in, code_nmi);
	spawn(run_in, w);
	expect_sync(v, 1);
	spawn(run_thread, another(v, 2, guest_inits_too));
	expect_sync(v, 2);
	sleep_ms(50);
	expect_done(v);
}

/*
 * An IN that user space has yet to complete is gone with an INIT, also if the
 * SIPI starts at the very same instruction.
 */
static void message(struct vcpu *v, uint32_t data)
{
	msi_send(v->vm, 1 << 12, data);
}

static void init_in_io(void)
{
	/* IN from one port and then from another */
	static const char code[] = { 0xe5, IN_PORT, 0xe5, IN_PORT + 1 };
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0), *w;
	struct kvm_mp_state mp = { KVM_MP_STATE_RUNNABLE };
	struct kvm_regs regs;
	unsigned int i;

	if (!device_is_duet())
		skip("KVM goes on with what INIT has ended");
	w = another(v, 1, NULL);
	low_copy(v->vm, 0x8000, code, code + sizeof(code));
	message(v, MSI_INIT);
	for (i = 0; i < 4; i++) {
		message(v, MSI_SIPI | 8);
		must(w->fd, KVM_GET_MP_STATE, &mp);
		REQUIRE_EQ(mp.mp_state, KVM_MP_STATE_RUNNABLE);
		vcpu_expect(w, KVM_EXIT_IO);
		REQUIRE_EQ(w->run->io.port, IN_PORT);
		memset((char *)w->run + w->run->io.data_offset, 0x55, 2);
		regs_get(w, &regs);
		REQUIRE_EQ(regs.rip, 0);
		REQUIRE_EQ(regs.rax, 0);
		message(v, MSI_INIT);
	}
}

/*
 * INIT and SIPI that come while the vCPU's thread is in user space: the guest
 * executes nothing more of what it was at.
 */
static void init_in_user(void)
{
	/* IN from port after port, and in the second page from others */
	static const char code[] = { 0xe5, IN_PORT, 0xe5, IN_PORT + 1 };
	static const char other[] = { 0xe5, IN_PORT + 2, 0xe5, IN_PORT + 3 };
	struct vcpu *v = vcpu_create(vm_create(VM_IRQCHIP), 0), *w;
	struct kvm_mp_state mp;
	unsigned int i;

	if (!device_is_duet())
		skip("KVM comes to no end here");
	w = another(v, 1, NULL);
	low_copy(v->vm, 0x8000, code, code + sizeof(code));
	low_copy(v->vm, 0x9000, other, other + sizeof(other));
	message(v, MSI_INIT);
	message(v, MSI_SIPI | 8);
	must(w->fd, KVM_GET_MP_STATE, &mp);
	vcpu_run(w);
	for (i = 1; i < 6; i++) {
		REQUIRE_EQ(w->run->exit_reason, KVM_EXIT_IO);
		REQUIRE_EQ(w->run->io.port, IN_PORT + 2 * !(i & 1));
		message(v, MSI_INIT);
		message(v, MSI_SIPI | (8 + (i & 1)));
		vcpu_run(w);
	}
}

/* INIT to one in its NMI handler: NMIs are no longer blocked after it. */
static void guest_init_in_nmi(void)
{
	unsigned int i;

	apic_enable();
	for (i = 1; i <= 20; i++) {
		restart(9, i, 0);
		apic_ipi(1, ICR_NMI);
		while (low_word(NMI_COUNT) != i)
			asm volatile("pause");
		apic_ipi(1, ICR_NMI);		/* blocked, and forgotten */
	}
	guest_done();
}

static void init_in_nmi(void)
{
	struct vcpu *v, *w;
	uint16_t *vector;

	if (host_is_bochs() && !host_is_bochs_svm())
		skip("Bochs' virtual NMIs, see docs/errata-emulators.md");
	v = vcpu_create(vm_create(VM_IRQCHIP), 0);
	vector = (uint16_t *)(v->vm->low + 4 * VEC_NMI);
	vcpu_start(v, guest_init_in_nmi);
	w = another(v, 1, NULL);
	low_copy(v->vm, 0x9000, code_nmi, code_end);
	vector[0] = nmi_handler - code_nmi;
	vector[1] = 0x900;
	spawn(run_thread, w);
	expect_done(v);
}

static const struct test tests[] = {
	{ "INIT and SIPI in the middle of an IN, by two senders", odd_inits },
	{ "INIT ends an IN that user space has yet to complete", init_in_io },
	{ "INIT comes before the next instruction", init_in_user },
	{ "INIT in an NMI handler: NMIs are not blocked after it",
	  init_in_nmi },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 20);
}
