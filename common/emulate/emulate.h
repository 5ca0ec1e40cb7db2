/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The x86 instruction emulator: its whole public interface. The core knows no
 * kernel and no vCPU; it reaches registers and memory through struct
 * emulate_ops alone. Called by the glue in common/ and by selftests/emulate/.
 *
 * Life of one instruction:
 *
 *	emulate_begin(ctxt);			registers, mode, rip, rflags set
 *	rc = emulate_insn(ctxt);
 *	while (rc == EMULATE_IO_NEEDED) {
 *		... user space answers ...
 *		emulate_complete(ctxt, data);
 *		rc = emulate_resume(ctxt);
 *	}
 *
 * A suspended instruction has no architectural effect yet. It is executed again
 * from its start, and every memory and port access that is already done is
 * answered from ctxt->replay, so that no device sees an access twice.
 */
#ifndef COMMON_EMULATE_EMULATE_H
#define COMMON_EMULATE_EMULATE_H

#include "types.h"

struct emulate_ctxt;

/**
 * enum emulate_result - what a callback or an entry point came to
 * @EMULATE_CONTINUE: done; after emulate_insn(), rip and rflags are the next
 *	instruction's
 * @EMULATE_FAULT: ctxt->exception says which; no architectural effect (a string
 *	instruction keeps the iterations that are complete), rip unchanged
 * @EMULATE_IO_NEEDED: the access goes to user space; see emulate_complete()
 * @EMULATE_RETRY: rip unchanged, enter the guest (or call again): a string
 *	instruction used up its iterations for one call, or a locked write found
 *	that another vCPU had changed the operand
 * @EMULATE_UNHANDLEABLE: the emulator cannot do this one; ctxt->insn.bytes and
 *	ctxt->insn.fetched are for the report to user space
 */
enum emulate_result {
	EMULATE_CONTINUE,
	EMULATE_FAULT,
	EMULATE_IO_NEEDED,
	EMULATE_RETRY,
	EMULATE_UNHANDLEABLE,
};

/**
 * enum emulate_mode - how the processor reads instructions now
 * @EMULATE_REAL: CR0.PE = 0
 * @EMULATE_V86: RFLAGS.VM = 1
 * @EMULATE_PROT16: protected (or compatibility) mode, CS.D = 0
 * @EMULATE_PROT32: protected (or compatibility) mode, CS.D = 1
 * @EMULATE_LONG64: EFER.LMA = 1 and CS.L = 1
 */
enum emulate_mode {
	EMULATE_REAL,
	EMULATE_V86,
	EMULATE_PROT16,
	EMULATE_PROT32,
	EMULATE_LONG64,
};

/* Segment registers in the order of their encoding (SDM vol. 2, table 2-1). */
enum emulate_seg {
	EMULATE_ES,
	EMULATE_CS,
	EMULATE_SS,
	EMULATE_DS,
	EMULATE_FS,
	EMULATE_GS,
	EMULATE_LDTR,
	EMULATE_TR,
	EMULATE_NR_SEGS,
};

/* Index into ctxt->gpr: the order of the ModRM encoding. */
enum emulate_gpr {
	EMULATE_RAX, EMULATE_RCX, EMULATE_RDX, EMULATE_RBX,
	EMULATE_RSP, EMULATE_RBP, EMULATE_RSI, EMULATE_RDI,
	EMULATE_R8, EMULATE_R15 = 15,
	EMULATE_NR_GPRS,
};

/**
 * enum emulate_access - what a memory callback is asked for
 * @EMULATE_ACCESS_READ: data read
 * @EMULATE_ACCESS_WRITE: data write
 * @EMULATE_ACCESS_RMW: read of an operand that the same instruction will write:
 *	a page fault reports a write, as the processor does
 * @EMULATE_ACCESS_SYSTEM: added to one of the above: an access of the processor
 *	itself (descriptor tables, TSS), supervisor whatever the CPL
 */
