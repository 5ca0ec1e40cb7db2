// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into QEMU for hosts on which KVM is to run: its VMRUN leaves the
 * vector of an interrupt from EVENTINJ behind as an exception that is still to
 * be delivered, and when nothing else comes before the inner loop is left, it
 * is delivered once more (docs/errata-emulators.md). Here helper_vmrun()'s one
 * call of do_interrupt_x86_hardirq() is followed by cpu_loop_exit_noexc(), the
 * way out that EVENTINJ's other types take. Built and asked for by qemu.py
 * (scripts/host run --mend-eventinj). The emulator's file stays as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NEAR_STEP	0x10000UL
#define NEAR_LIMIT	0x40000000UL	/* well within a 32-bit displacement */

static void (*deliver)(void *env, int vector, int is_hw);
static void (*leave)(void *cpu);

static void die(const char *what)
{
	fprintf(stderr, "qemu-eventinj: %s\n", what);
	_exit(1);
}

static void deliver_once(void *env, int vector, int is_hw)
{
	deliver(env, vector, is_hw);
	/* a variable of the thread: looked up in each, each time */
	leave(*(void **)dlsym(RTLD_DEFAULT, "current_cpu"));
}

/* FF /4 with a 64-bit address behind it, where a call of the text reaches it */
static uint8_t *make_jump(uint8_t *text, void (*to)(void *, int, int))
{
	static const uint8_t jmp[6] = { 0xff, 0x25 };
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *at, *start = (uint8_t *)((uintptr_t)text & -NEAR_STEP);
	unsigned long off;

	for (off = NEAR_STEP; off < NEAR_LIMIT; off += NEAR_STEP) {
		at = mmap(start - off, page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			  -1, 0);
		if (at == MAP_FAILED)
			continue;
		memcpy(at, jmp, sizeof(jmp));
		memcpy(at + sizeof(jmp), &to, sizeof(to));
		if (mprotect(at, page, PROT_READ | PROT_EXEC))
			break;
		return at;
	}
	die("no room for a jump near the program");
	return NULL;
}

static void redirect(uint8_t *call, uint8_t *to)
{
	uintptr_t page = sysconf(_SC_PAGESIZE);
	uint8_t *from = (uint8_t *)((uintptr_t)call & -page);
	size_t size = call + 5 - from;
	int32_t rel = to - (call + 5);

	if (mprotect(from, size, PROT_READ | PROT_WRITE))
		die("the program's text cannot be written");
	memcpy(call + 1, &rel, sizeof(rel));
	if (mprotect(from, size, PROT_READ | PROT_EXEC))
		die("the program's text cannot be executed");
}

static __attribute__((constructor)) void mend(void)
{
	uint8_t *vmrun = dlsym(RTLD_DEFAULT, "helper_vmrun");
	uint8_t *p, *call = NULL;
	const ElfW(Sym) *sym;
	Dl_info info;
	int32_t rel;

	/* also preloaded into the shell that starts it, say */
	if (strncmp(program_invocation_short_name, "qemu-system", 11))
		return;
	deliver = dlsym(RTLD_DEFAULT, "do_interrupt_x86_hardirq");
	leave = dlsym(RTLD_DEFAULT, "cpu_loop_exit_noexc");
	if (!vmrun || !deliver || !leave ||
	    !dlsym(RTLD_DEFAULT, "current_cpu") ||
	    !dladdr1(vmrun, &info, (void **)&sym, RTLD_DL_SYMENT) || !sym)
		die("this QEMU does not export what has to be changed");
	for (p = vmrun; p + 5 <= vmrun + sym->st_size; p++) {
		memcpy(&rel, p + 1, sizeof(rel));
		if (*p != 0xe8 || p + 5 + rel != (uint8_t *)deliver)
			continue;
		if (call)
			die("VMRUN delivers interrupts at more than one place");
		call = p;
	}
	if (!call)
		die("VMRUN does not deliver interrupts where it used to");
	redirect(call, make_jump(vmrun, deliver_once));
}
