// SPDX-License-Identifier: GPL-2.0
/*
 * ASID generations (APM vol. 2, 15.16). Calls nothing; called by run.c before
 * an entry, and by a model in user space.
 */
#include "svm/asid.h"

#define TLB_NOTHING	0
#define TLB_FLUSH_ALL	1
#define TLB_FLUSH_ASID	3

void svm_asids_init(struct svm_asids *asids, __u32 nr_asids)
{
	/* Never reset: a tag from before the CPU went away must not match. */
	asids->generation++;
	asids->max = nr_asids - 1;
	/* The first one taken starts a new generation, and flushes. */
	asids->next = nr_asids;
}

__u8 svm_tag_renew(struct svm_asids *asids, struct svm_tag *tag)
{
	__u8 flush = TLB_NOTHING;

	/* A tagless one keeps its ASID: others must not meet its leftovers. */
	if (tag->generation == asids->generation) {
		if (tag->tagless)
			return TLB_FLUSH_ALL;
		if (tag->flush_one) {
			tag->flush = false;
			return TLB_FLUSH_ASID;
		}
	}

	/*
	 * A fresh ASID has no translations. When they run out, all are taken
	 * back at once: one flush, and every other tag is of an old generation.
	 */
	if (asids->next > asids->max) {
		asids->generation++;
		asids->next = 1;
		flush = TLB_FLUSH_ALL;
	}
	tag->asid = asids->next++;
	tag->generation = asids->generation;
	tag->flush = tag->tagless;
	return tag->tagless ? TLB_FLUSH_ALL : flush;
}
