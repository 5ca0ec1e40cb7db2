/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's side of a test: what runs in long mode at CPL 0 (unless it says
 * otherwise) with an identity map of 4 GiB. Guest code must not call libc.
 */
#ifndef SELFTESTS_GUEST_H
#define SELFTESTS_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "vm.h"

/* Selectors of the guest's GDT; SYSCALL and SYSRET fit STAR = 0x08, 0x28. */
#define SEL_CODE64	0x08
#define SEL_DATA	0x10
#define SEL_CODE32	0x18
#define SEL_TSS		0x20	/* two entries */
#define SEL_USER_CODE32	0x33
#define SEL_USER_DATA	0x3b
#define SEL_USER_CODE64	0x43
#define SEL_CODE16	0x48
#define SEL_DATA16	0x50
#define SEL_NOT_PRESENT	0x58
#define GDT_ENTRIES	16

#define CR0_PE		(1ul << 0)
#define CR0_MP		(1ul << 1)
#define CR0_EM		(1ul << 2)
#define CR0_TS		(1ul << 3)
#define CR0_ET		(1ul << 4)
#define CR0_NE		(1ul << 5)
#define CR0_WP		(1ul << 16)
#define CR0_AM		(1ul << 18)
#define CR0_NW		(1ul << 29)
#define CR0_CD		(1ul << 30)
#define CR0_PG		(1ul << 31)
#define CR4_PAE		(1ul << 5)
#define CR4_OSFXSR	(1ul << 9)
#define CR4_OSXMMEXCPT	(1ul << 10)
#define CR4_OSXSAVE	(1ul << 18)
#define EFER_SCE	(1ul << 0)
#define EFER_LME	(1ul << 8)
#define EFER_LMA	(1ul << 10)
#define EFER_NXE	(1ul << 11)
#define EFER_SVME	(1ul << 12)

#define X86_EFLAGS_FIXED 0x2ul
#define X86_EFLAGS_CF	(1ul << 0)
#define X86_EFLAGS_PF	(1ul << 2)
#define X86_EFLAGS_AF	(1ul << 4)
#define X86_EFLAGS_ZF	(1ul << 6)
#define X86_EFLAGS_SF	(1ul << 7)
#define X86_EFLAGS_TF	(1ul << 8)
#define X86_EFLAGS_IF	(1ul << 9)
#define X86_EFLAGS_DF	(1ul << 10)
#define X86_EFLAGS_OF	(1ul << 11)
#define X86_EFLAGS_RF	(1ul << 16)
#define X86_EFLAGS_AC	(1ul << 18)

#define MSR_TSC			0x10
#define MSR_APIC_BASE		0x1b
#define MSR_TSC_ADJUST		0x3b
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_PAT			0x277
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_FMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103

enum { VEC_DE, VEC_DB, VEC_NMI, VEC_BP, VEC_OF, VEC_BR, VEC_UD, VEC_NM,
       VEC_DF, VEC_TS = 10, VEC_NP, VEC_SS, VEC_GP, VEC_PF, VEC_MF = 16,
       VEC_AC, VEC_MC, VEC_XM };

/* What the stubs of guest_entry.S push, from the lowest address. */
struct trap {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct descriptor_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* Called for every exception and interrupt with a handler. */
typedef void (*trap_handler)(struct trap *t);
extern trap_handler guest_handlers[256];

/*
 * An exception without a handler goes to guest_recover when it is set (once),
 * with what it was in these; without, it fails the test.
 */
extern volatile uint64_t guest_recover;
extern volatile uint64_t guest_vector, guest_error, guest_cr2, guest_fault_rip;

/* Page tables of the identity map: 2 MiB pages, user, writable, executable. */
extern uint64_t guest_pml4[512], guest_pdpt[512], guest_pd[4][512];
extern uint64_t guest_gdt[MAX_VCPUS][GDT_ENTRIES];
extern uint8_t guest_stacks[MAX_VCPUS][8 * PAGE];
extern uint8_t guest_ist[MAX_VCPUS][2 * PAGE];
struct gate {
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset1;
	uint32_t offset2, zero;
};
extern struct gate guest_idt[256];

struct tss64 {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));
extern struct tss64 guest_tss[MAX_VCPUS];

/* Replaces the 2 MiB mapping of @va by @ptes (512), filled with the same. */
void guest_split(uint64_t *ptes, uint64_t va);
/* Fills GDT, IDT, TSS and page tables; by vcpu_start(). */
void guest_tables_init(unsigned int id);
/* Vector @vec enters on stack IST @ist (1 to 7, 0 for none). */
void guest_idt_ist(unsigned int vec, unsigned int ist);
uint64_t gdt_entry(uint32_t base, uint32_t limit, unsigned int access,
		   unsigned int flags);

