/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to vmx/: what this backend keeps per machine, per CPU, per VM and
 * per vCPU. See docs/hardware.md for the rules behind it.
 */
#ifndef DUET_VMX_VMX_H
#define DUET_VMX_VMX_H

#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/percpu-defs.h>
#include "common/compat.h"
#include "common/vcpu.h"
#include "common/vm.h"
#include "vmx/ghost.h"
#include "vmx/instructions.h"
#include "vmx/vmcs.h"

/**
 * struct vmx_controls - the five groups of control bits
 */
struct vmx_controls {
	u32 pin, cpu, cpu2, exit, entry;
};

/**
 * struct vmx_features - what this CPU has, set by probe()
 * @revision: VMCS revision identifier (SDM vol. 3, A.1)
 * @base: the controls of every VMCS: what the CPU insists on, what we need,
 *	and what we use where it is there
 * @allowed: the controls that may be 1
 * @cr0_fixed0, ...: CR0 and CR4 in VMX operation (A.7, A.8); in a guest,
 *	PE and PG are free (unrestricted guest)
 * @invept_type, @invvpid_type: the narrowest kind this CPU has
 * @slice: the preemption timer's value, 0 without it
 * @ept_vpid_cap: what other CPUs must have of IA32_VMX_EPT_VPID_CAP (A.10)
 */
struct vmx_features {
	u32 revision;
	struct vmx_controls base, allowed;
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	bool ept, vpid, ept_dirty, tpr_shadow, pause_loop;
	u8 ept_levels, ept_leaf_level;
	u8 invept_type, invvpid_type;
	u32 slice;
	u64 ept_vpid_cap;
};

extern struct vmx_features vmx_features;

/* SYSCALL's registers, which neither VM entry nor VM exit touches. */
enum vmx_msr {
	VMX_STAR, VMX_LSTAR, VMX_CSTAR, VMX_SFMASK,
	VMX_NR_MSRS
};

/**
 * struct vmx_cpu - one CPU
 * @vmcss: VMCSs that may be cached there; that CPU, interrupts off
 * @vmxon: its VMXON region; only the processor touches it
 * @current_vmcs: the vCPU whose VMCS is the CPU's current one, or NULL
 * @last: the vCPU that ran here last: another one asks for an IBPB
 * @on: we entered VMX operation here; interrupts off, on that CPU
 */
struct vmx_cpu {
	struct list_head vmcss;
	struct page *vmxon;
	struct vmx_vcpu *current_vmcs;
	struct vmx_vcpu *last;
	u64 host_tsc_aux;
	u64 host_syscall[VMX_NR_MSRS];
	bool on;
	struct vmx_ghost_cpu ghost;
};

DECLARE_PER_CPU(struct vmx_cpu, vmx_cpus);

/**
 * struct vmx_entry - what enter.S needs besides the general registers
 *
 * The offsets are known there.
 */
struct vmx_entry {
	u64 host_rsp;		/* what the VMCS has */
	u64 launched;		/* VMRESUME, not VMLAUNCH */
	u64 *spec_ctrl;		/* the guest's SPEC_CTRL */
	u64 spec_ctrl_direct;	/* the guest writes it without an exit */
};

static_assert(offsetof(struct vmx_entry, host_rsp) == 0);
static_assert(offsetof(struct vmx_entry, launched) == 8);
static_assert(offsetof(struct vmx_entry, spec_ctrl) == 16);
static_assert(offsetof(struct vmx_entry, spec_ctrl_direct) == 24);

/* enter.S takes &vcpu->state.gpr[0], in the order of enum duet_gpr. */
static_assert(DUET_RAX == 0 && DUET_RSP == 4 && DUET_R15 == 15);
static_assert(offsetof(struct duet_state, cr2) -
	      offsetof(struct duet_state, gpr) == 152);

