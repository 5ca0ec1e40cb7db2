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
	u32 base;		/* registers of the address */
	u32 index;
	u32 disp_at;		/* position of a disp32 that is an address */
	bool rip_relative;
	u64 imm;
};

static u64 gs_base;

u32 form_count(void)
{
	return forms_count;
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
	build->base = no_base ? EMULATE_NO_REG : base;
	build->index = index;
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

static bool in_address(const struct build *build, u32 reg)
{
	return build->base == reg || build->index == reg;
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
	if ((attr & (COMPARES | PAIR)) && (in_address(build, EMULATE_RAX) ||
					   in_address(build, EMULATE_RDX)))
		return;
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
	if ((attr & BITS) && build->memory && !in_address(build, reg) &&
	    gpr[reg] > 0x8000)
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
		.base = EMULATE_NO_REG,
		.index = EMULATE_NO_REG,
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
