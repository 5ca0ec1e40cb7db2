// SPDX-License-Identifier: GPL-2.0
/*
 * The table of exit counts: Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD.
 * Calls ioctl and pread; called by run.c after the vCPUs have stopped.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "args.h"
#include "err.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"

#define MAX_DESCS	4096
#define MAX_NAME	256

/**
 * struct row - one counter
 * @name: as the kernel calls it
 * @total: sum over all vCPUs
 * @val: per vCPU
 */
struct row {
	char name[MAX_NAME];
	uint64_t total;
	uint64_t *val;
};

/**
 * struct stats - the table
 * @columns: vCPUs
 * @nr: rows
 * @row: the rows
 */
struct stats {
	unsigned int columns;
	size_t nr;
	struct row *row;
};

struct stats *stats_new(unsigned int columns)
{
	struct stats *st = calloc(1, sizeof(*st));

	if (st)
		st->columns = columns;
	return st;
}

void stats_free(struct stats *st)
{
	size_t i;

	if (!st)
		return;
	for (i = 0; i < st->nr; i++)
		free(st->row[i].val);
	free(st->row);
	free(st);
}

static struct row *find_row(struct stats *st, const char *name)
{
	struct row *row;
	size_t i;

	for (i = 0; i < st->nr; i++)
		if (!strcmp(st->row[i].name, name))
			return &st->row[i];
	row = realloc(st->row, (st->nr + 1) * sizeof(*row));
	if (!row)
		return NULL;
	st->row = row;
	row += st->nr;
	memset(row, 0, sizeof(*row));
	/* Cut to fit: the last byte stays 0. */
	memcpy(row->name, name, strnlen(name, sizeof(row->name) - 1));
	row->val = calloc(st->columns, sizeof(*row->val));
	if (!row->val)
		return NULL;
	st->nr++;
	return row;
}

/* "exit_cpuid" and "exits", and what KVM calls "io_exits". */
static int is_exit_name(const char *name)
{
	size_t len = strlen(name);

	return !strncmp(name, "exit", 4) ||
	       (len > 6 && !strcmp(name + len - 6, "_exits"));
}

static int pread_exact(int fd, void *buf, size_t len, uint64_t off)
{
	ssize_t n;

	while (len) {
		n = pread(fd, buf, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(errno, "statistics: %s",
				       strerror(errno));
		if (!n)
			return err_set(EPROTO, "statistics: they end early");
		buf = (uint8_t *)buf + n;
		off += n;
		len -= n;
	}
	return 0;
}

static int add_counter(struct stats *st, int fd, unsigned int column,
		       const struct kvm_stats_header *hdr,
		       const struct kvm_stats_desc *desc, const char *name)
{
	struct row *row;
	uint64_t val;
	int ret;

	/* A row of several values is a histogram, not a count. */
	if (desc->size != 1 || !is_exit_name(name))
		return 0;
	ret = pread_exact(fd, &val, sizeof(val),
			  (uint64_t)hdr->data_offset + desc->offset);
	if (ret)
		return ret;
	row = find_row(st, name);
	if (!row)
		return err_set(ENOMEM, "statistics: no memory");
	row->val[column] += val;
	row->total += val;
	return 0;
}

int stats_read_fd(struct stats *st, int fd, unsigned int column)
{
	struct {
		struct kvm_stats_desc desc;
		char name[MAX_NAME + 1];
	} d;
	struct kvm_stats_header hdr;
	size_t step;
	uint32_t i;
	int ret;

	ret = pread_exact(fd, &hdr, sizeof(hdr), 0);
	if (ret)
		return ret;
	if (!hdr.name_size || hdr.name_size > MAX_NAME ||
	    hdr.num_desc > MAX_DESCS)
		return err_set(EPROTO,
			       "statistics: header with %u rows and names of %u bytes",
			       hdr.num_desc, hdr.name_size);
	step = sizeof(d.desc) + hdr.name_size;
	for (i = 0; i < hdr.num_desc; i++) {
		memset(&d, 0, sizeof(d));
		ret = pread_exact(fd, &d, step,
				  hdr.desc_offset + (uint64_t)i * step);
		if (!ret)
			ret = add_counter(st, fd, column, &hdr, &d.desc,
					  d.name);
		if (ret)
			return ret;
	}
	return 0;
}

static int by_total(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return strcmp(x->name, y->name);
}

void stats_print_table(struct stats *st, FILE *out)
{
	unsigned int c;
	size_t i, rows = 0;

	if (st->nr)
		qsort(st->row, st->nr, sizeof(*st->row), by_total);
	fprintf(out, "%-32s %14s", "exit", "count");
	for (c = 0; st->columns > 1 && c < st->columns; c++)
		fprintf(out, "      vcpu%-4u", c);
	fprintf(out, "\n");
	for (i = 0; i < st->nr; i++) {
		const struct row *row = &st->row[i];

		if (!row->total)
			continue;
		rows++;
		fprintf(out, "%-32s %14" PRIu64, row->name, row->total);
		for (c = 0; st->columns > 1 && c < st->columns; c++)
			fprintf(out, " %13" PRIu64, row->val[c]);
		fprintf(out, "\n");
	}
	if (!rows)
		fprintf(out, "(no exit was counted)\n");
	fflush(out);
}

int stats_print(struct vm *vm, FILE *out)
{
	struct stats *st;
	unsigned int i;
	int ret = 0;
	int fd;

	if (!vm_cap(vm, KVM_CAP_BINARY_STATS_FD)) {
		fprintf(out, "%s has no statistics (KVM_CAP_BINARY_STATS_FD)\n",
			vm->opts->device);
		return 0;
	}
	st = stats_new(vm->nr_vcpus);
	if (!st)
		return err_set(ENOMEM, "statistics: no memory");
	for (i = 0; i < vm->nr_vcpus && !ret; i++) {
		fd = ioctl(vm->vcpus[i].fd, KVM_GET_STATS_FD, NULL);
		if (fd < 0) {
			ret = err_set(errno, "KVM_GET_STATS_FD: %s",
				      strerror(errno));
			break;
		}
		ret = stats_read_fd(st, fd, i);
		close(fd);
	}
	if (!ret)
		stats_print_table(st, out);
	stats_free(st);
	return ret;
}
