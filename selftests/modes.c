// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: real mode, protected mode (16 and 32-bit), 32-bit and PAE paging, long
 * mode with compatibility mode, and virtual-8086 mode work, entered by
 * KVM_SET_SREGS or by the guest itself, and the state that user space reads
 * says which one it is. Guest code is asm, copied to guest-physical 0x1000.
 */
#include "guest.h"
#include "tap.h"

#define CODE		0x1000
#define PSE_DIR		0x20000
#define PSE_TABLE	0x21000
#define PAE_PDPT	0x22000
#define PAE_DIR		0x23000
#define PAE_TABLE	0x24000
#define PML4		0x25000
#define PDPT		0x26000
#define DATA_A		0x30000
#define DATA_B		0x31000

#define PORT_STAGE	0x90
#define PORT_VALUE	0x91

/* Addresses of labels after the copy. */
#define AT(l)	"(" #l " - journey + 0x1000)"
#define STAGE(n)	"	movb $" #n ", %al; outb %al, $0x90\n"
/* What VA 0x400000 has, as the paging of the moment sees it. */
#define VALUE		"	movb 0x400000, %al; outb %al, $0x91\n"
/* 5 in 64-bit code, where 0x48 is a prefix, and 4 elsewhere (DEC). */
#define WIDTH		"	movl $5, %eax; .byte 0x48; nop; outb %al, $0x91\n"

extern const char journey[], journey_end[];
asm(".pushsection .rodata\n"
    ".code16\n"
    "journey:\n"
    STAGE(0x11)
    "	cli\n"
    "	lgdtl " AT(j_gdtr) "\n"
    "	movl %cr0, %eax; orb $1, %al; movl %eax, %cr0\n"
    "	ljmp $0x18, $" AT(j_prot16) "\n"
    "j_prot16:\n"
    "	movw $0x20, %ax; movw %ax, %ds; movw %ax, %ss; movw %ax, %es\n"
    STAGE(0x12)
    "	ljmpl $0x08, $" AT(j_prot32) "\n"
    ".code32\n"
    "j_prot32:\n"
    "	movw $0x10, %ax; movw %ax, %ds; movw %ax, %ss; movw %ax, %es\n"
    "	movl $0x8000, %esp\n"
    /* no 16-bit TSS may be in TR when long mode is entered */
    "	movw $0x30, %ax; ltr %ax\n"
    STAGE(0x13) WIDTH
    /* 32-bit paging, a 4 MiB page and a 4 KiB page */
    "	movl %cr4, %eax; orb $0x10, %al; movl %eax, %cr4\n"
    "	movl $0x20000, %eax; movl %eax, %cr3\n"
    "	movl %cr0, %eax; orl $0x80000000, %eax; movl %eax, %cr0\n"
    "	jmp 1f\n1:"
    STAGE(0x14) VALUE
    /* PAE */
    "	movl %cr0, %eax; andl $0x7fffffff, %eax; movl %eax, %cr0\n"
    "	movl %cr4, %eax; orb $0x20, %al; movl %eax, %cr4\n"
    "	movl $0x22000, %eax; movl %eax, %cr3\n"
    "	movl %cr0, %eax; orl $0x80000000, %eax; movl %eax, %cr0\n"
    "	jmp 1f\n1:"
    STAGE(0x15) VALUE
    /* long mode, first its compatibility mode */
    "	movl %cr0, %eax; andl $0x7fffffff, %eax; movl %eax, %cr0\n"
    "	movl $0xc0000080, %ecx; rdmsr; orl $0x100, %eax; wrmsr\n"
    "	movl $0x25000, %eax; movl %eax, %cr3\n"
    "	movl %cr0, %eax; orl $0x80000000, %eax; movl %eax, %cr0\n"
    "	jmp 1f\n1:"
    STAGE(0x16) VALUE WIDTH
    "	ljmp $0x28, $" AT(j_long) "\n"
    ".code64\n"
    "j_long:\n"
    STAGE(0x17) VALUE WIDTH
    "	movabsq $0x8000000000, %r8\n"
    "	movb 0x400000(%r8), %al; outb %al, $0x91\n"	/* PML4 entry 1 */
    "	movl $0x8000, %esp\n"
    "	pushq $0x08; pushq $" AT(j_compat) "; lretq\n"
    ".code32\n"
    "j_compat:\n"
    STAGE(0x18) WIDTH
    "	movl %cr0, %eax; andl $0x7fffffff, %eax; movl %eax, %cr0\n"
    "	jmp 1f\n1:"
    STAGE(0x19)
    "	movl $0xc0000080, %ecx; rdmsr; andl $~0x100, %eax; wrmsr\n"
    "	xorl %eax, %eax; movl %eax, %cr4\n"
    "	ljmp $0x18, $" AT(j_back16) "\n"
    ".code16\n"
    "j_back16:\n"
    "	movw $0x20, %ax; movw %ax, %ds; movw %ax, %ss; movw %ax, %es\n"
    "	movl %cr0, %eax; andb $0xfe, %al; movl %eax, %cr0\n"
    "	ljmp $0, $" AT(j_real) "\n"
    "j_real:\n"
    "	xorw %ax, %ax; movw %ax, %ds; movw %ax, %ss; movw $0x7000, %sp\n"
    "	lidtl " AT(j_idtr) "\n"
    STAGE(0x1a)
    /* a software interrupt through the vector table, and back */
    "	movw $" AT(j_int) ", 0x100; movw $0, 0x102\n"
    "	pushw %ax; popw %ax\n"		/* maps the stack: exceptions.c */
    "	int $0x40\n"
    STAGE(0x1c)
    "	hlt\n"
    "j_int:\n"
    STAGE(0x1b)
    "	iretw\n"
    "	.balign 8\n"
    "j_gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff\n"
    "	.quad 0x00009b000000ffff, 0x000093000000ffff, 0x00af9b000000ffff\n"
    "	.quad 0x0000890120000067\n"		/* TSS at 0x12000 */
    "j_gdtr: .word 55; .long " AT(j_gdt) "\n"
    "j_idtr: .word 0x3ff; .long 0\n"
    "journey_end:\n"
    ".code64\n"
    ".popsection");

