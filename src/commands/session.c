/* SPDX-License-Identifier: MIT */
#include "commands/session.h"

#include <stdio.h>

#include "base/container_of.h"

static void on_timeout(uv_timer_t *timer)
{
    struct session *session = timer->data;
    session->timed_out = true;
}

int session_init(struct session *session, const struct config *config)
{
    *session = (struct session){ .context = { .config = config, .pool = &session->pool } };
    database_params_set_for_jobs(&session->params, config);
    struct pool_options options = { .conn = database_conn_options(&session->params, config, 0),
                                    .connections = { [LANE_JOB] = 1 },
                                    .queue_max = 1 };
    int rc = uv_loop_init(&session->loop);
    if (rc)
        return rc;
    uv_timer_init(&session->loop, &session->timeout);
    session->timeout.data = session;
    uv_timer_start(&session->timeout, on_timeout, options.conn.connect_timeout_ms, 0);
    rc = pool_start(&session->pool, &session->loop, &options);
    while (!rc && !session->pool.available && !session->timed_out)
        uv_run(&session->loop, UV_RUN_ONCE);
    if (!rc && session->pool.available)
        return 0;
    session_finish(session);
    fputs("svcd: the database cannot be reached or is not ready; the log says why\n", stderr);
    return rc ? rc : UV_ETIMEDOUT;
}

void session_finish(struct session *session)
{
    if (!session->pool.stopping)
        pool_stop(&session->pool);
    uv_close((uv_handle_t *)&session->timeout, NULL);
    uv_run(&session->loop, UV_RUN_DEFAULT);
    pool_finish(&session->pool);
    uv_loop_close(&session->loop);
}

void session_run_until(struct session *session, const bool *flag)
{
    while (!*flag)
        uv_run(&session->loop, UV_RUN_ONCE);
}

struct waited {
    struct task task;
    bool ended, failed;
};

static void on_ended(struct task *task, const char *error)
{
    struct waited *waited = container_of(task, struct waited, task);
    waited->ended = true;
    waited->failed = error;
    if (error)
        fprintf(stderr, "svcd: %s: %s\n", task->method.path, error);
}

int session_do(struct session *session, const char *name,
               enum next (*begin)(struct call *call, const void *nothing), void *locals)
{
    struct waited waited = { 0 };
    task_start(&waited.task, &session->context, name, begin, locals, on_ended);
    session_run_until(session, &waited.ended);
    task_finish(&waited.task);
    return waited.failed ? UV_ECANCELED : 0;
}
