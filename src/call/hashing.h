/* SPDX-License-Identifier: MIT
 *
 * Joins a call to the hash pool: password work for handlers, done on other threads while the call waits.
 */
#ifndef CALL_HASHING_H
#define CALL_HASHING_H

#include "call/call.h"
#include "login/hash_pool.h"

/* Goes on with what came of it: verdict, made, started_ns. */
typedef enum next(password_then)(struct call *call, const struct hash_job *done);

/* One at a time, in the call's memory, zeroed but for job.client. Once the call is over, job.started_ns says
 * whether a hash was begun. */
struct hashing {
    struct hash_job job;
    struct call *call;
    password_then *then;
    uint64_t submitted_ns;
};

/* Holds `password` (NULL counts as empty) against a stored crypt string; data NULL: against a dummy of the
 * same cost. After a match of an outdated one `made` is a new crypt string to store, else "". */
CALL_MUST_USE enum next password_check(struct call *call, struct hashing *hashing, const char *password,
                                       struct sql_bytes stored, password_then *then);

/* Whether a hash would be refused now, because too many wait: before anything is looked up for it. */
bool password_is_refused(struct call *call, const struct hashing *hashing);
/* Answers so, with the time after which to try again. */
CALL_MUST_USE enum next password_refuse(struct call *call);

/* Makes a crypt string. The caller has asked password_problem() before. */
CALL_MUST_USE enum next password_hash(struct call *call, struct hashing *hashing, const char *password,
                                      password_then *then);

#endif
