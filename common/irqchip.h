/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupt hardware in the kernel (common/irq/): PIC pair, IOAPIC, PIT,
 * local APICs and the routes between them. This is all that the rest of
 * Duet sees of it.
 */
#ifndef DUET_COMMON_IRQCHIP_H
#define DUET_COMMON_IRQCHIP_H

#include "common/types.h"

struct kvm_irqchip;
struct kvm_lapic_state;
struct kvm_pit_config;
struct kvm_pit_state2;
struct kvm_irq_level;
struct kvm_irq_routing;
struct kvm_msi;
struct duet_irqchip;	/* per VM, vm->irqchip */
struct duet_lapic;	/* per vCPU, vcpu->lapic; NULL without irqchip */

/* VM ioctls. Context: the lock the ioctl table names; may sleep. */
int duet_irqchip_create(struct duet_vm *vm);	/* EEXIST, EINVAL with vCPUs */
int duet_irqchip_get(struct duet_vm *vm, struct kvm_irqchip *chip);
int duet_irqchip_set(struct duet_vm *vm, const struct kvm_irqchip *chip);
int duet_pit_create(struct duet_vm *vm, const struct kvm_pit_config *config);
int duet_pit_get(struct duet_vm *vm, struct kvm_pit_state2 *ps);
int duet_pit_set(struct duet_vm *vm, const struct kvm_pit_state2 *ps);
/* KVM_IRQ_LINE(_STATUS): *status 1 delivered, 0 coalesced, -1 masked */
int duet_irq_line(struct duet_vm *vm, u32 gsi, int level, int *status);
int duet_set_gsi_routing(struct duet_vm *vm,
			 struct kvm_irq_routing __user *routing);
int duet_signal_msi(struct duet_vm *vm, const struct kvm_msi *msi);
/* stops timers; no vCPU runs any more. Also frees the routes. */
void duet_irqchip_destroy(struct duet_vm *vm);

/* vCPU side. */
int duet_lapic_create(struct duet_vcpu *vcpu);
void duet_lapic_destroy(struct duet_vcpu *vcpu);
void duet_lapic_reset(struct duet_vcpu *vcpu, bool init);
int duet_lapic_get(struct duet_vcpu *vcpu, struct kvm_lapic_state *s);
int duet_lapic_set(struct duet_vcpu *vcpu, const struct kvm_lapic_state *s);
/* MSR 0x1b: 0 or 1 (#GP) */
int duet_lapic_set_base(struct duet_vcpu *vcpu, u64 value, bool host);
/* x2APIC MSRs 0x800..0x8ff, IA32_TSC_DEADLINE (0x6e0): 0 or 1 (#GP) */
int duet_lapic_msr_read(struct duet_vcpu *vcpu, u32 index, u64 *value);
int duet_lapic_msr_write(struct duet_vcpu *vcpu, u32 index, u64 value);
/* the subset that can be done with interrupts off (EOI, ICR self, TPR...) */
bool duet_lapic_msr_write_fast(struct duet_vcpu *vcpu, u32 index, u64 value);

/* CR8 as the guest sees it, without and with a lapic; TPR >> 4 */
u8 duet_get_cr8(struct duet_vcpu *vcpu);
int duet_set_cr8(struct duet_vcpu *vcpu, u64 cr8);	/* 0 or 1 (#GP) */

/**
 * duet_irq_pending() - is there an interrupt the CPU would take if it could?
 *
 * PIC (through LVT0 or without a lapic) and local APIC, PPR honoured.
 * Return: true if duet_irq_ack() would give a vector. Any context.
 */
bool duet_irq_pending(struct duet_vcpu *vcpu);
/** duet_irq_ack() - the INTA cycle: vector, or -1; the vCPU's thread only */
int duet_irq_ack(struct duet_vcpu *vcpu);
/** duet_irq_highest() - highest vector in the lapic's IRR, -1; for set_tpr */
int duet_irq_highest(struct duet_vcpu *vcpu);
/** duet_lapic_sync_tpr() - CR8 changed in the guest without an exit */
void duet_lapic_sync_tpr(struct duet_vcpu *vcpu, u8 cr8);

/** duet_lapic_accept_events() - pending INIT and SIPI into MP state
 * Return: true if the MP state changed. vCPU thread, loaded.
 */
bool duet_lapic_accept_events(struct duet_vcpu *vcpu);
/** duet_lapic_has_events() - INIT, SIPI, or a fired timer waits */
bool duet_lapic_has_events(struct duet_vcpu *vcpu);
/** duet_lapic_timer_sync() - DUET_REQ_TIMER: put the fired timer into IRR */
void duet_lapic_timer_sync(struct duet_vcpu *vcpu);
/** duet_lapic_set_id_from_vcpu() ... CPUID or id changes need no call */

#endif /* DUET_COMMON_IRQCHIP_H */
