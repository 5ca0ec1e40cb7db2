// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of what neither Zydis nor this processor shows: devices in user
 * space, page crossing, fetch at the end of a page, real mode, privilege,
 * shadows. Called by main.c.
 */
#include "harness.h"

static struct guest guest;

#define RCX	guest.gpr[EMULATE_RCX]
#define RAX	guest.gpr[EMULATE_RAX]
#define RBX	guest.gpr[EMULATE_RBX]
#define RSP	guest.gpr[EMULATE_RSP]
#define STATUS_FLAGS	0x8d5

static bool faulted(int rc, u8 vector, u32 error, u64 address)
{
	const struct emulate_exception *exception = &guest.ctxt.exception;

	return rc == EMULATE_FAULT && exception->vector == vector &&
	       exception->error_code == error &&
	       (vector != EMULATE_VECTOR_PF || exception->address == address) &&
	       guest.ctxt.rip == 0x1000;
}

static bool done_at(int rc, u64 rip)
{
	return rc == EMULATE_CONTINUE && guest.ctxt.rip == rip &&
	       !emulate_suspended(&guest.ctxt);
}

static void device_read(void)
{
	u32 rounds;
	int rc;

	/* mov rax, [rbx] */
	START(EMULATE_LONG64, 0x48, 0x8b, 0x03);
	RBX = GUEST_DEVICE + 8;
	guest.device_needs_user = true;
	emulate_begin(&guest.ctxt);
	rc = emulate_insn(&guest.ctxt);
	tap_result(rc == EMULATE_IO_NEEDED && !RAX &&
		   guest.ctxt.rip == 0x1000 &&
		   emulate_suspended(&guest.ctxt),
		   "a device read in user space has no effect yet");
	rc = emulate_resume(&guest.ctxt);
	tap_result(rc == EMULATE_IO_NEEDED && guest.logged == 1,
		   "resuming without an answer asks again, the device is not asked");
	emulate_complete(&guest.ctxt, &guest.device_value, 8);
	emulate_complete(&guest.ctxt, &rounds, 4);
	rc = emulate_resume(&guest.ctxt);
	tap_result(done_at(rc, 0x1003) && RAX == guest.device_value &&
		   guest.logged == 1 && guest.log[0].len == 8,
		   "the answered read completes, once");
}

static void device_write(void)
{
	u32 rounds;
	int rc;

	/* mov [rbx], ecx */
	START(EMULATE_LONG64, 0x89, 0x0b);
	RBX = GUEST_DEVICE;
	RCX = 0x1234567890abcdefULL;
	guest.device_needs_user = true;
	rc = guest_run(&guest, &rounds);
	tap_result(done_at(rc, 0x1002) && rounds == 1 && guest.logged == 1 &&
		   guest.log[0].value == 0x90abcdef && guest.log[0].write,
		   "a device write reaches user space once");
}

static void device_rmw(void)
{
	u32 rounds;
	int rc;

	/* lock add [rbx], ecx */
	START(EMULATE_LONG64, 0xf0, 0x01, 0x0b);
	RBX = GUEST_DEVICE;
	RCX = 1;
	guest.ctxt.rflags |= STATUS_FLAGS;
	guest.device_needs_user = true;
	emulate_begin(&guest.ctxt);
	rc = emulate_insn(&guest.ctxt);
	emulate_complete(&guest.ctxt, &guest.device_value, 4);
	rc = rc == EMULATE_IO_NEEDED ? emulate_resume(&guest.ctxt) : -1;
	tap_result(rc == EMULATE_IO_NEEDED && guest.logged == 2 &&
		   (guest.ctxt.rflags & STATUS_FLAGS) == STATUS_FLAGS,
		   "read-modify-write: flags wait for the posted write");
	rc = guest_run(&guest, &rounds);
	tap_result(done_at(rc, 0x1003) && rounds == 2 && guest.logged == 4 &&
		   guest.log[3].write && guest.log[3].value == 0x44332212 &&
		   !(guest.ctxt.rflags & 1),
		   "read-modify-write: one read, one write");
}

