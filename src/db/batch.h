/* SPDX-License-Identifier: MIT
 *
 * A batch is what one connection sends up to a Sync of libpq's pipeline: executions of statements in order,
 * each for one query or, merged, for many. batch.c sends them, batch_results.c gives each query its part of
 * the results. Neither knows the socket or the state of the connection.
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
    unsigned rows_max;     /* the LIMIT of a merged execution of an SQL_MANY statement */
    struct result *result; /* in a transaction: kept until it has been committed */
};

/* What a command in the pipeline does: set lock_timeout, ask for the server's position, prepare, execute. */
struct step {
    enum { STEP_PATIENCE, STEP_STATE, STEP_PREPARE, STEP_EXECUTE } what;
    unsigned execution;
};

/* Values of patience_ms, beside milliseconds. */
#define PATIENCE_OF_LANE   (-1) /* the lock_timeout that the connection has anyway */
#define PATIENCE_UNLIMITED 0

struct batch {
    struct queue *queue;
    struct execution executions[BATCH_MAX];
    size_t n;
    struct step steps[2 * BATCH_MAX + 2];
    size_t steps_n;
    size_t current;            /* the step whose result comes next */
    bool transaction;          /* writes: no query is answered before the commit */
    bool apart;                /* carries one statement whose queries were found stuck (queue.h) */
    bool is_probe;             /* carries one such query, to see whether it is stuck still */
    int patience_ms;           /* lock_timeout of its statements */
    uint64_t sent_ns;          /* uv_hrtime() */
    bool cancelled;            /* pg_cancel_backend was called for it */
    bool aborted;              /* an execution failed, so the later ones of the transaction were not done */
    bool is_its_own;           /* it is clear which query caused the error: the others need not go alone */
    bool uncertain;            /* it is not known whether it was committed */
    bool wants_new_conn;       /* out: the connection is to be replaced */
    uint32_t after;            /* the lowest timeline in the queries' `after`; 0: none has one */
    struct server_state state; /* the server's position when the batch began */
    bool tells_position;       /* writes: their answers carry the server's position after the commit */
    bool is_committed;         /* the commit has come back, and that position is asked for */
    struct position position;
    bool is_elsewhere_too;   /* what fails is not sent again here: its caller tries another server */
    uint64_t limit_ns;       /* the server's statement_timeout; 0: none */
    struct query_list retry; /* out: to be sent again */
    struct query_list stuck; /* out: to be sent again, but apart from others */
};

void batch_init(struct batch *batch, struct queue *queue, bool transaction);

/* Adds a query, merged into an execution of the same statement if that allows it. False: it does not fit. */
bool batch_add(struct batch *batch, struct query *query);

/* Gives the whole batch and its Sync to libpq; the connection flushes it. `prepared` tells which statements
 * the connection has prepared, two entries by statement's number (plain, merged); batch_result() updates it.
 * Returns 0, or UV_ENOMEM or UV_EIO: then the connection is unusable, and the batch keeps its queries. */
int batch_send(struct batch *batch, PGconn *pg, const bool *prepared);

/* Puts a statement's preparation into the pipeline. 0 or UV_EIO. */
int batch_prepare(PGconn *pg, const struct statement *statement, bool merged);

/* Takes over the current step's result. Outside a transaction it answers the step's queries at once. Returns
 * false if the result says that the server is closing the connection. */
bool batch_result(struct batch *batch, PGresult *pg_result, bool *prepared);

/* The current step has no more results. */
void batch_next(struct batch *batch);

/* Whether all results of a transaction have come, so that the server is committing it now. */
bool batch_is_committing(const struct batch *batch);

/* The number of its queries. */
unsigned batch_size(const struct batch *batch);

/* Whether the callers of all its queries have withdrawn them. */
bool batch_is_unwanted(const struct batch *batch);

/* Whether queries of it wait for the execution that runs now. */
bool batch_has_company(const struct batch *batch);

/* A Sync has come back. False: another one is to come. True: all queries are answered, but for those in
 * `retry` and `stuck`. */
bool batch_synced(struct batch *batch);

/* The connection broke: queries without an answer end with QUERY_LOST, except for reads that were sent for
 * the first time, which go to `retry`. */
void batch_lost(struct batch *batch);

/* For the files of a batch only: the index in `prepared` of an execution's statement. */
size_t batch_place_of(const struct execution *execution);

#endif
