/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual machine seen from user space: file descriptors of the KVM API,
 * guest memory, buses, and how it ended. Used by run.c, vcpu.c and devices.
 */
#ifndef DUET_VM_H
#define DUET_VM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus.h"
#include "guest_mem.h"

/* How a run ended. The numbers are the launcher's exit status: see --help. */
enum vm_outcome {
	VM_POWER_OFF	= 0,
	VM_ERROR	= 1,
	VM_RESET	= 10,
	VM_TRIPLE_FAULT	= 11,
	VM_TIMEOUT	= 12,
	VM_QUIT		= 13,
	VM_CRASH	= 14,
	VM_SIGNAL	= 128,	/* plus the signal's number */
};

#define VM_RUNNING	(-1)

struct run_opts;
struct vcpu;

/**
 * struct vm - one virtual machine
 * @opts: what the user asked for; constant
 * @sys_fd: the device node; @vm_fd: the VM; -1 when closed
 * @vcpu_map_size: bytes of struct kvm_run and what follows it
 * @mem: guest memory
 * @pio: ports; @mmio: memory-mapped registers; constant while vCPUs run
 * @nr_vcpus: elements of @vcpus
 * @vcpus: the vCPUs
 * @outcome: VM_RUNNING, or an enum vm_outcome; set once, by vm_end()
 * @end_fd: eventfd that becomes readable with @outcome
 */
struct vm {
	const struct run_opts *opts;
	int sys_fd;
	int vm_fd;
	int vcpu_map_size;
	struct guest_mem mem;
	struct bus pio;
	struct bus mmio;
	unsigned int nr_vcpus;
	struct vcpu *vcpus;
	atomic_int outcome;
	int end_fd;
};

/**
 * vm_init() - prepare an empty VM; no device is opened
 * @vm: to be filled
 * @opts: has to outlive @vm
 *
 * Return: 0 or a negative errno with a message.
 */
int vm_init(struct vm *vm, const struct run_opts *opts);

/**
 * vm_open() - open the device node and check that it can do what is needed
 * @vm: initialised
 *
 * Return: 0 or a negative errno with a message that says what to do.
 */
int vm_open(struct vm *vm);

/**
 * vm_create() - create the VM, its memory slots and interrupt hardware
 * @vm: opened, with guest memory
 *
 * Return: 0 or a negative errno with a message that says what to do.
 */
int vm_create(struct vm *vm);

/** vm_exit() - close and unmap everything; harmless after a failed init */
void vm_exit(struct vm *vm);

/** vm_cap() - the value of a capability, 0 if it is absent */
int vm_cap(const struct vm *vm, unsigned int cap);

/**
 * vm_irq_line() - set the level of an interrupt line
 * @vm: with the interrupt hardware in the kernel; without, nothing happens
 * @gsi: global system interrupt
 * @level: asserted or not
 *
 * Any thread. Devices call it with their own lock held.
 */
void vm_irq_line(struct vm *vm, unsigned int gsi, bool level);

/**
 * vm_end() - end the run; the first caller's outcome counts
 * @vm: running
 * @outcome: an enum vm_outcome
 *
 * Any thread; does not wait. The main thread stops the vCPUs.
 */
void vm_end(struct vm *vm, int outcome);

/** vm_ended() - whether vm_end() was called */
static inline bool vm_ended(const struct vm *vm)
{
	return atomic_load_explicit(&vm->outcome, memory_order_acquire) !=
	       VM_RUNNING;
}

#endif
