// SPDX-License-Identifier: GPL-2.0
/*
 * SVM on this machine: is it there, and on and off per CPU. Called by the
 * module through the ops table; calls the kernel only.
 */
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/cc_platform.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/pgtable.h>
#include <asm/processor.h>
#include "svm/instructions.h"
#include "svm/svm.h"
#include "uapi/duet.h"

#define CPUID_SVM		0x8000000a	/* APM vol. 3, E.4.9 */
#define CPUID_SVM_NP		BIT(0)
#define CPUID_SVM_NRIPS		BIT(3)
#define CPUID_SVM_CLEAN		BIT(5)
#define CPUID_SVM_FLUSH_ASID	BIT(6)
#define CPUID_SVM_DECODE	BIT(7)
#define CPUID_SVM_PAUSE		BIT(10)
#define CPUID_SVM_PAUSE_THRESH	BIT(12)

#define VM_CR_SVMDIS		BIT(4)		/* APM vol. 2, 15.30.1 */
#define TSC_RATIO_ONE_HIGH	1		/* APM vol. 2, 15.30.5 */

#define IOPM_ORDER		2		/* 12 KiB (APM vol. 2, 15.10.1) */

DEFINE_PER_CPU(struct svm_cpu, svm_cpus);
struct svm_features svm_features;
hpa_t svm_iopm_pa;

static struct page *svm_iopm;

/* Nested page-table entries are ordinary ones (APM vol. 2, 15.25.5). */
static void svm_pte_format(struct duet_pte_format *pte)
{
	pte->present_mask = _PAGE_PRESENT;
	/* The walk counts as a user access: U is needed at each level. */
	pte->table = __sme_set(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER |
			       _PAGE_ACCESSED);
	pte->leaf = _PAGE_PRESENT | _PAGE_USER;
	pte->read = _PAGE_PRESENT;
	pte->write = _PAGE_RW;
	pte->no_exec = boot_cpu_has(X86_FEATURE_NX) ? _PAGE_NX : 0;
	pte->accessed = _PAGE_ACCESSED;
	pte->dirty = _PAGE_DIRTY;
	pte->large = _PAGE_PSE;
	/*
	 * Indices 0 and 3 of the host's PAT (APM vol. 2, 15.25.8). Devices do
	 * not decode the encryption bit (7.10.5).
	 */
	pte->wb = __sme_set(0);
	pte->uc = _PAGE_PWT | _PAGE_PCD;
	pte->spare = _PAGE_SOFTW1;
	/* The nested tables have as many levels as the host's. */
	pte->levels = pgtable_l5_enabled() ? 5 : 4;
	pte->max_leaf_level = boot_cpu_has(X86_FEATURE_GBPAGES) ? 3 : 2;
}

static void svm_read_features(void)
{
	u32 edx = cpuid_edx(CPUID_SVM);

	svm_features = (struct svm_features) {
		.edx = edx & (CPUID_SVM_NP | CPUID_SVM_NRIPS |
			      CPUID_SVM_CLEAN | CPUID_SVM_FLUSH_ASID |
			      CPUID_SVM_DECODE | CPUID_SVM_PAUSE |
			      CPUID_SVM_PAUSE_THRESH),
		.nr_asids = cpuid_ebx(CPUID_SVM),
		.npt = edx & CPUID_SVM_NP,
		.nrips = edx & CPUID_SVM_NRIPS,
		.decode = edx & CPUID_SVM_DECODE,
		.flush_by_asid = edx & CPUID_SVM_FLUSH_ASID,
		.clean_bits = edx & CPUID_SVM_CLEAN,
		.pause_filter = edx & CPUID_SVM_PAUSE,
		.pause_threshold = edx & CPUID_SVM_PAUSE_THRESH,
	};
}

static u64 svm_can_refuse(void)
{
	const struct svm_features *f = &svm_features;

	return DUET_REFUSE_TAGS | DUET_REFUSE_TPR |
		(f->npt ? DUET_REFUSE_LARGE_PAGES : 0) |
		(f->nrips ? DUET_REFUSE_NEXT_RIP : 0) |
		(f->decode ? DUET_REFUSE_DECODE : 0) |
		(f->clean_bits ? DUET_REFUSE_CLEAN_BITS : 0) |
		(f->flush_by_asid ? DUET_REFUSE_FLUSH_TAG : 0);
}

/* What stops us, or NULL. */
static const char *svm_obstacle(void)
{
	u64 vm_cr;

	if (!boot_cpu_has(X86_FEATURE_SVM))
		return "this CPU has no AMD-V (SVM)";
	if (cpuid_eax(0x80000000) < CPUID_SVM)
		return "CPUID lacks the SVM leaf 8000_000A";
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return "this machine is itself an encrypted (SEV) guest";
	if (rdmsrl_safe(MSR_VM_CR, &vm_cr))
		return "VM_CR cannot be read";
	if (vm_cr & VM_CR_SVMDIS)
		return "AMD-V (SVM) is disabled by the firmware (VM_CR.SVMDIS)";
	if (cpuid_ebx(CPUID_SVM) < 2)
		return "this CPU has no ASID for a guest";
	return NULL;
}

