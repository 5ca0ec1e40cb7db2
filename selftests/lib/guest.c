// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's tables and trap handling, and the vCPU's start states: see
 * guest.h. Functions named guest_* run in the guest, but for *_init, which
 * run in the host; called by the tests.
 */
#include "guest.h"
#include "tap.h"

extern char guest_stubs[];

uint64_t guest_pml4[512] __attribute__((aligned(4096)));
uint64_t guest_pdpt[512] __attribute__((aligned(4096)));
uint64_t guest_pd[4][512] __attribute__((aligned(4096)));
uint8_t guest_stacks[MAX_VCPUS][8 * PAGE] __attribute__((aligned(4096)));
uint8_t guest_ist[MAX_VCPUS][2 * PAGE] __attribute__((aligned(4096)));
uint64_t guest_gdt[MAX_VCPUS][GDT_ENTRIES] __attribute__((aligned(64)));
struct tss64 guest_tss[MAX_VCPUS] __attribute__((aligned(128)));
struct gate guest_idt[256] __attribute__((aligned(64)));

trap_handler guest_handlers[256];
volatile uint64_t guest_recover;
volatile uint64_t guest_vector, guest_error, guest_cr2, guest_fault_rip;

void guest_ucall(enum ucall_cmd cmd, const char *text, const char *file,
		 uint64_t line, uint64_t a0, uint64_t a1, uint64_t a2,
		 uint64_t a3)
{
	volatile struct ucall u = {
		.cmd = cmd, .text = text, .file = file, .line = line,
	};

	u.args[0] = a0;
	u.args[1] = a1;
	u.args[2] = a2;
	u.args[3] = a3;
	asm volatile("outb %%al, %w1" : : "D" (&u), "d" (UCALL_PORT), "a" (0)
		     : "memory");
}

void guest_trap(struct trap *t)
{
	if (guest_handlers[t->vector]) {
		guest_handlers[t->vector](t);
		return;
	}
	if (guest_recover) {
		guest_vector = t->vector;
		guest_error = t->error;
		guest_fault_rip = t->rip;
		guest_cr2 = read_cr(2);
		t->rip = guest_recover;
		t->rflags &= ~X86_EFLAGS_TF;
		guest_recover = 0;
		return;
	}
	guest_ucall(UCALL_TRAP, 0, 0, 0, t->vector, t->error, t->rip,
		    read_cr(2));
}

int __attribute__((noinline)) guest_rdmsr(uint32_t index, uint64_t *v)
{
	uint32_t lo = 0, hi = 0;

	guest_vector = ~0ull;
	asm volatile("movq $1f, %2; rdmsr; 1: movq $0, %2"
		     : "=a" (lo), "=d" (hi), "+m" (guest_recover)
		     : "c" (index) : "memory");
	*v = lo | (uint64_t)hi << 32;
	return (int)guest_vector;
}

int __attribute__((noinline)) guest_wrmsr(uint32_t index, uint64_t v)
{
	guest_vector = ~0ull;
	asm volatile("movq $1f, %0; wrmsr; 1: movq $0, %0"
		     : "+m" (guest_recover)
		     : "c" (index), "a" ((uint32_t)v), "d" ((uint32_t)(v >> 32))
		     : "memory");
	return (int)guest_vector;
}

uint64_t gdt_entry(uint32_t base, uint32_t limit, unsigned int access,
		   unsigned int flags)
{
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
	       (uint64_t)access << 40 | (uint64_t)(limit >> 16 & 15) << 48 |
	       (uint64_t)flags << 52 | (uint64_t)(base >> 24) << 56;
}

void guest_idt_ist(unsigned int vec, unsigned int ist)
{
	guest_idt[vec].ist = ist;
}

void guest_split(uint64_t *ptes, uint64_t va)
{
	uint64_t *pde = &guest_pd[va >> 30][va >> 21 & 511];
	unsigned int i;

	for (i = 0; i < 512; i++)
		ptes[i] = ((va & ~0x1ffffful) + i * PAGE) | 7;
	*pde = (uintptr_t)ptes | 7;
}

void guest_tables_init(unsigned int id)
{
	uintptr_t tss = (uintptr_t)&guest_tss[id], stub;
	uint64_t *gdt = guest_gdt[id];
	unsigned int i;

	if (!guest_pml4[0]) {
		guest_pml4[0] = (uintptr_t)guest_pdpt | 7;
		for (i = 0; i < 4; i++)
			guest_pdpt[i] = (uintptr_t)guest_pd[i] | 7;
		for (i = 0; i < 4 * 512; i++)
			guest_pd[i / 512][i % 512] = (uint64_t)i << 21 | 0x87;
		for (i = 0; i < 256; i++) {
			stub = (uintptr_t)guest_stubs + i * 16;
			guest_idt[i].offset0 = stub;
			guest_idt[i].offset1 = stub >> 16;
			guest_idt[i].selector = SEL_CODE64;
			/* present, DPL 3, 64-bit interrupt gate */
			guest_idt[i].type = 0xee;
		}
	}
	gdt[SEL_CODE64 / 8] = gdt_entry(0, 0xfffff, 0x9b, 0xa);
	gdt[SEL_DATA / 8] = gdt_entry(0, 0xfffff, 0x93, 0xc);
	gdt[SEL_CODE32 / 8] = gdt_entry(0, 0xfffff, 0x9b, 0xc);
	gdt[SEL_TSS / 8] = gdt_entry(tss, sizeof(struct tss64) - 1, 0x8b, 0);
	gdt[SEL_TSS / 8 + 1] = tss >> 32;
	gdt[SEL_USER_CODE32 / 8] = gdt_entry(0, 0xfffff, 0xfb, 0xc);
	gdt[SEL_USER_DATA / 8] = gdt_entry(0, 0xfffff, 0xf3, 0xc);
	gdt[SEL_USER_CODE64 / 8] = gdt_entry(0, 0xfffff, 0xfb, 0xa);
	gdt[SEL_CODE16 / 8] = gdt_entry(0, 0xffff, 0x9b, 0);
	gdt[SEL_DATA16 / 8] = gdt_entry(0, 0xffff, 0x93, 0);
	gdt[SEL_NOT_PRESENT / 8] = gdt_entry(0, 0xfffff, 0x13, 0xc);
	guest_tss[id].rsp[0] = (uintptr_t)&guest_ist[id][PAGE];
	guest_tss[id].ist[0] = (uintptr_t)&guest_ist[id][2 * PAGE];
	guest_tss[id].iomap = sizeof(struct tss64);
}

