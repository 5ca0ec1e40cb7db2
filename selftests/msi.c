// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a device's message (KVM_SIGNAL_MSI, an IOAPIC's pin) reaches those local
 * APICs that its destination names and no other, in each format and mode of
 * theirs; of lowest priority, one of them that is enabled. No guest runs: what
 * has arrived stands in the IRR, and user space reads it. Those that processors
 * send are ipi.c's.
 */
#include <errno.h>

#include "apic.h"
#include "irq.h"
#include "tap.h"

#define NR		4
#define ALL		0xfu
#define VEC		0x51

static struct vm *vm;
static struct vcpu *cpus[NR];
static bool strict;

static void put(unsigned int cpu, unsigned int reg, uint32_t value)
{
	lapic_put(cpus[cpu], reg, value);
}

static void start(bool x2apic)
{
	struct kvm_sregs s;
	unsigned int i;

	strict = device_is_duet();
	vm = vm_create(VM_IRQCHIP);
	for (i = 0; i < NR; i++) {
		cpus[i] = vcpu_create(vm, i);
		if (x2apic) {
			sregs_get(cpus[i], &s);
			s.apic_base |= 0x400;
			sregs_set(cpus[i], &s);
		}
		put(i, APIC_SVR, 0x1ff);
	}
}

static unsigned int who(unsigned int vec)
{
	return irr_take(cpus, NR, vec);
}

static long send(uint32_t dest, uint32_t address, uint32_t data)
{
	return msi_send(vm, dest << 12 | address, data);
}

static void refused(void)
{
	struct kvm_msi msi = {
		.address_lo = 0xfee00000, .data = VEC, .flags = 1u << 5,
	};

	start(false);
	must_fail(vm->fd, KVM_SIGNAL_MSI, &msi, EINVAL);
	REQUIRE_EQ(who(VEC), 0);
}

/* A fixed message: to those, and the ioctl says how many. */
#define REACHES(dest, address, bits) do {				\
	long n_ = send(dest, address, VEC);				\
	REQUIRE_EQ(who(VEC), (bits), "destination %#x", dest);		\
	REQUIRE_EQ(n_, __builtin_popcount(bits));			\
} while (0)

static void physical(void)
{
	unsigned int i;

	start(false);
	for (i = 0; i < NR; i++)
		REACHES(i, 0, 1u << i);
	REACHES(77, 0, 0u);
	REACHES(0xff, 0, ALL);
	/* A guest may give its local APIC another id. */
	put(2, APIC_ID, 9u << 24);
	REACHES(9, 0, 4u);
	REACHES(2, 0, 0u);
	REACHES(1, 0, 2u);
	REACHES(0xff, 0, ALL);
	if (!strict)
		return;
	/* Two have the same; KVM knows of one. */
	put(3, APIC_ID, 1u << 24);
	REACHES(1, 0, 10u);
}

static void flat(void)
{
	unsigned int i;

	start(false);
	for (i = 0; i < NR; i++)
		put(i, APIC_LDR, 1u << (24 + i));
	REACHES(5, MSI_LOGICAL, 5u);
	REACHES(8, MSI_LOGICAL, 8u);
	REACHES(0xf0, MSI_LOGICAL, 0u);
	REACHES(0xf1, MSI_LOGICAL, 1u);
	REACHES(0xff, MSI_LOGICAL, ALL);
	if (!strict)
		return;
	/* Two share a bit; KVM knows of one. */
	put(3, APIC_LDR, 1u << 24);
	REACHES(1, MSI_LOGICAL, 9u);
}

static void cluster(void)
{
	unsigned int i;

	start(false);
	for (i = 0; i < NR; i++) {
		put(i, APIC_DFR, 0x0fffffff);
		/* clusters 1 and 2, two members each */
		put(i, APIC_LDR, (uint32_t)((1 + i / 2) << 4 | 1 << i % 2) << 24);
	}
	REACHES(0x11, MSI_LOGICAL, 1u);
	REACHES(0x13, MSI_LOGICAL, 3u);
	REACHES(0x22, MSI_LOGICAL, 8u);
	REACHES(0x2f, MSI_LOGICAL, 12u);
	REACHES(0x24, MSI_LOGICAL, 0u);
	REACHES(0x33, MSI_LOGICAL, 0u);
	REACHES(0xff, MSI_LOGICAL, ALL);
}

static void x2apic(void)
{
	unsigned int i;

	start(true);
	for (i = 0; i < NR; i++) {
		REACHES(i, 0, 1u << i);
		REACHES(1u << i, MSI_LOGICAL, 1u << i);
	}
	REACHES(6, MSI_LOGICAL, 6u);
	REACHES(0x10, MSI_LOGICAL, 0u);
	REACHES(0xff, 0, ALL);
}

