/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vCPU object, its register groups and its requests. Letters:
 *   c  constant after creation       V  vcpu->mutex (its thread, in KVM_RUN)
 *   a  atomic, anyone                i  written with interrupts off on its CPU
 */
#ifndef DUET_COMMON_VCPU_H
#define DUET_COMMON_VCPU_H

#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <asm/processor-flags.h>
#include <asm/msr-index.h>
#include "common/types.h"
#include "common/cpuid.h"
#include "common/event.h"
#include "common/exit.h"
#include "common/ghost.h"
#include "common/fpu.h"
#include "common/msr.h"
#include "common/ops.h"
#include "common/state.h"
#include "common/vm.h"

struct duet_lapic;
struct duet_emulator;

/*
 * Requests: work that a vCPU does before its next entry. Set by
 * duet_request(), which kicks; see docs/locking.md for the ordering.
 */
#define DUET_REQ_EVENT		BIT(0)	/* look at interrupts and NMIs again */
#define DUET_REQ_FLUSH		BIT(1)	/* drop all translations */
#define DUET_REQ_FLUSH_GUEST	BIT(2)	/* drop guest-linear translations */
#define DUET_REQ_LOAD_ROOT	BIT(3)	/* pager_ops->load() */
#define DUET_REQ_TIMER		BIT(4)	/* duet_lapic_timer_sync() */
#define DUET_REQ_UPDATE		BIT(5)	/* ops->update() */
#define DUET_REQ_CLOCK		BIT(6)	/* duet_clock_update() */
#define DUET_REQ_KICK		BIT(7)	/* just leave guest mode */
#define DUET_REQ_DEAD		BIT(8)	/* no CPU can run it any more */
#define DUET_REQ_EOI		BIT(9)	/* duet_lapic_exit() */
#define DUET_REQ_STEAL		BIT(10)	/* duet_steal_update() */
#define DUET_REQ_TPR		BIT(11)	/* duet_lapic_exit() */

/* vcpu->mode, see duet_request() */
enum duet_mode {
	DUET_OUTSIDE,		/* requests are seen before the next entry */
	DUET_IN_GUEST,		/* an IPI is needed */
};

/* vcpu->outcome: what the fast path says when it leaves the loop */
enum duet_outcome {
	DUET_OUTCOME_SLOW,	/* the exit is duet_handle_exit()'s */
	DUET_OUTCOME_RESUME,	/* it is handled, but there is a request */
	DUET_OUTCOME_USER,	/* it is handled: vcpu->run is filled in */
};

/* vcpu->mp_state has KVM_MP_STATE_* values */

/** struct duet_stats - counters of one vCPU; @exits by neutral reason */
struct duet_stats {
	u64 exits[DUET_NR_EXITS];
	u64 entries;
	u64 fast_exits;		/* handled in the backend's loop */
	u64 user_exits;		/* returns from KVM_RUN */
	u64 injections;
	u64 tlb_flushes;
	u64 emulated;		/* instructions */
	u64 halts, wakeups;
	u64 polls, polls_won;	/* halts that looked around, with success */
	u64 poll_won_ns, poll_lost_ns, wait_ns;
	u64 faults_fixed, faults_mmio;
	u64 reads, writes;	/* control-structure accesses that cost */
	u64 signal_exits;
};

/**
 * struct duet_vcpu - a virtual CPU
 *
 * A backend embeds it as the first member of its own struct
 * (duet_vcpu_ops.vcpu_size).
 */
struct duet_vcpu {
	/* hot: what an exit touches */
	struct duet_state state;		/* V */
	u32 valid;				/* V: groups in @state */
	u32 dirty;				/* V: groups to write back */
	atomic_t requests;			/* a: DUET_REQ_* */
	int mode;				/* i: enum duet_mode */
	int cpu;				/* loaded on, -1 if nowhere */
	u8 outcome;				/* V: enum duet_outcome */
	bool lapic_lent;			/* V: duet_lapic_take_back() is due */
	bool pv_eoi;				/* V: lent for it */
	bool reports_tpr;			/* V: KVM_TPR_ACCESS_REPORTING */
	hpa_t root;				/* V: pager's root table */
	u64 tsc_offset;				/* V: guest TSC = host TSC + this */
	struct duet_exit exit;			/* V */
	struct duet_events events;		/* V */
	struct duet_stats stats;		/* V */

