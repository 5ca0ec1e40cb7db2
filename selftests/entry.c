// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: when the processor refuses to enter a guest, KVM_RUN says which rule
 * of its manual is broken; and nothing else has happened. With a module that
 * has DUET_SELFTEST_HOOKS every rule of the vendor's tables is a test of its
 * own: one entry is made with a field that breaks it.
 */
#include <fcntl.h>

#include "../uapi/duet.h"
#include "apic.h"
#include "tap.h"

static volatile uint64_t count;

static void guest_count(struct trap *t)
{
	count++;
}

static void guest_loop(void)
{
	uint64_t i;

	guest_handlers[0x55] = guest_count;
	sti();
	for (i = 0;; i++)
		guest_sync(i);
}

static struct vcpu *start(unsigned int flags)
{
	struct vcpu *v;

	if (!check_extension(device_open(), DUET_CAP_EXPLAIN))
		skip("no DUET_CAP_EXPLAIN");
	v = vcpu_create(vm_create(flags), 0);
	vcpu_start(v, guest_loop);
	expect_sync(v, 0);
	/* That was an OUT: it ends with the next KVM_RUN, be it this one. */
	vcpu_complete(v);
	return v;
}

/* The exit in kvm_run names this rule and no other. */
static void require_named(struct vcpu *v, const char *text,
			  const char *section)
{
	const struct duet_fail_entry *fail = duet_fail_entry(v->run);
	size_t want, i, length = strnlen(fail->why, sizeof(fail->why));
	char tail[160];

	REQUIRE(length < sizeof(fail->why));
	for (i = length; i < sizeof(fail->why); i++)
		REQUIRE_EQ(fail->why[i], 0, "what is behind the text");
	REQUIRE_EQ(fail->reserved, 0);
	want = snprintf(tail, sizeof(tail), ": %s (%s)", text, section);
	if (length < want || strcmp(fail->why + length - want, tail)) {
		note("said: %s", fail->why);
		note("hardware reason %#llx", (unsigned long long)
		     fail->hardware_entry_failure_reason);
		fail("the explanation is not%s", tail);
	}
}

/* No processor takes a code segment of 64 and of 32 bits. */
static void break_cs(struct vcpu *v, bool broken)
{
	struct kvm_sregs s;

	sregs_get(v, &s);
	s.cs.db = broken;
	sregs_set(v, &s);
}

static void without_hooks(void)
{
	struct vcpu *v = start(0);
	uint32_t id[4];

	cpuid(0, 0, id);
	break_cs(v, true);
	vcpu_expect(v, KVM_EXIT_FAIL_ENTRY);
	if (id[2] == 0x444d4163)	/* "cAMD" */
		require_named(v, "CS.L and CS.D in long mode", "15.5.1");
	else
		require_named(v, "CS.L and CS.D in IA-32e mode", "27.3.1.2");
	/* Again: it was not the entry's first attempt. */
	vcpu_expect(v, KVM_EXIT_FAIL_ENTRY);
	break_cs(v, false);
	expect_sync(v, 1);
}

static struct vcpu *fail_with_interrupt(struct kvm_vcpu_events *events)
{
	struct kvm_interrupt irq = { .irq = 0x55 };
	struct vcpu *v = start(0);

	break_cs(v, true);
	must(v->fd, KVM_INTERRUPT, &irq);
	vcpu_expect(v, KVM_EXIT_FAIL_ENTRY);
	must(v->fd, KVM_GET_VCPU_EVENTS, events);
	REQUIRE_EQ(events->interrupt.injected, 1);
	REQUIRE_EQ(events->interrupt.nr, 0x55);
	break_cs(v, false);
	return v;
}

static void event_kept(void)
{
	struct kvm_vcpu_events events;
	struct vcpu *v = fail_with_interrupt(&events);

	expect_sync(v, 1);
	REQUIRE_EQ(count, 1);
	expect_sync(v, 2);
	REQUIRE_EQ(count, 1);
}

static void event_taken_back(void)
{
	struct kvm_vcpu_events events;
	struct vcpu *v = fail_with_interrupt(&events);

	events.interrupt.injected = 0;
	must(v->fd, KVM_SET_VCPU_EVENTS, &events);
	expect_sync(v, 1);
	expect_sync(v, 2);
	REQUIRE_EQ(count, 0);
}

/*
 * With hooks
 */

static void need_hooks(void)
{
	if (!check_extension(device_open(), DUET_CAP_BREAK_RULE))
		skip("the module has no DUET_SELFTEST_HOOKS");
}

static int break_rule(struct vcpu *v, uint64_t number, uint64_t flags)
{
	struct kvm_enable_cap cap = {
		.cap = DUET_CAP_BREAK_RULE, .args = { number, flags },
	};

	return ioctl(v->fd, KVM_ENABLE_CAP, &cap);
}

