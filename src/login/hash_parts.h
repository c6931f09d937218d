/* SPDX-License-Identifier: MIT
 *
 * The hash pool's inside, for its files only.
 */
#ifndef LOGIN_HASH_PARTS_H
#define LOGIN_HASH_PARTS_H

#include "login/hash_job.h"
#include "login/hash_slots.h"

TAILQ_HEAD(job_list, hash_job);

struct hash_worker {
    struct hash_pool *pool;
    uv_thread_t thread;
    bool is_crowded; /* it stands back for a busy loop; else it has the lowest priority, and keeps it */
    bool is_new;     /* prepared, and not taken yet */
    /* Under the lock: it ends when its hash is done; it has, and is to be joined. */
    bool is_surplus, has_ended;
    TAILQ_ENTRY(hash_worker) link;
};

/* How many hash, and how many passwords may wait for that. */
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
    uv_async_t async; /* jobs are done, or workers have ended */
    uv_mutex_t mutex;
    uv_cond_t work; /* jobs are queued; or a worker is to end; or, while it stops, a job has */

    struct job_list queued, done;
    struct hash_pool_stats stats;
    uint64_t quick_ns;   /* what a job takes at least, see learn() */
    uint64_t learned_ns; /* when that was last looked at */
    bool is_stopping;

    struct hash_size size, fresh_size;
    struct hash_slots *slots, *fresh_slots; /* NULL: those that there are will do */
    TAILQ_HEAD(, hash_worker) workers;      /* the loop's thread alone adds and removes */
};

/* hash_pool.c. With the lock held. */
void hash_job_move(struct hash_pool *pool, struct hash_job *job, unsigned state);
/* The job, off its list, waits for the loop; its password is gone. */
void hash_job_end(struct hash_pool *pool, struct hash_job *job, int status);
/* The same for one in the queue, which nobody begins any more. */
void hash_job_leave(struct hash_pool *pool, struct hash_job *job, int status);

/* hash_worker.c */
void hash_worker_main(void *worker);
/* Even if it is a quick one. The same for every job, so that it tells nothing of what is stored. With the
 * lock held. */
bool hash_job_cannot_end_in_time(const struct hash_pool *pool, const struct hash_job *job, uint64_t begin_ns);

/* hash_size.c. Of the loop's thread. Those that are surplus and have ended are gone; all are, of a pool that
 * stops and of which nothing runs. */
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
