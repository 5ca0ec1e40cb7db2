// SPDX-License-Identifier: GPL-2.0
/*
 * VMX on this machine: is it there, which controls does it have, and on and
 * off per CPU. Called by the module through the ops table; calls the kernel,
 * ept.c and vpid.c.
 */
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <linux/preempt.h>
#include <asm/cpufeature.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/perf_event.h>
#include <asm/processor.h>
#include <asm/tlbflush.h>
#include <asm/tsc.h>
#include "vmx/vmx.h"
#include "uapi/duet.h"

#define CPUID_1_ECX_VMX		BIT(5)

/* IA32_VMX_BASIC (SDM vol. 3, A.1) */
#define BASIC_REVISION		GENMASK_ULL(30, 0)
#define BASIC_SIZE_SHIFT	32
#define BASIC_SIZE		0x1fff
#define BASIC_32BIT_ADDRESSES	BIT_ULL(48)
#define BASIC_MEMORY_TYPE_SHIFT	50
#define BASIC_TRUE_CONTROLS	BIT_ULL(55)

/* IA32_VMX_MISC (A.6): the preemption timer counts each 2^n of the TSC */
#define MISC_TIMER_RATE		0x1f

#define VMX_SLICE_MS		20

DEFINE_PER_CPU(struct vmx_cpu, vmx_cpus);
struct vmx_features vmx_features;

/*
 * The controls that every VMCS has. What the CPU insists on comes in
 * addition. Windows, and what follows from the guest's CPUID (cpuid: below),
 * are switched per vCPU.
 */
enum { REQUIRED, OPTIONAL, CPUID };

#define ROW(group_, name_, use_) {				\
		.group = offsetof(struct vmx_controls, group_),	\
		.bit = name_, .name = #name_, .use = use_ }

static const struct vmx_control {
	u8 group, use;
	u32 bit;
	const char *name;
} vmx_control_table[] = {
	/* the host's events end the guest's turn */
	ROW(pin, PIN_EXTERNAL_INTERRUPT, REQUIRED),
	ROW(pin, PIN_NMI, REQUIRED),
	/* the CPU tracks NMI blocking */
	ROW(pin, PIN_VIRTUAL_NMIS, REQUIRED),
	/* a limit to the guest's turn, see vmx_slice() */
	ROW(pin, PIN_PREEMPTION_TIMER, OPTIONAL),

	/* what the host, not the hardware, does for the guest */
	ROW(cpu, CPU_HLT, REQUIRED),
	ROW(cpu, CPU_MWAIT, REQUIRED),
	ROW(cpu, CPU_MONITOR, REQUIRED),
	ROW(cpu, CPU_RDPMC, REQUIRED),
	ROW(cpu, CPU_MOV_DR, REQUIRED),
	ROW(cpu, CPU_UNCONDITIONAL_IO, REQUIRED),
	ROW(cpu, CPU_MSR_BITMAPS, REQUIRED),
	ROW(cpu, CPU_TSC_OFFSETTING, REQUIRED),
	ROW(cpu, CPU_SECONDARY, REQUIRED),
	/* else CR8 accesses exit */
	ROW(cpu, CPU_TPR_SHADOW, OPTIONAL),

	ROW(cpu2, CPU2_EPT, REQUIRED),
	ROW(cpu2, CPU2_UNRESTRICTED_GUEST, REQUIRED),
	ROW(cpu2, CPU2_VPID, OPTIONAL),
	ROW(cpu2, CPU2_WBINVD, OPTIONAL),
	ROW(cpu2, CPU2_PAUSE_LOOP, OPTIONAL),
	/* SGX is the host's alone */
	ROW(cpu2, CPU2_ENCLS, OPTIONAL),
	ROW(cpu2, CPU2_RDTSCP, CPUID),
	ROW(cpu2, CPU2_INVPCID, CPUID),
	ROW(cpu2, CPU2_XSAVES, CPUID),

	ROW(exit, EXIT_HOST_64BIT, REQUIRED),
	ROW(exit, EXIT_SAVE_DEBUG, REQUIRED),
	ROW(exit, EXIT_LOAD_PAT, REQUIRED),
	ROW(exit, EXIT_LOAD_EFER, REQUIRED),

	ROW(entry, ENTRY_LOAD_DEBUG, REQUIRED),
	ROW(entry, ENTRY_LOAD_PAT, REQUIRED),
	ROW(entry, ENTRY_LOAD_EFER, REQUIRED),
};

