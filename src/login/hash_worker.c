/* SPDX-License-Identifier: MIT
 *
 * A worker thread: hashes one job after another, and keeps statistics of how long they take.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "login/hash_arena.h"
#include "login/hash_parts.h"

/* After so long without a job a worker wipes its arena and gives the memory back. */
#define REST_AFTER_NS 100000000u
/* With enough cores, hashes run at the lowest priority, on what the others leave. If cores are scarce
 * (is_crowded), that could be a hundredth of a core, and logins would never finish; there the worker yields
 * by its duty cycle instead. */
#define WORKER_NICE 19
/* The learned duration is used for so long after the last hash. Otherwise, once slow hashes made every
 * deadline seem hopeless, no job would run that could correct it. */
#define BELIEVE_NS 1000000000u

/* Without the lock, because password_verify() and _make() are slow. */
static int job_run(const struct password_policy *policy, struct hash_job *job, int *n_made)
{
    const char *password = job->slot;
    int rc;
    if (job->kind == HASH_MAKE) {
        rc = password_make(policy, password, job->password_len, job->made);
        *n_made += rc == 0;
        return rc;
    }
    rc = password_verify(policy, password, job->password_len, job->stored, job->stored_len, &job->verdict);
    if (rc == 0 && job->verdict == PASSWORD_MATCHES &&
        password_outdated(policy, job->stored, job->stored_len, job->password_len)) {
        /* The login stands whether or not its hash can be renewed. */
        if (password_make(policy, password, job->password_len, job->made) < 0)
            job->made[0] = '\0';
        *n_made += job->made[0] != '\0';
    }
    return rc;
}

static void worker_settle(const struct hash_worker *worker)
{
    const struct sched_param none = { 0 };
    /* Errors are ignored: both only favour the other threads. */
    (void)sched_setscheduler(0, SCHED_BATCH, &none);
    if (!worker->is_crowded)
        (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + WORKER_NICE);
}

/* With the lock held. */
static void learn(struct hash_pool *pool, uint64_t duration_ns)
{
    struct hash_pool_stats *stats = &pool->stats;
    pool->learned_ns = hash_pool_now_ns(pool);
    stats->mean_duration_ns = stats->mean_duration_ns - stats->mean_duration_ns / 8 + duration_ns / 8;
    if (pool->quick_ns == 0 || duration_ns < pool->quick_ns)
        pool->quick_ns = duration_ns;
    else /* slowly, so that a few slow hashes do not get quick jobs refused */
        pool->quick_ns += (duration_ns - pool->quick_ns) / 64;
}

bool hash_job_cannot_end_in_time(const struct hash_pool *pool, const struct hash_job *job, uint64_t begin_ns)
{
    bool is_stale = hash_pool_now_ns(pool) - pool->learned_ns > BELIEVE_NS;
    return job->deadline_ns != UINT64_MAX && begin_ns + (is_stale ? 0 : pool->quick_ns) >= job->deadline_ns;
}

/* With the lock held. */
static void worker_take(const struct hash_worker *worker, struct duty_cycle *cycle)
{
    struct hash_pool *pool = worker->pool;
    struct hash_job *job = TAILQ_FIRST(&pool->queued);
    if (hash_job_cannot_end_in_time(pool, job, hash_pool_now_ns(pool))) {
        pool->stats.n_refused_late++;
        hash_job_leave(pool, job, UV_ETIMEDOUT);
        return;
    }
    TAILQ_REMOVE(&pool->queued, job, link);
    struct duty_times begun = hash_pool_times(pool);
    job->started_ns = (uint64_t)begun.now_ns;
    job->started_loop_ns = begun.other_ns;
    job->is_crowded = worker->is_crowded;
    hash_job_move(pool, job, HASH_JOB_RUNNING);
    const struct password_policy policy = pool->policy; /* a copy: it may change meanwhile */
    uv_mutex_unlock(&pool->mutex);
    if (pool->on_begin)
        pool->on_begin(job);
    duty_cycle_begin(cycle);
    int n_made = 0, rc = job_run(&policy, job, &n_made);
    duty_cycle_end(cycle);
    uint64_t duration_ns = hash_pool_now_ns(pool) - job->started_ns;
    uv_mutex_lock(&pool->mutex);

    learn(pool, duration_ns);
    pool->stats.n_verified += job->kind == HASH_VERIFY;
    pool->stats.n_made += (uint64_t)n_made;
    pool->stats.paused_ns += (uint64_t)cycle->paused_ns;
    hash_job_end(pool, job, rc);
    if (pool->is_stopping)
        uv_cond_broadcast(&pool->work);
}

static bool is_wanted(const struct hash_worker *worker)
{
    return !worker->is_surplus && !worker->pool->is_stopping;
}

/* With the lock held. Returns when the worker must end. */
static void worker_work(struct hash_worker *worker, struct duty_cycle *cycle)
{
    struct hash_pool *pool = worker->pool;
    bool is_rested = true;
    while (is_wanted(worker)) {
        if (!TAILQ_EMPTY(&pool->queued)) {
            worker_take(worker, cycle);
            is_rested = false;
        } else if (is_rested) {
            uv_cond_wait(&pool->work, &pool->mutex);
        } else if (uv_cond_timedwait(&pool->work, &pool->mutex, REST_AFTER_NS) == UV_ETIMEDOUT) {
            uv_mutex_unlock(&pool->mutex);
            hash_arena_rest();
            is_rested = true;
            uv_mutex_lock(&pool->mutex);
        }
    }
    uv_cond_signal(
        &pool->work); /* this worker may have consumed the wake-up for a job that another must do now */
}

void hash_worker_main(void *arg)
{
    struct hash_worker *worker = arg;
    struct hash_pool *pool = worker->pool;
    struct duty_cycle cycle = { 0 };
    (void)pthread_setname_np(pthread_self(), "svcd hash");
    worker_settle(worker);
    if (worker->is_crowded)
        duty_cycle_init(&cycle, pool->loop_clock, pool->clock);
    hash_arena_init();
    uv_mutex_lock(&pool->mutex);
    worker_work(worker, &cycle);
    uv_mutex_unlock(&pool->mutex);
    hash_arena_finish();
    duty_cycle_finish(&cycle);
    uv_mutex_lock(&pool->mutex);
    worker->has_ended = true;
    uv_async_send(&pool->async);
    uv_mutex_unlock(&pool->mutex);
}
