// SPDX-License-Identifier: GPL-2.0
/*
 * String instructions: MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS, alone and with
 * REP. Each iteration is architecturally complete before the next begins. Called
 * by execute.c.
 */
#include "internal.h"

#define PAGE_BYTES		4096U
#define DEFAULT_ITERATIONS	1024U

/* One string instruction under way: operand width and what an iteration moves. */
struct string {
	u32 bytes;
	u32 adsize;
	s64 step;
	bool repeat;
	bool uses_si;
	bool uses_di;
	u32 done;	/* elements that the iteration was: more than 1 for I/O */
};

/* Counters and pointers are as wide as addresses. */
static void move_register(struct emulate_ctxt *ctxt, u32 reg, s64 delta,
			  u32 bytes)
{
	reg_write(ctxt, reg, (ctxt->gpr[reg] + delta) & mask_of(bytes), bytes);
}

static void advance(struct emulate_ctxt *ctxt, const struct string *string)
{
	s64 delta = string->step * string->done;

	if (string->uses_si)
		move_register(ctxt, EMULATE_RSI, delta, string->adsize);
	if (string->uses_di)
		move_register(ctxt, EMULATE_RDI, delta, string->adsize);
	if (string->repeat)
		move_register(ctxt, EMULATE_RCX, -(s64)string->done,
			      string->adsize);
}

/* The source may be in any segment, the target is always in ES. */
static int source(struct emulate_ctxt *ctxt, const struct string *string,
		  u64 *linear)
{
	return emulate_linear(ctxt, ctxt->insn.seg,
			      reg_read(ctxt, EMULATE_RSI, string->adsize),
			      string->bytes, false, linear);
}

static int target(struct emulate_ctxt *ctxt, const struct string *string,
		  bool write, u64 *linear)
{
	return emulate_linear(ctxt, EMULATE_ES,
			      reg_read(ctxt, EMULATE_RDI, string->adsize),
			      string->bytes, write, linear);
}

static int read_source(struct emulate_ctxt *ctxt, const struct string *string,
		       u64 *value)
{
	u64 linear;
	int rc = source(ctxt, string, &linear);

	*value = 0;
	if (!rc)
		rc = emulate_mem_read(ctxt, linear, value, string->bytes,
				      EMULATE_ACCESS_READ);
	return rc;
}

static int read_target(struct emulate_ctxt *ctxt, const struct string *string,
		       u64 *value)
{
	u64 linear;
	int rc = target(ctxt, string, false, &linear);

	*value = 0;
	if (!rc)
		rc = emulate_mem_read(ctxt, linear, value, string->bytes,
				      EMULATE_ACCESS_READ);
	return rc;
}

static int write_target(struct emulate_ctxt *ctxt,
			const struct string *string, u64 value)
{
	u64 linear;
	int rc = target(ctxt, string, true, &linear);

	if (!rc)
		rc = emulate_mem_write(ctxt, linear, &value, string->bytes,
				       EMULATE_ACCESS_WRITE);
	return rc;
}

static int do_movs(struct emulate_ctxt *ctxt, const struct string *string)
{
	u64 value;
	int rc = read_source(ctxt, string, &value);

	return rc ? rc : write_target(ctxt, string, value);
}

static int do_cmps(struct emulate_ctxt *ctxt, const struct string *string)
{
	u64 first, second;
	int rc = read_source(ctxt, string, &first);

	if (!rc)
		rc = read_target(ctxt, string, &second);
	if (!rc)
		flags_sub(ctxt, first, second, 0, string->bytes);
	return rc;
}

static int do_lods(struct emulate_ctxt *ctxt, const struct string *string)
{
	u64 value;
	int rc = read_source(ctxt, string, &value);

	if (!rc)
		reg_write(ctxt, EMULATE_RAX, value, string->bytes);
	return rc;
}

static int do_scas(struct emulate_ctxt *ctxt, const struct string *string)
{
	u64 value;
	int rc = read_target(ctxt, string, &value);

	if (!rc)
		flags_sub(ctxt, reg_read(ctxt, EMULATE_RAX, string->bytes),
			  value, 0, string->bytes);
	return rc;
}

