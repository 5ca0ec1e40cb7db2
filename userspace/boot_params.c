// SPDX-License-Identifier: GPL-2.0
/*
 * Ramdisk, command line and boot parameters ("zero page") of the Linux boot
 * protocol. Calls file.c; called by run.c.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "acpi.h"
#include "boot.h"
#include "err.h"
#include "file.h"
#include "guest_mem.h"

#define E820_RAM	1
#define E820_RESERVED	2

_Static_assert(sizeof(struct boot_params) == 4096, "zero page");
_Static_assert(offsetof(struct boot_params, hdr) == 0x1f1, "setup header");
_Static_assert(offsetof(struct boot_params, e820_table) == 0x2d0, "e820");

static int place_initrd(const struct guest_mem *mem, const struct file *f,
			struct boot_image *img, uint64_t *gpa)
{
	uint64_t top = guest_low_end(mem);

	if (!f->size)
		return err_set(EINVAL, "initrd %s: the file is empty", f->path);
	if (f->size >= mem->size)
		return err_set(ENOMEM,
			       "initrd %s: larger than memory: it has %llu KiB, the guest %llu KiB (--memory)",
			       f->path, (unsigned long long)(f->size >> 10),
			       (unsigned long long)(mem->size >> 10));
	if (img->initrd_max < top)
		top = img->initrd_max + 1;
	if (f->size < top)
		*gpa = (top - f->size) & ~4095ULL;
	if (f->size >= top || *gpa < img->end)
		return err_set(ENOMEM,
			       "initrd %s: no room: its %llu KiB do not fit between the kernel, which ends at %llu KiB, and %llu KiB (--memory)",
			       f->path, (unsigned long long)(f->size >> 10),
			       (unsigned long long)(img->end >> 10),
			       (unsigned long long)(top >> 10));
	return 0;
}

int boot_load_initrd(const struct guest_mem *mem, const char *path,
		     struct boot_image *img)
{
	uint64_t gpa = 0;
	struct file f;
	int ret;

	ret = file_open(&f, "initrd", path);
	if (ret)
		return ret;
	ret = place_initrd(mem, &f, img, &gpa);
	if (!ret)
		ret = file_read(&f, 0, guest_ptr(mem, gpa, f.size), f.size);
	if (!ret) {
		img->hdr.ramdisk_image = gpa;
		img->hdr.ramdisk_size = f.size;
	}
	file_close(&f);
	return ret;
}

static void add_e820(struct boot_params *bp, uint64_t start, uint64_t end,
		     uint32_t type)
{
	if (start < end)
		bp->e820_table[bp->e820_entries++] = (struct boot_e820_entry) {
			.addr = start, .size = end - start, .type = type,
		};
}

static void fill_e820(struct boot_params *bp, const struct guest_mem *mem)
{
	uint64_t low = guest_low_end(mem);

	add_e820(bp, 0, BOOT_EBDA, E820_RAM);
	add_e820(bp, BOOT_EBDA, VGA_HOLE_START, E820_RESERVED);
	add_e820(bp, ACPI_AREA, ACPI_AREA_END, E820_RESERVED);
	add_e820(bp, BOOT_HIGH, low, E820_RAM);
	add_e820(bp, PCI_HOLE_END, PCI_HOLE_END + mem->size - low, E820_RAM);
}

int boot_write_params(const struct guest_mem *mem,
		      const struct boot_image *img, const char *cmdline,
		      uint64_t rsdp)
{
	struct boot_params *bp = guest_ptr(mem, BOOT_PARAMS, sizeof(*bp));
	size_t len = strlen(cmdline);
	uint32_t max = img->cmdline_max;

	if (max > BOOT_EBDA - BOOT_CMDLINE - 1)
		max = BOOT_EBDA - BOOT_CMDLINE - 1;
	if (len > max)
		return err_set(E2BIG,
			       "--append: %zu characters, the kernel takes %u",
			       len, max);
	memcpy(guest_ptr(mem, BOOT_CMDLINE, len + 1), cmdline, len + 1);

	memset(bp, 0, sizeof(*bp));
	bp->hdr = img->hdr;
	bp->hdr.cmd_line_ptr = BOOT_CMDLINE;
	bp->acpi_rsdp_addr = rsdp;
	fill_e820(bp, mem);
	return 0;
}
