// SPDX-License-Identifier: GPL-2.0
/*
 * The threads: vCPUs that run, are moved and replaced; a mm that takes pages
 * away; CPUs that go and come. What they call is the real code: module/run.c and
 * load.c, common/pager/, common/request.c, svm/ and vmx/.
 */
#include "common/event.h"
#include "module/duet.h"
#include "uapi/duet.h"
#include "world.h"

#define NR_PAGES	512
#define NR_SMALL	16
#define NR_LARGE	12
#define LARGE_FRAMES	512
#define SMALL_PFN	0x1000UL
#define LARGE_PFN	0x10000UL

struct model_vm mvms[MAX_VMS];
struct model_vcpu mvcpus[MAX_VMS][VM_VCPUS];
const struct scenario *scenario;
const struct duet_vcpu_ops *duet_ops;
struct duet_caps duet_caps;
DEFINE_PER_CPU(bool, duet_cpu_is_on);

static struct {
	struct duet_memslots slots;
	struct duet_memslot slot;
} memslots[MAX_VMS];

/* ---- pages: tables, VMCBs, VMCSs ---- */

static char memory[NR_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static struct page pages[NR_PAGES];
static u32 generation[NR_PAGES];
static bool allocated[NR_PAGES];
static int free_stack[NR_PAGES], nr_free;

static void pages_reset(void)
{
	int i;

	memset(allocated, 0, sizeof(allocated));
	nr_free = 0;
	for (i = NR_PAGES; i--; )
		free_stack[nr_free++] = i;
}

static long page_index(const void *p)
{
	size_t i = ((const char *)p - memory[0]) / PAGE_SIZE;

	if (i >= NR_PAGES)
		model_fail("%p is no page of ours", p);
	return i;
}

/* The one that was freed last: addresses are used again at once. */
unsigned long get_zeroed_page(gfp_t flags)
{
	int i;

	assert(nr_free);
	i = free_stack[--nr_free];
	allocated[i] = true;
	generation[i]++;
	memset(memory[i], 0, PAGE_SIZE);
	return (unsigned long)memory[i];
}

void free_page(unsigned long p)
{
	long i;

	if (!p)
		return;
	i = page_index((void *)p);
	if (!allocated[i])
		model_fail("a page is freed twice");
	vmx_page_freed(__pa(p));
	allocated[i] = false;
	free_stack[nr_free++] = i;
}

struct page *virt_to_page(void *p)
{
	return &pages[page_index(p)];
}

void *page_address(struct page *page)
{
	return memory[page - pages];
}

u32 page_generation(const void *p, const char *what)
{
	long i = page_index(p);

	if (!allocated[i])
		model_fail("%s that was freed is used", what);
	return generation[i];
}

bool page_same(const void *p, u32 gen)
{
	long i = page_index(p);

	return allocated[i] && generation[i] == gen;
}

/* Nobody looks for what is left at the end of a run. */
static void *kept[256];
static unsigned int nr_kept;

void *kzalloc(size_t size, gfp_t flags)
{
	assert(nr_kept < ARRAY_SIZE(kept));
	return kept[nr_kept++] = calloc(1, size);
}

void kfree(void *p)
{
	unsigned int i;

	for (i = 0; i < nr_kept; i++)
		if (p && kept[i] == p) {
			kept[i] = kept[--nr_kept];
			free(p);
			return;
		}
}

static void kept_reset(void)
{
	while (nr_kept)
		free(kept[--nr_kept]);
}

bool zalloc_cpumask_var(cpumask_var_t *mask, gfp_t flags)
{
	(*mask)->bits = 0;
	return !chance(8);
}

unsigned long find_first_zero_bit(const unsigned long *p, unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++)
		if (!(p[i / 64] & BIT(i % 64)))
			break;
	return i;
}

/* ---- frames and the mm ---- */

static struct frame small[NR_SMALL], large[NR_LARGE];

static void frames_reset(void)
{
	int i;

	for (i = 0; i < NR_SMALL; i++)
		small[i] = (struct frame) { .pfn = SMALL_PFN + i };
	for (i = 0; i < NR_LARGE; i++)
		large[i] = (struct frame) {
			.pfn = LARGE_PFN + i * LARGE_FRAMES,
		};
}

