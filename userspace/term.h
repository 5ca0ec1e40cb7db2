/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The user's terminal: raw mode while a guest owns it, and the way back on
 * every exit. Used by run.c, devices/serial.c and err.c.
 */
#ifndef DUET_TERM_H
#define DUET_TERM_H

#include <stdbool.h>

/**
 * term_init() - remember the terminal's settings and guard every way out
 *
 * Registers an atexit() handler and handlers for fatal signals that put the
 * settings back before the default action happens. Call once, early.
 */
void term_init(void);

/**
 * term_raw() - pass every key through to the guest
 *
 * Does nothing if stdin is no terminal or the process is in its background.
 */
void term_raw(void);

/** term_restore() - put the settings back; async-signal-safe, idempotent */
void term_restore(void);

/** term_is_raw() - whether term_raw() is in effect */
bool term_is_raw(void);

#endif
