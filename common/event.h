/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events on their way into the guest: exceptions, NMIs, interrupts. Priority
 * and double faults are decided here (common/event.c); a backend only encodes
 * one event for the CPU (EVENTINJ, VM-entry interruption information).
 */
#ifndef DUET_COMMON_EVENT_H
#define DUET_COMMON_EVENT_H

#include "common/types.h"

enum duet_event_type {
	DUET_EVENT_INTR,	/* external interrupt */
	DUET_EVENT_NMI,
	DUET_EVENT_EXCEPTION,	/* hardware exception */
	DUET_EVENT_SOFT_INTR,	/* INT n: needs insn_len on VMX */
	DUET_EVENT_SOFT_EXCEPTION, /* INT3, INTO */
};

/** struct duet_event - one event in the form a CPU injects it */
struct duet_event {
	u8 type;		/* enum duet_event_type */
	u8 vector;
	bool has_error;
	u8 insn_len;		/* of the software interrupt or exception */
	u32 error_code;
};

/**
 * struct duet_events - pending and injected events of a vCPU
 *
 * "Pending" has had no effect yet, "injected" was handed to the CPU or was
 * interrupted in delivery and must be delivered before anything else.
 * Written by the vCPU's own thread (nmi_pending: atomically by anyone).
 */
struct duet_events {
	struct {
		bool pending, injected, has_error, has_payload, soft;
		u8 vector, insn_len;
		u32 error_code;
		u64 payload;	/* CR2 of #PF, DR6 bits of #DB; not yet there */
	} exception;
	struct {
		bool injected, soft;
		bool waiting;	/* injected, but an exception went first */
		u8 vector, insn_len;
	} interrupt;
	bool nmi_injected;
	u8 in_flight;	/* what ops->inject() was given: enum + 1, or 0 */
	bool triple_fault;
	atomic_t nmi_pending;	/* at most 2 (SDM vol. 3, 6.7.1) */
};

/**
 * duet_queue_exception() - raise an exception in the guest
 *
 * Combines with one that is already there into #DF or a triple fault
 * (SDM vol. 3, 6.15). For #PF @payload is CR2, for #DB the DR6 bits.
 * Context: vCPU thread, any; interrupts may be off.
 */
void duet_queue_exception(struct duet_vcpu *vcpu, u8 vector);
void duet_queue_exception_e(struct duet_vcpu *vcpu, u8 vector, u32 error_code);
void duet_queue_page_fault(struct duet_vcpu *vcpu, u64 cr2, u32 error_code);
void duet_queue_debug(struct duet_vcpu *vcpu, u64 dr6_bits);

/**
 * duet_event_reinject() - delivery of an event was interrupted by an exit
 * @ev: what EXITINTINFO or the IDT-vectoring information field says; NULL if
 *	the injected event, if any, was delivered
 *
 * A backend calls this once per exit, before anything else looks at the
 * events.
 */
void duet_event_reinject(struct duet_vcpu *vcpu, const struct duet_event *ev);

/**
 * duet_event_withdraw() - the entry that was to deliver an event failed
 *
 * It is handed over again at the next entry, if user space has not taken it
 * back by KVM_SET_VCPU_EVENTS.
 * Context: vCPU thread, loaded.
 */
void duet_event_withdraw(struct duet_vcpu *vcpu);

/**
 * duet_inject_events() - choose what to inject before an entry
 *
 * Calls ops->inject() for at most one event and opens the interrupt or NMI
 * window where something else waits.
 * Context: vCPU thread, vCPU loaded, preemption may be on.
 */
void duet_inject_events(struct duet_vcpu *vcpu);

/**
 * duet_event_waits() - does anything but a new interrupt end a halt?
 *
 * An NMI that is not blocked, HLT's own single-step trap, or what user space
 * restored in the middle of its delivery. Context: vCPU thread, loaded.
 */
bool duet_event_waits(struct duet_vcpu *vcpu);

/** duet_interrupt_allowed() - RFLAGS.IF set and no shadow, nothing injected */
bool duet_interrupt_allowed(struct duet_vcpu *vcpu);

#endif /* DUET_COMMON_EVENT_H */
