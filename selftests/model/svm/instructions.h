/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The SVM instructions of the model's processors: stands in for
 * svm/instructions.h.
 */
#ifndef DUET_SVM_INSTRUCTIONS_H
#define DUET_SVM_INSTRUCTIONS_H

#include "kernel.h"

static inline void svm_vmsave(u64 pa) { }
static inline int svm_stgi(void) { return 0; }

#endif /* DUET_SVM_INSTRUCTIONS_H */
