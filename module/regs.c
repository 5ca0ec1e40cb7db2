// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls on a vCPU's registers, events and MP state, with the API's
 * checks (not the guest's: those stand in common/cr.c and common/dr.c).
 * Called by the vCPU's ioctl table.
 */
#include <linux/bitmap.h>
#include <linux/kvm.h>
#include <linux/srcu.h>
#include <asm/debugreg.h>
#include <asm/traps.h>
#include "common/irqchip.h"
#include "common/memslot.h"
#include "common/vcpu.h"
#include "common/walk.h"
#include "module/regs.h"

/* Everything else in RFLAGS is 0 (SDM vol. 1, 3.4.3); bit 1 is 1. */
#define RFLAGS_KNOWN							\
	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | \
	 X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | \
	 X86_EFLAGS_OF | X86_EFLAGS_IOPL | X86_EFLAGS_NT |		\
	 X86_EFLAGS_RF | X86_EFLAGS_VM | X86_EFLAGS_AC |		\
	 X86_EFLAGS_VIF | X86_EFLAGS_VIP | X86_EFLAGS_ID)

int duet_get_regs(struct duet_vcpu *vcpu, struct kvm_regs *regs)
{
	const u64 *gpr = vcpu->state.gpr;

	duet_need(vcpu, DUET_ST_RSP | DUET_ST_RIP | DUET_ST_RFLAGS);
	*regs = (struct kvm_regs) {
		.rax = gpr[DUET_RAX], .rbx = gpr[DUET_RBX],
		.rcx = gpr[DUET_RCX], .rdx = gpr[DUET_RDX],
		.rsi = gpr[DUET_RSI], .rdi = gpr[DUET_RDI],
		.rsp = gpr[DUET_RSP], .rbp = gpr[DUET_RBP],
		.r8 = gpr[DUET_R8], .r9 = gpr[DUET_R9],
		.r10 = gpr[DUET_R10], .r11 = gpr[DUET_R11],
		.r12 = gpr[DUET_R12], .r13 = gpr[DUET_R13],
		.r14 = gpr[DUET_R14], .r15 = gpr[DUET_R15],
		.rip = vcpu->state.rip, .rflags = vcpu->state.rflags,
	};
	return 0;
}

int duet_set_regs(struct duet_vcpu *vcpu, const struct kvm_regs *regs)
{
	u64 *gpr = vcpu->state.gpr;

	gpr[DUET_RAX] = regs->rax;
	gpr[DUET_RBX] = regs->rbx;
	gpr[DUET_RCX] = regs->rcx;
	gpr[DUET_RDX] = regs->rdx;
	gpr[DUET_RSI] = regs->rsi;
	gpr[DUET_RDI] = regs->rdi;
	gpr[DUET_RSP] = regs->rsp;
	gpr[DUET_RBP] = regs->rbp;
	gpr[DUET_R8] = regs->r8;
	gpr[DUET_R9] = regs->r9;
	gpr[DUET_R10] = regs->r10;
	gpr[DUET_R11] = regs->r11;
	gpr[DUET_R12] = regs->r12;
	gpr[DUET_R13] = regs->r13;
	gpr[DUET_R14] = regs->r14;
	gpr[DUET_R15] = regs->r15;
	vcpu->state.rip = regs->rip;
	vcpu->state.rflags = (regs->rflags & RFLAGS_KNOWN) | X86_EFLAGS_FIXED;
	duet_wrote(vcpu, DUET_ST_RSP | DUET_ST_RIP | DUET_ST_RFLAGS);

	/* It belonged to the instruction that the guest is taken away from. */
	vcpu->events.exception.pending = false;
	duet_request_self(vcpu, DUET_REQ_EVENT);
	return 0;
}

/*
 * Segments
 */

static void get_segment(const struct duet_segment *s, struct kvm_segment *to)
{
	*to = (struct kvm_segment) {
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.type = s->ar & DUET_AR_TYPE,
		.s = !!(s->ar & DUET_AR_S),
		.dpl = (s->ar & DUET_AR_DPL) >> DUET_AR_DPL_SHIFT,
		.present = !!(s->ar & DUET_AR_P),
		.avl = !!(s->ar & DUET_AR_AVL),
		.l = !!(s->ar & DUET_AR_L),
		.db = !!(s->ar & DUET_AR_DB),
		.g = !!(s->ar & DUET_AR_G),
		.unusable = !!(s->ar & DUET_AR_UNUSABLE),
	};
}

