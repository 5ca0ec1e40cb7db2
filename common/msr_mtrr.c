// SPDX-License-Identifier: GPL-2.0
/*
 * Memory type range registers (SDM vol. 3, 12.11) and the check of the page
 * attribute table. Called by the table in msr.c.
 */
#include <linux/nospec.h>
#include <asm/mtrr.h>
#include "common/vcpu.h"

#define MTRR_TYPES	0x73	/* UC, WC, WT, WP, WB (SDM vol. 3, 12.11.1) */
#define PAT_TYPES	0xf3	/* and UC- (SDM vol. 3, 12.12.2) */

#define CAP_WC	BIT(10)
#define CAP_FIX	BIT(8)
#define DEF_TYPE_BITS	(GENMASK_ULL(11, 10) | GENMASK_ULL(7, 0))
#define VAR_FIRST	0x200
#define VAR_LAST	(VAR_FIRST + 2 * DUET_NR_VAR_MTRRS - 1)

static const u16 fixed[] = {
	MSR_MTRRfix64K_00000, MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000,
	MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_C8000, MSR_MTRRfix4K_D0000,
	MSR_MTRRfix4K_D8000, MSR_MTRRfix4K_E0000, MSR_MTRRfix4K_E8000,
	MSR_MTRRfix4K_F0000, MSR_MTRRfix4K_F8000,
};

static bool valid_type(u8 type, u32 types)
{
	return type < 8 && (types & BIT(type));
}

static bool valid_types(u64 value, u32 types)
{
	int i;

	for (i = 0; i < 64; i += 8)
		if (!valid_type(value >> i, types))
			return false;
	return true;
}

bool duet_pat_valid(u64 pat)
{
	return valid_types(pat, PAT_TYPES);
}

/* The register, or NULL. */
static u64 *mtrr(struct duet_vcpu *vcpu, u32 index)
{
	struct duet_msrs *m = &vcpu->msrs;
	int i;

	if (index == MSR_MTRRdefType)
		return &m->mtrr_def_type;
	if (index >= VAR_FIRST && index <= VAR_LAST)
		return &m->mtrr_var[array_index_nospec(index - VAR_FIRST,
						ARRAY_SIZE(m->mtrr_var))];
	BUILD_BUG_ON(ARRAY_SIZE(fixed) != ARRAY_SIZE(m->mtrr_fixed));
	for (i = 0; i < ARRAY_SIZE(fixed); i++)
		if (fixed[i] == index)
			return &m->mtrr_fixed[i];
	return NULL;
}

static bool valid(struct duet_vcpu *vcpu, u32 index, u64 value)
{
	u64 beyond = GENMASK_ULL(63, vcpu->cpuid.maxphyaddr);

	if (index == MSR_MTRRdefType)
		return !(value & ~DEF_TYPE_BITS) &&
			valid_type(value, MTRR_TYPES);
	if (index > VAR_LAST)
		return valid_types(value, MTRR_TYPES);
	if (index & 1)		/* mask */
		return !(value & (beyond | GENMASK_ULL(10, 0)));
	return !(value & (beyond | GENMASK_ULL(11, 8))) &&
		valid_type(value, MTRR_TYPES);
}

int duet_mtrr_get(struct duet_vcpu *vcpu, u32 index, u64 *value, bool host)
{
	u64 *reg;

	if (index == MSR_MTRRcap) {
		*value = CAP_WC | CAP_FIX | DUET_NR_VAR_MTRRS;
		return 0;
	}
	reg = mtrr(vcpu, index);
	if (!reg)
		return 1;
	*value = *reg;
	return 0;
}

int duet_mtrr_set(struct duet_vcpu *vcpu, u32 index, u64 value, bool host)
{
	u64 *reg = index == MSR_MTRRcap ? NULL : mtrr(vcpu, index);

	if (!reg || !valid(vcpu, index, value))
		return 1;
	*reg = value;
	return 0;
}
