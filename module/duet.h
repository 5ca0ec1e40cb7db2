/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of module/ share: the face that Duet shows to user space and
 * to the kernel. Nothing in common/ includes this.
 */
#ifndef DUET_MODULE_DUET_H
#define DUET_MODULE_DUET_H

#include <linux/fs.h>
#include "common/vcpu.h"

struct device;

/* hardware.c: virtualization on and off, per CPU */

/** duet_hardware_init() - hooks for CPU hotplug and suspend; 0 or errno */
int duet_hardware_init(void);
void duet_hardware_exit(void);
/**
 * duet_hardware_get() - one VM more: the first one switches all CPUs on
 * Return: 0, -EBUSY if somebody else uses the hardware, -EIO.
 */
int duet_hardware_get(void);
/** duet_hardware_put() - one VM less: the last one switches all CPUs off */
void duet_hardware_put(void);

/** duet_hardware_list() / duet_hardware_unlist() - VMs whose clocks suspend
 * re-bases; between duet_hardware_get() and _put()
 */
void duet_hardware_list(struct duet_vm *vm);
void duet_hardware_unlist(struct duet_vm *vm);

/** duet_hardware_watch() - hear of the machine's sleep as @node does */
void duet_hardware_watch(struct device *node);

DECLARE_PER_CPU(bool, duet_cpu_is_on);

/* dev.c */
extern const struct file_operations duet_dev_fops;
/** duet_check_extension() - KVM_CHECK_EXTENSION; @vm NULL on /dev/duet */
int duet_check_extension(struct duet_vm *vm, long cap);

/* vm.c */
int duet_vm_create_fd(unsigned long type);
void duet_vm_get(struct duet_vm *vm);
void duet_vm_put(struct duet_vm *vm);

/* vcpu.c */
int duet_vcpu_create_fd(struct duet_vm *vm, u32 id);
/** duet_vcpu_free() - the VM is going: no fd is left */
void duet_vcpu_free(struct duet_vcpu *vcpu);

/* load.c; duet_vcpu_load() and duet_vcpu_put() are in common/vcpu.h */
/** duet_init_load() - before the first duet_vcpu_load() */
void duet_init_load(struct duet_vcpu *vcpu);

/* run.c */
/** duet_vcpu_run() - KVM_RUN; vCPU mutex held, loaded */
int duet_vcpu_run(struct duet_vcpu *vcpu);

/* halt.c */
/** duet_ends_hlt() - is there what ends HLT, and is it halted? */
bool duet_ends_hlt(struct duet_vcpu *vcpu);
/**
 * duet_wait() - until something is to be done for a vCPU that does not run
 *
 * Looks around for a while if that paid the last times and no other task wants
 * the CPU, then sleeps. A signal ends it. Context: vCPU's thread, loaded.
 */
void duet_wait(struct duet_vcpu *vcpu);

/* stats.c */
int duet_vcpu_stats_fd(struct duet_vcpu *vcpu);
int duet_vm_stats_fd(struct duet_vm *vm);

/* A page of struct kvm_run, then one of port data. */
#define DUET_VCPU_MMAP_PAGES	2

#endif /* DUET_MODULE_DUET_H */