struct frame *frame_of(u64 pfn)
{
	u64 i = (pfn - LARGE_PFN) / LARGE_FRAMES;

	if (pfn >= LARGE_PFN && i < NR_LARGE)
		return &large[i];
	if (pfn - SMALL_PFN < NR_SMALL)
		return &small[pfn - SMALL_PFN];
	model_fail("the guest reaches %#llx, which is no memory", pfn);
}

static struct frame *find_frame(bool is_large)
{
	struct frame *f = is_large ? large : small;
	int n = is_large ? NR_LARGE : NR_SMALL, i;

	for (i = 0; i < n; i++)
		if (!f[i].vm && !f[i].refs)
			return &f[i];
	return NULL;
}

static bool no_frame(void *is_large)
{
	return !find_frame(is_large);
}

static void map(struct model_vm *m, int first, int last, bool is_large)
{
	struct frame *f = NULL;
	int i;

	for (i = first; i <= last; i++) {
		if (!f || !is_large)
			f = find_frame(is_large);
		f->vm = m;
		m->page[i].frame = f;
		m->page[i].writable = true;
	}
	m->large = is_large;
}

static void unmap(struct model_vm *m, int first, int last)
{
	int i;

	for (i = first; i <= last; i++) {
		struct frame *f = m->page[i].frame;

		if (f->vm)
			f->maps++;
		f->vm = NULL;
	}
}

static unsigned long vm_hva(const struct model_vm *m)
{
	return (m->index + 1UL) << 30;
}

static struct model_vm *hva_vm(unsigned long hva)
{
	return &mvms[(hva >> 30) - 1];
}

/* The pages in question, which others leave alone meanwhile. */
struct mm_change {
	struct model_vm *m;
	int first, last;
};

static bool pages_busy(void *arg)
{
	struct mm_change *c = arg;
	int i;

	for (i = c->first; i <= c->last; i++)
		if (c->m->busy[i])
			return true;
	return false;
}

static void invalidate(struct mm_change *c, bool is_large,
		       void (*change)(struct mm_change *c, bool is_large))
{
	struct model_vm *m = c->m;
	struct mmu_notifier_range range = {
		.start = vm_hva(m) + c->first * PAGE_SIZE,
		.end = vm_hva(m) + (c->last + 1) * PAGE_SIZE,
	};
	struct mmu_notifier *mn;
	u32 life;
	int i;

	/* What was not mapped need not be taken away. */
	if (m->large)
		range.end = range.start + LARGE_FRAMES * PAGE_SIZE;
	mn = m->notifier;
	life = m->life;
	if (mn) {
		m->callbacks++;
		mn->ops->invalidate_range_start(mn, &range);
		m->callbacks--;
	}
	change(c, is_large);
	cond_resched();
	/* Another VM's notifier has not heard of the beginning. */
	if (mn && mn == m->notifier && life == m->life) {
		m->callbacks++;
		mn->ops->invalidate_range_end(mn, &range);
		m->callbacks--;
	}
	for (i = c->first; i <= c->last; i++)
		m->busy[i] = false;
}

static void replace(struct mm_change *c, bool is_large)
{
	unmap(c->m, c->first, c->last);
	map(c->m, c->first, c->last, is_large);
}

static void protect(struct mm_change *c, bool unused)
{
	int i;

	for (i = c->first; i <= c->last; i++) {
		c->m->page[i].writable = false;
		c->m->page[i].frame->protects++;
	}
}

static void age(struct model_vm *m)
{
	struct mmu_notifier *mn = m->notifier;
	unsigned long hva = vm_hva(m);

	if (!mn)
		return;
	m->callbacks++;
	if (maybe(2))
		mn->ops->clear_young(mn, NULL, hva, hva + PAGE_SIZE);
	else
		mn->ops->clear_flush_young(mn, NULL, hva, hva + PAGE_SIZE);
	m->callbacks--;
}

/* A slot is deleted and comes back: nothing of it may be mapped. */
static void zap_slot(struct model_vm *m)
{
	struct duet_vm *vm = m->vm;

	if (!m->notifier)
		return;
	m->callbacks++;
	vm->pager_ops->zap(vm, 0, LARGE_FRAMES, maybe(2));
	m->callbacks--;
}