static void tables(struct vm *vm)
{
	uint32_t *dir = (uint32_t *)(vm->low + PSE_DIR);
	uint32_t *table = (uint32_t *)(vm->low + PSE_TABLE);
	uint64_t *p;

	dir[0] = 0x87;			/* 4 MiB, present, write, user */
	dir[1] = PSE_TABLE | 7;
	table[0] = DATA_A | 7;
	p = (uint64_t *)(vm->low + PAE_PDPT);
	p[0] = PAE_DIR | 1;
	p = (uint64_t *)(vm->low + PAE_DIR);
	p[0] = 0x87;			/* 2 MiB */
	p[2] = PAE_TABLE | 7;
	p = (uint64_t *)(vm->low + PAE_TABLE);
	p[0] = DATA_B | 7;
	p = (uint64_t *)(vm->low + PML4);
	p[0] = p[1] = PDPT | 7;
	p = (uint64_t *)(vm->low + PDPT);
	p[0] = PAE_DIR | 7;
	vm->low[DATA_A] = 0x41;
	vm->low[DATA_B] = 0x42;
}

static void expect_out(struct vcpu *v, uint16_t port, uint8_t value)
{
	vcpu_expect(v, KVM_EXIT_IO);
	REQUIRE_EQ(v->run->io.port, port, "value %#x", value);
	REQUIRE_EQ(*((uint8_t *)v->run + v->run->io.data_offset), value);
}

