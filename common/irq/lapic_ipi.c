// SPDX-License-Identifier: GPL-2.0
/*
 * Messages to local APICs: from each other (ICR), from the IOAPIC, from
 * devices (MSI) and from their own LVT. Callable from any context, hard
 * interrupts included: takes no lock. Reaches a vCPU through the atomic words
 * of its local APIC and duet_request() alone.
 *
 * A destination is found by asking every local APIC (64 at most) whether it
 * is meant, as on the bus; the common case, one id, has a shortcut.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <linux/nospec.h>
#include "common/irq/irq.h"

static void wake(struct duet_lapic *l, bool self)
{
	if (self)
		duet_request_self(l->vcpu, DUET_REQ_EVENT);
	else
		duet_request(l->vcpu, DUET_REQ_EVENT);
}

/**
 * duet_lapic_error() - note an error and raise the error interrupt
 * @bits: APIC_ESR_* (SDM vol. 3, 11.5.3)
 */
void duet_lapic_error(struct duet_lapic *l, u32 bits)
{
	u32 lvt = duet_lapic_reg(l, APIC_LVTERR);

	/* an error interrupt with a bad vector would report itself for ever */
	if ((atomic_fetch_or(bits, &l->errors) & bits) != bits &&
	    !(lvt & APIC_LVT_MASKED) && (lvt & APIC_VECTOR_MASK) >= 16)
		duet_lapic_post(l, lvt, false, false);
}

/**
 * duet_lapic_post() - a fixed interrupt arrives
 * @level: it is level-triggered: its EOI is broadcast
 * @self: called by the vCPU's own thread
 *
 * Order: TMR, IRR, the hint, the request. Each is seen by who sees the next.
 * Return: false if the local APIC does not take it.
 */
bool duet_lapic_post(struct duet_lapic *l, u8 vector, bool level, bool self)
{
	unsigned long *tmr = duet_lapic_word(l, APIC_TMR, vector);
	u8 bit = vector & 31;

	if (READ_ONCE(l->mode) == DUET_APIC_OFF || !duet_lapic_sw_enabled(l))
		return false;
	if (vector < 16) {
		duet_lapic_error(l, APIC_ESR_RECVILL);
		return false;
	}
	if (test_bit(bit, tmr) != level) {
		if (level)
			set_bit(bit, tmr);
		else
			clear_bit(bit, tmr);
	}
	/* the one who set the bit before us has made the request */
	if (test_and_set_bit(bit, duet_lapic_word(l, APIC_IRR, vector)))
		return true;
	WRITE_ONCE(l->irr_maybe, true);
	wake(l, self);
	return true;
}

static void post_init(struct duet_lapic *l)
{
	/* a SIPI that was not taken yet is forgotten */
	atomic_set(&l->events, DUET_APIC_INIT);
	duet_request(l->vcpu, DUET_REQ_EVENT);
}

static void post_sipi(struct duet_lapic *l, u8 vector)
{
	int old = atomic_read(&l->events), new;

	do {
		new = (old & DUET_APIC_INIT) | DUET_APIC_SIPI | vector << 8;
	} while (!atomic_try_cmpxchg(&l->events, &old, new));
	duet_request(l->vcpu, DUET_REQ_EVENT);
}

static void post_nmi(struct duet_lapic *l, bool self)
{
	atomic_add_unless(&l->vcpu->events.nmi_pending, 1, 2);
	wake(l, self);
}

/* A message has arrived (SDM vol. 3, 11.5.1, 11.6.1). */
static bool accept(struct duet_lapic *l, const struct duet_apic_msg *msg,
		   bool self)
{
	if (READ_ONCE(l->mode) == DUET_APIC_OFF)
		return false;
	switch (msg->mode) {
	case APIC_DM_FIXED:
	case APIC_DM_LOWEST:
		return duet_lapic_post(l, msg->vector, msg->level, self);
	case APIC_DM_NMI:
		post_nmi(l, self);
		return true;
	case APIC_DM_INIT:
		post_init(l);
		return true;
	case APIC_DM_STARTUP:
		post_sipi(l, msg->vector);
		return true;
	default:
		/* SMI: there is no SMM; ExtINT comes by LVT0 alone */
		return false;
	}
}

/** duet_lapic_local() - an interrupt source of the LVT fires */
void duet_lapic_local(struct duet_lapic *l, u32 reg)
{
	u32 lvt = duet_lapic_reg(l, reg);
	struct duet_apic_msg msg = {
		.mode = reg == APIC_LVTT || reg == APIC_LVTERR ?
			APIC_DM_FIXED : lvt & APIC_DM_FIXED_MASK,
		.vector = lvt & APIC_VECTOR_MASK,
	};

	if (!(lvt & APIC_LVT_MASKED))
		accept(l, &msg, false);
}

