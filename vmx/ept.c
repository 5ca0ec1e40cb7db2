// SPDX-License-Identifier: GPL-2.0
/*
 * EPT: what this CPU's can do, the encoding of its entries for the nested
 * pager, the EPT pointer and the invalidation of what is cached. Called by
 * hardware.c, state.c and run.c; calls nothing.
 */
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include "vmx/vmx.h"

/* IA32_VMX_EPT_VPID_CAP (SDM vol. 3, A.10) */
#define CAP_LEVELS_4		BIT_ULL(6)
#define CAP_LEVELS_5		BIT_ULL(7)
#define CAP_WB			BIT_ULL(14)
#define CAP_2M			BIT_ULL(16)
#define CAP_1G			BIT_ULL(17)
#define CAP_INVEPT		BIT_ULL(20)
#define CAP_ACCESSED_DIRTY	BIT_ULL(21)
#define CAP_INVEPT_SINGLE	BIT_ULL(25)
#define CAP_INVEPT_ALL		BIT_ULL(26)

/* An entry (SDM vol. 3, tables 29-1 to 29-7) */
#define EPT_READ		BIT_ULL(0)
#define EPT_WRITE		BIT_ULL(1)
#define EPT_EXEC		BIT_ULL(2)
#define EPT_TYPE_UC		(0ULL << 3)
#define EPT_TYPE_WB		(6ULL << 3)
#define EPT_IGNORE_PAT		BIT_ULL(6)
#define EPT_LARGE		BIT_ULL(7)
#define EPT_ACCESSED		BIT_ULL(8)
#define EPT_DIRTY		BIT_ULL(9)
#define EPT_IGNORED		BIT_ULL(11)

void vmx_ept_probe(void)
{
	struct vmx_features *f = &vmx_features;
	u64 cap;

	/* Without INVEPT nothing could be unmapped. */
	if (rdmsrl_safe(MSR_IA32_VMX_EPT_VPID_CAP, &cap) ||
	    !(cap & CAP_INVEPT) || !(cap & CAP_WB) || !(cap & CAP_LEVELS_4) ||
	    !(cap & (CAP_INVEPT_SINGLE | CAP_INVEPT_ALL))) {
		f->ept = false;
		return;
	}
	f->invept_type = cap & CAP_INVEPT_SINGLE ? VMX_INV_SINGLE : VMX_INV_ALL;
	f->ept_dirty = cap & CAP_ACCESSED_DIRTY;
	f->ept_levels = (cap & CAP_LEVELS_5) &&
		boot_cpu_data.x86_phys_bits > 48 ? 5 : 4;
	f->ept_leaf_level = 1;
	if (cap & CAP_2M)
		f->ept_leaf_level = cap & CAP_1G ? 3 : 2;
}

void vmx_pte_format(struct duet_pte_format *pte)
{
	const struct vmx_features *f = &vmx_features;

	*pte = (struct duet_pte_format) {
		.present_mask = EPT_READ | EPT_WRITE | EPT_EXEC,
		.table = EPT_READ | EPT_WRITE | EPT_EXEC,
		.read = EPT_READ,
		.write = EPT_WRITE,
		.exec = EPT_EXEC,
		.accessed = f->ept_dirty ? EPT_ACCESSED : 0,
		.dirty = f->ept_dirty ? EPT_DIRTY : 0,
		.large = EPT_LARGE,
		/*
		 * The host maps RAM write-back, and a guest that made an
		 * alias of another type would read stale lines; what is no
		 * RAM is at most write-combining (SDM vol. 3, 29.3.7.2).
		 */
		.wb = EPT_TYPE_WB | EPT_IGNORE_PAT,
		.uc = EPT_TYPE_UC,
		.spare = EPT_IGNORED,
		.levels = f->ept_levels,
		.max_leaf_level = f->ept_leaf_level,
	};
}

u64 vmx_eptp(hpa_t root)
{
	const struct vmx_features *f = &vmx_features;

	return root | EPTP_MEMORY_TYPE_WB | EPTP_LEVELS(f->ept_levels) |
		(f->ept_dirty ? EPTP_ACCESSED_DIRTY : 0);
}

/*
 * Guest-physical and combined mappings, tagged with the EPTP, of whatever
 * VPID (SDM vol. 3, 29.4.3.1). On this CPU only: a vCPU that comes here from
 * another one does it again (vcpu.c).
 */
void vmx_invept(struct vmx_vcpu *vmx)
{
	if (!vmx_do_invept(vmx_features.invept_type,
			   vmx_features.invept_type == VMX_INV_SINGLE ?
			   vmx_eptp(vmx->vcpu.root) : 0, 0))
		vmx_ghost_invept(vmx);
}
