// SPDX-License-Identifier: GPL-2.0
/*
 * Port and memory ranges. Calls devices' read and write; called by vcpu.c for
 * each I/O and MMIO exit.
 */
#include <errno.h>
#include <string.h>

#include "bus.h"
#include "err.h"

int bus_register(struct bus *bus, const struct bus_range *range)
{
	unsigned int i;

	for (i = 0; i < bus->nr; i++) {
		const struct bus_range *r = &bus->range[i];

		if (range->base < r->base + r->len &&
		    r->base < range->base + range->len)
			return err_set(EBUSY, "%s overlaps %s at 0x%llx",
				       range->name, r->name,
				       (unsigned long long)range->base);
	}
	if (bus->nr == BUS_MAX_RANGES)
		return err_set(ENOSPC, "no room for %s on the bus",
			       range->name);
	bus->range[bus->nr++] = *range;
	return 0;
}

static const struct bus_range *bus_find(const struct bus *bus, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < bus->nr; i++) {
		const struct bus_range *r = &bus->range[i];

		if (addr >= r->base && addr - r->base < r->len)
			return r;
	}
	return NULL;
}

static int takes_whole(const struct bus_range *r, uint64_t addr,
		       unsigned int len)
{
	return r && len <= r->width && len <= r->len - (addr - r->base);
}

void bus_read(const struct bus *bus, uint64_t addr, void *data,
	      unsigned int len)
{
	const struct bus_range *r = bus_find(bus, addr);
	uint64_t val = ~0ULL;
	unsigned int i;

	if (len > 1 && !takes_whole(r, addr, len)) {
		for (i = 0; i < len; i++)
			bus_read(bus, addr + i, (uint8_t *)data + i, 1);
		return;
	}
	if (r && r->read)
		val = r->read(r->dev, addr - r->base, len);
	memcpy(data, &val, len);
}

void bus_write(const struct bus *bus, uint64_t addr, const void *data,
	       unsigned int len)
{
	const struct bus_range *r = bus_find(bus, addr);
	uint64_t val = 0;
	unsigned int i;

	if (len > 1 && !takes_whole(r, addr, len)) {
		for (i = 0; i < len; i++)
			bus_write(bus, addr + i, (const uint8_t *)data + i, 1);
		return;
	}
	if (!r || !r->write)
		return;
	memcpy(&val, data, len);
	r->write(r->dev, addr - r->base, len, val);
}
