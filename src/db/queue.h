/* SPDX-License-Identifier: MIT
 *
 * What waits in one lane, and who may go next: the policy of the pool. Nobody waits behind what he does not
 * need. Knows no connection.
 *
 *   ready   in order; taken from its head
 *   apart   a list for every statement: those that were found waiting for a lock, or slow, or want what was
 *           found so lately, or have very many rows; and those that came since one of their statement was
 *           found stuck. They have connections of their own and take turns there; meanwhile one after another
 *           is tried with little patience, for other rows may be free.
 *   parked  those whose statement has its share of the connections, and the followers of a query of an equal
 *           key that is under way: they are ready again when that ends
 *
 * No list is walked for an execution. Loop thread only.
 */
#ifndef DB_QUEUE_H
#define DB_QUEUE_H

#include "db/query.h"

#define QUEUE_BUCKETS 64

/* Executions of a batch; enough to fill a send buffer, few enough to keep the first answer near the last. */
#define BATCH_MAX 256

/* Rows of one query at most: more than an answer can have. */
#define QUERY_ROWS_MAX 65536

/* What was found stuck by itself, for a while. */
struct stuck {
    uint32_t hash; /* of what it wants */
    enum finding found;
    uint64_t until_ns;
};
#define STUCK_MAX 32

/* What a lane knows of one statement. */
struct kind {
    unsigned running;        /* batches under way that carry it, but for those apart */
    uint64_t apart_until_ns; /* until then its queries go apart */
    uint64_t apart_ns;       /* for so long, this time */
    uint64_t quick_ns;       /* when one of it was last answered without having waited */
    bool is_slow;            /* why they go, or went last: none waited for a lock */
    bool probation;          /* shares no batch with others until one of it has been quick */
    unsigned row_bytes;      /* a mean, the greatest of late; 0: none was seen */
    struct stuck stuck[STUCK_MAX];
    uint64_t stuck_until_ns; /* the last of them; 0: there is none */
    struct query_list apart;
    struct query_list parked;
    bool in_turn; /* stands in queue->turns */
    TAILQ_ENTRY(kind) turn;
};
TAILQ_HEAD(kind_list, kind);

struct queue {
    enum lane lane;
    unsigned kind_max;     /* batches that may carry one statement at a time, but for those apart */
    bool has_places_apart; /* connections enough for some to be set apart */
    unsigned n;            /* all that wait */
    unsigned ready_n;      /* of them ready */
    unsigned apart_n;      /* of them apart */
    unsigned untried_n;    /* of those, that were not found stuck themselves */
    unsigned parked_n;     /* of them parked for their statement's sake */
    struct query_list ready;
    struct kind *kinds;     /* by statement's number */
    struct kind_list turns; /* of the kinds that have queries apart */
    /* What is apart is given up so long after it was submitted: what waits for a lock, and what does not.
     * 0: never. */
    uint64_t lock_max_ns;
    uint64_t slow_max_ns;
    LIST_HEAD(, query) leaders[QUEUE_BUCKETS];
};

/* Returns 0 or UV_ENOMEM. */
int queue_init(struct queue *queue, enum lane lane, unsigned kind_max);
void queue_finish(struct queue *queue);

void queue_submit(struct queue *queue, struct query *query);
/* What comes back and is to be sent again: those that share before all others, those that go alone after
 * them, those that are heavy apart. */
void queue_again(struct queue *queue, struct query_list *queries);
/* What comes back because it was found waiting for a lock, or slow, which takes longer to find. Unless others
 * of its statement were quick meanwhile, whatever else there is of it goes apart, too, until one has been
 * quick. */
void queue_again_apart(struct queue *queue, struct query_list *queries, bool is_slow);

/* Whether there is room for one more where `max` may wait in all. A quarter of it is for those who can go as
 * soon as there is a connection. */
bool queue_has_room(const struct queue *queue, const struct query *query, unsigned max);

/* The next that may go beside others of the batch, at its place in the queue until queue_take(); NULL: none.
 * Ends those whose deadline has passed. */
struct query *queue_next(struct queue *queue, const struct statement *beside, bool beside_is_mixed);
/* The next that may go in a batch for those apart: of `beside`, if that is not NULL. */
struct query *queue_next_apart(struct queue *queue, const struct statement *beside);
/* One of those apart that may find that it is not stuck, of the statement whose turn it is: it came when
 * others were, or was last tried a while ago. NULL: there is none. Walks all that are apart. */
struct query *queue_next_probe(struct queue *queue);
void queue_take(struct query *query);

/* A statement of which some have waited since then for others of it, which have its share of the connections;
 * NULL: there is none. */
const struct statement *queue_starved_kind(const struct queue *queue, uint64_t since_ns);

/* Withdraws one that waits. */
void queue_remove(struct query *query);

/* Answers a query, and whoever waited for it may go; or one without rows. */
void query_answer(struct query *query, const struct query_outcome *outcome);
void query_end(struct query *query, enum query_end end);

/* A batch carried this statement, and does so no more. */
void queue_kind_began(struct queue *queue, const struct statement *statement);
void queue_kind_ended(struct queue *queue, const struct statement *statement);
/* One of it was answered without having waited: it is as good as any other again. */
void queue_kind_is_well(struct queue *queue, const struct statement *statement);

/* How many rows an execution that begins with this query may return, so that its result stays small. */
unsigned queue_rows_max(const struct queue *queue, const struct query *query);
/* A result came, of so many bytes and rows. */
void queue_learn_size(struct queue *queue, const struct statement *statement, size_t bytes, unsigned rows);

/* Ends whatever waits beyond its deadline, and what is apart beyond its time. Walks all: once in a while. */
void queue_expire(struct queue *queue, uint64_t now_ns);
/* Only those apart. */
void queue_expire_apart(struct queue *queue, uint64_t now_ns);
/* Ends them all. */
void queue_end(struct queue *queue, enum query_end end);

/* What one query was found to be by itself is remembered, and forgotten when one that wants the same has been
 * quick. */
void queue_remember_stuck(struct query *query);
void queue_forget_stuck(struct query *query);
/* Some of this statement are. */
bool queue_has_stuck(const struct queue *queue, const struct statement *statement);

/* ---- for the files of a queue only ---- */

/* queue_stuck.c: what is remembered of what it wants; FOUND_NOTHING: that is not known to be stuck. */
enum finding queue_recall_stuck(const struct queue *queue, const struct query *query);

/* queue_lists.c */

struct kind *queue_kind_of(const struct queue *queue, const struct statement *statement);

/* Puts one that is in no list into one, at its head or its tail; takes one out; both. */
void queue_put(struct query *query, struct query_list *list, bool first);
void queue_take_out(struct query *query);
void queue_move(struct query *query, struct query_list *list);
/* To those apart, wherever it was. */
void queue_put_apart(struct query *query);
/* All of a list to the head of the ready ones, in their order. */
void queue_make_ready(struct query_list *list);

/* Of what it wants: its key, or all parameters of a statement that has none. */
uint32_t query_hash(const struct query *query);
/* The query of an equal key that may be under way; NULL: there is none. */
struct query *queue_leader_of(const struct queue *queue, const struct query *query);
/* This one is, from now on, if it has a key. */
void queue_lead(struct query *query);

#endif
