// SPDX-License-Identifier: GPL-2.0
/*
 * Results: random instructions run on this processor and in the emulator, from
 * the same registers and memory; registers, flags, memory and faults have to be
 * the same. Called by main.c. forms.c has the instructions.
 */
#include "forms.h"
#include "native.h"

/* Runs per form, 64-bit; a third of it in each of the other modes. */
static const u32 runs_64 = 1200;

static u8 shadow[NATIVE_DATA_BYTES];

struct run {
	const struct native_machine *machine;
	struct emulate_ctxt ctxt;
	struct native_state state;
	struct native_state start;
	struct native_result native;
	struct form_insn insn;
	int rc;
};

static struct run *current;

/* The emulator's view of memory: the shadow of the data, and the code. */
static int locate(struct emulate_ctxt *ctxt, u64 linear, u32 len, bool write,
		  u8 **where)
{
	u64 last = linear + len - 1;

	*where = NULL;
	if (linear >= NATIVE_DATA && last < NATIVE_DATA + NATIVE_DATA_BYTES) {
		*where = shadow + (linear - NATIVE_DATA);
		if (write && last >= NATIVE_DATA + NATIVE_WRITABLE)
			return emulate_page_fault(ctxt, linear, 7);
		return EMULATE_CONTINUE;
	}
	if (!write && linear >= NATIVE_CODE &&
	    last < NATIVE_CODE + NATIVE_CODE_BYTES) {
		*where = native_code() + (linear - NATIVE_CODE);
		return EMULATE_CONTINUE;
	}
	/* Linux reports the kernel's half as present. */
	return emulate_page_fault(ctxt, linear, (write ? 6 : 4) | linear >> 63);
}

static int do_read(struct emulate_ctxt *ctxt, u64 linear, void *buf, u32 len,
		   u32 access)
{
	u8 *where;
	int rc = locate(ctxt, linear, len, access == EMULATE_ACCESS_RMW,
			&where);

	if (!rc)
		memcpy(buf, where, len);
	return rc;
}

static int do_write(struct emulate_ctxt *ctxt, u64 linear, const void *buf,
		    u32 len, u32 access)
{
	u8 *where;
	int rc = locate(ctxt, linear, len, true, &where);

	(void)access;
	if (!rc)
		memcpy(where, buf, len);
	return rc;
}

static int do_probe(struct emulate_ctxt *ctxt, u64 linear, u32 len, u32 access)
{
	u8 *where;

	(void)access;
	return locate(ctxt, linear, len, true, &where);
}

static int do_cmpxchg(struct emulate_ctxt *ctxt, u64 linear, const void *old,
		      const void *new, u32 len)
{
	u8 *where;
	int rc = locate(ctxt, linear, len, true, &where);

	if (rc)
		return rc;
	if (memcmp(where, old, len))
		return EMULATE_RETRY;
	memcpy(where, new, len);
	return EMULATE_CONTINUE;
}

static int do_fetch(struct emulate_ctxt *ctxt, u64 linear, void *buf, u32 len)
{
	(void)ctxt;
	memcpy(buf, native_code() + (linear - NATIVE_CODE), len);
	return EMULATE_CONTINUE;
}

static int do_segment(struct emulate_ctxt *ctxt, enum emulate_seg seg,
		      struct emulate_segment *out)
{
	(void)ctxt;
	*out = current->machine->segment[seg];
	return EMULATE_CONTINUE;
}

static int do_cpl(struct emulate_ctxt *ctxt)
{
	(void)ctxt;
	return 3;
}

static int do_xmm_read(struct emulate_ctxt *ctxt, u32 nr, void *buf)
{
	(void)ctxt;
	memcpy(buf, current->state.xmm[nr & 15], 16);
	return EMULATE_CONTINUE;
}

static int do_xmm_write(struct emulate_ctxt *ctxt, u32 nr, const void *buf)
{
	(void)ctxt;
	memcpy(current->state.xmm[nr & 15], buf, 16);
	return EMULATE_CONTINUE;
}

static const struct emulate_ops ops = {
	.fetch = do_fetch,
	.read = do_read,
	.write = do_write,
	.probe = do_probe,
	.cmpxchg = do_cmpxchg,
	.segment = do_segment,
	.cpl = do_cpl,
	.xmm_read = do_xmm_read,
	.xmm_write = do_xmm_write,
};

