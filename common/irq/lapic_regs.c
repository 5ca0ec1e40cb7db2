// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of the local APIC as the guest sees them: the xAPIC's MMIO page
 * and the x2APIC's MSRs. Called by the exit handlers in the vCPU's thread;
 * nothing here sleeps, interrupts may be off.
 */
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/string.h>
#include <asm/msr-index.h>
#include "common/irq/irq.h"

#define X2APIC_FIRST	APIC_BASE_MSR
#define X2APIC_EOI	(APIC_BASE_MSR + (APIC_EOI >> 4))
#define X2APIC_TPR	(APIC_BASE_MSR + (APIC_TASKPRI >> 4))
#define X2APIC_ICR	(APIC_BASE_MSR + (APIC_ICR >> 4))
#define X2APIC_SELF_IPI	(APIC_BASE_MSR + (APIC_SELF_IPI >> 4))

/* Reserved bits of the x2APIC's ICR (SDM vol. 3, 11.12.9) */
#define ICR_RESERVED	(GENMASK_ULL(31, 20) | GENMASK_ULL(17, 16) | BIT(13))

/* Integrated APIC, version 0x14, six LVT entries (SDM vol. 3, 11.4.8) */
#define VERSION		(0x14 | 5 << 16)

#define LVT_COMMON	(APIC_VECTOR_MASK | APIC_LVT_MASKED)
#define LVT_LINT	(LVT_COMMON | APIC_DM_FIXED_MASK | \
			 APIC_INPUT_POLARITY | APIC_LVT_REMOTE_IRR | \
			 APIC_LVT_LEVEL_TRIGGER)

/* What can be written of an LVT register (SDM vol. 3, figure 11-8); 0: none */
static u32 lvt_mask(struct duet_lapic *l, u32 reg)
{
	switch (reg) {
	case APIC_LVTT:
		return LVT_COMMON | APIC_LVT_TIMER_PERIODIC |
			(l->vcpu->cpuid.has_tsc_deadline ?
			 APIC_LVT_TIMER_TSCDEADLINE : 0);
	case APIC_LVTTHMR:
	case APIC_LVTPC:
		return LVT_COMMON | APIC_DM_FIXED_MASK;
	case APIC_LVT0:
	case APIC_LVT1:
		return LVT_LINT;
	case APIC_LVTERR:
		return LVT_COMMON;
	}
	return 0;
}

static void write_lvt(struct duet_lapic *l, u32 reg, u32 val)
{
	val &= lvt_mask(l, reg);
	/* SDM vol. 3, 11.4.7.2: masks cannot be cleared while disabled */
	if (!duet_lapic_sw_enabled(l))
		val |= APIC_LVT_MASKED;
	if (reg == APIC_LVTT)
		duet_lapic_timer_lvt(l, val);
	else
		duet_lapic_put(l, reg, val);
	if (reg == APIC_LVT0)
		duet_lapic_refresh(l);
}

static void mask_lvts(struct duet_lapic *l)
{
	u32 reg;

	for (reg = APIC_LVTT; reg <= APIC_LVTERR; reg += 0x10)
		duet_lapic_put(l, reg, duet_lapic_reg(l, reg) |
			       APIC_LVT_MASKED);
	duet_lapic_refresh(l);
}

static void write_spurious(struct duet_lapic *l, u32 val)
{
	duet_lapic_put(l, APIC_SPIV, val & (APIC_VECTOR_MASK |
					    APIC_SPIV_APIC_ENABLED |
					    APIC_SPIV_FOCUS_DISABLED));
	if (!(val & APIC_SPIV_APIC_ENABLED))
		mask_lvts(l);
}

static void write_divide(struct duet_lapic *l, u32 val)
{
	u32 count = duet_lapic_timer_count(l);

	/* in the last tick it reads 0, and is not over yet */
	if (!count && hrtimer_active(&l->timer))
		count = 1;
	duet_lapic_put(l, APIC_TDCR, val & APIC_TDR_DIV_1);
	duet_lapic_timer_divide(l);
	if (count)
		duet_lapic_timer_start(l, count);
}

