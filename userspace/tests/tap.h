/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The least of a TAP producer: tests are functions, checks are CHECK(). Used by
 * the files of the launcher's unit test.
 */
#ifndef DUET_TAP_H
#define DUET_TAP_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct test - one line of TAP
 * @rule: what it protects, as a sentence
 * @run: the test; failed CHECKs make it fail
 */
struct test {
	const char *rule;
	void (*run)(void);
};

/* Each file's tests, ended by an empty entry. */
extern const struct test uart_tests[];
extern const struct test device_tests[];
extern const struct test boot_tests[];
extern const struct test acpi_tests[];
extern const struct test api_tests[];
extern const struct test args_tests[];

/** tap_check() - record a check of the test under way */
bool tap_check(bool ok, const char *file, int line, const char *what);

/** tap_says() - whether the last message of err_set() contains @part */
bool tap_says(const char *part);

#define CHECK(cond) tap_check(cond, __FILE__, __LINE__, #cond)

#endif
