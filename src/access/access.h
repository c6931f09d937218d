/* SPDX-License-Identifier: MIT
 *
 * Who may call what: [access] of the configuration, and the file of callers. It judges names and secrets; the
 * call layer asks it and answers.
 *
 * Loop thread only.
 */
#ifndef ACCESS_ACCESS_H
#define ACCESS_ACCESS_H

#include "access/callers.h"
#include "config/config.h"

struct access;

/* Why a call is let in, or not. */
enum access_verdict {
    ACCESS_GRANTED,
    ACCESS_NO_TOKEN,
    ACCESS_NO_BEARER,   /* authorization is of another form */
    ACCESS_WRONG_TOKEN, /* nobody has it, or nobody has it any more */
    ACCESS_UNKNOWN_CERTIFICATE,
    ACCESS_FORBIDDEN, /* not this service */
    ACCESS_TOO_OFTEN,
    ACCESS_TOO_MANY,
    ACCESS_VERDICTS
};

/* For metrics and the log. */
extern const char *const access_verdict_names[ACCESS_VERDICTS];

struct access_request {
    const char *path; /* "/package.Service/Method", whether or not there is one */
    size_t path_len;
    const char *authorization; /* as it was sent; NULL: not */
    const char
        *certificate_names; /* verified: each ended by NUL, the last followed by an empty one; NULL: none */
};

/* Reads and checks; `services` outlives it. Mistakes are lines in errors. 0, UV_EINVAL, UV_ENOMEM. */
int access_create(struct access **access, const struct config *config, const struct service_names *services,
                  FILE *errors);
/* In place of `old`, whose calls go on; `old` is destroyed. */
void access_replace(struct access *access, struct access *old);
/* NULL is let pass. */
void access_destroy(struct access *access);

/* Whether anybody is asked at all. */
bool access_is_needed(const struct access *access);
/* What was judged under another number is to be judged again. */
uint64_t access_generation(const struct access *access);

/* *caller: who it is, unless nobody was asked. Refusals are counted. */
enum access_verdict access_judge(struct access *access, const struct access_request *request,
                                 struct caller **caller);
/* Whether a call goes on that was let in under `generation`; caller NULL: nobody was asked. */
enum access_verdict access_review(const struct access *access, const struct caller *caller,
                                  uint64_t generation, const char *path);
/* A call of a caller begins; where a limit refuses it, it ends the same way. */
enum access_verdict access_enter(struct access *access, struct caller *caller, uint64_t now_ns,
                                 unsigned *wait_ms);

/* ---- for whoever shows it ---- */

const struct callers *access_callers(const struct access *access);
const struct service_names *access_services(const struct access *access);
uint64_t access_refused_n(const struct access *access, enum access_verdict verdict);

#endif
