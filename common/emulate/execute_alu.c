// SPDX-License-Identifier: GPL-2.0
/*
 * Arithmetic, logic, shifts, multiplication, division, decimal adjustment.
 * Handlers: ctxt->dst and ctxt->src are loaded, the result goes to ctxt->dst.
 * Called through the opcode tables.
 */
#include "internal.h"

static u32 carry_in(const struct emulate_ctxt *ctxt)
{
	return ctxt->rflags & FLAG_CF;
}

int op_add(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_add(ctxt, ctxt->dst.value, ctxt->src.value, 0,
				    ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_adc(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_add(ctxt, ctxt->dst.value, ctxt->src.value,
				    carry_in(ctxt), ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_sub(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_sub(ctxt, ctxt->dst.value, ctxt->src.value, 0,
				    ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_sbb(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_sub(ctxt, ctxt->dst.value, ctxt->src.value,
				    carry_in(ctxt), ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_cmp(struct emulate_ctxt *ctxt)
{
	flags_sub(ctxt, ctxt->dst.value, ctxt->src.value, 0, ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_and(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_logic(ctxt, ctxt->dst.value & ctxt->src.value,
				      ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_or(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_logic(ctxt, ctxt->dst.value | ctxt->src.value,
				      ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_xor(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_logic(ctxt, ctxt->dst.value ^ ctxt->src.value,
				      ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_test(struct emulate_ctxt *ctxt)
{
	flags_logic(ctxt, ctxt->dst.value & ctxt->src.value, ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_not(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = ~ctxt->dst.value & mask_of(ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_neg(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_sub(ctxt, 0, ctxt->dst.value, 0,
				    ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

/* INC and DEC leave CF alone. */
int op_inc(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_add(ctxt, ctxt->dst.value, 1, 0,
				    ctxt->dst.bytes);
	set_flag(ctxt, FLAG_CF, ctxt->rflags & FLAG_CF);
	return EMULATE_CONTINUE;
}

int op_dec(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_sub(ctxt, ctxt->dst.value, 1, 0,
				    ctxt->dst.bytes);
	set_flag(ctxt, FLAG_CF, ctxt->rflags & FLAG_CF);
	return EMULATE_CONTINUE;
}

int op_shift(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value = flags_shift(ctxt, (ctxt->insn.modrm >> 3) & 7,
				      ctxt->dst.value, ctxt->src.value & 0xff,
				      ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

/* The count is an immediate byte (A4, AC) or CL (A5, AD). */
static int double_shift(struct emulate_ctxt *ctxt, bool right)
{
	u32 count = ctxt->insn.opcode & 1 ? reg_read(ctxt, EMULATE_RCX, 1) :
					    ctxt->insn.imm;

	ctxt->dst.value = flags_double_shift(ctxt, right, ctxt->dst.value,
					     ctxt->src.value, count,
					     ctxt->dst.bytes);
	return EMULATE_CONTINUE;
}

int op_shld(struct emulate_ctxt *ctxt)
{
	return double_shift(ctxt, false);
}

int op_shrd(struct emulate_ctxt *ctxt)
{
	return double_shift(ctxt, true);
}

/* CF is the bit; the other status flags are undefined and stay. */
static u64 bit_of(struct emulate_ctxt *ctxt)
{
	u64 bit = 1ULL << (ctxt->src.value & (ctxt->dst.bytes * 8 - 1));

	set_flag(ctxt, FLAG_CF, ctxt->dst.value & bit);
	return bit;
}

int op_bt(struct emulate_ctxt *ctxt)
{
	bit_of(ctxt);
	return EMULATE_CONTINUE;
}

int op_bts(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value |= bit_of(ctxt);
	return EMULATE_CONTINUE;
}

int op_btr(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value &= ~bit_of(ctxt);
	return EMULATE_CONTINUE;
}

int op_btc(struct emulate_ctxt *ctxt)
{
	ctxt->dst.value ^= bit_of(ctxt);
	return EMULATE_CONTINUE;
}

/*
 * With F3 these are TZCNT, LZCNT on processors that have them; which one the
 * guest means is not known here.
 */
static int bit_scan(struct emulate_ctxt *ctxt, bool reverse)
{
	u64 value = ctxt->src.value;

	if (ctxt->insn.prefixes & EMULATE_PREFIX_REP)
		return EMULATE_UNHANDLEABLE;
	set_flag(ctxt, FLAG_ZF, !value);
	if (!value)
		ctxt->dst.kind = OPERAND_NONE;
	else if (reverse)
		ctxt->dst.value = 63 - __builtin_clzll(value);
	else
		ctxt->dst.value = __builtin_ctzll(value);
	return EMULATE_CONTINUE;
}

int op_bsf(struct emulate_ctxt *ctxt)
{
	return bit_scan(ctxt, false);
}

int op_bsr(struct emulate_ctxt *ctxt)
{
	return bit_scan(ctxt, true);
}

int op_popcnt(struct emulate_ctxt *ctxt)
{
	u64 value = ctxt->src.value;
	u32 count;

	/* Without F3 it was JMPE of Itanium. */
	if (!(ctxt->insn.prefixes & EMULATE_PREFIX_REP))
		return raise_ud(ctxt);
	for (count = 0; value; count++)
		value &= value - 1;
	ctxt->dst.value = count;
	ctxt->next_rflags &= ~FLAGS_STATUS;
	set_flag(ctxt, FLAG_ZF, !count);
	return EMULATE_CONTINUE;
}

int op_bswap(struct emulate_ctxt *ctxt)
{
	if (ctxt->dst.bytes == 8)
		ctxt->dst.value = __builtin_bswap64(ctxt->dst.value);
	else if (ctxt->dst.bytes == 4)
		ctxt->dst.value = __builtin_bswap32(ctxt->dst.value);
	else
		ctxt->dst.value = 0;	/* undefined: what processors do */
	return EMULATE_CONTINUE;
}

/* Product or dividend of twice the operand size: AX, DX:AX, EDX:EAX, RDX:RAX. */
static void write_pair(struct emulate_ctxt *ctxt, u64 low, u64 high,
		       u32 bytes)
{
	if (bytes == 1) {
		reg_write(ctxt, EMULATE_RAX, (low & 0xff) | (high << 8), 2);
		return;
	}
	reg_write(ctxt, EMULATE_RAX, low, bytes);
	reg_write(ctxt, EMULATE_RDX, high, bytes);
}

/* CF and OF of a product; the others are undefined. */
static void product_flags(struct emulate_ctxt *ctxt, bool overflow)
{
	set_flag(ctxt, FLAG_CF, overflow);
	set_flag(ctxt, FLAG_OF, overflow);
}

int op_mul(struct emulate_ctxt *ctxt)
{
	u32 bytes = ctxt->src.bytes;
	unsigned __int128 product;
	u64 low, high;

	product = (unsigned __int128)reg_read(ctxt, EMULATE_RAX, bytes) *
		  ctxt->src.value;
	low = (u64)product & mask_of(bytes);
	high = (u64)(product >> (bytes * 8)) & mask_of(bytes);
	product_flags(ctxt, high);
	write_pair(ctxt, low, high, bytes);
	return EMULATE_CONTINUE;
}

/* Signed product; says whether it exceeds the operand size. */
static bool signed_product(u64 a, u64 b, u32 bytes, u64 *low, u64 *high)
{
	__int128 product;

	product = (__int128)sign_extend(a, bytes) * sign_extend(b, bytes);
	*low = (u64)product & mask_of(bytes);
	*high = (u64)(product >> (bytes * 8)) & mask_of(bytes);
	return product != sign_extend(*low, bytes);
}

int op_imul(struct emulate_ctxt *ctxt)
{
	u32 bytes = ctxt->src.bytes;
	u64 low, high;

	product_flags(ctxt, signed_product(reg_read(ctxt, EMULATE_RAX, bytes),
					   ctxt->src.value, bytes, &low,
					   &high));
	write_pair(ctxt, low, high, bytes);
	return EMULATE_CONTINUE;
}

int op_imul2(struct emulate_ctxt *ctxt)
{
	u64 high;

	product_flags(ctxt, signed_product(ctxt->dst.value, ctxt->src.value,
					   ctxt->dst.bytes, &ctxt->dst.value,
					   &high));
	return EMULATE_CONTINUE;
}

int op_imul3(struct emulate_ctxt *ctxt)
{
	u64 high;

	product_flags(ctxt, signed_product(ctxt->src.value, ctxt->insn.imm,
					   ctxt->dst.bytes, &ctxt->dst.value,
					   &high));
	return EMULATE_CONTINUE;
}

/*
 * Unsigned division bit by bit: the kernel has no 128-bit division, and this
 * one is rare. @high is below @divisor, so the quotient fits.
 */
static u64 divide(u64 high, u64 low, u64 divisor, u32 bytes, u64 *remainder)
{
	u32 bits = bytes * 8, i;
	u64 quotient = 0;
	bool carry;

	for (i = 0; i < bits; i++) {
		carry = high >> 63;
		high = (high << 1) | ((low >> (bits - 1 - i)) & 1);
		quotient <<= 1;
		if (carry || high >= divisor) {
			high -= divisor;
			quotient |= 1;
		}
	}
	*remainder = high;
	return quotient;
}

static void read_dividend(struct emulate_ctxt *ctxt, u32 bytes, u64 *low,
			  u64 *high)
{
	*low = reg_read(ctxt, EMULATE_RAX, bytes);
	*high = bytes == 1 ? (reg_read(ctxt, EMULATE_RAX, 2) >> 8) & 0xff :
			     reg_read(ctxt, EMULATE_RDX, bytes);
}

int op_div(struct emulate_ctxt *ctxt)
{
	u32 bytes = ctxt->src.bytes;
	u64 low, high, quotient, remainder;

	read_dividend(ctxt, bytes, &low, &high);
	if (high >= ctxt->src.value)
		return emulate_raise(ctxt, EMULATE_VECTOR_DE, 0);
	quotient = divide(high, low, ctxt->src.value, bytes, &remainder);
	write_pair(ctxt, quotient, remainder, bytes);
	return EMULATE_CONTINUE;
}

/* Two's complement of a number of twice the operand size. */
static void negate_pair(u64 *low, u64 *high, u32 bytes)
{
	*low = -*low & mask_of(bytes);
	*high = (~*high + !*low) & mask_of(bytes);
}

int op_idiv(struct emulate_ctxt *ctxt)
{
	u32 bytes = ctxt->src.bytes;
	u64 mask = mask_of(bytes), top = sign_bit(bytes);
	u64 low, high, quotient, remainder, divisor = ctxt->src.value;
	bool minus, minus_divisor = divisor & top;

	read_dividend(ctxt, bytes, &low, &high);
	minus = high & top;
	if (minus)
		negate_pair(&low, &high, bytes);
	if (minus_divisor)
		divisor = -divisor & mask;
	if (high >= divisor)
		return emulate_raise(ctxt, EMULATE_VECTOR_DE, 0);
	quotient = divide(high, low, divisor, bytes, &remainder);
	if (quotient > (minus != minus_divisor ? top : top - 1))
		return emulate_raise(ctxt, EMULATE_VECTOR_DE, 0);
	if (minus != minus_divisor)
		quotient = -quotient & mask;
	if (minus)
		remainder = -remainder & mask;
	write_pair(ctxt, quotient, remainder, bytes);
	return EMULATE_CONTINUE;
}

/* DAA and DAS (SDM vol. 2). */
static int decimal_adjust(struct emulate_ctxt *ctxt, bool subtract)
{
	u8 old = reg_read(ctxt, EMULATE_RAX, 1), al = old;
	bool carry = carry_in(ctxt);
	bool low = (old & 15) > 9 || (ctxt->rflags & FLAG_AF);
	bool high = old > 0x99 || carry;

	if (low) {
		carry |= subtract ? old < 6 : old > 0xf9;
		al = subtract ? al - 6 : al + 6;
	}
	if (high)
		al = subtract ? al - 0x60 : al + 0x60;
	flags_logic(ctxt, al, 1);
	set_flag(ctxt, FLAG_AF, low);
	set_flag(ctxt, FLAG_CF, high || (subtract && low && carry));
	reg_write(ctxt, EMULATE_RAX, al, 1);
	return EMULATE_CONTINUE;
}

int op_daa(struct emulate_ctxt *ctxt)
{
	return decimal_adjust(ctxt, false);
}

int op_das(struct emulate_ctxt *ctxt)
{
	return decimal_adjust(ctxt, true);
}

/* AAA and AAS: AX moves by 0106h. */
static int ascii_adjust(struct emulate_ctxt *ctxt, bool subtract)
{
	u16 ax = reg_read(ctxt, EMULATE_RAX, 2);
	bool adjust = (ax & 15) > 9 || (ctxt->rflags & FLAG_AF);

	if (adjust)
		ax = subtract ? ax - 0x106 : ax + 0x106;
	ax &= 0xff0f;
	set_flag(ctxt, FLAG_AF, adjust);
	set_flag(ctxt, FLAG_CF, adjust);
	reg_write(ctxt, EMULATE_RAX, ax, 2);
	return EMULATE_CONTINUE;
}

int op_aaa(struct emulate_ctxt *ctxt)
{
	return ascii_adjust(ctxt, false);
}

int op_aas(struct emulate_ctxt *ctxt)
{
	return ascii_adjust(ctxt, true);
}

int op_aam(struct emulate_ctxt *ctxt)
{
	u8 al = reg_read(ctxt, EMULATE_RAX, 1), base = ctxt->insn.imm;

	if (!base)
		return emulate_raise(ctxt, EMULATE_VECTOR_DE, 0);
	reg_write(ctxt, EMULATE_RAX, (al / base) << 8 | al % base, 2);
	flags_logic(ctxt, al % base, 1);
	return EMULATE_CONTINUE;
}

int op_aad(struct emulate_ctxt *ctxt)
{
	u16 ax = reg_read(ctxt, EMULATE_RAX, 2);
	u8 al = ax + (ax >> 8) * ctxt->insn.imm;

	reg_write(ctxt, EMULATE_RAX, al, 2);
	flags_logic(ctxt, al, 1);
	return EMULATE_CONTINUE;
}
