/* SPDX-License-Identifier: MIT
 *
 * Password hashing away from the loop. A job moves in one direction:
 *
 *     idle ── submit ──▶ queued ── a worker's turn ──▶ running ──▶ done ── the loop's turn ──▶ idle, on_done
 *                          └── cancelled or too late ────────────────▲
 *
 * The lock guards the lists, the counters and the states; a running job belongs to its worker, an idle one to
 * its owner. Passwords wait in memory of the pool's own that is locked, left out of core dumps and wiped.
 */
#include "login/hash_pool.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/state.h"
#include "login/hash_arena.h"

/* Idle for so long, a worker wipes its arena and gives it back. */
#define REST_AFTER_NS 100000000u
/* Who wants cores besides the workers: the loop, and the database. */
#define OTHERS 2
/* Behind whatever else runs, where there are cores enough: a hash takes what is left. In a crowd that would
 * be a hundredth of a core that others want all the time, and no login would come to its end; there the duty
 * cycle is what it stands back by. */
#define WORKER_NICE    19
#define FIRST_GUESS_NS 50000000u
/* What was learned of hashes is believed for so long after the last one. Else, once a slow one had made every
 * deadline seem hopeless, nothing would run that could teach otherwise. */
#define BELIEVE_NS 1000000000u

TAILQ_HEAD(job_list, hash_job);

struct worker {
    uv_thread_t thread;
    bool is_started;
};

struct hash_pool {
    struct password_policy policy;
    duty_clock *clock;
    clockid_t loop_clock; /* the CPU time of the loop's thread */
    void (*on_begin)(struct hash_job *job);
    uv_async_t async; /* jobs are done */
    uv_mutex_t mutex;
    uv_cond_t work; /* jobs are queued; or the pool stops, or has come to its end */

    struct job_list queued, done;
    struct hash_pool_stats stats;
    uint64_t quick_ns;   /* what a job takes at least, see learn() */
    uint64_t learned_ns; /* when that was last looked at */
    bool is_stopping;
    int queue_limit;

    char (*slots)[PASSWORD_MAX_BYTES + 1]; /* passwords of queued and running jobs */
    int *free_slots;                       /* stack */
    int n_slots, n_free_slots;

    bool is_crowded; /* see hash_pool_is_crowded(): workers stand still while the loop's thread is busy */
    int n_workers;
    struct worker workers[];
};

static const struct state_machine job_states = {
    .of = "hash job",
    .names = { "IDLE", "QUEUED", "RUNNING", "DONE" },
    .next = { [HASH_JOB_IDLE] = TO(HASH_JOB_QUEUED),
              [HASH_JOB_QUEUED] = TO(HASH_JOB_RUNNING) | TO(HASH_JOB_DONE),
              [HASH_JOB_RUNNING] = TO(HASH_JOB_DONE),
              [HASH_JOB_DONE] = TO(HASH_JOB_IDLE) },
};

static void job_move(struct hash_pool *pool, struct hash_job *job, unsigned state)
{
    state_move(&job_states, job->state, state);
    pool->stats.n_queued += (state == HASH_JOB_QUEUED) - (job->state == HASH_JOB_QUEUED);
    pool->stats.n_running += (state == HASH_JOB_RUNNING) - (job->state == HASH_JOB_RUNNING);
    job->state = state;
}

/* The job, off its list, waits for the loop; its password is gone. */
static void job_end(struct hash_pool *pool, struct hash_job *job, int status)
{
    job->status = status;
    explicit_bzero(pool->slots[job->slot], job->password_len);
    pool->free_slots[pool->n_free_slots++] = job->slot;
    job_move(pool, job, HASH_JOB_DONE);
    TAILQ_INSERT_TAIL(&pool->done, job, link);
    uv_async_send(&pool->async);
}

/* The same for one in the queue, which nobody begins any more. */
static void job_leave(struct hash_pool *pool, struct hash_job *job, int status)
{
    TAILQ_REMOVE(&pool->queued, job, link);
    job_end(pool, job, status);
}

static struct duty_times times(const struct hash_pool *pool)
{
    return pool->clock(pool->loop_clock);
}

static uint64_t now_ns(const struct hash_pool *pool)
{
    return (uint64_t)times(pool).now_ns;
}