static int do_stos(struct emulate_ctxt *ctxt, const struct string *string)
{
	return write_target(ctxt, string, ctxt->gpr[EMULATE_RAX]);
}

/* The page is tried before the port is read: the port cannot be read again. */
static int do_ins(struct emulate_ctxt *ctxt, const struct string *string,
		  u16 port)
{
	u64 linear, value = 0;
	int rc = target(ctxt, string, true, &linear);

	if (!rc)
		rc = emulate_mem_probe(ctxt, linear, string->bytes);
	if (!rc)
		rc = emulate_port_in(ctxt, port, &value, string->bytes);
	if (!rc)
		rc = emulate_mem_write(ctxt, linear, &value, string->bytes,
				       EMULATE_ACCESS_WRITE);
	return rc;
}

static int do_outs(struct emulate_ctxt *ctxt, const struct string *string,
		   u16 port)
{
	u64 value;
	int rc = read_source(ctxt, string, &value);

	return rc ? rc : emulate_port_out(ctxt, port, &value, string->bytes);
}

/* How many elements from @linear on lie on its page, going up or down. */
static u32 elements_on_page(u64 linear, u32 bytes, bool down)
{
	u32 offset = linear & (PAGE_BYTES - 1);

	if (offset + bytes > PAGE_BYTES)
		return 1;
	return down ? offset / bytes + 1 : (PAGE_BYTES - offset) / bytes;
}

/* How many elements from @offset on come before the address wraps. */
static u64 elements_before_wrap(u64 offset, const struct string *string,
				bool down)
{
	u64 room = mask_of(string->adsize) - offset;

	if (down)
		return offset / string->bytes + 1;
	return room / string->bytes + 1;
}

/*
 * A run of elements for the string_io callback: on one page, in the segment,
 * without a wrap of the address, within this call's iterations.
 */
static int do_string_io(struct emulate_ctxt *ctxt, struct string *string,
			bool in, u16 port, u32 limit)
{
	u32 reg = in ? EMULATE_RDI : EMULATE_RSI;
	u32 seg = in ? EMULATE_ES : ctxt->insn.seg;
	u64 offset = reg_read(ctxt, reg, string->adsize), count = 1, last;
	struct emulate_string_io io = {
		.port = port,
		.size = string->bytes,
		.in = in,
		.down = string->step < 0,
	};
	int rc;

	rc = emulate_linear(ctxt, seg, offset, string->bytes, in, &io.linear);
	if (rc)
		return rc;
	if (string->repeat)
		count = reg_read(ctxt, EMULATE_RCX, string->adsize);
	if (count > limit)
		count = limit;
	if (count > elements_on_page(io.linear, string->bytes, io.down))
		count = elements_on_page(io.linear, string->bytes, io.down);
	if (count > elements_before_wrap(offset, string, io.down))
		count = elements_before_wrap(offset, string, io.down);
	last = offset + string->step * (s64)(count - 1);
	if (count > 1 && emulate_linear(ctxt, seg, last, string->bytes, in,
					&last))
		count = 1;

	io.count = count;
	rc = emulate_port_string(ctxt, &io);
	if (rc)
		return rc;
	if (io.done < 1 || io.done > io.count)
		return EMULATE_UNHANDLEABLE;
	string->done = io.done;
	return EMULATE_CONTINUE;
}

static int do_port(struct emulate_ctxt *ctxt, struct string *string,
		   u32 limit)
{
	bool in = !(ctxt->insn.opcode & 2);
	u16 port = reg_read(ctxt, EMULATE_RDX, 2);

	if (ctxt->ops->string_io)
		return do_string_io(ctxt, string, in, port, limit);
	return in ? do_ins(ctxt, string, port) : do_outs(ctxt, string, port);
}

/*
 * The port has to be allowed even if the count is zero. Asked when the
 * instruction starts, not when it is resumed: the log is one iteration's.
 */
