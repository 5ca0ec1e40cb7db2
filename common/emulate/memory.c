// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory and ports as instructions see them: segmentation, pages, and the
 * replay of accesses already done. Calls the memory, port and segment callbacks;
 * called by the execute_*.c files.
 */
#include "internal.h"

#define PAGE_BYTES	4096U

bool emulate_canonical(const struct emulate_ctxt *ctxt, u64 address)
{
	u32 shift = 64 - (ctxt->linear_bits == 57 ? 57 : 48);

	return (u64)((s64)(address << shift) >> shift) == address;
}

/* Segment violations are #SS for the stack segment, #GP for others. */
static int raise_segment(struct emulate_ctxt *ctxt, u32 seg)
{
	return emulate_raise(ctxt, seg == EMULATE_SS ? EMULATE_VECTOR_SS :
						       EMULATE_VECTOR_GP, 0);
}

static int linear_long64(struct emulate_ctxt *ctxt, u32 seg, u64 offset,
			 u32 len, u64 *linear)
{
	struct emulate_segment segment;
	int rc;

	*linear = offset;
	if (seg == EMULATE_FS || seg == EMULATE_GS) {
		rc = ctxt->ops->segment(ctxt, seg, &segment);
		if (rc)
			return rc;
		*linear += segment.base;
	}
	if (!emulate_canonical(ctxt, *linear) ||
	    !emulate_canonical(ctxt, *linear + len - 1))
		return raise_segment(ctxt, seg);
	return EMULATE_CONTINUE;
}

/* Type checks of protected mode (SDM vol. 3, 5.5; APM vol. 2, 4.12.2). */
static bool type_allows(const struct emulate_segment *segment, bool write)
{
	bool code = segment->type & 8, readwrite = segment->type & 2;

	if (segment->unusable || !segment->present)
		return false;
	if (code)
		return readwrite && !write;
	return readwrite || !write;
}

static bool inside_limit(const struct emulate_segment *segment, u64 offset,
			 u32 len)
{
	u64 last = offset + len - 1;

	/* Expand-down data: the valid offsets are those above the limit. */
	if ((segment->type & 0xc) == 4)
		return offset > segment->limit &&
		       last <= (segment->db ? 0xffffffffULL : 0xffffULL);
	return last <= segment->limit;
}

/* Linear address of @len bytes at @seg:@offset, or the segment's exception. */
int emulate_linear(struct emulate_ctxt *ctxt, u32 seg, u64 offset, u32 len,
		   bool write, u64 *linear)
{
	struct emulate_segment segment;
	int rc;

	if (in_long64(ctxt))
		return linear_long64(ctxt, seg, offset, len, linear);

	rc = ctxt->ops->segment(ctxt, seg, &segment);
	if (rc)
		return rc;
	offset = (u32)offset;
	if (!in_real_or_v86(ctxt) && !type_allows(&segment, write))
		return raise_segment(ctxt, seg);
	if (!inside_limit(&segment, offset, len))
		return raise_segment(ctxt, seg);
	*linear = (u32)(segment.base + offset);
	return EMULATE_CONTINUE;
}

void emulate_replay_reset(struct emulate_ctxt *ctxt)
{
	ctxt->replay.position = 0;
	ctxt->replay.done = 0;
	ctxt->replay.pending = false;
	ctxt->replay.answered = false;
}

void emulate_complete(struct emulate_ctxt *ctxt, const void *data, u32 len)
{
	struct emulate_replay *replay = &ctxt->replay;

	if (!replay->pending || replay->done >= EMULATE_REPLAY_STEPS)
		return;
	if (len > 8)
		len = 8;
	replay->data[replay->done] = 0;
	if (data)
		memcpy(&replay->data[replay->done], data, len);
	replay->pending = false;
	replay->answered = true;
	replay->done++;
}

bool emulate_suspended(const struct emulate_ctxt *ctxt)
{
	return ctxt->replay.pending || ctxt->replay.answered;
}

/*
 * Has the access at hand to be made? @slot is where its data is, or has to go.
 * If it has not, @rc says why: it is done already, or there are too many.
 */
static bool access_due(struct emulate_ctxt *ctxt, u64 **slot, int *rc)
{
	struct emulate_replay *replay = &ctxt->replay;

	*rc = EMULATE_UNHANDLEABLE;
	if (replay->position >= EMULATE_REPLAY_STEPS)
		return false;
	*slot = &replay->data[replay->position];
	if (replay->position >= replay->done)
		return true;
	replay->position++;
	*rc = EMULATE_CONTINUE;
	return false;
}

/* The callback for the access at hand returned @rc. */
static int access_done(struct emulate_ctxt *ctxt, int rc)
{
	if (rc == EMULATE_CONTINUE) {
		ctxt->replay.position++;
		ctxt->replay.done = ctxt->replay.position;
	} else if (rc == EMULATE_IO_NEEDED) {
		ctxt->replay.pending = true;
	}
	return rc;
}