/**
 * struct vmx_host - the host's state that a VM exit does not bring back
 * @saved: it was taken since vcpu_load(), and KERNEL_GS_BASE is the guest's
 * @syscall: SYSCALL's registers are the guest's
 * @cr3, @cr4, @fs_base: what the host-state area has
 */
struct vmx_host {
	u64 cr3, cr4, fs_base;
	u64 kernel_gs_base;
	u16 ds, es, fs, gs, ldt;
	bool saved, syscall;
};

/**
 * struct vmx_perf - the host's counters
 * @entry, @exit: how many MSRs VM entries and VM exits load
 * @pebs: the host's PEBS_ENABLE, while it is off
 */
struct vmx_perf {
	u32 entry, exit;
	u64 pebs;
};

/** struct vmx_vcpu - V: everything, as in common/vcpu.h */
struct vmx_vcpu {
	struct duet_vcpu vcpu;

	struct page *vmcs;
	struct list_head link;	/* in vmx_cpu.vmcss of @vmcs_cpu */
	int vmcs_cpu;		/* the VMCS may be cached there, or -1 */
	struct vmx_entry entry;
	struct vmx_host host;

	/* what the VMCS has: not written again if it does not change */
	struct vmx_controls controls;
	u64 cr0_shadow, cr0_owned;	/* owned: the guest's without an exit */
	u64 cr4_shadow, cr4_owned;
	u32 exception_bitmap;
	u32 tpr_threshold;
	u8 tpr;			/* CR8 as common/ has it */
	bool tpr_shadow;	/* CR8 is in the virtual-APIC page */

	u16 vpid;		/* 0: none */
	bool flush_guest, flush_all;	/* before the next entry */
	bool injected_nmi;	/* the next entry blocks NMIs by itself */
	bool dr_direct;		/* the debug registers are the guest's */
	u64 tsc_aux;		/* what the CPU has */
	u64 kernel_gs_base;	/* the guest's, unless host.saved */
	u64 debugctl;		/* the host's */

	struct vmx_perf perf;
	unsigned long *msr_bitmap;	/* a page (SDM vol. 3, 25.6.9) */
	void *msr_lists;		/* a page, see perf.c */
	u8 *virtual_apic;		/* a page, only for the TPR */
#ifdef CONFIG_DUET_SELFTEST_HOOKS
	u64 mend[DUET_MAX_CHANGES];	/* what the hook's fields were */
#endif
	struct vmx_ghost ghost;
};

struct vmx_vm {
	struct duet_vm vm;
};

static inline struct vmx_vcpu *to_vmx(struct duet_vcpu *vcpu)
{
	return container_of(vcpu, struct vmx_vcpu, vcpu);
}

/** vmx_read() - a field of the loaded VMCS, counted */
static __always_inline u64 vmx_read(struct vmx_vcpu *vmx, unsigned long field)
{
	vmx->vcpu.stats.reads++;
	vmx_ghost_access(vmx);
	return vmx_vmread(field);
}

/** vmx_write() - a field of the loaded VMCS, counted */
static __always_inline void vmx_write(struct vmx_vcpu *vmx,
				      unsigned long field, u64 value)
{
	vmx->vcpu.stats.writes++;
	vmx_ghost_access(vmx);
	vmx_vmwrite(field, value);
}

/** vmx_cpu_control() - switch bits of the primary controls */
static inline void vmx_cpu_control(struct vmx_vcpu *vmx, u32 bits, bool on)
{
	u32 value = on ? vmx->controls.cpu | bits : vmx->controls.cpu & ~bits;

	if (value == vmx->controls.cpu)
		return;
	vmx->controls.cpu = value;
	vmx_write(vmx, VMCS_CPU_CONTROLS, value);
}

/* Interruptibility state into DUET_SHADOW_*: the order is the same. */
static_assert(VMCS_BLOCKING_BY_STI == DUET_SHADOW_STI);
static_assert(VMCS_BLOCKING_BY_MOV_SS == DUET_SHADOW_MOV_SS);
static_assert(VMCS_BLOCKING_BY_NMI == DUET_SHADOW_NMI << 1);

