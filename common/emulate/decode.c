// SPDX-License-Identifier: GPL-2.0
/*
 * Instruction decoding: prefixes, opcode maps, ModRM, immediates, length.
 * Calls the fetch and segment callbacks; called through emulate.h.
 */
#include "internal.h"

#define PAGE_BYTES	4096

void emulate_begin(struct emulate_ctxt *ctxt)
{
	ctxt->decoded = false;
	ctxt->insn.fetched = 0;
	ctxt->insn.length = 0;
	ctxt->interruptibility = 0;
	ctxt->single_step = false;
	emulate_replay_reset(ctxt);
}

void emulate_provide(struct emulate_ctxt *ctxt, const u8 *bytes, u32 count)
{
	if (count > EMULATE_INSN_MAX)
		count = EMULATE_INSN_MAX;
	memcpy(ctxt->insn.bytes, bytes, count);
	ctxt->insn.fetched = count;
}

/* Linear address of the next byte to fetch, and how many may follow it. */
static int fetch_window(struct emulate_ctxt *ctxt, u64 *linear, u32 *room)
{
	struct emulate_segment cs;
	u64 offset;
	int rc;

	*room = EMULATE_INSN_MAX - ctxt->insn.fetched;
	if (in_long64(ctxt)) {
		*linear = ctxt->rip + ctxt->insn.fetched;
		if (!emulate_canonical(ctxt, *linear))
			return raise_gp(ctxt);
	} else {
		rc = ctxt->ops->segment(ctxt, EMULATE_CS, &cs);
		if (rc)
			return rc;
		offset = (u32)ctxt->rip + (u64)ctxt->insn.fetched;
		if (offset > cs.limit)
			return raise_gp(ctxt);
		if (cs.limit - offset + 1 < *room)
			*room = cs.limit - offset + 1;
		*linear = (u32)(cs.base + offset);
	}
	if (*room > PAGE_BYTES - (*linear & (PAGE_BYTES - 1)))
		*room = PAGE_BYTES - (*linear & (PAGE_BYTES - 1));
	return EMULATE_CONTINUE;
}

/* Make @count bytes behind the current position available. */
static int need(struct emulate_ctxt *ctxt, u32 count)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u64 linear;
	u32 room;
	int rc;

	while (insn->length + count > insn->fetched) {
		/* SDM vol. 3, 6.15, interrupt 13: longer than 15 bytes */
		if (insn->fetched >= EMULATE_INSN_MAX)
			return raise_gp(ctxt);
		rc = fetch_window(ctxt, &linear, &room);
		if (rc)
			return rc;
		rc = ctxt->ops->fetch(ctxt, linear,
				      insn->bytes + insn->fetched, room);
		if (rc)
			return rc == EMULATE_FAULT ? rc : EMULATE_UNHANDLEABLE;
		insn->fetched += room;
	}
	return EMULATE_CONTINUE;
}

static int next_byte(struct emulate_ctxt *ctxt, u8 *byte)
{
	int rc = need(ctxt, 1);

	if (!rc)
		*byte = ctxt->insn.bytes[ctxt->insn.length++];
	return rc;
}

/* Little-endian value of @bytes bytes, zero-extended. */
static int next_value(struct emulate_ctxt *ctxt, u32 bytes, u64 *value)
{
	struct emulate_decoded *insn = &ctxt->insn;
	int rc = need(ctxt, bytes);

	if (rc)
		return rc;
	*value = 0;
	memcpy(value, insn->bytes + insn->length, bytes);
	insn->length += bytes;
	return EMULATE_CONTINUE;
}

static int next_signed(struct emulate_ctxt *ctxt, u32 bytes, u64 *value)
{
	int rc = next_value(ctxt, bytes, value);

	if (!rc)
		*value = sign_extend(*value, bytes);
	return rc;
}

static void set_segment(struct emulate_ctxt *ctxt, u32 seg)
{
	/* In 64-bit mode CS, DS, ES, SS overrides are ignored (SDM vol. 1, 3.3.7.1). */
	if (in_long64(ctxt) && seg != EMULATE_FS && seg != EMULATE_GS)
		return;
	ctxt->insn.seg = seg;
	ctxt->insn.prefixes |= EMULATE_PREFIX_SEG;
}

