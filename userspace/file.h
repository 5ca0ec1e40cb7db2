/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading an input file with messages that name it. Used by the boot code.
 */
#ifndef DUET_FILE_H
#define DUET_FILE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct file - an open input file
 * @what: "kernel" or "initrd", for messages
 * @path: its name
 * @fd: open, or -1
 * @size: bytes when it was opened
 */
struct file {
	const char *what;
	const char *path;
	int fd;
	uint64_t size;
};

/** file_open() - open a regular file; a negative errno with a message */
int file_open(struct file *f, const char *what, const char *path);

/** file_read() - read exactly @len bytes at @off; -ENOEXEC: truncated */
int file_read(const struct file *f, uint64_t off, void *buf, size_t len);

/** file_close() - close it */
void file_close(struct file *f);

#endif