/* --- destinations --- */

/* SDM vol. 3, 11.6.2.2 and 11.12.10.2 */
static bool match_logical(const struct duet_lapic *l,
			  const struct duet_apic_msg *msg)
{
	u32 ldr = duet_lapic_reg(l, APIC_LDR);

	if (READ_ONCE(l->mode) == DUET_APIC_X2APIC)
		return ldr >> 16 == msg->dest >> 16 &&
			(ldr & msg->dest & 0xffff);
	if (msg->dest > 0xff)
		return false;
	ldr >>= 24;
	if (duet_lapic_reg(l, APIC_DFR) >> 28 == 0xf)
		return ldr & msg->dest;			/* flat */
	if (duet_lapic_reg(l, APIC_DFR) >> 28)
		return false;
	return ldr >> 4 == msg->dest >> 4 && (ldr & msg->dest & 0xf);
}

/*
 * 8 bits of 1 in an MSI or an IOAPIC's entry are all local APICs, in x2APIC
 * mode too, unless user space wants them to be the id 255 there.
 */
static bool is_broadcast(struct duet_lapic *l, struct duet_vcpu *source,
			 const struct duet_apic_msg *msg)
{
	if (msg->wide || (!source && READ_ONCE(l->mode) == DUET_APIC_X2APIC &&
			  duet_x2apic_api(l->vcpu->vm,
					  KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)))
		return msg->dest == ~0U;
	return msg->dest == 0xff;
}

static bool match(struct duet_lapic *l, struct duet_vcpu *source,
		  const struct duet_apic_msg *msg)
{
	if (READ_ONCE(l->mode) == DUET_APIC_OFF)
		return false;
	switch (msg->shorthand) {
	case APIC_DEST_SELF:
		return l->vcpu == source;
	case APIC_DEST_ALLINC:
		return true;
	case APIC_DEST_ALLBUT:
		return l->vcpu != source;
	}
	if (is_broadcast(l, source, msg))
		return true;
	return msg->logical ? match_logical(l, msg)
		: duet_lapic_id(l) == msg->dest;
}

static bool is_lowest(const struct duet_apic_msg *msg)
{
	return msg->lowest || msg->mode == APIC_DM_LOWEST;
}

/*
 * Lowest priority: any one of the destinations that is enabled may get it
 * (SDM vol. 3, 11.6.2.4: arbitration is model-specific). By vector, so that
 * the vectors of one guest spread and each stays where its caches are.
 */
static u64 pick(struct duet_vm *vm, u64 set, u8 vector)
{
	u32 i, n = 0, index;
	u64 enabled = 0;

	for_each_set_bit(i, (unsigned long *)&set, DUET_MAX_VCPUS)
		if (duet_lapic_sw_enabled(vm->vcpus[i]->lapic)) {
			enabled |= BIT_ULL(i);
			n++;
		}
	if (!n)
		return 0;
	for (index = vector % n; index; index--)
		enabled &= enabled - 1;
	return enabled & -enabled;
}

/* The vCPU with this APIC id, if that is easily known. */
static struct duet_vcpu *by_id(struct duet_vm *vm, u32 id)
{
	struct duet_vcpu *vcpu;

	if (READ_ONCE(vm->irqchip->odd_ids) || id >= duet_nr_vcpus(vm))
		return NULL;
	vcpu = vm->vcpus[array_index_nospec(id, DUET_MAX_VCPUS)];
	return vcpu->id == id && vcpu->lapic ? vcpu : NULL;
}

/**
 * duet_apic_deliver() - send a message to the local APICs it is meant for
 * @source: the sender's vCPU if its own thread calls, else NULL
 * @accepted: if not NULL, the vCPUs (by index) that took it
 *
 * Context: any.
 * Return: how many took it; -1 if there is no such destination.
 */