/* Note @byte if it is a legacy prefix. */
static bool legacy_prefix(struct emulate_ctxt *ctxt, u8 byte)
{
	u8 *prefixes = &ctxt->insn.prefixes;

	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		set_segment(ctxt, (byte >> 3) & 3);
		return true;
	case 0x64: case 0x65:
		set_segment(ctxt, byte & 7);
		return true;
	case 0x66:
		*prefixes |= EMULATE_PREFIX_OPSIZE;
		return true;
	case 0x67:
		*prefixes |= EMULATE_PREFIX_ADSIZE;
		return true;
	case 0xf0:
		*prefixes |= EMULATE_PREFIX_LOCK;
		return true;
	case 0xf2:
		*prefixes &= ~EMULATE_PREFIX_REP;
		*prefixes |= EMULATE_PREFIX_REPNE;
		return true;
	case 0xf3:
		*prefixes &= ~EMULATE_PREFIX_REPNE;
		*prefixes |= EMULATE_PREFIX_REP;
		return true;
	}
	return false;
}

/* Reads prefixes and leaves the first opcode byte in @opcode. */
static int decode_prefixes(struct emulate_ctxt *ctxt, u8 *opcode)
{
	struct emulate_decoded *insn = &ctxt->insn;
	int rc;

	/* Ends at the fifteenth byte at the latest: need() refuses the next. */
	for (;;) {
		rc = next_byte(ctxt, opcode);
		if (rc)
			return rc;
		if (legacy_prefix(ctxt, *opcode))
			insn->rex = 0;
		else if (in_long64(ctxt) && (*opcode & 0xf0) == 0x40)
			insn->rex = *opcode;
		else
			break;
	}
	if (insn->rex)
		insn->prefixes |= EMULATE_PREFIX_REX;
	return EMULATE_CONTINUE;
}

static void decode_sizes(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	bool toggle = insn->prefixes & EMULATE_PREFIX_OPSIZE;
	u32 flags = insn->flags;

	if (in_long64(ctxt)) {
		bool wide = insn->rex & 8;

		insn->opsize = wide ? 8 : toggle ? 2 : 4;
		if ((flags & OP_D64) && !toggle)
			insn->opsize = 8;
		if ((flags & OP_F64) &&
		    !(toggle && !wide && ctxt->near_branch_16))
			insn->opsize = 8;
	} else {
		bool big = ctxt->mode == EMULATE_PROT32;

		insn->opsize = big != toggle ? 4 : 2;
	}
	if ((flags & OP_MIN32) && insn->opsize < 4)
		insn->opsize = 4;
	if (flags & OP_CR)
		insn->opsize = in_long64(ctxt) ? 8 : 4;
	if (flags & OP_BYTE)
		insn->opsize = 1;
}

static void decode_adsize(struct emulate_ctxt *ctxt)
{
	bool toggle = ctxt->insn.prefixes & EMULATE_PREFIX_ADSIZE;

	if (in_long64(ctxt))
		ctxt->insn.adsize = toggle ? 4 : 8;
	else
		ctxt->insn.adsize =
			(ctxt->mode == EMULATE_PROT32) != toggle ? 4 : 2;
}

/* 16-bit addressing (SDM vol. 2, table 2-1). */
static int decode_address_16(struct emulate_ctxt *ctxt)
{
	static const u8 bases[8] = {
		EMULATE_RBX, EMULATE_RBX, EMULATE_RBP, EMULATE_RBP,
		EMULATE_RSI, EMULATE_RDI, EMULATE_RBP, EMULATE_RBX,
	};
	static const u8 indexes[4] = {
		EMULATE_RSI, EMULATE_RDI, EMULATE_RSI, EMULATE_RDI,
	};
	struct emulate_decoded *insn = &ctxt->insn;
	u32 mod = insn->modrm >> 6, rm = insn->modrm & 7;
	u64 disp = 0;
	int rc = EMULATE_CONTINUE;

	if (mod == 0 && rm == 6) {
		rc = next_signed(ctxt, 2, &disp);
		insn->disp = disp;
		return rc;
	}
	insn->base = bases[rm];
	if (rm < 4)
		insn->index = indexes[rm];
	if (mod)
		rc = next_signed(ctxt, mod, &disp);
	insn->disp = disp;
	return rc;
}

