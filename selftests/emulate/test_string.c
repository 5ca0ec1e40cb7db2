// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of string instructions: progress over faults, limits, traps and
 * devices; ports. Called by main.c.
 */
#include "harness.h"

static struct guest guest;

#define RCX	guest.gpr[EMULATE_RCX]
#define RAX	guest.gpr[EMULATE_RAX]
#define RDX	guest.gpr[EMULATE_RDX]
#define RSI	guest.gpr[EMULATE_RSI]
#define RDI	guest.gpr[EMULATE_RDI]

static void progress(void)
{
	int rc;

	START(EMULATE_LONG64, 0xf3, 0x48, 0xab);	/* rep stosq */
	RAX = 0x1111111111111111ULL;
	RCX = 10;
	RDI = 0x4fe8;
	guest.page[5] = PAGE_PRESENT;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_FAULT && guest.ctxt.rip == 0x1000 &&
		   RCX == 7 && RDI == 0x5000 && guest.ram[0x4fff] == 0x11 &&
		   guest.ctxt.exception.address == 0x5000,
		   "REP STOS keeps what it did before the fault");
	guest.page[5] |= PAGE_WRITABLE;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_CONTINUE && guest.ctxt.rip == 0x1003 &&
		   !RCX && RDI == 0x5038, "and goes on from there");

	START(EMULATE_LONG64, 0xf3, 0xa4);		/* rep movsb */
	RCX = 5000;
	RSI = 0x2000;
	RDI = 0x8000;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_RETRY && RCX == 5000 - 1024 &&
		   guest.ctxt.rip == 0x1000 && !guest.ctxt.single_step,
		   "a long REP stops after 1024 iterations");
	guest.ctxt.iterations = 5000;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_CONTINUE && !RCX && RDI == 0x8000 + 5000,
		   "or after as many as the caller wants");

	START(EMULATE_LONG64, 0xf3, 0xa4);
	RCX = 2;
	RSI = 0x2000;
	RDI = 0x8000;
	guest.ctxt.rflags |= 0x100;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_RETRY && RCX == 1 && guest.ctxt.single_step,
		   "with TF each iteration traps");
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_CONTINUE && !RCX && guest.ctxt.single_step &&
		   guest.ctxt.rip == 0x1002, "the last one ends the instruction");

	START(EMULATE_LONG64, 0xf3, 0xa6);		/* repe cmpsb */
	RCX = 8;
	RSI = 0x2000;
	RDI = 0x3ffe;
	guest.page[4] = 0;
	guest.ctxt.rflags |= 0x8d5 & ~0x40;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_FAULT && RCX == 6 &&
		   guest.ctxt.rflags == (2 | (0x8d5 & ~0x40)),
		   "REPE CMPS that faults leaves the flags alone");
	guest.page[4] = PAGE_PRESENT;
	guest.ram[0x4001] = 1;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_CONTINUE && RCX == 4 && RDI == 0x4002 &&
		   !(guest.ctxt.rflags & 0x40) && (guest.ctxt.rflags & 1),
		   "and ends at the first difference");
}

static void widths(void)
{
	int rc;

	START(EMULATE_REAL, 0xf3, 0xa4);		/* rep movsb */
	guest.segment[EMULATE_DS].base = 0x2000;
	guest.segment[EMULATE_ES].base = 0x3000;
	RCX = 0xabcd0003;
	RSI = 0xffff0000;
	RDI = 0xeeee0001;
	guest.ram[0x2002] = 0x77;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_CONTINUE && RCX == 0xabcd0000 &&
		   RSI == 0xffff0003 && RDI == 0xeeee0004 &&
		   guest.ram[0x3003] == 0x77,
		   "16-bit addresses leave the upper halves alone");

	START(EMULATE_PROT32, 0xf3, 0xaa);		/* rep stosb */
	guest.segment[EMULATE_ES].limit = 0x4fff;
	RCX = 8;
	RDI = 0x4ffe;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_FAULT && RCX == 6 && RDI == 0x5000 &&
		   guest.ctxt.exception.vector == EMULATE_VECTOR_GP,
		   "REP up to the limit, then #GP");
}

static void devices(void)
{
	u32 rounds;
	int rc;

	START(EMULATE_LONG64, 0xf3, 0xa5);		/* rep movsd */
	RCX = 4;
	RSI = 0x2000;
	RDI = GUEST_DEVICE;
	memcpy(guest.ram + 0x2000, "abcdefghijklmnop", 16);
	guest.device_needs_user = true;
	rc = guest_run(&guest, &rounds);
	tap_result(rc == EMULATE_CONTINUE && rounds == 4 &&
		   guest.logged == 4 && !RCX && guest.ctxt.rip == 0x1002 &&
		   guest.log[3].value == 0x706f6e6d &&
		   guest.log[3].address == GUEST_DEVICE + 12,
		   "REP MOVS to a device: each write once");

	/* movsq from one device to another place of it: read and write */
	START(EMULATE_LONG64, 0x48, 0xa5);
	RSI = GUEST_DEVICE;
	RDI = GUEST_DEVICE + 0x100;
	guest.device_needs_user = true;
	rc = guest_run(&guest, &rounds);
	tap_result(rc == EMULATE_CONTINUE && rounds == 2 &&
		   guest.logged == 2 && !guest.log[0].write &&
		   guest.log[1].write &&
		   guest.log[1].value == guest.device_value,
		   "MOVS from device to device: one read, one write");

	/* rep movsb from a device whose second target page is absent */
	START(EMULATE_LONG64, 0xf3, 0xa4);
	RCX = 3;
	RSI = GUEST_DEVICE;
	RDI = 0x4ffe;
	guest.page[5] = 0;
	guest.device_needs_user = true;
	rc = guest_run(&guest, &rounds);
	tap_result(rc == EMULATE_FAULT && RCX == 1 && RDI == 0x5000 &&
		   RSI == GUEST_DEVICE + 2 && !emulate_suspended(&guest.ctxt),
		   "REP MOVS from a device faults between iterations");
}

