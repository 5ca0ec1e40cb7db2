// SPDX-License-Identifier: GPL-2.0
/*
 * What Linux guests ask their hypervisor for (Documentation/virt/kvm/x86/
 * hypercalls.rst). Takes no lock and may run with interrupts off: called by
 * the fast and by the slow path of VMMCALL and VMCALL. CPUID offers each call
 * (cpuid_host.c).
 */
#include <linux/bitops.h>
#include <uapi/linux/kvm_para.h>
#include <asm/apicdef.h>
#include "common/irqchip.h"
#include "common/vcpu.h"

/* Wakes a vCPU that waits for a lock, or keeps it from falling asleep. */
static long duet_kick_cpu(struct duet_vcpu *vcpu, u32 apic_id)
{
	struct duet_vcpu *target = duet_vcpu_by_id(vcpu->vm, apic_id);

	if (target) {
		WRITE_ONCE(target->pv_kicked, true);
		/* a full barrier stands between the flag and the wake-up */
		duet_request(target, DUET_REQ_EVENT);
	}
	return 0;
}

static u64 duet_hypercall_arg(struct duet_vcpu *vcpu, enum duet_gpr gpr,
			      bool wide)
{
	return wide ? vcpu->state.gpr[gpr] : (u32)vcpu->state.gpr[gpr];
}

long duet_hypercall(struct duet_vcpu *vcpu, bool wide)
{
	u64 a0 = duet_hypercall_arg(vcpu, DUET_RBX, wide);
	u64 a1 = duet_hypercall_arg(vcpu, DUET_RCX, wide);
	u64 a2 = duet_hypercall_arg(vcpu, DUET_RDX, wide);
	u64 a3 = duet_hypercall_arg(vcpu, DUET_RSI, wide);
	u32 offered = vcpu->cpuid.pv_features;

	switch (duet_hypercall_arg(vcpu, DUET_RAX, wide)) {
	case KVM_HC_VAPIC_POLL_IRQ:
		/* asked for what an exit does: to look at its TPR */
		duet_request_self(vcpu, DUET_REQ_EVENT);
		return 0;
	case KVM_HC_KICK_CPU:
		if (!(offered & BIT(KVM_FEATURE_PV_UNHALT)))
			break;
		return duet_kick_cpu(vcpu, a1);
	case KVM_HC_SEND_IPI:
		if (!(offered & BIT(KVM_FEATURE_PV_SEND_IPI)) || !vcpu->lapic)
			break;
		return duet_lapic_pv_ipi(vcpu, a0, a1, a2, a3, wide);
	}
	return -KVM_ENOSYS;
}
