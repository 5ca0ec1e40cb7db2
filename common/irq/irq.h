/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The insides of the interrupt hardware, shared by the files of common/irq/
 * and by nobody else. Letters at the fields:
 *   c  constant after creation     L  vm->lock
 *   I  irqchip->lock (raw, interrupts off)
 *   P  pit->lock (raw, interrupts off)
 *   V  written by the vCPU's thread, read by anyone (READ_ONCE)
 *   a  atomic, anyone              R  irqchip->srcu to read
 * Order: docs/locking.md.
 */
#ifndef DUET_COMMON_IRQ_IRQ_H
#define DUET_COMMON_IRQ_IRQ_H

#include <linux/hrtimer.h>
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <asm/apicdef.h>
#include "common/bus.h"
#include "common/irqchip.h"
#include "common/vcpu.h"
#include "common/vm.h"

#define DUET_PIC_PINS		16
#define DUET_IOAPIC_PINS	KVM_IOAPIC_NUM_PINS
#define DUET_IOAPIC_BASE	0xfec00000
#define DUET_RTC_PIN		8

/* A periodic timer is not allowed to take a host CPU for itself. */
#define DUET_MIN_PERIOD_NS	200000

/* Who drives a line: it is up while one of them holds it up. */
enum duet_irq_source {
	DUET_SRC_USER,		/* KVM_IRQ_LINE, irqfd */
	DUET_SRC_PIT,
	DUET_SRC_RESAMPLE,	/* level-triggered irqfds */
};

/** struct duet_apic_msg - what travels between IOAPIC, MSI and local APICs
 * @dest: APIC id or logical destination; 8 bits wide unless @wide
 * @mode: APIC_DM_*
 * @shorthand: 0, APIC_DEST_SELF, APIC_DEST_ALLINC, APIC_DEST_ALLBUT
 * @lowest: to one of the destinations only
 */
struct duet_apic_msg {
	u32 dest;
	u32 mode;
	u32 shorthand;
	u8 vector;
	bool logical, wide, lowest, level;
};

/** struct duet_pic - the 8259A pair */
struct duet_pic {
	struct kvm_pic_state chip[2];		/* I: master, slave */
	bool single[2];				/* I: ICW1.SNGL */
	u8 sources[DUET_PIC_PINS];		/* I: bits by source */
	bool output;				/* I; peeked at: INT */
	struct duet_io_device dev[3];		/* c: 0x20, 0xa0, 0x4d0 */
};

/** struct duet_ioapic - an 82093AA */
struct duet_ioapic {
	u64 table[DUET_IOAPIC_PINS];		/* I */
	u32 select;				/* I: IOREGSEL */
	u32 id;					/* I */
	u32 irr;				/* I: level of each line */
	u32 irr_delivered;			/* I: of edge-triggered ones */
	u8 sources[DUET_IOAPIC_PINS];		/* I */
	u16 eois[DUET_IOAPIC_PINS];		/* I: in a row, the line still up */
	struct hrtimer storm;			/* c: takes the lock itself */
	u64 rtc_pending;			/* I: vCPUs by index */
	u8 rtc_vector;				/* I */
	struct duet_io_device dev;		/* c */
};

/** struct duet_route - where a GSI leads: a chip's pin, or an MSI */
struct duet_route {
	u32 gsi;
	u8 type;		/* KVM_IRQ_ROUTING_* */
	u8 chip, pin;		/* KVM_IRQCHIP_*; PIC pins are 0 to 15 */
	u32 address, address_hi, data;
};

/** struct duet_routes - immutable; entries sorted by GSI
 * @first: @nr_gsis + 1 indexes into @entry
 * @gsi_of: reverse map, -1 for none; by [IOAPIC?][pin]
 */
struct duet_routes {
	u32 nr_gsis, nr;
	u16 *first;
	s16 gsi_of[2][DUET_IOAPIC_PINS];
	struct duet_route entry[];
};

struct duet_pit;

struct duet_irqchip {
	struct duet_vm *vm;			/* c */
	bool split;				/* c: PIC, IOAPIC: user space's */
	u32 nr_reserved;			/* c: its IOAPIC's GSIs: 0 to n-1 */
	raw_spinlock_t lock;
	unsigned long eoi_vectors[256 / BITS_PER_LONG];	/* I; split: L; peeked at */
	struct duet_pic pic;
	struct duet_ioapic ioapic;
	struct duet_pit *pit;			/* L; c once set (release) */
	struct duet_routes __rcu *routes;	/* L to write, R */
	struct srcu_struct srcu;
	bool odd_ids;				/* a: an xAPIC id was changed */
	DECLARE_BITMAP(resampled, DUET_MAX_ROUTES);	/* a: GSIs with resamplers */