static void single_ports(void)
{
	u32 rounds;
	int rc;

	START(EMULATE_LONG64, 0xed);			/* in eax, dx */
	RAX = ~0ULL;
	RDX = 0x123456;
	guest.device_needs_user = true;
	rc = guest_run(&guest, &rounds);
	tap_result(rc == EMULATE_CONTINUE && rounds == 1 &&
		   RAX == 0x44332211 && guest.log[0].address == 0x3456 &&
		   guest.log[0].len == 4, "IN of 32 bits clears the upper half");

	START(EMULATE_LONG64, 0x66, 0xe7, 0x80);	/* out 80h, ax */
	RAX = 0x12345678;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_CONTINUE && guest.log[0].value == 0x5678 &&
		   guest.log[0].len == 2 && guest.log[0].address == 0x80,
		   "OUT of 16 bits to an immediate port");
}

static void string_ports(void)
{
	u32 rounds;
	int rc;

	START(EMULATE_LONG64, 0xf3, 0x6c);		/* rep insb */
	RCX = 4;
	RDX = 0x1f0;
	RDI = 0x4ffe;
	guest.page[5] = 0;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_FAULT && RCX == 2 && guest.logged == 2,
		   "INS asks for the page before it reads the port");

	START(EMULATE_LONG64, 0xf3, 0x66, 0x6d);	/* rep insw */
	guest.ctxt.ops = &guest_ops_string_io;
	guest.device_needs_user = true;
	RCX = 7;
	RDX = 0x1f0;
	RDI = 0x2000;
	rc = guest_run(&guest, &rounds);
	tap_result(rc == EMULATE_CONTINUE && rounds == 3 &&
		   guest.logged == 3 && !RCX && RDI == 0x200e &&
		   guest.log[0].len == 6 && guest.log[2].len == 2 &&
		   guest.ram[0x200d] == 0x22 && !guest.ram[0x200e],
		   "REP INS in runs: each run once, then on to the next");

	/* backwards, over a page: a run ends with its page */
	START(EMULATE_LONG64, 0xf3, 0x6e);		/* rep outsb */
	guest.ctxt.ops = &guest_ops_string_io;
	guest.ctxt.rflags |= 0x400;
	RCX = 4;
	RSI = 0x3001;
	rc = guest_run(&guest, &rounds);
	tap_result(rc == EMULATE_CONTINUE && guest.logged == 2 &&
		   guest.log[0].len == 2 && guest.log[0].value == 0x3001 &&
		   guest.log[1].value == 0x2fff && RSI == 0x2ffd,
		   "REP OUTS backwards ends a run at the page");

	/* user code, bitmap of the TSS, and more than one suspension */
	START(EMULATE_PROT32, 0xf3, 0x6e);
	guest.cpl = 3;
	guest.segment[EMULATE_TR] = (struct emulate_segment) {
		.base = 0x6000, .limit = 0x2000, .type = 0xb, .present = 1,
	};
	guest.ram[0x6066] = 0x68;
	RCX = 3;
	RSI = 0x2000;
	RDX = 0x3f8;
	memcpy(guest.ram + 0x2000, "xyz", 3);
	guest.device_needs_user = true;
	rc = guest_run(&guest, &rounds);
	tap_result(rc == EMULATE_CONTINUE && rounds == 3 &&
		   guest.logged == 3 && guest.log[0].value == 'x' &&
		   guest.log[1].value == 'y' && guest.log[2].value == 'z',
		   "REP OUTS that the TSS allows, element by element");
	RCX = 2;
	RDI = 0x2000;
	guest.ram[0x1001] = 0x6c;			/* rep insb */
	guest.ctxt.rip = 0x1000;
	rc = guest_run(&guest, &rounds);
	tap_result(rc == EMULATE_CONTINUE && rounds == 2 &&
		   guest.logged == 5 && guest.ram[0x2000] == 0x11 &&
		   guest.ram[0x2001] == 0x11,
		   "REP INS that the TSS allows gets the port's data, not the TSS's");
	guest.ctxt.rip = 0x1000;
	guest.ram[0x6068 + 0x3f8 / 8] = 1;
	RCX = 0;
	rc = guest_run(&guest, NULL);
	tap_result(rc == EMULATE_FAULT &&
		   guest.ctxt.exception.vector == EMULATE_VECTOR_GP,
		   "a port that is not allowed is #GP even with a count of 0");
}

void test_string_units(void)
{
	progress();
	widths();
	devices();
	single_ports();
	string_ports();
}
