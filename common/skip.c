// SPDX-License-Identifier: GPL-2.0
/*
 * Going past an instruction that exited. Calls the emulator for its length
 * where the CPU does not say; called by the exit handlers of both paths.
 */
#include "common/emulator.h"
#include "common/vcpu.h"
#include "common/walk.h"
#include <asm/debugreg.h>

/*
 * Instructions that the exit names, in their usual form: without prefixes.
 * Little-endian; what is beyond the length does not count.
 */
static const struct {
	u32 bytes, mask;
} duet_plain_insn[DUET_NR_EXITS] = {
	[DUET_EXIT_CPUID]	= { 0xa20f, 0xffff },
	[DUET_EXIT_HLT]		= { 0xf4, 0xff },
	[DUET_EXIT_RDMSR]	= { 0x320f, 0xffff },
	[DUET_EXIT_WRMSR]	= { 0x300f, 0xffff },
	[DUET_EXIT_WBINVD]	= { 0x090f, 0xffff },
	[DUET_EXIT_HYPERCALL]	= { 0xd9010f, 0xffffff }, /* VMMCALL */
};

/*
 * A CPU that does not say how long the instruction was: it is looked at. Anything
 * but the usual form in 64-bit mode is left to the emulator.
 */
static bool duet_find_len(struct duet_vcpu *vcpu)
{
	struct duet_exit *e = &vcpu->exit;
	u32 mask = duet_plain_insn[e->reason].mask;
	u64 bytes[2];
	bool found;
	int idx;

	if (!mask || !duet_64bit(vcpu))
		return false;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	found = duet_read_code(vcpu, vcpu->state.rip, bytes) &&
		((u32)bytes[0] & mask) == duet_plain_insn[e->reason].bytes;
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	if (found)
		e->insn_len = fls(mask) / 8;
	return found;
}

/* What follows from the end of an instruction, once RIP is the next one's. */
static void duet_retire(struct duet_vcpu *vcpu)
{
	struct duet_state *s = &vcpu->state;

	duet_need(vcpu, DUET_ST_RFLAGS | DUET_ST_SHADOW);
	if (s->rflags & X86_EFLAGS_RF) {
		s->rflags &= ~(u64)X86_EFLAGS_RF;
		duet_wrote(vcpu, DUET_ST_RFLAGS);
	}
	if (s->shadow & (DUET_SHADOW_STI | DUET_SHADOW_MOV_SS)) {
		s->shadow &= ~(DUET_SHADOW_STI | DUET_SHADOW_MOV_SS);
		duet_wrote(vcpu, DUET_ST_SHADOW);
		/* An interrupt that the shadow held back can go now. */
		duet_request_self(vcpu, DUET_REQ_EVENT);
	}
	if (s->rflags & X86_EFLAGS_TF)
		duet_single_step(vcpu);
}

void duet_single_step(struct duet_vcpu *vcpu)
{
	duet_queue_debug(vcpu, DR_STEP);
}

int duet_skip_insn(struct duet_vcpu *vcpu)
{
	struct duet_state *s = &vcpu->state;
	u8 len = vcpu->exit.insn_len;
	u64 rip;

	duet_need(vcpu, DUET_ST_RIP);
	if (!len && duet_find_len(vcpu))
		len = vcpu->exit.insn_len;
	if (!len) {
		int r = duet_insn_length(vcpu, &len);

		if (r <= 0)
			return r;
		if (!len)
			return 1;	/* the fetch faulted: #PF is queued */
	}
	duet_need(vcpu, DUET_ST_RIP);
	rip = s->rip + len;
	/* Outside 64-bit mode EIP wraps (SDM vol. 1, 3.5). */
	if (((rip ^ s->rip) >> 32) && !duet_64bit(vcpu))
		rip = (u32)rip;
	s->rip = rip;
	duet_wrote(vcpu, DUET_ST_RIP);
	duet_retire(vcpu);
	return 1;
}

bool duet_can_skip_fast(struct duet_vcpu *vcpu)
{
	struct duet_state *s = &vcpu->state;
	u64 rip;

	duet_need(vcpu, DUET_ST_RIP | DUET_ST_RFLAGS | DUET_ST_SHADOW);
	if (!vcpu->exit.insn_len && !duet_find_len(vcpu))
		return false;
	rip = s->rip + vcpu->exit.insn_len;
	return likely(!(s->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF)) &&
		      !(s->shadow & (DUET_SHADOW_STI | DUET_SHADOW_MOV_SS)) &&
		      !((rip ^ s->rip) >> 32));
}

bool duet_skip_insn_fast(struct duet_vcpu *vcpu)
{
	if (!duet_can_skip_fast(vcpu))
		return false;
	vcpu->state.rip += vcpu->exit.insn_len;
	vcpu->dirty |= DUET_ST_RIP;
	return true;
}
