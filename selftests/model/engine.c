// SPDX-License-Identifier: GPL-2.0
/*
 * Threads, CPUs, interrupts between them, store buffers, and the choices.
 * Called by the stand-ins of kernel.h; calls nothing of the model.
 */
#include "engine.h"

#define STACK_SIZE	(128 * 1024)
#define MAX_CALLS	16
#define MAX_STORES	8
#define MAX_BUFFERED	32
#define MAX_CHOICES	100000

struct call {
	void (*fn)(void *info);
	void *info;
	int *left;	/* to be counted down, or NULL */
};

enum store_kind { STORE, OR, ANDNOT };

struct store {
	enum store_kind kind;
	int *p, value;
};

static struct cpu {
	struct thread *thread;
	bool active, resched;
	bool arrived;	/* an interrupt, at the CPU's pin */
	struct call call[MAX_CALLS];
	unsigned int calls;
	struct store store[MAX_STORES];
	unsigned int stores;
} cpus[MODEL_CPUS];

struct engine_config config;
unsigned long engine_steps;
bool engine_stopping;
cpumask_t model_online;
struct task model_task;

static struct thread threads[MAX_THREADS];
static unsigned int nr_threads;
static struct thread *running;	/* NULL: the scheduler, or an interrupt */
static struct thread *last;
static int irq_cpu = -1;
static void *scheduler_sp;
static int *buffered[MAX_BUFFERED];
static unsigned int nr_buffered;

/* ---- choices ---- */

static u64 random_state;

static struct choice {
	u16 taken, of;
	bool cost;
} trail[MAX_CHOICES];
static unsigned int trail_length, trail_at;
static unsigned int spent;

static u32 random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}

unsigned int choose(unsigned int n, bool cost)
{
	struct choice *c = &trail[trail_at];

	if (n < 2)
		return 0;
	if (config.seed)
		return random32() % n;
	if (trail_at == MAX_CHOICES)
		model_fail("a run has more than %d choices", MAX_CHOICES);
	if (trail_at == trail_length) {
		*c = (struct choice) { .of = n, .cost = cost };
		trail_length++;
	}
	assert(c->of == n);
	trail_at++;
	if (c->cost && c->taken)
		spent++;
	return c->taken;
}

bool maybe(unsigned int n)
{
	return config.seed ? !(random32() % n) : choose(2, true);
}

bool chance(unsigned int n)
{
	return config.seed ? !(random32() % n) : false;
}

void engine_first(void)
{
	trail_length = 0;
}

bool engine_next(void)
{
	unsigned int i;

	while (trail_length) {
		struct choice *c = &trail[trail_length - 1];
		unsigned int cost = 0;

		for (i = 0; i < trail_length - 1; i++)
			cost += trail[i].cost && trail[i].taken;
		if (c->taken + 1 < c->of &&
		    (!c->cost || cost < config.bound)) {
			c->taken++;
			return true;
		}
		trail_length--;
	}
	return false;
}

/* ---- threads ---- */

/* Saves what a call preserves, and goes on with the other stack. */
void engine_switch(void **from, void *to);
asm(".text\n"
    "engine_switch:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, (%rdi)\n"
    "	mov %rsi, %rsp\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	ret\n");

static void to_scheduler(void)
{
	struct thread *t = running;

	running = NULL;
	engine_switch(&t->sp, scheduler_sp);
}

static void leave_cpu(struct thread *t)
{
	if (t->cpu >= 0)
		cpus[t->cpu].thread = NULL;
	t->last_cpu = t->cpu;
	t->cpu = -1;
}

static void thread_main(void)
{
	struct thread *t = running;

	t->fn(t->arg);
	model_barrier();
	t->done = true;
	leave_cpu(t);
	to_scheduler();
	abort();
}

struct thread *engine_thread(const char *name, void (*fn)(void *), void *arg)
{
	struct thread *t = &threads[nr_threads++];
	char *stack = t->stack;
	void **sp;

	assert(nr_threads <= MAX_THREADS);
	if (!stack)
		stack = malloc(STACK_SIZE);
	*t = (struct thread) {
		.stack = stack, .fn = fn, .arg = arg, .name = name,
		.cpu = -1, .last_cpu = -1, .pinned = -1,
	};
	sp = (void **)(stack + STACK_SIZE - 64);
	*--sp = NULL;			/* aligned as after a call */
	*--sp = (void *)thread_main;
	sp -= 6;			/* what engine_switch() pops */
	t->sp = sp;
	return t;
}

