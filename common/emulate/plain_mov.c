// SPDX-License-Identifier: GPL-2.0
/*
 * The moves that drivers reach devices with, decoded in a few instructions for
 * the fast path of MMIO. What is refused here goes to the emulator proper; what
 * is taken has to mean the same there (selftests/emulate). Calls nothing.
 */
#include "emulate.h"

#define REX_W	8
#define REX_R	4
#define REX_X	2
#define REX_B	1

/* ModRM, SIB and displacement of a memory operand: bytes, or 0 (register). */
static u8 memory_operand(const u8 *modrm, u8 rex, struct emulate_mov *mov)
{
	u8 mod = modrm[0] >> 6, rm = modrm[0] & 7;
	u8 length = 1, disp = mod == 2 ? 4 : mod;

	if (mod == 3)
		return 0;
	mov->index = EMULATE_NO_REG;
	mov->scale = 0;
	mov->rip_relative = rm == 5 && mod == 0;
	if (rm == 4) {
		length++;
		rm = modrm[1] & 7;
		mov->scale = modrm[1] >> 6;
		mov->index = (modrm[1] >> 3 & 7) | (rex & REX_X) << 2;
		if (mov->index == EMULATE_RSP)
			mov->index = EMULATE_NO_REG;
	}
	mov->base = rm | (rex & REX_B) << 3;
	if (rm == 5 && mod == 0) {
		mov->base = EMULATE_NO_REG;
		disp = 4;
	}
	mov->disp = 0;
	if (disp == 1)
		mov->disp = (s8)modrm[length];
	else if (disp == 4)
		memcpy(&mov->disp, modrm + length, sizeof(mov->disp));
	return length + disp;
}

/* An immediate of @size bytes; of 8, four are there and are sign-extended. */
static u64 immediate(const u8 *p, u8 size)
{
	u16 word;
	s32 dword;

	switch (size) {
	case 1:
		return *p;
	case 2:
		memcpy(&word, p, sizeof(word));
		return word;
	default:
		memcpy(&dword, p, sizeof(dword));
		return size == 4 ? (u32)dword : (u64)(s64)dword;
	}
}

bool emulate_plain_mov(const u8 bytes[16], struct emulate_mov *mov)
{
	const u8 *p = bytes;
	bool word = false;
	u8 rex = 0, opcode, modrm, length;

	if (*p == 0x66) {
		word = true;
		p++;
	}
	if ((*p & 0xf0) == 0x40)
		rex = *p++;
	opcode = *p++;
	modrm = *p;

	/* 88 to 8B, C6 and C7 (SDM vol. 2, MOV) */
	if ((opcode & 0xfc) != 0x88 && (opcode & 0xfe) != 0xc6)
		return false;
	mov->immediate = opcode & 0x40;
	mov->write = mov->immediate || !(opcode & 2);
	mov->size = !(opcode & 1) ? 1 : rex & REX_W ? 8 : word ? 2 : 4;
	mov->reg = (modrm >> 3 & 7) | (rex & REX_R) << 1;

	length = memory_operand(p, rex, mov);
	if (!length)
		return false;
	p += length;
	if (mov->immediate) {
		if (modrm & 0x38)
			return false;	/* no MOV */
		mov->value = immediate(p, mov->size);
		p += mov->size < 4 ? mov->size : 4;
	} else if (mov->size == 1 && !rex && mov->reg >= 4) {
		return false;		/* AH, CH, DH, BH */
	}
	mov->length = p - bytes;
	return true;
}
