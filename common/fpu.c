// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's FPU state on kernels that keep their code for it to KVM: an
 * XSAVE area of our own, loaded for each turn of the guest between
 * kernel_fpu_begin() and kernel_fpu_end(). Called as fpu.h says; calls those.
 */
#include "common/fpu.h"

#ifdef DUET_HAVE_RESTRICTED_EXPORTS

#include "common/compat.h"
#include "common/cpuid.h"
#include <linux/gfp.h>
#include <linux/string.h>

#define INIT_FCW	0x37f	/* FNINIT (SDM vol. 1, 8.1.5) */
#define INIT_MXCSR	0x1f80	/* SDM vol. 1, 10.2.3 */
#define NO_MXCSR_MASK	0xffbf	/* FXSAVE writes 0 (SDM vol. 1, 11.6.6) */

/* What FXSAVE has of the x87 FPU: all before MXCSR, and the registers. */
#define X87_HEAD	offsetof(struct fxregs_state, mxcsr)

static u64 duet_fpu_components(void)
{
	return duet_host_cpu.supported_xcr0 | XFEATURE_MASK_FPSSE;
}

static unsigned int duet_fpu_order(void)
{
	return get_order(duet_xstate_size(duet_fpu_components(), false));
}

static void duet_fpu_store(union fpregs_state *regs)
{
	u64 mask = duet_fpu_components();

	if (boot_cpu_has(X86_FEATURE_XSAVE))
		asm volatile("xsave64 %0" : "+m" (*(u8 (*)[PAGE_SIZE])regs)
			     : "a" ((u32)mask), "d" ((u32)(mask >> 32))
			     : "memory");
	else
		asm volatile("fxsave64 %0" : "=m" (regs->fxsave));
}

/* What is restored was checked by duet_fpu_set_xsave() or comes from XSAVE. */
static void duet_fpu_restore(const union fpregs_state *regs)
{
	u64 mask = duet_fpu_components();

	/* Pointers of somebody's last x87 instruction would stay (pre-Zen). */
	if (static_cpu_has_bug(X86_BUG_FXSAVE_LEAK))
		asm volatile("fnclex; emms; fildl %0" : : "m" (mask));
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		asm volatile("xrstor64 %0" : : "m" (*(u8 (*)[PAGE_SIZE])regs),
			     "a" ((u32)mask), "d" ((u32)(mask >> 32))
			     : "memory");
	else
		asm volatile("fxrstor64 %0" : : "m" (regs->fxsave));
}

static void duet_fpu_init(union fpregs_state *regs)
{
	memset(regs, 0, PAGE_SIZE << duet_fpu_order());
	regs->fxsave.cwd = INIT_FCW;
	regs->fxsave.mxcsr = INIT_MXCSR;
}

int duet_fpu_create(struct duet_fpu *fpu)
{
	fpu->regs = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT,
					     duet_fpu_order());
	if (!fpu->regs)
		return -ENOMEM;
	duet_fpu_init(fpu->regs);
	return 0;
}

void duet_fpu_destroy(struct duet_fpu *fpu)
{
	free_pages((unsigned long)fpu->regs, duet_fpu_order());
	fpu->regs = NULL;
}

/* User space's state, if it is still in the registers, is saved first. */
void duet_fpu_load(struct duet_fpu *fpu)
{
	kernel_fpu_begin_mask(0);
	duet_fpu_restore(fpu->regs);
}

/* It comes back on the way to user space. */
void duet_fpu_save(struct duet_fpu *fpu)
{
	duet_fpu_store(fpu->regs);
	kernel_fpu_end();
}

void duet_fpu_get_xsave(struct duet_fpu *fpu, void *buf, u32 size,
			u64 components)
{
	const union fpregs_state *regs = fpu->regs;
	u32 length = duet_xstate_size(components & duet_fpu_components(),
				      false);
	struct xregs_state *to = buf;

	/* Components in their initial state have their initial bytes. */
	memcpy(buf, regs, min(size, length));
	memset(to->i387.sw_reserved, 0, sizeof(to->i387.sw_reserved));
	if (!boot_cpu_has(X86_FEATURE_XSAVE)) {
		memset(&to->header, 0, sizeof(to->header));
		to->header.xfeatures = XFEATURE_MASK_FPSSE;
	}
	to->header.xfeatures &= components;
}

/* The bits of MXCSR that this CPU has; others make XRSTOR fault. */
static u32 duet_mxcsr_mask(void)
{
	static u32 mask;
	struct fxregs_state fx __aligned(16) = { };
	unsigned long flags;

	if (mask)
		return mask;
	local_irq_save(flags);
	kernel_fpu_begin_mask(0);
	asm volatile("fxsave64 %0" : "+m" (fx));
	kernel_fpu_end();
	local_irq_restore(flags);
	mask = fx.mxcsr_mask ? fx.mxcsr_mask : NO_MXCSR_MASK;
	return mask;
}

static bool duet_xsave_valid(const struct xregs_state *from, u64 components)
{
	const struct xstate_header *h = &from->header;

	if ((h->xfeatures & ~components) || h->xcomp_bv ||
	    memchr_inv(h->reserved, 0, sizeof(h->reserved)))
		return false;
	return !(h->xfeatures & (XFEATURE_MASK_SSE | XFEATURE_MASK_YMM)) ||
		!(from->i387.mxcsr & ~duet_mxcsr_mask());
}

static void duet_fpu_copy_legacy(struct fxregs_state *to,
				 const struct fxregs_state *from, u64 has)
{
	if (has & XFEATURE_MASK_FP) {
		memcpy(to, from, X87_HEAD);
		memcpy(to->st_space, from->st_space, sizeof(to->st_space));
	}
	if (has & (XFEATURE_MASK_SSE | XFEATURE_MASK_YMM))
		to->mxcsr = from->mxcsr;
	if (has & XFEATURE_MASK_SSE)
		memcpy(to->xmm_space, from->xmm_space, sizeof(to->xmm_space));
}

int duet_fpu_set_xsave(struct duet_fpu *fpu, const union fpregs_state *from,
		       u64 components)
{
	union fpregs_state *to = fpu->regs;
	u64 has = from->xsave.header.xfeatures;
	u32 i, size, offset, ecx, edx;

	components |= XFEATURE_MASK_FPSSE;
	if (!boot_cpu_has(X86_FEATURE_XSAVE)) {
		if (from->fxsave.mxcsr & ~duet_mxcsr_mask())
			return -EINVAL;
		to->fxsave = from->fxsave;
		return 0;
	}
	if (!duet_xsave_valid(&from->xsave, components))
		return -EINVAL;

	duet_fpu_init(to);
	duet_fpu_copy_legacy(&to->fxsave, &from->fxsave, has);
	for (i = 2; i < 64; i++) {
		if (!(has & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &size, &offset, &ecx, &edx);
		memcpy((void *)to + offset, (const void *)from + offset, size);
	}
	to->xsave.header.xfeatures = has;
	return 0;
}

#endif
