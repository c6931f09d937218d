/* SPDX-License-Identifier: MIT
 *
 * The queries that wait in one lane, and which of them goes next: the scheduling policy of the pool. Its aim
 * is that one stuck query does not hold up the others (head-of-line blocking). A query is stuck if it was
 * found waiting for a lock, or slow. Knows no connection.
 *
 *   ready   in order of arrival; sent from the head
 *   apart   a list for each statement: queries that were found stuck, that have the key of one found stuck
 *           lately, that return very many rows, or that came after a query of their statement was found
 *           stuck. They run apart from all others, on some of the lane's connections, where the statements
 *           take turns. Meanwhile one after another is tried on a shared connection with a short lock_timeout
 *           (a probe), because the rows it needs may be free.
 *   parked  a list for each statement: its queries while as many batches as allowed carry it already. Also
 *           waiting, in a list of their leader: queries with the key of one that is under way. Both become
 *           ready again when what they wait for ends.
 *
 * Sending a query walks no list. Loop thread only.
 */
#ifndef DB_QUEUE_H
#define DB_QUEUE_H

#include "db/query.h"

#define QUEUE_BUCKETS 64

/* Executions in one batch: enough to fill a send buffer, few enough that the first answer does not come long
 * before the last. */
#define BATCH_MAX 256

/* The most rows that one query is asked for: more than fit into an answer. */
#define QUERY_ROWS_MAX 65536

/* A query that was found stuck while it ran alone in its execution; forgotten after a while. */
struct stuck {
    uint32_t hash; /* query_hash() */
    enum finding found;
    uint64_t until_ns;
};
#define STUCK_MAX 32

/* What a lane knows about one statement. */
struct kind {
    unsigned running;        /* batches under way that carry it, not counting those apart */
    uint64_t apart_until_ns; /* until then new queries of it go apart */
    uint64_t apart_ns;       /* the length of that period; grows while it does not help */
    uint64_t quick_ns;       /* when a query of it was last answered without having waited */
    bool is_slow;       /* the reason for that, now or last: slow queries, and none that waited for a lock */
    bool probation;     /* shares no batch with other statements until a query of it has been quick */
    unsigned row_bytes; /* of one row: the highest mean of recent results; 0: no rows were seen */
    struct stuck stuck[STUCK_MAX];
    uint64_t stuck_until_ns; /* when the last entry of `stuck` is forgotten; 0: there is none */
    struct query_list apart;
    struct query_list parked;
    bool in_turn; /* stands in queue->turns */
    TAILQ_ENTRY(kind) turn;
};
TAILQ_HEAD(kind_list, kind);

struct queue {
    enum lane lane;
    unsigned kind_max;     /* batches that may carry one statement at a time, not counting those apart */
    bool has_places_apart; /* there are connections enough to set some apart */
    unsigned n;            /* all that wait */
    unsigned ready_n;      /* of them ready */
    unsigned apart_n;      /* of them apart */
    unsigned untried_n;    /* of those apart: were not found stuck themselves */
    unsigned parked_n;     /* of them parked (without followers) */
    struct query_list ready;
    struct kind *kinds;     /* by statement's number */
    struct kind_list turns; /* the kinds that have queries apart; the first is next */
    /* A query apart fails so long after it was submitted: one that waits for a lock, and one that does not.
     * 0: never. */
    uint64_t lock_max_ns;
    uint64_t slow_max_ns;
    LIST_HEAD(, query) leaders[QUEUE_BUCKETS];
};

/* Returns 0 or UV_ENOMEM. */
int queue_init(struct queue *queue, enum lane lane, unsigned kind_max);
void queue_finish(struct queue *queue);

void queue_submit(struct queue *queue, struct query *query);
/* Takes back queries that are to be sent again. Those that may share a batch go to the head of the ready
 * list, those that must go alone to its tail, heavy ones apart. */
void queue_again(struct queue *queue, struct query_list *queries);
/* Takes back queries that were found stuck: waiting for a lock, or slow (is_slow). Unless others of their
 * statement have been quick just before, all new queries of the statement go apart, too, until one of it has
 * been quick. */
void queue_again_apart(struct queue *queue, struct query_list *queries, bool is_slow);