/* At a stage: which mode does user space see? */
static void expect_mode(struct vcpu *v, uint8_t stage, bool pe, bool pg,
			bool lma, unsigned int bits)
{
	struct kvm_sregs s;

	expect_out(v, PORT_STAGE, stage);
	sregs_get(v, &s);
	REQUIRE_EQ(!!(s.cr0 & CR0_PE), pe, "stage %#x", stage);
	REQUIRE_EQ(!!(s.cr0 & CR0_PG), pg, "stage %#x", stage);
	REQUIRE_EQ(!!(s.efer & EFER_LMA), lma, "stage %#x", stage);
	REQUIRE_EQ(s.cs.l, bits == 64, "stage %#x", stage);
	REQUIRE_EQ(s.cs.db, bits == 32, "stage %#x", stage);
}

static void guest_switches(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	struct kvm_sregs s;

	low_copy(vm, CODE, journey, journey_end);
	tables(vm);
	vcpu_start_real(v, 0, CODE);
	expect_mode(v, 0x11, false, false, false, 16);
	expect_mode(v, 0x12, true, false, false, 16);
	expect_mode(v, 0x13, true, false, false, 32);
	expect_out(v, PORT_VALUE, 4);
	expect_mode(v, 0x14, true, true, false, 32);
	expect_out(v, PORT_VALUE, 0x41);
	expect_mode(v, 0x15, true, true, false, 32);
	expect_out(v, PORT_VALUE, 0x42);
	expect_mode(v, 0x16, true, true, true, 32);
	expect_out(v, PORT_VALUE, 0x42);
	expect_out(v, PORT_VALUE, 4);
	expect_mode(v, 0x17, true, true, true, 64);
	expect_out(v, PORT_VALUE, 0x42);
	expect_out(v, PORT_VALUE, 5);
	expect_out(v, PORT_VALUE, 0x42);
	expect_mode(v, 0x18, true, true, true, 32);
	expect_out(v, PORT_VALUE, 4);
	expect_mode(v, 0x19, true, false, false, 32);
	expect_mode(v, 0x1a, false, false, false, 16);
	sregs_get(v, &s);
	REQUIRE_EQ(s.cs.base, 0);
	REQUIRE_EQ(s.efer & EFER_LME, 0);
	expect_out(v, PORT_STAGE, 0x1b);
	expect_out(v, PORT_STAGE, 0x1c);
	vcpu_expect(v, KVM_EXIT_HLT);
}

/* Accessed and dirty bits that the processor writes into guest tables. */
static void accessed_dirty(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	unsigned int i;

	low_copy(vm, CODE, journey, journey_end);
	tables(vm);
	vcpu_start_real(v, 0, CODE);
	for (i = 0; i < 16; i++)
		if (vcpu_run(v) == KVM_EXIT_HLT)
			break;
	REQUIRE_EQ(vm->low[PSE_TABLE] & 0x60, 0x20, "read only");
	REQUIRE_EQ(vm->low[PSE_DIR + 4] & 0x20, 0x20);
	REQUIRE_EQ(vm->low[PAE_TABLE] & 0x60, 0x20);
	REQUIRE_EQ(vm->low[PML4] & 0x20, 0x20);
	REQUIRE_EQ(vm->low[PDPT] & 0x20, 0x20);
}

extern const char width_code[], width_code_end[];
asm(".pushsection .rodata\n"
    "width_code:\n"
    /* the same bytes for all three widths: imm is AL only */
    "	.byte 0xb0, 5\n"	/* mov $5, %al */
    "	.byte 0x48, 0x90\n"	/* dec %eax/%ax; nop, or rex.w nop */
    "	.byte 0xe6, 0x91\n"	/* out %al, $0x91 */
    "	.byte 0xb8, 1, 0\n"	/* mov $1, %ax, or a part of 32 bits */
    "	.byte 0xe6, 0x92\n"
    "	.byte 0xf4, 0xf4\n"
    "width_code_end:\n"
    ".popsection");

