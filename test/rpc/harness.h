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

#include "rpc_names.h"
#include "runtime/call.h"

/* ---- the suite ---- */

/* A case whose tests run between the harness's set-up and tear-down; already added to the suite. */
TCase *harness_case(Suite *suite, const char *name);

/* ---- the database, by a connection of the test's own ---- */

/* printf-style; quote text with db_quote. */
void db_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The first column of the only row; NULL as 0 or "". */
long db_int(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *db_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *db_quote(const char *text);

/* A digest of every row of every table. */
const char *db_state(void);

/* A further connection, for a test that holds a lock meanwhile. Statements on it go through libpq; closed
 * with the test. */
struct pg_conn *db_connect(void);

/* n times a character, in the test's memory. */
char *text_of(size_t n, const char *character);

/* ---- a world; ids returned are account ids, but for area and skill ---- */

int make_area(const char *name);
int make_skill(const char *name);
int make_account(int area);                    /* born 1990-01-01, password hash unusable */
int make_mentor(int area, const char *skills); /* skills: ids, "1001, 1002", or "" */
int make_mentee(int area, const char *skills);
void make_assignment(int mentor, int mentee);
void make_model(int area1, int area2, double overlap, double age, double offset);

/* ---- calls; the first argument is one of rpc_names.h, which stands for four ---- */

struct sent {
    bool answered;
    bool dropped; /* ended without an answer, as the peer had gone */
    enum status status;
    const char *message;
    unsigned retry_after_ms;
    void *reply;          /* decoded; NULL unless STATUS_OK */
    const uint8_t *bytes; /* the same, encoded */
    size_t len;
    void *call; /* the harness's */
};

/* Starts a call; answers arrive while rpc_wait runs. */
struct sent *rpc_send(const char *path, const pb_msgdesc_t *request_fields, const pb_msgdesc_t *reply_fields,
                      size_t reply_size, const void *request);
/* The same with the bytes of a request, and a deadline in ms from now (0: none). */
struct sent *rpc_send_bytes(const char *path, const pb_msgdesc_t *request_fields,
                            const pb_msgdesc_t *reply_fields, size_t reply_size, const void *bytes,
                            size_t len, unsigned deadline_ms);
/* Until it is answered; all, or 20 s have passed, which fails the test. */
void rpc_wait(struct sent *sent);
void rpc_wait_all(void);
/* Where calls sent from now on come from, and what x-forwarded-for says; NULL: unknown, nothing. */
void rpc_set_peer(const char *address, const char *forwarded_for);
/* The peer goes away. */
void rpc_cancel(struct sent *sent);

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
/* Calls see another pool from now on, which may still be connecting. Once a test. */
struct pool *harness_use_pool(const struct pool_options *options);
/* Turns of the loop until *flag, which fails the test after 20 s. */
void harness_run_until(const bool *flag);
/* Starts what logins need anew, with these settings ("password.workers=1") over the defaults; NULL ends the
 * list. */
void harness_configure(const char *const *settings);
/* Runs the loop for so long. */
void harness_run_ms(unsigned ms);

#endif