/* Forced upon us they would only cost: no CPU with EPT does it. */
#define CPU_UNWANTED	(CPU_CR3_LOAD | CPU_CR3_STORE | CPU_INVLPG | \
			 CPU_RDTSC | CPU_PAUSE)

static u64 vmx_rdmsr(u32 msr)
{
	u64 value;

	return rdmsrl_safe(msr, &value) ? 0 : value;
}

/*
 * A capability MSR: bits that are 1 in the lower half must be 1, those that
 * are 0 in the upper half must be 0 (SDM vol. 3, A.2 to A.5).
 */
static void vmx_read_capability(u32 msr, u32 *must, u32 *may)
{
	u64 value;

	*must = 0;
	*may = 0;
	if (rdmsrl_safe(msr, &value))
		return;
	*must = value;
	*may = value >> 32;
}

static void vmx_read_controls(struct vmx_controls *base,
			      struct vmx_controls *may)
{
	if (vmx_rdmsr(MSR_IA32_VMX_BASIC) & BASIC_TRUE_CONTROLS) {
		vmx_read_capability(MSR_IA32_VMX_TRUE_PINBASED_CTLS,
				    &base->pin, &may->pin);
		vmx_read_capability(MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
				    &base->cpu, &may->cpu);
		vmx_read_capability(MSR_IA32_VMX_TRUE_EXIT_CTLS,
				    &base->exit, &may->exit);
		vmx_read_capability(MSR_IA32_VMX_TRUE_ENTRY_CTLS,
				    &base->entry, &may->entry);
	} else {
		vmx_read_capability(MSR_IA32_VMX_PINBASED_CTLS,
				    &base->pin, &may->pin);
		vmx_read_capability(MSR_IA32_VMX_PROCBASED_CTLS,
				    &base->cpu, &may->cpu);
		vmx_read_capability(MSR_IA32_VMX_EXIT_CTLS,
				    &base->exit, &may->exit);
		vmx_read_capability(MSR_IA32_VMX_ENTRY_CTLS,
				    &base->entry, &may->entry);
	}
	base->cpu2 = 0;
	may->cpu2 = 0;
	if (may->cpu & CPU_SECONDARY)
		vmx_read_capability(MSR_IA32_VMX_PROCBASED_CTLS2, &base->cpu2,
				    &may->cpu2);
}

/* Add our controls to the CPU's. The first one missing, or NULL. */
static const char *vmx_adjust_controls(void)
{
	const char *missing = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmx_control_table); i++) {
		const struct vmx_control *c = &vmx_control_table[i];
		u32 *base = (void *)&vmx_features.base + c->group;
		u32 *may = (void *)&vmx_features.allowed + c->group;

		if (*may & c->bit) {
			if (c->use != CPUID)
				*base |= c->bit;
		} else if (c->use == REQUIRED && !missing) {
			missing = c->name;
		}
	}
	return missing;
}

static void vmx_read_fixed_bits(void)
{
	struct vmx_features *f = &vmx_features;

	f->cr0_fixed0 = vmx_rdmsr(MSR_IA32_VMX_CR0_FIXED0);
	f->cr0_fixed1 = vmx_rdmsr(MSR_IA32_VMX_CR0_FIXED1);
	f->cr4_fixed0 = vmx_rdmsr(MSR_IA32_VMX_CR4_FIXED0);
	f->cr4_fixed1 = vmx_rdmsr(MSR_IA32_VMX_CR4_FIXED1);
}

static bool vmx_firmware_off(void)
{
	u64 value;

	/* Unlocked, VMXON faults as well (SDM vol. 3, 24.7). */
	return rdmsrl_safe(MSR_IA32_FEAT_CTL, &value) ||
		!(value & FEAT_CTL_LOCKED) ||
		!(value & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX);
}

/*
 * No tick of the host's may fail to end the guest's turn: one emulator (Bochs
 * 2.7) loses interrupts while the guest's RFLAGS.IF is 0. The timer starts
 * anew with each entry, and is far behind the tick.
 */