	struct duet_vm *vm;			/* c */
	u32 id;					/* c: APIC id */
	u32 index;				/* c: in vm->vcpus */
	struct kvm_run *run;			/* c: page shared with user space */
	void *pio_data;				/* c: the page behind it */
	struct mutex mutex;
	struct rcuwait wait;			/* halted vCPUs sleep here */
	struct preempt_notifier notifier;	/* V */
	int srcu_idx;				/* V */

	int mp_state;				/* V: KVM_MP_STATE_* */
	u32 halt_poll_ns;			/* V: how long the next HLT looks around */
	bool pv_kicked;				/* a: KVM_HC_KICK_CPU came */
	bool clock_stopped;			/* a: tell the guest that it stood still */
	struct duet_cpuid cpuid;		/* V */
	struct duet_msrs msrs;			/* V */
	u64 xcr0;				/* V */
	u64 guest_dr7;				/* V: dr7 as the guest wrote it */
	unsigned long host_dr[5];		/* i: DR0 to DR3, DR7 */
	u32 guest_debug;			/* V: KVM_GUESTDBG_* */
	struct duet_fpu fpu;			/* V */
	struct duet_lapic *lapic;		/* c: NULL without irqchip */
	u8 cr8;					/* V: without a lapic */
	u32 tsc_khz;				/* V */
	struct {
		const void *thread;	/* compared only */
		u64 waited;		/* ns; of @thread, told already */
	} steal;				/* V */
	sigset_t sigset;			/* V */
	bool sigset_active;			/* V */
	bool initialized;			/* V: has run or has state */
	u32 fault_loops;			/* V */

	/* continuation of an exit to user space, srcu not held; or NULL */
	int (*complete)(struct duet_vcpu *vcpu);	/* V */
	struct {
		u32 count, size;
		u16 port;
		bool in;
	} pio;					/* V */
	struct {
		u8 reg, size;
		bool read;
	} mmio;					/* V */
	u64 io_rip;				/* V: of the instruction that waits */
	struct duet_emulator *emulator;		/* c */
#ifdef CONFIG_DUET_SELFTEST_HOOKS
	struct duet_hook hook;			/* V */
#endif
	struct duet_ghost_vcpu ghost;		/* V */
};

/** duet_hooked() - the next entry is a selftest's, with a rule broken */
static inline bool duet_hooked(const struct duet_vcpu *vcpu)
{
#ifdef CONFIG_DUET_SELFTEST_HOOKS
	return unlikely(vcpu->hook.rule);
#else
	return false;
#endif
}

/**
 * duet_need() - make register groups valid in vcpu->state
 * Context: loaded, the vCPU's thread.
 */
static inline void duet_need(struct duet_vcpu *vcpu, u32 groups)
{
	u32 missing = groups & ~vcpu->valid;

	if (missing) {
		duet_ops->get_state(vcpu, missing);
		vcpu->valid |= missing;
	}
}

/** duet_wrote() - vcpu->state's groups were changed by us */
static inline void duet_wrote(struct duet_vcpu *vcpu, u32 groups)
{
	vcpu->valid |= groups;
	vcpu->dirty |= groups;
}

static inline u64 duet_rip(struct duet_vcpu *vcpu)
{
	duet_need(vcpu, DUET_ST_RIP);
	return vcpu->state.rip;
}

static inline u64 duet_rflags(struct duet_vcpu *vcpu)
{
	duet_need(vcpu, DUET_ST_RFLAGS);
	return vcpu->state.rflags;
}

static inline u64 duet_cr0(struct duet_vcpu *vcpu)
{
	duet_need(vcpu, DUET_ST_CR0);
	return vcpu->state.cr0;
}

