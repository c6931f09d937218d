/* SPDX-License-Identifier: MIT
 *
 * Decides in which list a query waits, which query goes next, and which has waited too long (queue.h). Moving
 * queries between the lists is in queue_lists.c.
 */
#include "db/queue.h"

#include <stdlib.h>
#include <uv.h>

#include "base/loop_clock.h"

/* How long all queries of a statement go apart. If it is found stuck again afterwards, the time doubles, up
 * to the maximum. */
#define APART_MIN_NS UINT64_C(1000000000)
#define APART_MAX_NS UINT64_C(8000000000)
/* A query that was found stuck is tried again as a probe after this time at the earliest. */
#define TRY_AGAIN_NS UINT64_C(500000000)
/* If a query of the same statement was quick so shortly before, not all of its queries can be stuck. */
#define RECENT_NS UINT64_C(300000000)

int queue_init(struct queue *queue, enum lane lane, unsigned kind_max)
{
    *queue = (struct queue){ .lane = lane, .kind_max = kind_max };
    TAILQ_INIT(&queue->ready);
    TAILQ_INIT(&queue->turns);
    for (size_t i = 0; i < QUEUE_BUCKETS; i++)
        LIST_INIT(&queue->leaders[i]);
    queue->kinds = calloc(sql_statements_n, sizeof *queue->kinds);
    if (!queue->kinds)
        return UV_ENOMEM;
    for (size_t i = 0; i < sql_statements_n; i++) {
        TAILQ_INIT(&queue->kinds[i].apart);
        TAILQ_INIT(&queue->kinds[i].parked);
    }
    return 0;
}

void queue_finish(struct queue *queue)
{
    free(queue->kinds);
    queue->kinds = NULL;
}

/* ---- coming ---- */

static bool goes_apart(const struct queue *queue, const struct query *query)
{
    uint64_t until_ns = queue_kind_of(queue, query->statement)->apart_until_ns;
    return !query->impatient &&
           ((until_ns && loop_clock_now() < until_ns) || queue_recall_stuck(queue, query));
}

/* If a query of the same key is known to be stuck, this one may be, too, and that says nothing about the rest
 * of its statement. */
static void put_apart(struct query *query)
{
    enum finding found = queue_recall_stuck(query->queue, query);
    if (found) {
        query->found = found;
        query->apart = query->is_reported = true;
        query->sent_ns = loop_clock_now();
    }
    queue_put_apart(query);
}

/* Puts the query behind its leader, or apart, if it belongs there. Returns whether it did. */
static bool put_aside(struct query *query)
{
    struct query *leader = query->leads ? NULL : queue_leader_of(query->queue, query);
    if (!leader && !goes_apart(query->queue, query))
        return false;
    if (leader)
        queue_move(query, &leader->followers);
    else
        put_apart(query);
    return true;
}

void queue_submit(struct queue *queue, struct query *query)
{
    query->queue = queue;
    query->batch = NULL;
    query->unwanted = query->alone = query->apart = query->was_lost = query->leads = false;
    query->is_heavy = query->is_reported = query->single = false;
    query->found = FOUND_NOTHING;
    query->attempts = 0;
    query->in = NULL;
    query->submitted_ns = loop_clock_now();
    if (!put_aside(query))
        queue_put(query, &queue->ready, false);
}

void queue_again(struct queue *queue, struct query_list *queries)
{
    struct query *query, *next;
    for (query = TAILQ_FIRST(queries); query; query = next) {
        next = TAILQ_NEXT(query, link);
        if (!query->unwanted && !query->alone)
            continue;
        TAILQ_REMOVE(queries, query, link);
        if (query->unwanted)
            query_end(query, QUERY_LOST);
        else if (query->is_heavy && queue->has_places_apart)
            queue_put_apart(query);
        else
            queue_put(query, &queue->ready, false);
    }
    while ((query = TAILQ_LAST(queries, query_list))) {
        TAILQ_REMOVE(queries, query, link);
        queue_put(query, &queue->ready, true);
    }
}

static void put_kind_apart(struct kind *kind, bool is_slow)
{
    uint64_t now_ns = loop_clock_now();
    kind->probation = true;
    kind->is_slow = is_slow && (kind->is_slow || now_ns >= kind->apart_until_ns);
    if (now_ns < kind->apart_until_ns)
        return;
    kind->apart_ns = kind->apart_ns ? kind->apart_ns * 2 : APART_MIN_NS;
    if (is_slow || kind->apart_ns > APART_MAX_NS)
        kind->apart_ns = APART_MAX_NS;
    kind->apart_until_ns = now_ns + kind->apart_ns;
}