/*
 * A segment that is not present cannot have been loaded: it is unusable. Its
 * other rights stay: SS.DPL is the CPL even of a null SS.
 */
static void set_segment(struct duet_segment *s, const struct kvm_segment *from)
{
	u32 ar = from->type & DUET_AR_TYPE;

	ar |= (from->dpl << DUET_AR_DPL_SHIFT) & DUET_AR_DPL;
	if (from->s & 1)
		ar |= DUET_AR_S;
	if (from->avl & 1)
		ar |= DUET_AR_AVL;
	if (from->l & 1)
		ar |= DUET_AR_L;
	if (from->db & 1)
		ar |= DUET_AR_DB;
	if (from->g & 1)
		ar |= DUET_AR_G;
	ar |= from->unusable || !from->present ? DUET_AR_UNUSABLE : DUET_AR_P;

	s->base = from->base;
	s->limit = from->limit;
	s->selector = from->selector;
	s->ar = ar;
}

/*
 * Special registers
 */

/* The vector that user space or an exit in its delivery left, or -1. */
static int interrupt_waits(struct duet_vcpu *vcpu)
{
	if (vcpu->events.interrupt.injected && !vcpu->events.interrupt.soft)
		return vcpu->events.interrupt.vector;
	return duet_extint_waits(vcpu);
}

int duet_get_sregs(struct duet_vcpu *vcpu, struct kvm_sregs *sregs)
{
	const struct duet_state *s = &vcpu->state;
	int vector;

	duet_need(vcpu, DUET_ST_SEGS | DUET_ST_TABLES | DUET_ST_CR0 |
		  DUET_ST_CR2 | DUET_ST_CR3 | DUET_ST_CR4 | DUET_ST_EFER);
	memset(sregs, 0, sizeof(*sregs));
	get_segment(&s->seg[DUET_CS], &sregs->cs);
	get_segment(&s->seg[DUET_DS], &sregs->ds);
	get_segment(&s->seg[DUET_ES], &sregs->es);
	get_segment(&s->seg[DUET_FS], &sregs->fs);
	get_segment(&s->seg[DUET_GS], &sregs->gs);
	get_segment(&s->seg[DUET_SS], &sregs->ss);
	get_segment(&s->seg[DUET_TR], &sregs->tr);
	get_segment(&s->seg[DUET_LDTR], &sregs->ldt);
	sregs->gdt.base = s->gdt.base;
	sregs->gdt.limit = s->gdt.limit;
	sregs->idt.base = s->idt.base;
	sregs->idt.limit = s->idt.limit;
	sregs->cr0 = s->cr0;
	sregs->cr2 = s->cr2;
	sregs->cr3 = s->cr3;
	sregs->cr4 = s->cr4;
	sregs->cr8 = duet_get_cr8(vcpu);
	sregs->efer = s->efer;
	sregs->apic_base = vcpu->msrs.apic_base;
	vector = interrupt_waits(vcpu);
	if (vector >= 0)
		__set_bit(vector, (unsigned long *)sregs->interrupt_bitmap);
	return 0;
}

#define CR0_KNOWN	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | \
			 X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | \
			 X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

static bool valid_sregs(struct duet_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	u64 cr0 = sregs->cr0, efer = sregs->efer;

	if (cr0 >> 32)
		return false;
	if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))
		return false;
	if ((cr0 & X86_CR0_PG) && !(cr0 & X86_CR0_PE))
		return false;
	if (sregs->cr4 & (duet_host_cpu.cr4_reserved |
			  vcpu->cpuid.cr4_reserved))
		return false;
	/* By the host's CPU, not by CPUID: it may be set later. */
	if (efer & ~duet_host_cpu.efer_allowed)
		return false;

	/* SDM vol. 3, 9.8.5: LMA is LME and PG, and needs PAE */
	if ((efer & EFER_LME) && (cr0 & X86_CR0_PG))
		return (sregs->cr4 & X86_CR4_PAE) && (efer & EFER_LMA) &&
			!(sregs->cr3 & GENMASK_ULL(63, vcpu->cpuid.maxphyaddr));
	return !(efer & EFER_LMA) && !sregs->cs.l;
}

