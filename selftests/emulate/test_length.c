// SPDX-License-Identifier: GPL-2.0
/*
 * Lengths: every byte string that Zydis calls an instruction has to have the same
 * length here, in all modes; and what emulate_plain_mov() takes has to be what
 * the decoder finds. Called by main.c.
 */
#include <Zydis/Zydis.h>

#include "harness.h"

struct mode {
	const char *name;
	enum emulate_mode mode;
	ZydisMachineMode machine;
	ZydisStackWidth stack;
	bool near_branch_16;
};

static const struct mode modes[] = {
	{ "64-bit", EMULATE_LONG64, ZYDIS_MACHINE_MODE_LONG_64,
	  ZYDIS_STACK_WIDTH_64, false },
	{ "64-bit, 16-bit near branches", EMULATE_LONG64,
	  ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64, true },
	{ "32-bit", EMULATE_PROT32, ZYDIS_MACHINE_MODE_LEGACY_32,
	  ZYDIS_STACK_WIDTH_32, false },
	{ "16-bit", EMULATE_PROT16, ZYDIS_MACHINE_MODE_LEGACY_16,
	  ZYDIS_STACK_WIDTH_16, false },
	{ "real", EMULATE_REAL, ZYDIS_MACHINE_MODE_REAL_16,
	  ZYDIS_STACK_WIDTH_16, false },
};

/* What is tried and how it went, for one mode. */
struct tally {
	const struct mode *mode;
	ZydisDecoder decoder;
	struct emulate_ctxt ctxt;
	u64 gpr[16];
	u64 tried;
	u64 valid;
	u64 wrong;
	u64 unknown;	/* instructions that are left out */
	u64 movs;	/* that emulate_plain_mov() took */
	u64 wrong_movs;
};

static int no_fetch(struct emulate_ctxt *ctxt, u64 linear, void *buf, u32 len)
{
	(void)linear;
	(void)buf;
	(void)len;
	return emulate_raise(ctxt, EMULATE_VECTOR_GP, 0);
}

static int flat_segment(struct emulate_ctxt *ctxt, enum emulate_seg seg,
			struct emulate_segment *out)
{
	(void)ctxt;
	(void)seg;
	memset(out, 0, sizeof(*out));
	out->limit = 0xffffffff;
	return EMULATE_CONTINUE;
}

static const struct emulate_ops length_ops = {
	.fetch = no_fetch,
	.segment = flat_segment,
};

static void complain(const struct tally *tally, const u8 *bytes, int length,
		     const ZydisDecodedInstruction *insn)
{
	int i;

	if (tally->wrong > 15)
		return;
	printf("# %s:", tally->mode->name);
	for (i = 0; i < EMULATE_INSN_MAX; i++)
		printf(" %02x", bytes[i]);
	printf(": %d, Zydis: %u %s\n", length, insn->length,
	       ZydisMnemonicGetString(insn->mnemonic));
}

/* The short cut for MMIO has to agree with the decoder about what it takes. */
static void try_mov(struct tally *tally, const u8 *bytes)
{
	const struct emulate_decoded *insn = &tally->ctxt.insn;
	struct emulate_mov mov;
	bool store, constant;

	if (!emulate_plain_mov(bytes, &mov))
		return;
	tally->movs++;
	emulate_begin(&tally->ctxt);
	emulate_provide(&tally->ctxt, bytes, EMULATE_INSN_MAX);
	if (emulate_decode(&tally->ctxt) != EMULATE_CONTINUE ||
	    insn->length != mov.length || insn->map != EMULATE_MAP_ONE ||
	    insn->modrm >= 0xc0 ||
	    (insn->prefixes & ~(EMULATE_PREFIX_OPSIZE | EMULATE_PREFIX_REX))) {
		tally->wrong_movs++;
		return;
	}
	constant = (insn->opcode & 0xfe) == 0xc6;
	store = constant || (insn->opcode & 0xfe) == 0x88;
	if ((!constant && (insn->opcode & 0xfc) != 0x88) ||
	    mov.write != store || mov.immediate != constant ||
	    mov.size != (insn->opcode & 1 ? insn->opsize : 1) ||
	    mov.base != insn->base || mov.index != insn->index ||
	    (mov.index != EMULATE_NO_REG && mov.scale != insn->scale) ||
	    mov.rip_relative != insn->rip_relative ||
	    mov.disp != insn->disp ||
	    (constant ? (insn->modrm & 0x38) || ((mov.value ^ insn->imm) &
			(~0ULL >> (64 - 8 * mov.size))) :
			mov.reg != insn->reg ||
			(mov.size == 1 && !insn->rex && mov.reg > 3)))
		tally->wrong_movs++;
}

static void try_bytes(struct tally *tally, const u8 *bytes)
{
	ZydisDecodedInstruction insn;
	int length;

	tally->tried++;
	emulate_begin(&tally->ctxt);
	emulate_provide(&tally->ctxt, bytes, EMULATE_INSN_MAX);
	length = emulate_length(&tally->ctxt);
	if (length < 0 || length > EMULATE_INSN_MAX)
		abort();
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&tally->decoder, NULL,
							bytes,
							EMULATE_INSN_MAX,
							&insn)))
		return;
	tally->valid++;
	if (tally->mode->mode == EMULATE_LONG64)
		try_mov(tally, bytes);
	if (length == insn.length)
		return;
	/* Knights Corner, which has no virtualization: VEX with a branch. */
	if (insn.mnemonic == ZYDIS_MNEMONIC_JKZD ||
	    insn.mnemonic == ZYDIS_MNEMONIC_JKNZD) {
		tally->unknown++;
		return;
	}
	tally->wrong++;
	complain(tally, bytes, length, &insn);
}