static unsigned int one_of(uint32_t dest, uint32_t address, uint32_t data)
{
	unsigned int bits;

	REQUIRE_EQ(send(dest, address, data), 1);
	bits = who(data & 0xff);
	REQUIRE_EQ(__builtin_popcount(bits), 1, "%#x", bits);
	return bits;
}

/* One of the destinations, and one that is enabled. */
static void lowest(void)
{
	unsigned int i;

	start(false);
	for (i = 0; i < NR; i++)
		put(i, APIC_LDR, 1u << (24 + i));
	for (i = 0x40; i < 0x60; i++) {
		REQUIRE(one_of(6, MSI_LOGICAL, MSI_LOWEST | i) & 6);
		REQUIRE(one_of(0xb, MSI_LOGICAL | MSI_HINT, i) & 0xb);
		if (strict)	/* KVM sends it to all of them */
			one_of(0xff, 0, MSI_LOWEST | i);
	}
	REQUIRE_EQ(one_of(2, 0, MSI_LOWEST | VEC), 4u);
	put(0, APIC_SVR, 0xff);
	put(1, APIC_SVR, 0xff);
	put(3, APIC_SVR, 0xff);
	if (!strict)	/* KVM sends it to one of the others all the same */
		return;
	for (i = 0x40; i < 0x60; i++)
		REQUIRE_EQ(one_of(0xf, MSI_LOGICAL, MSI_LOWEST | i), 4u);
	put(2, APIC_SVR, 0xff);
	REQUIRE_EQ(send(0xf, MSI_LOGICAL, MSI_LOWEST | VEC), 0);
	REQUIRE_EQ(who(VEC), 0);
}

/* Disabled by software: NMI and INIT alone. */
static void disabled(void)
{
	struct kvm_vcpu_events e;
	struct kvm_mp_state mp;
	struct kvm_sregs s;
	unsigned int i;

	start(false);
	put(1, APIC_SVR, 0xff);
	REACHES(1, 0, 0u);
	REACHES(0xff, 0, ALL & ~2u);
	REQUIRE_EQ(send(1, 0, MSI_NMI), 1);
	must(cpus[1]->fd, KVM_GET_VCPU_EVENTS, &e);
	REQUIRE_EQ(e.nmi.pending, 1);
	REQUIRE_EQ(send(1, 0, MSI_INIT), 1);
	must(cpus[1]->fd, KVM_GET_MP_STATE, &mp);
	REQUIRE_EQ(mp.mp_state, KVM_MP_STATE_INIT_RECEIVED);
	must(cpus[1]->fd, KVM_GET_VCPU_EVENTS, &e);
	REQUIRE_EQ(e.nmi.pending, 0);
	/* Switched off altogether: nothing at all. */
	sregs_get(cpus[2], &s);
	s.apic_base &= ~0x800ull;
	sregs_set(cpus[2], &s);
	REACHES(2, 0, 0u);
	REQUIRE_EQ(send(2, 0, MSI_NMI), 0);
	must(cpus[2]->fd, KVM_GET_VCPU_EVENTS, &e);
	REQUIRE_EQ(e.nmi.pending, 0);
	if (!strict)	/* where its shortcut ends, nobody is EPERM in KVM */
		return;
	for (i = 0; i < NR; i++)
		sregs_set(cpus[i], &s);
	REACHES(0xff, 0, 0u);
}

/* The trigger mode goes with the vector; there are none below 16. */
static void triggers(void)
{
	const unsigned int tmr = APIC_TMR + VEC / 32 * 16;

	start(false);
	send(0, 0, MSI_LEVEL | VEC);
	REQUIRE_EQ(lapic_get(cpus[0], tmr), 1u << VEC % 32);
	REQUIRE_EQ(who(VEC), 1);
	send(0, 0, VEC);
	REQUIRE_EQ(lapic_get(cpus[0], tmr), 0);
	REQUIRE_EQ(who(VEC), 1);
	if (!strict)	/* KVM takes them */
		return;
	REQUIRE_EQ(send(0, 0, 15), 0);
	REQUIRE_EQ(who(15), 0);
	REQUIRE_EQ(send(0, 0, 16), 1);
	REQUIRE_EQ(who(16), 1);
}

/* The IOAPIC's pins. */
static struct kvm_irqchip ioapic(void)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	must(vm->fd, KVM_GET_IRQCHIP, &c);
	return c;
}

