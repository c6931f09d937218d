/* SPDX-License-Identifier: MIT
 *
 * Joins a call to the hash pool: password work for handlers, done on other threads while the call waits.
 */
#ifndef RUNTIME_HASHING_H
#define RUNTIME_HASHING_H

#include "ops/password.h"
#include "runtime/call.h"

/* Holds `password` (NULL counts as empty) against a stored crypt string; data NULL: against a dummy of the
 * same cost. `renewed` is a new crypt string to store after a match if the stored one is outdated, else "".
 */
typedef enum next(password_checked)(struct call *call, enum password_verdict verdict, const char *renewed);
CALL_MUST_USE enum next password_check(struct call *call, const char *password, struct sql_bytes stored,
                                       password_checked *then);

/* Makes a crypt string, which lives as long as the call. The caller has asked password_problem() before. */
typedef enum next(password_hashed)(struct call *call, const char *crypt);
CALL_MUST_USE enum next password_hash(struct call *call, const char *password, password_hashed *then);

#endif
