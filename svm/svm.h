/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to svm/: what this backend keeps per machine, per CPU, per VM and
 * per vCPU. See docs/hardware.md for the rules behind it.
 */
#ifndef DUET_SVM_SVM_H
#define DUET_SVM_SVM_H

#include <linux/bitops.h>
#include <linux/jump_label.h>
#include <linux/percpu-defs.h>
#include "common/compat.h"
#include "common/vcpu.h"
#include "common/vm.h"
#include "svm/asid.h"
#include "svm/ghost.h"
#include "svm/vmcb.h"

/** struct svm_features - CPUID 8000_000A (APM vol. 3, E.4.9), set by probe() */
struct svm_features {
	u32 edx;	/* the bits below, as CPUID has them */
	u32 nr_asids;
	bool npt, nrips, decode, flush_by_asid, clean_bits, pause_filter;
	bool pause_threshold;
};

extern struct svm_features svm_features;

/**
 * struct svm_cpu - one CPU
 * @asids: its ASIDs; on that CPU, preemption off
 * @host_save: VM_HSAVE_PA's page; only the processor touches it
 *	(APM vol. 2, 15.30.4)
 * @host_state: a VMCB for VMSAVE and VMLOAD of what VMRUN leaves alone
 * @last: the vCPU that was here last: another one asks for an IBPB
 * @on: we switched SVM on here; interrupts off, on that CPU
 */
struct svm_cpu {
	struct svm_asids asids;
	struct page *host_save, *host_state;
	struct svm_vcpu *last;
	u64 host_tsc_aux;
	bool on;
	struct svm_ghost_cpu ghost;
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpus);

/* Every port exits: one I/O permission map serves every VM. */
extern hpa_t svm_iopm_pa;

/**
 * struct svm_entry - what enter.S needs besides the general registers
 *
 * The offsets are known there.
 */
struct svm_entry {
	u64 vmcb_pa;
	u64 host_state_pa;	/* of the CPU it is loaded on */
	u64 *spec_ctrl;		/* the guest's SPEC_CTRL, if not V_SPEC_CTRL */
	u64 spec_ctrl_direct;	/* the guest writes it without an exit */
};

static_assert(offsetof(struct svm_entry, vmcb_pa) == 0);
static_assert(offsetof(struct svm_entry, host_state_pa) == 8);
static_assert(offsetof(struct svm_entry, spec_ctrl) == 16);
static_assert(offsetof(struct svm_entry, spec_ctrl_direct) == 24);

/* enter.S takes &vcpu->state.gpr[0], in the order of enum duet_gpr. */
static_assert(DUET_RAX == 0 && DUET_RSP == 4 && DUET_R15 == 15);

/*
 * DR6 without a cause (APM vol. 2, 13.1.1.3). The guest runs with it, so that
 * an intercepted #DB shows its own causes alone; its own DR6 is software's.
 */
#define SVM_DR6_NONE	0xffff0ff0ULL
#define SVM_DR7_RESET	0x400ULL	/* APM vol. 2, 13.1.1.4 */

/* svm_vcpu.work: rare things to do around the next entry */
#define SVM_WORK_SOFT		BIT(0)	/* software event: RIP and nRIP */
#define SVM_WORK_STEP		BIT(1)	/* single-step, for the NMI window */
#define SVM_WORK_INJECTED	BIT(2)	/* EVENTINJ is in use */
#define SVM_WORK_COPY		BIT(3)	/* VMRUN may refuse: keep a copy */

/** struct svm_step - one instruction executed with TF, see events.c */
struct svm_step {
	u64 rip, rflags;	/* before it; RFLAGS: TF and RF only */
	bool active;		/* the guest runs with our TF */
	bool iret;		/* over the IRET that ends NMI blocking */
};

/**
 * struct svm_copy - what #VMEXIT writes into the VMCB
 *
 * It does so after a VMRUN that it refused as well (APM vol. 2, 15.6), and then
 * nobody says that it was the guest's.
 */
struct svm_copy {
	u8 save[offsetof(struct vmcb_save, reserved_298)];
	u64 int_state;
	u32 int_ctl;
};

/** struct svm_vcpu - V: everything, as in common/vcpu.h */
struct svm_vcpu {
	struct duet_vcpu vcpu;