static void fill(struct random *random, u8 *bytes, u32 from)
{
	u64 low = random_next(random), high = random_next(random);
	u8 pool[16];

	memcpy(pool, &low, 8);
	memcpy(pool + 8, &high, 8);
	if (from < EMULATE_INSN_MAX)
		memcpy(bytes + from, pool + from, EMULATE_INSN_MAX - from);
}

static const u8 prefix_sets[][4] = {
	{ 0 }, { 1, 0x66 }, { 1, 0x67 }, { 1, 0xf2 }, { 1, 0xf3 },
	{ 1, 0xf0 }, { 2, 0x66, 0x67 }, { 2, 0x66, 0xf2 },
	{ 2, 0xf3, 0x66 }, { 1, 0x2e }, { 1, 0x48 }, { 1, 0x41 },
	{ 2, 0x66, 0x48 }, { 2, 0x48, 0x66 }, { 2, 0xf3, 0x4f },
	{ 2, 0xf0, 0x67 }, { 3, 0x65, 0x67, 0x44 }, { 2, 0xf2, 0x48 },
};

static const u8 escapes[][3] = {
	{ 0 }, { 1, 0x0f }, { 2, 0x0f, 0x38 }, { 2, 0x0f, 0x3a },
};

/* Each opcode of each map with each ModRM byte behind each set of prefixes. */
static void enumerate(struct tally *tally, struct random *random)
{
	u32 total = ARRAY_SIZE(prefix_sets) << 18;
	u32 i, set, escape, opcode, modrm, at;
	u8 bytes[16];

	for (i = 0; i < total; i++) {
		modrm = i & 255;
		opcode = i >> 8 & 255;
		escape = i >> 16 & 3;
		set = i >> 18;
		at = prefix_sets[set][0];
		memcpy(bytes, &prefix_sets[set][1], at);
		memcpy(bytes + at, &escapes[escape][1], escapes[escape][0]);
		at += escapes[escape][0];
		bytes[at++] = opcode;
		bytes[at++] = modrm;
		fill(random, bytes, at);
		try_bytes(tally, bytes);
	}
}

/* VEX, EVEX and XOP: lead byte, random payload with a likely map. */
static void vectors(struct tally *tally, struct random *random, u64 count)
{
	static const u8 leads[] = { 0xc4, 0xc5, 0x62, 0x8f };
	u8 bytes[16], lead;

	while (count--) {
		fill(random, bytes, 0);
		lead = leads[random_below(random, 4)];
		bytes[0] = lead;
		if (lead == 0xc4)
			bytes[1] = (bytes[1] & 0xe0) |
				   (1 + random_below(random, 3));
		if (lead == 0x8f)
			bytes[1] = (bytes[1] & 0xe0) |
				   (8 + random_below(random, 3));
		if (lead == 0x62) {
			bytes[1] = (bytes[1] & 0xf0) |
				   (1 + random_below(random, 6));
			bytes[2] |= 4;
		}
		if (lead != 0xc5 && (bytes[1] & 1))
			bytes[2] |= 0x78;	/* no second source */
		if (tally->mode->mode != EMULATE_LONG64 && lead != 0x8f)
			bytes[1] |= 0xc0;
		try_bytes(tally, bytes);
	}
}

/* Anything at all, with prefixes made likely. */
static void anything(struct tally *tally, struct random *random, u64 count)
{
	static const u8 prefixes[] = {
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2,
		0xf3, 0x40, 0x48, 0x4f, 0x0f, 0x66,
	};
	u32 lead, i;
	u8 bytes[16];

	while (count--) {
		fill(random, bytes, 0);
		lead = random_below(random, 32);
		if (lead > 13)
			lead &= 3;
		for (i = 0; i < lead; i++)
			bytes[i] = prefixes[random_below(random, 16)];
		try_bytes(tally, bytes);
	}
}

void test_lengths(void)
{
	struct random random = { 0x123456789abcdefULL };
	struct tally tally;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		memset(&tally, 0, sizeof(tally));
		tally.mode = &modes[i];
		tally.ctxt.ops = &length_ops;
		tally.ctxt.gpr = tally.gpr;
		tally.ctxt.mode = modes[i].mode;
		tally.ctxt.linear_bits = 48;
		tally.ctxt.near_branch_16 = modes[i].near_branch_16;
		ZydisDecoderInit(&tally.decoder, modes[i].machine,
				 modes[i].stack);
		ZydisDecoderEnableMode(&tally.decoder,
				       ZYDIS_DECODER_MODE_AMD_BRANCHES,
				       modes[i].near_branch_16);
		enumerate(&tally, &random);
		vectors(&tally, &random, 500000ULL * effort);
		anything(&tally, &random, 1000000ULL * effort);
		tap_result(!tally.wrong && tally.valid > tally.tried / 4,
			   "lengths, %s: %llu strings, %llu valid, %llu wrong, %llu JKZD or JKNZD",
			   modes[i].name, (unsigned long long)tally.tried,
			   (unsigned long long)tally.valid,
			   (unsigned long long)tally.wrong,
			   (unsigned long long)tally.unknown);
		if (modes[i].mode == EMULATE_LONG64)
			tap_result(!tally.wrong_movs && tally.movs > 5000,
				   "plain MOVs, %s: %llu, %llu wrong",
				   modes[i].name,
				   (unsigned long long)tally.movs,
				   (unsigned long long)tally.wrong_movs);
	}
}
