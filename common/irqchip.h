/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupt hardware in the kernel (common/irq/): PIC pair, IOAPIC, PIT,
 * local APICs and the routes between them. This is all that the rest of
 * Duet sees of it.
 */
#ifndef DUET_COMMON_IRQCHIP_H
#define DUET_COMMON_IRQCHIP_H

#include "common/types.h"

#define DUET_MAX_ROUTES		4096	/* KVM_CAP_IRQ_ROUTING: GSIs */

/* KVM_CAP_X2APIC_API: what KVM_ENABLE_CAP takes */
#define DUET_X2APIC_API	(KVM_X2APIC_API_USE_32BIT_IDS | \
			 KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)

struct kvm_ioeventfd;
struct kvm_irqchip;
struct kvm_irqfd;
struct kvm_lapic_state;
struct kvm_pit_config;
struct kvm_pit_state2;
struct kvm_irq_level;
struct kvm_irq_routing;
struct kvm_msi;
struct kvm_reinject_control;
struct duet_irqchip;	/* per VM, vm->irqchip */
struct duet_lapic;	/* per vCPU, vcpu->lapic; NULL without irqchip */

/*
 * VM ioctls. Context: vm->lock held where state is created or replaced;
 * may sleep.
 */
/**
 * duet_irqchip_create() - PIC pair, IOAPIC and default routes
 * Context: vm->lock and vm->slots_lock held.
 * Return: 0, -EEXIST, -EINVAL (there are vCPUs), -ENOMEM, -ENOSPC.
 */
int duet_irqchip_create(struct duet_vm *vm);
/**
 * duet_irqchip_create_split() - KVM_CAP_SPLIT_IRQCHIP: local APICs, routes and
 * irqfds; PIC pair, IOAPIC and PIT are user space's
 * @reserved: the GSIs below it are the pins of that IOAPIC
 * Context: vm->lock held.
 * Return: 0, -EEXIST (there are chips or vCPUs), -EINVAL (@reserved), -ENOMEM.
 */
int duet_irqchip_create_split(struct duet_vm *vm, u64 reserved);
/** duet_irqchip_get() / duet_irqchip_set() - one chip; -ENXIO, -EINVAL */
int duet_irqchip_get(struct duet_vm *vm, struct kvm_irqchip *chip);
int duet_irqchip_set(struct duet_vm *vm, const struct kvm_irqchip *chip);
/**
 * duet_pit_create() - Context: vm->lock and vm->slots_lock held.
 * Return: 0, -ENOENT (no irqchip), -EEXIST, -EINVAL (flags), -ENOMEM, -ENOSPC.
 */
int duet_pit_create(struct duet_vm *vm, const struct kvm_pit_config *config);
/* -ENXIO without a PIT */
int duet_pit_get(struct duet_vm *vm, struct kvm_pit_state2 *ps);
int duet_pit_set(struct duet_vm *vm, const struct kvm_pit_state2 *ps);
int duet_reinject_control(struct duet_vm *vm,
			  const struct kvm_reinject_control *rc);
/**
 * duet_irq_line() - KVM_IRQ_LINE(_STATUS): user space drives a GSI
 * @status: may be NULL; how many took it, 0 coalesced, -1 masked. Asking for
 *	it also asks for the RTC's ticks to be reported as coalesced until
 *	their EOI.
 * Context: no lock needed. Return: 0, -ENXIO.
 */
int duet_irq_line(struct duet_vm *vm, u32 gsi, int level, int *status);
/** duet_set_gsi_routing() - Context: vm->lock held. -EINVAL, -EFAULT, -ENOMEM */
int duet_set_gsi_routing(struct duet_vm *vm,
			 struct kvm_irq_routing __user *routing);
/** duet_signal_msi() - how many vCPUs took it; -ENXIO, -EINVAL (flags) */
int duet_signal_msi(struct duet_vm *vm, const struct kvm_msi *msi);
/**
 * duet_irqfd() - KVM_IRQFD, with resample
 * Context: no lock held. Return: 0, -EAGAIN (no irqchip), -EINVAL, -EBADF,
 * -EBUSY (the eventfd has an irqfd), -ENOSPC (too many that resample), -ENOMEM.
 */
int duet_irqfd(struct duet_vm *vm, const struct kvm_irqfd *args);
/** duet_irqfd_release() - detach all; the VM's file is being closed */
void duet_irqfd_release(struct duet_vm *vm);
/**
 * duet_ioeventfd() - KVM_IOEVENTFD; the bus releases what is left
 * Context: vm->slots_lock held. Return: 0, -EINVAL, -EBADF, -EEXIST, -ENOENT,
 * -ENOMEM, -ENOSPC.
 */
