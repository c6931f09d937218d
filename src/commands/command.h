/* SPDX-License-Identifier: MIT
 *
 * Commands of the command line (`svcd NAME ...`): each is a file in this folder that exports one descriptor,
 * which main.c's table lists. Commands need no running daemon and do not disturb one. They block, and return
 * the process's exit status.
 */
#ifndef COMMANDS_COMMAND_H
#define COMMANDS_COMMAND_H

#include <stdbool.h>

#include "config/config.h"

/* The exit status for wrong arguments or configuration; see also stdlib.h's EXIT_SUCCESS and EXIT_FAILURE. */
#define EXIT_USAGE 2

/* A long option of one command. Commands may share an option's name if it takes a value in all or in none. */
struct command_option {
    const char *name;  /* "check" */
    const char *value; /* its value's name in the help; NULL: it takes none */
    const char *summary;
};

#define COMMAND_OPTIONS_MAX 4

/* The command's arguments. */
struct command_line {
    char **operands; /* as many as the descriptor allows, ended by NULL */
    struct {
        const char *name, *value;
    } options[COMMAND_OPTIONS_MAX + 1]; /* those given, ended by an empty one */
};

struct command {
    const char *name;
    const char *synopsis; /* name, operands and options, as the help shows them */
    const char *summary;
    const struct command_option options[COMMAND_OPTIONS_MAX + 1]; /* ended by an empty one */
    int operands_min, operands_max;
    bool answers_by_status; /* the exit status is the answer, and counts even if printing fails */
    int (*run)(const struct config *config, const struct command_line *line);
};

extern const struct command command_check, command_config, command_hash_password, command_health,
    command_import_ratings, command_job, command_migrate, command_routes, command_token;

/* The value of an option; "" if it takes none, NULL if it was not given. If it was repeated the last one
 * counts.
 */
const char *command_line_option(const struct command_line *line, const char *name);

/* Prints on standard error which argument is wrong, and why. Returns EXIT_USAGE. */
int command_misused(const char *what, const char *why);

#endif