/* Write a register; 1 if it does not exist or cannot be written. */
static int write_reg(struct duet_lapic *l, u32 reg, u32 val)
{
	bool x2apic = l->mode == DUET_APIC_X2APIC;

	switch (reg) {
	case APIC_TASKPRI:
		duet_lapic_set_tpr(l, val);
		return 0;
	case APIC_EOI:
		duet_lapic_eoi(l);
		return 0;
	case APIC_SPIV:
		write_spurious(l, val);
		return 0;
	case APIC_ESR:
		/* a write shows what has come together since the last one */
		duet_lapic_put(l, APIC_ESR, atomic_xchg(&l->errors, 0));
		return 0;
	case APIC_ICR:
		val &= ~APIC_ICR_BUSY;
		duet_lapic_put(l, APIC_ICR, val);
		duet_lapic_send_ipi(l, val, x2apic ?
				    duet_lapic_reg(l, APIC_ICR2) :
				    duet_lapic_reg(l, APIC_ICR2) >> 24);
		return 0;
	case APIC_LVTT:
	case APIC_LVTTHMR:
	case APIC_LVTPC:
	case APIC_LVT0:
	case APIC_LVT1:
	case APIC_LVTERR:
		write_lvt(l, reg, val);
		return 0;
	case APIC_TMICT:
		if ((duet_lapic_reg(l, APIC_LVTT) &
		     APIC_LVT_TIMER_TSCDEADLINE))
			return 0;
		duet_lapic_timer_cancel(l);
		duet_lapic_put(l, APIC_TMICT, val);
		duet_lapic_timer_start(l, val);
		return 0;
	case APIC_TDCR:
		write_divide(l, val);
		return 0;
	}
	if (x2apic) {
		if (reg != APIC_SELF_IPI)
			return 1;
		duet_lapic_send_ipi(l, APIC_DEST_SELF | (val & 0xff), 0);
		return 0;
	}
	switch (reg) {
	case APIC_ID:
		if (val >> 24 != l->vcpu->id)
			WRITE_ONCE(l->vcpu->vm->irqchip->odd_ids, true);
		duet_lapic_put(l, APIC_ID, val & 0xff000000);
		return 0;
	case APIC_LDR:
		duet_lapic_put(l, APIC_LDR, val & APIC_LDR_MASK);
		return 0;
	case APIC_DFR:
		duet_lapic_put(l, APIC_DFR, val | 0x0fffffff);
		return 0;
	case APIC_ICR2:
		duet_lapic_put(l, APIC_ICR2, val & 0xff000000);
		return 0;
	}
	return 1;
}

/* Read a register; 1 if it does not exist or cannot be read. */
static int read_reg(struct duet_lapic *l, u32 reg, u32 *val)
{
	bool x2apic = l->mode == DUET_APIC_X2APIC;

	switch (reg) {
	case APIC_ID:
	case APIC_LVR:
	case APIC_TASKPRI:
	case APIC_PROCPRI:
	case APIC_LDR:
	case APIC_SPIV:
	case APIC_ISR ... APIC_ISR + 0x70:
	case APIC_TMR ... APIC_TMR + 0x70:
	case APIC_IRR ... APIC_IRR + 0x70:
	case APIC_ESR:
	case APIC_ICR:
	case APIC_LVTT:
	case APIC_LVTTHMR:
	case APIC_LVTPC:
	case APIC_LVT0:
	case APIC_LVT1:
	case APIC_LVTERR:
	case APIC_TMICT:
	case APIC_TDCR:
		break;
	case APIC_TMCCT:
		*val = duet_lapic_timer_count(l);
		return 0;
	case APIC_ARBPRI:
	case APIC_EOI:
		/* no arbitration on this bus; EOI reads as zero */
	case APIC_DFR:
	case APIC_ICR2:
		if (x2apic)
			return 1;
		break;
	default:
		return 1;
	}
	*val = duet_lapic_reg(l, array_index_nospec(reg, PAGE_SIZE));
	return 0;
}

/* --- xAPIC: the MMIO page --- */

static void mmio_read(struct duet_lapic *l, u32 offset, int len, void *data)
{
	u32 val = 0;

	/* SDM vol. 3, 11.4.1: 32 bits at 16-byte steps, the rest undefined */
	memset(data, 0, len);
	if ((offset & 0xf) + len > 4 && !(len == 8 && !(offset & 0xf)))
		return;
	if (read_reg(l, offset & ~0xf, &val)) {
		duet_lapic_error(l, APIC_ESR_ILLREGA);
		return;
	}
	memcpy(data, (u8 *)&val + (offset & 3), min(len, 4));
}

/* To one vCPU: a broadcast can take its time elsewhere. */
static bool icr_is_quick(u32 icr, bool broadcast)
{
	/* ALLINC's bit is in both shorthands that mean many. */
	return (icr & APIC_DM_FIXED_MASK) == APIC_DM_FIXED &&
	       !(icr & APIC_DEST_ALLINC) && !broadcast;
}