/* SIB byte (SDM vol. 2, table 2-3). Says whether disp32 replaces the base. */
static int decode_sib(struct emulate_ctxt *ctxt, bool *no_base)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u8 sib, index;
	int rc;

	rc = next_byte(ctxt, &sib);
	if (rc)
		return rc;
	insn->scale = sib >> 6;
	index = ((sib >> 3) & 7) | ((insn->rex & 2) << 2);
	if (index != EMULATE_RSP)
		insn->index = index;
	*no_base = (sib & 7) == EMULATE_RBP && insn->modrm < 0x40;
	if (!*no_base)
		insn->base = (sib & 7) | ((insn->rex & 1) << 3);
	return EMULATE_CONTINUE;
}

static int decode_address(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u32 mod = insn->modrm >> 6, rm = insn->modrm & 7;
	bool wide = mod == 2;
	u64 disp = 0;
	int rc = EMULATE_CONTINUE;

	if (insn->adsize == 2)
		return decode_address_16(ctxt);
	if (rm == 4) {
		bool no_base;

		rc = decode_sib(ctxt, &no_base);
		if (rc)
			return rc;
		wide |= no_base;
	} else if (rm == 5 && mod == 0) {
		insn->rip_relative = in_long64(ctxt);
		wide = true;
	} else {
		insn->base = insn->rm;
	}
	if (wide)
		rc = next_signed(ctxt, 4, &disp);
	else if (mod == 1)
		rc = next_signed(ctxt, 1, &disp);
	insn->disp = disp;
	return rc;
}

static int decode_modrm(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	int rc;

	rc = next_byte(ctxt, &insn->modrm);
	if (rc)
		return rc;
	insn->has_modrm = true;
	insn->reg = ((insn->modrm >> 3) & 7) | ((insn->rex & 4) << 1);
	insn->rm = (insn->modrm & 7) | ((insn->rex & 1) << 3);
	if (insn->flags & OP_CR)
		insn->modrm |= 0xc0;
	if (insn->modrm >= 0xc0)
		return EMULATE_CONTINUE;

	rc = decode_address(ctxt);
	/* RBP and RSP as a base mean the stack; R12 and R13 do not. */
	if (!(insn->prefixes & EMULATE_PREFIX_SEG) &&
	    (insn->base == EMULATE_RBP || insn->base == EMULATE_RSP))
		insn->seg = EMULATE_SS;
	return rc;
}

/* Replace a group's row by the one that ModRM.reg selects. */
static void select_group(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	const struct emulate_opcode *row;

	row = &insn->row->group[(insn->modrm >> 3) & 7];
	insn->flags = (insn->flags & ~OP_GROUP) | row->flags;
	insn->row = row;
}

static int decode_immediate(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u32 z = insn->opsize > 4 ? 4 : insn->opsize;
	u64 second = 0;
	int rc;

	switch (insn->flags & IMM_MASK) {
	case IMM_8:
		return next_signed(ctxt, 1, &insn->imm);
	case IMM_U8:
		return next_value(ctxt, 1, &insn->imm);
	case IMM_16:
		return next_value(ctxt, 2, &insn->imm);
	case IMM_Z:
		return next_signed(ctxt, z, &insn->imm);
	case IMM_V:
		return next_value(ctxt, insn->opsize, &insn->imm);
	case IMM_32:
		return next_value(ctxt, 4, &insn->imm);
	case IMM_MOFFS:
		return next_value(ctxt, insn->adsize, &insn->imm);
	case IMM_FAR:
		rc = next_value(ctxt, z, &insn->imm);
		if (!rc)
			rc = next_value(ctxt, 2, &second);
		insn->imm2 = second;
		return rc;
	case IMM_ENTER:
		rc = next_value(ctxt, 2, &insn->imm);
		if (!rc)
			rc = next_value(ctxt, 1, &second);
		insn->imm2 = second;
		return rc;
	}
	return EMULATE_CONTINUE;
}

/* Map 0F of VEX and EVEX: the opcodes with an immediate byte. */
static bool vector_0f_has_imm(u8 opcode)
{
	return (opcode >= 0x70 && opcode <= 0x73) || opcode == 0xc2 ||
	       (opcode >= 0xc4 && opcode <= 0xc6);
}

/*
 * VEX, EVEX and XOP (SDM vol. 2, 2.3 and 2.7; APM vol. 3, 1.8): opcode map @map
 * and the opcode that follows. Only the length matters.
 */