/* Without the lock: password_verify() and _make() take their time. */
static int job_run(struct hash_pool *pool, const struct password_policy *policy, struct hash_job *job,
                   int *n_made)
{
    const char *password = pool->slots[job->slot];
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

static void worker_settle(const struct hash_pool *pool)
{
    const struct sched_param none = { 0 };
    /* Both are a courtesy to the other threads: hashing works without. */
    (void)sched_setscheduler(0, SCHED_BATCH, &none);
    if (!pool->is_crowded)
        (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + WORKER_NICE);
}

/* With the lock held. */
static void learn(struct hash_pool *pool, uint64_t duration_ns)
{
    struct hash_pool_stats *stats = &pool->stats;
    pool->learned_ns = now_ns(pool);
    stats->mean_duration_ns = stats->mean_duration_ns - stats->mean_duration_ns / 8 + duration_ns / 8;
    if (pool->quick_ns == 0 || duration_ns < pool->quick_ns)
        pool->quick_ns = duration_ns;
    else /* slowly, lest one run of slow hashes make quick ones seem hopeless */
        pool->quick_ns += (duration_ns - pool->quick_ns) / 64;
}

/* Even if it is a quick one. The same for every job, so that it tells nothing of what is stored. */
static bool cannot_end_in_time(const struct hash_pool *pool, const struct hash_job *job, uint64_t begin_ns)
{
    bool is_stale = now_ns(pool) - pool->learned_ns > BELIEVE_NS;
    return job->deadline_ns != UINT64_MAX && begin_ns + (is_stale ? 0 : pool->quick_ns) >= job->deadline_ns;
}

/* With the lock held. */
static void worker_take(struct hash_pool *pool, struct duty_cycle *cycle)
{
    struct hash_job *job = TAILQ_FIRST(&pool->queued);
    if (cannot_end_in_time(pool, job, now_ns(pool))) {
        pool->stats.n_refused_late++;
        job_leave(pool, job, UV_ETIMEDOUT);
        return;
    }
    TAILQ_REMOVE(&pool->queued, job, link);
    struct duty_times begun = times(pool);
    job->started_ns = (uint64_t)begun.now_ns;
    job->started_loop_ns = begun.other_ns;
    job_move(pool, job, HASH_JOB_RUNNING);
    const struct password_policy policy = pool->policy; /* as it is now */
    uv_mutex_unlock(&pool->mutex);
    if (pool->on_begin)
        pool->on_begin(job);
    duty_cycle_begin(cycle);
    int n_made = 0, rc = job_run(pool, &policy, job, &n_made);
    duty_cycle_end(cycle);
    uint64_t duration_ns = now_ns(pool) - job->started_ns;
    uv_mutex_lock(&pool->mutex);

    learn(pool, duration_ns);
    pool->stats.n_verified += job->kind == HASH_VERIFY;
    pool->stats.n_made += (uint64_t)n_made;
    pool->stats.paused_ns += (uint64_t)cycle->paused_ns;
    job_end(pool, job, rc);
    if (pool->is_stopping)
        uv_cond_broadcast(&pool->work);
}

static void worker_main(void *arg)
{
    struct hash_pool *pool = arg;
    struct duty_cycle cycle = { 0 };
    worker_settle(pool);
    if (pool->is_crowded)
        duty_cycle_init(&cycle, pool->loop_clock, pool->clock);
    hash_arena_init();
    bool is_rested = true;
    uv_mutex_lock(&pool->mutex);
    while (!pool->is_stopping) {
        if (!TAILQ_EMPTY(&pool->queued)) {
            worker_take(pool, &cycle);
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
    uv_mutex_unlock(&pool->mutex);
    hash_arena_finish();
    duty_cycle_finish(&cycle);
}

/* One by one, for on_done may submit, and cancel others. */
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
        job_move(pool, job, HASH_JOB_IDLE);
        uv_mutex_unlock(&pool->mutex);
        job->on_done(job);
    }
}

static void pool_on_done(uv_async_t *async)
{
    pool_deliver(async->data);
}

static void pool_free(struct hash_pool *pool)
{
    if (pool->slots)
        munmap(pool->slots, (size_t)pool->n_slots * sizeof *pool->slots);
    free(pool->free_slots);
    free(pool);
}

static int pool_map_slots(struct hash_pool *pool)
{
    size_t len = (size_t)pool->n_slots * sizeof *pool->slots;
    pool->free_slots = calloc((size_t)pool->n_slots, sizeof *pool->free_slots);
    void *mapped = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED || !pool->free_slots)
        return UV_ENOMEM;
    pool->slots = mapped;
    /* RLIMIT_MEMLOCK may not allow the first; swap is then the operator's to encrypt. */
    (void)mlock(mapped, len);
    (void)madvise(mapped, len, MADV_DONTDUMP);
    for (int i = 0; i < pool->n_slots; i++)
        pool->free_slots[pool->n_free_slots++] = i;
    return 0;
}

static void workers_join(struct hash_pool *pool)
{
    for (int i = 0; i < pool->n_workers; i++) {
        if (pool->workers[i].is_started)
            uv_thread_join(&pool->workers[i].thread);
        pool->workers[i].is_started = false;
    }
}

