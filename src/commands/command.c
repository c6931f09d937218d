/* SPDX-License-Identifier: MIT */
#include "commands/command.h"

#include <stdio.h>
#include <string.h>

const char *command_line_option(const struct command_line *line, const char *name)
{
    for (size_t i = 0; line->options[i].name; i++)
        if (strcmp(line->options[i].name, name) == 0)
            return line->options[i].value;
    return NULL;
}

int command_misused(const char *what, const char *why)
{
    fprintf(stderr, "svcd: %s: %s\nTry 'svcd --help'.\n", what, why);
    return EXIT_USAGE;
}
