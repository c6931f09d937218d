/* SPDX-License-Identifier: MIT
 *
 * Hashes passwords off the loop: a few threads of low priority, and one queue in order of arrival. If there
 * are not enough cores for these threads, the loop and the database, the threads stand still for a part of
 * the time while the loop is busy (login/duty_cycle.h).
 *
 * A job is embedded in its owner's memory and stays there until on_done, which runs exactly once for every
 * job that hash_pool_submit() took: on the loop's thread, never from within submit or cancel. All functions
 * are for the loop's thread.
 */
#ifndef LOGIN_HASH_POOL_H
#define LOGIN_HASH_POOL_H

#include "login/hash_job.h"

struct hash_pool;

struct hash_pool_options {
    const struct password_policy *policy;
    int n_workers, queue_limit;
    int n_cores; /* 0: those of this machine */
    /* For tests, which set the time instead of waiting, and can hold a hash up. */
    duty_clock *clock;                      /* NULL: duty_clock_read */
    void (*on_begin)(struct hash_job *job); /* on a worker's thread, before it computes; or NULL */
};

/* To be called on the loop's thread. The caller owns *pool, and ends it with hash_pool_stop() and then
 * hash_pool_destroy(). What options point to is copied. Returns 0, UV_ENOMEM or UV_EAGAIN (no threads). */
int hash_pool_start(struct hash_pool **pool, uv_loop_t *loop, const struct hash_pool_options *options);

/* Ends all jobs that have not begun with UV_ECANCELED, refuses new ones, waits patience_ms for running
 * ones, and calls on_done of all that have ended. False: one still runs (expensive hashes take seconds); then
 * it may be called again. Accepts NULL. */
bool hash_pool_stop(struct hash_pool *pool, unsigned patience_ms);

/* Frees a pool without running jobs, after the loop has closed its handle. Accepts NULL. */
void hash_pool_destroy(struct hash_pool *pool);

/* Queues a job. Returns 0; UV_ENOBUFS: the queue is full, or half full of this client's jobs; UV_ETIMEDOUT:
 * its deadline would pass before it is done; UV_ECANCELED: the pool has been stopped. */
int hash_pool_submit(struct hash_pool *pool, struct hash_job *job);

/* Whether a job of this client would be refused with UV_ENOBUFS now, so that its database query can be saved.
 */
bool hash_pool_is_full(struct hash_pool *pool, uint64_t client);

/* Ends a queued job with UV_ECANCELED. Jobs that run or have ended are not affected. */
void hash_pool_cancel(struct hash_pool *pool, struct hash_job *job);

/* How long a job that began together with this one would have computed by now, whatever its scheme: the time
 * since then, less the longest time that its worker may have paused. Only for a job that has begun. */
int64_t hash_pool_computed_ns(const struct hash_pool *pool, const struct hash_job *job);

/* Whether so many workers leave no cores for the loop and the database, so that they must stand still for
 * them.
 */
bool hash_pool_is_crowded(int n_cores, int n_workers);

/* How long a client that is refused now should wait: until half of the queue will be done. */
int hash_pool_retry_after_ms(struct hash_pool *pool);

/* Changes the number of workers and of jobs that may wait, in two steps within one turn of the loop. _prepare
 * does what may fail: UV_ENOMEM or UV_EAGAIN, and nothing has changed. */
int hash_pool_prepare(struct hash_pool *pool, int n_workers, int queue_limit);
/* Applies it. Surplus workers end after their present hash; no waiting job is lost. */
void hash_pool_take(struct hash_pool *pool);
/* Drops what was prepared instead. */
void hash_pool_forgo(struct hash_pool *pool);

const struct password_policy *hash_pool_policy(const struct hash_pool *pool);
/* The policy for hashes that begin from now on. */
void hash_pool_set_policy(struct hash_pool *pool, const struct password_policy *policy);

void hash_pool_stats(struct hash_pool *pool, struct hash_pool_stats *stats);

#endif
