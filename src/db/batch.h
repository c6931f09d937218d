/* SPDX-License-Identifier: MIT
 *
 * A batch is what travels between two Syncs of one connection: executions in order, each for one query or,
 * merged, for many. This file sends them and gives each query its part of the results; it knows neither
 * sockets nor states.
 */
#ifndef DB_BATCH_H
#define DB_BATCH_H

#include <libpq-fe.h>

#include "db/queue.h"

struct execution {
    const struct statement *statement;
    struct query_list queries;
    unsigned n;
    bool merged;
    unsigned rows_max;     /* of a merged one of SQL_MANY: its rows end here */
    struct result *result; /* held back until the transaction has ended */
};

/* What one command of the pipeline is for. */
struct step {
    enum { STEP_PATIENCE, STEP_STATE, STEP_PREPARE, STEP_EXECUTE } what;
    unsigned execution;
};

#define PATIENCE_OF_LANE   (-1) /* the connection's own */
#define PATIENCE_UNLIMITED 0

struct batch {
    struct queue *queue;
    struct execution executions[BATCH_MAX];
    size_t n;
    struct step steps[2 * BATCH_MAX + 2];
    size_t steps_n;
    size_t current;            /* the step whose result comes next */
    bool transaction;          /* writes: nothing is answered before the Sync */
    bool apart;                /* of one query, or merged, that was found waiting or slow before */
    bool is_probe;             /* of one that may be as stuck as others of its statement were found */
    int patience_ms;           /* waits so long for a lock */
    uint64_t sent_ns;          /* uv_hrtime() */
    bool cancelled;            /* we have asked the server to end it */
    bool aborted;              /* an execution failed; the later ones were not done */
    bool is_its_own;           /* the error: what shared the transaction need not be told apart */
    bool uncertain;            /* the commit's fate is not known */
    bool wants_new_conn;       /* out: the connection is of no use any more */
    uint32_t after;            /* the lowest timeline that a query's `after` names; 0: none does */
    struct server_state state; /* how far the server was when these began */
    bool tells_position;       /* writes: their answers say how far the server was after the commit */
    bool is_committed;         /* that is under way */
    struct position position;
    bool is_elsewhere_too;   /* whatever fails is not tried again here */
    uint64_t limit_ns;       /* the server's own time limit of a statement; 0: none */
    struct query_list retry; /* out: to be sent again */
    struct query_list stuck; /* out: to be sent again, apart from others */
};

void batch_init(struct batch *batch, struct queue *queue, bool transaction);

/* Adds a query, merged with others where statements allow it. False: it does not fit. */
bool batch_add(struct batch *batch, struct query *query);

/* Queues the whole batch and its Sync on the connection, which flushes. `prepared` tells by statement's
 * number, twice (plain, merged), which statements the connection has, and is kept up to date. Returns 0, or
 * UV_ENOMEM / UV_EIO: the connection is then unusable, and the queries are still the batch's. */
int batch_send(struct batch *batch, PGconn *pg, const bool *prepared);

/* Puts a statement's preparation into the pipeline. 0 or UV_EIO. */
int batch_prepare(PGconn *pg, const struct statement *statement, bool merged);

/* The current step's result, which the batch now owns; answers its queries unless this is a transaction.
 * Returns false when the result says that the connection is going away. */
bool batch_result(struct batch *batch, PGresult *pg_result, bool *prepared);

/* The current step has no more results. */
void batch_next(struct batch *batch);

/* Every result was there, and what the server does now is to commit. */
bool batch_is_committing(const struct batch *batch);

/* Queries that it was sent with. */
unsigned batch_size(const struct batch *batch);

/* Nobody waits for any of it. */
bool batch_is_unwanted(const struct batch *batch);

/* Others share it, who might be done if it were not for the one that is under way. */
bool batch_has_company(const struct batch *batch);

/* A Sync came back. False: another is to come. Else answers what was held back, and the batch is empty but
 * for `retry` and `stuck`. */
bool batch_synced(struct batch *batch);

/* The connection is gone: whatever has not been answered is lost, but for reads sent for the first time,
 * which go to `retry`. */
void batch_lost(struct batch *batch);

/* For the files of a batch only: where `prepared` tells of an execution's statement. */
size_t batch_place_of(const struct execution *execution);

#endif
