/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's side of the interrupt hardware: local APIC through its page,
 * IOAPIC, PIC pair and PIT. For guest code only.
 */
#ifndef SELFTESTS_APIC_H
#define SELFTESTS_APIC_H

#include "guest.h"

#define APIC_BASE	0xfee00000ul
#define IOAPIC_BASE	0xfec00000ul

#define APIC_ID		0x20
#define APIC_LVR	0x30
#define APIC_TPR	0x80
#define APIC_PPR	0xa0
#define APIC_EOI	0xb0
#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_SVR	0xf0
#define APIC_ISR	0x100
#define APIC_TMR	0x180
#define APIC_IRR	0x200
#define APIC_ESR	0x280
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVT_TIMER	0x320
#define APIC_LVT_LINT0	0x350
#define APIC_LVT_LINT1	0x360
#define APIC_TIMER_ICR	0x380
#define APIC_TIMER_CCR	0x390
#define APIC_TIMER_DCR	0x3e0

#define APIC_BASE_X2APIC	0xc00	/* in MSR_APIC_BASE: enabled, x2APIC */
#define MSR_X2APIC_TPR		0x808
#define MSR_X2APIC_EOI		0x80b
#define MSR_X2APIC_SVR		0x80f
#define MSR_X2APIC_ICR		0x830
#define MSR_X2APIC_LVT_TIMER	0x832
#define MSR_X2APIC_SELF_IPI	0x83f

#define APIC_MASKED	(1u << 16)
#define APIC_PERIODIC	(1u << 17)
#define APIC_DEADLINE	(2u << 17)
#define APIC_EXTINT	(7u << 8)
#define APIC_SELF	(1u << 18)
#define APIC_OTHERS	(3u << 18)
#define ICR_NMI		0x4400u
#define ICR_INIT	0x4500u
#define ICR_SIPI	0x4600u

/* A device's message, its address and its data (SDM vol. 3, 11.11). */
#define MSI_LOGICAL	(1u << 2)
#define MSI_HINT	(1u << 3)
#define MSI_LOWEST	0x100u
#define MSI_NMI		0x400u
#define MSI_INIT	0x500u
#define MSI_SIPI	0x600u
#define MSI_LEVEL	(1u << 15)

static inline uint32_t apic_read(unsigned int reg)
{
	uint32_t v;

	asm volatile("movl (%1), %0" : "=r" (v) : "r" (APIC_BASE + reg)
		     : "memory");
	return v;
}

static inline void apic_write(unsigned int reg, uint32_t v)
{
	asm volatile("movl %0, (%1)" : : "r" (v), "r" (APIC_BASE + reg)
		     : "memory");
}

static inline void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

static inline void apic_enable(void)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_TPR, 0);
}

static inline void apic_self_ipi(unsigned int vec)
{
	apic_write(APIC_ICR, APIC_SELF | vec);
}

/* @icr to the local APIC @id. */
static inline void apic_ipi(unsigned int id, uint32_t icr)
{
	apic_write(APIC_ICR2, id << 24);
	apic_write(APIC_ICR, icr);
}

static inline unsigned int apic_id(void)
{
	return apic_read(APIC_ID) >> 24;
}

static inline bool apic_bit(unsigned int reg, unsigned int vec)
{
	return apic_read(reg + vec / 32 * 16) >> vec % 32 & 1;
}

static inline uint32_t ioapic_read(unsigned int reg)
{
	*(volatile uint32_t *)IOAPIC_BASE = reg;
	return *(volatile uint32_t *)(IOAPIC_BASE + 0x10);
}

static inline void ioapic_write(unsigned int reg, uint32_t v)
{
	*(volatile uint32_t *)IOAPIC_BASE = reg;
	*(volatile uint32_t *)(IOAPIC_BASE + 0x10) = v;
}

/* Routes @pin to vector @bits & 255 of APIC 0, with flags in @bits. */
static inline void ioapic_route(unsigned int pin, uint32_t bits)
{
	ioapic_write(0x10 + 2 * pin + 1, 0);
	ioapic_write(0x10 + 2 * pin, bits);
}

/* Master at vector @base, slave 8 above, all masked but @mask's zeros. */
static inline void pic_init(unsigned int base, unsigned int mask)
{
	outb(0x20, 0x11);
	outb(0x21, base);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0xa0, 0x11);
	outb(0xa1, base + 8);
	outb(0xa1, 2);
	outb(0xa1, 1);
	outb(0x21, mask);
	outb(0xa1, mask >> 8);
}

/* Channel 0, rate generator, @count ticks of 1193182 Hz. */
static inline void pit_start(unsigned int count)
{
	outb(0x43, 0x34);
	outb(0x40, count);
	outb(0x40, count >> 8);
}

#endif
