/* SPDX-License-Identifier: MIT
 *
 * Authentication and authorization of callers, by [access] of the configuration and the file of callers. It
 * judges tokens, certificate names and limits; the call layer asks it, and answers the call.
 *
 * Loop thread only.
 */
#ifndef ACCESS_ACCESS_H
#define ACCESS_ACCESS_H

#include "access/callers.h"
#include "config/config.h"

struct access;

/* Whether a call is let in, or why not. */
enum access_verdict {
    ACCESS_GRANTED,
    ACCESS_NO_TOKEN,
    ACCESS_NO_BEARER,   /* `authorization` has another scheme than Bearer */
    ACCESS_WRONG_TOKEN, /* the token is unknown, or revoked */
    ACCESS_UNKNOWN_CERTIFICATE,
    ACCESS_FORBIDDEN, /* the caller may not call this service */
    ACCESS_TOO_OFTEN, /* over its calls a second */
    ACCESS_TOO_MANY,  /* over its calls at once */
    ACCESS_VERDICTS
};

/* The verdicts' names in metrics and the log. */
extern const char *const access_verdict_names[ACCESS_VERDICTS];

struct access_request {
    const char *path; /* "/package.Service/Method"; the method need not exist */
    size_t path_len;
    const char *authorization;     /* the header's value; NULL: not sent */
    const char *certificate_names; /* verified: each ends with NUL, an empty one ends the list; NULL: none */
};

/* Reads and checks the rules; `services` must outlive them. Blocks. Each mistake is a line in errors. Returns
 * 0, UV_EINVAL or UV_ENOMEM. May run on any thread; everything else on the loop's. */
int access_create(struct access **access, const struct config *config, const struct service_names *services,
                  FILE *errors);
/* `access` takes the place of `old`: running calls continue under the new rules; `old` is destroyed. */
void access_replace(struct access *access, struct access *old);
/* NULL is fine. */
void access_destroy(struct access *access);

/* Whether callers must identify themselves at all (access.callers). */
bool access_is_needed(const struct access *access);
/* The number of this set of rules: a verdict given under another number is outdated. */
uint64_t access_generation(const struct access *access);

/* Judges a request. *caller: who makes it; NULL if unknown, or if the service is open to all. Refusals are
 * counted. */
enum access_verdict access_judge(struct access *access, const struct access_request *request,
                                 struct caller **caller);
/* Whether a call that was let in under `generation` may continue; caller NULL: it was not identified. */
enum access_verdict access_review(const struct access *access, const struct caller *caller,
                                  uint64_t generation, const char *path);
/* Counts a beginning call against its caller's limits. If a limit refuses it, *wait_ms says when to retry. In
 * either case caller_leave() must follow when the call ends. */
enum access_verdict access_enter(struct access *access, struct caller *caller, uint64_t now_ns,
                                 unsigned *wait_ms);

/* ---- for metrics and the status page ---- */

const struct callers *access_callers(const struct access *access);
uint64_t access_refused_n(const struct access *access, enum access_verdict verdict);

#endif