static inline u64 duet_cr3(struct duet_vcpu *vcpu)
{
	duet_need(vcpu, DUET_ST_CR3);
	return vcpu->state.cr3;
}

static inline u64 duet_cr4(struct duet_vcpu *vcpu)
{
	duet_need(vcpu, DUET_ST_CR4);
	return vcpu->state.cr4;
}

static inline u64 duet_efer(struct duet_vcpu *vcpu)
{
	duet_need(vcpu, DUET_ST_EFER);
	return vcpu->state.efer;
}

static inline struct duet_segment *duet_segment(struct duet_vcpu *vcpu,
						enum duet_seg n)
{
	duet_need(vcpu, DUET_ST_SEG(n));
	return &vcpu->state.seg[n];
}

/** duet_cpl() - SS.DPL (SDM vol. 3, 25.4.1; APM vol. 2, 15.5.1) */
static inline u8 duet_cpl(struct duet_vcpu *vcpu)
{
	if (!(duet_cr0(vcpu) & X86_CR0_PE))
		return 0;
	return (duet_segment(vcpu, DUET_SS)->ar & DUET_AR_DPL) >>
		DUET_AR_DPL_SHIFT;
}

static inline bool duet_long_mode(struct duet_vcpu *vcpu)
{
	return duet_efer(vcpu) & EFER_LMA;
}

/** duet_64bit() - in 64-bit mode, not in compatibility mode */
static inline bool duet_64bit(struct duet_vcpu *vcpu)
{
	return duet_long_mode(vcpu) &&
		(duet_segment(vcpu, DUET_CS)->ar & DUET_AR_L);
}

/** duet_delivering() - the exit came while the CPU delivered an event */
static inline bool duet_delivering(struct duet_vcpu *vcpu)
{
	struct duet_events *e = &vcpu->events;

	return e->exception.injected || e->nmi_injected ||
		(e->interrupt.injected && !e->interrupt.waiting);
}

/** duet_has_request() - peek; the vCPU's thread */
static inline bool duet_has_request(struct duet_vcpu *vcpu)
{
	return atomic_read(&vcpu->requests);
}

/**
 * duet_request_self() - by the vCPU's own thread or on its CPU with
 * interrupts off: no kick
 */
static inline void duet_request_self(struct duet_vcpu *vcpu, u32 request)
{
	atomic_or(request, &vcpu->requests);
}

/**
 * duet_request() - have @vcpu do something before it runs guest code again
 *
 * Sets the bit, wakes the vCPU if it is halted and interrupts it if it is in
 * guest mode. Does not wait.
 * Context: any, hard interrupts included.
 */
void duet_request(struct duet_vcpu *vcpu, u32 request);

/** duet_vcpu_load() / duet_vcpu_put() - bracket of every access to state
 * Context: vCPU mutex held, preemption on.
 */
void duet_vcpu_load(struct duet_vcpu *vcpu);
void duet_vcpu_put(struct duet_vcpu *vcpu);

/**
 * duet_skip_insn() - go past the instruction that exited
 *
 * Advances RIP by exit.insn_len (or by what the emulator decodes), ends the
 * STI / MOV SS shadow, clears RF and raises the single-step trap if TF is
 * set.
 * Context: vCPU thread, loaded; slow path only.
 * Return: 1, or 0 with an internal error in vcpu->run: duet_handle_exit()'s
 * convention.
 */
int duet_skip_insn(struct duet_vcpu *vcpu);

/** duet_skip_insn_fast() - the fast path's: false if it cannot; irqs off */
bool duet_skip_insn_fast(struct duet_vcpu *vcpu);
/** duet_can_skip_fast() - would it? */
bool duet_can_skip_fast(struct duet_vcpu *vcpu);

/** duet_vcpu_reset() - architectural RESET or INIT state (SDM vol. 3, 9.1.1) */
void duet_vcpu_reset(struct duet_vcpu *vcpu, bool init);

/** duet_internal_error() - fill run for KVM_EXIT_INTERNAL_ERROR; returns 0 */
int duet_internal_error(struct duet_vcpu *vcpu, u32 suberror);
/** duet_emulation_failed() - the same, with the instruction's bytes */
int duet_emulation_failed(struct duet_vcpu *vcpu, const u8 *bytes, u8 nr);

