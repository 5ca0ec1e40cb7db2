// SPDX-License-Identifier: GPL-2.0
/*
 * MMIO without the emulator: a plain MOV whose operand the CPU has already
 * translated. Calls the buses; called by fast.c. Everything else that touches a
 * device goes through emulator.c.
 */
#include "common/emulate/emulate.h"
#include "common/io.h"
#include "common/irqchip.h"
#include "common/memslot.h"
#include "common/vcpu.h"
#include "common/walk.h"
#include <linux/nospec.h>

/*
 * Did an instruction miss memory with one of its operands? The CPU has made all
 * of the guest's own checks by then (SDM vol. 3, 29.3.3; APM vol. 2, 15.25.6).
 */
static bool duet_missed_memory(struct duet_vcpu *vcpu)
{
	const struct duet_exit *e = &vcpu->exit;

	return !e->fault.present && !e->fault.walk &&
		!(e->fault.access & DUET_ACCESS_FETCH) &&
		!duet_delivering(vcpu) &&
		!duet_gfn_to_memslot(vcpu->vm, e->fault.gpa >> PAGE_SHIFT);
}

static u64 duet_mov_gpr(const struct duet_vcpu *vcpu, u8 reg)
{
	return vcpu->state.gpr[array_index_nospec(reg, 16)];
}

/*
 * An access that begins in memory, on the page before, is reported where it
 * reaches the device: at the start of a page, as are those that begin there.
 */
static bool duet_mov_begins_here(struct duet_vcpu *vcpu,
				 const struct emulate_mov *mov)
{
	u64 at = mov->disp;

	if (offset_in_page(vcpu->exit.fault.gpa) || mov->size == 1)
		return true;
	/* RSP may not be there. */
	if (mov->base == EMULATE_RSP)
		return false;
	if (mov->rip_relative)
		at += duet_rip(vcpu) + mov->length;
	if (mov->base != EMULATE_NO_REG)
		at += duet_mov_gpr(vcpu, mov->base);
	if (mov->index != EMULATE_NO_REG)
		at += duet_mov_gpr(vcpu, mov->index) << mov->scale;
	return !offset_in_page(at);
}

/* The instruction, if it is a MOV that can have made this access. */
static bool duet_find_mov(struct duet_vcpu *vcpu, struct emulate_mov *mov)
{
	const struct duet_exit *e = &vcpu->exit;
	u64 bytes[2];

	if (!duet_64bit(vcpu))
		return false;
	if (e->nr_bytes == sizeof(e->bytes))
		memcpy(bytes, e->bytes, sizeof(e->bytes));
	else if (!duet_read_code(vcpu, duet_rip(vcpu), bytes))
		return false;

	/* Another vCPU may have changed the code since. */
	return emulate_plain_mov((const u8 *)bytes, mov) &&
		mov->write == !!(e->fault.access & DUET_ACCESS_WRITE) &&
		offset_in_page(e->fault.gpa) + mov->size <= PAGE_SIZE &&
		mov->reg != DUET_RSP && duet_mov_begins_here(vcpu, mov);
}

static int duet_complete_mmio(struct duet_vcpu *vcpu)
{
	if (duet_rip(vcpu) != vcpu->io_rip)
		return 1;
	if (vcpu->mmio.read) {
		u64 value;

		memcpy(&value, vcpu->run->mmio.data, sizeof(value));
		duet_load_gpr(vcpu, vcpu->mmio.reg, value, vcpu->mmio.size);
	}
	return duet_complete_insn(vcpu);
}

static void duet_user_mmio(struct duet_vcpu *vcpu,
			   const struct emulate_mov *mov, const u64 *value)
{
	duet_exit_mmio(vcpu, vcpu->exit.fault.gpa, mov->size,
		       mov->write ? value : NULL);
	vcpu->mmio.read = !mov->write;
	vcpu->mmio.reg = mov->reg;
	vcpu->mmio.size = mov->size;
	vcpu->io_rip = duet_rip(vcpu);
	vcpu->complete = duet_complete_mmio;
	vcpu->outcome = DUET_OUTCOME_USER;
}

static bool duet_mov_device(struct duet_vcpu *vcpu,
			    const struct emulate_mov *mov)
{
	gpa_t gpa = vcpu->exit.fault.gpa;
	u64 value = 0;

	if (mov->write)
		value = mov->immediate ? mov->value :
			duet_mov_gpr(vcpu, mov->reg);
	if (duet_lapic_mmio_waits(vcpu, gpa, value, mov->write))
		return false;
	vcpu->stats.faults_mmio++;
	if (duet_mmio(vcpu, gpa, mov->size, &value, mov->write)) {
		duet_user_mmio(vcpu, mov, &value);
		return false;
	}
	if (!mov->write)
		duet_load_gpr(vcpu, mov->reg, value, mov->size);
	return duet_skip_insn_fast(vcpu);
}

bool duet_fast_mmio(struct duet_vcpu *vcpu)
{
	struct emulate_mov mov;
	bool done = false;
	int idx;

	idx = srcu_read_lock(&vcpu->vm->srcu);
	if (duet_missed_memory(vcpu) && duet_find_mov(vcpu, &mov)) {
		vcpu->exit.insn_len = mov.length;
		done = duet_can_skip_fast(vcpu) && duet_mov_device(vcpu, &mov);
	}
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return done;
}
