// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator's view of a vCPU: its callbacks, and what becomes of its
 * results. Calls the walker, guest memory, the buses and the event queue;
 * called by the exit handlers.
 */
#include "common/emulator.h"
#include "common/bus.h"
#include "common/emulate/emulate.h"
#include "common/io.h"
#include "common/irqchip.h"
#include "common/memslot.h"
#include "common/vcpu.h"
#include "common/walk.h"
#include <linux/slab.h>

/**
 * struct duet_emulator - an instruction in flight
 * @gpa: what the CPU reported for the operand, INVALID_GPA if nothing
 * @mmio_len: bytes that user space reads for us, 0 for a write
 * @pio: the suspended access is a port's, not MMIO
 */
struct duet_emulator {
	struct emulate_ctxt ctxt;
	struct duet_vcpu *vcpu;
	gpa_t gpa;
	u32 mmio_len;
	bool pio;
};

static struct duet_vcpu *to_vcpu(struct emulate_ctxt *ctxt)
{
	return container_of(ctxt, struct duet_emulator, ctxt)->vcpu;
}

/* Linear to guest-physical, with the fault that the guest would get. */
static int duet_emu_translate(struct emulate_ctxt *ctxt, u64 linear,
			      u32 access, bool system, gpa_t *gpa)
{
	struct duet_emulator *emu = container_of(ctxt, struct duet_emulator,
						 ctxt);
	struct duet_vcpu *vcpu = emu->vcpu;
	struct duet_walk walk;
	int r;

	/* The CPU has walked it already, if this is the operand it meant. */
	if (emu->gpa != INVALID_GPA && !(access & DUET_ACCESS_FETCH) &&
	    !emulate_two_memory(ctxt) &&
	    !((emu->gpa ^ linear) & ~PAGE_MASK)) {
		*gpa = emu->gpa;
		return EMULATE_CONTINUE;
	}

	if (!system && duet_cpl(vcpu) == 3)
		access |= DUET_ACCESS_USER;
	r = duet_walk_guest(vcpu, linear, access, &walk);
	if (r > 0)
		return emulate_page_fault(ctxt, linear, walk.error_code);
	if (r < 0)
		return EMULATE_UNHANDLEABLE;
	*gpa = walk.gpa;
	return EMULATE_CONTINUE;
}

static int duet_emu_fetch(struct emulate_ctxt *ctxt, u64 linear, void *buf,
			  u32 len)
{
	gpa_t gpa;
	int rc;

	rc = duet_emu_translate(ctxt, linear, DUET_ACCESS_FETCH, false, &gpa);
	if (rc != EMULATE_CONTINUE)
		return rc;
	if (duet_read_guest(to_vcpu(ctxt)->vm, gpa, buf, len))
		return EMULATE_UNHANDLEABLE;
	return EMULATE_CONTINUE;
}

static u32 duet_emu_access(u32 access)
{
	switch (access & ~EMULATE_ACCESS_SYSTEM) {
	case EMULATE_ACCESS_READ:
		return DUET_ACCESS_READ;
	default:
		return DUET_ACCESS_READ | DUET_ACCESS_WRITE;
	}
}

static int duet_emu_mmio(struct emulate_ctxt *ctxt, gpa_t gpa, u32 len,
			 void *data, bool write)
{
	struct duet_emulator *emu = container_of(ctxt, struct duet_emulator,
						 ctxt);

	if (!duet_mmio(emu->vcpu, gpa, len, data, write))
		return EMULATE_CONTINUE;
	duet_exit_mmio(emu->vcpu, gpa, len, write ? data : NULL);
	emu->mmio_len = write ? 0 : len;
	emu->pio = false;
	return EMULATE_IO_NEEDED;
}

static int duet_emu_read(struct emulate_ctxt *ctxt, u64 linear, void *buf,
			 u32 len, u32 access)
{
	struct duet_vm *vm = to_vcpu(ctxt)->vm;
	gpa_t gpa;
	int rc;

	rc = duet_emu_translate(ctxt, linear, duet_emu_access(access),
				access & EMULATE_ACCESS_SYSTEM, &gpa);
	if (rc != EMULATE_CONTINUE)
		return rc;
	if (!duet_gfn_to_hva(vm, gpa >> PAGE_SHIFT, NULL))
		return duet_emu_mmio(ctxt, gpa, len, buf, false);
	if (duet_read_guest(vm, gpa, buf, len))
		return EMULATE_UNHANDLEABLE;
	return EMULATE_CONTINUE;
}