struct thread *engine_self(void)
{
	return running;
}

int model_cpu(void)
{
	return running ? running->cpu : irq_cpu;
}

void engine_reset(void)
{
	unsigned int i;

	running = NULL;
	irq_cpu = -1;
	nr_threads = 0;
	nr_buffered = 0;
	trail_at = 0;
	spent = 0;
	engine_steps = 0;
	engine_stopping = false;
	last = NULL;
	memset(cpus, 0, sizeof(cpus));
	model_online.bits = 0;
	for (i = 0; i < config.cpus; i++)
		engine_online(i);
	random_state = config.seed * 0x9e3779b97f4a7c15ULL | 1;
	for (i = 0; i < 8; i++)
		random32();
}

/* ---- store buffers ---- */

void engine_buffered(int *p)
{
	assert(nr_buffered < MAX_BUFFERED);
	buffered[nr_buffered++] = p;
}

void engine_not_buffered(int *p)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr_buffered; i++)
		if (buffered[i] != p)
			buffered[n++] = buffered[i];
	nr_buffered = n;
}

static bool is_buffered(const int *p)
{
	unsigned int i;

	for (i = 0; i < nr_buffered; i++)
		if (buffered[i] == p)
			return true;
	return false;
}

static void drain_one(struct cpu *c)
{
	struct store s = c->store[0];

	c->stores--;
	memmove(c->store, c->store + 1, c->stores * sizeof(s));
	switch (s.kind) {
	case STORE:
		*s.p = s.value;
		break;
	case OR:
		*s.p |= s.value;
		break;
	case ANDNOT:
		*s.p &= ~s.value;
		break;
	}
}

void model_barrier(void)
{
	int cpu = model_cpu();

	while (cpu >= 0 && cpus[cpu].stores)
		drain_one(&cpus[cpu]);
}

static void buffer(int *p, int value, enum store_kind kind)
{
	struct cpu *c = &cpus[model_cpu()];

	if (model_cpu() < 0) {
		drain_one(&(struct cpu) { .store[0] = { kind, p, value },
					  .stores = 1 });
		return;
	}
	if (c->stores == MAX_STORES)
		drain_one(c);
	c->store[c->stores++] = (struct store) { kind, p, value };
	if (!is_buffered(p) || !maybe(2))
		model_barrier();
}

void model_store(int *p, int value)
{
	buffer(p, value, STORE);
}

void atomic_or(int bits, atomic_t *a)
{
	model_point();
	buffer(&a->counter, bits, OR);
}

void atomic_andnot(int bits, atomic_t *a)
{
	model_point();
	buffer(&a->counter, bits, ANDNOT);
}

int atomic_fetch_andnot(int bits, atomic_t *a)
{
	int old;

	model_barrier();
	model_point();
	old = a->counter;
	a->counter &= ~bits;
	return old;
}

int atomic_read(const atomic_t *a)
{
	int cpu = model_cpu();
	unsigned int i;

	model_point();
	/* One sees one's own stores. */
	for (i = 0; cpu >= 0 && i < cpus[cpu].stores; i++)
		if (cpus[cpu].store[i].p == &a->counter) {
			model_barrier();
			break;
		}
	return a->counter;
}

/* ---- interrupts ---- */

bool engine_interrupted(void)
{
	struct cpu *c = &cpus[model_cpu()];

	/* It may still be on its way. */
	if (c->calls || c->resched)
		c->arrived = !maybe(3);
	return c->arrived;
}

static void interrupt(int cpu)
{
	struct cpu *c = &cpus[cpu];
	struct thread *was = running;
	int was_cpu = irq_cpu;

	running = NULL;
	irq_cpu = cpu;
	model_barrier();
	c->resched = false;
	c->arrived = false;
	while (c->calls) {
		struct call call = c->call[0];

		c->calls--;
		memmove(c->call, c->call + 1, c->calls * sizeof(call));
		call.fn(call.info);
		model_barrier();
		if (call.left)
			--*call.left;
	}
	irq_cpu = was_cpu;
	running = was;
}

static bool can_interrupt(int cpu)
{
	struct cpu *c = &cpus[cpu];

	return (c->calls || c->resched) && cpu_online(cpu) &&
		!(c->thread && c->thread->irqs_off);
}

void smp_send_reschedule(int cpu)
{
	model_barrier();
	cpus[cpu].resched = true;
	model_point();
}

