/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's FPU and extended state: in the registers while the guest runs,
 * in memory otherwise. The kernel's own code for KVM keeps it, where modules
 * may call that; else fpu.c does. Called by KVM_RUN, the ioctls (xsave.c) and
 * the emulator.
 */
#ifndef DUET_COMMON_FPU_H
#define DUET_COMMON_FPU_H

#include <linux/irqflags.h>
#include <linux/thread_info.h>
#include <linux/types.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>

#ifdef DUET_HAVE_RESTRICTED_EXPORTS

/**
 * struct duet_fpu - the guest's state in memory
 * @regs: an XSAVE area in the standard format (SDM vol. 1, 13.4), or one of
 *	FXSAVE; whole pages
 */
struct duet_fpu {
	union fpregs_state *regs;
};

int duet_fpu_create(struct duet_fpu *fpu);
void duet_fpu_destroy(struct duet_fpu *fpu);
void duet_fpu_load(struct duet_fpu *fpu);
void duet_fpu_save(struct duet_fpu *fpu);
void duet_fpu_get_xsave(struct duet_fpu *fpu, void *buf, u32 size,
			u64 components);
int duet_fpu_set_xsave(struct duet_fpu *fpu, const union fpregs_state *from,
		       u64 components);

static inline union fpregs_state *duet_fpu_regs(struct duet_fpu *fpu)
{
	return fpu->regs;
}

static inline u64 duet_fpu_xfd(const struct duet_fpu *fpu)
{
	return 0;	/* nothing that XFD switches off is offered */
}

static inline void duet_fpu_enter(struct duet_fpu *fpu) { }
static inline void duet_fpu_leave(struct duet_fpu *fpu) { }

static inline void duet_fpu_begin(struct duet_fpu *fpu)
{
	local_irq_disable();
	duet_fpu_load(fpu);
}

static inline void duet_fpu_end(struct duet_fpu *fpu)
{
	duet_fpu_save(fpu);
	local_irq_enable();
}

#else

struct duet_fpu {
	struct fpu_guest guest;
};

/** duet_fpu_create() - in its initial state; 0 or -ENOMEM; may sleep */
static inline int duet_fpu_create(struct duet_fpu *fpu)
{
	return fpu_alloc_guest_fpstate(&fpu->guest) ? 0 : -ENOMEM;
}

/** duet_fpu_destroy() - undoes duet_fpu_create() */
static inline void duet_fpu_destroy(struct duet_fpu *fpu)
{
	fpu_free_guest_fpstate(&fpu->guest);
}

/** duet_fpu_regs() - the state in memory; outside of enter and leave */
static inline union fpregs_state *duet_fpu_regs(struct duet_fpu *fpu)
{
	return &fpu->guest.fpstate->regs;
}

/** duet_fpu_xfd() - the components that XFD has switched off */
static inline u64 duet_fpu_xfd(const struct duet_fpu *fpu)
{
	return fpu->guest.fpstate->xfd;
}

/** duet_fpu_enter() / duet_fpu_leave() - around KVM_RUN; may sleep */
static inline void duet_fpu_enter(struct duet_fpu *fpu)
{
	fpu_swap_kvm_fpstate(&fpu->guest, true);
}

static inline void duet_fpu_leave(struct duet_fpu *fpu)
{
	fpu_swap_kvm_fpstate(&fpu->guest, false);
}

/**
 * duet_fpu_load() / duet_fpu_save() - around the guest's turn; interrupts off
 */
static inline void duet_fpu_load(struct duet_fpu *fpu)
{
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

static inline void duet_fpu_save(struct duet_fpu *fpu) { }

/**
 * duet_fpu_begin() / duet_fpu_end() - the guest's state is in the registers
 * in between; from within KVM_RUN, interrupts on; nothing sleeps in between
 */
static inline void duet_fpu_begin(struct duet_fpu *fpu)
{
	fpregs_lock();
	duet_fpu_load(fpu);
}

static inline void duet_fpu_end(struct duet_fpu *fpu)
{
	fpregs_unlock();
}

/** duet_fpu_get_xsave() - @components in the standard format, @size bytes */
static inline void duet_fpu_get_xsave(struct duet_fpu *fpu, void *buf,
				      u32 size, u64 components)
{
	fpu_copy_guest_fpstate_to_uabi(&fpu->guest, buf, size, components, 0);
}

/** duet_fpu_set_xsave() - 0, or -EINVAL: components, header, MXCSR */
static inline int duet_fpu_set_xsave(struct duet_fpu *fpu,
				     const union fpregs_state *from,
				     u64 components)
{
	u32 pkru = 0;	/* not a supported component: never written */

	return fpu_copy_uabi_to_guest_fpstate(&fpu->guest, from, components,
					      &pkru);
}

#endif
#endif /* DUET_COMMON_FPU_H */