static void run_emulator(struct run *run)
{
	struct emulate_ctxt *ctxt = &run->ctxt;

	current = run;
	run->state = run->start;
	memset(&ctxt->exception, 0, sizeof(ctxt->exception));
	ctxt->ops = &ops;
	ctxt->gpr = run->state.gpr;
	ctxt->mode = run->machine->mode;
	ctxt->linear_bits = 48;
	ctxt->near_branch_16 = form_amd_branches();
	ctxt->rip = run->start.rip;
	if (ctxt->mode != EMULATE_LONG64)
		ctxt->rip = (u32)ctxt->rip;
	ctxt->rflags = run->start.rflags;
	emulate_begin(ctxt);
	run->rc = emulate_insn(ctxt);
	run->state.rip = ctxt->rip;
	run->state.rflags = ctxt->rflags;
}

static bool is_operand_fault(u8 vector)
{
	return vector >= EMULATE_VECTOR_SS && vector <= EMULATE_VECTOR_PF;
}

static const char *compare_fault(const struct run *run)
{
	const struct emulate_exception *exception = &run->ctxt.exception;
	const struct native_result *native = &run->native;

	if (run->rc != EMULATE_FAULT)
		return "fault expected";
	if (run->insn.either_fault && is_operand_fault(exception->vector) &&
	    is_operand_fault(native->vector))
		return NULL;
	if (exception->vector != native->vector)
		return "vector";
	if (exception->has_error && exception->error_code != native->error_code)
		return "error code";
	if (exception->vector == EMULATE_VECTOR_PF &&
	    exception->address != native->address)
		return "CR2";
	return NULL;
}

/* Outside 64-bit mode the upper halves mean nothing. */
static u64 register_mask(const struct run *run)
{
	return run->machine->mode == EMULATE_LONG64 ? ~0ULL : 0xffffffffULL;
}

static const char *compare_state(const struct run *run)
{
	static const char * const names[16] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	const struct native_state *want = &run->native.state;
	u64 mask = register_mask(run), flags, undefined = run->insn.undefined;
	bool fault = run->native.vector != NATIVE_NO_FAULT;
	u32 i, count = mask == ~0ULL ? 16 : 8;

	/*
	 * What a fault leaves of POPA, and of the flags after some iterations of
	 * CMPS and SCAS, differs between processors; none of it is input when
	 * the instruction starts again.
	 */
	if (fault && run->insn.partial)
		return NULL;
	if (fault && run->insn.repeats)
		undefined |= 0x8d5;

	for (i = 0; i < count; i++)
		if ((run->state.gpr[i] ^ want->gpr[i]) & mask)
			return names[i];
	if ((run->state.rip ^ want->rip) & mask)
		return "rip";
	/* RF is set in the frame of a fault. */
	flags = (run->state.rflags ^ want->rflags) & ~0x10000ULL;
	if (flags & ~undefined)
		return "rflags";
	if (memcmp(run->state.xmm, want->xmm, mask == ~0ULL ? 256 : 128))
		return "xmm";
	if (memcmp(shadow, native_data(), NATIVE_DATA_BYTES))
		return "memory";
	return NULL;
}

static const char *compare(const struct run *run)
{
	const char *what;

	if (run->native.vector != NATIVE_NO_FAULT)
		what = compare_fault(run);
	else if (run->rc != EMULATE_CONTINUE)
		what = "no fault expected";
	else
		what = NULL;
	return what ? what : compare_state(run);
}

static void print_regs(const char *title, const struct native_state *state)
{
	u32 i;

	printf("#   %s:", title);
	for (i = 0; i < 16; i++)
		printf(" %llx", (unsigned long long)state->gpr[i]);
	printf(" rip %llx fl %llx\n", (unsigned long long)state->rip,
	       (unsigned long long)state->rflags);
}

static void complain(const struct run *run, const char *what)
{
	u32 i;

	printf("# %s %s:", run->insn.form->name, what);
	for (i = 0; i < run->insn.length; i++)
		printf(" %02x", run->insn.bytes[i]);
	printf(" (mode %d): rc %d vector %u/%x/%llx, native %u/%x/%llx\n",
	       run->machine->mode, run->rc, run->ctxt.exception.vector,
	       run->ctxt.exception.error_code,
	       (unsigned long long)run->ctxt.exception.address,
	       run->native.vector, run->native.error_code,
	       (unsigned long long)run->native.address);
	print_regs("start", &run->start);
	print_regs("here", &run->state);
	print_regs("native", &run->native.state);
}

