/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which fields of the VMCB each clean bit stands for (APM vol. 2, 15.15.3).
 * Nothing but numbers; used by debug builds and by the model in
 * selftests/model/.
 */
#ifndef DUET_SVM_CLEAN_H
#define DUET_SVM_CLEAN_H

#include <linux/string.h>
#include "svm/vmcb.h"

#define SVM_FIELDS(first, last) \
	offsetof(struct vmcb, first), offsetofend(struct vmcb, last)

static const struct svm_clean_fields {
	u32 bit;
	u16 from, to;
} svm_clean_fields[] = {
	{ VMCB_CLEAN_I, SVM_FIELDS(control.intercepts, control.intercepts) },
	{ VMCB_CLEAN_I, SVM_FIELDS(control.pause_filter_threshold,
				   control.pause_filter_count) },
	{ VMCB_CLEAN_I, SVM_FIELDS(control.tsc_offset, control.tsc_offset) },
	{ VMCB_CLEAN_IOPM, SVM_FIELDS(control.iopm_base_pa,
				      control.msrpm_base_pa) },
	{ VMCB_CLEAN_ASID, SVM_FIELDS(control.guest_asid,
				      control.guest_asid) },
	{ VMCB_CLEAN_TPR, SVM_FIELDS(control.int_ctl, control.int_vector) },
	{ VMCB_CLEAN_NP, SVM_FIELDS(control.nested_ctl, control.nested_ctl) },
	{ VMCB_CLEAN_NP, SVM_FIELDS(control.nested_cr3, control.nested_cr3) },
	{ VMCB_CLEAN_NP, SVM_FIELDS(save.g_pat, save.g_pat) },
	{ VMCB_CLEAN_CR, SVM_FIELDS(save.efer, save.efer) },
	{ VMCB_CLEAN_CR, SVM_FIELDS(save.cr4, save.cr0) },
	{ VMCB_CLEAN_DR, SVM_FIELDS(save.dr7, save.dr6) },
	{ VMCB_CLEAN_DT, SVM_FIELDS(save.gdtr, save.gdtr) },
	{ VMCB_CLEAN_DT, SVM_FIELDS(save.idtr, save.idtr) },
	{ VMCB_CLEAN_SEG, SVM_FIELDS(save.es, save.ds) },
	{ VMCB_CLEAN_SEG, SVM_FIELDS(save.cpl, save.cpl) },
	{ VMCB_CLEAN_CR2, SVM_FIELDS(save.cr2, save.cr2) },
	{ VMCB_CLEAN_LBR, SVM_FIELDS(save.dbgctl, save.last_excp_to) },
};

/** svm_changed() - the clean bits of what differs between two VMCBs */
static inline u32 svm_changed(const struct vmcb *a, const struct vmcb *b)
{
	u32 changed = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(svm_clean_fields); i++) {
		const struct svm_clean_fields *f = &svm_clean_fields[i];

		if (memcmp((u8 *)a + f->from, (u8 *)b + f->from,
			   f->to - f->from))
			changed |= f->bit;
	}
	return changed;
}

#endif /* DUET_SVM_CLEAN_H */