	struct mutex irqfd_mutex;		/* assign, deassign, resample */
	spinlock_t irqfd_lock;			/* inside: eventfd waitqueue */
	struct list_head irqfds;		/* irqfd_lock */
	struct list_head resamplers;		/* irqfd_mutex; RCU readers */
	u32 nr_resamplers;			/* irqfd_mutex */
	struct workqueue_struct *irqfd_wq;	/* c */
};

/* The PIT or NULL; it may be created while vCPUs run. */
static inline struct duet_pit *duet_pit_of(struct duet_irqchip *chip)
{
	/* pairs with smp_store_release() in duet_pit_create() */
	return smp_load_acquire(&chip->pit);
}

/** struct duet_lapic - a local APIC
 *
 * @regs is laid out as the hardware's page (SDM vol. 3, 11.4.1). IRR, TMR
 * and @events are set by anyone (atomically), the rest of it is written by
 * the vCPU's own thread.
 */
struct duet_lapic {
	u8 *regs;			/* c: a page; inside: V, IRR and TMR a */
	struct duet_vcpu *vcpu;		/* c */
	bool irr_maybe;			/* a: look into the IRR */
	bool accepts_pic;		/* V: LVT0 is ExtINT, or APIC is off */
	u8 mode;			/* V: enum duet_apic_mode */
	u8 eoi_vector;			/* V: of DUET_REQ_EOI */
	bool tpr_write;			/* V: of DUET_REQ_TPR; so is tpr_rip */
	bool vapic_stale;		/* V: the registers are newer than its word */
	s16 extint;			/* V: KVM_INTERRUPT's, -1 for none */
	u8 ppr;				/* V */
	s16 isr_highest;		/* V: -1 for none */
	gpa_t vapic;			/* V: KVM_SET_VAPIC_ADDR's, 0 for none */
	u64 tpr_rip;			/* V */
	atomic_t events;		/* a: DUET_APIC_INIT, DUET_APIC_SIPI */
	atomic_t errors;		/* a: ESR bits since its last write */

	struct hrtimer timer;
	u64 period;			/* V: ns; 0 in one-shot mode */
	u64 deadline;			/* V, timer: IA32_TSC_DEADLINE */
	u32 divide;			/* V: 1 to 128 */
	u8 retries;			/* timer: early expiries in a row */
};

enum duet_apic_mode {
	DUET_APIC_OFF,
	DUET_APIC_XAPIC,
	DUET_APIC_X2APIC,
};

/* duet_lapic.events; the SIPI vector stands in bits 8 to 15 */
#define DUET_APIC_INIT		BIT(0)
#define DUET_APIC_SIPI		BIT(1)

static inline u32 duet_lapic_reg(const struct duet_lapic *l, u32 reg)
{
	return READ_ONCE(*(const u32 *)(l->regs + reg));
}

static inline void duet_lapic_put(struct duet_lapic *l, u32 reg, u32 value)
{
	WRITE_ONCE(*(u32 *)(l->regs + reg), value);
}

/* Bit of @vector in IRR, ISR or TMR: 32 bits in every 16 bytes. */
static inline unsigned long *duet_lapic_word(struct duet_lapic *l, u32 reg,
					     u8 vector)
{
	return (unsigned long *)(l->regs + reg + (vector >> 5) * 0x10);
}

static inline bool duet_lapic_sw_enabled(const struct duet_lapic *l)
{
	return duet_lapic_reg(l, APIC_SPIV) & APIC_SPIV_APIC_ENABLED;
}

static inline u32 duet_lapic_id(const struct duet_lapic *l)
{
	u32 id = duet_lapic_reg(l, APIC_ID);

	return READ_ONCE(l->mode) == DUET_APIC_X2APIC ? id : id >> 24;
}

/* LDR in x2APIC mode: 16-bit cluster, one bit in it (SDM vol. 3, 11.12.10.2) */
static inline u32 duet_x2apic_ldr(u32 id)
{
	return (id >> 4) << 16 | 1U << (id & 0xf);
}

/* KVM_X2APIC_API_*: how user space speaks of ids and broadcasts */
static inline bool duet_x2apic_api(const struct duet_vm *vm, u32 flag)
{
	return READ_ONCE(vm->x2apic_api) & flag;
}

/* lapic.c: state. Context: the vCPU's thread. */
void duet_lapic_eoi(struct duet_lapic *l);
void duet_lapic_set_tpr(struct duet_lapic *l, u8 tpr);
void duet_lapic_refresh(struct duet_lapic *l);

/* lapic_regs.c: registers. Context: the vCPU's thread. */
void duet_lapic_reset_regs(struct duet_lapic *l);
void duet_lapic_sanitise(struct duet_lapic *l);