static int decode_vector(struct emulate_ctxt *ctxt, bool xop, u32 map)
{
	struct emulate_decoded *insn = &ctxt->insn;
	int rc;

	rc = next_byte(ctxt, &insn->opcode);
	if (rc)
		return rc;
	insn->map = EMULATE_MAP_VECTOR;
	insn->vector_map = map;
	insn->flags = OP_MODRM;
	if (xop) {
		if (map < 8 || map > 10)
			return raise_ud(ctxt);
		insn->flags |= map == 8 ? IMM_U8 : map == 10 ? IMM_32 : 0;
	} else if (map == 1) {
		if (insn->opcode == 0x77)	/* VZEROUPPER, VZEROALL */
			insn->flags = 0;
		else if (vector_0f_has_imm(insn->opcode))
			insn->flags |= IMM_U8;
	} else if (map == 3) {
		insn->flags |= IMM_U8;
	} else if (map != 2 && map != 5 && map != 6) {
		return raise_ud(ctxt);
	}
	insn->row = &emulate_modrm_only;
	return EMULATE_CONTINUE;
}

/*
 * C4, C5, 62 and 8F begin a vector prefix in 64-bit mode, and elsewhere when the
 * byte behind them would be a ModRM byte that their old meaning forbids. Sets
 * @taken if so.
 */
static int decode_vector_prefix(struct emulate_ctxt *ctxt, u8 lead,
				bool *taken)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u8 first;
	u64 rest;
	int rc;

	*taken = false;
	rc = need(ctxt, 1);
	if (rc)
		return rc;
	first = insn->bytes[insn->length];
	if (lead == 0x8f) {
		if ((first & 0x1f) < 8)
			return EMULATE_CONTINUE;
	} else if (!in_long64(ctxt) && first < 0xc0) {
		return EMULATE_CONTINUE;
	}
	*taken = true;
	if (in_real_or_v86(ctxt))
		return raise_ud(ctxt);
	if (insn->rex || (insn->prefixes & (EMULATE_PREFIX_LOCK |
					    EMULATE_PREFIX_REP |
					    EMULATE_PREFIX_REPNE |
					    EMULATE_PREFIX_OPSIZE)))
		return raise_ud(ctxt);

	insn->length++;
	if (lead == 0xc5)
		return decode_vector(ctxt, false, 1);
	rc = next_value(ctxt, lead == 0x62 ? 2 : 1, &rest);
	if (rc)
		return rc;
	return decode_vector(ctxt, lead == 0x8f,
			     first & (lead == 0x62 ? 7 : 0x1f));
}

/* Opcodes behind 0F: the second map, 0F38 and 0F3A. */
static int decode_0f(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	int rc;

	rc = next_byte(ctxt, &insn->opcode);
	if (rc)
		return rc;
	switch (insn->opcode) {
	case 0x38:
		insn->map = EMULATE_MAP_0F38;
		rc = next_byte(ctxt, &insn->opcode);
		/* MOVBE, unless F2 makes it CRC32 */
		if ((insn->opcode & 0xfe) == 0xf0 &&
		    !(insn->prefixes & (EMULATE_PREFIX_REPNE |
					EMULATE_PREFIX_REP)))
			insn->row = &emulate_0f38[insn->opcode & 1];
		else
			insn->row = &emulate_modrm_only;
		break;
	case 0x3a:
		insn->map = EMULATE_MAP_0F3A;
		rc = next_byte(ctxt, &insn->opcode);
		insn->row = &emulate_modrm_imm8;
		break;
	default:
		insn->map = EMULATE_MAP_0F;
		insn->row = &emulate_two_byte[insn->opcode];
	}
	insn->flags = insn->row->flags;
	return rc;
}

static int decode_opcode(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	bool taken;
	u8 byte;
	int rc;

	rc = decode_prefixes(ctxt, &byte);
	if (rc)
		return rc;
	if (byte == 0x0f)
		return decode_0f(ctxt);
	if (byte == 0xc4 || byte == 0xc5 || byte == 0x62 || byte == 0x8f) {
		rc = decode_vector_prefix(ctxt, byte, &taken);
		if (rc || taken)
			return rc;
	}
	insn->map = EMULATE_MAP_ONE;
	insn->opcode = byte;
	/* 63 is MOVSXD in 64-bit mode alone. */
	insn->row = byte == 0x63 && !in_long64(ctxt) ?
		&emulate_arpl : &emulate_one_byte[byte];
	insn->flags = insn->row->flags;
	return EMULATE_CONTINUE;
}

