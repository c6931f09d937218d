/* SPDX-License-Identifier: MIT
 *
 * Runs the suites of a test program. Several processes may share them: those that find the same folder in
 * SVCD_SHARE take one suite after another, each of which runs in one of them only.
 */
#ifndef TEST_RUNNER_H
#define TEST_RUNNER_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

struct named_suite {
    const char *name;
    Suite *(*make)(void);
};

/* Whether this process is the one that does what has this name: a suite, or what is to be said once. */
bool runner_takes(const char *name);

/* A line of Check's for each suite, what failed, and in the end `N passed, N failed`; CK_RUN_SUITE picks one.
 * Returns the exit status. */
int run_suites(const struct named_suite *suites, size_t n);

#endif