static void device_pieces(void)
{
	u32 rounds;
	int rc;

	/* movdqu xmm1, [rbx] */
	START(EMULATE_LONG64, 0xf3, 0x0f, 0x6f, 0x0b);
	RBX = GUEST_DEVICE;
	guest.device_needs_user = true;
	rc = guest_run(&guest, &rounds);
	tap_result(done_at(rc, 0x1004) && rounds == 2 && guest.logged == 2 &&
		   guest.log[1].address == GUEST_DEVICE + 8 &&
		   !memcmp(guest.xmm[1], &guest.device_value, 8) &&
		   !memcmp(guest.xmm[1] + 8, &guest.device_value, 8),
		   "16 bytes of a device are two reads of 8");

	/* mov rax, [rbx], across the end of the device page into nothing */
	START(EMULATE_LONG64, 0x48, 0x8b, 0x03);
	RBX = GUEST_DEVICE + GUEST_PAGE - 3;
	guest.device_needs_user = true;
	rc = guest_run(&guest, &rounds);
	tap_result(faulted(rc, EMULATE_VECTOR_PF, 0, GUEST_DEVICE + GUEST_PAGE) &&
		   rounds == 1 && guest.log[0].len == 3 && !RAX,
		   "an access over a page is split; the second page's fault counts");

	/* push qword [rbx]: device to RAM */
	START(EMULATE_LONG64, 0xff, 0x33);
	RBX = GUEST_DEVICE;
	RSP = 0x3004;
	guest.device_needs_user = true;
	rc = guest_run(&guest, &rounds);
	tap_result(done_at(rc, 0x1002) && rounds == 1 && RSP == 0x2ffc &&
		   !memcmp(guest.ram + 0x2ffc, &guest.device_value, 8),
		   "push from a device, over a page");
}

static void page_crossing(void)
{
	u64 old;
	int rc;

	/* mov [rbx], rax */
	START(EMULATE_LONG64, 0x48, 0x89, 0x03);
	RBX = 0x4ffd;
	RAX = ~0ULL;
	guest.page[5] = PAGE_PRESENT;
	rc = guest_run(&guest, NULL);
	memcpy(&old, guest.ram + 0x4ff8, 8);
	tap_result(faulted(rc, EMULATE_VECTOR_PF, 3, 0x5000) && !old,
		   "a write whose second page is read-only writes nothing");

	guest.page[5] |= PAGE_WRITABLE;
	rc = guest_run(&guest, NULL);
	memcpy(&old, guest.ram + 0x4ffd, 8);
	tap_result(done_at(rc, 0x1003) && old == ~0ULL,
		   "a write over a page writes both parts");

	/* add [rbx], eax */
	START(EMULATE_LONG64, 0x01, 0x03);
	RBX = 0x5000;
	guest.cpl = 3;
	guest.page[5] = 0;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_PF, 6, 0x5000),
		   "the read of a read-modify-write faults as a write");
}

static void fetching(void)
{
	static const u8 nops[16] = {
		0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		0x66, 0x66, 0x66, 0x66, 0x90, 0x90,
	};
	static const u8 mov[] = { 0xb8, 1, 2, 3, 4 };
	int rc;

	guest_reset(&guest, EMULATE_LONG64);
	guest_code(&guest, 0x1000, nops, 16);
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x100f), "15 bytes are an instruction");

	guest.ram[0x100e] = 0x66;
	guest.ctxt.rip = 0x1000;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0), "16 bytes are #GP");

	guest_reset(&guest, EMULATE_LONG64);
	guest_code(&guest, 0x1ffb, mov, 5);
	guest.page[2] = 0;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x2000) && guest.fetched_pages == 1,
		   "an instruction that ends with its page needs no other");

	guest_reset(&guest, EMULATE_LONG64);
	guest_code(&guest, 0x1ffd, mov, 5);
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x2002) && RAX == 0x04030201 &&
		   guest.fetched_pages == 2, "fetch over a page");

	guest.page[2] = 0;
	guest.ctxt.rip = 0x1ffd;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_FAULT && guest.ctxt.rip == 0x1ffd &&
		   guest.ctxt.exception.vector == EMULATE_VECTOR_PF &&
		   guest.ctxt.exception.address == 0x2000 &&
		   guest.ctxt.exception.error_code == 0x10,
		   "fetch fault on the second page, with its address");

	guest_reset(&guest, EMULATE_PROT32);
	guest.segment[EMULATE_CS].limit = 0x1003;
	guest_code(&guest, 0x1000, mov, 5);
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0),
		   "an instruction beyond the CS limit is #GP");
	guest.segment[EMULATE_CS].limit = 0x1004;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1005), "an instruction up to the CS limit runs");

	guest_reset(&guest, EMULATE_LONG64);
	emulate_begin(&guest.ctxt);
	emulate_provide(&guest.ctxt, mov, 5);
	rc = emulate_insn(&guest.ctxt);
	tap_result(rc == EMULATE_CONTINUE && guest.ctxt.rip == 5 &&
		   !guest.fetched_pages, "given bytes are not fetched");
}

