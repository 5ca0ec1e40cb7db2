// SPDX-License-Identifier: GPL-2.0
/*
 * Random instructions of each form, with registers that make their memory
 * operands hit the data pages, often at the edge of a page or a segment. Called
 * by test_native.c.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "forms.h"

enum { ANY = -1, NO_MODRM = -2 };
enum { IMM_NO, IMM_1, IMM_2, IMM_Z, IMM_V, IMM_MOFFS, IMM_ENTER };

#define BYTE		0x00001
#define LOCKABLE	0x00002
#define MEMORY		0x00004		/* no register form */
#define REGISTER	0x00008		/* no memory form */
#define NO64		0x00010
#define ONLY64		0x00020
#define STRING		0x00040
#define RELATIVE	0x00080		/* immediate is a branch distance */
#define TARGET		0x00100		/* operand is a branch target */
#define RETURNS		0x00200		/* top of stack is a branch target */
#define POPS_FLAGS	0x00400
#define BITS		0x00800
#define DIVIDES		0x01000
#define SHIFTS		0x02000
#define COMPARES	0x04000		/* CMPXCHG */
#define PAIR		0x08000		/* CMPXCHG8B */
#define FIXED_SIZE	0x10000		/* no random 66 */
#define DOUBLE		0x20000		/* SHLD, SHRD */
#define NO_16		0x40000		/* undefined with 16-bit operands */

#define PARTIAL		0x80000		/* registers change before a fault */

#define CF 0x1
#define PF 0x4
#define AF 0x10
#define ZF 0x40
#define SF 0x80
#define OF 0x800
#define LOGIC	AF
#define MUL	(SF | ZF | AF | PF)
#define DIV	(CF | OF | SF | ZF | AF | PF)
#define BIT	(OF | SF | AF | PF)
#define SCAN	(CF | OF | SF | AF | PF)

#define ALU(n, base, digit, attr, undef)				\
	{ n " rm8,r8", 0, base, ANY, 0, BYTE | attr, undef, 0 },	\
	{ n " rm,r", 0, base + 1, ANY, 0, attr, undef, 0 },		\
	{ n " r8,rm8", 0, base + 2, ANY, 0, BYTE, undef, 0 },		\
	{ n " r,rm", 0, base + 3, ANY, 0, 0, undef, 0 },		\
	{ n " al,i", 0, base + 4, NO_MODRM, IMM_1, BYTE, undef, 0 },	\
	{ n " ax,i", 0, base + 5, NO_MODRM, IMM_Z, 0, undef, 0 },	\
	{ n " rm8,i", 0, 0x80, digit, IMM_1, BYTE | attr, undef, 0 },	\
	{ n " rm,iz", 0, 0x81, digit, IMM_Z, attr, undef, 0 },		\
	{ n " rm8,i (82)", 0, 0x82, digit, IMM_1, BYTE | NO64 | attr,	\
	  undef, 0 },							\
	{ n " rm,i8", 0, 0x83, digit, IMM_1, attr, undef, 0 }

#define SHIFT(n, digit)							\
	{ n " rm8,i", 0, 0xc0, digit, IMM_1, BYTE | SHIFTS, 0, 0 },	\
	{ n " rm,i", 0, 0xc1, digit, IMM_1, SHIFTS, 0, 0 },		\
	{ n " rm8,1", 0, 0xd0, digit, 0, BYTE | SHIFTS, 0, 0 },		\
	{ n " rm,1", 0, 0xd1, digit, 0, SHIFTS, 0, 0 },			\
	{ n " rm8,cl", 0, 0xd2, digit, 0, BYTE | SHIFTS, 0, 0 },	\
	{ n " rm,cl", 0, 0xd3, digit, 0, SHIFTS, 0, 0 }

#define GROUP3(n, digit, attr, undef)					\
	{ n " rm8", 0, 0xf6, digit, 0, BYTE | attr, undef, 0 },		\
	{ n " rm", 0, 0xf7, digit, 0, attr, undef, 0 }

#define PLAIN(n, op, attr, undef)					\
	{ n, 0, op, NO_MODRM, 0, attr, undef, 0 }

#define EIGHT(n, escape, op, imm, attr)					\
	{ n " 0", escape, op, NO_MODRM, imm, attr, 0, 0 },		\
	{ n " 1", escape, op + 1, NO_MODRM, imm, attr, 0, 0 },		\
	{ n " 2", escape, op + 2, NO_MODRM, imm, attr, 0, 0 },		\
	{ n " 3", escape, op + 3, NO_MODRM, imm, attr, 0, 0 },		\
	{ n " 4", escape, op + 4, NO_MODRM, imm, attr, 0, 0 },		\
	{ n " 5", escape, op + 5, NO_MODRM, imm, attr, 0, 0 },		\
	{ n " 6", escape, op + 6, NO_MODRM, imm, attr, 0, 0 },		\
	{ n " 7", escape, op + 7, NO_MODRM, imm, attr, 0, 0 }