static bool duet_emu_is_memory(struct duet_vm *vm, gpa_t gpa)
{
	bool writable;

	/* A write to a read-only slot is a device's to handle. */
	return duet_gfn_to_hva(vm, gpa >> PAGE_SHIFT, &writable) && writable;
}

static int duet_emu_write(struct emulate_ctxt *ctxt, u64 linear,
			  const void *buf, u32 len, u32 access)
{
	struct duet_vm *vm = to_vcpu(ctxt)->vm;
	gpa_t gpa;
	int rc;

	rc = duet_emu_translate(ctxt, linear, DUET_ACCESS_WRITE,
				access & EMULATE_ACCESS_SYSTEM, &gpa);
	if (rc != EMULATE_CONTINUE)
		return rc;
	if (!duet_emu_is_memory(vm, gpa)) {
		u8 data[16];

		memcpy(data, buf, min_t(u32, len, sizeof(data)));
		return duet_emu_mmio(ctxt, gpa, len, data, true);
	}
	if (duet_write_guest(vm, gpa, buf, len))
		return EMULATE_UNHANDLEABLE;
	return EMULATE_CONTINUE;
}

static int duet_emu_probe(struct emulate_ctxt *ctxt, u64 linear, u32 len,
			  u32 access)
{
	gpa_t gpa;

	return duet_emu_translate(ctxt, linear, DUET_ACCESS_WRITE,
				  access & EMULATE_ACCESS_SYSTEM, &gpa);
}

static int duet_emu_cmpxchg(struct emulate_ctxt *ctxt, u64 linear,
			    const void *old, const void *new, u32 len)
{
	struct duet_vm *vm = to_vcpu(ctxt)->vm;
	u8 expected[16], data[16];
	gpa_t gpa;
	int rc, r;

	len = min_t(u32, len, sizeof(expected));
	rc = duet_emu_translate(ctxt, linear, DUET_ACCESS_WRITE, false, &gpa);
	if (rc != EMULATE_CONTINUE)
		return rc;
	if (!duet_emu_is_memory(vm, gpa)) {
		/* struct kvm_run and devices have room for 8 bytes. */
		if (len > 8)
			return EMULATE_UNHANDLEABLE;
		memcpy(data, new, len);
		return duet_emu_mmio(ctxt, gpa, len, data, true);
	}
	/* Not aligned: no bus lock is to be had, a plain write has to do. */
	if (gpa & (len - 1))
		return duet_write_guest(vm, gpa, new, len) ?
			EMULATE_UNHANDLEABLE : EMULATE_CONTINUE;
	memcpy(expected, old, len);
	r = duet_cmpxchg_guest(vm, gpa, expected, new, len);
	if (r < 0)
		return EMULATE_UNHANDLEABLE;
	return r ? EMULATE_CONTINUE : EMULATE_RETRY;
}

static int duet_emu_segment(struct emulate_ctxt *ctxt, enum emulate_seg seg,
			    struct emulate_segment *out)
{
	struct duet_segment *s = duet_segment(to_vcpu(ctxt),
					      (enum duet_seg)seg);

	out->base = s->base;
	out->limit = s->limit;
	out->selector = s->selector;
	out->type = s->ar & DUET_AR_TYPE;
	out->s = !!(s->ar & DUET_AR_S);
	out->dpl = (s->ar & DUET_AR_DPL) >> DUET_AR_DPL_SHIFT;
	out->present = !!(s->ar & DUET_AR_P);
	out->l = !!(s->ar & DUET_AR_L);
	out->db = !!(s->ar & DUET_AR_DB);
	out->g = !!(s->ar & DUET_AR_G);
	out->unusable = !!(s->ar & DUET_AR_UNUSABLE);
	return EMULATE_CONTINUE;
}

static int duet_emu_cpl(struct emulate_ctxt *ctxt)
{
	return duet_cpl(to_vcpu(ctxt));
}