/*
 * Control registers with the guest's semantics (common/cr.c): 0, or 1 for
 * #GP. Flush translations and change the pager's root as needed.
 */
int duet_set_cr0(struct duet_vcpu *vcpu, u64 cr0);
int duet_set_cr3(struct duet_vcpu *vcpu, u64 cr3);
int duet_set_cr4(struct duet_vcpu *vcpu, u64 cr4);
int duet_set_efer(struct duet_vcpu *vcpu, u64 efer, bool host);
int duet_set_xcr0(struct duet_vcpu *vcpu, u64 xcr0);
/* MOV to CR @nr; -1: there is no such register, #UD */
int duet_write_cr(struct duet_vcpu *vcpu, u32 nr, u64 value);
/* MOV from and to DR @nr (common/dr.c): 0; 1 #GP; -1 #UD; 2 #DB is queued */
int duet_read_dr(struct duet_vcpu *vcpu, u32 nr, u64 *value);
int duet_write_dr(struct duet_vcpu *vcpu, u32 nr, u64 value);
/** duet_do_invlpg() - the guest's INVLPG */
void duet_do_invlpg(struct duet_vcpu *vcpu, u64 linear);

/**
 * duet_hypercall() - the call in RAX, with RBX, RCX, RDX and RSI
 * @wide: in 64-bit mode; elsewhere registers have 32 bits
 * Context: vCPU thread, CPL 0 was checked; interrupts may be off.
 * Return: RAX for the guest.
 */
long duet_hypercall(struct duet_vcpu *vcpu, bool wide);

/** duet_guest_tsc() - the guest's TSC now */
u64 duet_guest_tsc(struct duet_vcpu *vcpu);
/** duet_set_guest_tsc() - as by WRMSR(IA32_TSC) or an ioctl, with sync */
void duet_set_guest_tsc(struct duet_vcpu *vcpu, u64 value, bool host);
/** duet_set_tsc_offset() - KVM_VCPU_TSC_OFFSET: guest TSC minus host TSC */
void duet_set_tsc_offset(struct duet_vcpu *vcpu, u64 offset);
/**
 * duet_tsc_went_back() - the host's TSC counts from a lower value since resume
 * Context: no vCPU's thread runs (syscore resume); interrupts off.
 */
void duet_tsc_went_back(struct duet_vm *vm, u64 by);
/**
 * duet_check_tsc_khz() - KVM_SET_TSC_KHZ: 0 is made the host's rate
 * Return: 0, -EINVAL: the TSC does not count at that rate.
 */
int duet_check_tsc_khz(u32 *khz);
/** duet_set_tsc_adjust() - as by WRMSR(IA32_TSC_ADJUST) or an ioctl */
void duet_set_tsc_adjust(struct duet_vcpu *vcpu, u64 value, bool host);

/**
 * duet_load_guest_dr() - DR0 to DR3, which no entry loads; DR7 is 0 after it
 * duet_take_guest_dr() - those and DR6, as the guest has left them, into the state
 *
 * Interrupts off, within duet_save_host_dr() and duet_restore_host_dr().
 */
void __cold duet_load_guest_dr(struct duet_vcpu *vcpu);
void __cold duet_take_guest_dr(struct duet_vcpu *vcpu);

/**
 * duet_save_host_dr() / duet_restore_host_dr() - the host's breakpoints, if
 * there are any; interrupts off in between
 */
void duet_save_host_dr(struct duet_vcpu *vcpu);
void duet_restore_host_dr(struct duet_vcpu *vcpu);

/**
 * duet_load_xcr0() / duet_restore_xcr0() - XCR0 and XSS, with interrupts off
 * around the backend's loop (softirqs use the FPU)
 */
void duet_load_xcr0(struct duet_vcpu *vcpu);
void duet_restore_xcr0(struct duet_vcpu *vcpu);

#endif /* DUET_COMMON_VCPU_H */