#define CC(n, escape, op, digit, imm, attr)				\
	{ n " o", escape, op, digit, imm, attr, 0, 0 },			\
	{ n " no", escape, op + 1, digit, imm, attr, 0, 0 },		\
	{ n " b", escape, op + 2, digit, imm, attr, 0, 0 },		\
	{ n " ae", escape, op + 3, digit, imm, attr, 0, 0 },		\
	{ n " z", escape, op + 4, digit, imm, attr, 0, 0 },		\
	{ n " nz", escape, op + 5, digit, imm, attr, 0, 0 },		\
	{ n " be", escape, op + 6, digit, imm, attr, 0, 0 },		\
	{ n " a", escape, op + 7, digit, imm, attr, 0, 0 },		\
	{ n " s", escape, op + 8, digit, imm, attr, 0, 0 },		\
	{ n " ns", escape, op + 9, digit, imm, attr, 0, 0 },		\
	{ n " p", escape, op + 10, digit, imm, attr, 0, 0 },		\
	{ n " np", escape, op + 11, digit, imm, attr, 0, 0 },		\
	{ n " l", escape, op + 12, digit, imm, attr, 0, 0 },		\
	{ n " ge", escape, op + 13, digit, imm, attr, 0, 0 },		\
	{ n " le", escape, op + 14, digit, imm, attr, 0, 0 },		\
	{ n " g", escape, op + 15, digit, imm, attr, 0, 0 }

#define BITOP(n, op, digit, attr)					\
	{ n " rm,r", 1, op, ANY, 0, BITS | attr, BIT, 0 },		\
	{ n " rm,i", 1, 0xba, digit, IMM_1, attr, BIT, 0 }

#define STRINGS(n, op)							\
	{ n " byte", 0, op, NO_MODRM, 0, BYTE | STRING, 0, 0 },		\
	{ n, 0, op + 1, NO_MODRM, 0, STRING, 0, 0 }

#define SSE(n, op, prefix, attr)					\
	{ n, 1, op, ANY, 0, FIXED_SIZE | attr, 0, prefix }

