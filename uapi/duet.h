/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ABI that Duet adds to the KVM API. /dev/duet speaks the ioctls of
 * <linux/kvm.h>; this header, shared with user space, names only what KVM
 * does not have. Every number below is private to Duet.
 */
#ifndef _UAPI_DUET_H
#define _UAPI_DUET_H

#include <linux/kvm.h>

/**
 * DUET_CAP_PAGER - which pager a VM uses
 *
 * KVM_CHECK_EXTENSION returns the mask of pagers this machine can run
 * (BIT(DUET_PAGER_NESTED), BIT(DUET_PAGER_SHADOW)). KVM_ENABLE_CAP on the VM,
 * before its first vCPU: args[0] is one of DUET_PAGER_*.
 */
#define DUET_CAP_PAGER		0x44550000

#define DUET_PAGER_NESTED	0	/* EPT or NPT */
#define DUET_PAGER_SHADOW	1	/* software MMU */

/**
 * DUET_CAP_REFUSE - hardware features this VM must not use
 *
 * KVM_CHECK_EXTENSION returns the mask of features that this machine has and
 * a VM can refuse. KVM_ENABLE_CAP on the VM, before its first vCPU: args[0]
 * is a mask of DUET_REFUSE_*; what is refused is done in software.
 */
#define DUET_CAP_REFUSE		0x44550001

#define DUET_REFUSE_TAGS	(1ULL << 0)	/* ASID, VPID */
#define DUET_REFUSE_NEXT_RIP	(1ULL << 1)	/* NRIPS */
#define DUET_REFUSE_DECODE	(1ULL << 2)	/* decode assists */
#define DUET_REFUSE_LARGE_PAGES	(1ULL << 3)	/* large nested pages */
#define DUET_REFUSE_CLEAN_BITS	(1ULL << 4)	/* VMCB clean bits */
#define DUET_REFUSE_FLUSH_TAG	(1ULL << 5)	/* flush by ASID */
#define DUET_REFUSE_TPR		(1ULL << 6)	/* V_TPR, TPR shadow */

#endif /* _UAPI_DUET_H */
