// SPDX-License-Identifier: GPL-2.0
/*
 * For the selftests (DUET_SELFTEST_HOOKS): one entry with a VMCS that breaks
 * a rule. Called by run.c around the entry; calls explain.c where the CPU is
 * not asked.
 */
#include <linux/kvm.h>
#include <linux/smp.h>
#include "vmx/vmx.h"

/* The controls that this CPU may have 1; CR4 likewise. */
static u64 vmx_may_set(unsigned long field)
{
	const struct vmx_controls *may = &vmx_features.allowed;

	switch (field) {
	case VMCS_PIN_CONTROLS:
		return may->pin;
	case VMCS_CPU_CONTROLS:
		return may->cpu;
	case VMCS_CPU2_CONTROLS:
		return may->cpu2;
	case VMCS_EXIT_CONTROLS:
		return may->exit;
	case VMCS_ENTRY_CONTROLS:
		return may->entry;
	default:
		return vmx_features.cr4_fixed1;
	}
}

static int vmx_nr_changes(const struct duet_change *c)
{
	int n = 0;

	while (n < DUET_MAX_CHANGES && (c[n].clear || c[n].set))
		n++;
	return n;
}

static bool vmx_can_break(const struct duet_change *c)
{
	int i;

	for (i = 0; i < vmx_nr_changes(c); i++)
		if (c[i].need && (c[i].set & ~vmx_may_set(c[i].field)))
			return false;
	return true;
}

/* What the CPU would say. */
static void vmx_explain_without_entry(struct vmx_vcpu *vmx)
{
	static const u32 reasons[DUET_NR_RULES] = {
		[DUET_RULES_CONTROLS] = VMX_ERROR_CONTROLS,
		[DUET_RULES_HOST] = VMX_ERROR_HOST_STATE,
		[DUET_RULES_GUEST] = VMX_REASON_ENTRY_FAILED |
			VMX_EXIT_BAD_GUEST_STATE,
	};
	u32 reason = reasons[vmx->vcpu.hook.which];

	vmx->vcpu.exit = (struct duet_exit) {
		.reason = DUET_EXIT_FAIL_ENTRY,
		.hw_reason = reason,
	};
	if (reason & VMX_REASON_ENTRY_FAILED)
		vmx_explain_exit(vmx, reason);
	else
		vmx_explain_error(vmx, reason);
}

bool vmx_break(struct vmx_vcpu *vmx)
{
	struct duet_hook *hook = &vmx->vcpu.hook;
	const struct duet_change *c = hook->rule->changes;
	int i;

	if (hook->broken)
		return true;
	if (!vmx_can_break(c)) {
		vmx->vcpu.exit.reason = DUET_EXIT_UNKNOWN;
		return false;
	}
	for (i = 0; i < vmx_nr_changes(c); i++) {
		vmx->mend[i] = vmx_vmread(c[i].field);
		vmx_vmwrite(c[i].field,
			    (vmx->mend[i] & ~c[i].clear) | c[i].set);
	}
	hook->broken = true;
	if (hook->no_entry) {
		vmx_explain_without_entry(vmx);
		return false;
	}
	/* An interrupt waits, so that what is entered executes nothing. */
	smp_send_reschedule(vmx->vcpu.cpu);
	return true;
}

void vmx_mend(struct vmx_vcpu *vmx)
{
	struct duet_vcpu *vcpu = &vmx->vcpu;
	const struct duet_change *c = vcpu->hook.rule->changes;
	bool broken = vcpu->hook.broken;
	int i;

	for (i = broken ? vmx_nr_changes(c) : 0; i > 0; i--)
		vmx_vmwrite(c[i - 1].field, vmx->mend[i - 1]);
	vcpu->hook = (struct duet_hook) { };
	if (vcpu->exit.reason == DUET_EXIT_FAIL_ENTRY)
		return;
	/* It was entered, or there was nothing to try. */
	vcpu->valid = VMX_ST_ALWAYS;
	vcpu->outcome = DUET_OUTCOME_USER;
	vcpu->run->exit_reason = broken ? KVM_EXIT_INTR : KVM_EXIT_UNKNOWN;
}