static const struct form forms[] = {
	ALU("add", 0x00, 0, LOCKABLE, 0),
	ALU("or", 0x08, 1, LOCKABLE, LOGIC),
	ALU("adc", 0x10, 2, LOCKABLE, 0),
	ALU("sbb", 0x18, 3, LOCKABLE, 0),
	ALU("and", 0x20, 4, LOCKABLE, LOGIC),
	ALU("sub", 0x28, 5, LOCKABLE, 0),
	ALU("xor", 0x30, 6, LOCKABLE, LOGIC),
	ALU("cmp", 0x38, 7, 0, 0),
	{ "test rm8,r8", 0, 0x84, ANY, 0, BYTE, LOGIC, 0 },
	{ "test rm,r", 0, 0x85, ANY, 0, 0, LOGIC, 0 },
	{ "test al,i", 0, 0xa8, NO_MODRM, IMM_1, BYTE, LOGIC, 0 },
	{ "test ax,i", 0, 0xa9, NO_MODRM, IMM_Z, 0, LOGIC, 0 },
	{ "test rm8,i", 0, 0xf6, 0, IMM_1, BYTE, LOGIC, 0 },
	{ "test rm,i", 0, 0xf7, 0, IMM_Z, 0, LOGIC, 0 },
	{ "test rm8,i (1)", 0, 0xf6, 1, IMM_1, BYTE, LOGIC, 0 },
	{ "test rm,i (1)", 0, 0xf7, 1, IMM_Z, 0, LOGIC, 0 },
	GROUP3("not", 2, LOCKABLE, 0),
	GROUP3("neg", 3, LOCKABLE, 0),
	GROUP3("mul", 4, 0, MUL),
	GROUP3("imul", 5, 0, MUL),
	GROUP3("div", 6, DIVIDES, DIV),
	GROUP3("idiv", 7, DIVIDES, DIV),
	{ "imul r,rm", 1, 0xaf, ANY, 0, 0, MUL, 0 },
	{ "imul r,rm,i", 0, 0x69, ANY, IMM_Z, 0, MUL, 0 },
	{ "imul r,rm,i8", 0, 0x6b, ANY, IMM_1, 0, MUL, 0 },
	{ "inc rm8", 0, 0xfe, 0, 0, BYTE | LOCKABLE, 0, 0 },
	{ "dec rm8", 0, 0xfe, 1, 0, BYTE | LOCKABLE, 0, 0 },
	{ "inc rm", 0, 0xff, 0, 0, LOCKABLE, 0, 0 },
	{ "dec rm", 0, 0xff, 1, 0, LOCKABLE, 0, 0 },
	EIGHT("inc", 0, 0x40, 0, NO64),
	EIGHT("dec", 0, 0x48, 0, NO64),
	SHIFT("rol", 0), SHIFT("ror", 1), SHIFT("rcl", 2), SHIFT("rcr", 3),
	SHIFT("shl", 4), SHIFT("shr", 5), SHIFT("sal", 6), SHIFT("sar", 7),
	{ "shld i", 1, 0xa4, ANY, IMM_1, SHIFTS | DOUBLE, 0, 0 },
	{ "shld cl", 1, 0xa5, ANY, 0, SHIFTS | DOUBLE, 0, 0 },
	{ "shrd i", 1, 0xac, ANY, IMM_1, SHIFTS | DOUBLE, 0, 0 },
	{ "shrd cl", 1, 0xad, ANY, 0, SHIFTS | DOUBLE, 0, 0 },
	BITOP("bt", 0xa3, 4, 0),
	BITOP("bts", 0xab, 5, LOCKABLE),
	BITOP("btr", 0xb3, 6, LOCKABLE),
	BITOP("btc", 0xbb, 7, LOCKABLE),
	{ "bsf", 1, 0xbc, ANY, 0, 0, SCAN, 0 },
	{ "bsr", 1, 0xbd, ANY, 0, 0, SCAN, 0 },
	{ "popcnt", 1, 0xb8, ANY, 0, 0, 0, 0xf3 },
	EIGHT("bswap", 1, 0xc8, 0, NO_16 | ONLY64),

	{ "mov rm8,r8", 0, 0x88, ANY, 0, BYTE, 0, 0 },
	{ "mov rm,r", 0, 0x89, ANY, 0, 0, 0, 0 },
	{ "mov r8,rm8", 0, 0x8a, ANY, 0, BYTE, 0, 0 },
	{ "mov r,rm", 0, 0x8b, ANY, 0, 0, 0, 0 },
	{ "mov rm,sreg", 0, 0x8c, 3, 0, 0, 0, 0 },
	{ "mov al,moffs", 0, 0xa0, NO_MODRM, IMM_MOFFS, BYTE, 0, 0 },
	{ "mov ax,moffs", 0, 0xa1, NO_MODRM, IMM_MOFFS, 0, 0, 0 },
	{ "mov moffs,al", 0, 0xa2, NO_MODRM, IMM_MOFFS, BYTE, 0, 0 },
	{ "mov moffs,ax", 0, 0xa3, NO_MODRM, IMM_MOFFS, 0, 0, 0 },
	EIGHT("mov r8,i", 0, 0xb0, IMM_1, BYTE),
	EIGHT("mov r,i", 0, 0xb8, IMM_V, 0),
	{ "mov rm8,i", 0, 0xc6, 0, IMM_1, BYTE, 0, 0 },
	{ "mov rm,i", 0, 0xc7, 0, IMM_Z, 0, 0, 0 },
	{ "movzx r,rm8", 1, 0xb6, ANY, 0, 0, 0, 0 },
	{ "movzx r,rm16", 1, 0xb7, ANY, 0, 0, 0, 0 },
	{ "movsx r,rm8", 1, 0xbe, ANY, 0, 0, 0, 0 },
	{ "movsx r,rm16", 1, 0xbf, ANY, 0, 0, 0, 0 },
	{ "movsxd", 0, 0x63, ANY, 0, ONLY64 | FIXED_SIZE, 0, 0 },
	{ "movbe r,m", 2, 0xf0, ANY, 0, MEMORY, 0, 0 },
	{ "movbe m,r", 2, 0xf1, ANY, 0, MEMORY, 0, 0 },
	{ "movnti", 1, 0xc3, ANY, 0, MEMORY, 0, 0 },
	{ "lea", 0, 0x8d, ANY, 0, MEMORY, 0, 0 },
	{ "xchg rm8,r8", 0, 0x86, ANY, 0, BYTE | LOCKABLE, 0, 0 },
	{ "xchg rm,r", 0, 0x87, ANY, 0, LOCKABLE, 0, 0 },
	EIGHT("xchg ax,r", 0, 0x90, 0, 0),
	{ "xadd rm8,r8", 1, 0xc0, ANY, 0, BYTE | LOCKABLE, 0, 0 },
	{ "xadd rm,r", 1, 0xc1, ANY, 0, LOCKABLE, 0, 0 },
	{ "cmpxchg rm8,r8", 1, 0xb0, ANY, 0, BYTE | LOCKABLE | COMPARES,
	  0, 0 },
	{ "cmpxchg rm,r", 1, 0xb1, ANY, 0, LOCKABLE | COMPARES, 0, 0 },
	{ "cmpxchg8b", 1, 0xc7, 1, 0, MEMORY | LOCKABLE | PAIR, 0, 0 },
	CC("set", 1, 0x90, 0, 0, BYTE),
	CC("cmov", 1, 0x40, ANY, 0, 0),
	PLAIN("cbw", 0x98, 0, 0), PLAIN("cwd", 0x99, 0, 0),
	PLAIN("sahf", 0x9e, 0, 0), PLAIN("lahf", 0x9f, 0, 0),
	PLAIN("xlat", 0xd7, 0, 0), PLAIN("cmc", 0xf5, 0, 0),
	PLAIN("clc", 0xf8, 0, 0), PLAIN("stc", 0xf9, 0, 0),
	PLAIN("cld", 0xfc, 0, 0), PLAIN("std", 0xfd, 0, 0),
	PLAIN("cli", 0xfa, 0, 0), PLAIN("sti", 0xfb, 0, 0),
	PLAIN("in al,dx", 0xec, BYTE, 0), PLAIN("out dx,ax", 0xef, 0, 0),
	PLAIN("daa", 0x27, NO64, OF), PLAIN("das", 0x2f, NO64, OF),
	PLAIN("aaa", 0x37, NO64, OF | SF | ZF | PF),
	PLAIN("aas", 0x3f, NO64, OF | SF | ZF | PF),
	{ "aam", 0, 0xd4, NO_MODRM, IMM_1, NO64, OF | AF | CF, 0 },
	{ "aad", 0, 0xd5, NO_MODRM, IMM_1, NO64, OF | AF | CF, 0 },
	PLAIN("salc", 0xd6, NO64, 0),
	{ "nop rm", 1, 0x1f, 0, 0, 0, 0, 0 },
	{ "prefetch", 1, 0x18, 1, 0, MEMORY, 0, 0 },
	{ "ud2", 1, 0x0b, NO_MODRM, 0, 0, 0, 0 },
	{ "mov cr0", 1, 0x22, 0, 0, REGISTER, 0, 0 },
	PLAIN("hlt", 0xf4, 0, 0),

	EIGHT("push r", 0, 0x50, 0, 0), EIGHT("pop r", 0, 0x58, 0, 0),
	{ "push i", 0, 0x68, NO_MODRM, IMM_Z, 0, 0, 0 },
	{ "push i8", 0, 0x6a, NO_MODRM, IMM_1, 0, 0, 0 },
	{ "push rm", 0, 0xff, 6, 0, 0, 0, 0 },
	{ "pop rm", 0, 0x8f, 0, 0, 0, 0, 0 },
	PLAIN("pusha", 0x60, NO64, 0), PLAIN("popa", 0x61, NO64 | PARTIAL, 0),
	PLAIN("pushf", 0x9c, 0, 0), PLAIN("popf", 0x9d, POPS_FLAGS, 0),
	PLAIN("push ds", 0x1e, NO64, 0),
	{ "enter", 0, 0xc8, NO_MODRM, IMM_ENTER, 0, 0, 0 },
	PLAIN("leave", 0xc9, 0, 0),
	{ "jmp rel8", 0, 0xeb, NO_MODRM, IMM_1, RELATIVE, 0, 0 },
	{ "jmp rel", 0, 0xe9, NO_MODRM, IMM_Z, RELATIVE, 0, 0 },
	{ "call rel", 0, 0xe8, NO_MODRM, IMM_Z, RELATIVE, 0, 0 },
	{ "call rm", 0, 0xff, 2, 0, TARGET, 0, 0 },
	{ "jmp rm", 0, 0xff, 4, 0, TARGET, 0, 0 },
	PLAIN("ret", 0xc3, RETURNS, 0),
	{ "ret i", 0, 0xc2, NO_MODRM, IMM_2, RETURNS, 0, 0 },
	CC("j8", 0, 0x70, NO_MODRM, IMM_1, RELATIVE),
	CC("j", 1, 0x80, NO_MODRM, IMM_Z, RELATIVE),
	{ "loopne", 0, 0xe0, NO_MODRM, IMM_1, RELATIVE, 0, 0 },
	{ "loope", 0, 0xe1, NO_MODRM, IMM_1, RELATIVE, 0, 0 },
	{ "loop", 0, 0xe2, NO_MODRM, IMM_1, RELATIVE, 0, 0 },
	{ "jcxz", 0, 0xe3, NO_MODRM, IMM_1, RELATIVE, 0, 0 },

	STRINGS("movs", 0xa4), STRINGS("cmps", 0xa6), STRINGS("stos", 0xaa),
	STRINGS("lods", 0xac), STRINGS("scas", 0xae), STRINGS("ins", 0x6c),
	STRINGS("outs", 0x6e),

	SSE("movups load", 0x10, 0, 0), SSE("movups store", 0x11, 0, 0),
	SSE("movupd load", 0x10, 0x66, 0), SSE("movupd store", 0x11, 0x66, 0),
	SSE("movss load", 0x10, 0xf3, 0), SSE("movss store", 0x11, 0xf3, 0),
	SSE("movsd load", 0x10, 0xf2, 0), SSE("movsd store", 0x11, 0xf2, 0),
	SSE("movlps load", 0x12, 0, MEMORY), SSE("movlps store", 0x13, 0, MEMORY),
	SSE("movhps load", 0x16, 0, MEMORY), SSE("movhps store", 0x17, 0, MEMORY),
	SSE("movlpd load", 0x12, 0x66, MEMORY),
	SSE("movhpd store", 0x17, 0x66, MEMORY),
	SSE("movaps load", 0x28, 0, 0), SSE("movaps store", 0x29, 0, 0),
	SSE("movapd load", 0x28, 0x66, 0), SSE("movapd store", 0x29, 0x66, 0),
	SSE("movntps", 0x2b, 0, MEMORY), SSE("movntdq", 0xe7, 0x66, MEMORY),
	SSE("movd load", 0x6e, 0x66, 0), SSE("movd store", 0x7e, 0x66, 0),
	SSE("movq load", 0x7e, 0xf3, 0), SSE("movq store", 0xd6, 0x66, 0),
	SSE("movdqa load", 0x6f, 0x66, 0), SSE("movdqa store", 0x7f, 0x66, 0),
	SSE("movdqu load", 0x6f, 0xf3, 0), SSE("movdqu store", 0x7f, 0xf3, 0),
	SSE("lddqu", 0xf0, 0xf2, MEMORY),
};

