/* SPDX-License-Identifier: MIT
 *
 * Until the thread has ended the connection is the thread's, and then the loop's. If no thread can be created
 * one of libuv's pool does its work.
 */
#include "db/attempt.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/detached.h"
#include "db/connecting.h"

#define PARAMS_MAX  32
#define THREADS_MAX 256 /* while so many hang, no more are started */
#define LOOK_MS     20  /* how soon the thread notices that it was abandoned */

struct attempt {
    uv_async_t done;
    uv_work_t work; /* without a thread of its own */
    char *keywords[PARAMS_MAX + 1], *values[PARAMS_MAX + 1];
    attempted *on_attempted;
    void *data;
    atomic_bool is_abandoned;
    atomic_bool is_over; /* the thread does nothing more than to say so */
    PGconn *pg;
};

static unsigned threads_n;

static void attempt_free(struct attempt *attempt)
{
    for (size_t i = 0; i < PARAMS_MAX; i++) {
        free(attempt->keywords[i]);
        if (attempt->values[i]) /* one is the password */
            explicit_bzero(attempt->values[i], strlen(attempt->values[i]));
        free(attempt->values[i]);
    }
    free(attempt);
}

/* ---- the thread ---- */

static void ignore(void *nothing, const PGresult *notice)
{
    (void)nothing, (void)notice;
}

static void attempt_connect(struct attempt *attempt)
{
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
    PGconn *pg =
        PQconnectStartParams((const char *const *)attempt->keywords, (const char *const *)attempt->values, 0);
    attempt->pg = pg;
    PQsetErrorVerbosity(pg, PQERRORS_VERBOSE); /* adds the SQLSTATE to error texts */
    PQsetNoticeReceiver(pg, ignore, NULL);     /* what ends the attempt is in PQerrorMessage() */
    while (!connecting_is_over(pg, wants) && !attempt->is_abandoned)
        connecting_go_on(pg, &wants, LOOK_MS);
}

static void *run(void *arg)
{
    struct attempt *attempt = arg;
    attempt_connect(attempt);
    if (attempt->is_abandoned) {
        PQfinish(attempt->pg);
        attempt->pg = NULL;
    }
    attempt->is_over = true;
    uv_async_send(&attempt->done);
    return NULL;
}

static void run_work(uv_work_t *work)
{
    run(work->data);
}

/* ---- the loop ---- */

static void on_closed(uv_handle_t *handle)
{
    attempt_free(handle->data);
}

static void on_over(uv_async_t *done)
{
    struct attempt *attempt = done->data;
    if (!attempt->is_over)
        return;
    threads_n--;
    uv_close((uv_handle_t *)done, on_closed);
    if (attempt->is_abandoned)
        PQfinish(attempt->pg);
    else
        attempt->on_attempted(attempt->data, attempt->pg);
}

static int copy_params(struct attempt *attempt, const char *const *keywords, const char *const *values)
{
    bool is_whole = true;
    size_t i = 0;
    for (; keywords[i] && i < PARAMS_MAX; i++) {
        attempt->keywords[i] = strdup(keywords[i]);
        attempt->values[i] = strdup(values[i] ? values[i] : "");
        is_whole &= attempt->keywords[i] && attempt->values[i];
    }
    return keywords[i] ? UV_E2BIG : is_whole ? 0 : UV_ENOMEM;
}

static int start(struct attempt *attempt, uv_loop_t *loop)
{
    if (threads_n >= THREADS_MAX)
        return UV_EAGAIN;
    attempt->work.data = attempt;
    return detached_start(run, attempt) ? uv_queue_work(loop, &attempt->work, run_work, NULL) : 0;
}

int attempt_start(struct attempt **out, uv_loop_t *loop, const char *const *keywords,
                  const char *const *values, attempted *on_attempted, void *data)
{
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (!attempt)
        return UV_ENOMEM;
    attempt->on_attempted = on_attempted;
    attempt->data = data;
    int rc = copy_params(attempt, keywords, values);
    if (!rc)
        rc = uv_async_init(loop, &attempt->done, on_over);
    if (rc) {
        attempt_free(attempt);
        return rc;
    }
    attempt->done.data = attempt;
    rc = start(attempt, loop);
    if (rc) {
        uv_close((uv_handle_t *)&attempt->done, on_closed);
        return rc;
    }
    threads_n++;
    *out = attempt;
    return 0;
}

void attempt_abandon(struct attempt *attempt)
{
    if (attempt)
        attempt->is_abandoned = true;
}
