// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's CPUID: the table that user space gave, what follows from it, and
 * the instruction itself. Called by exits, the MSR files and the ioctls.
 */
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include "common/vcpu.h"

#define BIT_OF(name)	BIT(X86_FEATURE_##name & 31)

static const struct kvm_cpuid_entry2 nothing;

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid_entry2 *entries, u32 nr,
				     u32 function, u32 index)
{
	struct kvm_cpuid_entry2 *e;

	for (e = entries; e < entries + nr; e++)
		if (e->function == function &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		     e->index == index))
			return e;
	return NULL;
}

struct kvm_cpuid_entry2 *duet_find_cpuid(struct duet_vcpu *vcpu, u32 function,
					 u32 index)
{
	return find(vcpu->cpuid.entries, vcpu->cpuid.nr, function, index);
}

/*
 * The instruction
 */

/*
 * Intel: a leaf above the last one of its range, or of a range that is not
 * there, reads as the last basic leaf (SDM vol. 2, CPUID); AMD: zeros.
 */
static struct kvm_cpuid_entry2 *out_of_range(struct duet_vcpu *vcpu,
					     u32 *function, u32 index)
{
	struct kvm_cpuid_entry2 *basic = duet_find_cpuid(vcpu, 0, 0);
	struct kvm_cpuid_entry2 *range;
	u32 base;

	if (!basic || vcpu->cpuid.amd)
		return NULL;

	if (*function >> 28 == 4)	/* hypervisors: 256 leaves each */
		base = *function & 0xffffff00;
	else if (*function >= 0xc0000000)
		base = 0xc0000000;
	else
		base = *function & 0x80000000;
	range = duet_find_cpuid(vcpu, base, 0);
	if (range && *function <= range->eax)
		return NULL;

	*function = basic->eax;
	return duet_find_cpuid(vcpu, *function, index);
}

static const struct kvm_cpuid_entry2 *cpuid_miss(struct duet_vcpu *vcpu,
						 u32 function, u32 index,
						 struct kvm_cpuid_entry2 *tmp)
{
	u32 found = function;
	struct duet_cpuid_hit *hit;
	struct kvm_cpuid_entry2 *e;

	e = duet_find_cpuid(vcpu, function, index);
	if (!e)
		e = out_of_range(vcpu, &found, index);

	/*
	 * Topology leaves: ECX[7:0] and EDX, the x2APIC id, are valid for
	 * undefined sub-leaves as well (SDM vol. 2, CPUID, leaf 0BH). They
	 * are told from an absent leaf by sub-leaf 1.
	 */
	if (!e && (found == 0xb || found == 0x1f)) {
		e = duet_find_cpuid(vcpu, found, 1);
		if (!e)
			return &nothing;
		*tmp = nothing;
		tmp->ecx = index & 0xff;
		tmp->edx = e->edx;
		return tmp;
	}

	hit = &vcpu->cpuid.hits[(function ^ (function >> 28)) %
				DUET_CPUID_HITS];
	hit->function = function;
	hit->index = index;
	hit->index_mask = ~0U;
	if (e && found == function &&
	    !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX))
		hit->index_mask = 0;
	hit->entry = e ? e : &nothing;
	return hit->entry;
}

void duet_cpuid(struct duet_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	u32 function = *eax, index = *ecx;
	const struct duet_cpuid_hit *hit;
	const struct kvm_cpuid_entry2 *e;
	struct kvm_cpuid_entry2 tmp;

	BUILD_BUG_ON(!is_power_of_2(DUET_CPUID_HITS));
	/* Masked, so that the guest's value cannot index beyond, ever. */
	hit = &vcpu->cpuid.hits[(function ^ (function >> 28)) %
				DUET_CPUID_HITS];
	e = hit->entry;
	if (unlikely(!e || hit->function != function ||
		     ((hit->index ^ index) & hit->index_mask)))
		e = cpuid_miss(vcpu, function, index, &tmp);

	*eax = e->eax;
	*ebx = e->ebx;
	*ecx = e->ecx;
	*edx = e->edx;
}

/*
 * What follows live state
 */

static void set_bits(u32 *reg, u32 bits, bool on)
{
	*reg = on ? *reg | bits : *reg & ~bits;
}