static int check_port(struct emulate_ctxt *ctxt, const struct string *string)
{
	int rc;

	if ((ctxt->insn.opcode & 0xfc) != 0x6c || ctxt->replay.done)
		return EMULATE_CONTINUE;
	rc = emulate_check_io(ctxt, reg_read(ctxt, EMULATE_RDX, 2),
			      string->bytes);
	emulate_replay_reset(ctxt);
	return rc;
}

static int iterate(struct emulate_ctxt *ctxt, struct string *string,
		   u32 limit)
{
	string->done = 1;
	switch (ctxt->insn.opcode & 0xfe) {
	case 0x6c:
	case 0x6e:
		return do_port(ctxt, string, limit);
	case 0xa4:
		return do_movs(ctxt, string);
	case 0xa6:
		return do_cmps(ctxt, string);
	case 0xaa:
		return do_stos(ctxt, string);
	case 0xac:
		return do_lods(ctxt, string);
	case 0xae:
		return do_scas(ctxt, string);
	}
	return EMULATE_UNHANDLEABLE;
}

static void describe(struct emulate_ctxt *ctxt, struct string *string)
{
	u32 opcode = ctxt->insn.opcode & 0xfe;
	bool port = opcode == 0x6c || opcode == 0x6e;

	string->bytes = ctxt->insn.opsize;
	if (port && string->bytes > 4)
		string->bytes = 4;
	string->adsize = ctxt->insn.adsize;
	string->step = string->bytes;
	if (ctxt->rflags & FLAG_DF)
		string->step = -string->step;
	string->repeat = ctxt->insn.prefixes & (EMULATE_PREFIX_REP |
						EMULATE_PREFIX_REPNE);
	string->uses_si = opcode == 0x6e || opcode == 0xa4 ||
			  opcode == 0xa6 || opcode == 0xac;
	string->uses_di = opcode != 0x6e && opcode != 0xac;
	string->done = 0;
}

/* Does REPE or REPNE end here? Only CMPS and SCAS look at ZF. */
static bool condition_ends(struct emulate_ctxt *ctxt)
{
	u32 opcode = ctxt->insn.opcode & 0xfe;
	bool zero = ctxt->next_rflags & FLAG_ZF;

	if (opcode != 0xa6 && opcode != 0xae)
		return false;
	return zero == !!(ctxt->insn.prefixes & EMULATE_PREFIX_REPNE);
}

/*
 * Flags wait until the whole instruction is complete: a fault in the middle of
 * REP CMPS leaves those from before it (SDM vol. 2, REP; AMD's processors leave
 * those of the last iteration).
 */
int emulate_string(struct emulate_ctxt *ctxt)
{
	u32 limit = ctxt->iterations ? ctxt->iterations : DEFAULT_ITERATIONS;
	struct string string;
	int rc;

	describe(ctxt, &string);
	rc = check_port(ctxt, &string);
	if (rc)
		return rc;
	if (ctxt->rflags & FLAG_TF)
		limit = 1;
	if (string.repeat && !reg_read(ctxt, EMULATE_RCX, string.adsize))
		return EMULATE_CONTINUE;
	for (;;) {
		rc = iterate(ctxt, &string, limit);
		if (rc)
			return rc;
		advance(ctxt, &string);
		emulate_replay_reset(ctxt);
		limit -= string.done < limit ? string.done : limit;
		if (!string.repeat || condition_ends(ctxt) ||
		    !reg_read(ctxt, EMULATE_RCX, string.adsize))
			return EMULATE_CONTINUE;
		if (!limit)
			break;
	}
	/* A trap comes after each iteration (SDM vol. 3, 17.3.1.4). */
	ctxt->single_step = ctxt->rflags & FLAG_TF;
	return EMULATE_RETRY;
}

/* Stands in the tables; execute.c calls emulate_string() by OP_STRING. */
int op_string(struct emulate_ctxt *ctxt)
{
	return emulate_string(ctxt);
}
