/* SPDX-License-Identifier: MIT */
#include "access/access.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct access {
    bool is_needed;
    uint64_t generation;
    const struct service_names *services;
    bool *open; /* by service number: anybody may call it */
    struct callers callers;
    uint64_t refused[ACCESS_VERDICTS];
};

const char *const access_verdict_names[ACCESS_VERDICTS] = {
    [ACCESS_GRANTED] = "granted",
    [ACCESS_NO_TOKEN] = "no_token",
    [ACCESS_NO_BEARER] = "no_bearer",
    [ACCESS_WRONG_TOKEN] = "wrong_token",
    [ACCESS_UNKNOWN_CERTIFICATE] = "unknown_certificate",
    [ACCESS_FORBIDDEN] = "service",
    [ACCESS_TOO_OFTEN] = "rate",
    [ACCESS_TOO_MANY] = "concurrent",
};

/* ---- the rules ---- */

static int read_rules(struct access *access, const struct config *config, FILE *errors)
{
    int rc = services_parse(access->open, access->services, config->access.open, "access.open", errors);
    int file_rc = *config->access.tokens
                      ? callers_read(&access->callers, config->access.tokens, access->services, errors)
                      : 0;
    return file_rc == UV_ENOMEM ? file_rc : rc ? rc : file_rc;
}

int access_create(struct access **out, const struct config *config, const struct service_names *services,
                  FILE *errors)
{
    static uint64_t generations;
    struct access *access = calloc(1, sizeof *access);
    if (!access)
        return UV_ENOMEM;
    *access = (struct access){ .is_needed = config->access.callers == CALLERS_TOKEN,
                               .generation = ++generations,
                               .services = services,
                               .open = calloc(services->n + 1, sizeof *access->open) };
    int rc = access->open ? read_rules(access, config, errors) : UV_ENOMEM;
    if (rc)
        access_destroy(access);
    else
        *out = access;
    return rc;
}

void access_replace(struct access *access, struct access *old)
{
    callers_replace(&access->callers, &old->callers, access->generation);
    memcpy(access->refused, old->refused, sizeof access->refused);
    access_destroy(old);
}

void access_destroy(struct access *access)
{
    if (!access)
        return;
    callers_finish(&access->callers);
    free(access->open);
    free(access);
}

bool access_is_needed(const struct access *access)
{
    return access->is_needed;
}

uint64_t access_generation(const struct access *access)
{
    return access->generation;
}

/* ---- a request ---- */

/* The number of the path's service; services->n: unknown. */
static size_t service_of(const struct access *access, const char *path, size_t len)
{
    const struct service_names *services = access->services;
    const char *slash = len > 0 && *path == '/' ? memchr(path + 1, '/', len - 1) : NULL;
    size_t name_len = slash ? (size_t)(slash - path - 1) : 0, i = 0;
    while (i < services->n && (!slash || strlen(services->items[i]) != name_len ||
                               memcmp(services->items[i], path + 1, name_len) != 0))
        i++;
    return i;
}

static bool is_open(const struct access *access, size_t service)
{
    return !access->is_needed || (service < access->services->n && access->open[service]);
}

static bool may_call(const struct access *access, const struct caller *caller, size_t service)
{
    return caller->may_all || (service < access->services->n && caller->services[service]);
}

static enum access_verdict find_token(const struct access *access, const char *authorization,
                                      struct caller **caller)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return ACCESS_NO_BEARER;
    const char *token = authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    *caller = callers_find_token(&access->callers, token, strlen(token));
    return *caller ? ACCESS_GRANTED : ACCESS_WRONG_TOKEN;
}

/* A token or a certificate suffices. If neither is known, the verdict is about the token, if one was sent. */
static enum access_verdict identify(const struct access *access, const struct access_request *request,
                                    struct caller **caller)
{
    enum access_verdict verdict = ACCESS_NO_TOKEN;
    if (request->authorization)
        verdict = find_token(access, request->authorization, caller);
    if (verdict == ACCESS_GRANTED || !request->certificate_names)
        return verdict;
    for (const char *name = request->certificate_names; *name && !*caller; name += strlen(name) + 1)
        *caller = callers_find_certificate(&access->callers, name);
    if (*caller)
        return ACCESS_GRANTED;
    return request->authorization ? verdict : ACCESS_UNKNOWN_CERTIFICATE;
}

enum access_verdict access_judge(struct access *access, const struct access_request *request,
                                 struct caller **caller)
{
    size_t service = service_of(access, request->path, request->path_len);
    *caller = NULL;
    if (is_open(access, service))
        return ACCESS_GRANTED;
    enum access_verdict verdict = identify(access, request, caller);
    if (verdict == ACCESS_GRANTED && !may_call(access, *caller, service))
        verdict = ACCESS_FORBIDDEN;
    access->refused[verdict]++;
    return verdict;
}

enum access_verdict access_review(const struct access *access, const struct caller *caller,
                                  uint64_t generation, const char *path)
{
    size_t service = service_of(access, path, strlen(path));
    if (is_open(access, service))
        return ACCESS_GRANTED;
    if (!caller)
        return ACCESS_NO_TOKEN;
    if (caller->is_revoked || caller->since > generation)
        return ACCESS_WRONG_TOKEN;
    return may_call(access, caller, service) ? ACCESS_GRANTED : ACCESS_FORBIDDEN;
}

enum access_verdict access_enter(struct access *access, struct caller *caller, uint64_t now_ns,
                                 unsigned *wait_ms)
{
    static const enum access_verdict verdicts[] = {
        [LIMIT_NONE] = ACCESS_GRANTED, [LIMIT_RATE] = ACCESS_TOO_OFTEN, [LIMIT_CONCURRENT] = ACCESS_TOO_MANY
    };
    enum access_verdict verdict = verdicts[caller_enter(caller, now_ns, wait_ms)];
    access->refused[verdict]++;
    return verdict;
}

/* ---- for metrics and the status page ---- */

const struct callers *access_callers(const struct access *access)
{
    return &access->callers;
}

uint64_t access_refused_n(const struct access *access, enum access_verdict verdict)
{
    return access->refused[verdict];
}
