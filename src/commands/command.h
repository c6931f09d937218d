/* SPDX-License-Identifier: MIT
 *
 * What a command is: a file of this room each, which exports one descriptor that main.c's table lists.
 * Commands need no daemon and disturb none. They block, and return the process's exit status.
 */
#ifndef COMMANDS_COMMAND_H
#define COMMANDS_COMMAND_H

#include <stdbool.h>

#include "config/config.h"

#define EXIT_USAGE                                                                                           \
    2 /* arguments or configuration are wrong; beside stdlib.h's EXIT_SUCCESS and EXIT_FAILURE */

/* A long option of a command's own. Commands may share a name if it takes a value in all of them or in none.
 */
struct command_option {
    const char *name;  /* "check" */
    const char *value; /* what the help calls its value; NULL: it takes none */
    const char *summary;
};

#define COMMAND_OPTIONS_MAX 4

/* What was given after the command's name. */
struct command_line {
    char **operands; /* as many as the descriptor allows, then NULL */
    struct {
        const char *name, *value;
    } options[COMMAND_OPTIONS_MAX + 1]; /* those given, then an empty one */
};

struct command {
    const char *name;
    const char *synopsis; /* name, operands and options, as the help shows them */
    const char *summary;
    const struct command_option options[COMMAND_OPTIONS_MAX + 1]; /* an empty one at the end */
    int operands_min, operands_max;
    bool answers_by_status; /* which means something of its own, and holds whatever becomes of what is printed
                             */
    int (*run)(const struct config *config, const struct command_line *line);
};

extern const struct command command_check, command_config, command_hash_password, command_health,
    command_import_ratings, command_job, command_migrate, command_routes, command_token;

/* The value of an option; "" if it takes none, NULL if it was not given. The last one counts. */
const char *command_line_option(const struct command_line *line, const char *name);

/* Says on standard error what of the arguments is wrong, and why. Returns EXIT_USAGE. */
int command_misused(const char *what, const char *why);

#endif