static void locks(void)
{
	u32 value = 5;
	int rc;

	START(EMULATE_LONG64, 0xf0, 0x8b, 0x03);	/* lock mov */
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_UD, 0, 0), "LOCK MOV is #UD");
	START(EMULATE_LONG64, 0xf0, 0x01, 0xc0);	/* lock add eax, eax */
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_UD, 0, 0),
		   "LOCK with a register target is #UD");
	START(EMULATE_LONG64, 0xf0, 0x39, 0x03);	/* lock cmp */
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_UD, 0, 0), "LOCK CMP is #UD");

	START(EMULATE_LONG64, 0x87, 0x03);		/* xchg [rbx], eax */
	RBX = 0x2000;
	RAX = 7;
	memcpy(guest.ram + 0x2000, &value, 4);
	guest.cmpxchg_fails = true;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_RETRY && RAX == 7 &&
		   guest.ctxt.rip == 0x1000 && guest.ram[0x2000] == 5,
		   "a locked write that lost the race is tried again");
	guest.cmpxchg_fails = false;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1002) && RAX == 5 && guest.ram[0x2000] == 7,
		   "XCHG with memory is locked without LOCK");
}

static void segments(void)
{
	int rc;

	/* mov eax, [bx] at FFFEh: the last byte is beyond the limit */
	START(EMULATE_REAL, 0x66, 0x8b, 0x07);
	RBX = 0xfffe;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0) &&
		   !guest.ctxt.exception.has_error,
		   "real mode: beyond FFFFh is #GP without an error code");

	START(EMULATE_PROT32, 0x8b, 0x45, 0x00);	/* mov eax, [ebp] */
	guest.segment[EMULATE_SS].limit = 0xfff;
	guest.gpr[EMULATE_RBP] = 0xffd;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_SS, 0, 0) &&
		   guest.ctxt.exception.has_error,
		   "beyond the stack segment is #SS(0)");

	START(EMULATE_PROT32, 0x89, 0x03);		/* mov [ebx], eax */
	guest.segment[EMULATE_DS].unusable = 1;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0),
		   "a null data segment is #GP(0)");

	START(EMULATE_PROT32, 0x2e, 0x89, 0x03);	/* mov cs:[ebx], eax */
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0),
		   "a code segment cannot be written");

	START(EMULATE_PROT32, 0x89, 0x03);
	guest.segment[EMULATE_DS].base = 0xffff0000;
	RBX = 0x12000;
	RAX = 0x55;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1002) && guest.ram[0x2000] == 0x55,
		   "linear addresses wrap at 4 GiB outside 64-bit mode");

	START(EMULATE_LONG64, 0x8b, 0x03);
	RBX = 0x0000800000000000ULL;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0),
		   "a non-canonical address is #GP(0)");
	guest.ctxt.linear_bits = 57;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_PF, 0, RBX),
		   "and canonical with 57 bits");

	START(EMULATE_LONG64, 0x8b, 0x04, 0x24);	/* mov eax, [rsp] */
	RSP = 0x0000800000000000ULL;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_SS, 0, 0),
		   "a non-canonical stack address is #SS(0)");

	START(EMULATE_LONG64, 0x65, 0x8b, 0x03);	/* mov eax, gs:[rbx] */
	guest.segment[EMULATE_GS].base = 0x2000;
	guest.segment[EMULATE_DS].base = 0x777;
	RBX = 8;
	guest.ram[0x2008] = 0x99;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1003) && RAX == 0x99,
		   "64-bit mode: GS has a base");
}

