/* SPDX-License-Identifier: MIT
 *
 * `svcd migrate`: the command line of db/migrate.
 */
#include "db/migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "db/params.h"

static int run(const struct config *config, const struct command_line *line)
{
    struct database_params params;
    database_params_set(&params, config);
    struct migrate_options options = { .command = "migrate",
                                       .check_only = command_line_option(line, "check"),
                                       .connect_timeout_ms = (unsigned)config->database.connect_timeout_ms,
                                       .wait_s = MIGRATE_WAIT_S };
    const char *wait = command_line_option(line, "wait");
    if (wait && (strspn(wait, "0123456789") != strlen(wait) || !*wait || strlen(wait) > 6))
        return command_misused("--wait", "expected a number of seconds");
    if (wait)
        options.wait_s = (unsigned)strtoul(wait, NULL, 10);
    setvbuf(stdout, NULL, _IOLBF, 0); /* the line about what it waits for must appear while it waits */
    return migrate_run(params.keywords, params.values, &options, stdout);
}

const struct command command_migrate = {
    .name = "migrate",
    .synopsis = "migrate [--check] [--wait SECONDS]",
    .summary = "bring the database to the schema of this version",
    .options = { { "check", NULL, "only show pending changes; exit status 1 if there are any" },
                 { "wait", "SECONDS", "how long to wait for locks that others hold (60)" } },
    .run = run,
};
