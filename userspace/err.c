// SPDX-License-Identifier: GPL-2.0
/*
 * The message behind a negative errno, one per thread. Calls libc only; called
 * from everywhere.
 */
#include <stdarg.h>
#include <stdio.h>

#include "err.h"
#include "term.h"

static _Thread_local char message[1024];

int err_set(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	return -err;
}

const char *err_msg(void)
{
	return message;
}

void warn_msg(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "duet: %s%s\n", text, term_is_raw() ? "\r" : "");
}
