/* SPDX-License-Identifier: MIT
 *
 * The fuzz program: libFuzzer's callbacks, and what keeps targets from reaching out of this process.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

#include "fuzz.h"
#include "login/password.h"
#include "observe/log.h"

struct target {
    const char *name;
    void (*run)(const uint8_t *data, size_t size);
};

#define NAMED(name) { #name, fuzz_##name },
static const struct target targets[] = { EACH_TARGET(NAMED) };
static const struct target *chosen;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    const char *slash = strrchr((*argv)[0], '/'), *name = slash ? slash + 1 : (*argv)[0];
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(targets[i].name, name) == 0)
            chosen = &targets[i];
    if (!chosen) {
        fprintf(stderr, "%s is no target\n", name);
        exit(EXIT_FAILURE);
    }
    log_set_level(LOG_LEVEL_ERROR);
    FUZZ_EXPECT(password_init() == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    chosen->run(data, size);
    return 0;
}

/* Names that a configuration gives are not looked up. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct addrinfo numeric = hints ? *hints : (struct addrinfo){ 0 };
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    numeric.ai_flags |= AI_NUMERICHOST;
    return real(node, service, &numeric, found);
}
