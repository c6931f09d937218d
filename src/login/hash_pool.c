/* SPDX-License-Identifier: MIT
 *
 * Password hashing away from the loop. A job moves in one direction:
 *
 *     idle ── submit ──▶ queued ── a worker's turn ──▶ running ──▶ done ── the loop's turn ──▶ idle, on_done
 *                          └── cancelled or too late ────────────────▲
 *
 * The lock guards the lists, the counters and the states; a running job belongs to its worker, an idle one to
 * its owner. Passwords wait in memory of the pool's own (login/hash_slots.h).
 */
#include "login/hash_pool.h"

#include <stdlib.h>

#include "base/state.h"
#include "login/hash_parts.h"

#define FIRST_GUESS_NS 50000000u

static const struct state_machine job_states = {
    .of = "hash job",
    .names = { "IDLE", "QUEUED", "RUNNING", "DONE" },
    .next = { [HASH_JOB_IDLE] = TO(HASH_JOB_QUEUED),
              [HASH_JOB_QUEUED] = TO(HASH_JOB_RUNNING) | TO(HASH_JOB_DONE),
              [HASH_JOB_RUNNING] = TO(HASH_JOB_DONE),
              [HASH_JOB_DONE] = TO(HASH_JOB_IDLE) },
};

void hash_job_move(struct hash_pool *pool, struct hash_job *job, unsigned state)
{
    state_move(&job_states, job->state, state);
    pool->stats.n_queued += (state == HASH_JOB_QUEUED) - (job->state == HASH_JOB_QUEUED);
    pool->stats.n_running += (state == HASH_JOB_RUNNING) - (job->state == HASH_JOB_RUNNING);
    job->state = state;
}

void hash_job_end(struct hash_pool *pool, struct hash_job *job, int status)
{
    job->status = status;
    hash_slots_wipe(job->slots, job->slot, job->password_len);
    if (job->slots != pool->slots && hash_slots_are_free(job->slots))
        hash_slots_destroy(job->slots);
    hash_job_move(pool, job, HASH_JOB_DONE);
    TAILQ_INSERT_TAIL(&pool->done, job, link);
    uv_async_send(&pool->async);
}

void hash_job_leave(struct hash_pool *pool, struct hash_job *job, int status)
{
    TAILQ_REMOVE(&pool->queued, job, link);
    hash_job_end(pool, job, status);
}

/* Takes jobs off the list one by one, because on_done may submit and cancel others. */
static void pool_deliver(struct hash_pool *pool)
{
    struct job_list done = TAILQ_HEAD_INITIALIZER(done);
    struct hash_job *job;
    uv_mutex_lock(&pool->mutex);
    TAILQ_CONCAT(&done, &pool->done, link);
    uv_mutex_unlock(&pool->mutex);
    while ((job = TAILQ_FIRST(&done))) {
        TAILQ_REMOVE(&done, job, link);
        uv_mutex_lock(&pool->mutex);
        hash_job_move(pool, job, HASH_JOB_IDLE);
        uv_mutex_unlock(&pool->mutex);
        job->on_done(job);
    }
}

static void pool_on_done(uv_async_t *async)
{
    hash_workers_reap(async->data);
    pool_deliver(async->data);
}

static void pool_free(struct hash_pool *pool)
{
    hash_slots_destroy(pool->slots);
    free(pool);
}

static void pool_on_closed(uv_handle_t *handle)
{
    struct hash_pool *pool = handle->data;
    uv_cond_destroy(&pool->work);
    uv_mutex_destroy(&pool->mutex);
    pool_free(pool);
}

static struct hash_pool *pool_create(const struct hash_pool_options *options)
{
    struct hash_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->policy = *options->policy;
    pool->clock = options->clock ? options->clock : duty_clock_read;
    pool->has_loop_clock = pthread_getcpuclockid(pthread_self(), &pool->loop_clock) == 0;
    pool->n_cores = options->n_cores ? options->n_cores : (int)uv_available_parallelism();
    pool->on_begin = options->on_begin;
    pool->stats.mean_duration_ns = FIRST_GUESS_NS;
    TAILQ_INIT(&pool->queued);
    TAILQ_INIT(&pool->done);
    TAILQ_INIT(&pool->workers);
    return pool;
}

int hash_pool_start(struct hash_pool **started, uv_loop_t *loop, const struct hash_pool_options *options)
{
    struct hash_pool *pool = pool_create(options);
    if (!pool)
        return UV_ENOMEM;
    int rc = uv_mutex_init(&pool->mutex);
    if (rc < 0)
        goto err_after_create;
    rc = uv_cond_init(&pool->work);
    if (rc < 0)
        goto err_after_mutex_init;
    rc = uv_async_init(loop, &pool->async, pool_on_done);
    if (rc < 0)
        goto err_after_cond_init;
    pool->async.data = pool;

    rc = hash_pool_prepare(pool, options->n_workers, options->queue_limit);
    if (rc < 0) {
        hash_pool_stop(pool, 0); /* nothing runs yet */
        hash_pool_destroy(pool);
        return rc;
    }
    hash_pool_take(pool);
    *started = pool;
    return 0;

err_after_cond_init:
    uv_cond_destroy(&pool->work);
err_after_mutex_init:
    uv_mutex_destroy(&pool->mutex);
err_after_create:
    pool_free(pool);
    return rc;
}