static u32 vmx_slice(void)
{
	u64 ticks = (u64)tsc_khz * VMX_SLICE_MS;

	if (!(vmx_features.base.pin & PIN_PREEMPTION_TIMER))
		return 0;
	/* A host that does not know its TSC must not have turns of nothing. */
	if (!ticks)
		return U32_MAX;
	ticks >>= vmx_rdmsr(MSR_IA32_VMX_MISC) & MISC_TIMER_RATE;
	return clamp_t(u64, ticks, 1, U32_MAX);
}

/* What stops us, or NULL. */
static const char *vmx_obstacle(void)
{
	struct vmx_features *f = &vmx_features;
	static char missing_text[80];
	const char *missing;
	u64 basic;

	/* Linux drops its flag if the firmware says no: ask the CPU. */
	if (!(cpuid_ecx(1) & CPUID_1_ECX_VMX))
		return "this CPU has no VT-x (VMX)";
	if (vmx_firmware_off())
		return "VT-x (VMX) is disabled by the firmware (IA32_FEATURE_CONTROL)";
	if (rdmsrl_safe(MSR_IA32_VMX_BASIC, &basic))
		return "IA32_VMX_BASIC cannot be read";
	if (((basic >> BASIC_SIZE_SHIFT) & BASIC_SIZE) > PAGE_SIZE)
		return "VMX: a VMCS is larger than a page";
	if (((basic >> BASIC_MEMORY_TYPE_SHIFT) & 0xf) != EPTP_MEMORY_TYPE_WB)
		return "VMX: a VMCS must not be write-back memory";
	if (basic & BASIC_32BIT_ADDRESSES)
		return "VMX: addresses have 32 bits only";
#ifdef CONFIG_X86_FRED
	/* Then NMIs need another way than INT 2, and the VMCS more fields. */
	if (cpu_feature_enabled(X86_FEATURE_FRED))
		return "VMX with FRED is not supported: boot with fred=off";
#endif

	f->revision = basic & BASIC_REVISION;
	vmx_read_controls(&f->base, &f->allowed);
	vmx_read_fixed_bits();
	missing = vmx_adjust_controls();
	f->ept = f->base.cpu2 & CPU2_EPT;
	f->vpid = f->base.cpu2 & CPU2_VPID;
	f->tpr_shadow = f->base.cpu & CPU_TPR_SHADOW;
	f->pause_loop = f->base.cpu2 & CPU2_PAUSE_LOOP;
	f->slice = vmx_slice();
	f->ept_vpid_cap = vmx_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) &
		(VMX_EPT_CAPS | VMX_VPID_CAPS);
	if (f->ept)
		vmx_ept_probe();
	if (f->vpid)
		vmx_vpid_probe();
	if (!(f->allowed.cpu2 & CPU2_EPT) || !f->ept)
		return "VT-x of this CPU has no usable EPT, which VMX support needs so far";
	if (!(f->allowed.cpu2 & CPU2_UNRESTRICTED_GUEST))
		return "VT-x of this CPU has no unrestricted guest, which VMX support needs so far";
	if (missing) {
		scnprintf(missing_text, sizeof(missing_text),
			  "VT-x of this CPU lacks the control %s", missing);
		return missing_text;
	}
	if (f->base.cpu & CPU_UNWANTED)
		return "VT-x of this CPU insists on intercepting CR3";
	return NULL;
}

static void vmx_free_cpus(void)
{
	int i;

	for_each_possible_cpu(i) {
		struct vmx_cpu *c = per_cpu_ptr(&vmx_cpus, i);

		if (c->vmxon)
			__free_page(c->vmxon);
		c->vmxon = NULL;
	}
}

static int vmx_alloc_cpus(void)
{
	int i;

	for_each_possible_cpu(i) {
		struct vmx_cpu *c = per_cpu_ptr(&vmx_cpus, i);

		INIT_LIST_HEAD(&c->vmcss);
		c->vmxon = alloc_pages_node(cpu_to_node(i),
					    GFP_KERNEL | __GFP_ZERO, 0);
		if (!c->vmxon)
			return -ENOMEM;
		/* SDM vol. 3, 25.11.5 */
		*(u32 *)page_address(c->vmxon) = vmx_features.revision;
	}
	return 0;
}