static int read_piece(struct emulate_ctxt *ctxt, u64 linear, void *buf,
		      u32 len, u32 access)
{
	u64 *slot;
	int rc;

	if (access_due(ctxt, &slot, &rc))
		rc = access_done(ctxt, ctxt->ops->read(ctxt, linear, slot, len,
						       access));
	if (!rc)
		memcpy(buf, slot, len);
	return rc;
}

static int write_piece(struct emulate_ctxt *ctxt, u64 linear, const void *buf,
		       u32 len, u32 access)
{
	u64 *slot;
	int rc;

	if (access_due(ctxt, &slot, &rc))
		rc = access_done(ctxt, ctxt->ops->write(ctxt, linear, buf, len,
							access));
	return rc;
}

/* Bytes of @len that the next piece may have: one page, 8 bytes. */
static u32 piece_of(u64 linear, u32 len)
{
	u32 room = PAGE_BYTES - (linear & (PAGE_BYTES - 1));

	if (len > 8)
		len = 8;
	return len < room ? len : room;
}

static bool crosses_page(u64 linear, u32 len)
{
	return (linear & (PAGE_BYTES - 1)) + len > PAGE_BYTES;
}

/* Outside 64-bit mode linear addresses wrap at 4 GiB. */
static u64 wrap_linear(const struct emulate_ctxt *ctxt, u64 linear)
{
	return in_long64(ctxt) ? linear : (u32)linear;
}

int emulate_mem_read(struct emulate_ctxt *ctxt, u64 linear, void *buf,
		     u32 len, u32 access)
{
	u8 *to = buf;
	u32 piece;
	int rc;

	while (len) {
		piece = piece_of(linear, len);
		rc = read_piece(ctxt, linear, to, piece, access);
		if (rc)
			return rc;
		to += piece;
		len -= piece;
		linear = wrap_linear(ctxt, linear + piece);
	}
	return EMULATE_CONTINUE;
}

/* Would a write fault on any of its pages? */
int emulate_mem_probe(struct emulate_ctxt *ctxt, u64 linear, u32 len)
{
	u32 first = len;
	int rc;

	if (crosses_page(linear, len))
		first = PAGE_BYTES - (linear & (PAGE_BYTES - 1));
	rc = ctxt->ops->probe(ctxt, linear, first, EMULATE_ACCESS_WRITE);
	if (!rc && len > first)
		rc = ctxt->ops->probe(ctxt, wrap_linear(ctxt, linear + first),
				      len - first, EMULATE_ACCESS_WRITE);
	return rc;
}

int emulate_mem_write(struct emulate_ctxt *ctxt, u64 linear, const void *buf,
		      u32 len, u32 access)
{
	const u8 *from = buf;
	u32 piece;
	int rc;

	/* Nothing of a write is visible if its second page faults. */
	if (crosses_page(linear, len)) {
		rc = emulate_mem_probe(ctxt, linear, len);
		if (rc)
			return rc;
	}
	while (len) {
		piece = piece_of(linear, len);
		rc = write_piece(ctxt, linear, from, piece, access);
		if (rc)
			return rc;
		from += piece;
		len -= piece;
		linear = wrap_linear(ctxt, linear + piece);
	}
	return EMULATE_CONTINUE;
}

/*
 * A locked write. Across a page it is not atomic: no page can be held still with
 * the next one, and no kernel or firmware locks such an operand.
 */
int emulate_mem_cmpxchg(struct emulate_ctxt *ctxt, u64 linear,
			const void *old, const void *new, u32 len)
{
	u64 *slot;
	int rc;

	if (crosses_page(linear, len))
		return emulate_mem_write(ctxt, linear, new, len,
					 EMULATE_ACCESS_WRITE);
	if (access_due(ctxt, &slot, &rc))
		rc = access_done(ctxt, ctxt->ops->cmpxchg(ctxt, linear, old,
							  new, len));
	return rc;
}

int emulate_port_in(struct emulate_ctxt *ctxt, u16 port, void *buf, u32 size)
{
	u64 *slot;
	int rc;

	if (access_due(ctxt, &slot, &rc))
		rc = access_done(ctxt, ctxt->ops->pio_in(ctxt, port, slot,
							 size));
	if (!rc)
		memcpy(buf, slot, size);
	return rc;
}

int emulate_port_out(struct emulate_ctxt *ctxt, u16 port, const void *buf,
		     u32 size)
{
	u64 *slot;
	int rc;

	if (access_due(ctxt, &slot, &rc))
		rc = access_done(ctxt, ctxt->ops->pio_out(ctxt, port, buf,
							  size));
	return rc;
}

int emulate_port_string(struct emulate_ctxt *ctxt,
			struct emulate_string_io *io)
{
	io->done = 0;
	io->resumed = ctxt->replay.position < ctxt->replay.done;
	return access_done(ctxt, ctxt->ops->string_io(ctxt, io));
}