bool duet_lapic_mmio_waits(struct duet_vcpu *vcpu, gpa_t gpa, u32 value,
			   bool write)
{
	struct duet_lapic *l = vcpu->lapic;

	if (!l)
		return false;
	/* The bits of the base do not matter: a false yes costs time only. */
	if (!write)	/* ISR, PPR, TPR: duet_lapic_take_back() comes first */
		return vcpu->lapic_lent && !((gpa ^ vcpu->msrs.apic_base) &
					 GENMASK_ULL(51, 12));
	switch (gpa & ~PAGE_MASK) {
	case APIC_EOI:	/* of the interrupt below: duet_pv_eoi_sync(), too */
		return vcpu->pv_eoi;
	case APIC_ICR:
		return !icr_is_quick(value, duet_lapic_reg(l, APIC_ICR2) >>
				     24 == 0xff);
	}
	return false;
}

bool duet_lapic_mmio(struct duet_vcpu *vcpu, gpa_t gpa, int len, void *data,
		     bool write)
{
	struct duet_lapic *l = vcpu->lapic;
	u32 offset = gpa & ~PAGE_MASK, val;
	u64 base = vcpu->msrs.apic_base & GENMASK_ULL(51, 12);

	if (!l || (gpa & PAGE_MASK) != base)
		return false;
	/*
	 * Switched off or in x2APIC mode the page is nobody's: all ones, as
	 * from an empty bus; it does not go to user space.
	 */
	if (l->mode != DUET_APIC_XAPIC) {
		if (!write)
			memset(data, 0xff, len);
		return true;
	}
	if (offset == APIC_TASKPRI)
		duet_report_tpr(vcpu, write);
	if (!write) {
		mmio_read(l, offset, len, data);
	} else if (len == 4 && !(offset & 0xf)) {
		memcpy(&val, data, sizeof(val));
		/* to a read-only register it is not an error */
		if (write_reg(l, offset, val) && read_reg(l, offset, &val))
			duet_lapic_error(l, APIC_ESR_ILLREGA);
	}
	return true;
}

/* --- x2APIC: the MSRs --- */

static int write_icr(struct duet_lapic *l, u64 value)
{
	if (value & ICR_RESERVED)
		return 1;
	duet_lapic_put(l, APIC_ICR2, value >> 32);
	return write_reg(l, APIC_ICR, value);
}

static int x2apic_write(struct duet_lapic *l, u32 index, u64 value)
{
	u32 reg = (index - X2APIC_FIRST) << 4;

	if (reg == APIC_ICR)
		return write_icr(l, value);
	if (value >> 32)
		return 1;
	/* SDM vol. 3, table 11-6: what must be zero */
	if ((reg == APIC_EOI || reg == APIC_ESR) && value)
		return 1;
	if ((reg == APIC_SELF_IPI || reg == APIC_TASKPRI) && value & ~0xffULL)
		return 1;
	return write_reg(l, reg, value);
}

int duet_lapic_msr_write(struct duet_vcpu *vcpu, u32 index, u64 value)
{
	struct duet_lapic *l = vcpu->lapic;

	if (index == MSR_IA32_TSC_DEADLINE) {
		if (l)
			duet_lapic_timer_deadline(l, value);
		return 0;
	}
	if (!l || l->mode != DUET_APIC_X2APIC || index - X2APIC_FIRST > 0x3f)
		return 1;
	return x2apic_write(l, index, value);
}

int duet_lapic_msr_read(struct duet_vcpu *vcpu, u32 index, u64 *value)
{
	struct duet_lapic *l = vcpu->lapic;
	u32 reg, val;

	if (index == MSR_IA32_TSC_DEADLINE) {
		*value = l ? READ_ONCE(l->deadline) : 0;
		return 0;
	}
	if (!l || l->mode != DUET_APIC_X2APIC || index - X2APIC_FIRST > 0x3f)
		return 1;
	reg = (index - X2APIC_FIRST) << 4;
	if (read_reg(l, reg, &val))
		return 1;
	*value = val;
	if (reg == APIC_ICR)
		*value |= (u64)duet_lapic_reg(l, APIC_ICR2) << 32;
	return 0;
}

