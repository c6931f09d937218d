/* SPDX-License-Identifier: MIT
 *
 * For commands that work on the database and end: a loop and a pool of their own, and tasks that are waited
 * for.
 */
#ifndef COMMANDS_SESSION_H
#define COMMANDS_SESSION_H

#include "call/task.h"
#include "db/params.h"
#include "db/pool.h"

struct session {
    uv_loop_t loop;
    uv_timer_t timeout;
    bool timed_out;
    struct database_params params;
    struct pool pool;
    struct context context;
};

/* Connects, to the database that config names; config must outlive the session, and the session must not be
 * moved. Returns 0 or a UV_E* code: why the database cannot be reached has been logged, and that it cannot
 * said on standard error. Only after 0 is there something to close. */
int session_init(struct session *session, const struct config *config);
void session_finish(struct session *session);

/* Runs the loop until *flag. */
void session_run_until(struct session *session, const bool *flag);

/* Runs a task. Returns 0, or UV_ECANCELED when it failed: why has been printed to stderr, after `name`. */
int session_do(struct session *session, const char *name,
               enum next (*begin)(struct call *call, const void *nothing), void *locals);

#endif
