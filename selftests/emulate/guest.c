// SPDX-License-Identifier: GPL-2.0
/*
 * The small guest of the unit tests: RAM with page permissions, a device page
 * that answers in "user space", ports. Called by test_unit.c and test_string.c.
 */
#include "harness.h"

static struct guest *guest_of(struct emulate_ctxt *ctxt)
{
	return (struct guest *)((char *)ctxt - offsetof(struct guest, ctxt));
}

static void note(struct guest *guest, u64 address, const void *data, u32 len,
		 bool write, bool port)
{
	struct device_access *entry;

	if (guest->logged >= GUEST_LOG)
		return;
	entry = &guest->log[guest->logged++];
	memset(entry, 0, sizeof(*entry));
	entry->address = address;
	if (data)
		memcpy(&entry->value, data, len < 8 ? len : 8);
	entry->len = len;
	entry->write = write;
	entry->port = port;
}

/* A device access: at once, or in user space. */
static int device(struct guest *guest, u64 address, void *data, u32 len,
		  bool write, bool port)
{
	note(guest, address, write ? data : NULL, len, write, port);
	if (!guest->device_needs_user) {
		if (!write)
			memcpy(data, &guest->device_value, len < 8 ? len : 8);
		return EMULATE_CONTINUE;
	}
	guest->pending_read = !write;
	guest->pending_len = len;
	return EMULATE_IO_NEEDED;
}

static bool is_device(u64 linear)
{
	return linear - GUEST_DEVICE < GUEST_PAGE;
}

/* Callers never cross a page and never ask for nothing: that is checked here. */
static int translate(struct guest *guest, u64 linear, u32 len, bool write,
		     u8 **where)
{
	u32 error = (guest->cpl == 3 ? 4 : 0) | (write ? 2 : 0), page;

	*where = NULL;
	if (!len || len > 16 ||
	    (linear & (GUEST_PAGE - 1)) + len > GUEST_PAGE) {
		printf("# access of %u bytes at %llx\n", len,
		       (unsigned long long)linear);
		abort();
	}
	if (is_device(linear))
		return EMULATE_CONTINUE;
	if (linear >= GUEST_RAM)
		return emulate_page_fault(&guest->ctxt, linear, error);
	page = guest->page[linear / GUEST_PAGE];
	if (!(page & PAGE_PRESENT))
		return emulate_page_fault(&guest->ctxt, linear, error);
	if (write && !(page & PAGE_WRITABLE))
		return emulate_page_fault(&guest->ctxt, linear, error | 1);
	*where = guest->ram + linear;
	return EMULATE_CONTINUE;
}

static int guest_fetch(struct emulate_ctxt *ctxt, u64 linear, void *buf,
		       u32 len)
{
	struct guest *guest = guest_of(ctxt);
	u8 *where;
	int rc = translate(guest, linear, len, false, &where);

	guest->fetched_pages++;
	if (!rc && !where)
		return EMULATE_UNHANDLEABLE;
	if (!rc)
		memcpy(buf, where, len);
	else
		ctxt->exception.error_code |= 0x10;
	return rc;
}

static int guest_read(struct emulate_ctxt *ctxt, u64 linear, void *buf,
		      u32 len, u32 access)
{
	struct guest *guest = guest_of(ctxt);
	u8 *where;
	int rc;

	rc = translate(guest, linear, len, (access & 3) == EMULATE_ACCESS_RMW,
		       &where);
	if (rc)
		return rc;
	if (!where)
		return device(guest, linear, buf, len, false, false);
	memcpy(buf, where, len);
	return EMULATE_CONTINUE;
}

static int guest_write(struct emulate_ctxt *ctxt, u64 linear, const void *buf,
		       u32 len, u32 access)
{
	struct guest *guest = guest_of(ctxt);
	u8 *where;
	int rc = translate(guest, linear, len, true, &where);

	(void)access;
	if (rc)
		return rc;
	if (!where)
		return device(guest, linear, (void *)buf, len, true, false);
	memcpy(where, buf, len);
	return EMULATE_CONTINUE;
}

static int guest_probe(struct emulate_ctxt *ctxt, u64 linear, u32 len,
		       u32 access)
{
	u8 *where;

	(void)access;
	return translate(guest_of(ctxt), linear, len, true, &where);
}

static int guest_cmpxchg(struct emulate_ctxt *ctxt, u64 linear,
			 const void *old, const void *new, u32 len)
{
	struct guest *guest = guest_of(ctxt);
	u8 *where;
	int rc = translate(guest, linear, len, true, &where);

	if (rc)
		return rc;
	if (!where)
		return device(guest, linear, (void *)new, len, true, false);
	if (guest->cmpxchg_fails || memcmp(where, old, len))
		return EMULATE_RETRY;
	memcpy(where, new, len);
	return EMULATE_CONTINUE;
}

static int guest_segment(struct emulate_ctxt *ctxt, enum emulate_seg seg,
			 struct emulate_segment *out)
{
	*out = guest_of(ctxt)->segment[seg];
	return EMULATE_CONTINUE;
}

static int guest_segment_load(struct emulate_ctxt *ctxt, enum emulate_seg seg,
			      const struct emulate_segment *in)
{
	guest_of(ctxt)->segment[seg] = *in;
	return EMULATE_CONTINUE;
}

