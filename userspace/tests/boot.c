// SPDX-License-Identifier: GPL-2.0
/*
 * Kernels, ramdisks and boot parameters: good files, cut files, hostile files.
 */
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "acpi.h"
#include "boot.h"
#include "guest_mem.h"
#include "tests/tap.h"

#define SETUP		(5 * 512)	/* four sectors and the boot sector */
#define PAYLOAD		0x4000
#define BZ_SIZE		(SETUP + PAYLOAD)

static struct guest_mem mem;
static struct boot_image img;

/* Give the bytes to the loader as a file; its result. */
static int load(const void *data, size_t len)
{
	char path[64];
	int fd, ret;

	fd = memfd_create("kernel", 0);
	if (!CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len))
		return -EIO;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = boot_load_kernel(&mem, path, &img);
	close(fd);
	return ret;
}

static int load_initrd(size_t len)
{
	char path[64];
	int fd, ret;

	fd = memfd_create("initrd", 0);
	CHECK(fd >= 0 && ftruncate(fd, len) == 0);
	if (len)
		CHECK(pwrite(fd, "I", 1, len - 1) == 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = boot_load_initrd(&mem, path, &img);
	close(fd);
	return ret;
}

static struct setup_header *make_bzimage(uint8_t *buf)
{
	struct setup_header *h = (struct setup_header *)(buf + 0x1f1);
	size_t i;

	memset(buf, 0, BZ_SIZE);
	for (i = SETUP; i < BZ_SIZE; i++)
		buf[i] = i * 7;
	h->setup_sects = 4;
	h->syssize = PAYLOAD / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0x6aeb;
	h->header = 0x53726448;
	h->version = 0x20f;
	h->loadflags = LOADED_HIGH;
	h->code32_start = 0x100000;
	h->initrd_addr_max = 0x7fffffff;
	h->kernel_alignment = MIB(2);
	h->relocatable_kernel = 1;
	h->xloadflags = XLF_KERNEL_64;
	h->cmdline_size = 2047;
	h->pref_address = MIB(16);
	h->init_size = MIB(4);
	return h;
}

static void test_bzimage(void)
{
	static uint8_t buf[BZ_SIZE];
	struct setup_header *h = make_bzimage(buf);

	CHECK(guest_mem_init(&mem, MIB(32)) == 0);
	CHECK(load(buf, BZ_SIZE) == 0);
	CHECK(img.mode == BOOT_LONG && img.entry == MIB(16) + 0x200);
	CHECK(img.start == MIB(16) && img.end == MIB(20));
	CHECK(!memcmp(guest_ptr(&mem, MIB(16), PAYLOAD), buf + SETUP, PAYLOAD));
	CHECK(img.hdr.type_of_loader == 0xff);

	/* What does not fit at its preferred address is put lower. */
	h->pref_address = MIB(30);
	CHECK(load(buf, BZ_SIZE) == 0 && img.start == MIB(2));
	h->relocatable_kernel = 0;
	CHECK(load(buf, BZ_SIZE) == -ENOMEM && tap_says("does not fit"));
	h->pref_address = MIB(16);
	CHECK(load(buf, BZ_SIZE) == 0 && img.start == MIB(16));

	/* A 32-bit kernel is entered in protected mode, at its start. */
	h->xloadflags = 0;
	CHECK(load(buf, BZ_SIZE) == 0);
	CHECK(img.mode == BOOT_PROTECTED && img.entry == MIB(16));
	/* 2.06 knows neither preferred address nor 64-bit entry. */
	h->xloadflags = XLF_KERNEL_64;
	h->version = 0x206;
	CHECK(load(buf, BZ_SIZE) == 0);
	CHECK(img.mode == BOOT_PROTECTED && img.entry == BOOT_HIGH);
	/* No sectors means four. */
	h->setup_sects = 0;
	CHECK(load(buf, BZ_SIZE) == 0);
	CHECK(!memcmp(guest_ptr(&mem, BOOT_HIGH, PAYLOAD), buf + SETUP,
		      PAYLOAD));
	guest_mem_exit(&mem);
}

static void test_bzimage_bad(void)
{
	static uint8_t buf[BZ_SIZE];
	struct setup_header *h = make_bzimage(buf);
	size_t len;

	CHECK(guest_mem_init(&mem, MIB(32)) == 0);
	CHECK(load(buf, 0) == -ENOEXEC && tap_says("empty"));
	CHECK(load(buf, 0x205) == -ENOEXEC && tap_says("not a kernel"));
	/* Cut anywhere behind its magic number, it is called truncated. */
	for (len = 0x206; len < BZ_SIZE; len += len < 0x400 ? 1 : 509)
		if (!CHECK(load(buf, len) == -ENOEXEC && tap_says("truncated")))
			break;
	CHECK(load(buf, BZ_SIZE - 1) == -ENOEXEC && tap_says("truncated"));

	h->syssize = 0xffffffff;
	CHECK(load(buf, BZ_SIZE) == -ENOEXEC && tap_says("truncated"));
	h->syssize = 0;
	CHECK(load(buf, BZ_SIZE) == -ENOEXEC && tap_says("empty"));
	h = make_bzimage(buf);
	h->setup_sects = 255;
	CHECK(load(buf, BZ_SIZE) == -ENOEXEC && tap_says("truncated"));
	h = make_bzimage(buf);
	h->version = 0x205;
	CHECK(load(buf, BZ_SIZE) == -ENOEXEC && tap_says("2.05"));
	h = make_bzimage(buf);
	h->loadflags = 0;
	CHECK(load(buf, BZ_SIZE) == -ENOEXEC && tap_says("zImage"));
	h = make_bzimage(buf);
	h->init_size = 0xffffffff;
	CHECK(load(buf, BZ_SIZE) == -ENOMEM && tap_says("--memory"));
	h = make_bzimage(buf);
	h->pref_address = ~0ULL;
	h->kernel_alignment = 3;
	CHECK(load(buf, BZ_SIZE) == -ENOEXEC && tap_says("alignment"));
	h->kernel_alignment = 0x80000000;
	CHECK(load(buf, BZ_SIZE) < 0);
	h->kernel_alignment = GIB(1);
	CHECK(load(buf, BZ_SIZE) == -ENOMEM);
	h = make_bzimage(buf);
	h->boot_flag = 0;
	CHECK(load(buf, BZ_SIZE) == -ENOEXEC && tap_says("not a kernel"));
	guest_mem_exit(&mem);
}

#define ELF_SIZE	0x3000

struct elf {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
};

static struct elf *make_elf(uint8_t *buf)
{
	struct elf *e = (struct elf *)buf;

	memset(buf, 0xcc, ELF_SIZE);
	memset(e, 0, sizeof(*e));
	memcpy(e->eh.e_ident, ELFMAG, SELFMAG);
	e->eh.e_ident[EI_CLASS] = ELFCLASS64;
	e->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	e->eh.e_type = ET_EXEC;
	e->eh.e_machine = EM_X86_64;
	e->eh.e_entry = MIB(16) + 0x123;
	e->eh.e_phoff = offsetof(struct elf, ph);
	e->eh.e_phentsize = sizeof(Elf64_Phdr);
	e->eh.e_phnum = 2;
	e->ph[0] = (Elf64_Phdr) {
		.p_type = PT_LOAD, .p_offset = 0x1000, .p_filesz = 0x1000,
		.p_memsz = 0x1000, .p_paddr = MIB(16),
		.p_vaddr = 0xffffffff81000000ULL,
	};
	e->ph[1] = (Elf64_Phdr) {
		.p_type = PT_LOAD, .p_offset = 0x2000, .p_filesz = 0x1000,
		.p_memsz = 0x8000, .p_paddr = MIB(18),
		.p_vaddr = 0xffffffff81200000ULL,
	};
	return e;
}

static void test_elf(void)
{
	static uint8_t buf[ELF_SIZE];
	struct elf *e = make_elf(buf);
	uint8_t *p;

	CHECK(guest_mem_init(&mem, MIB(32)) == 0);
	memset(guest_ptr(&mem, MIB(18), 0x8000), 0xaa, 0x8000);
	CHECK(load(buf, ELF_SIZE) == 0);
	CHECK(img.mode == BOOT_LONG && img.entry == MIB(16) + 0x123);
	CHECK(img.start == MIB(16) && img.end == MIB(18) + 0x8000);
	p = guest_ptr(&mem, MIB(18), 0x8000);
	CHECK(p[0] == 0xcc && p[0xfff] == 0xcc && p[0x1000] == 0 &&
	      p[0x7fff] == 0);
	/* A virtual entry point means the same place. */
	e->eh.e_entry = 0xffffffff81200010ULL;
	CHECK(load(buf, ELF_SIZE) == 0 && img.entry == MIB(18) + 0x10);
	guest_mem_exit(&mem);
}

static void test_elf_bad(void)
{
	static uint8_t buf[ELF_SIZE];
	struct elf *e = make_elf(buf);
	size_t len;

	CHECK(guest_mem_init(&mem, MIB(32)) == 0);
	for (len = 4; len < ELF_SIZE; len += len < 0x200 ? 1 : 509)
		if (!CHECK(load(buf, len) == -ENOEXEC && tap_says("truncated")))
			break;
	e->eh.e_machine = EM_AARCH64;
	CHECK(load(buf, ELF_SIZE) == -ENOEXEC && tap_says("64-bit x86"));
	e = make_elf(buf);
	e->eh.e_ident[EI_CLASS] = ELFCLASS32;
	CHECK(load(buf, ELF_SIZE) == -ENOEXEC && tap_says("64-bit x86"));
	e = make_elf(buf);
	e->eh.e_type = ET_REL;
	CHECK(load(buf, ELF_SIZE) == -ENOEXEC && tap_says("executable"));
	e = make_elf(buf);
	e->eh.e_phnum = 0;
	CHECK(load(buf, ELF_SIZE) == -ENOEXEC);
	e->eh.e_phnum = 0xffff;
	CHECK(load(buf, ELF_SIZE) == -ENOEXEC);
	e = make_elf(buf);
	e->eh.e_phoff = ~0ULL;
	CHECK(load(buf, ELF_SIZE) == -ENOEXEC && tap_says("truncated"));
	e = make_elf(buf);
	e->ph[1].p_offset = ~0ULL - 0xfff;
	CHECK(load(buf, ELF_SIZE) == -ENOEXEC && tap_says("truncated"));
	e = make_elf(buf);
	e->ph[1].p_filesz = 0x9000;
	CHECK(load(buf, ELF_SIZE) == -ENOEXEC && tap_says("larger"));
	e = make_elf(buf);
	e->ph[1].p_memsz = ~0ULL;
	CHECK(load(buf, ELF_SIZE) == -ENOMEM);
	e = make_elf(buf);
	e->ph[1].p_paddr = ~0ULL - 0x7fff;
	CHECK(load(buf, ELF_SIZE) == -ENOMEM);
	e = make_elf(buf);
	e->ph[1].p_paddr = MIB(32) - 0x7fff;
	CHECK(load(buf, ELF_SIZE) == -ENOMEM && tap_says("--memory"));
	e->ph[1].p_paddr = MIB(32) - 0x8000;
	CHECK(load(buf, ELF_SIZE) == 0);
	e->ph[1].p_paddr = BOOT_PARAMS;
	CHECK(load(buf, ELF_SIZE) == -ENOEXEC && tap_says("below 1 MiB"));
	e = make_elf(buf);
	e->eh.e_entry = 0x1234;
	CHECK(load(buf, ELF_SIZE) == -ENOEXEC && tap_says("entry point"));
	guest_mem_exit(&mem);
}

/*
 * Random bytes in a good file's header: whatever it is taken for, low memory
 * stays untouched and an accepted kernel lies inside the guest.
 */
static void flip(uint8_t *buf, size_t size, size_t from, size_t to)
{
	unsigned int n = 1 + random() % 4;

	while (n--)
		buf[from + random() % (to - from)] = random();
	if (load(buf, size))
		return;
	CHECK(img.start >= BOOT_HIGH && img.start < img.end &&
	      img.end <= MIB(32));
	CHECK(img.entry >= img.start && img.entry < img.end);
}

static void test_random(void)
{
	static uint8_t buf[BZ_SIZE];
	unsigned int i;
	uint8_t *low;

	srandom(1);
	CHECK(guest_mem_init(&mem, MIB(32)) == 0);
	for (i = 0; i < 3000; i++) {
		make_bzimage(buf);
		flip(buf, BZ_SIZE, 0x1f1, 0x26c);
		make_elf(buf);
		flip(buf, ELF_SIZE, 0, sizeof(struct elf));
	}
	low = guest_ptr(&mem, 0, VGA_HOLE_START);
	for (i = 0; i < VGA_HOLE_START && !low[i]; i++)
		;
	CHECK(i == VGA_HOLE_START);
	guest_mem_exit(&mem);
}

static void test_initrd(void)
{
	static uint8_t buf[BZ_SIZE];
	uint8_t *p;

	make_bzimage(buf);
	CHECK(guest_mem_init(&mem, MIB(32)) == 0);
	CHECK(load(buf, BZ_SIZE) == 0);
	CHECK(load_initrd(5000) == 0);
	CHECK(img.hdr.ramdisk_image == MIB(32) - 8192 &&
	      img.hdr.ramdisk_size == 5000);
	p = guest_ptr(&mem, MIB(32) - 8192, 5000);
	CHECK(p[4999] == 'I');
	CHECK(load_initrd(0) == -EINVAL && tap_says("empty"));
	CHECK(load_initrd(MIB(32)) == -ENOMEM && tap_says("larger than memory"));
	CHECK(load_initrd(MIB(40)) == -ENOMEM && tap_says("larger than memory"));
	CHECK(load_initrd(MIB(31)) == -ENOMEM && tap_says("no room"));
	CHECK(load_initrd(MIB(12)) == 0);	/* down to the kernel's end */
	CHECK(load_initrd(MIB(12) + 1) == -ENOMEM);
	/* The kernel's limit counts, whatever it says. */
	img.initrd_max = MIB(24) - 1;
	CHECK(load_initrd(4096) == 0 &&
	      img.hdr.ramdisk_image == MIB(24) - 4096);
	img.initrd_max = 10;
	CHECK(load_initrd(4096) == -ENOMEM);
	CHECK(boot_load_initrd(&mem, "/nonexistent", &img) == -ENOENT &&
	      tap_says("initrd /nonexistent"));
	guest_mem_exit(&mem);
}

static void test_params(void)
{
	static uint8_t buf[BZ_SIZE];
	char cmdline[2049];
	struct boot_params *bp;

	make_bzimage(buf);
	CHECK(guest_mem_init(&mem, GIB(4)) == 0);
	CHECK(load(buf, BZ_SIZE) == 0);
	memset(guest_ptr(&mem, BOOT_PARAMS, 4096), 0xff, 4096);
	CHECK(boot_write_params(&mem, &img, "a=b", ACPI_RSDP) == 0);
	bp = guest_ptr(&mem, BOOT_PARAMS, 4096);
	CHECK(bp->sentinel == 0 && bp->acpi_rsdp_addr == ACPI_RSDP);
	CHECK(bp->hdr.header == 0x53726448 && bp->hdr.boot_flag == 0xaa55);
	CHECK(!strcmp(guest_ptr(&mem, bp->hdr.cmd_line_ptr, 4), "a=b"));
	CHECK(bp->e820_entries == 5);
	CHECK(bp->e820_table[3].addr == MIB(1) &&
	      bp->e820_table[3].size == GIB(3) - MIB(1));
	CHECK(bp->e820_table[4].addr == GIB(4) &&
	      bp->e820_table[4].size == GIB(1));

	memset(cmdline, 'x', 2048);
	cmdline[2048] = 0;
	CHECK(boot_write_params(&mem, &img, cmdline, 0) == -E2BIG);
	cmdline[2047] = 0;
	CHECK(boot_write_params(&mem, &img, cmdline, 0) == 0);
	guest_mem_exit(&mem);
}

static void test_tables(void)
{
	uint64_t *pml4, *pd, *gdt;

	CHECK(guest_mem_init(&mem, MIB(2)) == 0);
	boot_write_tables(&mem, BOOT_LONG);
	gdt = guest_ptr(&mem, BOOT_GDT, 32);
	CHECK(gdt[2] == 0x00af9b000000ffffULL);
	CHECK(gdt[3] == 0x00cf93000000ffffULL);
	pml4 = guest_ptr(&mem, BOOT_PML4, 4096);
	CHECK(pml4[0] == (BOOT_PDPT | 3) && pml4[1] == 0);
	pd = guest_ptr(&mem, BOOT_PD, 4 * 4096);
	CHECK(pd[0] == 0x83 && pd[2047] == (GIB(4) - MIB(2)) + 0x83);
	boot_write_tables(&mem, BOOT_PROTECTED);
	CHECK(gdt[2] == 0x00cf9b000000ffffULL);
	guest_mem_exit(&mem);
}

static void test_memory(void)
{
	CHECK(guest_mem_init(&mem, MIB(1)) == -EINVAL);
	CHECK(guest_mem_init(&mem, MIB(4) + 1) == -EINVAL);
	CHECK(guest_mem_init(&mem, ~0ULL) == -EINVAL);
	CHECK(guest_mem_init(&mem, GIB(5)) == 0);
	CHECK(guest_ptr(&mem, 0, VGA_HOLE_START) != NULL);
	CHECK(guest_ptr(&mem, 0, VGA_HOLE_START + 1) == NULL);
	CHECK(guest_ptr(&mem, VGA_HOLE_START, 1) == NULL);
	CHECK(guest_ptr(&mem, VGA_HOLE_END, 1) != NULL);
	CHECK(guest_ptr(&mem, GIB(3), 1) == NULL);
	CHECK(guest_ptr(&mem, GIB(3) - 1, 2) == NULL);
	CHECK(guest_ptr(&mem, GIB(6) - 1, 1) != NULL);
	CHECK(guest_ptr(&mem, GIB(6) - 1, 2) == NULL);
	CHECK(guest_ptr(&mem, GIB(4), ~0ULL) == NULL);
	CHECK(guest_ptr(&mem, ~0ULL, 2) == NULL);
	/* Large pages need the same offset on both sides. */
	CHECK((uintptr_t)guest_ptr(&mem, GIB(4), 1) % MIB(2) == 0);
	guest_mem_exit(&mem);
}

const struct test boot_tests[] = {
	{ "guest memory: ranges, holes, edges", test_memory },
	{ "bzImage: placed and entered as its header says", test_bzimage },
	{ "bzImage: truncated and hostile ones are refused in words",
	  test_bzimage_bad },
	{ "vmlinux: segments, bss, entry", test_elf },
	{ "vmlinux: truncated and hostile ones are refused in words",
	  test_elf_bad },
	{ "kernels with random headers stay inside the guest", test_random },
	{ "initrd: placed below the limit, above the kernel", test_initrd },
	{ "boot parameters: zeroed, command line, e820", test_params },
	{ "GDT and page tables of the boot protocol", test_tables },
	{ NULL, NULL },
};
