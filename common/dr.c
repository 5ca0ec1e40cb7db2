// SPDX-License-Identifier: GPL-2.0
/*
 * Debug registers as the guest moves them (SDM vol. 3, 17.2; APM vol. 2,
 * 13.1.1), and the host's around the guest. Called by the exit handlers, the
 * emulator's glue and the backends' loops.
 */
#include "common/vcpu.h"
#include <asm/debugreg.h>

#define DR6_WRITABLE	(DR_TRAP0 | DR_TRAP1 | DR_TRAP2 | DR_TRAP3 | \
			 DR_STEP | DR_SWITCH | (1 << 13))
#define DR6_FIXED	0xffff0ff0ULL
#define DR7_FIXED_ONE	0x400ULL
#define DR7_VOLATILE	0xffff2bffULL

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE refuses them. -1: #UD */
static int duet_dr_alias(struct duet_vcpu *vcpu, u32 *nr)
{
	if (*nr > 7)
		return -1;
	if (*nr == 4 || *nr == 5) {
		if (duet_cr4(vcpu) & X86_CR4_DE)
			return -1;
		*nr += 2;
	}
	return 0;
}

/* DR7.GD: any access is a #DB with BD set. */
static bool duet_general_detect(struct duet_vcpu *vcpu)
{
	duet_need(vcpu, DUET_ST_DR);
	if (!(vcpu->state.dr7 & DUET_DR7_GD))
		return false;
	duet_queue_debug(vcpu, 1 << 13);
	return true;
}

int duet_read_dr(struct duet_vcpu *vcpu, u32 nr, u64 *value)
{
	if (duet_dr_alias(vcpu, &nr))
		return -1;
	if (duet_general_detect(vcpu))
		return 2;
	if (nr < 4)
		*value = vcpu->state.dr[nr & 3];
	else
		*value = nr == 6 ? vcpu->state.dr6 : vcpu->state.dr7;
	return 0;
}

int duet_write_dr(struct duet_vcpu *vcpu, u32 nr, u64 value)
{
	if (duet_dr_alias(vcpu, &nr))
		return -1;
	if (duet_general_detect(vcpu))
		return 2;
	switch (nr) {
	case 6:
		if (value >> 32)
			return 1;
		vcpu->state.dr6 = (value & DR6_WRITABLE) | DR6_FIXED;
		break;
	case 7:
		if (value >> 32)
			return 1;
		vcpu->state.dr7 = (value & DR7_VOLATILE) | DR7_FIXED_ONE;
		break;
	default:
		vcpu->state.dr[nr & 3] = value;
		break;
	}
	duet_wrote(vcpu, DUET_ST_DR);
	return 0;
}

void duet_load_guest_dr(struct duet_vcpu *vcpu)
{
	const u64 *dr = vcpu->state.dr;

	/* The host's breakpoints must not meet the guest's addresses. */
	set_debugreg(0, 7);
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
}

void duet_take_guest_dr(struct duet_vcpu *vcpu)
{
	struct duet_state *s = &vcpu->state;
	unsigned long value;

	get_debugreg(value, 0);
	s->dr[0] = value;
	get_debugreg(value, 1);
	s->dr[1] = value;
	get_debugreg(value, 2);
	s->dr[2] = value;
	get_debugreg(value, 3);
	s->dr[3] = value;
	get_debugreg(value, 6);
	s->dr6 = value;
	/* The host's #DB handler must not find the guest's causes. */
	set_debugreg(DR6_RESERVED, 6);
}

void duet_save_host_dr(struct duet_vcpu *vcpu)
{
	unsigned long *dr = vcpu->host_dr;

	get_debugreg(dr[0], 0);
	get_debugreg(dr[1], 1);
	get_debugreg(dr[2], 2);
	get_debugreg(dr[3], 3);
	get_debugreg(dr[4], 7);
}

void duet_restore_host_dr(struct duet_vcpu *vcpu)
{
	const unsigned long *dr = vcpu->host_dr;

	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
	set_debugreg(DR6_RESERVED, 6);
	set_debugreg(dr[4], 7);
}
