// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC: its life, its modes, its priorities, what the run loop asks
 * it. Registers are in lapic_regs.c, messages in lapic_ipi.c, the timer in
 * lapic_timer.c. Everything here but duet_irq_pending() and
 * duet_lapic_has_events() runs in the vCPU's own thread.
 */
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/msr-index.h>
#include "common/irq/irq.h"

#define BASE_RESET	(APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE)

/* --- vectors and priorities --- */

/* Highest bit of IRR, ISR or TMR, or -1. */
static int highest(const struct duet_lapic *l, u32 reg)
{
	u32 word;
	int i;

	for (i = 7; i >= 0; i--) {
		word = duet_lapic_reg(l, reg + i * 0x10);
		if (word)
			return i * 32 + __fls(word);
	}
	return -1;
}

/* PPR: the higher class of TPR and ISR (SDM vol. 3, 11.8.3.1). */
static void update_ppr(struct duet_lapic *l)
{
	u8 tpr = duet_lapic_reg(l, APIC_TASKPRI);
	u8 isr = l->isr_highest < 0 ? 0 : l->isr_highest;

	l->ppr = (tpr & 0xf0) >= (isr & 0xf0) ? tpr : isr & 0xf0;
	duet_lapic_put(l, APIC_PROCPRI, l->ppr);
}

/* The vector that the local APIC would deliver, or -1. */
static int deliverable(const struct duet_lapic *l)
{
	int vector;

	if (!READ_ONCE(l->irr_maybe) || READ_ONCE(l->mode) == DUET_APIC_OFF)
		return -1;
	vector = highest(l, APIC_IRR);
	if (vector < 0 || (vector & 0xf0) <= (READ_ONCE(l->ppr) & 0xf0))
		return -1;
	return vector;
}

/*
 * What waits may have its turn now. If it has not, the backend may have to hear
 * that it waits for the TPR from now on, and no longer for an EOI.
 */
static void priority_changed(struct duet_lapic *l)
{
	update_ppr(l);
	if (duet_irq_highest(l->vcpu) >= 0)
		duet_request_self(l->vcpu, DUET_REQ_EVENT);
}

/**
 * duet_lapic_set_tpr() - by CR8, by the register or by the MSR
 *
 * The hardware's copy of the priority class and its threshold are brought up
 * to date with the next look at the events.
 */
void duet_lapic_set_tpr(struct duet_lapic *l, u8 tpr)
{
	u8 old = duet_lapic_reg(l, APIC_TASKPRI);

	duet_lapic_put(l, APIC_TASKPRI, tpr);
	update_ppr(l);
	if ((old ^ tpr) & 0xf0)
		duet_request_self(l->vcpu, DUET_REQ_EVENT);
	duet_vapic_stale(l);
}

/**
 * duet_lapic_eoi() - end of interrupt (SDM vol. 3, 11.8.5)
 *
 * The IOAPIC hears of it if the vector is one that somebody there waits for, as
 * of each that is level-triggered there.
 */
void duet_lapic_eoi(struct duet_lapic *l)
{
	struct duet_irqchip *chip = l->vcpu->vm->irqchip;
	int vector = l->isr_highest;
	bool level;

	if (vector < 0)
		return;
	__clear_bit(vector & 31, duet_lapic_word(l, APIC_ISR, vector));
	l->isr_highest = highest(l, APIC_ISR);
	if (test_bit(vector, chip->eoi_vectors)) {
		level = test_bit(vector & 31,
				 duet_lapic_word(l, APIC_TMR, vector));
		if (chip->split)
			duet_split_eoi(l, vector, level);
		else
			duet_ioapic_eoi(l->vcpu, vector, level);
	}
	priority_changed(l);
	if (l->vapic)	/* the class in service is in the guest's word */
		duet_request_self(l->vcpu, DUET_REQ_EVENT);
}

/**
 * duet_lapic_refresh() - derive what is cached from the registers
 *
 * After anything but the normal course of interrupts changed them.
 */
void duet_lapic_refresh(struct duet_lapic *l)
{
	u32 lvt0 = duet_lapic_reg(l, APIC_LVT0);

	l->isr_highest = highest(l, APIC_ISR);
	WRITE_ONCE(l->irr_maybe, true);
	WRITE_ONCE(l->accepts_pic, l->mode == DUET_APIC_OFF ||
		   (!(lvt0 & APIC_LVT_MASKED) &&
		    (lvt0 & APIC_DM_FIXED_MASK) == APIC_DM_EXTINT));
	update_ppr(l);
	duet_request_self(l->vcpu, DUET_REQ_EVENT);
}