static void segment(struct kvm_segment *s, unsigned int selector,
		    unsigned int type)
{
	memset(s, 0, sizeof(*s));
	s->selector = selector;
	s->limit = 0xffffffff;
	s->type = type;
	s->present = 1;
	s->s = 1;
	s->g = 1;
	s->db = 1;
}

void vcpu_start(struct vcpu *v, void (*fn)(void))
{
	struct kvm_regs r = { .rflags = X86_EFLAGS_FIXED };
	struct kvm_sregs s;

	guest_tables_init(v->id);
	sregs_get(v, &s);
	s.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s.cr3 = (uintptr_t)guest_pml4;
	s.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	s.efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
	segment(&s.cs, SEL_CODE64, 11);
	s.cs.l = 1;
	s.cs.db = 0;
	segment(&s.ds, SEL_DATA, 3);
	s.es = s.fs = s.gs = s.ss = s.ds;
	memset(&s.tr, 0, sizeof(s.tr));
	s.tr.selector = SEL_TSS;
	s.tr.base = (uintptr_t)&guest_tss[v->id];
	s.tr.limit = sizeof(struct tss64) - 1;
	s.tr.type = 11;
	s.tr.present = 1;
	memset(&s.ldt, 0, sizeof(s.ldt));
	s.ldt.unusable = 1;
	s.gdt.base = (uintptr_t)guest_gdt[v->id];
	s.gdt.limit = sizeof(guest_gdt[0]) - 1;
	s.idt.base = (uintptr_t)guest_idt;
	s.idt.limit = sizeof(guest_idt) - 1;
	sregs_set(v, &s);
	r.rip = (uintptr_t)fn;
	/* As after a call: what the compiler assumes of the alignment. */
	r.rsp = (uintptr_t)guest_stacks[v->id + 1] - 8;
	regs_set(v, &r);
}

bool vcpu_open(struct vcpu *v)
{
	struct kvm_regs r;

	/* Duet on VT-x gives such a guest's turn an end itself. */
	if (!host_is_bochs() || (device_is_duet() && !host_is_bochs_svm()))
		return false;
	regs_get(v, &r);
	r.rflags |= X86_EFLAGS_IF;
	regs_set(v, &r);
	return true;
}

void vcpu_start_prot32(struct vcpu *v, uint32_t eip, uint32_t esp)
{
	struct kvm_regs r = { .rflags = X86_EFLAGS_FIXED, .rip = eip,
			      .rsp = esp };
	struct kvm_sregs s;

	guest_tables_init(v->id);
	sregs_get(v, &s);
	s.cr0 = CR0_PE | CR0_ET | CR0_NE;
	s.cr3 = 0;
	s.cr4 = 0;
	s.efer = 0;
	segment(&s.cs, SEL_CODE32, 11);
	segment(&s.ds, SEL_DATA, 3);
	s.es = s.fs = s.gs = s.ss = s.ds;
	s.gdt.base = (uintptr_t)guest_gdt[v->id];
	s.gdt.limit = sizeof(guest_gdt[0]) - 1;
	s.idt.base = 0;
	s.idt.limit = 0;
	sregs_set(v, &s);
	regs_set(v, &r);
}

void vcpu_start_real(struct vcpu *v, uint16_t cs, uint16_t ip)
{
	struct kvm_regs r = { .rflags = X86_EFLAGS_FIXED, .rip = ip,
			      .rsp = 0x7000 };
	struct kvm_sregs s;

	sregs_get(v, &s);
	s.cr0 = CR0_ET;
	s.cr3 = 0;
	s.cr4 = 0;
	s.efer = 0;
	segment(&s.ds, 0, 3);
	s.ds.limit = 0xffff;
	s.ds.g = 0;
	s.ds.db = 0;
	s.es = s.fs = s.gs = s.ss = s.ds;
	s.cs = s.ds;
	s.cs.type = 11;
	s.cs.selector = cs;
	s.cs.base = (uint32_t)cs << 4;
	s.idt.base = 0;
	s.idt.limit = 0x3ff;
	sregs_set(v, &s);
	regs_set(v, &r);
}
