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

/**
 * DUET_CAP_EXPLAIN - KVM_EXIT_FAIL_ENTRY says why
 *
 * KVM_CHECK_EXTENSION returns 1: behind kvm_run's fail_entry stands a text, see
 * struct duet_fail_entry.
 */
#define DUET_CAP_EXPLAIN	0x44550002

#define DUET_WHY_SIZE		240

/**
 * struct duet_fail_entry - kvm_run's union at KVM_EXIT_FAIL_ENTRY
 * @hardware_entry_failure_reason: as KVM has it: the VM-instruction error or
 *	the exit reason (VT-x), the exit code (AMD-V); ~0: the processor does
 *	not know the instruction (any more)
 * @cpu: where that was
 * @reserved: 0
 * @why: the rules that are broken, each with the section of the vendor's
 *	manual; ASCII, NUL-terminated, and all 0 behind
 */
struct duet_fail_entry {
	__u64 hardware_entry_failure_reason;
	__u32 cpu;
	__u32 reserved;
	char why[DUET_WHY_SIZE];
} __attribute__((__may_alias__));

#define duet_fail_entry(run) \
	((struct duet_fail_entry *)&(run)->fail_entry)

/**
 * DUET_CAP_BREAK_RULE - for the selftests: break a rule of VM entries
 *
 * Only if the module was built with DUET_SELFTEST_HOOKS. KVM_CHECK_EXTENSION
 * returns how many rules there are, else 0; DUET_GET_RULE on the device
 * describes one. KVM_ENABLE_CAP on the vCPU: args[0] is the rule's number,
 * args[1] a mask of DUET_BREAK_*. The next entry into the guest is then made
 * with a field that breaks this rule, once. KVM_RUN returns with
 *
 * - KVM_EXIT_FAIL_ENTRY: refused; the fields are as before,
 * - KVM_EXIT_INTR: the processor took it; the guest's registers are undefined,
 * - KVM_EXIT_UNKNOWN: this processor has nothing that the rule is about.
 */
#define DUET_CAP_BREAK_RULE	0x445500f0

#define DUET_BREAK_NO_ENTRY	(1ULL << 0)	/* explain without an entry */

/**
 * struct duet_rule_info - a rule of VM entries
 * @number: in: from 0 on
 * @flags: DUET_RULE_*
 * @section: of the vendor's manual
 * @text: as in struct duet_fail_entry
 */
struct duet_rule_info {
	__u32 number;
	__u32 flags;
	char section[16];
	char text[104];
};

#define DUET_RULE_NO_ENTRY	(1U << 0)	/* DUET_BREAK_NO_ENTRY only */

/* On the device. EINVAL: no such rule; ENOTTY: no DUET_SELFTEST_HOOKS */
#define DUET_GET_RULE		_IOWR('D', 0, struct duet_rule_info)

#endif /* _UAPI_DUET_H */
