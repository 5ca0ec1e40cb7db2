// SPDX-License-Identifier: GPL-2.0
/*
 * What a person wants to see when a vCPU cannot go on: the exit, registers,
 * the instruction. Called by vcpu.c.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "../uapi/duet.h"
#include "compiler.h"
#include "guest_mem.h"
#include "term.h"
#include "vcpu.h"
#include "vm.h"

#define CR0_PG		(1ULL << 31)

static const char *eol(void)
{
	return term_is_raw() ? "\r\n" : "\n";
}

static const char *suberror_name(uint32_t suberror)
{
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return "an instruction could not be emulated";
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		return "an exception during the delivery of another";
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return "an exit during event delivery";
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return "a hardware exit without a handler";
	}
	return "unknown";
}

static void print_bytes(const uint8_t *b, unsigned int n, FILE *out)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		fprintf(out, " %02x", b[i]);
}

static void dump_internal(const struct kvm_run *run, FILE *out)
{
	uint32_t max = sizeof(run->internal.data) /
		       sizeof(run->internal.data[0]);
	uint32_t n = run->internal.ndata;
	uint32_t i;

	fprintf(out, "  internal error, suberror %u: %s%s",
		run->internal.suberror, suberror_name(run->internal.suberror),
		eol());
	if (n > max)
		n = max;
	if (n) {
		fprintf(out, "  data (%u)", n);
		for (i = 0; i < n; i++)
			fprintf(out, " %llx",
				(unsigned long long)run->internal.data[i]);
		fprintf(out, "%s", eol());
	}
	/* api.rst 5, emulation_failure: flags, then size and bytes. */
	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && n >= 3 &&
	    run->emulation_failure.flags &
	    KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) {
		n = run->emulation_failure.insn_size;
		if (n > sizeof(run->emulation_failure.insn_bytes))
			n = sizeof(run->emulation_failure.insn_bytes);
		fprintf(out, "  instruction");
		print_bytes(run->emulation_failure.insn_bytes, n, out);
		fprintf(out, "%s", eol());
	}
}

/* Which rule of the processor's manual is broken: Duet says it, KVM does not. */
static void dump_why(const struct vcpu *vcpu, FILE *out)
{
	const struct duet_fail_entry *fail = duet_fail_entry(vcpu->run);

	if (vm_cap(vcpu->vm, DUET_CAP_EXPLAIN))
		fprintf(out, "  %.*s%s", (int)sizeof(fail->why), fail->why,
			eol());
}

void vcpu_dump_exit(const struct vcpu *vcpu, FILE *out)
{
	const struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_FAIL_ENTRY:
		fprintf(out,
			"  the processor refused the entry: hardware reason 0x%llx, CPU %u%s",
			(unsigned long long)
			run->fail_entry.hardware_entry_failure_reason,
			run->fail_entry.cpu, eol());
		dump_why(vcpu, out);
		return;
	case KVM_EXIT_INTERNAL_ERROR:
		dump_internal(run, out);
		return;
	case KVM_EXIT_UNKNOWN:
		fprintf(out, "  unknown hardware exit 0x%llx%s",
			(unsigned long long)run->hw.hardware_exit_reason,
			eol());
		return;
	}
	fprintf(out, "  exit reason %u%s", run->exit_reason, eol());
}

static void dump_segment(const char *name, const struct kvm_segment *s,
			 FILE *out)
{
	fprintf(out,
		"  %-3s %04x base %016llx limit %08x type %x s %u dpl %u p %u avl %u l %u db %u g %u%s%s",
		name, s->selector, (unsigned long long)s->base, s->limit,
		s->type, s->s, s->dpl, s->present, s->avl, s->l, s->db, s->g,
		s->unusable ? " unusable" : "", eol());
}

static void dump_sregs(const struct kvm_sregs *s, FILE *out)
{
	fprintf(out,
		"  cr0 %llx cr2 %llx cr3 %llx cr4 %llx cr8 %llx efer %llx apic %llx%s",
		(unsigned long long)s->cr0, (unsigned long long)s->cr2,
		(unsigned long long)s->cr3, (unsigned long long)s->cr4,
		(unsigned long long)s->cr8, (unsigned long long)s->efer,
		(unsigned long long)s->apic_base, eol());
	dump_segment("cs", &s->cs, out);
	dump_segment("ss", &s->ss, out);
	dump_segment("ds", &s->ds, out);
	dump_segment("es", &s->es, out);
	dump_segment("fs", &s->fs, out);
	dump_segment("gs", &s->gs, out);
	dump_segment("tr", &s->tr, out);
	dump_segment("ldt", &s->ldt, out);
	fprintf(out, "  gdt %016llx limit %04x  idt %016llx limit %04x%s",
		(unsigned long long)s->gdt.base, s->gdt.limit,
		(unsigned long long)s->idt.base, s->idt.limit, eol());
}

static void dump_regs(const struct kvm_regs *r, FILE *out)
{
	const struct {
		const char *name;
		unsigned long long val;
	} row[] = {
		{ "rip", r->rip }, { "rfl", r->rflags }, { "rsp", r->rsp },
		{ "rbp", r->rbp }, { "rax", r->rax }, { "rbx", r->rbx },
		{ "rcx", r->rcx }, { "rdx", r->rdx }, { "rsi", r->rsi },
		{ "rdi", r->rdi }, { "r8 ", r->r8 }, { "r9 ", r->r9 },
		{ "r10", r->r10 }, { "r11", r->r11 }, { "r12", r->r12 },
		{ "r13", r->r13 }, { "r14", r->r14 }, { "r15", r->r15 },
	};
	size_t i, n = ARRAY_SIZE(row);

	for (i = 0; i < n; i++)
		fprintf(out, "  %s %016llx%s", row[i].name, row[i].val,
			i % 4 == 3 || i == n - 1 ? eol() : "");
}

static void dump_code(struct vcpu *vcpu, const struct kvm_regs *r,
		      const struct kvm_sregs *s, FILE *out)
{
	struct kvm_translation t = { .linear_address = s->cs.base + r->rip };
	unsigned int n = 16;
	uint64_t gpa;
	void *code;

	if (!ioctl(vcpu->fd, KVM_TRANSLATE, &t) && t.valid)
		gpa = t.physical_address;
	else if (!(s->cr0 & CR0_PG))
		gpa = t.linear_address;
	else
		return;
	while (n && !guest_ptr(&vcpu->vm->mem, gpa, n))
		n--;
	if (!n)
		return;
	code = guest_ptr(&vcpu->vm->mem, gpa, n);
	fprintf(out, "  code at 0x%llx:",
		(unsigned long long)t.linear_address);
	print_bytes(code, n, out);
	fprintf(out, "%s", eol());
}

void vcpu_dump(struct vcpu *vcpu, FILE *out)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &sregs)) {
		fprintf(out, "  no registers: the vCPU cannot be read%s",
			eol());
		return;
	}
	fprintf(out, "  vCPU %u%s", vcpu->id, eol());
	dump_regs(&regs, out);
	dump_sregs(&sregs, out);
	dump_code(vcpu, &regs, &sregs, out);
}