enum emulate_access {
	EMULATE_ACCESS_READ	= 0,
	EMULATE_ACCESS_WRITE	= 1,
	EMULATE_ACCESS_RMW	= 2,
	EMULATE_ACCESS_SYSTEM	= 4,
};

/* Exception vectors that the core raises (SDM vol. 3, table 6-1). */
#define EMULATE_VECTOR_DE	0
#define EMULATE_VECTOR_DB	1
#define EMULATE_VECTOR_BP	3
#define EMULATE_VECTOR_OF	4
#define EMULATE_VECTOR_UD	6
#define EMULATE_VECTOR_NM	7
#define EMULATE_VECTOR_NP	11
#define EMULATE_VECTOR_SS	12
#define EMULATE_VECTOR_GP	13
#define EMULATE_VECTOR_PF	14
#define EMULATE_VECTOR_AC	17

/* ctxt->interruptibility: the shadow that the executed instruction opens. */
#define EMULATE_SHADOW_STI	1
#define EMULATE_SHADOW_MOV_SS	2

/**
 * struct emulate_segment - a segment register with its hidden part
 * @base: linear address of its first byte
 * @limit: last valid offset, in bytes (granularity applied)
 * @selector: visible part
 * @type: descriptor type field, 4 bits (SDM vol. 3, 3.4.5.1)
 * @s: code or data (not a system segment)
 * @dpl: descriptor privilege level
 * @present: P
 * @l: 64-bit code segment
 * @db: D/B
 * @g: granularity bit as found in the descriptor
 * @unusable: loaded with a null selector
 */
struct emulate_segment {
	u64 base;
	u32 limit;
	u16 selector;
	u8 type;
	u8 s;
	u8 dpl;
	u8 present;
	u8 l;
	u8 db;
	u8 g;
	u8 unusable;
};

/**
 * struct emulate_exception - why EMULATE_FAULT was returned
 * @vector: exception vector
 * @has_error: an error code is pushed (never in real mode)
 * @error_code: the error code
 * @address: for #PF, the value for CR2
 */
struct emulate_exception {
	u8 vector;
	bool has_error;
	u32 error_code;
	u64 address;
};

/**
 * struct emulate_string_io - a run of INS or OUTS iterations
 * @port: I/O port
 * @size: bytes per element: 1, 2, 4
 * @count: elements wanted, at least 1; all of them lie inside the segment's
 *	limit and, unless @count is 1, on one page
 * @in: INS: from the port to memory; else OUTS
 * @down: RFLAGS.DF: element n is at @linear - n * @size
 * @resumed: the access that this callback answered with EMULATE_IO_NEEDED is
 *	done in user space: finish it (INS: copy the data to guest memory)
 * @linear: linear address of the first element
 * @done: set by the callback: elements transferred, 1 to @count
 */
struct emulate_string_io {
	u16 port;
	u8 size;
	bool in;
	bool down;
	bool resumed;
	u32 count;
	u32 done;
	u64 linear;
};

