/* SPDX-License-Identifier: MIT
 *
 * Runs every suite of this folder on the database that the environment names (POSTGRES_*, as svcd reads
 * them), which it migrates and empties.
 */
#include <stdlib.h>

#include "config/load.h"
#include "db/migrate.h"
#include "db/params.h"

static int migrate(void)
{
    extern char **environ;
    struct config config;
    struct database_params params;
    struct config_source source = { .environment = environ };
    if (config_load(&config, &source, stderr))
        return 1;
    database_params_set(&params, &config);
    int status = migrate_run(params.keywords, params.values, false, stdout);
    config_finish(&config);
    return status;
}

int main(void)
{
    if (migrate())
        return EXIT_FAILURE;
    SRunner *runner = srunner_create(NULL);
#define ADD(name) srunner_add_suite(runner, name##_suite());
    EACH_SUITE(ADD)
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