static inline u32 vmx_shadow(u32 state)
{
	return (state & (VMCS_BLOCKING_BY_STI | VMCS_BLOCKING_BY_MOV_SS)) |
		(state & VMCS_BLOCKING_BY_NMI) >> 1;
}

/* ---- cached.c: what a CPU keeps of a vCPU ---- */

/** vmx_flush_tlb() - duet_vcpu_ops.flush_tlb */
void vmx_flush_tlb(struct duet_vcpu *vcpu, enum duet_flush what);
void vmx_set_root(struct vmx_vcpu *vmx);
void vmx_flush(struct vmx_vcpu *vmx);
/** vmx_init_vmcs() - before its first use; preemption off */
void vmx_init_vmcs(struct vmx_vcpu *vmx);
void vmx_load_vmcs(struct vmx_vcpu *vmx, struct vmx_cpu *c, int cpu);
/** vmx_clear() - no CPU has the VMCS any more; interrupts on */
void vmx_clear(struct vmx_vcpu *vmx);
/** vmx_clear_all() - none is cached on this CPU; any context, on that CPU */
void vmx_clear_all(struct vmx_cpu *c);

/** vmx_use_vmcs() - make it this CPU's current one; preemption off */
static inline void vmx_use_vmcs(struct vmx_vcpu *vmx, struct vmx_cpu *c,
				int cpu)
{
	if (unlikely(c->current_vmcs != vmx))
		vmx_load_vmcs(vmx, c, cpu);
}

/** vmx_flush_before_entry() - interrupts off */
static inline void vmx_flush_before_entry(struct vmx_vcpu *vmx)
{
	if (unlikely(vmx->flush_all | vmx->flush_guest))
		vmx_flush(vmx);
}

/** vmx_entered() - from here on it is a VMRESUME (SDM vol. 3, 25.11.3) */
static inline void vmx_entered(struct vmx_vcpu *vmx)
{
	vmx->entry.launched = 1;
	vmx_ghost_entered(vmx);
}

/* ---- hardware.c ---- */
int vmx_probe(struct duet_caps *caps);
void vmx_remove(void);
int vmx_cpu_on(void);
void vmx_cpu_off(void);

/* ---- vcpu.c ---- */
extern const struct duet_vcpu_ops vmx_ops;

/* ---- host_state.c ---- */
/* SYSCALL's registers of this CPU, before the first guest */
void vmx_host_read_syscall(struct vmx_cpu *c);
/* what never changes; once per VMCS */
void vmx_host_init(struct vmx_vcpu *vmx);
/* what differs from CPU to CPU; preemption off */
void vmx_host_cpu_changed(struct vmx_vcpu *vmx);
/* before the loop: what may have changed since; interrupts off */
void vmx_host_prepare(struct vmx_vcpu *vmx);
/* at vcpu_put(): what VM exits do not restore; preemption off */
void vmx_host_restore(struct vmx_vcpu *vmx);
/* the guest's KERNEL_GS_BASE, wherever it is */
u64 vmx_get_kernel_gs_base(struct vmx_vcpu *vmx);
void vmx_set_kernel_gs_base(struct vmx_vcpu *vmx, u64 value);
/* SYSCALL's registers or EFER changed: give the CPU the new ones */
void vmx_syscall_changed(struct vmx_vcpu *vmx);

/* ---- state.c ---- */

/* Every write of these exits, or enter.S saves it after each exit. */
#define VMX_ST_ALWAYS	(DUET_ST_CR2 | DUET_ST_EFER | DUET_ST_DR)

void vmx_get_state(struct duet_vcpu *vcpu, u32 groups);
void vmx_set_state(struct duet_vcpu *vcpu, u32 groups);
/* CPUID changed: which bits of CR4 can be the guest's */
void vmx_update_cr4_owned(struct vmx_vcpu *vmx);

/* ---- enter.S ---- */

