/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Port and memory accesses that leave for user space: KVM_EXIT_IO and
 * KVM_EXIT_MMIO, and their completion. Called by exits.c and emulator.c.
 */
#ifndef DUET_COMMON_IO_H
#define DUET_COMMON_IO_H

#include "common/types.h"

#define DUET_PIO_BUF	PAGE_SIZE	/* vcpu->pio_data */

/**
 * duet_exit_pio() - prepare KVM_EXIT_IO
 * @count: elements; OUT data is in vcpu->pio_data already
 */
void duet_exit_pio(struct duet_vcpu *vcpu, bool in, u16 port, u8 size,
		   u32 count);

/** duet_handle_io() - DUET_EXIT_IO */
int duet_handle_io(struct duet_vcpu *vcpu);

/**
 * duet_kernel_pio() - the port access in vcpu->exit, by a device in the kernel
 * Context: srcu held; any.
 * Return: false if there is none.
 */
bool duet_kernel_pio(struct duet_vcpu *vcpu);

/** duet_user_pio() - the same access as KVM_EXIT_IO; any context */
void duet_user_pio(struct duet_vcpu *vcpu);

/** duet_exit_mmio() - prepare KVM_EXIT_MMIO; @data NULL for a read */
void duet_exit_mmio(struct duet_vcpu *vcpu, gpa_t gpa, u32 len,
		    const void *data);

/** duet_mmio() - a device in the kernel: 0, or -EOPNOTSUPP for user space */
int duet_mmio(struct duet_vcpu *vcpu, gpa_t gpa, u32 len, void *data,
	      bool write);

/**
 * duet_load_gpr() - what an access of @size bytes read, into register @nr
 *
 * Not for RSP, which is not always in vcpu->state.
 */
void duet_load_gpr(struct duet_vcpu *vcpu, u8 nr, u64 value, u8 size);

/** duet_complete_insn() - past an instruction that user space completed */
int duet_complete_insn(struct duet_vcpu *vcpu);

/**
 * duet_fast_mmio() - a MOV between a register and a device, in 64-bit mode
 *
 * For the exit in vcpu->exit, a page fault. Done by a device in the kernel, or
 * made a KVM_EXIT_MMIO (vcpu->outcome).
 * Context: srcu not held; interrupts may be off.
 * Return: true if the guest can go on; false: to user space, if vcpu->outcome
 * says so, or nothing has happened.
 */
bool duet_fast_mmio(struct duet_vcpu *vcpu);

#endif /* DUET_COMMON_IO_H */
