/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The backend contract: what a vendor's hardware does for one vCPU. One const
 * instance in svm/, one in vmx/, chosen once at load. At most 24 functions.
 */
#ifndef DUET_COMMON_OPS_H
#define DUET_COMMON_OPS_H

#include "common/explain.h"
#include "common/types.h"

struct duet_event;

/**
 * struct duet_pte_format - how nested page-table entries are encoded
 *
 * One radix-table walker (common/pager/) serves both vendors with it. An
 * entry is present if (entry & @present_mask).
 * @present_mask: any of these bits set means present
 * @table: bits of every non-leaf entry
 * @leaf: bits of every leaf entry besides permissions and memory type
 * @read, @write, @exec: bits that allow it; @no_exec: bit that refuses it
 *	(a vendor has one of @exec and @no_exec)
 * @accessed, @dirty: set by the CPU, 0 if it does not
 * @large: leaf above the last level
 * @wb, @uc: memory type bits of a leaf
 * @spare: a bit that the CPU ignores in a present entry
 * @levels: 4 or 5
 * @max_leaf_level: 1: 4 KiB only, 2: 2 MiB, 3: 1 GiB
 */
struct duet_pte_format {
	u64 present_mask;
	u64 table, leaf;
	u64 read, write, exec, no_exec;
	u64 accessed, dirty;
	u64 large;
	u64 wb, uc;
	u64 spare;
	u8 levels;
	u8 max_leaf_level;
};

/**
 * struct duet_caps - what the backend found on this machine, set by probe()
 * @nested: nested paging, encoded as in @pte
 * @can_refuse: DUET_REFUSE_* that this CPU has and a VM can refuse
 * @tsc_scaling_bits: 0 without TSC scaling
 * @nr_tags: ASIDs or VPIDs, 0 for none
 * @hypercall: the vendor's hypercall instruction, 3 bytes
 * @generation: 1 without nested paging, 2 with it
 */
struct duet_caps {
	const char *vendor;	/* "AMD-V (SVM)", "Intel VT-x (VMX)" */
	u64 can_refuse;
	u32 nr_tags;
	u8 generation;
	bool nested;
	u8 tsc_scaling_bits;
	u8 hypercall[3];
	struct duet_pte_format pte;
};

extern struct duet_caps duet_caps;

/* What duet_vcpu_ops.flush_tlb drops of the current vCPU's translations. */
enum duet_flush {
	DUET_FLUSH_GUEST,	/* guest-linear ones: CR3, CR4, INVLPG emulated */
	DUET_FLUSH_ALL,		/* nested ones as well: the pager changed */
};

enum duet_window {
	DUET_WINDOW_INTR,
	DUET_WINDOW_NMI,
};

/**
 * struct duet_vcpu_ops - the backend
 *
 * "Loaded" below: the vCPU's control structure is on this CPU
 * (between vcpu_load() and vcpu_put()), preemption may be on.
 */
struct duet_vcpu_ops {
	/** @name: "svm" or "vmx" */
	const char *name;
	/** @vm_size, @vcpu_size: of the structures that embed ours first */
	size_t vm_size, vcpu_size;
	/**
	 * @rules: what the CPU checks when it enters a guest, in the order of
	 * the manual; each table ends with an empty row, NULL: there is none
	 */
	const struct duet_rule *rules[DUET_NR_RULES];

	/**
	 * @probe: may this machine's CPU run us? Fills *caps. -ENODEV with
	 * one line in the log if not (-EOPNOTSUPP, silently: other vendor).
	 */
	int (*probe)(struct duet_caps *caps);
	/** @remove: free what probe() took */
	void (*remove)(void);
	/**
	 * @cpu_on: switch virtualization on, on this CPU; interrupts off.
	 * -EBUSY if somebody else has it on.
	 */
	int (*cpu_on)(void);
	/** @cpu_off: and off again; interrupts off. Also from emergencies. */
	void (*cpu_off)(void);

	/** @vm_create: the vendor's part of a VM; may sleep */
	int (*vm_create)(struct duet_vm *vm);
	/** @vm_destroy: no vCPU is left */
	void (*vm_destroy)(struct duet_vm *vm);
	/** @vcpu_create: control structure, maps; may sleep; not loaded */
	int (*vcpu_create)(struct duet_vcpu *vcpu);
	/** @vcpu_destroy: may sleep; not loaded, loaded nowhere */
	void (*vcpu_destroy)(struct duet_vcpu *vcpu);

	/** @vcpu_load: make this CPU the vCPU's; preemption off */
	void (*vcpu_load)(struct duet_vcpu *vcpu, int cpu);
	/** @vcpu_put: host state is the host's again; preemption off */
	void (*vcpu_put)(struct duet_vcpu *vcpu);

	/** @get_state: control structure to vcpu->state; loaded */
	void (*get_state)(struct duet_vcpu *vcpu, u32 groups);
	/** @set_state: vcpu->state to control structure; loaded */
	void (*set_state)(struct duet_vcpu *vcpu, u32 groups);

	/**
	 * @run: enter the guest, again and again while duet_fast_exit() says
	 * so; interrupts off, loaded, vcpu->dirty written by run() itself.
	 * Fills vcpu->exit, calls duet_event_reinject() once per exit, and
	 * leaves with vcpu->valid set to what it cached. An entry that failed
	 * ends it: duet_explain(), and the event in flight is left alone.
	 */
	void (*run)(struct duet_vcpu *vcpu);
	/**
	 * @host_event: after run() with exit reason NMI, MCE or INTR: let the
	 * host have what caused it where that needs an action; interrupts
	 * still off.
	 */
	void (*host_event)(struct duet_vcpu *vcpu);

	/** @inject: have the CPU deliver @ev with the next entry; loaded */
	void (*inject)(struct duet_vcpu *vcpu, const struct duet_event *ev);
	/** @set_window: exit as soon as the event could be taken; loaded */
	void (*set_window)(struct duet_vcpu *vcpu, enum duet_window w, bool on);
	/**
	 * @set_tpr: the guest's TPR (CR8) and the highest waiting vector (-1).
	 * What the guest makes of it without an exit, run() tells by
	 * duet_lapic_sync_tpr().
	 */
	void (*set_tpr)(struct duet_vcpu *vcpu, u8 cr8, int irr);

	/** @flush_tlb: before the next entry; loaded */
	void (*flush_tlb)(struct duet_vcpu *vcpu, enum duet_flush what);

	/** @get_msr: an MSR that is the vendor's; 0 or 1 (= #GP); loaded */
	int (*get_msr)(struct duet_vcpu *vcpu, u32 index, u64 *value);
	/** @set_msr: ditto; @host: by an ioctl, not by the guest */
	int (*set_msr)(struct duet_vcpu *vcpu, u32 index, u64 value, bool host);

	/**
	 * @update: CPUID, guest debugging or the intercepts that follow from
	 * them changed (exception bitmap, MSR map); loaded
	 */
	void (*update)(struct duet_vcpu *vcpu);
};

extern const struct duet_vcpu_ops *duet_ops;
extern const struct duet_vcpu_ops svm_ops, vmx_ops;

#endif /* DUET_COMMON_OPS_H */
