/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stands in for common/compat.h: there are no kernel versions here.
 */
#ifndef DUET_COMMON_COMPAT_H
#define DUET_COMMON_COMPAT_H

#include "kernel.h"

#define duet_young		int
#define duet_ibpb()		do { } while (0)
#define duet_host_cr4()		0UL
#define duet_mmio_leaks()	false
#define duet_note_guest_entry()	do { } while (0)
#define duet_immediate_exit(run)	((run)->immediate_exit)
/* A signal. */
#define duet_xfer_to_guest_work(kvm_vcpu)	((void)(kvm_vcpu), -EINTR)

#endif /* DUET_COMMON_COMPAT_H */
