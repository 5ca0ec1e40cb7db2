// SPDX-License-Identifier: GPL-2.0
/*
 * The boot processor's state at the first instruction. Calls the vCPU's
 * ioctls; called by run.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "boot.h"
#include "err.h"
#include "guest_mem.h"
#include "vcpu.h"

/* SDM vol. 3, 2.5 and 2.2.1 */
#define CR0_PE		(1ULL << 0)
#define CR0_MP		(1ULL << 1)
#define CR0_ET		(1ULL << 4)
#define CR0_NE		(1ULL << 5)
#define CR0_WP		(1ULL << 16)
#define CR0_PG		(1ULL << 31)
#define CR4_PAE		(1ULL << 5)
#define EFER_LME	(1ULL << 8)
#define EFER_LMA	(1ULL << 10)

#define PTE_PRESENT	(1ULL << 0)
#define PTE_WRITE	(1ULL << 1)
#define PTE_LARGE	(1ULL << 7)

/* The boot protocol's selectors: __BOOT_CS and __BOOT_DS */
#define BOOT_CS		0x10
#define BOOT_DS		0x18

#define SEG_CODE	0xb	/* execute, read, accessed */
#define SEG_DATA	0x3	/* read, write, accessed */
#define SEG_TSS_BUSY	0xb

#define RFLAGS_FIXED	2	/* bit 1 is always 1; IF is clear */

/* A flat descriptor: base 0, limit 4 GiB. SDM vol. 3, 3.4.5 */
static uint64_t flat_descriptor(unsigned int type, bool l)
{
	uint64_t db = !l;

	return 0x000f00000000ffffULL |		/* limit */
	       (uint64_t)type << 40 |
	       1ULL << 44 |			/* S: code or data */
	       1ULL << 47 |			/* present */
	       (uint64_t)l << 53 | db << 54 |
	       1ULL << 55;			/* limit in pages */
}

void boot_write_tables(const struct guest_mem *mem, enum boot_mode mode)
{
	uint64_t *gdt = guest_ptr(mem, BOOT_GDT, 4096);
	uint64_t *pml4 = guest_ptr(mem, BOOT_PML4, 4096);
	uint64_t *pdpt = guest_ptr(mem, BOOT_PDPT, 4096);
	uint64_t *pd = guest_ptr(mem, BOOT_PD, 4 * 4096);
	uint64_t i;

	gdt[BOOT_CS / 8] = flat_descriptor(SEG_CODE, mode == BOOT_LONG);
	gdt[BOOT_DS / 8] = flat_descriptor(SEG_DATA, false);
	pml4[0] = BOOT_PDPT | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4; i++)
		pdpt[i] = (BOOT_PD + i * 4096) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = i * MIB(2) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool l)
{
	return (struct kvm_segment) {
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.l = l,
		.db = !l,
		.g = 1,
	};
}

static void set_linux_sregs(struct kvm_sregs *s, bool long_mode)
{
	struct kvm_segment data = flat_segment(BOOT_DS, SEG_DATA, false);

	s->cs = flat_segment(BOOT_CS, SEG_CODE, long_mode);
	s->ds = data;
	s->es = data;
	s->fs = data;
	s->gs = data;
	s->ss = data;
	s->tr = (struct kvm_segment) {
		.limit = 0x67, .type = SEG_TSS_BUSY, .present = 1,
	};
	s->gdt.base = BOOT_GDT;
	s->gdt.limit = 4 * 8 - 1;
	s->idt.base = 0;
	s->idt.limit = 0;
	s->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP;
	s->cr4 = 0;
	s->efer = 0;
	if (long_mode) {
		s->cr3 = BOOT_PML4;
		s->cr4 = CR4_PAE;
		s->efer = EFER_LME | EFER_LMA;
		s->cr0 |= CR0_PG;
	}
}

static void set_real_sregs(struct kvm_sregs *s)
{
	/* As after reset, but for CS: base 0 instead of the reset vector. */
	s->cs.selector = 0;
	s->cs.base = 0;
}

int boot_set_cpu(struct vcpu *vcpu, const struct boot_image *img)
{
	struct kvm_regs regs = {
		.rip = img->entry,
		.rflags = RFLAGS_FIXED,
	};
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return err_set(errno, "KVM_GET_SREGS: %s", strerror(errno));
	if (img->mode == BOOT_REAL) {
		set_real_sregs(&sregs);
		regs.rsp = BOOT_RAW;
	} else {
		set_linux_sregs(&sregs, img->mode == BOOT_LONG);
		regs.rsi = BOOT_PARAMS;
		regs.rsp = BOOT_STACK;
	}
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs))
		return err_set(errno, "KVM_SET_SREGS: %s", strerror(errno));
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return err_set(errno, "KVM_SET_REGS: %s", strerror(errno));
	return 0;
}
