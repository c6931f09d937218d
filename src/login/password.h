/* SPDX-License-Identifier: MIT
 *
 * Password hashes as crypt strings: making, verifying, renewing. With keyed_hash.c all that knows a crypto
 * library.
 *
 * Made:     $argon2id$ and $2b$, as the policy says.
 * Verified: $argon2id$, $argon2i$, $2a$, $2b$, $2y$, whatever the policy, within the bounds below.
 *
 * Everything here is slow on purpose (20 to 300 ms) and holds an argon2 hash's memory: call it on hash_pool's
 * threads. Nothing keeps a password; copies made on the way are wiped.
 */
#ifndef LOGIN_PASSWORD_H
#define LOGIN_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

#define PASSWORD_MAX_BYTES   1024 /* longer ones are neither hashed nor match */
#define PASSWORD_CRYPT_BYTES 256  /* room for any crypt string with its NUL */

/* A stored crypt string that asks for more is unusable: whoever writes the table must not be able to halt us.
 */
#define PASSWORD_MAX_MEMORY_KIB  262144
#define PASSWORD_MAX_PASSES      16
#define PASSWORD_MAX_LANES       16
#define PASSWORD_MAX_BCRYPT_COST 15

/* What new hashes look like. Read-only once set up, so any thread. */
struct password_policy {
    enum password_scheme scheme;
    int argon2_memory_kib;
    int argon2_passes;
    int bcrypt_cost;
    char dummy[PASSWORD_CRYPT_BYTES]; /* matches nothing, costs what a new hash costs */
};

enum password_verdict {
    PASSWORD_DIFFERS,
    PASSWORD_MATCHES,
    PASSWORD_UNUSABLE, /* the crypt string is none of ours or out of bounds: a failed login, worth a log line
                        */
};

/* Once a process, before anything else here. UV_EIO: no source of randomness. */
int password_init(void);

void password_policy_set(struct password_policy *policy, const struct config *config);

/* Why this password cannot be hashed under the policy: a sentence for the client; NULL if it can. */
const char *password_problem(const struct password_policy *policy, const char *password, size_t len);

/* Writes a new crypt string. UV_EINVAL: password_problem() says why; UV_ENOMEM. */
int password_make(const struct password_policy *policy, const char *password, size_t len,
                  char made[static PASSWORD_CRYPT_BYTES]);

/* Holds a password against a crypt string of stored_len bytes (stored NULL: there is none), with exactly one
 * computation of a hash in any case: the dummy's where there is no usable one. 0 or UV_ENOMEM. */
int password_verify(const struct password_policy *policy, const char *password, size_t len,
                    const char *stored, size_t stored_len, enum password_verdict *verdict);

/* Whether a password of len bytes that matched stored is to be hashed anew: stored is not what the policy
 * makes. Never from argon2 to bcrypt, nor where bcrypt saw, or would see, but its first 72 bytes. */
bool password_outdated(const struct password_policy *policy, const char *stored, size_t stored_len,
                       size_t len);

/* Computations by password_verify() since the process began, dummies among them. Any thread. */
uint64_t password_n_verifications(void);

#endif
