// SPDX-License-Identifier: GPL-2.0
/*
 * Loading a bzImage (Documentation/arch/x86/boot.rst) or an ELF vmlinux. Calls
 * file.c; called by run.c. No field of a file is trusted.
 */
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "boot.h"
#include "err.h"
#include "file.h"
#include "guest_mem.h"

#define HDR_OFFSET	0x1f1
#define BOOT_FLAG	0xaa55
#define HDR_MAGIC	0x53726448	/* "HdrS" */
#define PROTOCOL_MIN	0x206
#define PROTOCOL_64	0x20c		/* has xloadflags */
#define PROTOCOL_PREF	0x20a		/* has pref_address and init_size */
#define ENTRY_64	0x200
#define LOADER_UNKNOWN	0xff

/* What a vmlinux, which has no header, is known to accept. */
#define VMLINUX_PROTOCOL	0x20f
#define VMLINUX_INITRD_MAX	0x7fffffff
#define VMLINUX_CMDLINE_MAX	2047
#define VMLINUX_MAX_SEGMENTS	64

static unsigned long long ull(uint64_t val)
{
	return val;
}

static int too_big(const struct file *f, uint64_t end,
		   const struct guest_mem *mem)
{
	return err_set(ENOMEM,
		       "%s %s: does not fit: it needs memory up to %llu MiB below 3 GiB, the guest has %llu MiB (--memory)",
		       f->what, f->path, ull((end + MIB(1) - 1) >> 20),
		       ull(mem->size >> 20));
}

/* Read the setup header: as many bytes as it says it has. */
static int read_header(const struct file *f, struct setup_header *hdr)
{
	size_t len = sizeof(*hdr);
	uint8_t jump[2];
	int ret;

	/* The jump at 0x200 leaps over the header: its length. */
	ret = file_read(f, 0x200, jump, sizeof(jump));
	if (ret)
		return ret;
	if (0x202U + jump[1] - HDR_OFFSET < len)
		len = 0x202U + jump[1] - HDR_OFFSET;
	memset(hdr, 0, sizeof(*hdr));
	return file_read(f, HDR_OFFSET, hdr, len);
}

static int check_header(const struct file *f, const struct setup_header *hdr)
{
	if (hdr->version < PROTOCOL_MIN)
		return err_set(ENOEXEC,
			       "kernel %s: boot protocol %u.%02u; 2.06 is the oldest that is supported",
			       f->path, hdr->version >> 8,
			       hdr->version & 0xff);
	if (!(hdr->loadflags & LOADED_HIGH))
		return err_set(ENOEXEC,
			       "kernel %s: a zImage, loaded low; only bzImage is supported",
			       f->path);
	return 0;
}

/* Where the protected-mode part goes, and how much room it needs there. */
static int place_kernel(const struct file *f, const struct guest_mem *mem,
			struct boot_image *img, uint64_t payload)
{
	const struct setup_header *hdr = &img->hdr;
	uint64_t low_end = guest_low_end(mem);
	uint64_t need = payload, align, addr;

	addr = BOOT_HIGH;
	if (hdr->version >= PROTOCOL_PREF) {
		if (hdr->init_size > need)
			need = hdr->init_size;
		if (hdr->pref_address >= BOOT_HIGH &&
		    hdr->pref_address < low_end)
			addr = hdr->pref_address;
	}
	if (hdr->relocatable_kernel && (addr == BOOT_HIGH ||
					need > low_end - addr)) {
		align = hdr->kernel_alignment;
		if (align < 4096 || align & (align - 1) || align > GIB(1))
			return err_set(ENOEXEC,
				       "kernel %s: impossible alignment 0x%llx",
				       f->path, ull(align));
		addr = (BOOT_HIGH + align - 1) & ~(align - 1);
	}
	img->start = addr;
	img->end = addr + need;
	if (img->end > low_end)
		return too_big(f, img->end, mem);
	return 0;
}

static int load_bzimage(const struct guest_mem *mem, const struct file *f,
			struct boot_image *img)
{
	struct setup_header *hdr = &img->hdr;
	uint64_t setup, payload;
	int ret;

	ret = read_header(f, hdr);
	if (!ret)
		ret = check_header(f, hdr);
	if (ret)
		return ret;

