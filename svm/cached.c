// SPDX-License-Identifier: GPL-2.0
/*
 * What a CPU may keep of a vCPU: translations, tagged by the ASID, and fields of
 * its VMCB (clean bits). Called by run.c, state.c and through the ops table;
 * calls asid.c. The model in selftests/model/ compiles it as well.
 */
#include <linux/mem_encrypt.h>
#include <linux/percpu.h>
#include "svm/svm.h"

void svm_flush_tlb(struct duet_vcpu *vcpu, enum duet_flush what)
{
	/*
	 * One tag for both kinds of translation: an ASID's flush drops
	 * guest-linear and nested ones (APM vol. 2, 15.16).
	 */
	to_svm(vcpu)->tag.flush = true;
}

void svm_set_root(struct svm_vcpu *svm)
{
	hpa_t root = __sme_set(svm->vcpu.root);

	if (svm->shadow_paging) {
		svm->vmcb->save.cr3 = root;
		svm_dirty(svm, VMCB_CLEAN_CR);
		return;
	}
	if (svm->vmcb->control.nested_cr3 == root)
		return;
	svm->vmcb->control.nested_cr3 = root;
	svm_dirty(svm, VMCB_CLEAN_NP);
	/* Translations are tagged by the ASID, not by nCR3. */
	svm->tag.flush = true;
}

void svm_renew_tag(struct svm_vcpu *svm, struct svm_cpu *c)
{
	struct vmcb_control *control = &svm->vmcb->control;

	control->tlb_control = svm_tag_renew(&c->asids, &svm->tag);
	svm_ghost_renew(svm, c);
	if (control->guest_asid == svm->tag.asid)
		return;
	control->guest_asid = svm->tag.asid;
	svm_dirty(svm, VMCB_CLEAN_ASID);
}

/*
 * TLB_CONTROL is obeyed after the checks (APM vol. 3, VMRUN), so what was to be
 * flushed is still there; and nobody knows how much of the VMCB was loaded.
 */
void svm_not_entered(struct svm_vcpu *svm)
{
	svm->vmcb->control.clean = 0;
	svm_tag_drop(&svm->tag);
	svm_ghost_not_entered(svm);
	svm_asids_not_flushed(&this_cpu_ptr(&svm_cpus)->asids);
}
