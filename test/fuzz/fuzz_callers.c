/* SPDX-License-Identifier: MIT
 *
 * The file of callers, and lists of services: who is read is complete and may call something that exists;
 * each mistake is a line that names its place, and quotes no token.
 */
#include <string.h>

#include "access/callers.h"
#include "fuzz.h"

static const char *const names[] = { "account_package.AccountService", "grpc.health.v1.Health",
                                     "grpc.reflection.v1.ServerReflection" };
static const struct service_names services = { names, sizeof names / sizeof *names };

static void look_at(const struct caller *caller)
{
    size_t len = strlen(caller->name);
    FUZZ_EXPECT(len > 0 && len <= CALLER_NAME_MAX && strcspn(caller->name, " \t\r\n") == len);
    FUZZ_EXPECT(caller->has_certificate || caller->has_hash);
    FUZZ_EXPECT(caller->line > 0 && !caller->is_revoked && caller->state.running == 0);
}

void fuzz_callers(const uint8_t *data, size_t size)
{
    struct callers callers = { 0 };
    char *said = NULL;
    size_t said_len = 0;
    FILE *errors = open_memstream(&said, &said_len);
    FUZZ_EXPECT(errors != NULL);
    int rc = callers_read(&callers, fuzz_file(data, size), &services, errors);
    fclose(errors);
    FUZZ_EXPECT((rc == 0) == (said_len == 0));
    FUZZ_EXPECT(callers.n <= CALLERS_MAX);
    for (size_t i = 0; rc == 0 && i < callers.n; i++)
        look_at(callers.items[i]);
    for (const char *line = said; line && *line; line = strchr(line, '\n') + 1)
        FUZZ_EXPECT(strncmp(line, "access.tokens: ", 15) == 0 || strncmp(line, "/proc/", 6) == 0);
    callers_finish(&callers);
    free(said);
}
