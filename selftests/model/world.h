/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the code under test works on: VMs with a mm each, vCPUs, frames, pages;
 * and the model's processors, which cache all that they may.
 */
#ifndef DUET_MODEL_WORLD_H
#define DUET_MODEL_WORLD_H

#include "engine.h"
#include "common/pager/pager_internal.h"
#include "common/vcpu.h"
#include "svm/svm.h"
#include "vmx/vmx.h"

#define MAX_VMS		2
#define VM_VCPUS	2
#define VM_PAGES	2	/* what guests touch, from GFN 0 */
#define GUEST_VAS	2

/** struct frame - a page frame of the host's, or 512 of them */
struct frame {
	u64 pfn;
	int refs;		/* GUP's */
	struct model_vm *vm;	/* mapped by its mm, or NULL */
	u32 maps;		/* how often it was unmapped */
	u32 protects;		/* how often it was write-protected */
};

struct model_vm {
	int index;
	struct duet_vm *vm;	/* NULL: there is none now */
	struct mmu_notifier *notifier;
	int callbacks;
	/* the mm: frames behind the guest's pages, or one large one */
	struct {
		struct frame *frame;
		bool writable;
	} page[VM_PAGES];
	bool large, busy[VM_PAGES];
	u32 life;		/* counts VMs */
	/* threads that wait for the next VM, and those that have ended */
	unsigned int parked, ended;
	u32 era;
	bool dying;
};

/** struct model_vcpu - a guest's own page table, and what its thread knows */
struct model_vcpu {
	struct duet_vcpu *vcpu;
	struct model_vm *mvm;
	u8 gfn[GUEST_VAS];
	u32 changes[GUEST_VAS];	/* of gfn[], with an INVLPG or the like */
	u64 rsp;		/* what the VMCS must have */
	bool illegal;		/* state that the entry's checks refuse */
};

extern struct model_vm mvms[MAX_VMS];
extern struct model_vcpu mvcpus[MAX_VMS][VM_VCPUS];

struct model_vcpu *model_vcpu(const struct duet_vcpu *vcpu);

/** loaded_vcpu() - the one that the running thread works on */
struct duet_vcpu *loaded_vcpu(void);

/* ---- memory.c ---- */

void memory_reset(void);
/** memory_of_vm() - its memory slots: one, from GFN 0 */
struct duet_memslots *memory_of_vm(struct model_vm *m);
/** mm_init() - frames behind the pages that its guest touches */
void mm_init(struct model_vm *m);
/** mm_thread() - takes pages of any VM away, and tells its notifier */
void mm_thread(void *arg);

struct frame *frame_of(u64 pfn);

/** page_generation() - of a page that is allocated; fails if it is not */
u32 page_generation(const void *p, const char *what);
bool page_same(const void *p, u32 generation);

/* ---- tlb.c: one processor's caches of translations ---- */

struct tlb_tag {
	u32 asid;	/* or VPID */
	u64 root;	/* EPTP; AMD-V tags by the ASID alone: 0 */
};

enum guest_exit { GUEST_INTR, GUEST_FAULT, GUEST_DR, GUEST_OTHER };

struct guest_fault {
	gpa_t gpa;
	bool write;
};

void tlb_reset(void);
/* Each drops at least what it names, from the current CPU's. */
void tlb_drop_all(int cpu);
void tlb_drop_asid(int cpu, u32 asid);
/* combined mappings of a VPID; guest-physical and combined ones of an EPTP */
void tlb_drop_vpid(int cpu, u32 vpid);
void tlb_drop_root(int cpu, u64 root);
void tlb_pollute(int cpu);
/** guest_turn() - guest code, until something ends it */
enum guest_exit guest_turn(struct duet_vcpu *vcpu, struct tlb_tag tag,
			   u64 root, struct guest_fault *fault);

/* ---- svm.c, vmx.c: control structures ---- */

/* msr.c: around a guest, and before interrupts go on (engine.c) */
void msrs_reset(void);
void msrs_before_entry(void);
void msrs_in_guest(bool debugctl_loaded);

void svm_hw_reset(void);
void vmx_hw_reset(void);
void svm_page_freed(u64 pa);
void vmx_page_freed(u64 pa);

/**
 * struct scenario - what a run is about
 * @vcpus: per VM
 * @turns, @changes, @hotplugs, @lives: how often each vCPU runs, the mm changes,
 *	a CPU goes and comes, a VM is replaced; 0 turns: until the end
 * @asids: AMD-V: how many there are
 * @single: the CPU can flush one tag alone
 * @accessed: nested tables have accessed bits
 * @refuse: DUET_REFUSE_*, of every second VM
 */
struct scenario {
	const char *name;
	const struct duet_vcpu_ops *ops;
	unsigned int cpus, vms, vcpus;
	unsigned int turns, changes, hotplugs, lives;
	unsigned int asids;
	bool single, accessed;
	u64 refuse;
};

extern const struct scenario *scenario;

void scenario_run(const struct scenario *s);

#endif /* DUET_MODEL_WORLD_H */
