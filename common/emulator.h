/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The glue between the instruction emulator (common/emulate/) and a vCPU:
 * registers, memory, devices, exceptions. Called by the exit handlers.
 */
#ifndef DUET_COMMON_EMULATOR_H
#define DUET_COMMON_EMULATOR_H

#include "common/types.h"

/** duet_emulator_create() - vcpu->emulator; 0 or -ENOMEM; may sleep */
int duet_emulator_create(struct duet_vcpu *vcpu);
void duet_emulator_destroy(struct duet_vcpu *vcpu);

/**
 * duet_emulate() - emulate the instruction at the guest's RIP
 * @gpa: guest-physical address that the CPU reported for its operand, or
 *	INVALID_GPA
 *
 * Context: vCPU thread, loaded, srcu held; may sleep.
 * Return: duet_handle_exit()'s convention.
 */
int duet_emulate(struct duet_vcpu *vcpu, gpa_t gpa);

/**
 * duet_emulate_io() - INS or OUTS, whose operands only the emulator can find
 * Return: as duet_emulate().
 */
int duet_emulate_io(struct duet_vcpu *vcpu);

/**
 * duet_insn_length() - length of the instruction at the guest's RIP
 *
 * Return: 1 with *len; 1 with *len 0 if the fetch faulted and the exception
 * is queued; 0 or errno as duet_handle_exit().
 */
int duet_insn_length(struct duet_vcpu *vcpu, u8 *len);

/** duet_single_step() - the instruction completed with TF set */
void duet_single_step(struct duet_vcpu *vcpu);

#endif /* DUET_COMMON_EMULATOR_H */