static void sregs_modes(void)
{
	static const struct { bool pae, lma, l, db; uint8_t width; } modes[] = {
		{ true, true, true, false, 5 },
		{ true, true, false, true, 4 },
		{ true, true, false, false, 4 },
		{ true, false, false, true, 4 },
		{ true, false, false, false, 4 },
		{ false, false, false, true, 4 },
		{ false, false, false, false, 4 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		struct vm *vm = vm_create(0);
		struct vcpu *v = vcpu_create(vm, 0);
		struct kvm_sregs s;

		low_copy(vm, CODE, width_code, width_code_end);
		tables(vm);
		vcpu_start_prot32(v, CODE, 0x8000);
		sregs_get(v, &s);
		s.cr0 |= CR0_PG;
		s.cr4 = modes[i].pae ? CR4_PAE : 0x10;
		s.cr3 = modes[i].lma ? PML4 : modes[i].pae ? PAE_PDPT : PSE_DIR;
		s.efer = modes[i].lma ? EFER_LME | EFER_LMA : 0;
		s.cs.l = modes[i].l;
		s.cs.db = modes[i].db;
		sregs_set(v, &s);
		expect_out(v, PORT_VALUE, modes[i].width);
		vm_destroy(vm, v);
	}
}

/* Real mode: #DE through the vector table, segments, far calls. */
extern const char real_code[], real_code_end[];
#define RAT(l)	"(" #l " - real_code + 0x1000)"
asm(".pushsection .rodata\n"
    ".code16\n"
    "real_code:\n"
    "	movw $" RAT(r_de) ", 0; movw $0, 2\n"
    "	movw $" RAT(r_ud) ", 24; movw $0, 26\n"
    "	xorw %dx, %dx; xorw %cx, %cx\n"
    "r_div:	divw %cx\n"
    STAGE(0x22)
    "	ud2\n"
    STAGE(0x24)
    "	lcall $0x100, $" RAT(r_far) " - 0x1000\n"
    STAGE(0x26)
    "	movw $0x3000, %ax; movw %ax, %fs\n"
    "	movb %fs:0, %al; outb %al, $0x91\n"
    "	pushl $0x12345678; popw %ax; outb %al, $0x91; popw %ax\n"
    "	outb %al, $0x91\n"
    "	hlt\n"
    "r_de:	movw %sp, %bp; addw $2, (%bp)\n"	/* over the DIV */
    STAGE(0x21)
    "	iretw\n"
    "r_ud:	movw %sp, %bp; addw $2, (%bp)\n"
    STAGE(0x23)
    "	iretw\n"
    "r_far:\n"
    STAGE(0x25)
    "	lretw\n"
    "real_code_end:\n"
    ".code64\n"
    ".popsection");

static void real_mode(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);

	low_copy(vm, CODE, real_code, real_code_end);
	vm->low[DATA_A] = 0x99;
	vcpu_start_real(v, 0, CODE);
	expect_out(v, PORT_STAGE, 0x21);
	expect_out(v, PORT_STAGE, 0x22);
	expect_out(v, PORT_STAGE, 0x23);
	expect_out(v, PORT_STAGE, 0x24);
	expect_out(v, PORT_STAGE, 0x25);
	expect_out(v, PORT_STAGE, 0x26);
	expect_out(v, PORT_VALUE, 0x99);
	expect_out(v, PORT_VALUE, 0x78);
	expect_out(v, PORT_VALUE, 0x34);
	vcpu_expect(v, KVM_EXIT_HLT);
}