static void refresh_entries(struct duet_vcpu *vcpu,
			    struct kvm_cpuid_entry2 *leaf_1,
			    struct kvm_cpuid_entry2 *leaf_d0,
			    struct kvm_cpuid_entry2 *leaf_d1)
{
	if (leaf_1) {
		set_bits(&leaf_1->ecx, BIT_OF(OSXSAVE),
			 duet_cr4(vcpu) & X86_CR4_OSXSAVE);
		set_bits(&leaf_1->edx, BIT_OF(APIC),
			 vcpu->msrs.apic_base & MSR_IA32_APICBASE_ENABLE);
	}
	if (leaf_d0)
		leaf_d0->ebx = duet_xstate_size(vcpu->xcr0, false);
	if (leaf_d1 && (leaf_d1->eax & (BIT_OF(XSAVEC) | BIT_OF(XSAVES))))
		leaf_d1->ebx = duet_xstate_size(vcpu->xcr0, true);
}

void duet_cpuid_refresh(struct duet_vcpu *vcpu)
{
	struct duet_cpuid *c = &vcpu->cpuid;

	refresh_entries(vcpu, c->leaf_1, c->leaf_d0, c->leaf_d1);

	vcpu->msrs.xcr0_switch = (duet_cr4(vcpu) & X86_CR4_OSXSAVE) &&
		(vcpu->xcr0 != duet_host_cpu.xcr0 || duet_host_cpu.xss);
}

/*
 * What follows the table
 */

static u32 guest_reg(struct duet_vcpu *vcpu, u32 function, u32 index, int reg)
{
	struct kvm_cpuid_entry2 *e = duet_find_cpuid(vcpu, function, index);

	if (!e)
		return 0;
	switch (reg) {
	case 0:
		return e->eax;
	case 1:
		return e->ebx;
	case 2:
		return e->ecx;
	default:
		return e->edx;
	}
}

#define GUEST_EAX(f, i)	guest_reg(vcpu, f, i, 0)
#define GUEST_EBX(f, i)	guest_reg(vcpu, f, i, 1)
#define GUEST_ECX(f, i)	guest_reg(vcpu, f, i, 2)
#define GUEST_EDX(f, i)	guest_reg(vcpu, f, i, 3)

static bool vendor_is_amd(const struct kvm_cpuid_entry2 *e)
{
	static const char names[][13] = { "AuthenticAMD", "HygonGenuine" };
	int i;

	for (i = 0; e && i < ARRAY_SIZE(names); i++)
		if (!memcmp(&e->ebx, names[i], 4) &&
		    !memcmp(&e->edx, names[i] + 4, 4) &&
		    !memcmp(&e->ecx, names[i] + 8, 4))
			return true;
	return false;
}

static u8 guest_maxphyaddr(struct duet_vcpu *vcpu)
{
	struct kvm_cpuid_entry2 *e = duet_find_cpuid(vcpu, 0x80000000, 0);

	if (e && e->eax >= 0x80000008) {
		e = duet_find_cpuid(vcpu, 0x80000008, 0);
		if (e)
			return clamp_t(u32, e->eax & 0xff, 32, 52);
	}
	return 36;
}

static u64 guest_cr4_reserved(struct duet_vcpu *vcpu)
{
	u64 reserved = duet_host_cpu.cr4_reserved;

	if (!(GUEST_ECX(1, 0) & BIT_OF(XSAVE)))
		reserved |= X86_CR4_OSXSAVE;
	if (!(GUEST_ECX(1, 0) & BIT_OF(PCID)))
		reserved |= X86_CR4_PCIDE;
	if (!(GUEST_EBX(7, 0) & BIT_OF(SMEP)))
		reserved |= X86_CR4_SMEP;
	if (!(GUEST_EBX(7, 0) & BIT_OF(SMAP)))
		reserved |= X86_CR4_SMAP;
	if (!(GUEST_EBX(7, 0) & BIT_OF(FSGSBASE)))
		reserved |= X86_CR4_FSGSBASE;
	if (!(GUEST_ECX(7, 0) & BIT_OF(UMIP)))
		reserved |= X86_CR4_UMIP;
	return reserved;
}