/**
 * struct emulate_ops - how the emulator reaches the guest
 *
 * All callbacks return an enum emulate_result. EMULATE_FAULT needs
 * ctxt->exception filled (see emulate_raise(), emulate_page_fault()). An address
 * range given to a memory callback never crosses a 4 KiB page and has 1 to 8
 * bytes (@fetch: 1 to 15, @cmpxchg and @probe: up to 16). Callbacks marked optional may be
 * NULL: instructions that need them are EMULATE_UNHANDLEABLE.
 *
 * @fetch: read instruction bytes. May not return EMULATE_IO_NEEDED.
 * @read: read guest memory or a device. EMULATE_IO_NEEDED: the callback has
 *	noted the request; the data comes with emulate_complete().
 * @write: write guest memory or a device. EMULATE_IO_NEEDED: the callback has
 *	posted the write; it counts as done once emulate_complete() is called.
 * @probe: would a @write of this range fault? Asked before the first part of a
 *	write that crosses a page, and before the port is read by INS.
 * @cmpxchg: atomically replace *@old by *@new. EMULATE_RETRY if memory differs
 *	from *@old. On a device: a plain write of *@new.
 * @segment: read a segment register.
 * @cpl: current privilege level (returns 0 to 3).
 * @pio_in: read a port, 1, 2 or 4 bytes.
 * @pio_out: write a port.
 * @string_io: optional: many iterations of INS or OUTS at once; if NULL, the core
 *	does them one by one with @pio_in, @pio_out, @read and @write.
 * @io_permitted: optional: asked when CPL > IOPL or in virtual-8086 mode, instead
 *	of looking into the TSS's I/O permission bitmap. EMULATE_CONTINUE allows;
 *	raises #GP itself.
 * @xmm_read: optional: copy 16 bytes out of XMM register @nr.
 * @xmm_write: optional: copy 16 bytes into XMM register @nr.
 * @cr_read: optional: CR0, CR2, CR3, CR4, CR8. Also asked for what an SSE
 *	instruction needs (CR0.TS, CR0.EM, CR4.OSFXSR).
 * @cr_write: optional: has the processor's checks in it.
 * @dr_read: optional.
 * @dr_write: optional.
 * @msr_read: optional.
 * @msr_write: optional.
 * @cpuid: optional: @regs is eax, ebx, ecx, edx, in and out.
 * @rdtsc: optional: value of the guest's TSC.
 * @segment_load: optional: write a segment register, hidden part included. The
 *	core has done all checks.
 * @table_read: optional: base and limit of GDTR (@idt false) or IDTR.
 * @table_write: optional: LGDT, LIDT.
 * @halt: optional: HLT has been executed.
 * @invlpg: optional: INVLPG of a linear address.
 * @wbinvd: optional: INVD or WBINVD.
 * @interrupt: optional: INT n, INT3, INTO, INT1: deliver vector @vector as a
 *	software interrupt; rip is still the instruction's, its length is in
 *	ctxt->insn.length.
 */
struct emulate_ops {
	int (*fetch)(struct emulate_ctxt *ctxt, u64 linear, void *buf, u32 len);
	int (*read)(struct emulate_ctxt *ctxt, u64 linear, void *buf, u32 len,
		    u32 access);
	int (*write)(struct emulate_ctxt *ctxt, u64 linear, const void *buf,
		     u32 len, u32 access);
	int (*probe)(struct emulate_ctxt *ctxt, u64 linear, u32 len,
		     u32 access);
	int (*cmpxchg)(struct emulate_ctxt *ctxt, u64 linear, const void *old,
		       const void *new, u32 len);
	int (*segment)(struct emulate_ctxt *ctxt, enum emulate_seg seg,
		       struct emulate_segment *out);
	int (*cpl)(struct emulate_ctxt *ctxt);

	int (*pio_in)(struct emulate_ctxt *ctxt, u16 port, void *buf, u32 size);
	int (*pio_out)(struct emulate_ctxt *ctxt, u16 port, const void *buf,
		       u32 size);
	int (*string_io)(struct emulate_ctxt *ctxt,
			 struct emulate_string_io *io);
	int (*io_permitted)(struct emulate_ctxt *ctxt, u16 port, u32 size);

	int (*xmm_read)(struct emulate_ctxt *ctxt, u32 nr, void *buf);
	int (*xmm_write)(struct emulate_ctxt *ctxt, u32 nr, const void *buf);

	int (*cr_read)(struct emulate_ctxt *ctxt, u32 nr, u64 *value);
	int (*cr_write)(struct emulate_ctxt *ctxt, u32 nr, u64 value);
	int (*dr_read)(struct emulate_ctxt *ctxt, u32 nr, u64 *value);
	int (*dr_write)(struct emulate_ctxt *ctxt, u32 nr, u64 value);
	int (*msr_read)(struct emulate_ctxt *ctxt, u32 index, u64 *value);
	int (*msr_write)(struct emulate_ctxt *ctxt, u32 index, u64 value);
	int (*cpuid)(struct emulate_ctxt *ctxt, u32 regs[4]);
	int (*rdtsc)(struct emulate_ctxt *ctxt, u64 *value);
	int (*segment_load)(struct emulate_ctxt *ctxt, enum emulate_seg seg,
			    const struct emulate_segment *in);
	int (*table_read)(struct emulate_ctxt *ctxt, bool idt, u64 *base,
			  u16 *limit);
	int (*table_write)(struct emulate_ctxt *ctxt, bool idt, u64 base,
			   u16 limit);
	int (*halt)(struct emulate_ctxt *ctxt);
	int (*invlpg)(struct emulate_ctxt *ctxt, u64 linear);
	int (*wbinvd)(struct emulate_ctxt *ctxt);
	int (*interrupt)(struct emulate_ctxt *ctxt, u8 vector);
};

