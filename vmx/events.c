// SPDX-License-Identifier: GPL-2.0
/*
 * Events into the guest by the VM-entry interruption information, what comes
 * back by the IDT-vectoring information, and the windows in which something
 * can be taken. Called through the ops table (common/event.c decides what goes
 * in) and by exits.c.
 *
 * NMI blocking is the CPU's ("virtual NMIs", SDM vol. 3, 25.6.1): an injected
 * NMI sets it, IRET clears it, and the interruptibility state has it.
 */
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include "common/irqchip.h"
#include "vmx/vmx.h"

#define BLOCKING_INTR	(VMCS_BLOCKING_BY_STI | VMCS_BLOCKING_BY_MOV_SS)

/*
 * Interruptibility and the pending single step, as VM entries want them (SDM
 * vol. 3, 27.3.1.5): STI and MOV SS exclude each other, STI needs IF, and in
 * the shadow of either TF has left a trap pending.
 */
void vmx_set_shadow(struct vmx_vcpu *vmx)
{
	struct duet_vcpu *vcpu = &vmx->vcpu;
	u32 shadow, info = 0;

	duet_need(vcpu, DUET_ST_SHADOW | DUET_ST_RFLAGS);
	shadow = vcpu->state.shadow;
	if (shadow & DUET_SHADOW_MOV_SS)
		info |= VMCS_BLOCKING_BY_MOV_SS;
	else if ((shadow & DUET_SHADOW_STI) &&
		 (vcpu->state.rflags & X86_EFLAGS_IF))
		info |= VMCS_BLOCKING_BY_STI;
	/* The injection of an NMI sets it, and must not find it set. */
	if ((shadow & DUET_SHADOW_NMI) && !vmx->injected_nmi)
		info |= VMCS_BLOCKING_BY_NMI;
	vmx_write(vmx, VMCS_GUEST_INTERRUPTIBILITY, info);
	vmx_write(vmx, VMCS_GUEST_PENDING_DEBUG,
		  (info & BLOCKING_INTR) &&
		  (vcpu->state.rflags & X86_EFLAGS_TF) ?
		  VMCS_PENDING_DEBUG_BS : 0);
}

void vmx_inject(struct duet_vcpu *vcpu, const struct duet_event *ev)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 info;

	vmx->injected_nmi = false;
	if (!ev) {
		vmx_write(vmx, VMCS_ENTRY_INTR_INFO, 0);
		return;
	}

	info = ev->vector | VMX_INTR_VALID;
	switch (ev->type) {
	case DUET_EVENT_INTR:
		info |= VMX_INTR_TYPE_EXTERNAL;
		/* Opened again if one more waits. */
		vmx_cpu_control(vmx, CPU_INTERRUPT_WINDOW, false);
		break;
	case DUET_EVENT_NMI:
		info |= VMX_INTR_TYPE_NMI;
		vmx->injected_nmi = true;
		/* Written without NMI blocking, see vmx_set_shadow(). */
		duet_need(vcpu, DUET_ST_SHADOW);
		duet_wrote(vcpu, DUET_ST_SHADOW);
		break;
	case DUET_EVENT_EXCEPTION:
		info |= VMX_INTR_TYPE_EXCEPTION;
		break;
	case DUET_EVENT_SOFT_INTR:
		info |= VMX_INTR_TYPE_SOFT_INTR;
		vmx_write(vmx, VMCS_ENTRY_INSN_LEN, ev->insn_len);
		break;
	case DUET_EVENT_SOFT_EXCEPTION:
		info |= VMX_INTR_TYPE_SOFT_EXCEPTION;
		vmx_write(vmx, VMCS_ENTRY_INSN_LEN, ev->insn_len);
		break;
	}
	if (ev->has_error) {
		info |= VMX_INTR_ERROR;
		/* Bits 31:16 must be 0 (SDM vol. 3, 27.2.1.3). */
		vmx_write(vmx, VMCS_ENTRY_ERROR_CODE, (u16)ev->error_code);
	}
	vmx_write(vmx, VMCS_ENTRY_INTR_INFO, info);
}

void vmx_set_window(struct duet_vcpu *vcpu, enum duet_window w, bool on)
{
	vmx_cpu_control(to_vmx(vcpu), w == DUET_WINDOW_NMI ? CPU_NMI_WINDOW :
			CPU_INTERRUPT_WINDOW, on);
}

void vmx_set_tpr(struct duet_vcpu *vcpu, u8 cr8, int irr)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 threshold = 0;

	if (!vmx->tpr_shadow)
		return;
	vmx->tpr = cr8;
	vmx->virtual_apic[VIRTUAL_APIC_TPR] = cr8 << 4;
	/* See a write that lets through what waits (SDM vol. 3, 30.1.2). */
	if (irr >= 0 && irr >> 4 <= cr8)
		threshold = irr >> 4;
	if (threshold == vmx->tpr_threshold)
		return;
	vmx->tpr_threshold = threshold;
	vmx_write(vmx, VMCS_TPR_THRESHOLD, threshold);
}

void vmx_block_nmi(struct vmx_vcpu *vmx)
{
	duet_need(&vmx->vcpu, DUET_ST_SHADOW);
	vmx->vcpu.state.shadow |= DUET_SHADOW_NMI;
	duet_wrote(&vmx->vcpu, DUET_ST_SHADOW);
}

/* IDT-vectoring information into *ev; false if the guest does it again. */
static bool vmx_interrupted_event(struct vmx_vcpu *vmx, struct duet_event *ev,
				  u32 info)
{
	*ev = (struct duet_event) { .vector = info & VMX_INTR_VECTOR };

	switch (info & VMX_INTR_TYPE) {
	case VMX_INTR_TYPE_EXTERNAL:
		ev->type = DUET_EVENT_INTR;
		return true;
	case VMX_INTR_TYPE_NMI:
		ev->type = DUET_EVENT_NMI;
		return true;
	case VMX_INTR_TYPE_EXCEPTION:
		ev->type = DUET_EVENT_EXCEPTION;
		if (info & VMX_INTR_ERROR) {
			ev->has_error = true;
			ev->error_code = vmx_read(vmx,
						  VMCS_IDT_VECTORING_ERROR);
		}
		return true;
	case VMX_INTR_TYPE_SOFT_INTR:
		ev->type = DUET_EVENT_SOFT_INTR;
		break;
	case VMX_INTR_TYPE_SOFT_EXCEPTION:
		ev->type = DUET_EVENT_SOFT_EXCEPTION;
		break;
	default:
		/* INT1: RIP still points to it. */
		return false;
	}
	ev->insn_len = vmx_read(vmx, VMCS_EXIT_INSN_LEN);
	return true;
}

u32 vmx_after_delivery(struct vmx_vcpu *vmx, bool reinject)
{
	u32 info = vmx_read(vmx, VMCS_IDT_VECTORING_INFO);
	struct duet_event ev;

	if (likely(!(info & VMX_INTR_VALID)) || !reinject ||
	    !vmx_interrupted_event(vmx, &ev, info)) {
		duet_event_reinject(&vmx->vcpu, NULL);
		return info;
	}
	duet_event_reinject(&vmx->vcpu, &ev);
	return info;
}
