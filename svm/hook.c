// SPDX-License-Identifier: GPL-2.0
/*
 * For the selftests (DUET_SELFTEST_HOOKS): one VMRUN with a VMCB that breaks
 * a rule. Called by run.c around the entry; calls explain.c where the CPU is
 * not asked.
 */
#include <linux/kvm.h>
#include <linux/smp.h>
#include <linux/string.h>
#include "svm/svm.h"

static void svm_change(struct svm_vcpu *svm, const struct duet_change *c)
{
	void *field = (void *)svm->vmcb + c->field;
	u64 value = 0;

	/* Little endian: the low bytes come first. */
	memcpy(&value, field, c->size);
	value = (value & ~c->clear) | c->set;
	memcpy(field, &value, c->size);
}

static void svm_break_fields(struct svm_vcpu *svm)
{
	const struct duet_change *c = svm->vcpu.hook.rule->changes;
	int i;

	svm->mend = *svm->vmcb;
	for (i = 0; i < DUET_MAX_CHANGES && c[i].size; i++)
		svm_change(svm, &c[i]);
	svm->event_inj = svm->vmcb->control.event_inj;
	svm_dirty(svm, VMCB_CLEAN_ALL);
	svm_take_copy(svm);
	svm->work |= SVM_WORK_COPY;
}

bool svm_break(struct svm_vcpu *svm)
{
	struct duet_hook *hook = &svm->vcpu.hook;

	if (hook->broken)
		return true;
	svm_break_fields(svm);
	hook->broken = true;
	if (hook->no_entry) {
		svm->vcpu.exit = (struct duet_exit) {
			.reason = DUET_EXIT_FAIL_ENTRY,
			.hw_reason = VMEXIT_INVALID,
		};
		svm_explain(svm);
		return false;
	}
	/* An interrupt waits, so that what is entered executes nothing. */
	smp_send_reschedule(svm->vcpu.cpu);
	return true;
}

void svm_mend(struct svm_vcpu *svm)
{
	struct duet_vcpu *vcpu = &svm->vcpu;
	bool failed = vcpu->exit.reason == DUET_EXIT_FAIL_ENTRY;

	*svm->vmcb = svm->mend;
	svm->event_inj = svm->vmcb->control.event_inj;
	svm_dirty(svm, VMCB_CLEAN_ALL);
	svm->work &= ~SVM_WORK_COPY;
	vcpu->hook = (struct duet_hook) { };

	/* What was read from it meanwhile is of no use. */
	vcpu->valid = SVM_ST_ALWAYS;
	vcpu->state.gpr[DUET_RAX] = svm->vmcb->save.rax;
	if (failed)
		return;
	vcpu->outcome = DUET_OUTCOME_USER;
	vcpu->run->exit_reason = KVM_EXIT_INTR;
}
