/* SPDX-License-Identifier: MIT
 *
 * The file of callers (access.tokens): their names, how each is recognized, and what each may call. Knows no
 * calls. A line is
 *
 *     NAME HASH SERVICES [rate=N] [concurrent=N]
 *
 * Loop thread only, except callers_read() and services_parse(): any thread.
 */
#ifndef ACCESS_CALLERS_H
#define ACCESS_CALLERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/digest.h"
#include "observe/grpc_codes.h"

#define CALLERS_MAX     1000
#define CALLER_NAME_MAX 255
#define TOKEN_LEN       43 /* characters of a token that `svcd token` makes */

/* The services' names; their index is the service's number in caller->services and access->open. */
struct service_names {
    const char *const *items;
    size_t n;
};

enum caller_limit { LIMIT_NONE, LIMIT_RATE, LIMIT_CONCURRENT };

/* What calls change; everything else of a caller changes only when the file is read again. */
struct caller_state {
    unsigned running;
    uint64_t paid_ns; /* token bucket of the rate: uv_hrtime() up to which capacity is used */
    uint64_t handled[GRPC_CODES];
    uint64_t limited; /* calls that a limit refused */
};

struct caller {
    char *name;
    bool has_certificate; /* recognized by its certificate's name; else by the hash of its token */
    bool has_hash;
    uint8_t hash[DIGEST_LEN];
    bool *services;            /* by number: whether it may call this service */
    bool may_all;              /* it may call everything, even services that do not exist */
    unsigned rate, concurrent; /* calls a second, calls at once; 0: no limit */
    unsigned line;
    uint64_t since; /* the generation of access since which it has this token or certificate */
    bool is_revoked;
    struct caller_state state;
};

struct callers {
    struct caller **items;
    size_t n;
};

/* Adds the callers of a file. Each mistake is one line in errors, `FILE:LINE: what is wrong; what is
 * expected`. Blocks. Returns 0, UV_EINVAL or UV_ENOMEM; callers_finish() must follow in any case. */
int callers_read(struct callers *callers, const char *file, const struct service_names *services,
                 FILE *errors);
/* `callers` take the place of `old`: running calls continue under the new rules. A caller that is no longer
 * listed is revoked, and freed when its last call is over. `generation` is that of the new rules. */
void callers_replace(struct callers *callers, struct callers *old, uint64_t generation);
void callers_finish(struct callers *callers);

/* Whether this may be a caller's name. */
bool caller_name_is_valid(const char *name);

/* NULL: unknown. */
struct caller *callers_find_token(const struct callers *callers, const char *token, size_t len);
struct caller *callers_find_certificate(const struct callers *callers, const char *name);

/* Counts a beginning call, also one that a limit refuses; then *wait_ms says when to retry. caller_leave()
 * must follow in any case. */
enum caller_limit caller_enter(struct caller *caller, uint64_t now_ns, unsigned *wait_ms);
void caller_leave(struct caller *caller);

/* Sets the flags of the services in a list of names, separated by commas. Returns 0; or UV_EINVAL after a
 * line in errors for each mistake, which begins with `where`. */
int services_parse(bool *services, const struct service_names *names, const char *list, const char *where,
                   FILE *errors);

#endif