static void arguments(void)
{
	struct duet_rule_info info = { };
	int kvm = device_open();
	struct vcpu *v;
	long n;

	need_hooks();
	v = start(0);
	n = check_extension(kvm, DUET_CAP_BREAK_RULE);
	for (info.number = 0; info.number < n; info.number++) {
		must(kvm, DUET_GET_RULE, &info);
		REQUIRE(info.text[0] && info.section[0]);
		/* Only the processor's check would save the host. */
		REQUIRE_EQ(break_rule(v, info.number, 0),
			   info.flags & DUET_RULE_NO_ENTRY ? -1 : 0);
	}
	must_fail(kvm, DUET_GET_RULE, &info, EINVAL);
	REQUIRE_EQ(break_rule(v, n, 0), -1);
	REQUIRE_EQ(errno, EINVAL);
	REQUIRE_EQ(break_rule(v, 1ull << 32, 0), -1);
	REQUIRE_EQ(break_rule(v, 0, 2), -1);
}

struct snapshot {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;
};

static void take(struct vcpu *v, struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	regs_get(v, &s->regs);
	sregs_get(v, &s->sregs);
	must(v->fd, KVM_GET_VCPU_EVENTS, &s->events);
}

static void put_back(struct vcpu *v, struct snapshot *s)
{
	regs_set(v, &s->regs);
	sregs_set(v, &s->sregs);
	must(v->fd, KVM_SET_VCPU_EVENTS, &s->events);
}

static void require_unchanged(struct vcpu *v, const struct snapshot *before)
{
	struct snapshot now;

	take(v, &now);
	REQUIRE(!memcmp(&now.regs, &before->regs, sizeof(now.regs)));
	REQUIRE(!memcmp(&now.sregs, &before->sregs, sizeof(now.sregs)));
	REQUIRE(!memcmp(&now.events, &before->events, sizeof(now.events)));
}

/* False if the processor takes what the rule forbids. */
static bool refused(struct vcpu *v, const struct duet_rule_info *info,
		    struct snapshot *before)
{
	REQUIRE_EQ(break_rule(v, info->number, 0), 0);
	switch (vcpu_run(v)) {
	case KVM_EXIT_UNKNOWN:
		skip("this processor has nothing that the rule is about");
	case KVM_EXIT_INTR:
		put_back(v, before);
		return false;
	case KVM_EXIT_FAIL_ENTRY:
		require_named(v, info->text, info->section);
		require_unchanged(v, before);
		return true;
	default:
		exit_unexpected(__FILE__, __LINE__, v);
	}
}

static void checked(struct vcpu *v, const struct duet_rule_info *info,
		    const struct snapshot *before)
{
	REQUIRE_EQ(break_rule(v, info->number, DUET_BREAK_NO_ENTRY), 0);
	if (vcpu_run(v) == KVM_EXIT_UNKNOWN)
		skip("this processor has nothing that the rule is about");
	REQUIRE_EQ(v->run->exit_reason, KVM_EXIT_FAIL_ENTRY);
	require_named(v, info->text, info->section);
	require_unchanged(v, before);
}

#define FIXED	4	/* tests before the first rule's */

static void rule(void)
{
	struct duet_rule_info info = { .number = tap_index - FIXED };
	struct snapshot before;
	struct vcpu *v;

	v = start(VM_IRQCHIP);
	must(v->vm->kvm, DUET_GET_RULE, &info);
	take(v, &before);
	if (info.flags & DUET_RULE_NO_ENTRY) {
		checked(v, &info, &before);
		remark("explained, not entered: it is the host's state");
	} else if (!refused(v, &info, &before)) {
		checked(v, &info, &before);
		remark("explained: this processor takes it");
	}
	/* Once: the next entry is as if nothing had been. */
	expect_sync(v, 1);
	expect_sync(v, 2);
}

static struct test tests[FIXED + 200] = {
	{ "a failed entry is explained in kvm_run", without_hooks },
	{ "an event of a failed entry comes with the next one", event_kept },
	{ "an event of a failed entry can be taken back", event_taken_back },
	{ "the hooks refuse what they do not know", arguments },
};

/* One more for each rule; without hooks there are none. */
static unsigned int add_rules(void)
{
	struct duet_rule_info info = { };
	unsigned int n = FIXED;
	char *text;
	int kvm = open(device_path(), O_RDWR | O_CLOEXEC);

	for (; kvm >= 0 && n < ARRAY_SIZE(tests) &&
	     !ioctl(kvm, DUET_GET_RULE, &info); n++, info.number++) {
		if (asprintf(&text, "%s (%s)", info.text, info.section) < 0)
			exit(KSFT_FAIL);
		tests[n] = (struct test) { text, rule };
	}
	if (n == ARRAY_SIZE(tests)) {
		puts("Bail out! too many rules");
		exit(KSFT_FAIL);
	}
	if (kvm >= 0)
		close(kvm);
	return n;
}

int main(void)
{
	return tap_main(tests, add_rules(), 15);
}
