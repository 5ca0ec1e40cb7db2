// SPDX-License-Identifier: GPL-2.0
/*
 * VPIDs: each vCPU has one for its life, unless the VM refuses tags or there
 * are none left. Called by hardware.c, vcpu.c and run.c; calls nothing.
 */
#include <linux/bitmap.h>
#include <linux/spinlock.h>
#include <asm/msr.h>
#include "vmx/vmx.h"

/* IA32_VMX_EPT_VPID_CAP (SDM vol. 3, A.10) */
#define CAP_INVVPID		BIT_ULL(32)
#define CAP_INVVPID_SINGLE	BIT_ULL(41)
#define CAP_INVVPID_ALL		BIT_ULL(42)

#define NR_VPIDS		0x10000

/* 0 is the host's (SDM vol. 3, 29.1): never given away. */
static DECLARE_BITMAP(vmx_vpids, NR_VPIDS) = { 1 };
static DEFINE_SPINLOCK(vmx_vpid_lock);

void vmx_vpid_probe(void)
{
	struct vmx_features *f = &vmx_features;
	u64 cap;

	/* Without INVVPID a flush would have to give the vCPU another one. */
	if (rdmsrl_safe(MSR_IA32_VMX_EPT_VPID_CAP, &cap) ||
	    !(cap & CAP_INVVPID) ||
	    !(cap & (CAP_INVVPID_SINGLE | CAP_INVVPID_ALL))) {
		f->vpid = false;
		f->base.cpu2 &= ~(u32)CPU2_VPID;
		return;
	}
	f->invvpid_type = cap & CAP_INVVPID_SINGLE ? VMX_INV_SINGLE :
		VMX_INV_ALL;
}

u16 vmx_vpid_alloc(void)
{
	unsigned long vpid;

	spin_lock(&vmx_vpid_lock);
	vpid = find_first_zero_bit(vmx_vpids, NR_VPIDS);
	if (vpid < NR_VPIDS)
		__set_bit(vpid, vmx_vpids);
	else
		vpid = 0;
	spin_unlock(&vmx_vpid_lock);
	return vpid;
}

void vmx_vpid_free(u16 vpid)
{
	if (!vpid)
		return;
	/* Its next owner flushes before its first entry on each CPU. */
	spin_lock(&vmx_vpid_lock);
	__clear_bit(vpid, vmx_vpids);
	spin_unlock(&vmx_vpid_lock);
}

/*
 * Linear and combined mappings with this VPID (SDM vol. 3, 29.4.3.2). Without
 * a VPID each entry and each exit drops them.
 */
void vmx_invvpid(struct vmx_vcpu *vmx)
{
	if (!vmx->vpid ||
	    !vmx_do_invvpid(vmx_features.invvpid_type, vmx->vpid, 0))
		vmx_ghost_invvpid(vmx);
}
