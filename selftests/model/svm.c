// SPDX-License-Identifier: GPL-2.0
/*
 * AMD-V as the APM has it: ASIDs and TLB_CONTROL (vol. 2, 15.16), fields of the
 * VMCB that stay on a CPU as long as clean bits say so (15.15). And stand-ins
 * for what is not compiled from svm/ itself.
 */
#include "world.h"
#include "svm/clean.h"

#define KNOWN_VMCBS	8

/* What a CPU knows of VMCBs, by their addresses. */
static struct {
	bool on;
	struct {
		u64 pa;
		struct vmcb copy;
	} known[KNOWN_VMCBS];
	unsigned int next;
} hw[MODEL_CPUS];

DEFINE_PER_CPU(struct svm_cpu, svm_cpus);
struct svm_features svm_features;
hpa_t svm_iopm_pa;
bool svm_cr2_quirk, svm_tcg_quirk;

static struct page *host_state;

void svm_hw_reset(void)
{
	memset(hw, 0, sizeof(hw));
	memset(svm_cpus, 0, sizeof(svm_cpus));
}

static struct vmcb *known_vmcb(int cpu, u64 pa, bool add)
{
	unsigned int i;

	for (i = 0; i < KNOWN_VMCBS; i++)
		if (hw[cpu].known[i].pa == pa)
			return &hw[cpu].known[i].copy;
	if (!add)
		return NULL;
	i = hw[cpu].next++ % KNOWN_VMCBS;
	hw[cpu].known[i].pa = pa;
	return &hw[cpu].known[i].copy;
}

/* What is declared clean must be what this CPU knows. */
static void check_clean(const struct vmcb *vmcb, u64 pa, int cpu)
{
	const struct vmcb *known = known_vmcb(cpu, pa, false);
	u32 wrong;

	if (!vmcb->control.clean || !known)
		return;
	wrong = svm_changed(vmcb, known) & vmcb->control.clean;
	if (wrong)
		model_fail("CPU %d goes on with old fields of a VMCB, clean bits %#x",
			   cpu, wrong);
}

static void obey_tlb_control(const struct vmcb_control *control, int cpu)
{
	switch (control->tlb_control) {
	case VMCB_TLB_NOTHING:
		break;
	case VMCB_TLB_FLUSH_ALL:
		tlb_drop_all(cpu);
		break;
	case VMCB_TLB_FLUSH_ASID:
		if (!svm_features.flush_by_asid)
			model_fail("TLB_CONTROL 3 on a CPU that does not know it");
		tlb_drop_asid(cpu, control->guest_asid);
		break;
	default:
		model_fail("TLB_CONTROL %u", control->tlb_control);
	}
}

static void turn(struct svm_vcpu *svm, struct vmcb *vmcb)
{
	struct vmcb_control *control = &vmcb->control;
	struct tlb_tag tag = { .asid = control->guest_asid };
	struct guest_fault fault;

	control->exit_info_1 = 0;
	control->exit_int_info = 0;
	switch (guest_turn(&svm->vcpu, tag, control->nested_cr3, &fault)) {
	case GUEST_INTR:
		control->exit_code = VMEXIT_INTR;
		break;
	case GUEST_FAULT:
		control->exit_code = VMEXIT_NPF;
		control->exit_info_1 = fault.write ? VMCB_NPF_WRITE : 0;
		control->exit_info_2 = fault.gpa;
		break;
	case GUEST_DR:
		control->exit_code = VMEXIT_DR_WRITE + 7;
		break;
	case GUEST_OTHER:
		control->exit_code = VMEXIT_CPUID;
		break;
	}
	/* What guests change without an exit. */
	if (chance(4))
		vmcb->save.cr3 += 4096;
	if (chance(4))
		vmcb->save.cr2 += 4096;
}

int svm_enter(u64 *gpr, struct svm_entry *entry)
{
	struct svm_vcpu *svm = container_of(entry, struct svm_vcpu, entry);
	struct vmcb *vmcb = __va(entry->vmcb_pa);
	int cpu = model_cpu();

	model_point();
	if (!hw[cpu].on)
		model_fail("CPU %d enters a guest with SVM off", cpu);
	page_generation(vmcb, "a VMCB");
	check_clean(vmcb, entry->vmcb_pa, cpu);
	if (!vmcb->control.guest_asid ||
	    vmcb->control.guest_asid >= svm_features.nr_asids)
		model_fail("VMRUN with ASID %u", vmcb->control.guest_asid);
	if (model_vcpu(&svm->vcpu)->illegal) {
		/* Nothing is flushed (vol. 3, VMRUN), some of it is loaded. */
		vmcb->control.exit_code = VMEXIT_INVALID;
		return 0;
	}
	msrs_in_guest(false);
	obey_tlb_control(&vmcb->control, cpu);
	if (!vmcb->control.nested_cr3)
		model_fail("an entry without nCR3");
	turn(svm, vmcb);
	*known_vmcb(cpu, entry->vmcb_pa, true) = *vmcb;
	return 0;
}

/* ---- what stands in for hardware.c, msr.c, quirk.c and explain.c ---- */

int svm_cpu_on(void)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);

	svm_asids_init(&c->asids, svm_features.nr_asids);
	svm_ghost_cpu_on(c);
	c->last = NULL;
	c->host_state = host_state;
	hw[model_cpu()].on = true;
	c->on = true;
	return 0;
}

void svm_cpu_off(void)
{
	this_cpu_ptr(&svm_cpus)->on = false;
	hw[model_cpu()].on = false;
}

int svm_probe(struct duet_caps *caps)
{
	int cpu;

	svm_features = (struct svm_features) {
		.nr_asids = scenario->asids, .npt = true, .nrips = true,
		.clean_bits = true, .flush_by_asid = scenario->single,
	};
	host_state = alloc_page(GFP_KERNEL);
	for_each_possible_cpu(cpu)
		if (svm_ghost_cpu_alloc(&svm_cpus[cpu], svm_features.nr_asids))
			return -ENOMEM;
	caps->pte = (struct duet_pte_format) {
		.present_mask = BIT(0), .table = BIT(0) | BIT(1) | BIT(2),
		.leaf = BIT(0) | BIT(2), .read = BIT(0), .write = BIT(1),
		.no_exec = BIT(63), .accessed = BIT(5), .dirty = BIT(6),
		.large = BIT(7), .levels = 4, .max_leaf_level = 2,
	};
	caps->nested = true;
	return 0;
}

struct page *svm_alloc_page(int node, gfp_t gfp)
{
	return alloc_page(gfp);
}

void svm_remove(void)
{
	__free_page(host_state);
}

u32 *svm_msrpm_alloc(void)
{
	return (u32 *)get_zeroed_page(GFP_KERNEL);
}

void svm_msrpm_free(u32 *msrpm)
{
	free_page((unsigned long)msrpm);
}

void svm_msrs_init(struct svm_vcpu *svm) { }
void svm_update_msrpm(struct svm_vcpu *svm) { }
void svm_apply_quirks(void) { }
int svm_get_msr(struct duet_vcpu *vcpu, u32 index, u64 *value) { return 1; }
int svm_set_msr(struct duet_vcpu *vcpu, u32 index, u64 value, bool host) { return 1; }
void svm_explain(struct svm_vcpu *svm) { }

const struct duet_rule svm_control_rules[1], svm_guest_rules[1];
