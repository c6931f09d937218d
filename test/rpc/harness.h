/* SPDX-License-Identifier: MIT
 *
 * RPCs without gRPC: bytes in, bytes out, through the real dispatch, handlers, pool and hash pool, on a real
 * PostgreSQL.
 *
 * Every test starts with an empty, migrated database and a pool of its own. Everything that a function here
 * returns lives until the test ends. Every failure of the harness itself fails the test.
 */
#ifndef TEST_RPC_HARNESS_H
#define TEST_RPC_HARNESS_H

#include <check.h>

#include "call/call.h"
#include "rpc_names.h"
#include "world.h"

/* ---- the suite ---- */

/* A case whose tests run between the harness's set-up and tear-down; already added to the suite. */
TCase *harness_case(Suite *suite, const char *name);

/* ---- calls; the first argument is one of rpc_names.h, which stands for four ---- */

struct sent {
    bool answered;
    bool dropped; /* ended without an answer, as the peer had gone */
    bool over;    /* the call has been let go */
    enum status status;
    const char *message;
    unsigned retry_after_ms;
    void *reply;          /* decoded; NULL unless STATUS_OK */
    const uint8_t *bytes; /* the same, encoded; of a stream the message sent last */
    size_t len;
    unsigned messages_n; /* of a stream: sent so far */
    void *call;          /* the harness's */
};

/* Starts a call; answers arrive while rpc_wait runs. */
struct sent *rpc_send(const char *path, const pb_msgdesc_t *request_fields, const pb_msgdesc_t *reply_fields,
                      size_t reply_size, const void *request);
/* The same with the bytes of a request, and a deadline in ms from now (0: none). */
struct sent *rpc_send_bytes(const char *path, const pb_msgdesc_t *request_fields,
                            const pb_msgdesc_t *reply_fields, size_t reply_size, const void *bytes,
                            size_t len, unsigned deadline_ms);
/* Until it is answered; all, or a minute has passed, which fails the test. */
void rpc_wait(struct sent *sent);
void rpc_wait_all(void);
/* Where calls sent from now on come from, and what x-forwarded-for says; NULL: unknown, nothing. */
void rpc_set_peer(const char *address, const char *forwarded_for);
/* What calls sent from now on say as idempotency-key; NULL: nothing. */
void rpc_set_key(const char *key);
/* The peer goes away. */
void rpc_cancel(struct sent *sent);
/* The peer of a stream takes the message that was sent last; the next one may be sent meanwhile. */
void rpc_take(struct sent *sent);
/* The next message of a stream, as soon as there is one, the peer having taken the one before; NULL: the
 * stream is over. Lives until the next. */
const void *rpc_next(struct sent *sent);

/* Calls and waits. The call must succeed; returns the reply. */
const void *rpc_ok(const char *path, const pb_msgdesc_t *request_fields, const pb_msgdesc_t *reply_fields,
                   size_t reply_size, const void *request);
/* The same, and every row must be as it was. */
const void *rpc_ok_unchanged(const char *path, const pb_msgdesc_t *request_fields,
                             const pb_msgdesc_t *reply_fields, size_t reply_size, const void *request);
/* The call must fail with this status and a message that has `words`, and leave every row as it was. */
void rpc_fails(enum status status, const char *words, const char *path, const pb_msgdesc_t *request_fields,
               const pb_msgdesc_t *reply_fields, size_t reply_size, const void *request);

/* ---- for tests that look behind the curtain ---- */

/* The context that calls see, the loop, and how the pool was started. */
struct context *harness_context(void);
struct uv_loop_s *harness_loop(void);
const struct pool_options *harness_pool_options(void);
/* What this machine needs now to connect as many times as a pool does: a measure for what is to be quick. */
unsigned harness_connect_ms(void);
/* Calls see another pool from now on, which may still be connecting. Once a test. */
struct pool *harness_use_pool(const struct pool_options *options);
/* Keeps the pool from ending statements of this lane that are slow while others wait, as anything may be on a
 * busy machine: without a backend's pid it cannot have it cancelled. Lasts until the connections are made
 * anew.
 */
void harness_let_take_their_time(enum lane lane);
/* Turns of the loop until *flag, which fails the test after a minute. */
void harness_run_until(const bool *flag);
/* Of the daemon's backends so many wait for a lock, or for one of that kind (a wait_event of PostgreSQL's);
 * and turns of the loop until there are n. */
long harness_n_blocked(const char *kind);
void harness_run_until_blocked(const char *kind, long n);
/* Turns of the loop until so many hashes run and so many wait; close the gate before (hash_gate.h). */
void harness_run_until_hashing(int n_running, int n_queued);
/* Starts what logins need anew, with these settings ("password.workers=1") over the defaults; NULL ends the
 * list. */
void harness_configure(const char *const *settings);
/* Runs the loop for so long. */
void harness_run_ms(unsigned ms);

#endif
