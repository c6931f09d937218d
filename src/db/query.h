/* SPDX-License-Identifier: MIT
 *
 * One execution of a statement as its caller sees it: a request that lives in the caller's memory, and its
 * outcome. All on the loop thread.
 */
#ifndef DB_QUERY_H
#define DB_QUERY_H

#include <sys/queue.h>

#include "db/position.h"
#include "db/statement.h"
#include "db/value.h"

#define QUERY_PARAMS_MAX 12 /* PARAMS_MAX and KEYED_PARAMS of tools/sqlgen */

struct pool;
struct result; /* see result.h */
struct queue;
struct batch;
struct query;
TAILQ_HEAD(query_list, query);

enum query_end {
    QUERY_DONE,    /* rows, perhaps none */
    QUERY_FAILED,  /* the server reported an error: sqlstate and message */
    QUERY_EXPIRED, /* the deadline passed before it was sent */
    QUERY_LOST,    /* no connection, or it broke; a write may or may not have happened */
    QUERY_NO_MEMORY,
    QUERY_BEHIND, /* the server has not come as far as query->after */
};

/* Valid only while on_done runs; result_hold() keeps the result longer. */
struct query_outcome {
    enum query_end end;
    const char *sqlstate; /* five characters, QUERY_FAILED only */
    const char
        *message; /* for the log, not for the peer; without the detail, which may hold data of the request */
    const char *constraint; /* the constraint that it violates; NULL: none */
    bool by_hand; /* cancelled (57014), but neither by statement_timeout nor by us: by an operator */
    struct result *result;
    int first_row; /* this query's rows in the result */
    int rows_n;
    int first_column;         /* 1 in a merged result: the caller's number leads */
    bool is_shared;           /* other queries of the same statement are given the very same rows */
    struct position position; /* of a write that asked for it: how far the server was afterwards */
};

enum query_state {
    QUERY_IDLE,   /* not with the pool */
    QUERY_QUEUED, /* waits for a connection; can be withdrawn */
    QUERY_SENT,   /* will come back */
};

/* Why a query was found stuck when it was last tried. */
enum finding { FOUND_NOTHING, FOUND_LOCKED, FOUND_SLOW };

struct query {
    /* The caller's, set before pool_submit and left alone until on_done. */
    const struct statement *statement;
    struct sql_param params[QUERY_PARAMS_MAX];
    uint64_t deadline_ns; /* uv_hrtime(); UINT64_MAX: none */
    void (*on_done)(struct query *query, const struct query_outcome *outcome);
    uint64_t submitted_ns; /* uv_hrtime() */
    bool impatient;        /* fails if it meets a lock, instead of waiting for it apart */
    struct position after; /* of a read: the least that it must see; timeline 0: nothing in particular */

    /* Of whoever chooses among several pools (standbys.h). */
    struct pool *pool; /* to which it was last submitted */
    uint64_t tried;    /* a bit for each pool to which it was submitted */
    bool is_stale;     /* answered by a standby whose lag was unknown, because no primary answered */

    /* The pool's. */
    uint64_t sent_ns; /* when it was last sent, uv_hrtime(); 0: not yet */
    TAILQ_ENTRY(query) link;
    struct query_list *in; /* the list in which it waits; NULL: none */
    struct queue *queue;   /* its lane's */
    struct batch *batch;   /* SENT: the batch that carries it */
    enum query_state state;
    enum finding found;
    bool unwanted; /* withdrawn while it was sent */
    bool alone;    /* must share neither execution nor transaction: it, or one it shared them with, failed */
    bool single;   /* a write that was merged with others, and failed: must share no execution */
    bool apart;    /* was found stuck, or is heavy: runs apart from other queries (queue.h) */
    bool is_reported;  /* its statement is known to have stuck queries because of it */
    bool is_heavy;     /* returns more rows than a merged execution may: runs apart, though it is not stuck */
    bool was_lost;     /* its connection broke, and it was sent again: that is done once */
    unsigned attempts; /* how many times it was sent */
    bool leads;        /* of the queries with its key, the only one that may be under way */
    LIST_ENTRY(query) leader;
    struct query_list followers; /* of a leader: the queries with its key, which wait until it has ended */
};

#endif
