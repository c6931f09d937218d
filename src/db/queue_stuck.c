/* SPDX-License-Identifier: MIT
 *
 * Remembers queries that were found stuck by themselves lately. A new query like one of them goes apart at
 * once, so that it need not hold up others before it is found stuck, too. Alike are queries of one statement
 * with the same key or, without a key, the same parameters; they are compared by hash, since a collision only
 * sends a query apart needlessly.
 */
#include "db/queue.h"

#include <uv.h>

#define REMEMBER_NS UINT64_C(8000000000)

static struct stuck *find(struct kind *kind, uint32_t hash, uint64_t now_ns)
{
    for (size_t i = 0; i < STUCK_MAX; i++)
        if (kind->stuck[i].until_ns > now_ns && kind->stuck[i].hash == hash)
            return &kind->stuck[i];
    return NULL;
}

/* If there is no room, replaces the entry that would be forgotten first. */
void queue_remember_stuck(struct query *query)
{
    struct kind *kind = queue_kind_of(query->queue, query->statement);
    uint32_t hash = query_hash(query);
    uint64_t now_ns = uv_hrtime();
    struct stuck *place = find(kind, hash, now_ns), *oldest = kind->stuck;
    for (size_t i = 1; i < STUCK_MAX; i++)
        if (kind->stuck[i].until_ns < oldest->until_ns)
            oldest = &kind->stuck[i];
    if (!place)
        place = oldest;
    *place = (struct stuck){ .hash = hash, .found = query->found, .until_ns = now_ns + REMEMBER_NS };
    kind->stuck_until_ns = place->until_ns;
}

enum finding queue_recall_stuck(const struct queue *queue, const struct query *query)
{
    struct kind *kind = queue_kind_of(queue, query->statement);
    uint64_t now_ns = kind->stuck_until_ns ? uv_hrtime() : 0;
    if (now_ns >= kind->stuck_until_ns) {
        kind->stuck_until_ns = 0;
        return FOUND_NOTHING;
    }
    const struct stuck *stuck = queue->has_places_apart ? find(kind, query_hash(query), now_ns) : NULL;
    return stuck ? stuck->found : FOUND_NOTHING;
}

void queue_forget_stuck(struct query *query)
{
    struct kind *kind = queue_kind_of(query->queue, query->statement);
    struct stuck *stuck = kind->stuck_until_ns ? find(kind, query_hash(query), uv_hrtime()) : NULL;
    if (stuck)
        stuck->until_ns = 0;
}

bool queue_has_stuck(const struct queue *queue, const struct statement *statement)
{
    uint64_t until_ns = queue_kind_of(queue, statement)->stuck_until_ns;
    return until_ns && until_ns > uv_hrtime();
}
