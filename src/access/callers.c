/* SPDX-License-Identifier: MIT */
#include "access/callers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/text.h"

#define FIELDS_MAX 8
#define LIMIT_MAX  1000000
#define SECOND_NS  UINT64_C(1000000000)
#define MS_NS      UINT64_C(1000000)
#define BUSY_MS    100 /* when to retry while too many calls run at once */

struct reading {
    struct callers *callers;
    const char *file;
    const struct service_names *services;
    FILE *errors;
    unsigned line;
    int rc;
};

__attribute__((format(printf, 2, 3))) static void complain(struct reading *reading, const char *format, ...)
{
    va_list args;
    fprintf(reading->errors, "%s:%u: ", reading->file, reading->line);
    va_start(args, format);
    vfprintf(reading->errors, format, args);
    va_end(args);
    fputc('\n', reading->errors);
    if (!reading->rc)
        reading->rc = UV_EINVAL;
}

static void caller_free(struct caller *caller)
{
    if (!caller)
        return;
    free(caller->name);
    free(caller->services);
    free(caller);
}

/* ---- a line ----
 *
 * Error messages quote only names and services: in the other fields there may be a token by mistake. */

bool caller_name_is_valid(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@:+*";
    size_t len = strlen(name);
    return len > 0 && len <= CALLER_NAME_MAX && strspn(name, letters) == len;
}

static bool parse_hash(const char *text, uint8_t hash[static DIGEST_LEN])
{
    if (strlen(text) != (size_t)DIGEST_LEN * 2 || strspn(text, "0123456789abcdefABCDEF") != strlen(text))
        return false;
    for (size_t i = 0; i < DIGEST_LEN; i++)
        hash[i] = (uint8_t)strtoul((const char[]){ text[i * 2], text[i * 2 + 1], '\0' }, NULL, 16);
    return true;
}

/* Even in the place of a name there may be a token or hash (both lines of `svcd token` copied, say): text
 * that long is not shown. */
static const char *shown(const char *name)
{
    return strlen(name) < TOKEN_LEN ? name : "a name as long as a token, which is not told here,";
}

static void read_services(struct reading *reading, struct caller *caller, const char *list)
{
    char where[600];
    snprintf(where, sizeof where, "%s:%u", reading->file, reading->line);
    caller->may_all = strcmp(list, "*") == 0;
    if (!caller->may_all && services_parse(caller->services, reading->services, list, where, reading->errors))
        reading->rc = UV_EINVAL;
}

static void read_limit(struct reading *reading, const struct caller *caller, char *field, unsigned *rate,
                       unsigned *concurrent)
{
    size_t name_len = strcspn(field, "=");
    const char *value = field + name_len + 1;
    unsigned *limit = strncmp(field, "rate=", 5) == 0          ? rate
                      : strncmp(field, "concurrent=", 11) == 0 ? concurrent
                                                               : NULL;
    if (!limit) {
        complain(reading, "what follows the services of %s is not known; expected rate=N or concurrent=N",
                 shown(caller->name));
        return;
    }
    size_t digits = strspn(value, "0123456789");
    unsigned long n = digits && !value[digits] && digits <= 7 ? strtoul(value, NULL, 10) : 0;
    if (*limit)
        complain(reading, "%.*s of %s stands there twice; keep one", (int)name_len, field,
                 shown(caller->name));
    else if (n < 1 || n > LIMIT_MAX)
        complain(reading, "%.*s of %s is not valid; expected a whole number from 1 to %d", (int)name_len,
                 field, shown(caller->name), LIMIT_MAX);
    else
        *limit = (unsigned)n;
}

/* Two names of certificates are the same if they differ only in case, as callers_find_certificate() ignores
 * it. */
static bool has_name_of(const struct caller *caller, const struct caller *other)
{
    bool are_certificates = caller->has_certificate && other->has_certificate;
    return (are_certificates ? strcasecmp : strcmp)(caller->name, other->name) == 0;
}

