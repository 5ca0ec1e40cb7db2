// SPDX-License-Identifier: GPL-2.0
/*
 * One instruction on the real processor. INT3 raises SIGTRAP, whose handler
 * replaces the interrupted registers by the wanted ones; the next signal (INT3
 * behind the instruction, or its fault) brings the result. Called by
 * test_native.c.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "native.h"

#define USER_CS		0x33
#define USER_SS		0x2b
#define LDT_SELECTOR(n)	((n) * 8 + 7)

/* Order of ModRM to the order of the signal frame. */
static const int frame_reg[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI,
	REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14,
	REG_R15,
};

static struct {
	bool inside;
	const struct native_state *in;
	struct native_result *out;
	u16 cs;
	u16 ss;
	u64 code_base;
	gregset_t saved;
	struct _libc_fpstate fp;
} engine;

static char signal_stack[65536] __attribute__((aligned(64)));

static void enter_instruction(mcontext_t *frame)
{
	const struct native_state *in = engine.in;
	int i;

	memcpy(engine.saved, frame->gregs, sizeof(engine.saved));
	memcpy(&engine.fp, frame->fpregs, sizeof(engine.fp));
	for (i = 0; i < 16; i++)
		frame->gregs[frame_reg[i]] = in->gpr[i];
	frame->gregs[REG_RIP] = in->rip;
	frame->gregs[REG_EFL] = in->rflags;
	frame->gregs[REG_CSGSFS] = engine.cs | (u64)engine.ss << 48;
	memcpy(frame->fpregs->_xmm, in->xmm, sizeof(in->xmm));
}

static void leave_instruction(mcontext_t *frame)
{
	struct native_result *out = engine.out;
	int i;

	for (i = 0; i < 16; i++)
		out->state.gpr[i] = frame->gregs[frame_reg[i]];
	out->state.rip = frame->gregs[REG_RIP];
	out->state.rflags = frame->gregs[REG_EFL];
	memcpy(out->state.xmm, frame->fpregs->_xmm, sizeof(out->state.xmm));
	out->vector = frame->gregs[REG_TRAPNO];
	out->error_code = frame->gregs[REG_ERR];
	out->address = frame->gregs[REG_CR2];
	memcpy(frame->gregs, engine.saved, sizeof(engine.saved));
	memcpy(frame->fpregs, &engine.fp, sizeof(engine.fp));
}

static void handle_signal(int number, siginfo_t *info, void *context)
{
	ucontext_t *frame = context;

	(void)number;
	(void)info;
	if (engine.inside)
		leave_instruction(&frame->uc_mcontext);
	else if (engine.in)
		enter_instruction(&frame->uc_mcontext);
	else
		abort();	/* a bug of the test itself */
	engine.inside = !engine.inside;
	if (!engine.inside)
		engine.in = NULL;
}

static void *map_fixed(u64 address, u64 bytes)
{
	void *where = mmap((void *)address, bytes,
			   PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE |
			   MAP_FIXED_NOREPLACE, -1, 0);

	return where == (void *)address ? where : NULL;
}

bool native_open(const char **why)
{
	static const int signals[] = {
		SIGTRAP, SIGSEGV, SIGFPE, SIGILL, SIGBUS,
	};
	stack_t stack = {
		.ss_sp = signal_stack,
		.ss_size = sizeof(signal_stack),
	};
	struct sigaction action = {
		.sa_sigaction = handle_signal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};
	u8 *data;
	u32 i;

	data = map_fixed(NATIVE_DATA, NATIVE_DATA_BYTES);
	if (!data || !map_fixed(NATIVE_CODE, NATIVE_CODE_BYTES)) {
		*why = "no fixed executable mapping";
		return false;
	}
	memset(native_code(), 0xcc, NATIVE_CODE_BYTES);
	for (i = 0; i < NATIVE_DATA_BYTES; i++)
		data[i] = i * 167 + (i >> 8);
	if (mprotect(data + NATIVE_WRITABLE,
		     NATIVE_DATA_BYTES - NATIVE_WRITABLE, PROT_READ) ||
	    sigaltstack(&stack, NULL)) {
		*why = "mprotect or sigaltstack failed";
		return false;
	}
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
	return true;
}

u8 *native_data(void)
{
	return (u8 *)NATIVE_DATA;
}

u8 *native_code(void)
{
	return (u8 *)NATIVE_CODE;
}

/* One entry of the local descriptor table from what the emulator would see. */
static bool write_descriptor(u32 entry, const struct emulate_segment *segment)
{
	struct user_desc desc = {
		.entry_number = entry,
		.base_addr = segment->base,
		.limit = segment->g ? segment->limit >> 12 : segment->limit,
		.seg_32bit = segment->db,
		.contents = (segment->type >> 2) & 3,
		.read_exec_only = !(segment->type & 2),
		.limit_in_pages = segment->g,
		.useable = 1,
	};

	return !syscall(SYS_modify_ldt, 1, &desc, sizeof(desc));
}

/*
 * CS, SS, DS, ES, GS from the local descriptor table. FS stays: it is the
 * thread's own. The four data segment registers mean nothing to 64-bit code, so
 * they can stay loaded between runs.
 */
bool native_load_segments(struct native_machine *machine, const char **why)
{
	u32 seg;

	for (seg = EMULATE_ES; seg <= EMULATE_GS; seg++) {
		if (seg == EMULATE_FS)
			continue;
		machine->segment[seg].selector = LDT_SELECTOR(seg);
		if (!write_descriptor(seg, &machine->segment[seg])) {
			*why = errno == ENOSYS ? "no modify_ldt" :
						 "modify_ldt refused";
			return false;
		}
	}
	asm volatile("mov %0, %%es" : : "r" (LDT_SELECTOR(EMULATE_ES)));
	asm volatile("mov %0, %%ds" : : "r" (LDT_SELECTOR(EMULATE_DS)));
	asm volatile("mov %0, %%gs" : : "r" (LDT_SELECTOR(EMULATE_GS)));
	return true;
}

void native_unload_segments(void)
{
	asm volatile("mov %0, %%es" : : "r" (0));
	asm volatile("mov %0, %%ds" : : "r" (0));
	asm volatile("mov %0, %%gs" : : "r" (0));
}

static __attribute__((noinline)) void trap(void)
{
	asm volatile("int3" : : : "memory");
}

void native_run(const struct native_machine *machine,
		const struct native_state *in, struct native_result *out)
{
	bool wide = machine->mode == EMULATE_LONG64;
	u64 start = in->rip;

	engine.in = in;
	engine.out = out;
	engine.cs = wide ? USER_CS : machine->segment[EMULATE_CS].selector;
	engine.ss = wide ? USER_SS : machine->segment[EMULATE_SS].selector;
	engine.inside = false;
	trap();
	if (out->vector == 3) {
		out->vector = NATIVE_NO_FAULT;
		out->state.rip--;
	} else if (out->vector == 14 && (out->error_code & 0x10) &&
		   out->state.rip != start) {
		/* A branch led to where nothing is mapped: it is complete. */
		out->vector = NATIVE_NO_FAULT;
	}
}