/* An instruction being put together. */
struct build {
	const struct form *form;
	const struct native_machine *machine;
	struct random *random;
	struct form_insn *insn;
	struct native_state *state;
	u64 at;			/* its rip */
	u32 seg;
	u64 offset;		/* where in the data it points */
	u32 opsize;
	u32 adsize;
	u8 rex;
	u8 modrm;
	bool memory;
	bool lock;
	bool has_modrm;
	u32 disp_at;		/* position of a disp32 that is an address */
	bool rip_relative;
	u64 imm;
};

static u64 gs_base;

u32 form_count(void)
{
	return ARRAY_SIZE(forms);
}

bool form_amd_branches(void)
{
	u32 a, b, c, d;

	__cpuid(0, a, b, c, d);
	return c == 0x444d4163 || c == 0x656e6975;	/* AMD, Hygon */
}

void form_environment(struct native_machine *machine)
{
	gs_base = NATIVE_DATA - 0x1230;
	syscall(SYS_arch_prctl, ARCH_SET_GS, gs_base);
	machine->segment[EMULATE_GS].base = gs_base;
}

static bool wide(const struct build *build)
{
	return build->machine->mode == EMULATE_LONG64;
}

static void emit(struct build *build, u64 value, u32 bytes)
{
	memcpy(build->insn->bytes + build->insn->length, &value, bytes);
	build->insn->length += bytes;
}