/* Once in a while other bytes in the writable pages. */
static void stir(struct random *random)
{
	u32 i;
	u64 value;

	for (i = 0; i < NATIVE_WRITABLE; i += 8) {
		value = random_operand(random);
		memcpy(native_data() + i, &value, 8);
	}
	memcpy(shadow, native_data(), NATIVE_DATA_BYTES);
}

static bool one_run(struct run *run, struct random *random, u32 form)
{
	const struct native_machine *machine = run->machine;
	u64 at = 0x8000 + random_below(random, 64);
	const char *what;

	if (!form_build(form, machine, random, at, &run->insn, &run->start))
		return true;
	memcpy(native_code() + at, run->insn.bytes, run->insn.length);
	memcpy(shadow, native_data(), NATIVE_DATA_BYTES);
	run_emulator(run);
	native_run(machine, &run->start, &run->native);
	memset(native_code() + at, 0xcc, run->insn.length);
	what = compare(run);
	if (what)
		complain(run, what);
	return !what;
}

/* Runs of each form; the forms that were wrong are named. */
static void try_forms(const struct native_machine *machine, const char *name,
		      u64 seed, u32 runs)
{
	struct random random = { seed };
	static struct run run;
	u32 form, i, bad, wrong = 0, faults = 0;
	u64 total = 0;

	run.machine = machine;
	for (form = 0; form < form_count(); form++) {
		bad = 0;
		for (i = 0; i < runs && bad < 3; i++) {
			if (!(i & 127))
				stir(&random);
			run.insn.length = 0;
			bad += !one_run(&run, &random, form);
			if (!run.insn.length)
				continue;
			total++;
			faults += run.native.vector != NATIVE_NO_FAULT;
		}
		wrong += !!bad;
	}
	tap_result(!wrong && total > runs && faults,
		   "results, %s: %u forms, %llu runs, %u faults, %u forms wrong",
		   name, form_count(), (unsigned long long)total, faults,
		   wrong);
}

static bool opened;

void test_native(void)
{
	static struct native_machine machine = { .mode = EMULATE_LONG64 };
	const char *why;

	opened = native_open(&why);
	if (!opened) {
		tap_skip("results: %s", why);
		return;
	}
	form_environment(&machine);
	try_forms(&machine, "64-bit", 0x1357924680acedULL, runs_64 * effort);
}

/* Descriptors of a data segment over the data pages. */
static struct emulate_segment data_segment(u32 limit, u8 type, u8 big)
{
	return (struct emulate_segment) {
		.base = NATIVE_DATA, .limit = limit, .type = type, .s = 1,
		.dpl = 3, .present = 1, .db = big,
	};
}

static void try_protected(enum emulate_mode mode, const char *name, u64 seed,
			  u8 big_stack, u8 es_type)
{
	static struct native_machine machine;
	struct emulate_segment *segment = machine.segment;
	const char *why;

	memset(&machine, 0, sizeof(machine));
	machine.mode = mode;
	segment[EMULATE_CS] = data_segment(0xffff, 0xb,
					   mode == EMULATE_PROT32);
	segment[EMULATE_CS].base = NATIVE_CODE;
	segment[EMULATE_SS] = data_segment(0x4fff, 3, big_stack);
	segment[EMULATE_DS] = data_segment(0x3ffb, 3, 1);
	segment[EMULATE_ES] = data_segment(0x2ffe, es_type, 1);
	/* expand-down: 2000h and above */
	segment[EMULATE_GS] = data_segment(0x1fff, 7, big_stack);
	segment[EMULATE_FS].unusable = 1;
	if (!native_load_segments(&machine, &why)) {
		tap_skip("results, %s: %s", name, why);
		return;
	}
	try_forms(&machine, name, seed, runs_64 / 3 * effort);
	native_unload_segments();
}

void test_native32(void)
{
	if (!opened) {
		tap_skip("results, 32 and 16-bit: no native runs");
		return;
	}
	try_protected(EMULATE_PROT32, "32-bit", 0x8642, 1, 3);
	try_protected(EMULATE_PROT32, "32-bit, read-only ES, 16-bit stack",
		      0x9753, 0, 1);
	try_protected(EMULATE_PROT16, "16-bit", 0xfdb1, 0, 3);
	try_protected(EMULATE_PROT16, "16-bit, 32-bit stack", 0xeca0, 1, 3);
}