void queue_again_apart(struct queue *queue, struct query_list *queries, bool is_slow)
{
    struct query *query;
    while ((query = TAILQ_FIRST(queries))) {
        TAILQ_REMOVE(queries, query, link);
        struct kind *kind = queue_kind_of(queue, query->statement);
        if (!query->is_reported && kind->quick_ns + RECENT_NS < query->sent_ns)
            put_kind_apart(kind, is_slow);
        query->is_reported = true;
        if (query->unwanted) {
            query_end(query, QUERY_LOST);
            continue;
        }
        struct query *leader = queue_leader_of(queue, query);
        if (leader && leader != query) {
            query->apart = false;
            queue_put(query, &leader->followers, false);
            continue;
        }
        queue_lead(query);
        queue_put_apart(query);
    }
}

/* ---- going ---- */

static bool is_late(const struct query *query, uint64_t now_ns)
{
    return query->deadline_ns <= now_ns;
}

static void expire(struct query *query, enum query_end end)
{
    queue_take_out(query);
    query_end(query, end);
}

static void query_fail(struct query *query, const char *sqlstate, const char *message)
{
    query_answer(query,
                 &(struct query_outcome){ .end = QUERY_FAILED, .sqlstate = sqlstate, .message = message });
}

/* Whether the query is apart because of a lock. If it was not tried itself, its statement tells. */
static bool waits_for_lock(const struct query *query)
{
    if (query->found)
        return query->found == FOUND_LOCKED;
    return !query->is_heavy && !queue_kind_of(query->queue, query->statement)->is_slow;
}

/* A query apart has waited as long as it may: fails it with the SQLSTATE that the server would have used,
 * lock_not_available for a read that waits for a lock, else query_canceled (as by statement_timeout). */
static void give_up(struct query *query)
{
    bool is_locked = waits_for_lock(query), reads = query->statement->lane == LANE_READ;
    queue_take_out(query);
    query_fail(query, is_locked && reads ? "55P03" : "57014",
               is_locked ? "waited for a lock longer than it may"
                         : "is slow, and waited too long for its turn");
}

bool queue_has_room(const struct queue *queue, const struct query *query, unsigned max)
{
    unsigned aside = queue->n - queue->ready_n;
    if (queue->n >= max || aside < max - max / 4)
        return queue->n < max;
    return !goes_apart(queue, query) && !queue_leader_of(queue, query);
}

/* Moves the head of the ready list to another list, if it has to wait there. Returns whether it did. */
static bool sets_aside(struct queue *queue, struct query *query, const struct statement *beside)
{
    struct kind *kind = queue_kind_of(queue, query->statement);
    if (put_aside(query))
        return true;
    if (query->statement == beside || kind->running < queue->kind_max)
        return false;
    queue_move(query, &kind->parked);
    queue->parked_n++;
    return true;
}

const struct statement *queue_starved_kind(const struct queue *queue, uint64_t since_ns)
{
    for (size_t i = 0; queue->parked_n > 0 && i < sql_statements_n; i++) {
        const struct query *query = TAILQ_FIRST(&queue->kinds[i].parked);
        if (query && query->submitted_ns < since_ns && queue->kinds[i].running >= queue->kind_max)
            return query->statement;
    }
    return NULL;
}

static void unpark(struct queue *queue)
{
    for (size_t i = 0; queue->parked_n > 0 && i < sql_statements_n; i++) {
        struct kind *kind = &queue->kinds[i];
        struct query *query = TAILQ_FIRST(&kind->parked);
        if (!query || kind->running >= queue->kind_max)
            continue;
        queue_take_out(query);
        queue_put(query, &queue->ready, true);
    }
}

struct query *queue_next(struct queue *queue, const struct statement *beside, bool beside_is_mixed)
{
    if (!beside)
        unpark(queue);
    struct query *query;
    uint64_t now_ns = loop_clock_now();
    while ((query = TAILQ_FIRST(&queue->ready))) {
        if (is_late(query, now_ns))
            expire(query, QUERY_EXPIRED);
        else if (!sets_aside(queue, query, beside))
            break;
    }
    if (!query || !beside)
        return query;
    bool is_other = query->statement != beside || beside_is_mixed;
    bool watched =
        queue_kind_of(queue, query->statement)->probation || queue_kind_of(queue, beside)->probation;
    return query->alone || (is_other && watched) ? NULL : query;
}

struct query *queue_next_apart(struct queue *queue, const struct statement *beside)
{
    for (;;) {
        struct kind *kind = beside ? queue_kind_of(queue, beside) : TAILQ_FIRST(&queue->turns);
        struct query *query = kind ? TAILQ_FIRST(&kind->apart) : NULL;
        if (!query)
            return NULL;
        if (is_late(query, loop_clock_now()))
            expire(query, QUERY_EXPIRED);
        else
            return beside && query->alone ? NULL : query;
    }
}

