/* SPDX-License-Identifier: MIT
 *
 * Runs every suite of this folder on the database that the environment names (POSTGRES_*, as svcd reads
 * them), which it migrates and empties.
 */
#include <stdlib.h>

#include "config/load.h"
#include "db/migrate.h"
#include "db/params.h"
#include "runner.h"

#define NAMED(name) { #name, name##_suite },
static const struct named_suite suites[] = { EACH_SUITE(NAMED) };

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
    return migrate() ? EXIT_FAILURE : run_suites(suites, sizeof suites / sizeof *suites);
}