/* --- what the run loop asks --- */

/* INTR is up: by the PIC pair, or by KVM_INTERRUPT for the one elsewhere. */
static bool pic_waits(const struct duet_lapic *l)
{
	return READ_ONCE(l->accepts_pic) &&
		(READ_ONCE(l->vcpu->vm->irqchip->pic.output) ||
		 READ_ONCE(l->extint) >= 0);
}

bool duet_irq_pending(struct duet_vcpu *vcpu)
{
	struct duet_lapic *l = vcpu->lapic;

	if (!l)
		return false;
	return deliverable(l) >= 0 || pic_waits(l);
}

static int ack_pic(struct duet_lapic *l)
{
	struct duet_irqchip *chip = l->vcpu->vm->irqchip;
	int vector = l->extint;
	unsigned long flags;
	u32 acked = 0;

	l->extint = -1;
	if (vector >= 0)
		return vector;
	raw_spin_lock_irqsave(&chip->lock, flags);
	/* another vCPU may have taken it */
	if (chip->pic.output)
		vector = duet_pic_ack(chip, &acked);
	raw_spin_unlock_irqrestore(&chip->lock, flags);
	duet_irq_acked(chip, false, acked);
	return vector;
}

int duet_irq_ack(struct duet_vcpu *vcpu)
{
	struct duet_lapic *l = vcpu->lapic;
	int vector;

	if (!l)
		return -1;
	if (pic_waits(l)) {
		vector = ack_pic(l);
		if (vector >= 0)
			return vector;
	}
	vector = deliverable(l);
	if (vector < 0)
		return -1;
	clear_bit(vector & 31, duet_lapic_word(l, APIC_IRR, vector));
	/*
	 * Clear the hint before the scan: who posts sets the bit first, the
	 * hint last, so either the scan sees the bit or the hint stays set.
	 */
	WRITE_ONCE(l->irr_maybe, false);
	smp_mb();	/* pairs with test_and_set_bit() in duet_lapic_post() */
	if (highest(l, APIC_IRR) >= 0)
		WRITE_ONCE(l->irr_maybe, true);

	__set_bit(vector & 31, duet_lapic_word(l, APIC_ISR, vector));
	l->isr_highest = vector;
	update_ppr(l);
	return vector;
}

int duet_irq_highest(struct duet_vcpu *vcpu)
{
	struct duet_lapic *l = vcpu->lapic;

	if (!l || !READ_ONCE(l->irr_maybe))
		return -1;
	return highest(l, APIC_IRR);
}

void duet_lapic_sync_tpr(struct duet_vcpu *vcpu, u8 cr8)
{
	struct duet_lapic *l = vcpu->lapic;
	u8 tpr;

	if (!l) {
		vcpu->cr8 = cr8 & 0xf;
		return;
	}
	tpr = duet_lapic_reg(l, APIC_TASKPRI);
	if (tpr >> 4 == (cr8 & 0xf))
		return;
	duet_lapic_put(l, APIC_TASKPRI, cr8 << 4);
	priority_changed(l);
	duet_vapic_stale(l);
}

u8 duet_get_cr8(struct duet_vcpu *vcpu)
{
	if (!vcpu->lapic)
		return vcpu->cr8;
	return duet_lapic_reg(vcpu->lapic, APIC_TASKPRI) >> 4 & 0xf;
}

int duet_set_cr8(struct duet_vcpu *vcpu, u64 cr8)
{
	if (cr8 & ~0xfULL)
		return 1;
	if (vcpu->lapic)
		duet_lapic_set_tpr(vcpu->lapic, cr8 << 4);
	else
		vcpu->cr8 = cr8;
	return 0;
}

bool duet_lapic_has_events(struct duet_vcpu *vcpu)
{
	return vcpu->lapic && atomic_read(&vcpu->lapic->events);
}