	setup = ((hdr->setup_sects ? hdr->setup_sects : 4) + 1) * 512ULL;
	payload = (uint64_t)hdr->syssize * 16;
	if (f->size < setup || f->size - setup < payload)
		return err_set(ENOEXEC,
			       "kernel %s: truncated: it has %llu bytes, its header asks for %llu",
			       f->path, ull(f->size), ull(setup + payload));
	if (payload <= ENTRY_64 + 16)
		return err_set(ENOEXEC, "kernel %s: its header says it is empty",
			       f->path);

	ret = place_kernel(f, mem, img, payload);
	if (ret)
		return ret;
	ret = file_read(f, setup, guest_ptr(mem, img->start, payload),
			payload);
	if (ret)
		return ret;

	img->mode = BOOT_PROTECTED;
	img->entry = img->start;
	if (hdr->version >= PROTOCOL_64 && hdr->xloadflags & XLF_KERNEL_64) {
		img->mode = BOOT_LONG;
		img->entry = img->start + ENTRY_64;
	}
	hdr->type_of_loader = LOADER_UNKNOWN;
	hdr->code32_start = img->start;
	img->initrd_max = hdr->initrd_addr_max;
	img->cmdline_max = hdr->cmdline_size;
	return 0;
}

static int load_segment(const struct guest_mem *mem, const struct file *f,
			const Elf64_Phdr *ph, struct boot_image *img)
{
	uint64_t low_end = guest_low_end(mem);
	uint8_t *dst;
	int ret;

	if (ph->p_filesz > ph->p_memsz)
		return err_set(ENOEXEC,
			       "kernel %s: a segment is larger in the file than in memory",
			       f->path);
	if (ph->p_offset > f->size || ph->p_filesz > f->size - ph->p_offset)
		return err_set(ENOEXEC,
			       "kernel %s: truncated: it has %llu bytes, a segment of %llu starts at %llu",
			       f->path, ull(f->size), ull(ph->p_filesz),
			       ull(ph->p_offset));
	if (ph->p_paddr < BOOT_HIGH)
		return err_set(ENOEXEC,
			       "kernel %s: a segment wants to be at 0x%llx, below 1 MiB",
			       f->path, ull(ph->p_paddr));
	if (ph->p_paddr > low_end || ph->p_memsz > low_end - ph->p_paddr)
		return too_big(f, ph->p_paddr > UINT64_MAX - ph->p_memsz ?
				  UINT64_MAX - MIB(1) :
				  ph->p_paddr + ph->p_memsz, mem);

	dst = guest_ptr(mem, ph->p_paddr, ph->p_memsz);
	ret = file_read(f, ph->p_offset, dst, ph->p_filesz);
	if (ret)
		return ret;
	memset(dst + ph->p_filesz, 0, ph->p_memsz - ph->p_filesz);

	if (img->end == 0 || ph->p_paddr < img->start)
		img->start = ph->p_paddr;
	if (ph->p_paddr + ph->p_memsz > img->end)
		img->end = ph->p_paddr + ph->p_memsz;
	return 0;
}

/* The entry is physical in a vmlinux; a virtual one is translated. */
static bool find_entry(const Elf64_Phdr *ph, uint64_t entry, uint64_t *gpa)
{
	if (entry >= ph->p_paddr && entry - ph->p_paddr < ph->p_memsz) {
		*gpa = entry;
		return true;
	}
	if (entry >= ph->p_vaddr && entry - ph->p_vaddr < ph->p_memsz) {
		*gpa = ph->p_paddr + (entry - ph->p_vaddr);
		return true;
	}
	return false;
}

static int check_elf(const struct file *f, const Elf64_Ehdr *eh)
{
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
		return err_set(ENOEXEC,
			       "kernel %s: an ELF file, but not of a 64-bit x86 kernel",
			       f->path);
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return err_set(ENOEXEC,
			       "kernel %s: an ELF file, but not an executable",
			       f->path);
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum ||
	    eh->e_phnum > VMLINUX_MAX_SEGMENTS)
		return err_set(ENOEXEC,
			       "kernel %s: an ELF file with unusable program headers",
			       f->path);
	return 0;
}