/* Whether one more query may wait, if `max` may in all. A quarter of them is reserved for queries that need
 * only a free connection, so that stuck ones cannot fill the queue. */
bool queue_has_room(const struct queue *queue, const struct query *query, unsigned max);

/* The next ready query that may join a batch. `beside`: the statement last added to it, NULL if it is empty;
 * beside_is_mixed: the batch has other statements, too. The query stays in the queue until queue_take().
 * NULL: there is none. Ends queries whose deadline has passed. */
struct query *queue_next(struct queue *queue, const struct statement *beside, bool beside_is_mixed);
/* The next query for a batch apart: of the statement `beside`, unless that is NULL. NULL: there is none. */
struct query *queue_next_apart(struct queue *queue, const struct statement *beside);
/* A query apart that may turn out not to be stuck: it was set apart because of others, or was last tried a
 * while ago. The statements take turns. NULL: there is none. Walks all queries apart. */
struct query *queue_next_probe(struct queue *queue);
void queue_take(struct query *query);

/* A statement with a parked query that has waited since before since_ns, while as many batches as allowed
 * carry the statement; NULL: there is none. */
const struct statement *queue_starved_kind(const struct queue *queue, uint64_t since_ns);

/* Withdraws a query that waits. on_done is not called. */
void queue_remove(struct query *query);

/* Calls the on_done of a query that is in no list, and makes its first follower ready. query_end: without
 * rows. */
void query_answer(struct query *query, const struct query_outcome *outcome);
void query_end(struct query *query, enum query_end end);

/* A batch begins, or ceases, to carry this statement; not for batches apart. */
void queue_kind_began(struct queue *queue, const struct statement *statement);
void queue_kind_ended(struct queue *queue, const struct statement *statement);
/* A query of the statement was answered without having waited: its queries need not go apart any more, except
 * for those found stuck themselves. */
void queue_kind_is_well(struct queue *queue, const struct statement *statement);

/* The LIMIT for an execution whose first query this is, so that its result stays small. */
unsigned queue_rows_max(const struct queue *queue, const struct query *query);
/* Learns from a result how wide the statement's rows are. */
void queue_learn_size(struct queue *queue, const struct statement *statement, size_t bytes, unsigned rows);

/* Ends all queries past their deadline, and those apart past lock_max_ns or slow_max_ns. Walks all lists, so
 * not to be called often. */
void queue_expire(struct queue *queue, uint64_t now_ns);
/* The same for those apart only. */
void queue_expire_apart(struct queue *queue, uint64_t now_ns);
/* Ends all queries, so that none is left. */
void queue_end(struct queue *queue, enum query_end end);

/* Remembers for a while that this query was found stuck by itself; forgets it when a query of the same hash
 * has been quick. */
void queue_remember_stuck(struct query *query);
void queue_forget_stuck(struct query *query);
/* Whether any query of this statement is remembered so. */
bool queue_has_stuck(const struct queue *queue, const struct statement *statement);

/* ---- for the files of a queue only ---- */

/* queue_stuck.c: why a query of the same hash was found stuck; FOUND_NOTHING: none is remembered. */
enum finding queue_recall_stuck(const struct queue *queue, const struct query *query);

/* queue_lists.c */

struct kind *queue_kind_of(const struct queue *queue, const struct statement *statement);

/* queue_put: a query that is in no list into this one, at its head (first) or tail. _take_out: out of the
 * list it is in. _move: both, to the tail. */
void queue_put(struct query *query, struct query_list *list, bool first);
void queue_take_out(struct query *query);
void queue_move(struct query *query, struct query_list *list);
/* Moves a query, wherever it is, to the apart list of its statement. */
void queue_put_apart(struct query *query);
/* Moves all of a list to the head of the ready list, keeping their order. */
void queue_make_ready(struct query_list *list);

/* A hash of the statement and its key parameter, or of all parameters if it has no key. */
uint32_t query_hash(const struct query *query);
/* The leader of this query's key: the only query with that key that may be under way. NULL: there is none. */
struct query *queue_leader_of(const struct queue *queue, const struct query *query);
/* Makes this query the leader of its key, if it has one. */
void queue_lead(struct query *query);

#endif