static void check_is_only(struct reading *reading, const struct caller *caller)
{
    for (size_t i = 0; i < reading->callers->n; i++) {
        const struct caller *other = reading->callers->items[i];
        if (has_name_of(caller, other))
            complain(reading, "%s stands in line %u already; keep one of them", shown(caller->name),
                     other->line);
        else if (caller->has_hash && other->has_hash && digest_is(caller->hash, other->hash))
            complain(reading, "%s has the hash of %s in line %u; expected a token of its own",
                     shown(caller->name), shown(other->name), other->line);
    }
}

static void read_caller(struct reading *reading, struct caller *caller, char **fields, size_t n)
{
    caller->line = reading->line;
    if (strcmp(fields[1], "cert") == 0)
        caller->has_certificate = true;
    else if (!(caller->has_hash = parse_hash(fields[1], caller->hash)))
        complain(reading,
                 "the hash of %s is not valid; expected the SHA-256 of its token in hex, 64 digits, as svcd "
                 "token makes it, or cert",
                 shown(caller->name));
    read_services(reading, caller, fields[2]);
    for (size_t i = 3; i < n; i++)
        read_limit(reading, caller, fields[i], &caller->rate, &caller->concurrent);
    check_is_only(reading, caller);
}

static void add_caller(struct reading *reading, char **fields, size_t n)
{
    struct callers *callers = reading->callers;
    struct caller *caller = calloc(1, sizeof *caller);
    struct caller **grown = realloc(callers->items, (callers->n + 1) * sizeof(struct caller *));
    if (grown)
        callers->items = grown;
    if (caller) {
        caller->name = strdup(fields[0]);
        caller->services = calloc(reading->services->n + 1, sizeof *caller->services);
    }
    if (!grown || !caller || !caller->name || !caller->services) {
        caller_free(caller);
        reading->rc = UV_ENOMEM;
        return;
    }
    read_caller(reading, caller, fields, n);
    callers->items[callers->n++] = caller;
}

static size_t split(char *text, char **fields)
{
    char *rest = NULL, *field = strtok_r(text, " \t\r\n", &rest);
    size_t n = 0;
    for (; field && *field != '#' && n < FIELDS_MAX; field = strtok_r(NULL, " \t\r\n", &rest))
        fields[n++] = field;
    return n;
}

static void read_line(struct reading *reading, char *text)
{
    char *fields[FIELDS_MAX];
    size_t n = split(text, fields);
    if (n == 0)
        return;
    if (!caller_name_is_valid(fields[0]))
        complain(reading,
                 "the line begins with no name; expected 1 to %d letters, digits and any of "
                 "._-@:+*, then hash and services",
                 CALLER_NAME_MAX);
    else if (n < 3)
        complain(reading, "%s lacks %s; expected NAME HASH SERVICES [rate=N] [concurrent=N]",
                 shown(fields[0]), n == 1 ? "its hash and its services" : "its services (* = all)");
    else if (reading->callers->n == CALLERS_MAX)
        complain(reading, "there are more than %d callers; expected no more", CALLERS_MAX);
    else
        add_caller(reading, fields, n);
}

/* ---- the file ---- */

int callers_read(struct callers *callers, const char *file, const struct service_names *services,
                 FILE *errors)
{
    struct reading reading = { .callers = callers, .file = file, .services = services, .errors = errors };
    FILE *in = fopen(file, "re");
    char *text = NULL;
    size_t size = 0;
    ssize_t len;
    if (!in) {
        fprintf(errors, "access.tokens: %s: %s; expected a readable file of callers\n", file,
                strerror(errno));
        return UV_EINVAL;
    }
    while (reading.rc != UV_ENOMEM && (len = getline(&text, &size, in)) >= 0) {
        reading.line++;
        if (strlen(text) != (size_t)len)
            complain(&reading, "the line holds a NUL byte; remove it");
        else
            read_line(&reading, text + (reading.line == 1 ? text_mark_len(text, (size_t)len) : 0));
    }
    if (reading.rc != UV_ENOMEM && !feof(in)) { /* getline() also ends if it has no memory */
        fprintf(errors, "access.tokens: %s: cannot be read; expected a file\n", file);
        reading.rc = UV_EINVAL;
    }
    free(text);
    fclose(in);
    return reading.rc;
}

