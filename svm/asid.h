/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address-space identifiers: who gets which ASID on which CPU, and when the
 * TLB has to be flushed (APM vol. 2, 15.16). Pure bookkeeping without the
 * kernel's help, so that it can be checked against a model in user space.
 */
#ifndef DUET_SVM_ASID_H
#define DUET_SVM_ASID_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stdbool.h>
#endif

/**
 * struct svm_asids - the ASIDs of one CPU
 * @generation: counts how often all of them were taken back; starts at 1
 * @next: the next one that is free in this generation
 * @max: the highest that this CPU has; 0 is the host's
 */
struct svm_asids {
	__u64 generation;
	__u32 next;
	__u32 max;
};

/**
 * struct svm_tag - the ASID of one vCPU
 * @generation: of the CPU's ASIDs when @asid was taken; 0: none
 * @flush: its translations must be dropped before the next entry
 * @tagless: take no advantage of tags: drop everything at each entry
 * @flush_one: the CPU can flush one ASID alone
 */
struct svm_tag {
	__u64 generation;
	__u32 asid;
	bool flush, tagless, flush_one;
};

/** svm_asids_init() - a CPU comes up; no old tag is valid on it any more */
void svm_asids_init(struct svm_asids *asids, __u32 nr_asids);

/**
 * svm_asids_not_flushed() - TLB_CONTROL may not have been obeyed: whoever takes
 * an ASID next flushes them all
 */
static inline void svm_asids_not_flushed(struct svm_asids *asids)
{
	asids->next = asids->max + 1;
}

/** svm_tag_drop() - the vCPU moved to another CPU: its old ASID means nothing */
static inline void svm_tag_drop(struct svm_tag *tag)
{
	tag->generation = 0;
}

/** svm_tag_stale() - must svm_tag_renew() be called before this entry? */
static inline bool svm_tag_stale(const struct svm_asids *asids,
				 const struct svm_tag *tag)
{
	return tag->generation != asids->generation || tag->flush;
}

/**
 * svm_tag_renew() - have a valid ASID without old translations
 *
 * Context: preemption off, on the CPU of @asids.
 * Return: TLB_CONTROL for the next VMRUN: 0, 1 (all ASIDs), 3 (this one).
 */
__u8 svm_tag_renew(struct svm_asids *asids, struct svm_tag *tag);

#endif /* DUET_SVM_ASID_H */