static void mm_thread(void *arg)
{
	unsigned int n;

	for (n = 0; n < scenario->changes && !engine_stopping; n++) {
		struct mm_change c = { .m = &mvms[choose(scenario->vms, false)] };
		unsigned int what = config.seed ? choose(8, false) : 0;
		bool is_large = false;
		int i;

		if (what == 6) {
			age(c.m);
			continue;
		}
		if (what == 7) {
			zap_slot(c.m);
			continue;
		}
		if (what == 5 || c.m->large) {
			/* Between one large frame and small ones. */
			c.last = VM_PAGES - 1;
			is_large = what == 5 ? !c.m->large : c.m->large;
		} else if (config.seed) {
			c.first = c.last = choose(VM_PAGES, false);
		}
		engine_block(pages_busy, &c);
		for (i = c.first; i <= c.last; i++)
			c.m->busy[i] = true;
		/* It may have changed while we waited. */
		if (c.m->large && !(c.first == 0 && c.last == VM_PAGES - 1)) {
			for (i = c.first; i <= c.last; i++)
				c.m->busy[i] = false;
			continue;
		}
		if (what == 4) {
			invalidate(&c, c.m->large, protect);
		} else {
			engine_block(no_frame, (void *)(long)is_large);
			invalidate(&c, is_large, replace);
		}
	}
}

static struct model_vm *notifier_vm(struct mmu_notifier *mn)
{
	struct duet_pager *p = container_of(mn, struct duet_pager, notifier);
	int i;

	for (i = 0; i < MAX_VMS; i++)
		if (mvms[i].vm == p->vm)
			return &mvms[i];
	model_fail("there is no such VM");
}

int mmu_notifier_register(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct model_vm *m = notifier_vm(mn);
	struct mm_change all = { .m = m, .last = VM_PAGES - 1 };

	/* mm_take_all_locks(): no change is under way. */
	engine_block(pages_busy, &all);
	m->life++;
	m->notifier = mn;
	return 0;
}

static bool has_callbacks(void *m)
{
	return ((struct model_vm *)m)->callbacks;
}

void mmu_notifier_unregister(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct model_vm *m = notifier_vm(mn);

	m->notifier = NULL;
	engine_block(has_callbacks, m);
}

/* ---- what the pager asks the mm for ---- */

int duet_frame_get(unsigned long hva, bool write, bool want_write,
		   struct duet_frame *f)
{
	struct model_vm *m = hva_vm(hva);
	int page = (hva >> PAGE_SHIFT) % LARGE_FRAMES, i;
	struct frame *frame;

	cond_resched();
	frame = m->page[page].frame;
	for (i = 0; write && i < VM_PAGES; i++)
		if (i == page || m->large)
			m->page[i].writable = true;
	frame->refs++;
	f->pfn = frame->pfn + (m->large ? page : 0);
	f->page = (struct page *)frame;
	f->writable = m->page[page].writable;
	cond_resched();
	return 0;
}

void duet_frame_put(struct duet_frame *f)
{
	((struct frame *)f->page)->refs--;
}

void duet_frame_set_dirty(struct duet_frame *f)
{
	if (!((struct frame *)f->page)->vm)
		model_fail("a page is marked dirty after it was unmapped");
}

bool duet_frame_is_ram(u64 pfn)
{
	return true;
}

u8 duet_host_level(struct mm_struct *mm, unsigned long hva)
{
	return hva_vm(hva)->large ? 2 : 1;
}

struct duet_memslot *duet_gfn_to_memslot(struct duet_vm *vm, gfn_t gfn)
{
	return gfn < memslots[0].slot.npages ? vm->memslots->slot : NULL;
}

/* ---- what the run loop asks common/ for ---- */

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

	vm->memslots = &memslots[m->index].slots;
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
	kept_reset();
	pages_reset();
	frames_reset();
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
		memslots[i].slots.nr = 1;
		memslots[i].slot = (struct duet_memslot) {
			.npages = 2 * LARGE_FRAMES, .hva = vm_hva(m),
		};
		map(m, 0, VM_PAGES - 1, false);
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