/* With the lock held. */
static void await_running(struct hash_pool *pool, unsigned patience_ms)
{
    uint64_t end_ns = uv_hrtime() + patience_ms * UINT64_C(1000000), now_ns;
    while (pool->stats.n_running > 0 && (now_ns = uv_hrtime()) < end_ns)
        (void)uv_cond_timedwait(&pool->work, &pool->mutex, end_ns - now_ns);
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
    int n_workers = options->n_workers;
    int n_cores = options->n_cores ? options->n_cores : (int)uv_available_parallelism();
    struct hash_pool *pool = calloc(1, sizeof *pool + (size_t)n_workers * sizeof pool->workers[0]);
    if (!pool)
        return NULL;
    pool->policy = *options->policy;
    pool->clock = options->clock ? options->clock : duty_clock_read;
    pool->on_begin = options->on_begin;
    pool->n_workers = n_workers;
    pool->queue_limit = options->queue_limit;
    pool->n_slots = options->queue_limit + n_workers;
    pool->stats.mean_duration_ns = FIRST_GUESS_NS;
    TAILQ_INIT(&pool->queued);
    TAILQ_INIT(&pool->done);
    pool->is_crowded = pthread_getcpuclockid(pthread_self(), &pool->loop_clock) == 0 &&
                       hash_pool_is_crowded(n_cores, n_workers);
    return pool;
}

int hash_pool_start(struct hash_pool **started, uv_loop_t *loop, const struct hash_pool_options *options)
{
    struct hash_pool *pool = pool_create(options);
    if (!pool)
        return UV_ENOMEM;
    int rc = pool_map_slots(pool);
    if (rc < 0)
        goto err_after_calloc;
    rc = uv_mutex_init(&pool->mutex);
    if (rc < 0)
        goto err_after_calloc;
    rc = uv_cond_init(&pool->work);
    if (rc < 0)
        goto err_after_mutex_init;
    rc = uv_async_init(loop, &pool->async, pool_on_done);
    if (rc < 0)
        goto err_after_cond_init;
    pool->async.data = pool;

    for (int i = 0; i < pool->n_workers && rc == 0; i++) {
        rc = uv_thread_create(&pool->workers[i].thread, worker_main, pool);
        pool->workers[i].is_started = rc == 0;
    }
    if (rc < 0) {
        hash_pool_stop(pool, 0); /* nothing runs yet */
        hash_pool_destroy(pool);
        return rc;
    }
    *started = pool;
    return 0;

err_after_cond_init:
    uv_cond_destroy(&pool->work);
err_after_mutex_init:
    uv_mutex_destroy(&pool->mutex);
err_after_calloc:
    pool_free(pool);
    return rc;
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
        job_leave(pool, job, UV_ECANCELED);
    await_running(pool, patience_ms);
    bool is_over = pool->stats.n_running == 0;
    uv_mutex_unlock(&pool->mutex);
    if (is_over)
        workers_join(pool);
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
    return pool->stats.mean_duration_ns * (uint64_t)n_ahead / (uint64_t)pool->n_workers;
}

/* With the lock held. However many accounts a client has, half of the queue is left to others. */
static bool is_full(const struct hash_pool *pool, uint64_t client)
{
    int n_of_client = 0;
    const struct hash_job *other;
    TAILQ_FOREACH (other, &pool->queued, link)
        n_of_client += client && other->client == client;
    return pool->stats.n_queued >= pool->queue_limit || n_of_client >= (pool->queue_limit + 1) / 2;
}

bool hash_pool_is_full(struct hash_pool *pool, uint64_t client)
{
    uv_mutex_lock(&pool->mutex);
    bool full = is_full(pool, client);
    pool->stats.n_refused_full += full;
    uv_mutex_unlock(&pool->mutex);
    return full;
}

int hash_pool_submit(struct hash_pool *pool, struct hash_job *job)
{
    int rc = 0;
    job->status = 0;
    job->verdict = PASSWORD_DIFFERS;
    job->made[0] = '\0';
    job->started_ns = 0;

    uv_mutex_lock(&pool->mutex);
    if (pool->is_stopping) {
        rc = UV_ECANCELED;
    } else if (is_full(pool, job->client)) {
        pool->stats.n_refused_full++;
        rc = UV_ENOBUFS;
    } else if (cannot_end_in_time(pool, job, now_ns(pool) + expected_wait_ns(pool, pool->stats.n_queued))) {
        pool->stats.n_refused_late++;
        rc = UV_ETIMEDOUT;
    } else {
        job->slot = pool->free_slots[--pool->n_free_slots];
        /* One byte too many makes a password hopeless, however many more there were. */
        if (job->password_len > PASSWORD_MAX_BYTES + 1)
            job->password_len = PASSWORD_MAX_BYTES + 1;
        memcpy(pool->slots[job->slot], job->password, job->password_len);
        job_move(pool, job, HASH_JOB_QUEUED);
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
        job_leave(pool, job, UV_ECANCELED);
    }
    uv_mutex_unlock(&pool->mutex);
}

bool hash_pool_is_crowded(int n_cores, int n_workers)
{
    return n_cores < n_workers + OTHERS;
}

int64_t hash_pool_computed_ns(const struct hash_pool *pool, const struct hash_job *job)
{
    struct duty_times now = times(pool);
    int64_t passed_ns = now.now_ns - (int64_t)job->started_ns;
    return pool->is_crowded ? duty_cycle_computed_ns(passed_ns, now.other_ns - job->started_loop_ns)
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
    uv_mutex_unlock(&pool->mutex);
}
