// SPDX-License-Identifier: GPL-2.0
/*
 * XCR0 and XSS around the guest, and the ioctls on FPU and extended state.
 * Called by the backends' loops, XSETBV's exit and the ioctl table; calls
 * fpu.h.
 */
#include <linux/kvm.h>
#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>
#include "common/compat.h"
#include "common/vcpu.h"
#include "common/xsave.h"

/*
 * With CR4.OSXSAVE clear the guest cannot use XSAVE, and XCR0 can stay. XSS
 * is not offered, but XSAVES cannot be refused on every CPU: it must find no
 * component of the host's.
 */
void duet_load_xcr0(struct duet_vcpu *vcpu)
{
	if (likely(!vcpu->msrs.xcr0_switch))
		return;
	if (vcpu->xcr0 != duet_host_cpu.xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->xcr0);
	if (duet_host_cpu.xss)
		wrmsrl(MSR_IA32_XSS, 0);
	vcpu->msrs.xcr0_loaded = true;
}

void duet_restore_xcr0(struct duet_vcpu *vcpu)
{
	if (likely(!vcpu->msrs.xcr0_loaded))
		return;
	vcpu->msrs.xcr0_loaded = false;
	xsetbv(XCR_XFEATURE_ENABLED_MASK, duet_host_cpu.xcr0);
	if (duet_host_cpu.xss)
		wrmsrl(MSR_IA32_XSS, duet_host_cpu.xss);
}

/* SDM vol. 1, 13.3 */
int duet_set_xcr0(struct duet_vcpu *vcpu, u64 xcr0)
{
	if (!(xcr0 & XFEATURE_MASK_FP))
		return 1;
	if (xcr0 & ~(vcpu->cpuid.supported_xcr0 | XFEATURE_MASK_FP))
		return 1;
	if ((xcr0 & XFEATURE_MASK_YMM) && !(xcr0 & XFEATURE_MASK_SSE))
		return 1;
	if ((xcr0 & XFEATURE_MASK_AVX512) &&
	    ((xcr0 & XFEATURE_MASK_AVX512) != XFEATURE_MASK_AVX512 ||
	     !(xcr0 & XFEATURE_MASK_YMM)))
		return 1;

	vcpu->xcr0 = xcr0;
	duet_cpuid_refresh(vcpu);
	return 0;
}

/*
 * x87 and SSE. A component that XSTATE_BV says is in its initial
 * configuration has no valid bytes in the buffer.
 */
#define INIT_FCW	0x37f	/* FNINIT (SDM vol. 1, 8.1.5) */
#define INIT_MXCSR	0x1f80	/* SDM vol. 1, 10.2.3 */

static bool component_in_use(struct duet_vcpu *vcpu, u64 component)
{
	return !boot_cpu_has(X86_FEATURE_XSAVE) ||
		(duet_fpu_regs(&vcpu->fpu)->xsave.header.xfeatures & component);
}

void duet_get_fpu(struct duet_vcpu *vcpu, struct kvm_fpu *fpu)
{
	const struct fxregs_state *fx = &duet_fpu_regs(&vcpu->fpu)->fxsave;

	memset(fpu, 0, sizeof(*fpu));
	fpu->fcw = INIT_FCW;
	fpu->mxcsr = INIT_MXCSR;
	if (component_in_use(vcpu, XFEATURE_MASK_FP)) {
		BUILD_BUG_ON(sizeof(fpu->fpr) != sizeof(fx->st_space));
		memcpy(fpu->fpr, fx->st_space, sizeof(fpu->fpr));
		fpu->fcw = fx->cwd;
		fpu->fsw = fx->swd;
		fpu->ftwx = fx->twd;
		fpu->last_opcode = fx->fop;
		fpu->last_ip = fx->rip;
		fpu->last_dp = fx->rdp;
	}
	if (component_in_use(vcpu, XFEATURE_MASK_SSE)) {
		BUILD_BUG_ON(sizeof(fpu->xmm) != sizeof(fx->xmm_space));
		memcpy(fpu->xmm, fx->xmm_space, sizeof(fpu->xmm));
		fpu->mxcsr = fx->mxcsr;
	}
}

void duet_set_fpu(struct duet_vcpu *vcpu, const struct kvm_fpu *fpu)
{
	union fpregs_state *regs = duet_fpu_regs(&vcpu->fpu);
	struct fxregs_state *fx = &regs->fxsave;

	/* MXCSR stays: clients of the API are used to leaving it 0. */
	if (!component_in_use(vcpu, XFEATURE_MASK_SSE))
		fx->mxcsr = INIT_MXCSR;

	memcpy(fx->st_space, fpu->fpr, sizeof(fpu->fpr));
	fx->cwd = fpu->fcw;
	fx->swd = fpu->fsw;
	fx->twd = fpu->ftwx;
	fx->fop = fpu->last_opcode;
	fx->rip = fpu->last_ip;
	fx->rdp = fpu->last_dp;
	memcpy(fx->xmm_space, fpu->xmm, sizeof(fpu->xmm));
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		regs->xsave.header.xfeatures |= XFEATURE_MASK_FPSSE;
}

u32 duet_xsave_size(void)
{
	return duet_xstate_size(duet_host_cpu.supported_xcr0, false);
}

u32 duet_xsave2_size(struct duet_vcpu *vcpu)
{
	return max_t(u32, sizeof(struct kvm_xsave), duet_xsave_size());
}

void duet_get_xsave(struct duet_vcpu *vcpu, void *buf, u32 size)
{
	/* FP and SSE are there without XSAVE as well. */
	u64 components = vcpu->cpuid.supported_xcr0 | XFEATURE_MASK_FPSSE;

	memset(buf, 0, size);
	duet_fpu_get_xsave(&vcpu->fpu, buf, size, components);
}

int duet_set_xsave(struct duet_vcpu *vcpu, struct kvm_xsave *xsave)
{
	union fpregs_state *state = (union fpregs_state *)xsave->region;

	/* A component that XFD has switched off must be in its initial state. */
	state->xsave.header.xfeatures &= ~duet_fpu_xfd(&vcpu->fpu);
	return duet_fpu_set_xsave(&vcpu->fpu, state,
				  duet_host_cpu.supported_xcr0);
}

void duet_get_xcrs(struct duet_vcpu *vcpu, struct kvm_xcrs *xcrs)
{
	memset(xcrs, 0, sizeof(*xcrs));
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return;
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].xcr = XCR_XFEATURE_ENABLED_MASK;
	xcrs->xcrs[0].value = vcpu->xcr0;
}

int duet_set_xcrs(struct duet_vcpu *vcpu, const struct kvm_xcrs *xcrs)
{
	u32 i;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return -EINVAL;
	if (xcrs->nr_xcrs > KVM_MAX_XCRS || xcrs->flags)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++)
		if (xcrs->xcrs[i].xcr == XCR_XFEATURE_ENABLED_MASK)
			return duet_set_xcr0(vcpu, xcrs->xcrs[i].value) ?
				-EINVAL : 0;
	return 0;
}