static int duet_emu_pio_exit(struct emulate_ctxt *ctxt, bool in, u16 port,
			     u32 size, u32 count)
{
	struct duet_emulator *emu = container_of(ctxt, struct duet_emulator,
						 ctxt);

	duet_exit_pio(emu->vcpu, in, port, size, count);
	emu->pio = true;
	emu->mmio_len = 0;
	return EMULATE_IO_NEEDED;
}

static int duet_emu_pio_in(struct emulate_ctxt *ctxt, u16 port, void *buf,
			   u32 size)
{
	if (!duet_bus_read(to_vcpu(ctxt), DUET_BUS_PIO, port, size, buf))
		return EMULATE_CONTINUE;
	return duet_emu_pio_exit(ctxt, true, port, size, 1);
}

static int duet_emu_pio_out(struct emulate_ctxt *ctxt, u16 port,
			    const void *buf, u32 size)
{
	struct duet_vcpu *vcpu = to_vcpu(ctxt);

	if (!duet_bus_write(vcpu, DUET_BUS_PIO, port, size, buf))
		return EMULATE_CONTINUE;
	memcpy(vcpu->pio_data, buf, min_t(u32, size, 4));
	return duet_emu_pio_exit(ctxt, false, port, size, 1);
}

/*
 * Elements between guest memory and pio_data, in the order of the transfer.
 * All of them lie on one page, or there is only one.
 */
static int duet_emu_string_copy(struct emulate_ctxt *ctxt,
				struct emulate_string_io *io, u32 count)
{
	u8 *data = to_vcpu(ctxt)->pio_data;
	u32 i;
	int rc;

	for (i = 0; i < count; i++) {
		u64 at = io->down ? io->linear - (u64)i * io->size :
				    io->linear + (u64)i * io->size;
		u32 left = PAGE_SIZE - offset_in_page(at);
		u32 first = min_t(u32, io->size, left);
		u8 *element = data + i * io->size;

		rc = io->in ? duet_emu_write(ctxt, at, element, first, 0) :
			      duet_emu_read(ctxt, at, element, first, 0);
		if (rc == EMULATE_CONTINUE && first < io->size)
			rc = io->in ?
			     duet_emu_write(ctxt, at + first, element + first,
					    io->size - first, 0) :
			     duet_emu_read(ctxt, at + first, element + first,
					   io->size - first, 0);
		/* String I/O between a port and MMIO is nobody's business. */
		if (rc == EMULATE_IO_NEEDED)
			return EMULATE_UNHANDLEABLE;
		if (rc != EMULATE_CONTINUE)
			return rc;
	}
	return EMULATE_CONTINUE;
}

/* A device in the kernel takes the elements one by one, or none of them. */
static int duet_emu_string_bus(struct emulate_ctxt *ctxt,
			       struct emulate_string_io *io, u32 count)
{
	struct duet_vcpu *vcpu = to_vcpu(ctxt);
	u8 *data = vcpu->pio_data;
	u32 i, value = 0;
	int r;

	/* User space can write to @data: a device sees a copy. */
	for (i = 0; i < count; i++, data += io->size) {
		if (io->in) {
			r = duet_bus_read(vcpu, DUET_BUS_PIO, io->port,
					  io->size, &value);
			memcpy(data, &value, io->size);
		} else {
			memcpy(&value, data, io->size);
			r = duet_bus_write(vcpu, DUET_BUS_PIO, io->port,
					   io->size, &value);
		}
		if (r)
			break;
	}
	return i;
}

static int duet_emu_string_io(struct emulate_ctxt *ctxt,
			      struct emulate_string_io *io)
{
	u32 count = min_t(u32, io->count, DUET_PIO_BUF / io->size), n;
	int rc;

	if (io->resumed) {
		count = min_t(u32, count, to_vcpu(ctxt)->pio.count);
		io->done = count;
		return io->in ? duet_emu_string_copy(ctxt, io, count) :
				EMULATE_CONTINUE;
	}

	if (!io->in) {
		rc = duet_emu_string_copy(ctxt, io, count);
		if (rc != EMULATE_CONTINUE)
			return rc;
	}
	n = duet_emu_string_bus(ctxt, io, count);
	if (!n)
		return duet_emu_pio_exit(ctxt, io->in, io->port, io->size,
					 count);
	io->done = n;
	return io->in ? duet_emu_string_copy(ctxt, io, n) : EMULATE_CONTINUE;
}

