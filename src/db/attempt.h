/* SPDX-License-Identifier: MIT
 *
 * Connects to one server by a thread, because libpq blocks while it does: it reads files (authorities, keys,
 * passwords), and computes for as long as the server asks (the iterations of SCRAM). Loop thread only.
 */
#ifndef DB_ATTEMPT_H
#define DB_ATTEMPT_H

#include <libpq-fe.h>
#include <uv.h>

struct attempt;

/* The attempt is over. `pg` is the callee's, connected or not (PQstatus); NULL: out of memory. */
typedef void attempted(void *data, PGconn *pg);

/* With parameters of PQconnectStartParams, which are copied. Returns 0; or a UV_E* code, and on_attempted is
 * not called. There is no timeout: see attempt_abandon(). */
int attempt_start(struct attempt **attempt, uv_loop_t *loop, const char *const *keywords,
                  const char *const *values, attempted *on_attempted, void *data);
/* Its connection is closed soon, and on_attempted is not called. Its handle keeps the loop alive until the
 * thread has ended: exit() must not be called before that, because it ends OpenSSL. Not after on_attempted.
 * NULL is allowed. */
void attempt_abandon(struct attempt *attempt);

#endif
