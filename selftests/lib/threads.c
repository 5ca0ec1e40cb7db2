// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs and their threads: see threads.h. Calls vm.c; called by the tests of
 * multiprocessing.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "tap.h"
#include "threads.h"

pthread_t spawn(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	REQUIRE(!pthread_create(&t, NULL, fn, arg));
	return t;
}

void *run_thread(void *vcpu)
{
	struct vcpu *w = vcpu;

	for (;;) {
		if (!ioctl(w->fd, KVM_RUN, 0)) {
			ucall_get(w);
			exit_unexpected(__FILE__, __LINE__, w);
		}
		/* KVM returns once when a SIPI has come. */
		if (errno != EINTR && errno != EAGAIN)
			fail("KVM_RUN: %s", strerror(errno));
	}
	return NULL;
}

struct vcpu *another(struct vcpu *v, unsigned int id, void (*fn)(void))
{
	struct kvm_mp_state mp = { KVM_MP_STATE_RUNNABLE };
	struct vcpu *w = vcpu_create(v->vm, id);

	if (fn) {
		vcpu_start(w, fn);
		must(w->fd, KVM_SET_MP_STATE, &mp);
	}
	return w;
}

void move(pthread_t t, unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	REQUIRE(!pthread_setaffinity_np(t, sizeof(set), &set));
}

unsigned int host_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}
