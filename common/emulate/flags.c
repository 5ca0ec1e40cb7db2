// SPDX-License-Identifier: GPL-2.0
/*
 * Status flags in plain C: addition, subtraction, logic, shifts and rotates.
 * Calls nothing; called by the execute_*.c files. The new flags go to
 * ctxt->next_rflags, which counts once the instruction is complete.
 */
#include "internal.h"

/* Where a flag is undefined by the manuals, processors' habit is followed. */

static void set_status(struct emulate_ctxt *ctxt, u64 mask, u64 flags)
{
	ctxt->next_rflags = (ctxt->next_rflags & ~mask) | (flags & mask);
}

/* SF, ZF and PF of a result. */
static u64 result_flags(u64 result, u32 bytes)
{
	u64 flags = 0;
	u32 parity = result & 0xff;

	result &= mask_of(bytes);
	if (!result)
		flags |= FLAG_ZF;
	if (result & sign_bit(bytes))
		flags |= FLAG_SF;
	parity ^= parity >> 4;
	if (!((0x6996 >> (parity & 15)) & 1))
		flags |= FLAG_PF;
	return flags;
}

void flags_result(struct emulate_ctxt *ctxt, u64 result, u32 bytes)
{
	set_status(ctxt, FLAG_SF | FLAG_ZF | FLAG_PF,
		   result_flags(result, bytes));
}

u64 flags_add(struct emulate_ctxt *ctxt, u64 a, u64 b, u32 carry, u32 bytes)
{
	u64 result = a + b + carry;
	u64 carries = (a & b) | ((a | b) & ~result);
	u64 flags = result_flags(result, bytes);

	if (carries & sign_bit(bytes))
		flags |= FLAG_CF;
	if ((a ^ result) & (b ^ result) & sign_bit(bytes))
		flags |= FLAG_OF;
	flags |= (a ^ b ^ result) & FLAG_AF;
	set_status(ctxt, FLAGS_STATUS, flags);
	return result & mask_of(bytes);
}

u64 flags_sub(struct emulate_ctxt *ctxt, u64 a, u64 b, u32 borrow, u32 bytes)
{
	u64 result = a - b - borrow;
	u64 borrows = (~a & b) | (~(a ^ b) & result);
	u64 flags = result_flags(result, bytes);

	if (borrows & sign_bit(bytes))
		flags |= FLAG_CF;
	if ((a ^ b) & (a ^ result) & sign_bit(bytes))
		flags |= FLAG_OF;
	flags |= (a ^ b ^ result) & FLAG_AF;
	set_status(ctxt, FLAGS_STATUS, flags);
	return result & mask_of(bytes);
}

u64 flags_logic(struct emulate_ctxt *ctxt, u64 result, u32 bytes)
{
	set_status(ctxt, FLAGS_STATUS, result_flags(result, bytes));
	return result & mask_of(bytes);
}

static u64 rotate_left(u64 value, u32 count, u32 bits, u64 mask)
{
	count %= bits;
	if (!count)
		return value;
	return ((value << count) | (value >> (bits - count))) & mask;
}

/* ROL, ROR: CF is the bit that went round; SF, ZF, AF, PF stay. */
static u64 rotate(struct emulate_ctxt *ctxt, bool right, u64 value, u32 count,
		  u32 bytes)
{
	u32 bits = bytes * 8;
	u64 top = sign_bit(bytes), result, flags = 0;

	if (right)
		count = bits - count % bits;
	result = rotate_left(value, count, bits, mask_of(bytes));
	if (right) {
		if (result & top)
			flags |= FLAG_CF;
		if ((result ^ (result << 1)) & top)
			flags |= FLAG_OF;
	} else {
		if (result & 1)
			flags |= FLAG_CF;
		if (!!(result & top) != (result & 1))
			flags |= FLAG_OF;
	}
	set_status(ctxt, FLAG_CF | FLAG_OF, flags);
	return result;
}