/* With the lock held. */
static void await_running(struct hash_pool *pool, unsigned patience_ms)
{
    uint64_t end_ns = uv_hrtime() + patience_ms * UINT64_C(1000000), now_ns;
    while (pool->stats.n_running > 0 && (now_ns = uv_hrtime()) < end_ns)
        (void)uv_cond_timedwait(&pool->work, &pool->mutex, end_ns - now_ns);
}

bool hash_pool_stop(struct hash_pool *pool, unsigned patience_ms)
{
    if (!pool)
        return true;
    struct hash_job *job;
    uv_mutex_lock(&pool->mutex);
    pool->is_stopping = true;
    uv_cond_broadcast(&pool->work);
    while ((job = TAILQ_FIRST(&pool->queued)))
        hash_job_leave(pool, job, UV_ECANCELED);
    await_running(pool, patience_ms);
    bool is_over = pool->stats.n_running == 0;
    uv_mutex_unlock(&pool->mutex);
    if (is_over)
        hash_workers_join(pool);
    pool_deliver(pool);
    return is_over;
}

void hash_pool_destroy(struct hash_pool *pool)
{
    if (pool)
        uv_close((uv_handle_t *)&pool->async, pool_on_closed);
}

/* With the lock held. */
static uint64_t expected_wait_ns(const struct hash_pool *pool, int n_ahead)
{
    return pool->stats.mean_duration_ns * (uint64_t)n_ahead / (uint64_t)pool->size.n_workers;
}

/* With the lock held. A client gets at most half of the queue, however many accounts it tries. */
static bool is_full(const struct hash_pool *pool, uint64_t client)
{
    int n_of_client = 0;
    const struct hash_job *other;
    TAILQ_FOREACH (other, &pool->queued, link)
        n_of_client += client && other->client == client;
    return pool->stats.n_queued >= pool->size.queue_limit || n_of_client >= (pool->size.queue_limit + 1) / 2;
}

bool hash_pool_is_full(struct hash_pool *pool, uint64_t client)
{
    uv_mutex_lock(&pool->mutex);
    bool full = is_full(pool, client);
    pool->stats.n_refused_full += full;
    uv_mutex_unlock(&pool->mutex);
    return full;
}

/* With the lock held. */
static int admit(struct hash_pool *pool, struct hash_job *job)
{
    if (pool->is_stopping)
        return UV_ECANCELED;
    if (is_full(pool, job->client)) {
        pool->stats.n_refused_full++;
        return UV_ENOBUFS;
    }
    uint64_t begin_ns = hash_pool_now_ns(pool) + expected_wait_ns(pool, pool->stats.n_queued);
    if (hash_job_cannot_end_in_time(pool, job, begin_ns)) {
        pool->stats.n_refused_late++;
        return UV_ETIMEDOUT;
    }
    job->slots = pool->slots;
    job->slot = hash_slots_put(pool->slots, job->password, job->password_len);
    return job->slot ? 0 : UV_ENOBUFS;
}

int hash_pool_submit(struct hash_pool *pool, struct hash_job *job)
{
    job->status = 0;
    job->verdict = PASSWORD_DIFFERS;
    job->made[0] = '\0';
    job->started_ns = 0;
    if (job->password_len > HASH_SLOT_LEN)
        job->password_len = HASH_SLOT_LEN;

    uv_mutex_lock(&pool->mutex);
    int rc = admit(pool, job);
    if (rc == 0) {
        hash_job_move(pool, job, HASH_JOB_QUEUED);
        TAILQ_INSERT_TAIL(&pool->queued, job, link);
        uv_cond_signal(&pool->work);
    }
    uv_mutex_unlock(&pool->mutex);
    return rc;
}

void hash_pool_cancel(struct hash_pool *pool, struct hash_job *job)
{
    uv_mutex_lock(&pool->mutex);
    if (job->state == HASH_JOB_QUEUED) {
        pool->stats.n_cancelled++;
        hash_job_leave(pool, job, UV_ECANCELED);
    }
    uv_mutex_unlock(&pool->mutex);
}

int64_t hash_pool_computed_ns(const struct hash_pool *pool, const struct hash_job *job)
{
    struct duty_times now = hash_pool_times(pool);
    int64_t passed_ns = now.now_ns - (int64_t)job->started_ns;
    return job->is_crowded || pool->size.is_crowded
               ? duty_cycle_computed_ns(passed_ns, now.other_ns - job->started_loop_ns)
               : passed_ns;
}

int hash_pool_retry_after_ms(struct hash_pool *pool)
{
    uv_mutex_lock(&pool->mutex);
    uint64_t wait_ns = expected_wait_ns(pool, pool->stats.n_queued / 2 + 1);
    uv_mutex_unlock(&pool->mutex);
    return (int)(wait_ns / 1000000) + 1;
}

const struct password_policy *hash_pool_policy(const struct hash_pool *pool)
{
    return &pool->policy;
}

void hash_pool_set_policy(struct hash_pool *pool, const struct password_policy *policy)
{
    uv_mutex_lock(&pool->mutex);
    pool->policy = *policy;
    uv_mutex_unlock(&pool->mutex);
}

void hash_pool_stats(struct hash_pool *pool, struct hash_pool_stats *stats)
{
    uv_mutex_lock(&pool->mutex);
    *stats = pool->stats;
    stats->n_workers = pool->size.n_workers;
    stats->queue_limit = pool->size.queue_limit;
    uv_mutex_unlock(&pool->mutex);
}