static bool is_known_alike(const struct caller *a, const struct caller *b)
{
    return a->has_certificate == b->has_certificate && digest_is(a->hash, b->hash);
}

static struct caller **find_name(const struct callers *callers, const char *name)
{
    for (size_t i = 0; i < callers->n; i++)
        if (strcmp(callers->items[i]->name, name) == 0)
            return &callers->items[i];
    return NULL;
}

/* Running calls point to the old struct, so that one is kept and gets the new one's rules. */
static void renew(struct caller **old, struct caller **fresh)
{
    struct caller *kept = *old, *spent = *fresh;
    const struct caller before = *kept;
    bool is_same = is_known_alike(kept, spent);
    *kept = *spent;
    kept->state = before.state;
    kept->since = is_same ? before.since : spent->since;
    *spent = before;
    spent->state = (struct caller_state){ 0 };
    *old = spent;
    *fresh = kept;
}

void callers_replace(struct callers *callers, struct callers *old, uint64_t generation)
{
    for (size_t i = 0; i < callers->n; i++) {
        callers->items[i]->since = generation;
        struct caller **same = find_name(old, callers->items[i]->name);
        if (same)
            renew(same, &callers->items[i]);
    }
    for (size_t i = 0; i < old->n; i++) {
        old->items[i]->is_revoked = true;
        if (old->items[i]->state.running == 0)
            caller_free(old->items[i]);
    }
    free(old->items);
    *old = (struct callers){ 0 };
}

void callers_finish(struct callers *callers)
{
    for (size_t i = 0; i < callers->n; i++)
        caller_free(callers->items[i]);
    free(callers->items);
    *callers = (struct callers){ 0 };
}

/* ---- who is it ---- */

/* Always compares all callers, so that the time does not reveal which one matched. */
struct caller *callers_find_token(const struct callers *callers, const char *token, size_t len)
{
    uint8_t hash[DIGEST_LEN];
    struct caller *found = NULL;
    digest_of(hash, token, len);
    for (size_t i = 0; i < callers->n; i++) {
        struct caller *caller = callers->items[i];
        bool is_it = digest_is(caller->hash, hash) & !caller->has_certificate;
        found = is_it ? caller : found;
    }
    explicit_bzero(hash, sizeof hash);
    return found;
}

struct caller *callers_find_certificate(const struct callers *callers, const char *name)
{
    for (size_t i = 0; i < callers->n; i++)
        if (callers->items[i]->has_certificate && strcasecmp(callers->items[i]->name, name) == 0)
            return callers->items[i];
    return NULL;
}

/* ---- limits ---- */

/* A token bucket that holds one second's calls, so that many may come at once. Returns 0 if the call is
 * allowed, else the time until it would be. */
static unsigned rate_wait_ms(struct caller *caller, uint64_t now_ns)
{
    uint64_t each_ns = SECOND_NS / caller->rate, room_ns = each_ns * caller->rate;
    uint64_t *paid_ns = &caller->state.paid_ns;
    if (*paid_ns < now_ns)
        *paid_ns = now_ns;
    if (*paid_ns + each_ns > now_ns + room_ns)
        return (unsigned)((*paid_ns + each_ns - now_ns - room_ns + MS_NS - 1) / MS_NS);
    *paid_ns += each_ns;
    return 0;
}

enum caller_limit caller_enter(struct caller *caller, uint64_t now_ns, unsigned *wait_ms)
{
    struct caller_state *state = &caller->state;
    enum caller_limit limit = LIMIT_NONE;
    *wait_ms = 0;
    if (caller->concurrent && state->running >= caller->concurrent) {
        *wait_ms = BUSY_MS;
        limit = LIMIT_CONCURRENT;
    } else if (caller->rate && (*wait_ms = rate_wait_ms(caller, now_ns)) > 0) {
        limit = LIMIT_RATE;
    }
    state->limited += limit != LIMIT_NONE;
    state->running++;
    return limit;
}

void caller_leave(struct caller *caller)
{
    caller->state.running--;
    if (caller->is_revoked && caller->state.running == 0)
        caller_free(caller);
}
