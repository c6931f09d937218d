/* SPDX-License-Identifier: MIT
 *
 * A batch is what travels between two Syncs of one connection: executions in order, each for one query or,
 * merged, for many. This file sends them and gives each query its part of the results; it knows neither
 * sockets nor states.
 */
#ifndef DB_BATCH_H
#define DB_BATCH_H

#include <libpq-fe.h>

#include "db/query.h"

/* Executions; enough to fill a send buffer, few enough to keep the first answer near the last. */
#define BATCH_MAX 256

struct execution {
    const struct statement *statement;
    struct query_list queries;
    unsigned n;
    bool merged;
    struct result *result; /* held back until the transaction has ended */
};

struct batch {
    struct execution executions[BATCH_MAX];
    size_t n;
    size_t current;          /* whose result comes next */
    bool transaction;        /* writes: nothing is answered before the Sync */
    bool aborted;            /* an execution failed; the later ones were not done */
    struct query_list retry; /* out: to be sent again */
};

void batch_init(struct batch *batch, bool transaction);

/* Takes queries off the head of `queue` and puts them into the batch, merged where statements allow it. */
void batch_fill(struct batch *batch, struct query_list *queue, unsigned queries_max, uint64_t now_ns);

/* Queues the whole batch and its Sync on the connection, which flushes. Returns 0, or UV_ENOMEM / UV_EIO: the
 * connection is then unusable, and the queries are still the batch's. */
int batch_send(struct batch *batch, PGconn *pg);

/* The current execution's result, which the batch now owns; answers its queries unless this is a transaction.
 * Returns false when the result says that the connection is going away. */
bool batch_result(struct batch *batch, PGresult *pg_result);

/* The current execution has no more results. */
void batch_next(struct batch *batch);

/* The Sync came back: answers what was held back. Afterwards the batch is empty but for `retry`. */
void batch_synced(struct batch *batch);

/* The connection is gone: whatever has not been answered is lost, but for reads sent for the first time,
 * which go to `retry`. */
void batch_lost(struct batch *batch);

/* Answers one query without rows. */
void query_end(struct query *query, enum query_end end);

#endif
