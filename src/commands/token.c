/* SPDX-License-Identifier: MIT
 *
 * `svcd token`: makes a caller's token, and the line for the file of callers, which has only its hash. The
 * token is stored nowhere: if it is lost, make another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access/callers.h"
#include "base/digest.h"
#include "call/method.h"
#include "commands/command.h"

/* Each service becomes part of a line whose fields are separated by blanks. */
static const char *problem_of(char *const *list, size_t i)
{
    if (!*list[i] || strpbrk(list[i], " \t\r\n"))
        return "give services by their full names, one per argument";
    return strcmp(list[i], "*") == 0 && (i > 0 || list[1])
               ? "stands for all services; name no others beside it"
               : NULL;
}

static int check_services(char **list)
{
    const struct service_names names = { rpc_services, rpc_services_n };
    for (size_t i = 0; list[i]; i++)
        if (problem_of(list, i))
            return command_misused(*list[i] ? list[i] : "''", problem_of(list, i));
    bool *ignored = calloc(names.n + 1, sizeof *ignored);
    int rc = ignored ? 0 : EXIT_FAILURE;
    for (; ignored && *list; list++)
        if (strcmp(*list, "*") != 0 && services_parse(ignored, &names, *list, "token", stderr))
            rc = EXIT_USAGE;
    free(ignored);
    return rc;
}

static void print_line(const char *name, const char *secret, char **services)
{
    char hash[DIGEST_HEX_LEN];
    digest_hex(hash, secret, strlen(secret));
    printf("%s\n%s %s ", secret, name, hash);
    for (size_t i = 0; services[i]; i++)
        printf("%s%s", i ? "," : "", services[i]);
    puts(services[0] ? "" : "*");
}

static int run(const struct config *config, const struct command_line *line)
{
    char secret[SECRET_LEN];
    char **services = line->operands + 1;
    (void)config;
    if (!caller_name_is_valid(line->operands[0]))
        return command_misused("token",
                               "a name consists of 1 to 255 letters, digits and characters of ._-@:+*");
    int rc = check_services(services);
    if (rc)
        return rc;
    secret_make(secret);
    print_line(line->operands[0], secret, services);
    explicit_bzero(secret, sizeof secret);
    if (isatty(STDOUT_FILENO))
        fputs("The first line is the token, which is not stored anywhere: the caller sends it as "
              "`authorization: Bearer TOKEN`.\n"
              "Add the second line to the file that access.tokens names, then reload svcd.\n",
              stderr);
    return EXIT_SUCCESS;
}

const struct command command_token = {
    .name = "token",
    .synopsis = "token NAME [SERVICE]...",
    .summary = "make a token for a caller; prints it and its line for the file of callers",
    .operands_min = 1,
    .operands_max = 100,
    .run = run,
};