#define VMX_ENTER_EXITED	0
#define VMX_ENTER_FAILED	1	/* VMfail, SDM vol. 3, 31.2 */
#define VMX_ENTER_FAULTED	2	/* not in VMX operation */

/**
 * vmx_enter() - the world switch
 * @gpr: struct duet_state.gpr; RSP is the VMCS's; CR2 stands behind it
 *
 * Context: interrupts off, and off again after it. NMIs that end the guest's
 * turn stay blocked.
 * Return: VMX_ENTER_*
 */
asmlinkage int vmx_enter(u64 *gpr, struct vmx_entry *entry);
/* where VM exits come to: HOST_RIP, not to be called */
void vmx_exit(void);

/* ---- run.c ---- */
int vmx_l1d_init(void);
void vmx_l1d_exit(void);
void vmx_run(struct duet_vcpu *vcpu);
void vmx_host_event(struct duet_vcpu *vcpu);

/* ---- exits.c ---- */

/** vmx_translate_exit() - the VM-exit information into vcpu->exit */
void vmx_translate_exit(struct vmx_vcpu *vmx);

/* ---- events.c ---- */
void vmx_inject(struct duet_vcpu *vcpu, const struct duet_event *ev);
void vmx_set_window(struct duet_vcpu *vcpu, enum duet_window w, bool on);
void vmx_set_tpr(struct duet_vcpu *vcpu, u8 cr8, int irr);
void vmx_set_shadow(struct vmx_vcpu *vmx);
/*
 * What was in delivery when the exit came, whose reason it may be:
 * @reinject: false for a task switch, which delivers it itself. Calls
 * duet_event_reinject(). Return: the IDT-vectoring information.
 */
u32 vmx_after_delivery(struct vmx_vcpu *vmx, bool reinject);
/* an IRET that faulted had unblocked NMIs already: they are blocked again */
void vmx_block_nmi(struct vmx_vcpu *vmx);

/* ---- msr.c ---- */
unsigned long *vmx_msr_bitmap_alloc(void);
void vmx_msr_bitmap_free(unsigned long *bitmap);
int vmx_get_msr(struct duet_vcpu *vcpu, u32 index, u64 *value);
int vmx_set_msr(struct duet_vcpu *vcpu, u32 index, u64 value, bool host);
/* CPUID changed, or SPEC_CTRL was written for the first time */
void vmx_update_msr_bitmap(struct vmx_vcpu *vmx);

/* ---- ept.c ---- */
void vmx_ept_probe(void);
void vmx_pte_format(struct duet_pte_format *pte);
u64 vmx_eptp(hpa_t root);
void vmx_invept(struct vmx_vcpu *vmx);

/* ---- vpid.c ---- */
void vmx_vpid_probe(void);
u16 vmx_vpid_alloc(void);
void vmx_vpid_free(u16 vpid);
void vmx_invvpid(struct vmx_vcpu *vmx);

/* ---- perf.c ---- */
void vmx_perf_init(struct vmx_vcpu *vmx);
/* what the host counts for itself alone is off in the guest; and on again */
void vmx_perf_load_guest(struct vmx_vcpu *vmx);
void vmx_perf_load_host(struct vmx_vcpu *vmx);

/* ---- explain.c ---- */
extern const struct duet_rule vmx_control_rules[], vmx_host_rules[],
	vmx_guest_rules[];
/* VMfail with this VM-instruction error, or VMX_ERROR_NONE */
void vmx_explain_error(struct vmx_vcpu *vmx, u64 error);
/* an exit reason with VMX_REASON_ENTRY_FAILED */
void vmx_explain_exit(struct vmx_vcpu *vmx, u32 reason);

/* ---- hook.c, only with DUET_SELFTEST_HOOKS ---- */
/* break the rule that vcpu->hook asks for; false: do not enter */
bool vmx_break(struct vmx_vcpu *vmx);
/* after the entry, or without it: the fields are what they were */
void vmx_mend(struct vmx_vcpu *vmx);

#endif /* DUET_VMX_VMX_H */