/* 32-bit: #DE and #GP with its error code through 32-bit gates; V86. */
extern const char prot_code[], prot_code_end[];
#define PAT(l)	"(" #l " - prot_code + 0x1000)"
asm(".pushsection .rodata\n"
    ".code32\n"
    "prot_code:\n"
    "	lidtl " PAT(p_idtr) "\n"
    "	lgdtl " PAT(p_gdtr) "\n"
    "	movw $0x20, %ax; ltr %ax\n"
    "	xorl %edx, %edx; xorl %ecx, %ecx\n"
    "	divl %ecx\n"
    STAGE(0x32)
    "	movw $0x78, %ax; movw %ax, %es\n"	/* beyond the GDT's limit */
    STAGE(0x34)
    /* to virtual-8086 mode: CS 0x500, IP 0 is linear 0x5000 */
    "	movl $0x9000, %esp\n"
    "	pushl $0x600; pushl $0x600; pushl $0x600; pushl $0x600\n"
    "	pushl $0x600; pushl $0x100\n"			/* SS, ESP */
    "	pushl $0x20002; pushl $0x500; pushl $0\n"	/* VM */
    "	iretl\n"
    "p_de:	addl $2, (%esp)\n"
    STAGE(0x31)
    "	iretl\n"
    "p_gp:	testl $0x20000, 12(%esp)\n"
    "	jnz p_v86\n"
    "	movb (%esp), %al; outb %al, $0x91\n"
    "	addl $4, %esp; addl $2, (%esp)\n"
    STAGE(0x33)
    "	iretl\n"
    "p_v86:\n"
    STAGE(0x35)
    "	movb %bl, %al; outb %al, $0x91\n"	/* from V86 code */
    "	movl 4(%esp), %eax; outb %al, $0x91\n"	/* its IP */
    "	hlt\n"
    "	.balign 8\n"
    "p_idt:	.fill 8 * 14, 1, 0\n"
    "p_idtr: .word 8 * 14 - 1; .long " PAT(p_idt) "\n"
    "p_gdt:	.quad 0, 0, 0x00cf93000000ffff, 0x00cf9b000000ffff\n"
    "	.quad 0x0000890120000067\n"		/* TSS at 0x12000 */
    "p_gdtr: .word 39; .long " PAT(p_gdt) "\n"
    "prot_code_end:\n"
    ".code16\n"
    "v86_code:\n"
    "	movw %cs, %ax\n"
    "	movb $0x55, %ss:(0x10)\n"
    "	movb %ds:(0x10), %bl\n"
    "	addb %ah, %bl\n"
    "	hlt\n"				/* privileged: #GP */
    "v86_code_end:\n"
    ".code64\n"
    ".popsection");
extern const char p_idt[], p_de[], p_gp[], v86_code[], v86_code_end[];

static void gate32(struct vm *vm, unsigned int vec, const char *label)
{
	uint8_t *p = vm->low + CODE + (p_idt - prot_code) + 8 * vec;
	uint32_t at = CODE + (label - prot_code);
	uint64_t gate = (at & 0xffff) | 0x18ull << 16 | 0x8eull << 40 |
			(uint64_t)(at >> 16) << 48;

	memcpy(p, &gate, 8);
}

static void prot32(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	struct kvm_regs r;

	low_copy(vm, CODE, prot_code, prot_code_end);
	low_copy(vm, 0x5000, v86_code, v86_code_end);
	gate32(vm, 0, p_de);
	gate32(vm, 13, p_gp);
	*(uint32_t *)(vm->low + 0x12004) = 0xa000;	/* ESP0 */
	*(uint32_t *)(vm->low + 0x12008) = 0x10;	/* SS0 */
	vcpu_start_prot32(v, CODE, 0x8000);
	expect_out(v, PORT_STAGE, 0x31);
	expect_out(v, PORT_STAGE, 0x32);
	expect_out(v, PORT_VALUE, 0x78);
	expect_out(v, PORT_STAGE, 0x33);
	expect_out(v, PORT_STAGE, 0x34);
	expect_out(v, PORT_STAGE, 0x35);
	expect_out(v, PORT_VALUE, 0x5a);
	expect_out(v, PORT_VALUE, v86_code_end - v86_code - 1);
	regs_get(v, &r);
	REQUIRE_EQ(r.rflags & 0x20000, 0);
	vcpu_expect(v, KVM_EXIT_HLT);
}

/* A big real mode: limits beyond 64 KiB survive CR0.PE going off. */
extern const char unreal[], unreal_end[];
asm(".pushsection .rodata\n"
    ".code16\n"
    "unreal:\n"
    "	lgdtl (u_gdtr - unreal + 0x1000)\n"
    "	movl %cr0, %eax; orb $1, %al; movl %eax, %cr0\n"
    "	movw $8, %bx; movw %bx, %ds\n"
    "	andb $0xfe, %al; movl %eax, %cr0\n"
    "	movl $0x90000, %ebx\n"
    "	movb (%ebx), %al; outb %al, $0x91\n"
    "	hlt\n"
    "	.balign 8\n"
    "u_gdt:	.quad 0, 0x008f93000000ffff\n"
    "u_gdtr: .word 15; .long (u_gdt - unreal + 0x1000)\n"
    "unreal_end:\n"
    ".code64\n"
    ".popsection");

