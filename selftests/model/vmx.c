// SPDX-License-Identifier: GPL-2.0
/*
 * VT-x as the SDM has it: VMCSs that are active on a CPU and kept there until
 * VMCLEAR (vol. 3, 25.11), INVEPT and INVVPID (29.4.3). And stand-ins for what
 * is not compiled from vmx/ itself.
 */
#include "world.h"

#define MAX_VMCSS	128	/* of one run: freed pages are kept in mind */

/* Fields by encoding: width, type and index (vol. 3, 25.11.2). */
#define NR_FIELDS	512

struct fields {
	u64 field[NR_FIELDS];
	bool launched;
};

static struct vmcs {
	u64 pa;
	int cpu;		/* active there, or -1 */
	bool cleared;		/* once, since its page was allocated */
	/* A VMWRITE reaches the CPU's copy only. */
	struct fields memory, cache;
} vmcss[MAX_VMCSS];
static unsigned int nr_vmcss;

static struct {
	bool on;
	struct vmcs *current_vmcs;
} hw[MODEL_CPUS];

DEFINE_PER_CPU(struct vmx_cpu, vmx_cpus);
struct vmx_features vmx_features;

static struct vmcs *vmcs_at(u64 pa)
{
	unsigned int i;

	for (i = 0; i < nr_vmcss; i++)
		if (vmcss[i].pa == pa)
			return &vmcss[i];
	assert(nr_vmcss < MAX_VMCSS);
	vmcss[nr_vmcss] = (struct vmcs) { .pa = pa, .cpu = -1 };
	return &vmcss[nr_vmcss++];
}

void vmx_hw_reset(void)
{
	nr_vmcss = 0;
	memset(hw, 0, sizeof(hw));
	memset(vmx_cpus, 0, sizeof(vmx_cpus));
}

void vmx_page_freed(u64 pa)
{
	unsigned int i;

	for (i = 0; i < nr_vmcss; i++) {
		if (vmcss[i].pa != pa)
			continue;
		if (vmcss[i].cpu >= 0)
			model_fail("a VMCS is freed while CPU %d has it",
				   vmcss[i].cpu);
		/* Whoever gets the page clears it first. */
		vmcss[i] = (struct vmcs) { .pa = pa, .cpu = -1 };
	}
}

/* ---- the instructions ---- */

/* VMCLEAR's and VMPTRLD's operand; NULL: they fault. */
static struct vmcs *vmcs_operand(u64 pa, const char *what)
{
	int cpu = model_cpu();
	struct vmcs *v = vmcs_at(pa);

	model_point();
	if (!hw[cpu].on)
		return NULL;
	page_generation(__va(pa), "a VMCS");
	if (v->cpu >= 0 && v->cpu != cpu)
		model_fail("%s on CPU %d of a VMCS that CPU %d has", what, cpu,
			   v->cpu);
	return v;
}

int vmx_vmclear(u64 pa)
{
	struct vmcs *v = vmcs_operand(pa, "VMCLEAR");
	int cpu = model_cpu();

	if (!v)
		return -EIO;
	if (v->cpu == cpu)
		v->memory = v->cache;
	v->memory.launched = false;
	v->cleared = true;
	v->cpu = -1;
	if (hw[cpu].current_vmcs == v)
		hw[cpu].current_vmcs = NULL;
	return 0;
}

int vmx_vmptrld(u64 pa)
{
	struct vmcs *v = vmcs_operand(pa, "VMPTRLD");
	int cpu = model_cpu();

	if (!v)
		return -EIO;
	if (!v->cleared)
		model_fail("VMPTRLD of a VMCS that was never cleared");
	if (v->cpu != cpu)
		v->cache = v->memory;
	v->cpu = cpu;
	hw[cpu].current_vmcs = v;
	return 0;
}

int vmx_vmxoff(void)
{
	int cpu = model_cpu();
	unsigned int i;

	for (i = 0; i < nr_vmcss; i++)
		if (vmcss[i].cpu == cpu)
			model_fail("VMXOFF on CPU %d, which has a VMCS", cpu);
	hw[cpu].on = false;
	hw[cpu].current_vmcs = NULL;
	return 0;
}

/* The current VMCS, which must be the one of the vCPU that is meant. */
static struct vmcs *current_vmcs(void)
{
	struct vmcs *v = hw[model_cpu()].current_vmcs;
	const struct vmx_vcpu *meant = to_vmx(loaded_vcpu());

	if (!v)
		model_fail("CPU %d has no current VMCS", model_cpu());
	if (v->pa != page_to_phys(meant->vmcs))
		model_fail("CPU %d has another vCPU's VMCS", model_cpu());
	return v;
}

static u64 *field_of(struct vmcs *v, unsigned long encoding)
{
	unsigned int index = (encoding >> 1) & 0x1f;

	assert(!(encoding & 0x3c1) && !(encoding & ~0x6ffeUL));
	return &v->cache.field[(encoding >> 13 & 3) << 7 |
			       (encoding >> 10 & 3) << 5 | index];
}

