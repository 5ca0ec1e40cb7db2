/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the rows of the opcode maps are written. For tables.c and tables_0f.c.
 */
#ifndef DUET_EMULATE_TABLES_H
#define DUET_EMULATE_TABLES_H

#include "internal.h"

#define ROW(fn, d, s, f)						\
	{ .execute = fn, .dst = FORM_##d, .src = FORM_##s, .flags = (f) }
#define LENGTH(f)	{ .flags = (f) }
#define GROUP(g, d, s, f)						\
	{ .group = g, .dst = FORM_##d, .src = FORM_##s,			\
	  .flags = OP_MODRM | OP_GROUP | (f) }
#define UNDEFINED	{ .flags = OP_UNDEF }
#define EIGHT(base, row)						\
	[(base) + 0] = row, [(base) + 1] = row, [(base) + 2] = row,	\
	[(base) + 3] = row, [(base) + 4] = row, [(base) + 5] = row,	\
	[(base) + 6] = row, [(base) + 7] = row

#endif /* DUET_EMULATE_TABLES_H */