/* Longest instruction (SDM vol. 2, 2.3.11). */
#define EMULATE_INSN_MAX	15

/* Opcode maps, ctxt->insn.map. */
#define EMULATE_MAP_ONE		0	/* one-byte opcodes */
#define EMULATE_MAP_0F		1
#define EMULATE_MAP_0F38	2
#define EMULATE_MAP_0F3A	3
#define EMULATE_MAP_VECTOR	4	/* VEX, EVEX, XOP: length only */

/* ctxt->insn.prefixes */
#define EMULATE_PREFIX_LOCK	0x01
#define EMULATE_PREFIX_REPNE	0x02	/* F2 was the last of F2, F3 */
#define EMULATE_PREFIX_REP	0x04	/* F3 was the last of F2, F3 */
#define EMULATE_PREFIX_OPSIZE	0x08
#define EMULATE_PREFIX_ADSIZE	0x10
#define EMULATE_PREFIX_REX	0x20
#define EMULATE_PREFIX_SEG	0x40	/* an override that counts */

/**
 * struct emulate_decoded - an instruction taken apart, after emulate_decode()
 * @bytes: the instruction, then perhaps bytes behind it
 * @fetched: valid bytes in @bytes
 * @length: length of the instruction, 1 to 15
 * @map: EMULATE_MAP_*
 * @opcode: opcode byte within @map
 * @prefixes: EMULATE_PREFIX_*
 * @rex: the REX byte or 0
 * @modrm: ModRM byte if @has_modrm
 * @reg: ModRM.reg, with REX.R
 * @rm: ModRM.rm, with REX.B; a register if @modrm is 0xc0 or above
 * @opsize: operand size in bytes (1, 2, 4, 8)
 * @adsize: address size in bytes (2, 4, 8)
 * @seg: enum emulate_seg of the memory operand, default or overridden
 * @vector_map: for EMULATE_MAP_VECTOR, the map field
 * @flags: the opcode's table flags
 * @base: base register of the memory operand, or EMULATE_NO_REG
 * @index: index register of the memory operand, or EMULATE_NO_REG
 * @scale: log2 of the index's factor
 * @rip_relative: the memory operand is relative to the next instruction
 * @imm: immediate, sign-extended where the instruction does so; moffs, offset of
 *	a far pointer
 * @imm2: second immediate: selector of a far pointer, nesting level of ENTER
 * @disp: displacement, sign-extended
 * @row: the opcode's table row (private)
 */
struct emulate_decoded {
	u8 bytes[16];
	u8 fetched;
	u8 length;
	u8 map;
	u8 opcode;
	u8 prefixes;
	u8 rex;
	u8 modrm;
	bool has_modrm;
	u8 reg;
	u8 rm;
	u8 opsize;
	u8 adsize;
	u8 seg;
	u8 vector_map;
	u8 base;
	u8 index;
	u8 scale;
	bool rip_relative;
	u16 imm2;
	u32 flags;
	u64 imm;
	s64 disp;
	const struct emulate_opcode *row;
};

#define EMULATE_NO_REG		0xff

/*
 * Accesses of one instruction (or one iteration of a string instruction): the
 * longest is PUSHA with eight, each split in two by a page.
 */
#define EMULATE_REPLAY_STEPS	18

