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
    QUERY_FAILED,  /* the server said no: sqlstate and message */
    QUERY_EXPIRED, /* the deadline passed before it was sent */
    QUERY_LOST,    /* no connection, or it broke; a write may or may not have happened */
    QUERY_NO_MEMORY,
    QUERY_BEHIND, /* the server has not come as far as query->after */
};

/* Valid only while on_done runs, but for a result that result_hold() keeps. */
struct query_outcome {
    enum query_end end;
    const char *sqlstate; /* five characters, QUERY_FAILED only */
    const char
        *message; /* for the log, not for the peer; without the detail, which may hold data of the request */
    const char *constraint; /* that it would have broken; NULL: none */
    bool by_hand;           /* 57014, but neither its time was over nor did we end it: an operator has */
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

/* What kept it from being quick, when it was last tried. */
enum finding { FOUND_NOTHING, FOUND_LOCKED, FOUND_SLOW };

struct query {
    /* The caller's, set before pool_submit and left alone until on_done. */
    const struct statement *statement;
    struct sql_param params[QUERY_PARAMS_MAX];
    uint64_t deadline_ns; /* uv_hrtime(); UINT64_MAX: none */
    void (*on_done)(struct query *query, const struct query_outcome *outcome);
    uint64_t submitted_ns; /* uv_hrtime() */
    bool impatient;        /* is failed rather than wait for a lock */
    struct position after; /* of a read: the least that it must see; timeline 0: nothing in particular */

    /* Of those who choose a pool; see standbys.h. */
    struct pool *pool; /* that it was submitted to last */
    uint64_t tried;    /* those that it was submitted to: a bit each */
    bool is_stale;     /* by a standby while there was no primary to measure it by */

    /* The pool's. */
    uint64_t sent_ns; /* last; 0: it has not been */
    TAILQ_ENTRY(query) link;
    struct query_list *in; /* where it waits; NULL: nowhere */
    struct queue *queue;   /* of its lane */
    struct batch *batch;   /* SENT: what carries it */
    enum query_state state;
    enum finding found;
    bool unwanted;     /* withdrawn while it was sent */
    bool alone;        /* shares neither execution nor transaction: it, or a neighbour, failed before */
    bool apart;        /* was found waiting for a lock, or slow: runs apart from what is neither */
    bool is_told_of;   /* its kind was set apart because of it, or it was known to be stuck when it came */
    bool is_heavy;     /* has more rows than are merged with others': runs apart, but waits for no lock */
    bool was_lost;     /* with a connection, and sent again */
    unsigned attempts; /* how often it was sent */
    bool leads;        /* is the one of its key that may be under way */
    LIST_ENTRY(query) leader;
    struct query_list followers; /* of a leader: those of an equal key, which wait for it */
};

#endif