static void unreal_mode(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);

	low_copy(vm, CODE, unreal, unreal_end);
	vm->low[0x90000] = 0x6b;
	vcpu_start_real(v, 0, CODE);
	expect_out(v, PORT_VALUE, 0x6b);
	vcpu_expect(v, KVM_EXIT_HLT);
}

/* The first instruction after reset is at 0xfffffff0. */
static void reset_vector(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0);
	uint8_t *rom = mem_alloc(PAGE, PAGE);

	memcpy(rom + 0xff0, "\xb0\x5f\xe6\x91\xf4", 5);	/* mov, out, hlt */
	slot_set(vm, SLOT_FREE, KVM_MEM_READONLY, 0xfffff000, PAGE, rom);
	expect_out(v, PORT_VALUE, 0x5f);
	vcpu_expect(v, KVM_EXIT_HLT);
}

static volatile bool strict;

/* Leaving long mode the wrong way is #GP, and so is entering it. */
static void guest_wrong(void)
{
	int vec;

	vec = guest_try("movq %%cr0, %%rax; btrq $31, %%rax; movq %%rax, %%cr0",
			"r" (0));
	GUEST_EQ(vec, VEC_GP);		/* in 64-bit code */
	vec = guest_try("movq %%cr4, %%rax; btrq $5, %%rax; movq %%rax, %%cr4",
			"r" (0));
	GUEST_EQ(vec, VEC_GP);		/* CR4.PAE with LMA */
	GUEST_EQ(guest_wrmsr(MSR_EFER, EFER_LMA | EFER_SCE), VEC_GP);
	vec = guest_try("movq %%cr0, %%rax; btrq $0, %%rax; movq %%rax, %%cr0",
			"r" (0));
	GUEST_EQ(vec, VEC_GP);		/* PG without PE */
	vec = guest_try("movq %%cr0, %%rax; btsq $29, %%rax; movq %%rax, %%cr0",
			"r" (0));
	GUEST_EQ(vec, VEC_GP);		/* NW without CD */
	vec = guest_try("movq %%cr0, %%rax; btsq $40, %%rax; movq %%rax, %%cr0",
			"r" (0));
	if (strict)	/* KVM's emulator drops the upper half */
		GUEST_EQ(vec, VEC_GP);
	vec = guest_try("movq %%cr4, %%rax; btsq $40, %%rax; movq %%rax, %%cr4",
			"r" (0));
	if (strict)
		GUEST_EQ(vec, VEC_GP);
	vec = guest_try("movq %%cr4, %%rax; btsq $31, %%rax; movq %%rax, %%cr4",
			"r" (0));
	GUEST_EQ(vec, VEC_GP);
	/* CR3 and CR8 are left out: QEMU's TCG takes any value, no #GP. */
	guest_done();
}

static void wrong_switches(void)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0);

	strict = device_is_duet();
	vcpu_start(v, guest_wrong);
	expect_done(v);
}

static const struct test tests[] = {
	{ "real, protected, paged, PAE, long mode and back, by the guest",
	  guest_switches },
	{ "accessed bits in all kinds of guest page tables", accessed_dirty },
	{ "each mode entered by SET_SREGS decodes at its width", sregs_modes },
	{ "real mode: exceptions, segments, far calls", real_mode },
	{ "32-bit gates, error codes, virtual-8086 mode", prot32 },
	{ "segment limits survive the way back to real mode", unreal_mode },
	{ "a new vCPU starts at the reset vector", reset_vector },
	{ "control register values that are not allowed are #GP",
	  wrong_switches },
};

int main(void)
{
	return tap_main(tests, ARRAY_SIZE(tests), 10);
}
