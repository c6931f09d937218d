/* SPDX-License-Identifier: MIT
 *
 * Password hashing away from the loop: a few threads of lower priority, one queue in order of arrival. Where
 * there are fewer cores than these, the loop and the database could use, a thread stands still for most of
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
    /* For tests, which pass in the time rather than wait for it, and hold a hash as long as they like. */
    duty_clock *clock;                      /* NULL: duty_clock_read */
    void (*on_begin)(struct hash_job *job); /* on a worker's thread, before it computes; NULL: nothing */
};

/* Of the loop's thread. *pool is owned by the caller, who gives it back with hash_pool_stop() and
 * hash_pool_destroy(). What options point to is copied. UV_ENOMEM, UV_EAGAIN. */
int hash_pool_start(struct hash_pool **pool, uv_loop_t *loop, const struct hash_pool_options *options);

/* Refuses all that has not begun, now and from now on, with UV_ECANCELED, waits so long for what runs, and
 * calls the on_done of all that has ended. False: something runs still, as dear hashes do for seconds; it may
 * be stopped again. NULL is fine. */
bool hash_pool_stop(struct hash_pool *pool, unsigned patience_ms);

/* Frees a pool of which nothing runs any more, once the loop has closed its handle. NULL is fine. */
void hash_pool_destroy(struct hash_pool *pool);

/* Queues a job. UV_ENOBUFS: the queue is full, or half of it with jobs of this client; UV_ETIMEDOUT: its
 * deadline would pass before it is done; UV_ECANCELED: the pool has been stopped. */
int hash_pool_submit(struct hash_pool *pool, struct hash_job *job);

/* Whether a job of this client would be refused with UV_ENOBUFS now: nothing need be looked up for it. */
bool hash_pool_is_full(struct hash_pool *pool, uint64_t client);

/* A queued job ends with UV_ECANCELED; one that runs goes on to its end; any other is left alone. */
void hash_pool_cancel(struct hash_pool *pool, struct hash_job *job);

/* How long any job that was begun together with this one has been computed by now, whatever its scheme: the
 * time since then, less what its worker may have stood still for a busy loop. For a job that was begun. */
int64_t hash_pool_computed_ns(const struct hash_pool *pool, const struct hash_job *job);

/* Whether so many workers leave the loop and the database no cores of their own, and so stand still for them.
 */
bool hash_pool_is_crowded(int n_cores, int n_workers);

/* How long a client that is refused now should wait before it tries again: until half of the queue is done.
 */
int hash_pool_retry_after_ms(struct hash_pool *pool);

/* Another number of workers, and of jobs that may wait, in two steps within a turn of the loop. First what
 * may fail, UV_ENOMEM or UV_EAGAIN: then all is as before. */
int hash_pool_prepare(struct hash_pool *pool, int n_workers, int queue_limit);
/* Then it is so: workers there are too many of end after the hash they compute, and no job that waits is
 * lost; */
void hash_pool_take(struct hash_pool *pool);
/* or what was prepared is given up. */
void hash_pool_forgo(struct hash_pool *pool);

const struct password_policy *hash_pool_policy(const struct hash_pool *pool);
/* What new hashes look like from the next one on. */
void hash_pool_set_policy(struct hash_pool *pool, const struct password_policy *policy);

void hash_pool_stats(struct hash_pool *pool, struct hash_pool_stats *stats);

#endif