/*
 * What VMRUN is given is "in use" in the reverse map table of a host with SNP
 * until #VMEXIT. Is it the first page of a large one, processors take that
 * for the whole of it, and the host's writes to its neighbours fault (an
 * erratum of Zen 3 and Zen 4).
 */
struct page *svm_alloc_page(int node, gfp_t gfp)
{
	struct page *page = alloc_pages_node(node, gfp | __GFP_ZERO, 0), *pair;

	if (!page || !IS_ALIGNED(page_to_pfn(page), PTRS_PER_PTE))
		return page;
	pair = alloc_pages_node(node, gfp | __GFP_ZERO, 1);
	__free_page(page);
	if (!pair)
		return NULL;
	split_page(pair, 1);
	__free_page(pair);
	return pair + 1;
}

static void svm_free_cpus(void)
{
	int i;

	for_each_possible_cpu(i) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpus, i);

		svm_ghost_cpu_free(c);
		if (c->host_save)
			__free_page(c->host_save);
		if (c->host_state)
			__free_page(c->host_state);
		c->host_save = NULL;
		c->host_state = NULL;
	}
}

static int svm_alloc_cpus(void)
{
	int i;

	for_each_possible_cpu(i) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpus, i);
		int node = cpu_to_node(i);

		c->host_save = svm_alloc_page(node, GFP_KERNEL);
		c->host_state = svm_alloc_page(node, GFP_KERNEL);
		if (!c->host_save || !c->host_state ||
		    svm_ghost_cpu_alloc(c, svm_features.nr_asids))
			return -ENOMEM;
	}
	return 0;
}

int svm_probe(struct duet_caps *caps)
{
	const char *obstacle;
	int r;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_AMD &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_HYGON)
		return -EOPNOTSUPP;

	obstacle = svm_obstacle();
	if (obstacle) {
		pr_err("duet: %s\n", obstacle);
		return -ENODEV;
	}
	svm_read_features();

	svm_iopm = alloc_pages(GFP_KERNEL, IOPM_ORDER);
	if (!svm_iopm)
		return -ENOMEM;
	memset(page_address(svm_iopm), 0xff, PAGE_SIZE << IOPM_ORDER);
	svm_iopm_pa = __sme_set(page_to_phys(svm_iopm));

	r = svm_alloc_cpus();
	if (!r)
		r = svm_quirks_init();
	if (r) {
		svm_remove();
		return r;
	}

	caps->vendor = "AMD-V (SVM)";
	caps->nested = svm_features.npt;
	caps->generation = svm_features.npt ? 2 : 1;
	caps->nr_tags = svm_features.nr_asids;
	caps->can_refuse = svm_can_refuse();
	caps->tsc_scaling_bits = 0;
	/* VMMCALL */
	caps->hypercall[0] = 0x0f;
	caps->hypercall[1] = 0x01;
	caps->hypercall[2] = 0xd9;
	svm_pte_format(&caps->pte);
	return 0;
}

void svm_remove(void)
{
	svm_quirks_exit();
	svm_free_cpus();
	if (svm_iopm)
		__free_pages(svm_iopm, IOPM_ORDER);
	svm_iopm = NULL;
}

/* One VMCB for all: can this CPU do with what the first one has? */
static bool svm_cpu_fits(void)
{
	return cpuid_ebx(CPUID_SVM) >= svm_features.nr_asids &&
		!(svm_features.edx & ~cpuid_edx(CPUID_SVM));
}

int svm_cpu_on(void)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);
	u64 efer, vm_cr;

	/* Firmware may have disabled it on this CPU alone. */
	if (!this_cpu_has(X86_FEATURE_SVM) ||
	    rdmsrl_safe(MSR_VM_CR, &vm_cr) || (vm_cr & VM_CR_SVMDIS))
		return -ENODEV;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;
	if (!svm_cpu_fits()) {
		pr_err_ratelimited("duet: AMD-V of CPU %d is not like the first CPU's\n",
				   raw_smp_processor_id());
		return -EIO;
	}

	svm_asids_init(&c->asids, svm_features.nr_asids);
	svm_ghost_cpu_on(c);
	c->last = NULL;
	c->host_tsc_aux = 0;
	if (boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID))
		rdmsrl(MSR_TSC_AUX, c->host_tsc_aux);

	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, __sme_set(page_to_phys(c->host_save)));
	/* Somebody before us may have left another ratio. */
	if (boot_cpu_has(X86_FEATURE_TSCRATEMSR))
		wrmsr(MSR_AMD64_TSC_RATIO, 0, TSC_RATIO_ONE_HIGH);
	c->on = true;
	svm_errata_on();
	svm_try_quirks(c);
	return 0;
}

void svm_cpu_off(void)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);
	u64 efer;

	if (!c->on)
		return;
	c->on = false;
	rdmsrl(MSR_EFER, efer);
	if (!(efer & EFER_SVME))
		return;
	/*
	 * In an emergency we may have come between CLGI and STGI, and
	 * without SVM nothing sets GIF again. It faults if SVM went off in
	 * an NMI since we looked; GIF is 1 then.
	 */
	svm_stgi();
	svm_errata_off();
	wrmsrl(MSR_VM_HSAVE_PA, 0);
	wrmsrl(MSR_EFER, efer & ~EFER_SVME);
}