void duet_lapic_accept_events(struct duet_vcpu *vcpu)
{
	struct duet_lapic *l = vcpu->lapic;
	struct duet_segment *cs;
	u32 events;

	if (!l || !atomic_read(&l->events))
		return;
	events = atomic_xchg(&l->events, 0);
	if (events & DUET_APIC_INIT) {
		duet_vcpu_reset(vcpu, true);
		/* the BSP starts at the reset vector (SDM vol. 3, 9.4.2) */
		vcpu->mp_state = vcpu->id == vcpu->vm->bsp_id ?
			KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_INIT_RECEIVED;
	}
	/* a SIPI means nothing unless the CPU waits for it */
	if ((events & DUET_APIC_SIPI) &&
	    vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED) {
		cs = duet_segment(vcpu, DUET_CS);
		cs->selector = (events >> 8 & 0xff) << 8;
		cs->base = (events >> 8 & 0xff) << 12;
		vcpu->state.rip = 0;
		duet_wrote(vcpu, DUET_ST_SEG(DUET_CS) | DUET_ST_RIP);
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	}
}

/* --- modes --- */

static u8 mode_of(u64 base)
{
	if (!(base & MSR_IA32_APICBASE_ENABLE))
		return DUET_APIC_OFF;
	return base & X2APIC_ENABLE ? DUET_APIC_X2APIC : DUET_APIC_XAPIC;
}

static void change_mode(struct duet_lapic *l, u8 mode)
{
	u32 id = l->vcpu->id;
	u8 old = l->mode;

	if (mode == old)
		return;
	if (mode == DUET_APIC_OFF)
		duet_lapic_timer_cancel(l);
	WRITE_ONCE(l->mode, mode);
	if (mode == DUET_APIC_X2APIC) {
		duet_lapic_put(l, APIC_ID, id);
		duet_lapic_put(l, APIC_LDR, duet_x2apic_ldr(id));
		/* the ICR's upper half is not kept (SDM vol. 3, 11.12.5) */
		duet_lapic_put(l, APIC_ICR2, 0);
	} else if (mode == DUET_APIC_XAPIC || old == DUET_APIC_X2APIC) {
		duet_lapic_put(l, APIC_ID, id << 24);
		if (old == DUET_APIC_X2APIC)
			duet_lapic_put(l, APIC_LDR, 0);
	}
	duet_lapic_refresh(l);
}

/*
 * The transitions of SDM vol. 3, 11.12.5: x2APIC mode is entered from xAPIC
 * mode alone and left by switching the APIC off.
 */
int duet_lapic_set_base(struct duet_vcpu *vcpu, u64 value, bool host)
{
	u8 width = clamp_t(u8, vcpu->cpuid.maxphyaddr, 36, 52);
	u64 valid = GENMASK_ULL(width - 1, 12) | MSR_IA32_APICBASE_ENABLE |
		MSR_IA32_APICBASE_BSP;
	u64 old = vcpu->msrs.apic_base;
	u8 from = mode_of(old), to = mode_of(value);

	if (vcpu->cpuid.has_x2apic)
		valid |= X2APIC_ENABLE;
	if (value & ~valid)
		return 1;
	if ((value & X2APIC_ENABLE) && !(value & MSR_IA32_APICBASE_ENABLE))
		return 1;
	if (!host && ((from == DUET_APIC_X2APIC && to == DUET_APIC_XAPIC) ||
		      (from == DUET_APIC_OFF && to == DUET_APIC_X2APIC)))
		return 1;

	vcpu->msrs.apic_base = value;
	/* CPUID.1:EDX.APIC follows the enable bit */
	if ((old ^ value) & MSR_IA32_APICBASE_ENABLE)
		duet_cpuid_refresh(vcpu);
	if (vcpu->lapic)
		change_mode(vcpu->lapic, to);
	return 0;
}

void duet_lapic_reset(struct duet_vcpu *vcpu, bool init)
{
	struct duet_lapic *l = vcpu->lapic;

	/* INIT keeps IA32_APIC_BASE and the APIC id (SDM vol. 3, 11.4.7.3) */
	if (!init) {
		vcpu->msrs.apic_base = BASE_RESET;
		if (vcpu->id == vcpu->vm->bsp_id)
			vcpu->msrs.apic_base |= MSR_IA32_APICBASE_BSP;
		vcpu->cr8 = 0;
	}
	if (!l)
		return;
	duet_lapic_timer_cancel(l);
	if (!init) {
		WRITE_ONCE(l->mode, DUET_APIC_XAPIC);
		duet_lapic_put(l, APIC_ID, vcpu->id << 24);
		atomic_set(&l->events, 0);
	}
	atomic_set(&l->errors, 0);
	vcpu->msrs.kvm_pv_eoi = 0;
	l->vapic = 0;
	l->extint = -1;
	duet_lapic_reset_regs(l);
	duet_lapic_refresh(l);
	duet_ioapic_forget(vcpu);
}

