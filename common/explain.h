/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a processor refused to enter a guest: the rules of its manual as tables,
 * which a backend has beside its other checks. With DUET_SELFTEST_HOOKS each
 * rule also says how to break it, so that a test can ask for every one.
 */
#ifndef DUET_COMMON_EXPLAIN_H
#define DUET_COMMON_EXPLAIN_H

#include <linux/compiler_attributes.h>
#include "common/types.h"

/* What rules look at: fields of a control structure. Each backend has its own. */
struct duet_fields;

/*
 * What the rules are about: in this order a processor checks, as far as it
 * has one. The host's state is never broken in earnest: only the processor's
 * own check would stand between it and the host's end.
 */
enum duet_rules {
	DUET_RULES_CONTROLS,
	DUET_RULES_HOST,
	DUET_RULES_GUEST,
	DUET_NR_RULES
};

/**
 * struct duet_change - a change to one field, part of what breaks a rule
 * @field: which one, in the backend's terms
 * @size: in bytes, where the field itself does not say
 * @need: @set are features that this CPU may lack: then the rule cannot be
 *	broken
 * @clear, @set: bits, cleared first; none of both ends a list
 */
struct duet_change {
	u16 field;
	u8 size;
	bool need;
	u64 clear, set;
};

#define DUET_MAX_CHANGES	5

/**
 * struct duet_rule - one thing that a processor checks when it enters a guest
 * @broken: is it? No side effects; interrupts off
 * @text: what is wrong then
 * @section: of the vendor's manual
 * @changes: what breaks this rule and no other, in a 64-bit guest with a local
 *	APIC
 */
struct duet_rule {
	bool (*broken)(const struct duet_fields *f);
	const char *text;
	const char *section;
#ifdef CONFIG_DUET_SELFTEST_HOOKS
	struct duet_change changes[DUET_MAX_CHANGES];
#endif
};

#ifdef CONFIG_DUET_SELFTEST_HOOKS
#define DUET_RULE(broken_, text_, section_, ...) {			\
		.broken = broken_, .text = text_, .section = section_,	\
		.changes = { __VA_ARGS__ } }
#else
#define DUET_RULE(broken_, text_, section_, ...) {			\
		.broken = broken_, .text = text_, .section = section_ }
#endif

/**
 * duet_explain() - vcpu->exit is an entry that failed: begin its explanation
 * @fmt: what the processor itself said
 *
 * Context: a backend's run(), interrupts off, the fields as they were.
 */
__printf(2, 3)
void duet_explain(struct duet_vcpu *vcpu, const char *fmt, ...);

/**
 * duet_explain_rules() - add the rules that are broken
 * @tables: BIT(DUET_RULES_*)
 * Context: as duet_explain(), after it.
 */
void duet_explain_rules(struct duet_vcpu *vcpu, u32 tables,
			const struct duet_fields *f);

#ifdef CONFIG_DUET_SELFTEST_HOOKS

/**
 * struct duet_hook - a rule that is to be broken at the next entry
 * @rule: NULL for none
 * @which: the table it is in
 * @no_entry: have the broken fields explained, and leave the CPU out
 * @broken: the backend has done it
 */
struct duet_hook {
	const struct duet_rule *rule;
	u8 which;
	bool no_entry, broken;
};

/** duet_nr_rules() - of this machine's vendor */
u32 duet_nr_rules(void);

/** duet_find_rule() - the rule of this number; -EINVAL: there is none */
int duet_find_rule(u32 n, struct duet_hook *hook);

#endif

#endif /* DUET_COMMON_EXPLAIN_H */