u64 vmx_vmread(unsigned long field)
{
	return hw[model_cpu()].on ? *field_of(current_vmcs(), field) : 0;
}

void vmx_vmwrite(unsigned long field, u64 value)
{
	if (hw[model_cpu()].on)
		*field_of(current_vmcs(), field) = value;
}

/* The tag is the root's address: no other bit of the EPTP counts. */
static u64 eptp_tag(u64 eptp)
{
	return eptp & GENMASK_ULL(51, 12);
}

int vmx_do_invept(unsigned long type, u64 first, u64 second)
{
	int cpu = model_cpu();

	if (!hw[cpu].on)
		return -EIO;
	if (type == VMX_INV_SINGLE && !scenario->single)
		model_fail("INVEPT of a kind that the CPU does not have");
	if (type == VMX_INV_SINGLE) {
		tlb_drop_root(cpu, eptp_tag(first));
	} else {
		unsigned int i;

		for (i = 0; i < nr_vmcss; i++)
			tlb_drop_root(cpu, eptp_tag(*field_of(&vmcss[i], VMCS_EPTP)));
		for (i = 0; i < MAX_VMS; i++)
			if (mvms[i].vm && mvms[i].vm->pager)
				tlb_drop_root(cpu, __pa(mvms[i].vm->pager->tree.root));
	}
	return 0;
}

int vmx_do_invvpid(unsigned long type, u64 first, u64 second)
{
	int cpu = model_cpu();
	u32 vpid;

	if (!hw[cpu].on)
		return -EIO;
	if (type == VMX_INV_SINGLE && !scenario->single)
		model_fail("INVVPID of a kind that the CPU does not have");
	if (type == VMX_INV_SINGLE) {
		if (!first)
			model_fail("INVVPID of VPID 0");
		tlb_drop_vpid(cpu, first);
		return 0;
	}
	for (vpid = 1; vpid < 2 * MAX_VMS * VM_VCPUS; vpid++)
		tlb_drop_vpid(cpu, vpid);
	return 0;
}

/* ---- the entry ---- */

static void leave(struct vmcs *v, u32 reason, u64 qualification)
{
	*field_of(v, VMCS_EXIT_REASON) = reason;
	*field_of(v, VMCS_EXIT_QUALIFICATION) = qualification;
	*field_of(v, VMCS_EXIT_INSN_LEN) = 2;
	*field_of(v, VMCS_IDT_VECTORING_INFO) = 0;
}

/* Where the VMCS has the vCPU's own number, and when it was last written. */
static void check_content(struct vmcs *v, const struct vmx_vcpu *vmx)
{
	if (*field_of(v, VMCS_MSR_BITMAP) != virt_to_phys(vmx->msr_bitmap) ||
	    *field_of(v, VMCS_GUEST_RSP) != model_vcpu(&vmx->vcpu)->rsp)
		model_fail("the VMCS lost what was written to it");
}

/* A list of MSRs that an entry or an exit loads (25.7.2, 25.8.2) */
static void load_msrs(u64 pa, u64 nr)
{
	const struct {
		u32 index, reserved;
		u64 value;
	} *list = __va(pa);
	u64 i;

	for (i = 0; i < nr; i++)
		model_wrmsr(list[i].index, list[i].value);
}

static void turn(struct vmx_vcpu *vmx, struct vmcs *v)
{
	u64 eptp = *field_of(v, VMCS_EPTP);
	u32 vpid = *field_of(v, VMCS_CPU2_CONTROLS) & CPU2_VPID ?
		*field_of(v, VMCS_VPID) : 0;
	struct tlb_tag tag = { .asid = vpid, .root = eptp_tag(eptp) };
	int cpu = model_cpu();
	struct guest_fault fault;

	if (!eptp)
		model_fail("an entry without an EPTP");
	if (*field_of(v, VMCS_CPU2_CONTROLS) & CPU2_VPID && !vpid)
		model_fail("an entry with VPID 0");
	/* Without VPIDs entries and exits drop what has none (29.4.3.1). */
	if (!vpid)
		tlb_drop_vpid(cpu, 0);
	switch (guest_turn(&vmx->vcpu, tag, eptp_tag(eptp), &fault)) {
	case GUEST_INTR:
		leave(v, VMX_EXIT_INTERRUPT, 0);
		break;
	case GUEST_FAULT:
		leave(v, VMX_EXIT_EPT_VIOLATION,
		      fault.write ? VMX_EPT_WRITE : BIT(0));
		*field_of(v, VMCS_GUEST_PHYSICAL) = fault.gpa;
		break;
	case GUEST_DR:
		leave(v, VMX_EXIT_DR, 7);
		break;
	case GUEST_OTHER:
		leave(v, VMX_EXIT_CPUID, 0);
		break;
	}
	if (!vpid)
		tlb_drop_vpid(cpu, 0);
}

