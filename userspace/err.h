/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Error reporting of the launcher: functions return a negative errno and leave
 * one sentence for the user here; only main.c prints it and exits.
 */
#ifndef DUET_ERR_H
#define DUET_ERR_H

#include "compiler.h"

/**
 * err_set() - record why something failed
 * @err: positive errno
 * @fmt: one sentence for the user, without a newline
 *
 * The message belongs to the calling thread and replaces an earlier one.
 *
 * Return: -@err, so that callers can write "return err_set(...)".
 */
int err_set(int err, const char *fmt, ...)
	__printf(2, 3);

/** err_msg() - the calling thread's last message; "" if there is none */
const char *err_msg(void);

/**
 * warn_msg() - print one "duet: ..." line to stderr
 * @fmt: the text, without a newline
 *
 * Safe in raw terminal mode: the line ends with CR LF there.
 */
void warn_msg(const char *fmt, ...) __printf(1, 2);

#endif
