/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Several vCPUs, each run by a thread, and what moves the threads about. Used
 * by the tests of multiprocessing.
 */
#ifndef SELFTESTS_THREADS_H
#define SELFTESTS_THREADS_H

#include <pthread.h>

#include "vm.h"

pthread_t spawn(void *(*fn)(void *), void *arg);
/*
 * Runs a vCPU (the argument) of which no exit is expected but its own
 * failures. Does not return.
 */
void *run_thread(void *vcpu);
/* vCPU @id of @v's VM, running @fn at once; NULL: it waits for a SIPI. */
struct vcpu *another(struct vcpu *v, unsigned int id, void (*fn)(void));
/* The thread runs on that host CPU from now on. */
void move(pthread_t t, unsigned int cpu);
unsigned int host_cpus(void);

#endif