	struct vmcb *vmcb;
	struct svm_entry entry;
	struct svm_tag tag;
	u32 clean;		/* clean bits that may be used, or 0 */
	u32 work;		/* SVM_WORK_* */
	u32 event_inj;		/* what the CPU got: it clears EVENTINJ */
	u64 tsc_aux;		/* what the CPU has */
	u64 debugctl;		/* the host's */
	bool shadow_paging;
	bool nrips, decode;	/* the CPU has it and the VM does not refuse it */
	bool v_tpr;		/* not refused: the guest's CR8 is V_TPR */

	bool dr_direct;		/* the debug registers are the guest's */
	bool nmi_blocked;	/* until the guest's IRET */
	bool want_nmi, want_intr;	/* windows that are open */
	u8 tpr;		/* V_TPR as we wrote it */
	struct svm_step step;
	struct svm_copy copy;	/* valid with SVM_WORK_COPY */
	bool by_v_irq;		/* the injected interrupt is in V_IRQ (quirk) */
	u64 shadow_rip;		/* entered there in a shadow (svm_tcg_quirk) */
	struct {
		u64 rip, next_rip;	/* of the instruction, and after it */
		struct duet_event event;
	} soft;

	u32 *msrpm;		/* two pages (APM vol. 2, 15.11) */
	int last_cpu;		/* the VMCB's fields may be cached there */

	u64 vm_cr, de_cfg;	/* MSRs, see msr.c */
#ifdef CONFIG_DUET_SELFTEST_HOOKS
	struct vmcb mend;	/* what the VMCB was before the hook */
#endif
	struct svm_ghost ghost;
};

struct svm_vm {
	struct duet_vm vm;
};

static inline struct svm_vcpu *to_svm(struct duet_vcpu *vcpu)
{
	return container_of(vcpu, struct svm_vcpu, vcpu);
}

/** svm_dirty() - the VMCB's fields of these groups changed */
static inline void svm_dirty(struct svm_vcpu *svm, u32 clean_bits)
{
	svm->vmcb->control.clean &= ~clean_bits;
}

static inline bool svm_intercepts(const struct svm_vcpu *svm, unsigned int n)
{
	return svm->vmcb->control.intercepts[n / 32] & BIT(n % 32);
}

/** svm_intercept() - switch one intercept; INTERCEPT_* */
static inline void svm_intercept(struct svm_vcpu *svm, unsigned int n, bool on)
{
	u32 *word = &svm->vmcb->control.intercepts[n / 32];
	u32 value = on ? *word | BIT(n % 32) : *word & ~BIT(n % 32);

	if (value == *word)
		return;
	*word = value;
	svm_dirty(svm, VMCB_CLEAN_I);
}

/* ---- cached.c: what a CPU keeps of a vCPU ---- */

/** svm_flush_tlb() - duet_vcpu_ops.flush_tlb */
void svm_flush_tlb(struct duet_vcpu *vcpu, enum duet_flush what);
void svm_set_root(struct svm_vcpu *svm);
void svm_renew_tag(struct svm_vcpu *svm, struct svm_cpu *c);
/** svm_not_entered() - VMRUN found the guest's state illegal; interrupts off */
void svm_not_entered(struct svm_vcpu *svm);

/** svm_came_to() - what other CPUs keep of the vCPU is of no use on this one */
static inline void svm_came_to(struct svm_vcpu *svm, int cpu)
{
	if (svm->last_cpu == cpu)
		return;
	svm->last_cpu = cpu;
	svm->vmcb->control.clean = 0;
	svm_tag_drop(&svm->tag);
}

/** svm_use_tag() - before each VMRUN; interrupts off */
static inline void svm_use_tag(struct svm_vcpu *svm, struct svm_cpu *c)
{
	if (unlikely(svm_tag_stale(&c->asids, &svm->tag)))
		svm_renew_tag(svm, c);
}

/**
 * svm_entered() - after each #VMEXIT: the CPU knows the VMCB as it is now, and
 * has flushed
 *
 * Before anything is written to the VMCB, or it would be taken for known.
 */
static inline void svm_entered(struct svm_vcpu *svm)
{
	svm->vmcb->control.clean = svm->clean;
	svm->vmcb->control.tlb_control = VMCB_TLB_NOTHING;
}

/* ---- hardware.c ---- */
int svm_probe(struct duet_caps *caps);
void svm_remove(void);
int svm_cpu_on(void);
void svm_cpu_off(void);
/* a zeroed page for VMRUN or VM_HSAVE_PA; NULL: no memory */
struct page *svm_alloc_page(int node, gfp_t gfp);