static bool chance(struct build *build, u32 one_in)
{
	return !random_below(build->random, one_in);
}

/* An offset into the data pages, likely near an edge. */
static u64 data_offset(struct random *random)
{
	static const u64 edges[] = {
		0, 0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0x3ffc, 0x2fff,
		0x4000, 0x1000,
	};
	u64 value = random_below(random, 0x3ff0);

	switch (random_below(random, 5)) {
	case 0:
		return edges[random_below(random, 10)] + 20 -
		       random_below(random, 40);
	case 1:
		return value & ~15ULL;
	case 2:
		return value;
	default:
		return value & ~7ULL;
	}
}

/* The offset in @seg that is @offset in the data. */
static u64 in_segment(const struct build *build, u32 seg, u64 offset)
{
	if (!wide(build))
		return offset;
	return NATIVE_DATA + offset - (seg == EMULATE_GS ? gs_base : 0);
}

static void set_low(u64 *reg, u64 value, u32 bytes)
{
	memcpy(reg, &value, bytes);
}

static u64 mask(u32 bytes)
{
	return bytes == 8 ? ~0ULL : (1ULL << bytes * 8) - 1;
}

static void choose_prefixes(struct build *build)
{
	static const u8 overrides[] = { 0x26, 0x2e, 0x36, 0x3e, 0x65, 0x65 };
	static const u8 segs[] = {
		EMULATE_ES, EMULATE_CS, EMULATE_SS, EMULATE_DS, EMULATE_GS,
		EMULATE_GS,
	};
	u32 attr = build->form->attr, which;
	bool small = build->machine->mode == EMULATE_PROT16;

	build->seg = EMULATE_NR_SEGS;
	if (chance(build, 5)) {
		which = random_below(build->random, 6);
		emit(build, overrides[which], 1);
		if (!wide(build) || segs[which] == EMULATE_GS)
			build->seg = segs[which];
	}
	build->opsize = small ? 2 : 4;
	if (!(attr & FIXED_SIZE) && chance(build, 4)) {
		emit(build, 0x66, 1);
		build->opsize = 6 - build->opsize;
	}
	build->adsize = wide(build) ? 8 : small ? 2 : 4;
	if (chance(build, 6)) {
		emit(build, 0x67, 1);
		build->adsize = wide(build) ? 4 : 6 - build->adsize;
	}
	if ((attr & STRING) && !chance(build, 3))
		emit(build, chance(build, 2) ? 0xf2 : 0xf3, 1);
	if (build->lock)
		emit(build, 0xf0, 1);
	if (build->form->prefix)
		emit(build, build->form->prefix, 1);
	if (wide(build) && chance(build, 2)) {
		build->rex = 0x40 | random_below(build->random, 16);
		emit(build, build->rex, 1);
		if (build->rex & 8)
			build->opsize = 8;
	}
	if (attr & BYTE)
		build->opsize = 1;
}

