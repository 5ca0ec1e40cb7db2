// SPDX-License-Identifier: GPL-2.0
/*
 * The vCPU thread: KVM_RUN and its exits. Calls the buses and vm_end(); called
 * by run.c.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "err.h"
#include "vcpu.h"
#include "vm.h"

#define KICK_SIGNAL	SIGUSR1

/* IA32_MTRR_DEF_TYPE (SDM vol. 3, 12.11.2.1): enabled, default write-back */
#define MSR_MTRR_DEF_TYPE	0x2ff
#define MTRR_ENABLED_WB		((1ULL << 11) | 6)

static void on_kick(int sig)
{
	/* Its arrival is its meaning: KVM_RUN returns EINTR. */
	(void)sig;
}

void vcpu_setup_kick(void)
{
	struct sigaction sa = { .sa_handler = on_kick };

	sigaction(KICK_SIGNAL, &sa, NULL);
}

void vcpu_kick(struct vcpu *vcpu)
{
	if (!vcpu->started)
		return;
	/*
	 * The flag catches a vCPU that is on its way into KVM_RUN, the signal
	 * one that is in there: the flag has to be first.
	 */
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

/*
 * What firmware leaves behind in the MTRRs. With MTRRs off all memory counts
 * as uncached, and Linux gives up PAT and large pages.
 */
static int set_mtrr(struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[1];
	} msrs = {
		.head.nmsrs = 1,
		.entry[0] = {
			.index = MSR_MTRR_DEF_TYPE,
			.data = MTRR_ENABLED_WB,
		},
	};
	int n = ioctl(vcpu->fd, KVM_SET_MSRS, &msrs);

	if (n < 0)
		return err_set(errno, "vCPU %u: KVM_SET_MSRS: %s", vcpu->id,
			       strerror(errno));
	if (n != 1)
		return err_set(EOPNOTSUPP,
			       "vCPU %u: MTRR_DEF_TYPE cannot be set",
			       vcpu->id);
	return 0;
}

int vcpu_create(struct vcpu *vcpu, struct vm *vm, unsigned int id)
{
	int ret;

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->run = NULL;
	vcpu->started = false;
	vcpu->fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->fd < 0)
		return err_set(errno, "vCPU %u: cannot be created: %s", id,
			       strerror(errno));

	vcpu->run = mmap(NULL, vm->vcpu_map_size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		return err_set(errno, "vCPU %u: cannot map its state: %s", id,
			       strerror(errno));
	}
	ret = vcpu_set_cpuid(vcpu);
	if (!ret && !vm->opts->raw)
		ret = set_mtrr(vcpu);
	return ret;
}

void vcpu_exit(struct vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->vcpu_map_size);
	vcpu->run = NULL;
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	vcpu->fd = -1;
}

static void end_with_dump(struct vcpu *vcpu, int outcome)
{
	vcpu_dump_exit(vcpu, stderr);
	vcpu_dump(vcpu, stderr);
	vm_end(vcpu->vm, outcome);
}

static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	const struct bus *pio = &vcpu->vm->pio;
	unsigned int size = run->io.size;
	uint64_t map_size = vcpu->vm->vcpu_map_size;
	uint64_t len = (uint64_t)size * run->io.count;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t i;

	if ((size != 1 && size != 2 && size != 4) ||
	    run->io.data_offset > map_size ||
	    len > map_size - run->io.data_offset) {
		warn_msg("vCPU %u: I/O exit describes impossible data",
			 vcpu->id);
		end_with_dump(vcpu, VM_ERROR);
		return;
	}
	/* INS and OUTS: the same port for each element. */
	for (i = 0; i < run->io.count; i++, data += size) {
		if (run->io.direction == KVM_EXIT_IO_IN)
			bus_read(pio, run->io.port, data, size);
		else
			bus_write(pio, run->io.port, data, size);
	}
}

static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned int len = run->mmio.len;

	if (!len || len > sizeof(run->mmio.data)) {
		warn_msg("vCPU %u: MMIO exit of %u bytes", vcpu->id, len);
		end_with_dump(vcpu, VM_ERROR);
		return;
	}
	if (run->mmio.is_write)
		bus_write(&vcpu->vm->mmio, run->mmio.phys_addr,
			  run->mmio.data, len);
	else
		bus_read(&vcpu->vm->mmio, run->mmio.phys_addr,
			 run->mmio.data, len);
}

static void handle_system_event(struct vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_end(vcpu->vm, VM_POWER_OFF);
		return;
	case KVM_SYSTEM_EVENT_RESET:
		vm_end(vcpu->vm, VM_RESET);
		return;
	case KVM_SYSTEM_EVENT_CRASH:
		warn_msg("the guest reported a crash");
		vm_end(vcpu->vm, VM_CRASH);
		return;
	}
	warn_msg("unknown system event %u", vcpu->run->system_event.type);
	end_with_dump(vcpu, VM_ERROR);
}

static void handle_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		handle_io(vcpu);
		return;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		return;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return;
	case KVM_EXIT_HLT:
		/* No interrupt hardware: nothing would ever wake it. */
		vm_end(vcpu->vm, VM_POWER_OFF);
		return;
	case KVM_EXIT_SHUTDOWN:
		warn_msg("vCPU %u: triple fault", vcpu->id);
		vcpu_dump(vcpu, stderr);
		vm_end(vcpu->vm, VM_TRIPLE_FAULT);
		return;
	case KVM_EXIT_SYSTEM_EVENT:
		handle_system_event(vcpu);
		return;
	}
	/* FAIL_ENTRY, INTERNAL_ERROR and what this launcher does not know. */
	warn_msg("vCPU %u: cannot go on", vcpu->id);
	end_with_dump(vcpu, VM_ERROR);
}

static void *vcpu_loop(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;

	while (!vm_ended(vm)) {
		if (ioctl(vcpu->fd, KVM_RUN, 0UL) >= 0) {
			handle_exit(vcpu);
		} else if (errno != EINTR && errno != EAGAIN) {
			warn_msg("vCPU %u: KVM_RUN: %s", vcpu->id,
				 strerror(errno));
			end_with_dump(vcpu, VM_ERROR);
		}
	}
	return NULL;
}

int vcpu_start(struct vcpu *vcpu)
{
	int err = pthread_create(&vcpu->thread, NULL, vcpu_loop, vcpu);

	if (err)
		return err_set(err, "vCPU %u: no thread: %s", vcpu->id,
			       strerror(err));
	vcpu->started = true;
	return 0;
}

int vcpu_join(struct vcpu *vcpu)
{
	struct timespec now;
	int tries;

	if (!vcpu->started)
		return 0;
	for (tries = 0; tries < 50; tries++) {
		vcpu_kick(vcpu);
		clock_gettime(CLOCK_REALTIME, &now);
		now.tv_nsec += 100 * 1000 * 1000;
		if (now.tv_nsec >= 1000000000) {
			now.tv_nsec -= 1000000000;
			now.tv_sec++;
		}
		if (!pthread_timedjoin_np(vcpu->thread, NULL, &now)) {
			vcpu->started = false;
			return 0;
		}
	}
	return err_set(ETIMEDOUT, "vCPU %u does not leave KVM_RUN", vcpu->id);
}