static void real_mode(void)
{
	int rc;

	START(EMULATE_REAL, 0x8e, 0xd8);		/* mov ds, ax */
	RAX = 0x1234;
	guest.segment[EMULATE_DS].limit = 0xffffffff;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1002) &&
		   guest.segment[EMULATE_DS].base == 0x12340 &&
		   guest.segment[EMULATE_DS].limit == 0xffffffff,
		   "real mode: a segment load sets the base, not the limit");

	START(EMULATE_REAL, 0x8e, 0xd0);		/* mov ss, ax */
	guest.ctxt.rflags |= 0x100;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1002) && !guest.ctxt.single_step &&
		   guest.ctxt.interruptibility == EMULATE_SHADOW_MOV_SS,
		   "MOV SS opens a shadow and holds the trap back");

	START(EMULATE_REAL, 0xea, 0x05, 0x00, 0x00, 0x02); /* jmp 200h:5 */
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 5) &&
		   guest.segment[EMULATE_CS].selector == 0x200 &&
		   guest.segment[EMULATE_CS].base == 0x2000, "real mode: far jump");

	/* call 200h:5, then retf from there */
	START(EMULATE_REAL, 0x9a, 0x05, 0x00, 0x00, 0x02);
	RSP = 0x3000;
	guest.ram[0x2005] = 0xcb;
	rc = guest_run(&guest, NULL);
	rc |= guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1005) && RSP == 0x3000 &&
		   guest.segment[EMULATE_CS].base == 0,
		   "real mode: far call and return");

	START(EMULATE_REAL, 0xcf);			/* iret */
	RSP = 0x3000;
	memcpy(guest.ram + 0x3000, "\x10\x00\x20\x01\x03\x72", 6);
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x10) && RSP == 0x3006 &&
		   guest.segment[EMULATE_CS].base == 0x1200 &&
		   guest.ctxt.rflags == 0x7203, "real mode: IRET");

	START(EMULATE_PROT32, 0x8e, 0xd8);
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_UNHANDLEABLE,
		   "protected mode: a segment load is refused, not guessed");
}

static void privilege(void)
{
	static const struct {
		const char *name;
		u8 code[3];
	} rows[] = {
		{ "HLT", { 0xf4 } }, { "CLTS", { 0x0f, 0x06 } },
		{ "RDMSR", { 0x0f, 0x32 } }, { "WBINVD", { 0x0f, 0x09 } },
		{ "MOV CR0", { 0x0f, 0x22, 0xc0 } },
		{ "MOV DR7", { 0x0f, 0x23, 0xf8 } }, { "CLI", { 0xfa } },
		{ "IN", { 0xe4, 0x60 } }, { "OUT", { 0xee } },
	};
	u32 i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		guest_reset(&guest, EMULATE_LONG64);
		guest_code(&guest, 0x1000, rows[i].code, 3);
		guest.cpl = 3;
		guest.segment[EMULATE_TR].unusable = 1;
		rc = guest_run(&guest, NULL);
		tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0),
			   "%s of user code is #GP(0)", rows[i].name);
	}

	START(EMULATE_LONG64, 0xe4, 0x60);		/* in al, 60h */
	guest.cpl = 3;
	guest.segment[EMULATE_TR] = (struct emulate_segment) {
		.base = 0x4000, .limit = 0x2000, .type = 0xb, .present = 1,
	};
	guest.ram[0x4066] = 0x68;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1002) && (RAX & 0xff) == 0x11,
		   "a clear bit in the TSS allows a port");
	guest.ram[0x4068 + 0x60 / 8] = 1;
	guest.ctxt.rip = 0x1000;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0),
		   "a set bit in the TSS forbids it");
	guest.ram[0x4068 + 0x60 / 8] = 0;
	guest.segment[EMULATE_TR].limit = 0x68 + 0x60 / 8;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0),
		   "a bitmap beyond the TSS limit forbids it");
	guest.ctxt.rflags |= 3 << 12;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1002), "IOPL 3 allows it without the bitmap");
}