int duet_apic_deliver(struct duet_vm *vm, struct duet_vcpu *source,
		      const struct duet_apic_msg *msg, u64 *accepted)
{
	struct duet_vcpu *vcpu = NULL;
	u64 set = 0, took = 0;
	u32 i;

	if (msg->shorthand == APIC_DEST_SELF)
		vcpu = source;
	else if (!msg->shorthand && !msg->logical)
		vcpu = by_id(vm, msg->dest);
	if (vcpu && match(vcpu->lapic, source, msg)) {
		set = BIT_ULL(vcpu->index);
	} else {
		duet_for_each_vcpu(i, vcpu, vm)
			if (vcpu->lapic && match(vcpu->lapic, source, msg))
				set |= BIT_ULL(i);
		if (is_lowest(msg))
			set = pick(vm, set, msg->vector);
	}
	if (!set)
		return -1;
	for_each_set_bit(i, (unsigned long *)&set, DUET_MAX_VCPUS)
		if (accept(vm->vcpus[i]->lapic, msg, vm->vcpus[i] == source))
			took |= BIT_ULL(i);
	if (accepted)
		*accepted = took;
	return hweight64(took);
}

/**
 * duet_lapic_send_ipi() - the ICR was written (SDM vol. 3, 11.6.1)
 * @low: ICR bits 31:0
 * @dest: the destination, 8 bits in xAPIC mode
 * Context: the vCPU's thread.
 */
void duet_lapic_send_ipi(struct duet_lapic *l, u32 low, u32 dest)
{
	struct duet_apic_msg msg = {
		.dest = dest,
		.mode = low & APIC_DM_FIXED_MASK,
		.shorthand = low & APIC_DEST_ALLBUT,
		.vector = low & APIC_VECTOR_MASK,
		.logical = low & APIC_DEST_LOGICAL,
		.wide = l->mode == DUET_APIC_X2APIC,
	};

	/* INIT level de-assert does nothing since the Pentium 4 */
	if (msg.mode == APIC_DM_INIT && (low & APIC_INT_LEVELTRIG) &&
	    !(low & APIC_INT_ASSERT))
		return;
	if ((msg.mode == APIC_DM_FIXED || msg.mode == APIC_DM_LOWEST) &&
	    msg.vector < 16) {
		duet_lapic_error(l, APIC_ESR_SENDILL);
		return;
	}
	duet_apic_deliver(l->vcpu->vm, l->vcpu, &msg, NULL);
}

long duet_lapic_pv_ipi(struct duet_vcpu *vcpu, u64 low, u64 high, u32 first,
		       u32 icr, bool wide)
{
	struct duet_apic_msg msg = {
		.mode = icr & APIC_DM_FIXED_MASK,
		.vector = icr & APIC_VECTOR_MASK,
		.wide = true,
	};
	u32 bits = wide ? 64 : 32, i, index;
	unsigned long map[2] = { low, high };
	struct duet_vcpu *target;
	long took = 0;

	if (icr & (APIC_DEST_LOGICAL | APIC_DEST_ALLBUT))
		return -KVM_EINVAL;
	for (i = 0; i < 2; i++) {
		for_each_set_bit(index, &map[i], bits) {
			/* Behind the last id nobody is: no wrap-around. */
			if ((u64)first + i * bits + index >= DUET_MAX_VCPU_ID)
				break;
			target = duet_vcpu_by_id(vcpu->vm,
						 first + i * bits + index);
			if (target && target->lapic &&
			    accept(target->lapic, &msg, target == vcpu))
				took++;
		}
	}
	return took;
}

/* A device's message (SDM vol. 3, 11.11) */
static struct duet_apic_msg msi(struct duet_vm *vm, const struct duet_route *r)
{
	u32 high = duet_x2apic_api(vm, KVM_X2APIC_API_USE_32BIT_IDS) ?
		r->address_hi & GENMASK(31, 8) : 0;

	return (struct duet_apic_msg) {
		.dest = high | (r->address >> 12 & 0xff),
		.mode = r->data & APIC_DM_FIXED_MASK,
		.vector = r->data & 0xff,
		.logical = r->address & BIT(2),
		.lowest = r->address & BIT(3),	/* redirection hint */
		.level = r->data & BIT(15),
	};
}

/** duet_msi_valid() - may user space send it? */
bool duet_msi_valid(struct duet_vm *vm, const struct duet_route *r)
{
	return !duet_x2apic_api(vm, KVM_X2APIC_API_USE_32BIT_IDS) ||
		!(r->address_hi & 0xff);
}

/** duet_msi_deliver() - as duet_apic_deliver() */
int duet_msi_deliver(struct duet_vm *vm, const struct duet_route *r)
{
	struct duet_apic_msg msg = msi(vm, r);

	return duet_apic_deliver(vm, NULL, &msg, NULL);
}

/** duet_msi_is_for() - is @l among the destinations? */
bool duet_msi_is_for(struct duet_lapic *l, const struct duet_route *r)
{
	struct duet_apic_msg msg = msi(l->vcpu->vm, r);

	return match(l, NULL, &msg);
}
