/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads on a few CPUs, one instruction stream at a time, and one place that
 * decides who goes on: choose(). By random numbers, or by going through all
 * choices. Used by everything else in the model.
 */
#ifndef DUET_MODEL_ENGINE_H
#define DUET_MODEL_ENGINE_H

#include "kernel.h"

#define MAX_THREADS	12

/**
 * struct thread - a kernel thread
 * @cpu: it is on, or -1
 * @pinned: the only CPU it may run on, or -1
 * @notifier: of the vCPU that it has loaded, or NULL
 */
struct thread {
	void *sp;
	char *stack;
	void (*fn)(void *arg);
	void *arg;
	const char *name;
	int cpu, last_cpu, pinned, preempt;
	bool irqs_off, done, preempted, yielded;
	bool (*blocked)(void *what);	/* NULL: it is not */
	void *blocked_on;
	struct preempt_notifier *notifier;
};

/**
 * struct engine_config - how choices are made
 * @seed: of the random numbers; 0: exhaustive
 * @bound: exhaustive: how many choices may differ from the first
 * @steps: random: when the threads are asked to end
 */
struct engine_config {
	u64 seed;
	unsigned int bound;
	unsigned long steps;
	unsigned int cpus;
};

extern struct engine_config config;
extern unsigned long engine_steps;
extern bool engine_stopping;

/** choose() - 0 to n-1. @cost: others than 0 are deviations */
unsigned int choose(unsigned int n, bool cost);
/** maybe() - true one time in @n; exhaustive: a choice that costs */
bool maybe(unsigned int n);
/** chance() - as maybe(), but exhaustive: never */
bool chance(unsigned int n);

void engine_reset(void);
struct thread *engine_thread(const char *name, void (*fn)(void *), void *arg);
/** engine_run() - until all threads have ended */
void engine_run(void);
/** engine_first() - exhaustive: the first of all runs is next */
void engine_first(void);
/** engine_next() - exhaustive: prepare the next run; false: that was all */
bool engine_next(void);

/** engine_on() - outside of all threads, interrupts off */
void engine_on(int cpu, void (*fn)(void));

struct thread *engine_self(void);
void engine_block(bool (*blocked)(void *), void *what);

/** msrs_in_host() - interrupts go on: the MSRs must be the host's */
void msrs_in_host(int cpu);

/** engine_interrupted() - an interrupt has come to this CPU, as a guest sees it */
bool engine_interrupted(void);
/** engine_buffered() - stores to it may stay in the store buffer */
void engine_buffered(int *p);
void engine_not_buffered(int *p);

/** engine_leave() - give the CPU to somebody else, come back later */
void engine_leave(void);

/* CPU hotplug, by a thread that is pinned to it */
void engine_offline(int cpu);
void engine_online(int cpu);
/** engine_deactivate() - threads do not stay there any more, but for pinned ones */
void engine_deactivate(int cpu);

#endif /* DUET_MODEL_ENGINE_H */