void guest_ucall(enum ucall_cmd cmd, const char *text, const char *file,
		 uint64_t line, uint64_t a0, uint64_t a1, uint64_t a2,
		 uint64_t a3);
#define guest_sync(stage) \
	guest_ucall(UCALL_SYNC, 0, __FILE__, __LINE__, stage, 0, 0, 0)
#define guest_done() \
	guest_ucall(UCALL_DONE, 0, __FILE__, __LINE__, 0, 0, 0, 0)
#define GUEST_REQUIRE(cond)						\
	do {								\
		if (!(cond))						\
			guest_ucall(UCALL_ASSERT, #cond, __FILE__,	\
				    __LINE__, 0, 0, 0, 0);		\
	} while (0)
#define GUEST_EQ(a, b)							\
	do {								\
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);	\
									\
		if (a_ != b_)						\
			guest_ucall(UCALL_ASSERT, #a " == " #b,		\
				    __FILE__, __LINE__, a_, b_, 0, 0);	\
	} while (0)

/*
 * Executes one piece of asm; the vector it raised, or -1. guest_error,
 * guest_cr2 and guest_fault_rip have the rest. It may use RAX to RDX.
 */
#define guest_try(insn, ...)						\
	({								\
		guest_vector = ~0ull;					\
		asm volatile("movq $771f, guest_recover\n\t"		\
			     insn "\n"					\
			     "771:\tmovq $0, guest_recover"		\
			     :						\
			     : __VA_ARGS__				\
			     : "memory", "cc", "rax", "rbx", "rcx",	\
			       "rdx");					\
		(int)guest_vector;					\
	})

static inline void outb(uint16_t port, uint8_t v)
{
	asm volatile("outb %0, %1" : : "a" (v), "Nd" (port) : "memory");
}

static inline void outw(uint16_t port, uint16_t v)
{
	asm volatile("outw %0, %1" : : "a" (v), "Nd" (port) : "memory");
}

static inline void outl(uint16_t port, uint32_t v)
{
	asm volatile("outl %0, %1" : : "a" (v), "Nd" (port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	asm volatile("inb %1, %0" : "=a" (v) : "Nd" (port) : "memory");
	return v;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	asm volatile("inw %1, %0" : "=a" (v) : "Nd" (port) : "memory");
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	asm volatile("inl %1, %0" : "=a" (v) : "Nd" (port) : "memory");
	return v;
}

static inline uint64_t rdmsr(uint32_t index)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a" (lo), "=d" (hi) : "c" (index) : "memory");
	return lo | (uint64_t)hi << 32;
}

static inline void wrmsr(uint32_t index, uint64_t v)
{
	asm volatile("wrmsr" : : "c" (index), "a" ((uint32_t)v),
		     "d" ((uint32_t)(v >> 32)) : "memory");
}

/* The vector that the access raised, or -1. */
int guest_rdmsr(uint32_t index, uint64_t *v);
int guest_wrmsr(uint32_t index, uint64_t v);

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a" (lo), "=d" (hi) : : "memory");
	return lo | (uint64_t)hi << 32;
}

static inline void cpuid(uint32_t leaf, uint32_t index, uint32_t *out)
{
	asm volatile("cpuid" : "=a" (out[0]), "=b" (out[1]), "=c" (out[2]),
		     "=d" (out[3]) : "a" (leaf), "c" (index) : "memory");
}

#define read_cr(n) ({ uint64_t v_; asm volatile("mov %%cr" #n ", %0" \
			: "=r" (v_) : : "memory"); v_; })
#define write_cr(n, v) asm volatile("mov %0, %%cr" #n : : \
			"r" ((uint64_t)(v)) : "memory")
#define read_dr(n) ({ uint64_t v_; asm volatile("mov %%dr" #n ", %0" \
			: "=r" (v_) : : "memory"); v_; })
#define write_dr(n, v) asm volatile("mov %0, %%dr" #n : : \
			"r" ((uint64_t)(v)) : "memory")

static inline uint64_t read_flags(void)
{
	uint64_t v;

	asm volatile("pushfq; popq %0" : "=r" (v) : : "memory");
	return v;
}

static inline void sti(void)
{
	asm volatile("sti" : : : "memory");
}

static inline void cli(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void safe_halt(void)
{
	asm volatile("sti; hlt" : : : "memory");
}

static inline void invlpg(uint64_t va)
{
	asm volatile("invlpg (%0)" : : "r" (va) : "memory");
}

#endif