static void shadows(void)
{
	int rc;

	START(EMULATE_LONG64, 0xfb);			/* sti */
	guest.ctxt.rflags |= 0x10000;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1001) && guest.ctxt.rflags == 0x202 &&
		   guest.ctxt.interruptibility == EMULATE_SHADOW_STI,
		   "STI opens a shadow, and RF is cleared");
	guest.ctxt.rip = 0x1000;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1001) && !guest.ctxt.interruptibility,
		   "STI with interrupts on opens none");

	START(EMULATE_LONG64, 0x9d);			/* popf */
	RSP = 0x3000;
	guest.ram[0x3001] = 1;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1001) && (guest.ctxt.rflags & 0x100) &&
		   !guest.ctxt.single_step,
		   "POPF that sets TF does not trap itself");
	guest.ctxt.rip = 0x1000;
	guest.ram[0x1000] = 0x90;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1001) && guest.ctxt.single_step,
		   "the instruction behind it does");

	/* 0F A2: decoded, and skipped by the caller */
	START(EMULATE_PROT16, 0x0f, 0xa2);
	guest.ctxt.rflags |= 0x10100;
	emulate_begin(&guest.ctxt);
	rc = emulate_length(&guest.ctxt);
	emulate_skip(&guest.ctxt);
	tap_result(rc == 2 && guest.ctxt.rip == 0x1002 &&
		   guest.ctxt.single_step && !(guest.ctxt.rflags & 0x10000),
		   "skipping an instruction traps too");

	START(EMULATE_PROT32, 0x90);
	guest.segment[EMULATE_CS].base = 0x1001;
	guest.ctxt.rip = 0xffffffff;
	guest.ram[0x1000] = 0x90;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0), "EIP wraps at 4 GiB");
}

static void v86_flags(void)
{
	int rc;

	START(EMULATE_V86, 0xfa);			/* cli */
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0),
		   "virtual-8086: CLI below IOPL 3 is #GP(0)");
	guest.cr4 |= 1;
	guest.ctxt.rflags |= 1 << 19 | 1 << 9;
	rc = guest_run(&guest, NULL);
	tap_result(done_at(rc, 0x1001) &&
		   (guest.ctxt.rflags & (1 << 19 | 1 << 9)) == 1 << 9,
		   "with CR4.VME it clears VIF");
	START(EMULATE_V86, 0xfb);
	guest.cr4 |= 1;
	guest.ctxt.rflags |= 1 << 20;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_GP, 0, 0),
		   "STI with VIP pending is #GP(0)");
}

static void sse_state(void)
{
	int rc;

	START(EMULATE_LONG64, 0x0f, 0x10, 0x03);	/* movups xmm0, [rbx] */
	guest.cr0 = 1 << 3;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_NM, 0, 0),
		   "SSE with CR0.TS is #NM");
	guest.cr4 = 0;
	rc = guest_run(&guest, NULL);
	tap_result(faulted(rc, EMULATE_VECTOR_UD, 0, 0),
		   "SSE without CR4.OSFXSR is #UD");

	START(EMULATE_LONG64, 0x0f, 0x6f, 0x03);	/* movq mm0, [rbx] */
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_UNHANDLEABLE &&
		   guest.ctxt.insn.fetched >= 3 &&
		   guest.ctxt.insn.bytes[1] == 0x6f,
		   "MMX is unhandleable, with its bytes for the report");
}

void test_units(void)
{
	device_read();
	device_write();
	device_rmw();
	device_pieces();
	page_crossing();
	fetching();
	locks();
	segments();
	real_mode();
	privilege();
	shadows();
	v86_flags();
	sse_state();
	tap_result(sizeof(struct emulate_ctxt) < 1024,
		   "the context has %zu bytes, below 1024",
		   sizeof(struct emulate_ctxt));
}
