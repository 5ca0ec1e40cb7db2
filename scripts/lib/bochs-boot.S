/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Boot sector of the emulated host's disk in Bochs, which has no way to be
 * handed a kernel. Reads the pieces that scripts/lib/bochs.py laid out on the
 * disk to where they belong, enters long mode with everything below 4 GiB
 * mapped to itself, and jumps to the kernel as the 64-bit boot protocol asks
 * (Documentation/x86/boot.rst). Assembled by bochs.py.
 */

#define TABLE		0x7e00		/* disk sector 1: the load table */
#define TABLE_ENTRY	(TABLE + 496)	/* the kernel's entry point */
#define TABLE_PARAMS	(TABLE + 504)	/* boot_params */
#define TABLE_CR3	(TABLE + 508)	/* page tables */

#define ATA		0x1f0
#define ATA_COUNT	0x1f2
#define ATA_STATUS	0x1f7
#define ATA_CONTROL	0x3f6

	.code16
	.globl	_start
_start:
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	/* a second one of these in the output is a reboot */
	movw	$mark, %si
1:	lodsb
	outb	%al, $0xe9
	cmpb	$'\n', %al
	jne	1b
	inb	$0x92, %al		/* address line 20 on */
	orb	$2, %al
	outb	%al, $0x92
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmp	$0x08, $protected

	.code32
protected:
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$0x7c00, %esp
	movl	$ATA_CONTROL, %edx	/* no interrupts from the disk */
	movb	$2, %al
	outb	%al, %dx

	movl	$1, %ebx
	movl	$1, %ebp
	movl	$TABLE, %edi
	call	read
	movl	$TABLE, %esi
next:
	movl	(%esi), %ebx
	movl	4(%esi), %ebp
	movl	8(%esi), %edi
	addl	$12, %esi
	testl	%ebp, %ebp
	jz	long_mode
	call	read
	jmp	next

/* read %ebp sectors from sector %ebx on to %edi */
read:
	testl	%ebp, %ebp
	jz	4f
	movl	$256, %ecx
	cmpl	%ecx, %ebp
	cmovbl	%ebp, %ecx
	movl	$ATA_COUNT, %edx
	movb	%cl, %al		/* 0 stands for 256 */
	outb	%al, %dx
	movl	%ebx, %eax
	incl	%edx
	outb	%al, %dx
	shrl	$8, %eax
	incl	%edx
	outb	%al, %dx
	shrl	$8, %eax
	incl	%edx
	outb	%al, %dx
	shrl	$8, %eax
	andb	$0x0f, %al
	orb	$0xe0, %al
	incl	%edx
	outb	%al, %dx
	incl	%edx
	movb	$0x20, %al		/* READ SECTORS */
	outb	%al, %dx
	addl	%ecx, %ebx
	subl	%ecx, %ebp
2:	movl	$ATA_STATUS, %edx
3:	inb	%dx, %al
	andb	$0x88, %al		/* not BSY, DRQ */
	cmpb	$0x08, %al
	jne	3b
	pushl	%ecx
	movl	$ATA, %edx
	movl	$256, %ecx
	rep insw
	popl	%ecx
	loop	2b
	jmp	read
4:	ret

long_mode:
	movl	%cr4, %eax
	orl	$0x20, %eax		/* PAE */
	movl	%eax, %cr4
	movl	TABLE_CR3, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx	/* EFER */
	rdmsr
	orl	$0x100, %eax		/* LME */
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	ljmp	$0x10, $1f
	.code64
1:	movl	TABLE_PARAMS, %esi
	jmp	*TABLE_ENTRY

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad	0x00af9b000000ffff	/* 0x10: 64-bit code */
	.quad	0x00cf93000000ffff	/* 0x18: data */
gdt_pointer:
	.word	31
	.long	gdt
mark:	.ascii	"DUET-BOOT\n"

	.org	510
	.word	0xaa55