static void send_call(int cpu, void (*fn)(void *), void *info, int *left)
{
	struct cpu *c = &cpus[cpu];

	assert(c->calls < MAX_CALLS);
	c->call[c->calls++] = (struct call) { fn, info, left };
}

static bool calls_left(void *left)
{
	return *(int *)left;
}

static void wait_for_calls(int *left)
{
	if (running->irqs_off && *left)
		model_fail("%s waits for other CPUs with interrupts off",
			   running->name);
	engine_block(calls_left, left);
}

void smp_call_function_many(const cpumask_t *mask, void (*fn)(void *),
			    void *info, bool wait)
{
	static int nobody;
	int left = 0, cpu;

	model_barrier();
	for (cpu = 0; cpu < MODEL_CPUS; cpu++) {
		if (!(mask->bits & BIT(cpu)) || !cpu_online(cpu) ||
		    cpu == model_cpu())
			continue;
		left += wait;
		send_call(cpu, fn, info, wait ? &left : &nobody);
	}
	if (wait)
		wait_for_calls(&left);
}

int smp_call_function_single(int cpu, void (*fn)(void *), void *info, int wait)
{
	int left = 1;

	model_point();
	if (!cpu_online(cpu))
		return -ENXIO;
	if (cpu == model_cpu()) {
		bool off = running->irqs_off;

		running->irqs_off = true;
		fn(info);
		running->irqs_off = off;
		return 0;
	}
	model_barrier();
	send_call(cpu, fn, info, &left);
	wait_for_calls(&left);
	return 0;
}

/* ---- the scheduler ---- */

static void preempt_now(struct thread *t)
{
	t->preempted = false;
	t->preempt++;
	/* A CPU that goes pushes its threads away as soon as it sees them. */
	do {
		if (t->notifier)
			t->notifier->ops->sched_out(t->notifier, NULL);
		model_barrier();
		leave_cpu(t);
		to_scheduler();
		if (t->notifier)
			t->notifier->ops->sched_in(t->notifier, t->cpu);
	} while (t->pinned < 0 && !cpus[t->cpu].active);
	t->preempt--;
}

void engine_leave(void)
{
	preempt_now(running);
}

void preempt_notifier_register(struct preempt_notifier *n)
{
	running->notifier = n;
}

void preempt_notifier_unregister(struct preempt_notifier *n)
{
	running->notifier = NULL;
}

static void point(bool always)
{
	struct thread *t = running;

	if (!t)
		return;
	/* Most of the time it just goes on. */
	if (!always && config.seed && random32() & 3)
		return;
	to_scheduler();
	while (t->preempted)
		preempt_now(t);
}

void model_point(void)
{
	point(false);
}

void engine_block(bool (*blocked)(void *), void *what)
{
	struct thread *t = running;

	while (blocked(what)) {
		t->blocked = blocked;
		t->blocked_on = what;
		point(true);
	}
	t->blocked = NULL;
}

bool model_irqs_off(void)
{
	return running ? running->irqs_off : true;
}

void local_irq_disable(void)
{
	if (running)
		running->irqs_off = true;
}

void local_irq_enable(void)
{
	if (!running)
		return;
	msrs_in_host(running->cpu);
	running->irqs_off = false;
	if (cpus[running->cpu].arrived)
		interrupt(running->cpu);
	point(true);
}

void preempt_disable(void)
{
	if (running)
		running->preempt++;
}

void preempt_enable(void)
{
	if (!running)
		return;
	assert(running->preempt);
	running->preempt--;
	model_point();
}

bool need_resched(void)
{
	return maybe(4);
}

void cond_resched(void)
{
	if (running)
		running->yielded = true;
	point(true);
}

static bool lock_taken(void *lock)
{
	return ((spinlock_t *)lock)->owner;
}

void spin_lock(spinlock_t *l)
{
	preempt_disable();
	model_barrier();
	point(true);
	engine_block(lock_taken, l);
	l->owner = running - threads + 1;
}

void spin_unlock(spinlock_t *l)
{
	assert(l->owner == running - threads + 1);
	model_barrier();
	l->owner = 0;
	preempt_enable();
}

bool spin_needbreak(spinlock_t *l)
{
	return false;
}

void engine_online(int cpu)
{
	model_online.bits |= BIT(cpu);
	cpus[cpu].active = true;
}

void engine_deactivate(int cpu)
{
	cpus[cpu].active = false;
}

