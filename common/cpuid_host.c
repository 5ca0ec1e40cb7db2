// SPDX-License-Identifier: GPL-2.0
/*
 * What this machine's CPU lends to guests: KVM_GET_SUPPORTED_CPUID and the
 * masks that follow from it. Calls the host's CPUID only; used by cpuid.c,
 * the MSR files and the register ioctls.
 */
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>
#include <asm/fpu/types.h>
#include <asm/processor.h>
#include "common/compat.h"
#include "common/cpuid.h"
#include "common/ops.h"
#include "common/pvclock.h"
#include "common/steal.h"

struct duet_host_cpu duet_host_cpu __read_mostly;

/* The components that guests may enable: what XCR0 alone switches. */
#define GUEST_XCR0	(XFEATURE_MASK_FP | XFEATURE_MASK_SSE |		\
			 XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512)
#define NR_XSTATES	8	/* AVX-512 ends at bit 7 */

/* CPUID.(0DH, n): size, offset and alignment of component n */
static struct {
	u32 size, offset;
	bool align;
} xstates[NR_XSTATES] __read_mostly;

enum { EAX, EBX, ECX, EDX };

#define F(name)	BIT(X86_FEATURE_##name & 31)

/*
 * Feature bits. What a guest can have is in @allowed, in the host's CPUID and
 * not refused by the host's kernel (@word of x86_capability); @emulated is
 * there on every host. Left out on purpose: whatever needs an MSR, an XSS
 * component or an intercept that Duet does not have (MONITOR, VMX, SVM, SMX,
 * perfmon, DS, PDCM, PKU, LA57, MPX, SGX, PT, AMX, CET, WAITPKG, XSAVES,
 * OSVW, IBS, LWP, WDT). TSC_DEADLINE is not here either: the API says so, it
 * has a capability of its own.
 */
static const struct feature_row {
	u32 function, index;
	u8 reg, word;
	u32 allowed, emulated;
} features[] = {
	{ 1, 0, EDX, CPUID_1_EDX,
	  F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) |
	  F(MCE) | F(CX8) | F(APIC) | F(SEP) | F(MTRR) | F(PGE) | F(MCA) |
	  F(CMOV) | F(PAT) | F(PSE36) | F(CLFLUSH) | F(MMX) | F(FXSR) |
	  F(XMM) | F(XMM2) | F(SELFSNOOP),
	  F(APIC) },
	{ 1, 0, ECX, CPUID_1_ECX,
	  F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(PCID) |
	  F(XMM4_1) | F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) |
	  F(AVX) | F(F16C) | F(RDRAND),
	  F(X2APIC) | F(HYPERVISOR) },
	{ 7, 0, EBX, CPUID_7_0_EBX,
	  F(FSGSBASE) | F(BMI1) | F(HLE) | F(AVX2) | F(FDP_EXCPTN_ONLY) |
	  F(SMEP) | F(BMI2) | F(ERMS) | F(INVPCID) | F(RTM) |
	  F(ZERO_FCS_FDS) | F(AVX512F) | F(AVX512DQ) | F(RDSEED) | F(ADX) |
	  F(SMAP) | F(AVX512IFMA) | F(CLFLUSHOPT) | F(CLWB) | F(AVX512PF) |
	  F(AVX512ER) | F(AVX512CD) | F(SHA_NI) | F(AVX512BW) | F(AVX512VL),
	  F(TSC_ADJUST) },
	{ 7, 0, ECX, CPUID_7_ECX,
	  F(AVX512VBMI) | F(RDPID) | F(AVX512_VPOPCNTDQ) | F(UMIP) |
	  F(AVX512_VBMI2) | F(GFNI) | F(VAES) | F(VPCLMULQDQ) |
	  F(AVX512_VNNI) | F(AVX512_BITALG) | F(CLDEMOTE) | F(MOVDIRI) |
	  F(MOVDIR64B),
	  0 },
	{ 7, 0, EDX, CPUID_7_EDX,
	  F(AVX512_4VNNIW) | F(AVX512_4FMAPS) | F(SPEC_CTRL) |
	  F(SPEC_CTRL_SSBD) | F(ARCH_CAPABILITIES) | F(INTEL_STIBP) |
	  F(MD_CLEAR) | F(AVX512_VP2INTERSECT) | F(FSRM) | F(SERIALIZE) |
	  F(TSXLDTRK) | F(AVX512_FP16),
	  0 },
	{ 7, 1, EAX, CPUID_7_1_EAX, F(AVX_VNNI) | F(AVX512_BF16), 0 },
	{ 0xd, 1, EAX, CPUID_D_1_EAX,
	  F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1), 0 },
	{ 0x80000001, 0, EDX, CPUID_8000_0001_EDX,
	  F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) |
	  F(MCE) | F(CX8) | F(APIC) | F(SYSCALL) | F(MTRR) | F(PGE) |
	  F(MCA) | F(CMOV) | F(PAT) | F(PSE36) | F(NX) | F(MMXEXT) |
	  F(MMX) | F(FXSR) | F(FXSR_OPT) | F(GBPAGES) | F(RDTSCP) | F(LM) |
	  F(3DNOWEXT) | F(3DNOW),
	  0 },
	{ 0x80000001, 0, ECX, CPUID_8000_0001_ECX,
	  F(LAHF_LM) | F(CMP_LEGACY) | F(CR8_LEGACY) | F(ABM) | F(SSE4A) |
	  F(MISALIGNSSE) | F(3DNOWPREFETCH) | F(XOP) | F(FMA4) | F(TBM) |
	  F(TOPOEXT),
	  0 },
	{ 0x80000008, 0, EBX, CPUID_8000_0008_EBX,
	  F(CLZERO) | F(XSAVEERPTR) | F(WBNOINVD) | F(AMD_IBPB) |
	  F(AMD_IBRS) | F(AMD_SSBD) | F(AMD_SSB_NO) | F(AMD_STIBP) |
	  F(AMD_STIBP_ALWAYS_ON),
	  0 },
	{ 0x80000021, 0, EAX, CPUID_8000_0021_EAX,
	  /*
	   * no nested data breakpoints, LFENCE serializes, null selector
	   * clears the base (APM vol. 3, E.4.16)
	   */
	  BIT(0) | BIT(2) | BIT(6), 0 },
};

