// SPDX-License-Identifier: GPL-2.0
/*
 * The threads: vCPUs that run, are moved and replaced; CPUs that go and come;
 * and memory.c's, which take pages away. What they call is the real code:
 * module/run.c and load.c, common/pager/, common/request.c, svm/ and vmx/.
 */
#include "common/event.h"
#include "module/duet.h"
#include "uapi/duet.h"
#include "world.h"

struct model_vm mvms[MAX_VMS];
struct model_vcpu mvcpus[MAX_VMS][VM_VCPUS];
const struct scenario *scenario;
const struct duet_vcpu_ops *duet_ops;
struct duet_caps duet_caps;
DEFINE_PER_CPU(bool, duet_cpu_is_on);

/* ---- what the run loop asks common/ for ---- */

unsigned long find_first_zero_bit(const unsigned long *p, unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++)
		if (!(p[i / 64] & BIT(i % 64)))
			break;
	return i;
}

struct duet_vcpu *loaded_vcpu(void)
{
	return container_of(engine_self()->notifier, struct duet_vcpu,
			    notifier);
}

struct model_vcpu *model_vcpu(const struct duet_vcpu *vcpu)
{
	int i, n;

	for (i = 0; i < MAX_VMS; i++)
		for (n = 0; n < VM_VCPUS; n++)
			if (mvcpus[i][n].vcpu == vcpu)
				return &mvcpus[i][n];
	model_fail("there is no such vCPU");
}

bool signal_pending(struct task *t)
{
	return chance(4);
}

bool model_work_pending(void)
{
	/* Exhaustive: when the guest has had its turn. */
	return config.seed ? maybe(4) :
		loaded_vcpu()->exit.reason == DUET_EXIT_CPUID;
}

/* The guest's own tables change together with CR3, which the host wrote. */
static void change_cr3(struct duet_vcpu *vcpu)
{
	struct model_vcpu *mv = model_vcpu(vcpu);
	int i;

	for (i = 0; i < GUEST_VAS; i++) {
		mv->gfn[i] ^= 1;
		mv->changes[i]++;
	}
	duet_need(vcpu, DUET_ST_CR3);
	vcpu->state.cr3 += 4096;
	duet_wrote(vcpu, DUET_ST_CR3);
	duet_request_self(vcpu, DUET_REQ_LOAD_ROOT | DUET_REQ_FLUSH_GUEST);
}

/* Any register: what is written must reach the CPU. */
static void change_state(struct duet_vcpu *vcpu)
{
	static const u32 groups[] = {
		DUET_ST_CR0, DUET_ST_CR2, DUET_ST_CR4, DUET_ST_EFER,
		DUET_ST_TABLES, DUET_ST_DR, DUET_ST_MSRS, DUET_ST_SHADOW,
		DUET_ST_TSC, DUET_ST_SEG(DUET_CS), DUET_ST_SEG(DUET_SS),
	};
	struct duet_state *s = &vcpu->state;
	u32 group = groups[choose(ARRAY_SIZE(groups), false)];

	duet_need(vcpu, group);
	s->cr0 ^= X86_CR0_TS;
	s->cr2 += 4096;
	s->cr4 ^= X86_CR4_DE;
	s->efer ^= EFER_NX;
	s->gdt.limit ^= 8;
	s->dr7 ^= BIT(11);
	s->pat ^= BIT(0);
	s->shadow ^= DUET_SHADOW_NMI;
	vcpu->tsc_offset++;
	s->seg[DUET_CS].base ^= 16;
	s->seg[DUET_SS].ar ^= DUET_AR_DPL;
	/* Only what is written counts. */
	vcpu->valid &= group | vcpu->dirty;
	duet_wrote(vcpu, group);
}

void duet_inject_events(struct duet_vcpu *vcpu)
{
	if (!config.seed)
		return;
	switch (choose(4, false)) {
	case 0:
		duet_ops->set_tpr(vcpu, choose(16, false), choose(256, false));
		break;
	case 1:
		duet_ops->set_window(vcpu, DUET_WINDOW_INTR, choose(2, false));
		break;
	case 2:
		duet_ops->set_window(vcpu, DUET_WINDOW_NMI, choose(2, false));
		break;
	case 3:
		duet_ops->inject(vcpu, NULL);
		break;
	}
}

bool duet_fast_exit(struct duet_vcpu *vcpu)
{
	if (vcpu->exit.reason != DUET_EXIT_CPUID || !config.seed || maybe(3))
		return false;
	if (duet_has_request(vcpu)) {
		vcpu->outcome = DUET_OUTCOME_RESUME;
		return false;
	}
	return true;
}