static void set_rte(unsigned int pin, unsigned int dest, uint32_t low)
{
	struct kvm_irqchip c = ioapic();

	c.chip.ioapic.redirtbl[pin].bits = (uint64_t)dest << 56 | low;
	must(vm->fd, KVM_SET_IRQCHIP, &c);
}

static int line_status(unsigned int pin, unsigned int level)
{
	struct kvm_irq_level l = { .irq = pin, .level = level };

	must(vm->fd, KVM_IRQ_LINE_STATUS, &l);
	return l.status;
}

#define RTE_LOGICAL	(1u << 11)
#define RTE_LOW		(1u << 13)	/* polarity: ignored */
#define RTE_REMOTE_IRR	(1u << 14)
#define RTE_LEVEL	(1u << 15)
#define RTE_MASKED	(1u << 16)

static void pins(void)
{
	unsigned int i;

	start(false);
	for (i = 0; i < NR; i++)
		put(i, APIC_LDR, 1u << (24 + i));
	/* The pins above 15 are the IOAPIC's alone. */
	set_rte(20, 2, VEC);
	REQUIRE_EQ(line_status(20, 1), 1);
	REQUIRE_EQ(who(VEC), 4);
	REQUIRE_EQ(line_status(20, 1), 0, "no edge");
	REQUIRE_EQ(who(VEC), 0);
	line_status(20, 0);
	set_rte(20, 0xa, RTE_LOGICAL | VEC);
	REQUIRE_EQ(line_status(20, 1), 2);
	REQUIRE_EQ(who(VEC), 10);
	line_status(20, 0);
	set_rte(20, 0xa, RTE_LOGICAL | 0x100 | VEC);
	REQUIRE_EQ(line_status(20, 1), 1);
	i = who(VEC);
	REQUIRE(i == 2 || i == 8, "%#x", i);
	line_status(20, 0);
	set_rte(20, 0xff, VEC);
	REQUIRE_EQ(line_status(20, 1), NR);
	REQUIRE_EQ(who(VEC), ALL);
	line_status(20, 0);
	REQUIRE_EQ(check_extension(vm->fd, KVM_CAP_IOAPIC_POLARITY_IGNORED), 1);
	set_rte(20, 1, RTE_LOW | VEC);
	REQUIRE_EQ(line_status(20, 1), 1);
	REQUIRE_EQ(who(VEC), 2);
	line_status(20, 0);
	REQUIRE_EQ(who(VEC), 0);
	set_rte(20, 0, RTE_MASKED | VEC);
	REQUIRE_EQ(line_status(20, 1), -1);
	REQUIRE_EQ(who(VEC), 0);
}

/* Level: one interrupt, Remote IRR, and no other until the EOI. */
static void levels(void)
{
	start(false);
	set_rte(21, 1, RTE_LEVEL | VEC);
	REQUIRE_EQ(line_status(21, 1), 1);
	REQUIRE_EQ(who(VEC), 2);
	REQUIRE(ioapic().chip.ioapic.redirtbl[21].bits & RTE_REMOTE_IRR);
	/* KVM calls it masked. */
	REQUIRE_EQ(line_status(21, 1), strict ? 0 : -1);
	line_status(21, 0);
	REQUIRE_EQ(line_status(21, 1), strict ? 0 : -1);
	REQUIRE_EQ(who(VEC), 0);
	/* Nobody takes it: no EOI will come, and none is waited for. */
	set_rte(22, 77, RTE_LEVEL | VEC);
	line_status(22, 1);
	REQUIRE(!(ioapic().chip.ioapic.redirtbl[22].bits & RTE_REMOTE_IRR));
	line_status(22, 0);
	/* The state that is set raises what its IRR says. */
	line_status(21, 0);
	set_rte(21, 1, RTE_LEVEL | RTE_MASKED | VEC);
	line_status(21, 1);
	REQUIRE_EQ(who(VEC), 0);
	REQUIRE_EQ(ioapic().chip.ioapic.irr, 1u << 21);
	set_rte(21, 1, RTE_LEVEL | VEC);
	REQUIRE_EQ(who(VEC), 2);
}

static const struct test tests[] = {
	{ "KVM_SIGNAL_MSI refuses flags", refused },
	{ "physical destinations, changed ids, broadcast", physical },
	{ "logical destinations: flat", flat },
	{ "logical destinations: clusters", cluster },
	{ "x2APIC: ids and logical ids", x2apic },
	{ "lowest priority: one, and one that is enabled", lowest },
	{ "a local APIC that is disabled, or off", disabled },
	{ "trigger mode; vectors that do not exist", triggers },
	{ "IOAPIC: destinations, edges, masked", pins },
	{ "IOAPIC: level, Remote IRR, state that is set", levels },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