/* lapic_ipi.c. Context: any. */
bool duet_lapic_post(struct duet_lapic *l, u8 vector, bool level, bool self);
void duet_lapic_local(struct duet_lapic *l, u32 lvt);
void duet_lapic_error(struct duet_lapic *l, u32 bits);
int duet_apic_deliver(struct duet_vm *vm, struct duet_vcpu *source,
		      const struct duet_apic_msg *msg, u64 *accepted);
void duet_lapic_send_ipi(struct duet_lapic *l, u32 low, u32 dest);
bool duet_msi_valid(struct duet_vm *vm, const struct duet_route *r);
int duet_msi_deliver(struct duet_vm *vm, const struct duet_route *r);
bool duet_msi_is_for(struct duet_lapic *l, const struct duet_route *r);

/* lapic_timer.c. Context: the vCPU's thread, or creation and destruction. */
void duet_lapic_timer_init(struct duet_lapic *l);
void duet_lapic_timer_cancel(struct duet_lapic *l);
void duet_lapic_timer_lvt(struct duet_lapic *l, u32 lvt);
void duet_lapic_timer_start(struct duet_lapic *l, u32 remaining);
void duet_lapic_timer_divide(struct duet_lapic *l);
void duet_lapic_timer_deadline(struct duet_lapic *l, u64 deadline);
u32 duet_lapic_timer_count(struct duet_lapic *l);

/* pic.c. All but create take irqchip->lock held. */
int duet_pic_create(struct duet_irqchip *chip);
void duet_pic_remove(struct duet_irqchip *chip);
int duet_pic_set_irq(struct duet_irqchip *chip, u32 pin, u32 source, bool level);
int duet_pic_ack(struct duet_irqchip *chip, u32 *acked);
void duet_pic_set(struct duet_irqchip *chip, u32 n,
		  const struct kvm_pic_state *s);

/* ioapic.c. _set_irq, _get and _set take irqchip->lock held. */
int duet_ioapic_create(struct duet_irqchip *chip);
void duet_ioapic_remove(struct duet_irqchip *chip);
int duet_ioapic_set_irq(struct duet_irqchip *chip, u32 pin, u32 source,
			bool level, bool want_status);
void duet_ioapic_get(struct duet_irqchip *chip, struct kvm_ioapic_state *s);
void duet_ioapic_set(struct duet_irqchip *chip,
		     const struct kvm_ioapic_state *s);
void duet_ioapic_refresh(struct duet_irqchip *chip);
void duet_ioapic_rerouted(struct duet_irqchip *chip,
			  struct duet_routes *routes);
void duet_ioapic_eoi(struct duet_vcpu *vcpu, u8 vector, bool level);
void duet_ioapic_forget(struct duet_vcpu *vcpu);

/* pit.c */
void duet_pit_destroy(struct duet_irqchip *chip);
void duet_pit_acked(struct duet_pit *pit);
void duet_pit_unmasked(struct duet_pit *pit);
bool duet_pit_wants_ack(struct duet_pit *pit);

/* routing.c */
int duet_routes_default(struct duet_irqchip *chip);
int duet_routes_empty(struct duet_irqchip *chip);
void duet_routes_destroy(struct duet_irqchip *chip);
int duet_gsi_set(struct duet_irqchip *chip, u32 source, u32 gsi, bool level,
		 bool want_status);
int duet_gsi_of_pin(struct duet_irqchip *chip, bool ioapic, u32 pin);

/* split.c: KVM_CAP_SPLIT_IRQCHIP */
void duet_split_expect(struct duet_irqchip *chip,
		       const struct duet_routes *routes);
void duet_split_eoi(struct duet_lapic *l, u8 vector, bool level);
void duet_split_eoi_exit(struct duet_vcpu *vcpu);

/* pv_eoi.c. Context: the vCPU's thread; _sync may sleep. */
void duet_pv_eoi_offer(struct duet_vcpu *vcpu);
void duet_pv_eoi_sync(struct duet_vcpu *vcpu);

/* vapic.c. Context: the vCPU's thread; _sync may sleep. */
void duet_vapic_stale(struct duet_lapic *l);
void duet_vapic_publish(struct duet_vcpu *vcpu);
void duet_vapic_sync(struct duet_vcpu *vcpu);
void duet_report_tpr(struct duet_vcpu *vcpu, bool write);
void duet_tpr_exit(struct duet_vcpu *vcpu);

/* irqchip.c: pins (bits) that the guest acknowledged; no lock held */
void duet_irq_acked(struct duet_irqchip *chip, bool ioapic, u32 pins);

/* eventfd.c */
int duet_irqfd_init(struct duet_irqchip *chip);
void duet_irqfd_acked(struct duet_irqchip *chip, u32 gsi);

#endif /* DUET_COMMON_IRQ_IRQ_H */
