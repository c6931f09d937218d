/*
 * SPDX-License-Identifier: MIT
 *
 * Runs the unit tests: every NAME_suite() of a test_NAME.c in this folder. The list is made by the Makefile.
 */

#include <stdlib.h>

int main(void)
{
    SRunner *runner = srunner_create(NULL);
#define ADD(name) srunner_add_suite(runner, name##_suite());
    EACH_SUITE(ADD)
#undef ADD
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