static void set_segments(struct duet_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct duet_state *s = &vcpu->state;

	set_segment(&s->seg[DUET_CS], &sregs->cs);
	set_segment(&s->seg[DUET_DS], &sregs->ds);
	set_segment(&s->seg[DUET_ES], &sregs->es);
	set_segment(&s->seg[DUET_FS], &sregs->fs);
	set_segment(&s->seg[DUET_GS], &sregs->gs);
	set_segment(&s->seg[DUET_SS], &sregs->ss);
	set_segment(&s->seg[DUET_TR], &sregs->tr);
	set_segment(&s->seg[DUET_LDTR], &sregs->ldt);
	s->gdt.base = sregs->gdt.base;
	s->gdt.limit = sregs->gdt.limit;
	s->idt.base = sregs->idt.base;
	s->idt.limit = sregs->idt.limit;
	duet_wrote(vcpu, DUET_ST_SEGS | DUET_ST_TABLES);
}

/*
 * PAE paging: the CPU would have loaded the PDPTEs with CR3. A table that is
 * not there yet gives none; the guest's next MOV to CR3 loads them.
 */
static void load_pdptes(struct duet_vcpu *vcpu)
{
	struct duet_state *s = &vcpu->state;
	int idx;

	if (!(s->cr0 & X86_CR0_PG) || !(s->cr4 & X86_CR4_PAE) ||
	    (s->efer & EFER_LMA))
		return;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	if (duet_read_guest(vcpu->vm, s->cr3 & GENMASK_ULL(31, 5), s->pdpte,
			    sizeof(s->pdpte)))
		memset(s->pdpte, 0, sizeof(s->pdpte));
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	duet_wrote(vcpu, DUET_ST_PDPTE);
}

static void set_control(struct duet_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	u64 cr0 = (sregs->cr0 & CR0_KNOWN) | X86_CR0_ET;
	struct duet_state *s = &vcpu->state;

	duet_need(vcpu, DUET_ST_CR0 | DUET_ST_CR3 | DUET_ST_CR4 |
		  DUET_ST_EFER);
	if (s->cr0 != cr0 || s->cr3 != sregs->cr3 || s->cr4 != sregs->cr4 ||
	    s->efer != sregs->efer)
		duet_request_self(vcpu, DUET_REQ_LOAD_ROOT | DUET_REQ_FLUSH);

	s->cr0 = cr0;
	s->cr2 = sregs->cr2;
	s->cr3 = sregs->cr3;
	s->cr4 = sregs->cr4;
	s->efer = sregs->efer;
	duet_wrote(vcpu, DUET_ST_CR0 | DUET_ST_CR2 | DUET_ST_CR3 |
		   DUET_ST_CR4 | DUET_ST_EFER);
	load_pdptes(vcpu);
}

/* VMMs of old set the registers at a reset, and not the MP state. */
static void unhalt_at_reset(struct duet_vcpu *vcpu)
{
	const struct duet_state *s = &vcpu->state;

	if (vcpu->id == vcpu->vm->bsp_id && duet_rip(vcpu) == 0xfff0 &&
	    s->seg[DUET_CS].selector == 0xf000 &&
	    s->seg[DUET_CS].base == 0xffff0000 && !(s->cr0 & X86_CR0_PE))
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
}

