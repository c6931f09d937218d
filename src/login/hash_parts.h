/* SPDX-License-Identifier: MIT
 *
 * Internals of the hash pool, shared by hash_pool.c, hash_worker.c and hash_size.c only.
 */
#ifndef LOGIN_HASH_PARTS_H
#define LOGIN_HASH_PARTS_H

#include "login/hash_job.h"
#include "login/hash_slots.h"

TAILQ_HEAD(job_list, hash_job);

struct hash_worker {
    struct hash_pool *pool;
    uv_thread_t thread;
    bool is_crowded; /* pauses while the loop is busy (duty_cycle.h); else has the lowest priority */
    bool is_new;     /* started by hash_pool_prepare(), and not yet taken */
    /* Under the lock. is_surplus: must end after its present hash; has_ended: can be joined. */
    bool is_surplus, has_ended;
    TAILQ_ENTRY(hash_worker) link;
};

/* The number of workers, and of passwords that may wait. */
struct hash_size {
    int n_workers, queue_limit;
    bool is_crowded; /* see hash_pool_is_crowded(): workers stand still while the loop's thread is busy */
};

struct hash_pool {
    struct password_policy policy;
    duty_clock *clock;
    bool has_loop_clock;
    clockid_t loop_clock; /* the CPU time of the loop's thread */
    int n_cores;
    void (*on_begin)(struct hash_job *job);
    uv_async_t async; /* wakes the loop: jobs are done, or workers have ended */
    uv_mutex_t mutex;
    uv_cond_t work; /* jobs are queued, or a worker is to end; while the pool stops: a job has ended */

    struct job_list queued, done;
    struct hash_pool_stats stats;
    uint64_t quick_ns;   /* how long a quick job takes, see learn() */
    uint64_t learned_ns; /* when that was last updated */
    bool is_stopping;

    struct hash_size size, fresh_size;
    struct hash_slots *slots, *fresh_slots; /* fresh NULL: the present ones are kept */
    TAILQ_HEAD(, hash_worker) workers;      /* changed by the loop's thread only */
};

/* hash_pool.c. With the lock held. */
void hash_job_move(struct hash_pool *pool, struct hash_job *job, unsigned state);
/* Ends a job that is on no list: wipes its password, and hands it to the loop. */
void hash_job_end(struct hash_pool *pool, struct hash_job *job, int status);
/* The same for a job in the queue. */
void hash_job_leave(struct hash_pool *pool, struct hash_job *job, int status);

/* hash_worker.c */
void hash_worker_main(void *worker);
/* Whether even a quick job would miss this one's deadline. It does not depend on the job's scheme, so that
 * the answer tells nothing about the stored hash. With the lock held. */
bool hash_job_cannot_end_in_time(const struct hash_pool *pool, const struct hash_job *job, uint64_t begin_ns);

/* hash_size.c. On the loop's thread. _reap joins and frees workers that have ended; _join does so with all,
 * of a pool that stops and has no running job. */
void hash_workers_reap(struct hash_pool *pool);
void hash_workers_join(struct hash_pool *pool);

static inline struct duty_times hash_pool_times(const struct hash_pool *pool)
{
    return pool->clock(pool->loop_clock);
}

static inline uint64_t hash_pool_now_ns(const struct hash_pool *pool)
{
    return (uint64_t)hash_pool_times(pool).now_ns;
}

#endif
