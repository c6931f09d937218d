/* SPDX-License-Identifier: MIT
 *
 * Runs the unit tests: every NAME_suite() of a test_NAME.c in this folder. The list is made by the Makefile.
 */
#include "runner.h"

#define NAMED(name) { #name, name##_suite },
static const struct named_suite suites[] = { EACH_SUITE(NAMED) };

int main(void)
{
    return run_suites(suites, sizeof suites / sizeof *suites);
}