static u64 guest_efer_allowed(struct duet_vcpu *vcpu)
{
	u64 efer = duet_host_cpu.efer_allowed;

	if (!vcpu->cpuid.has_long_mode)
		efer &= ~(EFER_LME | EFER_LMA);
	if (!vcpu->cpuid.has_nx)
		efer &= ~EFER_NX;
	if (!(GUEST_EDX(0x80000001, 0) & BIT_OF(FXSR_OPT)))
		efer &= ~EFER_FFXSR;
	return efer;
}

/* Bits of SPEC_CTRL (SDM vol. 2, CPUID; APM vol. 3, E.3.6, E.4.7); 28: PSFD */
#define D7_SPEC_CTRL	(BIT_OF(SPEC_CTRL) | BIT_OF(INTEL_STIBP) | \
			 BIT_OF(SPEC_CTRL_SSBD))
#define B8_SPEC_CTRL	(BIT_OF(AMD_IBRS) | BIT_OF(AMD_STIBP) | \
			 BIT_OF(AMD_SSBD) | BIT(28))

static void derive_flags(struct duet_vcpu *vcpu)
{
	u32 c1 = GUEST_ECX(1, 0), d1 = GUEST_EDX(1, 0);
	u32 b7 = GUEST_EBX(7, 0), c7 = GUEST_ECX(7, 0), d7 = GUEST_EDX(7, 0);
	u32 ext = GUEST_EDX(0x80000001, 0), b8 = GUEST_EBX(0x80000008, 0);
	struct duet_cpuid *c = &vcpu->cpuid;

	c->has_rdtscp = (ext & BIT_OF(RDTSCP)) || (c7 & BIT_OF(RDPID));
	c->has_xsave = c1 & BIT_OF(XSAVE);
	c->has_x2apic = c1 & BIT_OF(X2APIC);
	c->has_tsc_deadline = c1 & BIT_OF(TSC_DEADLINE_TIMER);
	c->has_mtrr = d1 & BIT_OF(MTRR);
	c->has_pat = d1 & BIT_OF(PAT);
	c->has_long_mode = ext & BIT_OF(LM);
	c->has_nx = ext & BIT_OF(NX);
	c->has_1g_pages = ext & BIT_OF(GBPAGES);
	c->has_la57 = false;	/* see host_cr4_reserved() */
	c->has_tsc_adjust = b7 & BIT_OF(TSC_ADJUST);
	c->has_arch_capabilities = d7 & BIT_OF(ARCH_CAPABILITIES);
	c->has_ibpb = (d7 & BIT_OF(SPEC_CTRL)) || (b8 & BIT_OF(AMD_IBPB));
	c->has_spec_ctrl = (d7 & D7_SPEC_CTRL) || (b8 & B8_SPEC_CTRL);
}

/* The leaves may stand higher up, below another hypervisor's signature. */
static u32 pv_features(struct duet_vcpu *vcpu)
{
	struct kvm_cpuid_entry2 *e;
	u32 base;

	for (base = KVM_CPUID_SIGNATURE; base < 0x40010000; base += 0x100) {
		e = duet_find_cpuid(vcpu, base, 0);
		if (!e || memcmp(&e->ebx, KVM_SIGNATURE, 4) ||
		    memcmp(&e->ecx, KVM_SIGNATURE + 4, 4) ||
		    memcmp(&e->edx, KVM_SIGNATURE + 8, 4))
			continue;
		e = duet_find_cpuid(vcpu, base | KVM_CPUID_FEATURES, 0);
		return e ? e->eax : 0;
	}
	return 0;
}

static void derive(struct duet_vcpu *vcpu)
{
	struct duet_cpuid *c = &vcpu->cpuid;

	memset(c->hits, 0, sizeof(c->hits));
	c->leaf_1 = duet_find_cpuid(vcpu, 1, 0);
	c->leaf_d0 = duet_find_cpuid(vcpu, 0xd, 0);
	c->leaf_d1 = duet_find_cpuid(vcpu, 0xd, 1);
	c->amd = vendor_is_amd(duet_find_cpuid(vcpu, 0, 0));
	c->maxphyaddr = guest_maxphyaddr(vcpu);

	derive_flags(vcpu);
	c->pv_features = pv_features(vcpu);
	c->supported_xcr0 = duet_host_cpu.supported_xcr0 &
		(GUEST_EAX(0xd, 0) | (u64)GUEST_EDX(0xd, 0) << 32);
	c->cr4_reserved = guest_cr4_reserved(vcpu);
	c->efer_allowed = guest_efer_allowed(vcpu);
}