/* Highest leaves offered (of those that the host has). */
#define MAX_BASIC	0xd
#define MAX_EXTENDED	0x80000021

static u32 host_cpuid(u32 function, u32 index, int reg)
{
	u32 r[4];
	u32 max = cpuid_eax(function & 0x80000000);

	/* Beyond the last leaf Intel's CPUs answer with another one. */
	if (function > max || (max & 0x80000000) != (function & 0x80000000))
		return 0;
	cpuid_count(function, index, &r[EAX], &r[EBX], &r[ECX], &r[EDX]);
	return r[reg];
}

static bool leaf_has_index(u32 function)
{
	switch (function) {
	case 4:
	case 7:
	case 0xb:
	case 0xd:
	case 0x8000001d:
		return true;
	default:
		return false;
	}
}

/* Features that make sense only with a state component of XCR0. */
static u32 without_xstate(const struct feature_row *row)
{
	bool xsave = duet_host_cpu.supported_xcr0 & XFEATURE_MASK_SSE;
	bool avx = duet_host_cpu.supported_xcr0 & XFEATURE_MASK_YMM;
	bool avx512 = duet_host_cpu.supported_xcr0 & XFEATURE_MASK_AVX512;
	u32 off = 0;

	switch (row->word) {
	case CPUID_1_ECX:
		if (!xsave)
			off |= F(XSAVE);
		if (!avx)
			off |= F(AVX) | F(FMA) | F(F16C);
		break;
	case CPUID_7_0_EBX:
		if (!avx)
			off |= F(AVX2);
		if (!avx512)
			off |= F(AVX512F) | F(AVX512DQ) | F(AVX512IFMA) |
				F(AVX512PF) | F(AVX512ER) | F(AVX512CD) |
				F(AVX512BW) | F(AVX512VL);
		break;
	case CPUID_7_ECX:
		if (!avx)
			off |= F(VAES) | F(VPCLMULQDQ);
		if (!avx512)
			off |= F(AVX512VBMI) | F(AVX512_VPOPCNTDQ) |
				F(AVX512_VBMI2) | F(AVX512_VNNI) |
				F(AVX512_BITALG);
		break;
	case CPUID_7_EDX:
		if (!avx512)
			off |= F(AVX512_4VNNIW) | F(AVX512_4FMAPS) |
				F(AVX512_VP2INTERSECT) | F(AVX512_FP16);
		break;
	case CPUID_7_1_EAX:
		if (!avx)
			off |= F(AVX_VNNI);
		if (!avx512)
			off |= F(AVX512_BF16);
		break;
	case CPUID_D_1_EAX:
		if (!xsave)
			off = ~0U;
		break;
	case CPUID_8000_0001_ECX:
		if (!avx)
			off |= F(XOP) | F(FMA4);
		break;
	}
	return off;
}