static int load_elf(const struct guest_mem *mem, const struct file *f,
		    struct boot_image *img)
{
	Elf64_Phdr ph[VMLINUX_MAX_SEGMENTS];
	bool have_entry = false;
	Elf64_Ehdr eh;
	unsigned int i;
	int ret;

	ret = file_read(f, 0, &eh, sizeof(eh));
	if (!ret)
		ret = check_elf(f, &eh);
	if (ret)
		return ret;
	if (eh.e_phoff > f->size ||
	    eh.e_phnum * sizeof(ph[0]) > f->size - eh.e_phoff)
		return err_set(ENOEXEC,
			       "kernel %s: truncated: its program headers are missing",
			       f->path);
	ret = file_read(f, eh.e_phoff, ph, eh.e_phnum * sizeof(ph[0]));
	if (ret)
		return ret;

	for (i = 0; i < eh.e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD || !ph[i].p_memsz)
			continue;
		ret = load_segment(mem, f, &ph[i], img);
		if (ret)
			return ret;
		if (!have_entry)
			have_entry = find_entry(&ph[i], eh.e_entry,
						&img->entry);
	}
	if (!have_entry)
		return err_set(ENOEXEC,
			       "kernel %s: its entry point 0x%llx is in none of its segments",
			       f->path, ull(eh.e_entry));

	img->mode = BOOT_LONG;
	img->initrd_max = VMLINUX_INITRD_MAX;
	img->cmdline_max = VMLINUX_CMDLINE_MAX;
	img->hdr = (struct setup_header) {
		.boot_flag = BOOT_FLAG,
		.header = HDR_MAGIC,
		.version = VMLINUX_PROTOCOL,
		.type_of_loader = LOADER_UNKNOWN,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = VMLINUX_INITRD_MAX,
		.cmdline_size = VMLINUX_CMDLINE_MAX,
		.kernel_alignment = MIB(2),
		.xloadflags = XLF_KERNEL_64,
		.pref_address = img->start,
		.init_size = img->end - img->start,
	};
	return 0;
}

static int load_any(const struct guest_mem *mem, const struct file *f,
		    struct boot_image *img)
{
	uint8_t magic[4];
	uint32_t hdr_magic = 0;
	uint16_t boot_flag = 0;

	if (!f->size)
		return err_set(ENOEXEC, "kernel %s: the file is empty",
			       f->path);
	if (f->size >= sizeof(magic) && !file_read(f, 0, magic, 4) &&
	    !memcmp(magic, ELFMAG, SELFMAG))
		return load_elf(mem, f, img);
	if (f->size >= 0x206 && !file_read(f, 0x1fe, &boot_flag, 2) &&
	    !file_read(f, 0x202, &hdr_magic, 4) &&
	    boot_flag == BOOT_FLAG && hdr_magic == HDR_MAGIC)
		return load_bzimage(mem, f, img);
	return err_set(ENOEXEC,
		       "kernel %s: not a kernel: neither a bzImage nor an ELF vmlinux",
		       f->path);
}

int boot_load_kernel(const struct guest_mem *mem, const char *path,
		     struct boot_image *img)
{
	struct file f;
	int ret;

	memset(img, 0, sizeof(*img));
	ret = file_open(&f, "kernel", path);
	if (ret)
		return ret;
	ret = load_any(mem, &f, img);
	file_close(&f);
	return ret;
}

int boot_load_raw(const struct guest_mem *mem, const char *path,
		  struct boot_image *img)
{
	uint64_t max = VGA_HOLE_START - BOOT_RAW;
	struct file f;
	int ret;

	memset(img, 0, sizeof(*img));
	img->mode = BOOT_REAL;
	img->entry = BOOT_RAW;
	ret = file_open(&f, "raw binary", path);
	if (ret)
		return ret;
	if (!f.size || f.size > max)
		ret = err_set(ENOEXEC,
			      "raw binary %s: it has %llu bytes; 1 to %llu are possible",
			      path, ull(f.size), ull(max));
	else
		ret = file_read(&f, 0, guest_ptr(mem, BOOT_RAW, f.size),
				f.size);
	file_close(&f);
	return ret;
}