/* RCL, RCR: one bit at a time, at most 63 times. */
static u64 rotate_carry(struct emulate_ctxt *ctxt, bool right, u64 value,
			u32 count, u32 bytes)
{
	u64 top = sign_bit(bytes), mask = mask_of(bytes);
	u64 carry = ctxt->next_rflags & FLAG_CF, out, flags;
	u32 i;

	/* A whole turn of CF and operand changes nothing. */
	count %= bytes * 8 + 1;
	if (!count)
		return value;
	for (i = 0; i < count; i++) {
		if (right) {
			out = value & 1;
			value = (value >> 1) | (carry ? top : 0);
		} else {
			out = !!(value & top);
			value = ((value << 1) | carry) & mask;
		}
		carry = out;
	}
	flags = carry ? FLAG_CF : 0;
	if (right ? !!((value ^ (value << 1)) & top) :
		    !!(value & top) != carry)
		flags |= FLAG_OF;
	set_status(ctxt, FLAG_CF | FLAG_OF, flags);
	return value;
}

static u64 shift_left(struct emulate_ctxt *ctxt, u64 value, u32 count,
		      u32 bytes)
{
	u64 top = sign_bit(bytes), result, flags, last;

	/* count is at most 63, and may exceed the width of 8 and 16 bits */
	last = count <= bytes * 8 ? (value >> (bytes * 8 - count)) & 1 : 0;
	result = (value << count) & mask_of(bytes);
	flags = result_flags(result, bytes);
	if (last)
		flags |= FLAG_CF;
	if (!!(result & top) != last)
		flags |= FLAG_OF;
	set_status(ctxt, FLAGS_STATUS, flags);
	return result;
}

static u64 shift_right(struct emulate_ctxt *ctxt, bool arithmetic, u64 value,
		       u32 count, u32 bytes)
{
	u64 top = sign_bit(bytes), result, flags, last;
	s64 extended = sign_extend(value, bytes);

	if (arithmetic) {
		last = (extended >> (count - 1)) & 1;
		result = (extended >> count) & mask_of(bytes);
	} else {
		last = (value >> (count - 1)) & 1;
		result = value >> count;
	}
	flags = result_flags(result, bytes);
	if (last)
		flags |= FLAG_CF;
	/* SHR by one: OF is the old top bit; otherwise undefined. */
	if (!arithmetic && ((result ^ (result << 1)) & top))
		flags |= FLAG_OF;
	set_status(ctxt, FLAGS_STATUS, flags);
	return result;
}

/* @op is ModRM.reg of group 2: ROL ROR RCL RCR SHL SHR SAL SAR. */
u64 flags_shift(struct emulate_ctxt *ctxt, u32 op, u64 value, u32 count,
		u32 bytes)
{
	count &= bytes == 8 ? 63 : 31;
	if (!count)
		return value;
	switch (op & 7) {
	case 0:
	case 1:
		return rotate(ctxt, op & 1, value, count, bytes);
	case 2:
	case 3:
		return rotate_carry(ctxt, op & 1, value, count, bytes);
	case 5:
	case 7:
		return shift_right(ctxt, (op & 7) == 7, value, count, bytes);
	default:
		return shift_left(ctxt, value, count, bytes);
	}
}

/*
 * SHLD, SHRD. A count above 16 with 16-bit operands has no defined result, and
 * processors differ; here the operand is taken as value:fill:value.
 */
u64 flags_double_shift(struct emulate_ctxt *ctxt, bool right, u64 value,
		       u64 fill, u32 count, u32 bytes)
{
	u32 bits = bytes * 8, i;
	u64 top = sign_bit(bytes), old = value, flags, last = 0, next;

	count &= bytes == 8 ? 63 : 31;
	if (!count)
		return value;
	for (i = 0; i < count; i++) {
		if (i == bits)
			fill = old;
		if (right) {
			last = value & 1;
			next = (fill >> (i % bits)) & 1;
			value = (value >> 1) | (next ? top : 0);
		} else {
			last = !!(value & top);
			next = (fill >> (bits - 1 - i % bits)) & 1;
			value = ((value << 1) | next) & mask_of(bytes);
		}
	}
	flags = result_flags(value, bytes);
	if (last)
		flags |= FLAG_CF;
	if (right ? !!((value ^ (value << 1)) & top) : !!(value & top) != last)
		flags |= FLAG_OF;
	set_status(ctxt, FLAGS_STATUS, flags);
	return value;
}
