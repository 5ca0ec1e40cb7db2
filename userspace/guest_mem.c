// SPDX-License-Identifier: GPL-2.0
/*
 * Guest RAM as ordinary anonymous memory. Calls libc only; called by the boot
 * code, vm.c (memory slots) and the vCPU's register dump.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "err.h"
#include "guest_mem.h"

static void add_range(struct guest_mem *mem, uint64_t gpa, uint64_t end,
		      uint8_t *hva)
{
	struct guest_range *r = &mem->range[mem->nr];

	if (end <= gpa)
		return;
	r->gpa = gpa;
	r->size = end - gpa;
	r->hva = hva;
	mem->nr++;
}

int guest_mem_init(struct guest_mem *mem, uint64_t size)
{
	uint64_t low = size < PCI_HOLE_START ? size : PCI_HOLE_START;
	uint8_t *base;

	memset(mem, 0, sizeof(*mem));
	if (size < GUEST_MEM_MIN || size > GUEST_MEM_MAX || size & 4095)
		return err_set(EINVAL,
			       "a guest's memory is %u MiB to %u GiB, in whole 4 KiB pages",
			       (unsigned int)(GUEST_MEM_MIN >> 20),
			       (unsigned int)(GUEST_MEM_MAX >> 30));

	/*
	 * Aligned to 2 MiB, so that guest-physical and host-virtual addresses
	 * agree modulo a large page and the hypervisor can map large pages.
	 */
	mem->map_size = size + MIB(2);
	mem->map = mmap(NULL, mem->map_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem->map == MAP_FAILED) {
		mem->map = NULL;
		return err_set(ENOMEM, "cannot map %llu MiB of guest memory: %s",
			       (unsigned long long)(size >> 20),
			       strerror(errno));
	}
	base = (uint8_t *)(((uintptr_t)mem->map + MIB(2) - 1) & ~(MIB(2) - 1));
	/* Only advice: a kernel without THP is as good. */
	madvise(base, size, MADV_HUGEPAGE);

	mem->size = size;
	add_range(mem, 0, VGA_HOLE_START, base);
	add_range(mem, VGA_HOLE_END, low, base + VGA_HOLE_END);
	add_range(mem, PCI_HOLE_END, PCI_HOLE_END + (size - low), base + low);
	return 0;
}

void guest_mem_exit(struct guest_mem *mem)
{
	if (mem->map)
		munmap(mem->map, mem->map_size);
	memset(mem, 0, sizeof(*mem));
}

void *guest_ptr(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	unsigned int i;

	for (i = 0; i < mem->nr; i++) {
		const struct guest_range *r = &mem->range[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size &&
		    len <= r->size - (gpa - r->gpa))
			return (uint8_t *)r->hva + (gpa - r->gpa);
	}
	return NULL;
}

uint64_t guest_low_end(const struct guest_mem *mem)
{
	return mem->size < PCI_HOLE_START ? mem->size : PCI_HOLE_START;
}