static int duet_emu_cr_read(struct emulate_ctxt *ctxt, u32 nr, u64 *value)
{
	struct duet_vcpu *vcpu = to_vcpu(ctxt);

	switch (nr) {
	case 0:
		*value = duet_cr0(vcpu);
		break;
	case 2:
		duet_need(vcpu, DUET_ST_CR2);
		*value = vcpu->state.cr2;
		break;
	case 3:
		*value = duet_cr3(vcpu);
		break;
	case 4:
		*value = duet_cr4(vcpu);
		break;
	case 8:
		*value = duet_get_cr8(vcpu);
		break;
	default:
		return emulate_raise(ctxt, EMULATE_VECTOR_UD, 0);
	}
	return EMULATE_CONTINUE;
}

static int duet_emu_cr_write(struct emulate_ctxt *ctxt, u32 nr, u64 value)
{
	int r = duet_write_cr(to_vcpu(ctxt), nr, value);

	if (r < 0)
		return emulate_raise(ctxt, EMULATE_VECTOR_UD, 0);
	return r ? emulate_raise(ctxt, EMULATE_VECTOR_GP, 0) :
		   EMULATE_CONTINUE;
}

/* @r is what duet_read_dr() or duet_write_dr() said. */
static int duet_emu_dr_refused(struct emulate_ctxt *ctxt, int r)
{
	if (r == 2) {
		/* #DB is queued, with its DR6 bits. */
		ctxt->exception.vector = EMULATE_VECTOR_DB;
		return EMULATE_FAULT;
	}
	return emulate_raise(ctxt, r < 0 ? EMULATE_VECTOR_UD :
			     EMULATE_VECTOR_GP, 0);
}

static int duet_emu_dr_read(struct emulate_ctxt *ctxt, u32 nr, u64 *value)
{
	int r = duet_read_dr(to_vcpu(ctxt), nr, value);

	return r ? duet_emu_dr_refused(ctxt, r) : EMULATE_CONTINUE;
}

static int duet_emu_dr_write(struct emulate_ctxt *ctxt, u32 nr, u64 value)
{
	int r = duet_write_dr(to_vcpu(ctxt), nr, value);

	return r ? duet_emu_dr_refused(ctxt, r) : EMULATE_CONTINUE;
}

static int duet_emu_invlpg(struct emulate_ctxt *ctxt, u64 linear)
{
	duet_do_invlpg(to_vcpu(ctxt), linear);
	return EMULATE_CONTINUE;
}

