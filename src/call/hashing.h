/* SPDX-License-Identifier: MIT
 *
 * Joins a call to the hash pool: password work for handlers, done on other threads while the call waits.
 */
#ifndef CALL_HASHING_H
#define CALL_HASHING_H

#include "call/call.h"
#include "login/hash_pool.h"

/* The continuation; `done` says what came of it: verdict, made, started_ns. */
typedef enum next(password_then)(struct call *call, const struct hash_job *done);

/* A hash that a call waits for, one at a time; in the call's memory, zeroed except for job.client. When the
 * call is over, job.started_ns says whether the hash was begun. */
struct hashing {
    struct hash_job job;
    struct call *call;
    password_then *then;
    uint64_t submitted_ns;
};

/* Compares `password` (NULL counts as empty) with a stored crypt string; stored.data NULL: with a dummy of
 * the same cost. If it matches and the string's parameters are outdated, `made` is a new one to store, else
 * "". */
CALL_MUST_USE enum next password_check(struct call *call, struct hashing *hashing, const char *password,
                                       struct sql_bytes stored, password_then *then);

/* Whether a hash would be refused now because too many wait; to be asked before the database is. */
bool password_is_refused(struct call *call, const struct hashing *hashing);
/* Answers RESOURCE_EXHAUSTED with the time after which to retry. */
CALL_MUST_USE enum next password_refuse(struct call *call);

/* Makes a crypt string. The password must have passed password_problem(). */
CALL_MUST_USE enum next password_hash(struct call *call, struct hashing *hashing, const char *password,
                                      password_then *then);

#endif