int duet_set_sregs(struct duet_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	const unsigned long *map = (const void *)sregs->interrupt_bitmap;
	unsigned long vector;

	if (!valid_sregs(vcpu, sregs) ||
	    duet_lapic_set_base(vcpu, sregs->apic_base, true))
		return -EINVAL;

	set_segments(vcpu, sregs);
	set_control(vcpu, sregs);
	duet_set_cr8(vcpu, sregs->cr8 & 0xf);
	duet_ops->set_tpr(vcpu, sregs->cr8 & 0xf, duet_irq_highest(vcpu));
	duet_cpuid_refresh(vcpu);
	unhalt_at_reset(vcpu);

	vector = find_first_bit(map, 256);
	if (vector < 256) {
		vcpu->events.interrupt.injected = true;
		vcpu->events.interrupt.soft = false;
		vcpu->events.interrupt.vector = vector;
		duet_extint_drop(vcpu);
	}
	duet_request_self(vcpu, DUET_REQ_EVENT);
	return 0;
}

/*
 * Debug registers
 */

int duet_get_debugregs(struct duet_vcpu *vcpu, struct kvm_debugregs *regs)
{
	duet_need(vcpu, DUET_ST_DR);
	memset(regs, 0, sizeof(*regs));
	BUILD_BUG_ON(sizeof(regs->db) != sizeof(vcpu->state.dr));
	memcpy(regs->db, vcpu->state.dr, sizeof(regs->db));
	regs->dr6 = vcpu->state.dr6;
	regs->dr7 = vcpu->state.dr7;
	return 0;
}

int duet_set_debugregs(struct duet_vcpu *vcpu,
		       const struct kvm_debugregs *regs)
{
	if (regs->flags || regs->dr6 >> 32 || regs->dr7 >> 32)
		return -EINVAL;

	memcpy(vcpu->state.dr, regs->db, sizeof(regs->db));
	vcpu->state.dr6 = regs->dr6;
	vcpu->state.dr7 = regs->dr7;
	duet_wrote(vcpu, DUET_ST_DR);
	duet_request_self(vcpu, DUET_REQ_UPDATE);
	return 0;
}

/*
 * Events
 */

/*
 * An exception's CR2 or DR6 has no place in struct kvm_vcpu_events unless
 * KVM_CAP_EXCEPTION_PAYLOAD is on, which is not offered: it takes effect when
 * the exception is reported.
 */
static void deliver_payload(struct duet_vcpu *vcpu)
{
	struct duet_events *e = &vcpu->events;

	if (!e->exception.pending || !e->exception.has_payload)
		return;
	e->exception.has_payload = false;
	if (e->exception.vector == X86_TRAP_PF) {
		vcpu->state.cr2 = e->exception.payload;
		duet_wrote(vcpu, DUET_ST_CR2);
	} else if (e->exception.vector == X86_TRAP_DB) {
		duet_need(vcpu, DUET_ST_DR);
		vcpu->state.dr6 &= ~(u64)DR_TRAP_BITS;
		vcpu->state.dr6 |= e->exception.payload;
		duet_wrote(vcpu, DUET_ST_DR);
	}
}

