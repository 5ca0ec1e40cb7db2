// SPDX-License-Identifier: GPL-2.0
/*
 * Input files. Calls libc; called by boot_*.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"
#include "file.h"

int file_open(struct file *f, const char *what, const char *path)
{
	struct stat st;
	int err;

	f->what = what;
	f->path = path;
	/* Not to wait for a writer, should it be a pipe. */
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0)
		return err_set(errno, "%s %s: %s", what, path,
			       strerror(errno));
	if (fstat(f->fd, &st)) {
		err = errno;
		file_close(f);
		return err_set(err, "%s %s: %s", what, path, strerror(err));
	}
	if (!S_ISREG(st.st_mode)) {
		file_close(f);
		return err_set(EINVAL, "%s %s: not a regular file", what,
			       path);
	}
	f->size = st.st_size;
	return 0;
}

int file_read(const struct file *f, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;
	ssize_t n;

	while (len) {
		n = pread(f->fd, p, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(errno, "%s %s: %s", f->what, f->path,
				       strerror(errno));
		if (!n)
			return err_set(ENOEXEC,
				       "%s %s: truncated: it ends at %llu bytes",
				       f->what, f->path,
				       (unsigned long long)off);
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

void file_close(struct file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}