/**
 * struct emulate_replay - accesses that are done while an instruction is suspended
 * @position: next access of this execution
 * @done: accesses that are complete; those before it are answered from @data
 * @pending: access number @done is in user space
 * @answered: emulate_complete() was called for it
 * @data: what was read
 */
struct emulate_replay {
	u8 position;
	u8 done;
	bool pending;
	bool answered;
	u64 data[EMULATE_REPLAY_STEPS];
};

/*
 * One operand while an instruction executes: the core's own. @original is what
 * memory held before a read-modify-write.
 */
struct emulate_operand {
	u8 kind;
	u8 bytes;
	u8 reg;
	u64 linear;
	u64 value;
	u64 original;
};

/**
 * struct emulate_ctxt - one instruction in flight; lives inside the vCPU
 * @ops: callbacks (in)
 * @gpr: sixteen general registers in ModRM order, read and written in place (in)
 * @mode: enum emulate_mode (in)
 * @linear_bits: width of a canonical address, 48 or 57 (in)
 * @near_branch_16: in 64-bit mode, 66h gives a near branch a 16-bit operand
 *	(APM vol. 3, 1.2.4) instead of being ignored (SDM vol. 2, JMP) (in)
 * @iterations: string iterations per call, 0: the default (in)
 * @rip: instruction pointer (in, out)
 * @rflags: flags (in, out; RF is cleared by a complete instruction)
 * @exception: with EMULATE_FAULT (out)
 * @interruptibility: EMULATE_SHADOW_* opened by this instruction (out)
 * @single_step: RFLAGS.TF was set when it began and it is complete (or stopped
 *	after an iteration of a string instruction): inject #DB with DR6.BS (out)
 * @insn: the decoded instruction (out)
 * @replay: accesses already done
 * @decoded: @insn is valid (private, like all below)
 * @next_rip: rip once the instruction is complete
 * @next_rflags: rflags once the instruction is complete
 * @ea: offset of the memory operand in its segment
 * @dst: operand that is written
 * @src: operand that is read
 * @late: a second register that is written when nothing can fault any more
 */
struct emulate_ctxt {
	const struct emulate_ops *ops;
	u64 *gpr;
	u8 mode;
	u8 linear_bits;
	bool near_branch_16;
	u16 iterations;
	u64 rip;
	u64 rflags;

	struct emulate_exception exception;
	u8 interruptibility;
	bool single_step;

	struct emulate_decoded insn;
	struct emulate_replay replay;

	bool decoded;
	u64 next_rip;
	u64 next_rflags;
	u64 ea;
	struct emulate_operand dst;
	struct emulate_operand src;
	struct emulate_operand late;
};

/**
 * emulate_begin - forget the previous instruction
 * @ctxt: @ops, @gpr, @mode, @rip, @rflags are set by the caller before or after
 *
 * Cheap: a few stores. Instruction bytes that the processor supplied may be
 * given with emulate_provide() afterwards.
 */
void emulate_begin(struct emulate_ctxt *ctxt);

/**
 * emulate_provide - give instruction bytes instead of having them fetched
 * @ctxt: after emulate_begin()
 * @bytes: bytes at CS:RIP
 * @count: how many; more than 15 are ignored. What is missing is fetched.
 */
void emulate_provide(struct emulate_ctxt *ctxt, const u8 *bytes, u32 count);

/**
 * emulate_decode - fetch and decode the instruction at CS:RIP
 * @ctxt: after emulate_begin()
 *
 * Fetches no byte on a page, or beyond the CS limit, that the instruction does
 * not reach.
 *
 * Return: EMULATE_CONTINUE, or EMULATE_FAULT: a fault of the fetch, #UD for what
 * no processor decodes, #GP for more than 15 bytes.
 */
int emulate_decode(struct emulate_ctxt *ctxt);

/**
 * emulate_length - length of the instruction at CS:RIP
 * @ctxt: after emulate_begin()
 *
 * Decodes the length of every instruction, also of those that emulate_execute()
 * cannot do. Changes no register, rip neither.
 *
 * Return: 1 to 15; 0 if decoding faulted (ctxt->exception).
 */
