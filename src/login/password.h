/* SPDX-License-Identifier: MIT
 *
 * Makes, verifies and renews password hashes, which are crypt strings. Only this file and keyed_hash.c use a
 * library for cryptography.
 *
 * Made:     $argon2id$ and $2b$, as the policy says.
 * Verified: $argon2id$, $argon2i$, $2a$, $2b$, $2y$, whatever the policy, within the bounds below.
 *
 * Hashing is slow on purpose (20 to 300 ms) and takes the memory of an argon2 hash: call it on hash_pool's
 * threads. Passwords are not kept; copies made on the way are wiped.
 */
#ifndef LOGIN_PASSWORD_H
#define LOGIN_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

#define PASSWORD_MAX_BYTES   1024 /* longer ones are neither hashed nor match */
#define PASSWORD_CRYPT_BYTES 256  /* room for any crypt string with its NUL */

/* A stored crypt string that asks for more is unusable: who can write the table must not be able to stall the
 * server. */
#define PASSWORD_MAX_MEMORY_KIB  262144
#define PASSWORD_MAX_PASSES      16
#define PASSWORD_MAX_LANES       16
#define PASSWORD_MAX_BCRYPT_COST 15

/* The parameters of new hashes. Read-only once set, so usable on any thread. */
struct password_policy {
    enum password_scheme scheme;
    int argon2_memory_kib;
    int argon2_passes;
    int bcrypt_cost;
    char dummy[PASSWORD_CRYPT_BYTES]; /* matches no password, and takes as long as a new hash */
};

enum password_verdict {
    PASSWORD_DIFFERS,
    PASSWORD_MATCHES,
    PASSWORD_UNUSABLE, /* the stored string has another format, or exceeds the bounds: worth a log line */
};

/* To be called once, before anything else here. Returns 0; UV_EIO: there is no source of randomness. */
int password_init(void);

void password_policy_set(struct password_policy *policy, const struct config *config);

/* Why this password cannot be hashed under the policy: a sentence for the client; NULL if it can. */
const char *password_problem(const struct password_policy *policy, const char *password, size_t len);

/* Writes a new crypt string. UV_EINVAL: password_problem() says why; UV_ENOMEM. */
int password_make(const struct password_policy *policy, const char *password, size_t len,
                  char made[static PASSWORD_CRYPT_BYTES]);

/* Compares a password with a crypt string of stored_len bytes (NULL: there is none). It always computes
 * exactly one hash, the dummy's if there is no usable one, so that the time tells nothing. Returns 0 or
 * UV_ENOMEM. */
int password_verify(const struct password_policy *policy, const char *password, size_t len,
                    const char *stored, size_t stored_len, enum password_verdict *verdict);

/* Whether a password of len bytes that matched `stored` should be hashed again, because the policy makes
 * other hashes. Never from argon2 to bcrypt, and never for passwords over 72 bytes, which bcrypt cuts off. */
bool password_outdated(const struct password_policy *policy, const char *stored, size_t stored_len,
                       size_t len);

/* Hashes computed by password_verify() since the process began, including dummies. Any thread. */
uint64_t password_n_verifications(void);

#endif