/* Prefers a query that was not tried yet: it is the least likely to be stuck. */
static struct query *probe_of(const struct queue *queue, struct kind *kind, uint64_t now_ns)
{
    struct query *query, *due = NULL;
    TAILQ_FOREACH (query, &kind->apart, link) {
        if (is_late(query, now_ns) || query->is_heavy)
            continue;
        if (!query->apart && !queue_recall_stuck(queue, query))
            return query;
        if (!due && query->apart && now_ns > query->sent_ns + TRY_AGAIN_NS)
            due = query;
    }
    return due;
}

struct query *queue_next_probe(struct queue *queue)
{
    struct kind *kind;
    struct query *query = NULL;
    uint64_t now_ns = loop_clock_now();
    TAILQ_FOREACH (kind, &queue->turns, turn)
        if ((query = probe_of(queue, kind, now_ns)))
            break;
    return query;
}

void queue_take(struct query *query)
{
    struct kind *kind = queue_kind_of(query->queue, query->statement);
    bool was_apart = query->in == &kind->apart;
    queue_take_out(query);
    if (query->queue->lane != LANE_INSERT) /* inserts of one key run together until one is found stuck */
        queue_lead(query);
    if (was_apart && kind->in_turn) { /* the other statements come first now */
        TAILQ_REMOVE(&query->queue->turns, kind, turn);
        TAILQ_INSERT_TAIL(&query->queue->turns, kind, turn);
    }
}

/* ---- kinds ---- */

void queue_kind_began(struct queue *queue, const struct statement *statement)
{
    queue_kind_of(queue, statement)->running++;
}

void queue_kind_ended(struct queue *queue, const struct statement *statement)
{
    struct kind *kind = queue_kind_of(queue, statement);
    kind->running--;
}

void queue_kind_is_well(struct queue *queue, const struct statement *statement)
{
    struct kind *kind = queue_kind_of(queue, statement);
    kind->probation = false;
    kind->quick_ns = loop_clock_now();
    if (!kind->apart_until_ns && (queue->untried_n == 0 || !kind->in_turn))
        return;
    kind->apart_until_ns = kind->apart_ns = 0;
    struct query_list untried;
    struct query *query, *next;
    TAILQ_INIT(&untried);
    for (query = TAILQ_FIRST(&kind->apart); query; query = next) {
        next = TAILQ_NEXT(query, link);
        if (query->apart)
            continue;
        queue_take_out(query);
        query->apart = false;
        queue_put(query, &untried, false);
    }
    queue_make_ready(&untried);
}

/* ---- ending ---- */

static bool has_waited(const struct queue *queue, const struct query *query, uint64_t now_ns)
{
    bool is_locked = waits_for_lock(query);
    uint64_t max_ns = is_locked ? queue->lock_max_ns : query->is_heavy ? 0 : queue->slow_max_ns;
    return max_ns && now_ns > query->submitted_ns && now_ns - query->submitted_ns > max_ns;
}

static void expire_list(struct query_list *list, uint64_t now_ns)
{
    struct query *query, *next;
    for (query = TAILQ_FIRST(list); query; query = next) {
        next = TAILQ_NEXT(query, link);
        if (is_late(query, now_ns))
            expire(query, QUERY_EXPIRED);
    }
}

void queue_expire_apart(struct queue *queue, uint64_t now_ns)
{
    for (size_t i = 0; queue->apart_n > 0 && i < sql_statements_n; i++) {
        struct query *query, *next;
        for (query = TAILQ_FIRST(&queue->kinds[i].apart); query; query = next) {
            next = TAILQ_NEXT(query, link);
            if (is_late(query, now_ns))
                expire(query, QUERY_EXPIRED);
            else if (has_waited(queue, query, now_ns))
                give_up(query);
        }
    }
}

void queue_expire(struct queue *queue, uint64_t now_ns)
{
    expire_list(&queue->ready, now_ns);
    for (size_t i = 0; i < sql_statements_n; i++)
        expire_list(&queue->kinds[i].parked, now_ns);
    for (size_t i = 0; i < QUEUE_BUCKETS; i++) {
        struct query *leader;
        LIST_FOREACH(leader, &queue->leaders[i], leader)
        expire_list(&leader->followers, now_ns);
    }
    queue_expire_apart(queue, now_ns);
}

void queue_end(struct queue *queue, enum query_end end)
{
    struct query *query;
    while ((query = TAILQ_FIRST(&queue->ready)))
        expire(query, end);
    for (size_t i = 0; i < sql_statements_n; i++) {
        while ((query = TAILQ_FIRST(&queue->kinds[i].parked)))
            expire(query, end);
        while ((query = TAILQ_FIRST(&queue->kinds[i].apart)))
            expire(query, end);
    }
    /* Ending leaders has made their followers ready. Others follow a query under way, and end after it. */
    while ((query = TAILQ_FIRST(&queue->ready)))
        expire(query, end);
}