static void emit_opcode(struct build *build)
{
	if (build->form->escape)
		emit(build, 0x0f, 1);
	if (build->form->escape == 2)
		emit(build, 0x38, 1);
	emit(build, build->form->opcode, 1);
}

static u64 default_seg(struct build *build, bool stack)
{
	if (build->seg == EMULATE_NR_SEGS)
		build->seg = stack ? EMULATE_SS : EMULATE_DS;
	return in_segment(build, build->seg, build->offset);
}

/* 16-bit addressing: solve for the base or the index. */
static void aim_16(struct build *build)
{
	static const u8 bases[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
	static const u8 indexes[4] = { 6, 7, 6, 7 };
	u32 mod = build->modrm >> 6, rm = build->modrm & 7;
	u64 *gpr = build->state->gpr, target, disp;
	bool absolute = mod == 0 && rm == 6;

	target = default_seg(build, !absolute && bases[rm] == 5);
	if (absolute) {
		emit(build, target, 2);
		return;
	}
	disp = (s64)(s8)random_next(build->random);
	if (mod == 2)
		disp = random_next(build->random) & 0xfff;
	if (mod == 0)
		disp = 0;
	emit(build, disp, mod);
	target -= disp;
	if (rm < 4)
		target -= gpr[indexes[rm]];
	set_low(&gpr[bases[rm]], target, 2);
}

static void set_address(struct build *build, u32 reg, u64 value)
{
	set_low(&build->state->gpr[reg], value,
		build->adsize == 8 ? 8 : 4);
}

/* Base, index and displacement that add up to the target. */
static void aim(struct build *build)
{
	u32 mod = build->modrm >> 6, rm = build->modrm & 7, scale = 0;
	u32 index = EMULATE_NO_REG, base = rm | (build->rex & 1) << 3;
	u64 *gpr = build->state->gpr, target, disp = 0;
	bool no_base = mod == 0 && rm == 5;
	u8 sib;

	if (rm == 4) {
		sib = random_next(build->random);
		emit(build, sib, 1);
		scale = sib >> 6;
		index = (sib >> 3 & 7) | (build->rex & 2) << 2;
		if (index == EMULATE_RSP)
			index = EMULATE_NO_REG;
		base = (sib & 7) | (build->rex & 1) << 3;
		no_base = mod == 0 && (sib & 7) == 5;
		if (index != EMULATE_NO_REG && index != base)
			set_address(build, index,
				    random_below(build->random, 0x100));
	}
	target = default_seg(build, !no_base && (base == 4 || base == 5));
	if (mod == 1)
		disp = (s64)(s8)random_next(build->random);
	if (mod == 2)
		disp = (s64)(s32)random_next(build->random) >>
		       random_below(build->random, 24);
	if (index != EMULATE_NO_REG && index != base)
		target -= (gpr[index] & mask(build->adsize)) << scale;
	if (no_base) {
		build->disp_at = build->insn->length;
		build->rip_relative = wide(build) && rm == 5;
		build->imm = target;
		if (index != EMULATE_NO_REG && index == base) {
			set_address(build, index, 0x40);
			target -= 0x40ULL << scale;
		}
		emit(build, target, 4);
		return;
	}
	emit(build, disp, mod == 2 ? 4 : mod);
	target -= disp;
	if (index == base)
		target = (target & mask(build->adsize)) / (1 + (1 << scale));
	set_address(build, base, target);
}

static void emit_modrm(struct build *build)
{
	u32 reg = build->form->digit;

	if (build->form->digit == ANY)
		reg = random_next(build->random) & 7;
	build->modrm = (random_next(build->random) & 0xc7) | reg << 3;
	if (build->memory && build->modrm >= 0xc0)
		build->modrm -= 0x40 * (1 + random_below(build->random, 3));
	if (!build->memory)
		build->modrm |= 0xc0;
	emit(build, build->modrm, 1);
	if (build->memory && build->adsize == 2)
		aim_16(build);
	else if (build->memory)
		aim(build);
}

/* Distance to somewhere in the code pages. */
static u64 branch_distance(struct build *build, u32 bytes)
{
	u64 range = bytes == 1 ? 256 : 0x7000;
	s64 distance = (s64)random_below(build->random, range) -
		       (s64)range / 2;

	/* Not into the instruction itself: that might never end. */
	if (distance < 0 && distance >= -16)
		distance += 32;
	/* Now and then outside the code segment's limit. */
	if (!wide(build) && bytes == 4 && chance(build, 8))
		distance += 0x9000;
	return distance;
}

static void emit_immediate(struct build *build)
{
	u64 value = random_operand(build->random);
	u32 z = build->opsize > 4 ? 4 : build->opsize;

	if ((build->form->attr & RELATIVE) && wide(build) &&
	    build->form->imm == IMM_Z)
		z = build->opsize == 2 && form_amd_branches() ? 2 : 4;
	if (build->form->attr & RELATIVE)
		value = branch_distance(build,
					build->form->imm == IMM_1 ? 1 : z);
	switch (build->form->imm) {
	case IMM_1:
		emit(build, value, 1);
		break;
	case IMM_2:
		value &= 0x1f0;
		emit(build, value, 2);
		break;
	case IMM_Z:
		emit(build, value, z);
		break;
	case IMM_V:
		emit(build, value, build->opsize);
		break;
	case IMM_MOFFS:
		emit(build, default_seg(build, false), build->adsize);
		break;
	case IMM_ENTER:
		emit(build, value & 0xf8, 2);
		emit(build, random_below(build->random, 4), 1);
		break;
	}
	build->imm = value;
}

/* A disp32 behind which an immediate stands is known only now. */
static void patch_rip_relative(struct build *build)
{
	u64 next = NATIVE_CODE + build->at + build->insn->length;
	u32 disp = build->imm;

	if (!build->rip_relative)
		return;
	disp = in_segment(build, build->seg, build->offset) - next;
	memcpy(build->insn->bytes + build->disp_at, &disp, 4);
}

/* Linear address of the operand if it is inside the writable data. */
static u8 *operand(struct build *build, u32 bytes)
{
	if (!build->memory || build->seg == EMULATE_CS ||
	    build->offset + bytes > NATIVE_WRITABLE)
		return NULL;
	return native_data() + build->offset;
}

static u8 *stack_top(struct build *build)
{
	u64 offset = build->state->gpr[EMULATE_RSP];

	offset = wide(build) ? offset - NATIVE_DATA : offset & 0xffff;
	if (offset > NATIVE_WRITABLE - 8)
		return NULL;
	return native_data() + offset;
}

/* A place in the code pages, as rip. */
static u64 code_target(struct build *build)
{
	u64 target = random_below(build->random, NATIVE_CODE_BYTES - 0x100);

	if (target > 0x7ff0 && target < 0x8060)
		target += 0x100;
	if (!wide(build) && chance(build, 8))
		target += 0x10000;
	return wide(build) ? target + NATIVE_CODE : target;
}

static void prepare_branch(struct build *build)
{
	u64 target = code_target(build), flags;
	u8 *where;

	if (build->form->attr & TARGET) {
		where = operand(build, 8);
		if (!build->memory)
			build->state->gpr[(build->modrm & 7) |
					  (build->rex & 1) << 3] = target;
		else if (where)
			memcpy(where, &target, 8);
	}
	where = stack_top(build);
	if ((build->form->attr & RETURNS) && where)
		memcpy(where, &target, 8);
	/* no TF, NT, AC, ID: they would outlive the instruction */
	flags = random_next(build->random) & ~0x244100ULL;
	if ((build->form->attr & POPS_FLAGS) && where)
		memcpy(where, &flags, 8);
}

static u32 shift_count(struct build *build)
{
	u8 opcode = build->form->opcode;
	u32 count = 1;

	if (build->form->imm == IMM_1)
		count = build->imm;
	else if (opcode == 0xd2 || opcode == 0xd3 ||
		 (build->form->attr & DOUBLE))
		count = build->state->gpr[EMULATE_RCX];
	return count & (build->opsize == 8 ? 63 : 31);
}

/*
 * Branch targets that nobody prepared must not be reached, and results that the
 * manuals leave open cannot be compared.
 */
static bool unsafe(struct build *build)
{
	u32 attr = build->form->attr;

	if ((attr & NO_16) && build->opsize == 2)
		return true;
	if ((attr & DOUBLE) && shift_count(build) > build->opsize * 8)
		return true;
	if ((attr & TARGET) && build->memory && wide(build) &&
	    !operand(build, 8))
		return true;
	/* The stack would be where the code is. */
	if ((attr & TARGET) && !build->memory && !(build->rex & 1) &&
	    (build->modrm & 7) == EMULATE_RSP)
		return true;
	if ((attr & (RETURNS | POPS_FLAGS)) && !stack_top(build))
		return true;
	return false;
}

/* Registers that make the instruction do something worth comparing. */
static void prepare_values(struct build *build)
{
	u64 *gpr = build->state->gpr, value;
	u32 attr = build->form->attr;
	u32 rm = (build->modrm & 7) | (build->rex & 1) << 3;
	u32 reg = (build->modrm >> 3 & 7) | (build->rex & 4) << 1;
	u8 *where = operand(build, 16);

	if ((attr & DIVIDES) && !chance(build, 4))
		gpr[EMULATE_RDX] = chance(build, 2) ?
			random_below(build->random, 16) :
			(u64)((s64)gpr[EMULATE_RAX] >> 63);
	if ((attr & COMPARES) && chance(build, 2)) {
		if (where)
			memcpy(&gpr[EMULATE_RAX], where, build->opsize);
		else if (!build->memory)
			gpr[EMULATE_RAX] = gpr[rm];
	}
	if ((attr & PAIR) && where && chance(build, 2)) {
		value = build->opsize == 8 ? 8 : 4;
		memcpy(&gpr[EMULATE_RAX], where, value);
		memcpy(&gpr[EMULATE_RDX], where + value, value);
	}
	if ((attr & BITS) && build->memory && gpr[reg] > 0x8000)
		gpr[reg] = random_below(build->random, 512);
}

/* Pointers and counts of string instructions, of XLAT, and of LOOP. */
static void prepare_pointers(struct build *build)
{
	u64 *gpr = build->state->gpr;
	u32 seg = build->seg == EMULATE_NR_SEGS ? EMULATE_DS : build->seg;

	if (build->form->attr & STRING) {
		set_low(&gpr[EMULATE_RSI], in_segment(build, seg,
						      data_offset(build->random)),
			build->adsize);
		set_low(&gpr[EMULATE_RDI], in_segment(build, EMULATE_ES,
						      data_offset(build->random)),
			build->adsize);
		set_low(&gpr[EMULATE_RCX], random_below(build->random, 24),
			build->adsize);
	}
	if (build->form->opcode == 0xd7)
		set_low(&gpr[EMULATE_RBX],
			in_segment(build, seg, build->offset), build->adsize);
	if ((build->form->opcode & 0xfc) == 0xe0 && chance(build, 2))
		set_low(&gpr[EMULATE_RCX], random_below(build->random, 3),
			build->adsize);
}

/* Flags that depend on the count. */
static u64 undefined_flags(struct build *build)
{
	u64 undefined = build->form->undefined;
	u32 digit = build->modrm >> 3 & 7, count = shift_count(build);

	if (!(build->form->attr & SHIFTS))
		return undefined;
	if (count > 1)
		undefined |= OF;
	if (count && ((build->form->attr & DOUBLE) || digit > 3))
		undefined |= AF;
	if (count > build->opsize * 8)
		undefined |= CF;
	return undefined;
}

static void random_state(struct build *build)
{
	struct native_state *state = build->state;
	u32 i;

	for (i = 0; i < 16; i++)
		state->gpr[i] = random_operand(build->random);
	for (i = 0; i < 16; i++) {
		u64 low = random_next(build->random);
		u64 high = random_next(build->random);

		memcpy(state->xmm[i], &low, 8);
		memcpy(state->xmm[i] + 8, &high, 8);
	}
	if (wide(build)) {
		state->gpr[EMULATE_RSP] = NATIVE_DATA +
			data_offset(build->random);
		state->gpr[EMULATE_RBP] = NATIVE_DATA +
			data_offset(build->random);
	} else {
		for (i = 0; i < 16; i++)
			state->gpr[i] = (u32)state->gpr[i];
		state->gpr[EMULATE_RSP] = data_offset(build->random) & 0xffff;
		state->gpr[EMULATE_RBP] = data_offset(build->random) & 0xffff;
	}
	state->rip = build->at + (wide(build) ? NATIVE_CODE : 0);
	/* IF, fixed bit; status flags and DF at random */
	state->rflags = 0x202 | (random_next(build->random) & 0x8d5) |
			(chance(build, 4) ? 0x400 : 0);
}

bool form_build(u32 form, const struct native_machine *machine,
		struct random *random, u64 at, struct form_insn *insn,
		struct native_state *state)
{
	struct build build = {
		.form = &forms[form],
		.machine = machine,
		.random = random,
		.insn = insn,
		.state = state,
		.at = at,
		.offset = data_offset(random) & 0xffff,
	};
	u32 attr = forms[form].attr;

	if ((attr & NO64 && wide(&build)) || (attr & ONLY64 && !wide(&build)))
		return false;
	memset(insn, 0, sizeof(*insn));
	insn->form = build.form;
	random_state(&build);
	build.has_modrm = build.form->digit != NO_MODRM;
	build.memory = build.has_modrm && !(attr & REGISTER) &&
		       ((attr & MEMORY) || !chance(&build, 3));
	build.lock = (attr & LOCKABLE) && build.memory && chance(&build, 4);
	choose_prefixes(&build);
	emit_opcode(&build);
	if (build.has_modrm)
		emit_modrm(&build);
	emit_immediate(&build);
	patch_rip_relative(&build);
	prepare_values(&build);
	prepare_pointers(&build);
	prepare_branch(&build);
	insn->undefined = undefined_flags(&build);
	insn->either_fault = (attr & (RELATIVE | TARGET)) ||
			     (forms[form].opcode & 0xfe) == 0xa6;
	insn->partial = attr & PARTIAL;
	insn->repeats = attr & STRING;
	if (unsafe(&build) || insn->length > 15) {
		insn->length = 0;
		return false;
	}
	return true;
}
