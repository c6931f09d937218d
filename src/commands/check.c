/* SPDX-License-Identifier: MIT
 *
 * `svcd check`, also `svcd -t`: whether svcd would start with this configuration. The configuration itself
 * was checked when it was loaded, before any command runs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "access/access.h"
#include "commands/command.h"
#include "commands/session.h"
#include "db/migrate.h"
#include "db/params.h"
#include "db/statement_check.h"
#include "edges.h"
#include "reload.h"

/* Connects as the daemon does and prepares every statement, as the daemon does on each connection. */
static int check_database(const struct config *config)
{
    struct database_params params;
    struct session session;
    const unsigned timeout_ms = (unsigned)config->database.connect_timeout_ms;
    database_params_set(&params, config);
    const struct migrate_options options = { .command = "check",
                                             .check_only = true,
                                             .connect_timeout_ms = timeout_ms };
    int status = migrate_run(params.keywords, params.values, &options, stdout);
    if (status)
        return status;
    if (session_init(&session, config))
        return EXIT_FAILURE;
    session_finish(&session);
    if (!statement_check_all(params.keywords, params.values, timeout_ms))
        return EXIT_FAILURE;
    puts("the database answers, every statement can be prepared, and its role may run it");
    return EXIT_SUCCESS;
}

static int run(const struct config *config, const struct command_line *line)
{
    struct rules rules;
    if (rules_read(&rules, config, stderr))
        return EXIT_USAGE;
    access_destroy(rules.access);
    if (!edges_check(config))
        return EXIT_USAGE;
    puts("the configuration is valid");
    return command_line_option(line, "db") ? check_database(config) : EXIT_SUCCESS;
}

const struct command command_check = {
    .name = "check",
    .synopsis = "check [--db]",
    .summary = "check the configuration (also: svcd -t)",
    .options = { { "db", NULL,
                   "also check that the database answers, is migrated and accepts every statement" } },
    .run = run,
};
