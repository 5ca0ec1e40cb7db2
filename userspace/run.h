/* SPDX-License-Identifier: GPL-2.0 */
/*
 * "duet run". Used by main.c.
 */
#ifndef DUET_RUN_H
#define DUET_RUN_H

#include "args.h"

/**
 * run_vm() - run a guest until it ends
 * @opts: what the user asked for
 *
 * Return: an enum vm_outcome, or a negative errno with a message.
 */
int run_vm(const struct run_opts *opts);

#endif
