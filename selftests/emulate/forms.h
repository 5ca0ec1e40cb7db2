/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The instruction forms that are compared with the processor, and how a random
 * instruction of a form is put together. Used by test_native.c.
 */
#ifndef SELFTESTS_EMULATE_FORMS_H
#define SELFTESTS_EMULATE_FORMS_H

#include "native.h"

/* Of a form: ModRM.reg, the immediate, attributes. */
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

/* RFLAGS */
#define CF	0x1
#define PF	0x4
#define AF	0x10
#define ZF	0x40
#define SF	0x80
#define OF	0x800

struct form {
	const char *name;
	u8 escape;		/* 0: none, 1: 0F, 2: 0F 38 */
	u8 opcode;
	s8 digit;		/* ModRM.reg, ANY, NO_MODRM */
	u8 imm;			/* IMM_* */
	u32 attr;
	u32 undefined;		/* flags that the manuals leave undefined */
	u8 prefix;		/* mandatory prefix */
};

struct form_insn {
	const struct form *form;
	u8 bytes[15];
	u8 length;
	u64 undefined;
	/*
	 * CALL (stack and target) and CMPS (two operands) may fault twice, and
	 * processors differ in what comes first, even with and without REP.
	 */
	bool either_fault;
	bool partial;		/* registers may change before a fault */
	bool repeats;		/* flags may change before a fault */
};

extern const struct form forms[];
extern const u32 forms_count;

u32 form_count(void);
/* Does this processor follow the APM for 66h and near branches? */
bool form_amd_branches(void);
void form_environment(struct native_machine *machine);
/* false: this form does not exist in this mode. */
bool form_build(u32 form, const struct native_machine *machine,
		struct random *random, u64 at, struct form_insn *insn,
		struct native_state *state);

#endif