void engine_offline(int cpu)
{
	/* A dying CPU serves the calls that are left. */
	interrupt(cpu);
	model_online.bits &= ~BIT(cpu);
}

void engine_on(int cpu, void (*fn)(void))
{
	irq_cpu = cpu;
	fn();
	irq_cpu = -1;
}

enum move_kind { RUN, PREEMPT, PLACE, INTERRUPT, DRAIN };

struct move {
	enum move_kind kind;
	struct thread *t;
	int cpu;
};

static bool runnable(struct thread *t)
{
	return !t->done && t->cpu >= 0 &&
		!(t->blocked && t->blocked(t->blocked_on));
}

static bool may_run_on(const struct thread *t, int cpu)
{
	if (cpus[cpu].thread)
		return false;
	if (t->pinned >= 0)
		return t->pinned == cpu;
	return cpu_online(cpu) && (cpus[cpu].active || (t->notifier && chance(4)));
}

/* In this order: what comes first is done unless something else is chosen. */
static unsigned int collect_moves(struct move *move)
{
	unsigned int n = 0, i, pass;
	int cpu;

	if (last && runnable(last) && !last->yielded)
		move[n++] = (struct move) { RUN, last, 0 };
	for (cpu = 0; cpu < MODEL_CPUS; cpu++)
		if (can_interrupt(cpu))
			move[n++] = (struct move) { INTERRUPT, NULL, cpu };
	/* A thread that was preempted goes on elsewhere. */
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < nr_threads * MODEL_CPUS; i++) {
			struct thread *t = &threads[i / MODEL_CPUS];

			cpu = i % MODEL_CPUS;
			if (!t->done && t->cpu < 0 && may_run_on(t, cpu) &&
			    (cpu == t->last_cpu) == pass)
				move[n++] = (struct move) { PLACE, t, cpu };
		}
	/* Who has just made way comes last. */
	for (pass = 0; pass < 3; pass++)
		for (cpu = 0; cpu < MODEL_CPUS; cpu++) {
			struct thread *t = cpus[cpu].thread;

			if (t && runnable(t) && t->yielded + (t == last) == pass &&
			    (t != last || t->yielded))
				move[n++] = (struct move) { RUN, t, 0 };
		}
	for (cpu = 0; cpu < MODEL_CPUS; cpu++) {
		struct thread *t = cpus[cpu].thread;

		if (cpus[cpu].stores)
			move[n++] = (struct move) { DRAIN, NULL, cpu };
		/* Also while it waits for a lock or for other CPUs. */
		if (t && !t->preempt && !t->irqs_off && t->pinned < 0)
			move[n++] = (struct move) { PREEMPT, t, cpu };
	}
	return n;
}

static void resume(struct thread *t)
{
	running = t;
	last = t;
	t->yielded = false;
	engine_switch(&scheduler_sp, t->sp);
	running = NULL;
}

static void make_move(const struct move *m)
{
	switch (m->kind) {
	case RUN:
		resume(m->t);
		break;
	case PREEMPT:
		m->t->preempted = true;
		resume(m->t);
		break;
	case PLACE:
		m->t->cpu = m->cpu;
		cpus[m->cpu].thread = m->t;
		resume(m->t);
		break;
	case INTERRUPT:
		interrupt(m->cpu);
		break;
	case DRAIN:
		drain_one(&cpus[m->cpu]);
		break;
	}
}

static bool all_done(void)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		if (!threads[i].done)
			return false;
	return true;
}

static void report_stuck(void)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		fprintf(stderr, "# %s: cpu %d preempt %d irqs_off %d blocked %d done %d\n",
			threads[i].name, threads[i].cpu, threads[i].preempt,
			threads[i].irqs_off, !!threads[i].blocked,
			threads[i].done);
}

void engine_run(void)
{
	struct move move[64];

	while (!all_done()) {
		unsigned int n = collect_moves(move), i;
		if (!n) {
			report_stuck();
			model_fail("nobody can go on");
		}
		if (++engine_steps > config.steps)
			engine_stopping = true;
		if (engine_steps > 20 * config.steps + 100000) {
			report_stuck();
			model_fail("it does not come to an end");
		}
		i = choose(n, true);
		/* Preemptions are rare: else nobody gets anywhere. */
		if (config.seed && move[i].kind == PREEMPT && random32() & 7)
			i = 0;
		make_move(&move[i]);
	}
	running = NULL;
}