int duet_ioeventfd(struct duet_vm *vm, const struct kvm_ioeventfd *args);
/**
 * duet_irqchip_destroy() - stops the PIT, takes the chips off the buses and
 * frees them with the routes
 *
 * No vCPU runs any more; before duet_bus_destroy(). Local APICs are freed
 * with their vCPUs, before or after.
 * Context: no lock held, may sleep.
 */
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
/**
 * duet_lapic_mmio_waits() - is this access not for the backend's loop?
 *
 * An IPI to many has to visit all vCPUs: not with interrupts off. A register
 * that is read while the local APIC is lent is not what it will be, and an EOI
 * that is written while a PV EOI is due is not that interrupt's.
 */
bool duet_lapic_mmio_waits(struct duet_vcpu *vcpu, gpa_t gpa, u32 value,
			   bool write);
/**
 * duet_lapic_mmio() - an access to the page at IA32_APIC_BASE
 *
 * Ask before the MMIO bus: every vCPU has its own page.
 * Context: vCPU thread; takes raw locks only, interrupts may be off.
 * Return: true if the access was to that page, and is done.
 */
bool duet_lapic_mmio(struct duet_vcpu *vcpu, gpa_t gpa, int len, void *data,
		     bool write);
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
/*
 * With a split irqchip KVM_INTERRUPT is the INTR line of user space's PIC: the
 * vector waits until LVT0 and RFLAGS.IF let it in.
 */
/** duet_extint_post() - 0, -ENXIO: the PIC is the kernel's, -EEXIST: one waits */
int duet_extint_post(struct duet_vcpu *vcpu, u8 vector);
/** duet_extint_room() - could an interrupt be posted, and would it be taken? */
bool duet_extint_room(struct duet_vcpu *vcpu);
/** duet_extint_waits() - the vector, or -1 */
int duet_extint_waits(struct duet_vcpu *vcpu);
/** duet_extint_drop() - user space takes it back */
void duet_extint_drop(struct duet_vcpu *vcpu);
/**
 * duet_lapic_exit() - an EOI or an access to the TPR is user space's to know:
 * fill vcpu->run and clear the request; true if so
 */
bool duet_lapic_exit(struct duet_vcpu *vcpu);

/**
 * duet_lapic_sync_tpr() - CR8 may have changed in the guest without an exit
 *
 * A backend whose CPU lets the guest write CR8 (V_TPR, TPR shadow) calls it
 * after each exit that finds another one than ops->set_tpr() was told, before
 * anything looks at the local APIC. Context: vCPU thread, interrupts off.
 */
void duet_lapic_sync_tpr(struct duet_vcpu *vcpu, u8 cr8);

/**
 * duet_lapic_pv_ipi() - KVM_HC_SEND_IPI
 * @low, @high: to which APIC ids, counted from @first; 64 bits each if @wide,
 *	else 32
 * @icr: vector and delivery mode
 * Context: vCPU thread with a local APIC; interrupts may be off.
 * Return: how many took it; -KVM_EINVAL.
 */
long duet_lapic_pv_ipi(struct duet_vcpu *vcpu, u64 low, u64 high, u32 first,
		       u32 icr, bool wide);

/**
 * duet_lapic_lend() - the guest may change its local APIC without an exit
 *
 * An interrupt is ended (PV EOI), or the TPR written (KVM_CAP_VAPIC), in the guest's
 * memory. Context: vCPU thread, right before an entry; interrupts may be off.
 */
void duet_lapic_lend(struct duet_vcpu *vcpu);
/**
 * duet_lapic_take_back() - vcpu->lapic_lent: what has it changed?
 * Context: vCPU thread, after the backend's loop, before anything looks at the
 * local APIC; may sleep.
 */
void duet_lapic_take_back(struct duet_vcpu *vcpu);
/**
 * duet_vapic_set() - KVM_SET_VAPIC_ADDR: where the guest has its TPR, 0 for
 * nowhere; EINVAL. Off after a reset of the vCPU. Context: vcpu->mutex.
 */
int duet_vapic_set(struct duet_vcpu *vcpu, gpa_t gpa);
/** duet_pv_eoi_enable() - MSR_KVM_PV_EOI_EN: 0 or 1 (#GP); may sleep */
int duet_pv_eoi_enable(struct duet_vcpu *vcpu, u64 value);

/** duet_lapic_accept_events() - INIT, SIPI into MP state; thread, loaded */
void duet_lapic_accept_events(struct duet_vcpu *vcpu);
/** duet_lapic_has_events() - INIT or SIPI waits; any context */
bool duet_lapic_has_events(struct duet_vcpu *vcpu);
/**
 * duet_lapic_timer_sync() - aim at the TSC deadline again
 *
 * After the guest's TSC was changed (DUET_REQ_TIMER); a timer that fires puts
 * its vector into the IRR by itself. Context: vCPU thread.
 */
void duet_lapic_timer_sync(struct duet_vcpu *vcpu);

#endif /* DUET_COMMON_IRQCHIP_H */
