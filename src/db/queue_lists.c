/* SPDX-License-Identifier: MIT
 *
 * The lists of a queue: where a query waits, and how it leaves. Of the queries that lock the same row (the
 * same key), one leads and the others wait until it has ended. queue.c decides which goes next.
 */
#include "db/queue.h"

#include <string.h>

struct kind *queue_kind_of(const struct queue *queue, const struct statement *statement)
{
    return &queue->kinds[statement->number];
}

/* ---- lists ---- */

void queue_put(struct query *query, struct query_list *list, bool first)
{
    query->state = QUERY_QUEUED;
    query->in = list;
    query->queue->n++;
    query->queue->ready_n += list == &query->queue->ready;
    if (first)
        TAILQ_INSERT_HEAD(list, query, link);
    else
        TAILQ_INSERT_TAIL(list, query, link);
}

void queue_take_out(struct query *query)
{
    struct queue *queue = query->queue;
    struct kind *kind = queue_kind_of(queue, query->statement);
    TAILQ_REMOVE(query->in, query, link);
    queue->ready_n -= query->in == &queue->ready;
    queue->apart_n -= query->in == &kind->apart;
    queue->untried_n -= query->in == &kind->apart && !query->apart;
    queue->parked_n -= query->in == &kind->parked;
    if (query->in == &kind->apart && TAILQ_EMPTY(&kind->apart) && kind->in_turn) {
        TAILQ_REMOVE(&queue->turns, kind, turn);
        kind->in_turn = false;
    }
    query->in = NULL;
    query->state = QUERY_IDLE;
    queue->n--;
}

void queue_move(struct query *query, struct query_list *list)
{
    if (query->in)
        queue_take_out(query);
    queue_put(query, list, false);
}

void queue_put_apart(struct query *query)
{
    struct queue *queue = query->queue;
    struct kind *kind = queue_kind_of(queue, query->statement);
    queue_move(query, &kind->apart);
    queue->apart_n++;
    queue->untried_n += !query->apart;
    if (kind->in_turn)
        return;
    kind->in_turn = true;
    TAILQ_INSERT_TAIL(&queue->turns, kind, turn);
}

void queue_make_ready(struct query_list *list)
{
    struct query *query;
    while ((query = TAILQ_LAST(list, query_list))) {
        struct queue *queue = query->queue;
        queue_take_out(query);
        queue_put(query, &queue->ready, true);
    }
}

/* ---- keys: one query at a time for each locked row ---- */

static const struct sql_param *key_of(const struct query *query)
{
    return query->statement->key < 0 ? NULL : &query->params[query->statement->key];
}

/* FNV-1a */
uint32_t query_hash(const struct query *query)
{
    const struct sql_param *key = key_of(query), *params = key ? key : query->params;
    size_t n = key ? 1 : query->statement->params_n;
    uint32_t hash = (uint32_t)query->statement->number + 2166136261u;
    for (size_t p = 0; p < n; p++)
        for (int i = 0; params[p].data && i < params[p].len; i++)
            hash = (hash ^ params[p].data[i]) * 16777619u;
    return hash;
}

static size_t bucket_of(const struct query *query)
{
    return query_hash(query) % QUEUE_BUCKETS;
}

static bool is_same_key(const struct query *a, const struct query *b)
{
    const struct sql_param *x = key_of(a), *y = key_of(b);
    return a->statement == b->statement && x->len == y->len && x->data && y->data &&
           memcmp(x->data, y->data, (size_t)x->len) == 0;
}

struct query *queue_leader_of(const struct queue *queue, const struct query *query)
{
    struct query *leader;
    if (!key_of(query))
        return NULL;
    LIST_FOREACH(leader, &queue->leaders[bucket_of(query)], leader)
    if (is_same_key(leader, query))
        return leader;
    return NULL;
}

void queue_lead(struct query *query)
{
    if (query->leads || !key_of(query))
        return;
    query->leads = true;
    TAILQ_INIT(&query->followers);
    LIST_INSERT_HEAD(&query->queue->leaders[bucket_of(query)], query, leader);
}

/* The first follower becomes the leader of the rest. */
static void queue_left(struct query *query)
{
    if (!query->leads)
        return;
    LIST_REMOVE(query, leader);
    query->leads = false;
    struct query *next = TAILQ_FIRST(&query->followers), *follower;
    if (!next)
        return;
    queue_take_out(next);
    queue_lead(next);
    TAILQ_CONCAT(&next->followers, &query->followers, link);
    TAILQ_FOREACH (follower, &next->followers, link)
        follower->in = &next->followers;
    queue_put(next, &next->queue->ready, true);
}

/* ---- leaving ---- */

void query_answer(struct query *query, const struct query_outcome *outcome)
{
    query->state = QUERY_IDLE;
    query->batch = NULL;
    queue_left(query);
    query->on_done(query, outcome);
}

void query_end(struct query *query, enum query_end end)
{
    query_answer(query, &(struct query_outcome){ .end = end });
}

void queue_remove(struct query *query)
{
    queue_take_out(query);
    queue_left(query);
}