/* ---- errata.c; on that CPU, interrupts off ---- */
void svm_errata_on(void);
void svm_errata_off(void);
/* a machine check that the guest caused, of no meaning to the host */
bool svm_erratum_383(struct svm_vcpu *svm);

/* ---- vcpu.c ---- */
void svm_intercept_dr(struct svm_vcpu *svm, bool on);
void svm_update_exceptions(struct svm_vcpu *svm);

/* ---- state.c ---- */

/* Every write of these exits, so that vcpu->state is always right. */
#define SVM_ST_ALWAYS	(DUET_ST_CR0 | DUET_ST_CR4 | DUET_ST_EFER | \
			 DUET_ST_DR | DUET_ST_PDPTE)

/** svm_get_segment() - one segment register into vcpu->state */
void svm_get_segment(struct svm_vcpu *svm, unsigned int n);
void svm_get_state(struct duet_vcpu *vcpu, u32 groups);
void svm_set_state(struct duet_vcpu *vcpu, u32 groups);

/* ---- enter.S ---- */

/**
 * svm_enter() - the world switch
 * @gpr: struct duet_state.gpr; RAX and RSP are the VMCB's
 *
 * CLGI, VMLOAD, VMRUN, VMSAVE, host's VMLOAD, STGI. An NMI that waits is
 * taken inside.
 * Context: interrupts off, and off again after it.
 * Return: 0, or 1: an SVM instruction faulted, and the guest did not run.
 */
asmlinkage int svm_enter(u64 *gpr, struct svm_entry *entry);

/* ---- run.c ---- */
void svm_run(struct duet_vcpu *vcpu);
void svm_host_event(struct duet_vcpu *vcpu);

/* ---- exits.c ---- */

/** svm_translate_exit() - the VMCB's exit into vcpu->exit */
void svm_translate_exit(struct svm_vcpu *svm);

/* ---- events.c ---- */
void svm_inject(struct duet_vcpu *vcpu, const struct duet_event *ev);
void svm_set_window(struct duet_vcpu *vcpu, enum duet_window w, bool on);
void svm_set_tpr(struct duet_vcpu *vcpu, u8 cr8, int irr);
void svm_set_nmi_blocked(struct svm_vcpu *svm, bool blocked);
/* the VMCB as VMRUN will find it, in case that it refuses */
void svm_take_copy(struct svm_vcpu *svm);
/* svm->work before an entry, interrupts off; the dirty groups are written */
void svm_before_entry(struct svm_vcpu *svm);
/* after an exit: what was in delivery? Calls duet_event_reinject(). */
void svm_after_exit(struct svm_vcpu *svm);
/* IRET was intercepted; handled without a neutral exit */
void svm_iret_exit(struct svm_vcpu *svm);
/* the exit that ends a single step; true if it was nothing but that */
bool svm_end_step(struct svm_vcpu *svm);

/* ---- msr.c ---- */
u32 *svm_msrpm_alloc(void);
void svm_msrpm_free(u32 *msrpm);
void svm_msrs_init(struct svm_vcpu *svm);
int svm_get_msr(struct duet_vcpu *vcpu, u32 index, u64 *value);
int svm_set_msr(struct duet_vcpu *vcpu, u32 index, u64 value, bool host);
/* CPUID changed, or SPEC_CTRL was written for the first time */
void svm_update_msrpm(struct svm_vcpu *svm);

/* ---- quirk.c ---- */
DECLARE_STATIC_KEY_FALSE(svm_cr2_quirk);
DECLARE_STATIC_KEY_FALSE(svm_tcg_quirk);
int svm_quirks_init(void);
void svm_quirks_exit(void);
/* SVM is on, on this CPU; interrupts off */
void svm_try_quirks(struct svm_cpu *c);
/* may sleep */
void svm_apply_quirks(void);

/* ---- explain.c ---- */
extern const struct duet_rule svm_control_rules[], svm_guest_rules[];
/* vcpu->exit is an entry that failed */
void svm_explain(struct svm_vcpu *svm);

/* ---- hook.c, only with DUET_SELFTEST_HOOKS ---- */
/* break the rule that vcpu->hook asks for; false: do not enter */
bool svm_break(struct svm_vcpu *svm);
/* after the entry, or without it: the VMCB is what it was */
void svm_mend(struct svm_vcpu *svm);

#endif /* DUET_SVM_SVM_H */