static u32 feature_bits(const struct feature_row *row)
{
	u32 off = without_xstate(row);

	/* Shadow tables have no tags for process-context identifiers. */
	if (!duet_caps.nested && row->word == CPUID_1_ECX)
		off |= F(PCID);
	if (!duet_caps.nested && row->word == CPUID_7_0_EBX)
		off |= F(INVPCID);

	return (host_cpuid(row->function, row->index, row->reg) &
		boot_cpu_data.x86_capability[row->word] &
		row->allowed & ~off) | row->emulated;
}

static void mask_features(struct kvm_cpuid_entry2 *e)
{
	u32 *reg[4] = { &e->eax, &e->ebx, &e->ecx, &e->edx };
	int i;

	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (features[i].function == e->function &&
		    features[i].index == e->index)
			*reg[features[i].reg] = feature_bits(&features[i]);
}

bool duet_host_has(u32 function, u32 index, int reg, int bit)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (features[i].function == function &&
		    features[i].index == index && features[i].reg == reg)
			return feature_bits(&features[i]) & BIT(bit);
	return false;
}

#define HOST_HAS(function, index, reg, name) \
	duet_host_has(function, index, reg, X86_FEATURE_##name & 31)

u32 duet_xstate_size(u64 xcr0, bool compacted)
{
	u32 size = 512 + 64;	/* legacy region and header */
	u32 offset;
	int i;

	for (i = 2; i < NR_XSTATES; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		offset = xstates[i].offset;
		if (compacted)
			offset = xstates[i].align ? ALIGN(size, 64) : size;
		size = max(size, offset + xstates[i].size);
	}
	return size;
}

static u8 host_maxphyaddr(void)
{
	u32 bits = host_cpuid(0x80000008, 0, EAX) & 0xff;

	/* Shadow tables hold host addresses, less what encryption takes. */
	if (!duet_caps.nested)
		return boot_cpu_data.x86_phys_bits;
	return min_t(u32, bits ? bits : 36, 9 * duet_caps.pte.levels + 12);
}

static u64 host_cr4_reserved(void)
{
	u64 cr4 = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |
		  X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE |
		  X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;

	if (HOST_HAS(1, 0, ECX, XSAVE))
		cr4 |= X86_CR4_OSXSAVE;
	if (HOST_HAS(1, 0, ECX, PCID))
		cr4 |= X86_CR4_PCIDE;
	if (HOST_HAS(7, 0, EBX, SMEP))
		cr4 |= X86_CR4_SMEP;
	if (HOST_HAS(7, 0, EBX, SMAP))
		cr4 |= X86_CR4_SMAP;
	if (HOST_HAS(7, 0, EBX, FSGSBASE))
		cr4 |= X86_CR4_FSGSBASE;
	if (HOST_HAS(7, 0, ECX, UMIP))
		cr4 |= X86_CR4_UMIP;
	return ~cr4;
}

static u64 host_efer_allowed(void)
{
	u64 efer = EFER_SCE | EFER_LME | EFER_LMA;

	if (HOST_HAS(0x80000001, 0, EDX, NX))
		efer |= EFER_NX;
	if (HOST_HAS(0x80000001, 0, EDX, FXSR_OPT))
		efer |= EFER_FFXSR;
	return efer;
}

static void init_xstates(void)
{
	u32 eax, ebx, ecx, edx;
	int i;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return;

	duet_host_cpu.xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	duet_host_cpu.supported_xcr0 = duet_host_cpu.xcr0 & GUEST_XCR0;
	if ((duet_host_cpu.supported_xcr0 & XFEATURE_MASK_AVX512) !=
	    XFEATURE_MASK_AVX512)
		duet_host_cpu.supported_xcr0 &= ~XFEATURE_MASK_AVX512;
	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl_safe(MSR_IA32_XSS, &duet_host_cpu.xss);

	for (i = 2; i < NR_XSTATES; i++) {
		if (!(duet_host_cpu.supported_xcr0 & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &eax, &ebx, &ecx, &edx);
		xstates[i].size = eax;
		xstates[i].offset = ebx;
		xstates[i].align = ecx & BIT(1);
	}
}

void duet_cpuid_global_init(void)
{
	memset(&duet_host_cpu, 0, sizeof(duet_host_cpu));
	init_xstates();
	duet_host_cpu.maxphyaddr = host_maxphyaddr();
	duet_host_cpu.cr4_reserved = host_cr4_reserved();
	duet_host_cpu.efer_allowed = host_efer_allowed();
}

struct leaf_list {
	struct kvm_cpuid_entry2 *entries;
	u32 nr;
	struct kvm_cpuid_entry2 spill;	/* more than the array holds */
};

static struct kvm_cpuid_entry2 *new_leaf(struct leaf_list *list, u32 function,
					 u32 index)
{
	struct kvm_cpuid_entry2 *e = &list->spill;

	if (list->nr < DUET_MAX_CPUID_ENTRIES)
		e = &list->entries[list->nr++];
	memset(e, 0, sizeof(*e));
	e->function = function;
	e->index = index;
	if (leaf_has_index(function))
		e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	return e;
}

static struct kvm_cpuid_entry2 *host_leaf(struct leaf_list *list, u32 function,
					  u32 index)
{
	struct kvm_cpuid_entry2 *e = new_leaf(list, function, index);

	e->eax = host_cpuid(function, index, EAX);
	e->ebx = host_cpuid(function, index, EBX);
	e->ecx = host_cpuid(function, index, ECX);
	e->edx = host_cpuid(function, index, EDX);
	return e;
}

/* Deterministic cache parameters; no topology: user space knows that. */
static void cache_leaves(struct leaf_list *list, u32 function)
{
	struct kvm_cpuid_entry2 *e;
	u32 i;

	for (i = 0; i < 16; i++) {
		e = host_leaf(list, function, i);
		if (!(e->eax & 0x1f))
			break;
		e->eax &= GENMASK(13, 0);
	}
}

static void structured_leaves(struct leaf_list *list)
{
	struct kvm_cpuid_entry2 *e = new_leaf(list, 7, 0);

	e->eax = min(host_cpuid(7, 0, EAX), 1U);
	mask_features(e);
	if (e->eax)
		mask_features(new_leaf(list, 7, 1));
}

/* SDM vol. 1, 13.2 */
static void xsave_leaves(struct leaf_list *list)
{
	u64 xcr0 = duet_host_cpu.supported_xcr0;
	struct kvm_cpuid_entry2 *e = new_leaf(list, 0xd, 0);
	int i;

	if (!xcr0)
		return;
	e->eax = xcr0;
	e->edx = xcr0 >> 32;
	e->ebx = duet_xstate_size(xcr0, false);
	e->ecx = e->ebx;

	e = new_leaf(list, 0xd, 1);
	mask_features(e);
	if (e->eax & F(XSAVEC))
		e->ebx = duet_xstate_size(xcr0, true);

	for (i = 2; i < NR_XSTATES; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		e = new_leaf(list, 0xd, i);
		e->eax = xstates[i].size;
		e->ebx = xstates[i].offset;
		e->ecx = xstates[i].align ? BIT(1) : 0;
	}
}

static void basic_leaf(struct leaf_list *list, u32 function)
{
	struct kvm_cpuid_entry2 *e;

	switch (function) {
	case 1:
		e = host_leaf(list, function, 0);
		/* APIC id and number of CPUs are the virtual machine's */
		e->ebx &= GENMASK(15, 0);
		mask_features(e);
		break;
	case 2:
		host_leaf(list, function, 0);
		break;
	case 4:
		cache_leaves(list, function);
		break;
	case 6:
		/* ARAT: the local APIC's timer never stops */
		new_leaf(list, function, 0)->eax = BIT(2);
		break;
	case 7:
		structured_leaves(list);
		break;
	case 0xd:
		xsave_leaves(list);
		break;
	default:
		new_leaf(list, function, 0);
		break;
	}
}

static void extended_leaf(struct leaf_list *list, u32 function)
{
	struct kvm_cpuid_entry2 *e;

	switch (function) {
	case 0x80000001:
		e = host_leaf(list, function, 0);
		e->ebx &= ~GENMASK(27, 16);
		mask_features(e);
		break;
	case 0x80000002 ... 0x80000005:	/* brand string, L1 caches */
		host_leaf(list, function, 0);
		break;
	case 0x80000006:		/* L2 and L3 caches */
		host_leaf(list, function, 0)->edx &= ~GENMASK(17, 16);
		break;
	case 0x80000007:		/* invariant TSC */
		new_leaf(list, function, 0)->edx =
			host_cpuid(function, 0, EDX) &
			boot_cpu_data.x86_power & BIT(8);
		break;
	case 0x80000008:
		e = new_leaf(list, function, 0);
		e->eax = duet_host_cpu.maxphyaddr | 48 << 8;
		mask_features(e);
		break;
	case 0x8000001a:		/* performance of vectors */
		new_leaf(list, function, 0)->eax =
			host_cpuid(function, 0, EAX) & GENMASK(2, 0);
		break;
	case 0x8000001d:
		cache_leaves(list, function);
		break;
	case 0x80000021:
		mask_features(new_leaf(list, function, 0));
		break;
	default:
		new_leaf(list, function, 0);
		break;
	}
}

/* Preemption off: all leaves are of one CPU. */
static void supported_leaves(struct leaf_list *list)
{
	struct kvm_cpuid_entry2 *e;
	u32 function, max;

	e = host_leaf(list, 0, 0);
	e->eax = max = min_t(u32, e->eax, MAX_BASIC);
	for (function = 1; function <= max; function++)
		basic_leaf(list, function);

	e = host_leaf(list, 0x80000000, 0);
	e->eax = max = min_t(u32, e->eax, MAX_EXTENDED);
	for (function = 0x80000001; function <= max; function++)
		extended_leaf(list, function);

	e = new_leaf(list, KVM_CPUID_SIGNATURE, 0);
	e->eax = KVM_CPUID_FEATURES;
	memcpy(&e->ebx, KVM_SIGNATURE, 4);
	memcpy(&e->ecx, KVM_SIGNATURE + 4, 4);
	memcpy(&e->edx, KVM_SIGNATURE + 8, 4);
	e = new_leaf(list, KVM_CPUID_FEATURES, 0);
	e->eax = BIT(KVM_FEATURE_NOP_IO_DELAY) | BIT(KVM_FEATURE_PV_UNHALT) |
		BIT(KVM_FEATURE_PV_SEND_IPI) | BIT(KVM_FEATURE_PV_EOI);
	if (duet_steal_usable())
		e->eax |= BIT(KVM_FEATURE_STEAL_TIME);
	if (duet_clock_usable())
		e->eax |= BIT(KVM_FEATURE_CLOCKSOURCE) |
			BIT(KVM_FEATURE_CLOCKSOURCE2) |
			BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT);
}

int duet_get_supported_cpuid(struct kvm_cpuid2 __user *to)
{
	struct leaf_list list = {};
	u32 nent;
	int r = 0;

	if (get_user(nent, &to->nent))
		return -EFAULT;

	list.entries = kvcalloc(DUET_MAX_CPUID_ENTRIES,
				sizeof(*list.entries), GFP_KERNEL);
	if (!list.entries)
		return -ENOMEM;

	preempt_disable();
	supported_leaves(&list);
	preempt_enable();

	if (nent < list.nr)
		r = -E2BIG;
	else if (copy_to_user(to->entries, list.entries,
			      list.nr * sizeof(*list.entries)) ||
		 put_user(list.nr, &to->nent))
		r = -EFAULT;

	kvfree(list.entries);
	return r;
}
