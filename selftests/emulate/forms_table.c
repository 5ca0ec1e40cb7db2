// SPDX-License-Identifier: GPL-2.0
/*
 * The instruction forms that are compared with the processor, and the flags that
 * the manuals leave undefined after each. Read by forms.c.
 */
#include "forms.h"

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

const struct form forms[] = {
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

const u32 forms_count = ARRAY_SIZE(forms);
