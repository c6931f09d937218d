/* SPDX-License-Identifier: MIT
 *
 * The file of callers: who there is, how each is known, and what each may. No calls here.
 *
 *     NAME HASH SERVICES [rate=N] [concurrent=N]
 *
 * Loop thread only.
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
#define TOKEN_LEN       43 /* of a secret, as svcd token makes it */

/* Names of services, in the order that callers->services and access->open have. */
struct service_names {
    const char *const *items;
    size_t n;
};

enum caller_limit { LIMIT_NONE, LIMIT_RATE, LIMIT_CONCURRENT };

/* What changes while it calls; everything else of it does when the file is read again. */
struct caller_state {
    unsigned running;
    uint64_t paid_ns; /* the rate's bucket: uv_hrtime() up to which calls are paid for */
    uint64_t handled[GRPC_CODES];
    uint64_t limited; /* calls that a limit refused */
};

struct caller {
    char *name;
    bool has_certificate; /* known by its certificate's name; else by the hash of its token */
    bool has_hash;
    uint8_t hash[DIGEST_LEN];
    bool *services;            /* that it may call, by number */
    bool may_all;              /* services that there are none of, too */
    unsigned rate, concurrent; /* calls a second, calls at once; 0: no limit */
    unsigned line;
    uint64_t since; /* the generation of access in which it came to be known so */
    bool is_revoked;
    struct caller_state state;
};

struct callers {
    struct caller **items;
    size_t n;
};

/* Adds what the file says. Each mistake is one line in errors, `FILE:LINE: what is wrong; what is expected`.
 * 0, UV_EINVAL, UV_ENOMEM; callers_finish() in any case. */
int callers_read(struct callers *callers, const char *file, const struct service_names *services,
                 FILE *errors);
/* Those who call go on under the new rules; who is not there any more is revoked, and freed when its last
 * call is over. `generation` is that of the new ones. */
void callers_replace(struct callers *callers, struct callers *old, uint64_t generation);
void callers_finish(struct callers *callers);

/* Whether a caller may be called so. */
bool caller_name_is_valid(const char *name);

/* NULL: none. */
struct caller *callers_find_token(const struct callers *callers, const char *token, size_t len);
struct caller *callers_find_certificate(const struct callers *callers, const char *name);

/* A call of it begins, unless a limit forbids; then *wait_ms says when to try again. */
enum caller_limit caller_enter(struct caller *caller, uint64_t now_ns, unsigned *wait_ms);
void caller_leave(struct caller *caller);

/* Marks the services of a list of names, separated by commas. 0; or UV_EINVAL after a line in errors, which
 * begins with `where`. */
int services_parse(bool *services, const struct service_names *names, const char *list, const char *where,
                   FILE *errors);

#endif
