/* SPDX-License-Identifier: MIT
 *
 * For commands that work on the database: a loop and a connection pool of their own, and tasks that block
 * until they are done.
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

/* Connects to the configured database; config must outlive the session, and the session must not be moved.
 * Returns 0; or a UV_E* code after the reason was logged and an error printed on standard error, with nothing
 * to finish. */
int session_init(struct session *session, const struct config *config);
void session_finish(struct session *session);

/* Runs the loop until *flag is true. */
void session_run_until(struct session *session, const bool *flag);

/* Runs a task to its end. Returns 0; or UV_ECANCELED if it failed, after the reason was printed on standard
 * error, after `name`. */
int session_do(struct session *session, const char *name,
               enum next (*begin)(struct call *call, const void *nothing), void *locals);

#endif