/* EXTRQ and INSERTQ (66, F2) have two immediate bytes, VMREAD has none. */
static void decode_0f78(struct emulate_decoded *insn)
{
	if ((insn->prefixes & EMULATE_PREFIX_REPNE) ||
	    ((insn->prefixes & EMULATE_PREFIX_OPSIZE) &&
	     !(insn->prefixes & EMULATE_PREFIX_REP)))
		insn->flags |= IMM_16;
}

/* #UD that the processor raises without looking at operands. */
static int check_legal(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	u32 flags = insn->flags;
	bool memory = is_memory(insn);

	if ((flags & OP_UNDEF) || ((flags & OP_NO64) && in_long64(ctxt)) ||
	    ((flags & OP_NOREAL) && in_real_or_v86(ctxt)) ||
	    ((flags & OP_MEM) && !memory) || ((flags & OP_REG) && memory))
		return raise_ud(ctxt);
	if ((flags & OP_NP) && (insn->prefixes & (EMULATE_PREFIX_OPSIZE |
						  EMULATE_PREFIX_REP |
						  EMULATE_PREFIX_REPNE)))
		return raise_ud(ctxt);
	if ((insn->prefixes & EMULATE_PREFIX_LOCK) &&
	    !((flags & OP_LOCK) && (memory || (flags & OP_CR))))
		return raise_ud(ctxt);
	return EMULATE_CONTINUE;
}

static void decode_reset(struct emulate_decoded *insn)
{
	insn->length = 0;
	insn->prefixes = 0;
	insn->rex = 0;
	insn->modrm = 0;
	insn->has_modrm = false;
	insn->reg = 0;
	insn->rm = 0;
	insn->seg = EMULATE_DS;
	insn->vector_map = 0;
	insn->base = EMULATE_NO_REG;
	insn->index = EMULATE_NO_REG;
	insn->scale = 0;
	insn->rip_relative = false;
	insn->imm = 0;
	insn->imm2 = 0;
	insn->disp = 0;
}

static int decode_rest(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	int rc;

	decode_adsize(ctxt);
	if (insn->flags & OP_MODRM) {
		rc = decode_modrm(ctxt);
		if (rc)
			return rc;
		if (insn->flags & OP_GROUP)
			select_group(ctxt);
	}
	if (insn->flags & OP_EXTRQ)
		decode_0f78(insn);
	decode_sizes(ctxt);
	return decode_immediate(ctxt);
}

int emulate_decode(struct emulate_ctxt *ctxt)
{
	struct emulate_decoded *insn = &ctxt->insn;
	int rc;

	ctxt->decoded = false;
	decode_reset(insn);
	rc = decode_opcode(ctxt);
	if (rc)
		return rc;
	if ((insn->flags & OP_UNDEF) ||
	    ((insn->flags & OP_NO64) && in_long64(ctxt)))
		return raise_ud(ctxt);
	rc = decode_rest(ctxt);
	if (!rc)
		rc = check_legal(ctxt);
	if (rc)
		return rc;

	ctxt->next_rip = ctxt->rip + insn->length;
	if (!in_long64(ctxt))
		ctxt->next_rip = (u32)ctxt->next_rip;
	ctxt->decoded = true;
	return EMULATE_CONTINUE;
}

int emulate_length(struct emulate_ctxt *ctxt)
{
	return emulate_decode(ctxt) ? 0 : ctxt->insn.length;
}

bool emulate_two_memory(const struct emulate_ctxt *ctxt)
{
	return ctxt->insn.flags & (OP_STRING | OP_STACK);
}

int emulate_raise(struct emulate_ctxt *ctxt, u8 vector, u32 error_code)
{
	/* SDM vol. 3, table 6-1: 8, 10 to 14 and 17 push an error code. */
	bool has_error = vector < 32 && ((0x00027d00U >> vector) & 1);

	ctxt->exception.vector = vector;
	ctxt->exception.has_error = has_error && ctxt->mode != EMULATE_REAL;
	ctxt->exception.error_code = has_error ? error_code : 0;
	ctxt->exception.address = 0;
	return EMULATE_FAULT;
}

int emulate_page_fault(struct emulate_ctxt *ctxt, u64 address, u32 error_code)
{
	emulate_raise(ctxt, EMULATE_VECTOR_PF, error_code);
	ctxt->exception.address = address;
	return EMULATE_FAULT;
}