int vmx_enter(u64 *gpr, struct vmx_entry *entry)
{
	struct vmx_vcpu *vmx = container_of(entry, struct vmx_vcpu, entry);
	struct vmcs *v;

	model_point();
	if (!hw[model_cpu()].on)
		model_fail("CPU %d enters a guest with VMX off", model_cpu());
	v = current_vmcs();
	check_content(v, vmx);
	if (v->cache.launched != !!entry->launched)
		model_fail(v->cache.launched ? "VMLAUNCH of a launched VMCS" :
					       "VMRESUME of a clear VMCS");
	if (model_vcpu(&vmx->vcpu)->illegal) {
		/* Checks of guest state: launch state is as it was (27.8). */
		leave(v, VMX_REASON_ENTRY_FAILED | VMX_EXIT_BAD_GUEST_STATE, 0);
		return VMX_ENTER_EXITED;
	}
	v->cache.launched = true;
	msrs_before_entry();
	load_msrs(*field_of(v, VMCS_ENTRY_MSR_LOAD),
		  *field_of(v, VMCS_ENTRY_MSR_LOAD_COUNT));
	msrs_in_guest(true);
	turn(vmx, v);
	load_msrs(*field_of(v, VMCS_EXIT_MSR_LOAD),
		  *field_of(v, VMCS_EXIT_MSR_LOAD_COUNT));
	/* Exits save RSP, and the model knows it as well. */
	*field_of(v, VMCS_GUEST_RSP) = ++model_vcpu(&vmx->vcpu)->rsp;
	vmx->vcpu.valid &= ~(u32)DUET_ST_RSP;
	return VMX_ENTER_EXITED;
}

void vmx_exit(void)
{
}

/* ---- what stands in for hardware.c, host_state.c and msr.c ---- */

int vmx_cpu_on(void)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);

	INIT_LIST_HEAD(&c->vmcss);
	vmx_ghost_cpu_on(c);
	c->current_vmcs = NULL;
	hw[model_cpu()].on = true;
	c->on = true;
	return 0;
}

void vmx_cpu_off(void)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);

	if (!c->on)
		return;
	c->on = false;
	vmx_clear_all(c);
	vmx_ghost_cpu_off(c);
	vmx_vmxoff();
}

int vmx_probe(struct duet_caps *caps)
{
	struct vmx_features *f = &vmx_features;

	memset(f, 0, sizeof(*f));
	f->revision = 1;
	f->ept = true;
	f->vpid = true;
	f->base.cpu2 = CPU2_EPT | CPU2_VPID;
	f->allowed = (struct vmx_controls) { ~0U, ~0U, ~0U, ~0U, ~0U };
	vmx_ept_probe();
	vmx_vpid_probe();
	vmx_pte_format(&caps->pte);
	caps->nested = true;
	return 0;
}

void vmx_remove(void)
{
}

int rdmsrl_safe(u32 msr, u64 *value)
{
	if (msr != MSR_IA32_VMX_EPT_VPID_CAP)
		return -EIO;
	/* 2 MiB pages, both INV instructions, for all contexts at least */
	*value = BIT_ULL(6) | BIT_ULL(14) | BIT_ULL(16) | BIT_ULL(20) |
		BIT_ULL(26) | BIT_ULL(32) | BIT_ULL(42);
	if (scenario->single)
		*value |= BIT_ULL(25) | BIT_ULL(41);
	if (scenario->accessed)
		*value |= BIT_ULL(21);
	return 0;
}

unsigned long *vmx_msr_bitmap_alloc(void)
{
	return (unsigned long *)get_zeroed_page(GFP_KERNEL);
}

void vmx_msr_bitmap_free(unsigned long *bitmap)
{
	free_page((unsigned long)bitmap);
}

void vmx_update_msr_bitmap(struct vmx_vcpu *vmx) { }
void vmx_host_init(struct vmx_vcpu *vmx) { }
void vmx_host_cpu_changed(struct vmx_vcpu *vmx) { }
void vmx_host_prepare(struct vmx_vcpu *vmx) { }
void vmx_host_restore(struct vmx_vcpu *vmx) { }
void vmx_syscall_changed(struct vmx_vcpu *vmx) { }
u64 vmx_get_kernel_gs_base(struct vmx_vcpu *vmx) { return 0; }
void vmx_set_kernel_gs_base(struct vmx_vcpu *vmx, u64 value) { }
int vmx_get_msr(struct duet_vcpu *vcpu, u32 index, u64 *value) { return 1; }
int vmx_set_msr(struct duet_vcpu *vcpu, u32 index, u64 value, bool host) { return 1; }
void vmx_explain_error(struct vmx_vcpu *vmx, u64 error) { }
void vmx_explain_exit(struct vmx_vcpu *vmx, u32 reason) { }

const struct duet_rule vmx_control_rules[1], vmx_host_rules[1],
	vmx_guest_rules[1];