int duet_handle_exit(struct duet_vcpu *vcpu)
{
	switch (vcpu->exit.reason) {
	case DUET_EXIT_PAGE_FAULT:
		if (vcpu->vm->pager_ops->fault(vcpu) != DUET_FAULT_FIXED)
			model_fail("a fault was not fixed");
		return 1;
	case DUET_EXIT_FAIL_ENTRY:
		if (!model_vcpu(vcpu)->illegal)
			model_fail("an entry failed");
		return 0;
	case DUET_EXIT_INTR:
		return 1;
	default:
		if (chance(4))
			change_cr3(vcpu);
		if (chance(4))
			change_state(vcpu);
		if (chance(4))
			duet_request_self(vcpu, DUET_REQ_EVENT);
		return 1;
	}
}

/* ---- VMs ---- */

static void create_vcpu(struct model_vm *m, int n)
{
	struct duet_vcpu *vcpu = kzalloc(duet_ops->vcpu_size, GFP_KERNEL);
	struct model_vcpu *mv = &mvcpus[m->index][n];
	u32 changes[GUEST_VAS];

	vcpu->vm = m->vm;
	vcpu->id = n;
	vcpu->cpu = -1;
	vcpu->root = DUET_NO_ROOT;
	vcpu->index = n;
	/* for each of its ioctls */
	vcpu->mutex.owner = 1;
	vcpu->run = kzalloc(sizeof(*vcpu->run), GFP_KERNEL);
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	duet_init_load(vcpu);

	memcpy(changes, mv->changes, sizeof(changes));
	*mv = (struct model_vcpu) {
		.vcpu = vcpu, .mvm = m, .gfn = { 0, 1 }, .rsp = 0x1000,
	};
	memcpy(mv->changes, changes, sizeof(changes));
	engine_buffered(&vcpu->mode);
	engine_buffered(&vcpu->requests.counter);

	/* It writes to its control structure: that one is meant. */
	engine_self()->notifier = &vcpu->notifier;
	preempt_disable();
	if (duet_ops->vcpu_create(vcpu))
		model_fail("no vCPU");
	engine_self()->notifier = NULL;
	preempt_enable();

	duet_vcpu_load(vcpu);
	vcpu->state.gpr[DUET_RSP] = mv->rsp;
	duet_wrote(vcpu, DUET_ST_ALL & ~DUET_ST_ROOT);
	duet_request_self(vcpu, DUET_REQ_LOAD_ROOT | DUET_REQ_EVENT);
	duet_vcpu_put(vcpu);

	m->vm->vcpus[n] = vcpu;
	m->vm->nr_vcpus++;
}

static void create_vm(struct model_vm *m)
{
	struct duet_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL);
	unsigned int i;

	vm->memslots = memory_of_vm(m);
	vm->pager_kind = DUET_PAGER_NESTED;
	vm->refused = m->index & 1 ? scenario->refuse : 0;
	m->vm = vm;
	if (duet_pager_init(vm))
		model_fail("no pager");
	for (i = 0; i < scenario->vcpus; i++)
		create_vcpu(m, i);
}

/* As duet_vm_destroy() has it. */
static void destroy_vm(struct model_vm *m)
{
	struct duet_vm *vm = m->vm;
	unsigned int i;

	duet_pager_destroy(vm);
	if (m->notifier)
		model_fail("a VM ends, and its notifier does not");
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct duet_vcpu *vcpu = vm->vcpus[i];

		duet_ops->vcpu_destroy(vcpu);
		engine_not_buffered(&vcpu->mode);
		engine_not_buffered(&vcpu->requests.counter);
		mvcpus[m->index][i].vcpu = NULL;
		kfree(vcpu->run);
		kfree(vcpu);
	}
	m->vm = NULL;
	kfree(vm);
}

struct seat {
	struct model_vm *m;
	int n;
	unsigned int turns;
	u32 era;
};

static bool not_all_parked(void *arg)
{
	struct model_vm *m = arg;

	return m->parked + m->ended < scenario->vcpus;
}

static bool same_era(void *arg)
{
	struct seat *s = arg;

	return s->m->era == s->era;
}

/* The first thread of a VM has made a new one. */
static void begin_era(struct model_vm *m)
{
	create_vm(m);
	model_barrier();
	m->dying = false;
	m->parked = 0;
	m->era++;
}