int vmx_probe(struct duet_caps *caps)
{
	const char *obstacle;
	int r;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_INTEL &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_CENTAUR &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_ZHAOXIN)
		return -EOPNOTSUPP;

	obstacle = vmx_obstacle();
	if (obstacle) {
		pr_err("duet: %s\n", obstacle);
		return -ENODEV;
	}

	r = vmx_alloc_cpus();
	if (!r)
		r = vmx_l1d_init();
	if (r) {
		vmx_remove();
		return r;
	}

	caps->vendor = "Intel VT-x (VMX)";
	caps->nested = vmx_features.ept;
	caps->generation = vmx_features.ept ? 2 : 1;
	caps->nr_tags = vmx_features.vpid ? 0xffff : 0;
	caps->can_refuse = (vmx_features.vpid ? DUET_REFUSE_TAGS : 0) |
		(vmx_features.ept_leaf_level > 1 ? DUET_REFUSE_LARGE_PAGES : 0) |
		(vmx_features.tpr_shadow ? DUET_REFUSE_TPR : 0);
	caps->tsc_scaling_bits = 0;
	/* VMCALL */
	caps->hypercall[0] = 0x0f;
	caps->hypercall[1] = 0x01;
	caps->hypercall[2] = 0xc1;
	vmx_pte_format(&caps->pte);
	return 0;
}

void vmx_remove(void)
{
	vmx_l1d_exit();
	vmx_free_cpus();
}

/* One VMCS for all: can this CPU do with what the first one chose? */
static bool vmx_cpu_fits(void)
{
	const struct vmx_features *f = &vmx_features;
	struct vmx_controls must, may;
	unsigned int i;

	vmx_read_controls(&must, &may);
	if (((must.pin & ~f->base.pin) | (f->base.pin & ~may.pin) |
	     (must.cpu & ~f->base.cpu) | (f->base.cpu & ~may.cpu) |
	     (must.cpu2 & ~f->base.cpu2) | (f->base.cpu2 & ~may.cpu2) |
	     (must.exit & ~f->base.exit) | (f->base.exit & ~may.exit) |
	     (must.entry & ~f->base.entry) | (f->base.entry & ~may.entry)))
		return false;
	/* What single vCPUs use. */
	for (i = 0; i < ARRAY_SIZE(vmx_control_table); i++) {
		const struct vmx_control *c = &vmx_control_table[i];
		const u32 *first = (void *)&f->allowed + c->group;
		const u32 *here = (void *)&may + c->group;

		if (c->bit & *first & ~*here)
			return false;
	}
	return (vmx_rdmsr(MSR_IA32_VMX_BASIC) & BASIC_REVISION) ==
			f->revision &&
		!(f->ept_vpid_cap & ~vmx_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP));
}

int vmx_cpu_on(void)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);

	/* Firmware may have disabled it on this CPU alone. */
	if (!(cpuid_ecx(1) & CPUID_1_ECX_VMX) || vmx_firmware_off())
		return -ENODEV;
	if (__read_cr4() & X86_CR4_VMXE)
		return -EBUSY;
	if (!vmx_cpu_fits()) {
		pr_err_ratelimited("duet: VT-x of CPU %d is not like the first CPU's\n",
				   raw_smp_processor_id());
		return -EIO;
	}

	INIT_LIST_HEAD(&c->vmcss);
	vmx_ghost_cpu_on(c);
	c->current_vmcs = NULL;
	c->last = NULL;
	c->host_tsc_aux = 0;
	if (boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID))
		rdmsrl(MSR_TSC_AUX, c->host_tsc_aux);
	vmx_host_read_syscall(c);

	/* Processor trace may be forbidden in VMX operation (36.5). */
	intel_pt_handle_vmx(1);
	cr4_set_bits_irqsoff(X86_CR4_VMXE);
	/* Faults if CR0 or CR4 lack a fixed bit: Linux has them all. */
	if (vmx_vmxon(page_to_phys(c->vmxon))) {
		cr4_clear_bits_irqsoff(X86_CR4_VMXE);
		intel_pt_handle_vmx(0);
		return -EIO;
	}
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
	/* Fails if kvm_intel's emergency callback was faster. */
	vmx_vmxoff();
	cr4_clear_bits_irqsoff(X86_CR4_VMXE);
	if (!in_nmi())
		intel_pt_handle_vmx(0);
}
