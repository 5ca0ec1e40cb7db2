/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TAP output and the test list. Each test runs in a child of its own with a
 * time limit, so that one that hangs or dies costs one line and not the rest.
 */
#ifndef SELFTESTS_TAP_H
#define SELFTESTS_TAP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* kselftest's exit codes */
#define KSFT_PASS	0
#define KSFT_FAIL	1
#define KSFT_SKIP	4

/**
 * struct test - one line of TAP
 * @rule: the rule that the test protects; the text of the TAP line
 * @fn: runs in a child; returns for a pass, leaves through fail() or skip()
 */
struct test {
	const char *rule;
	void (*fn)(void);
};

/**
 * tap_main - run a list of tests, print TAP, exit
 * @tests: the list
 * @n: its length
 * @seconds: time limit of each test; $DUET_LIMIT may be less
 *
 * Return: the exit code of main(): KSFT_PASS, KSFT_FAIL, or KSFT_SKIP when
 * every test was skipped or the device is missing.
 */
int tap_main(const struct test *tests, unsigned int n, unsigned int seconds);

/* The index of the test that runs: several may have one function. */
extern unsigned int tap_index;

/** tap_skip_program() - nothing of this program can be judged here; exit code */
int tap_skip_program(const char *why);


/* Leave the test with a verdict; for the child only. */
void fail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void skip(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
/* What the TAP line of a test that passes says in addition. */
void remark(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A line of diagnosis. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define fail(...)	fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define REQUIRE(cond, ...)						\
	do {								\
		if (!(cond))						\
			fail(#cond ": " __VA_ARGS__);			\
	} while (0)

/* Two values that have to be equal; prints both. */
#define REQUIRE_EQ(a, b, ...)						\
	do {								\
		unsigned long long a_ = (unsigned long long)(a);	\
		unsigned long long b_ = (unsigned long long)(b);	\
									\
		if (a_ != b_) {						\
			note("" __VA_ARGS__);				\
			fail("%s is %#llx, want %s = %#llx",		\
			     #a, a_, #b, b_);				\
		}							\
	} while (0)

#endif