bool duet_lapic_msr_write_fast(struct duet_vcpu *vcpu, u32 index, u64 value)
{
	struct duet_lapic *l = vcpu->lapic;

	if (!l)
		return false;
	switch (index) {
	case MSR_IA32_TSC_DEADLINE:
		duet_lapic_timer_deadline(l, value);
		return true;
	case X2APIC_EOI:
		if (vcpu->pv_eoi)	/* see duet_lapic_mmio_waits() */
			return false;
		break;
	case X2APIC_TPR:
	case X2APIC_SELF_IPI:
		break;
	case X2APIC_ICR:
		if (!icr_is_quick(value, value >> 32 == ~0U))
			return false;
		break;
	default:
		return false;
	}
	return l->mode == DUET_APIC_X2APIC && !x2apic_write(l, index, value);
}

/* --- all of them --- */

/**
 * duet_lapic_reset_regs() - SDM vol. 3, 11.4.7.1; APIC id and mode stay
 *
 * They stay at every moment: the SIPI that follows an INIT may look for its
 * destination meanwhile.
 */
void duet_lapic_reset_regs(struct duet_lapic *l)
{
	bool x2apic = l->mode == DUET_APIC_X2APIC;
	u32 reg;

	for (reg = APIC_LVR; reg < KVM_APIC_REG_SIZE; reg += 0x10)
		if (reg != APIC_LDR || !x2apic)
			duet_lapic_put(l, reg, 0);
	duet_lapic_put(l, APIC_LVR, VERSION);
	duet_lapic_put(l, APIC_SPIV, 0xff);
	duet_lapic_put(l, APIC_DFR, ~0U);
	for (reg = APIC_LVTT; reg <= APIC_LVTERR; reg += 0x10)
		duet_lapic_put(l, reg, APIC_LVT_MASKED);
	/*
	 * There is no firmware to open LINT0 for the PIC: virtual wire mode
	 * is what a BSP finds (MultiProcessor Specification 1.4, 3.6.2.2).
	 */
	if (l->vcpu->id == l->vcpu->vm->bsp_id)
		duet_lapic_put(l, APIC_LVT0, APIC_DM_EXTINT);
	duet_lapic_timer_divide(l);
}

/** duet_lapic_sanitise() - the registers came from KVM_SET_LAPIC */
void duet_lapic_sanitise(struct duet_lapic *l)
{
	bool x2apic = l->mode == DUET_APIC_X2APIC;
	u32 id = duet_lapic_reg(l, APIC_ID), reg, val;

	if (x2apic) {
		id = l->vcpu->id;
		duet_lapic_put(l, APIC_LDR, duet_x2apic_ldr(id));
	} else {
		id &= 0xff000000;
		if (id >> 24 != l->vcpu->id)
			WRITE_ONCE(l->vcpu->vm->irqchip->odd_ids, true);
		duet_lapic_put(l, APIC_LDR, duet_lapic_reg(l, APIC_LDR) &
			       APIC_LDR_MASK);
		duet_lapic_put(l, APIC_ICR2, duet_lapic_reg(l, APIC_ICR2) &
			       0xff000000);
	}
	duet_lapic_put(l, APIC_ID, id);
	duet_lapic_put(l, APIC_LVR, VERSION);
	duet_lapic_put(l, APIC_DFR, duet_lapic_reg(l, APIC_DFR) | 0x0fffffff);
	duet_lapic_put(l, APIC_TASKPRI, duet_lapic_reg(l, APIC_TASKPRI) & 0xff);
	duet_lapic_put(l, APIC_TDCR, duet_lapic_reg(l, APIC_TDCR) &
		       APIC_TDR_DIV_1);
	duet_lapic_put(l, APIC_ICR, duet_lapic_reg(l, APIC_ICR) &
		       ~APIC_ICR_BUSY);
	duet_lapic_put(l, APIC_SPIV, duet_lapic_reg(l, APIC_SPIV) &
		       (APIC_VECTOR_MASK | APIC_SPIV_APIC_ENABLED |
			APIC_SPIV_FOCUS_DISABLED));
	for (reg = APIC_LVTT; reg <= APIC_LVTERR; reg += 0x10) {
		val = duet_lapic_reg(l, reg) & lvt_mask(l, reg);
		if (!duet_lapic_sw_enabled(l))
			val |= APIC_LVT_MASKED;
		duet_lapic_put(l, reg, val);
	}
	/* there are no vectors below 16 (SDM vol. 3, 11.5.2) */
	for (reg = APIC_ISR; reg <= APIC_IRR; reg += APIC_TMR - APIC_ISR)
		duet_lapic_put(l, reg, duet_lapic_reg(l, reg) & ~0xffffU);
}