static int guest_cpl(struct emulate_ctxt *ctxt)
{
	return guest_of(ctxt)->cpl;
}

static int guest_pio_in(struct emulate_ctxt *ctxt, u16 port, void *buf,
			u32 size)
{
	return device(guest_of(ctxt), port, buf, size, false, true);
}

static int guest_pio_out(struct emulate_ctxt *ctxt, u16 port, const void *buf,
			 u32 size)
{
	return device(guest_of(ctxt), port, (void *)buf, size, true, true);
}

/* Up to three elements at a time, so that one instruction needs several. */
static int guest_string_io(struct emulate_ctxt *ctxt,
			   struct emulate_string_io *io)
{
	struct guest *guest = guest_of(ctxt);
	u64 linear = io->linear;
	u32 i, count = io->count < 3 ? io->count : 3;
	int rc = EMULATE_CONTINUE;
	u8 *where;

	if (!io->resumed) {
		rc = device(guest, io->port, &linear, count * io->size,
			    !io->in, true);
		if (rc)
			return rc;
	}
	for (i = 0; i < count && io->in; i++) {
		rc = translate(guest, linear, io->size, true, &where);
		if (rc)
			return rc;
		memcpy(where, &guest->device_value, io->size);
		linear += io->down ? -(u64)io->size : io->size;
	}
	io->done = count;
	return rc;
}

static int guest_xmm_read(struct emulate_ctxt *ctxt, u32 nr, void *buf)
{
	memcpy(buf, guest_of(ctxt)->xmm[nr & 15], 16);
	return EMULATE_CONTINUE;
}

static int guest_xmm_write(struct emulate_ctxt *ctxt, u32 nr, const void *buf)
{
	memcpy(guest_of(ctxt)->xmm[nr & 15], buf, 16);
	return EMULATE_CONTINUE;
}

static int guest_cr_read(struct emulate_ctxt *ctxt, u32 nr, u64 *value)
{
	struct guest *guest = guest_of(ctxt);

	*value = nr == 0 ? guest->cr0 : nr == 4 ? guest->cr4 : 0;
	return EMULATE_CONTINUE;
}

static int guest_cr_write(struct emulate_ctxt *ctxt, u32 nr, u64 value)
{
	struct guest *guest = guest_of(ctxt);

	if (nr == 0)
		guest->cr0 = value;
	else
		guest->cr4 = value;
	return EMULATE_CONTINUE;
}

#define COMMON_OPS							\
	.fetch = guest_fetch, .read = guest_read, .write = guest_write,	\
	.probe = guest_probe, .cmpxchg = guest_cmpxchg,			\
	.segment = guest_segment, .segment_load = guest_segment_load,	\
	.cpl = guest_cpl, .pio_in = guest_pio_in,			\
	.pio_out = guest_pio_out, .xmm_read = guest_xmm_read,		\
	.xmm_write = guest_xmm_write, .cr_read = guest_cr_read,		\
	.cr_write = guest_cr_write

const struct emulate_ops guest_ops = { COMMON_OPS };

const struct emulate_ops guest_ops_string_io = {
	COMMON_OPS,
	.string_io = guest_string_io,
};

void guest_reset(struct guest *guest, enum emulate_mode mode)
{
	u32 i;

	memset(guest, 0, sizeof(*guest));
	memset(guest->page, PAGE_PRESENT | PAGE_WRITABLE,
	       sizeof(guest->page));
	for (i = 0; i < EMULATE_NR_SEGS; i++)
		guest->segment[i] = (struct emulate_segment) {
			.limit = 0xffffffff, .type = 3, .s = 1, .present = 1,
			.db = mode == EMULATE_PROT32,
		};
	guest->segment[EMULATE_CS].type = 0xb;
	if (mode == EMULATE_REAL || mode == EMULATE_V86)
		for (i = 0; i < EMULATE_NR_SEGS; i++)
			guest->segment[i].limit = 0xffff;
	guest->cr4 = 1 << 9;	/* OSFXSR */
	guest->cpl = mode == EMULATE_V86 ? 3 : 0;
	guest->device_value = 0x8877665544332211ULL;
	guest->ctxt.ops = &guest_ops;
	guest->ctxt.gpr = guest->gpr;
	guest->ctxt.mode = mode;
	guest->ctxt.linear_bits = 48;
	guest->ctxt.rflags = 2 | (mode == EMULATE_V86 ? 1 << 17 : 0);
}

void guest_code(struct guest *guest, u64 rip, const void *code, u32 len)
{
	guest->ctxt.rip = rip;
	memcpy(guest->ram + guest->segment[EMULATE_CS].base + rip, code, len);
}

int guest_run(struct guest *guest, u32 *rounds)
{
	struct emulate_ctxt *ctxt = &guest->ctxt;
	u32 count = 0;
	int rc;

	emulate_begin(ctxt);
	rc = emulate_insn(ctxt);
	while (rc == EMULATE_IO_NEEDED && count++ < 100) {
		emulate_complete(ctxt, guest->pending_read ?
					       &guest->device_value : NULL,
				 guest->pending_len);
		rc = emulate_resume(ctxt);
	}
	if (rounds)
		*rounds = count;
	return rc;
}