/* The guest's registers, from within KVM_RUN. */
#define XMM_CASES(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) \
	X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static int duet_emu_xmm_read(struct emulate_ctxt *ctxt, u32 nr, void *buf)
{
	duet_fpu_begin(&to_vcpu(ctxt)->fpu);
	switch (nr) {
#define X(n) case n: \
	asm volatile("movdqu %%xmm" #n ", %0" : "=m" (*(u8 (*)[16])buf)); \
	break;
	XMM_CASES(X)
#undef X
	}
	duet_fpu_end(&to_vcpu(ctxt)->fpu);
	return nr < 16 ? EMULATE_CONTINUE : EMULATE_UNHANDLEABLE;
}

static int duet_emu_xmm_write(struct emulate_ctxt *ctxt, u32 nr,
			      const void *buf)
{
	duet_fpu_begin(&to_vcpu(ctxt)->fpu);
	switch (nr) {
#define X(n) case n: \
	asm volatile("movdqu %0, %%xmm" #n : : "m" (*(const u8 (*)[16])buf)); \
	break;
	XMM_CASES(X)
#undef X
	}
	duet_fpu_end(&to_vcpu(ctxt)->fpu);
	return nr < 16 ? EMULATE_CONTINUE : EMULATE_UNHANDLEABLE;
}

static const struct emulate_ops duet_emulate_ops = {
	.fetch = duet_emu_fetch,
	.read = duet_emu_read,
	.write = duet_emu_write,
	.probe = duet_emu_probe,
	.cmpxchg = duet_emu_cmpxchg,
	.segment = duet_emu_segment,
	.cpl = duet_emu_cpl,
	.pio_in = duet_emu_pio_in,
	.pio_out = duet_emu_pio_out,
	.string_io = duet_emu_string_io,
	.xmm_read = duet_emu_xmm_read,
	.xmm_write = duet_emu_xmm_write,
	.cr_read = duet_emu_cr_read,
	.cr_write = duet_emu_cr_write,
	.dr_read = duet_emu_dr_read,
	.dr_write = duet_emu_dr_write,
	.invlpg = duet_emu_invlpg,
};

static enum emulate_mode duet_emu_mode(struct duet_vcpu *vcpu)
{
	u32 ar;

	if (!(duet_cr0(vcpu) & X86_CR0_PE))
		return EMULATE_REAL;
	if (duet_rflags(vcpu) & X86_EFLAGS_VM)
		return EMULATE_V86;
	ar = duet_segment(vcpu, DUET_CS)->ar;
	if ((ar & DUET_AR_L) && duet_long_mode(vcpu))
		return EMULATE_LONG64;
	return ar & DUET_AR_DB ? EMULATE_PROT32 : EMULATE_PROT16;
}

/* Everything that any instruction with a memory operand asks for. */
#define EMU_GROUPS	(DUET_ST_RIP | DUET_ST_RFLAGS | DUET_ST_RSP |	\
			 DUET_ST_CR0 | DUET_ST_CR3 | DUET_ST_CR4 |	\
			 DUET_ST_EFER | DUET_ST_SHADOW |		\
			 DUET_ST_SEG(DUET_CS) | DUET_ST_SEG(DUET_SS) |	\
			 DUET_ST_SEG(DUET_DS))

/* The instruction as the CPU supplied it, or as it is found in memory. */
static void duet_emu_provide(struct duet_vcpu *vcpu, struct emulate_ctxt *ctxt)
{
	const struct duet_exit *e = &vcpu->exit;
	u64 bytes[2];

	if (e->nr_bytes)
		emulate_provide(ctxt, e->bytes, e->nr_bytes);
	else if (ctxt->mode == EMULATE_LONG64 &&
		 duet_read_code(vcpu, ctxt->rip, bytes))
		emulate_provide(ctxt, (u8 *)bytes, EMULATE_INSN_MAX);
}

static struct emulate_ctxt *duet_emu_begin(struct duet_vcpu *vcpu, gpa_t gpa)
{
	struct emulate_ctxt *ctxt = &vcpu->emulator->ctxt;

	vcpu->emulator->gpa = gpa;
	emulate_begin(ctxt);
	duet_need(vcpu, EMU_GROUPS);
	ctxt->mode = duet_emu_mode(vcpu);
	ctxt->linear_bits = duet_cr4(vcpu) & X86_CR4_LA57 ? 57 : 48;
	ctxt->rip = vcpu->state.rip;
	ctxt->rflags = vcpu->state.rflags;
	duet_emu_provide(vcpu, ctxt);
	return ctxt;
}

static void duet_emu_queue_exception(struct duet_vcpu *vcpu,
				     const struct emulate_exception *x)
{
	if (x->vector == EMULATE_VECTOR_DB)
		return;		/* general detect has queued it */
	if (x->vector == EMULATE_VECTOR_PF)
		duet_queue_page_fault(vcpu, x->address, x->error_code);
	else if (x->has_error)
		duet_queue_exception_e(vcpu, x->vector, x->error_code);
	else
		duet_queue_exception(vcpu, x->vector);
}

static void duet_emu_retire(struct duet_vcpu *vcpu)
{
	struct emulate_ctxt *ctxt = &vcpu->emulator->ctxt;
	u32 old, new;

	vcpu->state.rip = ctxt->rip;
	vcpu->state.rflags = ctxt->rflags;
	duet_wrote(vcpu, DUET_ST_RIP | DUET_ST_RFLAGS | DUET_ST_RSP);

	duet_need(vcpu, DUET_ST_SHADOW);
	old = vcpu->state.shadow;
	new = old & ~(DUET_SHADOW_STI | DUET_SHADOW_MOV_SS);
	if (ctxt->interruptibility & EMULATE_SHADOW_STI)
		new |= DUET_SHADOW_STI;
	if (ctxt->interruptibility & EMULATE_SHADOW_MOV_SS)
		new |= DUET_SHADOW_MOV_SS;
	if (new != old) {
		vcpu->state.shadow = new;
		duet_wrote(vcpu, DUET_ST_SHADOW);
		duet_request_self(vcpu, DUET_REQ_EVENT);
	}
	if (ctxt->single_step)
		duet_single_step(vcpu);
}

static int duet_emu_resume(struct duet_vcpu *vcpu);

static int duet_emu_finish(struct duet_vcpu *vcpu, int rc)
{
	struct emulate_ctxt *ctxt = &vcpu->emulator->ctxt;

	switch (rc) {
	case EMULATE_CONTINUE:
		vcpu->stats.emulated++;
		duet_emu_retire(vcpu);
		return 1;
	case EMULATE_RETRY:
		/* Nothing is complete but iterations: no shadow ends here. */
		duet_wrote(vcpu, DUET_ST_RSP);
		return 1;
	case EMULATE_FAULT:
		duet_wrote(vcpu, DUET_ST_RSP);
		duet_emu_queue_exception(vcpu, &ctxt->exception);
		return 1;
	case EMULATE_IO_NEEDED:
		vcpu->complete = duet_emu_resume;
		return 0;
	default:
		return duet_emulation_failed(vcpu, ctxt->insn.bytes,
					     ctxt->insn.fetched);
	}
}

/* User space has answered. */
static int duet_emu_answered(struct duet_vcpu *vcpu)
{
	struct duet_emulator *emu = vcpu->emulator;
	struct emulate_ctxt *ctxt = &emu->ctxt;
	u8 data[8];

	/* It also moved RIP: the instruction is forgotten. */
	if (!emulate_suspended(ctxt) || duet_rip(vcpu) != ctxt->rip) {
		emulate_begin(ctxt);
		return 1;
	}
	duet_need(vcpu, DUET_ST_RSP);
	if (emu->pio) {
		memcpy(data, vcpu->pio_data, sizeof(data));
		emulate_complete(ctxt, data, vcpu->pio.size);
	} else {
		memcpy(data, vcpu->run->mmio.data, sizeof(data));
		emulate_complete(ctxt, emu->mmio_len ? data : NULL,
				 emu->mmio_len);
	}
	return duet_emu_finish(vcpu, emulate_resume(ctxt));
}

static int duet_emu_resume(struct duet_vcpu *vcpu)
{
	int idx = srcu_read_lock(&vcpu->vm->srcu);
	int r = duet_emu_answered(vcpu);

	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return r;
}

int duet_emulate(struct duet_vcpu *vcpu, gpa_t gpa)
{
	return duet_emu_finish(vcpu, emulate_insn(duet_emu_begin(vcpu, gpa)));
}

int duet_emulate_io(struct duet_vcpu *vcpu)
{
	return duet_emulate(vcpu, INVALID_GPA);
}

int duet_insn_length(struct duet_vcpu *vcpu, u8 *len)
{
	struct emulate_ctxt *ctxt = duet_emu_begin(vcpu, INVALID_GPA);
	int rc = emulate_decode(ctxt);

	*len = rc ? 0 : ctxt->insn.length;
	vcpu->exit.insn_len = *len;
	if (rc == EMULATE_FAULT)
		duet_emu_queue_exception(vcpu, &ctxt->exception);
	else if (rc)	/* the memory it was fetched from is gone */
		return duet_emulation_failed(vcpu, ctxt->insn.bytes,
					     ctxt->insn.fetched);
	return 1;
}

int duet_emulator_create(struct duet_vcpu *vcpu)
{
	struct duet_emulator *emu = kzalloc(sizeof(*emu), GFP_KERNEL_ACCOUNT);

	if (!emu)
		return -ENOMEM;
	emu->vcpu = vcpu;
	emu->ctxt.ops = &duet_emulate_ops;
	emu->ctxt.gpr = vcpu->state.gpr;
	/* The CPU that runs the guest decides, whatever its CPUID says. */
	emu->ctxt.near_branch_16 =
		boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
		boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;
	vcpu->emulator = emu;
	return 0;
}

void duet_emulator_destroy(struct duet_vcpu *vcpu)
{
	kfree(vcpu->emulator);
}
