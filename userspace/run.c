// SPDX-License-Identifier: GPL-2.0
/*
 * "duet run": builds a VM, starts its vCPUs, waits for its end and takes
 * everything down again. Calls the rest of the launcher; called by main.c.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "acpi.h"
#include "boot.h"
#include "devices/device.h"
#include "err.h"
#include "run.h"
#include "stats.h"
#include "term.h"
#include "vcpu.h"
#include "vm.h"

/* Load everything that the guest starts from; needs no device. */
static int load_guest(struct vm *vm, struct boot_image *img)
{
	const struct run_opts *o = vm->opts;
	int ret;

	if (o->raw)
		return boot_load_raw(&vm->mem, o->raw, img);

	ret = boot_load_kernel(&vm->mem, o->kernel, img);
	if (!ret && o->initrd)
		ret = boot_load_initrd(&vm->mem, o->initrd, img);
	if (!ret)
		ret = acpi_build(&vm->mem, o->cpus);
	if (!ret)
		ret = boot_write_params(&vm->mem, img, o->append, ACPI_RSDP);
	if (!ret)
		boot_write_tables(&vm->mem, img->mode);
	return ret;
}

static void exit_vcpus(struct vm *vm)
{
	while (vm->nr_vcpus)
		vcpu_exit(&vm->vcpus[--vm->nr_vcpus]);
	free(vm->vcpus);
	vm->vcpus = NULL;
}

static int create_vcpus(struct vm *vm, const struct boot_image *img)
{
	unsigned int i;
	int ret;

	vm->vcpus = calloc(vm->opts->cpus, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return err_set(ENOMEM, "no memory for %u vCPUs",
			       vm->opts->cpus);
	for (i = 0; i < vm->opts->cpus; i++) {
		vm->nr_vcpus = i + 1;
		ret = vcpu_create(&vm->vcpus[i], vm, i);
		if (ret)
			return ret;
	}
	/* The others wait for INIT and SIPI, as on a PC. */
	return boot_set_cpu(&vm->vcpus[0], img);
}

/*
 * Signals that end the run in good order. They are blocked in all threads and
 * read from a signalfd, so that the statistics are printed and the terminal is
 * restored by ordinary code.
 */
static void block_signals(sigset_t *set, sigset_t *old)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGTSTP);
	sigaddset(set, SIGCONT);
	pthread_sigmask(SIG_BLOCK, set, old);
}

static void stop_and_continue(void)
{
	term_restore();
	raise(SIGSTOP);
	term_raw();
}

static void handle_signal(struct vm *vm, int sig_fd)
{
	struct signalfd_siginfo info;

	if (read(sig_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTSTP)
		stop_and_continue();
	else if (info.ssi_signo == SIGCONT)
		term_raw();	/* the shell may have changed it meanwhile */
	else
		vm_end(vm, VM_SIGNAL + info.ssi_signo);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_for_end(struct vm *vm, int sig_fd)
{
	int64_t end = now_ms() + (int64_t)vm->opts->timeout * 1000;
	struct pollfd p[2] = {
		{ .fd = vm->end_fd, .events = POLLIN },
		{ .fd = sig_fd, .events = POLLIN },
	};
	int64_t left;

	while (!vm_ended(vm)) {
		left = -1;
		if (vm->opts->timeout) {
			left = end - now_ms();
			if (left <= 0) {
				vm_end(vm, VM_TIMEOUT);
				return;
			}
		}
		if (poll(p, 2, left) > 0 && p[1].revents)
			handle_signal(vm, sig_fd);
	}
}

static int stop_vcpus(struct vm *vm)
{
	unsigned int i;
	int ret;

	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_kick(&vm->vcpus[i]);
	for (i = 0; i < vm->nr_vcpus; i++) {
		ret = vcpu_join(&vm->vcpus[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static void say_outcome(struct vm *vm, int outcome)
{
	unsigned int i;

	switch (outcome) {
	case VM_RESET:
		warn_msg("the guest asked for a reset");
		break;
	case VM_TIMEOUT:
		warn_msg("the guest did not end within %u s",
			 vm->opts->timeout);
		for (i = 0; i < vm->nr_vcpus; i++)
			vcpu_dump(&vm->vcpus[i], stderr);
		break;
	case VM_QUIT:
		warn_msg("ended by the escape key");
		break;
	default:
		if (outcome > VM_SIGNAL)
			warn_msg("ended by signal: %s",
				 strsignal(outcome - VM_SIGNAL));
	}
}

/* From the first instruction to the last: vCPUs exist, devices do not yet. */
static int run_until_end(struct vm *vm)
{
	sigset_t set, old;
	unsigned int i;
	int sig_fd, ret, stopped;

	vcpu_setup_kick();
	block_signals(&set, &old);
	sig_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sig_fd < 0) {
		ret = err_set(errno, "signalfd: %s", strerror(errno));
		goto unblock;
	}
	ret = devices_init(vm);
	if (ret)
		goto close_fd;

	term_raw();
	for (i = 0; i < vm->nr_vcpus && !ret; i++)
		ret = vcpu_start(&vm->vcpus[i]);
	if (ret)
		vm_end(vm, VM_ERROR);
	else
		wait_for_end(vm, sig_fd);

	stopped = stop_vcpus(vm);
	term_restore();
	if (stopped) {
		/* Its thread still uses all of this: nothing is freed. */
		warn_msg("%s", err_msg());
		_exit(VM_ERROR);
	}
	devices_exit(vm);
	if (!ret)
		ret = atomic_load(&vm->outcome);
close_fd:
	close(sig_fd);
unblock:
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

int run_vm(const struct run_opts *opts)
{
	struct boot_image img;
	struct vm vm;
	int ret;

	term_init();
	/* A reader that went away must not end the run half-way. */
	signal(SIGPIPE, SIG_IGN);

	ret = vm_init(&vm, opts);
	if (!ret)
		ret = load_guest(&vm, &img);
	if (!ret)
		ret = vm_open(&vm);
	if (!ret)
		ret = vm_create(&vm);
	if (!ret)
		ret = create_vcpus(&vm, &img);
	if (!ret)
		ret = run_until_end(&vm);
	if (ret >= 0) {
		say_outcome(&vm, ret);
		/* A run without its figures is not the one asked for. */
		if (opts->stats && stats_print(&vm, stderr))
			ret = -EIO;
	}
	exit_vcpus(&vm);
	vm_exit(&vm);
	return ret;
}