/* --- what the guest and user space share in it --- */

void duet_lapic_lend(struct duet_vcpu *vcpu)
{
	const struct duet_lapic *l = vcpu->lapic;

	if (!l)
		return;
	if (vcpu->msrs.kvm_pv_eoi & KVM_MSR_ENABLED)
		duet_pv_eoi_offer(vcpu);
	if (unlikely(l->vapic))
		duet_vapic_publish(vcpu);
}

void duet_lapic_take_back(struct duet_vcpu *vcpu)
{
	bool vapic = vcpu->lapic->vapic;

	vcpu->lapic_lent = vapic;
	if (vcpu->pv_eoi)
		duet_pv_eoi_sync(vcpu);
	if (vapic)
		duet_vapic_sync(vcpu);
}

bool duet_lapic_exit(struct duet_vcpu *vcpu)
{
	int req = atomic_read(&vcpu->requests) & (DUET_REQ_EOI | DUET_REQ_TPR);

	if (likely(!req))
		return false;
	if (req & DUET_REQ_EOI)
		duet_split_eoi_exit(vcpu);
	else
		duet_tpr_exit(vcpu);
	return true;
}

/* --- life --- */

int duet_lapic_create(struct duet_vcpu *vcpu)
{
	struct duet_lapic *l;

	l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	if (!l)
		return -ENOMEM;
	l->regs = (u8 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!l->regs) {
		kfree(l);
		return -ENOMEM;
	}
	l->vcpu = vcpu;
	duet_lapic_timer_init(l);
	vcpu->lapic = l;
	duet_lapic_reset(vcpu, false);
	return 0;
}

void duet_lapic_destroy(struct duet_vcpu *vcpu)
{
	struct duet_lapic *l = vcpu->lapic;

	if (!l)
		return;
	hrtimer_cancel(&l->timer);
	free_page((unsigned long)l->regs);
	kfree(l);
	vcpu->lapic = NULL;
}

/*
 * The ioctls' form of the registers is the xAPIC's page; in x2APIC mode the
 * id stands in the top byte, unless user space asked for all 32 bits, and the
 * destination of the ICR in ICR2.
 */
int duet_lapic_get(struct duet_vcpu *vcpu, struct kvm_lapic_state *s)
{
	struct duet_lapic *l = vcpu->lapic;

	if (!l)
		return -EINVAL;
	duet_lapic_put(l, APIC_TMCCT, duet_lapic_timer_count(l));
	memcpy(s->regs, l->regs, sizeof(s->regs));
	if (l->mode == DUET_APIC_X2APIC &&
	    !duet_x2apic_api(vcpu->vm, KVM_X2APIC_API_USE_32BIT_IDS))
		*(u32 *)(s->regs + APIC_ID) <<= 24;
	return 0;
}

int duet_lapic_set(struct duet_vcpu *vcpu, const struct kvm_lapic_state *s)
{
	struct duet_lapic *l = vcpu->lapic;
	u64 deadline;
	u32 count;

	if (!l)
		return -EINVAL;
	if (l->mode == DUET_APIC_X2APIC &&
	    duet_x2apic_api(vcpu->vm, KVM_X2APIC_API_USE_32BIT_IDS) &&
	    *(const u32 *)(s->regs + APIC_ID) != vcpu->id)
		return -EINVAL;
	/* An MSR of its own has it, and sets it. */
	hrtimer_cancel(&l->timer);
	deadline = l->deadline;
	duet_lapic_timer_cancel(l);
	memcpy(l->regs, s->regs, sizeof(s->regs));
	duet_lapic_sanitise(l);
	count = min(duet_lapic_reg(l, APIC_TMCCT),
		    duet_lapic_reg(l, APIC_TMICT));
	/* a periodic timer never stands still */
	if (!count && (duet_lapic_reg(l, APIC_LVTT) & APIC_LVT_TIMER_PERIODIC))
		count = duet_lapic_reg(l, APIC_TMICT);
	duet_lapic_timer_divide(l);
	duet_lapic_timer_start(l, count);
	duet_lapic_timer_deadline(l, deadline);
	duet_lapic_refresh(l);
	duet_vapic_stale(l);
	duet_ioapic_forget(vcpu);
	return 0;
}