/* The first thread of a VM ends it and begins the next one. */
static void park(struct seat *s, bool again)
{
	struct model_vm *m = s->m;

	s->era = m->era;
	if (again)
		m->parked++;
	else
		m->ended++;
	if (s->n) {
		if (again)
			engine_block(same_era, s);
		return;
	}
	engine_block(not_all_parked, m);
	destroy_vm(m);
	if (again)
		begin_era(m);
}

static void one_turn(struct duet_vcpu *vcpu, struct model_vcpu *mv)
{
	duet_vcpu_load(vcpu);
	vcpu->exit.reason = DUET_EXIT_INTR;
	mv->illegal = false;
	if (chance(6))
		change_cr3(vcpu);
	if (chance(3))
		change_state(vcpu);
	if (chance(12))
		mv->illegal = true;
	if (!chance(6))
		duet_vcpu_run(vcpu);
	duet_vcpu_put(vcpu);
}

static void vcpu_thread(void *arg)
{
	static unsigned int lives;
	struct seat *s = arg;
	struct model_vm *m = s->m;

	if (!m->index && !s->n)
		lives = 0;
	if (!s->n)
		begin_era(m);
	else
		engine_block(same_era, s);
	for (;;) {
		struct model_vcpu *mv = &mvcpus[m->index][s->n];

		if (m->dying) {
			park(s, true);
			continue;
		}
		if (engine_stopping ||
		    (scenario->turns && s->turns == scenario->turns))
			break;
		s->turns++;
		one_turn(mv->vcpu, mv);
		if (!s->n && lives < scenario->lives && chance(12)) {
			lives++;
			m->dying = true;
		}
	}
	park(s, false);
}

/* ---- CPUs that go and come ---- */

static void cpu_on(void)
{
	local_irq_disable();
	if (duet_ops->cpu_on())
		model_fail("CPU %d cannot be switched on", model_cpu());
	duet_cpu_is_on[model_cpu()] = true;
	local_irq_enable();
}

static void cpu_off(void)
{
	local_irq_disable();
	duet_cpu_is_on[model_cpu()] = false;
	duet_ops->cpu_off();
	local_irq_enable();
}

static void hotplug_thread(void *arg)
{
	unsigned int n;
	int cpu = engine_self()->pinned;

	for (n = 0; n < scenario->hotplugs && !engine_stopping; n++) {
		engine_deactivate(cpu);
		cpu_off();
		engine_leave();
		engine_offline(cpu);
		tlb_pollute(cpu);
		cond_resched();
		engine_online(cpu);
		cpu_on();
		engine_leave();
	}
}

/* ---- a run ---- */

static struct seat seats[MAX_VMS][VM_VCPUS];

static void seat_threads(struct model_vm *m)
{
	static const char * const names[MAX_VMS][VM_VCPUS] = {
		{ "vCPU 0 of VM 0", "vCPU 1 of VM 0" },
		{ "vCPU 0 of VM 1", "vCPU 1 of VM 1" },
	};
	unsigned int n;

	for (n = 0; n < scenario->vcpus; n++) {
		seats[m->index][n] = (struct seat) { .m = m, .n = n };
		engine_thread(names[m->index][n], vcpu_thread,
			      &seats[m->index][n]);
	}
}

void scenario_run(const struct scenario *s)
{
	unsigned int i;

	scenario = s;
	duet_ops = s->ops;
	config.cpus = s->cpus;
	memory_reset();
	tlb_reset();
	msrs_reset();
	svm_hw_reset();
	vmx_hw_reset();
	memset(mvms, 0, sizeof(mvms));
	memset(mvcpus, 0, sizeof(mvcpus));
	memset(duet_cpu_is_on, 0, sizeof(duet_cpu_is_on));
	engine_reset();
	memset(&duet_caps, 0, sizeof(duet_caps));
	duet_ops->probe(&duet_caps);

	for (i = 0; i < s->cpus; i++)
		engine_on(i, cpu_on);
	for (i = 0; i < s->vms; i++) {
		struct model_vm *m = &mvms[i];

		m->index = i;
		mm_init(m);
		seat_threads(m);
	}
	if (s->changes) {
		engine_thread("mm", mm_thread, NULL);
		if (config.seed)
			engine_thread("mm 2", mm_thread, NULL);
	}
	/* CPU 0 stays. */
	for (i = s->cpus; s->hotplugs && --i; )
		engine_thread("hotplug", hotplug_thread, NULL)->pinned = i;
	engine_run();
	duet_ops->remove();
}
