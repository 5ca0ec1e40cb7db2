/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A vCPU: its fd, its thread, its exits. Used by run.c and the boot code.
 */
#ifndef DUET_VCPU_H
#define DUET_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

struct vm;

/**
 * struct vcpu - one virtual CPU
 * @vm: its VM
 * @id: number and APIC id
 * @fd: from KVM_CREATE_VCPU, -1 when closed
 * @run: the mapping shared with the kernel
 * @thread: runs vcpu_loop(); valid if @started
 * @started: the thread exists and was not joined
 */
struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
};

/**
 * vcpu_create() - create a vCPU with its CPUID table
 * @vcpu: to be filled
 * @vm: created
 * @id: number and APIC id
 *
 * Return: 0 or a negative errno with a message.
 */
int vcpu_create(struct vcpu *vcpu, struct vm *vm, unsigned int id);

/** vcpu_start() - start the vCPU's thread; a negative errno with a message */
int vcpu_start(struct vcpu *vcpu);

/** vcpu_kick() - make KVM_RUN return soon; any thread */
void vcpu_kick(struct vcpu *vcpu);

/**
 * vcpu_join() - wait for the vCPU's thread, kicking it
 * @vcpu: of a VM that has ended
 *
 * Return: 0, or -ETIMEDOUT with a message if KVM_RUN does not come back.
 */
int vcpu_join(struct vcpu *vcpu);

/** vcpu_exit() - close the vCPU; its thread must not run */
void vcpu_exit(struct vcpu *vcpu);

/** vcpu_setup_kick() - install the signal handler behind vcpu_kick() */
void vcpu_setup_kick(void);

/** vcpu_set_cpuid() - give the vCPU the CPUID table the device supports */
int vcpu_set_cpuid(struct vcpu *vcpu);

/**
 * vcpu_patch_cpuid() - make a table of supported CPUID right for one vCPU
 * @table: as KVM_GET_SUPPORTED_CPUID returned it
 * @id: APIC id
 * @nr_vcpus: number of vCPUs, each a core of one package
 * @deadline: the local APIC has TSC-deadline mode
 */
void vcpu_patch_cpuid(struct kvm_cpuid2 *table, unsigned int id,
		      unsigned int nr_vcpus, bool deadline);

/** vcpu_dump() - print registers and the bytes at RIP */
void vcpu_dump(struct vcpu *vcpu, FILE *out);

/** vcpu_dump_exit() - print what a failed entry or internal error says */
void vcpu_dump_exit(const struct vcpu *vcpu, FILE *out);

#endif