int emulate_length(struct emulate_ctxt *ctxt);

/**
 * emulate_skip - advance rip over the decoded instruction
 * @ctxt: after emulate_decode() or emulate_length()
 *
 * Wraps to the width of the mode, clears RFLAGS.RF, sets @single_step. For
 * callers that executed the instruction themselves.
 */
void emulate_skip(struct emulate_ctxt *ctxt);

/**
 * emulate_execute - execute the decoded instruction
 * @ctxt: after emulate_decode()
 *
 * May sleep if the callbacks may. Return: enum emulate_result.
 */
int emulate_execute(struct emulate_ctxt *ctxt);

/**
 * emulate_insn - emulate_decode(), then emulate_execute()
 * @ctxt: after emulate_begin()
 */
int emulate_insn(struct emulate_ctxt *ctxt);

/**
 * emulate_complete - user space has done the access that was IO_NEEDED
 * @ctxt: suspended instruction
 * @data: what a read returned, 1 to 8 bytes as asked; may be NULL for a write and
 *	for string_io
 * @len: bytes at @data, at most 8
 *
 * If no access is pending, nothing happens.
 */
void emulate_complete(struct emulate_ctxt *ctxt, const void *data, u32 len);

/**
 * emulate_resume - go on after emulate_complete()
 * @ctxt: suspended instruction. The caller may have put registers back from its
 *	own copy: they are those of the start of the instruction or iteration.
 */
int emulate_resume(struct emulate_ctxt *ctxt);

/**
 * emulate_suspended - does an access wait for user space?
 * @ctxt: any
 *
 * While true, the vCPU's next run has to go through emulate_complete() and
 * emulate_resume(), or drop the instruction with emulate_begin().
 */
bool emulate_suspended(const struct emulate_ctxt *ctxt);

/**
 * emulate_two_memory - does the decoded instruction have two memory operands?
 * @ctxt: after emulate_decode()
 *
 * True also for none that is the ModRM operand (stack). If false, the guest
 * physical address that the hardware reported belongs to the one operand.
 */
bool emulate_two_memory(const struct emulate_ctxt *ctxt);

/**
 * emulate_raise - record an exception
 * @ctxt: context
 * @vector: EMULATE_VECTOR_*
 * @error_code: used for vectors that have one
 *
 * Return: EMULATE_FAULT.
 */
int emulate_raise(struct emulate_ctxt *ctxt, u8 vector, u32 error_code);

/**
 * emulate_page_fault - record a #PF
 * @ctxt: context
 * @address: value for CR2
 * @error_code: page-fault error code
 *
 * Return: EMULATE_FAULT.
 */
int emulate_page_fault(struct emulate_ctxt *ctxt, u64 address, u32 error_code);

/**
 * struct emulate_mov - a MOV between a general register, or a constant, and
 *	memory
 * @length: of the instruction
 * @size: of the operand: 1, 2, 4 or 8 bytes
 * @write: to memory
 * @immediate: what is written is @value
 * @reg: enum emulate_gpr otherwise; with size 1, its lowest byte
 * @base: of the memory operand: enum emulate_gpr, or EMULATE_NO_REG
 * @index: enum emulate_gpr, or EMULATE_NO_REG
 * @scale: log2 of the index's factor
 * @rip_relative: relative to the next instruction; no @base, no @index
 * @disp: displacement
 */
struct emulate_mov {
	u8 length;
	u8 size;
	bool write;
	bool immediate;
	u8 reg;
	u8 base;
	u8 index;
	u8 scale;
	bool rip_relative;
	s32 disp;
	u64 value;
};

/**
 * emulate_plain_mov - take apart a MOV in one of its plain forms
 * @bytes: of an instruction in 64-bit mode, and what follows it
 * @mov: out; its content is undefined if it is something else
 *
 * Return: false for everything but 88 to 8B, C6 and C7 with a memory operand,
 * no prefix but 66h and REX, and no AH, CH, DH or BH.
 */
bool emulate_plain_mov(const u8 bytes[16], struct emulate_mov *mov);

#endif
