/* SPDX-License-Identifier: MIT
 *
 * The number of workers and of passwords that may wait, at the start and when they change while jobs run.
 *
 * A thread that has lowered its priority cannot raise it again without privilege. So when a change makes
 * cores scarce (hash_pool_is_crowded()), or no longer scarce, all workers are replaced; each ends after its
 * present hash.
 */
#include <stdlib.h>

#include "login/hash_parts.h"
#include "login/hash_pool.h"

/* Cores wanted besides those of the workers: one for the loop, one for the database. */
#define OTHERS 2

bool hash_pool_is_crowded(int n_cores, int n_workers)
{
    return n_cores < n_workers + OTHERS;
}

/* ---- workers ---- */

static int worker_start(struct hash_pool *pool)
{
    struct hash_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return UV_ENOMEM;
    *worker = (struct hash_worker){ .pool = pool, .is_crowded = pool->fresh_size.is_crowded, .is_new = true };
    int rc = uv_thread_create(&worker->thread, hash_worker_main, worker);
    if (rc)
        free(worker);
    else
        TAILQ_INSERT_TAIL(&pool->workers, worker, link);
    return rc;
}

static void worker_join(struct hash_pool *pool, struct hash_worker *worker)
{
    uv_thread_join(&worker->thread);
    TAILQ_REMOVE(&pool->workers, worker, link);
    free(worker);
}

static struct hash_worker *next_ended(struct hash_pool *pool)
{
    struct hash_worker *worker;
    uv_mutex_lock(&pool->mutex);
    TAILQ_FOREACH (worker, &pool->workers, link)
        if (worker->has_ended)
            break;
    uv_mutex_unlock(&pool->mutex);
    return worker;
}

void hash_workers_reap(struct hash_pool *pool)
{
    struct hash_worker *worker;
    while ((worker = next_ended(pool)))
        worker_join(pool, worker);
}

void hash_workers_join(struct hash_pool *pool)
{
    struct hash_worker *worker, *next;
    for (worker = TAILQ_FIRST(&pool->workers); worker; worker = next) {
        next = TAILQ_NEXT(worker, link);
        worker_join(pool, worker);
    }
}

/* With the lock held. Keeps as many workers of the wanted kind as are wanted; the others become surplus. */
static void choose_workers(struct hash_pool *pool)
{
    const struct hash_size *size = &pool->size;
    int n = 0;
    struct hash_worker *worker;
    TAILQ_FOREACH (worker, &pool->workers, link) {
        worker->is_new = false;
        worker->is_surplus |= worker->is_crowded != size->is_crowded || n == size->n_workers;
        n += !worker->is_surplus;
    }
    uv_cond_broadcast(&pool->work);
}

/* ---- another size ---- */

static int prepare_workers(struct hash_pool *pool)
{
    const struct hash_size *size = &pool->fresh_size;
    int n = 0, rc = 0;
    const struct hash_worker *worker;
    TAILQ_FOREACH (worker, &pool->workers, link) /* no lock: only this thread sets is_surplus */
        n += !worker->is_surplus && worker->is_crowded == size->is_crowded;
    for (; n < size->n_workers && rc == 0; n++)
        rc = worker_start(pool);
    return rc;
}

int hash_pool_prepare(struct hash_pool *pool, int n_workers, int queue_limit)
{
    pool->fresh_size = (struct hash_size){ .n_workers = n_workers,
                                           .queue_limit = queue_limit,
                                           .is_crowded = pool->has_loop_clock &&
                                                         hash_pool_is_crowded(pool->n_cores, n_workers) };
    if (n_workers == pool->size.n_workers && queue_limit == pool->size.queue_limit)
        return 0;
    pool->fresh_slots = hash_slots_create(queue_limit + n_workers);
    int rc = pool->fresh_slots ? prepare_workers(pool) : UV_ENOMEM;
    if (rc)
        hash_pool_forgo(pool);
    return rc;
}

void hash_pool_forgo(struct hash_pool *pool)
{
    struct hash_worker *worker;
    hash_slots_destroy(pool->fresh_slots);
    pool->fresh_slots = NULL;
    uv_mutex_lock(&pool->mutex);
    TAILQ_FOREACH (worker, &pool->workers, link)
        worker->is_surplus |= worker->is_new;
    uv_cond_broadcast(&pool->work);
    uv_mutex_unlock(&pool->mutex);
}

/* Jobs keep their old slots, which are destroyed when the last one is free. */
static void take_slots(struct hash_pool *pool)
{
    struct hash_slots *old = pool->slots;
    if (!pool->fresh_slots)
        return;
    pool->slots = pool->fresh_slots;
    pool->fresh_slots = NULL;
    if (old && hash_slots_are_free(old))
        hash_slots_destroy(old);
}

void hash_pool_take(struct hash_pool *pool)
{
    uv_mutex_lock(&pool->mutex);
    pool->size = pool->fresh_size;
    take_slots(pool);
    choose_workers(pool);
    uv_mutex_unlock(&pool->mutex);
}
