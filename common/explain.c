// SPDX-License-Identifier: GPL-2.0
/*
 * The text that says why an entry failed. Called by the backends, which know
 * the fields and the rules; calls nothing.
 */
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/stdarg.h>
#include "common/vcpu.h"

__printf(3, 4)
static int duet_say(struct duet_vcpu *vcpu, int n, const char *fmt, ...)
{
	char *why = vcpu->exit.fail.why;
	va_list args;

	va_start(args, fmt);
	n += vscnprintf(why + n, sizeof(vcpu->exit.fail.why) - n, fmt, args);
	va_end(args);
	return n;
}

void duet_explain(struct duet_vcpu *vcpu, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(vcpu->exit.fail.why, sizeof(vcpu->exit.fail.why), fmt,
		   args);
	va_end(args);
}

void duet_explain_rules(struct duet_vcpu *vcpu, u32 tables,
			const struct duet_fields *f)
{
	int start = strlen(vcpu->exit.fail.why), n = start;
	const struct duet_rule *rule;
	unsigned int which;

	for (which = 0; which < DUET_NR_RULES; which++) {
		rule = tables & BIT(which) ? duet_ops->rules[which] : NULL;
		for (; rule && rule->broken; rule++)
			if (rule->broken(f))
				n = duet_say(vcpu, n, "%s%s (%s)",
					     n == start ? ": " : "; ",
					     rule->text, rule->section);
	}
	if (n == start)
		duet_say(vcpu, n, ": no rule known here is broken");
}

#ifdef CONFIG_DUET_SELFTEST_HOOKS

static u32 duet_table_size(unsigned int which)
{
	const struct duet_rule *rule = duet_ops->rules[which];
	u32 n = 0;

	while (rule && rule[n].broken)
		n++;
	return n;
}

u32 duet_nr_rules(void)
{
	unsigned int which;
	u32 n = 0;

	for (which = 0; which < DUET_NR_RULES; which++)
		n += duet_table_size(which);
	return n;
}

int duet_find_rule(u32 n, struct duet_hook *hook)
{
	unsigned int which;

	for (which = 0; which < DUET_NR_RULES; which++) {
		u32 size = duet_table_size(which);

		if (n < size) {
			n = array_index_nospec(n, size);
			*hook = (struct duet_hook) {
				.rule = &duet_ops->rules[which][n],
				.which = which,
			};
			return 0;
		}
		n -= size;
	}
	return -EINVAL;
}

#endif
