// SPDX-License-Identifier: GPL-2.0
/*
 * Port and memory accesses: to a device in the kernel, or to user space and
 * back. Calls the bus; called by the exit handlers and the emulator's glue.
 */
#include "common/io.h"
#include "common/bus.h"
#include "common/emulator.h"
#include "common/irqchip.h"
#include "common/vcpu.h"
#include <linux/nospec.h>

void duet_exit_pio(struct duet_vcpu *vcpu, bool in, u16 port, u8 size,
		   u32 count)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = PAGE_SIZE;	/* pio_data is the second page */

	vcpu->pio.in = in;
	vcpu->pio.port = port;
	vcpu->pio.size = size;
	vcpu->pio.count = count;
}

/* 1 or 2 bytes keep the rest of the register; 4 clear its top half. */
void duet_load_gpr(struct duet_vcpu *vcpu, u8 nr, u64 value, u8 size)
{
	u64 *gpr = &vcpu->state.gpr[array_index_nospec(nr, 16)];

	if (size == 8)
		*gpr = value;
	else if (size == 4)
		*gpr = (u32)value;
	else if (size == 2)
		*gpr = (*gpr & ~0xffffULL) | (u16)value;
	else
		*gpr = (*gpr & ~0xffULL) | (u8)value;
}

/* User space is done: past the instruction. */
int duet_complete_insn(struct duet_vcpu *vcpu)
{
	int idx, r;

	if (likely(duet_skip_insn_fast(vcpu)))
		return 1;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	r = duet_skip_insn(vcpu);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return r;
}

/*
 * Back from user space. If it moved RIP, the instruction is forgotten: RAX may
 * be a new one too.
 */
static int duet_complete_pio(struct duet_vcpu *vcpu)
{
	if (duet_rip(vcpu) != vcpu->io_rip)
		return 1;
	if (vcpu->pio.in) {
		u32 value = 0;

		memcpy(&value, vcpu->pio_data, vcpu->pio.size);
		duet_load_gpr(vcpu, DUET_RAX, value, vcpu->pio.size);
	}
	return duet_complete_insn(vcpu);
}

bool duet_kernel_pio(struct duet_vcpu *vcpu)
{
	const struct duet_exit *e = &vcpu->exit;
	u32 value = 0;

	if (!e->io.in) {
		value = vcpu->state.gpr[DUET_RAX];
		return !duet_bus_write(vcpu, DUET_BUS_PIO, e->io.port,
				       e->io.size, &value);
	}
	if (duet_bus_read(vcpu, DUET_BUS_PIO, e->io.port, e->io.size, &value))
		return false;
	duet_load_gpr(vcpu, DUET_RAX, value, e->io.size);
	return true;
}

void duet_user_pio(struct duet_vcpu *vcpu)
{
	const struct duet_exit *e = &vcpu->exit;

	if (!e->io.in)
		*(u32 *)vcpu->pio_data = vcpu->state.gpr[DUET_RAX];
	duet_exit_pio(vcpu, e->io.in, e->io.port, e->io.size, 1);
	vcpu->io_rip = duet_rip(vcpu);
	vcpu->complete = duet_complete_pio;
}

int duet_handle_io(struct duet_vcpu *vcpu)
{
	if (vcpu->exit.io.string)
		return duet_emulate_io(vcpu);
	if (duet_kernel_pio(vcpu))
		return duet_skip_insn(vcpu);
	duet_user_pio(vcpu);
	return 0;
}

void duet_exit_mmio(struct duet_vcpu *vcpu, gpa_t gpa, u32 len,
		    const void *data)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = !!data;
	if (data)
		memcpy(run->mmio.data, data, min_t(u32, len, 8));
}

int duet_mmio(struct duet_vcpu *vcpu, gpa_t gpa, u32 len, void *data,
	      bool write)
{
	if (duet_lapic_mmio(vcpu, gpa, len, data, write))
		return 0;
	if (write)
		return duet_bus_write(vcpu, DUET_BUS_MMIO, gpa, len, data);
	return duet_bus_read(vcpu, DUET_BUS_MMIO, gpa, len, data);
}
