/* SPDX-License-Identifier: MIT
 *
 * Runs every suite of this folder on the database that the environment names (POSTGRES_*, as svcd reads
 * them), which it migrates and empties; none if a statement is wrong.
 */
#include <stdio.h>
#include <stdlib.h>

#include "config/load.h"
#include "db/migrate.h"
#include "db/params.h"
#include "preflight.h"
#include "runner.h"
#include "world.h"

#define NAMED(name) { #name, name##_suite },
static const struct named_suite suites[] = { EACH_SUITE(NAMED) };

/* Everything that is wrong is said once, and in tools/check's form how many things there are. */
static int tell_problems(const char *const *keywords, const char *const *values)
{
    bool is_first = runner_takes("preflight");
    int n = preflight(keywords, values, is_first ? stdout : NULL);
    if (n > 0)
        printf("0 passed, %d failed\n", is_first ? n : 0);
    return n;
}

static int prepare_database(void)
{
    extern char **environ;
    struct config config;
    struct database_params params;
    struct config_source source = { .environment = environ };
    if (config_load(&config, &source, stderr))
        return 1;
    database_params_set(&params, &config);
    int status =
        migrate_run(params.keywords, params.values,
                    &(struct migrate_options){
                        .command = "migrate", .connect_timeout_ms = 600000, .wait_s = MIGRATE_WAIT_S },
                    stdout);
    if (status) {
        printf("0 passed, %d failed\n", runner_takes("migrate"));
    } else {
        world_serve_as(&params);
        status = tell_problems(params.keywords, params.values);
    }
    config_finish(&config);
    return status;
}

int main(void)
{
    return prepare_database() ? EXIT_FAILURE : run_suites(suites, sizeof suites / sizeof *suites);
}