void duet_cpuid_init(struct duet_vcpu *vcpu)
{
	struct duet_cpuid *c = &vcpu->cpuid;

	if (c->entries)
		return;
	c->maxphyaddr = 36;
	c->cr4_reserved = duet_host_cpu.cr4_reserved;
	c->efer_allowed = duet_host_cpu.efer_allowed;
}

void duet_cpuid_destroy(struct duet_vcpu *vcpu)
{
	kvfree(vcpu->cpuid.entries);
	memset(&vcpu->cpuid, 0, sizeof(vcpu->cpuid));
}

/*
 * The ioctls
 */

static int check_table(struct kvm_cpuid_entry2 *entries, u32 nr)
{
	struct kvm_cpuid_entry2 *e = find(entries, nr, 0x80000008, 0);
	u32 bits = e ? (e->eax >> 8) & 0xff : 0;

	return bits == 0 || bits == 48 || bits == 57 ? 0 : -EINVAL;
}

static bool same_table(struct duet_vcpu *vcpu,
		       const struct kvm_cpuid_entry2 *entries, u32 nr)
{
	const struct kvm_cpuid_entry2 *a = vcpu->cpuid.entries, *b = entries;
	u32 i;

	if (nr != vcpu->cpuid.nr)
		return false;
	for (i = 0; i < nr; i++, a++, b++)
		if (a->function != b->function || a->index != b->index ||
		    a->flags != b->flags || a->eax != b->eax ||
		    a->ebx != b->ebx || a->ecx != b->ecx || a->edx != b->edx)
			return false;
	return true;
}

static struct kvm_cpuid_entry2 *
copy_table(const struct kvm_cpuid_entry2 __user *from, u32 nr)
{
	struct kvm_cpuid_entry2 *entries;

	/* never empty, so that a table is never NULL */
	entries = kvcalloc(max(nr, 1U), sizeof(*entries), GFP_KERNEL_ACCOUNT);
	if (!entries)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(entries, from, nr * sizeof(*entries))) {
		kvfree(entries);
		return ERR_PTR(-EFAULT);
	}
	return entries;
}

int duet_set_cpuid2(struct duet_vcpu *vcpu, struct kvm_cpuid2 __user *from)
{
	struct kvm_cpuid_entry2 *entries;
	u32 nr;
	int r;

	if (get_user(nr, &from->nent))
		return -EFAULT;
	if (nr > DUET_MAX_CPUID_ENTRIES)
		return -E2BIG;
	entries = copy_table(from->entries, nr);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	refresh_entries(vcpu, find(entries, nr, 1, 0),
			find(entries, nr, 0xd, 0), find(entries, nr, 0xd, 1));

	/*
	 * Translations and intercepts depend on the table: it is fixed with
	 * the first entry. VMMs that plug vCPUs set the same one again.
	 */
	if (vcpu->stats.entries) {
		r = same_table(vcpu, entries, nr) ? 0 : -EINVAL;
		goto out_free;
	}
	r = check_table(entries, nr);
	if (r)
		goto out_free;

	kvfree(vcpu->cpuid.entries);
	vcpu->cpuid.entries = entries;
	vcpu->cpuid.nr = nr;
	derive(vcpu);
	duet_msrs_after_cpuid(vcpu);
	duet_cpuid_refresh(vcpu);
	duet_request_self(vcpu, DUET_REQ_UPDATE | DUET_REQ_LOAD_ROOT |
			  DUET_REQ_FLUSH);
	return 0;

out_free:
	kvfree(entries);
	return r;
}

int duet_get_cpuid2(struct duet_vcpu *vcpu, struct kvm_cpuid2 __user *to)
{
	u32 nr = vcpu->cpuid.nr;
	u32 room;

	if (get_user(room, &to->nent))
		return -EFAULT;
	if (room < nr)
		return -E2BIG;
	if (copy_to_user(to->entries, vcpu->cpuid.entries,
			 nr * sizeof(*vcpu->cpuid.entries)) ||
	    put_user(nr, &to->nent))
		return -EFAULT;
	return 0;
}
