// SPDX-License-Identifier: GPL-2.0
/*
 * The ACPI tables as a guest finds them: from the RSDP on, by address.
 */
#include <string.h>

#include "acpi.h"
#include "guest_mem.h"
#include "tests/tap.h"

static struct guest_mem mem;

static uint32_t le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint8_t sum(const uint8_t *p, uint32_t len)
{
	uint8_t s = 0;

	while (len--)
		s += *p++;
	return s;
}

static const uint8_t *find(const char *signature, bool by_xsdt)
{
	const uint8_t *rsdp = guest_ptr(&mem, ACPI_RSDP, 36);
	const uint8_t *root, *t;
	unsigned int width = by_xsdt ? 8 : 4;
	uint32_t off;

	root = guest_ptr(&mem, le32(rsdp + (by_xsdt ? 24 : 16)), 36);
	for (off = 36; off < le32(root + 4); off += width) {
		t = guest_ptr(&mem, le32(root + off), 36);
		if (t && !memcmp(t, signature, 4))
			return t;
	}
	return NULL;
}

static void check_table(const uint8_t *t)
{
	if (CHECK(t != NULL))
		CHECK(sum(t, le32(t + 4)) == 0);
}

static void check_all(unsigned int nr_cpus)
{
	const uint8_t *rsdp, *t;

	CHECK(guest_mem_init(&mem, MIB(2)) == 0);
	CHECK(acpi_build(&mem, nr_cpus) == 0);
	rsdp = guest_ptr(&mem, ACPI_RSDP, 36);
	CHECK(!memcmp(rsdp, "RSD PTR ", 8));
	CHECK(sum(rsdp, 20) == 0 && sum(rsdp, 36) == 0);
	CHECK(!memcmp(guest_ptr(&mem, le32(rsdp + 16), 4), "RSDT", 4));
	CHECK(!memcmp(guest_ptr(&mem, le32(rsdp + 24), 4), "XSDT", 4));
	check_table(guest_ptr(&mem, le32(rsdp + 16), 36));
	check_table(guest_ptr(&mem, le32(rsdp + 24), 36));
	check_table(find("FACP", true));
	check_table(find("APIC", true));
	CHECK(find("FACP", true) == find("FACP", false));
	CHECK(find("APIC", true) == find("APIC", false));
	t = find("FACP", true);
	check_table(guest_ptr(&mem, le32(t + 40), 36));		/* DSDT */
	CHECK(le32(t + 40) == le32(t + 140));			/* X_DSDT */
	CHECK(!memcmp(guest_ptr(&mem, le32(t + 36), 4), "FACS", 4));
	CHECK(le32(t + 36) % 64 == 0);
}

static void test_checksums(void)
{
	check_all(1);
	guest_mem_exit(&mem);
	check_all(254);
	guest_mem_exit(&mem);
}

static void test_madt(void)
{
	const uint8_t *m, *p, *end;
	unsigned int cpus = 0, ioapics = 0, overrides = 0;

	check_all(3);
	m = find("APIC", true);
	CHECK(le32(m + 36) == 0xfee00000);
	end = m + le32(m + 4);
	for (p = m + 44; p < end && p[1]; p += p[1]) {
		if (p[0] == 0 && p[3] == cpus && le32(p + 4) == 1)
			cpus++;
		if (p[0] == 1 && le32(p + 4) == 0xfec00000)
			ioapics++;
		if (p[0] == 2 && p[3] == 0 && le32(p + 4) == 2)
			overrides++;
	}
	CHECK(p == end && cpus == 3 && ioapics == 1 && overrides == 1);
	guest_mem_exit(&mem);
}

/* Name (\_S5, Package (4) { 5, 5, 0, 0 }), byte for byte. */
static void test_s5(void)
{
	static const uint8_t s5[] = {
		0x08, '\\', '_', 'S', '5', '_', 0x12, 0x49, 0x00, 0x04,
		0x0a, 5, 0x0a, 5, 0x00, 0x00,
	};
	const uint8_t *fadt, *dsdt;

	check_all(1);
	fadt = find("FACP", true);
	dsdt = guest_ptr(&mem, le32(fadt + 40), 36 + sizeof(s5));
	CHECK(!memcmp(dsdt + 36, s5, sizeof(s5)));
	/* FADT: PM1a event, control, timer; reset register and value. */
	CHECK(le32(fadt + 56) == 0x600 && le32(fadt + 64) == 0x604 &&
	      le32(fadt + 76) == 0x608);
	CHECK(le32(fadt + 120) == 0xcf9 && fadt[128] == 6);
	CHECK(le32(fadt + 112) & 1 << 10);
	guest_mem_exit(&mem);
}

const struct test acpi_tests[] = {
	{ "ACPI: tables are found and their checksums right", test_checksums },
	{ "ACPI: the MADT lists each CPU, the IOAPIC and the PIT's pin",
	  test_madt },
	{ "ACPI: S5 and the registers it needs", test_s5 },
	{ NULL, NULL },
};
