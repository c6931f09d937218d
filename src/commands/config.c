/* SPDX-License-Identifier: MIT
 *
 * `svcd config`: prints the effective value of each key and where it comes from.
 */
#include <stdio.h>
#include <stdlib.h>

#include "commands/command.h"
#include "config/effective.h"

static int run(const struct config *config, const struct command_line *line)
{
    (void)line;
    config_print(config, stdout);
    return EXIT_SUCCESS;
}

const struct command command_config = {
    .name = "config",
    .synopsis = "config",
    .summary = "show the value of every key and where it was set; secrets are masked",
    .run = run,
};