static u8 get_shadow(u32 shadow)
{
	return (shadow & DUET_SHADOW_STI ? KVM_X86_SHADOW_INT_STI : 0) |
		(shadow & DUET_SHADOW_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
}

int duet_get_vcpu_events(struct duet_vcpu *vcpu, struct kvm_vcpu_events *ev)
{
	const struct duet_events *e = &vcpu->events;
	int vector;

	deliver_payload(vcpu);
	duet_need(vcpu, DUET_ST_SHADOW);
	memset(ev, 0, sizeof(*ev));

	/* INT3 and INTO are executed again: their length has no place here. */
	if (e->exception.vector != X86_TRAP_BP &&
	    e->exception.vector != X86_TRAP_OF)
		ev->exception.injected = e->exception.injected ||
			e->exception.pending;
	ev->exception.nr = e->exception.vector;
	ev->exception.has_error_code = e->exception.has_error;
	ev->exception.error_code = e->exception.error_code;

	vector = interrupt_waits(vcpu);
	ev->interrupt.injected = vector >= 0;
	ev->interrupt.nr = vector >= 0 ? vector : e->interrupt.vector;
	ev->interrupt.shadow = get_shadow(vcpu->state.shadow);

	ev->nmi.injected = e->nmi_injected;
	ev->nmi.pending = atomic_read(&e->nmi_pending) != 0;
	ev->nmi.masked = !!(vcpu->state.shadow & DUET_SHADOW_NMI);

	ev->flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
		KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM;
	return 0;
}

/* The flags of capabilities that are not offered are refused. */
#define EVENT_FLAGS							\
	(KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR | \
	 KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM)

static bool valid_events(const struct kvm_vcpu_events *ev)
{
	if (ev->flags & ~EVENT_FLAGS)
		return false;
	if (ev->exception.injected &&
	    (ev->exception.nr > 31 || ev->exception.nr == X86_TRAP_NMI))
		return false;
	/* There is no system management mode. */
	return !(ev->flags & KVM_VCPUEVENT_VALID_SMM) ||
		!(ev->smi.smm || ev->smi.pending || ev->smi.latched_init);
}

static void set_shadow(struct duet_vcpu *vcpu,
		       const struct kvm_vcpu_events *ev)
{
	u32 shadow;

	duet_need(vcpu, DUET_ST_SHADOW);
	shadow = vcpu->state.shadow & ~DUET_SHADOW_NMI;
	if (ev->flags & KVM_VCPUEVENT_VALID_SHADOW) {
		shadow = 0;
		if (ev->interrupt.shadow & KVM_X86_SHADOW_INT_STI)
			shadow |= DUET_SHADOW_STI;
		if (ev->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS)
			shadow |= DUET_SHADOW_MOV_SS;
	}
	if (ev->nmi.masked)
		shadow |= DUET_SHADOW_NMI;
	vcpu->state.shadow = shadow;
	duet_wrote(vcpu, DUET_ST_SHADOW);
}

int duet_set_vcpu_events(struct duet_vcpu *vcpu,
			 const struct kvm_vcpu_events *ev)
{
	struct duet_events *e = &vcpu->events;

	if (!valid_events(ev))
		return -EINVAL;

	memset(&e->exception, 0, sizeof(e->exception));
	e->exception.injected = ev->exception.injected;
	e->exception.vector = ev->exception.nr;
	e->exception.has_error = ev->exception.has_error_code;
	e->exception.error_code = ev->exception.error_code;

	memset(&e->interrupt, 0, sizeof(e->interrupt));
	e->interrupt.injected = ev->interrupt.injected;
	e->interrupt.vector = ev->interrupt.nr;
	e->interrupt.soft = ev->interrupt.soft;
	duet_extint_drop(vcpu);

	e->nmi_injected = ev->nmi.injected;
	if (ev->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		atomic_set(&e->nmi_pending, min_t(int, ev->nmi.pending, 2));
	set_shadow(vcpu, ev);

	duet_request_self(vcpu, DUET_REQ_EVENT);
	return 0;
}

/*
 * MP state
 */

int duet_get_mp_state(struct duet_vcpu *vcpu, struct kvm_mp_state *state)
{
	/* INIT and SIPI that have arrived count already. */
	duet_lapic_accept_events(vcpu);
	state->mp_state = vcpu->mp_state;
	/* KVM_HC_KICK_CPU has no place of its own: the halt is over. */
	if (vcpu->mp_state == KVM_MP_STATE_HALTED && READ_ONCE(vcpu->pv_kicked))
		state->mp_state = KVM_MP_STATE_RUNNABLE;
	return 0;
}

int duet_set_mp_state(struct duet_vcpu *vcpu,
		      const struct kvm_mp_state *state)
{
	switch (state->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_HALTED:
	case KVM_MP_STATE_INIT_RECEIVED:
		/* Without the local APIC, user space does all of this. */
		if (!vcpu->lapic)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	vcpu->mp_state = state->mp_state;
	duet_request_self(vcpu, DUET_REQ_EVENT);
	return 0;
}

int duet_translate(struct duet_vcpu *vcpu, struct kvm_translation *tr)
{
	struct duet_walk walk = {};
	int idx, r;

	idx = srcu_read_lock(&vcpu->vm->srcu);
	r = duet_walk_guest(vcpu, tr->linear_address, 0, &walk);
	srcu_read_unlock(&vcpu->vm->srcu, idx);

	tr->physical_address = r ? ~0ULL : walk.gpa;
	tr->valid = !r;
	tr->writeable = 1;
	tr->usermode = 0;
	return 0;
}
