/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The instruction forms that are compared with the processor, and how a random
 * instruction of a form is put together. Used by test_native.c.
 */
#ifndef SELFTESTS_EMULATE_FORMS_H
#define SELFTESTS_EMULATE_FORMS_H

#include "native.h"

struct form {
	const char *name;
	u8 escape;		/* 0: none, 1: 0F, 2: 0F 38 */
	u8 opcode;
	s8 digit;		/* ModRM.reg; FORM_REG_ANY, FORM_NO_MODRM */
	u8 imm;			/* FORM_IMM_* */
	u32 attr;		/* FORM_* */
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

u32 form_count(void);
/* Does this processor follow the APM for 66h and near branches? */
bool form_amd_branches(void);
void form_environment(struct native_machine *machine);
/* false: this form does not exist in this mode. */
bool form_build(u32 form, const struct native_machine *machine,
		struct random *random, u64 at, struct form_insn *insn,
		struct native_state *state);

#endif
