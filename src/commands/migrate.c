/* SPDX-License-Identifier: MIT
 *
 * `svcd migrate`: db/migrate at the command line.
 */
#include "db/migrate.h"

#include <stdio.h>

#include "commands/command.h"
#include "db/params.h"

static int run(const struct config *config, const struct command_line *line)
{
    struct database_params params;
    database_params_set(&params, config);
    return migrate_run(params.keywords, params.values, command_line_option(line, "check"), stdout);
}

const struct command command_migrate = {
    .name = "migrate",
    .synopsis = "migrate [--check]",
    .summary = "bring the database to this version's schema, or tell whether it is",
    .options = { { "check", NULL, "only tell what is pending, with exit status 1 if something is" } },
    .run = run,
};
