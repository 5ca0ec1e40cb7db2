// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI tables, written once before the guest starts. Calls aml.c; called by
 * run.c. What they describe is emulated in devices/acpi_pm.c and reset.c, and
 * by the interrupt hardware in the kernel.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "acpi.h"
#include "aml.h"
#include "compiler.h"
#include "devices/device.h"
#include "err.h"
#include "guest_mem.h"

#define LAPIC_GPA	0xfee00000U
#define IOAPIC_GPA	0xfec00000U

struct rsdp {				/* 5.2.5.3 */
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __packed;

struct table {				/* 5.2.6 */
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __packed;

struct gas {				/* 5.2.3.2: generic address */
	uint8_t space;			/* 1: system I/O */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;		/* 1 byte, 2 word, 3 doubleword */
	uint64_t address;
} __packed;

#define FADT_WBINVD		(1U << 0)
#define FADT_PROC_C1		(1U << 2)
#define FADT_PWR_BUTTON		(1U << 4)	/* no fixed power button */
#define FADT_SLP_BUTTON		(1U << 5)	/* no fixed sleep button */
#define FADT_FIX_RTC		(1U << 6)	/* no fixed RTC wake-up */
#define FADT_TMR_VAL_EXT	(1U << 8)	/* 32-bit PM timer */
#define FADT_RESET_REG_SUP	(1U << 10)

/*
 * Bit 1 (8042) stays clear: there is a reset line but no keyboard, and a
 * driver that looks for one only waits. Bit 5 (no RTC) too: there is one.
 */
#define BOOT_LEGACY_DEVICES	(1U << 0)
#define BOOT_NO_VGA		(1U << 2)
#define BOOT_NO_ASPM		(1U << 4)

struct fadt {				/* 5.2.9, revision 6.4 */
	struct table head;
	uint32_t facs;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t preferred_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable;
	uint8_t acpi_disable;
	uint8_t s4bios_req;
	uint8_t pstate_cnt;
	uint32_t pm1a_evt;
	uint32_t pm1b_evt;
	uint32_t pm1a_cnt;
	uint32_t pm1b_cnt;
	uint32_t pm2_cnt;
	uint32_t pm_tmr;
	uint32_t gpe0;
	uint32_t gpe1;
	uint8_t pm1_evt_len;
	uint8_t pm1_cnt_len;
	uint8_t pm2_cnt_len;
	uint8_t pm_tmr_len;
	uint8_t gpe0_len;
	uint8_t gpe1_len;
	uint8_t gpe1_base;
	uint8_t cst_cnt;
	uint16_t c2_latency;
	uint16_t c3_latency;
	uint16_t flush_size;
	uint16_t flush_stride;
	uint8_t duty_offset;
	uint8_t duty_width;
	uint8_t day_alarm;
	uint8_t month_alarm;
	uint8_t century;
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_facs;
	uint64_t x_dsdt;
	struct gas x_pm1a_evt;
	struct gas x_pm1b_evt;
	struct gas x_pm1a_cnt;
	struct gas x_pm1b_cnt;
	struct gas x_pm2_cnt;
	struct gas x_pm_tmr;
	struct gas x_gpe0;
	struct gas x_gpe1;
	struct gas sleep_control;
	struct gas sleep_status;
	uint64_t hypervisor_id;
} __packed;

struct facs {				/* 5.2.10 */
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} __packed;

struct madt {				/* 5.2.12 */
	struct table head;
	uint32_t lapic;
	uint32_t flags;			/* bit 0: PIC pair present */
} __packed;

struct madt_lapic {			/* 5.2.12.2, type 0 */
	uint8_t type;
	uint8_t length;
	uint8_t uid;
	uint8_t apic_id;
	uint32_t flags;			/* bit 0: enabled */
} __packed;

struct madt_ioapic {			/* 5.2.12.3, type 1 */
	uint8_t type;
	uint8_t length;
	uint8_t id;
	uint8_t reserved;
	uint32_t address;
	uint32_t gsi_base;
} __packed;

struct madt_override {			/* 5.2.12.5, type 2 */
	uint8_t type;
	uint8_t length;
	uint8_t bus;			/* 0: ISA */
	uint8_t source;
	uint32_t gsi;
	uint16_t flags;			/* 0: as the bus; 0xd: level, high */
} __packed;

struct madt_lapic_nmi {			/* 5.2.12.7, type 4 */
	uint8_t type;
	uint8_t length;
	uint8_t uid;			/* 0xff: all */
	uint16_t flags;
	uint8_t lint;
} __packed;

_Static_assert(sizeof(struct rsdp) == 36, "RSDP");
_Static_assert(sizeof(struct table) == 36, "table header");
_Static_assert(sizeof(struct fadt) == 276, "FADT");
_Static_assert(sizeof(struct facs) == 64, "FACS");
_Static_assert(sizeof(struct madt) == 44, "MADT");

/**
 * struct builder - where the next table goes
 * @mem: guest memory
 * @next: guest-physical address
 */
struct builder {
	const struct guest_mem *mem;
	uint64_t next;
};

static uint8_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	while (len--)
		sum += *p++;
	return -sum;
}

static void fill_head(struct table *t, const char *signature,
		      uint8_t revision, uint32_t length)
{
	memcpy(t->signature, signature, 4);
	t->length = length;
	t->revision = revision;
	memcpy(t->oem_id, "DUET  ", 6);
	memcpy(t->oem_table_id, "DUETVM  ", 8);
	t->oem_revision = 1;
	memcpy(t->creator_id, "DUET", 4);
	t->creator_revision = 1;
	t->checksum = 0;
	t->checksum = checksum(t, length);
}

/* Room for a table, aligned to 64 bytes, which the FACS needs; 0: none. */
static uint64_t place(struct builder *b, size_t len, void **ptr)
{
	uint64_t gpa = b->next;

	*ptr = NULL;
	if (gpa + len > ACPI_AREA_END)
		return 0;
	*ptr = guest_ptr(b->mem, gpa, len);
	if (!*ptr)
		return 0;
	memset(*ptr, 0, len);
	b->next = (gpa + len + 63) & ~63ULL;
	return gpa;
}

static void aml_isa_device(struct aml *a, const char *name, const char *hid,
			   uint16_t port, uint8_t len, uint8_t irq)
{
	size_t dev = aml_device(a, name);

	aml_name(a, "_HID");
	aml_eisaid(a, hid);
	aml_name(a, "_CRS");
	aml_io_irq(a, port, len, irq);
	aml_close(a, dev);
}

/*
 * The ASL of what follows:
 *
 * DefinitionBlock ("", "DSDT", 2, "DUET", "DUETVM", 1)
 * {
 *	Name (\_S5, Package (4) { 5, 5, 0, 0 })
 *	Scope (\_SB)
 *	{
 *		Device (COM1)
 *		{
 *			Name (_HID, EisaId ("PNP0501"))
 *			Name (_CRS, ResourceTemplate () {
 *				IO (Decode16, 0x3f8, 0x3f8, 1, 8)
 *				IRQNoFlags () {4}
 *			})
 *		}
 *		Device (RTC)
 *		{
 *			Name (_HID, EisaId ("PNP0B00"))
 *			Name (_CRS, ResourceTemplate () {
 *				IO (Decode16, 0x70, 0x70, 1, 2)
 *				IRQNoFlags () {8}
 *			})
 *		}
 *	}
 * }
 */
static void write_dsdt_aml(struct aml *a)
{
	size_t obj;

	aml_name(a, "\\_S5");
	obj = aml_package(a, 4);
	aml_integer(a, SLP_TYP_S5);
	aml_integer(a, SLP_TYP_S5);
	aml_integer(a, 0);
	aml_integer(a, 0);
	aml_close(a, obj);

	obj = aml_scope(a, "\\_SB");
	aml_isa_device(a, "COM1", "PNP0501", SERIAL_PORT, 8, SERIAL_IRQ);
	aml_isa_device(a, "RTC", "PNP0B00", RTC_PORT, 2, RTC_IRQ);
	aml_close(a, obj);
}

static uint64_t build_dsdt(struct builder *b)
{
	uint8_t code[512];
	struct aml aml = { .buf = code, .size = sizeof(code) };
	uint64_t gpa;
	void *t;

	write_dsdt_aml(&aml);
	if (aml.len > aml.size)
		return 0;
	gpa = place(b, sizeof(struct table) + aml.len, &t);
	if (!gpa)
		return 0;
	memcpy((uint8_t *)t + sizeof(struct table), code, aml.len);
	fill_head(t, "DSDT", 2, sizeof(struct table) + aml.len);
	return gpa;
}

static uint64_t build_facs(struct builder *b)
{
	struct facs *f;
	void *t;
	uint64_t gpa = place(b, sizeof(*f), &t);

	if (!gpa)
		return 0;
	f = t;
	memcpy(f->signature, "FACS", 4);
	f->length = sizeof(*f);
	f->version = 2;
	return gpa;
}

static struct gas io_register(uint16_t port, uint8_t bytes, uint8_t access)
{
	return (struct gas) {
		.space = 1,
		.bit_width = bytes * 8,
		.access_size = access,
		.address = port,
	};
}

static uint64_t build_fadt(struct builder *b, uint64_t facs, uint64_t dsdt)
{
	struct fadt *f;
	void *t;
	uint64_t gpa = place(b, sizeof(*f), &t);

	if (!gpa)
		return 0;
	f = t;
	f->facs = facs;
	f->dsdt = dsdt;
	f->sci_int = SCI_IRQ;
	/* No SMI command port: ACPI mode is always on. */
	f->pm1a_evt = PM1_EVT_PORT;
	f->pm1a_cnt = PM1_CNT_PORT;
	f->pm_tmr = PM_TMR_PORT;
	f->pm1_evt_len = PM1_EVT_LEN;
	f->pm1_cnt_len = PM1_CNT_LEN;
	f->pm_tmr_len = PM_TMR_LEN;
	f->c2_latency = 0xffff;		/* above 100 and 1000: no C2, no C3 */
	f->c3_latency = 0xffff;
	f->century = 0x32;
	f->boot_arch = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_ASPM;
	f->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON |
		   FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_TMR_VAL_EXT |
		   FADT_RESET_REG_SUP;
	f->reset_reg = io_register(RESET_PORT, 1, 1);
	f->reset_value = RESET_VALUE;
	f->minor = 4;
	/* X_FIRMWARE_CTRL stays 0: only one of the two may be set. */
	f->x_dsdt = dsdt;
	f->x_pm1a_evt = io_register(PM1_EVT_PORT, PM1_EVT_LEN, 2);
	f->x_pm1a_cnt = io_register(PM1_CNT_PORT, PM1_CNT_LEN, 2);
	f->x_pm_tmr = io_register(PM_TMR_PORT, PM_TMR_LEN, 3);
	memcpy(&f->hypervisor_id, "DUET\0\0\0\0", 8);
	fill_head(&f->head, "FACP", 6, sizeof(*f));
	return gpa;
}

static uint64_t build_madt(struct builder *b, unsigned int nr_cpus)
{
	size_t len = sizeof(struct madt) +
		     nr_cpus * sizeof(struct madt_lapic) +
		     sizeof(struct madt_ioapic) +
		     2 * sizeof(struct madt_override) +
		     sizeof(struct madt_lapic_nmi);
	struct madt *m;
	uint64_t gpa;
	uint8_t *p;
	void *t;
	unsigned int i;

	gpa = place(b, len, &t);
	if (!gpa)
		return 0;
	m = t;
	m->lapic = LAPIC_GPA;
	m->flags = 1;
	p = (uint8_t *)(m + 1);

	for (i = 0; i < nr_cpus; i++, p += sizeof(struct madt_lapic))
		*(struct madt_lapic *)p = (struct madt_lapic) {
			.type = 0, .length = sizeof(struct madt_lapic),
			.uid = i, .apic_id = i, .flags = 1,
		};
	*(struct madt_ioapic *)p = (struct madt_ioapic) {
		.type = 1, .length = sizeof(struct madt_ioapic),
		.address = IOAPIC_GPA,
	};
	p += sizeof(struct madt_ioapic);
	/* The PIT's line is pin 2, because pin 0 took the PIC pair's output. */
	*(struct madt_override *)p = (struct madt_override) {
		.type = 2, .length = sizeof(struct madt_override),
		.source = 0, .gsi = 2,
	};
	p += sizeof(struct madt_override);
	*(struct madt_override *)p = (struct madt_override) {
		.type = 2, .length = sizeof(struct madt_override),
		.source = SCI_IRQ, .gsi = SCI_IRQ, .flags = 0xd,
	};
	p += sizeof(struct madt_override);
	*(struct madt_lapic_nmi *)p = (struct madt_lapic_nmi) {
		.type = 4, .length = sizeof(struct madt_lapic_nmi),
		.uid = 0xff, .lint = 1,
	};
	fill_head(&m->head, "APIC", 5, len);
	return gpa;
}

/* RSDT (4-byte addresses) or XSDT (8-byte ones): 5.2.7, 5.2.8. */
static uint64_t build_root(struct builder *b, const char *signature,
			   size_t width, const uint64_t *tables, size_t nr)
{
	size_t len = sizeof(struct table) + nr * width;
	uint64_t gpa;
	uint8_t *p;
	void *t;
	size_t i;

	gpa = place(b, len, &t);
	if (!gpa)
		return 0;
	p = (uint8_t *)t + sizeof(struct table);
	for (i = 0; i < nr; i++)
		memcpy(p + i * width, &tables[i], width);
	fill_head(t, signature, 1, len);
	return gpa;
}

int acpi_build(const struct guest_mem *mem, unsigned int nr_cpus)
{
	struct builder b = { .mem = mem, .next = ACPI_RSDP };
	uint64_t tables[2], facs, dsdt, rsdt, xsdt;
	struct rsdp *rsdp;
	void *t;

	if (!place(&b, sizeof(*rsdp), &t))
		goto full;
	rsdp = t;
	facs = build_facs(&b);
	dsdt = build_dsdt(&b);
	if (!facs || !dsdt)
		goto full;
	tables[0] = build_fadt(&b, facs, dsdt);
	tables[1] = build_madt(&b, nr_cpus);
	if (!tables[0] || !tables[1])
		goto full;
	rsdt = build_root(&b, "RSDT", 4, tables, 2);
	xsdt = build_root(&b, "XSDT", 8, tables, 2);
	if (!rsdt || !xsdt)
		goto full;

	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "DUET  ", 6);
	rsdp->revision = 2;
	rsdp->rsdt = rsdt;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = xsdt;
	rsdp->checksum = checksum(rsdp, 20);
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
	return 0;
full:
	return err_set(ENOSPC, "no room for the ACPI tables at 0x%llx",
		       (unsigned long long)ACPI_AREA);
}
